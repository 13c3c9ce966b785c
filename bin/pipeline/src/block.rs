//! Blocks and runs of blocks with their witnesses, as a source supplies them, and the facts that are known of them.

use crate::{
    chains,
    claim::{Blocks, Claim},
    error::{Error, Failed, Findings, Verdict},
    execute::RunReport,
};
use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes};
use alloy_rlp::{Decodable, PayloadView};
use serde::Serialize;
use zeno_guest_evm::{
    Block, ChainSpec, InputError, StatelessInput, ValidationError,
    chain::{Chain, End, FORKS},
    decode_block,
};

/// Kind of the source of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// A node.
    Node,
    /// A file.
    File,
    /// The built-in example.
    Example,
}

/// A block, or a run of blocks, as its input describes it. Nothing of it is checked.
#[derive(Clone, Debug, Serialize)]
pub struct BlockReport {
    /// Number of the last block.
    #[serde(rename = "block_number")]
    pub number: u64,
    /// Hash of the last block.
    #[serde(rename = "block_hash")]
    pub hash: B256,
    /// All blocks.
    #[serde(flatten)]
    pub blocks: Blocks,
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// Name of the chain with the input's rules, if they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<&'static str>,
    /// Name of the fork at the last block's timestamp.
    pub fork: &'static str,
    /// First timestamp, in seconds, at which the chain's rules are not known, if the last block's time is near to it or after
    /// it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules_end: Option<u64>,
    /// A sentence about that end.
    #[serde(skip)]
    pub warning: Option<String>,
    /// Number of transactions in all blocks.
    pub transactions: usize,
    /// Gas that all blocks used.
    pub gas_used: u64,
    /// Size of the witness.
    pub witness: WitnessSize,
}

/// Size of an input and of the state in it.
#[derive(Clone, Debug, Serialize)]
pub struct WitnessSize {
    /// Length of the whole input, in bytes.
    pub bytes: usize,
    /// Number of trie nodes.
    pub nodes: usize,
    /// Number of contract codes.
    pub codes: usize,
    /// Number of headers of ancestors.
    pub headers: usize,
}

/// Facts of a block that a failing verb had established.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BlockFindings {
    /// Kind of the source, if the verb came as far as to load the block.
    #[serde(skip)]
    pub source: Option<SourceKind>,
    /// The block, if it could be decoded.
    #[serde(flatten)]
    pub block: Option<BlockReport>,
    /// Verdict of validation, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid: Option<bool>,
    /// Size of the guest's run, if it ended well.
    #[serde(flatten)]
    pub run: Option<RunReport>,
    /// The claim of a valid block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
}

impl Findings for BlockFindings {
    fn judge(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Invalid | Verdict::Unexpected => self.valid = Some(false),
            Verdict::OtherChain => {}
        }
    }
}

/// An input in both forms, with its blocks. It is decoded and not validated.
#[derive(Debug)]
pub struct Loaded {
    pub(crate) source: SourceKind,
    pub(crate) bytes: Vec<u8>,
    pub(crate) input: StatelessInput,
    /// The blocks, of which there is at least one.
    pub(crate) blocks: Vec<Block>,
    /// The input's rules, with the end of what is known of them.
    pub(crate) chain: Chain,
    pub(crate) report: BlockReport,
}

impl Loaded {
    /// Decodes an input.
    pub(crate) fn decode(bytes: Vec<u8>, source: SourceKind) -> Result<Self, Failed<BlockFindings>> {
        let bytes = Bytes::from(bytes);
        let input = StatelessInput::decode(&bytes)
            .map_err(|error| Failed::new(Error::other(error), BlockFindings::of(source)))?;
        Self::new(bytes.into(), input, source)
    }

    /// Decodes the blocks of an input. Where a built-in chain has the input's rules, its end applies.
    pub(crate) fn new(
        bytes: Vec<u8>,
        input: StatelessInput,
        source: SourceKind,
    ) -> Result<Self, Failed<BlockFindings>> {
        let (blocks, spec) = parts(&input).map_err(|error| Failed::new(error, BlockFindings::of(source)))?;
        let (Some(first), Some(last)) = (blocks.first(), blocks.last()) else {
            let error = Error::other(InputError::NoBlock);
            return Err(Failed::new(error, BlockFindings::of(source)));
        };
        let header = &last.header;
        let chain = Chain::of_rules(spec, header.timestamp);
        let report = BlockReport {
            number: header.number,
            hash: header.hash_slow(),
            blocks: Blocks { first: first.header.number, last: header.number, count: blocks.len() as u64 },
            chain_id: chain.spec.chain_id,
            chain: chains::name_at(&chain.spec, header.timestamp),
            fork: chain.spec.fork_at(header.timestamp).name(),
            rules_end: None,
            warning: None,
            transactions: blocks.iter().map(|block| block.body.transactions.len()).sum(),
            // The headers are anybody's until they are validated.
            gas_used: blocks.iter().fold(0, |sum: u64, block| sum.saturating_add(block.header.gas_used)),
            witness: WitnessSize {
                bytes: bytes.len(),
                nodes: input.witness.state.len(),
                codes: input.witness.codes.len(),
                headers: input.witness.headers.len(),
            },
        };
        let end = chain.end.clone();
        Ok(Self { source, bytes, input, blocks, chain, report }.ending(end))
    }

    /// Replaces the end of what is known of the rules, which an input doesn't have.
    pub(crate) fn ending(mut self, end: Option<End>) -> Self {
        self.chain.end = end;
        let timestamp = self.last().timestamp;
        let near = chains::near_end(&self.chain, timestamp);
        (self.report.rules_end, self.report.warning) = near.map(|end| (end.from, end.warning)).unzip();
        self
    }

    /// Header of the first block.
    pub(crate) fn first(&self) -> &Header {
        &self.blocks[0].header
    }

    /// Header of the last block.
    pub(crate) fn last(&self) -> &Header {
        &self.blocks[self.blocks.len() - 1].header
    }

    /// The error of the block at a position, with its number if there are more.
    pub(crate) fn of_block(&self, index: usize, error: Error) -> Error {
        match self.blocks.get(index) {
            Some(block) if self.blocks.len() > 1 => error.in_run(format!("block {}", block.header.number)),
            _ => error,
        }
    }

    /// The blocks as their input describes them.
    pub fn report(&self) -> &BlockReport {
        &self.report
    }

    pub(crate) fn findings(&self) -> BlockFindings {
        BlockFindings { block: Some(self.report.clone()), ..BlockFindings::of(self.source) }
    }
}

impl BlockFindings {
    /// Nothing but the kind of the source.
    pub(crate) fn of(source: SourceKind) -> Self {
        Self { source: Some(source), ..Self::default() }
    }
}

/// Decodes the blocks and the rules of an input.
fn parts(input: &StatelessInput) -> Result<(Vec<Block>, ChainSpec), Error> {
    let count = input.blocks.len();
    let decoded = input.blocks.iter().enumerate().map(|(index, rlp)| {
        decode_block(rlp).map_err(|error| match (undecodable(error, rlp), count) {
            (error, 1) => error,
            (error, _) => error.in_run(format!("block {} of {count} in the input", index + 1)),
        })
    });
    let blocks = decoded.collect::<Result<Vec<_>, Error>>()?;
    let spec = ChainSpec::decode(&input.chain).map_err(Error::other)?;
    Ok((blocks, spec))
}

/// Distinguishes bytes that don't decode as a block. They are a block of an unknown fork, no block at all, or a block whose
/// header decodes and whose body breaks the rules of its encoding. Only the last is invalid.
fn undecodable(error: ValidationError, block: &[u8]) -> Error {
    if let ValidationError::BlockRlp(error) = &error {
        if is_of_later_fork(block) {
            return Error::other(format_args!(
                "the block can't be validated: it does not decode ({error}), and has parts that no fork has which this \
                 program implements; a newer zeno may know them"
            ));
        }
        if !list(block).is_some_and(|parts| parts.first().is_some_and(|header| is_header(header))) {
            return Error::other(format_args!("the input has no block that can be read: {error}"));
        }
    }
    error.into()
}

/// Number of items of a header since London (EIP-1559).
const LONDON_ITEMS: usize = 16;
/// Number of items of a header, by the last fork that is implemented.
const HEADER_ITEMS: usize = {
    let (mut items, mut index) = (LONDON_ITEMS, 0);
    while index < FORKS.len() {
        items += FORKS[index].fields.len();
        index += 1;
    }
    items
};
/// Number of parts of a block: header, transactions, ommers, withdrawals.
const BLOCK_PARTS: usize = 4;
/// Last known type of transactions (EIP-7702).
const LAST_TYPE: u8 = 4;
/// Last number that can be a type of transactions (EIP-2718).
const MAX_TYPE: u8 = 0x7f;

/// Returns whether a block's RLP has more parts, its header more items, or a transaction a higher type than under the
/// implemented forks.
fn is_of_later_fork(block: &[u8]) -> bool {
    let Some(parts) = list(block) else { return false };
    let items = parts.first().and_then(|header| list(header)).map_or(0, |items| items.len());
    let transactions = parts.get(1).and_then(|transactions| list(transactions)).unwrap_or_default();
    let has_later_type = transactions.iter().any(|transaction| {
        let mut rest = *transaction;
        match alloy_rlp::Header::decode_raw(&mut rest) {
            Ok(PayloadView::String(bytes)) => {
                bytes.first().is_some_and(|kind| (LAST_TYPE + 1..=MAX_TYPE).contains(kind))
            }
            _ => false,
        }
    });
    parts.len() > BLOCK_PARTS || items > HEADER_ITEMS || has_later_type
}

fn is_header(rlp: &[u8]) -> bool {
    let mut rest = rlp;
    Header::decode(&mut rest).is_ok() && rest.is_empty()
}

/// The items of an RLP list, each with its prefix.
fn list(rlp: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = rlp;
    match alloy_rlp::Header::decode_raw(&mut rest) {
        Ok(PayloadView::List(items)) if rest.is_empty() => Some(items),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::EXAMPLE;

    /// The built-in example's block: the parts of its RLP list, and its header's items.
    fn parts() -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
        let input = StatelessInput::decode(&EXAMPLE.to_vec().into()).unwrap();
        let owned = |items: Vec<&[u8]>| items.into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>();
        let parts = owned(list(&input.blocks[0]).unwrap());
        let items = owned(list(&parts[0]).unwrap());
        (parts, items)
    }

    fn joined(items: &[Vec<u8>]) -> Vec<u8> {
        let payload = items.concat();
        let mut rlp = Vec::new();
        alloy_rlp::Header { list: true, payload_length: payload.len() }.encode(&mut rlp);
        rlp.extend(payload);
        rlp
    }

    /// The refusal of the example with another block.
    fn refusal(block: Vec<u8>) -> Failed<BlockFindings> {
        let mut input = StatelessInput::decode(&EXAMPLE.to_vec().into()).unwrap();
        input.blocks = vec![block.into()];
        Loaded::decode(input.encode(), SourceKind::File).expect_err("it does not decode")
    }

    #[test]
    fn what_later_forks_add_is_no_verdict() {
        let (parts, items) = parts();
        // Amsterdam's slot number is the last (EIP-7843).
        assert_eq!((parts.len(), HEADER_ITEMS), (BLOCK_PARTS, 23));
        assert!(!is_of_later_fork(&joined(&parts)));
        let with_items = |count| {
            let mut header = items.clone();
            header.resize(count, vec![1]);
            [vec![joined(&header)], parts[1..].to_vec()].concat()
        };
        assert!(!is_of_later_fork(&joined(&with_items(HEADER_ITEMS))));
        let header = with_items(HEADER_ITEMS + 1);
        let more_parts = [parts.clone(), vec![joined(&[])]].concat();
        let transaction = alloy_rlp::encode(Bytes::from_static(&[5, 0xc0]));
        let unknown_type = [vec![parts[0].clone(), joined(&[transaction])], parts[2..].to_vec()].concat();
        for block in [header, more_parts, unknown_type] {
            let Failed { error, findings } = refusal(joined(&block));
            assert_eq!((error.verdict(), findings.valid), (None, None), "{error}");
            assert!(!error.to_string().contains("invalid"), "{error}");
        }
    }

    /// The example's block twice, of which the second has another number.
    fn run(alter: impl FnOnce(&mut Block)) -> StatelessInput {
        let mut input = StatelessInput::decode(&EXAMPLE.to_vec().into()).unwrap();
        let mut second = decode_block(&input.blocks[0]).unwrap();
        second.header.number += 1;
        alter(&mut second);
        input.blocks.push(alloy_rlp::encode(&second).into());
        input
    }

    #[test]
    fn a_run_is_described_by_its_ends_and_its_sums() {
        let one = Loaded::decode(EXAMPLE.to_vec(), SourceKind::File).unwrap().report;
        let number = one.number;
        assert_eq!(one.blocks, Blocks { first: number, last: number, count: 1 });
        let two = Loaded::decode(run(|_| {}).encode(), SourceKind::File).unwrap().report;
        assert_eq!(
            (two.number, two.blocks),
            (number + 1, Blocks { first: number, last: number + 1, count: 2 })
        );
        assert_eq!((two.transactions, two.gas_used), (2 * one.transactions, 2 * one.gas_used));
        assert_ne!(two.hash, one.hash);
        let most = run(|block| block.header.gas_used = u64::MAX);
        assert_eq!(Loaded::decode(most.encode(), SourceKind::File).unwrap().report.gas_used, u64::MAX);
    }

    /// An error of one block of a run names the block, and keeps its verdict.
    #[test]
    fn errors_in_a_run_name_the_block() {
        let number = Loaded::decode(EXAMPLE.to_vec(), SourceKind::File).unwrap().report.number + 1;
        let refusal = |input: StatelessInput| {
            Loaded::decode(input.encode(), SourceKind::File)
                .and_then(Loaded::validate)
                .expect_err("it is refused")
        };
        // It is a child of the same parent as the first.
        let Failed { error, findings } = refusal(run(|_| {}));
        assert_eq!((error.verdict(), findings.valid), (None, None), "{error}");
        assert!(
            error.to_string().starts_with(&format!("block {number}: the block can't be validated")),
            "{error}"
        );
        assert!(error.to_string().contains("not the child of the block before it"), "{error}");
        // It is a child of the first, and breaks a rule.
        let first = Loaded::decode(EXAMPLE.to_vec(), SourceKind::File).unwrap().report.hash;
        let Failed { error, findings } = refusal(run(|block| {
            block.header.parent_hash = first;
            block.header.extra_data = vec![0; 33].into();
        }));
        assert_eq!((error.verdict(), findings.valid), (Some(Verdict::Invalid), Some(false)), "{error}");
        assert!(error.to_string().starts_with(&format!("block {number}: the block is invalid")), "{error}");
        assert!(!error.to_string().contains("of the input"), "{error}");
        // It has no header.
        let mut input = run(|_| {});
        input.blocks[1] = Bytes::from_static(b"noise");
        let Failed { error, findings } = refusal(input);
        assert_eq!((error.verdict(), findings.valid), (None, None), "{error}");
        assert!(error.to_string().starts_with("block 2 of 2 in the input: "), "{error}");
    }

    /// A header makes a block of it; without one, the input is at fault.
    #[test]
    fn only_a_block_is_invalid() {
        let (parts, items) = parts();
        let no_transactions = [vec![parts[0].clone(), vec![1]], parts[2..].to_vec()].concat();
        let Failed { error, findings } = refusal(joined(&no_transactions));
        assert_eq!((error.verdict(), findings.valid), (Some(Verdict::Invalid), Some(false)), "{error}");
        let short = [vec![joined(&items[1..])], parts[1..].to_vec()].concat();
        for block in [Vec::new(), b"noise".to_vec(), joined(&short)] {
            let Failed { error, findings } = refusal(block);
            assert_eq!((error.verdict(), findings.valid), (None, None), "{error}");
        }
    }
}
