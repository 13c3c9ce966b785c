//! The verifying keys of EVM proofs that are at hand, and which of them are accepted.
//!
//! A key decides what a valid proof is, and its checksum is no signature. So no folder decides which key that is: a key is
//! accepted by its digest, which is in the table of this program, or which the user names.

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
use zeno_verifier::{EvmVerifyingKey, ProofFile, Release, SrsOrigin, VerifyingKey};

/// The name of the key's file in a folder of keys.
const VERIFYING_KEY: &str = "verifying-key";
/// How the names of such folders begin, in the cache folder's `keys`.
const PREFIX: &str = "evm-";
/// How many keys a sentence names.
const MAX_NAMED: usize = 4;
/// No key has as many bytes.
const MAX_KEY_BYTES: u64 = 1 << 16;

/// A key, and where it lies; nowhere, if it is built in.
#[derive(Debug)]
pub(crate) struct EvmKeys {
    place: Option<PathBuf>,
    pub(crate) key: EvmVerifyingKey,
}

/// The keys that are accepted, and why others are not.
struct Found {
    accepted: Vec<EvmKeys>,
    refused: Vec<String>,
}

impl EvmKeys {
    /// The key to make contracts for: the one that the arguments name, or the built-in guest's. One whose SRS is of no known
    /// ceremony has to be allowed.
    pub(crate) fn for_contracts(
        cli: &Cli,
        args: &EvmKeyArgs,
        allow_unknown_srs: bool,
    ) -> Result<Self, Failure> {
        let guest = VerifyingKey::committed().map_err(Failure::other)?;
        let mut found = find(cli, args)?;
        if args.is_empty() {
            found.accepted.retain(|keys| {
                [keys.key.app_exe_commitment(), keys.key.app_vm_commitment()]
                    == [guest.app_exe_commitment(), guest.app_vm_commitment()]
            });
            // The built-in one is of the development SRS, and meant only where there is no better one.
            if found.accepted.iter().any(|keys| is_of_ceremony(&keys.key)) {
                found.accepted.retain(|keys| is_of_ceremony(&keys.key));
            }
        }
        let Some(keys) = found.accepted.pop() else { return Err(found.none("the contracts")) };
        if !found.accepted.is_empty() {
            return Err(Failure::other(format_args!(
                "there are {} accepted keys for EVM proofs of the built-in guest; name one with --key-digest: {}",
                found.accepted.len() + 1,
                found.accepted.iter().chain([&keys]).map(EvmKeys::to_string).collect::<Vec<_>>().join("; ")
            )));
        }
        keys.check_srs(allow_unknown_srs)?;
        Ok(keys)
    }

    /// The keys that the proof may be checked with, at least one: those that the arguments name, or those of its guest and its
    /// machine. Which SRS the file names has no part in that: its maker writes it.
    pub(crate) fn for_proof(
        cli: &Cli,
        args: &EvmKeyArgs,
        file: &ProofFile,
        allow_unknown_srs: bool,
    ) -> Result<Vec<Self>, Failure> {
        if args.is_empty() && file.release().is_none() {
            return Err(Failure::other(format_args!(
                "the proof is not accepted: it is of a program that this one doesn't know (guest {}, machine {}); a newer zeno may \
                 know it, or --key-digest name its key",
                file.app_exe_commitment, file.app_vm_commitment
            )));
        }
        let mut found = find(cli, args)?;
        if args.is_empty() {
            found.accepted.retain(|keys| {
                keys.key.app_exe_commitment() == file.app_exe_commitment
                    && keys.key.app_vm_commitment() == file.app_vm_commitment
            });
        }
        for keys in std::mem::take(&mut found.accepted) {
            match keys.check_srs(allow_unknown_srs) {
                Ok(()) => found.accepted.push(keys),
                Err(error) => found.refused.push(error.to_string()),
            }
        }
        if found.accepted.is_empty() {
            return Err(found.none(&format!("proofs of the guest {}", file.app_exe_commitment)));
        }
        Ok(found.accepted)
    }

    /// Refuses a key whose SRS is of no known ceremony, unless that is allowed.
    fn check_srs(&self, allowed: bool) -> Result<(), Failure> {
        let why = match self.key.origin() {
            SrsOrigin::Ceremony(_) => return Ok(()),
            SrsOrigin::Development => {
                "stems from the development SRS, under which anybody can forge proofs; for tests alone"
            }
            SrsOrigin::Unknown => {
                "stems from an SRS of no ceremony that is known here, so whoever made it may be able to forge proofs; if that \
                 is nobody to fear"
            }
        };
        if allowed {
            return Ok(());
        }
        Err(Failure::other(format_args!("{self}: the key {why}, --allow-unknown-srs takes it all the same")))
    }

    /// Reads a key's file, or the one in a folder of keys.
    fn read(path: &Path) -> Result<Self, Failure> {
        let file = if path.is_dir() { path.join(VERIFYING_KEY) } else { path.to_owned() };
        let bytes = files::read_as(&file, |start| {
            if start.starts_with(b"ZENOVK") {
                return Err(Failure::file(
                    &file,
                    "is the verifying key of STARKs, which is built in; --keys takes those of EVM proofs",
                ));
            }
            Ok(MAX_KEY_BYTES)
        })?;
        let key = EvmVerifyingKey::decode(&bytes).map_err(|error| Failure::file(&file, error))?;
        Ok(Self { place: Some(file), key })
    }
}

impl std::fmt::Display for EvmKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.place {
            Some(path) => write!(f, "{}", crate::text::path(path))?,
            None => f.write_str("the built-in key")?,
        }
        write!(f, " (digest {}, SRS {})", self.key.digest(), self.key.origin().label())
    }
}

impl EvmKeyArgs {
    /// Whether no key is named.
    fn is_empty(&self) -> bool {
        self.keys.is_none() && self.key_digest.is_none()
    }

    /// Whether a key is accepted: the one whose digest is named and no other, or, where none is, those of the table.
    fn accept(&self, key: &EvmVerifyingKey) -> bool {
        match self.key_digest {
            Some(digest) => key.digest() == digest,
            None => key.is_pinned(),
        }
    }
}

impl Found {
    /// Why there is no key for something.
    fn none(&self, what: &str) -> Failure {
        let refused = match self.refused.as_slice() {
            [] => String::new(),
            [refused @ .., _] if refused.len() >= MAX_NAMED => {
                format!(" ({}; and {} more)", refused[..MAX_NAMED].join("; "), refused.len() + 1 - MAX_NAMED)
            }
            refused => format!(" ({})", refused.join("; ")),
        };
        Failure::other(format_args!(
            "there is no accepted verifying key for {what}{refused}: `zeno setup` makes the key of an installed SRS and says \
             its digest, and --key-digest accepts it by that, if it comes from whom you trust; --keys names a folder elsewhere"
        ))
    }
}

/// All keys at hand: the one that is named, or the built-in one and those that `zeno setup` left in the cache folder.
fn find(cli: &Cli, args: &EvmKeyArgs) -> Result<Found, Failure> {
    let mut found = Found { accepted: Vec::new(), refused: Vec::new() };
    if let Some(path) = &args.keys {
        let keys = EvmKeys::read(path)?;
        Release::refuse_withdrawn(keys.key.app_exe_commitment())
            .map_err(|error| Failure::file(path, format_args!("the key is not accepted: {error}")))?;
        found.add(keys, args);
        return Ok(found);
    }
    let built_in = EvmVerifyingKey::insecure_dev().map_err(Failure::other)?;
    found.add(EvmKeys { place: None, key: built_in }, args);
    let in_cache =
        |cache: Option<PathBuf>| cache.map_or(Ok(Vec::new()), |cache| folders(&cache.join("keys")));
    match cli.cache_folder_if_any().and_then(in_cache) {
        Ok(folders) => {
            for folder in folders {
                match EvmKeys::read(&folder) {
                    Ok(keys) => found.add(keys, args),
                    Err(error) => found.refused.push(error.to_string()),
                }
            }
        }
        // Keys that are built in need no folder.
        Err(error) => found.refused.push(error.to_string()),
    }
    Ok(found)
}

impl Found {
    fn add(&mut self, keys: EvmKeys, args: &EvmKeyArgs) {
        if let Err(error) = Release::refuse_withdrawn(keys.key.app_exe_commitment()) {
            self.refused.push(format!("{keys}: {error}"));
        } else if args.accept(&keys.key) {
            // The same key may lie in the cache folder as well.
            if !self.accepted.iter().any(|known| known.key.digest() == keys.key.digest()) {
                self.accepted.push(keys);
            }
        } else {
            let why = match args.key_digest {
                Some(_) => "is not the key of --key-digest",
                None => "is not in this program's table of keys",
            };
            self.refused.push(format!("{keys} {why}"));
        }
    }
}

fn is_of_ceremony(key: &EvmVerifyingKey) -> bool {
    matches!(key.origin(), SrsOrigin::Ceremony(_))
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
