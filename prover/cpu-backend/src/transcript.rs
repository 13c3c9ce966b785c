//! The transcript of the root configuration, with proofs of work done by the vector units.

use openvm_stark_backend::FiatShamirTranscript;
use openvm_stark_sdk::config::{
    baby_bear_bn254_poseidon2::{BabyBearBn254Poseidon2Config, Digest, EF, F, Transcript},
    bn254_poseidon2::Poseidon2Bn254Width3,
};
use p3_field::PrimeField32;
use rayon::prelude::*;

use crate::bn254::Kernel;

/// The configuration's own.
type SC = BabyBearBn254Poseidon2Config;

/// Candidates that one task of the thread pool tries.
const CANDIDATES_A_TASK: u32 = 256;

/// The stock transcript. Only the search for a witness of a proof of work is ours; it finds the least one, where the
/// stock search takes whichever a thread comes upon first.
#[derive(Clone, Debug)]
pub struct RootTranscript(Transcript);

impl From<Poseidon2Bn254Width3> for RootTranscript {
    fn from(permutation: Poseidon2Bn254Width3) -> Self {
        Self(Transcript::from(permutation))
    }
}

impl FiatShamirTranscript<SC> for RootTranscript {
    fn observe(&mut self, value: F) {
        self.0.observe(value);
    }

    fn sample(&mut self) -> F {
        self.0.sample()
    }

    fn observe_commit(&mut self, digest: Digest) {
        FiatShamirTranscript::<SC>::observe_commit(&mut self.0, digest);
    }

    fn observe_ext(&mut self, value: EF) {
        FiatShamirTranscript::<SC>::observe_ext(&mut self.0, value);
    }

    fn sample_ext(&mut self) -> EF {
        FiatShamirTranscript::<SC>::sample_ext(&mut self.0)
    }

    /// Finds the least witness, checks it and observes it, as the stock method does with some witness.
    ///
    /// Whatever the transcript has buffered, the witness and the bits sampled after it take one permutation: the
    /// witness joins the values that are not absorbed yet, together they overwrite the next element of the sponge's
    /// state, and the permutation that follows leaves the sample in the state's second element.
    ///
    /// # Panics
    /// If BabyBear has no witness, or `bits` is not below 31, as in the stock method.
    fn grind(&mut self, bits: usize) -> F {
        assert!(bits < 31, "{bits} bits of work are more than BabyBear has");
        if bits == 0 {
            return F::default();
        }
        let kernel = Kernel::best();
        let (state, position, prefix) = (self.0.sponge_state(), self.0.absorb_idx(), self.0.observe_buf());
        let tasks = F::ORDER_U32.div_ceil(CANDIDATES_A_TASK);
        // In rounds, so that all threads stay close to the least candidates.
        let round = 4 * rayon::current_num_threads() as u32;
        let witness = (0..tasks).step_by(round as usize).find_map(|first| {
            (first..tasks.min(first + round))
                .into_par_iter()
                .map(|task| {
                    let start = task * CANDIDATES_A_TASK;
                    let end = F::ORDER_U32.min(start + CANDIDATES_A_TASK);
                    kernel.grind(state, position, prefix, bits, start..end)
                })
                .find_first(Option::is_some)
                .flatten()
        });
        let witness = F::new(witness.expect("some element of BabyBear is a witness"));
        assert!(
            FiatShamirTranscript::<SC>::check_witness(&mut self.0, bits, witness),
            "the kernel found a witness that the transcript refuses"
        );
        witness
    }
}

#[cfg(test)]
mod tests {
    use openvm_stark_sdk::config::bn254_poseidon2::default_bn254_poseidon2_width3;

    use super::*;

    /// However full the buffers are, the witness is the least one that the stock transcript accepts, and both
    /// transcripts go on alike.
    #[test]
    fn the_least_witness_is_found() {
        for observed in 0..20 {
            let mut ours = RootTranscript::from(default_bn254_poseidon2_width3());
            for i in 0..observed {
                ours.observe(F::new(i));
                if i == 11 {
                    let _ = ours.sample();
                }
            }
            if observed % 3 == 0 {
                let _ = ours.sample();
            }
            let mut stock = ours.0.clone();
            let expected = (0..)
                .map(F::new)
                .find(|&w| FiatShamirTranscript::<SC>::check_witness(&mut stock.clone(), 6, w))
                .unwrap();
            assert_eq!(ours.grind(6), expected, "after {observed} values");
            assert!(FiatShamirTranscript::<SC>::check_witness(&mut stock, 6, expected));
            for _ in 0..7 {
                assert_eq!(ours.sample(), stock.sample());
            }
        }
    }

    #[test]
    fn no_work_changes_nothing() {
        let mut ours = RootTranscript::from(default_bn254_poseidon2_width3());
        ours.observe(F::new(1));
        let mut stock = ours.0.clone();
        assert_eq!(ours.grind(0), F::default());
        assert_eq!(ours.sample(), stock.sample());
    }
}
