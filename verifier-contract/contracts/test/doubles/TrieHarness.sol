// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.19;

import {BlockHeaders} from "../../src/lib/BlockHeaders.sol";
import {MerklePatricia} from "../../src/lib/MerklePatricia.sol";
import {Rlp} from "../../src/lib/Rlp.sol";
import {StateProofs} from "../../src/lib/StateProofs.sol";

/// @dev The libraries behind external functions, so that their reverts and gas can be seen.
contract TrieHarness {
    function get(bytes32 root, bytes calldata key, bytes[] calldata proof)
        external
        pure
        returns (bool found, bytes memory value)
    {
        return MerklePatricia.get(root, bytes32(key), 2 * key.length, proof);
    }

    function account(bytes32 root, address addr, bytes[] calldata proof)
        external
        pure
        returns (StateProofs.Account memory)
    {
        return StateProofs.account(root, addr, proof);
    }

    function storageSlot(bytes32 root, bytes32 slot, bytes[] calldata proof) external pure returns (bytes32) {
        return StateProofs.storageSlot(root, slot, proof);
    }

    function listEntry(bytes32 root, uint64 index, bytes[] calldata proof)
        external
        pure
        returns (bool found, bytes memory entry)
    {
        return StateProofs.listEntry(root, index, proof);
    }

    function header(bytes calldata rlp) external pure returns (bytes32, bytes32, uint64, uint64) {
        return BlockHeaders.decode(rlp);
    }

    /// @dev Reads one item that has to fill `data`.
    function item(bytes memory data) external pure returns (bytes memory payload, bool isList) {
        (uint256 at, uint256 end) = Rlp.bounds(data);
        (uint256 start, uint256 next, bool list) = Rlp.item(at, end);
        Rlp.requireEnd(next, end);
        return (Rlp.copy(start, next), list);
    }

    function integer(bytes memory data, uint256 limit) external pure returns (uint256 value) {
        (uint256 at, uint256 end) = Rlp.bounds(data);
        (value, at) = Rlp.integer(at, end, limit);
        Rlp.requireEnd(at, end);
    }
}
