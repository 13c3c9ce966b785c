//! A block's access list (EIP-7928) as nodes give it: all accounts and slots that the block accesses, before it is
//! executed.
//!
//! It is a hint. The list whose hash is the header's is that of the block, and is complete. Of any other list the parts may
//! be right all the same. In both cases it only says what to fetch; the execution decides what the block reads.

use crate::json::{Object, items, parse};
use alloy_eips::eip7928::{
    AccountChanges, BalanceChange, BlockAccessIndex, CodeChange, NonceChange, SlotChanges, StorageChange,
    compute_block_access_list_hash,
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use serde_json::value::RawValue;

/// A block access list, unchecked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlockAccessList {
    accounts: Vec<AccountChanges>,
    /// keccak256 of the list's RLP.
    pub(crate) hash: B256,
}

impl BlockAccessList {
    /// Reads a list: a list of accounts, or its RLP as a byte string. Absent parts count as empty.
    ///
    /// # Errors
    /// A sentence that names the field.
    pub(crate) fn read(value: &RawValue) -> Result<Self, String> {
        if value.get().starts_with('"') {
            let rlp = parse::<Bytes>(value)?;
            let accounts = alloy_rlp::decode_exact::<Vec<AccountChanges>>(&rlp)
                .map_err(|error| format!("it is no access list in RLP: {error}"))?;
            return Ok(Self { accounts, hash: keccak256(&rlp) });
        }
        let accounts = items(value, account)?;
        let hash = compute_block_access_list_hash(&accounts);
        Ok(Self { accounts, hash })
    }

    /// The accounts that are accessed, each with its slots.
    pub(crate) fn accessed(&self) -> impl Iterator<Item = (Address, impl Iterator<Item = U256>)> {
        self.accounts.iter().map(|account| (account.address, account.storage_slots()))
    }

    /// The accounts that the block may remove, or whose slots it sets to zero, each with these slots.
    pub(crate) fn removed(&self) -> impl Iterator<Item = (Address, Vec<U256>)> {
        self.accounts.iter().filter_map(|account| {
            let slots = account.storage_post_states().filter(|(_, value)| value.is_zero());
            let slots = slots.map(|(slot, _)| slot).collect::<Vec<_>>();
            (!slots.is_empty() || may_be_removed(account)).then_some((account.address, slots))
        })
    }
}

/// Returns whether an account may be empty after the block (EIP-161), and so have been removed. A nonce never returns to
/// zero, and a code that is set stays, unless the account was empty before, too.
fn may_be_removed(account: &AccountChanges) -> bool {
    account.balance_post_state() == Some(U256::ZERO)
        && account.nonce_changes.is_empty()
        && account.code_changes.is_empty()
}

fn account(value: &RawValue) -> Result<AccountChanges, String> {
    let account = Object::parse(value)?;
    Ok(AccountChanges {
        address: account.need::<Address>(&["address"])?,
        storage_changes: account.list(&["storageChanges"], |slot| {
            let slot = Object::parse(slot)?;
            let changes = slot.list(&["changes", "slotChanges"], |change| {
                let change = Object::parse(change)?;
                Ok(StorageChange::new(index(&change)?, change.need(&["value", "newValue", "postValue"])?))
            })?;
            Ok(SlotChanges::new(slot.need(&["key", "slot"])?, changes))
        })?,
        storage_reads: account.list(&["storageReads"], parse)?,
        balance_changes: account.list(&["balanceChanges"], |change| {
            let change = Object::parse(change)?;
            Ok(BalanceChange::new(index(&change)?, change.need(&["value", "postBalance"])?))
        })?,
        nonce_changes: account.list(&["nonceChanges"], |change| {
            let change = Object::parse(change)?;
            Ok(NonceChange::new(index(&change)?, change.need_u64(&["value", "newNonce", "postNonce"])?))
        })?,
        code_changes: account.list(&["codeChanges"], |change| {
            let change = Object::parse(change)?;
            Ok(CodeChange::new(index(&change)?, change.need(&["code", "newCode"])?))
        })?,
    })
}

/// Index of a change: 0 before the transactions, then one for each, and one after them.
fn index(change: &Object<'_>) -> Result<BlockAccessIndex, String> {
    change.need_u64(&["index", "blockAccessIndex", "txIndex"]).map(BlockAccessIndex::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::BTreeSet;

    const ACCOUNTS: [Address; 4] =
        [Address::repeat_byte(1), Address::repeat_byte(2), Address::repeat_byte(3), Address::repeat_byte(4)];

    /// A list in the standard's JSON: an account of each kind.
    fn list() -> serde_json::Value {
        let [first, second, third, fourth] = ACCOUNTS;
        json!([
            {
                "address": first,
                "storageChanges": [
                    { "key": B256::with_last_byte(7), "changes": [
                        { "index": "0x1", "value": B256::with_last_byte(9) },
                        { "index": "0x3", "value": B256::ZERO },
                    ] },
                    { "key": B256::with_last_byte(8), "changes": [{ "index": "0x2", "value": B256::repeat_byte(9) }] },
                ],
                "storageReads": [B256::with_last_byte(1)],
                "balanceChanges": [{ "index": "0x2", "value": "0x56bc75e2d63100000" }],
                "nonceChanges": [{ "index": "0x2", "value": "0x1" }],
                "codeChanges": [{ "index": "0x2", "code": "0x6001" }],
            },
            { "address": second, "storageChanges": [], "storageReads": [], "balanceChanges": [
                { "index": "0x1", "value": "0x0" }], "nonceChanges": [], "codeChanges": [] },
            { "address": third, "storageChanges": [], "storageReads": [], "balanceChanges": [
                { "index": "0x1", "value": "0x0" }], "nonceChanges": [{ "index": "0x1", "value": "0x5" }],
                "codeChanges": [] },
            { "address": fourth, "storageChanges": [], "storageReads": [], "balanceChanges": [], "nonceChanges": [],
                "codeChanges": [] },
        ])
    }

    fn read(json: &serde_json::Value) -> Result<BlockAccessList, String> {
        BlockAccessList::read(&serde_json::value::to_raw_value(json).unwrap())
    }

    #[test]
    fn what_is_accessed_and_removed_is_named() {
        let list = read(&list()).unwrap();
        let slots = |slots: &[u64]| slots.iter().map(|slot| U256::from(*slot)).collect::<BTreeSet<_>>();
        let [first, second, third, fourth] = ACCOUNTS;
        let accessed = list.accessed().map(|(address, slots)| (address, slots.collect::<BTreeSet<_>>()));
        let expected =
            [(first, slots(&[1, 7, 8])), (second, slots(&[])), (third, slots(&[])), (fourth, slots(&[]))];
        assert_eq!(accessed.collect::<Vec<_>>(), expected);
        let removed = [(first, vec![U256::from(7)]), (second, vec![])];
        assert_eq!(list.removed().collect::<Vec<_>>(), removed);
    }

    /// The hash is that of the RLP, whatever spelling the list is in.
    #[test]
    fn lists_are_read_in_every_spelling() {
        let expected = read(&list()).unwrap();
        let rlp = Bytes::from(alloy_rlp::encode(&expected.accounts));
        assert_eq!(expected.hash, keccak256(&rlp));
        assert_eq!(read(&json!(rlp)).unwrap(), expected);
        // alloy's own JSON.
        assert_eq!(read(&serde_json::to_value(&expected.accounts).unwrap()).unwrap(), expected);
        let text = list().to_string();
        for renamed in [
            vec![("\"index\"", "\"blockAccessIndex\""), ("\"key\"", "\"slot\"")],
            vec![
                ("\"index\"", "\"txIndex\""),
                ("\"code\"", "\"newCode\""),
                ("\"changes\"", "\"slotChanges\""),
            ],
            // Lists that are empty may be absent, or null.
            vec![("[]", "null")],
        ] {
            let text = renamed.iter().fold(text.clone(), |text, (from, to)| text.replace(from, to));
            assert_ne!(text, list().to_string());
            assert_eq!(read(&serde_json::from_str(&text).unwrap()).unwrap(), expected, "{text}");
        }
        let mut other = list();
        other[3] = json!({ "address": ACCOUNTS[3], "storageReads": ["0x0"] });
        assert_ne!(read(&other).unwrap().hash, expected.hash);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for (json, named) in [
            (json!({}), "list"),
            (json!("0xc1"), "RLP"),
            (json!("0xc000"), "RLP"),
            (json!([7]), "item 0"),
            (json!([{ "storageReads": [] }]), "`address`"),
            (json!([{ "address": ACCOUNTS[0], "balanceChanges": [{ "value": "0x1" }] }]), "`index`"),
            (json!([{ "address": ACCOUNTS[0], "storageChanges": [{ "changes": [] }] }]), "`key`"),
        ] {
            let error = read(&json).unwrap_err();
            assert!(error.contains(named), "{json}: {error}");
        }
    }
}
