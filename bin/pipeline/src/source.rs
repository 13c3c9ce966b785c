//! Sources of blocks: a node, a file, or the built-in example.

use crate::{
    block::{BlockFindings, Loaded, SourceKind},
    chains,
    context::Context,
    error::{Error, Failed},
    files,
    node_options::NodeOptions,
    observer,
    setting::Setting,
    text,
};
use std::path::{Path, PathBuf};
use tokio::runtime::Handle;
use zeno_guest_evm::chain::Chain;
use zeno_verifier::{RulesError, compare_rules};
use zeno_witness_fetch::{BlocksSelector, FetchOptions, Fetcher, Method, NotSupported};

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
/// the expected chain comes the end of what is known of them; rules that are not known there are no other chain's.
fn expect_rules(
    loaded: Loaded,
    expected: Option<(String, Chain)>,
    what: impl FnOnce() -> String,
) -> Result<Loaded, Failed<BlockFindings>> {
    let Some((name, chain)) = expected else { return Ok(loaded) };
    let timestamp = loaded.last().timestamp;
    let actual = loaded.chain.spec.digest_at(timestamp);
    let error = match compare_rules(&chain, loaded.chain.spec.chain_id, actual, timestamp) {
        Ok(_) => return Ok(loaded.ending(chain.end)),
        Err(RulesError::BeyondEnd(beyond)) => {
            let loaded = loaded.ending(chain.end);
            let error = Error::NotSupported(NotSupported::BeyondEnd(beyond));
            let error = loaded.of_block(loaded.blocks.len() - 1, error);
            return Err(Failed::new(error, loaded.findings()));
        }
        Err(error) if !error.is_mismatch() => {
            Error::other(format_args!("{} is of unknown rules: {error}", what()))
                .with_settings([Setting::Chain])
        }
        Err(_) => {
            let expected = format!("{name} (chainSpec {})", chain.spec.digest_at(timestamp));
            let actual = chains::in_words(loaded.report.chain, actual);
            Error::OtherChain { what: what(), actual, expected }
        }
    };
    Err(Failed::new(error, loaded.findings()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Verdict;
    use zeno_guest_evm::{
        ChainSpec, StatelessInput,
        chain::{HORIZON, RELEASED},
        decode_block,
    };

    /// The example's block at another time and under other rules, where Sepolia's are expected.
    fn expecting_sepolia(spec: &ChainSpec, timestamp: u64) -> Result<Loaded, Failed<BlockFindings>> {
        let mut input = StatelessInput::decode(&EXAMPLE.to_vec().into()).unwrap();
        let mut block = decode_block(&input.blocks[0]).unwrap();
        block.header.timestamp = timestamp;
        input.blocks = vec![alloy_rlp::encode(&block).into()];
        input.chain = spec.encode().into();
        let loaded = Loaded::decode(input.encode(), SourceKind::File).map_err(|failed| failed.error).unwrap();
        expect_rules(loaded, Some(chains::by_name("sepolia").unwrap()), || "the input".to_owned())
    }

    /// An input of another chain has a verdict, and one of rules that this program may not know has none.
    #[test]
    fn unknown_rules_are_not_those_of_another_chain() {
        let sepolia = ChainSpec::sepolia();
        let mut other = sepolia.clone();
        other.deposit_contract = None;
        let verdict = |spec: &ChainSpec, timestamp| {
            let Failed { error, findings } = expecting_sepolia(spec, timestamp).expect_err("it is refused");
            assert_eq!(findings.valid, None, "{error}");
            assert!(error.settings().contains(&Setting::Chain), "{error}");
            (error.verdict(), error.to_string())
        };
        assert_eq!(verdict(&other, RELEASED - 1).0, Some(Verdict::OtherChain));
        for (timestamp, says) in [
            (RELEASED, "can't be judged"),
            (HORIZON - 1, "can't be judged"),
            (HORIZON, "a newer zeno may know more"),
        ] {
            let (verdict, error) = verdict(&other, timestamp);
            assert!(verdict.is_none() && error.contains(says), "{error}");
        }
        // Rules that left a fork out, and another chain's id, are known to be others.
        let early = sepolia.until(0);
        assert_eq!(verdict(&early, RELEASED).0, Some(Verdict::OtherChain));
        for timestamp in [RELEASED, HORIZON] {
            assert_eq!(verdict(&ChainSpec::hoodi(), timestamp).0, Some(Verdict::OtherChain));
        }
        // The end comes from the expected chain.
        let Failed { findings, .. } = expecting_sepolia(&sepolia, HORIZON).expect_err("it is refused");
        assert_eq!(findings.block.and_then(|block| block.rules_end), Some(HORIZON));
        assert!(expecting_sepolia(&sepolia, HORIZON - 1).is_ok());
    }
}
