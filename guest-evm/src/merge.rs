//! Inputs of consecutive blocks, put together to the input of a run, for hosts.

use alloc::vec::Vec;
use alloy_primitives::{Bytes, map::HashSet};
use zeno_types::input::{StatelessInput, Witness};

/// Reason why inputs are not those of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// The inputs are of chains with other rules.
    #[error("the rules of the chain in input {0} differ from those in the first")]
    Chain(usize),
}

/// Puts the inputs of consecutive blocks, or runs of blocks, together to one of them all.
///
/// The witness has each header, code and node of the inputs once, but still has those that earlier blocks of the run
/// make, and no hints for jump destinations. [`minimize`](crate::minimize) mends both, and checks that the blocks are
/// consecutive.
///
/// # Errors
/// [`MergeError`] if the chains' rules differ.
pub fn merge(inputs: impl IntoIterator<Item = StatelessInput>) -> Result<StatelessInput, MergeError> {
    let mut inputs = inputs.into_iter();
    let Some(mut run) = inputs.next() else { return Ok(StatelessInput::default()) };
    let Witness { headers, codes, state } = &mut run.witness;
    let mut lists = [headers, codes, state].map(Distinct::new);
    for (index, input) in inputs.enumerate() {
        if input.chain != run.chain {
            return Err(MergeError::Chain(index + 1));
        }
        run.blocks.extend(input.blocks);
        run.public_keys.extend(input.public_keys);
        let Witness { headers, codes, state } = input.witness;
        for (list, items) in lists.iter_mut().zip([headers, codes, state]) {
            list.extend(items);
        }
    }
    run.destinations.clear();
    Ok(run)
}

/// List without repetitions.
struct Distinct<'a> {
    list: &'a mut Vec<Bytes>,
    known: HashSet<Bytes>,
}

impl<'a> Distinct<'a> {
    /// Drops the repetitions of a list.
    fn new(list: &'a mut Vec<Bytes>) -> Self {
        let items = core::mem::take(list);
        let mut distinct = Self { list, known: HashSet::default() };
        distinct.extend(items);
        distinct
    }

    fn extend(&mut self, items: Vec<Bytes>) {
        self.list.extend(items.into_iter().filter(|item| self.known.insert(item.clone())));
    }
}
