//! Inputs of known attacks, in the shared data.

use crate::mainnet;
use std::{
    fs,
    path::{Path, PathBuf},
};
use zeno_guest_evm::ChainSpec;

/// Returns the folder of the inputs, whose names end in `.zeno`.
pub fn folder() -> PathBuf {
    mainnet::shared_dir().join("cases/soundness")
}

/// Reads an input. They are recorded by version 2 of the format, in which the one block is no list, and rules are encoded in
/// another way. All have mainnet's.
///
/// # Errors
/// A file that can't be read, or that is no such input.
pub fn read(path: &Path) -> Result<Vec<u8>, String> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    of_version_2(&bytes)
        .ok_or_else(|| format!("{} is no input of version 2 under mainnet's rules", path.display()))
}

fn of_version_2(bytes: &[u8]) -> Option<Vec<u8>> {
    let (length, rest) = bytes.strip_prefix(b"ZENO\x02\0\0\0")?.split_first_chunk()?;
    let length = u32::from_le_bytes(*length) as usize;
    let (chain, rest) = rest.split_at_checked(length.next_multiple_of(4))?;
    // After the list's header: version 1 of the encoding, and mainnet's id.
    if chain.get(2..4)? != [1, 1] {
        return None;
    }
    let chain = ChainSpec::mainnet().encode();
    let mut input = b"ZENO\x03\0\0\0".to_vec();
    input.extend((chain.len() as u32).to_le_bytes());
    input.extend(chain);
    input.resize(input.len().next_multiple_of(4), 0);
    input.extend(1_u32.to_le_bytes());
    input.extend(rest);
    Some(input)
}
