// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.19;

/// @title Strict reading of RLP in memory
/// @notice Recursive length prefix as in appendix B of the yellow paper. Only the one canonical encoding of an item is
/// accepted: the shortest form of a length, and a byte below 0x80 as itself.
/// @dev Positions are addresses in memory. All functions read at `at`, and answer with the content or where it starts,
/// and with `next`, where the next item starts. `end` is where the enclosing item or buffer ends; nothing beyond it is
/// taken for a part of an item.
library Rlp {
    /// @notice An item extends beyond the end of what encloses it.
    /// @param needed Bytes that the item takes.
    /// @param available Bytes that there are.
    error RlpTruncated(uint256 needed, uint256 available);
    /// @notice A length or a byte is not encoded in its shortest form.
    /// @param prefix First byte of the item.
    error RlpNotCanonical(uint256 prefix);
    /// @notice A list stands where a string has to, or the other way round.
    /// @param prefix First byte of the item.
    error RlpWrongKind(uint256 prefix);
    /// @notice A string has another length than it has to.
    /// @param expected The length that it has to have.
    /// @param actual Its length.
    error RlpWrongLength(uint256 expected, uint256 actual);
    /// @notice A number is longer than its type allows.
    /// @param limit The most bytes that it may have.
    /// @param actual The bytes that it has.
    error RlpIntegerTooLong(uint256 limit, uint256 actual);
    /// @notice A number starts with a zero byte.
    error RlpLeadingZero();
    /// @notice Bytes follow the last item.
    /// @param count Number of these bytes.
    error RlpTrailingBytes(uint256 count);

    /// @notice Start and end of `data` in memory.
    function bounds(bytes memory data) internal pure returns (uint256 at, uint256 end) {
        assembly ("memory-safe") {
            at := add(data, 0x20)
            end := add(at, mload(data))
        }
    }

    /// @notice The byte at `at`.
    function byteAt(uint256 at) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := byte(0, mload(at))
        }
    }

    /// @notice Reads the header of the item at `at`.
    /// @return payload Start of the item's content.
    /// @return next End of the content and start of the next item; at most `end`.
    /// @return isList Whether the item is a list.
    function item(uint256 at, uint256 end) internal pure returns (uint256 payload, uint256 next, bool isList) {
        unchecked {
            if (at >= end) revert RlpTruncated(1, 0);
            uint256 prefix = byteAt(at);
            if (prefix < 0x80) return (at, at + 1, false);
            isList = prefix >= 0xc0;
            uint256 length = prefix - (isList ? 0xc0 : 0x80);
            payload = at + 1;
            if (length > 55) {
                uint256 lengthBytes = length - 55;
                payload += lengthBytes;
                if (payload > end) revert RlpTruncated(1 + lengthBytes, end - at);
                assembly ("memory-safe") {
                    // At most eight bytes, so no sum below overflows.
                    length := shr(sub(256, shl(3, lengthBytes)), mload(add(at, 1)))
                }
                if (length < 56 || length >> (8 * (lengthBytes - 1)) == 0) revert RlpNotCanonical(prefix);
            }
            next = payload + length;
            if (next > end) revert RlpTruncated(next - at, end - at);
            if (prefix == 0x81 && byteAt(payload) < 0x80) revert RlpNotCanonical(prefix);
        }
    }

    /// @notice Reads the header of the list at `at`.
    function list(uint256 at, uint256 end) internal pure returns (uint256 payload, uint256 next) {
        bool isList;
        (payload, next, isList) = item(at, end);
        if (!isList) revert RlpWrongKind(byteAt(at));
    }

    /// @notice Reads the header of the list that fills everything from `at` to `end`.
    /// @return payload Start of its first item.
    function wholeList(uint256 at, uint256 end) internal pure returns (uint256 payload) {
        uint256 next;
        (payload, next) = list(at, end);
        requireEnd(next, end);
    }

    /// @notice Reads the header of the string at `at`.
    function string_(uint256 at, uint256 end) internal pure returns (uint256 payload, uint256 next) {
        bool isList;
        (payload, next, isList) = item(at, end);
        if (isList) revert RlpWrongKind(byteAt(at));
    }

    /// @notice Reads the number at `at`: big-endian, without leading zeros, at most `limit` bytes, zero being the
    /// empty string.
    function integer(uint256 at, uint256 end, uint256 limit) internal pure returns (uint256 value, uint256 next) {
        uint256 payload;
        (payload, next) = string_(at, end);
        unchecked {
            uint256 length = next - payload;
            if (length > limit) revert RlpIntegerTooLong(limit, length);
            if (length == 0) return (0, next);
            if (byteAt(payload) == 0) revert RlpLeadingZero();
            assembly ("memory-safe") {
                value := shr(sub(256, shl(3, length)), mload(payload))
            }
        }
    }

    /// @notice Reads the number at `at`, of at most eight bytes.
    function integer64(uint256 at, uint256 end) internal pure returns (uint64 value, uint256 next) {
        uint256 wide;
        (wide, next) = integer(at, end, 8);
        // Eight bytes fit.
        // forge-lint: disable-next-line(unsafe-typecast)
        value = uint64(wide);
    }

    /// @notice Reads the string of 32 bytes at `at`.
    function word(uint256 at, uint256 end) internal pure returns (bytes32 value, uint256 next) {
        uint256 payload;
        (payload, next) = string_(at, end);
        unchecked {
            if (next - payload != 32) revert RlpWrongLength(32, next - payload);
        }
        assembly ("memory-safe") {
            value := mload(payload)
        }
    }

    /// @notice Reverts unless everything up to `end` has been read.
    function requireEnd(uint256 at, uint256 end) internal pure {
        unchecked {
            if (at != end) revert RlpTrailingBytes(end - at);
        }
    }

    /// @notice Copies the bytes from `at` to `end`.
    function copy(uint256 at, uint256 end) internal pure returns (bytes memory data) {
        unchecked {
            data = new bytes(end - at);
        }
        assembly ("memory-safe") {
            let to := add(data, 0x20)
            for {
                let from := at
            } lt(from, end) {
                from := add(from, 0x20)
                to := add(to, 0x20)
            } {
                mstore(to, mload(from))
            }
            // The last word may have brought bytes from beyond the end.
            let tail := and(sub(end, at), 0x1f)
            if tail {
                let last := sub(to, 0x20)
                mstore(last, and(mload(last), not(shr(shl(3, tail), not(0)))))
            }
        }
    }
}
