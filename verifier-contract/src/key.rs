//! Verifying key of STARKs: of one guest program on one virtual machine.

use alloy_primitives::{B256, U256};
use openvm_stark_backend::{StarkProtocolConfig, hasher::MerkleHasher, p3_field::PrimeField32};
use openvm_stark_sdk::config::baby_bear_poseidon2::{BabyBearPoseidon2Config, Digest, F};
use openvm_verify_stark_host::vk::VmStarkVerifyingKey;
use thiserror::Error;

/// Key of the release in `config/guest/evm/3`, made by `xtask guest-commitments`.
static COMMITTED: &[u8] = include_bytes!("../../config/guest/evm/3/verifying-key");
/// First eight bytes of every verifying key: mark and version.
const MAGIC: [u8; 8] = *b"ZENOVK\x01\0";

/// Verifying key of the STARKs of one guest program on one virtual machine.
#[derive(Clone, Debug)]
pub struct VerifyingKey {
    pub(crate) stark: VmStarkVerifyingKey,
    app_exe_commitment: B256,
    app_vm_commitment: B256,
}

/// Reason why bytes are not a verifying key.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The bytes don't start with the mark and version of this format.
    #[error("not a Zeno verifying key of format 1")]
    Foreign,
    /// `bitcode` can't decode or encode the key.
    #[error("damaged verifying key: {0}")]
    Damaged(#[from] bitcode::Error),
}

impl VerifyingKey {
    /// Returns the key of the guest that this program was built with.
    ///
    /// # Errors
    /// [`KeyError`] when the file `config/guest/evm/3/verifying-key` was not a key at build time.
    pub fn committed() -> Result<Self, KeyError> {
        Self::decode(COMMITTED)
    }

    /// Wraps a key of the proof system.
    pub fn new(stark: VmStarkVerifyingKey) -> Self {
        let app_exe_commitment = commitment(&stark.baseline.app_exe_commit);
        let app_vm_commitment = commitment(&vm_digest(&stark));
        Self { stark, app_exe_commitment, app_vm_commitment }
    }

    /// Decodes the bytes that [`encode`](Self::encode) gives. A key decides what is believed: take it from the source
    /// of the program, never from the sender of a proof.
    ///
    /// # Errors
    /// [`KeyError`] when `bytes` is no such key.
    pub fn decode(bytes: &[u8]) -> Result<Self, KeyError> {
        let key = bytes.strip_prefix(&MAGIC).ok_or(KeyError::Foreign)?;
        Ok(Self::new(bitcode::deserialize(key)?))
    }

    /// Encodes the key: eight bytes of mark and version, then the proof system's key in `bitcode`.
    ///
    /// # Errors
    /// [`KeyError::Damaged`] when `bitcode` refuses the key.
    pub fn encode(&self) -> Result<Vec<u8>, KeyError> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(bitcode::serialize(&self.stark)?);
        Ok(bytes)
    }

    /// Returns the commitments to the verifying keys of the circuits from the VM to the final proof, by name.
    ///
    /// [`app_vm_commitment`](Self::app_vm_commitment) is a digest of all of them but the last.
    pub fn components(&self) -> impl Iterator<Item = (&'static str, B256)> {
        let baseline = &self.stark.baseline;
        let circuits = [
            ("machine", baseline.app_vk_commit),
            ("leaf", baseline.leaf_vk_commit),
            ("internal_for_leaf", baseline.internal_for_leaf_vk_commit),
            ("internal_recursive", baseline.internal_recursive_vk_commit),
        ];
        let hasher = BabyBearPoseidon2Config::default_from_params(self.stark.mvk.inner.params.clone());
        circuits.into_iter().map(move |(name, commit)| {
            (name, commitment(&hasher.hasher().compress(commit.cached_commit, commit.vk_pre_hash)))
        })
    }

    /// Commitment to the guest program: its code, initial memory and entry point.
    pub fn app_exe_commitment(&self) -> B256 {
        self.app_exe_commitment
    }

    /// Commitment to the virtual machine and to the circuits that aggregate its proofs.
    pub fn app_vm_commitment(&self) -> B256 {
        self.app_vm_commitment
    }
}

/// Hashes the commitments to the verifying keys of the VM, the leaf circuit and the first internal circuit. The proof
/// system calls this digest the application's VM commitment.
fn vm_digest(key: &VmStarkVerifyingKey) -> Digest {
    let baseline = &key.baseline;
    let digests: Vec<F> =
        [baseline.app_vk_commit, baseline.leaf_vk_commit, baseline.internal_for_leaf_vk_commit]
            .iter()
            .flat_map(|commit| [commit.cached_commit, commit.vk_pre_hash])
            .flatten()
            .collect();
    let config = BabyBearPoseidon2Config::default_from_params(key.mvk.inner.params.clone());
    config.hasher().hash_slice(&digests)
}

/// Encodes a digest as one big-endian number. Its elements are the digits in base p, the lowest first.
///
/// The EVM verifier of the same proof system has commitments in this form, as one element of BN254's scalar field.
fn commitment(digest: &Digest) -> B256 {
    let base = U256::from(F::ORDER_U32);
    digest
        .iter()
        .rev()
        .fold(U256::ZERO, |sum, digit| sum * base + U256::from(digit.as_canonical_u32()))
        .into()
}
