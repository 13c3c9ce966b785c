//! The command line.

use alloy_primitives::{Address, B256, U256};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::{ffi::OsString, path::PathBuf};
use zeno_pipeline::ether;

/// Text after the help of the whole program.
const AFTER_HELP: &str = "\
Exit status:
  0  good
  1  the block or the proof is invalid, or not of what --chain, --block and --parent expect
  2  anything else: usage, network, files, and a fork, release, rules, key or SRS that is not known or not accepted
  130, 143, 129  ended by SIGINT (Ctrl-C), SIGTERM or SIGHUP; what was finished is kept

Environment:
  ETH_RPC_URL, ETH_RPC_HEADER  for --rpc-url and --rpc-header
  ZENO_CACHE_DIR               for --cache-dir
  ZENO_PRIVATE_KEY, ZENO_KEYSTORE_PASSWORD  who signs transactions
  RUST_LOG                     logs on stderr: warn (the default), info or debug
  NO_COLOR                     no colours

Cache: keys, the SRS, fetched inputs and unfinished proofs lie in --cache-dir, by default in $XDG_CACHE_HOME/zeno or
~/.cache/zeno. It is refused where somebody else may write. All of it can be made again.";

/// Proves Ethereum blocks, and checks the proofs.
///
/// A block comes from a node (BLOCK and --rpc-url), from a file that `zeno fetch` wrote (--input), or,
/// with neither, is the example that is built in. A run of consecutive blocks A..B takes the place of a
/// block everywhere: it is one input, and has one proof.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    /// The command.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print exactly one JSON object on stdout, whatever happens.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The folder for keys, fetched inputs and unfinished proofs.
    // An `OsString`, which may be empty, as variables sometimes are.
    #[arg(long, global = true, value_name = "FOLDER", env = "ZENO_CACHE_DIR", hide_env_values = true)]
    pub(crate) cache_dir: Option<OsString>,
    /// `true` if the arguments, and not the environment, say something about a node.
    #[arg(skip)]
    pub(crate) names_node: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Fetch a block, or a run of blocks, and the state witness from a node, validate them and write them to a file.
    Fetch(FetchArgs),
    /// Check every consensus rule of the execution layer on a block, natively.
    Validate(SourceArgs),
    /// Run the guest in the zkVM without proving: instructions, segments, cost.
    Execute(ExecuteArgs),
    /// Prove a block, or a run of blocks.
    Prove(ProveArgs),
    /// Make an EVM proof from a STARK that `zeno prove` wrote, of the same claim.
    ///
    /// The STARK is verified first. SRS and keys are those of `zeno prove --proof evm`.
    Wrap(WrapArgs),
    /// Make the keys for EVM proofs under the installed SRS, once: minutes, and 7 GB of disk.
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
    /// They compile with forge or solc 0.8.19. They are for readers and for explorers that show sources: `zeno contract
    /// deploy` needs no compiler.
    Export(ContractExportArgs),
    /// Deploy the verifier, and on a development chain, with --follow, a light client.
    ///
    /// The code comes from this program and the verifying key. What a node says afterwards is compared with what the same
    /// code gives in an EVM in memory.
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
    /// Accept an SRS of no known ceremony, such as the one for development, under which anybody can forge proofs.
    #[arg(long, alias = "allow-insecure")]
    pub(crate) allow_unknown_srs: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ContractDeployArgs {
    /// A file of `zeno fetch`: deploy a light client of its block's chain too. The block is validated. The light client
    /// starts from its parent, and is for development chains alone: anybody can steer it.
    #[arg(long, value_name = "FILE")]
    pub(crate) follow: Option<PathBuf>,
    /// The hash of the block that the light client starts from and trusts: the parent of the block in the file of
    /// --follow. Take it from a source that you trust, not from the file.
    #[arg(long, value_name = "HASH", requires = "follow", value_parser = hash)]
    pub(crate) trusted_block: Option<B256>,
    /// Chain that the light client follows: mainnet, sepolia, holesky, hoodi, dev (the one of the built-in example), or a
    /// file with a geth-style genesis or its `config`. The light client gets its rules and their end, and the block has to
    /// agree with them [default: the built-in one of the block's chain id].
    #[arg(long, value_name = "CHAIN", requires = "follow")]
    pub(crate) chain: Option<PathBuf>,
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
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) contract: Address,
    #[command(flatten)]
    pub(crate) keys: EvmKeyArgs,
    #[command(flatten)]
    pub(crate) sending: SendingArgs,
}

/// Way to make transactions.
#[derive(Debug, Args)]
pub(crate) struct SendingArgs {
    #[command(flatten)]
    pub(crate) node: NodeArgs,
    #[command(flatten)]
    pub(crate) signer: SignerArgs,
    /// The chain that transactions are signed for, by its EIP-155 id. Nothing is signed without it, whatever the node says.
    #[arg(long, value_name = "ID")]
    pub(crate) chain_id: Option<u64>,
    /// Call and estimate, and send nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The most that all transactions of the command may cost together, each with the whole of its gas limit: a number of
    /// ether, or one with its unit, ether, gwei or wei. On a chain of the OP stack, the part for the chain below is twice the
    /// node's estimate, which no transaction can limit.
    #[arg(long, value_name = "AMOUNT", default_value = "0.05ether", value_parser = ether::max_cost)]
    pub(crate) max_cost: U256,
    /// The most for whoever makes the block, for each unit of gas, whatever the node proposes: a number of gwei, or one with
    /// its unit.
    #[arg(long, value_name = "AMOUNT", default_value = "2gwei", value_parser = ether::gas_price)]
    pub(crate) max_priority_fee: u128,
    /// The number of blocks that a transaction has to be deep, its own block counted, before it counts [default: 3, and 1 on
    /// a development chain].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) confirmations: Option<u64>,
    /// The seconds after which a transaction that is in no block is replaced by one with higher fees, within the limits.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) replace_after: u64,
    /// Take the place of the account's transactions that are in no block yet, instead of waiting for them.
    #[arg(long)]
    pub(crate) replace_pending: bool,
    /// Accept what comes from an SRS of no known ceremony, such as the one for development, under which anybody can forge
    /// proofs.
    #[arg(long, alias = "allow-insecure")]
    pub(crate) allow_unknown_srs: bool,
}

/// Signer of transactions. Without any of these, the key in the variable ZENO_PRIVATE_KEY.
#[derive(Debug, Args)]
pub(crate) struct SignerArgs {
    /// A file with a private key, 64 hexadecimal digits, that nobody else may read.
    #[arg(long, value_name = "FILE", conflicts_with = "keystore")]
    pub(crate) key_file: Option<PathBuf>,
    /// An encrypted key, as geth and others write it. Its password comes from --password-file or from the variable
    /// ZENO_KEYSTORE_PASSWORD.
    #[arg(long, value_name = "FILE")]
    pub(crate) keystore: Option<PathBuf>,
    /// A file with the keystore's password, that nobody else may read; the line's end is not part of it.
    #[arg(long, value_name = "FILE", requires = "keystore")]
    pub(crate) password_file: Option<PathBuf>,
    /// Account that would sign, in a dry run. It takes the place of a key.
    #[arg(long, value_name = "ADDRESS", requires = "dry_run", conflicts_with_all = ["key_file", "keystore"], value_parser = address)]
    pub(crate) from: Option<Address>,
}

/// Choice of a verifying key of EVM proofs.
#[derive(Debug, Args)]
pub(crate) struct EvmKeyArgs {
    /// A verifying key of EVM proofs, or the folder that it lies in [default: the built-in one, and those that `zeno setup`
    /// left in the cache folder].
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Option<PathBuf>,
    /// Accept the key with this digest, which `zeno setup` says, and no other. Whoever names it decides what is believed.
    /// Without it, the keys of this program's own table are accepted.
    #[arg(long, value_name = "DIGEST", value_parser = hash)]
    pub(crate) key_digest: Option<B256>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The proof.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Expected chain: mainnet, sepolia, holesky, hoodi, dev (the one of the built-in example), or a file with a geth-style
    /// genesis or its `config` [default: any of the public ones].
    #[arg(long, value_name = "CHAIN", conflicts_with = "any_rules")]
    pub(crate) chain: Option<String>,
    /// The block that is expected to be the last one: its number or its hash. Or the run of blocks that is expected, by the
    /// numbers of its first and its last block, A..B.
    #[arg(long, value_name = "BLOCK")]
    pub(crate) block: Option<String>,
    /// The hash of the block that is expected to be the first one's parent.
    #[arg(long, value_name = "HASH", value_parser = hash)]
    pub(crate) parent: Option<B256>,
    /// Accept a proof about a chain of any rules. Anybody can make up a chain, and prove its blocks.
    #[arg(long)]
    pub(crate) any_rules: bool,
    #[command(flatten)]
    pub(crate) keys: EvmKeyArgs,
    /// Accept an EVM proof under an SRS of no known ceremony, such as the one for development, under which anybody can forge
    /// proofs.
    #[arg(long, alias = "allow-insecure")]
    pub(crate) allow_unknown_srs: bool,
    /// Take the word of a contract, and of the node that says it, where there is no key to check the proof with as well.
    #[arg(long, requires = "contract")]
    pub(crate) trust_contract: bool,
    /// Have a verifier's contract check an EVM proof, by a call to the node of --rpc-url, and compare its code with that of the
    /// key's verifier.
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
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
    /// The block: a number, a hash, latest, safe or finalized. Or a run of blocks, by the numbers of its first and its last
    /// block: A..B.
    #[arg(value_name = "BLOCK")]
    pub(crate) block: String,
    #[command(flatten)]
    pub(crate) rpc: RpcArgs,
    /// The file to write the input to; - is stdout [default: block-NUMBER.zeno, or blocks-A-B.zeno].
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct SourceArgs {
    /// The block: a number, a hash, latest, safe or finalized. Or a run of blocks, by the numbers of its first and its last
    /// block: A..B. Without it and without --input, the example that is built in.
    #[arg(value_name = "BLOCK", conflicts_with = "input")]
    pub(crate) block: Option<String>,
    /// A file that `zeno fetch` wrote.
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) rpc: RpcArgs,
}

/// Access to a node.
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

/// Way to fetch a block from a node.
#[derive(Debug, Args)]
pub(crate) struct RpcArgs {
    #[command(flatten)]
    pub(crate) node: NodeArgs,
    /// Expected chain: mainnet, sepolia, holesky, hoodi, dev (the one of the built-in example), or a file with a geth-style
    /// genesis or its `config` [default: the built-in one of the node's chain id].
    #[arg(long, value_name = "CHAIN")]
    pub(crate) chain: Option<PathBuf>,
    /// The way to the state witness.
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
    /// Run this guest instead of the one built in: an ELF file for the same VM, as `scripts/build-guest` makes it.
    #[arg(long, value_name = "ELF")]
    pub(crate) guest: Option<PathBuf>,
    /// Follow every instruction, list the phases and functions that they belong to, and draw a flame graph into this
    /// file, an SVG that a browser opens.
    #[arg(long, value_name = "SVG")]
    pub(crate) profile: Option<PathBuf>,
    /// The unit of the widths in the flame graph.
    #[arg(long, value_enum, default_value_t, requires = "profile")]
    pub(crate) by: CostArg,
}

/// Unit of the cost of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum CostArg {
    /// Instructions of the VM.
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
    /// The file to write the proof to; - is stdout [default: block-NUMBER.proof, or blocks-A-B.proof].
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct WrapArgs {
    /// The STARK.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) backend: BackendArgs,
    /// The file to write the EVM proof to; - is stdout [default: block-NUMBER.evm.proof, or blocks-A-B.evm.proof].
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
    /// The implementation that computes STARKs. They are the same, byte for byte, up to the nonces of proofs of work.
    #[cfg(feature = "reference")]
    #[arg(long, value_enum, default_value_t)]
    pub(crate) backend: BackendArg,
}

/// Implementation that computes proofs.
#[cfg(feature = "reference")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackendArg {
    /// This project's device.
    #[default]
    Zeno,
    /// The proof system's own device: slower, and the reference.
    Reference,
}

impl BackendArgs {
    /// Backend that is chosen, or this project's where there is no choice.
    pub(crate) fn backend(&self) -> zeno_prover::Backend {
        #[cfg(feature = "reference")]
        if self.backend == BackendArg::Reference {
            return zeno_prover::Backend::Reference;
        }
        zeno_prover::Backend::Zeno
    }
}

#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// The file.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// Reads 32 bytes.
fn hash(text: &str) -> Result<B256, String> {
    text.parse().map_err(|_| "it takes 32 bytes, which are 0x and 64 hexadecimal digits".to_owned())
}

/// Reads the address of an account.
fn address(text: &str) -> Result<Address, String> {
    text.parse().map_err(|_| "an address has 20 bytes, which are 0x and 40 hexadecimal digits".to_owned())
}
