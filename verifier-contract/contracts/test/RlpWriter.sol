// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.19;

/// @dev Plain RLP encoding, the reference for the reader and for nodes made by hand.
library RlpWriter {
    function str(bytes memory payload) internal pure returns (bytes memory) {
        if (payload.length == 1 && uint8(payload[0]) < 0x80) return payload;
        return bytes.concat(header(0x80, payload.length), payload);
    }

    function list(bytes memory items) internal pure returns (bytes memory) {
        return bytes.concat(header(0xc0, items.length), items);
    }

    function number(uint256 value) internal pure returns (bytes memory) {
        return str(trimmed(value));
    }

    /// @dev Big-endian without leading zeros.
    function trimmed(uint256 value) internal pure returns (bytes memory out) {
        for (; value != 0; value >>= 8) {
            out = bytes.concat(bytes1(uint8(value)), out);
        }
    }

    function header(uint8 base, uint256 length) internal pure returns (bytes memory) {
        if (length < 56) return abi.encodePacked(base + uint8(length));
        bytes memory size = trimmed(length);
        return abi.encodePacked(base + 55 + uint8(size.length), size);
    }

    /// @dev A node of two items: an extension's or a leaf's path, and what comes after it, encoded already.
    function short(bytes memory path, bytes memory second) internal pure returns (bytes memory) {
        return list(bytes.concat(str(path), second));
    }

    /// @dev A branch whose only child, encoded already, stands at `index`, with a value.
    function branch(uint256 index, bytes memory child, bytes memory value) internal pure returns (bytes memory) {
        bytes memory items;
        for (uint256 i; i < 16; ++i) {
            items = bytes.concat(items, i == index ? child : bytes(hex"80"));
        }
        return list(bytes.concat(items, str(value)));
    }
}
