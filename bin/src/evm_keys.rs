//! The verifying key of EVM proofs, and the Solidity that was generated with it.

use crate::{
    args::{Cli, EvmKeyArgs},
    failure::Failure,
    files,
};
use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};
use zeno_verifier::{EvmVerifyingKey, Release, VerifyingKey, contracts::INSECURE_DEV_HALO2_VERIFIER};

/// The names of the files in a folder of keys.
const VERIFYING_KEY: &str = "verifying-key";
const HALO2_VERIFIER: &str = "Halo2Verifier.sol";
/// How the names of such folders begin, in the cache folder's `keys`.
const PREFIX: &str = "evm-";

/// The key, and where the generated verifier is: in the key's folder, or, for the one of the development SRS, built in.
#[derive(Debug)]
pub(crate) struct EvmKeys {
    folder: Option<PathBuf>,
    pub(crate) key: EvmVerifyingKey,
}

impl EvmKeys {
    /// The key to deploy: the one that was named, or the built-in guest's. One of the development SRS has to be allowed.
    pub(crate) fn for_contracts(cli: &Cli, args: &EvmKeyArgs, allow_insecure: bool) -> Result<Self, Failure> {
        let keys = Self::find(cli, args, |key| allow_insecure || !key.is_insecure())?;
        if keys.key.is_insecure() && !allow_insecure {
            return Err(keys.insecure());
        }
        Ok(keys)
    }

    /// The key to check a proof with that says whether it was made under the development SRS.
    pub(crate) fn for_proof(cli: &Cli, args: &EvmKeyArgs, insecure: bool) -> Result<Self, Failure> {
        Self::find(cli, args, |key| key.is_insecure() == insecure)
    }

    /// Why this key needs a permission.
    pub(crate) fn insecure(&self) -> Failure {
        let folder = self.folder.as_ref().map_or(Path::new("the built-in key"), PathBuf::as_path);
        Failure::file(
            folder,
            "the key stems from the development SRS, under which anybody can forge proofs; for tests alone, \
             --allow-insecure takes it all the same",
        )
    }

    /// What `snark-verifier` generated for the key.
    pub(crate) fn halo2_verifier(&self) -> Result<String, Failure> {
        let Some(folder) = &self.folder else { return Ok(INSECURE_DEV_HALO2_VERIFIER.to_owned()) };
        let path = folder.join(HALO2_VERIFIER);
        String::from_utf8(files::read(&path)?).map_err(|error| Failure::file(&path, error))
    }

    fn find(
        cli: &Cli,
        args: &EvmKeyArgs,
        wanted: impl Fn(&EvmVerifyingKey) -> bool,
    ) -> Result<Self, Failure> {
        if let Some(folder) = &args.keys {
            let keys = Self::read(folder.clone())?;
            Release::refuse_withdrawn(keys.key.app_exe_commitment())
                .map_err(|error| Failure::file(folder, format_args!("the key is not accepted: {error}")))?;
            return Ok(keys);
        }
        let guest = VerifyingKey::committed().map_err(Failure::other)?;
        let built_in = EvmVerifyingKey::insecure_dev().map_err(Failure::other)?;
        let place = cli.cache_folder().join("keys");
        let mut found = Vec::new();
        for folder in folders(&place)? {
            let keys = Self::read(folder)?;
            let ours = keys.key.app_exe_commitment() == guest.app_exe_commitment()
                && keys.key.app_vm_commitment() == guest.app_vm_commitment();
            if ours && wanted(&keys.key) {
                found.push(keys);
            }
        }
        match (found.pop(), found.is_empty()) {
            (Some(keys), true) => Ok(keys),
            (Some(keys), false) => Err(Failure::other(format_args!(
                "{} has {} keys for EVM proofs of the built-in guest, such as {}; name one with --keys",
                place.display(),
                found.len() + 1,
                keys.folder.unwrap_or_default().display()
            ))),
            (None, _) if wanted(&built_in) => Ok(Self { folder: None, key: built_in }),
            (None, _) => Err(Failure::other(format_args!(
                "{} has no key for such EVM proofs of the built-in guest: `zeno setup` makes it, --keys names a folder \
                 elsewhere, and --allow-insecure takes one of the development SRS",
                place.display()
            ))),
        }
    }

    fn read(folder: PathBuf) -> Result<Self, Failure> {
        let path = folder.join(VERIFYING_KEY);
        let key =
            EvmVerifyingKey::decode(&files::read(&path)?).map_err(|error| Failure::file(&path, error))?;
        Ok(Self { folder: Some(folder), key })
    }
}

/// The folders of keys in `place`, which may not be there. One without a key is not finished yet.
fn folders(place: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = match fs::read_dir(place) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Failure::file(place, error)),
    };
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| Failure::file(place, error))?.path();
        let named = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
        if named && path.join(VERIFYING_KEY).is_file() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}
