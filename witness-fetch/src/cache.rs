//! Fetched inputs on disk, by chain and block hash.

use alloy_primitives::{B256, Bytes, keccak256};
use atomic_write_file::AtomicWriteFile;
use std::{
    fs, io,
    io::{Read, Write},
    path::{Path, PathBuf},
};
use tracing::warn;
use zeno_guest_evm::{ChainSpec, StatelessInput, decode_block, validate};

/// Limit on a cached input, in bytes.
const MAX_INPUT: u64 = 1 << 30;

/// A folder of fetched inputs.
#[derive(Clone, Debug)]
pub(crate) struct Cache(PathBuf);

impl Cache {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self(dir)
    }

    fn path(&self, spec: &ChainSpec, block: B256) -> PathBuf {
        // The chain's rules are part of an input, so their hash is part of the path.
        self.0.join(format!("{}-{:x}", spec.chain_id, spec.hash())).join(format!("{block:x}.zeno"))
    }

    /// Loads the input of a block, if it is in the cache and still validates. A damaged one remains until a new one
    /// replaces it.
    pub(crate) fn load(&self, spec: &ChainSpec, block: B256) -> Option<StatelessInput> {
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
    pub(crate) fn store(&self, spec: &ChainSpec, block: B256, input: &StatelessInput) {
        let path = self.path(spec, block);
        if let Err(error) = write(&path, &input.encode()) {
            warn!(path = %path.display(), %error, "the input can't be cached");
        }
    }
}

/// Decodes a cached input, and checks that it is valid and belongs to the block.
fn check(bytes: &Bytes, spec: &ChainSpec, block: B256) -> Result<StatelessInput, String> {
    let input = StatelessInput::decode(bytes).map_err(|error| error.to_string())?;
    if input.chain != spec.encode() {
        return Err("it is for a chain with other rules".into());
    }
    let header = decode_block(&input.blocks[0]).map_err(|error| error.to_string())?.header;
    let hash = keccak256(alloy_rlp::encode(header));
    if hash != block {
        return Err(format!("it is for block {hash}"));
    }
    // This is cheaper than a fetch, and every input that is returned was validated.
    validate(&input).map_err(|error| error.to_string())?;
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

/// Writes a file atomically. An existing file that is not a regular one stays.
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
    use alloy_primitives::hex;

    fn input() -> StatelessInput {
        let (chain, block) = (ChainSpec::mainnet().encode().into(), Bytes::from_static(&hex!("c0")));
        StatelessInput {
            chain,
            block,
            witness: Default::default(),
            public_keys: Vec::new(),
            destinations: Vec::new(),
        }
    }

    /// A symbolic link or a folder in place of an input stays there, and reading it doesn't hang.
    #[test]
    fn irregular_files_are_left_alone() {
        let folder = std::env::temp_dir().join(format!("zeno-cache-test-{}", std::process::id()));
        let cache = Cache::new(folder.clone());
        let (spec, block) = (ChainSpec::mainnet(), B256::repeat_byte(1));
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
