//! Evaluation domains of constraint systems, for verifying keys.

use std::collections::HashMap;

use halo2_proofs::poly::EvaluationDomain;
use halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField, WithSmallOrderMulGroup},
};

/// Evaluation domain of a constraint system of this degree over 2^k rows.
///
/// It equals that of `EvaluationDomain::new`, except that `fft_data` is empty. The tables would take 14 n elements for
/// degree 4 (3.7 GB for k = 23), and neither verification nor this project's prover reads them. Halo2's own prover and
/// transforms panic on this domain.
///
/// # Panics
/// When the extended domain, of (degree - 1) n points or more, would have more than 2^28 points.
pub fn evaluation_domain(degree: usize, k: u32) -> EvaluationDomain<Fr> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_is_halo2s_without_the_tables() {
        for degree in 3..=9 {
            for k in [3, 6] {
                let mut reference = EvaluationDomain::<Fr>::new(degree as u32, k);
                reference.fft_data = HashMap::new();
                assert_eq!(format!("{:?}", evaluation_domain(degree, k)), format!("{reference:?}"));
            }
        }
    }
}
