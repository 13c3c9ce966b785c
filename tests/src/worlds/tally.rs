//! A court: judges who are shown one world after the other, and the count of what they said.

use super::{
    Built, World,
    judges::{Agreement, Judge, Said, compare, words},
};
use crate::judge::Verdict;
use alloy_primitives::Bytes;
use std::{
    collections::BTreeMap,
    fmt,
    panic::catch_unwind,
    time::{Duration, Instant},
};

/// What should not be.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The world's number.
    pub seed: u64,
    /// The encoded input; none if making it panicked.
    pub input: Option<Bytes>,
    /// What everybody said.
    pub said: Vec<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FINDING in the world of seed {}:", self.seed)?;
        self.said.iter().try_for_each(|said| write!(f, "\n  {said}"))
    }
}

/// Judges, the first of whom the others are compared with.
#[expect(missing_debug_implementations, reason = "judges need not have it")]
pub struct Court {
    judges: Vec<Box<dyn Judge>>,
    slow: Option<Slow>,
    /// What was counted so far.
    pub tally: Tally,
}

/// A judge who sees some worlds only.
struct Slow {
    judge: Box<dyn Judge>,
    every: u64,
    longest: Duration,
}

/// Counts of worlds.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Worlds that were judged.
    pub worlds: u64,
    /// Those that everybody found valid.
    pub valid: u64,
    /// The others, by the reason, without its numbers.
    pub refused: BTreeMap<String, u64>,
    /// Transactions of the valid ones.
    pub transactions: u64,
    /// Those of them that succeeded.
    pub succeeded: u64,
    /// Valid worlds by the logarithm of the greatest memory that their logs tell of.
    pub memory: BTreeMap<u32, u64>,
    /// The most gas that a valid world used.
    pub gas_used: u64,
    /// Judgements by judge.
    pub judgements: BTreeMap<&'static str, u64>,
    /// Of the slow judge's, those of valid worlds.
    pub slow_valid: u64,
    /// Judgements that refuse for another reason than the first judge, by judge.
    pub other_words: BTreeMap<&'static str, u64>,
    /// What should not be.
    pub findings: u64,
    /// What making worlds took.
    pub making: Duration,
    /// What the first judge took.
    pub judging: Duration,
}

impl Court {
    /// One in which this judge alone sits.
    pub fn new(first: impl Judge + 'static) -> Self {
        Self { judges: vec![Box::new(first)], slow: None, tally: Tally::default() }
    }

    /// With one more judge.
    pub fn with(mut self, judge: impl Judge + 'static) -> Self {
        self.judges.push(Box::new(judge));
        self
    }

    /// With a judge who sees the worlds whose number this one divides, unless the first took longer for them.
    pub fn with_slow(mut self, judge: impl Judge + 'static, every: u64, longest: Duration) -> Self {
        self.slow = Some(Slow { judge: Box::new(judge), every: every.max(1), longest });
        self
    }

    /// Makes a world and has it judged; answers with what should not be, if there is something.
    ///
    /// # Panics
    /// Never: a court has a first judge.
    pub fn hear(&mut self, seed: u64) -> Option<Finding> {
        let tally = &mut self.tally;
        tally.worlds += 1;
        let start = Instant::now();
        let world = match catch_unwind(|| World::new(seed)) {
            Ok(world) => world,
            Err(payload) => {
                tally.findings += 1;
                let said = vec![format!("making the world panicked: {}", words(&*payload))];
                return Some(Finding { seed, input: None, said });
            }
        };
        tally.making += start.elapsed();
        let input = world.input.encode();

        let (first, others) = self.judges.split_first_mut().expect("a court has a first judge");
        let start = Instant::now();
        let first = Said::by(&mut **first, &input);
        let took = start.elapsed();
        tally.judging += took;
        let mut said = others.iter_mut().map(|judge| Said::by(&mut **judge, &input)).collect::<Vec<_>>();
        if let Some(slow) =
            self.slow.as_mut().filter(|slow| seed.is_multiple_of(slow.every) && took <= slow.longest)
        {
            let slow = Said::by(&mut *slow.judge, &input);
            tally.slow_valid += u64::from(matches!(slow.verdict, Verdict::Valid(_)));
            said.push(slow);
        }
        tally.count(&world, &first);
        let mut wrong = !first.verdict.is_judgement();
        for other in &said {
            *tally.judgements.entry(other.judge).or_default() += 1;
            match compare(&first, other) {
                Some(Agreement::Same) => {}
                Some(Agreement::OtherWords) => *tally.other_words.entry(other.judge).or_default() += 1,
                None => wrong = true,
            }
        }
        if let (Built::Executed { .. }, Verdict::Refused { text, .. }) = (&world.built, &first.verdict) {
            wrong |= is_of_execution(text);
        }
        if !wrong {
            return None;
        }
        tally.findings += 1;
        let said = std::iter::once(&first).chain(&said).map(ToString::to_string).collect();
        Some(Finding { seed, input: Some(input.into()), said })
    }
}

/// Whether a refusal is for a commitment that was computed when the world was made: it must be what validation demands.
fn is_of_execution(text: &str) -> bool {
    const COMMITMENTS: [&str; 8] = [
        "the gas used is",
        "the blob gas used is",
        "the transactions root is",
        "the withdrawals root is",
        "the receipts root is",
        "the logs bloom is",
        "the requests hash is",
        "the state root is",
    ];
    COMMITMENTS.iter().any(|start| text.starts_with(start))
}

impl Tally {
    fn count(&mut self, world: &World, first: &Said) {
        *self.judgements.entry(first.judge).or_default() += 1;
        match &first.verdict {
            Verdict::Valid(_) => {
                self.valid += 1;
                if let Built::Executed { transactions, succeeded, gas_used, memory } = world.built {
                    self.transactions += transactions as u64;
                    self.succeeded += succeeded as u64;
                    self.gas_used = self.gas_used.max(gas_used);
                    *self.memory.entry(64 - memory.leading_zeros()).or_default() += 1;
                }
            }
            Verdict::Refused { text, .. } => *self.refused.entry(without_numbers(text)).or_default() += 1,
            other => *self.refused.entry(without_numbers(&other.to_string())).or_default() += 1,
        }
    }

    /// Worlds that were refused for a reason with these words.
    pub fn refused_for(&self, words: &str) -> u64 {
        self.refused.iter().filter(|(reason, _)| reason.contains(words)).map(|(_, count)| count).sum()
    }
}

/// A reason without its numbers, and not too long.
fn without_numbers(text: &str) -> String {
    let words = text
        .split_whitespace()
        .map(|word| if word.contains(|c: char| c.is_ascii_digit()) { "#" } else { word });
    words.take(14).collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |part: u64, whole: u64| 100.0 * part as f64 / whole.max(1) as f64;
        let Self { worlds, valid, findings, transactions, succeeded, .. } = self;
        write!(f, "{worlds} worlds, {valid} valid ({:.1} %), {findings} findings", of(*valid, *worlds))?;
        write!(
            f,
            "; {succeeded} of {transactions} transactions succeed ({:.1} %)",
            of(*succeeded, *transactions)
        )?;
        write!(f, "\n  made in {:.1?}, judged natively in {:.1?}", self.making, self.judging)?;
        write!(f, "; at most {} gas used", self.gas_used)?;
        let list = |counts: &BTreeMap<&'static str, u64>| {
            counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
        };
        write!(
            f,
            "\n  judgements: {}; {} of the slow judge's are valid",
            list(&self.judgements),
            self.slow_valid
        )?;
        write!(f, "; refusals in other words: {}", list(&self.other_words))?;
        let memory = self.memory.iter().map(|(bits, count)| format!("2^{bits}: {count}"));
        write!(f, "\n  memory below: {}", memory.collect::<Vec<_>>().join(", "))?;
        let mut refused = self.refused.iter().collect::<Vec<_>>();
        refused.sort_unstable_by_key(|(_, count)| std::cmp::Reverse(**count));
        refused.iter().try_for_each(|(reason, count)| write!(f, "\n  {count:>6} refused: {reason}"))
    }
}
