// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.19;

/// @dev The cheatcodes of forge that these tests use.
interface Vm {
    function expectRevert() external;
    function expectPartialRevert(bytes4 selector) external;
    function expectRevert(bytes calldata data) external;
    function expectEmit(bool topic1, bool topic2, bool topic3, bool data) external;
    function assume(bool condition) external pure;
    function skip(bool skipped) external;
    function readFile(string calldata path) external view returns (string memory);
    function exists(string calldata path) external view returns (bool);
    function envOr(string calldata name, string calldata fallbackTo) external view returns (string memory);
    function keyExistsJson(string calldata json, string calldata key) external view returns (bool);
    function parseJsonUint(string calldata json, string calldata key) external pure returns (uint256);
    function parseJsonBool(string calldata json, string calldata key) external pure returns (bool);
    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory);
    function parseJsonBytes32(string calldata json, string calldata key) external pure returns (bytes32);
    function parseJsonAddress(string calldata json, string calldata key) external pure returns (address);
    function parseJsonBytesArray(string calldata json, string calldata key) external pure returns (bytes[] memory);
    function toString(uint256 value) external pure returns (string memory);
    function etch(address target, bytes calldata code) external;
}

/// @dev What all tests share: the cheatcodes and comparisons that say what differs.
abstract contract Base {
    error Differs(string what, bytes32 actual, bytes32 expected);

    Vm internal constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    function eq(string memory what, bytes32 actual, bytes32 expected) internal pure {
        if (actual != expected) revert Differs(what, actual, expected);
    }

    function eq(string memory what, uint256 actual, uint256 expected) internal pure {
        eq(what, bytes32(actual), bytes32(expected));
    }

    function eq(string memory what, bool actual, bool expected) internal pure {
        eq(what, actual ? 1 : 0, expected ? 1 : 0);
    }

    function eq(string memory what, bytes memory actual, bytes memory expected) internal pure {
        eq(what, keccak256(actual), keccak256(expected));
    }

    /// @dev The place of an element of a JSON array.
    function element(string memory array, uint256 index) internal pure returns (string memory) {
        return string.concat(array, "[", VM.toString(index), "]");
    }

    /// @dev `value` brought into the range from `low` to `high`.
    function within(uint256 value, uint256 low, uint256 high) internal pure returns (uint256) {
        return low + (value % (high - low + 1));
    }
}
