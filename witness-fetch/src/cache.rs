//! Inputs on disk, by chain and block hash.

use alloy_primitives::{B256, Bytes, keccak256};
use atomic_write_file::AtomicWriteFile;
use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};
use tracing::warn;
use zeno_guest_evm::{ChainSpec, StatelessInput, decode_block, validate};

/// A folder of inputs.
#[derive(Clone, Debug)]
pub(crate) struct Cache(PathBuf);

impl Cache {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self(dir)
    }

    fn path(&self, spec: &ChainSpec, block: B256) -> PathBuf {
        // The chain's rules are part of an input, so they are part of the name.
        self.0.join(format!("{}-{:x}", spec.chain_id, spec.hash())).join(format!("{block:x}.zeno"))
    }

    /// The input of a block, if it is here and still validates. What doesn't is left for a new one
    /// to replace.
    pub(crate) fn load(&self, spec: &ChainSpec, block: B256) -> Option<StatelessInput> {
        let path = self.path(spec, block);
        let bytes = match fs::read(&path) {
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

    /// Keeps an input. It appears whole or not at all.
    pub(crate) fn store(&self, spec: &ChainSpec, block: B256, input: &StatelessInput) {
        let path = self.path(spec, block);
        if let Err(error) = write(&path, &input.encode()) {
            warn!(path = %path.display(), %error, "the input can't be cached");
        }
    }
}

fn check(bytes: &Bytes, spec: &ChainSpec, block: B256) -> Result<StatelessInput, String> {
    let input = StatelessInput::decode(bytes).map_err(|error| error.to_string())?;
    if input.chain != spec.encode() {
        return Err("it is for a chain with other rules".into());
    }
    let header = decode_block(&input.block).map_err(|error| error.to_string())?.header;
    let hash = keccak256(alloy_rlp::encode(header));
    if hash != block {
        return Err(format!("it is for block {hash}"));
    }
    // Cheaper than fetching, and what is handed on is always validated.
    validate(&input).map_err(|error| error.to_string())?;
    Ok(input)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    let mut file = AtomicWriteFile::open(path)?;
    file.write_all(bytes)?;
    file.commit()
}
