//! The configurations' transcripts, with proofs of work found on the vector units.

use std::ops::Range;

use openvm_stark_backend::{FiatShamirTranscript, duplex_sponge::DuplexSponge, p3_symmetric::Permutation};
use openvm_stark_sdk::config::{
    baby_bear_bn254_poseidon2::{
        BabyBearBn254Poseidon2Config as SC, Digest, Transcript as OpenVmRootTranscript,
    },
    baby_bear_poseidon2::{BabyBearPoseidon2Config, Digest as BabyBearDigest},
    bn254_poseidon2::Poseidon2Bn254Width3,
};
use p3_baby_bear::Poseidon2BabyBear;
use p3_field::{PackedValue, PrimeCharacteristicRing, PrimeField32};
use rayon::prelude::*;

use crate::{
    field::{EF, F, LANES, P},
    hash::bn254::Kernel,
};

/// Candidates that a task of the thread pool tries.
const CANDIDATES_PER_TASK: u32 = 256;

/// Searches BabyBear for the least witness. `find` returns the least one in a range of elements. About one element of
/// `2^bits` is a witness.
///
/// # Panics
/// If there is no witness, or `bits` is not below 31.
fn least_witness(bits: usize, find: impl Fn(Range<u32>) -> Option<u32> + Sync) -> F {
    assert!(bits < 31, "{bits} bits of work are more than BabyBear has");
    let tasks = F::ORDER_U32.div_ceil(CANDIDATES_PER_TASK);
    // In rounds, so that all threads stay close to the least candidates.
    let round = 4 * rayon::current_num_threads() as u32;
    let witness = (0..tasks).step_by(round as usize).find_map(|first| {
        (first..tasks.min(first + round))
            .into_par_iter()
            .map(|task| {
                let start = task * CANDIDATES_PER_TASK;
                find(start..F::ORDER_U32.min(start + CANDIDATES_PER_TASK))
            })
            .find_first(Option::is_some)
            .flatten()
    });
    F::new(witness.expect("some element of BabyBear is a witness"))
}

/// Transcript of all layers over BabyBear: OpenVM's duplex sponge, with a search of our own for witnesses of proofs of
/// work. It finds the least witness; OpenVM's search takes whichever a thread finds first.
#[derive(Clone, Debug)]
pub struct Transcript {
    sponge: DuplexSponge<F, Poseidon2BabyBear<16>, 16, 8>,
    permutation: Poseidon2BabyBear<16>,
}

impl From<Poseidon2BabyBear<16>> for Transcript {
    fn from(permutation: Poseidon2BabyBear<16>) -> Self {
        Self { sponge: DuplexSponge::from(permutation.clone()), permutation }
    }
}

impl FiatShamirTranscript<BabyBearPoseidon2Config> for Transcript {
    fn observe(&mut self, value: F) {
        FiatShamirTranscript::<BabyBearPoseidon2Config>::observe(&mut self.sponge, value);
    }

    fn sample(&mut self) -> F {
        FiatShamirTranscript::<BabyBearPoseidon2Config>::sample(&mut self.sponge)
    }

    fn observe_commit(&mut self, digest: BabyBearDigest) {
        FiatShamirTranscript::<BabyBearPoseidon2Config>::observe_commit(&mut self.sponge, digest);
    }

    /// Finds the least witness, checks it and observes it, as OpenVM's method does with some witness.
    ///
    /// The witness overwrites the next element of the sponge's state. Whether or not that is the last one of the rate,
    /// one permutation follows before the sample, which is the last element of the rate.
    ///
    /// # Panics
    /// If BabyBear has no witness, or `bits` is not below 31, as in OpenVM's method.
    fn grind(&mut self, bits: usize) -> F {
        if bits == 0 {
            return F::ZERO;
        }
        let state = self.sponge.state().map(P::from);
        let position = self.sponge.absorb_idx();
        let mask = (1 << bits) - 1;
        let witness = least_witness(bits, |candidates| {
            candidates.clone().step_by(LANES).find_map(|first| {
                let mut state = state;
                // Beyond the order, elements repeat; a repetition is never the least.
                state[position] = P::from_fn(|lane| F::from_u32(first + lane as u32));
                self.permutation.permute_mut(&mut state);
                let samples = state[7].as_slice().iter();
                let found = samples
                    .zip(first..candidates.end)
                    .find(|(sample, _)| sample.as_canonical_u32() & mask == 0);
                found.map(|(_, witness)| witness)
            })
        });
        assert!(
            FiatShamirTranscript::<BabyBearPoseidon2Config>::check_witness(self, bits, witness),
            "the vector units found a witness that the transcript refuses"
        );
        witness
    }
}

/// Transcript of the root proof: OpenVM's, with a search of our own for witnesses of proofs of work. It finds the least
/// witness; OpenVM's search takes whichever a thread finds first.
#[derive(Clone, Debug)]
pub struct RootTranscript(OpenVmRootTranscript);

impl From<Poseidon2Bn254Width3> for RootTranscript {
    fn from(permutation: Poseidon2Bn254Width3) -> Self {
        Self(OpenVmRootTranscript::from(permutation))
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

    /// Finds the least witness, checks it and observes it, as OpenVM's method does with some witness.
    ///
    /// Whatever the transcript has buffered, the witness and the bits sampled after it take one permutation. The
    /// witness joins the values that are not absorbed yet, and together they overwrite the next element of the sponge's
    /// state. The permutation leaves the sample in the state's second element.
    ///
    /// # Panics
    /// If BabyBear has no witness, or `bits` is not below 31, as in OpenVM's method.
    fn grind(&mut self, bits: usize) -> F {
        if bits == 0 {
            return F::default();
        }
        let kernel = Kernel::best();
        let (state, position, prefix) = (self.0.sponge_state(), self.0.absorb_idx(), self.0.observe_buf());
        let find = |candidates| kernel.grind(state, position, prefix, bits, candidates);
        let witness = least_witness(bits, find);
        assert!(
            FiatShamirTranscript::<SC>::check_witness(&mut self.0, bits, witness),
            "the kernel found a witness that the transcript refuses"
        );
        witness
    }
}

#[cfg(test)]
mod tests {
    use openvm_stark_sdk::config::{
        baby_bear_poseidon2::CpuTranscript, bn254_poseidon2::default_bn254_poseidon2_width3,
    };
    use p3_baby_bear::default_babybear_poseidon2_16;

    use super::*;

    /// However full the sponge is, the witness is the least one that OpenVM's transcript accepts, and both continue
    /// alike.
    #[test]
    fn the_least_witness_is_found_over_babybear() {
        type SC = BabyBearPoseidon2Config;
        for observed in 0..20 {
            let mut ours = Transcript::from(default_babybear_poseidon2_16());
            let mut openvm = CpuTranscript::from(default_babybear_poseidon2_16());
            for i in 0..observed {
                ours.observe(F::new(i));
                FiatShamirTranscript::<SC>::observe(&mut openvm, F::new(i));
                if i == 11 || i == 16 {
                    assert_eq!(ours.sample(), FiatShamirTranscript::<SC>::sample(&mut openvm));
                }
            }
            let expected = (0..)
                .map(F::new)
                .find(|&w| FiatShamirTranscript::<SC>::check_witness(&mut openvm.clone(), 9, w))
                .unwrap();
            assert_eq!(ours.grind(9), expected, "after {observed} values");
            assert!(FiatShamirTranscript::<SC>::check_witness(&mut openvm, 9, expected));
            for _ in 0..9 {
                assert_eq!(ours.sample(), FiatShamirTranscript::<SC>::sample(&mut openvm));
            }
        }
    }

    /// However full the buffers are, the witness is the least one that OpenVM's transcript accepts, and both continue
    /// alike.
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
            let mut openvm = ours.0.clone();
            let expected = (0..)
                .map(F::new)
                .find(|&w| FiatShamirTranscript::<SC>::check_witness(&mut openvm.clone(), 6, w))
                .unwrap();
            assert_eq!(ours.grind(6), expected, "after {observed} values");
            assert!(FiatShamirTranscript::<SC>::check_witness(&mut openvm, 6, expected));
            for _ in 0..7 {
                assert_eq!(ours.sample(), openvm.sample());
            }
        }
    }

    #[test]
    fn no_work_changes_nothing() {
        let mut ours = RootTranscript::from(default_bn254_poseidon2_width3());
        ours.observe(F::new(1));
        let mut openvm = ours.0.clone();
        assert_eq!(ours.grind(0), F::default());
        assert_eq!(ours.sample(), openvm.sample());
    }
}
