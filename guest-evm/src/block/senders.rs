//! Senders of transactions: public keys as hints, checked against the signatures.

use crate::{
    block::{Block, Transaction, tx_encoding::Encoded},
    error::ValidationError,
};
use alloc::vec::Vec;
use alloy_primitives::{Address, B256, Signature, U256, keccak256, uint};
use zeno_types::input::PublicKey;

/// Half of the order of secp256k1, rounded down: the largest `s` of a transaction (EIP-2).
const MAX_S: U256 = uint!(0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0_U256);
/// Order of secp256k1.
const ORDER: U256 = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);

/// Function that returns whether `ecrecover(hash, v, r, s)` is this very key.
///
/// Two keys satisfy the same `(r, s)`, one for each parity of the point R. So an ECDSA verification is not
/// enough: it also has to check the parity of R, and that the x-coordinate of R is `r` itself. When this is
/// called, `r` and `s` are in range and `s` is low.
pub type SignatureVerifier = fn(key: &PublicKey, signature: &Signature, hash: &B256) -> bool;

/// [`SignatureVerifier`] for hosts: recovers the key and compares.
pub fn verify_signature(key: &PublicKey, signature: &Signature, hash: &B256) -> bool {
    recover(signature, hash).is_some_and(|recovered| recovered == *key)
}

/// Recovers the senders' public keys of a block's transactions, to be put into an input as hints.
///
/// # Errors
/// [`ValidationError::SignatureRange`] for the first transaction whose signature no key can have made.
pub fn public_keys(block: &Block) -> Result<Vec<PublicKey>, ValidationError> {
    block
        .body
        .transactions
        .iter()
        .enumerate()
        .map(|(index, transaction)| {
            let signature = transaction.signature();
            recover(signature, &transaction.signature_hash()).ok_or_else(|| range_error(index, signature))
        })
        .collect()
}

/// Returns the senders of all transactions, after checking the hinted keys.
#[inline(never)]
pub(crate) fn check(
    transactions: &[Transaction],
    encodings: &[Encoded<'_>],
    keys: &[PublicKey],
    verify: SignatureVerifier,
) -> Result<Vec<Address>, ValidationError> {
    if keys.len() != transactions.len() {
        return Err(ValidationError::PublicKeyCount { keys: keys.len(), transactions: transactions.len() });
    }
    let mut senders = Vec::with_capacity(transactions.len());
    let mut payload = Vec::new();
    for (index, ((transaction, encoding), key)) in transactions.iter().zip(encodings).zip(keys).enumerate() {
        let signature = transaction.signature();
        let (r, s) = (signature.r(), signature.s());
        if r.is_zero() || r >= ORDER || s.is_zero() || s > MAX_S {
            return Err(range_error(index, signature));
        }
        let address = Address::from_slice(&keccak256(key)[12..]);
        if !verify(key, signature, &encoding.signature_hash(transaction, &mut payload)) {
            return Err(ValidationError::PublicKey { index, address });
        }
        senders.push(address);
    }
    Ok(senders)
}

fn range_error(index: usize, signature: &Signature) -> ValidationError {
    ValidationError::SignatureRange { index, r: signature.r(), s: signature.s() }
}

/// Recovers the key that made a signature.
#[cfg(not(feature = "native"))]
use recover_portably as recover;

/// Recovers the key that made a signature, by libsecp256k1.
#[cfg(feature = "native")]
fn recover(signature: &Signature, hash: &B256) -> Option<PublicKey> {
    use secp256k1::{Message, SECP256K1, ecdsa};
    let bytes = signature.as_bytes();
    let parity = i32::from(signature.v()).try_into().ok()?;
    let signature = ecdsa::RecoverableSignature::from_compact(&bytes[..64], parity).ok()?;
    let key = SECP256K1.recover_ecdsa(Message::from_digest(hash.0), &signature).ok()?;
    Some(PublicKey::from_slice(&key.serialize_uncompressed()[1..]))
}

/// Recovers the key that made a signature, by portable code.
#[cfg(any(not(feature = "native"), test))]
fn recover_portably(signature: &Signature, hash: &B256) -> Option<PublicKey> {
    let key = signature.recover_from_prehash(hash).ok()?;
    // The first byte tells that the point is not compressed.
    Some(PublicKey::from_slice(&key.to_encoded_point(false).as_bytes()[1..]))
}

#[cfg(all(test, feature = "native"))]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    #[test]
    fn both_ways_recover_the_same_keys() {
        let mut rng = StdRng::seed_from_u64(8);
        let mut recovered = 0;
        for _ in 0..200 {
            let mut number = || match rng.random_range(0..8) {
                0 => U256::from(rng.random_range(0..3u8)),
                1 => ORDER - U256::from(rng.random_range(0..3u8)),
                2 => U256::MAX,
                _ => U256::from_limbs(rng.random()),
            };
            let (r, s, hash) = (number(), number().min(MAX_S), number().into());
            let signature = Signature::new(r, s, rng.random());
            let key = recover(&signature, &hash);
            assert_eq!(key, recover_portably(&signature, &hash), "{signature:?} {hash}");
            recovered += usize::from(key.is_some());
        }
        assert!((20..180).contains(&recovered), "{recovered}");
    }
}
