//! Checks of an SRS from outside.
//!
//! [`curve`](crate::curve) checks, while decoding, that every point is in its group. This module checks that the points
//! are the right ones. It uses a random linear combination of all of them, with 128-bit coefficients `r_i` that are
//! drawn after the file was chosen.
//!
//! **Powers.** `g[0] = G`, `g2 = H`, and `e(sum r_i g[i], s_g2) = e(sum r_i g[i+1], g2)` over `0 <= i < n - 1`.
//!
//! Let `s_g2 = [tau] H`, and `D_i = [tau] g[i] - g[i+1]`. By bilinearity, the equation is `sum r_i D_i = 0`. If some
//! `D_i` isn't zero, then, given the other coefficients, at most one `r_i` modulo the group's prime order satisfies it.
//! So it holds with probability at most `2^-128`. If all `D_i` are zero, `g[i] = [tau^i] G` by induction.
//!
//! **Lagrange form.** Let `p` be the polynomial with the coefficients `r_0 .. r_(n-1)`, and `w` the domain's
//! generator. The equation is `sum_i p(w^i) g_lagrange[i] = sum_j r_j g[j]`.
//!
//! With `p(w^i) = sum_j r_j w^(ij)`, it is `sum_j r_j E_j = 0` for `E_j = sum_i [w^(ij)] g_lagrange[i] - g[j]`. As
//! above, all `E_j` are zero except with probability `2^-128`. Then `g` is the discrete Fourier transform of
//! `g_lagrange`. The transform is invertible, so `g_lagrange[i] = [1/n sum_j w^(-ij) tau^j] G = [L_i(tau)] G`.
//!
//! Both checks use the same coefficients. So false points pass with probability at most `2^-127`.

use halo2curves::{
    bn256::{Bn256, Fr, G1, G1Affine, G2, G2Affine, G2Prepared},
    ff::PrimeField,
    fft::best_fft,
    group::{Curve, Group, prime::PrimeCurveAffine},
    msm::msm_best,
    pairing::{MillerLoopResult, MultiMillerLoop},
};
use rand::Rng;
use rayon::prelude::*;

use crate::{
    curve::root_of_unity,
    error::{Defect, Part},
};

/// Descriptions of the checks, for the record of an installation.
pub(crate) const CHECKS: [&str; 5] = [
    "every point is canonical, on the curve, in the subgroup of prime order and not the identity",
    "g[0] and g2 are the generators",
    "g holds consecutive powers of the secret in s_g2 (pairing of a random linear combination)",
    "g_lagrange is the Lagrange form of g (random linear combination)",
    "the installed file has the digest of what was checked",
];

/// One past the largest secret that is tried. The negatives are tried too.
const SMALL_SECRETS: u32 = 1 << 16;

/// Refuses a secret that everybody can find: a small one, or the negative of one. Passing says little about who knows
/// the secret; see [`Origin`](crate::Origin).
pub(crate) fn refuse_small_secret(s_g2: &G2Affine) -> Result<(), Defect> {
    let (secret, generator) = (s_g2.to_curve(), G2Affine::generator());
    let mut multiple = G2::identity();
    for candidate in 0..SMALL_SECRETS {
        if multiple == secret || -multiple == secret {
            return Err(Defect::SmallSecret(candidate));
        }
        multiple += generator;
    }
    Ok(())
}

/// Check of the powers, which are fed in pieces.
pub(crate) struct PowersCheck {
    k: u32,
    s_g2: G2Affine,
    /// `r_0 .. r_(n-1)`.
    coefficients: Vec<u128>,
    /// `sum r_i g[i]` over the points that were fed.
    sum: G1,
    /// `sum r_(i-1) g[i]` over the points that were fed.
    shifted: G1,
    /// The last point that was fed.
    last: G1Affine,
}

impl PowersCheck {
    /// Begins the check of the `2^k` powers of the secret in `s_g2`, and draws the coefficients.
    pub(crate) fn new(k: u32, g2: &G2Affine, s_g2: &G2Affine) -> Result<Self, Defect> {
        if *g2 != G2Affine::generator() {
            return Err(Defect::Generator(Part::G2));
        }
        let mut rng = rand::rng();
        let coefficients = (0..1_usize << k).map(|_| rng.random()).collect();
        let (sum, shifted, last) = (G1::identity(), G1::identity(), G1Affine::identity());
        Ok(Self { k, s_g2: *s_g2, coefficients, sum, shifted, last })
    }

    /// Feeds the points `g[start]`, `g[start + 1]`, …
    pub(crate) fn points(&mut self, start: usize, points: &[G1Affine]) -> Result<(), Defect> {
        if start == 0 && points.first() != Some(&G1Affine::generator()) {
            return Err(Defect::Generator(Part::G(0)));
        }
        let end = start + points.len();
        self.sum += combine(&self.coefficients[start..end], points);
        // g[0] has no predecessor.
        let skipped = usize::from(start == 0);
        self.shifted += combine(&self.coefficients[start + skipped - 1..end - 1], &points[skipped..]);
        self.last = *points.last().unwrap_or(&self.last);
        Ok(())
    }

    /// Ends the check, after all points were fed. Begins the one of the Lagrange form.
    pub(crate) fn finish(self) -> Result<LagrangeCheck, Defect> {
        let last = *self.coefficients.last().expect("there are 2^k coefficients");
        let without_last = (self.sum - self.last * Fr::from_u128(last)).to_affine();
        let shifted = -self.shifted.to_affine();
        let terms = [
            (&without_last, &G2Prepared::from(self.s_g2)),
            (&shifted, &G2Prepared::from(G2Affine::generator())),
        ];
        let ratio = Bn256::multi_miller_loop(&terms).final_exponentiation();
        if !bool::from(ratio.is_identity()) {
            return Err(Defect::Powers);
        }
        let mut evaluations: Vec<Fr> =
            self.coefficients.par_iter().map(|coefficient| Fr::from_u128(*coefficient)).collect();
        best_fft(&mut evaluations, root_of_unity(self.k), self.k);
        Ok(LagrangeCheck { evaluations, expected: self.sum, sum: G1::identity() })
    }
}

/// Check of the Lagrange form, which is fed in pieces, against powers that were checked.
pub(crate) struct LagrangeCheck {
    /// `p(w^i)` for `i < n`.
    evaluations: Vec<Fr>,
    /// `sum_j r_j g[j]`.
    expected: G1,
    /// `sum_i p(w^i) g_lagrange[i]` over the points that were fed.
    sum: G1,
}

impl LagrangeCheck {
    /// Feeds the points `g_lagrange[start]`, `g_lagrange[start + 1]`, …
    pub(crate) fn points(&mut self, start: usize, points: &[G1Affine]) {
        self.sum += msm_best(&self.evaluations[start..start + points.len()], points);
    }

    /// Ends the check, after all points were fed.
    pub(crate) fn finish(self) -> Result<(), Defect> {
        if self.sum == self.expected { Ok(()) } else { Err(Defect::Lagrange) }
    }
}

/// `sum coefficients[i] points[i]`.
fn combine(coefficients: &[u128], points: &[G1Affine]) -> G1 {
    let scalars: Vec<Fr> = coefficients.par_iter().map(|coefficient| Fr::from_u128(*coefficient)).collect();
    msm_best(&scalars, points)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::Origin;

    #[test]
    fn secrets_that_everybody_can_find_are_refused() {
        let point = |secret: Fr| (G2Affine::generator() * secret).to_affine();
        for secret in [0, 1, 2, 3, 100, 65535] {
            for point in [point(Fr::from(secret)), point(-Fr::from(secret))] {
                assert_eq!(refuse_small_secret(&point), Err(Defect::SmallSecret(secret as u32)));
                assert_eq!(Origin::of(&point), Origin::Unknown);
            }
        }
        for secret in [65536, u64::MAX] {
            assert_eq!(refuse_small_secret(&point(Fr::from(secret))), Ok(()));
        }
    }
}
