//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Proves Ethereum blocks, and checks the proofs.
///
/// A block comes from a node (BLOCK and --rpc-url), from a file that `zeno fetch` wrote (--input), or,
/// with neither, is the example that is built in.
///
/// Exit status: 0 good, 1 the block or the proof is invalid, 2 anything else.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Logs: RUST_LOG=info, or debug. Keys and unfinished work: $ZENO_CACHE_DIR, by default ~/.cache/zeno."
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print exactly one JSON object on stdout.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Where keys, fetched inputs and unfinished proofs are kept.
    #[arg(long, global = true, value_name = "FOLDER", env = "ZENO_CACHE_DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Fetch a block and its state witness from a node, validate them and write them to a file.
    Fetch(FetchArgs),
    /// Check every consensus rule of the execution layer on a block, natively.
    Validate(SourceArgs),
    /// Run the guest in the zkVM without proving: instructions, segments, cost.
    Execute(ExecuteArgs),
    /// Prove a block.
    Prove(ProveArgs),
    /// Make the keys for EVM proofs under the installed SRS, once: minutes, and 6 GB of disk.
    Setup(BackendArgs),
    /// Check a proof.
    Verify(FileArgs),
    /// Say what an input or a proof claims, in words, without checking it.
    Inspect(FileArgs),
    /// The structured reference string (SRS) that proofs for a contract are made under.
    #[command(subcommand)]
    Srs(SrsCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum SrsCommand {
    /// Check a ceremony's file, a raw halo2 .srs or a prepared snarkjs .ptau, and install its SRS.
    Import(SrsImportArgs),
    /// Make the SRS for development from a public seed. INSECURE: anybody can forge proofs under it.
    Dev(SrsDegreeArgs),
    /// Say what is installed, and whether it is undamaged.
    Info,
}

#[derive(Debug, Args)]
pub(crate) struct SrsImportArgs {
    /// The file.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) degrees: SrsDegreeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SrsDegreeArgs {
    /// For circuits of 2^K rows. May be repeated [default: the ones that proving takes, 22 to 24, as far
    /// as the file holds them].
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=28))]
    pub(crate) k: Vec<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct FetchArgs {
    /// The block: a number, a hash, latest, safe or finalized.
    #[arg(value_name = "BLOCK")]
    pub(crate) block: String,
    #[command(flatten)]
    pub(crate) rpc: RpcArgs,
    /// Where to write the input [default: block-NUMBER.zeno].
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct SourceArgs {
    /// The block: a number, a hash, latest, safe or finalized. Without it and without --input, the
    /// example that is built in.
    #[arg(value_name = "BLOCK", conflicts_with = "input")]
    pub(crate) block: Option<String>,
    /// A file that `zeno fetch` wrote.
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) rpc: RpcArgs,
}

/// How to reach a node.
#[derive(Debug, Args)]
pub(crate) struct RpcArgs {
    /// The node's JSON-RPC endpoint, http or https.
    #[arg(long, value_name = "URL", env = "ETH_RPC_URL", hide_env_values = true)]
    pub(crate) rpc_url: Option<String>,
    /// An HTTP header for the node, such as an API key. May be repeated; never logged.
    #[arg(long, value_name = "NAME: VALUE", env = "ETH_RPC_HEADER", hide_env_values = true)]
    pub(crate) rpc_header: Vec<String>,
    /// Seconds to wait for one answer of the node.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) rpc_timeout: u64,
    /// Rules of a chain that is not built in: a geth-style genesis or its `config`, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) chain: Option<PathBuf>,
    /// How to get the state witness.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) witness: WitnessMethod,
    /// Fetch again even what the cache has.
    #[arg(long)]
    pub(crate) refresh: bool,
}

/// The two ways to a state witness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum WitnessMethod {
    /// debug_executionWitness where the node has it, else proofs.
    #[default]
    Auto,
    /// debug_executionWitness only.
    Execution,
    /// Execute locally, and get what the block touches by eth_getProof.
    Proofs,
}

#[derive(Debug, Args)]
pub(crate) struct ExecuteArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// Also list the functions that take the most instructions, by this unstripped ELF of the guest
    /// (`scripts/build-guest` leaves one in its target folder).
    #[arg(long, value_name = "ELF")]
    pub(crate) profile: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ProveArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// The kind of proof.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) proof: ProofArg,
    #[command(flatten)]
    pub(crate) backend: BackendArgs,
    /// Where to write the proof [default: block-NUMBER.proof].
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// Kinds of proof.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProofArg {
    /// One STARK, checked natively.
    #[default]
    Stark,
    /// A Halo2-KZG proof for a contract. Needs an SRS (`zeno srs`); keys are made at the first one (`zeno setup`).
    Evm,
}

#[derive(Debug, Args)]
pub(crate) struct BackendArgs {
    /// What computes STARKs. They are the same, byte for byte.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) backend: BackendArg,
}

/// What computes proofs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackendArg {
    /// This project's device.
    #[default]
    Zeno,
    /// The proof system's own device: slower, and the reference.
    Stock,
}

impl From<BackendArg> for zeno_prover::Backend {
    fn from(backend: BackendArg) -> Self {
        match backend {
            BackendArg::Zeno => Self::Zeno,
            BackendArg::Stock => Self::Stock,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// The file.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}
