// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.19;

import {MerklePatricia} from "./MerklePatricia.sol";
import {Rlp} from "./Rlp.sol";

/// @title What Ethereum keeps in its tries
/// @notice Accounts, storage slots and receipts, from the nodes that prove them.
library StateProofs {
    /// @notice An account, section 4.1 of the yellow paper. All zeros if it doesn't exist.
    struct Account {
        /// Whether the state has the account.
        bool exists;
        /// Number of transactions, or for a contract creations, that it has made.
        uint64 nonce;
        /// Its balance in wei.
        uint256 balance;
        /// Root of its storage trie.
        bytes32 storageRoot;
        /// keccak256 of its code.
        bytes32 codeHash;
    }

    /// @notice A storage trie holds a zero, which stands for an absent slot and is never stored.
    error StoredZero();

    /// @notice The account at an address, `exists` being false if the proof shows that there is none.
    /// @param stateRoot State root, which the caller trusts.
    /// @param addr The address.
    /// @param proof `accountProof` of `eth_getProof`.
    /// @return found The account.
    function account(bytes32 stateRoot, address addr, bytes[] calldata proof)
        internal
        pure
        returns (Account memory found)
    {
        (bool exists, bytes memory value) = MerklePatricia.get(stateRoot, keccak256(abi.encodePacked(addr)), 64, proof);
        if (!exists) return found;
        (uint256 at, uint256 end) = Rlp.bounds(value);
        at = Rlp.wholeList(at, end);
        (found.nonce, at) = Rlp.integer64(at, end);
        (found.balance, at) = Rlp.integer(at, end, 32);
        (found.storageRoot, at) = Rlp.word(at, end);
        (found.codeHash, at) = Rlp.word(at, end);
        Rlp.requireEnd(at, end);
        found.exists = true;
    }

    /// @notice The storage root of an account, or of an account that doesn't exist the empty trie's.
    /// @param owner The account.
    /// @return The root.
    function storageRootOf(Account memory owner) internal pure returns (bytes32) {
        return owner.exists ? owner.storageRoot : MerklePatricia.EMPTY_ROOT;
    }

    /// @notice The value of a storage slot, zero if the proof shows that the slot isn't set.
    /// @param storageRoot Storage root of the account, which the caller trusts.
    /// @param slot Index of the slot, as `SLOAD` takes it.
    /// @param proof `storageProof[].proof` of `eth_getProof`.
    /// @return content The value.
    function storageSlot(bytes32 storageRoot, bytes32 slot, bytes[] calldata proof)
        internal
        pure
        returns (bytes32 content)
    {
        (bool found, bytes memory value) = MerklePatricia.get(storageRoot, keccak256(abi.encode(slot)), 64, proof);
        if (!found) return 0;
        (uint256 at, uint256 end) = Rlp.bounds(value);
        (uint256 number, uint256 next) = Rlp.integer(at, end, 32);
        Rlp.requireEnd(next, end);
        if (number == 0) revert StoredZero();
        return bytes32(number);
    }

    /// @notice The entry of a block's list: a receipt under the receipts root, a transaction under the transactions
    /// root. Entries are typed (EIP-2718) and given as the bytes that they are.
    /// @param root Root of the list's trie, which the caller trusts.
    /// @param index Position in the block, from 0.
    /// @param proof The nodes from the root down.
    /// @return found Whether the block has so many entries; if not, the proof shows it.
    /// @return entry The entry's bytes.
    function listEntry(bytes32 root, uint64 index, bytes[] calldata proof)
        internal
        pure
        returns (bool found, bytes memory entry)
    {
        (bytes32 key, uint256 nibbles) = _indexKey(index);
        return MerklePatricia.get(root, key, nibbles, proof);
    }

    /// @dev RLP of an index, from the word's most significant byte on, and its length in nibbles.
    function _indexKey(uint64 index) private pure returns (bytes32 key, uint256 nibbles) {
        unchecked {
            if (index == 0) return (bytes32(uint256(0x80) << 248), 2);
            if (index < 0x80) return (bytes32(uint256(index) << 248), 2);
            uint256 length = 1;
            while (uint256(index) >> (8 * length) != 0) ++length;
            return (bytes32(((0x80 + length) << 248) | (uint256(index) << (248 - 8 * length))), 2 + 2 * length);
        }
    }
}
