//! `zeno contract`.

use crate::{
    args::{Cli, ContractCommand, ContractDeployArgs, ContractExportArgs, ContractSubmitArgs},
    chains,
    commands::{validate, verify},
    evm_keys::EvmKeys,
    failure::Failure,
    files,
    local_evm::LocalEvm,
    node::{CallError, DEVELOPMENT_CHAINS, Receipt, Sender, is_development},
    progress::Display,
    report::{ContractReport, Report, TrustedReport},
    source::Loaded,
    text::{path as shown, printable},
};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, keccak256};
use alloy_rlp::Decodable;
use alloy_sol_types::{SolCall, SolConstructor, SolEventInterface, SolInterface};
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};
use zeno_guest_evm::ChainSpec;
use zeno_verifier::{
    ChainClaim, EvmVerifyingKey, ProofKind, Release, SrsOrigin,
    contracts::{
        IZenoVerifier,
        IZenoVerifier::IZenoVerifierErrors,
        ZenoLightClient,
        ZenoLightClient::{ZenoLightClientErrors, ZenoLightClientEvents},
        solidity_sources, verifier_creation_code, verifier_name,
    },
};

const LIGHT_CLIENT: &str = "ZenoLightClient";
/// Longest configuration of forge that is looked at, in bytes.
const MAX_CONFIGURATION: u64 = 1 << 20;
/// The most that is shown of an error by its name, in characters; some hold bytes of any length.
const MAX_REASON: usize = 400;

/// Exports or deploys contracts, or submits a proof to one.
pub(crate) fn contract(cli: &Cli, command: &ContractCommand, report: &mut Report) -> Result<(), Failure> {
    match command {
        ContractCommand::Export(args) => export(cli, args, report),
        ContractCommand::Deploy(args) => deploy(cli, args, report),
        ContractCommand::Submit(args) => submit(cli, args, report),
    }
}

fn export(cli: &Cli, args: &ContractExportArgs, report: &mut Report) -> Result<(), Failure> {
    let keys = EvmKeys::for_contracts(cli, &args.keys, args.allow_unknown_srs)?;
    let sources = solidity_sources(&keys.key);
    let places: Vec<_> = sources.iter().map(|file| args.out.join(&file.path)).collect();
    for (place, file) in places.iter().zip(&sources) {
        check_replaceable(place, &file.text)?;
    }
    refuse_other_verifiers(&args.out, &places)?;
    for (place, file) in places.iter().zip(&sources) {
        if let Some(folder) = place.parent() {
            std::fs::create_dir_all(folder).map_err(|error| Failure::file(folder, error))?;
        }
        files::write(place, file.text.as_bytes())?;
    }
    warn(&keys.key, report);
    report.headline.push(format!(
        "The contracts are written; {} is the verifier, rendered from the key {} ({}).",
        verifier_name(&keys.key),
        keys.key.digest(),
        keys.key.origin()
    ));
    set_key(&keys.key, report);
    report.file = Some(args.out.clone());
    Ok(())
}

/// Refuses a folder with the verifier of an earlier export that has another name: it would be over the Halo2 verifier of this
/// key then, and what stems from the development SRS could have the name of what doesn't.
fn refuse_other_verifiers(folder: &Path, places: &[PathBuf]) -> Result<(), Failure> {
    for place in places {
        let Some(entries) = place.parent().and_then(|folder| std::fs::read_dir(folder).ok()) else {
            continue;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if name.starts_with("ZenoVerifier") && name.ends_with(".sol") && !places.contains(&path) {
                return Err(Failure::file(
                    folder,
                    format_args!(
                        "has {} of an export for another SRS, which would not fit the rest; remove it, or export to another \
                         folder with --out",
                        crate::text::printable(&name)
                    ),
                ));
            }
        }
    }
    Ok(())
}

/// Refuses to write over what is there and is no file, or another project's configuration: `text` is to be written.
fn check_replaceable(path: &Path, text: &str) -> Result<(), Failure> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {
            let first = |text: &[u8]| text.split(|byte| *byte == b'\n').next().map(<[u8]>::to_vec);
            let is_configuration = path.extension().is_some_and(|extension| extension == "toml");
            if is_configuration && first(&files::read(path, MAX_CONFIGURATION)?) != first(text.as_bytes()) {
                return Err(Failure::file(
                    path,
                    "is another project's configuration; export to a folder of its own with --out",
                ));
            }
            Ok(())
        }
        Ok(_) => {
            Err(Failure::file(path, "is there and is no regular file; export to another folder with --out"))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::file(path, format_args!("can't be written: {error}"))),
    }
}

fn set_key(key: &EvmVerifyingKey, report: &mut Report) {
    report.set_key(key);
    report.set_origin(key.app_exe_commitment(), key.app_vm_commitment());
}

fn deploy(cli: &Cli, args: &ContractDeployArgs, report: &mut Report) -> Result<(), Failure> {
    if args.follow.is_some()
        && let Some(chain_id) = args.sending.chain_id
    {
        refuse_public_light_client(chain_id)?;
    }
    let keys = EvmKeys::for_contracts(cli, &args.keys, args.sending.allow_unknown_srs)?;
    let name = verifier_name(&keys.key);
    let code = verifier_creation_code(&keys.key).map_err(Failure::other)?;
    let start = args
        .follow
        .as_deref()
        .map(|path| TrustedBlock::read(path, args.trusted_block, report))
        .transpose()?;
    let display = Arc::new(Display::new());
    let sender = Sender::new(&args.sending, "deploying a contract", &display)?;
    let chain_id = sender.node.chain_id;
    if start.is_some() {
        refuse_public_light_client(chain_id)?;
    }

    warn(&keys.key, report);
    set_key(&keys.key, report);
    report.trusted_block = start.as_ref().map(TrustedBlock::report);
    display.tell(&format!("on chain {chain_id}: {name}, {}", describe(&keys.key)));
    if let Some(start) = &start {
        display.tell(&format!("on chain {chain_id}: {LIGHT_CLIENT}, {}", start.describe()));
    }

    // All of it here first: what fails here costs nothing, and half a deployment helps nobody.
    let mut evm = LocalEvm::new(chain_id, sender.address());
    let verifier = evm.create(name, 0, code.clone())?;
    let mut gas = vec![verifier.gas];
    if let Some(start) = &start {
        gas.push(evm.create(LIGHT_CLIENT, 1, start.creation_code(verifier.address, &args.sending))?.gas);
    }
    sender.check_affordable("the deployment", &gas)?;

    // From here on, another one: the account's nonces decide on addresses.
    let mut evm = LocalEvm::new(chain_id, sender.address());
    let verifier = create(&sender, &mut evm, name, code, report)?;
    let Some(verifier) = verifier else {
        if start.is_some() {
            sender.forecast(LIGHT_CLIENT, gas[1], report)?;
        }
        report.headline.push("A dry run: nothing was sent.".to_owned());
        return Ok(());
    };
    if let Some(start) = start {
        create(&sender, &mut evm, LIGHT_CLIENT, start.creation_code(verifier, &args.sending), report)?;
    }
    report.headline.push(format!(
        "Deployed on chain {chain_id}. Addresses are computed, and the code at them, as the node has it, is what was deployed."
    ));
    Ok(())
}

/// What a verifier is of.
fn describe(key: &EvmVerifyingKey) -> String {
    let release = match Release::of(key.app_exe_commitment(), key.app_vm_commitment()) {
        Some(release) => format!("release {} of the EVM program", release.number),
        None => "a release that this program doesn't know".to_owned(),
    };
    format!(
        "for the key {} ({}), {release}: guest {}, machine {}",
        key.digest(),
        key.origin(),
        key.app_exe_commitment(),
        key.app_vm_commitment()
    )
}

/// Refuses to deploy a light client where others may come to rely on it.
fn refuse_public_light_client(chain_id: u64) -> Result<(), Failure> {
    if is_development(chain_id) {
        return Ok(());
    }
    Err(Failure::other(format_args!(
        "{LIGHT_CLIENT} is not deployed on chain {chain_id}: anybody can steer it. A proof shows that a block is valid, not that \
         consensus chose it, and a valid block may give any amount of ether to anyone as withdrawals (docs/contracts.md). It is \
         for development chains alone, those with the ids {DEVELOPMENT_CHAINS:?}; without --follow, the verifier alone is \
         deployed"
    )))
}

/// Creates a contract, and compares it with what the same transaction creates in the EVM here; none on a dry run.
fn create(
    sender: &Sender,
    evm: &mut LocalEvm,
    name: &'static str,
    code: Bytes,
    report: &mut Report,
) -> Result<Option<Address>, Failure> {
    let sent = sender.send(name, None, code.clone(), report).map_err(|error| match error {
        CallError::Reverted(reason) => Failure::other(format_args!(
            "{name}: the node says that its creation is refused: {}",
            explain(&reason)
        )),
        CallError::Failed(failure) => failure,
    })?;
    let Some(sent) = sent else { return Ok(None) };
    let expected = evm.create(name, sent.nonce, code)?;
    sender.node.check_code(name, expected.address, &expected.code)?;
    report.contracts.push(ContractReport { name, address: expected.address });
    Ok(Some(expected.address))
}

/// A failure with the name of the file that it is about, and the same verdict.
fn of_file(path: &Path, failure: Failure) -> Failure {
    match failure {
        Failure::Invalid(message) => Failure::Invalid(format!("{}: {message}", shown(path))),
        Failure::Other(message) => Failure::file(path, message),
    }
}

/// Where a light client starts.
struct TrustedBlock {
    /// All but the verifier.
    constructor: ZenoLightClient::constructorCall,
    header: Header,
}

impl TrustedBlock {
    /// The parent of the block in an input, if it is the one that the user trusts. The block is validated, so that the rules
    /// and the header are what a proof would be about.
    fn read(path: &Path, trusted: Option<B256>, report: &mut Report) -> Result<Self, Failure> {
        // What the input says of itself is not what this command is about.
        let mut stated = Report::default();
        let loaded = Loaded::decode(files::read_input(path)?, &mut stated).map_err(|error| {
            report.valid = stated.valid;
            of_file(path, error)
        })?;
        let hash = loaded.block.header.parent_hash;
        let Some(trusted) = trusted else {
            return Err(Failure::file(
                path,
                format_args!(
                    "--follow needs --trusted-block: the hash of the block that the light client starts from and trusts. In \
                     this file it is {hash}; compare it with a source that you trust"
                ),
            ));
        };
        if hash != trusted {
            return Err(Failure::file(
                path,
                format_args!("its block's parent is {hash}, and --trusted-block names {trusted}"),
            ));
        }
        let spec = ChainSpec::decode(&loaded.input.chain).map_err(|error| Failure::file(path, error))?;
        let built_in = ChainSpec::by_chain_id(spec.chain_id);
        if let Some(built_in) = built_in.filter(|built_in| built_in.hash() != spec.hash()) {
            return Err(Failure::file(
                path,
                format_args!(
                    "has rules of its own for chain {}, {}, and that chain's are {}; fetch it without --chain",
                    spec.chain_id,
                    spec.hash(),
                    built_in.hash()
                ),
            ));
        }
        validate::check(&loaded, &mut stated).map_err(|error| {
            report.valid = stated.valid;
            of_file(path, error)
        })?;
        let headers = &loaded.input.witness.headers;
        let rlp = headers.iter().find(|header| keccak256(header) == hash).ok_or_else(|| {
            Failure::file(path, format_args!("lacks the header of its block's parent, {hash}"))
        })?;
        let header = Header::decode(&mut &rlp[..]).map_err(|error| {
            Failure::file(path, format_args!("has a header of block {hash} that can't be read: {error}"))
        })?;
        Ok(Self {
            constructor: ZenoLightClient::constructorCall {
                verifier: Address::ZERO,
                chainId: spec.chain_id,
                chainSpec: spec.hash(),
                trustedBlockHash: hash,
                trustedHeader: rlp.clone(),
                allowUnknownSrs: false,
            },
            header,
        })
    }

    /// The code that creates the light client.
    fn creation_code(&self, verifier: Address, sending: &crate::args::SendingArgs) -> Bytes {
        let constructor = ZenoLightClient::constructorCall {
            verifier,
            allowUnknownSrs: sending.allow_unknown_srs,
            ..self.constructor.clone()
        };
        [&ZenoLightClient::BYTECODE[..], &constructor.abi_encode()].concat().into()
    }

    fn report(&self) -> TrustedReport {
        TrustedReport {
            chain_id: self.constructor.chainId,
            chain: chains::name(self.constructor.chainSpec).map(Into::into),
            chain_spec: self.constructor.chainSpec,
            number: self.header.number,
            hash: self.constructor.trustedBlockHash,
            state_root: self.header.state_root,
            timestamp: self.header.timestamp,
        }
    }

    fn describe(&self) -> String {
        let TrustedReport { chain_id, chain, chain_spec, number, hash, state_root, timestamp } =
            self.report();
        let chain = match chain {
            Some(chain) => format!("{chain} (id {chain_id})"),
            None => format!("chain {chain_id}, under rules that this program has no name for"),
        };
        format!(
            "which follows {chain}, rules {chain_spec}, and trusts block {number}, {hash}: state root {state_root}, timestamp \
             {timestamp}"
        )
    }
}

fn submit(cli: &Cli, args: &ContractSubmitArgs, report: &mut Report) -> Result<(), Failure> {
    let allow_unknown_srs = args.sending.allow_unknown_srs;
    let file = verify::read(&args.file, report)?;
    Release::refuse_withdrawn(file.app_exe_commitment)?;
    if file.kind != ProofKind::Evm {
        return Err(Failure::file(
            &args.file,
            "is a STARK; contracts take proofs of `zeno prove --proof evm`",
        ));
    }
    verify::check_srs(&file, allow_unknown_srs)?;
    // An invalid proof is refused here, where it costs nothing.
    let keys = match EvmKeys::for_proof(cli, &args.keys, &file, allow_unknown_srs) {
        Ok(keys) => keys,
        Err(error) if args.keys.keys.is_some() || args.keys.key_digest.is_some() => return Err(error),
        Err(_) => Vec::new(),
    };
    let key = match keys.as_slice() {
        [] => None,
        keys => {
            let (claim, key) = verify::natively(keys, &file, allow_unknown_srs, report)?;
            report.set_claim(&claim);
            Some(key)
        }
    };
    let natively_valid = key.is_some();
    let display = Arc::new(Display::new());
    let sender = Sender::new(&args.sending, "a contract", &display)?;
    let node = &sender.node;
    let client = args.contract;
    node.check_contract(client)?;
    let verifier = node.view(client, &ZenoLightClient::VERIFIERCall {}).map_err(|error| {
        match node.view(client, &IZenoVerifier::APP_EXE_COMMITCall {}) {
            Ok(_) => Failure::other(format_args!(
                "{client} is a verifier, and no light client: `zeno contract deploy --follow` prints both addresses"
            )),
            Err(_) => error,
        }
    })?;
    let app_exe_commitment = node.view(verifier, &IZenoVerifier::APP_EXE_COMMITCall {})?;
    verify::refuse_withdrawn(verifier, app_exe_commitment)?;
    if let Some(key) = key {
        verify::check_verifier(node, verifier, key)?;
    }
    let app_vm_commitment = node.view(verifier, &IZenoVerifier::APP_VM_COMMITCall {})?;
    // A contract can't tell a proof of another guest from an invalid one.
    file.check_origin(ProofKind::Evm, app_exe_commitment, app_vm_commitment)?;
    if node.view(client, &ZenoLightClient::INSECURE_SRSCall {})? && !allow_unknown_srs {
        return Err(Failure::other(format_args!(
            "the light client at {client} stems from an SRS of no known ceremony, such as the one for development, under \
             which anybody can forge proofs; for tests alone, --allow-unknown-srs submits to it all the same"
        )));
    }
    report.contracts.push(ContractReport { name: "light client", address: client });
    report.contracts.push(ContractReport { name: "its verifier", address: verifier });
    let believed = format!(
        "That {client} is a light client, that its verifier is {verifier} and that this one takes proofs of the guest \
         {app_exe_commitment} is the node's word; a node that lies can have the fee spent, up to --max-cost, and nothing else."
    );
    display.tell(&believed);

    let call = ZenoLightClient::advanceCall { claim: (&file.claim).into(), proof: file.proof.clone().into() };
    let call = call.abi_encode();
    node.call(Some(sender.address()), client, &call)
        .map_err(|error| refused(error, client, natively_valid))?;
    let sent = sender
        .send("advance", Some(client), call.into(), report)
        .map_err(|error| refused(error, client, natively_valid))?;
    let line = match sent {
        None => format!("A dry run: the light client at {client} would take the proof. Nothing was sent."),
        Some(sent) => {
            let line = outcome(&sender, &sent.receipt, client, &file.claim)?;
            report.set_claim(&file.claim);
            line
        }
    };
    report.headline.push(line);
    report.headline.push(believed);
    Ok(())
}

/// What a light client's refusal means: of the proof, or of the place that it has in the chain. What an address holds is
/// anybody's code, and its refusal weighs nothing against a native check.
fn refused(error: CallError, client: Address, natively_valid: bool) -> Failure {
    let reason = match error {
        CallError::Failed(failure) => return failure,
        CallError::Reverted(reason) => reason,
    };
    let message = format!("the light client at {client} refuses: {}", explain(&reason));
    if natively_valid && IZenoVerifierErrors::abi_decode(&reason).is_ok() {
        return Failure::Other(format!(
            "{message}; the proof is valid by the key at hand, so the contract is of another key or is no light client, or the \
             node doesn't tell the truth"
        ));
    }
    Failure::Other(message)
}

/// What the light client did, by its events in a confirmed block, and by its own word afterwards.
fn outcome(
    sender: &Sender,
    receipt: &Receipt,
    client: Address,
    claim: &ChainClaim,
) -> Result<String, Failure> {
    let node = &sender.node;
    let events = receipt.logs.iter().filter(|log| log.address == client);
    for event in events.filter_map(|log| ZenoLightClientEvents::decode_raw_log(&log.topics, &log.data).ok()) {
        match event {
            ZenoLightClientEvents::Advanced(event) => {
                check_event(client, event.number, event.blockHash, claim)?;
                let head = node.view(client, &ZenoLightClient::headCall {})?;
                let follows = head.number > event.number
                    || (head.number, head.blockHash) == (event.number, event.blockHash);
                if !follows {
                    return Err(Failure::other(format_args!(
                        "the light client at {client} says that its head is block {}, {}, and its event was that it is block {}, \
                         {}: the node contradicts itself, or the block of the event is lost; ask another node",
                        head.number, head.blockHash, event.number, event.blockHash
                    )));
                }
                return Ok(format!(
                    "The light client's head is block {}, {}, says the node.",
                    head.number, head.blockHash
                ));
            }
            ZenoLightClientEvents::Competing(event) => {
                check_event(client, event.number, event.blockHash, claim)?;
                let kept = ZenoLightClient::competingBlockCall { blockHash: event.blockHash };
                node.view(client, &kept)?;
                return Ok(format!(
                    "Block {}, {}, is kept apart as competing: it does not go on from the light client's head, says the node.",
                    event.number, event.blockHash
                ));
            }
            ZenoLightClientEvents::Started(_) => {}
        }
    }
    Err(Failure::other(format_args!(
        "the transaction was mined, and {client} gave no event: it is no light client"
    )))
}

/// Refuses an event about another block than the proof's.
fn check_event(client: Address, number: u64, hash: B256, claim: &ChainClaim) -> Result<(), Failure> {
    if (number, hash) == (claim.last_block_number, claim.last_block_hash) {
        return Ok(());
    }
    Err(Failure::other(format_args!(
        "the transaction was mined, and the event of {client} is about block {number}, {hash}, instead of block {}, {}: it is no \
         light client, or the node doesn't tell the truth",
        claim.last_block_number, claim.last_block_hash
    )))
}

/// What a contract reverted with, by the names of its errors.
pub(super) fn explain(reason: &Bytes) -> String {
    if reason.is_empty() {
        return "without a reason".to_owned();
    }
    // These have numbers, hashes and bytes in them, and no text of others.
    let known = IZenoVerifierErrors::abi_decode(reason)
        .map(|error| format!("{error:?}"))
        .or_else(|_| ZenoLightClientErrors::abi_decode(reason).map(|error| format!("{error:?}")));
    if let Ok(known) = known {
        return match known.char_indices().nth(MAX_REASON) {
            Some((end, _)) => format!("{}…", &known[..end]),
            None => known,
        };
    }
    match alloy_sol_types::decode_revert_reason(reason) {
        Some(text) => printable(&text),
        None => printable(&reason.to_string()),
    }
}

/// Says what a key's SRS means for what stems from it.
fn warn(key: &EvmVerifyingKey, report: &mut Report) {
    let line = match key.origin() {
        SrsOrigin::Ceremony(_) => return,
        SrsOrigin::Development => "INSECURE: under the development SRS, anybody can forge proofs.",
        SrsOrigin::Unknown => {
            "UNKNOWN SRS: it is of no ceremony that this program knows; whoever made it may be able to forge proofs."
        }
    };
    report.headline.push(line.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_sol_types::{Revert, SolError};

    /// A contract is anybody's, and so is what it reverts with.
    #[test]
    fn reasons_show_nothing_that_a_terminal_obeys() {
        let reason = Revert::from("\u{1b}[2K\u{1b}[1A\u{9b}2JThe proof is valid\r\n\u{202e}dilav".to_owned())
            .abi_encode();
        let shown = explain(&reason.into());
        assert!(shown.contains("The proof is valid"), "{shown:?}");
        assert!(
            !shown.chars().any(|character| character.is_control() || character == '\u{202e}'),
            "{shown:?}"
        );
        let refused = IZenoVerifier::ProofRefused { digest: B256::ZERO, reason: vec![0xaa; 1 << 20].into() };
        assert!(explain(&refused.abi_encode().into()).starts_with("ProofRefused"));
        for reason in
            [Revert::from("x".repeat(1 << 20)).abi_encode(), vec![0xaa; 1 << 20], refused.abi_encode()]
        {
            assert!(explain(&reason.into()).chars().count() <= 401);
        }
        assert_eq!(explain(&Bytes::new()), "without a reason");
    }

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
