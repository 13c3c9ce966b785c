//! `zeno prove`.

use crate::{
    args::{Cli, ProofArg, ProveArgs},
    chains,
    commands::validate::check,
    failure::Failure,
    files,
    progress::Display,
    report::Report,
    source, text,
};
use alloy_primitives::B256;
use std::{path::Path, sync::Arc};
use zeno_prover::{Guest, Prover};
use zeno_verifier::{EvmVerifyingKey, SrsOrigin};

/// Proves a block and writes the proof to a file.
pub(crate) fn prove(cli: &Cli, args: &ProveArgs, report: &mut Report) -> Result<(), Failure> {
    if let Some(out) = &args.out {
        files::check_writable(cli, out, "--out")?;
    }
    let display = Arc::new(Display::new());
    // A folder that isn't accepted is found out now, and not when everything else is done.
    let cache = cli.cache_folder()?;
    let loaded = source::load(cli, &args.source, &display, report)?;
    // Natively first: nobody proves an invalid block for an hour.
    let claim = check(&loaded, report)?;
    let out = files::destination(args.out.as_ref(), claim.last_block_number, "proof");
    files::check_writable(cli, &out, "--out")?;

    let prover = Prover::new(Guest::committed()?, cache)
        .with_progress(display.clone())
        .with_backend(args.backend.backend.into());
    let proved = match args.proof {
        ProofArg::Stark => prover.prove(&loaded.bytes, &claim),
        ProofArg::Evm => prover.prove_evm(&loaded.bytes, &claim),
    }?;
    files::deliver(&out, &proved.file.encode().map_err(Failure::other)?, report)?;
    proved.finish();
    report.proof_kind = Some(proved.file.kind.name());
    report.proof_bytes = Some(proved.file.proof.len());
    report.set_timings(&proved.timings);
    report.segments = Some(proved.timings.segments.len());
    if let Some(key) = &proved.evm_key {
        super::setup::say_key(key, report);
    }
    report.headline.push(format!(
        "Block {} is proven. Check the proof with `{}`.",
        claim.last_block_number,
        check_with(&out, args, claim.chain_spec, proved.evm_key.as_ref())
    ));
    Ok(())
}

/// The command that accepts the proof.
fn check_with(out: &Path, args: &ProveArgs, chain_spec: B256, key: Option<&EvmVerifyingKey>) -> String {
    let mut command = format!("zeno verify {}", text::path(out));
    if !chains::is_public(chain_spec) {
        command += &match (chains::short_name(chain_spec), &args.source.rpc.chain) {
            (Some(name), _) => format!(" --chain {name}"),
            (None, Some(path)) => format!(" --chain {}", text::path(path)),
            (None, None) => " --chain FILE".to_owned(),
        };
    }
    if let Some(key) = key.filter(|key| !key.is_pinned()) {
        command += &format!(" --key-digest {}", key.digest());
    }
    if key.is_some_and(|key| !matches!(key.origin(), SrsOrigin::Ceremony(_))) {
        command += " --allow-unknown-srs";
    }
    command
}
