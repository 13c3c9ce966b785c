//! The block: its RLP, its header, the encoding of its transactions, their senders.

pub(crate) mod header;
pub(crate) mod senders;
pub(crate) mod tx_encoding;

use self::tx_encoding::Encoded;
use crate::error::ValidationError;
use alloc::vec::Vec;
use alloy_consensus::{EthereumTxEnvelope, TxEip4844};

/// Transaction of the execution layer, types 0 to 4, as a block contains it (blobs without sidecars).
pub type Transaction = EthereumTxEnvelope<TxEip4844>;
/// Block of the execution layer.
pub type Block = alloy_consensus::Block<Transaction>;

/// Decodes a block's RLP.
///
/// # Errors
/// [`ValidationError::BlockRlp`] if it is not exactly one block.
pub fn decode_block(rlp: &[u8]) -> Result<Block, ValidationError> {
    decode_block_and_encodings(rlp).map(|(block, _)| block)
}

/// Same as [`decode_block`]; also returns the encodings of the transactions.
#[inline(never)]
pub(crate) fn decode_block_and_encodings(rlp: &[u8]) -> Result<(Block, Vec<Encoded<'_>>), ValidationError> {
    let block: Block = alloy_rlp::decode_exact(rlp).map_err(ValidationError::BlockRlp)?;
    // The decoder accepts wrong lengths of the strings around typed transactions.
    match tx_encoding::transactions(&block, rlp) {
        Some(encodings) => Ok((block, encodings)),
        None => {
            let error =
                alloy_rlp::Error::Custom("it differs from the encoding of the block that it decodes to");
            Err(ValidationError::BlockRlp(error))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::{SignableTransaction, TxEip1559};
    use alloy_primitives::{Bytes, Signature, U256};

    #[test]
    fn a_block_has_one_encoding() {
        let transaction = TxEip1559 { input: Bytes::from(alloc::vec![7; 300]), ..TxEip1559::default() };
        let mut block = Block::default();
        let signed = transaction.into_signed(Signature::new(U256::ONE, U256::ONE, false));
        block.body.transactions.push(Transaction::Eip1559(signed));
        let rlp = alloy_rlp::encode(&block);
        assert_eq!(decode_block(&rlp).unwrap(), block);
        for index in 0..rlp.len() {
            for bit in 0..8 {
                let mut altered = rlp.clone();
                altered[index] ^= 1 << bit;
                assert!(
                    !decode_block(&altered).is_ok_and(|other| other == block),
                    "bit {bit} of byte {index}"
                );
            }
        }
    }
}
