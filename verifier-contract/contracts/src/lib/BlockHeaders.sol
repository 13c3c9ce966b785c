// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.19;

import {Rlp} from "./Rlp.sol";

/// @title Fields of a block header
library BlockHeaders {
    /// @notice The header ends before a field that every header has.
    /// @param field Position of the field in the header.
    error InvalidHeader(uint256 field);

    /// @dev Positions in the header's list, section 4.4 of the yellow paper.
    uint256 private constant STATE_ROOT = 3;
    uint256 private constant RECEIPTS_ROOT = 5;
    uint256 private constant NUMBER = 8;
    uint256 private constant TIMESTAMP = 11;

    /// @notice Reads what a light client keeps of a header. Forks append fields; those are not looked into.
    /// @param header RLP of the header; its keccak256 is the block's hash.
    /// @return stateRoot State root after the block.
    /// @return receiptsRoot Root of its receipts.
    /// @return number Its number.
    /// @return timestamp Its timestamp in seconds.
    function decode(bytes memory header)
        internal
        pure
        returns (bytes32 stateRoot, bytes32 receiptsRoot, uint64 number, uint64 timestamp)
    {
        (uint256 at, uint256 end) = Rlp.bounds(header);
        at = Rlp.wholeList(at, end);
        for (uint256 field; field <= TIMESTAMP; ++field) {
            if (at == end) revert InvalidHeader(field);
            if (field == STATE_ROOT) (stateRoot, at) = Rlp.word(at, end);
            else if (field == RECEIPTS_ROOT) (receiptsRoot, at) = Rlp.word(at, end);
            else if (field == NUMBER) (number, at) = Rlp.integer64(at, end);
            else if (field == TIMESTAMP) (timestamp, at) = Rlp.integer64(at, end);
            else (, at) = Rlp.string_(at, end);
        }
    }
}
