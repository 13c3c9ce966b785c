//! Reads headers and blocks from a node's JSON.
//!
//! A field that is absent or `null` counts as empty. This is sound because the caller compares the header's hash and
//! the body's roots with the expected ones: a field that is missing wrongly changes them.

use crate::{
    block_access_list::BlockAccessList,
    json::{Object, parse},
};
use alloy_consensus::{
    BlockBody, EMPTY_OMMER_ROOT_HASH, EMPTY_ROOT_HASH, Header, SignableTransaction, TxEip1559, TxEip2930,
    TxEip4844, TxEip7702, TxLegacy,
};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip4895::{Withdrawal, Withdrawals},
    eip7685::EMPTY_REQUESTS_HASH,
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B64, B256, Bytes, Signature, TxKind, U128, U256};
use serde_json::value::RawValue;
use zeno_guest_evm::{Block, Transaction};

/// Names of a header's fields in JSON.
const HEADER_FIELDS: [&str; 26] = [
    "parentHash",
    "sha3Uncles",
    "ommersHash",
    "miner",
    "beneficiary",
    "stateRoot",
    "transactionsRoot",
    "receiptsRoot",
    "logsBloom",
    "difficulty",
    "number",
    "gasLimit",
    "gasUsed",
    "timestamp",
    "extraData",
    "mixHash",
    "prevRandao",
    "nonce",
    "baseFeePerGas",
    "withdrawalsRoot",
    "blobGasUsed",
    "excessBlobGas",
    "parentBeaconBlockRoot",
    "requestsHash",
    "blockAccessListHash",
    "slotNumber",
];
/// Names of the further fields that nodes put beside a header's own.
const OTHER_FIELDS: [&str; 12] = [
    "hash",
    "size",
    "totalDifficulty",
    "transactions",
    "uncles",
    "withdrawals",
    "requests",
    "blockAccessList",
    "author",
    "coinbase",
    "sealFields",
    "transactionCount",
];

/// Limit on the number of unknown fields that are named.
const MAX_UNKNOWN: usize = 8;
/// Limit on the name of an unknown field, in characters, since the node chooses it.
const MAX_NAME: usize = 64;

/// A header that was read from JSON, unchecked.
#[derive(Debug)]
pub(crate) struct ReadHeader {
    pub(crate) header: Header,
    /// The hash in the JSON, if it is well-formed.
    pub(crate) claimed: Option<B256>,
    /// Names of fields that this program doesn't know.
    pub(crate) unknown: Vec<String>,
}

/// Reads a header.
///
/// # Errors
/// A sentence that names the field.
pub(crate) fn read_header(value: &RawValue) -> Result<ReadHeader, String> {
    header_of(&Object::parse(value)?)
}

fn header_of(object: &Object<'_>) -> Result<ReadHeader, String> {
    let mut header = Header {
        parent_hash: object.need(&["parentHash"])?,
        ommers_hash: object.read(&["sha3Uncles", "ommersHash"])?.unwrap_or(EMPTY_OMMER_ROOT_HASH),
        beneficiary: object.or_empty(&["miner", "beneficiary"])?,
        state_root: object.need(&["stateRoot"])?,
        transactions_root: object.read(&["transactionsRoot"])?.unwrap_or(EMPTY_ROOT_HASH),
        receipts_root: object.read(&["receiptsRoot"])?.unwrap_or(EMPTY_ROOT_HASH),
        logs_bloom: object.or_empty(&["logsBloom"])?,
        difficulty: object.or_empty(&["difficulty"])?,
        number: object.number(&["number"])?.unwrap_or_default(),
        gas_limit: object.need_u64(&["gasLimit"])?,
        gas_used: object.number(&["gasUsed"])?.unwrap_or_default(),
        timestamp: object.number(&["timestamp"])?.unwrap_or_default(),
        extra_data: object.or_empty(&["extraData"])?,
        mix_hash: object.or_empty(&["mixHash", "prevRandao"])?,
        // Some nodes write it as a number, without leading zeros.
        nonce: B64::from(object.number(&["nonce"])?.unwrap_or_default().to_be_bytes()),
        base_fee_per_gas: object.number(&["baseFeePerGas"])?,
        withdrawals_root: object.read(&["withdrawalsRoot"])?,
        blob_gas_used: object.number(&["blobGasUsed"])?,
        excess_blob_gas: object.number(&["excessBlobGas"])?,
        parent_beacon_block_root: object.read(&["parentBeaconBlockRoot"])?,
        requests_hash: object.read(&["requestsHash"])?,
        block_access_list_hash: object.read(&["blockAccessListHash"])?,
        slot_number: object.number(&["slotNumber"])?,
    };
    fill_gaps(&mut header);
    let unknown = object
        .names()
        .filter(|name| !HEADER_FIELDS.contains(name) && !OTHER_FIELDS.contains(name))
        .take(MAX_UNKNOWN)
        .map(|name| name.chars().filter(|character| !character.is_control()).take(MAX_NAME).collect())
        .collect();
    Ok(ReadHeader { header, claimed: object.read(&["hash"]).ok().flatten(), unknown })
}

/// Fills absent fields of a header that precede a present one with empty values: a header that has a fork's fields has
/// those of all forks before. The header's hash, which is compared afterwards, decides whether they were empty.
fn fill_gaps(header: &mut Header) {
    if header.slot_number.is_some() {
        // No hash stands for an empty list: every block accesses accounts.
        header.block_access_list_hash.get_or_insert_default();
    }
    if header.block_access_list_hash.is_some() {
        header.requests_hash.get_or_insert(EMPTY_REQUESTS_HASH);
    }
    if header.requests_hash.is_some() {
        header.parent_beacon_block_root.get_or_insert_default();
    }
    if header.parent_beacon_block_root.is_some() {
        header.blob_gas_used.get_or_insert_default();
        header.excess_blob_gas.get_or_insert_default();
    }
    if header.blob_gas_used.or(header.excess_blob_gas).is_some() {
        header.withdrawals_root.get_or_insert(EMPTY_ROOT_HASH);
    }
    if header.withdrawals_root.is_some() {
        header.base_fee_per_gas.get_or_insert_default();
    }
}

/// A block that was read from JSON, unchecked.
#[derive(Debug)]
pub(crate) struct ReadBlock {
    pub(crate) block: Block,
    /// The block access list that the JSON has beside the block, if it can be read. Few nodes give it there.
    pub(crate) access_list: Option<BlockAccessList>,
}

/// Reads a block with its transactions, unchecked.
///
/// The header decides whether there is a list of withdrawals. The list of uncles is empty, since JSON has only their
/// hashes. Typed transactions that leave out their chain id have `chain_id`, which the root of the transactions checks.
///
/// # Errors
/// A sentence that names the field, and the transaction.
pub(crate) fn read_block(value: &RawValue, chain_id: u64) -> Result<ReadBlock, String> {
    let object = Object::parse(value)?;
    let header = header_of(&object)?.header;
    let transactions = object
        .list(&["transactions"], Ok)?
        .into_iter()
        .enumerate()
        .map(|(index, value)| {
            transaction(value, chain_id).map_err(|error| format!("transaction {index}: {error}"))
        })
        .collect::<Result<_, _>>()?;
    let withdrawals = match header.withdrawals_root {
        Some(_) => Some(Withdrawals::new(object.list(&["withdrawals"], withdrawal)?)),
        None => None,
    };
    let access_list = object.get(&["blockAccessList"]).and_then(|list| BlockAccessList::read(list).ok());
    let block = Block { header, body: BlockBody { transactions, ommers: Vec::new(), withdrawals } };
    Ok(ReadBlock { block, access_list })
}

fn withdrawal(value: &RawValue) -> Result<Withdrawal, String> {
    let object = Object::parse(value)?;
    Ok(Withdrawal {
        index: object.number(&["index"])?.unwrap_or_default(),
        validator_index: object.number(&["validatorIndex"])?.unwrap_or_default(),
        address: object.need(&["address"])?,
        amount: object.number(&["amount"])?.unwrap_or_default(),
    })
}

fn transaction(value: &RawValue, chain_id: u64) -> Result<Transaction, String> {
    if value.get().starts_with('"') {
        return Err("it is given by its hash alone".into());
    }
    let object = Object::parse(value)?;
    let nonce = object.number(&["nonce"])?.unwrap_or_default();
    let gas_limit = object.need_u64(&["gas", "gasLimit"])?;
    let (value, input) =
        (object.or_empty::<U256>(&["value"])?, object.or_empty::<Bytes>(&["input", "data"])?);
    let to = recipient(&object)?;
    let chain_id = || Ok::<_, String>(object.number(&["chainId"])?.unwrap_or(chain_id));
    // Only a creation has no recipient, and these types of transactions can't create.
    let callee = || to.ok_or_else(|| "field `to` is missing".to_owned());
    let kind = to.map_or(TxKind::Create, TxKind::Call);
    let gas_price = || object.need_u128(&["gasPrice"]);
    let max_fee_per_gas = || object.need_u128(&["maxFeePerGas"]);
    let max_priority_fee_per_gas =
        || Ok::<_, String>(object.or_empty::<U128>(&["maxPriorityFeePerGas"])?.to());
    let access_list = || access_list(&object);
    Ok(match kind_of(&object)? {
        0 => {
            let (signature, chain_id) = legacy_signature(&object)?;
            let transaction =
                TxLegacy { chain_id, nonce, gas_price: gas_price()?, gas_limit, to: kind, value, input };
            transaction.into_signed(signature).into()
        }
        1 => TxEip2930 {
            chain_id: chain_id()?,
            nonce,
            gas_price: gas_price()?,
            gas_limit,
            to: kind,
            value,
            access_list: access_list()?,
            input,
        }
        .into_signed(typed_signature(&object)?)
        .into(),
        2 => TxEip1559 {
            chain_id: chain_id()?,
            nonce,
            gas_limit,
            max_fee_per_gas: max_fee_per_gas()?,
            max_priority_fee_per_gas: max_priority_fee_per_gas()?,
            to: kind,
            value,
            access_list: access_list()?,
            input,
        }
        .into_signed(typed_signature(&object)?)
        .into(),
        3 => TxEip4844 {
            chain_id: chain_id()?,
            nonce,
            gas_limit,
            max_fee_per_gas: max_fee_per_gas()?,
            max_priority_fee_per_gas: max_priority_fee_per_gas()?,
            to: callee()?,
            value,
            access_list: access_list()?,
            blob_versioned_hashes: object.list(&["blobVersionedHashes"], parse)?,
            max_fee_per_blob_gas: object.need_u128(&["maxFeePerBlobGas"])?,
            input,
        }
        .into_signed(typed_signature(&object)?)
        .into(),
        4 => TxEip7702 {
            chain_id: chain_id()?,
            nonce,
            gas_limit,
            max_fee_per_gas: max_fee_per_gas()?,
            max_priority_fee_per_gas: max_priority_fee_per_gas()?,
            to: callee()?,
            value,
            access_list: access_list()?,
            authorization_list: object.list(&["authorizationList"], authorization)?,
            input,
        }
        .into_signed(typed_signature(&object)?)
        .into(),
        unknown => return Err(format!("field `type` is {unknown:#x}, which this program does not know")),
    })
}

/// The transaction's type (EIP-2718). A few nodes leave it out; then it follows from the other fields.
fn kind_of(object: &Object<'_>) -> Result<u64, String> {
    if let Some(kind) = object.number(&["type"])? {
        return Ok(kind);
    }
    let has = |name| object.get(&[name]).is_some_and(|value| value.get() != "[]");
    Ok(if has("authorizationList") {
        4
    } else if has("maxFeePerBlobGas") || has("blobVersionedHashes") {
        3
    } else if has("maxFeePerGas") {
        2
    } else {
        // A legacy transaction's parity is in `v` alone.
        let typed = object.get(&["accessList"]).and(object.get(&["yParity"])).is_some();
        u64::from(typed || has("accessList"))
    })
}

/// The recipient; `None` for a creation.
fn recipient(object: &Object<'_>) -> Result<Option<Address>, String> {
    match object.get(&["to"]).map(RawValue::get) {
        Some(r#""""# | r#""0x""#) => Ok(None),
        _ => object.read(&["to"]),
    }
}

/// The access list (EIP-2930) in the field `accessList`.
///
/// # Errors
/// A sentence that names the field.
pub(crate) fn access_list(object: &Object<'_>) -> Result<AccessList, String> {
    let items = object.list(&["accessList"], |item| {
        let item = Object::parse(item)?;
        let storage_keys = item.list(&["storageKeys"], |key| parse::<U256>(key).map(B256::from))?;
        Ok(AccessListItem { address: item.need(&["address"])?, storage_keys })
    })?;
    Ok(AccessList(items))
}

fn authorization(value: &RawValue) -> Result<SignedAuthorization, String> {
    let object = Object::parse(value)?;
    let authorization = Authorization {
        chain_id: object.or_empty(&["chainId"])?,
        address: object.need(&["address"])?,
        nonce: object.number(&["nonce"])?.unwrap_or_default(),
    };
    let parity = object.need_u64(&["yParity", "v"])?;
    // Any byte is a valid encoding here (EIP-7702).
    let parity = u8::try_from(parity).map_err(|_| format!("field `yParity` is {parity}"))?;
    Ok(SignedAuthorization::new_unchecked(authorization, parity, object.need(&["r"])?, object.need(&["s"])?))
}

/// The signature of a typed transaction, with the parity from `yParity` or else from `v`.
fn typed_signature(object: &Object<'_>) -> Result<Signature, String> {
    let parity = match object.get(&["yParity"]) {
        Some(_) => object.need_u128(&["yParity"])?,
        None => object.need_u128(&["v"])?,
    };
    let odd = match parity {
        0 | 27 => false,
        1 | 28 => true,
        _ => return Err(format!("field `v` is {parity}, which is no parity")),
    };
    Ok(Signature::new(object.need(&["r"])?, object.need(&["s"])?, odd))
}

/// The signature of a legacy transaction, and its chain id if it is bound to one (EIP-155).
fn legacy_signature(object: &Object<'_>) -> Result<(Signature, Option<u64>), String> {
    let v = match object.read::<U128>(&["v"])? {
        Some(v) => v.to::<u128>(),
        None => object.need_u128(&["yParity"]).map_err(|_| "field `v` is missing".to_owned())?,
    };
    let (odd, chain_id) = match v {
        // Some nodes give the bare parity.
        0 | 1 => (v == 1, object.number(&["chainId"])?),
        27 | 28 => (v == 28, None),
        35.. => {
            let chain_id = u64::try_from((v - 35) / 2).map_err(|_| format!("field `v` is {v}"))?;
            ((v - 35) % 2 == 1, Some(chain_id))
        }
        _ => return Err(format!("field `v` is {v}, which is no parity")),
    };
    Ok((Signature::new(object.need(&["r"])?, object.need(&["s"])?, odd), chain_id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_eips::eip2718::Encodable2718;
    use serde_json::{Value, json};

    fn raw(value: &Value) -> Box<RawValue> {
        serde_json::value::to_raw_value(value).unwrap()
    }

    /// A transaction of each type, and alloy's JSON of it.
    fn transactions() -> Vec<(Transaction, Value)> {
        let signature = Signature::new(U256::from(5), U256::from(6), true);
        let address = Address::repeat_byte(7);
        let authorization = Authorization { chain_id: U256::ZERO, address, nonce: 0 };
        let list: Vec<Transaction> = vec![
            TxLegacy { nonce: 1, gas_limit: 2, ..Default::default() }.into_signed(signature).into(),
            TxLegacy { chain_id: Some(1), to: address.into(), ..Default::default() }
                .into_signed(signature)
                .into(),
            TxEip2930 { chain_id: 1, nonce: 3, ..Default::default() }.into_signed(signature).into(),
            TxEip1559 { chain_id: 1, max_fee_per_gas: 9, ..Default::default() }.into_signed(signature).into(),
            TxEip4844 { chain_id: 1, to: address, max_fee_per_blob_gas: 4, ..Default::default() }
                .into_signed(signature)
                .into(),
            TxEip7702 {
                chain_id: 1,
                to: address,
                authorization_list: vec![SignedAuthorization::new_unchecked(
                    authorization,
                    1,
                    U256::from(8),
                    U256::from(9),
                )],
                ..Default::default()
            }
            .into_signed(signature)
            .into(),
        ];
        list.into_iter()
            .map(|transaction| {
                let json = serde_json::to_value(&transaction).unwrap();
                (transaction, json)
            })
            .collect()
    }

    #[test]
    fn transactions_are_read_without_optional_fields() {
        for (expected, json) in transactions() {
            let same = |json: &Value| {
                let read = transaction(&raw(json), 1).unwrap_or_else(|error| panic!("{error}: {json}"));
                assert_eq!(read.encoded_2718(), expected.encoded_2718(), "{json}");
            };
            same(&json);
            for field in
                ["accessList", "blobVersionedHashes", "value", "input", "to", "maxPriorityFeePerGas", "hash"]
            {
                let value = &json[field];
                let empty =
                    [json!([]), json!("0x"), json!("0x0"), Value::Null].contains(value) || field == "hash";
                if !empty {
                    continue;
                }
                let mut altered = json.clone();
                altered[field] = Value::Null;
                same(&altered);
                altered.as_object_mut().unwrap().remove(field);
                same(&altered);
            }
            // Both names of the parity are accepted.
            if json["type"] != json!("0x0") {
                let mut altered = json.clone();
                altered.as_object_mut().unwrap().remove("chainId");
                same(&altered);
                let mut altered = json.clone();
                altered["v"] = Value::Null;
                same(&altered);
                let mut altered = json.clone();
                altered["v"] = json["yParity"].clone();
                altered["yParity"] = Value::Null;
                same(&altered);
                let mut altered = json.clone();
                altered.as_object_mut().unwrap().remove("type");
                if altered["blobVersionedHashes"] != json!([]) || altered.get("maxFeePerBlobGas").is_some() {
                    same(&altered);
                }
            }
        }
    }

    #[test]
    fn unreadable_fields_are_named() {
        for (_, json) in transactions() {
            for field in ["gas", "r", "s", "nonce"] {
                let mut altered = json.clone();
                altered[field] = Value::Null;
                if field != "nonce" {
                    assert_eq!(
                        transaction(&raw(&altered), 1).unwrap_err(),
                        format!("field `{field}` is missing")
                    );
                }
                altered[field] = json!("zz");
                let error = transaction(&raw(&altered), 1).unwrap_err();
                assert!(error.starts_with(&format!("field `{field}`: ")), "{error}");
            }
            let mut altered = json.clone();
            altered["type"] = json!("0x7e");
            assert_eq!(
                transaction(&raw(&altered), 1).unwrap_err(),
                "field `type` is 0x7e, which this program does not know"
            );
        }
        let error = transaction(&raw(&json!(B256::ZERO)), 1).unwrap_err();
        assert_eq!(error, "it is given by its hash alone");
    }

    #[test]
    fn headers_are_read_without_optional_fields() {
        let prague = Header {
            parent_hash: B256::repeat_byte(1),
            base_fee_per_gas: Some(7),
            withdrawals_root: Some(EMPTY_ROOT_HASH),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::ZERO),
            requests_hash: Some(B256::repeat_byte(2)),
            ..Header::default()
        };
        let amsterdam = Header {
            requests_hash: Some(EMPTY_REQUESTS_HASH),
            block_access_list_hash: Some(B256::repeat_byte(3)),
            slot_number: Some(0x1234),
            ..prague.clone()
        };
        for (header, more) in [(prague, None), (amsterdam, Some("requestsHash"))] {
            is_read_without_optional_fields(&header, more);
        }
        // A slot number alone is no header of any fork, and no absent field is made up but those before it.
        let json = json!({ "parentHash": B256::ZERO, "stateRoot": B256::ZERO, "gasLimit": "0x1", "slotNumber": "0x0" });
        let header = read_header(&raw(&json)).unwrap().header;
        assert_eq!((header.slot_number, header.block_access_list_hash), (Some(0), Some(B256::ZERO)));
        assert_eq!(header.requests_hash, Some(EMPTY_REQUESTS_HASH));
        let json = json!({ "parentHash": B256::ZERO, "stateRoot": B256::ZERO, "gasLimit": "0x1" });
        assert_eq!(read_header(&raw(&json)).unwrap().header.base_fee_per_gas, None);
    }

    /// `more` is a further field that is optional in this header.
    fn is_read_without_optional_fields(header: &Header, more: Option<&str>) {
        let header = header.clone();
        let mut json = serde_json::to_value(&header).unwrap();
        json["hash"] = json!(header.hash_slow());
        assert_eq!(read_header(&raw(&json)).unwrap().header, header);
        let fields = [
            "sha3Uncles",
            "miner",
            "difficulty",
            "logsBloom",
            "extraData",
            "mixHash",
            "nonce",
            "gasUsed",
            "number",
            "withdrawalsRoot",
            "blobGasUsed",
            "excessBlobGas",
            "parentBeaconBlockRoot",
        ];
        for field in fields.into_iter().chain(more) {
            let mut altered = json.clone();
            altered[field] = Value::Null;
            assert_eq!(read_header(&raw(&altered)).unwrap().header, header, "{field}");
            altered.as_object_mut().unwrap().remove(field);
            assert_eq!(read_header(&raw(&altered)).unwrap().header, header, "{field}");
        }
        for nonce in [json!("0x0"), json!("0x00"), json!("0x0000000000000000")] {
            let mut altered = json.clone();
            altered["nonce"] = nonce;
            assert_eq!(read_header(&raw(&altered)).unwrap().header, header);
        }
        json["fancyRoot"] = json!(B256::ZERO);
        assert_eq!(read_header(&raw(&json)).unwrap().unknown, ["fancyRoot"]);
    }

    #[test]
    fn the_header_decides_whether_there_are_withdrawals() {
        let header = Header { withdrawals_root: Some(EMPTY_ROOT_HASH), ..Header::default() };
        let paris = Header { withdrawals_root: None, ..header.clone() };
        for list in [Value::Null, json!([])] {
            for (header, expected) in [(&header, Some(Withdrawals::default())), (&paris, None)] {
                let mut json = serde_json::to_value(header).unwrap();
                json["withdrawals"] = list.clone();
                assert_eq!(read_block(&raw(&json), 1).unwrap().block.body.withdrawals, expected);
            }
        }
    }
    /// The list beside a block is a hint, so one that can't be read is none.
    #[test]
    fn a_block_may_come_with_its_access_list() {
        let header = Header { slot_number: Some(1), ..Header::default() };
        for (list, is_read) in
            [(json!("0xc0"), true), (json!([]), true), (json!("0x"), false), (json!(7), false)]
        {
            let mut json = serde_json::to_value(&header).unwrap();
            json["blockAccessList"] = list.clone();
            assert_eq!(read_block(&raw(&json), 1).unwrap().access_list.is_some(), is_read, "{list}");
            assert!(read_header(&raw(&json)).unwrap().unknown.is_empty());
        }
    }
}
