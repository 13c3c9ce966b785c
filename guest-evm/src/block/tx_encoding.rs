//! Checks that every transaction is in its only valid RLP encoding, and locates the bytes that are signed.
//!
//! A number has one value, but an RLP decoder may accept several encodings of it. It may also accept a list
//! that ends too early or too late. This module compares the RLP's structure with the encoder's output:
//!
//! - each item is of the kind that the transaction's type has at this position;
//! - every list ends with its last item;
//! - headers are as short as they can be;
//! - no number starts with a zero.
//!
//! RLP that decodes and passes these checks is the encoding of what it decodes to.

use super::{Block, Transaction};
use alloc::vec::Vec;
use alloy_consensus::{Transaction as _, Typed2718};
use alloy_primitives::{B256, keccak256};
use alloy_rlp::{EMPTY_STRING_CODE, Encodable, Header};
use zeno_types::rlp::Reader;

/// Kind of a field of a transaction.
#[derive(Clone, Copy)]
enum Field {
    /// Big-endian number; zero has no bytes.
    Number,
    /// Address, or nothing.
    To,
    /// Any bytes.
    Data,
    /// Pairs of an address and a list of slots (EIP-2930).
    AccessList,
    /// Hashes of 32 bytes (EIP-4844).
    Hashes,
    /// Lists of a chain's number, an address, a nonce and a signature (EIP-7702).
    Authorizations,
}

/// Fields of a transaction that its signature covers, without those that EIP-155 adds.
fn fields(transaction: &Transaction) -> &'static [Field] {
    use Field::{AccessList, Authorizations, Data, Hashes, Number, To};
    match transaction {
        Transaction::Legacy(_) => &[Number, Number, Number, To, Number, Data],
        Transaction::Eip2930(_) => &[Number, Number, Number, Number, To, Number, Data, AccessList],
        Transaction::Eip1559(_) => &[Number, Number, Number, Number, Number, To, Number, Data, AccessList],
        Transaction::Eip4844(_) => {
            &[Number, Number, Number, Number, Number, To, Number, Data, AccessList, Number, Hashes]
        }
        Transaction::Eip7702(_) => {
            &[Number, Number, Number, Number, Number, To, Number, Data, AccessList, Authorizations]
        }
    }
}

/// A transaction's encoding inside a block.
#[derive(Debug)]
pub(crate) struct Encoded<'a> {
    /// Typed envelope (EIP-2718); a legacy transaction's RLP.
    pub(crate) bytes: &'a [u8],
    /// RLP of the fields without the signature, and without a list header.
    fields: &'a [u8],
}

impl Encoded<'_> {
    /// The hash that the transaction's signature signs, computed from the encoded fields. `payload` is
    /// overwritten.
    pub(crate) fn signature_hash(&self, transaction: &Transaction, payload: &mut Vec<u8>) -> B256 {
        payload.clear();
        let mut end = Vec::new();
        match transaction {
            Transaction::Legacy(_) => {
                // EIP-155: two empty fields after the chain's number.
                if let Some(chain) = transaction.chain_id() {
                    chain.encode(&mut end);
                    end.extend([EMPTY_STRING_CODE; 2]);
                }
            }
            _ => payload.push(transaction.ty()),
        }
        payload.reserve(9 + self.fields.len() + end.len());
        Header { list: true, payload_length: self.fields.len() + end.len() }.encode(payload);
        payload.extend_from_slice(self.fields);
        payload.extend_from_slice(&end);
        keccak256(payload)
    }
}

/// Encodings of the transactions of a block that was decoded from `rlp`; `None` if `rlp` is not the block's
/// encoding.
pub(crate) fn transactions<'a>(block: &Block, rlp: &'a [u8]) -> Option<Vec<Encoded<'a>>> {
    let mut whole = Reader(rlp);
    let mut parts = whole.list()?;
    whole.end()?;
    parts.skip(&block.header)?;
    let mut items = parts.list()?;
    let mut encodings = Vec::with_capacity(block.body.transactions.len());
    for transaction in &block.body.transactions {
        encodings.push(self::transaction(&mut items, transaction)?);
    }
    items.end()?;
    parts.skip(&block.body.ommers)?;
    if let Some(withdrawals) = &block.body.withdrawals {
        parts.skip(withdrawals)?;
    }
    parts.end()?;
    Some(encodings)
}

/// Takes a transaction, whose type and fields are those of `transaction`.
fn transaction<'a>(items: &mut Reader<'a>, transaction: &Transaction) -> Option<Encoded<'a>> {
    let whole = items.0;
    let (bytes, mut inner) = match transaction {
        Transaction::Legacy(_) => {
            let inner = items.list()?;
            (&whole[..whole.len() - items.0.len()], inner)
        }
        _ => {
            let bytes = items.item(false)?;
            let (ty, rest) = bytes.split_first()?;
            let mut rest = Reader(rest);
            let inner = rest.list()?;
            rest.end()?;
            (*ty == transaction.ty()).then_some((bytes, inner))?
        }
    };
    let all = inner.0;
    for kind in fields(transaction) {
        field(&mut inner, *kind)?;
    }
    let fields = &all[..all.len() - inner.0.len()];
    // The signature: the parity of y, or v; then r and s.
    for _ in 0..3 {
        inner.number()?;
    }
    inner.end()?;
    Some(Encoded { bytes, fields })
}

/// Takes a field of this kind.
#[inline(always)]
fn field(items: &mut Reader<'_>, field: Field) -> Option<()> {
    match field {
        Field::Number => items.number(),
        Field::To => matches!(items.item(false)?.len(), 0 | 20).then_some(()),
        Field::Data => items.item(false).map(|_| ()),
        Field::AccessList => access_list(items),
        Field::Hashes => items.list()?.each(32),
        Field::Authorizations => authorizations(items),
    }
}

/// Takes an access list (EIP-2930).
fn access_list(items: &mut Reader<'_>) -> Option<()> {
    let mut list = items.list()?;
    while !list.0.is_empty() {
        let mut pair = list.list()?;
        pair.bytes(20)?;
        pair.list()?.each(32)?;
        pair.end()?;
    }
    Some(())
}

/// Takes an authorization list (EIP-7702).
fn authorizations(items: &mut Reader<'_>) -> Option<()> {
    let mut list = items.list()?;
    while !list.0.is_empty() {
        let mut fields = list.list()?;
        fields.number()?;
        fields.bytes(20)?;
        for _ in 0..4 {
            fields.number()?;
        }
        fields.end()?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloy_consensus::{
        Header as BlockHeader, SignableTransaction, TxEip1559, TxEip2930, TxEip4844, TxEip7702, TxLegacy,
    };
    use alloy_eips::{
        eip2718::Encodable2718,
        eip2930::{AccessList, AccessListItem},
        eip4895::Withdrawal,
        eip7702::{Authorization, SignedAuthorization},
    };
    use alloy_primitives::{Address, Bytes, Signature, TxKind, U256};
    use rand::{Rng, SeedableRng, rngs::StdRng};

    struct Random(StdRng);

    impl Random {
        /// Random number of 0 to `bits` bits.
        fn number(&mut self, bits: u32) -> U256 {
            let bits = self.0.random_range(0..=bits) as usize;
            if bits == 0 { U256::ZERO } else { U256::from_limbs(self.0.random()) >> (256 - bits) }
        }

        fn small<T: TryFrom<U256>>(&mut self) -> T {
            self.number(64).try_into().unwrap_or_else(|_| panic!("64 bits fit"))
        }

        fn large(&mut self) -> u128 {
            self.number(128).to()
        }

        fn count(&mut self) -> usize {
            self.0.random_range(0..4)
        }

        fn address(&mut self) -> Address {
            if self.0.random_range(0..4) == 0 { Address::ZERO } else { self.0.random::<[u8; 20]>().into() }
        }

        fn to(&mut self) -> TxKind {
            if self.0.random() { TxKind::Call(self.address()) } else { TxKind::Create }
        }

        fn data(&mut self) -> Bytes {
            let length =
                [0, 1, 1, 2, 31, 54, 55, 56, 200, 255, 256, 1000, 70_000][self.0.random_range(0..13)];
            let small = self.0.random();
            (0..length).map(|_| if small { self.0.random_range(0..3) } else { self.0.random() }).collect()
        }

        fn hashes(&mut self) -> Vec<B256> {
            (0..self.count()).map(|_| self.0.random::<[u8; 32]>().into()).collect()
        }

        fn access_list(&mut self) -> AccessList {
            let items = (0..self.count())
                .map(|_| AccessListItem { address: self.address(), storage_keys: self.hashes() })
                .collect();
            AccessList(items)
        }

        fn signature(&mut self) -> Signature {
            Signature::new(self.number(256), self.number(256), self.0.random())
        }

        fn authorizations(&mut self) -> Vec<SignedAuthorization> {
            (0..self.count())
                .map(|_| {
                    let authorization = Authorization {
                        chain_id: self.number(256),
                        address: self.address(),
                        nonce: self.small(),
                    };
                    SignedAuthorization::new_unchecked(
                        authorization,
                        self.number(8).to(),
                        self.number(256),
                        self.number(256),
                    )
                })
                .collect()
        }

        fn transaction(&mut self) -> Transaction {
            let signature = self.signature();
            match self.0.random_range(0..5) {
                0 => TxLegacy {
                    // The chain's number has to fit EIP-155's `v`.
                    chain_id: self.0.random::<bool>().then(|| self.number(62).to()),
                    nonce: self.small(),
                    gas_price: self.large(),
                    gas_limit: self.small(),
                    to: self.to(),
                    value: self.number(256),
                    input: self.data(),
                }
                .into_signed(signature)
                .into(),
                1 => TxEip2930 {
                    chain_id: self.small(),
                    nonce: self.small(),
                    gas_price: self.large(),
                    gas_limit: self.small(),
                    to: self.to(),
                    value: self.number(256),
                    access_list: self.access_list(),
                    input: self.data(),
                }
                .into_signed(signature)
                .into(),
                2 => TxEip1559 {
                    chain_id: self.small(),
                    nonce: self.small(),
                    gas_limit: self.small(),
                    max_fee_per_gas: self.large(),
                    max_priority_fee_per_gas: self.large(),
                    to: self.to(),
                    value: self.number(256),
                    access_list: self.access_list(),
                    input: self.data(),
                }
                .into_signed(signature)
                .into(),
                3 => TxEip4844 {
                    chain_id: self.small(),
                    nonce: self.small(),
                    gas_limit: self.small(),
                    max_fee_per_gas: self.large(),
                    max_priority_fee_per_gas: self.large(),
                    to: self.address(),
                    value: self.number(256),
                    access_list: self.access_list(),
                    blob_versioned_hashes: self.hashes(),
                    max_fee_per_blob_gas: self.large(),
                    input: self.data(),
                }
                .into_signed(signature)
                .into(),
                _ => TxEip7702 {
                    chain_id: self.small(),
                    nonce: self.small(),
                    gas_limit: self.small(),
                    max_fee_per_gas: self.large(),
                    max_priority_fee_per_gas: self.large(),
                    to: self.address(),
                    value: self.number(256),
                    access_list: self.access_list(),
                    authorization_list: self.authorizations(),
                    input: self.data(),
                }
                .into_signed(signature)
                .into(),
            }
        }

        fn block(&mut self, transactions: usize) -> Block {
            let mut block = Block::default();
            block.body.transactions = (0..transactions).map(|_| self.transaction()).collect();
            if self.0.random_range(0..4) == 0 {
                block.body.ommers = vec![BlockHeader { number: self.small(), ..BlockHeader::default() }];
            }
            if self.0.random() {
                let withdrawals = (0..self.count())
                    .map(|_| Withdrawal {
                        index: self.small(),
                        validator_index: self.small(),
                        address: self.address(),
                        amount: self.small(),
                    })
                    .collect::<Vec<_>>();
                block.body.withdrawals = Some(withdrawals.into());
            }
            block
        }
    }

    #[test]
    fn encodings_and_signed_hashes_are_those_of_alloy() {
        let mut random = Random(StdRng::seed_from_u64(15));
        let mut payload = Vec::new();
        for _ in 0..300 {
            let count = random.count() * 2;
            let block = random.block(count);
            let rlp = alloy_rlp::encode(&block);
            assert_eq!(alloy_rlp::decode_exact::<Block>(&rlp).unwrap(), block);
            let encodings = transactions(&block, &rlp).unwrap();
            assert_eq!(encodings.len(), count);
            for (transaction, encoding) in block.body.transactions.iter().zip(&encodings) {
                assert_eq!(encoding.bytes, transaction.encoded_2718());
                assert_eq!(encoding.signature_hash(transaction, &mut payload), transaction.signature_hash());
            }
        }
    }

    /// Checks that a block is refused exactly if encoding it again gives other bytes.
    #[test]
    fn there_is_one_encoding() {
        let mut random = Random(StdRng::seed_from_u64(16));
        let (mut accepted, mut refused) = (0, 0);
        for _ in 0..150 {
            let count = random.0.random_range(1..3);
            let rlp = alloy_rlp::encode(random.block(count));
            if rlp.len() > 1600 {
                continue;
            }
            let mut check = |rlp: &[u8]| {
                if let Ok(block) = alloy_rlp::decode_exact::<Block>(rlp) {
                    let same = alloy_rlp::encode(&block) == rlp;
                    assert_eq!(
                        transactions(&block, rlp).is_some(),
                        same,
                        "{}",
                        alloy_primitives::hex::encode(rlp)
                    );
                    *if same { &mut accepted } else { &mut refused } += 1;
                }
            };
            check(&rlp);
            for index in 0..rlp.len() {
                let mut altered = rlp.clone();
                for value in
                    [0, 1, 0x7f, 0x80, 0x81, 0xb8, 0xc0, 0xf8, rlp[index] ^ 1, rlp[index].wrapping_add(1)]
                {
                    altered[index] = value;
                    check(&altered);
                }
                // Headers that are moved, longer, or gone.
                let mut altered = rlp.clone();
                altered.remove(index);
                check(&altered);
                for _ in 0..4 {
                    let mut altered = rlp.clone();
                    altered.insert(index, [0, 0x80, 0x81, 0xc0][random.0.random_range(0..4)]);
                    if random.0.random() {
                        let other = random.0.random_range(0..altered.len());
                        altered[other] =
                            altered[other].wrapping_add(random.0.random_range(0..3)).wrapping_sub(1);
                    }
                    check(&altered);
                }
            }
        }
        assert!(accepted > 10_000 && refused > 100, "{accepted} {refused}");
    }
}
