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
use alloy_sol_types::SolCall;
use std::path::Path;
use zeno_verifier::{
    ChainClaim, EvmVerifyingKey, INSECURE_SRS, ProofFile, ProofFileError, ProofKind, Release, SrsOrigin,
    UnknownSrs, VerifyError, VerifyingKey,
    contracts::{IZenoVerifier, ZenoLightClient, verifier_runtime_code},
    verify_evm, verify_stark,
};
use zeno_witness_fetch::BlockSelector;

/// Checks a proof, compares what it proves with what is expected, and says it.
pub(crate) fn verify(cli: &Cli, args: &VerifyArgs, report: &mut Report) -> Result<(), Failure> {
    let expected = Expected::new(args)?;
    let file = read(&args.file, report)?;
    Release::refuse_withdrawn(file.app_exe_commitment)?;
    let (claim, how) = match (file.kind, args.contract) {
        (ProofKind::Stark, None) => {
            if args.keys.keys.is_some() || args.keys.key_digest.is_some() {
                return Err(Failure::file(
                    &args.file,
                    "is a STARK, which is checked with the key that is built in; leave out --keys and --key-digest",
                ));
            }
            (stark(&file, report)?, String::new())
        }
        (ProofKind::Evm, None) => (evm(cli, args, &file, report)?, String::new()),
        (ProofKind::Evm, Some(contract)) => on_chain(cli, args, contract, &file, report)?,
        (ProofKind::Stark, Some(_)) => {
            return Err(Failure::file(
                &args.file,
                "is a STARK, which no contract checks; leave out --contract",
            ));
        }
    };
    report.set_claim(&claim);
    let rules = expected.check(&claim).inspect_err(|error| {
        if matches!(error, Failure::Invalid(_)) {
            report.valid = Some(false);
            report.as_expected = Some(false);
        }
    })?;
    report.valid = Some(true);
    let blocks = match claim.block_count {
        1 => "block".to_owned(),
        count => format!("the last of {count} consecutive blocks"),
    };
    let release = file.release().map_or_else(String::new, |release| format!(" by {release}"));
    report.headline.push(format!(
        "The proof{release} is valid{how}: {blocks} {}, {}, is valid under {rules}, if its parent {} is.",
        claim.last_block_number, claim.last_block_hash, claim.first_parent_hash
    ));
    Ok(())
}

/// What the user expects of a proof.
struct Expected {
    /// A name, and the digest of the rules.
    chain: Option<(String, B256)>,
    block: Option<BlockSelector>,
    parent: Option<B256>,
    any_rules: bool,
}

impl Expected {
    fn new(args: &VerifyArgs) -> Result<Self, Failure> {
        let chain = args.chain.as_deref().map(chains::by_name).transpose()?;
        let block =
            args.block.as_deref().map(str::parse::<BlockSelector>).transpose().map_err(Failure::other)?;
        if let Some(tag) =
            block.filter(|block| !matches!(block, BlockSelector::Number(_) | BlockSelector::Hash(_)))
        {
            return Err(Failure::other(format_args!(
                "--block {tag}: a proof is of one block for ever; name its number or its hash"
            )));
        }
        Ok(Self {
            chain: chain.map(|(name, spec)| (name, spec.hash())),
            block,
            parent: args.parent,
            any_rules: args.any_rules,
        })
    }

    /// The name of the rules that a proven claim is about, if it is what is expected. A claim that differs is no less true, and
    /// not what was asked for: [`Failure::Invalid`].
    fn check(&self, claim: &ChainClaim) -> Result<String, Failure> {
        let differs = |what: &str, proven: &dyn std::fmt::Display, expected: &dyn std::fmt::Display| {
            Err(Failure::Invalid(format!(
                "the proof is not of what is expected: its {what} is {proven}, expected {expected}"
            )))
        };
        match self.block {
            Some(BlockSelector::Number(number)) if claim.last_block_number != number => {
                return differs("block", &claim.last_block_number, &number);
            }
            Some(BlockSelector::Hash(hash)) if claim.last_block_hash != hash => {
                return differs("block", &claim.last_block_hash, &hash);
            }
            _ => {}
        }
        if let Some(parent) = self.parent.filter(|parent| claim.first_parent_hash != *parent) {
            return differs("first block's parent", &claim.first_parent_hash, &parent);
        }
        let known = chains::name(claim.chain_spec);
        if let Some((name, spec)) = &self.chain {
            if claim.chain_spec != *spec {
                let proven = known.map_or_else(
                    || {
                        format!(
                            "one of other rules (chain id {}, rules {})",
                            claim.chain_id, claim.chain_spec
                        )
                    },
                    str::to_owned,
                );
                return differs("chain", &proven, &format!("{name} (rules {spec})"));
            }
            return Ok(format!("the rules of {name}"));
        }
        match known {
            Some(name) if self.any_rules || chains::is_public(claim.chain_spec) => {
                Ok(format!("the rules of {name}"))
            }
            None if self.any_rules => {
                Ok(format!("rules that this program has no name for (chainSpec {})", claim.chain_spec))
            }
            _ => {
                let rules = match known {
                    Some(name) => format!("those of {name}"),
                    None => format!(
                        "none that this program knows (chain id {}, {})",
                        claim.chain_id, claim.chain_spec
                    ),
                };
                Err(Failure::other(format_args!(
                    "the proof is not accepted: the chain's rules are {rules}, and anybody can make up a chain; name the chain \
                     that is meant with --chain, or take a proof about any with --any-rules"
                )))
            }
        }
    }
}

/// Reads a proof, and reports what it says of itself.
pub(super) fn read(path: &Path, report: &mut Report) -> Result<ProofFile, Failure> {
    let file = ProofFile::read(path).map_err(|error| match error {
        ProofFileError::Io { ref source, .. } => {
            Failure::file(path, format_args!("can't be read: {source}; name a proof that `zeno prove` wrote"))
        }
        ProofFileError::Foreign if crate::files::is_input(path) => Failure::file(
            path,
            "is an input of `zeno fetch`, and no proof; `zeno validate --input` checks its block, `zeno prove --input` \
             proves it",
        ),
        error if error.blames_proof() => {
            report.valid = Some(false);
            Failure::Invalid(format!("{}: {error}", crate::text::path(path)))
        }
        error => Failure::file(path, error),
    })?;
    super::inspect::set_proof(&file, report);
    Ok(file)
}

/// Refuses a proof that says of itself that it was made under an SRS of no known ceremony, unless that is allowed. A file's word
/// is enough to refuse it, and never enough to accept it.
pub(super) fn check_srs(file: &ProofFile, allowed: bool) -> Result<(), Failure> {
    if file.srs.as_deref() != Some(INSECURE_SRS) {
        return Ok(());
    }
    if !allowed {
        return Err(Failure::other(
            "the proof was made under the development SRS, under which anybody can forge proofs, so it proves nothing; \
             for tests alone, --allow-unknown-srs takes it all the same",
        ));
    }
    Ok(())
}

fn stark(file: &ProofFile, report: &mut Report) -> Result<ChainClaim, Failure> {
    let key = VerifyingKey::committed().map_err(Failure::other)?;
    verify_stark(file, &key)
        .inspect(|_| report.checked_by = Some("key"))
        .map_err(|error| refused(error, report))
}

/// Why the verifier refuses a proof; reported as invalid only if the proof is to blame.
fn refused(error: VerifyError, report: &mut Report) -> Failure {
    if error.blames_proof() {
        report.valid = Some(false);
    }
    error.into()
}

fn evm(cli: &Cli, args: &VerifyArgs, file: &ProofFile, report: &mut Report) -> Result<ChainClaim, Failure> {
    check_srs(file, args.allow_unknown_srs)?;
    let keys = EvmKeys::for_proof(cli, &args.keys, file, args.allow_unknown_srs)?;
    natively(&keys, file, args.allow_unknown_srs, report).map(|(claim, _)| claim)
}

/// Checks a proof by the keys that may be meant, until one accepts it; returns the claim, and that key.
pub(super) fn natively<'a>(
    keys: &'a [EvmKeys],
    file: &ProofFile,
    allow_unknown_srs: bool,
    report: &mut Report,
) -> Result<(ChainClaim, &'a EvmVerifyingKey), Failure> {
    let allowed = if allow_unknown_srs { UnknownSrs::Allow } else { UnknownSrs::Refuse };
    let mut failure = None;
    for EvmKeys { key, .. } in keys {
        match verify_evm(file, key, allowed) {
            Ok(claim) => {
                report.set_key(key);
                report.checked_by = Some("key");
                warn(key.origin(), report);
                return Ok((claim, key));
            }
            Err(error) => failure = Some(error),
        }
    }
    let Some(error) = failure else { return Err(Failure::other("there is no key to check the proof with")) };
    // A proof under another SRS is no worse for that.
    let stated = file.srs.as_deref().unwrap_or_default();
    if error.blames_proof() && keys.iter().all(|keys| keys.key.origin().label() != stated) {
        let labels: Vec<_> = keys.iter().map(|keys| keys.key.origin().label()).collect();
        return Err(Failure::other(format_args!(
            "the proof says that it was made under the SRS \"{stated}\", and there is no accepted key of that: by those of \
             \"{}\" it is not valid ({error})",
            labels.join("\", \"")
        )));
    }
    Err(refused(error, report))
}

/// Says what a proof under this SRS is worth.
fn warn(origin: SrsOrigin, report: &mut Report) {
    match origin {
        SrsOrigin::Ceremony(_) => {}
        SrsOrigin::Development => report.headline.push(super::inspect::INSECURE.to_owned()),
        SrsOrigin::Unknown => report.headline.push(
            "UNKNOWN SRS: it is of no ceremony that is known here, and whoever made it may be able to forge proofs.".to_owned(),
        ),
    }
}

/// Refuses a contract that accepts proofs of a release that was withdrawn: what it says counts for nothing.
pub(super) fn refuse_withdrawn(contract: Address, app_exe_commitment: B256) -> Result<(), Failure> {
    Release::refuse_withdrawn(app_exe_commitment).map_err(|error| {
        Failure::other(format_args!(
            "the verifier at {contract} accepts proofs that anybody can forge: {error}"
        ))
    })
}

/// Refuses a contract that is not the verifier of this key, as far as its code can be known here.
pub(super) fn check_verifier(node: &Node, contract: Address, key: &EvmVerifyingKey) -> Result<(), Failure> {
    // The circuits of tests have other code, which a compiler makes.
    let Ok(expected) = verifier_runtime_code(key) else { return Ok(()) };
    let code = node.code(contract)?;
    if code == expected {
        return Ok(());
    }
    Err(Failure::other(format_args!(
        "the contract at {contract} is not the verifier of the key {}: its code has {} bytes, and is another than the {} bytes that \
         `zeno contract deploy` gives it; the proof is valid by that key all the same",
        key.digest(),
        code.len(),
        expected.len()
    )))
}

/// Has a contract check the proof. Where a key is at hand, the proof is checked natively as well, and that decides: what a node
/// says of a contract is the node's word.
fn on_chain(
    cli: &Cli,
    args: &VerifyArgs,
    contract: Address,
    file: &ProofFile,
    report: &mut Report,
) -> Result<(ChainClaim, String), Failure> {
    check_srs(file, args.allow_unknown_srs)?;
    let node = Node::connect(&args.node, "a contract")?;
    node.check_contract(contract)?;
    let app_exe_commitment = node.view(contract, &IZenoVerifier::APP_EXE_COMMITCall {}).map_err(|error| {
        match node.view(contract, &ZenoLightClient::VERIFIERCall {}) {
            Ok(verifier) => Failure::other(format_args!(
                "{contract} is a light client, and no verifier; it says that its verifier is {verifier}"
            )),
            Err(_) => error,
        }
    })?;
    refuse_withdrawn(contract, app_exe_commitment)?;
    let app_vm_commitment = node.view(contract, &IZenoVerifier::APP_VM_COMMITCall {})?;
    let insecure = node.view(contract, &IZenoVerifier::INSECURE_SRSCall {})?;
    if insecure && !args.allow_unknown_srs {
        return Err(Failure::other(format_args!(
            "the contract at {contract} stems from an SRS of no known ceremony, such as the one for development, under which \
             anybody can forge proofs; for tests alone, --allow-unknown-srs asks it all the same"
        )));
    }
    let keys = match EvmKeys::for_proof(cli, &args.keys, file, args.allow_unknown_srs) {
        Ok(keys) => keys,
        Err(_) if args.trust_contract => Vec::new(),
        Err(error) => {
            return Err(Failure::other(format_args!(
                "{error}; without one, what the contract at {contract} says is the word of the node and of whoever made it: \
                 --trust-contract takes it"
            )));
        }
    };
    // What is invalid here is so whatever a contract says.
    let native = match keys.as_slice() {
        [] => {
            if insecure {
                report.headline.push(super::inspect::INSECURE.to_owned());
            }
            None
        }
        keys => Some(natively(keys, file, args.allow_unknown_srs, report)?.1),
    };
    report.contracts.push(ContractReport { name: "verifier", address: contract });
    // The proof says more of itself than the contract is given: it has to be the same.
    file.check_origin(ProofKind::Evm, app_exe_commitment, app_vm_commitment).map_err(|error| {
        Failure::other(format_args!("the contract at {contract} is no verifier of this proof: {error}"))
    })?;
    if let Some(key) = native {
        check_verifier(&node, contract, key)?;
    }
    let native = native.is_some();
    let call =
        IZenoVerifier::verifyClaimCall { claim: (&file.claim).into(), proof: file.proof.clone().into() };
    let digest = match node.call(None, contract, &call.abi_encode()) {
        Ok(answer) => answer,
        Err(CallError::Reverted(reason)) => {
            let message = format!("the contract at {contract} refuses the proof: {}", explain(&reason));
            if native {
                return Err(Failure::Other(format!(
                    "{message}; it is valid by the key at hand, so this is another contract, or the node doesn't tell the truth"
                )));
            }
            // A node that allows too little gas has the contract refuse a good proof.
            return Err(Failure::Other(format!(
                "{message}; that is no verdict without a key to check the proof with"
            )));
        }
        Err(CallError::Failed(failure)) => return Err(failure),
    };
    if digest[..] != file.claim.digest()[..] {
        return Err(Failure::other(format_args!(
            "the contract at {contract} answers with {digest} instead of the claim's digest: it is no verifier"
        )));
    }
    let how = if native {
        format!(", by the key, and as the contract at {contract} on chain {} has it", node.chain_id)
    } else {
        report.checked_by = Some("contract");
        format!(
            ", says the contract at {contract} on chain {}, by the word of the node and of that contract alone",
            node.chain_id
        )
    };
    Ok((file.claim, how))
}
