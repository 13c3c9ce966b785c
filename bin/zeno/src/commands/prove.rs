//! `zeno prove`.

use crate::{
    args::{Cli, ProveArgs},
    exit::{CliError, Done},
    out_file::{OutFile, destination},
};
use std::path::Path;
use zeno_pipeline::{
    chains,
    context::Context,
    prove::{BlockProver, Proved},
    text, validate,
};
use zeno_verifier::SrsOrigin;

/// Proves a block and writes the proof to a file.
pub(super) fn prove(cli: &Cli, args: &ProveArgs, context: &Context) -> Result<Done, CliError> {
    if let Some(out) = &args.out {
        OutFile::new(out, "--out", cli.json)?;
    }
    // A folder that isn't accepted is found out now, and not when everything else is done.
    let prover = BlockProver::new(args.backend.backend.into(), context)?;
    // Natively first: nobody proves an invalid block for an hour.
    let validated = validate::validate(&cli.source(&args.source)?, context)?;
    let out = destination(args.out.as_ref(), validated.block.number, "proof");
    let out = OutFile::new(&out, "--out", cli.json).map_err(|error| validated.failed(error))?;

    let proved = prover.prove(validated, args.proof.into())?;
    if let Err(error) = out.deliver(&proved.file) {
        return Err(out.undelivered(proved.failed(error)));
    }
    proved.finish();
    let message = format!(
        "Block {} is proven. Check the proof with `{}`.",
        proved.claim.last_block_number,
        check_with(out.path(), args, &proved)
    );
    Ok(Done { message: Some(message), ..out.delivered(proved) })
}

/// The command that accepts the proof.
fn check_with(out: &Path, args: &ProveArgs, proved: &Proved) -> String {
    let mut command = format!("zeno verify {}", text::path(out));
    if !chains::is_public(&proved.claim) {
        command += &match (chains::short_name(&proved.claim), &args.source.rpc.chain) {
            (Some(name), _) => format!(" --chain {name}"),
            (None, Some(path)) => format!(" --chain {}", text::path(path)),
            (None, None) => " --chain FILE".to_owned(),
        };
    }
    if let Some(key) = proved.key.filter(|key| !key.pinned) {
        command += &format!(" --key-digest {}", key.digest);
    }
    if proved.key.is_some_and(|key| !matches!(key.srs, SrsOrigin::Ceremony(_))) {
        command += " --allow-unknown-srs";
    }
    command
}
