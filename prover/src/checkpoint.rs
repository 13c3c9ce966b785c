//! Checkpoint of a run: its proofs so far, kept in the cache folder until the final proof is written. An interrupted
//! run resumes from them.
//!
//! Each run has a folder in `zeno-work`, with a mark that this program put there. Nothing else is ever removed, and in
//! such a folder only files of the names below. Files that are read back are decoded within bounds and verified. A file
//! that doesn't verify is removed and proven again. Where the folder can't be written to, nothing is kept, and the
//! proof is made all the same.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, SystemTime},
};

use alloy_primitives::{B256, Keccak256};
use openvm_sdk::{SC, keygen::AppVerifyingKey};
use openvm_stark_backend::{
    codec::{DecodableConfig, EncodableConfig, Encode},
    keygen::types::MultiStarkVerifyingKey,
    proof::Proof,
};
use tracing::{info, warn};
use zeno_verifier::{caught, decode_proof, decode_public_values};
use zeno_vm::PublicValuesProof;

use crate::{
    cache_dir,
    error::{ProverError, Stage},
};

/// Time after its last proof at which a run counts as abandoned.
const ABANDONED_AFTER: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Folder of all runs, in the cache folder.
const RUNS: &str = "zeno-work";
/// File that marks a folder as one of ours.
const MARK: &str = "zeno-run";
/// Content of the mark.
const MARKED: &str = "What zeno has proven of an interrupted run. It removes this folder when the proof is written, or after a \
                      month.\n";
/// Bound on a proof's length, in bytes. A segment's proof takes some ten megabytes.
const MAX_PROOF_BYTES: u64 = 1 << 28;
/// Bound on the length of a proof of public values and of a Halo2 proof, in bytes.
const MAX_SMALL_BYTES: u64 = 1 << 20;

/// Folder of one run, with one file for each proof.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    folder: PathBuf,
    /// Number of proofs that were read back.
    restored: AtomicUsize,
}

impl Checkpoint {
    /// Opens the checkpoint of the run on `input` by the guest and the parameters that `identity` names.
    pub(crate) fn open(cache: &Path, identity: &[&[u8]], input: &[u8]) -> Self {
        let mut hasher = Keccak256::new();
        for part in identity.iter().copied().chain([input]) {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let name: B256 = hasher.finalize();
        let runs = cache.join(RUNS);
        let folder = runs.join(&name.to_string()[2..34]);
        if is_run(&folder) {
            info!(folder = %folder.display(), "resuming an interrupted run");
        }
        remove_abandoned(&runs, &folder, SystemTime::now());
        Self { folder, restored: AtomicUsize::new(0) }
    }

    /// Number of proofs that were read back.
    pub(crate) fn restored(&self) -> usize {
        self.restored.load(Ordering::Relaxed)
    }

    /// Reads a saved proof of the circuit with the key `key`, if `verify` accepts it. Any other proof is removed.
    pub(crate) fn proof<C: DecodableConfig>(
        &self,
        name: &str,
        key: &MultiStarkVerifyingKey<C>,
        verify: impl FnOnce(&Proof<C>) -> Result<(), String>,
    ) -> Option<Proof<C>> {
        self.restore(name, MAX_PROOF_BYTES, |bytes| {
            let proof = decode_proof(bytes, key).map_err(|error| error.to_string())?;
            verify(&proof)?;
            Ok(proof)
        })
    }

    /// Saves a proof, if the folder can be written to.
    pub(crate) fn save<C: EncodableConfig>(&self, name: &str, proof: &Proof<C>) -> Result<(), ProverError> {
        self.put(name, &proof.encode_to_vec().stage("encoding a proof")?);
        Ok(())
    }

    /// Reads the saved proof of the guest's public values. Whether it is right, the last segment's proof decides.
    pub(crate) fn public_values(&self, key: &AppVerifyingKey) -> Option<PublicValuesProof> {
        self.restore("public-values", MAX_SMALL_BYTES, |bytes| {
            let height = key.memory_dimensions.overall_height();
            decode_public_values(bytes, height, key.num_user_pvs).map_err(|error| error.to_string())
        })
    }

    /// Saves the proof of the guest's public values, if the folder can be written to.
    pub(crate) fn save_public_values(&self, proof: &PublicValuesProof) -> Result<(), ProverError> {
        let mut bytes = Vec::new();
        proof.encode::<SC, _>(&mut bytes).stage("encoding a proof")?;
        self.put("public-values", &bytes);
        Ok(())
    }

    /// Reads a saved small file, if `check` accepts it. Any other file is removed.
    pub(crate) fn small<T>(&self, name: &str, check: impl FnOnce(&[u8]) -> Result<T, String>) -> Option<T> {
        self.restore(name, MAX_SMALL_BYTES, check)
    }

    /// Saves a file, if the folder can be written to.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        debug_assert!(is_known(name), "{name}");
        if let Err(error) = self.mark().and_then(|()| cache_dir::write(&self.path(name), bytes)) {
            cache_dir::warn_unusable(&error);
        }
    }

    /// Removes the checkpoint.
    pub(crate) fn remove(&self) {
        remove(&self.folder);
    }

    /// Returns whether there are proofs with names that begin with `prefix`.
    pub(crate) fn keeps(&self, prefix: &str) -> bool {
        is_run(&self.folder) && names(&self.folder).any(|name| name.starts_with(prefix))
    }

    /// Removes the proofs with names that begin with `prefix`.
    pub(crate) fn forget(&self, prefix: &str) {
        names(&self.folder).filter(|name| name.starts_with(prefix)).for_each(|name| self.discard(&name));
    }

    /// Reads a saved file of at most `limit` bytes, if `check` accepts it, and counts it. Any other file is removed.
    fn restore<T>(
        &self,
        name: &str,
        limit: u64,
        check: impl FnOnce(&[u8]) -> Result<T, String>,
    ) -> Option<T> {
        if !is_run(&self.folder) {
            return None;
        }
        let path = self.path(name);
        let bytes = match cache_dir::read(&path, limit) {
            Ok(bytes) => bytes?,
            Err(error) => {
                cache_dir::warn_unusable(&error);
                return None;
            }
        };
        match caught(|| check(&bytes)).and_then(|checked| checked) {
            Ok(value) => {
                self.restored.fetch_add(1, Ordering::Relaxed);
                Some(value)
            }
            Err(error) => {
                warn!(path = %path.display(), error, "a kept proof of an interrupted run is wrong: removing it and proving again");
                self.discard(name);
                None
            }
        }
    }

    /// Makes the folder with its mark.
    fn mark(&self) -> Result<(), ProverError> {
        if is_run(&self.folder) {
            return Ok(());
        }
        let failed = |source| ProverError::Cache { path: self.folder.clone(), source };
        match fs::symlink_metadata(&self.folder) {
            Ok(metadata) if !metadata.is_dir() || names(&self.folder).next().is_some() => {
                return Err(failed(io::Error::other("is there, and was not made by zeno")));
            }
            _ => {}
        }
        cache_dir::write_plain(&self.folder.join(MARK), MARKED.as_bytes())
    }

    /// Removes one file.
    fn discard(&self, name: &str) {
        if is_run(&self.folder) && is_known(name) {
            remove_file(&self.path(name));
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Returns whether this program made a folder for a run. Its name and the mark in it tell.
fn is_run(folder: &Path) -> bool {
    let named = folder.file_name().and_then(|name| name.to_str()).is_some_and(|name| is_hex(name, 32));
    let is_dir = |path: &Path| fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    let mark = folder.join(MARK);
    let is_mark = |metadata: fs::Metadata| metadata.is_file() && metadata.len() == MARKED.len() as u64;
    named
        && is_dir(folder)
        && fs::symlink_metadata(&mark).is_ok_and(is_mark)
        && fs::read(&mark).is_ok_and(|found| found == MARKED.as_bytes())
}

/// Returns whether a file of a run's folder is one of ours, by its name.
fn is_known(name: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if ["public-values", "root"].contains(&name) {
        return true;
    }
    if let Some(index) = name.strip_prefix("segment-") {
        return number(index);
    }
    if let Some((layer, position)) = name.strip_prefix("layer-").and_then(|name| name.split_once('-')) {
        return number(layer) && number(position);
    }
    name.strip_prefix("static-verifier-").is_some_and(|keys| is_hex(keys, 16))
}

/// Returns whether a file is the incomplete form of one of ours, by its name: a kill of the program may leave it. On
/// Linux there is none, because such a file has no name there.
fn is_remnant(name: &str) -> bool {
    let ends = name.strip_prefix('.').and_then(|name| name.rsplit_once('.'));
    ends.is_some_and(|(name, random)| {
        (is_known(name) || name == MARK)
            && random.len() == 6
            && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Names of a folder's entries, with replacement characters where they are not UTF-8.
fn names(folder: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned())
}

/// Removes the folders of abandoned runs: a block's proofs take some hundred megabytes.
fn remove_abandoned(runs: &Path, current: &Path, now: SystemTime) {
    if !fs::symlink_metadata(runs).is_ok_and(|metadata| metadata.is_dir()) {
        return;
    }
    for name in names(runs) {
        let folder = runs.join(name);
        // A folder's time is that of its latest entry.
        let modified = fs::symlink_metadata(&folder).and_then(|metadata| metadata.modified());
        let age = modified.map(|time| now.duration_since(time));
        if let Ok(Ok(age)) = age
            && age > ABANDONED_AFTER
            && folder != current
        {
            remove(&folder);
        }
    }
}

/// Removes the folder of a run: the known files, and then the folder, if nothing else is in it. It is only a cache, so
/// a failure is only logged.
fn remove(folder: &Path) {
    if !is_run(folder) {
        return;
    }
    let Ok(entries) = fs::read_dir(folder) else { return };
    let (mut files, mut foreign) = (0, None);
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_str().unwrap_or_default();
        // The type is the entry's own, also for a link.
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        match is_file && (is_known(name) || is_remnant(name)) {
            true => files += usize::from(remove_file(&entry.path())),
            false if is_file && name == MARK => {}
            false => foreign = Some(entry.path()),
        }
    }
    info!(folder = %folder.display(), files, "removed the kept proofs of a run");
    if let Some(foreign) = foreign {
        warn!(path = %foreign.display(), "not made by zeno: it stays, and so does its folder");
        return;
    }
    // The mark goes last: a kill in between leaves a folder that is known as ours, or an empty one.
    remove_file(&folder.join(MARK));
    if let Err(error) = fs::remove_dir(folder)
        && error.kind() != io::ErrorKind::NotFound
    {
        warn!(folder = %folder.display(), %error, "work that is no longer needed can't be removed");
    }
}

/// Removes a file, and returns whether it is gone. For a link, the link itself goes.
fn remove_file(path: &Path) -> bool {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            warn!(path = %path.display(), %error, "work that is no longer needed can't be removed");
            false
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(cache: &Path, input: &[u8]) -> Checkpoint {
        Checkpoint::open(cache, &[b"guest"], input)
    }

    fn run(cache: &Path, input: &[u8]) -> Checkpoint {
        let checkpoint = open(cache, input);
        checkpoint.put("segment-0", b"proof");
        checkpoint
    }

    fn later() -> SystemTime {
        SystemTime::now() + ABANDONED_AFTER + Duration::from_secs(60)
    }

    fn content(checkpoint: &Checkpoint, name: &str) -> Option<Vec<u8>> {
        checkpoint.small(name, |bytes| Ok(bytes.to_vec()))
    }

    #[test]
    fn abandoned_runs_go_and_recent_ones_stay() {
        let cache = tempfile::tempdir().unwrap();
        let (first, second) = (run(cache.path(), b"first"), run(cache.path(), b"second"));
        assert_ne!(first.folder, second.folder);
        assert_eq!(content(&first, "segment-0").unwrap(), b"proof");
        assert_eq!(first.restored(), 1);

        remove_abandoned(&cache.path().join(RUNS), &second.folder, SystemTime::now());
        assert!(first.folder.exists());
        remove_abandoned(&cache.path().join(RUNS), &second.folder, later());
        assert!(!first.folder.exists());
        assert!(second.folder.exists(), "the run that is going on stays however old it is");
        second.remove();
        second.remove();
        assert!(!second.folder.exists());
    }

    #[test]
    fn folders_of_others_stay() {
        let cache = tempfile::tempdir().unwrap();
        let runs = cache.path().join(RUNS);
        let hex = "00112233445566778899aabbccddeeff";
        let marks: [(&str, &str); 6] = [
            // A name that is not ours, with a mark; a name of ours, without a mark; and with another one.
            ("thesis", MARKED),
            ("00112233445566778899AABBCCDDEEFF", MARKED),
            ("00112233445566778899aabbccddeef", MARKED),
            (hex, ""),
            ("10112233445566778899aabbccddeeff", "What"),
            ("20112233445566778899aabbccddeeff", &MARKED[1..]),
        ];
        let mut kept = Vec::new();
        // Earlier versions had another name for the folder of runs, which is a common one.
        for runs in [runs.clone(), cache.path().join("work")] {
            for (name, mark) in marks {
                let folder = runs.join(name);
                fs::create_dir_all(&folder).unwrap();
                for file in ["segment-0", "root", "thesis.tex"] {
                    fs::write(folder.join(file), b"years of work").unwrap();
                    kept.push(folder.join(file));
                }
                if !mark.is_empty() {
                    fs::write(folder.join(MARK), mark).unwrap();
                }
            }
        }
        let checkpoint = run(cache.path(), b"input");
        remove_abandoned(&runs, &checkpoint.folder, later());
        remove_abandoned(&cache.path().join("work"), &checkpoint.folder, later());
        marks.iter().for_each(|(name, _)| remove(&runs.join(name)));
        checkpoint.remove();
        for path in kept {
            assert!(path.is_file(), "{}", path.display());
        }
    }

    #[test]
    fn what_others_put_into_a_run_stays() {
        let cache = tempfile::tempdir().unwrap();
        let checkpoint = run(cache.path(), b"input");
        checkpoint.put("layer-0-1", b"proof");
        fs::write(checkpoint.path(".root.a1B2c3"), b"half of a").unwrap();
        let foreign = ["notes", "segment-x", "layer-1", ".notes.a1B2c3", "static-verifier-", "segment-1"];
        for name in foreign {
            match name {
                // A folder with one of our names.
                "segment-1" => {
                    fs::create_dir(checkpoint.path(name)).unwrap();
                    fs::write(checkpoint.path(name).join("file"), b"").unwrap();
                }
                name => fs::write(checkpoint.path(name), b"").unwrap(),
            }
        }
        remove_abandoned(&cache.path().join(RUNS), Path::new(""), later());
        for name in foreign {
            assert!(checkpoint.path(name).exists(), "{name}");
        }
        for name in ["segment-0", "layer-0-1", ".root.a1B2c3"] {
            assert!(!checkpoint.path(name).exists(), "{name}");
        }
        assert!(checkpoint.path("segment-1/file").exists());
        // Without the foreign files, the folder can go.
        for name in foreign {
            let _ = fs::remove_file(checkpoint.path(name));
        }
        fs::remove_dir_all(checkpoint.path("segment-1")).unwrap();
        checkpoint.remove();
        assert!(!checkpoint.folder.exists());
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        use std::os::unix::fs::symlink;

        let (cache, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let theirs = run(other.path(), b"theirs");
        let checkpoint = run(cache.path(), b"input");
        // A link to a whole run, and links to a file and to a folder within one.
        let link = cache.path().join(RUNS).join("00112233445566778899aabbccddeeff");
        symlink(&theirs.folder, &link).unwrap();
        symlink(theirs.path("segment-0"), checkpoint.path("segment-1")).unwrap();
        symlink(&theirs.folder, checkpoint.path("segment-2")).unwrap();
        remove(&link);
        remove_abandoned(&cache.path().join(RUNS), Path::new(""), later());
        checkpoint.remove();
        assert!(theirs.path("segment-0").is_file() && theirs.path(MARK).is_file());
        assert!(
            checkpoint.path("segment-1").is_symlink()
                && checkpoint.path("segment-2").is_symlink()
                && link.is_symlink()
        );

        // A link in place of the folder of all runs.
        let linked = tempfile::tempdir().unwrap();
        symlink(other.path().join(RUNS), linked.path().join(RUNS)).unwrap();
        remove_abandoned(&linked.path().join(RUNS), Path::new(""), later());
        assert!(theirs.path("segment-0").is_file());
    }

    #[test]
    fn a_folder_that_cannot_be_used_costs_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), b"").unwrap();
        let checkpoint = run(&folder.path().join("file/cache"), b"input");
        assert_eq!(content(&checkpoint, "segment-0"), None);
        checkpoint.remove();

        // A folder of that name is left alone if somebody else made it.
        let checkpoint = open(folder.path(), b"input");
        fs::create_dir_all(&checkpoint.folder).unwrap();
        fs::write(checkpoint.path("segment-0"), b"theirs").unwrap();
        checkpoint.put("segment-0", b"ours");
        assert_eq!(content(&checkpoint, "segment-0"), None);
        checkpoint.remove();
        assert_eq!(fs::read(checkpoint.path("segment-0")).unwrap(), b"theirs");
        assert!(!checkpoint.path(MARK).exists());
    }

    /// Checks bytes for which the proof system's own decoder takes memory without end: a proof with a right checksum,
    /// and with 2^32 rows of no width.
    #[test]
    fn bombs_are_removed() {
        let key = zeno_vm::make_app_key().unwrap().get_app_vk();
        let cache = tempfile::tempdir().unwrap();
        let checkpoint = run(cache.path(), b"input");
        let bombs =
            [bomb(0), bomb(key.vk.inner.per_air.len()), vec![0; 180], vec![0xff; 1 << 16], Vec::new()];
        for (index, bytes) in bombs.iter().enumerate() {
            let name = format!("segment-{index}");
            checkpoint.put(&name, bytes);
            assert!(cache_dir::read(&checkpoint.path(&name), MAX_PROOF_BYTES).unwrap().is_some());
            assert!(checkpoint.proof::<SC>(&name, &key.vk, |_| unreachable!("it doesn't decode")).is_none());
            assert!(!checkpoint.path(&name).exists(), "bomb {index} is removed");
        }
        for bytes in bombs {
            checkpoint.put("public-values", &bytes);
            assert!(checkpoint.public_values(&key).is_none());
            assert!(!checkpoint.path("public-values").exists());
        }
        // A file that decodes, and at which the verifier panics or says no.
        for panics in [true, false] {
            checkpoint.put("root", b"bytes");
            let verdict = |_: &[u8]| {
                assert!(!panics, "verifier");
                Err::<(), _>("not valid".to_owned())
            };
            assert!(checkpoint.small("root", verdict).is_none());
            assert!(!checkpoint.path("root").exists());
        }
        assert_eq!(checkpoint.restored(), 0);
    }

    /// Encodes a proof with `tables` absent tables. Its first count after them, of coefficients, layers or rows, is
    /// 2^32 - 1.
    fn bomb(tables: usize) -> Vec<u8> {
        let number = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
        let mut bytes = Vec::new();
        bytes.extend(number(3));
        bytes.extend([0; 32]);
        bytes.extend(number(tables));
        bytes.extend(vec![0; tables.div_ceil(8)]);
        bytes.extend(number(tables));
        bytes.extend(vec![0; 4 * tables]);
        // The proof-of-work nonce, the claim, no layers, and no terms.
        bytes.extend([0; 4 + 16 + 4 + 4]);
        bytes.extend(number(u32::MAX as usize));
        bytes.resize(bytes.len().max(180), 0);
        bytes
    }
}
