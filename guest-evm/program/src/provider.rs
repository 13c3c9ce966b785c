//! Accelerated cryptography as a provider of the libraries' own traits.

use crate::{bls12_381, bn254, kzg, modexp, secp256k1, secp256r1, sha256};
use alloc::{sync::Arc, vec::Vec};
use alloy_consensus::crypto::{install_default_provider, CryptoProvider, RecoveryError};
use alloy_primitives::{keccak256, Address};
use revm_precompile::{
    bls12_381::{G1Point, G1PointScalar, G2Point, G2PointScalar},
    install_crypto, Crypto, PrecompileHalt,
};

/// Installs the accelerated cryptography for revm's precompiles and for alloy-consensus's signature recovery.
/// It has to be called once, before anything else: both libraries keep the first provider that they see.
///
/// # Panics
/// If a provider was installed or used before, because the guest would continue with software.
pub fn install() {
    assert!(install_crypto(AcceleratedCrypto), "revm has a cryptography provider already");
    assert!(
        install_default_provider(Arc::new(AcceleratedCrypto)).is_ok(),
        "alloy-consensus has a cryptography provider already"
    );
}

/// Provider that uses the VM's instructions. The VM has none for RIPEMD-160 and BLAKE2, so revm's own code
/// remains.
#[derive(Debug)]
struct AcceleratedCrypto;

impl Crypto for AcceleratedCrypto {
    fn sha256(&self, input: &[u8]) -> [u8; 32] {
        sha256::sha256(input)
    }

    fn bn254_g1_add(&self, p1: &[u8], p2: &[u8]) -> Result<[u8; 64], PrecompileHalt> {
        bn254::add(p1, p2)
    }

    fn bn254_g1_mul(&self, point: &[u8], scalar: &[u8]) -> Result<[u8; 64], PrecompileHalt> {
        bn254::multiply(point, scalar)
    }

    fn bn254_pairing_check(&self, pairs: &[(&[u8], &[u8])]) -> Result<bool, PrecompileHalt> {
        bn254::pairing_check(pairs)
    }

    fn secp256k1_ecrecover(
        &self,
        sig: &[u8; 64],
        recid: u8,
        msg: &[u8; 32],
    ) -> Result<[u8; 32], PrecompileHalt> {
        let (r, s) = sig.split_at(32);
        let address = if recid > 1 { None } else { secp256k1::recover(r, s, recid == 1, msg) };
        Ok(address.ok_or(PrecompileHalt::Secp256k1RecoverFailed)?.into_word().0)
    }

    fn modexp(&self, base: &[u8], exp: &[u8], modulus: &[u8]) -> Result<Vec<u8>, PrecompileHalt> {
        modexp::modexp(base, exp, modulus)
    }

    fn secp256r1_verify_signature(&self, msg: &[u8; 32], sig: &[u8; 64], pk: &[u8; 64]) -> bool {
        secp256r1::verify(msg, sig, pk)
    }

    fn verify_kzg_proof(
        &self,
        z: &[u8; 32],
        y: &[u8; 32],
        commitment: &[u8; 48],
        proof: &[u8; 48],
    ) -> Result<(), PrecompileHalt> {
        if kzg::verify(commitment, z, y, proof) {
            Ok(())
        } else {
            Err(PrecompileHalt::BlobVerifyKzgProofFailed)
        }
    }

    fn bls12_381_g1_add(&self, a: G1Point, b: G1Point) -> Result<[u8; 96], PrecompileHalt> {
        bls12_381::add_g1(&a, &b)
    }

    fn bls12_381_g1_msm(
        &self,
        pairs: &mut dyn Iterator<Item = Result<G1PointScalar, PrecompileHalt>>,
    ) -> Result<[u8; 96], PrecompileHalt> {
        bls12_381::multiply_g1(pairs)
    }

    fn bls12_381_g2_add(&self, a: G2Point, b: G2Point) -> Result<[u8; 192], PrecompileHalt> {
        bls12_381::add_g2(&a, &b)
    }

    fn bls12_381_g2_msm(
        &self,
        pairs: &mut dyn Iterator<Item = Result<G2PointScalar, PrecompileHalt>>,
    ) -> Result<[u8; 192], PrecompileHalt> {
        bls12_381::multiply_g2(pairs)
    }

    // Revm strips the points of their padding, and fails the call if the padding isn't zero. The rest is for
    // the function itself to check, here and above: coordinates below the prime, points on their curves and
    // in their subgroups.
    fn bls12_381_pairing_check(&self, pairs: &[(G1Point, G2Point)]) -> Result<bool, PrecompileHalt> {
        bls12_381::pairing_check(pairs)
    }

    fn bls12_381_fp_to_g1(&self, fp: &[u8; 48]) -> Result<[u8; 96], PrecompileHalt> {
        bls12_381::map_to_g1(fp)
    }

    fn bls12_381_fp2_to_g2(&self, fp2: ([u8; 48], [u8; 48])) -> Result<[u8; 192], PrecompileHalt> {
        bls12_381::map_to_g2(&fp2.0, &fp2.1)
    }
}

impl CryptoProvider for AcceleratedCrypto {
    // Transactions are not recovered but verified, by the hinted key. This is for authorizations (EIP-7702),
    // for whose signers there are no hints. One that can't be recovered makes the authorization void, not the
    // block, so the result must be an error and never a panic. If a low s is required, alloy-consensus checks
    // it itself.
    fn recover_signer_unchecked(&self, sig: &[u8; 65], msg: &[u8; 32]) -> Result<Address, RecoveryError> {
        let address = match sig[64] {
            parity @ (0 | 1) => secp256k1::recover(&sig[..32], &sig[32..64], parity == 1, msg),
            _ => None,
        };
        address.ok_or_else(RecoveryError::new)
    }

    fn verify_and_compute_signer_unchecked(
        &self,
        pubkey: &[u8; 65],
        sig: &[u8; 64],
        msg: &[u8; 32],
    ) -> Result<Address, RecoveryError> {
        // 4 marks an uncompressed key (SEC 1, section 2.3.3).
        let [4, key @ ..] = pubkey else { return Err(RecoveryError::new()) };
        if secp256k1::verify_any_parity(key, &sig[..32], &sig[32..], msg) {
            Ok(Address::from_slice(&keccak256(key)[12..]))
        } else {
            Err(RecoveryError::new())
        }
    }
}
