//! Key generation.
//!
//! Peak memory, in polynomials of n field elements: the fixed columns, which synthesis fills in any order, one more
//! with the transform's scratch, and a quarter of one for each column under copy constraints while the cycles are
//! joined. Everything else is written to the key file as it is made.

use std::path::Path;

use halo2_proofs::plonk::{Circuit, VerifyingKey, permutation};
use halo2curves::{
    bn256::{Fr, G1Affine},
    ff::PrimeField,
};
use tracing::info;
use zeno_verifier::{AtomicWriteFile, evaluation_domain, open_replacement};

use crate::{
    column_builder::ColumnBuilder,
    copy_constraints::{self, CopyConstraints},
    error::{Error, KeyFault},
    fft::Fft,
    key::{ProvingKey, Writer},
    msm,
    srs::SrsPoints,
    synthesis::{self, Layout},
    vk,
};

/// Makes a circuit's proving key and writes it to a file, whole or not at all.
///
/// The verifying key equals the one that halo2's `keygen_vk_custom(params, circuit, compress_selectors)` makes from the
/// same reference string (`keygen_vk` doesn't compress).
///
/// # Errors
/// Fails when this prover doesn't support the circuit, its synthesis fails, the reference string is of another size or
/// can't be read, or the file can't be written.
pub fn keygen<C: Circuit<Fr>>(
    srs: &dyn SrsPoints,
    circuit: &C,
    compress_selectors: bool,
    path: impl AsRef<Path>,
) -> Result<ProvingKey, Error> {
    let path = path.as_ref();
    let fail = |source| Error::Key { path: path.to_owned(), reason: KeyFault::Io(source) };
    let k = srs.k();
    let (cs, config) = vk::configure::<C>(circuit.params());
    synthesis::check_supported(&cs, k)?;
    let extended_k = k + (cs.degree() as u32 - 1).next_power_of_two().ilog2();
    if extended_k > Fr::S {
        return Err(Error::Unsupported(format!("would need evaluation domains of 2^{extended_k} points")));
    }
    let domain = evaluation_domain(cs.degree(), k);
    let Layout { fixed, mut selectors, copies, .. } = synthesis::layout(circuit, config, &cs, k)?;
    info!(k, fixed = fixed.len(), selectors = selectors.len(), "circuit synthesised");

    // Selectors become fixed columns, after the others.
    let (cs, combined) = if compress_selectors {
        cs.compress_selectors(selectors.clone())
    } else {
        // The selectors have no rows here, so that the columns' values aren't all made at once.
        let (cs, _) = cs.directly_convert_selectors_to_fixed(vec![Vec::new(); selectors.len()]);
        (cs, Vec::new())
    };
    let activations = if compress_selectors { Vec::new() } else { std::mem::take(&mut selectors) };
    let columns = fixed.into_iter().map(ColumnBuilder::finish).chain(combined).chain(
        activations.into_iter().map(|rows| rows.into_iter().map(|on| Fr::from(u64::from(on))).collect()),
    );

    let fft = Fft::new(k);
    let mut writer = Writer::new(open_replacement(path).map_err(fail)?);
    let mut fixed_commitments = Vec::new();
    for mut column in columns {
        fixed_commitments.push(msm::commit_lagrange(srs, &column)?);
        writer.field(&column).map_err(fail)?;
        fft.to_coefficients(&mut column);
        writer.field(&column).map_err(fail)?;
    }
    info!(columns = fixed_commitments.len(), "fixed columns committed");
    let commitments = write_permutation(srs, copies, &fft, &mut writer, fail)?;
    info!(columns = commitments.len(), "permutation committed");
    let permutation = permutation::VerifyingKey::from_commitments(commitments);
    let vk =
        VerifyingKey::from_parts(domain, fixed_commitments, permutation, cs, selectors, compress_selectors);
    writer.finish(&vk).and_then(AtomicWriteFile::commit).map_err(fail)?;
    ProvingKey::open::<C>(path, circuit.params())
}

/// Writes the permutation and its polynomials, and returns the commitments to the latter.
fn write_permutation(
    srs: &dyn SrsPoints,
    copies: CopyConstraints,
    fft: &Fft,
    writer: &mut Writer<AtomicWriteFile>,
    fail: impl Fn(std::io::Error) -> Error + Copy,
) -> Result<Vec<G1Affine>, Error> {
    let permutation = copies.finish();
    permutation
        .chunks(fft.len())
        .map(|next| {
            let mut sigma = copy_constraints::sigma(fft, next);
            let commitment = msm::commit_lagrange(srs, &sigma)?;
            fft.to_coefficients(&mut sigma);
            writer.field(&sigma).map_err(fail)?;
            writer.cells(next).map_err(fail)?;
            Ok(commitment)
        })
        .collect()
}
