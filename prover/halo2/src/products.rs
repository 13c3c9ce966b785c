//! Running products and batches of inverses, on all cores.

use halo2curves::{
    bn256::Fr,
    ff::{BatchInvert, Field},
};
use rayon::prelude::*;
use zeno_bn254::{LANES, Lanes, Task, Work, with_best_lanes};

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
            let (quads, rest) = values.as_chunks_mut();
            L::enable(InvertChunk::<L> { quads, before });
            rest.iter_mut().batch_invert();
        });
    }
}

/// Montgomery's trick, in each lane for itself.
struct InvertChunk<'a, L> {
    quads: &'a mut [[Fr; LANES]],
    /// Products of the elements before each.
    before: &'a mut Vec<L>,
}

/// The elements with 1 for 0.
#[inline(always)]
fn without_zeros(mut quad: [Fr; LANES]) -> [Fr; LANES] {
    for element in &mut quad {
        if *element == Fr::ZERO {
            *element = Fr::ONE;
        }
    }
    quad
}

impl<L: Lanes> Task for InvertChunk<'_, L> {
    #[inline(always)]
    fn run(self) {
        // Products of a loaded factor with such a product stay below 1.3 times the modulus.
        let mut product = L::factors(&[Fr::ONE; LANES]);
        self.before.clear();
        for quad in &*self.quads {
            self.before.push(product);
            product = L::load_factors(&without_zeros(*quad)).mul(product);
        }
        let mut inverse = product.to_elements().store();
        inverse.iter_mut().batch_invert();
        let mut inverse = L::factors(&inverse);
        for (quad, before) in self.quads.iter_mut().zip(&*self.before).rev() {
            let elements = L::load_factors(&without_zeros(*quad));
            let inverses = inverse.mul(*before).to_elements().store();
            inverse = elements.mul(inverse);
            for (element, inverse) in quad.iter_mut().zip(inverses) {
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
