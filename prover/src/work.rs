//! What has been proven of a run, kept in the cache folder until the proof is written, so that an interrupted
//! run goes on where it was.
//!
//! Each run has a folder in `zeno-work`, with a mark that this program put there. Nothing else is ever removed, and in such a
//! folder only files of the names below. What is read back is decoded within bounds and verified; what doesn't verify is
//! removed and proven again. A folder that can't be written to costs no proof: nothing is kept then.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, SystemTime},
};

use alloy_primitives::{B256, Keccak256};
use openvm_circuit::system::memory::merkle::public_values::UserPublicValuesProof;
use openvm_sdk::{F, SC, keygen::AppVerifyingKey};
use openvm_stark_backend::{
    codec::{DecodableConfig, EncodableConfig, Encode},
    keygen::types::MultiStarkVerifyingKey,
    proof::Proof,
};
use openvm_stark_sdk::config::baby_bear_poseidon2::DIGEST_SIZE;
use tracing::{info, warn};
use zeno_verifier::{caught, decode_proof, decode_public_values};

use crate::{ProverError, cache, error::Stage};

type PublicValuesProof = UserPublicValuesProof<DIGEST_SIZE, F>;

/// How long after its last proof a run counts as abandoned.
const ABANDONED_AFTER: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// The folder of all runs, in the cache folder.
const RUNS: &str = "zeno-work";
/// The file that says that a folder is one of ours.
const MARK: &str = "zeno-run";
/// What the mark says.
const MARKED: &str = "What zeno has proven of an interrupted run. It removes this folder when the proof is written, or after a \
                      month.\n";
/// No proof is longer: a segment's takes some ten megabytes.
const MAX_PROOF_BYTES: u64 = 1 << 28;
/// No proof of public values is longer, and no Halo2 proof.
const MAX_SMALL_BYTES: u64 = 1 << 20;

/// The folder of one run: a file for each proof.
#[derive(Debug)]
pub(crate) struct Work {
    folder: PathBuf,
    /// How many proofs were read back.
    restored: AtomicUsize,
}

impl Work {
    /// The work on `input` by the guest and the parameters that `identity` names.
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
            info!(folder = %folder.display(), "going on with an interrupted run");
        }
        remove_abandoned(&runs, &folder, SystemTime::now());
        Self { folder, restored: AtomicUsize::new(0) }
    }

    /// How many proofs were read back.
    pub(crate) fn restored(&self) -> usize {
        self.restored.load(Ordering::Relaxed)
    }

    /// A proof that was saved, of the circuit whose key is `key`, and that `verify` accepts. Any other is removed.
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

    /// Keeps a proof, if the folder can be written to.
    pub(crate) fn save<C: EncodableConfig>(&self, name: &str, proof: &Proof<C>) -> Result<(), ProverError> {
        self.put(name, &proof.encode_to_vec().stage("encoding a proof")?);
        Ok(())
    }

    /// The saved proof of what the guest revealed. The last segment's proof says whether it is right.
    pub(crate) fn public_values(&self, key: &AppVerifyingKey) -> Option<PublicValuesProof> {
        self.restore("public-values", MAX_SMALL_BYTES, |bytes| {
            let height = key.memory_dimensions.overall_height();
            decode_public_values(bytes, height, key.num_user_pvs).map_err(|error| error.to_string())
        })
    }

    pub(crate) fn save_public_values(&self, proof: &PublicValuesProof) -> Result<(), ProverError> {
        let mut bytes = Vec::new();
        proof.encode::<SC, _>(&mut bytes).stage("encoding a proof")?;
        self.put("public-values", &bytes);
        Ok(())
    }

    /// A small file that was saved, if `check` accepts it. Any other is removed.
    pub(crate) fn small<T>(&self, name: &str, check: impl FnOnce(&[u8]) -> Result<T, String>) -> Option<T> {
        self.restore(name, MAX_SMALL_BYTES, check)
    }

    /// Keeps a file, if the folder can be written to.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        debug_assert!(is_known(name), "{name}");
        if let Err(error) = self.mark().and_then(|()| cache::write(&self.path(name), bytes)) {
            cache::warn_unusable(&error);
        }
    }

    /// Removes all of it.
    pub(crate) fn remove(&self) {
        remove(&self.folder);
    }

    /// Whether there are proofs whose names begin with `prefix`.
    pub(crate) fn keeps(&self, prefix: &str) -> bool {
        is_run(&self.folder) && names(&self.folder).any(|name| name.starts_with(prefix))
    }

    /// Removes the proofs whose names begin with `prefix`.
    pub(crate) fn forget(&self, prefix: &str) {
        names(&self.folder).filter(|name| name.starts_with(prefix)).for_each(|name| self.discard(&name));
    }

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
        let bytes = match cache::read(&path, limit) {
            Ok(bytes) => bytes?,
            Err(error) => {
                cache::warn_unusable(&error);
                return None;
            }
        };
        match caught(|| check(&bytes)).and_then(|checked| checked) {
            Ok(value) => {
                self.restored.fetch_add(1, Ordering::Relaxed);
                Some(value)
            }
            Err(error) => {
                warn!(path = %path.display(), error, "what was kept of an interrupted run is wrong, it is removed and made again");
                self.discard(name);
                None
            }
        }
    }

    /// Makes the folder, with the mark.
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
        cache::write_plain(&self.folder.join(MARK), MARKED.as_bytes())
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

/// Whether a folder is one that this program made for a run: by its name, and by the mark in it.
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

/// Whether a file of a run's folder is one of ours, by its name.
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

/// Whether a file is what is left of one of ours that was being written when the program was killed, by its name. (On Linux
/// there is none: such a file has no name.)
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

/// The names in a folder that are text.
fn names(folder: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned())
}

/// Removes the folders of runs that nobody came back to: a block's proofs take some hundred megabytes.
fn remove_abandoned(runs: &Path, current: &Path, now: SystemTime) {
    if !fs::symlink_metadata(runs).is_ok_and(|metadata| metadata.is_dir()) {
        return;
    }
    for name in names(runs) {
        let folder = runs.join(name);
        // A folder's time is the one of the last file that was put into it.
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

/// Removes the folder of a run: the files that are known, and then the folder, if nothing else is in it. It is only a cache, so
/// a failure is logged and no more.
fn remove(folder: &Path) {
    if !is_run(folder) {
        return;
    }
    let Ok(entries) = fs::read_dir(folder) else { return };
    let (mut files, mut foreign) = (0, None);
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_str().unwrap_or_default();
        // The type is the entry's own, also where it is a link.
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        match is_file && (is_known(name) || is_remnant(name)) {
            true => files += usize::from(remove_file(&entry.path())),
            false if is_file && name == MARK => {}
            false => foreign = Some(entry.path()),
        }
    }
    info!(folder = %folder.display(), files, "what was kept of a run is removed");
    if let Some(foreign) = foreign {
        warn!(path = %foreign.display(), "not made by zeno: it stays, and so does its folder");
        return;
    }
    // The mark goes last, so that a kill in between leaves a folder that is known as ours, or an empty one.
    remove_file(&folder.join(MARK));
    if let Err(error) = fs::remove_dir(folder)
        && error.kind() != io::ErrorKind::NotFound
    {
        warn!(folder = %folder.display(), %error, "work that is no longer needed can't be removed");
    }
}

/// Removes a file, and returns whether it is gone. Of a link, it is the link that goes.
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
    use openvm_sdk::keygen::AppProvingKey;

    use super::*;
    use crate::machine::app_config;

    fn open(cache: &Path, input: &[u8]) -> Work {
        Work::open(cache, &[b"guest"], input)
    }

    fn run(cache: &Path, input: &[u8]) -> Work {
        let work = open(cache, input);
        work.put("segment-0", b"proof");
        work
    }

    fn later() -> SystemTime {
        SystemTime::now() + ABANDONED_AFTER + Duration::from_secs(60)
    }

    fn content(work: &Work, name: &str) -> Option<Vec<u8>> {
        work.small(name, |bytes| Ok(bytes.to_vec()))
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
            // No name of ours, with a mark; a name of ours, without one; and with another one.
            ("thesis", MARKED),
            ("00112233445566778899AABBCCDDEEFF", MARKED),
            ("00112233445566778899aabbccddeef", MARKED),
            (hex, ""),
            ("10112233445566778899aabbccddeeff", "What"),
            ("20112233445566778899aabbccddeeff", &MARKED[1..]),
        ];
        let mut kept = Vec::new();
        // The folder of runs had another name once, which is a common one.
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
        let work = run(cache.path(), b"input");
        remove_abandoned(&runs, &work.folder, later());
        remove_abandoned(&cache.path().join("work"), &work.folder, later());
        marks.iter().for_each(|(name, _)| remove(&runs.join(name)));
        work.remove();
        for path in kept {
            assert!(path.is_file(), "{}", path.display());
        }
    }

    #[test]
    fn what_others_put_into_a_run_stays() {
        let cache = tempfile::tempdir().unwrap();
        let work = run(cache.path(), b"input");
        work.put("layer-0-1", b"proof");
        fs::write(work.path(".root.a1B2c3"), b"half of a").unwrap();
        let foreign = ["notes", "segment-x", "layer-1", ".notes.a1B2c3", "static-verifier-", "segment-1"];
        for name in foreign {
            match name {
                // A folder of one of our names.
                "segment-1" => {
                    fs::create_dir(work.path(name)).unwrap();
                    fs::write(work.path(name).join("file"), b"").unwrap();
                }
                name => fs::write(work.path(name), b"").unwrap(),
            }
        }
        remove_abandoned(&cache.path().join(RUNS), Path::new(""), later());
        for name in foreign {
            assert!(work.path(name).exists(), "{name}");
        }
        for name in ["segment-0", "layer-0-1", ".root.a1B2c3"] {
            assert!(!work.path(name).exists(), "{name}");
        }
        assert!(work.path("segment-1/file").exists());
        // Once they are gone, the folder can go.
        for name in foreign {
            let _ = fs::remove_file(work.path(name));
        }
        fs::remove_dir_all(work.path("segment-1")).unwrap();
        work.remove();
        assert!(!work.folder.exists());
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        use std::os::unix::fs::symlink;

        let (cache, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let theirs = run(other.path(), b"theirs");
        let work = run(cache.path(), b"input");
        // A link to a whole run, and links to a file and to a folder within one.
        let link = cache.path().join(RUNS).join("00112233445566778899aabbccddeeff");
        symlink(&theirs.folder, &link).unwrap();
        symlink(theirs.path("segment-0"), work.path("segment-1")).unwrap();
        symlink(&theirs.folder, work.path("segment-2")).unwrap();
        remove(&link);
        remove_abandoned(&cache.path().join(RUNS), Path::new(""), later());
        work.remove();
        assert!(theirs.path("segment-0").is_file() && theirs.path(MARK).is_file());
        assert!(
            work.path("segment-1").is_symlink() && work.path("segment-2").is_symlink() && link.is_symlink()
        );

        // All runs elsewhere.
        let linked = tempfile::tempdir().unwrap();
        symlink(other.path().join(RUNS), linked.path().join(RUNS)).unwrap();
        remove_abandoned(&linked.path().join(RUNS), Path::new(""), later());
        assert!(theirs.path("segment-0").is_file());
    }

    #[test]
    fn a_folder_that_cannot_be_used_costs_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), b"").unwrap();
        let work = run(&folder.path().join("file/cache"), b"input");
        assert_eq!(content(&work, "segment-0"), None);
        work.remove();

        // A folder of its name that somebody else made is left alone.
        let work = open(folder.path(), b"input");
        fs::create_dir_all(&work.folder).unwrap();
        fs::write(work.path("segment-0"), b"theirs").unwrap();
        work.put("segment-0", b"ours");
        assert_eq!(content(&work, "segment-0"), None);
        work.remove();
        assert_eq!(fs::read(work.path("segment-0")).unwrap(), b"theirs");
        assert!(!work.path(MARK).exists());
    }

    /// Bytes for which the proof system's own decoder takes memory without end: a proof with a checksum that is right, and
    /// with 2^32 rows of no width.
    #[test]
    fn bombs_are_removed() {
        let key = AppProvingKey::keygen(app_config().unwrap()).unwrap().get_app_vk();
        let cache = tempfile::tempdir().unwrap();
        let work = run(cache.path(), b"input");
        let bombs =
            [bomb(0), bomb(key.vk.inner.per_air.len()), vec![0; 180], vec![0xff; 1 << 16], Vec::new()];
        for (index, bytes) in bombs.iter().enumerate() {
            let name = format!("segment-{index}");
            work.put(&name, bytes);
            assert!(cache::read(&work.path(&name), MAX_PROOF_BYTES).unwrap().is_some());
            assert!(work.proof::<SC>(&name, &key.vk, |_| unreachable!("it doesn't decode")).is_none());
            assert!(!work.path(&name).exists(), "bomb {index} is removed");
        }
        for bytes in bombs {
            work.put("public-values", &bytes);
            assert!(work.public_values(&key).is_none());
            assert!(!work.path("public-values").exists());
        }
        // One that decodes, and at which the verifier panics or says no.
        for panics in [true, false] {
            work.put("root", b"bytes");
            let verdict = |_: &[u8]| {
                assert!(!panics, "verifier");
                Err::<(), _>("not valid".to_owned())
            };
            assert!(work.small("root", verdict).is_none());
            assert!(!work.path("root").exists());
        }
        assert_eq!(work.restored(), 0);
    }

    /// A proof with `tables` absent tables and with 2^32 - 1 coefficients, layers or rows wherever the first count comes.
    fn bomb(tables: usize) -> Vec<u8> {
        let number = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
        let mut bytes = Vec::new();
        bytes.extend(number(3));
        bytes.extend([0; 32]);
        bytes.extend(number(tables));
        bytes.extend(vec![0; tables.div_ceil(8)]);
        bytes.extend(number(tables));
        bytes.extend(vec![0; 4 * tables]);
        // The proof of work, the claim, and no layers; no terms.
        bytes.extend([0; 4 + 16 + 4 + 4]);
        bytes.extend(number(u32::MAX as usize));
        bytes.resize(bytes.len().max(180), 0);
        bytes
    }
}
