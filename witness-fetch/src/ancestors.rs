//! Headers of ancestors, which `BLOCKHASH` needs: as many at once as may be.

use crate::{FetchError, Job, node, node::Sealed, rpc::Rpc};
use alloy_primitives::{B256, Bytes, map::B256Map};
use futures_util::future::join_all;
use tracing::debug;

/// Ancestors whose hashes `BLOCKHASH` knows.
const WINDOW: u64 = 256;
/// How many are asked for when the first is missing and nobody says how many will be: mostly a few are enough. Then as
/// many times more.
const FIRST: u64 = 16;

/// Finds the headers of a block's ancestors.
#[derive(Debug)]
pub(crate) struct Ancestors {
    /// Number of the oldest that the block can need.
    oldest: u64,
    /// How many to ask for the next time.
    ahead: u64,
    /// Whether the node's canonical chain has the block's ancestors; else they are asked for one after the other.
    canonical: bool,
}

impl Ancestors {
    pub(crate) fn of(job: &Job) -> Self {
        let number = job.sealed.header.number;
        // The hash of a block is in its child.
        Self { oldest: (number + 1).saturating_sub(WINDOW), ahead: FIRST, canonical: true }
    }

    /// The same for a block under execution, which says what it needs, and may go on from there: the first time no more
    /// than that is asked for.
    pub(crate) fn as_read(job: &Job) -> Self {
        Self { ahead: 1, ..Self::of(job) }
    }

    /// RLP of the header with this number and hash, and of some before it: down to `last` if that is known, and further if
    /// it was not the first time; else ever more, since each missing one costs a validation.
    pub(crate) async fn fetch(
        &mut self,
        rpc: &Rpc,
        number: u64,
        hash: B256,
        last: Option<u64>,
    ) -> Result<Vec<Bytes>, FetchError> {
        let ahead = number.saturating_sub(self.ahead - 1);
        let bounded = |last: u64| last.max(self.oldest).min(number);
        let needed = bounded(last.unwrap_or(ahead));
        // Beyond what is needed, only many at a time.
        let last = if self.canonical { needed.min(bounded(ahead)) } else { needed };
        let mut known = match self.canonical && last < number {
            true => by_number(rpc, last, number).await,
            false => B256Map::default(),
        };
        if last < number {
            // One that can't be had now says nothing of the others.
            let other = known.values().any(|sealed| sealed.header.number == number && sealed.hash != hash);
            self.canonical &= !other && !known.is_empty();
        }
        self.ahead = (self.ahead * if self.canonical { FIRST } else { 2 }).min(WINDOW);
        let mut headers = Vec::new();
        let mut next = hash;
        for wanted in (last..=number).rev() {
            let sealed = match known.remove(&next) {
                Some(sealed) => sealed,
                None if wanted < needed => break,
                None => match node::header(rpc, next).await {
                    Ok(Some(sealed)) => sealed,
                    // The one that is missing for certain is there; the others may not be needed.
                    outcome if !headers.is_empty() => {
                        debug!(?outcome, hash = %next, "an ancestor's header can't be fetched");
                        break;
                    }
                    outcome => outcome?.ok_or_else(|| FetchError::no_block(next))?,
                },
            };
            next = sealed.header.parent_hash;
            headers.push(alloy_rlp::encode(sealed.header).into());
        }
        Ok(headers)
    }
}

/// Headers of the canonical chain, by hash. It is only a guess that the block's ancestors are among them: their hashes
/// tell. What can't be fetched is left out.
async fn by_number(rpc: &Rpc, first: u64, last: u64) -> B256Map<Sealed> {
    let answers = join_all((first..=last).map(|number| node::canonical_header(rpc, number))).await;
    let asked = answers.into_iter().zip(first..);
    let answered =
        asked.filter_map(|(sealed, number)| sealed.filter(|sealed| sealed.header.number == number));
    answered.map(|sealed| (sealed.hash, sealed)).collect()
}
