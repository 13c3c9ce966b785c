//! Judges of an input, and the condition under which two of their verdicts agree.

use crate::judge::{Judges, Verdict};
use alloy_primitives::Bytes;
use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};
use zeno_guest_evm::{ChainClaim, StatelessInput, ValidationError, minimize, validate};

/// Implementation of validation that judges encoded inputs.
pub trait Judge {
    /// Name for messages.
    fn name(&self) -> &'static str;

    /// Judges an encoded input.
    fn judge(&mut self, input: &[u8]) -> Verdict;

    /// The way in which the judge refuses an input.
    fn refusal(&self) -> Refusal {
        Refusal::SameReason
    }
}

/// Way in which a judge refuses an input that the first judge refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// An error with the same message.
    SameReason,
    /// An error with any message. A frame may fail for several reasons at once, and the message names one of them.
    AnyReason,
    /// A panic, which is the guest's only way to refuse. Its message is mostly the same, but the VM's memory may end
    /// before.
    Panic,
}

/// Validation in this process.
#[derive(Clone, Copy, Debug)]
pub struct Native;

impl Judge for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn judge(&mut self, input: &[u8]) -> Verdict {
        catch_panic(|| validate(&decode(input)?))
    }
}

/// Validation in this process by revm's own instructions, which a fetcher uses.
#[derive(Clone, Copy, Debug)]
pub struct Revm;

impl Judge for Revm {
    fn name(&self) -> &'static str {
        "revm's instructions"
    }

    fn judge(&mut self, input: &[u8]) -> Verdict {
        catch_panic(|| minimize(&decode(input)?).map(|(_, claim)| claim))
    }

    fn refusal(&self) -> Refusal {
        Refusal::AnyReason
    }
}

impl Judge for Judges {
    fn name(&self) -> &'static str {
        if self.bits() == 32 { "32 bits" } else { "with debug assertions" }
    }

    fn judge(&mut self, input: &[u8]) -> Verdict {
        self.ask(input)
    }
}

fn decode(input: &[u8]) -> Result<StatelessInput, ValidationError> {
    Ok(StatelessInput::decode(&Bytes::copy_from_slice(input))?)
}

/// Verdict of a result, or of a panic.
fn catch_panic(judge: impl FnOnce() -> Result<ChainClaim, ValidationError>) -> Verdict {
    match catch_unwind(AssertUnwindSafe(judge)) {
        Ok(answer) => Verdict::of(answer.as_ref()),
        Err(payload) => Verdict::Panicked(panic_message(&*payload)),
    }
}

/// Message of a panic.
pub(super) fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("without words").to_owned()
}

/// Verdict with the judge that gave it.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// Name of the judge.
    pub judge: &'static str,
    /// Verdict of the judge.
    pub verdict: Verdict,
    /// The way in which the judge refuses an input.
    pub refusal: Refusal,
}

impl Judgement {
    /// Asks a judge about an encoded input.
    pub fn by(judge: &mut dyn Judge, input: &[u8]) -> Self {
        let verdict = judge.judge(input);
        Self { judge: judge.name(), verdict, refusal: judge.refusal() }
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.judge, self.verdict)
    }
}

/// Agreement of two judgements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// Both have the same digest, or the same error message.
    Same,
    /// Both refuse the input for different reasons, which [`Refusal`] allows.
    OtherReason,
}

/// Compares a judgement with that of the first judge. Returns `None` if they disagree, or if one of them is no verdict
/// about the input.
pub fn compare(first: &Judgement, other: &Judgement) -> Option<Agreement> {
    match (&first.verdict, &other.verdict) {
        (Verdict::Valid(one), Verdict::Valid(another)) if one == another => Some(Agreement::Same),
        (Verdict::Refused { .. }, Verdict::Refused { .. }) if first.verdict == other.verdict => {
            Some(Agreement::Same)
        }
        (Verdict::Refused { .. }, Verdict::Refused { .. }) if other.refusal == Refusal::AnyReason => {
            Some(Agreement::OtherReason)
        }
        (Verdict::Refused { text, .. }, Verdict::Panicked(said)) if other.refusal == Refusal::Panic => {
            let same = said.contains(&text.replace("\\n", "\n"));
            Some(if same { Agreement::Same } else { Agreement::OtherReason })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;

    fn judgement(verdict: Verdict, refusal: Refusal) -> Judgement {
        Judgement { judge: "a judge", verdict, refusal }
    }

    #[test]
    fn judges_agree_about_claims_and_refusals() {
        use Refusal::{AnyReason, Panic, SameReason};
        let valid = |byte| Verdict::Valid(B256::repeat_byte(byte));
        let refused = |text: &str| Verdict::Refused { blames_block: true, text: text.into() };
        let panicked = |text: &str| Verdict::Panicked(text.into());
        let both = |one, other, refusal| compare(&judgement(one, SameReason), &judgement(other, refusal));
        assert_eq!(both(valid(1), valid(1), SameReason), Some(Agreement::Same));
        assert_eq!(both(valid(1), valid(2), Panic), None);
        assert_eq!(both(valid(1), refused("no"), SameReason), None);
        assert_eq!(both(valid(1), panicked("no"), Panic), None);
        assert_eq!(both(refused("no"), valid(1), Panic), None);
        assert_eq!(both(refused("no"), refused("no"), SameReason), Some(Agreement::Same));
        assert_eq!(both(refused("no"), refused("never"), SameReason), None);
        assert_eq!(both(refused("no"), panicked("because: no"), Panic), Some(Agreement::Same));
        assert_eq!(both(refused("no"), panicked("memory"), Panic), Some(Agreement::OtherReason));
        assert_eq!(both(refused("no"), panicked("no"), SameReason), None);
        assert_eq!(both(panicked("no"), panicked("no"), Panic), None);
        assert_eq!(both(refused("no"), refused("never"), AnyReason), Some(Agreement::OtherReason));
        assert_eq!(both(refused("no"), valid(1), AnyReason), None);
        assert_eq!(both(refused("no"), panicked("no"), AnyReason), None);
    }
}
