//! Cryptography in Rust alone, without vectors and assembly: arkworks.

use super::{Crypto, DST, Sha256Hasher};
use crate::types::{BlsPublicKey, BlsSignature, Root};
use ark_bls12_381::{Bls12_381, G1Affine, G1Projective, G2Affine, G2Projective, g2};
use ark_ec::{
    AffineRepr as _, CurveGroup as _,
    hashing::{HashToCurve as _, curve_maps::wb::WBMap, map_to_curve_hasher::MapToCurveBasedHasher},
    pairing::Pairing as _,
};
use ark_ff::{Zero as _, field_hashers::DefaultFieldHasher};
use ark_serialize::CanonicalDeserialize;
use sha2::{Digest as _, Sha256};

/// Hash to G2: expansion of the message by SHA-256, and a simplified SWU map with an isogeny.
type HashToG2 = MapToCurveBasedHasher<G2Projective, DefaultFieldHasher<Sha256, 128>, WBMap<g2::Config>>;

/// Cryptography for platforms without a C compiler.
#[derive(Clone, Copy, Debug, Default)]
pub struct Portable;

impl Sha256Hasher for Portable {
    fn hash(&self, data: &[u8]) -> [u8; 32] {
        Sha256::digest(data).into()
    }
}

impl Crypto for Portable {
    fn fast_aggregate_verify(
        &self,
        keys: &[&BlsPublicKey],
        message: &Root,
        signature: &BlsSignature,
    ) -> bool {
        verify(keys, message, signature).unwrap_or(false)
    }
}

/// Checks a signature. `None` if something is no point that it may be.
fn verify(keys: &[&BlsPublicKey], message: &Root, signature: &BlsSignature) -> Option<bool> {
    let mut key = G1Projective::zero();
    for bytes in keys {
        key += point::<G1Affine>(*bytes)?;
    }
    let signature: G2Affine = point(signature)?;
    let key = key.into_affine();
    // There may be no key, or they may cancel.
    if key.is_zero() {
        return None;
    }
    let message = HashToG2::new(DST).ok()?.hash(message).ok()?;
    // e(key, message) = e(generator, signature)
    let product = Bls12_381::multi_pairing([key, -G1Affine::generator()], [message, signature]);
    Some(product.is_zero())
}

/// Decodes a compressed point, of the subgroup and not infinity. arkworks checks the coordinate's range and the subgroup.
fn point<T: CanonicalDeserialize>(bytes: &[u8]) -> Option<T> {
    /// Flags of an encoding: whether it is compressed, and whether it is infinity.
    const COMPRESSED: u8 = 0x80;
    const INFINITY: u8 = 0x40;
    let flags = bytes.first()? & (COMPRESSED | INFINITY);
    (flags == COMPRESSED).then(|| T::deserialize_compressed(bytes).ok()).flatten()
}
