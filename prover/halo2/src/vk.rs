//! Verifying keys, without the transform tables that halo2 makes for them.

use halo2_proofs::{
    SerdeCurveAffine, SerdeFormat,
    plonk::{Circuit, ConstraintSystem, VerifyingKey, permutation},
};
use halo2curves::{
    bn256::{Fr, G1Affine},
    ff::PrimeField,
};
use zeno_srs::layout::G1_BYTES;
use zeno_verifier::evaluation_domain;

/// Configures a circuit.
pub(crate) fn configure<C: Circuit<Fr>>(params: C::Params) -> (ConstraintSystem<Fr>, C::Config) {
    let mut cs = ConstraintSystem::default();
    let config = C::configure_with_params(&mut cs, params);
    (cs, config)
}

/// Reads a key that `VerifyingKey::to_bytes` wrote in the format `RawBytes`, for a constraint system that still has its
/// selectors. Returns `None` for anything else.
pub(crate) fn read(mut bytes: &[u8], cs: ConstraintSystem<Fr>) -> Option<VerifyingKey<G1Affine>> {
    const VERSION: u8 = 2;
    let mut take = |count: usize| bytes.split_off(..count);
    let number = |bytes: &[u8]| Some(u32::from_le_bytes(bytes.try_into().ok()?));
    if take(1)? != [VERSION] {
        return None;
    }
    let k = number(take(4)?)?;
    let compress = match take(1)? {
        [0] => false,
        [1] => true,
        _ => return None,
    };
    let fixed = number(take(4)?)? as usize;
    let degree = cs.degree();
    // Cosets and rows are counted in 32 bits below, and the field has no larger subgroup.
    if k + (degree - 1).next_power_of_two().ilog2() > Fr::S
        || fixed > cs.num_fixed_columns() + cs.num_selectors()
    {
        return None;
    }
    let mut points = |count: usize| -> Option<Vec<G1Affine>> {
        (0..count)
            .map(|_| {
                let mut point = take(G1_BYTES)?;
                <G1Affine as SerdeCurveAffine>::read(&mut point, SerdeFormat::RawBytes).ok()
            })
            .collect()
    };
    let fixed_commitments = points(fixed)?;
    let permutation =
        permutation::VerifyingKey::from_commitments(points(cs.permutation().get_columns().len())?);
    let (cs, selectors) = if compress {
        let selectors: Vec<Vec<bool>> = (0..cs.num_selectors())
            .map(|_| {
                let bytes = take((1usize << k).div_ceil(8))?;
                Some((0..1 << k).map(|row| bytes[row / 8] >> (row % 8) & 1 == 1).collect())
            })
            .collect::<Option<_>>()?;
        (cs.compress_selectors(selectors.clone()).0, selectors)
    } else {
        let selectors = vec![Vec::new(); cs.num_selectors()];
        (cs.directly_convert_selectors_to_fixed(selectors).0, Vec::new())
    };
    if !bytes.is_empty() || fixed != cs.num_fixed_columns() {
        return None;
    }
    let domain = evaluation_domain(degree, k);
    Some(VerifyingKey::from_parts(domain, fixed_commitments, permutation, cs, selectors, compress))
}
