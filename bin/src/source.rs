//! Where an input comes from: a node, a file, or the example that is built in.

use crate::{
    args::{Cli, NodeArgs, RpcArgs, SourceArgs, WitnessMethod},
    chains,
    failure::Failure,
    files,
    progress::Display,
    report::{Report, WitnessReport},
};
use alloy_primitives::Bytes;
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::runtime::Handle;
use zeno_guest_evm::{Block, ChainSpec, StatelessInput, decode_block};
use zeno_prover::default_cache_folder;
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
        let block = decode_block(&input.block)?;
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

impl Cli {
    /// Where keys, fetched inputs and unfinished work are kept.
    pub(crate) fn cache_folder(&self) -> PathBuf {
        self.cache_dir.clone().unwrap_or_else(default_cache_folder)
    }
}

impl NodeArgs {
    /// Where the node is that `what` needs.
    pub(crate) fn options(&self, what: &str) -> Result<FetchOptions, Failure> {
        let url = self.rpc_url.as_deref().ok_or_else(|| {
            Failure::other(format_args!("{what} needs a node: name one with --rpc-url or ETH_RPC_URL"))
        })?;
        let mut options = FetchOptions::new(url);
        for header in &self.rpc_header {
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
        (None, Some(path)) => Loaded::decode(files::read(path)?, report).map_err(|error| match error {
            Failure::Other(message) => Failure::file(path, message),
            invalid => invalid,
        }),
        (None, None) => Loaded::decode(EXAMPLE.to_vec(), report),
    }
}

/// Fetches a block and its witness from a node; the fetcher validates them.
pub(crate) fn fetch(
    cli: &Cli,
    block: &str,
    args: &RpcArgs,
    display: &Arc<Display>,
    report: &mut Report,
) -> Result<Loaded, Failure> {
    let selector = block.parse::<BlockSelector>().map_err(Failure::other)?;
    let mut options = args.node.options(&format!("block {selector}"))?;
    options.chain = args.chain.as_deref().map(chains::from_file).transpose()?;
    options.method = match args.witness {
        WitnessMethod::Auto => Method::Auto,
        WitnessMethod::Execution => Method::ExecutionWitness,
        WitnessMethod::Proofs => Method::Proofs,
    };
    options.cache_dir = Some(cli.cache_folder().join("inputs"));
    options.refresh = args.refresh;

    let fetcher = Fetcher::new(options)?;
    let shown = display.clone();
    let progress = Arc::new(move |event: Event| shown.say(&event.to_string()));
    // Commands run on a thread of the runtime that is made for blocking.
    let input = Handle::current().block_on(fetcher.fetch(&selector, progress)).map_err(|error| {
        if let FetchError::Invalid { error, .. } = &error
            && error.blames_block()
        {
            report.valid = Some(false);
        }
        Failure::from(error)
    })?;
    Loaded::new(input.encode(), input, report)
}
