//! Outcomes about proofs and their keys: verified, wrapped and inspected ones, and keys that are ready.

use super::{
    Render,
    block::{block, head, stages},
    contract::{contracts, transactions},
    sheet::{Sheet, grouped},
};
use zeno_pipeline::{
    chains,
    claim::{Blocks, Claim, ProgramReport, ProvenBlock},
    evm_keys::KeyReport,
    inspect::Inspected,
    proof::{Confirmed, ProofReport, Unchecked},
    prove::KeysReady,
    verify::{AskedContract, CheckedBy, ProofFindings, Verified},
    wrap::Wrapped,
};
use zeno_verifier::{INSECURE_SRS, INSECURE_SRS_WARNING, SrsOrigin};

impl Render for Verified {
    fn messages(&self) -> Vec<String> {
        let mut messages = warnings(self.key.as_ref(), self.insecure_contract);
        messages.extend(self.warning.clone());
        let release = self.proof.confirmed.as_ref().and_then(|confirmed| confirmed.program.release);
        let release =
            release.map_or_else(String::new, |number| format!(" by release {number} of the EVM program"));
        let (last, hash, parent) =
            (self.claim.last_block_number, self.claim.last_block_hash, self.claim.first_parent_hash);
        let judge = judge(self.checked_by, self.asked);
        let rules = &self.rules;
        messages.push(match self.claim.block_count {
            1 => format!(
                "The proof{release} is valid{judge}: block {last}, {hash}, is valid under {rules}, if its parent {parent} is."
            ),
            count => format!(
                "The proof{release} is valid{judge}: the {count} blocks up to {last}, {hash}, are valid under {rules}, if the \
                 parent of the first {parent} is."
            ),
        });
        messages
    }

    fn facts(&self, sheet: &mut Sheet) {
        proof(sheet, &self.proof, self.key.as_ref());
        contracts(sheet, &self.contracts);
    }

    fn details(&self, sheet: &mut Sheet) {
        stated(sheet, &self.proof);
    }
}

impl Render for ProofFindings {
    fn messages(&self) -> Vec<String> {
        warnings(self.key.as_ref(), self.insecure_contract)
    }

    fn facts(&self, sheet: &mut Sheet) {
        if let Some(report) = &self.proof {
            proof(sheet, report, self.key.as_ref());
        }
        transactions(sheet, &self.transactions_sent);
        contracts(sheet, &self.contracts);
    }

    fn details(&self, sheet: &mut Sheet) {
        if let Some(report) = &self.proof {
            stated(sheet, report);
        }
    }
}

impl Render for Wrapped {
    fn messages(&self) -> Vec<String> {
        self.key.iter().flat_map(key_for_others).collect()
    }

    fn facts(&self, sheet: &mut Sheet) {
        let ProvenBlock { number, hash, chain_id, chain, blocks } = &self.block;
        head(sheet, blocks.as_ref(), *number, hash, *chain_id, *chain);
        claim(sheet, &self.claim);
        sheet.fact(
            "proof",
            format_args!("{}, {} bytes", self.proof_kind.name(), grouped(self.proof_bytes as u64)),
        );
        if let Some(report) = &self.key {
            key(sheet, report);
        }
        stages(sheet, &self.stages);
    }
}

impl Render for Inspected {
    fn messages(&self) -> Vec<String> {
        match self {
            Self::Input(report) => {
                let input = match report.blocks.count {
                    1 => "An input: a block and the state that it touches.",
                    _ => "An input: a run of blocks and the state that they touch.",
                };
                let input = format!("{input} Nothing below was checked; `zeno validate --input` does.");
                [input].into_iter().chain(report.warning.clone()).collect()
            }
            Self::Proof { proof, refusal } => {
                let mut messages =
                    vec!["A proof. What it claims was not checked; `zeno verify` does.".to_owned()];
                messages.extend(refusal.as_ref().map(|refusal| format!("NOT ACCEPTED: {refusal}.")));
                if proof.stated.srs.as_deref() == Some(INSECURE_SRS) {
                    messages.push(INSECURE_SRS_WARNING.to_owned());
                }
                messages
            }
        }
    }

    fn facts(&self, sheet: &mut Sheet) {
        match self {
            Self::Input(report) => block(sheet, report),
            Self::Proof { proof: report, .. } => proof(sheet, report, None),
        }
    }

    fn details(&self, sheet: &mut Sheet) {
        match self {
            Self::Input(_) => {}
            Self::Proof { proof, .. } => stated(sheet, proof),
        }
    }
}

impl Render for KeysReady {
    fn messages(&self) -> Vec<String> {
        let mut messages = key_for_others(&self.key);
        messages.push("The keys for EVM proofs are there.".to_owned());
        messages
    }

    fn facts(&self, sheet: &mut Sheet) {
        key(sheet, &self.key);
        sheet.fact("written to", self.folder.display());
    }
}

/// The continuation of a sentence about a proof that is valid: by whose word.
fn judge(checked_by: CheckedBy, asked: Option<AskedContract>) -> String {
    match (checked_by, asked) {
        (_, None) => String::new(),
        (CheckedBy::Key, Some(AskedContract { address, chain_id })) => {
            format!(", by the key, and as the contract at {address} on chain {chain_id} has it")
        }
        (CheckedBy::Contract, Some(AskedContract { address, chain_id })) => format!(
            ", says the contract at {address} on chain {chain_id}, by the word of the node and of that contract alone"
        ),
    }
}

/// Sentences about the worth of a proof, by its key's SRS or by that of the contract that judged it alone.
pub(super) fn warnings(key: Option<&KeyReport>, insecure_contract: bool) -> Vec<String> {
    match key.map(|key| key.srs) {
        None if insecure_contract => vec![INSECURE_SRS_WARNING.to_owned()],
        None | Some(SrsOrigin::Ceremony(_)) => Vec::new(),
        Some(SrsOrigin::Development) => vec![INSECURE_SRS_WARNING.to_owned()],
        Some(SrsOrigin::Unknown) => vec![
            "UNKNOWN SRS: it is of no ceremony that is known here, and whoever made it may be able to forge proofs."
                .to_owned(),
        ],
    }
}

/// Sentences about the worth of a key's proofs, and about the way for others to accept the key.
pub(super) fn key_for_others(key: &KeyReport) -> Vec<String> {
    let mut messages = match key.srs {
        SrsOrigin::Ceremony(_) => Vec::new(),
        SrsOrigin::Development => vec![INSECURE_SRS_WARNING.to_owned()],
        SrsOrigin::Unknown => vec![
            "UNKNOWN SRS: it is of no ceremony that is known here, so whoever made it may be able to forge proofs."
                .to_owned(),
        ],
    };
    if !key.pinned {
        messages.push(format!(
            "The verifying key is not in this program's table, so whoever checks proofs has to name it: --key-digest {}.",
            key.digest
        ));
    }
    messages
}

/// Adds a proof, with its claim if that is confirmed, and the key that it was checked with.
pub(super) fn proof(sheet: &mut Sheet, proof: &ProofReport, checked_with: Option<&KeyReport>) {
    if let Some(Confirmed { block, claim: confirmed, program: by }) = &proof.confirmed {
        head(sheet, block.blocks.as_ref(), block.number, block.hash, block.chain_id, block.chain);
        claim(sheet, confirmed);
        program(sheet, by);
    }
    sheet.fact(
        "proof",
        format_args!("{}, {} bytes", proof.proof_kind.name(), grouped(proof.proof_bytes as u64)),
    );
    if let Some(report) = checked_with {
        key(sheet, report);
    }
}

/// Adds the statement of a proof's file about itself.
pub(super) fn stated(sheet: &mut Sheet, proof: &ProofReport) {
    let stated = &proof.stated;
    sheet.fact("says it was made by", format_args!("{}, with {}", stated.prover, stated.proof_system));
    sheet.maybe("under the SRS", stated.srs.as_ref());
    if let Some(Unchecked { claim: unchecked, program: by }) = &stated.unchecked {
        sheet.fact("says it proves", "what follows, which is NOT CHECKED");
        program(sheet, by);
        let (number, hash) = (unchecked.last_block_number, unchecked.last_block_hash);
        head(
            sheet,
            Blocks::of(unchecked).as_ref(),
            number,
            hash,
            unchecked.chain_id,
            chains::name(unchecked),
        );
        claim(sheet, unchecked);
    }
}

/// Adds the fields of a claim beside block and chain.
pub(super) fn claim(sheet: &mut Sheet, claim: &Claim) {
    if Blocks::of(claim).is_none() {
        sheet.fact("number of blocks", format_args!("{}, which is impossible", claim.block_count));
    }
    sheet.fact("parent", claim.first_parent_hash);
    sheet.fact("state root", claim.last_state_root);
    sheet.fact("receipts root", claim.last_receipts_root);
    sheet.fact("timestamp", claim.last_timestamp);
    sheet.fact("chain rules", claim.chain_spec);
    sheet.fact("claim digest", claim.digest());
}

/// Adds the program that a proof or a key is of.
pub(super) fn program(sheet: &mut Sheet, program: &ProgramReport) {
    let release = match (program.release, program.withdrawn, program.superseded) {
        (Some(number), None, None) => format!("{number} of the EVM program"),
        (Some(number), Some(_), _) => format!("{number} of the EVM program, withdrawn"),
        (Some(number), None, Some(_)) => format!("{number} of the EVM program, superseded"),
        (None, ..) => "not known to this program".to_owned(),
    };
    sheet.fact("release", release);
    sheet.fact("guest", program.app_exe_commitment);
    sheet.fact("VM", program.app_vm_commitment);
}

/// Adds a verifying key of EVM proofs.
pub(super) fn key(sheet: &mut Sheet, key: &KeyReport) {
    let digest = key.digest;
    sheet.fact(
        "verifying key",
        if key.pinned {
            format!("{digest}, of this program's table")
        } else {
            format!("{digest}, not in this program's table: --key-digest accepts it")
        },
    );
    sheet.fact("SRS of the key", key.srs);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{End, Report};
    use zeno_verifier::ProofFile;

    fn json(report: &impl Report) -> serde_json::Value {
        serde_json::from_str(&report.json(&End::default())).unwrap()
    }

    /// The maker of a proof's file writes it as he likes.
    #[test]
    fn a_files_word_is_told_apart_from_checked_facts() {
        let proof = include_bytes!("../../../../verifier-contract/contracts/test/fixtures/block.proof");
        let file = ProofFile::decode(proof).unwrap();
        let report = ProofReport::new(&file);
        let findings = ProofFindings { proof: Some(report.clone()), ..ProofFindings::default() };
        let value = json(&findings);
        for name in ["claim", "block_number", "prover", "release", "app_exe_commitment", "valid"] {
            assert_eq!(value.get(name), None, "{name}");
        }
        assert_eq!(value["stated"]["release"], 3);
        assert_eq!(value["stated"]["prover"], file.prover);
        assert_eq!(value["stated"]["claim"]["lastBlockNumber"], file.claim.last_block_number);
        let text = findings.text(&End::default());
        for unchecked in ["state root", "release", "guest"] {
            assert!(text.find("NOT CHECKED") < text.find(unchecked), "{text}");
        }
        assert!(text.contains("says it was made by"), "{text}");

        let confirmed = ProofFindings { proof: Some(report.confirm(file.claim)), ..findings };
        let value = json(&confirmed);
        assert_eq!((value["claim"].is_object(), value["stated"].get("claim")), (true, None));
        assert_eq!((&value["release"], value["stated"].get("release")), (&3.into(), None));
        assert_eq!(value["block_number"], file.claim.last_block_number);
        assert!(!confirmed.text(&End::default()).contains("NOT CHECKED"));
    }
}
