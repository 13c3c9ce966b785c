//! Inverses of many elements with one inversion for each chunk (Montgomery's trick), on all cores.

use halo2curves::{
    bn256::Fr,
    ff::{BatchInvert, Field},
};
use rayon::prelude::*;
use zeno_bn254::{KernelDispatch, KernelTask, Lanes, MAX_LANES, with_best_kernel};

/// Elements of a task. An inversion costs the same as some hundred products, and a chunk with its products fits the
/// cache.
const CHUNK: usize = 1 << 12;

/// Replaces every element by its inverse. 0 stays 0.
pub(crate) fn invert(values: &mut [Fr]) {
    with_best_kernel(Invert(values));
}

struct Invert<'a>(&'a mut [Fr]);

impl KernelDispatch for Invert<'_> {
    type Output = ();

    fn with<L: Lanes>(self) {
        self.0.par_chunks_mut(CHUNK).for_each_init(Vec::new, |before, values| {
            let (groups, rest) = values.split_at_mut(values.len() - values.len() % L::LANES);
            L::enable(InvertChunk::<L> { values: groups, before });
            rest.iter_mut().batch_invert();
        });
    }
}

/// Task that inverts a chunk by Montgomery's trick, in each lane separately.
struct InvertChunk<'a, L> {
    /// Elements whose number is a multiple of the lanes.
    values: &'a mut [Fr],
    /// Product of the vectors before each vector.
    before: &'a mut Vec<L>,
}

/// Loads elements as factors, with 1 for 0.
#[inline(always)]
fn load_without_zeros<L: Lanes>(elements: &[Fr]) -> L {
    let mut copy = [Fr::ONE; MAX_LANES];
    for (copy, element) in copy.iter_mut().zip(elements) {
        if *element != Fr::ZERO {
            *copy = *element;
        }
    }
    L::load_factors(&copy)
}

impl<L: Lanes> KernelTask for InvertChunk<'_, L> {
    #[inline(always)]
    fn run(self) {
        // The product of a loaded factor and such a product stays below 1.3 times the modulus.
        let mut product = L::splat(&L::factor(Fr::ONE));
        self.before.clear();
        for elements in self.values.chunks_exact(L::LANES) {
            self.before.push(product);
            product = load_without_zeros::<L>(elements).mul(product);
        }
        let mut inverse = [Fr::ONE; MAX_LANES];
        product.to_elements().store(&mut inverse);
        inverse[..L::LANES].iter_mut().batch_invert();
        let mut inverse = L::factors(&inverse);
        let mut inverses = [Fr::ZERO; MAX_LANES];
        for (elements, before) in self.values.chunks_exact_mut(L::LANES).zip(&*self.before).rev() {
            let factors = load_without_zeros::<L>(elements);
            inverse.mul(*before).to_elements().store(&mut inverses);
            inverse = factors.mul(inverse);
            for (element, inverse) in elements.iter_mut().zip(inverses) {
                if *element != Fr::ZERO {
                    *element = inverse;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;
    use zeno_bn254::Portable;

    #[test]
    fn inverses_are_those_of_single_elements() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let mut values: Vec<Fr> = (0..2 * CHUNK + 5).map(|_| Fr::random(&mut rng)).collect();
        for zero in [0, 7, CHUNK - 1, 2 * CHUNK + 1, 2 * CHUNK + 4] {
            values[zero] = Fr::ZERO;
        }
        let mut inverses = values.clone();
        invert(&mut inverses);
        for (value, inverse) in values.iter().zip(&inverses) {
            assert_eq!(*inverse, value.invert().unwrap_or(Fr::ZERO));
        }
        let mut portable = values;
        Invert(&mut portable).with::<Portable>();
        assert_eq!(portable, inverses);
    }
}
