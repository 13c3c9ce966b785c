//! Fetched inputs on disk, by chain and block hash.

use crate::blocks::SealedHeader;
use alloy_primitives::{Bytes, keccak256};
use atomic_write_file::AtomicWriteFile;
use std::{
    fs, io,
    io::{Read, Write},
    path::{Path, PathBuf},
};
use tracing::warn;
use zeno_guest_evm::{ChainSpec, StatelessInput, decode_block, minimize};

/// Limit on a cached input, in bytes.
const MAX_INPUT: u64 = 1 << 30;

/// A folder of fetched inputs.
#[derive(Clone, Debug)]
pub(crate) struct Cache(PathBuf);

impl Cache {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self(dir)
    }

    /// Path of a block's input. The rules that had begun at the block's time are part of it, by their digest. A fork that
    /// is scheduled later changes no path.
    fn path(&self, spec: &ChainSpec, block: &SealedHeader) -> PathBuf {
        let digest = spec.digest_at(block.header.timestamp);
        self.0.join(format!("{}-{digest:x}", spec.chain_id)).join(format!("{:x}.zeno", block.hash))
    }

    /// Loads the input of a block, if it is in the cache and still validates. A damaged one remains until a new one
    /// replaces it.
    pub(crate) fn load(&self, spec: &ChainSpec, block: &SealedHeader) -> Option<StatelessInput> {
        let path = self.path(spec, block);
        let bytes = match read(&path) {
            Ok(bytes) => Bytes::from(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                warn!(path = %path.display(), %error, "a cached input can't be read, fetching it anew");
                return None;
            }
        };
        match check(&bytes, spec, block) {
            Ok(input) => Some(input),
            Err(reason) => {
                warn!(path = %path.display(), reason, "a cached input is damaged, fetching it anew");
                None
            }
        }
    }

    /// Stores an input, atomically. A failure is only logged.
    pub(crate) fn store(&self, spec: &ChainSpec, block: &SealedHeader, input: &StatelessInput) {
        let path = self.path(spec, block);
        if let Err(error) = write(&path, &input.encode()) {
            warn!(path = %path.display(), %error, "the input can't be cached");
        }
    }
}

/// Decodes a cached input, and checks that it is valid and belongs to the block. It gets the given rules in the place of
/// those that it was stored with, which may know less of later forks.
fn check(bytes: &Bytes, spec: &ChainSpec, block: &SealedHeader) -> Result<StatelessInput, String> {
    let mut input = StatelessInput::decode(bytes).map_err(|error| error.to_string())?;
    let timestamp = block.header.timestamp;
    let stored = ChainSpec::decode(&input.chain).map_err(|error| error.to_string())?;
    if stored.until(timestamp) != spec.until(timestamp) {
        return Err("it is for a chain with other rules".into());
    }
    input.chain = spec.encode().into();
    // Runs of blocks are put together from the inputs of their blocks, and not cached.
    let [rlp] = &input.blocks[..] else { return Err(format!("it is for {} blocks", input.blocks.len())) };
    let header = decode_block(rlp).map_err(|error| error.to_string())?.header;
    let hash = keccak256(alloy_rlp::encode(header));
    if hash != block.hash {
        return Err(format!("it is for block {hash}"));
    }
    // This is cheaper than a fetch, and every input that is returned was validated. Its hints are compared, too: wrong ones
    // change nothing but the cost of a proof.
    let (minimal, _) = minimize(&input).map_err(|error| error.to_string())?;
    if minimal != input {
        return Err("its hints or its witness are not those of its block".into());
    }
    Ok(input)
}

/// Reads a regular file of at most [`MAX_INPUT`] bytes.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    // Checked before the file is opened: opening a pipe would wait for its writer.
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MAX_INPUT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_INPUT {
        return Err(io::Error::other(format!("it has more than {MAX_INPUT} bytes")));
    }
    Ok(bytes)
}

/// Writes a file atomically. An existing file that is not a regular one stays. `zeno-verifier` has the same for the
/// crates above it. This crate is not above it.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut folder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    folder.recursive(true).create(path.parent().unwrap_or(Path::new(".")))?;
    if fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(io::Error::other("there is something that is no regular file"));
    }
    let mut file = AtomicWriteFile::open(path)?;
    file.write_all(bytes)?;
    file.commit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::Header;
    use alloy_primitives::hex;
    use zeno_guest_evm::chain::Fork;

    fn input() -> StatelessInput {
        let (chain, block) = (ChainSpec::mainnet().encode().into(), Bytes::from_static(&hex!("c0")));
        StatelessInput {
            chain,
            blocks: vec![block],
            witness: Default::default(),
            public_keys: Vec::new(),
            destinations: Vec::new(),
        }
    }

    fn sealed(timestamp: u64) -> SealedHeader {
        let header = Header { timestamp, ..Header::default() };
        SealedHeader { hash: header.hash_slow(), header }
    }

    /// A fork has other rules from its time on, and none before.
    #[test]
    fn a_fork_keeps_the_paths_of_earlier_blocks() {
        let cache = Cache::new(PathBuf::from("cache"));
        let later = ChainSpec::sepolia();
        let amsterdam = later.activation(Fork::Amsterdam).unwrap();
        let mut earlier = later.clone();
        earlier.forks.pop();
        let same = |timestamp| {
            let block = sealed(timestamp);
            cache.path(&earlier, &block) == cache.path(&later, &block)
        };
        assert!(same(amsterdam - 1) && !same(amsterdam));
    }

    /// A run of blocks is not the input of its first one.
    #[test]
    fn a_run_is_no_cached_block() {
        let run = StatelessInput { blocks: vec![input().blocks[0].clone(); 2], ..input() };
        let error = check(&run.encode().into(), &ChainSpec::mainnet(), &sealed(1_700_000_000)).unwrap_err();
        assert!(error.contains("2 blocks"), "{error}");
    }

    /// A symbolic link or a folder in place of an input stays there, and reading it doesn't hang.
    #[test]
    fn irregular_files_are_left_alone() {
        let folder = std::env::temp_dir().join(format!("zeno-cache-test-{}", std::process::id()));
        let cache = Cache::new(folder.clone());
        let spec = ChainSpec::mainnet();
        let block = &sealed(1_700_000_000);
        let path = cache.path(&spec, block);
        let elsewhere = folder.join("elsewhere");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&elsewhere, "precious").unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        cache.store(&spec, block, &input());
        assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
        assert_eq!(fs::read(&elsewhere).unwrap(), b"precious");

        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        cache.store(&spec, block, &input());
        assert!(cache.load(&spec, block).is_none() && path.is_dir());

        // A file that is too long; it is sparse, so it takes no space on the disk.
        fs::remove_dir(&path).unwrap();
        fs::File::create(&path).unwrap().set_len(MAX_INPUT + 1).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("more than"));
        cache.store(&spec, block, &input());
        assert_eq!(fs::read(&path).unwrap(), input().encode());
        fs::remove_dir_all(&folder).unwrap();
    }
}
