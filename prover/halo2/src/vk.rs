//! Verifying keys, without the transform tables that halo2 makes for them.

use std::collections::HashMap;

use halo2_proofs::{
    SerdeCurveAffine, SerdeFormat,
    plonk::{Circuit, ConstraintSystem, VerifyingKey, permutation},
    poly::EvaluationDomain,
};
use halo2curves::{
    bn256::{Fr, G1Affine},
    ff::{Field, PrimeField, WithSmallOrderMulGroup},
};
use zeno_srs::layout::G1_BYTES;

/// Evaluation domain of a constraint system of this degree over 2^k rows.
///
/// It equals that of `EvaluationDomain::new`, except that `fft_data` is empty. The tables would take 14 n elements for
/// degree 4 (3.7 GB for k = 23), and neither verification nor this prover reads them. Halo2's own prover and transforms
/// panic on this domain.
///
/// # Panics
/// When the extended domain, of (degree - 1) n points or more, would have more than 2^28 points.
pub(crate) fn evaluation_domain(degree: usize, k: u32) -> EvaluationDomain<Fr> {
    let quotient_poly_degree = degree as u64 - 1;
    let extended_k = k + quotient_poly_degree.next_power_of_two().ilog2();
    assert!(extended_k <= Fr::S, "the field's largest subgroup has 2^{} elements", Fr::S);
    let root = |k: u32| (k..Fr::S).fold(Fr::ROOT_OF_UNITY, |root, _| root.square());
    let inverse = |value: Fr| value.invert().expect("not zero");
    let n = 1u64 << k;
    let (omega, extended_omega) = (root(k), root(extended_k));
    let step = extended_omega.pow_vartime([n]);
    let first = Fr::ZETA.pow_vartime([n]);
    let t_evaluations = std::iter::successors(Some(first), |power| Some(*power * step))
        .take(1 << (extended_k - k))
        .map(|power| inverse(power - Fr::ONE))
        .collect();
    EvaluationDomain {
        n,
        k,
        extended_k,
        omega,
        omega_inv: inverse(omega),
        extended_omega,
        extended_omega_inv: inverse(extended_omega),
        g_coset: Fr::ZETA,
        g_coset_inv: Fr::ZETA.square(),
        quotient_poly_degree,
        ifft_divisor: inverse(Fr::from(n)),
        extended_ifft_divisor: inverse(Fr::from(1 << extended_k)),
        t_evaluations,
        barycentric_weight: inverse(Fr::from(n)),
        fft_data: HashMap::new(),
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_is_halo2s_but_for_the_tables() {
        for degree in 3..=9 {
            for k in [3, 6] {
                let mut reference = EvaluationDomain::<Fr>::new(degree as u32, k);
                reference.fft_data = HashMap::new();
                assert_eq!(format!("{:?}", evaluation_domain(degree, k)), format!("{reference:?}"));
            }
        }
    }
}
