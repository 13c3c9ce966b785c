//! Deployment of the contracts.

use super::trusted_block::{TrustedBlock, TrustedReport};
use crate::{
    chain_client::{
        CallError, DEVELOPMENT_CHAINS, Sender, SendingOptions, TransactionReport, is_development,
    },
    claim::ProgramReport,
    context::Context,
    contract_checks::ContractReport,
    error::{Error, Failed, Findings, Verdict},
    event::Event,
    evm_keys::{EvmKey, KeyOptions, KeyReport},
    local_evm::LocalEvm,
    revert_reason::explain,
    setting::Setting,
};
use alloy_primitives::{Address, B256, Bytes};
use serde::Serialize;
use std::path::PathBuf;
use zeno_verifier::{
    EvmVerifyingKey, Release,
    contracts::{verifier_creation_code, verifier_name},
};

/// Name of the light client.
const LIGHT_CLIENT: &str = "ZenoLightClient";

/// Choice of the contracts to deploy, and of their deployment.
#[derive(Clone, Debug)]
pub struct DeployOptions {
    /// Input whose block's chain a light client follows, from that block's parent on. `None` deploys the verifier alone.
    pub follow: Option<PathBuf>,
    /// The chain that the light client follows, by an argument of [`chains::by_name`](crate::chains::by_name). `None` stands for
    /// the built-in one of the input's chain id.
    pub chain: Option<PathBuf>,
    /// Hash of the block that the light client trusts.
    pub trusted_block: Option<B256>,
    /// The verifying key.
    pub keys: KeyOptions,
    /// Accepts a key whose SRS is of no known ceremony.
    pub allow_unknown_srs: bool,
    /// Way to make transactions.
    pub sending: SendingOptions,
}

/// Deployment: its contracts, or those that were deployed before the verb failed.
#[derive(Clone, Debug, Serialize)]
pub struct Deployed {
    /// Key of the verifier.
    #[serde(flatten)]
    pub key: KeyReport,
    /// Program of that key.
    #[serde(flatten)]
    pub program: ProgramReport,
    /// Start of the light client, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trusted_block: Option<TrustedReport>,
    /// The deployed contracts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contracts: Vec<ContractReport>,
    /// Transactions that were sent, or that a dry run would send.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transactions_sent: Vec<TransactionReport>,
    /// EIP-155 id of the chain.
    #[serde(skip)]
    pub chain_id: u64,
    /// `true` if nothing was to be sent.
    #[serde(skip)]
    pub dry_run: bool,
}

/// Facts of a failed deployment.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DeploymentFindings {
    /// `Some(false)` if the block that the light client was to start from is invalid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid: Option<bool>,
    /// The deployment, if it had begun.
    #[serde(flatten)]
    pub begun: Option<Deployed>,
}

impl Findings for DeploymentFindings {
    fn judge(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Invalid | Verdict::Unexpected => self.valid = Some(false),
            Verdict::OtherChain => {}
        }
    }
}

impl Deployed {
    fn failed(self, error: impl Into<Error>) -> Failed<DeploymentFindings> {
        Failed::new(error, DeploymentFindings { valid: None, begun: Some(self) })
    }
}

/// Deploys the verifier, and on a development chain a light client if the options name its start. Call it within a tokio
/// runtime, on a thread that may block.
///
/// # Errors
/// [`Failed`] where no key or start is accepted, the costs are above the limits, or a contract is not what it should be
/// afterwards.
pub fn deploy(options: &DeployOptions, context: &Context) -> Result<Deployed, Failed<DeploymentFindings>> {
    if options.follow.is_some()
        && let Some(chain_id) = options.sending.chain_id
    {
        refuse_public_light_client(chain_id)?;
    }
    let EvmKey { key, .. } = EvmKey::for_contracts(&options.keys, options.allow_unknown_srs, &context.cache)?;
    let code = verifier_creation_code(&key).map_err(Error::other)?;
    let chain = options.chain.as_deref();
    let start = options.follow.as_deref().map(|path| TrustedBlock::read(path, options.trusted_block, chain));
    let start = start.transpose()?;
    let sender = Sender::new(&options.sending, "deploying a contract", context)?;
    if start.is_some() {
        refuse_public_light_client(sender.client.chain_id)?;
    }
    Deployment { options, context, sender, key, code, start }.run()
}

/// A deployment whose parts are accepted.
struct Deployment<'a> {
    options: &'a DeployOptions,
    context: &'a Context,
    sender: Sender,
    key: EvmVerifyingKey,
    /// Code that creates the verifier.
    code: Bytes,
    start: Option<TrustedBlock>,
}

impl Deployment<'_> {
    fn run(self) -> Result<Deployed, Failed<DeploymentFindings>> {
        let chain_id = self.sender.client.chain_id;
        let mut deployed = Deployed {
            key: KeyReport::new(&self.key),
            program: ProgramReport::new(self.key.app_exe_commitment(), self.key.app_vm_commitment()),
            trusted_block: self.start.as_ref().map(TrustedBlock::report),
            contracts: Vec::new(),
            transactions_sent: Vec::new(),
            chain_id,
            dry_run: self.options.sending.dry_run,
        };
        self.describe();
        let gas = match self.rehearse() {
            Ok(gas) => gas,
            Err(error) => return Err(deployed.failed(error)),
        };

        // From here on, another EVM: the account's nonces decide on addresses.
        let mut evm = LocalEvm::new(chain_id, self.sender.address());
        let mut create = |name, code| {
            let (transaction, contract) = create(&self.sender, &mut evm, name, code);
            deployed.transactions_sent.extend(transaction);
            let contract = contract.map_err(|error| deployed.clone().failed(error))?;
            deployed.contracts.extend(contract);
            Ok::<_, Failed<DeploymentFindings>>(contract)
        };
        let verifier = create(verifier_name(&self.key), self.code.clone())?;
        match (verifier, &self.start) {
            (Some(verifier), Some(start)) => {
                let code = start.creation_code(verifier.address, self.options.allow_unknown_srs);
                create(LIGHT_CLIENT, code)?;
            }
            (None, Some(_)) => match self.sender.forecast(LIGHT_CLIENT, gas[1]) {
                Ok(forecast) => deployed.transactions_sent.push(forecast),
                Err(error) => return Err(deployed.failed(error)),
            },
            (_, None) => {}
        }
        Ok(deployed)
    }

    /// Notes which contracts are deployed where, for the user to read before anything is sent.
    fn describe(&self) {
        let chain_id = self.sender.client.chain_id;
        let note = |sentence| self.context.observer.notify(Event::Note { sentence, settings: Vec::new() });
        note(format!("on chain {chain_id}: {}, {}", verifier_name(&self.key), describe(&self.key)));
        if let Some(start) = &self.start {
            note(format!("on chain {chain_id}: {LIGHT_CLIENT}, {}", start.describe()));
        }
    }

    /// Creates all contracts in an EVM in memory, and checks their costs together. A failure here costs nothing, and half a
    /// deployment helps nobody. Returns the gas of each creation.
    fn rehearse(&self) -> Result<Vec<u64>, Error> {
        let mut evm = LocalEvm::new(self.sender.client.chain_id, self.sender.address());
        let verifier = evm.create(verifier_name(&self.key), 0, self.code.clone())?;
        let mut gas = vec![verifier.gas];
        if let Some(start) = &self.start {
            let code = start.creation_code(verifier.address, self.options.allow_unknown_srs);
            gas.push(evm.create(LIGHT_CLIENT, 1, code)?.gas);
        }
        self.sender.check_affordable("the deployment", &gas)?;
        Ok(gas)
    }
}

/// The subject of a verifier, in words.
fn describe(key: &EvmVerifyingKey) -> String {
    let release = match Release::of(key.app_exe_commitment(), key.app_vm_commitment()) {
        Some(release) => format!("release {} of the EVM program", release.number),
        None => "a release that this program doesn't know".to_owned(),
    };
    format!(
        "for the key {} ({}), {release}: guest {}, VM {}",
        key.digest(),
        key.origin(),
        key.app_exe_commitment(),
        key.app_vm_commitment()
    )
}

/// Refuses to deploy a light client where others may come to rely on it.
fn refuse_public_light_client(chain_id: u64) -> Result<(), Error> {
    if is_development(chain_id) {
        return Ok(());
    }
    Err(Error::other(format_args!(
        "{LIGHT_CLIENT} is not deployed on chain {chain_id}: anybody can steer it. A proof shows that a block is valid, not that \
         consensus chose it, and a valid block may give any amount of ether to anyone as withdrawals (docs/contracts.md). It is \
         for development chains alone, those with the ids {DEVELOPMENT_CHAINS:?}; without a block to follow, the verifier alone \
         is deployed"
    ))
    .with_settings([Setting::Follow]))
}

/// Creates a contract, and compares it with the contract that the same transaction creates in an EVM in memory. Returns the
/// transaction, if it came as far as an estimate, and the contract, unless this is a dry run.
fn create(
    sender: &Sender,
    evm: &mut LocalEvm,
    name: &'static str,
    code: Bytes,
) -> (Option<TransactionReport>, Result<Option<ContractReport>, Error>) {
    match sender.send(name, None, code.clone()) {
        Ok(sending) => {
            let nonce = sending.sent.map(|sent| sent.nonce);
            let contract = nonce.map(|nonce| compare(sender, evm, name, nonce, code));
            let contract =
                contract.transpose().map(|address| address.map(|address| ContractReport { name, address }));
            (Some(sending.report), contract)
        }
        Err(failed) => {
            let error = match failed.error {
                CallError::Reverted(reason) => Error::other(format_args!(
                    "{name}: the node says that its creation is refused: {}",
                    explain(&reason)
                )),
                CallError::Failed(error) => error,
            };
            (failed.report, Err(error))
        }
    }
}

/// Compares a created contract with the one that the same transaction creates in an EVM in memory, and returns its address.
fn compare(
    sender: &Sender,
    evm: &mut LocalEvm,
    name: &str,
    nonce: u64,
    code: Bytes,
) -> Result<Address, Error> {
    let expected = evm.create(name, nonce, code)?;
    sender.client.check_code(name, expected.address, &expected.code)?;
    Ok(expected.address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn light_clients_are_for_development_chains() {
        for chain_id in DEVELOPMENT_CHAINS {
            refuse_public_light_client(chain_id).unwrap();
        }
        for chain_id in [0, 1, 10, 8453, 17_000, 11_155_111, u64::MAX] {
            let error = refuse_public_light_client(chain_id).unwrap_err().to_string();
            assert!(error.contains("anybody can steer it") && error.contains("docs/contracts.md"), "{error}");
        }
    }
}
