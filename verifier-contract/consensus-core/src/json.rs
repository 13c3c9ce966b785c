//! Objects in the JSON of the beacon API: numbers are decimal strings, bytes are hex with the prefix `0x`.

use crate::{
    containers::{
        LightClientBootstrap, LightClientFinalityUpdate, LightClientOptimisticUpdate, LightClientUpdate,
    },
    fork::Fork,
    header::{BLOCK_HASH_DEPTH, Execution, LightClientHeader, PAYLOAD_DEPTH},
    merkle::{normalize, unpad},
    types::{BeaconBlockHeader, ExecutionPayloadHeader, Root, SyncAggregate, SyncCommittee},
};
use alloc::{
    borrow::ToOwned as _,
    boxed::Box,
    string::{String, ToString as _},
    vec::Vec,
};
use core::fmt;
use libssz::SszDecode as _;
use libssz_types::{SszBitvector, SszList, SszVector};
use ruint::aliases::U256;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, Error as _},
};
use thiserror::Error;

/// Reason why JSON is no object.
#[derive(Debug, Error)]
pub enum JsonError {
    /// It is no JSON, or has not the shape of the object.
    #[error("the {object} can't be read: {error}")]
    Shape {
        /// Kind of the object.
        object: &'static str,
        /// Fault of the text.
        error: serde_json::Error,
    },
    /// Its version is the name of no fork that has light clients.
    #[error(
        "the {object} has the version {version:?}, which is no fork that is known here to have light clients"
    )]
    Version {
        /// Kind of the object.
        object: &'static str,
        /// Name that it has.
        version: String,
    },
    /// A field is absent that its fork has.
    #[error("a header has no {field}, but must have one in {}", .fork.name())]
    Missing {
        /// Name of the field.
        field: &'static str,
        /// Fork of the object.
        fork: Fork,
    },
    /// A list or bytes have another length than the fork's.
    #[error("{field} has {actual} items or bytes, but must have {expected}")]
    Length {
        /// Name of the field.
        field: &'static str,
        /// Length that it has.
        actual: usize,
        /// Length by fork and preset.
        expected: usize,
    },
    /// The object is of another fork than its version: its headers or branches have another form.
    #[error("the {object} has no form of {}", .fork.name())]
    Form {
        /// Kind of the object.
        object: &'static str,
        /// Fork whose form was asked for.
        fork: Fork,
    },
}

/// Object that the beacon API has.
pub trait JsonObject: Sized {
    /// Kind of the object, for messages.
    const NAME: &'static str;
    /// Shape in JSON.
    #[doc(hidden)]
    type Shape: DeserializeOwned + Serialize;
    /// Makes the object of a shape.
    #[doc(hidden)]
    fn from_shape(shape: Self::Shape, fork: Fork) -> Result<Self, JsonError>;
    /// Makes the shape of an object, if it has that of the fork.
    #[doc(hidden)]
    fn to_shape(&self, fork: Fork) -> Option<Self::Shape>;
}

/// Object with the name of its fork.
#[derive(Deserialize, Serialize)]
struct Versioned<T> {
    version: String,
    data: T,
}

/// Decodes a response of the beacon API: `{"version": "electra", "data": {…}}`. Other fields are ignored.
///
/// # Errors
/// If the text is not such an object.
pub fn decode<T: JsonObject>(text: &str) -> Result<(Fork, T), JsonError> {
    object(parse(T::NAME, text)?)
}

/// Decodes a list of objects: a response of `light_client/updates`.
///
/// # Errors
/// If the text is not a list of such objects.
pub fn decode_list<T: JsonObject>(text: &str) -> Result<Vec<(Fork, T)>, JsonError> {
    parse::<Vec<Versioned<T::Shape>>>(T::NAME, text)?.into_iter().map(object).collect()
}

/// Encodes an object as a response of the beacon API.
///
/// # Errors
/// If the object has not the form of the fork.
pub fn encode<T: JsonObject>(object: &T, fork: Fork) -> Result<String, JsonError> {
    let data = object.to_shape(fork).ok_or(JsonError::Form { object: T::NAME, fork })?;
    let versioned = Versioned { version: fork.name().to_owned(), data };
    serde_json::to_string(&versioned).map_err(|error| JsonError::Shape { object: T::NAME, error })
}

/// Reads a shape.
fn parse<T: DeserializeOwned>(object: &'static str, text: &str) -> Result<T, JsonError> {
    serde_json::from_str(text).map_err(|error| JsonError::Shape { object, error })
}

/// Makes the object of what was read.
fn object<T: JsonObject>(versioned: Versioned<T::Shape>) -> Result<(Fork, T), JsonError> {
    let Versioned { version, data } = versioned;
    let fork = Fork::by_name(&version.to_ascii_lowercase()).filter(|fork| *fork != Fork::Phase0);
    let fork = fork.ok_or(JsonError::Version { object: T::NAME, version })?;
    Ok((fork, T::from_shape(data, fork)?))
}

/// Bytes in hex.
#[derive(Clone, Copy)]
struct Hex<const L: usize>([u8; L]);

impl<const L: usize> Serialize for Hex<L> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&const_hex::encode_prefixed(self.0))
    }
}

impl<'de, const L: usize> Deserialize<'de> for Hex<L> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = HexBytes::deserialize(deserializer)?.0;
        let actual = bytes.len();
        let bytes = bytes.try_into();
        bytes.map(Self).map_err(|_| D::Error::custom(format_args!("{actual} bytes, but must be {L}")))
    }
}

/// Bytes of any length in hex.
struct HexBytes(Vec<u8>);

impl Serialize for HexBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&const_hex::encode_prefixed(&self.0))
    }
}

impl<'de> Deserialize<'de> for HexBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits =
            text.strip_prefix("0x").ok_or_else(|| D::Error::custom("bytes without the prefix 0x"))?;
        const_hex::decode(digits).map(Self).map_err(|error| D::Error::custom(format_args!("bytes: {error}")))
    }
}

/// Number as a decimal string. Numbers that are no strings are read, too.
#[derive(Clone, Copy)]
struct Quoted<T>(T);

impl<T: fmt::Display> Serialize for Quoted<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, T: Decimal> Deserialize<'de> for Quoted<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Text(String),
            Number(u64),
        }
        let text = match Either::deserialize(deserializer)? {
            Either::Text(text) => text,
            Either::Number(number) => number.to_string(),
        };
        let is_decimal = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
        let number = if is_decimal { T::from_decimal(&text) } else { None };
        number.map(Self).ok_or_else(|| D::Error::custom(format_args!("{text:?} is no number of this size")))
    }
}

/// Unsigned number that is read from decimal digits.
trait Decimal: Sized {
    /// Reads digits. `None` if the number is too large.
    fn from_decimal(digits: &str) -> Option<Self>;
}

impl Decimal for u64 {
    fn from_decimal(digits: &str) -> Option<Self> {
        digits.parse().ok()
    }
}

impl Decimal for U256 {
    fn from_decimal(digits: &str) -> Option<Self> {
        Self::from_str_radix(digits, 10).ok()
    }
}

/// Shape of a beacon block's header.
#[derive(Deserialize, Serialize)]
struct BeaconShape {
    slot: Quoted<u64>,
    proposer_index: Quoted<u64>,
    parent_root: Hex<32>,
    state_root: Hex<32>,
    body_root: Hex<32>,
}

/// Shape of an execution payload's header.
#[derive(Deserialize, Serialize)]
struct PayloadShape {
    parent_hash: Hex<32>,
    fee_recipient: Hex<20>,
    state_root: Hex<32>,
    receipts_root: Hex<32>,
    logs_bloom: Hex<256>,
    prev_randao: Hex<32>,
    block_number: Quoted<u64>,
    gas_limit: Quoted<u64>,
    gas_used: Quoted<u64>,
    timestamp: Quoted<u64>,
    extra_data: HexBytes,
    base_fee_per_gas: Quoted<U256>,
    block_hash: Hex<32>,
    transactions_root: Hex<32>,
    withdrawals_root: Hex<32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blob_gas_used: Option<Quoted<u64>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    excess_blob_gas: Option<Quoted<u64>>,
}

/// Shape of a header in any fork.
#[derive(Deserialize, Serialize)]
#[doc(hidden)]
pub struct HeaderShape {
    beacon: BeaconShape,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    execution: Option<PayloadShape>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    execution_block_hash: Option<Hex<32>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    execution_branch: Option<Vec<Hex<32>>>,
}

/// Shape of a sync committee.
#[derive(Deserialize, Serialize)]
struct CommitteeShape {
    pubkeys: Vec<Hex<48>>,
    aggregate_pubkey: Hex<48>,
}

/// Shape of a signature.
#[derive(Deserialize, Serialize)]
struct AggregateShape {
    sync_committee_bits: HexBytes,
    sync_committee_signature: Hex<96>,
}

/// Shape of a bootstrap.
#[derive(Deserialize, Serialize)]
#[doc(hidden)]
pub struct BootstrapShape {
    header: HeaderShape,
    current_sync_committee: CommitteeShape,
    current_sync_committee_branch: Vec<Hex<32>>,
}

/// Shape of an update.
#[derive(Deserialize, Serialize)]
#[doc(hidden)]
pub struct UpdateShape {
    attested_header: HeaderShape,
    next_sync_committee: CommitteeShape,
    next_sync_committee_branch: Vec<Hex<32>>,
    finalized_header: HeaderShape,
    finality_branch: Vec<Hex<32>>,
    sync_aggregate: AggregateShape,
    signature_slot: Quoted<u64>,
}

/// Shape of a finality update.
#[derive(Deserialize, Serialize)]
#[doc(hidden)]
pub struct FinalityUpdateShape {
    attested_header: HeaderShape,
    finalized_header: HeaderShape,
    finality_branch: Vec<Hex<32>>,
    sync_aggregate: AggregateShape,
    signature_slot: Quoted<u64>,
}

/// Shape of an optimistic update.
#[derive(Deserialize, Serialize)]
#[doc(hidden)]
pub struct OptimisticUpdateShape {
    attested_header: HeaderShape,
    sync_aggregate: AggregateShape,
    signature_slot: Quoted<u64>,
}

/// Returns the lengths of branches of a fork: of a sync committee, and of the finalized root.
const fn branch_lengths(fork: Fork) -> (usize, usize) {
    match fork {
        Fork::Gloas => (11, 9),
        Fork::Electra | Fork::Fulu => (6, 7),
        Fork::Phase0 | Fork::Altair | Fork::Bellatrix | Fork::Capella | Fork::Deneb => (5, 6),
    }
}

/// Reads a branch that has `expected` nodes.
fn read_branch<const L: usize>(
    nodes: Vec<Hex<32>>,
    field: &'static str,
    expected: usize,
) -> Result<[Root; L], JsonError> {
    let actual = nodes.len();
    if actual != expected {
        return Err(JsonError::Length { field, actual, expected });
    }
    Ok(normalize(&nodes.into_iter().map(|node| node.0).collect::<Vec<_>>()))
}

/// Writes a branch of `length` nodes, if those before are zeros.
fn write_branch(branch: &[Root], length: usize) -> Option<Vec<Hex<32>>> {
    Some(unpad(branch, length)?.iter().map(|node| Hex(*node)).collect())
}

impl HeaderShape {
    fn read(self, fork: Fork) -> Result<LightClientHeader, JsonError> {
        let missing = |field| JsonError::Missing { field, fork };
        let beacon = BeaconBlockHeader {
            slot: self.beacon.slot.0,
            proposer_index: self.beacon.proposer_index.0,
            parent_root: self.beacon.parent_root.0,
            state_root: self.beacon.state_root.0,
            body_root: self.beacon.body_root.0,
        };
        if fork < Fork::Capella {
            return Ok(LightClientHeader { beacon, execution: Execution::Absent });
        }
        let branch = self.execution_branch.ok_or(missing("execution_branch"))?;
        let execution = if fork == Fork::Gloas {
            let hash = self.execution_block_hash.ok_or(missing("execution_block_hash"))?.0;
            let branch = read_branch(branch, "execution_branch", BLOCK_HASH_DEPTH)?;
            Execution::BlockHash { hash, branch }
        } else {
            let header = Box::new(self.execution.ok_or(missing("execution"))?.read(fork)?);
            Execution::Payload { header, branch: read_branch(branch, "execution_branch", PAYLOAD_DEPTH)? }
        };
        Ok(LightClientHeader { beacon, execution })
    }

    fn write(header: &LightClientHeader, fork: Fork) -> Option<Self> {
        let beacon = &header.beacon;
        let beacon = BeaconShape {
            slot: Quoted(beacon.slot),
            proposer_index: Quoted(beacon.proposer_index),
            parent_root: Hex(beacon.parent_root),
            state_root: Hex(beacon.state_root),
            body_root: Hex(beacon.body_root),
        };
        let mut shape = Self { beacon, execution: None, execution_block_hash: None, execution_branch: None };
        match &header.execution {
            Execution::Absent if fork < Fork::Capella => {}
            Execution::Payload { header, branch } if fork >= Fork::Capella && fork < Fork::Gloas => {
                shape.execution = Some(PayloadShape::write(header, fork)?);
                shape.execution_branch = write_branch(branch, PAYLOAD_DEPTH);
            }
            Execution::BlockHash { hash, branch } if fork == Fork::Gloas => {
                shape.execution_block_hash = Some(Hex(*hash));
                shape.execution_branch = write_branch(branch, BLOCK_HASH_DEPTH);
            }
            _ => return None,
        }
        Some(shape)
    }
}

impl PayloadShape {
    fn read(self, fork: Fork) -> Result<ExecutionPayloadHeader, JsonError> {
        let blobs = |value: Option<Quoted<u64>>, field| match value {
            _ if fork == Fork::Capella => Ok(0),
            Some(value) => Ok(value.0),
            None => Err(JsonError::Missing { field, fork }),
        };
        let actual = self.extra_data.0.len();
        let extra_data = SszList::try_from(self.extra_data.0);
        Ok(ExecutionPayloadHeader {
            parent_hash: self.parent_hash.0,
            fee_recipient: self.fee_recipient.0,
            state_root: self.state_root.0,
            receipts_root: self.receipts_root.0,
            logs_bloom: self.logs_bloom.0,
            prev_randao: self.prev_randao.0,
            block_number: self.block_number.0,
            gas_limit: self.gas_limit.0,
            gas_used: self.gas_used.0,
            timestamp: self.timestamp.0,
            extra_data: extra_data.map_err(|_| JsonError::Length {
                field: "extra_data",
                actual,
                expected: 32,
            })?,
            base_fee_per_gas: self.base_fee_per_gas.0.to_le_bytes(),
            block_hash: self.block_hash.0,
            transactions_root: self.transactions_root.0,
            withdrawals_root: self.withdrawals_root.0,
            blob_gas_used: blobs(self.blob_gas_used, "blob_gas_used")?,
            excess_blob_gas: blobs(self.excess_blob_gas, "excess_blob_gas")?,
        })
    }

    fn write(header: &ExecutionPayloadHeader, fork: Fork) -> Option<Self> {
        let is_capella = fork == Fork::Capella;
        if is_capella && (header.blob_gas_used != 0 || header.excess_blob_gas != 0) {
            return None;
        }
        Some(Self {
            parent_hash: Hex(header.parent_hash),
            fee_recipient: Hex(header.fee_recipient),
            state_root: Hex(header.state_root),
            receipts_root: Hex(header.receipts_root),
            logs_bloom: Hex(header.logs_bloom),
            prev_randao: Hex(header.prev_randao),
            block_number: Quoted(header.block_number),
            gas_limit: Quoted(header.gas_limit),
            gas_used: Quoted(header.gas_used),
            timestamp: Quoted(header.timestamp),
            extra_data: HexBytes(header.extra_data.to_vec()),
            base_fee_per_gas: Quoted(U256::from_le_bytes(header.base_fee_per_gas)),
            block_hash: Hex(header.block_hash),
            transactions_root: Hex(header.transactions_root),
            withdrawals_root: Hex(header.withdrawals_root),
            blob_gas_used: (!is_capella).then_some(Quoted(header.blob_gas_used)),
            excess_blob_gas: (!is_capella).then_some(Quoted(header.excess_blob_gas)),
        })
    }
}

impl CommitteeShape {
    fn read<const N: usize>(self) -> Result<SyncCommittee<N>, JsonError> {
        let actual = self.pubkeys.len();
        let pubkeys = SszVector::try_from(self.pubkeys.into_iter().map(|key| key.0).collect::<Vec<_>>());
        Ok(SyncCommittee {
            pubkeys: pubkeys.map_err(|_| JsonError::Length { field: "pubkeys", actual, expected: N })?,
            aggregate_pubkey: self.aggregate_pubkey.0,
        })
    }

    fn write<const N: usize>(committee: &SyncCommittee<N>) -> Self {
        Self {
            pubkeys: committee.pubkeys.iter().map(|key| Hex(*key)).collect(),
            aggregate_pubkey: Hex(committee.aggregate_pubkey),
        }
    }
}

impl AggregateShape {
    fn read<const N: usize>(self) -> Result<SyncAggregate<N>, JsonError> {
        let actual = self.sync_committee_bits.0.len();
        let bits = SszBitvector::from_ssz_bytes(&self.sync_committee_bits.0);
        let length = JsonError::Length { field: "sync_committee_bits", actual, expected: N.div_ceil(8) };
        Ok(SyncAggregate {
            sync_committee_bits: bits.map_err(|_| length)?,
            sync_committee_signature: self.sync_committee_signature.0,
        })
    }

    fn write<const N: usize>(aggregate: &SyncAggregate<N>) -> Self {
        Self {
            sync_committee_bits: HexBytes(aggregate.sync_committee_bits.as_bytes().to_vec()),
            sync_committee_signature: Hex(aggregate.sync_committee_signature),
        }
    }
}

impl<const N: usize> JsonObject for LightClientBootstrap<N> {
    const NAME: &'static str = "bootstrap";
    type Shape = BootstrapShape;

    fn from_shape(shape: Self::Shape, fork: Fork) -> Result<Self, JsonError> {
        let branch = shape.current_sync_committee_branch;
        Ok(Self {
            header: shape.header.read(fork)?,
            current_sync_committee: shape.current_sync_committee.read()?,
            current_sync_committee_branch: read_branch(
                branch,
                "current_sync_committee_branch",
                branch_lengths(fork).0,
            )?,
        })
    }

    fn to_shape(&self, fork: Fork) -> Option<Self::Shape> {
        Some(BootstrapShape {
            header: HeaderShape::write(&self.header, fork)?,
            current_sync_committee: CommitteeShape::write(&self.current_sync_committee),
            current_sync_committee_branch: write_branch(
                &self.current_sync_committee_branch,
                branch_lengths(fork).0,
            )?,
        })
    }
}

impl<const N: usize> JsonObject for LightClientUpdate<N> {
    const NAME: &'static str = "update";
    type Shape = UpdateShape;

    fn from_shape(shape: Self::Shape, fork: Fork) -> Result<Self, JsonError> {
        let (committee, finality) = branch_lengths(fork);
        let next = shape.next_sync_committee_branch;
        Ok(Self {
            attested_header: shape.attested_header.read(fork)?,
            next_sync_committee: shape.next_sync_committee.read()?,
            next_sync_committee_branch: read_branch(next, "next_sync_committee_branch", committee)?,
            finalized_header: shape.finalized_header.read(fork)?,
            finality_branch: read_branch(shape.finality_branch, "finality_branch", finality)?,
            sync_aggregate: shape.sync_aggregate.read()?,
            signature_slot: shape.signature_slot.0,
        })
    }

    fn to_shape(&self, fork: Fork) -> Option<Self::Shape> {
        let (committee, finality) = branch_lengths(fork);
        Some(UpdateShape {
            attested_header: HeaderShape::write(&self.attested_header, fork)?,
            next_sync_committee: CommitteeShape::write(&self.next_sync_committee),
            next_sync_committee_branch: write_branch(&self.next_sync_committee_branch, committee)?,
            finalized_header: HeaderShape::write(&self.finalized_header, fork)?,
            finality_branch: write_branch(&self.finality_branch, finality)?,
            sync_aggregate: AggregateShape::write(&self.sync_aggregate),
            signature_slot: Quoted(self.signature_slot),
        })
    }
}

impl<const N: usize> JsonObject for LightClientFinalityUpdate<N> {
    const NAME: &'static str = "finality update";
    type Shape = FinalityUpdateShape;

    fn from_shape(shape: Self::Shape, fork: Fork) -> Result<Self, JsonError> {
        let finality = branch_lengths(fork).1;
        Ok(Self {
            attested_header: shape.attested_header.read(fork)?,
            finalized_header: shape.finalized_header.read(fork)?,
            finality_branch: read_branch(shape.finality_branch, "finality_branch", finality)?,
            sync_aggregate: shape.sync_aggregate.read()?,
            signature_slot: shape.signature_slot.0,
        })
    }

    fn to_shape(&self, fork: Fork) -> Option<Self::Shape> {
        Some(FinalityUpdateShape {
            attested_header: HeaderShape::write(&self.attested_header, fork)?,
            finalized_header: HeaderShape::write(&self.finalized_header, fork)?,
            finality_branch: write_branch(&self.finality_branch, branch_lengths(fork).1)?,
            sync_aggregate: AggregateShape::write(&self.sync_aggregate),
            signature_slot: Quoted(self.signature_slot),
        })
    }
}

impl<const N: usize> JsonObject for LightClientOptimisticUpdate<N> {
    const NAME: &'static str = "optimistic update";
    type Shape = OptimisticUpdateShape;

    fn from_shape(shape: Self::Shape, fork: Fork) -> Result<Self, JsonError> {
        Ok(Self {
            attested_header: shape.attested_header.read(fork)?,
            sync_aggregate: shape.sync_aggregate.read()?,
            signature_slot: shape.signature_slot.0,
        })
    }

    fn to_shape(&self, fork: Fork) -> Option<Self::Shape> {
        Some(OptimisticUpdateShape {
            attested_header: HeaderShape::write(&self.attested_header, fork)?,
            sync_aggregate: AggregateShape::write(&self.sync_aggregate),
            signature_slot: Quoted(self.signature_slot),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimal() {
        let read = |text: &str| serde_json::from_str::<Quoted<u64>>(text).ok().map(|number| number.0);
        assert_eq!(read("\"18446744073709551615\""), Some(u64::MAX));
        assert_eq!(read("7"), Some(7));
        for wrong in ["\"18446744073709551616\"", "\"+1\"", "\"0x1\"", "\"\"", "\"-1\"", "-1", "null", "1.5"]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(serde_json::to_string(&Quoted(7_u64)).unwrap(), "\"7\"");
    }

    #[test]
    fn bytes_have_their_length_and_prefix() {
        let read = |text: &str| serde_json::from_str::<Hex<2>>(text).ok().map(|bytes| bytes.0);
        assert_eq!(read("\"0x01fF\""), Some([1, 255]));
        for wrong in ["\"01ff\"", "\"0x01\"", "\"0x01ff00\"", "\"0x01f\"", "\"0x01fg\"", "\"0x0x01\"", "1"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn versions_are_names_of_forks() {
        for version in ["heze", "phase0", ""] {
            let shape = Versioned {
                version: version.to_owned(),
                data: LightClientOptimisticUpdate::<32>::shape_of_zeros(),
            };
            let error = object::<LightClientOptimisticUpdate<32>>(shape).unwrap_err();
            assert!(matches!(error, JsonError::Version { .. }), "{error}");
        }
    }

    impl LightClientOptimisticUpdate<32> {
        fn shape_of_zeros() -> OptimisticUpdateShape {
            let update = Self {
                attested_header: LightClientHeader::default(),
                sync_aggregate: SyncAggregate::default(),
                signature_slot: 0,
            };
            update.to_shape(Fork::Altair).unwrap()
        }
    }
}
