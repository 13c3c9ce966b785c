//! Where an input comes from: a node, a file, or the example that is built in.

use crate::{
    args::{Cli, NodeArgs, RpcArgs, SourceArgs, WitnessMethod},
    chains,
    failure::{Failure, blames_block},
    files,
    progress::Display,
    report::{Report, WitnessReport},
    text,
};
use alloy_consensus::Header;
use alloy_primitives::Bytes;
use alloy_rlp::{Decodable, PayloadView};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::runtime::Handle;
use zeno_guest_evm::{Block, ChainSpec, StatelessInput, ValidationError, decode_block};
use zeno_prover::{check_folder, default_cache_folder, prepare_folder};
use zeno_witness_fetch::{BlockSelector, Event, FetchError, FetchOptions, Fetcher, Method, SecretHeader};

/// A small block of a development chain, made by `cargo run -p zeno-tests --example make-example`.
const EXAMPLE: &[u8] = include_bytes!("../../config/example/input.zeno");

/// An input, in both forms, and its block. Not validated.
pub(crate) struct Loaded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) input: StatelessInput,
    pub(crate) block: Block,
}

impl Loaded {
    /// Decodes an input, and reports what it says of itself.
    pub(crate) fn decode(bytes: Vec<u8>, report: &mut Report) -> Result<Self, Failure> {
        let bytes = Bytes::from(bytes);
        let input = StatelessInput::decode(&bytes).map_err(Failure::other)?;
        Self::new(bytes.into(), input, report)
    }

    fn new(bytes: Vec<u8>, input: StatelessInput, report: &mut Report) -> Result<Self, Failure> {
        let block = decode_block(&input.block).map_err(|error| undecodable(error, &input.block, report))?;
        let spec = ChainSpec::decode(&input.chain).map_err(Failure::other)?;
        let header = &block.header;
        report.block_number = Some(header.number);
        report.block_hash = Some(header.hash_slow());
        report.chain_id = Some(spec.chain_id);
        report.chain = chains::name(spec.hash()).map(Into::into);
        report.fork = Some(spec.fork_at(header.timestamp).name());
        report.transactions = Some(block.body.transactions.len());
        report.gas_used = Some(header.gas_used);
        report.witness = Some(WitnessReport {
            bytes: bytes.len(),
            nodes: input.witness.state.len(),
            codes: input.witness.codes.len(),
            headers: input.witness.headers.len(),
        });
        Ok(Self { bytes, input, block })
    }
}

/// What a block that doesn't decode is: of a fork that this program doesn't know, no block at all, or a block whose header
/// decodes and whose body breaks the rules of its encoding. Only the last is invalid.
fn undecodable(error: ValidationError, block: &[u8], report: &mut Report) -> Failure {
    if let ValidationError::BlockRlp(error) = &error {
        if is_of_later_fork(block) {
            return Failure::other(format_args!(
                "the block can't be validated: it does not decode ({error}), and has parts that no fork has which this \
                 program implements; a newer zeno may know them"
            ));
        }
        if !list(block).is_some_and(|parts| parts.first().is_some_and(|header| is_header(header))) {
            return Failure::other(format_args!("the input has no block that can be read: {error}"));
        }
    }
    if blames_block(&error) {
        report.valid = Some(false);
    }
    error.into()
}

/// How many items a header has, by the last fork that is implemented (EIP-7685).
const HEADER_ITEMS: usize = 21;
/// How many parts a block has: header, transactions, ommers, withdrawals.
const BLOCK_PARTS: usize = 4;
/// The last type of transactions that is known (EIP-7702).
const LAST_TYPE: u8 = 4;
/// Above it are no types (EIP-2718).
const MAX_TYPE: u8 = 0x7f;

/// Whether a block's RLP has more parts, its header more items, or a transaction a higher type than the forks that are
/// implemented have.
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

/// The variable with the cache folder.
const CACHE_VARIABLE: &str = "ZENO_CACHE_DIR";

impl Cli {
    /// Where keys, fetched inputs and unfinished work are kept. It is refused where somebody else could put things.
    pub(crate) fn cache_folder(&self) -> Result<PathBuf, Failure> {
        self.prepared()?.ok_or_else(|| {
            Failure::other(format_args!(
                "there is no place for keys and unfinished work: none of {CACHE_VARIABLE}, XDG_CACHE_HOME and HOME is set; \
                 name a folder with --cache-dir"
            ))
        })
    }

    /// The same for commands that can do without: none, where nothing says which folder it is.
    pub(crate) fn cache_folder_if_any(&self) -> Result<Option<PathBuf>, Failure> {
        self.named_folder()?.map(|folder| check_folder(&folder).map_err(Failure::other)).transpose()
    }

    /// The same, and it is made if it isn't there.
    fn prepared(&self) -> Result<Option<PathBuf>, Failure> {
        self.named_folder()?.map(|folder| prepare_folder(&folder).map_err(Failure::other)).transpose()
    }

    /// The same, and a word to whoever wonders why nothing is kept.
    pub(crate) fn cache_folder_or_none(&self, display: &Display) -> Result<Option<PathBuf>, Failure> {
        let folder = self.prepared()?;
        if folder.is_none() {
            display.tell(&format!(
                "nothing is kept: none of {CACHE_VARIABLE}, XDG_CACHE_HOME and HOME is set; --cache-dir names a folder"
            ));
        }
        Ok(folder)
    }

    /// The cache folder as it is named, not looked at.
    fn named_folder(&self) -> Result<Option<PathBuf>, Failure> {
        Ok(match &self.cache_dir {
            Some(folder) if !folder.is_empty() => Some(PathBuf::from(folder)),
            // An empty variable is one that isn't set; an empty argument is a mistake.
            Some(_) if std::env::var_os(CACHE_VARIABLE).is_none_or(|value| !value.is_empty()) => {
                return Err(Failure::other("--cache-dir is empty; name a folder"));
            }
            _ => default_cache_folder(),
        })
    }
}

impl NodeArgs {
    /// Where the node is that `what` needs.
    pub(crate) fn options(&self, what: &str) -> Result<FetchOptions, Failure> {
        let url = match self.rpc_url.as_deref().map(str::trim) {
            Some("") => {
                return Err(Failure::other(format_args!(
                    "{what} needs a node, and --rpc-url or ETH_RPC_URL is empty: give it the URL of one, such as \
                     http://127.0.0.1:8545"
                )));
            }
            Some(url) => url,
            None => {
                return Err(Failure::other(format_args!(
                    "{what} needs a node: give its URL with --rpc-url or in ETH_RPC_URL, such as http://127.0.0.1:8545"
                )));
            }
        };
        let mut options = FetchOptions::new(url);
        // An empty variable is one that isn't set.
        for header in self.rpc_header.iter().filter(|header| !header.trim().is_empty()) {
            options.headers.push(header.parse::<SecretHeader>()?);
        }
        options.timeout = Duration::from_secs(self.rpc_timeout);
        Ok(options)
    }
}

/// The input that the arguments ask for.
pub(crate) fn load(
    cli: &Cli,
    args: &SourceArgs,
    display: &Arc<Display>,
    report: &mut Report,
) -> Result<Loaded, Failure> {
    match (&args.block, &args.input) {
        (Some(block), _) => fetch(cli, block, &args.rpc, display, report),
        (None, Some(path)) => from_file(path, args.rpc.chain.as_deref(), report),
        // A variable that is empty leaves no argument: nobody who names a node means the example.
        (None, None) if cli.names_node => Err(Failure::other(
            "a node is named, and no block: name one, by its number or its hash, or latest, safe or finalized; without both, \
             the block is the example that is built in",
        )),
        (None, None) => {
            report
                .headline
                .push("Neither BLOCK nor --input is given: this is the example that is built in.".to_owned());
            let expected = args.rpc.chain.as_deref().map(chains::by_name).transpose()?;
            let loaded = Loaded::decode(EXAMPLE.to_vec(), report)?;
            check_rules("the built-in example", &loaded, expected)?;
            Ok(loaded)
        }
    }
}

/// Refuses an input of another chain than the one that is expected.
fn check_rules(what: &str, loaded: &Loaded, expected: Option<(String, ChainSpec)>) -> Result<(), Failure> {
    let rules = ChainSpec::decode(&loaded.input.chain).map_err(Failure::other)?.hash();
    match expected {
        Some((name, spec)) if spec.hash() != rules => Err(Failure::Invalid(format!(
            "{what} is of {}, and --chain expects {name} (chainSpec {})",
            chains::rules(rules),
            spec.hash()
        ))),
        _ => Ok(()),
    }
}

/// An input of `zeno fetch`, under the rules that are expected, if any are.
fn from_file(path: &Path, chain: Option<&Path>, report: &mut Report) -> Result<Loaded, Failure> {
    let expected = chain.map(chains::by_name).transpose()?;
    let loaded = Loaded::decode(files::read_input(path)?, report).map_err(|error| match error {
        Failure::Other(message) => Failure::file(path, message),
        invalid => invalid,
    })?;
    check_rules(&format!("{}: the input", text::path(path)), &loaded, expected)?;
    Ok(loaded)
}

/// The block that a user names, or what may be wrong with the name.
fn select(block: &str) -> Result<BlockSelector, Failure> {
    if block.contains("://") {
        // It may hold a key.
        return Err(Failure::other("a URL is given in the place of the block; name the node with --rpc-url"));
    }
    block.parse::<BlockSelector>().map_err(|error| {
        let lower = block.trim().to_lowercase();
        let digits: String = lower.chars().filter(|character| !"_,'. ".contains(*character)).collect();
        let is_hash = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let hint = if lower == "pending" {
            "; a pending block has no hash yet, and the last one that has is latest".to_owned()
        } else if lower == "earliest" || lower == "genesis" {
            "; the genesis block has no parent whose state it starts from, so there is nothing to validate"
                .to_owned()
        } else if is_hash(&lower) {
            format!("; a hash begins with 0x: 0x{lower}")
        } else if lower != block && lower.parse::<BlockSelector>().is_ok() {
            format!("; write {lower}")
        } else if digits != lower && digits.parse::<BlockSelector>().is_ok() {
            format!("; write {digits}")
        } else if Path::new(block).is_file() {
            let path = text::path(Path::new(block));
            format!("; if the file {path} is meant, write --input {path}")
        } else {
            String::new()
        };
        Failure::other(format_args!("{error}{hint}"))
    })
}

/// Fetches a block and its witness from a node; the fetcher validates them.
pub(crate) fn fetch(
    cli: &Cli,
    block: &str,
    args: &RpcArgs,
    display: &Arc<Display>,
    report: &mut Report,
) -> Result<Loaded, Failure> {
    let selector = select(block)?;
    let mut options = args.node.options(&format!("block {selector}"))?;
    options.chain = args.chain.as_deref().map(chains::by_name).transpose()?.map(|(_, spec)| spec);
    options.method = match args.witness {
        WitnessMethod::Auto => Method::Auto,
        WitnessMethod::Execution => Method::ExecutionWitness,
        WitnessMethod::Proofs => Method::Proofs,
    };
    options.cache_dir = cli.cache_folder_or_none(display)?.map(|cache| cache.join("inputs"));
    options.refresh = args.refresh;

    let fetcher = Fetcher::new(options)?;
    let shown = display.clone();
    let progress = Arc::new(move |event: Event| shown.say(&event.to_string()));
    // Commands run on a thread of the runtime that is made for blocking.
    let input = Handle::current().block_on(fetcher.fetch(&selector, progress)).map_err(|error| {
        if let FetchError::Invalid { error, .. } = &error
            && blames_block(error)
        {
            report.valid = Some(false);
        }
        Failure::from(error)
    })?;
    Loaded::new(input.encode(), input, report)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block of the built-in example, as the parts of its RLP list, with its header's items.
    fn parts() -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
        let input = StatelessInput::decode(&EXAMPLE.to_vec().into()).unwrap();
        let owned = |items: Vec<&[u8]>| items.into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>();
        let parts = owned(list(&input.block).unwrap());
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

    /// What is said of the example with another block.
    fn refusal(block: Vec<u8>) -> (Failure, Option<bool>) {
        let mut input = StatelessInput::decode(&EXAMPLE.to_vec().into()).unwrap();
        input.block = block.into();
        let mut report = Report::default();
        let failure = Loaded::decode(input.encode(), &mut report).err().expect("it does not decode");
        (failure, report.valid)
    }

    #[test]
    fn what_later_forks_add_is_no_verdict() {
        let (parts, items) = parts();
        assert_eq!((parts.len(), items.len()), (BLOCK_PARTS, HEADER_ITEMS));
        assert!(!is_of_later_fork(&joined(&parts)));
        let mut later = items.clone();
        later.extend([alloy_rlp::encode(alloy_primitives::B256::ZERO), vec![1], vec![2]]);
        let header = [vec![joined(&later)], parts[1..].to_vec()].concat();
        let more_parts = [parts.clone(), vec![joined(&[])]].concat();
        let transaction = alloy_rlp::encode(Bytes::from_static(&[5, 0xc0]));
        let unknown_type = [vec![parts[0].clone(), joined(&[transaction])], parts[2..].to_vec()].concat();
        for block in [header, more_parts, unknown_type] {
            let (failure, valid) = refusal(joined(&block));
            assert_eq!((failure.status(), valid), (2, None), "{failure}");
            assert!(!failure.to_string().contains("invalid"), "{failure}");
        }
    }

    /// A header makes a block of it; without one, the input is at fault.
    #[test]
    fn only_a_block_is_invalid() {
        let (parts, items) = parts();
        let no_transactions = [vec![parts[0].clone(), vec![1]], parts[2..].to_vec()].concat();
        let (failure, valid) = refusal(joined(&no_transactions));
        assert_eq!((failure.status(), valid), (1, Some(false)), "{failure}");
        let short = [vec![joined(&items[1..])], parts[1..].to_vec()].concat();
        for block in [Vec::new(), b"noise".to_vec(), joined(&short)] {
            let (failure, valid) = refusal(block);
            assert_eq!((failure.status(), valid), (2, None), "{failure}");
        }
    }

    #[test]
    fn names_of_no_block_come_with_a_hint() {
        let hash = "Ab".repeat(32);
        for (block, hint) in [
            ("0X12", "write 0x12"),
            ("Latest", "write latest"),
            ("1_000", "write 1000"),
            ("23,900,000", "write 23900000"),
            ("pending", "latest"),
            ("earliest", "genesis"),
            (&hash, "0xabab"),
            (file!(), "names no block"),
            (concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"), "--input"),
        ] {
            let said = select(block).unwrap_err().to_string();
            assert!(said.contains(hint), "{block}: {said}");
        }
        assert_eq!(select("0x12").unwrap(), BlockSelector::Number(18));
    }
}
