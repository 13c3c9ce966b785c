//! Receipts in the encoding of the header's receipts root (EIP-2718; yellow paper, section 4.4.1).

use crate::outcome::bloom::Blooms;
use alloy_consensus::EthereumReceipt;
use alloy_primitives::Log;
use alloy_rlp::{EMPTY_LIST_CODE, EMPTY_STRING_CODE};
use zeno_trie::ordered_root::Items;
use zeno_types::rlp::{Out, header_length, is_own_encoding};

/// Receipts of a block, and the blooms of those that were written.
pub(crate) struct Receipts<'a> {
    receipts: &'a [EthereumReceipt],
    blooms: &'a mut Blooms,
}

/// Length of a bloom, in bytes.
const BLOOM: usize = 256;

impl<'a> Receipts<'a> {
    pub(crate) fn new(receipts: &'a [EthereumReceipt], blooms: &'a mut Blooms) -> Self {
        Self { receipts, blooms }
    }
}

impl Items for Receipts<'_> {
    fn length(&self, index: usize) -> usize {
        let receipt = &self.receipts[index];
        let payload = payload_length(receipt, logs_length(&receipt.logs));
        usize::from(!receipt.tx_type.is_legacy()) + header_length(payload) + payload
    }

    fn write(&mut self, index: usize, mut out: Out<'_>) {
        let receipt = &self.receipts[index];
        let logs = logs_length(&receipt.logs);
        if !receipt.tx_type.is_legacy() {
            out.put(&[receipt.tx_type.into()]);
        }
        out.header(EMPTY_LIST_CODE, payload_length(receipt, logs));
        out.put(&[if receipt.success { 1 } else { EMPTY_STRING_CODE }]);
        let (gas, zeros) =
            (receipt.cumulative_gas_used.to_be_bytes(), leading_zeros(receipt.cumulative_gas_used));
        out.string(&gas[zeros..]);
        out.header(EMPTY_STRING_CODE, BLOOM);
        let bloom = out.take(BLOOM).try_into().expect("so many bytes were taken");
        self.blooms.add(&receipt.logs, bloom);
        out.header(EMPTY_LIST_CODE, logs);
        for log in &receipt.logs {
            out.header(EMPTY_LIST_CODE, log_length(log));
            out.string(log.address.as_slice());
            out.header(EMPTY_LIST_CODE, 33 * log.topics().len());
            for topic in log.topics() {
                out.string(topic.as_slice());
            }
            out.string(&log.data.data);
        }
    }
}

/// Number of whole zero bytes at the start of a big-endian number.
fn leading_zeros(number: u64) -> usize {
    number.to_be_bytes().iter().take_while(|byte| **byte == 0).count()
}

/// Length of a receipt's fields, in bytes; `logs` is the length of its logs.
fn payload_length(receipt: &EthereumReceipt, logs: usize) -> usize {
    let gas = receipt.cumulative_gas_used;
    let gas_length = if gas < 0x80 { 1 } else { 9 - leading_zeros(gas) };
    1 + gas_length + header_length(BLOOM) + BLOOM + header_length(logs) + logs
}

/// Length of logs, in bytes. Each log owns its topics and data, and takes more memory than its encoding has
/// bytes. So the sum fits `usize`.
fn logs_length(logs: &[Log]) -> usize {
    let lengths = logs.iter().map(|log| {
        let length = log_length(log);
        header_length(length) + length
    });
    lengths.sum()
}

/// Length of a log's fields, in bytes.
fn log_length(log: &Log) -> usize {
    let (topics, data) = (33 * log.topics().len(), &log.data.data);
    let data_length = if is_own_encoding(data) { 1 } else { header_length(data.len()) + data.len() };
    21 + header_length(topics) + topics + data_length
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use alloy_consensus::{ReceiptWithBloom, TxType, proofs::calculate_receipt_root};
    use alloy_eips::eip2718::Encodable2718;
    use alloy_primitives::{Address, B256, Bloom, Bytes, logs_bloom};
    use rand::{Rng, SeedableRng, rngs::StdRng};

    #[test]
    fn receipts_are_those_of_alloy() {
        let mut rng = StdRng::seed_from_u64(12);
        let mut receipts = Vec::new();
        for index in 0..600_u32 {
            let logs = (0..rng.random_range(0..6))
                .map(|_| {
                    let topics =
                        (0..rng.random_range(0..=4)).map(|_| B256::from(rng.random::<[u8; 32]>())).collect();
                    let length = [0, 1, 1, 32, 54, 55, 56, 57, 64, 255, 256, 70_000][rng.random_range(0..12)];
                    let data = (0..length).map(|_| rng.random::<u8>()).collect::<Bytes>();
                    Log::new(Address::from(rng.random::<[u8; 20]>()), topics, data).unwrap()
                })
                .collect();
            receipts.push(EthereumReceipt {
                tx_type: TxType::try_from(rng.random_range(0..5_u8)).unwrap(),
                success: rng.random(),
                cumulative_gas_used: rng.random::<u64>().checked_shr(index % 70).unwrap_or(0),
                logs,
            });
        }
        let with =
            |receipt: &EthereumReceipt| ReceiptWithBloom::new(receipt.clone(), logs_bloom(&receipt.logs));
        let all = receipts.iter().map(with).collect::<Vec<_>>();
        let mut blooms = Blooms::new();
        let mut items = Receipts::new(&receipts, &mut blooms);
        for (index, receipt) in all.iter().enumerate() {
            let mut out = alloc::vec![0; items.length(index)];
            items.write(index, Out(&mut out));
            assert_eq!(out, receipt.encoded_2718(), "{receipt:?}");
        }
        assert_eq!(blooms.all(), all.iter().fold(Bloom::ZERO, |all, receipt| all | receipt.logs_bloom));
        let mut blooms = Blooms::new();
        let root = zeno_trie::ordered_root::root(receipts.len(), Receipts::new(&receipts, &mut blooms));
        assert_eq!(root, calculate_receipt_root(&all));
    }
}
