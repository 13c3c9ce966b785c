//! Who judges an input, and what they must agree about.

use crate::judge::{Judges, Verdict};
use alloy_primitives::Bytes;
use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};
use zeno_guest_evm::{ChainClaim, StatelessInput, ValidationError, minimize, validate};

/// Somebody who judges encoded inputs.
pub trait Judge {
    /// Its name, to be printed.
    fn name(&self) -> &'static str;

    /// What it says of an input.
    fn judge(&mut self, input: &[u8]) -> Verdict;

    /// How it refuses an input.
    fn manner(&self) -> Manner {
        Manner::TheSameWords
    }
}

/// How a judge refuses an input that another refuses, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// For the same reason.
    TheSameWords,
    /// For this or another reason: all failures of a frame are alike, and its words may name any.
    OtherWords,
    /// By a panic: the guest knows no other way. It should be for the same reason, but may be for lack of memory.
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
        within(|| validate(&decode(input)?))
    }
}

/// Validation in this process with revm's instructions alone, as whoever makes inputs runs it.
#[derive(Clone, Copy, Debug)]
pub struct Tracing;

impl Judge for Tracing {
    fn name(&self) -> &'static str {
        "revm's instructions"
    }

    fn judge(&mut self, input: &[u8]) -> Verdict {
        within(|| minimize(&decode(input)?).map(|(_, claim)| claim))
    }

    fn manner(&self) -> Manner {
        Manner::OtherWords
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

fn within(judge: impl FnOnce() -> Result<ChainClaim, ValidationError>) -> Verdict {
    match catch_unwind(AssertUnwindSafe(judge)) {
        Ok(answer) => Verdict::of(answer.as_ref()),
        Err(payload) => Verdict::Panicked(words(&*payload)),
    }
}

/// What somebody who panicked said.
pub(super) fn words(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("without words").to_owned()
}

/// A judge's verdict.
#[derive(Clone, Debug)]
pub struct Said {
    /// The judge's name.
    pub judge: &'static str,
    /// Its verdict.
    pub verdict: Verdict,
    /// How it refuses.
    pub manner: Manner,
}

impl Said {
    /// Has an input judged.
    pub fn by(judge: &mut dyn Judge, input: &[u8]) -> Self {
        let verdict = judge.judge(input);
        Self { judge: judge.name(), verdict, manner: judge.manner() }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.judge, self.verdict)
    }
}

/// How two judges agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// The same digest, or the same reason to refuse.
    Same,
    /// Both refuse, for other reasons, and may.
    OtherWords,
}

/// Compares a judge with the first one: the same claim, or a refusal by both, for the same reason. None if they don't
/// agree, or if one of them failed to judge.
pub fn compare(first: &Said, other: &Said) -> Option<Agreement> {
    match (&first.verdict, &other.verdict) {
        (Verdict::Valid(one), Verdict::Valid(another)) if one == another => Some(Agreement::Same),
        (Verdict::Refused { .. }, Verdict::Refused { .. }) if first.verdict == other.verdict => {
            Some(Agreement::Same)
        }
        (Verdict::Refused { .. }, Verdict::Refused { .. }) if other.manner == Manner::OtherWords => {
            Some(Agreement::OtherWords)
        }
        (Verdict::Refused { text, .. }, Verdict::Panicked(said)) if other.manner == Manner::Panic => {
            let same = said.contains(&text.replace("\\n", "\n"));
            Some(if same { Agreement::Same } else { Agreement::OtherWords })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;

    fn said(verdict: Verdict, manner: Manner) -> Said {
        Said { judge: "somebody", verdict, manner }
    }

    #[test]
    fn judges_agree_about_claims_and_refusals() {
        use Manner::{Panic, TheSameWords};
        let valid = |byte| Verdict::Valid(B256::repeat_byte(byte));
        let refused = |text: &str| Verdict::Refused { blames_block: true, text: text.into() };
        let panicked = |text: &str| Verdict::Panicked(text.into());
        let both = |one, other, manner| compare(&said(one, TheSameWords), &said(other, manner));
        assert_eq!(both(valid(1), valid(1), TheSameWords), Some(Agreement::Same));
        assert_eq!(both(valid(1), valid(2), Panic), None);
        assert_eq!(both(valid(1), refused("no"), TheSameWords), None);
        assert_eq!(both(valid(1), panicked("no"), Panic), None);
        assert_eq!(both(refused("no"), valid(1), Panic), None);
        assert_eq!(both(refused("no"), refused("no"), TheSameWords), Some(Agreement::Same));
        assert_eq!(both(refused("no"), refused("never"), TheSameWords), None);
        assert_eq!(both(refused("no"), panicked("because: no"), Panic), Some(Agreement::Same));
        assert_eq!(both(refused("no"), panicked("memory"), Panic), Some(Agreement::OtherWords));
        assert_eq!(both(refused("no"), panicked("no"), TheSameWords), None);
        assert_eq!(both(panicked("no"), panicked("no"), Panic), None);
        assert_eq!(both(refused("no"), refused("never"), Manner::OtherWords), Some(Agreement::OtherWords));
        assert_eq!(both(refused("no"), valid(1), Manner::OtherWords), None);
        assert_eq!(both(refused("no"), panicked("no"), Manner::OtherWords), None);
    }
}
