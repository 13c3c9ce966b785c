//! `zeno verify`.

use crate::{
    args::{Cli, VerifyArgs},
    chains,
    commands::contract::explain,
    evm_keys::EvmKeys,
    failure::Failure,
    node::{CallError, Node},
    report::{ContractReport, Report},
};
use alloy_primitives::{Address, B256};
use alloy_sol_types::{SolCall, SolInterface};
use std::path::Path;
use zeno_verifier::{
    ChainClaim, INSECURE_SRS, InsecureSrs, ProofFile, ProofFileError, ProofKind, Release, VerifyError,
    VerifyingKey,
    contracts::{IZenoVerifier, IZenoVerifier::IZenoVerifierErrors},
    verify_evm, verify_stark,
};

/// Checks a proof, and says what it proves.
pub(crate) fn verify(cli: &Cli, args: &VerifyArgs, report: &mut Report) -> Result<(), Failure> {
    let file = read(&args.file, report)?;
    Release::refuse_withdrawn(file.app_exe_commitment)?;
    let (claim, how) = match (file.kind, args.contract) {
        (ProofKind::Stark, None) => (stark(&file, report)?, String::new()),
        (ProofKind::Evm, None) => (evm(cli, args, &file, report)?, String::new()),
        (ProofKind::Evm, Some(contract)) => {
            let claim = on_chain(args, contract, &file, report)?;
            (claim, format!(", says the contract at {contract}"))
        }
        (ProofKind::Stark, Some(_)) => {
            return Err(Failure::file(
                &args.file,
                "is a STARK, which no contract checks; leave out --contract",
            ));
        }
    };
    report.valid = Some(true);
    report.set_claim(&claim);
    let rules = match chains::name(claim.chain_spec) {
        Some(name) => format!("the rules of {name}"),
        None => format!("rules that this program has no name for (chainSpec {})", claim.chain_spec),
    };
    let blocks = match claim.block_count {
        1 => "block".to_owned(),
        count => format!("the last of {count} consecutive blocks"),
    };
    let release = file.release().map_or_else(String::new, |release| format!(" by {release}"));
    report.headline.push(format!(
        "The proof{release} is valid{how}: {blocks} {} is valid under {rules}, if its parent {} is.",
        claim.last_block_number, claim.first_parent_hash
    ));
    Ok(())
}

/// Reads a proof, and reports what it says of itself.
pub(super) fn read(path: &Path, report: &mut Report) -> Result<ProofFile, Failure> {
    let file = ProofFile::read(path).map_err(|error| match error {
        // It names the file.
        ProofFileError::Io { .. } => Failure::other(error),
        error if error.blames_proof() => {
            report.valid = Some(false);
            Failure::Invalid(format!("{}: {error}", path.display()))
        }
        error => Failure::file(path, error),
    })?;
    super::inspect::set_proof(&file, report);
    Ok(file)
}

/// Refuses a proof that was made under the development SRS, unless that is allowed.
pub(super) fn check_srs(file: &ProofFile, allowed: bool, report: &mut Report) -> Result<(), Failure> {
    if file.srs.as_deref() != Some(INSECURE_SRS) {
        return Ok(());
    }
    if !allowed {
        return Err(Failure::other(
            "the proof was made under the development SRS, under which anybody can forge proofs, so it proves nothing; \
             for tests alone, --allow-insecure takes it all the same",
        ));
    }
    report.headline.push(super::inspect::INSECURE.to_owned());
    Ok(())
}

fn stark(file: &ProofFile, report: &mut Report) -> Result<ChainClaim, Failure> {
    let key = VerifyingKey::committed().map_err(Failure::other)?;
    verify_stark(file, &key).map_err(|error| refused(error, report))
}

/// Why the verifier refuses a proof; reported as invalid only if the proof is to blame.
fn refused(error: VerifyError, report: &mut Report) -> Failure {
    if error.blames_proof() {
        report.valid = Some(false);
    }
    error.into()
}

fn evm(cli: &Cli, args: &VerifyArgs, file: &ProofFile, report: &mut Report) -> Result<ChainClaim, Failure> {
    check_srs(file, args.allow_insecure, report)?;
    let insecure = file.srs.as_deref() == Some(INSECURE_SRS);
    let keys = EvmKeys::for_proof(cli, &args.keys, insecure)?;
    // A key of the development SRS for a proof that says it is of another.
    if keys.key.is_insecure() && !args.allow_insecure {
        return Err(keys.insecure());
    }
    let allowed = if args.allow_insecure { InsecureSrs::Allow } else { InsecureSrs::Refuse };
    verify_evm(file, &keys.key, allowed).map_err(|error| refused(error, report))
}

/// Refuses a contract that accepts proofs of a release that was withdrawn: what it says counts for nothing.
pub(super) fn refuse_withdrawn(contract: Address, app_exe_commitment: B256) -> Result<(), Failure> {
    Release::refuse_withdrawn(app_exe_commitment).map_err(|error| {
        Failure::other(format_args!(
            "the verifier at {contract} accepts proofs that anybody can forge: {error}"
        ))
    })
}

fn on_chain(
    args: &VerifyArgs,
    contract: Address,
    file: &ProofFile,
    report: &mut Report,
) -> Result<ChainClaim, Failure> {
    check_srs(file, args.allow_insecure, report)?;
    let node = Node::connect(&args.node, "a contract")?;
    node.check_contract(contract)?;
    let app_exe_commitment = node.view(contract, &IZenoVerifier::APP_EXE_COMMITCall {})?;
    refuse_withdrawn(contract, app_exe_commitment)?;
    let app_vm_commitment = node.view(contract, &IZenoVerifier::APP_VM_COMMITCall {})?;
    if node.view(contract, &IZenoVerifier::INSECURE_SRSCall {})? && !args.allow_insecure {
        return Err(Failure::other(format_args!(
            "the contract at {contract} stems from the development SRS, under which anybody can forge proofs; for tests \
             alone, --allow-insecure asks it all the same"
        )));
    }
    report.contracts.push(ContractReport { name: "verifier", address: contract });
    // The proof says more of itself than the contract is given: it has to be the same.
    file.check_origin(ProofKind::Evm, app_exe_commitment, app_vm_commitment)
        .map_err(|error| refused(error, report))?;
    let call =
        IZenoVerifier::verifyClaimCall { claim: (&file.claim).into(), proof: file.proof.clone().into() };
    let digest = match node.call(None, contract, &call.abi_encode()) {
        Ok(answer) => answer,
        Err(CallError::Reverted(reason)) => {
            let message = format!("the contract at {contract} refuses the proof: {}", explain(&reason));
            // What reverts without a verifier's error has not judged the proof.
            if IZenoVerifierErrors::abi_decode(&reason).is_err() {
                return Err(Failure::Other(message));
            }
            report.valid = Some(false);
            return Err(Failure::Invalid(message));
        }
        Err(CallError::Failed(failure)) => return Err(failure),
    };
    if digest[..] != file.claim.digest()[..] {
        return Err(Failure::other(format_args!(
            "the contract at {contract} answers with {digest} instead of the claim's digest: it is no verifier"
        )));
    }
    Ok(file.claim)
}
