//! Poseidon2's permutation (<https://eprint.iacr.org/2023/323>) over BabyBear, of width 16.
//!
//! The internal rounds are p3's, the external ones ours. Those of p3 0.4.3 make a function call of each sum in their
//! linear layer, and keep the state in memory between the calls. With AVX-512, that doubles their time.

use openvm_stark_backend::p3_symmetric::{CryptographicPermutation, Permutation};
use p3_baby_bear::{
    BABYBEAR_RC16_EXTERNAL_FINAL, BABYBEAR_RC16_EXTERNAL_INITIAL, BABYBEAR_RC16_INTERNAL,
    Poseidon2InternalLayerBabyBear,
};
use p3_field::{Algebra, InjectiveMonomial};
use p3_poseidon2::{InternalLayer, InternalLayerConstructor};

use crate::field::F;

/// Elements of a state.
pub(crate) const WIDTH: usize = 16;
/// Exponent of the S-box.
const DEGREE: u64 = 7;

/// Permutation with p3's round constants, of elements or of vectors of them.
#[derive(Clone, Debug)]
pub(crate) struct Poseidon2Permutation {
    internal: Poseidon2InternalLayerBabyBear<WIDTH>,
}

impl Default for Poseidon2Permutation {
    fn default() -> Self {
        Self { internal: InternalLayerConstructor::new_from_constants(BABYBEAR_RC16_INTERNAL.to_vec()) }
    }
}

impl<T> Permutation<[T; WIDTH]> for Poseidon2Permutation
where
    T: SBox,
    Poseidon2InternalLayerBabyBear<WIDTH>: InternalLayer<T, WIDTH, DEGREE>,
{
    fn permute_mut(&self, state: &mut [T; WIDTH]) {
        mix(state);
        for constants in &BABYBEAR_RC16_EXTERNAL_INITIAL {
            round(state, constants);
        }
        self.internal.permute_state(state);
        for constants in &BABYBEAR_RC16_EXTERNAL_FINAL {
            round(state, constants);
        }
    }
}

impl<T: Clone> CryptographicPermutation<[T; WIDTH]> for Poseidon2Permutation where
    Self: Permutation<[T; WIDTH]>
{
}

/// Element, or vector of elements, with the S-box of the external rounds.
trait SBox: Algebra<F> + InjectiveMonomial<DEGREE> + Copy {
    /// Replaces each value by (value + constant)^7.
    #[inline(always)]
    fn sboxes(state: &mut [Self; WIDTH], constants: &[F; WIDTH]) {
        for (value, &constant) in state.iter_mut().zip(constants) {
            *value = (*value + constant).injective_exp_n();
        }
    }
}

impl SBox for F {}

#[cfg(all(target_arch = "x86_64", target_feature = "avx512f"))]
impl SBox for p3_baby_bear::PackedBabyBearAVX512 {
    #[inline(always)]
    fn sboxes(state: &mut [Self; WIDTH], constants: &[F; WIDTH]) {
        for (values, constants) in state.as_chunks_mut().0.iter_mut().zip(constants.as_chunks().0) {
            super::avx512::powers(values, constants);
        }
    }
}

#[cfg(all(target_arch = "x86_64", target_feature = "avx2", not(target_feature = "avx512f")))]
impl SBox for p3_baby_bear::PackedBabyBearAVX2 {}

#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
impl SBox for p3_baby_bear::PackedBabyBearNeon {}

/// External round.
#[inline(always)]
fn round<T: SBox>(state: &mut [T; WIDTH], constants: &[F; WIDTH]) {
    T::sboxes(state, constants);
    mix(state);
}

/// Linear layer of the external rounds: the block matrix with 2 M on its diagonal and M elsewhere, where M is
/// [2 3 1 1; 1 2 3 1; 1 1 2 3; 3 1 1 2].
#[inline(always)]
fn mix<T: Algebra<F> + Copy>(state: &mut [T; WIDTH]) {
    let (blocks, _) = state.as_chunks_mut::<4>();
    for block in &mut *blocks {
        let [a, b, c, d] = *block;
        let (ab, cd) = (a + b, c + d);
        let all = ab + cd;
        let (abbcd, abcdd) = (all + b, all + d);
        *block = [abbcd + ab, abbcd + c.double(), abcdd + cd, abcdd + a.double()];
    }
    let [x, y, z, w] = [blocks[0], blocks[1], blocks[2], blocks[3]];
    for column in 0..4 {
        let sum = (x[column] + y[column]) + (z[column] + w[column]);
        for block in &mut *blocks {
            block[column] += sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use p3_baby_bear::default_babybear_poseidon2_16;
    use p3_field::PackedValue;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::field::{LANES, P};

    #[test]
    fn agrees_with_p3() {
        let mut rng = StdRng::seed_from_u64(0);
        let (ours, p3) = (Poseidon2Permutation::default(), default_babybear_poseidon2_16());
        for _ in 0..100 {
            let states: [[F; WIDTH]; LANES] = std::array::from_fn(|_| rng.random());
            let vectors = std::array::from_fn(|word| P::from_fn(|lane| states[lane][word]));
            let permuted: [P; WIDTH] = ours.permute(vectors);
            for (lane, state) in states.into_iter().enumerate() {
                let expected = p3.permute(state);
                assert_eq!(ours.permute(state), expected);
                assert_eq!(permuted.map(|vector| vector.as_slice()[lane]), expected);
            }
        }
    }
}
