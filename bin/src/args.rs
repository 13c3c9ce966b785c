//! The command line.

use alloy_primitives::Address;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Proves Ethereum blocks, and checks the proofs.
///
/// A block comes from a node (BLOCK and --rpc-url), from a file that `zeno fetch` wrote (--input), or,
/// with neither, is the example that is built in.
///
/// Exit status: 0 good, 1 the block or the proof is invalid, 2 anything else, among it a fork, release, rules or SRS that
/// are not known or not accepted.
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
    ///
    /// Natively, or, with --contract, by a contract on a chain.
    Verify(VerifyArgs),
    /// Say what an input or a proof claims, in words, without checking it.
    Inspect(FileArgs),
    /// The structured reference string (SRS) that proofs for a contract are made under.
    #[command(subcommand)]
    Srs(SrsCommand),
    /// The contracts that check EVM proofs: their sources, their deployment, and proofs for them.
    #[command(subcommand)]
    Contract(ContractCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ContractCommand {
    /// Write the Solidity sources of all contracts, for the verifying key in use.
    ///
    /// They compile with forge or solc 0.8.19: `forge build` in the folder leaves in out/ what `zeno contract deploy
    /// --artifacts` takes.
    Export(ContractExportArgs),
    /// Deploy the verifier, and with --follow a light client.
    Deploy(ContractDeployArgs),
    /// Submit an EVM proof to a light client, which advances by it.
    Submit(ContractSubmitArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ContractExportArgs {
    /// The folder to write to; what is in it by the same names is replaced.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) keys: EvmKeyArgs,
    /// Also for the development SRS, under which anybody can forge proofs.
    #[arg(long)]
    pub(crate) allow_insecure: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ContractDeployArgs {
    /// A folder with the compiled contracts, NAME.json or NAME.sol/NAME.json: forge's out/ for what `zeno contract
    /// export` wrote, or verifier-contract/contracts/artifacts of this repository for the development SRS.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) artifacts: PathBuf,
    /// Also deploy a light client that starts from the parent of the block in this file of `zeno fetch`. That parent
    /// is trusted.
    #[arg(long, value_name = "FILE")]
    pub(crate) follow: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) keys: EvmKeyArgs,
    #[command(flatten)]
    pub(crate) sending: SendingArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ContractSubmitArgs {
    /// The proof.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The light client's address.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) contract: Address,
    #[command(flatten)]
    pub(crate) sending: SendingArgs,
}

/// How transactions are made.
#[derive(Debug, Args)]
pub(crate) struct SendingArgs {
    #[command(flatten)]
    pub(crate) node: NodeArgs,
    #[command(flatten)]
    pub(crate) signer: SignerArgs,
    /// Refuse a node of another chain.
    #[arg(long, value_name = "ID")]
    pub(crate) chain_id: Option<u64>,
    /// Call and estimate, and send nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Also for what stems from the development SRS, under which anybody can forge proofs.
    #[arg(long)]
    pub(crate) allow_insecure: bool,
}

/// Who signs transactions. Without any of these, the key in the variable ZENO_PRIVATE_KEY.
#[derive(Debug, Args)]
pub(crate) struct SignerArgs {
    /// A file with a private key, 64 hexadecimal digits.
    #[arg(long, value_name = "FILE", conflicts_with = "keystore")]
    pub(crate) key_file: Option<PathBuf>,
    /// An encrypted key, as geth and others write it. Its password comes from --password-file or from the variable
    /// ZENO_KEYSTORE_PASSWORD.
    #[arg(long, value_name = "FILE")]
    pub(crate) keystore: Option<PathBuf>,
    /// A file with the keystore's password; the line's end is not part of it.
    #[arg(long, value_name = "FILE", requires = "keystore")]
    pub(crate) password_file: Option<PathBuf>,
}

/// Which verifying key of EVM proofs is meant.
#[derive(Debug, Args)]
pub(crate) struct EvmKeyArgs {
    /// The folder with the verifying key of EVM proofs and Halo2Verifier.sol [default: the one for the built-in guest
    /// that `zeno setup` left in the cache folder].
    #[arg(long, value_name = "FOLDER")]
    pub(crate) keys: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The proof.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) keys: EvmKeyArgs,
    /// Accept an EVM proof under the development SRS, which anybody can forge.
    #[arg(long)]
    pub(crate) allow_insecure: bool,
    /// Have a verifier's contract check an EVM proof, by a call to the node of --rpc-url.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) contract: Option<Address>,
    #[command(flatten)]
    pub(crate) node: NodeArgs,
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
    /// For circuits of 2^K rows. May be repeated [default: the ones that proving takes, 22 and 23, as far
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
pub(crate) struct NodeArgs {
    /// The node's JSON-RPC endpoint, http or https.
    #[arg(long, value_name = "URL", env = "ETH_RPC_URL", hide_env_values = true)]
    pub(crate) rpc_url: Option<String>,
    /// An HTTP header for the node, such as an API key. May be repeated; never logged.
    #[arg(long, value_name = "NAME: VALUE", env = "ETH_RPC_HEADER", hide_env_values = true)]
    pub(crate) rpc_header: Vec<String>,
    /// Seconds to wait for one answer of the node.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) rpc_timeout: u64,
}

/// How to fetch a block from a node.
#[derive(Debug, Args)]
pub(crate) struct RpcArgs {
    #[command(flatten)]
    pub(crate) node: NodeArgs,
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
    /// Run this guest instead of the one built in: an ELF file for the same machine, as `scripts/build-guest` makes it.
    #[arg(long, value_name = "ELF")]
    pub(crate) guest: Option<PathBuf>,
    /// Follow every instruction, list the phases and functions that they belong to, and draw a flame graph into this
    /// file, an SVG that a browser opens.
    #[arg(long, value_name = "SVG")]
    pub(crate) profile: Option<PathBuf>,
    /// What the widths of the flame graph count.
    #[arg(long, value_enum, default_value_t, requires = "profile")]
    pub(crate) by: CostArg,
}

/// What a run costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum CostArg {
    /// Instructions of the virtual machine.
    #[default]
    Instructions,
    /// Cells of the tables that the instructions fill.
    Cells,
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
