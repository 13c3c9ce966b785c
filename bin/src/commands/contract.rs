//! `zeno contract`.

use crate::{
    args::{Cli, ContractCommand, ContractDeployArgs, ContractExportArgs, ContractSubmitArgs},
    commands::verify,
    evm_keys::EvmKeys,
    failure::Failure,
    files,
    node::{CallError, Receipt, Sender},
    report::{ContractReport, Report},
    source::Loaded,
};
use alloy_primitives::{Address, Bytes, hex, keccak256};
use alloy_sol_types::{SolCall, SolConstructor, SolEventInterface, SolInterface};
use serde_json::Value;
use std::path::Path;
use zeno_guest_evm::ChainSpec;
use zeno_verifier::{
    EvmVerifyingKey, ProofKind, Release,
    contracts::{
        IZenoVerifier,
        IZenoVerifier::IZenoVerifierErrors,
        ZenoLightClient,
        ZenoLightClient::{ZenoLightClientErrors, ZenoLightClientEvents},
        ZenoVerifierInsecureDev,
        ZenoVerifierInsecureDev::ZenoVerifierInsecureDevErrors,
        solidity_sources, verifier_name,
    },
};

/// Exports or deploys contracts, or submits a proof to one.
pub(crate) fn contract(cli: &Cli, command: &ContractCommand, report: &mut Report) -> Result<(), Failure> {
    match command {
        ContractCommand::Export(args) => export(cli, args, report),
        ContractCommand::Deploy(args) => deploy(cli, args, report),
        ContractCommand::Submit(args) => submit(args, report),
    }
}

fn export(cli: &Cli, args: &ContractExportArgs, report: &mut Report) -> Result<(), Failure> {
    let keys = EvmKeys::for_contracts(cli, &args.keys, args.allow_insecure)?;
    warn(&keys.key, report);
    for file in solidity_sources(&keys.key, &keys.halo2_verifier()?).map_err(Failure::other)? {
        let path = args.out.join(file.path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| Failure::file(folder, error))?;
        }
        files::write(&path, file.text.as_bytes())?;
    }
    report.headline.push(format!(
        "The contracts are written; {} is the verifier. `forge build` in the folder compiles them for `zeno contract \
         deploy --artifacts {}`.",
        verifier_name(&keys.key),
        args.out.join("out").display()
    ));
    report.set_origin(keys.key.app_exe_commitment(), keys.key.app_vm_commitment());
    report.file = Some(args.out.clone());
    Ok(())
}

fn deploy(cli: &Cli, args: &ContractDeployArgs, report: &mut Report) -> Result<(), Failure> {
    let keys = EvmKeys::for_contracts(cli, &args.keys, args.sending.allow_insecure)?;
    warn(&keys.key, report);
    let name = verifier_name(&keys.key);
    let halo2 = creation_code(&args.artifacts, "OpenVmHalo2Verifier")?;
    let verifier = creation_code(&args.artifacts, name)?;
    let start = args.follow.as_deref().map(TrustedBlock::read).transpose()?;

    let sender = Sender::new(&args.sending, "deploying a contract")?;
    let Some(halo2) = create(&sender, "OpenVmHalo2Verifier", halo2, report)? else {
        report.headline.push(
            "A dry run: nothing was sent. The other contracts can be estimated when the first is there."
                .to_owned(),
        );
        return Ok(());
    };
    // The concrete verifiers differ in their constants alone.
    let constructor = ZenoVerifierInsecureDev::constructorCall { halo2Verifier: halo2 };
    let code = [&verifier[..], &constructor.abi_encode()].concat();
    let verifier = created(create(&sender, name, code.into(), report)?)?;
    check_deployed(&sender, verifier, &keys.key)?;
    if let Some(start) = start {
        let code = start.light_client(verifier, args.sending.allow_insecure);
        created(create(&sender, "ZenoLightClient", code, report)?)?;
    }
    report.headline.push(format!("Deployed on chain {}.", sender.node.chain_id));
    Ok(())
}

/// Creates a contract; none on a dry run.
fn create(
    sender: &Sender,
    name: &'static str,
    code: Bytes,
    report: &mut Report,
) -> Result<Option<Address>, Failure> {
    let receipt = sender.send(name, None, code, report).map_err(|error| match error {
        CallError::Reverted(reason) => {
            Failure::other(format_args!("{name}: its creation is refused: {}", explain(&reason)))
        }
        CallError::Failed(failure) => failure,
    })?;
    let Some(receipt) = receipt else { return Ok(None) };
    let address = created(receipt.contract_address)?;
    report.contracts.push(ContractReport { name, address });
    Ok(Some(address))
}

fn created(address: Option<Address>) -> Result<Address, Failure> {
    address.ok_or_else(|| Failure::other("the node's receipt of a creation has no address"))
}

/// The artifacts may be of another key than the one that was meant.
fn check_deployed(sender: &Sender, verifier: Address, key: &EvmVerifyingKey) -> Result<(), Failure> {
    let node = &sender.node;
    let same = node.view(verifier, &IZenoVerifier::APP_EXE_COMMITCall {})? == key.app_exe_commitment()
        && node.view(verifier, &IZenoVerifier::APP_VM_COMMITCall {})? == key.app_vm_commitment()
        && node.view(verifier, &IZenoVerifier::INSECURE_SRSCall {})? == key.is_insecure();
    if same {
        return Ok(());
    }
    Err(Failure::other(format_args!(
        "the verifier at {verifier} is of another guest, machine or SRS than the key: --artifacts has contracts that were \
         exported for another key; don't use it"
    )))
}

/// The creation code of a contract, from what forge, hardhat or scripts/build-contracts wrote.
fn creation_code(folder: &Path, name: &str) -> Result<Bytes, Failure> {
    let places = [folder.join(format!("{name}.json")), folder.join(format!("{name}.sol/{name}.json"))];
    let path = places.iter().find(|path| path.is_file()).ok_or_else(|| {
        Failure::file(
            folder,
            format_args!(
                "has no {name}.json; `zeno contract export` writes the sources, and forge compiles them"
            ),
        )
    })?;
    let artifact: Value =
        serde_json::from_slice(&files::read(path)?).map_err(|error| Failure::file(path, error))?;
    let bytecode = &artifact["bytecode"];
    let code = bytecode.as_str().or_else(|| bytecode["object"].as_str());
    match code.map(hex::decode) {
        Some(Ok(code)) if !code.is_empty() => Ok(code.into()),
        _ => Err(Failure::file(path, "has no bytecode of a contract that can be deployed")),
    }
}

/// Where a light client starts.
struct TrustedBlock {
    /// All but the verifier.
    constructor: ZenoLightClient::constructorCall,
}

impl TrustedBlock {
    /// The parent of the block in an input.
    fn read(path: &Path) -> Result<Self, Failure> {
        let loaded = Loaded::decode(files::read(path)?, &mut Report::default())
            .map_err(|error| Failure::file(path, error))?;
        let hash = loaded.block.header.parent_hash;
        let headers = &loaded.input.witness.headers;
        let header = headers.iter().find(|header| keccak256(header) == hash).ok_or_else(|| {
            Failure::file(path, format_args!("lacks the header of its block's parent, {hash}"))
        })?;
        let spec = ChainSpec::decode(&loaded.input.chain).map_err(|error| Failure::file(path, error))?;
        Ok(Self {
            constructor: ZenoLightClient::constructorCall {
                verifier: Address::ZERO,
                chainId: spec.chain_id,
                chainSpec: spec.hash(),
                trustedBlockHash: hash,
                trustedHeader: header.clone(),
                allowInsecureSrs: false,
            },
        })
    }

    /// The code that creates the light client.
    fn light_client(self, verifier: Address, allow_insecure: bool) -> Bytes {
        let constructor = ZenoLightClient::constructorCall {
            verifier,
            allowInsecureSrs: allow_insecure,
            ..self.constructor
        };
        [&ZenoLightClient::BYTECODE[..], &constructor.abi_encode()].concat().into()
    }
}

fn submit(args: &ContractSubmitArgs, report: &mut Report) -> Result<(), Failure> {
    let file = verify::read(&args.file, report)?;
    report.set_claim(&file.claim);
    Release::refuse_withdrawn(file.app_exe_commitment)?;
    if file.kind != ProofKind::Evm {
        return Err(Failure::file(
            &args.file,
            "is a STARK; contracts take proofs of `zeno prove --proof evm`",
        ));
    }
    verify::check_srs(&file, args.sending.allow_insecure, report)?;
    let sender = Sender::new(&args.sending, "a contract")?;
    let client = args.contract;
    sender.node.check_contract(client)?;
    let verifier = sender.node.view(client, &ZenoLightClient::VERIFIERCall {})?;
    let app_exe_commitment = sender.node.view(verifier, &IZenoVerifier::APP_EXE_COMMITCall {})?;
    verify::refuse_withdrawn(verifier, app_exe_commitment)?;
    let app_vm_commitment = sender.node.view(verifier, &IZenoVerifier::APP_VM_COMMITCall {})?;
    // A contract can't tell a proof of another guest from an invalid one.
    file.check_origin(ProofKind::Evm, app_exe_commitment, app_vm_commitment)?;
    if sender.node.view(client, &ZenoLightClient::INSECURE_SRSCall {})? && !args.sending.allow_insecure {
        return Err(Failure::other(format_args!(
            "the light client at {client} stems from the development SRS, under which anybody can forge proofs; for \
             tests alone, --allow-insecure submits to it all the same"
        )));
    }
    report.contracts.push(ContractReport { name: "light client", address: client });

    let call =
        ZenoLightClient::advanceCall { claim: (&file.claim).into(), proof: file.proof.into() }.abi_encode();
    sender
        .node
        .call(Some(sender.address()), client, &call)
        .map_err(|error| refused(error, client, report))?;
    let receipt = sender
        .send("advance", Some(client), call.into(), report)
        .map_err(|error| refused(error, client, report))?;
    let line = match receipt {
        None => format!("A dry run: the light client at {client} would take the proof. Nothing was sent."),
        Some(receipt) => outcome(&receipt, client)?,
    };
    report.headline.push(line);
    Ok(())
}

/// What a light client's refusal means: of the proof, or of the place that it has in the chain.
fn refused(error: CallError, client: Address, report: &mut Report) -> Failure {
    let reason = match error {
        CallError::Failed(failure) => return failure,
        CallError::Reverted(reason) => reason,
    };
    let message = format!("the light client at {client} refuses: {}", explain(&reason));
    if IZenoVerifierErrors::abi_decode(&reason).is_ok() {
        report.valid = Some(false);
        Failure::Invalid(message)
    } else {
        Failure::Other(message)
    }
}

/// What the light client did, by its events.
fn outcome(receipt: &Receipt, client: Address) -> Result<String, Failure> {
    let events = receipt.logs.iter().filter(|log| log.address == client);
    for event in events.filter_map(|log| ZenoLightClientEvents::decode_raw_log(&log.topics, &log.data).ok()) {
        match event {
            ZenoLightClientEvents::Advanced(event) => {
                return Ok(format!(
                    "The light client's head is block {}, {}.",
                    event.number, event.blockHash
                ));
            }
            ZenoLightClientEvents::Competing(event) => {
                return Ok(format!(
                    "Block {}, {}, is kept apart as competing: it does not go on from the light client's head.",
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

/// What a contract reverted with, by the names of its errors.
pub(super) fn explain(reason: &Bytes) -> String {
    if reason.is_empty() {
        return "without a reason".to_owned();
    }
    if let Ok(error) = ZenoVerifierInsecureDevErrors::abi_decode(reason) {
        return format!("{error:?}");
    }
    if let Ok(error) = ZenoLightClientErrors::abi_decode(reason) {
        return format!("{error:?}");
    }
    alloy_sol_types::decode_revert_reason(reason).unwrap_or_else(|| reason.to_string())
}

/// Says that what stems from this key proves nothing.
fn warn(key: &EvmVerifyingKey, report: &mut Report) {
    if key.is_insecure() {
        report.headline.push("INSECURE: under the development SRS, anybody can forge proofs.".to_owned());
    }
}
