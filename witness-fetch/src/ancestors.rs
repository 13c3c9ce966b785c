//! Headers of the ancestors that `BLOCKHASH` needs, in as few rounds of requests as possible.

use crate::{
    blocks::{self, SealedHeader},
    error::FetchError,
    rpc::Rpc,
    target::Target,
};
use alloy_primitives::{B256, Bytes, map::B256Map};
use futures_util::future::join_all;
use tracing::debug;

/// Number of ancestors whose hashes `BLOCKHASH` gives.
const WINDOW: u64 = 256;
/// Number of headers in the first round if the needed number is unknown: mostly a few are enough. Every further round
/// is longer by this factor.
const FIRST: u64 = 16;

/// Finds the headers of a block's ancestors.
#[derive(Debug)]
pub(crate) struct Ancestors {
    /// Number of the oldest ancestor that the block can need.
    oldest: u64,
    /// Number of headers to ask for in the next round.
    ahead: u64,
    /// Tells whether the node's canonical chain has the block's ancestors. Otherwise they are asked for one by one.
    canonical: bool,
}

impl Ancestors {
    /// Ancestors of a block that is validated: the validation names one missing header at a time.
    pub(crate) fn of(target: &Target) -> Self {
        let number = target.sealed.header.number;
        // The hash of a block is in its child.
        Self { oldest: (number + 1).saturating_sub(WINDOW), ahead: FIRST, canonical: true }
    }

    /// Ancestors of a block under execution, which names the oldest header that it needs. The first round asks for no
    /// more than that, since the execution may continue from there.
    pub(crate) fn on_demand(target: &Target) -> Self {
        Self { ahead: 1, ..Self::of(target) }
    }

    /// Fetches the RLP of the header with this number and hash, and of some headers before it, newest first.
    ///
    /// If the number `last` of the oldest needed header is known, this goes down to it, and further from the second
    /// round on. Otherwise every round is longer, since each missing header costs a validation.
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
        // Headers beyond the needed ones are only worth a request if all are asked for at once.
        let last = if self.canonical { needed.min(bounded(ahead)) } else { needed };
        let mut known = match self.canonical && last < number {
            true => by_number(rpc, last, number).await,
            false => B256Map::default(),
        };
        if last < number {
            // A header that can't be fetched now says nothing about the others.
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
                None => match blocks::header(rpc, next).await {
                    Ok(Some(sealed)) => sealed,
                    // The header that is certainly missing was found; the others may not be needed.
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

/// Headers of the canonical chain with the numbers `first..=last`, by hash. That the block's ancestors are among them
/// is a guess, which their hashes decide. Headers that can't be fetched are left out.
async fn by_number(rpc: &Rpc, first: u64, last: u64) -> B256Map<SealedHeader> {
    let answers = join_all((first..=last).map(|number| blocks::canonical_header(rpc, number))).await;
    let asked = answers.into_iter().zip(first..);
    let answered =
        asked.filter_map(|(sealed, number)| sealed.filter(|sealed| sealed.header.number == number));
    answered.map(|sealed| (sealed.hash, sealed)).collect()
}
