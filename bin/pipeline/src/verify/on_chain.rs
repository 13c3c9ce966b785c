//! Checks of proofs by a verifier's contract.

use super::{
    AskedContract, CheckedBy, Passed, ProofFindings, VerifierOptions, VerifyOptions, check_natively,
};
use crate::{
    chain_client::{CallError, ChainClient},
    context::Context,
    contract_checks::{check_release, check_verifier},
    error::{Error, Failed},
    evm_keys::{EvmKey, KeyReport},
    proof,
    revert_reason::explain,
    setting::Setting,
};
use alloy_primitives::{Address, B256};
use alloy_sol_types::SolCall;
use zeno_verifier::{
    EvmVerifyingKey, ProofFile, ProofKind,
    contracts::{IZenoVerifier, ZenoLightClient},
};

/// Has a contract check the proof. Where a key is at hand, the proof is checked natively as well, and that check decides: a
/// contract's answer is the node's word.
pub(super) fn check(
    options: &VerifyOptions,
    contract: &VerifierOptions,
    file: &ProofFile,
    context: &Context,
) -> Result<Passed, Failed<ProofFindings>> {
    let verifier = Verifier::new(options, contract, file)?;
    let keys = accepted_keys(options, contract, file, context)?;
    // A proof that is invalid here is so whatever a contract says.
    let native = match keys.as_slice() {
        [] => None,
        keys => Some(check_natively(keys, file, options.allow_unknown_srs)?.1),
    };
    let key = native.map(KeyReport::new);
    let asked = AskedContract { address: verifier.address, chain_id: verifier.client.chain_id };
    let insecure_contract = verifier.insecure && native.is_none();
    verifier.ask(file, native).map_err(|error| {
        let findings = ProofFindings {
            checked_by: key.map(|_| CheckedBy::Key),
            key,
            contracts: vec![asked.report()],
            insecure_contract,
            ..ProofFindings::default()
        };
        findings.failed(error)
    })?;
    let by = if native.is_some() { CheckedBy::Key } else { CheckedBy::Contract };
    Ok(Passed { claim: file.claim, by, key, asked: Some(asked), insecure_contract })
}

/// Finds the keys to check the proof with: none, where none is accepted and the contract's word is enough.
fn accepted_keys(
    options: &VerifyOptions,
    contract: &VerifierOptions,
    file: &ProofFile,
    context: &Context,
) -> Result<Vec<EvmKey>, Error> {
    match EvmKey::for_proof(&options.keys, file, options.allow_unknown_srs, &context.cache) {
        Ok(keys) => Ok(keys),
        Err(_) if contract.trust => Ok(Vec::new()),
        Err(error) => Err(error
            .continued(format_args!(
                "without one, what the contract at {} says is the word of the node and of whoever made it, which can be \
                 trusted all the same",
                contract.address
            ))
            .with_settings([Setting::TrustContract])),
    }
}

/// A verifier's contract, by the node's word.
struct Verifier {
    client: ChainClient,
    address: Address,
    app_exe_commitment: B256,
    app_vm_commitment: B256,
    /// `true` if it comes from an SRS of no known ceremony.
    insecure: bool,
}

impl Verifier {
    /// Refuses a proof and a contract that are not accepted.
    fn new(options: &VerifyOptions, contract: &VerifierOptions, file: &ProofFile) -> Result<Self, Error> {
        proof::check_srs(file, options.allow_unknown_srs)?;
        let client = ChainClient::connect(&contract.node, "a contract")?;
        let address = contract.address;
        client.check_contract(address)?;
        let app_exe_commitment = client.view(address, &IZenoVerifier::APP_EXE_COMMITCall {}).map_err(
            |error| match client.view(address, &ZenoLightClient::VERIFIERCall {}) {
                Ok(verifier) => Error::other(format_args!(
                    "{address} is a light client, and no verifier; it says that its verifier is {verifier}"
                )),
                Err(_) => error,
            },
        )?;
        check_release(address, app_exe_commitment)?;
        let app_vm_commitment = client.view(address, &IZenoVerifier::APP_VM_COMMITCall {})?;
        let insecure = client.view(address, &IZenoVerifier::INSECURE_SRSCall {})?;
        if insecure && !options.allow_unknown_srs {
            return Err(Error::other(format_args!(
                "the contract at {address} comes from an SRS of no known ceremony, such as the one for development, under which \
                 anybody can forge proofs; for tests alone, it can be allowed all the same"
            ))
            .with_settings([Setting::AllowUnknownSrs]));
        }
        Ok(Self { client, address, app_exe_commitment, app_vm_commitment, insecure })
    }

    /// Has the contract check the proof, which is valid by the key `native` if there is one.
    fn ask(&self, file: &ProofFile, native: Option<&EvmVerifyingKey>) -> Result<(), Error> {
        let contract = self.address;
        // The proof says more about itself than the contract is given: it has to be the same.
        file.check_origin(ProofKind::Evm, self.app_exe_commitment, self.app_vm_commitment).map_err(
            |error| {
                Error::other(format_args!("the contract at {contract} is no verifier of this proof: {error}"))
            },
        )?;
        if let Some(key) = native {
            check_verifier(&self.client, contract, key)?;
        }
        let call =
            IZenoVerifier::verifyClaimCall { claim: (&file.claim).into(), proof: file.proof.clone().into() };
        let digest = match self.client.call(None, contract, &call.abi_encode()) {
            Ok(answer) => answer,
            Err(CallError::Reverted(reason)) => {
                let message = format!("the contract at {contract} refuses the proof: {}", explain(&reason));
                // A node that allows too little gas has the contract refuse a good proof.
                let meaning = match native {
                    Some(_) => {
                        "it is valid by the key at hand, so this is another contract, or the node doesn't tell the truth"
                    }
                    None => "that is no verdict without a key to check the proof with",
                };
                return Err(Error::other(format_args!("{message}; {meaning}")));
            }
            Err(CallError::Failed(error)) => return Err(error),
        };
        if digest[..] != file.claim.digest()[..] {
            return Err(Error::other(format_args!(
                "the contract at {contract} answers with {digest} instead of the claim's digest: it is no verifier"
            )));
        }
        Ok(())
    }
}
