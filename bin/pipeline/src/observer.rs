//! Observers of events, and the lower crates' kinds of progress, which become events here.

use crate::event::Event;
use std::{sync::Arc, time::Duration};

/// Receives the events of a verb, from the threads that do the work and before they continue.
pub trait Observer: Send + Sync {
    /// Takes note of an event.
    fn notify(&self, event: Event);
}

impl<F: Fn(Event) + Send + Sync> Observer for F {
    fn notify(&self, event: Event) {
        self(event);
    }
}

/// An observer as the prover and the SRS tell it of their progress.
pub(crate) struct Adapter(pub(crate) Arc<dyn Observer>);

impl zeno_prover::Progress for Adapter {
    fn start(&self, step: zeno_prover::Step) {
        self.0.notify(Event::StepStarted(step));
    }

    fn finish(&self, step: zeno_prover::Step, elapsed: Duration, restored: bool) {
        self.0.notify(Event::StepFinished { step, elapsed, restored });
    }
}

impl zeno_srs::Progress for Adapter {
    fn advance(&self, step: zeno_srs::Step, done: u64, total: u64) {
        self.0.notify(Event::Srs { step, done, total });
    }
}

/// An observer as a fetch tells it of its progress.
pub(crate) fn of_fetch(observer: Arc<dyn Observer>) -> zeno_witness_fetch::Progress {
    Arc::new(move |event| observer.notify(Event::Fetch(event)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use zeno_prover::{Progress as _, Step};
    use zeno_srs::Progress as _;

    #[test]
    fn three_kinds_of_progress_become_events() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let observer: Arc<dyn Observer> = Arc::new({
            let told = told.clone();
            move |event: Event| told.lock().unwrap().push(event.to_string())
        });
        of_fetch(observer.clone())(zeno_witness_fetch::Event::Cached);
        let adapter = Adapter(observer);
        adapter.start(Step::Segment { index: 1, count: 14, instructions: 7 });
        adapter.finish(Step::Root, Duration::from_secs(1), true);
        adapter.advance(zeno_srs::Step::MakePowers { k: 5 }, 0, 32);
        assert_eq!(
            *told.lock().unwrap(),
            [
                "found in the cache",
                "proving segment 2 of 14, 7 instructions",
                "root proof",
                "k = 5: computing the powers",
            ]
        );
    }
}
