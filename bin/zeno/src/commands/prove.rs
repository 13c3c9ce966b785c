//! `zeno prove`.

use crate::{
    args::{Cli, ProveArgs},
    exit::{CliError, Done},
    out_file::{OutFile, destination},
};
use std::path::Path;
use zeno_pipeline::{chains, context::Context, evm_keys::KeyReport, prove::BlockProver, text, validate};
use zeno_verifier::{ChainClaim, SrsOrigin};

/// Proves a block or a run of blocks, and writes the proof to a file.
pub(super) fn prove(cli: &Cli, args: &ProveArgs, context: &Context) -> Result<Done, CliError> {
    if let Some(out) = &args.out {
        OutFile::new(out, "--out", cli.json)?;
    }
    // A folder that isn't accepted is found out now, and not when everything else is done.
    let prover = BlockProver::new(args.backend.backend(), context)?;
    // Natively first: nobody proves an invalid block for an hour.
    let validated = validate::validate(&cli.source(&args.source)?, context)?;
    let out = destination(args.out.as_ref(), &validated.block.blocks, "proof");
    let out = OutFile::new(&out, "--out", cli.json).map_err(|error| validated.failed(error))?;

    let proved = prover.prove(validated, args.proof.into())?;
    if let Err(error) = out.deliver(&proved.file) {
        return Err(out.undelivered(proved.failed(error)));
    }
    proved.finish();
    let chain = args.source.rpc.chain.as_deref();
    let message = format!(
        "{} proven. Check the proof with `{}`.",
        proved.block.blocks.are(),
        check_with(out.path(), chain, &proved.claim, proved.key.as_ref())
    );
    Ok(Done { message: Some(message), ..out.delivered(proved) })
}

/// The command that accepts the proof of a claim, which is checked with `key` if it is an EVM proof. `chain` is the file of
/// the chain, if one was named.
pub(super) fn check_with(
    out: &Path,
    chain: Option<&Path>,
    claim: &ChainClaim,
    key: Option<&KeyReport>,
) -> String {
    let mut command = format!("zeno verify {}", text::path(out));
    if !chains::is_public(claim) {
        command += &match (chains::short_name(claim), chain) {
            (Some(name), _) => format!(" --chain {name}"),
            (None, Some(path)) => format!(" --chain {}", text::path(path)),
            (None, None) => " --chain FILE".to_owned(),
        };
    }
    if let Some(key) = key.filter(|key| !key.pinned) {
        command += &format!(" --key-digest {}", key.digest);
    }
    if key.is_some_and(|key| !matches!(key.srs, SrsOrigin::Ceremony(_))) {
        command += " --allow-unknown-srs";
    }
    command
}
