//! Verifying keys of EVM proofs, and the choice among those at hand.
//!
//! A key decides which proofs are valid, and its checksum is no signature. So no folder decides which key counts: a key is
//! accepted by its digest, which is in the table of this program, or which the user names.

use crate::{cache_dir::CacheDir, error::Error, files, setting::Setting, text};
use alloy_primitives::B256;
use serde::Serialize;
use std::path::{Path, PathBuf};
use zeno_verifier::{EvmVerifyingKey, ProofFile, Release, SrsOrigin, VerifyingKey, key_folder};

/// Number of keys that a sentence names.
const MAX_NAMED: usize = 4;

/// Choice of the verifying key of EVM proofs.
#[derive(Clone, Debug, Default)]
pub struct KeyOptions {
    /// File of a key, or the folder that it lies in. `None` stands for the built-in key and those in the cache folder.
    pub path: Option<PathBuf>,
    /// Digest of the only key to accept. `None` stands for the digests in this program's table.
    pub digest: Option<B256>,
}

/// Verifying key of EVM proofs, as outcomes report it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct KeyReport {
    /// Digest of the key.
    #[serde(rename = "key_digest")]
    pub digest: B256,
    /// Origin of the key's SRS, by a point in the key.
    #[serde(rename = "key_srs", serialize_with = "srs_label")]
    pub srs: SrsOrigin,
    /// `true` if the key is in this program's table.
    #[serde(rename = "key_pinned")]
    pub pinned: bool,
}

fn srs_label<S: serde::Serializer>(origin: &SrsOrigin, serializer: S) -> Result<S::Ok, S::Error> {
    origin.label().serialize(serializer)
}

impl KeyReport {
    /// The report on a key.
    pub fn new(key: &EvmVerifyingKey) -> Self {
        Self { digest: key.digest(), srs: key.origin(), pinned: key.is_pinned() }
    }
}

/// A verifying key of EVM proofs, and its file, unless it is built in.
#[derive(Debug)]
pub(crate) struct EvmKey {
    file: Option<PathBuf>,
    pub(crate) key: EvmVerifyingKey,
}

/// The accepted keys, and the reasons why others are refused.
struct FoundKeys {
    accepted: Vec<EvmKey>,
    refused: Vec<Error>,
}

impl EvmKey {
    /// Finds the key to make contracts for: the one that the options name, or that of the built-in guest. A key whose SRS is
    /// of no known ceremony has to be allowed.
    pub(crate) fn for_contracts(
        options: &KeyOptions,
        allow_unknown_srs: bool,
        cache: &CacheDir,
    ) -> Result<Self, Error> {
        let guest = VerifyingKey::committed().map_err(Error::other)?;
        let mut found = find(options, cache)?;
        if options.is_empty() {
            found.accepted.retain(|keys| {
                [keys.key.app_exe_commitment(), keys.key.app_vm_commitment()]
                    == [guest.app_exe_commitment(), guest.app_vm_commitment()]
            });
            // The built-in key is of the development SRS, and meant only where there is no better one.
            if found.accepted.iter().any(|keys| is_of_ceremony(&keys.key)) {
                found.accepted.retain(|keys| is_of_ceremony(&keys.key));
            }
        }
        let Some(keys) = found.accepted.pop() else { return Err(found.none("the contracts")) };
        if !found.accepted.is_empty() {
            return Err(Error::other(format_args!(
                "there are {} accepted keys for EVM proofs of the built-in guest; name the digest of one: {}",
                found.accepted.len() + 1,
                found.accepted.iter().chain([&keys]).map(EvmKey::to_string).collect::<Vec<_>>().join("; ")
            ))
            .with_settings([Setting::KeyDigest]));
        }
        keys.check_srs(allow_unknown_srs)?;
        Ok(keys)
    }

    /// Finds the keys that the proof may be checked with, at least one: those that the options name, or those of the proof's
    /// guest and VM. The SRS that the file names has no part in the choice: the file's maker writes it.
    pub(crate) fn for_proof(
        options: &KeyOptions,
        file: &ProofFile,
        allow_unknown_srs: bool,
        cache: &CacheDir,
    ) -> Result<Vec<Self>, Error> {
        if options.is_empty() && file.release().is_none() {
            return Err(Error::other(format_args!(
                "the proof is not accepted: it is of a program that this one doesn't know (guest {}, VM {}); a newer zeno may \
                 know it, or you can name the digest of its key",
                file.app_exe_commitment, file.app_vm_commitment
            ))
            .with_settings([Setting::KeyDigest]));
        }
        let mut found = find(options, cache)?;
        if options.is_empty() {
            found.accepted.retain(|keys| {
                keys.key.app_exe_commitment() == file.app_exe_commitment
                    && keys.key.app_vm_commitment() == file.app_vm_commitment
            });
        }
        for keys in std::mem::take(&mut found.accepted) {
            match keys.check_srs(allow_unknown_srs) {
                Ok(()) => found.accepted.push(keys),
                Err(error) => found.refused.push(error),
            }
        }
        if found.accepted.is_empty() {
            return Err(found.none(&format!("proofs of the guest {}", file.app_exe_commitment)));
        }
        Ok(found.accepted)
    }

    /// Refuses a key whose SRS is of no known ceremony, unless that is allowed.
    fn check_srs(&self, allowed: bool) -> Result<(), Error> {
        let why = match self.key.origin() {
            SrsOrigin::Ceremony(_) => return Ok(()),
            SrsOrigin::Development => {
                "comes from the development SRS, under which anybody can forge proofs; for tests alone"
            }
            SrsOrigin::Unknown => {
                "comes from an SRS of no ceremony that is known here, so whoever made it may be able to forge proofs; if that \
                 is nobody to fear"
            }
        };
        if allowed {
            return Ok(());
        }
        Err(Error::other(format_args!("{self}: the key {why}, it can be allowed all the same"))
            .with_settings([Setting::AllowUnknownSrs]))
    }

    /// Reads the file of a key, or the one in a folder of keys.
    fn read(path: &Path) -> Result<Self, Error> {
        let file = key_folder::locate(path);
        let bytes = files::read_as(&file, |start| {
            if start.starts_with(b"ZENOVK") {
                return Err(Error::file(
                    &file,
                    "is the verifying key of STARKs, which is built in; name a key of EVM proofs",
                )
                .with_settings([Setting::Keys]));
            }
            Ok(key_folder::MAX_VERIFYING_KEY_BYTES)
        })?;
        let key = EvmVerifyingKey::decode(&bytes).map_err(|error| Error::file(&file, error))?;
        Ok(Self { file: Some(file), key })
    }
}

impl std::fmt::Display for EvmKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.file {
            Some(path) => write!(f, "{}", text::path(path))?,
            None => f.write_str("the built-in key")?,
        }
        write!(f, " (digest {}, SRS {})", self.key.digest(), self.key.origin().label())
    }
}

impl KeyOptions {
    /// Returns whether the options name no key.
    pub(crate) fn is_empty(&self) -> bool {
        self.path.is_none() && self.digest.is_none()
    }

    /// Returns whether a key is accepted: by the digest in the options, or, without one, by this program's table.
    fn accept(&self, key: &EvmVerifyingKey) -> bool {
        match self.digest {
            Some(digest) => key.digest() == digest,
            None => key.is_pinned(),
        }
    }
}

impl FoundKeys {
    /// The error that there is no accepted key for `what`.
    fn none(&self, what: &str) -> Error {
        let refused: Vec<_> = self.refused.iter().map(Error::to_string).collect();
        let refused = match refused.as_slice() {
            [] => String::new(),
            [refused @ .., _] if refused.len() >= MAX_NAMED => {
                format!(" ({}; and {} more)", refused[..MAX_NAMED].join("; "), refused.len() + 1 - MAX_NAMED)
            }
            refused => format!(" ({})", refused.join("; ")),
        };
        let settings = self.refused.iter().flat_map(Error::settings);
        Error::other(format_args!(
            "there is no accepted verifying key for {what}{refused}: `zeno setup` makes the key of an installed SRS and says \
             its digest; name that digest to accept the key, if it comes from whom you trust, and its folder, if it lies \
             elsewhere"
        ))
        .with_settings(settings.chain([Setting::KeyDigest, Setting::Keys]))
    }
}

/// Finds all keys at hand: the named one, or the built-in one and those that `zeno setup` left in the cache folder.
fn find(options: &KeyOptions, cache: &CacheDir) -> Result<FoundKeys, Error> {
    let mut found = FoundKeys { accepted: Vec::new(), refused: Vec::new() };
    if let Some(path) = &options.path {
        let keys = EvmKey::read(path)?;
        Release::check_accepted(keys.key.app_exe_commitment())
            .map_err(|error| Error::file(path, format_args!("the key is not accepted: {error}")))?;
        found.add(keys, options);
        return Ok(found);
    }
    let built_in = EvmVerifyingKey::insecure_dev().map_err(Error::other)?;
    found.add(EvmKey { file: None, key: built_in }, options);
    let in_cache = |keys: Option<PathBuf>| match keys {
        Some(keys) => key_folder::finished(&keys).map_err(|error| Error::file(&keys, error)),
        None => Ok(Vec::new()),
    };
    match cache.keys().and_then(in_cache) {
        Ok(folders) => {
            for folder in folders {
                match EvmKey::read(&folder) {
                    Ok(keys) => found.add(keys, options),
                    Err(error) => found.refused.push(error),
                }
            }
        }
        // The built-in key needs no folder.
        Err(error) => found.refused.push(error),
    }
    Ok(found)
}

impl FoundKeys {
    fn add(&mut self, keys: EvmKey, options: &KeyOptions) {
        if let Err(error) = Release::check_accepted(keys.key.app_exe_commitment()) {
            self.refused.push(Error::other(format_args!("{keys}: {error}")));
        } else if options.accept(&keys.key) {
            // The same key may lie in the cache folder as well.
            if !self.accepted.iter().any(|known| known.key.digest() == keys.key.digest()) {
                self.accepted.push(keys);
            }
        } else {
            let why = match options.digest {
                Some(_) => "is not the key with the digest that you name",
                None => "is not in this program's table of keys",
            };
            self.refused.push(Error::other(format_args!("{keys} {why}")));
        }
    }
}

fn is_of_ceremony(key: &EvmVerifyingKey) -> bool {
    matches!(key.origin(), SrsOrigin::Ceremony(_))
}
