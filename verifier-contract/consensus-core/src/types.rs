//! Containers that are the same in all forks, and names of the specification's primitive types.

use alloc::vec::Vec;
use core::fmt;
use libssz_derive::{HashTreeRoot, SszDecode, SszEncode};
use libssz_merkle::{HashTreeRoot as _, Sha256Hasher, merkleize};
use libssz_types::{SszBitvector, SszList, SszVector};

/// Number of a slot.
pub type Slot = u64;
/// Number of an epoch.
pub type Epoch = u64;
/// Number of a sync committee's period.
pub type Period = u64;
/// Hash tree root, or a node of a Merkle tree.
pub type Root = [u8; 32];
/// Hash of an execution block.
pub type Hash32 = [u8; 32];
/// Version of a fork.
pub type Version = [u8; 4];
/// Beginning of the root of a fork's version and a network, which names a format.
pub type ForkDigest = [u8; 4];
/// Public key: a compressed point of G1.
pub type BlsPublicKey = [u8; 48];
/// Signature: a compressed point of G2.
pub type BlsSignature = [u8; 96];

/// Node of zeros.
pub(crate) const ZERO: Root = [0; 32];

/// Header of a beacon block.
#[derive(Clone, Debug, Default, PartialEq, Eq, SszDecode, SszEncode, HashTreeRoot)]
pub struct BeaconBlockHeader {
    /// Slot of the block.
    pub slot: Slot,
    /// Index of the validator that proposed it.
    pub proposer_index: u64,
    /// Root of the parent's header.
    pub parent_root: Root,
    /// Root of the state after the block.
    pub state_root: Root,
    /// Root of the block's body.
    pub body_root: Root,
}

/// Sync committee of a period: `N` public keys, 512 by the mainnet preset, 32 by the minimal one.
#[derive(Clone, PartialEq, Eq, SszDecode, SszEncode, HashTreeRoot)]
pub struct SyncCommittee<const N: usize> {
    /// Keys of the members, in the order of the bits of a [`SyncAggregate`]. A member may be there twice.
    pub pubkeys: SszVector<BlsPublicKey, N>,
    /// Sum of all keys. It is part of the committee's root, and used for nothing else.
    pub aggregate_pubkey: BlsPublicKey,
}

impl<const N: usize> SyncCommittee<N> {
    /// Returns whether all keys are zeros: an update without a next committee has such a one.
    pub fn is_empty(&self) -> bool {
        self.aggregate_pubkey == [0; 48] && self.pubkeys.iter().all(|key| *key == [0; 48])
    }
}

impl<const N: usize> Default for SyncCommittee<N> {
    fn default() -> Self {
        Self { pubkeys: zeros(), aggregate_pubkey: [0; 48] }
    }
}

impl<const N: usize> fmt::Debug for SyncCommittee<N> {
    /// Prints the sum of the keys alone, which tells committees apart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SyncCommittee<{N}>({})", Hex(&self.aggregate_pubkey))
    }
}

/// Makes a vector of keys that are zeros.
fn zeros<const N: usize>() -> SszVector<BlsPublicKey, N> {
    match SszVector::try_from(alloc::vec![[0; 48]; N]) {
        Ok(keys) => keys,
        Err(_) => unreachable!("the vector was made of this length"),
    }
}

/// Signature of a sync committee, and its members that signed.
#[derive(Clone, PartialEq, Eq, SszDecode, SszEncode)]
pub struct SyncAggregate<const N: usize> {
    /// Bit of each member, set if the member signed.
    pub sync_committee_bits: SszBitvector<N>,
    /// Sum of their signatures.
    pub sync_committee_signature: BlsSignature,
}

impl<const N: usize> SyncAggregate<N> {
    /// Returns the count of members that signed.
    pub fn participants(&self) -> u64 {
        self.sync_committee_bits.count_ones() as u64
    }

    /// Returns whether two thirds of the members signed, rounded up: 342 of 512, 22 of 32.
    pub fn has_supermajority(&self) -> bool {
        self.participants() * 3 >= N as u64 * 2
    }

    /// Returns the keys of the members that signed.
    pub fn participating<'a>(&self, committee: &'a SyncCommittee<N>) -> Vec<&'a BlsPublicKey> {
        let signed = |index: usize| self.sync_committee_bits.get(index) == Some(true);
        committee.pubkeys.iter().enumerate().filter(|(index, _)| signed(*index)).map(|(_, key)| key).collect()
    }
}

impl<const N: usize> Default for SyncAggregate<N> {
    fn default() -> Self {
        Self { sync_committee_bits: SszBitvector::new(), sync_committee_signature: [0; 96] }
    }
}

impl<const N: usize> fmt::Debug for SyncAggregate<N> {
    /// Prints the count of members that signed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SyncAggregate<{N}>({} signed)", self.participants())
    }
}

/// Header of an execution payload as the beacon chain has it from Deneb to Fulu. In Capella the two fields for blobs are
/// absent, and zero here.
#[derive(Clone, Debug, PartialEq, Eq, SszDecode, SszEncode)]
#[allow(missing_docs, reason = "the fields are those of the specification, and of an execution header")]
pub struct ExecutionPayloadHeader {
    pub parent_hash: Hash32,
    pub fee_recipient: [u8; 20],
    pub state_root: [u8; 32],
    pub receipts_root: [u8; 32],
    pub logs_bloom: [u8; 256],
    pub prev_randao: [u8; 32],
    pub block_number: u64,
    pub gas_limit: u64,
    pub gas_used: u64,
    /// Seconds since 1970.
    pub timestamp: u64,
    pub extra_data: SszList<u8, 32>,
    /// Little-endian, in wei.
    pub base_fee_per_gas: [u8; 32],
    pub block_hash: Hash32,
    pub transactions_root: Root,
    pub withdrawals_root: Root,
    pub blob_gas_used: u64,
    pub excess_blob_gas: u64,
}

impl ExecutionPayloadHeader {
    /// Count of Capella's fields, which are the first.
    pub(crate) const CAPELLA_FIELDS: usize = 15;
    /// Index of the field `block_hash`.
    pub(crate) const BLOCK_HASH_FIELD: usize = 12;

    /// Returns the roots of Deneb's fields.
    pub(crate) fn field_roots(&self, hasher: &impl Sha256Hasher) -> [Root; 17] {
        [
            self.parent_hash,
            self.fee_recipient.hash_tree_root(hasher),
            self.state_root,
            self.receipts_root,
            self.logs_bloom.hash_tree_root(hasher),
            self.prev_randao,
            self.block_number.hash_tree_root(hasher),
            self.gas_limit.hash_tree_root(hasher),
            self.gas_used.hash_tree_root(hasher),
            self.timestamp.hash_tree_root(hasher),
            self.extra_data.hash_tree_root(hasher),
            self.base_fee_per_gas,
            self.block_hash,
            self.transactions_root,
            self.withdrawals_root,
            self.blob_gas_used.hash_tree_root(hasher),
            self.excess_blob_gas.hash_tree_root(hasher),
        ]
    }

    /// Returns the root of the header, of Capella's container or of Deneb's.
    pub(crate) fn root(&self, hasher: &impl Sha256Hasher, is_capella: bool) -> Root {
        let roots = self.field_roots(hasher);
        merkleize(hasher, if is_capella { &roots[..Self::CAPELLA_FIELDS] } else { &roots }, None)
    }

    /// Returns whether the header is that of no block: all of it is zero.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for ExecutionPayloadHeader {
    fn default() -> Self {
        Self {
            parent_hash: ZERO,
            fee_recipient: [0; 20],
            state_root: ZERO,
            receipts_root: ZERO,
            logs_bloom: [0; 256],
            prev_randao: ZERO,
            block_number: 0,
            gas_limit: 0,
            gas_used: 0,
            timestamp: 0,
            extra_data: SszList::new(),
            base_fee_per_gas: [0; 32],
            block_hash: ZERO,
            transactions_root: ZERO,
            withdrawals_root: ZERO,
            blob_gas_used: 0,
            excess_blob_gas: 0,
        }
    }
}

/// Bytes that are printed in hex, with the prefix `0x`.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
