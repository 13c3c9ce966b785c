//! A fetch whose events are kept.

use std::sync::{Arc, Mutex};

use zeno_guest_evm::StatelessInput;
use zeno_witness_fetch::{BlockSelector, Event, FetchOptions, Fetcher};

/// Fetches the latest block, and returns its input and the events of the fetch.
///
/// # Panics
/// If the fetch fails.
pub async fn fetch_with_events(options: FetchOptions) -> (StatelessInput, Vec<Event>) {
    let events = Arc::new(Mutex::new(Vec::new()));
    let progress = {
        let events = events.clone();
        Arc::new(move |event| events.lock().expect("no reader panicked").push(event))
    };
    let fetcher = Fetcher::new(options).expect("the options can be used");
    let input = fetcher.fetch(&BlockSelector::Latest, progress).await.expect("the block is fetched");
    let events = events.lock().expect("no reader panicked").clone();
    (input, events)
}
