//! RLP (yellow paper, appendix B), beside alloy's: writing into the buffer that is hashed, numbers without copies, and
//! the structure of items.

use crate::number::from_be_bytes;
use alloc::vec::Vec;
use alloy_primitives::U256;
use alloy_rlp::{EMPTY_STRING_CODE, Encodable, Header, length_of_length};
use core::mem;

/// First byte of a string of one byte, unless that byte is its own encoding.
pub const ONE_BYTE: u8 = EMPTY_STRING_CODE + 1;
/// Byte before the 32 bytes of a hash.
pub const HASH_PREFIX: u8 = EMPTY_STRING_CODE + 32;
/// First byte of the longest string whose length is in the first byte.
pub const LAST_SHORT_STRING: u8 = EMPTY_STRING_CODE + 55;
/// First byte of a string whose length is the next byte.
pub const LONG_STRING: u8 = LAST_SHORT_STRING + 1;
/// First byte of an empty list. That of a short list is larger by the length of the payload.
pub const LIST: u8 = 0xc0;
/// First byte of the longest list whose length is in the first byte.
pub const LAST_SHORT_LIST: u8 = LIST + 55;
/// First byte of a list whose length is the next byte.
pub const LONG_LIST: u8 = LAST_SHORT_LIST + 1;
/// First byte of a list whose length is the next two bytes.
pub const LONGER_LIST: u8 = LONG_LIST + 1;

/// Length of the header of an item that needs one, in bytes. `length` is that of its payload.
#[inline(always)]
pub fn header_length(length: usize) -> usize {
    // Most are short, and the zkVM has no instruction that counts leading zeros.
    match length {
        0..56 => 1,
        56..0x100 => 2,
        0x100..0x1_0000 => 3,
        _ => length_of_length(length),
    }
}

/// Returns whether a string is encoded without a header.
#[inline(always)]
pub fn is_own_encoding(string: &[u8]) -> bool {
    matches!(string, [byte] if *byte < EMPTY_STRING_CODE)
}

/// Writer of bytes, all of which have to be written.
pub struct Out<'a>(pub &'a mut [u8]);

impl<'a> Out<'a> {
    /// Takes the next `length` bytes.
    #[inline(always)]
    pub fn take(&mut self, length: usize) -> &'a mut [u8] {
        let (taken, rest) = mem::take(&mut self.0).split_at_mut(length);
        self.0 = rest;
        taken
    }

    /// Writes bytes.
    #[inline(always)]
    pub fn put(&mut self, bytes: &[u8]) {
        self.take(bytes.len()).copy_from_slice(bytes);
    }

    /// Writes the header of a string or list; `code` is that of the empty one.
    #[inline(always)]
    pub fn header(&mut self, code: u8, length: usize) {
        if length < 56 {
            return self.put(&[code + length as u8]);
        }
        let bytes = header_length(length) - 1;
        let header = self.take(1 + bytes);
        header[0] = code + 55 + bytes as u8;
        for (index, byte) in header[1..].iter_mut().rev().enumerate() {
            *byte = (length >> (8 * index)) as u8;
        }
    }

    /// Writes a string with its header.
    #[inline(always)]
    pub fn string(&mut self, string: &[u8]) {
        if !is_own_encoding(string) {
            self.header(EMPTY_STRING_CODE, string.len());
        }
        self.put(string);
    }
}

/// Appends the header of a string, or of a list if `list`. `payload` is the length of its payload, in bytes.
pub fn push_header(out: &mut Vec<u8>, list: bool, payload: usize) {
    let first = if list { 0xc0 } else { EMPTY_STRING_CODE };
    match payload {
        ..56 => out.push(first + payload as u8),
        56..256 => out.extend_from_slice(&[first + 56, payload as u8]),
        _ => Header { list, payload_length: payload }.encode(out),
    }
}

/// Appends a list with this payload.
pub fn put_list(out: &mut Vec<u8>, payload: &[u8]) {
    Header { list: true, payload_length: payload.len() }.encode(out);
    out.extend_from_slice(payload);
}

/// Reader of RLP: the items of a list that are still unread. Every method returns `None` if the next item is
/// of another kind.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// Takes the next string, or list if `list`, and returns its payload.
    #[inline(always)]
    pub fn item(&mut self, list: bool) -> Option<&'a [u8]> {
        // It refuses headers that are longer than they need to be, and strings that need no header.
        Header::decode_bytes(&mut self.0, list).ok()
    }

    /// Takes a list.
    pub fn list(&mut self) -> Option<Self> {
        self.item(true).map(Self)
    }

    /// Checks that nothing is left.
    pub fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    /// Takes a number without leading zeros.
    pub fn number(&mut self) -> Option<()> {
        (self.item(false)?.first() != Some(&0)).then_some(())
    }

    /// Takes a string of `length` bytes.
    pub fn bytes(&mut self, length: usize) -> Option<()> {
        (self.item(false)?.len() == length).then_some(())
    }

    /// Takes all items, each of `length` bytes.
    pub fn each(mut self, length: usize) -> Option<()> {
        while !self.0.is_empty() {
            self.bytes(length)?;
        }
        Some(())
    }

    /// Takes the encoding of `item`.
    pub fn skip(&mut self, item: &impl Encodable) -> Option<()> {
        self.0 = self.0.strip_prefix(&alloy_rlp::encode(item)[..])?;
        Some(())
    }
}

/// Decodes a number from exactly this RLP.
pub fn number(mut rlp: &[u8]) -> alloy_rlp::Result<U256> {
    let number = next_number(&mut rlp)?;
    if !rlp.is_empty() {
        return Err(alloy_rlp::Error::UnexpectedLength);
    }
    Ok(number)
}

/// Takes a number off the RLP as alloy's decoder does, but without copies of single bytes.
#[inline]
pub fn next_number(rlp: &mut &[u8]) -> alloy_rlp::Result<U256> {
    let bytes = alloy_rlp::Header::decode_bytes(rlp, false)?;
    match bytes.first() {
        Some(0) => Err(alloy_rlp::Error::LeadingZero),
        _ if bytes.len() > 32 => Err(alloy_rlp::Error::Overflow),
        _ => Ok(from_be_bytes(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    #[test]
    fn numbers_are_those_of_alloy() {
        let mut rng = StdRng::seed_from_u64(9);
        let mut valid = 0;
        for _ in 0..20_000 {
            let number_of_bits = rng.random_range(0..=256usize);
            let value = U256::from_limbs(rng.random()).wrapping_shr(number_of_bits);
            let mut rlp = alloy_rlp::encode(value);
            match rng.random_range(0..6) {
                0 => rlp.push(rng.random()),
                1 => _ = rlp.pop(),
                2 => rlp.insert(1.min(rlp.len()), 0),
                3 => rlp[0] = rng.random(),
                4 if rlp.len() > 1 => rlp[1] = 0,
                _ => {}
            }
            let (ours, theirs) = (number(&rlp), alloy_rlp::decode_exact::<U256>(&rlp));
            assert_eq!(ours.is_ok(), theirs.is_ok(), "{rlp:02x?}: {ours:?}, {theirs:?}");
            if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
                assert_eq!(ours, theirs);
                valid += 1;
            }
        }
        assert!((3000..17_000).contains(&valid), "{valid}");
    }
}
