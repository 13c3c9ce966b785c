//! Events of a running verb.

use crate::{chain_client::TransactionEvent, setting::Setting};
use serde::{Serialize, Serializer};
use std::{
    fmt::{self, Display, Formatter},
    time::Duration,
};

/// An event of a running verb. As text, it says what happens now.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A fetch of a block has begun its next step.
    Fetch(zeno_witness_fetch::Event),
    /// The prover has begun a step.
    StepStarted(zeno_prover::Step),
    /// The prover has finished the step that began last.
    StepFinished {
        /// The step.
        step: zeno_prover::Step,
        /// Time that it took. It serialises as seconds.
        #[serde(serialize_with = "seconds")]
        elapsed: Duration,
        /// `true` if its proof was found in the cache folder.
        restored: bool,
    },
    /// A structured reference string has advanced. A step begins with `done` = 0.
    Srs {
        /// The step.
        step: zeno_srs::Step,
        /// Units of the step that are done.
        done: u64,
        /// Units of the step in all.
        total: u64,
    },
    /// The installed structured reference strings are being read.
    ReadingSrs,
    /// The guest runs once more, followed instruction by instruction.
    Profiling,
    /// A transaction has come a step further.
    Transaction {
        /// Subject of the transaction, such as the name of the contract that it creates.
        what: &'static str,
        /// The step.
        event: TransactionEvent,
    },
    /// A sentence that a user should read, and that stays.
    Note {
        /// The sentence.
        sentence: String,
        /// The options that it is about.
        settings: Vec<Setting>,
    },
}

fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

impl Display for Event {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(event) => write!(f, "{event}"),
            Self::StepStarted(step) | Self::StepFinished { step, .. } => prover_step(*step, f),
            Self::Srs { step, .. } => srs_step(*step, f),
            Self::ReadingSrs => f.write_str("reading what is installed"),
            Self::Profiling => f.write_str("following every instruction"),
            Self::Transaction { what, event } => write!(f, "{what}: {event}"),
            Self::Note { sentence, .. } => f.write_str(sentence),
        }
    }
}

fn prover_step(step: zeno_prover::Step, f: &mut Formatter<'_>) -> fmt::Result {
    use zeno_prover::Step;
    match step {
        Step::Keys => f.write_str("keys"),
        Step::Execute => f.write_str("executing the guest"),
        Step::Segment { index, count, instructions } => {
            write!(f, "proving segment {} of {count}, {instructions} instructions", index + 1)
        }
        Step::Aggregate { index, count, layer } => {
            write!(f, "aggregating proof {} of {count}, layer {}", index + 1, layer + 1)
        }
        Step::Root => f.write_str("root proof"),
        Step::StaticVerifier => f.write_str("Halo2 proof of the static verifier"),
        Step::Wrapper => f.write_str("Halo2 proof of the wrapper"),
        Step::DummyRoot => f.write_str("root proof of an empty guest, for the keys"),
        Step::StaticVerifierKey => f.write_str("key of the static verifier"),
        Step::WrapperKey => f.write_str("key of the wrapper"),
    }
}

fn srs_step(step: zeno_srs::Step, f: &mut Formatter<'_>) -> fmt::Result {
    use zeno_srs::Step;
    match step {
        Step::Digest => f.write_str("reading the file"),
        Step::ImportPowers { k } => write!(f, "k = {k}: checking and copying the powers"),
        Step::ImportLagrange { k } => write!(f, "k = {k}: checking and copying the Lagrange form"),
        Step::MakePowers { k } => write!(f, "k = {k}: computing the powers"),
        Step::MakeLagrange { k } => write!(f, "k = {k}: computing the Lagrange form"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A service passes events on as JSON.
    #[test]
    fn events_serialise_by_name() {
        let as_json = |event: Event| serde_json::to_value(event).unwrap();
        assert_eq!(as_json(Event::ReadingSrs), json!("reading_srs"));
        let step = zeno_prover::Step::Segment { index: 1, count: 14, instructions: 7 };
        assert_eq!(
            as_json(Event::StepStarted(step)),
            json!({"step_started": {"segment": {"index": 1, "count": 14, "instructions": 7}}})
        );
        let finished = Event::StepFinished {
            step: zeno_prover::Step::Root,
            elapsed: Duration::from_millis(1500),
            restored: false,
        };
        assert_eq!(
            as_json(finished),
            json!({"step_finished": {"step": "root", "elapsed": 1.5, "restored": false}})
        );
        let note = Event::Note { sentence: "A sentence.".to_owned(), settings: vec![Setting::MaxCost] };
        assert_eq!(as_json(note), json!({"note": {"sentence": "A sentence.", "settings": ["max_cost"]}}));
    }
}
