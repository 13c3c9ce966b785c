//! Running products of the grand products' factors, on all cores.

use halo2curves::bn256::Fr;
use rayon::prelude::*;

/// Elements of a task.
const CHUNK: usize = 1 << 12;

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
    use halo2curves::ff::Field;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    #[test]
    fn products_are_those_one_by_one() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let values: Vec<Fr> = (0..2 * CHUNK + 5).map(|_| Fr::random(&mut rng)).collect();
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
