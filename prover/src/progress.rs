//! Progress of execution and proving.

use std::time::Duration;

use serde::Serialize;

/// One step of executing or proving.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Proving keys are read from the cache folder, or made and put there.
    Keys,
    /// The guest runs without proving.
    Execute,
    /// A segment of the run is proven.
    Segment {
        /// Index of the segment, from 0.
        index: usize,
        /// Number of segments.
        count: usize,
        /// Number of the segment's instructions.
        instructions: u64,
    },
    /// Proofs are aggregated into one.
    Aggregate {
        /// Index of the aggregation over all layers, from 0.
        index: usize,
        /// Number of aggregations over all layers.
        count: usize,
        /// Layer, from 0, which is above the segments.
        layer: usize,
    },
    /// The aggregated proof is proven once more, hashed so that a Halo2 circuit can verify it.
    Root,
    /// The static verifier's Halo2 proof is made: that the root proof verifies.
    StaticVerifier,
    /// The wrapper's Halo2 proof is made: that the static verifier's verifies.
    Wrapper,
    /// The root proof of a guest that does nothing is made. The keys of the last two, made once for an SRS, need one. Its
    /// steps follow.
    DummyRoot,
    /// The static verifier's key is made.
    StaticVerifierKey,
    /// The wrapper's key is made.
    WrapperKey,
}

/// Observer of the steps, to show or to log them. It is called from the thread that proves.
pub trait Progress: Send + Sync {
    /// A step begins.
    fn start(&self, step: Step);

    /// The step that began last has ended. `restored` says that its proof was found in the cache folder.
    fn finish(&self, step: Step, elapsed: Duration, restored: bool);
}

/// Ignores all steps.
impl Progress for () {
    fn start(&self, _: Step) {}

    fn finish(&self, _: Step, _: Duration, _: bool) {}
}
