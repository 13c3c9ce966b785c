//! Outcomes about blocks: fetched, validated, executed and proven ones.

use super::{
    Render,
    proof::{claim, key, key_for_others},
    sheet::{Sheet, grouped},
};
use std::fmt::Display;
use zeno_pipeline::{
    block::{BlockFindings, BlockReport, SourceKind, WitnessSize},
    chains,
    claim::Blocks,
    execute::{Executed, RunReport},
    prove::{Proved, Stages},
    validate::{Fetched, Validated},
};
use zeno_prover::Cost;

/// Sentences about the source and the rules of a block.
fn about(source: SourceKind, block: &BlockReport) -> Vec<String> {
    example(source).into_iter().chain(block.warning.clone()).collect()
}

/// A sentence about the built-in example, if it is the source.
fn example(source: SourceKind) -> Option<String> {
    (source == SourceKind::Example)
        .then(|| "Neither BLOCK nor --input is given: this is the example that is built in.".to_owned())
}

impl Render for Validated {
    fn messages(&self) -> Vec<String> {
        let mut messages = about(self.source, &self.block);
        let parent = if self.block.blocks.count == 1 { "its parent" } else { "the parent of the first" };
        messages.push(format!(
            "{} valid under {}, if {parent} {} is.",
            self.block.blocks.are(),
            chains::rules(&self.claim),
            self.claim.first_parent_hash
        ));
        messages
    }

    fn facts(&self, sheet: &mut Sheet) {
        block(sheet, &self.block);
        claim(sheet, &self.claim);
    }
}

impl Render for Fetched {
    fn messages(&self) -> Vec<String> {
        about(self.0.source, &self.0.block)
    }

    fn facts(&self, sheet: &mut Sheet) {
        self.0.facts(sheet);
    }
}

impl Render for Executed {
    fn messages(&self) -> Vec<String> {
        about(self.source, &self.block)
    }

    fn facts(&self, sheet: &mut Sheet) {
        block(sheet, &self.block);
        run(sheet, &self.run);
        claim(sheet, &self.claim);
    }

    fn details(&self, sheet: &mut Sheet) {
        if let Some(profile) = &self.profile {
            let whole = Cost { instructions: self.run.instructions, cells: self.run.cells };
            sheet.parts("phase", &profile.phases, &whole);
            sheet.parts("function", &profile.functions, &whole);
        }
    }
}

impl Render for Proved {
    fn messages(&self) -> Vec<String> {
        let mut messages = about(self.source, &self.block);
        messages.extend(self.key.iter().flat_map(key_for_others));
        messages
    }

    fn facts(&self, sheet: &mut Sheet) {
        block(sheet, &self.block);
        sheet.fact("segments", self.segments);
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

impl Render for BlockFindings {
    fn messages(&self) -> Vec<String> {
        let warning = self.block.as_ref().and_then(|block| block.warning.clone());
        self.source.and_then(example).into_iter().chain(warning).collect()
    }

    fn facts(&self, sheet: &mut Sheet) {
        if let Some(report) = &self.block {
            block(sheet, report);
        }
        if let Some(report) = &self.run {
            run(sheet, report);
        }
        if let Some(report) = &self.claim {
            claim(sheet, report);
        }
    }
}

/// Adds a block as its input describes it.
pub(super) fn block(sheet: &mut Sheet, block: &BlockReport) {
    head(sheet, Some(&block.blocks), block.number, block.hash, block.chain_id, block.chain);
    sheet.fact("fork", block.fork);
    sheet.fact("transactions", block.transactions);
    sheet.fact("gas used", grouped(block.gas_used));
    let WitnessSize { bytes, nodes, codes, headers } = &block.witness;
    sheet.fact(
        "witness",
        format_args!(
            "{nodes} trie nodes, {codes} codes, {headers} headers; {} bytes in all",
            grouped(*bytes as u64)
        ),
    );
}

/// Adds the number, the hash and the chain of a block, or of the last block of a run. `blocks` is `None` where the numbers
/// of a run are impossible.
pub(super) fn head(
    sheet: &mut Sheet,
    blocks: Option<&Blocks>,
    number: u64,
    hash: impl Display,
    chain_id: u64,
    chain: Option<&str>,
) {
    match blocks {
        Some(Blocks { first, last, count }) if *count > 1 => {
            sheet.fact("blocks", format_args!("{first} to {last}, {count} in all"));
            sheet.fact("last hash", hash);
        }
        _ => {
            sheet.fact("block", number);
            sheet.fact("hash", hash);
        }
    }
    sheet.fact("chain", chain_name(chain_id, chain));
}

/// A chain id with the name of the rules that go with it.
pub(super) fn chain_name(id: u64, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("{id}, {name}"),
        None => format!("{id}, under rules that this program has no name for"),
    }
}

/// Adds the size of a run of the guest.
fn run(sheet: &mut Sheet, run: &RunReport) {
    sheet.fact("instructions", grouped(run.instructions));
    sheet.maybe("instructions per gas", run.instructions_per_gas.map(|ratio| format!("{ratio:.1}")));
    sheet.fact("segments", run.segments);
    sheet.fact("cells", grouped(run.cells));
}

/// Adds the seconds by stage of a proof.
pub(super) fn stages(sheet: &mut Sheet, stages: &Stages) {
    // The sum of no floats is -0.
    let sum = |list: &[f64]| list.iter().fold(0.0, |sum, seconds| sum + seconds);
    let evm = stages.evm.as_ref().map_or_else(String::new, |evm| {
        format!(
            "root {:.1}, static verifier {:.1}, wrapper {:.1}, ",
            evm.root, evm.static_verifier, evm.wrapper
        )
    });
    sheet.fact(
        "seconds by stage",
        format_args!(
            "keys {:.1}, execution {:.1}, segments {:.1}, aggregation {:.1}, {evm}verification {:.3}",
            stages.keys,
            stages.execute,
            sum(&stages.segments),
            sum(&stages.aggregation),
            stages.verify
        ),
    );
}
