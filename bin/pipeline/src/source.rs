//! Sources of blocks: a node, a file, or the built-in example.

use crate::{
    block::{BlockFindings, Loaded, SourceKind},
    chains,
    context::Context,
    error::{Error, Failed},
    files,
    node_options::NodeOptions,
    observer, text,
};
use std::path::{Path, PathBuf};
use tokio::runtime::Handle;
use zeno_guest_evm::chain::Chain;
use zeno_witness_fetch::{BlocksSelector, FetchOptions, Fetcher, Method};

/// A small block of a development chain, made by `cargo run -p zeno-tests --example make-example`.
pub(crate) const EXAMPLE: &[u8] = include_bytes!("../../../config/example/input.zeno");

/// Source of a block and its witness.
#[derive(Clone, Debug)]
pub enum Source {
    /// A node.
    Node(NodeSource),
    /// An input in a file.
    File {
        /// The file.
        path: PathBuf,
        /// The expected chain, by an argument of [`chains::by_name`].
        chain: Option<PathBuf>,
    },
    /// The built-in example.
    Example {
        /// The expected chain, by an argument of [`chains::by_name`].
        chain: Option<PathBuf>,
    },
}

/// A block of a node, or a run of blocks.
#[derive(Clone, Debug)]
pub struct NodeSource {
    /// The blocks.
    pub blocks: BlocksSelector,
    /// Access to the node.
    pub node: NodeOptions,
    /// The expected chain, by an argument of [`chains::by_name`]. `None` stands for the built-in one of the node's chain id.
    pub chain: Option<PathBuf>,
    /// Way to the state witness.
    pub method: Method,
    /// Fetches a block even if its input is in the cache folder.
    pub refresh: bool,
}

impl Source {
    /// Loads the block and its witness. Call it within a tokio runtime, on a thread that may block.
    ///
    /// # Errors
    /// [`Failed`] where the source supplies no input of the expected chain. A fetched block may also be found invalid.
    pub fn load(&self, context: &Context) -> Result<Loaded, Failed<BlockFindings>> {
        match self {
            Self::Node(source) => source.load(context),
            Self::File { path, chain } => from_file(path, chain.as_deref()),
            Self::Example { chain } => example(chain.as_deref()),
        }
    }
}

impl NodeSource {
    /// Fetches the blocks and their witness; the fetch validates them. Call it within a tokio runtime, on a thread that may
    /// block.
    ///
    /// # Errors
    /// [`Failed`] where the node supplies no valid block with its witness.
    pub fn load(&self, context: &Context) -> Result<Loaded, Failed<BlockFindings>> {
        let failed = |error| Failed::new(error, BlockFindings::of(SourceKind::Node));
        let chain = self.chain.as_deref().map(chains::by_name).transpose().map_err(failed)?;
        let chain = chain.map(|(_, chain)| chain);
        let (bytes, input) = self.fetch(chain.clone(), context).map_err(failed)?;
        let loaded = Loaded::new(bytes, input, SourceKind::Node)?;
        Ok(match chain {
            Some(chain) => loaded.ending(chain.end),
            None => loaded,
        })
    }

    fn fetch(
        &self,
        chain: Option<Chain>,
        context: &Context,
    ) -> Result<(Vec<u8>, zeno_guest_evm::StatelessInput), Error> {
        let options = FetchOptions {
            rpc: self.node.rpc(&self.blocks.in_words())?,
            chain,
            method: self.method,
            cache_dir: context.cache.inputs(&*context.observer)?,
            refresh: self.refresh,
        };
        let fetcher = Fetcher::new(options)?;
        let progress = observer::of_fetch(context.observer.clone());
        let input = Handle::current().block_on(async {
            match &self.blocks {
                BlocksSelector::One(block) => fetcher.fetch(block, progress).await,
                BlocksSelector::Run(run) => fetcher.fetch_run(*run, progress).await,
            }
        })?;
        Ok((input.encode(), input))
    }
}

/// Loads an input from a file, under the rules that are expected, if any are.
fn from_file(path: &Path, chain: Option<&Path>) -> Result<Loaded, Failed<BlockFindings>> {
    let failed = |error| Failed::new(error, BlockFindings::of(SourceKind::File));
    let expected = chain.map(chains::by_name).transpose().map_err(failed)?;
    let bytes = files::read_input(path).map_err(failed)?;
    let loaded = Loaded::decode(bytes, SourceKind::File).map_err(|Failed { error, findings }| {
        let error = if error.verdict().is_none() { error.in_file(path) } else { error };
        Failed { error, findings }
    })?;
    expect_rules(loaded, expected, || format!("{}: the input", text::path(path)))
}

fn example(chain: Option<&Path>) -> Result<Loaded, Failed<BlockFindings>> {
    let expected = chain.map(chains::by_name).transpose();
    let expected = expected.map_err(|error| Failed::new(error, BlockFindings::of(SourceKind::Example)))?;
    let loaded = Loaded::decode(EXAMPLE.to_vec(), SourceKind::Example)?;
    expect_rules(loaded, expected, || "the built-in example".to_owned())
}

/// Refuses an input of another chain than the expected one. The rules that had begun at the block's time are compared. From
/// the expected chain comes the end of what is known of them.
fn expect_rules(
    loaded: Loaded,
    expected: Option<(String, Chain)>,
    what: impl FnOnce() -> String,
) -> Result<Loaded, Failed<BlockFindings>> {
    let Some((name, chain)) = expected else { return Ok(loaded) };
    let timestamp = loaded.last().timestamp;
    let actual = loaded.chain.spec.digest_at(timestamp);
    let digest = chain.spec.digest_at(timestamp);
    if digest == actual {
        return Ok(loaded.ending(chain.end));
    }
    let expected = format!("{name} (chainSpec {digest})");
    let actual = chains::in_words(loaded.report.chain, actual);
    Err(Failed::new(Error::OtherChain { what: what(), actual, expected }, loaded.findings()))
}
