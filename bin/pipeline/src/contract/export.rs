//! Export of the contracts' Solidity sources.

use crate::{
    claim::ProgramReport,
    context::Context,
    error::Error,
    evm_keys::{EvmKey, KeyOptions, KeyReport},
    files,
    setting::Setting,
    text::printable,
};
use serde::Serialize;
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};
use zeno_verifier::contracts::{solidity_sources, verifier_name};

/// Longest configuration of forge that is looked at, in bytes.
const MAX_CONFIGURATION: u64 = 1 << 20;

/// Exported Solidity sources of all contracts.
#[derive(Clone, Debug, Serialize)]
pub struct Exported {
    /// Key that the verifier is rendered from.
    #[serde(flatten)]
    pub key: KeyReport,
    /// Program of that key.
    #[serde(flatten)]
    pub program: ProgramReport,
    /// Name of the verifier.
    #[serde(skip)]
    pub verifier: &'static str,
    /// Folder of the sources.
    #[serde(rename = "file", serialize_with = "crate::files::serialize_path")]
    pub folder: PathBuf,
}

/// Writes the Solidity sources of all contracts to `folder`, for the accepted verifying key.
///
/// # Errors
/// [`Error`] where no key is accepted, or the folder holds something that must not be replaced.
pub fn export(
    folder: &Path,
    keys: &KeyOptions,
    allow_unknown_srs: bool,
    context: &Context,
) -> Result<Exported, Error> {
    let EvmKey { key, .. } = EvmKey::for_contracts(keys, allow_unknown_srs, &context.cache)?;
    let sources = solidity_sources(&key);
    let paths: Vec<_> = sources.iter().map(|file| folder.join(&file.path)).collect();
    for (path, file) in paths.iter().zip(&sources) {
        check_replaceable(path, &file.text)?;
    }
    refuse_other_verifiers(folder, &paths)?;
    for (path, file) in paths.iter().zip(&sources) {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| Error::file(folder, error))?;
        }
        files::write(path, file.text.as_bytes())?;
    }
    Ok(Exported {
        key: KeyReport::new(&key),
        program: ProgramReport::new(key.app_exe_commitment(), key.app_vm_commitment()),
        verifier: verifier_name(&key),
        folder: folder.to_owned(),
    })
}

/// Refuses a folder with the verifier of an earlier export that has another name. It would stand over the Halo2 verifier of
/// this key then, and a contract of the development SRS could have the name of one that isn't.
fn refuse_other_verifiers(folder: &Path, exported: &[PathBuf]) -> Result<(), Error> {
    for path in exported {
        let Some(entries) = path.parent().and_then(|folder| std::fs::read_dir(folder).ok()) else {
            continue;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if name.starts_with("ZenoVerifier") && name.ends_with(".sol") && !exported.contains(&path) {
                return Err(Error::file(
                    folder,
                    format_args!(
                        "has {} of an export for another SRS, which would not fit the rest; remove it, or export to another \
                         folder",
                        printable(&name)
                    ),
                )
                .with_settings([Setting::Out]));
            }
        }
    }
    Ok(())
}

/// Refuses to replace something that is no regular file, or another project's configuration. `text` would be written.
fn check_replaceable(path: &Path, text: &str) -> Result<(), Error> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {
            let first = |text: &[u8]| text.split(|byte| *byte == b'\n').next().map(<[u8]>::to_vec);
            let is_configuration = path.extension().is_some_and(|extension| extension == "toml");
            if is_configuration && first(&files::read(path, MAX_CONFIGURATION)?) != first(text.as_bytes()) {
                return Err(Error::file(
                    path,
                    "is another project's configuration; export to a folder of its own",
                )
                .with_settings([Setting::Out]));
            }
            Ok(())
        }
        Ok(_) => Err(Error::file(path, "is there and is no regular file; export to another folder")
            .with_settings([Setting::Out])),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::file(path, format_args!("can't be written: {error}"))),
    }
}
