//! Keys of the made-up validators. Everybody can know them.

use ark_bls12_381::Fr;
use ark_ff::{BigInteger as _, PrimeField as _};
use blst::min_pk::SecretKey;
use libssz_types::{SszBitvector, SszVector};
use std::sync::OnceLock;
use zeno_consensus_core::{
    Sha256Hasher as _, SyncAggregate, SyncCommittee,
    crypto::{DST, Native},
    types::{BlsPublicKey, BlsSignature, Period, Root},
};

/// Count of validators. A committee has 512 of them at most, so that some leave and some come.
const VALIDATORS: usize = 576;

/// Validator's secret key, and its public one.
struct Validator {
    secret: Fr,
    public: BlsPublicKey,
}

/// Returns all validators. Their keys are computed once in a process.
fn validators() -> &'static [Validator] {
    static ALL: OnceLock<Vec<Validator>> = OnceLock::new();
    ALL.get_or_init(|| {
        let validator = |index: usize| {
            let digest = Native.hash(&[&b"zeno test validator"[..], &index.to_be_bytes()].concat());
            let secret = Fr::from_be_bytes_mod_order(&digest);
            Validator { secret, public: key(secret).sk_to_pk().to_bytes() }
        };
        (0..VALIDATORS).map(validator).collect()
    })
}

/// Makes a key that signs.
fn key(secret: Fr) -> SecretKey {
    SecretKey::from_bytes(&secret.into_bigint().to_bytes_be()).expect("the key is not zero")
}

/// Returns the validators of a period's committee: another choice each period, in another order.
fn members<const N: usize>(period: Period) -> impl Iterator<Item = &'static Validator> {
    let all = validators();
    // 7 and the count have no common factor, so no validator is there twice.
    let first = (period % VALIDATORS as u64) as usize * 37;
    (0..N).map(move |index| &all[(first + 7 * index) % all.len()])
}

/// Returns the sync committee of a period.
///
/// # Panics
/// If there are not as many validators.
pub fn committee<const N: usize>(period: Period) -> SyncCommittee<N> {
    assert!(N <= VALIDATORS, "{N} members, but {VALIDATORS} validators");
    let pubkeys = members::<N>(period).map(|member| member.public).collect::<Vec<_>>();
    let sum = members::<N>(period).map(|member| member.secret).sum();
    SyncCommittee {
        pubkeys: SszVector::try_from(pubkeys).expect("the committee has its size"),
        aggregate_pubkey: key(sum).sk_to_pk().to_bytes(),
    }
}

/// Makes the signature of a message by those members of a period's committee whose bits are set. Without any it is the point
/// at infinity.
pub fn sign<const N: usize>(period: Period, bits: SszBitvector<N>, message: &Root) -> SyncAggregate<N> {
    let signers = members::<N>(period).enumerate().filter(|(index, _)| bits.get(*index) == Some(true));
    let sum = signers.map(|(_, member)| member.secret).sum::<Fr>();
    let sync_committee_signature = match bits.count_ones() {
        0 => infinity(),
        // One signature under the sum of the keys is the sum of the signatures.
        _ => key(sum).sign(message, DST, &[]).to_bytes(),
    };
    SyncAggregate { sync_committee_bits: bits, sync_committee_signature }
}

/// Returns the encoding of the point at infinity.
fn infinity() -> BlsSignature {
    let mut signature = [0; 96];
    signature[0] = 0xc0;
    signature
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use zeno_consensus_core::Crypto as _;

    #[test]
    fn committees_change_and_have_no_member_twice() {
        let (first, second) = (committee::<512>(0), committee::<512>(1));
        let keys =
            |committee: &SyncCommittee<512>| committee.pubkeys.iter().copied().collect::<BTreeSet<_>>();
        assert_eq!(keys(&first).len(), 512);
        assert_ne!(keys(&first), keys(&second));
        committee::<32>(u64::MAX);
    }

    #[test]
    fn a_signature_is_that_of_its_members() {
        let mut bits = SszBitvector::<32>::new();
        for index in [0, 5, 31] {
            bits.set(index, true).unwrap();
        }
        let aggregate = sign(3, bits, &[9; 32]);
        let committee = committee::<32>(3);
        let keys = aggregate.participating(&committee);
        assert_eq!(keys.len(), 3);
        assert!(Native.fast_aggregate_verify(&keys, &[9; 32], &aggregate.sync_committee_signature));
    }
}
