//! Proofs for a light client.

use crate::{
    chain_client::{CallError, ChainClient, Receipt, SendError, Sender, SendingOptions, TransactionReport},
    context::Context,
    contract_checks::{ContractReport, check_release, check_verifier},
    error::{Error, Failed},
    event::Event,
    evm_keys::{EvmKey, KeyOptions, KeyReport},
    proof::{self, ProofReport},
    revert_reason::explain,
    setting::Setting,
    verify::{CheckedBy, ProofFindings, check_natively},
};
use alloy_primitives::{Address, B256, Bytes};
use alloy_sol_types::{SolCall, SolEventInterface, SolInterface};
use serde::Serialize;
use std::path::PathBuf;
use zeno_verifier::{
    ChainClaim, EvmVerifyingKey, ProofFile, ProofKind, Release,
    contracts::{
        IZenoVerifier, IZenoVerifier::IZenoVerifierErrors, ZenoLightClient,
        ZenoLightClient::ZenoLightClientEvents,
    },
};

/// Choice of a proof and of the light client that it is for.
#[derive(Clone, Debug)]
pub struct SubmitOptions {
    /// File of the proof.
    pub file: PathBuf,
    /// Address of the light client.
    pub contract: Address,
    /// The verifying key.
    pub keys: KeyOptions,
    /// Accepts an SRS of no known ceremony.
    pub allow_unknown_srs: bool,
    /// Way to make transactions.
    pub sending: SendingOptions,
}

/// A proof that a light client took, or would take.
#[derive(Clone, Debug, Serialize)]
pub struct Submitted {
    /// The proof.
    #[serde(flatten)]
    pub proof: ProofReport,
    /// The native check, if a key was at hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checked_by: Option<CheckedBy>,
    /// Key of the native check.
    #[serde(flatten)]
    pub key: Option<KeyReport>,
    /// The light client and its verifier.
    pub contracts: Vec<ContractReport>,
    /// The transaction.
    pub transactions_sent: Vec<TransactionReport>,
    /// The light client's answer.
    #[serde(skip)]
    pub result: SubmitResult,
    /// Address of the light client.
    #[serde(skip)]
    pub client: Address,
    /// A sentence about the node's word, and about the damage that a lie could do.
    #[serde(skip)]
    pub caveat: String,
}

/// Answer of a light client to a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmitResult {
    /// Would take the proof; nothing was sent.
    DryRun,
    /// Has this head.
    Head {
        /// Number of the block.
        number: u64,
        /// Hash of the block.
        hash: B256,
    },
    /// Keeps this block apart, which is no descendant of its head.
    Competing {
        /// Number of the block.
        number: u64,
        /// Hash of the block.
        hash: B256,
    },
}

/// Submits an EVM proof to a light client. The proof is checked natively first, where a key is at hand. Call it within a tokio
/// runtime, on a thread that may block.
///
/// # Errors
/// [`Failed`] where the proof is invalid or not accepted, the light client refuses it, or the costs are above the limits.
pub fn submit(options: &SubmitOptions, context: &Context) -> Result<Submitted, Failed<ProofFindings>> {
    let file = proof::read(&options.file)?;
    let stated = ProofFindings { proof: Some(ProofReport::new(&file)), ..ProofFindings::default() };
    let keys = accepted_keys(options, &file, context).map_err(|error| stated.clone().failed(error))?;
    // An invalid proof is refused here, where it costs nothing.
    let key = match keys.as_slice() {
        [] => None,
        keys => {
            let checked = check_natively(keys, &file, options.allow_unknown_srs);
            Some(checked.map_err(|error| stated.clone().failed(error))?)
        }
    };
    let mut findings = match key {
        None => stated,
        Some((claim, key)) => ProofFindings {
            proof: stated.proof.map(|proof| proof.confirm(claim)),
            checked_by: Some(CheckedBy::Key),
            key: Some(KeyReport::new(key)),
            ..stated
        },
    };
    let key = key.map(|(_, key)| key);

    let client = options.contract;
    let LightClient { sender, verifier, caveat } =
        light_client(options, &file, key, context).map_err(|error| findings.clone().failed(error))?;
    findings.contracts = vec![
        ContractReport { name: "light client", address: client },
        ContractReport { name: "its verifier", address: verifier },
    ];
    context.observer.notify(Event::Note { sentence: caveat.clone(), settings: vec![Setting::MaxCost] });

    let (transaction, result) = advance(&sender, client, &file, key.is_some());
    findings.transactions_sent.extend(transaction);
    let result = result.map_err(|error| findings.clone().failed(error))?;
    let mut proof = ProofReport::new(&file);
    if key.is_some() || result != SubmitResult::DryRun {
        proof = proof.confirm(file.claim);
    }
    let ProofFindings { checked_by, key, contracts, transactions_sent, .. } = findings;
    Ok(Submitted { proof, checked_by, key, contracts, transactions_sent, result, client, caveat })
}

/// Refuses a proof that no light client takes, and finds the keys to check it with: none, where none is named and none is
/// accepted.
fn accepted_keys(options: &SubmitOptions, file: &ProofFile, context: &Context) -> Result<Vec<EvmKey>, Error> {
    Release::check_accepted(file.app_exe_commitment)?;
    if file.kind != ProofKind::Evm {
        return Err(Error::file(
            &options.file,
            "is a STARK; contracts take proofs of `zeno prove --proof evm`",
        ));
    }
    proof::check_srs(file, options.allow_unknown_srs)?;
    match EvmKey::for_proof(&options.keys, file, options.allow_unknown_srs, &context.cache) {
        Ok(keys) => Ok(keys),
        Err(error) if !options.keys.is_empty() => Err(error),
        Err(_) => Ok(Vec::new()),
    }
}

/// A light client that may be given the proof.
struct LightClient {
    sender: Sender,
    /// Address of its verifier.
    verifier: Address,
    /// Text of [`Submitted::caveat`].
    caveat: String,
}

/// Refuses a light client that can't take the proof, as far as the node's word shows it.
fn light_client(
    options: &SubmitOptions,
    file: &ProofFile,
    key: Option<&EvmVerifyingKey>,
    context: &Context,
) -> Result<LightClient, Error> {
    let sender = Sender::new(&options.sending, "a contract", context)?;
    let node = &sender.client;
    let client = options.contract;
    node.check_contract(client)?;
    let verifier = node.view(client, &ZenoLightClient::VERIFIERCall {}).map_err(|error| {
        match node.view(client, &IZenoVerifier::APP_EXE_COMMITCall {}) {
            Ok(_) => Error::other(format_args!(
                "{client} is a verifier, and no light client: `zeno contract deploy --follow` prints both addresses"
            )),
            Err(_) => error,
        }
    })?;
    let app_exe_commitment = node.view(verifier, &IZenoVerifier::APP_EXE_COMMITCall {})?;
    check_release(verifier, app_exe_commitment)?;
    if let Some(key) = key {
        check_verifier(node, verifier, key)?;
    }
    let app_vm_commitment = node.view(verifier, &IZenoVerifier::APP_VM_COMMITCall {})?;
    // A contract can't tell a proof of another guest from an invalid one.
    file.check_origin(ProofKind::Evm, app_exe_commitment, app_vm_commitment)?;
    if node.view(client, &ZenoLightClient::INSECURE_SRSCall {})? && !options.allow_unknown_srs {
        return Err(Error::other(format_args!(
            "the light client at {client} comes from an SRS of no known ceremony, such as the one for development, under \
             which anybody can forge proofs; for tests alone, it can be allowed all the same"
        ))
        .with_settings([Setting::AllowUnknownSrs]));
    }
    let caveat = format!(
        "That {client} is a light client, that its verifier is {verifier} and that this one takes proofs of the guest \
         {app_exe_commitment} is the node's word; a node that lies can have the fee spent, up to the limit on the cost, and \
         nothing else."
    );
    Ok(LightClient { sender, verifier, caveat })
}

/// Gives the proof to the light client. Returns the transaction, if it came as far as an estimate, and the answer.
fn advance(
    sender: &Sender,
    client: Address,
    file: &ProofFile,
    natively_valid: bool,
) -> (Option<TransactionReport>, Result<SubmitResult, Error>) {
    let call = ZenoLightClient::advanceCall { claim: (&file.claim).into(), proof: file.proof.clone().into() };
    let call = call.abi_encode();
    if let Err(error) = sender.client.call(Some(sender.address()), client, &call) {
        return (None, Err(refused(error, client, natively_valid)));
    }
    match sender.send("advance", Some(client), call.into()) {
        Ok(sending) => {
            let result = match sending.sent {
                None => Ok(SubmitResult::DryRun),
                Some(sent) => answer(&sender.client, &sent.receipt, client, &file.claim),
            };
            (Some(sending.report), result)
        }
        Err(SendError { error, report }) => (report, Err(refused(error, client, natively_valid))),
    }
}

/// The meaning of a light client's refusal. An address may hold anybody's code, and its refusal weighs nothing against a native
/// check.
fn refused(error: CallError, client: Address, natively_valid: bool) -> Error {
    let reason: Bytes = match error {
        CallError::Failed(error) => return error,
        CallError::Reverted(reason) => reason,
    };
    let message = format!("the light client at {client} refuses: {}", explain(&reason));
    if natively_valid && IZenoVerifierErrors::abi_decode(&reason).is_ok() {
        return Error::other(format_args!(
            "{message}; the proof is valid by the key at hand, so the contract is of another key or is no light client, or the \
             node doesn't tell the truth"
        ));
    }
    Error::Other(message)
}

/// Answer of the light client, by its events in a confirmed block, and by its own word afterwards.
fn answer(
    node: &ChainClient,
    receipt: &Receipt,
    client: Address,
    claim: &ChainClaim,
) -> Result<SubmitResult, Error> {
    let events = receipt.logs.iter().filter(|log| log.address == client);
    for event in events.filter_map(|log| ZenoLightClientEvents::decode_raw_log(&log.topics, &log.data).ok()) {
        match event {
            ZenoLightClientEvents::Advanced(event) => {
                check_event(client, event.number, event.blockHash, claim)?;
                let head = node.view(client, &ZenoLightClient::headCall {})?;
                let follows = head.number > event.number
                    || (head.number, head.blockHash) == (event.number, event.blockHash);
                if !follows {
                    return Err(Error::other(format_args!(
                        "the light client at {client} says that its head is block {}, {}, and its event was that it is block {}, \
                         {}: the node contradicts itself, or the block of the event is lost; ask another node",
                        head.number, head.blockHash, event.number, event.blockHash
                    )));
                }
                return Ok(SubmitResult::Head { number: head.number, hash: head.blockHash });
            }
            ZenoLightClientEvents::Competing(event) => {
                check_event(client, event.number, event.blockHash, claim)?;
                let kept = ZenoLightClient::competingBlockCall { blockHash: event.blockHash };
                node.view(client, &kept)?;
                return Ok(SubmitResult::Competing { number: event.number, hash: event.blockHash });
            }
            ZenoLightClientEvents::Started(_) => {}
        }
    }
    Err(Error::other(format_args!(
        "the transaction was mined, and {client} gave no event: it is no light client"
    )))
}

/// Refuses an event about another block than the proof's.
fn check_event(client: Address, number: u64, hash: B256, claim: &ChainClaim) -> Result<(), Error> {
    if (number, hash) == (claim.last_block_number, claim.last_block_hash) {
        return Ok(());
    }
    Err(Error::other(format_args!(
        "the transaction was mined, and the event of {client} is about block {number}, {hash}, instead of block {}, {}: it is no \
         light client, or the node doesn't tell the truth",
        claim.last_block_number, claim.last_block_hash
    )))
}
