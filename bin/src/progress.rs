//! Progress: a bar on a terminal, plain lines elsewhere. All of it on stderr.

use crate::{output, text};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    io::IsTerminal,
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};
use zeno_prover::{Progress, Step};

/// How often the spinner turns.
const TICK: Duration = Duration::from_millis(120);

/// Shows where a long command is.
#[derive(Debug)]
pub(crate) struct Display {
    bar: ProgressBar,
    terminal: bool,
    start: Instant,
    estimate: Mutex<Estimate>,
}

/// What the segments left will take, from those that are done. A segment ends where its tables are full, so all but the
/// last take about as long, however many instructions they have.
#[derive(Debug, Default)]
struct Estimate {
    segments: u32,
    seconds: f64,
}

impl Estimate {
    fn add(&mut self, elapsed: Duration) {
        self.segments += 1;
        self.seconds += elapsed.as_secs_f64();
    }

    /// What is to be said at the beginning of a segment. Another run may have gone before, for keys, whose segment is
    /// shorter; so the first of a run has nothing to go by.
    fn rest(&mut self, index: usize, count: usize) -> String {
        if index == 0 {
            *self = Self::default();
        }
        if self.segments == 0 {
            return String::new();
        }
        let seconds = self.seconds / f64::from(self.segments) * (count - index) as f64;
        let minutes = (seconds / 60.0).ceil() as u64;
        if minutes > 1 {
            format!(", about {minutes} minutes for the segments left")
        } else {
            format!(", about {seconds:.0} s for the segments left")
        }
    }
}

impl Display {
    /// A display that shows nothing yet.
    pub(crate) fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} [{elapsed_precise}]") {
            bar.set_style(style);
        }
        Self { bar, terminal, start: Instant::now(), estimate: Mutex::default() }
    }

    /// What is being done now.
    pub(crate) fn say(&self, message: &str) {
        let message = text::whole(message);
        if self.terminal {
            self.bar.enable_steady_tick(TICK);
            self.bar.set_message(message);
        } else {
            self.line(&message);
        }
    }

    /// What is to be read, and stays.
    pub(crate) fn tell(&self, message: &str) {
        let message = text::whole(message);
        if self.terminal {
            self.bar.println(message);
        } else {
            self.line(&message);
        }
    }

    fn line(&self, message: &str) {
        output::stderr(&format!("[{:>7.1} s] {message}\n", self.start.elapsed().as_secs_f64()));
    }

    fn words(&self, step: Step) -> String {
        match step {
            Step::Keys => "keys".to_owned(),
            Step::Execute => "executing the guest".to_owned(),
            Step::Segment { index, count, instructions } => {
                let rest = self.estimate().rest(index, count);
                format!("proving segment {} of {count}, {instructions} instructions{rest}", index + 1)
            }
            Step::Aggregate { index, count, layer } => {
                format!("aggregating proof {} of {count}, layer {}", index + 1, layer + 1)
            }
            Step::Root => "root proof".to_owned(),
            Step::StaticVerifier => "Halo2 proof of the static verifier".to_owned(),
            Step::Wrapper => "Halo2 proof of the wrapper".to_owned(),
            Step::Example => "example proof, for the keys".to_owned(),
            Step::StaticVerifierKey => "key of the static verifier".to_owned(),
            Step::WrapperKey => "key of the wrapper".to_owned(),
        }
    }

    /// What a step on the way to an SRS is.
    fn srs_words(step: zeno_srs::Step) -> String {
        use zeno_srs::Step;
        match step {
            Step::Digest => "reading the file".to_owned(),
            Step::ImportPowers { k } => format!("k = {k}: checking and copying the powers"),
            Step::ImportLagrange { k } => format!("k = {k}: checking and copying the Lagrange form"),
            Step::MakePowers { k } => format!("k = {k}: computing the powers"),
            Step::MakeLagrange { k } => format!("k = {k}: computing the Lagrange form"),
        }
    }

    fn estimate(&self) -> MutexGuard<'_, Estimate> {
        self.estimate.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl zeno_srs::Progress for Display {
    fn advance(&self, step: zeno_srs::Step, done: u64, total: u64) {
        let words = Self::srs_words(step);
        if self.terminal {
            self.say(&format!("{words}, {} %", 100 * done / total.max(1)));
        } else if done == 0 {
            self.say(&words);
        }
    }
}

impl Progress for Display {
    fn start(&self, step: Step) {
        self.say(&self.words(step));
    }

    fn finish(&self, step: Step, elapsed: Duration, restored: bool) {
        if let (Step::Segment { .. }, false) = (step, restored) {
            self.estimate().add(elapsed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_left_take_as_long_as_those_done() {
        let mut estimate = Estimate::default();
        estimate.add(Duration::from_secs(3));
        assert_eq!(estimate.rest(0, 14), "");
        for seconds in [15, 18, 21] {
            estimate.add(Duration::from_secs(seconds));
        }
        assert_eq!(estimate.rest(3, 6), ", about 54 s for the segments left");
        assert_eq!(estimate.rest(3, 14), ", about 4 minutes for the segments left");
    }
}
