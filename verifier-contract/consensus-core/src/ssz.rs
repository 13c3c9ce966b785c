//! SSZ encodings of the objects, by fork.
//!
//! An object has one encoding: lengths are exact, offsets leave no gaps and do not overlap, unused bits are zero.

use crate::{
    containers::{
        LightClientBootstrap, LightClientFinalityUpdate, LightClientOptimisticUpdate, LightClientUpdate,
    },
    fork::Fork,
    header::{BLOCK_HASH_DEPTH, Execution, LightClientHeader, PAYLOAD_DEPTH},
    merkle::{normalize, unpad},
    store::LightClientStore,
    types::{
        BeaconBlockHeader, ExecutionPayloadHeader, Hash32, Root, Slot, SyncAggregate, SyncCommittee, ZERO,
    },
};
use alloc::{boxed::Box, vec::Vec};
use core::fmt;
use libssz::{SszDecode, SszEncode};
use libssz_derive::{SszDecode, SszEncode};
use libssz_types::{SszList, SszVector};
use thiserror::Error;

/// Reason why bytes are no object.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the bytes are no {object} of {}: {}", .fork.name(), Reason(.reason))]
pub struct SszError {
    /// Kind of the object.
    pub object: &'static str,
    /// Fork whose encoding was expected.
    pub fork: Fork,
    /// Fault of the bytes.
    pub reason: libssz::DecodeError,
}

/// Fault of bytes, which the library gives no words for.
struct Reason<'a>(&'a libssz::DecodeError);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use libssz::DecodeError as E;
        match self.0 {
            E::InvalidByteLength { expected, got }
            | E::InvalidFixedLength { expected, got }
            | E::AdditionalBytes { expected, got } => {
                write!(f, "a part has the length {got}, but must have {expected}")
            }
            E::OffsetOutOfBounds { offset, length } => {
                write!(f, "an offset is {offset}, but must be at most {length}")
            }
            E::InvalidFirstOffset { expected, got } => {
                write!(f, "the first offset is {got}, but must be {expected}")
            }
            E::OffsetsAreNotMonotonicallyIncreasing => {
                f.write_str("an offset is less than the one before it")
            }
            E::ExcessBitsNotZero => f.write_str("unused bits are set"),
            other => write!(f, "{other:?}"),
        }
    }
}

/// Reason why an object has no encoding of a fork.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the {object} has no encoding of {}: upgrade it, or encode it as the fork of its headers", .fork.name())]
pub struct EncodeError {
    /// Kind of the object.
    pub object: &'static str,
    /// Fork of the encoding.
    pub fork: Fork,
}

/// Branch of `L` nodes.
type Branch<const L: usize> = SszVector<Root, L>;

/// Makes a branch that an encoding has, if the nodes that it has no room for are zeros.
fn branch<const L: usize>(normalized: &[Root]) -> Option<Branch<L>> {
    Branch::try_from(unpad(normalized, L)?.to_vec()).ok()
}

/// Header in the form of an encoding.
trait Form: SszDecode + SszEncode {
    /// Brings it into the type of all forks.
    fn into_header(self) -> LightClientHeader;
    /// Makes it from the type of all forks, if it has the same content.
    fn from_header(header: &LightClientHeader) -> Option<Self>;
}

/// Header of Altair and Bellatrix.
#[derive(SszDecode, SszEncode)]
struct AltairHeader {
    beacon: BeaconBlockHeader,
}

impl Form for AltairHeader {
    fn into_header(self) -> LightClientHeader {
        LightClientHeader { beacon: self.beacon, execution: Execution::Absent }
    }

    fn from_header(header: &LightClientHeader) -> Option<Self> {
        matches!(header.execution, Execution::Absent).then(|| Self { beacon: header.beacon.clone() })
    }
}

/// Header of the execution payload in Capella.
#[derive(SszDecode, SszEncode)]
struct CapellaPayloadHeader {
    parent_hash: Hash32,
    fee_recipient: [u8; 20],
    state_root: [u8; 32],
    receipts_root: [u8; 32],
    logs_bloom: [u8; 256],
    prev_randao: [u8; 32],
    block_number: u64,
    gas_limit: u64,
    gas_used: u64,
    timestamp: u64,
    extra_data: SszList<u8, 32>,
    base_fee_per_gas: [u8; 32],
    block_hash: Hash32,
    transactions_root: Root,
    withdrawals_root: Root,
}

impl From<CapellaPayloadHeader> for ExecutionPayloadHeader {
    fn from(header: CapellaPayloadHeader) -> Self {
        Self {
            parent_hash: header.parent_hash,
            fee_recipient: header.fee_recipient,
            state_root: header.state_root,
            receipts_root: header.receipts_root,
            logs_bloom: header.logs_bloom,
            prev_randao: header.prev_randao,
            block_number: header.block_number,
            gas_limit: header.gas_limit,
            gas_used: header.gas_used,
            timestamp: header.timestamp,
            extra_data: header.extra_data,
            base_fee_per_gas: header.base_fee_per_gas,
            block_hash: header.block_hash,
            transactions_root: header.transactions_root,
            withdrawals_root: header.withdrawals_root,
            blob_gas_used: 0,
            excess_blob_gas: 0,
        }
    }
}

impl CapellaPayloadHeader {
    /// Makes it from a header of Deneb's type, if that has nothing about blobs.
    fn new(header: &ExecutionPayloadHeader) -> Option<Self> {
        (header.blob_gas_used == 0 && header.excess_blob_gas == 0).then(|| Self {
            parent_hash: header.parent_hash,
            fee_recipient: header.fee_recipient,
            state_root: header.state_root,
            receipts_root: header.receipts_root,
            logs_bloom: header.logs_bloom,
            prev_randao: header.prev_randao,
            block_number: header.block_number,
            gas_limit: header.gas_limit,
            gas_used: header.gas_used,
            timestamp: header.timestamp,
            extra_data: header.extra_data.clone(),
            base_fee_per_gas: header.base_fee_per_gas,
            block_hash: header.block_hash,
            transactions_root: header.transactions_root,
            withdrawals_root: header.withdrawals_root,
        })
    }
}

/// Header with an execution payload's header `P`.
#[derive(SszDecode, SszEncode)]
struct PayloadHeader<P: SszDecode + SszEncode> {
    beacon: BeaconBlockHeader,
    execution: P,
    execution_branch: Branch<PAYLOAD_DEPTH>,
}

/// Joins the parts of a header with an execution payload.
fn with_payload(
    beacon: BeaconBlockHeader,
    header: ExecutionPayloadHeader,
    branch: &[Root],
) -> LightClientHeader {
    LightClientHeader {
        beacon,
        execution: Execution::Payload { header: Box::new(header), branch: normalize(branch) },
    }
}

/// Returns the execution payload's header and its branch. A header of before Capella has an empty one.
fn payload(header: &LightClientHeader) -> Option<(ExecutionPayloadHeader, Branch<PAYLOAD_DEPTH>)> {
    match &header.execution {
        Execution::Payload { header, branch: nodes } => {
            Some((ExecutionPayloadHeader::clone(header), branch(nodes)?))
        }
        Execution::Absent => Some((ExecutionPayloadHeader::default(), branch(&[ZERO; PAYLOAD_DEPTH])?)),
        Execution::BlockHash { .. } => None,
    }
}

impl Form for PayloadHeader<CapellaPayloadHeader> {
    fn into_header(self) -> LightClientHeader {
        with_payload(self.beacon, self.execution.into(), &self.execution_branch)
    }

    fn from_header(header: &LightClientHeader) -> Option<Self> {
        let (execution, execution_branch) = payload(header)?;
        let execution = CapellaPayloadHeader::new(&execution)?;
        Some(Self { beacon: header.beacon.clone(), execution, execution_branch })
    }
}

impl Form for PayloadHeader<ExecutionPayloadHeader> {
    fn into_header(self) -> LightClientHeader {
        with_payload(self.beacon, self.execution, &self.execution_branch)
    }

    fn from_header(header: &LightClientHeader) -> Option<Self> {
        let (execution, execution_branch) = payload(header)?;
        Some(Self { beacon: header.beacon.clone(), execution, execution_branch })
    }
}

/// Header of Gloas.
#[derive(SszDecode, SszEncode)]
struct GloasHeader {
    beacon: BeaconBlockHeader,
    execution_block_hash: Hash32,
    execution_branch: Branch<BLOCK_HASH_DEPTH>,
}

impl Form for GloasHeader {
    fn into_header(self) -> LightClientHeader {
        let branch = normalize(&self.execution_branch);
        let execution = Execution::BlockHash { hash: self.execution_block_hash, branch };
        LightClientHeader { beacon: self.beacon, execution }
    }

    fn from_header(header: &LightClientHeader) -> Option<Self> {
        let (execution_block_hash, execution_branch) = match &header.execution {
            Execution::BlockHash { hash, branch: nodes } => (*hash, branch(nodes)?),
            Execution::Absent if header.is_empty() => (ZERO, branch(&[ZERO; BLOCK_HASH_DEPTH])?),
            Execution::Absent | Execution::Payload { .. } => return None,
        };
        Some(Self { beacon: header.beacon.clone(), execution_block_hash, execution_branch })
    }
}

/// Bootstrap with headers of the form `H` and a committee `C` deep.
#[derive(SszDecode, SszEncode)]
struct Bootstrap<H: SszDecode + SszEncode, const N: usize, const C: usize> {
    header: H,
    current_sync_committee: SyncCommittee<N>,
    current_sync_committee_branch: Branch<C>,
}

impl<H: Form, const N: usize, const C: usize> Bootstrap<H, N, C> {
    fn from_object(object: &LightClientBootstrap<N>) -> Option<Self> {
        Some(Self {
            header: H::from_header(&object.header)?,
            current_sync_committee: object.current_sync_committee.clone(),
            current_sync_committee_branch: branch(&object.current_sync_committee_branch)?,
        })
    }

    fn into_object(self) -> LightClientBootstrap<N> {
        LightClientBootstrap {
            header: self.header.into_header(),
            current_sync_committee: self.current_sync_committee,
            current_sync_committee_branch: normalize(&self.current_sync_committee_branch),
        }
    }
}

/// Update with headers of the form `H`, a committee `C` deep, and a finalized root `F` deep.
#[derive(SszDecode, SszEncode)]
struct Update<H: SszDecode + SszEncode, const N: usize, const C: usize, const F: usize> {
    attested_header: H,
    next_sync_committee: SyncCommittee<N>,
    next_sync_committee_branch: Branch<C>,
    finalized_header: H,
    finality_branch: Branch<F>,
    sync_aggregate: SyncAggregate<N>,
    signature_slot: Slot,
}

impl<H: Form, const N: usize, const C: usize, const F: usize> Update<H, N, C, F> {
    fn from_object(object: &LightClientUpdate<N>) -> Option<Self> {
        Some(Self {
            attested_header: H::from_header(&object.attested_header)?,
            next_sync_committee: object.next_sync_committee.clone(),
            next_sync_committee_branch: branch(&object.next_sync_committee_branch)?,
            finalized_header: H::from_header(&object.finalized_header)?,
            finality_branch: branch(&object.finality_branch)?,
            sync_aggregate: object.sync_aggregate.clone(),
            signature_slot: object.signature_slot,
        })
    }

    fn into_object(self) -> LightClientUpdate<N> {
        LightClientUpdate {
            attested_header: self.attested_header.into_header(),
            next_sync_committee: self.next_sync_committee,
            next_sync_committee_branch: normalize(&self.next_sync_committee_branch),
            finalized_header: self.finalized_header.into_header(),
            finality_branch: normalize(&self.finality_branch),
            sync_aggregate: self.sync_aggregate,
            signature_slot: self.signature_slot,
        }
    }
}

/// Finality update, with the parameters of an [`Update`]. It has no committee: `C` is there for the same list of forms.
#[derive(SszDecode, SszEncode)]
struct FinalityUpdate<H: SszDecode + SszEncode, const N: usize, const C: usize, const F: usize> {
    attested_header: H,
    finalized_header: H,
    finality_branch: Branch<F>,
    sync_aggregate: SyncAggregate<N>,
    signature_slot: Slot,
}

impl<H: Form, const N: usize, const C: usize, const F: usize> FinalityUpdate<H, N, C, F> {
    fn from_object(object: &LightClientFinalityUpdate<N>) -> Option<Self> {
        Some(Self {
            attested_header: H::from_header(&object.attested_header)?,
            finalized_header: H::from_header(&object.finalized_header)?,
            finality_branch: branch(&object.finality_branch)?,
            sync_aggregate: object.sync_aggregate.clone(),
            signature_slot: object.signature_slot,
        })
    }

    fn into_object(self) -> LightClientFinalityUpdate<N> {
        LightClientFinalityUpdate {
            attested_header: self.attested_header.into_header(),
            finalized_header: self.finalized_header.into_header(),
            finality_branch: normalize(&self.finality_branch),
            sync_aggregate: self.sync_aggregate,
            signature_slot: self.signature_slot,
        }
    }
}

/// Optimistic update with headers of the form `H`.
#[derive(SszDecode, SszEncode)]
struct OptimisticUpdate<H: SszDecode + SszEncode, const N: usize> {
    attested_header: H,
    sync_aggregate: SyncAggregate<N>,
    signature_slot: Slot,
}

impl<H: Form, const N: usize> OptimisticUpdate<H, N> {
    fn from_object(object: &LightClientOptimisticUpdate<N>) -> Option<Self> {
        Some(Self {
            attested_header: H::from_header(&object.attested_header)?,
            sync_aggregate: object.sync_aggregate.clone(),
            signature_slot: object.signature_slot,
        })
    }

    fn into_object(self) -> LightClientOptimisticUpdate<N> {
        LightClientOptimisticUpdate {
            attested_header: self.attested_header.into_header(),
            sync_aggregate: self.sync_aggregate,
            signature_slot: self.signature_slot,
        }
    }
}

/// Implements the encodings of an object: the container, its parameters after the header's form, and its name. The depths of
/// committee and finalized root are those of the state's tree in the fork.
macro_rules! encodings {
    ($object:ident, $container:ident, $name:literal, [$($altair:tt)*], [$($electra:tt)*], [$($gloas:tt)*]) => {
        impl<const N: usize> $object<N> {
            /// Decodes the object as the container of a fork.
            ///
            /// # Errors
            /// If the bytes are not the encoding of such an object, or the fork has none.
            pub fn from_ssz_bytes(bytes: &[u8], fork: Fork) -> Result<Self, SszError> {
                type Capella = PayloadHeader<CapellaPayloadHeader>;
                type Deneb = PayloadHeader<ExecutionPayloadHeader>;
                let object = match fork {
                    Fork::Phase0 => Err(libssz::DecodeError::InvalidFixedLength { expected: 0, got: bytes.len() }),
                    Fork::Altair | Fork::Bellatrix => {
                        $container::<AltairHeader, N $($altair)*>::from_ssz_bytes(bytes).map($container::into_object)
                    }
                    Fork::Capella => {
                        $container::<Capella, N $($altair)*>::from_ssz_bytes(bytes).map($container::into_object)
                    }
                    Fork::Deneb => {
                        $container::<Deneb, N $($altair)*>::from_ssz_bytes(bytes).map($container::into_object)
                    }
                    Fork::Electra | Fork::Fulu => {
                        $container::<Deneb, N $($electra)*>::from_ssz_bytes(bytes).map($container::into_object)
                    }
                    Fork::Gloas => {
                        $container::<GloasHeader, N $($gloas)*>::from_ssz_bytes(bytes).map($container::into_object)
                    }
                };
                object.map_err(|reason| SszError { object: $name, fork, reason })
            }

            /// Encodes the object as the container of a fork.
            ///
            /// # Errors
            /// If that container can't hold the object: older ones have shorter branches, and Gloas's has no execution
            /// payloads, so that the object has to be upgraded before.
            pub fn to_ssz_bytes(&self, fork: Fork) -> Result<Vec<u8>, EncodeError> {
                type Capella = PayloadHeader<CapellaPayloadHeader>;
                type Deneb = PayloadHeader<ExecutionPayloadHeader>;
                let bytes = match fork {
                    Fork::Phase0 => None,
                    Fork::Altair | Fork::Bellatrix => {
                        $container::<AltairHeader, N $($altair)*>::from_object(self).map(|object| object.to_ssz())
                    }
                    Fork::Capella => {
                        $container::<Capella, N $($altair)*>::from_object(self).map(|object| object.to_ssz())
                    }
                    Fork::Deneb => {
                        $container::<Deneb, N $($altair)*>::from_object(self).map(|object| object.to_ssz())
                    }
                    Fork::Electra | Fork::Fulu => {
                        $container::<Deneb, N $($electra)*>::from_object(self).map(|object| object.to_ssz())
                    }
                    Fork::Gloas => {
                        $container::<GloasHeader, N $($gloas)*>::from_object(self).map(|object| object.to_ssz())
                    }
                };
                bytes.ok_or(EncodeError { object: $name, fork })
            }
        }
    };
}

encodings!(LightClientBootstrap, Bootstrap, "bootstrap", [, 5], [, 6], [, 11]);
encodings!(LightClientUpdate, Update, "update", [, 5, 6], [, 6, 7], [, 11, 9]);
encodings!(LightClientFinalityUpdate, FinalityUpdate, "finality update", [, 5, 6], [, 6, 7], [, 11, 9]);
encodings!(LightClientOptimisticUpdate, OptimisticUpdate, "optimistic update", [], [], []);

/// Store in the form of Gloas. The specification has no encoding of stores.
#[derive(SszDecode, SszEncode)]
struct Store<const N: usize> {
    finalized_header: GloasHeader,
    current_sync_committee: SyncCommittee<N>,
    /// One committee or none.
    next_sync_committee: SszList<SyncCommittee<N>, 1>,
    /// One update or none.
    best_valid_update: SszList<Update<GloasHeader, N, 11, 9>, 1>,
    optimistic_header: GloasHeader,
    previous_max_active_participants: u64,
    current_max_active_participants: u64,
}

/// Makes a list of one item or none.
fn at_most_one<T>(item: Option<T>) -> Option<SszList<T, 1>> {
    SszList::try_from(item.into_iter().collect::<Vec<_>>()).ok()
}

impl<const N: usize> LightClientStore<N> {
    /// Decodes a store that [`Self::to_ssz_bytes`] encoded. Nothing of it is checked: its origin has to be trusted.
    ///
    /// # Errors
    /// If the bytes are not the encoding of a store.
    pub fn from_ssz_bytes(bytes: &[u8]) -> Result<Self, SszError> {
        let error = |reason| SszError { object: "store", fork: Fork::Gloas, reason };
        let store = Store::<N>::from_ssz_bytes(bytes).map_err(error)?;
        let next_sync_committee = store.next_sync_committee.into_inner().pop();
        // A committee of zeros is one that is not known, and would be a second encoding of it.
        if next_sync_committee.as_ref().is_some_and(SyncCommittee::is_empty) {
            return Err(error(libssz::DecodeError::EmptyInput));
        }
        Ok(Self {
            finalized_header: store.finalized_header.into_header(),
            current_sync_committee: store.current_sync_committee,
            next_sync_committee,
            best_valid_update: store
                .best_valid_update
                .into_inner()
                .pop()
                .map(|update| Box::new(update.into_object())),
            optimistic_header: store.optimistic_header.into_header(),
            previous_max_active_participants: store.previous_max_active_participants,
            current_max_active_participants: store.current_max_active_participants,
        })
    }

    /// Encodes a store that was upgraded by [`upgrade_lc_store_to_gloas`].
    ///
    /// # Errors
    /// If a header of the store has another form.
    ///
    /// [`upgrade_lc_store_to_gloas`]: crate::store::upgrade_lc_store_to_gloas
    pub fn to_ssz_bytes(&self) -> Result<Vec<u8>, EncodeError> {
        let store = || {
            let best = match &self.best_valid_update {
                Some(update) => Some(Update::from_object(update)?),
                None => None,
            };
            Some(Store {
                finalized_header: GloasHeader::from_header(&self.finalized_header)?,
                current_sync_committee: self.current_sync_committee.clone(),
                next_sync_committee: at_most_one(self.next_sync_committee.clone())?,
                best_valid_update: at_most_one(best)?,
                optimistic_header: GloasHeader::from_header(&self.optimistic_header)?,
                previous_max_active_participants: self.previous_max_active_participants,
                current_max_active_participants: self.current_max_active_participants,
            })
        };
        let store = store().ok_or(EncodeError { object: "store", fork: Fork::Gloas })?;
        Ok(store.to_ssz())
    }
}
