//! Inputs of consecutive blocks, put together to the input of a run as they arrive.

use crate::{
    error::FetchError,
    progress::{Event, Progress},
    selector::BlockRun,
};
use tokio::task;
use zeno_guest_evm::{Footprint, StatelessInput, merge, minimize_and_measure};

/// Inputs of the first blocks of a run. The bound on the guest's memory is kept at every step, so that nobody fetches
/// a hundred blocks for an input that can't be proven.
pub(crate) struct Joined {
    run: BlockRun,
    progress: Progress,
    /// Inputs of parts of the run, in order.
    parts: Vec<StatelessInput>,
    /// Number of blocks in the parts.
    blocks: u64,
    /// Memory of all parts together. It is too much where parts have something in common. The accounts and slots of those
    /// that are not yet put together are left out.
    most: Footprint,
}

impl Joined {
    /// Begins with no blocks of a run.
    pub(crate) fn new(run: BlockRun, progress: Progress) -> Self {
        Self { run, progress, parts: Vec::new(), blocks: 0, most: Footprint::default() }
    }

    /// Adds the next block of the run. It is the child of the one before it.
    ///
    /// # Errors
    /// [`FetchError::RunTooLarge`] if there is no room for it.
    pub(crate) async fn add(&mut self, input: StatelessInput) -> Result<(), FetchError> {
        self.most = self.most.and(Footprint::of(&input));
        self.parts.push(input);
        self.blocks += 1;
        // A join leaves out what the parts share and what earlier blocks make. That matters if the parts don't fit.
        if self.most.fits() || self.blocks == self.run.count() { Ok(()) } else { self.join().await }
    }

    /// Returns the input of the run.
    ///
    /// # Errors
    /// [`FetchError::RunTooLarge`] if the guest has less memory than it takes.
    pub(crate) async fn finish(mut self) -> Result<StatelessInput, FetchError> {
        if self.parts.len() > 1 {
            self.join().await?;
        }
        let broken = || FetchError::BrokenRun { run: self.run, reason: "it has no block".into() };
        self.parts.pop().ok_or_else(broken)
    }

    /// Puts the parts together to one, without what validation never reads, and checks that the guest has room for it.
    async fn join(&mut self) -> Result<(), FetchError> {
        let run = self.run;
        (self.progress)(Event::Joining { blocks: self.blocks });
        let parts = std::mem::take(&mut self.parts);
        let minimal = task::spawn_blocking(move || {
            let broken = |reason: String| FetchError::BrokenRun { run, reason };
            let merged = merge(parts).map_err(|error| broken(error.to_string()))?;
            minimize_and_measure(&merged).map_err(|error| broken(error.to_string()))
        });
        let (minimal, _, footprint) = minimal.await.map_err(|_| FetchError::Interrupted)??;
        self.most = footprint;
        self.parts.push(minimal);
        if self.blocks > 1 && !self.most.fits() {
            let number = run.first() + self.blocks - 1;
            return Err(FetchError::RunTooLarge { run, number, needed: self.most.bytes() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Bytes;
    use std::sync::{Arc, Mutex};

    /// An input of one block that validation refuses, with a witness of this length.
    fn input(length: usize) -> StatelessInput {
        let mut input =
            StatelessInput { blocks: vec![Bytes::from_static(&[0xc0])], ..StatelessInput::default() };
        input.witness.codes.push(vec![0; length].into());
        input
    }

    fn joined(count: u64) -> (Joined, Arc<Mutex<Vec<Event>>>) {
        let told = Arc::new(Mutex::new(Vec::new()));
        let progress: Progress = Arc::new({
            let told = told.clone();
            move |event| told.lock().unwrap().push(event)
        });
        (Joined::new(BlockRun::new(5, 4 + count).unwrap(), progress), told)
    }

    /// Small inputs are put together once, in the end. What is wrong with them shows there.
    #[tokio::test]
    async fn inputs_are_put_together_once() {
        let (mut run, told) = joined(3);
        for _ in 0..3 {
            run.add(input(100)).await.unwrap();
        }
        assert!(told.lock().unwrap().is_empty());
        let error = run.finish().await.unwrap_err();
        assert!(error.to_string().contains("5..7 are valid one by one, and not as a run"), "{error}");
        assert_eq!(*told.lock().unwrap(), [Event::Joining { blocks: 3 }]);
    }

    /// Large ones are put together as soon as they may not fit.
    #[tokio::test]
    async fn inputs_that_may_not_fit_are_put_together_at_once() {
        let (mut run, told) = joined(9);
        run.add(input(60 << 20)).await.unwrap();
        assert!(told.lock().unwrap().is_empty());
        let error = run.add(input(60 << 20)).await.unwrap_err();
        assert!(matches!(error, FetchError::BrokenRun { .. }), "{error}");
        assert_eq!(*told.lock().unwrap(), [Event::Joining { blocks: 2 }]);
    }

    /// A run of one block is its input.
    #[tokio::test]
    async fn one_block_stays_as_it_is() {
        let (mut run, told) = joined(1);
        run.add(input(140 << 20)).await.unwrap();
        assert_eq!(run.finish().await.unwrap(), input(140 << 20));
        assert!(told.lock().unwrap().is_empty());
    }

    #[test]
    fn a_run_that_is_too_large_comes_with_advice() {
        let run = BlockRun::new(5, 90).unwrap();
        let said = |number| FetchError::RunTooLarge { run, number, needed: 600 << 20 }.to_string();
        for (number, advice) in [(25, "choose shorter runs, such as 5..24"), (6, "prove block 5 for itself")]
        {
            let said = said(number);
            assert!(
                said.contains("about 600 MiB") && said.contains("512 MiB") && said.ends_with(advice),
                "{said}"
            );
        }
    }
}
