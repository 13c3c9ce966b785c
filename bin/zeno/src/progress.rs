//! Display of a command's progress: a bar on a terminal, plain lines elsewhere. All of it goes to stderr.

use crate::{flags, output};
use alloy_primitives::B256;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    io::IsTerminal,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use zeno_pipeline::{
    chain_client::{self, TransactionEvent},
    event::Event,
    observer::Observer,
    text,
};
use zeno_prover::Step;

/// Period of the spinner.
const TICK: Duration = Duration::from_millis(120);

/// Display of the events of one command.
#[derive(Debug)]
pub(crate) struct Display {
    bar: ProgressBar,
    terminal: bool,
    start: Instant,
    estimate: Mutex<Estimate>,
    /// Hashes of transactions that are signed and not settled.
    under_way: Mutex<Vec<B256>>,
}

/// Estimate of the time for the segments that are left, by those that are done. A segment ends where its tables are full, so
/// all but the last take about as long, however many instructions they have.
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

    /// The continuation of a sentence at the beginning of a segment. Another run, with a shorter segment, may have gone before
    /// for the keys; so the first segment of a run begins a new estimate.
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
        Self { bar, terminal, start: Instant::now(), estimate: Mutex::default(), under_way: Mutex::default() }
    }

    /// Removes the bar for good.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    /// A sentence about transactions that may be under way, for a command that ends before they are settled.
    pub(crate) fn under_way(&self) -> Option<String> {
        chain_client::under_way(&lock(&self.under_way))
    }

    /// Shows the present activity.
    fn say(&self, message: &str) {
        let message = text::whole(message);
        if self.terminal {
            self.bar.enable_steady_tick(TICK);
            self.bar.set_message(message);
        } else {
            self.line(&message);
        }
    }

    /// Shows a sentence that stays.
    fn tell(&self, message: &str) {
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

    /// Shows how far an SRS is: every advance on a terminal, the beginning of each step elsewhere.
    fn advance(&self, event: &Event, done: u64, total: u64) {
        if self.terminal {
            self.say(&format!("{event}, {} %", 100 * done / total.max(1)));
        } else if done == 0 {
            self.say(&event.to_string());
        }
    }
}

impl Observer for Display {
    fn notify(&self, event: Event) {
        match &event {
            Event::StepStarted(Step::Segment { index, count, .. }) => {
                let rest = lock(&self.estimate).rest(*index, *count);
                self.say(&format!("{event}{rest}"));
            }
            Event::StepFinished { step: Step::Segment { .. }, elapsed, restored: false } => {
                lock(&self.estimate).add(*elapsed);
            }
            Event::StepFinished { .. } => {}
            Event::Srs { done, total, .. } => self.advance(&event, *done, *total),
            Event::Transaction { event: TransactionEvent::Signed { hash }, .. } => {
                lock(&self.under_way).push(*hash);
            }
            Event::Transaction { event: TransactionEvent::Settled, .. } => lock(&self.under_way).clear(),
            Event::Note { sentence, settings } => self.tell(&format!("{sentence}{}", flags::hint(settings))),
            _ => self.say(&event.to_string()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
