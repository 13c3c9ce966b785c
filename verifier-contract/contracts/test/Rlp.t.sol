// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.19;

import {BlockHeaders} from "../src/lib/BlockHeaders.sol";
import {Rlp} from "../src/lib/Rlp.sol";
import {Base} from "./Base.sol";
import {RlpWriter} from "./RlpWriter.sol";
import {TrieHarness} from "./doubles/TrieHarness.sol";

contract RlpTest is Base {
    TrieHarness private _reader = new TrieHarness();

    function testFuzz_readsWhatTheReferenceWrites(bytes memory payload, bool isList) public view {
        (bytes memory read, bool list) = _reader.item(isList ? RlpWriter.list(payload) : RlpWriter.str(payload));
        eq("payload", read, payload);
        eq("kind", list, isList);
    }

    function test_readsEveryLengthAroundTheLongForms() public view {
        uint256[8] memory lengths = [uint256(0), 1, 54, 55, 56, 57, 255, 256];
        for (uint256 i; i < lengths.length; ++i) {
            bytes memory payload = new bytes(lengths[i]);
            (bytes memory read,) = _reader.item(RlpWriter.list(payload));
            eq("length", read.length, payload.length);
        }
        (bytes memory big,) = _reader.item(RlpWriter.str(new bytes(70_000)));
        eq("length", big.length, 70_000);
    }

    /// @dev Whatever is accepted is the only encoding of what was read.
    function testFuzz_acceptsTheCanonicalFormOnly(bytes memory data) public view {
        try _reader.item(data) returns (bytes memory payload, bool isList) {
            eq("encoding", isList ? RlpWriter.list(payload) : RlpWriter.str(payload), data);
        } catch {}
    }

    /// @dev As above, on bytes that start like an item, so that more than a few get far.
    function testFuzz_acceptsTheCanonicalFormOnlyNearItems(
        bytes memory payload,
        bool isList,
        uint256 place,
        uint8 change
    ) public view {
        bytes memory data = isList ? RlpWriter.list(payload) : RlpWriter.str(payload);
        place = place % (data.length < 3 ? data.length : 3);
        data[place] = bytes1(uint8(data[place]) ^ change);
        testFuzz_acceptsTheCanonicalFormOnly(data);
    }

    function testFuzz_refusesTruncated(bytes memory payload, bool isList, uint256 length) public {
        bytes memory data = isList ? RlpWriter.list(payload) : RlpWriter.str(payload);
        length = within(length, 0, data.length - 1);
        bytes memory cut = new bytes(length);
        for (uint256 i; i < length; ++i) {
            cut[i] = data[i];
        }
        VM.expectPartialRevert(Rlp.RlpTruncated.selector);
        _reader.item(cut);
    }

    function test_refusesLongForms() public {
        bytes[6] memory items = [
            // A byte below 0x80 as a string, short lengths in the long form, and lengths with leading zeros.
            bytes(hex"8100"),
            hex"817f",
            bytes.concat(hex"b837", new bytes(55)),
            bytes.concat(hex"f837", new bytes(55)),
            bytes.concat(hex"b90038", new bytes(56)),
            bytes.concat(hex"ff0000000000000038", new bytes(57))
        ];
        for (uint256 i; i < items.length; ++i) {
            VM.expectRevert(abi.encodeWithSelector(Rlp.RlpNotCanonical.selector, uint256(uint8(items[i][0]))));
            _reader.item(items[i]);
        }
    }

    function test_refusesHugeLengths() public {
        VM.expectPartialRevert(Rlp.RlpTruncated.selector);
        _reader.item(bytes.concat(hex"bfffffffffffffffff", new bytes(100)));
        VM.expectPartialRevert(Rlp.RlpTruncated.selector);
        _reader.item(bytes.concat(hex"ffffffffffffffffff", new bytes(100)));
    }

    function testFuzz_refusesTrailingBytes(bytes memory payload, bytes memory extra) public {
        VM.assume(extra.length != 0);
        VM.expectRevert(abi.encodeWithSelector(Rlp.RlpTrailingBytes.selector, extra.length));
        _reader.item(bytes.concat(RlpWriter.str(payload), extra));
    }

    function testFuzz_readsIntegers(uint256 value, uint8 shift) public view {
        value >>= shift;
        eq("value", _reader.integer(RlpWriter.number(value), 32), value);
    }

    function test_refusesIntegersThatAreNone() public {
        VM.expectPartialRevert(Rlp.RlpLeadingZero.selector);
        _reader.integer(hex"00", 32);
        VM.expectPartialRevert(Rlp.RlpLeadingZero.selector);
        _reader.integer(hex"820001", 32);
        VM.expectRevert(abi.encodeWithSelector(Rlp.RlpWrongKind.selector, uint256(0xc0)));
        _reader.integer(hex"c0", 32);
        VM.expectRevert(abi.encodeWithSelector(Rlp.RlpIntegerTooLong.selector, uint256(8), uint256(9)));
        _reader.integer(hex"89010000000000000000", 8);
        VM.expectRevert(abi.encodeWithSelector(Rlp.RlpIntegerTooLong.selector, uint256(32), uint256(33)));
        _reader.integer(bytes.concat(hex"a101", new bytes(32)), 32);
    }

    function test_readsAHeader() public {
        string memory json = VM.readFile("test/vectors/mainnet.json");
        bytes memory header = VM.parseJsonBytes(json, ".header");
        eq("hash", keccak256(header), VM.parseJsonBytes32(json, ".blockHash"));
        (bytes32 stateRoot, bytes32 receiptsRoot, uint64 number, uint64 timestamp) = _reader.header(header);
        eq("state root", stateRoot, VM.parseJsonBytes32(json, ".stateRoot"));
        eq("receipts root", receiptsRoot, VM.parseJsonBytes32(json, ".receiptsRoot"));
        eq("number", number, VM.parseJsonUint(json, ".number"));
        eq("timestamp", timestamp, VM.parseJsonUint(json, ".timestamp"));

        VM.expectPartialRevert(Rlp.RlpTrailingBytes.selector);
        _reader.header(bytes.concat(header, hex"00"));
        VM.expectRevert(abi.encodeWithSelector(BlockHeaders.InvalidHeader.selector, uint256(0)));
        _reader.header(hex"c0");
        VM.expectRevert(abi.encodeWithSelector(BlockHeaders.InvalidHeader.selector, uint256(3)));
        _reader.header(hex"c3808080");
        VM.expectRevert(abi.encodeWithSelector(Rlp.RlpWrongLength.selector, uint256(32), uint256(0)));
        _reader.header(hex"c480808080");
        VM.expectRevert(abi.encodeWithSelector(Rlp.RlpWrongKind.selector, uint256(0xc0)));
        _reader.header(hex"c480c08080");
    }
}
