//! Comparison of judges, which judge one world after another, and statistics of their verdicts.

use super::{
    Built, World,
    judges::{Agreement, Judge, Judgement, compare, panic_message},
};
use crate::judge::Verdict;
use alloy_primitives::Bytes;
use std::{
    collections::BTreeMap,
    fmt,
    panic::catch_unwind,
    time::{Duration, Instant},
};
use zeno_guest_evm::Subject;

/// Disagreement of the judges about a world, or a panic.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Seed of the world.
    pub seed: u64,
    /// The encoded input, or `None` if the world's generation panicked.
    pub input: Option<Bytes>,
    /// Judgements of all judges.
    pub judgements: Vec<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FINDING in the world of seed {}:", self.seed)?;
        self.judgements.iter().try_for_each(|judgement| write!(f, "\n  {judgement}"))
    }
}

/// Judges of the same worlds. All others are compared with the first one.
pub struct Comparison {
    judges: Vec<Box<dyn Judge>>,
    slow: Option<Slow>,
    /// Statistics of the worlds so far.
    pub tally: Tally,
}

/// Judge of a sample of the worlds.
struct Slow {
    judge: Box<dyn Judge>,
    /// The judge sees the worlds whose seed is a multiple of this number.
    every: u64,
    /// The judge sees no world for which the first judge takes more than this time.
    longest: Duration,
}

/// Statistics of worlds.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Number of worlds.
    pub worlds: u64,
    /// Number of worlds that the first judge accepts.
    pub valid: u64,
    /// Numbers of the other worlds, by the first judge's error message without its numbers.
    pub refused: BTreeMap<String, u64>,
    /// Number of transactions in valid worlds.
    pub transactions: u64,
    /// Number of these transactions that succeeded.
    pub succeeded: u64,
    /// Number of these transactions with more gas than one may execute with (EIP-8037).
    pub large: u64,
    /// Numbers of valid worlds, by the name of the last block's fork.
    pub forks: BTreeMap<&'static str, u64>,
    /// Number of valid worlds with more than one block.
    pub runs: u64,
    /// Numbers of valid worlds, by the length in bits of the greatest memory, in bytes, that their logs report.
    pub memory: BTreeMap<u32, u64>,
    /// Greatest gas used by a valid world.
    pub gas_used: u64,
    /// Numbers of judgements, by judge.
    pub judgements: BTreeMap<&'static str, u64>,
    /// Number of worlds that the slow judge accepts.
    pub slow_valid: u64,
    /// Numbers of refusals for another reason than the first judge's, by judge.
    pub other_reasons: BTreeMap<&'static str, u64>,
    /// Number of findings.
    pub findings: u64,
    /// Time that the generation of the worlds took.
    pub making: Duration,
    /// Time that the first judge took.
    pub judging: Duration,
}

impl Comparison {
    /// Comparison with one judge, which is the first.
    pub fn new(first: impl Judge + 'static) -> Self {
        Self { judges: vec![Box::new(first)], slow: None, tally: Tally::default() }
    }

    /// Adds a judge.
    pub fn with(mut self, judge: impl Judge + 'static) -> Self {
        self.judges.push(Box::new(judge));
        self
    }

    /// Adds a judge of a sample: the worlds whose seed is a multiple of `every`, and for which the first judge takes no
    /// more than `longest`.
    pub fn with_slow(mut self, judge: impl Judge + 'static, every: u64, longest: Duration) -> Self {
        self.slow = Some(Slow { judge: Box::new(judge), every: every.max(1), longest });
        self
    }

    /// Generates a world and asks the judges about it. Returns a finding if they disagree, or if something panicked.
    ///
    /// # Panics
    /// Never: there is always a first judge.
    pub fn check(&mut self, seed: u64) -> Option<Finding> {
        let tally = &mut self.tally;
        tally.worlds += 1;
        let start = Instant::now();
        let world = match catch_unwind(|| World::new(seed)) {
            Ok(world) => world,
            Err(payload) => {
                tally.findings += 1;
                let judgements = vec![format!("making the world panicked: {}", panic_message(&*payload))];
                return Some(Finding { seed, input: None, judgements });
            }
        };
        tally.making += start.elapsed();
        let input = world.input.encode();

        let (first, others) = self.judges.split_first_mut().expect("there is a first judge");
        let start = Instant::now();
        let first = Judgement::by(&mut **first, &input);
        let took = start.elapsed();
        tally.judging += took;
        let mut judgements =
            others.iter_mut().map(|judge| Judgement::by(&mut **judge, &input)).collect::<Vec<_>>();
        if let Some(slow) =
            self.slow.as_mut().filter(|slow| seed.is_multiple_of(slow.every) && took <= slow.longest)
        {
            let slow = Judgement::by(&mut *slow.judge, &input);
            tally.slow_valid += u64::from(matches!(slow.verdict, Verdict::Valid(_)));
            judgements.push(slow);
        }
        tally.count(&world, &first);
        let mut wrong = !first.verdict.is_judgement();
        for other in &judgements {
            *tally.judgements.entry(other.judge).or_default() += 1;
            match compare(&first, other) {
                Some(Agreement::Same) => {}
                Some(Agreement::OtherReason) => *tally.other_reasons.entry(other.judge).or_default() += 1,
                None => wrong = true,
            }
        }
        if let (Built::Executed { .. }, Verdict::Refused { text, .. }) = (&world.built, &first.verdict) {
            wrong |= names_a_commitment(text);
        }
        if !wrong {
            return None;
        }
        tally.findings += 1;
        let judgements = std::iter::once(&first).chain(&judgements).map(ToString::to_string).collect();
        Some(Finding { seed, input: Some(input.into()), judgements })
    }
}

/// Returns whether an error message is about a commitment of a header. The generator has computed the commitments of
/// executed blocks, so validation must not refuse them.
fn names_a_commitment(text: &str) -> bool {
    const COMMITMENTS: [Subject; 9] = [
        Subject::GasUsed,
        Subject::BlobGasUsed,
        Subject::TransactionsRoot,
        Subject::WithdrawalsRoot,
        Subject::ReceiptsRoot,
        Subject::LogsBloom,
        Subject::RequestsHash,
        Subject::BlockAccessListHash,
        Subject::StateRoot,
    ];
    // The message names the block if there are more.
    let text = text.split_once(" of the input: ").map_or(text, |(_, error)| error);
    COMMITMENTS.iter().any(|subject| text.starts_with(&format!("{subject} is")))
}

impl Tally {
    fn count(&mut self, world: &World, first: &Judgement) {
        *self.judgements.entry(first.judge).or_default() += 1;
        match &first.verdict {
            Verdict::Valid(_) => {
                self.valid += 1;
                *self.forks.entry(world.fork.name()).or_default() += 1;
                self.runs += u64::from(world.input.blocks.len() > 1);
                if let Built::Executed { transactions, succeeded, large, gas_used, memory } = world.built {
                    self.transactions += transactions as u64;
                    self.succeeded += succeeded as u64;
                    self.large += large as u64;
                    self.gas_used = self.gas_used.max(gas_used);
                    *self.memory.entry(64 - memory.leading_zeros()).or_default() += 1;
                }
            }
            Verdict::Refused { text, .. } => *self.refused.entry(without_numbers(text)).or_default() += 1,
            other => *self.refused.entry(without_numbers(&other.to_string())).or_default() += 1,
        }
    }

    /// Number of worlds that were refused for this error, whatever the numbers in its message are.
    pub fn refused_for(&self, error: &impl fmt::Display) -> u64 {
        self.refused.get(&without_numbers(&error.to_string())).copied().unwrap_or_default()
    }
}

/// First 14 words of an error message, with its numbers replaced.
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
        write!(
            f,
            "\n  valid: {} runs of blocks, {} transactions with more gas than they may execute with",
            self.runs, self.large
        )?;
        let forks = self.forks.iter().map(|(name, count)| format!("{name} {count}"));
        write!(f, "; last blocks by fork: {}", forks.collect::<Vec<_>>().join(", "))?;
        let list = |counts: &BTreeMap<&'static str, u64>| {
            counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
        };
        write!(
            f,
            "\n  judgements: {}; {} of the slow judge's are valid",
            list(&self.judgements),
            self.slow_valid
        )?;
        write!(f, "; refusals in other words: {}", list(&self.other_reasons))?;
        let memory = self.memory.iter().map(|(bits, count)| format!("2^{bits}: {count}"));
        write!(f, "\n  memory below: {}", memory.collect::<Vec<_>>().join(", "))?;
        let mut refused = self.refused.iter().collect::<Vec<_>>();
        refused.sort_unstable_by_key(|(_, count)| std::cmp::Reverse(**count));
        refused.iter().try_for_each(|(reason, count)| write!(f, "\n  {count:>6} refused: {reason}"))
    }
}
