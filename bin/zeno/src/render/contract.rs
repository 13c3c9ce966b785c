//! Outcomes about contracts: exported and deployed ones, and proofs for them.

use super::{
    Render,
    block::chain_name,
    proof::{key, program, proof, stated, warnings},
    sheet::{Sheet, grouped},
};
use zeno_pipeline::{
    chain_client::TransactionReport,
    contract::{Deployed, DeploymentFindings, Exported, RulesReport, SubmitResult, Submitted, TrustedReport},
    contract_checks::ContractReport,
    ether,
    evm_keys::KeyReport,
};
use zeno_verifier::{INSECURE_SRS_WARNING, SrsOrigin};

impl Render for Exported {
    fn messages(&self) -> Vec<String> {
        let mut messages = Vec::from_iter(warning(&self.key));
        messages.push(format!(
            "The contracts are written; {} is the verifier, rendered from the key {} ({}).",
            self.verifier, self.key.digest, self.key.srs
        ));
        messages
    }

    fn facts(&self, sheet: &mut Sheet) {
        program(sheet, &self.program);
        key(sheet, &self.key);
        sheet.fact("written to", self.folder.display());
    }
}

impl Render for Deployed {
    fn messages(&self) -> Vec<String> {
        let mut messages = Vec::from_iter(warning(&self.key));
        messages.push(if self.dry_run {
            "A dry run: nothing was sent.".to_owned()
        } else {
            format!(
                "Deployed on chain {}. Addresses are computed, and the code at them, as the node has it, is what was deployed.",
                self.chain_id
            )
        });
        messages
    }

    fn facts(&self, sheet: &mut Sheet) {
        program(sheet, &self.program);
        key(sheet, &self.key);
        if let Some(report) = &self.trusted_block {
            trusted(sheet, report);
        }
        transactions(sheet, &self.transactions_sent);
        contracts(sheet, &self.contracts);
    }
}

impl Render for DeploymentFindings {
    fn messages(&self) -> Vec<String> {
        Vec::from_iter(self.begun.as_ref().and_then(|begun| warning(&begun.key)))
    }

    fn facts(&self, sheet: &mut Sheet) {
        if let Some(begun) = &self.begun {
            begun.facts(sheet);
        }
    }
}

impl Render for Submitted {
    fn messages(&self) -> Vec<String> {
        let mut messages = warnings(self.key.as_ref(), false);
        messages.push(match self.result {
            SubmitResult::DryRun => format!(
                "A dry run: the light client at {} would take the proof. Nothing was sent.",
                self.client
            ),
            SubmitResult::Head { number, hash } => {
                format!("The light client's head is block {number}, {hash}, says the node.")
            }
            SubmitResult::Competing { number, hash } => format!(
                "Block {number}, {hash}, is kept apart as competing: it does not continue from the light client's head, says the node."
            ),
        });
        messages.push(self.caveat.clone());
        messages
    }

    fn facts(&self, sheet: &mut Sheet) {
        proof(sheet, &self.proof, self.key.as_ref());
        transactions(sheet, &self.transactions_sent);
        contracts(sheet, &self.contracts);
    }

    fn details(&self, sheet: &mut Sheet) {
        stated(sheet, &self.proof);
    }
}

/// A sentence about the worth of contracts, by the SRS of their key.
fn warning(key: &KeyReport) -> Option<String> {
    let sentence = match key.srs {
        SrsOrigin::Ceremony(_) => return None,
        SrsOrigin::Development => INSECURE_SRS_WARNING,
        SrsOrigin::Unknown => {
            "UNKNOWN SRS: it is of no ceremony that this program knows; whoever made it may be able to forge proofs."
        }
    };
    Some(sentence.to_owned())
}

/// Adds the start of a light client.
fn trusted(sheet: &mut Sheet, trusted: &TrustedReport) {
    sheet.fact("follows", chain_name(trusted.chain_id, Some(&trusted.chain)));
    for RulesReport { from, end, digest } in &trusted.rules {
        sheet.fact("chain rules", format_args!("{digest}, from {from} to before {end}"));
    }
    sheet.fact("trusted block", format_args!("{}, {}", trusted.number, trusted.hash));
    sheet.fact("its state root", trusted.state_root);
    sheet.fact("its timestamp", trusted.timestamp);
}

/// Adds transactions.
pub(super) fn transactions(sheet: &mut Sheet, transactions: &[TransactionReport]) {
    for sent in transactions {
        sheet.fact(sent.what, format_args!("on chain {}, from {}", sent.chain_id, sent.from));
        let estimate = grouped(sent.gas_estimate);
        sheet.fact(
            "gas",
            match sent.gas_used {
                Some(used) => format!("{} ({estimate} estimated)", grouped(used)),
                None => format!("{estimate} estimated"),
            },
        );
        sheet.fact("costs at most", ether::amount(sent.most_wei));
        sheet.maybe("transaction", sent.hash);
        sheet.maybe(
            "in block",
            sent.mined_in.map(|number| match sent.confirmations {
                Some(depth) => format!("{number}, {depth} deep or more"),
                None => number.to_string(),
            }),
        );
        for replaced in &sent.replaced {
            sheet.fact("instead of", replaced);
        }
    }
}

/// Adds contracts.
pub(super) fn contracts(sheet: &mut Sheet, contracts: &[ContractReport]) {
    for contract in contracts {
        sheet.fact(contract.name, contract.address);
    }
}
