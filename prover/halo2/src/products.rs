//! Running products and batches of inverses, on all cores.

use halo2curves::{
    bn256::Fr,
    ff::{BatchInvert, Field},
};
use rayon::prelude::*;
use zeno_bn254::{Lanes, MAX_LANES, Task, Work, with_best_lanes};

/// Elements of a task: an inversion costs as much as some hundred products, and what lies between fits the cache.
const CHUNK: usize = 1 << 12;

/// Replaces every element by its inverse; 0 stays 0.
pub(crate) fn invert(values: &mut [Fr]) {
    with_best_lanes(Invert(values));
}

struct Invert<'a>(&'a mut [Fr]);

impl Work for Invert<'_> {
    type Output = ();

    fn with<L: Lanes>(self) {
        self.0.par_chunks_mut(CHUNK).for_each_init(Vec::new, |before, values| {
            let (groups, rest) = values.split_at_mut(values.len() - values.len() % L::LANES);
            L::enable(InvertChunk::<L> { values: groups, before });
            rest.iter_mut().batch_invert();
        });
    }
}

/// Montgomery's trick, in each lane for itself.
struct InvertChunk<'a, L> {
    /// As many as fill the lanes some times.
    values: &'a mut [Fr],
    /// Products of the elements before each.
    before: &'a mut Vec<L>,
}

/// The elements as factors, 1 for 0.
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

impl<L: Lanes> Task for InvertChunk<'_, L> {
    #[inline(always)]
    fn run(self) {
        // Products of a loaded factor with such a product stay below 1.3 times the modulus.
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

/// Replaces element i by `start` times the product of the elements before it.
pub(crate) fn running_products(values: &mut [Fr], start: Fr) {
    let mut totals: Vec<Fr> = values.par_chunks(CHUNK).map(|values| values.iter().product()).collect();
    let mut product = start;
    totals.iter_mut().for_each(|total| {
        let next = product * *total;
        *total = std::mem::replace(&mut product, next);
    });
    values.par_chunks_mut(CHUNK).zip(totals).for_each(|(values, mut product)| {
        values.iter_mut().for_each(|value| {
            let next = product * *value;
            *value = std::mem::replace(&mut product, next);
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;
    use zeno_bn254::Portable;

    #[test]
    fn as_one_by_one() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let mut values: Vec<Fr> = (0..2 * CHUNK + 5).map(|_| Fr::random(&mut rng)).collect();
        let zeros = [0, 7, CHUNK - 1, 2 * CHUNK + 1, 2 * CHUNK + 4];
        zeros.iter().for_each(|zero| values[*zero] = Fr::ZERO);
        let mut inverses = values.clone();
        invert(&mut inverses);
        for (value, inverse) in values.iter().zip(&inverses) {
            assert_eq!(*inverse, value.invert().unwrap_or(Fr::ZERO));
        }
        let mut portable = values.clone();
        Invert(&mut portable).with::<Portable>();
        assert_eq!(portable, inverses);
        zeros.iter().for_each(|zero| values[*zero] = Fr::ONE);
        let start = Fr::random(&mut rng);
        let mut products = values.clone();
        running_products(&mut products, start);
        let mut expected = start;
        for (value, product) in values.iter().zip(&products) {
            assert_eq!(*product, expected);
            expected *= value;
        }
    }
}
