//! The permutation argument's grand products.

use halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField},
};
use rand_core::RngCore;
use rayon::prelude::*;

use crate::{
    Error, ProvingKey,
    columns::{self, Columns},
    copies,
    fft::Fft,
    products,
};

/// Columns in a set: their factors, z and the selector of usable rows fill the constraint system's degree.
pub(crate) fn set_size(key: &ProvingKey) -> usize {
    key.verifying_key().cs().degree() - 2
}

/// Grand product of the columns of one set, from `first`: over the rows before, and the sets before,
/// v + delta^i w^j beta + gamma over v + sigma beta + gamma. The values, and that on the last usable row, from which
/// the next set goes on.
pub(crate) fn product(
    key: &ProvingKey,
    fft: &Fft,
    columns: &mut Columns<'_>,
    set: usize,
    first: Fr,
    [beta, gamma]: [Fr; 2],
    rng: &mut dyn RngCore,
) -> Result<(Vec<Fr>, Fr), Error> {
    let cs = key.verifying_key().cs();
    let size = set_size(key);
    let permuted = cs.permutation().get_columns();
    let indices = (set * size..permuted.len()).take(size);
    let polys: Vec<_> = permuted.iter().map(columns::poly).skip(set * size).take(size).collect();
    columns.hold(&polys)?;
    let mut z = vec![Fr::ONE; fft.len()];
    for (index, poly) in indices.clone().zip(&polys) {
        let sigma = copies::sigma(fft, &key.permutation(index)?);
        z.par_iter_mut()
            .zip(columns.get(*poly))
            .zip(sigma)
            .for_each(|((z, value), sigma)| *z *= beta * sigma + gamma + value);
    }
    products::invert(&mut z);
    for (index, poly) in indices.zip(&polys) {
        let factor = beta * Fr::DELTA.pow_vartime([index as u64]);
        z.par_iter_mut()
            .zip(columns.get(*poly))
            .enumerate()
            .for_each(|(row, (z, value))| *z *= fft.root_power(row) * factor + gamma + value);
    }
    products::running_products(&mut z, first);
    let start = fft.len() - cs.blinding_factors();
    z[start..].iter_mut().for_each(|z| *z = Fr::random(&mut *rng));
    let last = z[start - 1];
    Ok((z, last))
}
