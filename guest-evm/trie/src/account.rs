//! Accounts, the leaves of the state trie.

use alloy_primitives::{B256, U256};
use alloy_rlp::EMPTY_STRING_CODE;
use alloy_trie::TrieAccount;
use zeno_types::{number::from_be_bytes, rlp::next_number};

/// Decodes an account from exactly this RLP (yellow paper, section 4.1): by the fast path where it applies.
pub fn decode_account(rlp: &[u8]) -> alloy_rlp::Result<TrieAccount> {
    match account(rlp) {
        Some(account) => Ok(account),
        None => decode_any_account(rlp),
    }
}

/// Decodes the usual encoding of an account. `None` means that [`decode_any_account`] has to decide.
fn account(rlp: &[u8]) -> Option<TrieAccount> {
    const HASH: u8 = EMPTY_STRING_CODE + 32;
    // The two hashes make it longer than 55 bytes, and it is always shorter than 256.
    let [0xf8, length, fields @ ..] = rlp else { return None };
    let mut fields = fields;
    if usize::from(*length) != fields.len() {
        return None;
    }
    let mut number = |most: usize| {
        let (first, rest) = fields.split_first()?;
        let length = match *first {
            0 => return None,
            1..EMPTY_STRING_CODE => {
                fields = rest;
                return Some(U256::from(*first));
            }
            first => usize::from(first - EMPTY_STRING_CODE),
        };
        let (bytes, rest) = rest.split_at_checked(length).filter(|_| length <= most)?;
        // Neither leading zeros, nor a byte that would be its own encoding.
        if bytes.first() == Some(&0) || (length == 1 && bytes[0] < EMPTY_STRING_CODE) {
            return None;
        }
        fields = rest;
        Some(from_be_bytes(bytes))
    };
    let (nonce, balance) = (number(8)?, number(32)?);
    let fields: &[u8; 66] = fields.try_into().ok()?;
    let (root, code) = (fields[1..33].try_into().ok()?, fields[34..].try_into().ok()?);
    (fields[0] == HASH && fields[33] == HASH).then(|| TrieAccount {
        nonce: nonce.as_limbs()[0],
        balance,
        storage_root: B256::new(root),
        code_hash: B256::new(code),
    })
}

/// Decodes an account as alloy's decoder does, but with [`next_number`].
#[cold]
fn decode_any_account(mut rlp: &[u8]) -> alloy_rlp::Result<TrieAccount> {
    let mut fields = alloy_rlp::Header::decode_bytes(&mut rlp, true)?;
    let nonce = next_number(&mut fields)?.try_into().map_err(|_| alloy_rlp::Error::Overflow)?;
    let balance = next_number(&mut fields)?;
    let mut hash = || {
        let bytes = alloy_rlp::Header::decode_bytes(&mut fields, false)?;
        B256::try_from(bytes).map_err(|_| alloy_rlp::Error::UnexpectedLength)
    };
    let (storage_root, code_hash) = (hash()?, hash()?);
    if !fields.is_empty() || !rlp.is_empty() {
        return Err(alloy_rlp::Error::UnexpectedLength);
    }
    Ok(TrieAccount { nonce, balance, storage_root, code_hash })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    #[test]
    fn accounts_are_those_of_alloy() {
        let mut rng = StdRng::seed_from_u64(12);
        let mut valid = 0;
        for _ in 0..20_000 {
            let account = TrieAccount {
                nonce: rng.random::<u64>() >> rng.random_range(0..64),
                balance: U256::from_limbs(rng.random()).wrapping_shr(rng.random_range(0..=256usize)),
                storage_root: B256::from(rng.random::<[u8; 32]>()),
                code_hash: B256::from(rng.random::<[u8; 32]>()),
            };
            let mut rlp = alloy_rlp::encode(account);
            // Mostly at the lengths.
            let at = match rng.random_range(0..3) {
                0 => rng.random_range(0..4),
                1 => rlp.len() - 33,
                _ => rng.random_range(0..rlp.len()),
            };
            match rng.random_range(0..6) {
                0 => rlp.push(rng.random()),
                1 => _ = rlp.pop(),
                2 => rlp.insert(at, 0),
                3 => rlp[at] = rng.random(),
                4 => rlp[at] ^= 1 << rng.random_range(0..8),
                _ => {}
            }
            let (ours, theirs) = (decode_account(&rlp), alloy_rlp::decode_exact::<TrieAccount>(&rlp));
            assert_eq!(ours.is_ok(), theirs.is_ok(), "{rlp:02x?}: {ours:?}, {theirs:?}");
            if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
                assert_eq!(ours, theirs);
                valid += 1;
            }
        }
        assert!((3000..17_000).contains(&valid), "{valid}");
    }
}
