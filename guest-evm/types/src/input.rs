//! The guest's input: a run of blocks, the witness of the state before it, and hints.
//!
//! The format is flat, little-endian, and made to be read without copies. All parts are untrusted.
//!
//! ```text
//! input   = "ZENO" version:u32 chain:bytes blocks:list headers:list codes:list state:list keys:list destinations:list
//! bytes   = length:u32 byte* zero-padding to a multiple of four
//! list    = count:u32 bytes*
//! ```
//!
//! Everything starts at a multiple of four, as the zkVM's keccak needs it.

use alloc::vec::Vec;
use alloy_primitives::{B512, Bytes};

/// First four bytes of an encoded input.
pub const MAGIC: [u8; 4] = *b"ZENO";
/// Version of the format that this crate writes and reads.
pub const VERSION: u32 = 3;

/// Uncompressed secp256k1 public key without its prefix byte: x then y, 32 bytes each, big-endian.
pub type PublicKey = B512;

/// Everything that is needed to validate a run of consecutive blocks without a node or a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatelessInput {
    /// Canonical encoding of the chain's rules, [`ChainSpec::encode`](crate::ChainSpec::encode).
    pub chain: Bytes,
    /// The blocks, at least one, each the child of the one before it, as RLP: header, transactions, ommers and,
    /// since Shanghai, withdrawals.
    pub blocks: Vec<Bytes>,
    /// The witness: the parts that the blocks touch of the state before the first of them. It has nothing that the
    /// blocks themselves make.
    pub witness: Witness,
    /// The senders' public keys, one per transaction of all blocks, in order. They are hints: each is checked
    /// against its transaction's signature.
    pub public_keys: Vec<PublicKey>,
    /// Destinations of jumps in the witness's codes: one item per code, in their order, with four bytes per
    /// destination.
    ///
    /// They are hints: each is checked against the code, and a missing or wrong one only costs more. Without
    /// them, and for codes whose item is empty, all destinations are searched for.
    pub destinations: Vec<Bytes>,
}

/// Preimages of the hashes that execution meets, each list in any order. Entries that are not needed, or
/// duplicate, do no harm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Witness {
    /// RLP of headers: the first block's parent, and those of its ancestors that `BLOCKHASH` needs.
    pub headers: Vec<Bytes>,
    /// Contract codes.
    pub codes: Vec<Bytes>,
    /// RLP of trie nodes, of the state trie and of storage tries.
    pub state: Vec<Bytes>,
}

/// Reason why bytes are not a [`StatelessInput`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// The first four bytes are not [`MAGIC`].
    #[error("this is not a Zeno input: it starts with {0:02x?}, not with \"ZENO\"")]
    Magic([u8; 4]),
    /// The format has another version.
    #[error("the input has format version {0}, this program reads version {VERSION}: fetch the block again")]
    Version(u32),
    /// The input has no block.
    #[error("the input has no block")]
    NoBlock,
    /// The bytes end within a part.
    #[error("the input is truncated: {needed} bytes expected at offset {offset}, {left} are left")]
    Truncated {
        /// Offset of the part, in bytes.
        offset: usize,
        /// Length that the part announces, in bytes, padding included.
        needed: usize,
        /// Number of bytes that are left.
        left: usize,
    },
    /// A padding byte is not zero.
    #[error("the padding at offset {0} of the input is not zero")]
    Padding(usize),
    /// A public key is not 64 bytes long.
    #[error("public key {index} of the input has {length} bytes instead of 64")]
    PublicKey {
        /// Index of the key.
        index: usize,
        /// Length of the key, in bytes.
        length: usize,
    },
    /// Bytes follow the end.
    #[error("{0} bytes follow the end of the input")]
    TrailingBytes(usize),
}

impl StatelessInput {
    /// Serialises the input; the format is that of the [module's documentation](self).
    ///
    /// # Panics
    /// If one part is 4 GiB or longer.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::from(MAGIC);
        put_u32(&mut out, VERSION as usize);
        put_bytes(&mut out, &self.chain);
        let Self { blocks, witness: Witness { headers, codes, state }, .. } = self;
        for list in [blocks, headers, codes, state] {
            put_u32(&mut out, list.len());
            list.iter().for_each(|item| put_bytes(&mut out, item));
        }
        put_u32(&mut out, self.public_keys.len());
        self.public_keys.iter().for_each(|key| put_bytes(&mut out, key.as_slice()));
        put_u32(&mut out, self.destinations.len());
        self.destinations.iter().for_each(|item| put_bytes(&mut out, item));
        out
    }

    /// Reads the serialised form; the parts share the memory of `bytes`.
    ///
    /// # Errors
    /// [`InputError`] if the bytes are not exactly one input.
    pub fn decode(bytes: &Bytes) -> Result<Self, InputError> {
        read(bytes, |part| bytes.slice_ref(part))
    }

    /// Same as [`decode`](Self::decode), for memory that is never freed, so that no references to it are
    /// counted.
    ///
    /// # Errors
    /// Same as [`decode`](Self::decode).
    #[inline(never)]
    pub fn decode_static(bytes: &'static [u8]) -> Result<Self, InputError> {
        read(bytes, Bytes::from_static)
    }
}

/// Reads an input. `share` makes a part's bytes from a slice.
fn read<'a>(bytes: &'a [u8], share: impl Fn(&'a [u8]) -> Bytes) -> Result<StatelessInput, InputError> {
    let mut reader = Reader { length: bytes.len(), rest: bytes, share };
    let magic = *reader.array()?;
    if magic != MAGIC {
        return Err(InputError::Magic(magic));
    }
    let version = reader.u32()?;
    if version != VERSION {
        return Err(InputError::Version(version));
    }
    let input = StatelessInput {
        chain: reader.bytes()?,
        blocks: reader.list()?,
        witness: Witness { headers: reader.list()?, codes: reader.list()?, state: reader.list()? },
        public_keys: public_keys(reader.list()?)?,
        destinations: reader.list()?,
    };
    match reader.rest.len() {
        0 if input.blocks.is_empty() => Err(InputError::NoBlock),
        0 => Ok(input),
        left => Err(InputError::TrailingBytes(left)),
    }
}

fn public_keys(items: Vec<Bytes>) -> Result<Vec<PublicKey>, InputError> {
    let mut keys = Vec::with_capacity(items.len());
    for (index, key) in items.iter().enumerate() {
        let key = key[..].try_into().map_err(|_| InputError::PublicKey { index, length: key.len() })?;
        keys.push(key);
    }
    Ok(keys)
}

fn put_u32(out: &mut Vec<u8>, value: usize) {
    let value = u32::try_from(value).expect("a part of an input is shorter than 4 GiB");
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u32(out, bytes.len());
    out.extend_from_slice(bytes);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// Position in the bytes of an input.
struct Reader<'a, F> {
    /// Length of the whole input, in bytes.
    length: usize,
    rest: &'a [u8],
    share: F,
}

impl<'a, F: Fn(&'a [u8]) -> Bytes> Reader<'a, F> {
    /// Takes the next `length` bytes.
    #[inline(always)]
    fn take(&mut self, length: usize) -> Result<&'a [u8], InputError> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            return Err(self.truncated(length));
        };
        self.rest = rest;
        Ok(taken)
    }

    #[cold]
    fn truncated(&self, needed: usize) -> InputError {
        let left = self.rest.len();
        InputError::Truncated { offset: self.length - left, needed, left }
    }

    #[inline(always)]
    fn array(&mut self) -> Result<&'a [u8; 4], InputError> {
        Ok(self.take(4)?.try_into().expect("four bytes were taken"))
    }

    #[inline(always)]
    fn u32(&mut self) -> Result<u32, InputError> {
        let bytes = self.array()?;
        if bytes.as_ptr().addr().is_multiple_of(4) {
            // In the zkVM they always are aligned, and each of its loads is proven. Without the volatile
            // read, the compiler would merge both paths into one that reads byte by byte.
            #[expect(unsafe_code, reason = "four bytes as one word")]
            // SAFETY: an aligned word, for which every value is valid.
            return Ok(u32::from_le(unsafe { bytes.as_ptr().cast::<u32>().read_volatile() }));
        }
        Ok(u32::from_le_bytes(*bytes))
    }

    /// Takes the next item, without its length and padding.
    #[inline(always)]
    fn item(&mut self) -> Result<&'a [u8], InputError> {
        let length = self.u32()? as usize;
        let item = self.take(length)?;
        if !length.is_multiple_of(4) {
            let padding = self.take(length.wrapping_neg() % 4)?;
            if padding.iter().any(|byte| *byte != 0) {
                return Err(InputError::Padding(self.length - self.rest.len() - padding.len()));
            }
        }
        Ok(item)
    }

    fn bytes(&mut self) -> Result<Bytes, InputError> {
        self.item().map(&self.share)
    }

    fn list(&mut self) -> Result<Vec<Bytes>, InputError> {
        let count = self.u32()? as usize;
        // The count is untrusted, and an item has at least four bytes. If that number of items does not fit
        // into memory, the run ends.
        let mut items = Vec::with_capacity(count.min(self.rest.len() / 4));
        // Another reader, so that its position need not be in memory.
        let mut reader = Reader { length: self.length, rest: self.rest, share: &self.share };
        for _ in 0..count {
            items.push((self.share)(reader.item()?));
        }
        self.rest = reader.rest;
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> StatelessInput {
        StatelessInput {
            chain: Bytes::from_static(&[1, 2, 3]),
            blocks: alloc::vec![Bytes::from_static(b"block"), Bytes::from_static(b"child")],
            witness: Witness {
                headers: alloc::vec![Bytes::from_static(b"parent")],
                codes: alloc::vec![Bytes::new(), Bytes::from_static(&[0x60])],
                state: alloc::vec![Bytes::from_static(&[0xc0; 33])],
            },
            public_keys: alloc::vec![PublicKey::repeat_byte(7)],
            destinations: alloc::vec![Bytes::from_static(&[4; 8]), Bytes::new()],
        }
    }

    #[test]
    fn decodes_what_it_encodes() {
        let smallest = StatelessInput { blocks: alloc::vec![Bytes::new()], ..StatelessInput::default() };
        for input in [smallest, example()] {
            let bytes = Bytes::from(input.encode());
            assert_eq!(bytes.len() % 4, 0);
            assert_eq!(StatelessInput::decode(&bytes), Ok(input));
        }
        let none = Bytes::from(StatelessInput::default().encode());
        assert_eq!(StatelessInput::decode(&none), Err(InputError::NoBlock));
    }

    #[test]
    fn refuses_every_truncation_and_extension() {
        let bytes = example().encode();
        for end in 0..bytes.len() {
            let cut = Bytes::copy_from_slice(&bytes[..end]);
            assert!(matches!(StatelessInput::decode(&cut), Err(InputError::Truncated { .. })), "{end}");
        }
        let longer = Bytes::from([&bytes[..], &[0; 4]].concat());
        assert_eq!(StatelessInput::decode(&longer), Err(InputError::TrailingBytes(4)));
    }

    #[test]
    fn refuses_foreign_bytes() {
        let bytes = example().encode();
        let altered = |index: usize, value: u8| {
            let mut bytes = bytes.clone();
            bytes[index] = value;
            StatelessInput::decode(&Bytes::from(bytes)).unwrap_err()
        };
        assert_eq!(altered(0, b'X'), InputError::Magic(*b"XENO"));
        for version in [1, 2, 4] {
            assert_eq!(altered(4, version), InputError::Version(version.into()));
        }
        assert_eq!(altered(15, 1), InputError::Padding(15));
        let short_key = bytes.len() - (4 + 4 + 8 + 4) - 64 - 4;
        assert_eq!(altered(short_key, 60), InputError::PublicKey { index: 0, length: 60 });
    }
}
