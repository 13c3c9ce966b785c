//! Where a proof is.

use std::time::Duration;

/// One step of executing or proving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Proving keys are read from the cache folder, or made and put there.
    Keys,
    /// The guest runs without proving.
    Execute,
    /// A segment of the run is proven.
    Segment {
        /// Which one, from 0 on.
        index: usize,
        /// How many there are.
        count: usize,
        /// How many instructions it holds.
        instructions: u64,
    },
    /// Proofs are aggregated into one.
    Aggregate {
        /// Which aggregation, from 0 on, over all layers.
        index: usize,
        /// How many there are over all layers.
        count: usize,
        /// The layer, 0 being the one above the segments.
        layer: usize,
    },
    /// The aggregated proof is proven once more, hashed so that a Halo2 circuit can verify it.
    Root,
    /// The static verifier's Halo2 proof is made: that the root proof verifies.
    StaticVerifier,
    /// The wrapper's Halo2 proof is made: that the static verifier's verifies.
    Wrapper,
    /// The keys of the last two, made once for an SRS, need an example of a root proof; its steps follow.
    Example,
    /// The static verifier's key is made.
    StaticVerifierKey,
    /// The wrapper's key is made.
    WrapperKey,
}

/// Is told of each step, to show or to log it. Called from the thread that proves.
pub trait Progress: Send + Sync {
    /// A step begins.
    fn start(&self, step: Step);

    /// The step that began last is done. `restored` says that its proof was found in the cache folder.
    fn finish(&self, step: Step, elapsed: Duration, restored: bool);
}

/// Tells nobody.
impl Progress for () {
    fn start(&self, _: Step) {}

    fn finish(&self, _: Step, _: Duration, _: bool) {}
}
