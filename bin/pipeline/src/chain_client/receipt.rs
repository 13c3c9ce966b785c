//! Receipts of transactions, and their events.

use super::{quantity::Quantity, transaction::Draft};
use alloy_primitives::{Address, B256, Bytes, U64};
use serde::{Deserialize, Deserializer};

/// Receipt of a transaction. Clients leave out different parts.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Receipt {
    pub(super) transaction_hash: B256,
    from: Option<Address>,
    to: Option<Address>,
    /// Absent before Byzantium, when receipts had a state root instead.
    status: Option<Quantity<U64>>,
    /// Absent, as the hash is, while the transaction is in no block.
    block_number: Option<Quantity<U64>>,
    block_hash: Option<B256>,
    pub(super) gas_used: Option<Quantity<U64>>,
    contract_address: Option<Address>,
    #[serde(default, deserialize_with = "or_empty")]
    pub(crate) logs: Vec<LogEntry>,
}

/// Reads a list, or `null` for an empty one.
fn or_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<LogEntry>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl Receipt {
    /// Number and hash of the transaction's block, if it is in one.
    pub(super) fn block(&self) -> Option<(u64, B256)> {
        Some((self.block_number?.0.to(), self.block_hash?))
    }

    /// Returns whether the receipt says that the transaction failed.
    pub(super) fn is_failure(&self) -> bool {
        self.status.is_some_and(|status| status.0.is_zero())
    }

    /// Returns a contradiction between the receipt and the transaction with this hash, from `account` by `draft`, if there is
    /// one.
    pub(super) fn lie(&self, hash: B256, account: Address, draft: &Draft) -> Option<String> {
        // Some clients write zero for nobody.
        let some = |address: Option<Address>| address.filter(|address| !address.is_zero());
        let created = account.create(draft.nonce);
        let contract = some(self.contract_address);
        if self.transaction_hash != hash {
            return Some(format!("is of transaction {}", self.transaction_hash));
        }
        if let Some(from) = self.from.filter(|from| *from != account) {
            return Some(format!("says that {from} sent it"));
        }
        if some(self.to) != draft.to {
            let to = self.to.map_or("nobody".to_owned(), |to| to.to_string());
            return Some(format!("says that it went to {to}"));
        }
        if let Some(used) = self.gas_used.filter(|used| used.0.to::<u64>() > draft.gas_limit) {
            return Some(format!("says that it took {} gas, of {}", used.0, draft.gas_limit));
        }
        let contract = contract.filter(|contract| draft.to.is_none() && *contract != created)?;
        (!self.is_failure())
            .then(|| format!("says that the contract is at {contract}, and it is at {created}"))
    }
}

/// An event.
#[derive(Debug, Deserialize)]
pub(crate) struct LogEntry {
    pub(crate) address: Address,
    pub(crate) topics: Vec<B256>,
    pub(crate) data: Bytes,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, Value, json};

    const ACCOUNT: Address = Address::repeat_byte(0x11);
    const HASH: B256 = B256::repeat_byte(0x22);

    fn draft(to: Option<Address>) -> Draft {
        Draft { what: "a contract", nonce: 5, to, data: Bytes::new(), gas_limit: 100 }
    }

    /// The receipt of a creation, after `change`.
    fn receipt(change: impl FnOnce(&mut Map<String, Value>)) -> Result<Receipt, serde_json::Error> {
        let receipt = json!({
            "transactionHash": HASH, "from": ACCOUNT, "to": null, "status": "0x1", "blockNumber": "0x7",
            "blockHash": B256::ZERO, "gasUsed": "0x64", "contractAddress": ACCOUNT.create(5), "logs": [],
        });
        let Value::Object(mut fields) = receipt else { unreachable!() };
        change(&mut fields);
        serde_json::from_value(Value::Object(fields))
    }

    fn with(field: &str, value: Value) -> Result<Receipt, serde_json::Error> {
        receipt(|fields| {
            fields.insert(field.to_owned(), value);
        })
    }

    /// Clients' receipts differ.
    #[test]
    fn receipts_may_lack_what_is_known_without_them() {
        let lie = |receipt: &Receipt| receipt.lie(HASH, ACCOUNT, &draft(None));
        for field in
            ["from", "to", "status", "blockNumber", "blockHash", "gasUsed", "contractAddress", "logs"]
        {
            let absent = receipt(|fields| {
                fields.remove(field).expect(field);
            });
            for receipt in [absent, with(field, Value::Null)] {
                let receipt = receipt.expect(field);
                assert_eq!(lie(&receipt), None, "{field}");
                assert!(!receipt.is_failure() && receipt.logs.is_empty(), "{field}");
                assert_eq!(receipt.block().is_some(), !field.starts_with("block"), "{field}");
            }
        }
        for field in ["to", "contractAddress"] {
            assert_eq!(lie(&with(field, json!(Address::ZERO)).unwrap()), None, "{field}");
        }
        for field in ["status", "blockNumber", "gasUsed"] {
            for value in ["", "0x"] {
                assert!(with(field, json!(value)).is_err(), "{field}");
            }
        }
        assert!(with("status", json!("0x0")).unwrap().is_failure());
    }

    #[test]
    fn a_receipt_of_something_else_is_a_lie() {
        let other = json!(Address::repeat_byte(0x66));
        for (field, value) in [
            ("transactionHash", json!(B256::ZERO)),
            ("from", other.clone()),
            ("to", other.clone()),
            ("gasUsed", json!("0x65")),
            ("contractAddress", other.clone()),
        ] {
            let receipt = with(field, value).unwrap();
            assert!(receipt.lie(HASH, ACCOUNT, &draft(None)).is_some(), "{field}");
        }
        let called = Some(Address::repeat_byte(0x66));
        let lie = |to: Value| with("to", to).unwrap().lie(HASH, ACCOUNT, &draft(called));
        assert_eq!(lie(other), None);
        for to in [Value::Null, json!(Address::ZERO), json!(ACCOUNT)] {
            assert!(lie(to).is_some());
        }
    }
}
