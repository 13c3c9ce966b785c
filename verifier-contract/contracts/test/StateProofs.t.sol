// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.19;

import {MerklePatricia} from "../src/lib/MerklePatricia.sol";
import {Rlp} from "../src/lib/Rlp.sol";
import {StateProofs} from "../src/lib/StateProofs.sol";
import {Base} from "./Base.sol";
import {RlpWriter} from "./RlpWriter.sol";
import {TrieHarness} from "./doubles/TrieHarness.sol";

/// @dev Real proofs: mainnet's state before block 22615247, and that block's transactions.
contract StateProofsTest is Base {
    TrieHarness private _trie = new TrieHarness();
    string private _json = VM.readFile("test/vectors/mainnet.json");
    bytes32 private _stateRoot = VM.parseJsonBytes32(_json, ".stateRoot");

    function test_accountsAndStorage() public view {
        uint256 existing;
        uint256 absent;
        uint256 slots;
        for (uint256 i; VM.keyExistsJson(_json, element(".accounts", i)); ++i) {
            string memory at = element(".accounts", i);
            bytes[] memory proof = VM.parseJsonBytesArray(_json, string.concat(at, ".proof"));
            address addr = VM.parseJsonAddress(_json, string.concat(at, ".address"));
            StateProofs.Account memory account = _trie.account(_stateRoot, addr, proof);
            eq("exists", account.exists, VM.parseJsonBool(_json, string.concat(at, ".exists")));
            eq("nonce", account.nonce, VM.parseJsonUint(_json, string.concat(at, ".nonce")));
            eq("balance", account.balance, uint256(VM.parseJsonBytes32(_json, string.concat(at, ".balance"))));
            eq("storage root", account.storageRoot, VM.parseJsonBytes32(_json, string.concat(at, ".storageRoot")));
            eq("code hash", account.codeHash, VM.parseJsonBytes32(_json, string.concat(at, ".codeHash")));
            account.exists ? ++existing : ++absent;
            slots += _checkSlots(string.concat(at, ".slots"), account.storageRoot);
        }
        require(existing >= 2 && absent >= 1 && slots >= 3, "vectors are missing");
    }

    function test_transactions() public view {
        bytes32 root = VM.parseJsonBytes32(_json, ".transactionsRoot");
        uint256 i;
        for (; VM.keyExistsJson(_json, element(".transactions", i)); ++i) {
            string memory at = element(".transactions", i);
            (bool found, bytes memory entry) = _trie.listEntry(
                root,
                uint64(VM.parseJsonUint(_json, string.concat(at, ".index"))),
                VM.parseJsonBytesArray(_json, string.concat(at, ".proof"))
            );
            eq("found", found, VM.parseJsonBool(_json, string.concat(at, ".found")));
            eq("entry", entry, VM.parseJsonBytes(_json, string.concat(at, ".value")));
        }
        require(i >= 6, "vectors are missing");
    }

    /// @dev The key of an entry is the RLP of its index, for every length of an index.
    function testFuzz_entriesByTheRlpOfTheirIndex(uint64 index, uint8 shift) public view {
        index >>= shift % 64;
        bytes memory key = RlpWriter.number(index);
        bytes memory leaf = RlpWriter.short(bytes.concat(hex"20", key), RlpWriter.str("entry"));
        (bool found, bytes memory entry) = _trie.listEntry(keccak256(leaf), index, _proof(leaf));
        eq("found", found, true);
        eq("entry", entry, "entry");
        (found, entry) = _trie.listEntry(keccak256(leaf), index ^ 1, _proof(leaf));
        eq("found", found, false);
    }

    function testFuzz_account(address addr, uint64 nonce, uint256 balance, bytes32 root, bytes32 code) public view {
        bytes memory leaf = _accountLeaf(addr, _account(nonce, balance, root, code));
        StateProofs.Account memory read = _trie.account(keccak256(leaf), addr, _proof(leaf));
        eq("exists", read.exists, true);
        eq("nonce", read.nonce, nonce);
        eq("balance", read.balance, balance);
        eq("storage root", read.storageRoot, root);
        eq("code hash", read.codeHash, code);
    }

    function testFuzz_storage(bytes32 slot, bytes32 value) public view {
        VM.assume(value != 0);
        bytes memory leaf = _slotLeaf(slot, RlpWriter.number(uint256(value)));
        eq("value", _trie.storageSlot(keccak256(leaf), slot, _proof(leaf)), value);
        eq("another slot", _trie.storageSlot(keccak256(leaf), slot ^ bytes32(uint256(1)), _proof(leaf)), 0);
    }

    function test_refusesMalformedAccounts() public {
        bytes memory roots = bytes.concat(_word("a"), _word("b"));
        // Fields missing, too many, too long, with leading zeros, lists among them, no list at all.
        _refusedAccount(RlpWriter.list(hex"0101"), Rlp.RlpTruncated.selector);
        _refusedAccount(RlpWriter.list(bytes.concat(hex"0101", roots, hex"80")), Rlp.RlpTrailingBytes.selector);
        _refusedAccount(
            RlpWriter.list(bytes.concat(hex"89010000000000000000", hex"01", roots)), Rlp.RlpIntegerTooLong.selector
        );
        _refusedAccount(RlpWriter.list(bytes.concat(hex"01a101", new bytes(32), roots)), Rlp.RlpIntegerTooLong.selector);
        _refusedAccount(RlpWriter.list(bytes.concat(hex"0001", roots)), Rlp.RlpLeadingZero.selector);
        _refusedAccount(RlpWriter.list(bytes.concat(hex"01820001", roots)), Rlp.RlpLeadingZero.selector);
        _refusedAccount(RlpWriter.list(bytes.concat(hex"c001", roots)), Rlp.RlpWrongKind.selector);
        _refusedAccount(RlpWriter.list(bytes.concat(hex"010180", _word("b"))), Rlp.RlpWrongLength.selector);
        _refusedAccount(RlpWriter.str("account"), Rlp.RlpWrongKind.selector);
        _refusedAccount(bytes.concat(_account(1, 1, "a", "b"), hex"80"), Rlp.RlpTrailingBytes.selector);
    }

    function test_refusesMalformedSlots() public {
        _refusedSlot(hex"80", StateProofs.StoredZero.selector);
        _refusedSlot(hex"00", Rlp.RlpLeadingZero.selector);
        _refusedSlot(hex"820001", Rlp.RlpLeadingZero.selector);
        _refusedSlot(hex"8101", Rlp.RlpNotCanonical.selector);
        _refusedSlot(bytes.concat(hex"a101", new bytes(32)), Rlp.RlpIntegerTooLong.selector);
        _refusedSlot(hex"c101", Rlp.RlpWrongKind.selector);
        _refusedSlot(hex"0101", Rlp.RlpTrailingBytes.selector);
    }

    function _checkSlots(string memory array, bytes32 root) private view returns (uint256 count) {
        for (; VM.keyExistsJson(_json, element(array, count)); ++count) {
            string memory at = element(array, count);
            bytes32 value = _trie.storageSlot(
                root,
                VM.parseJsonBytes32(_json, string.concat(at, ".slot")),
                VM.parseJsonBytesArray(_json, string.concat(at, ".proof"))
            );
            eq("slot", value, VM.parseJsonBytes32(_json, string.concat(at, ".value")));
        }
    }

    function _refusedAccount(bytes memory account, bytes4 selector) private {
        bytes memory leaf = _accountLeaf(address(1), account);
        VM.expectPartialRevert(selector);
        _trie.account(keccak256(leaf), address(1), _proof(leaf));
    }

    function _refusedSlot(bytes memory value, bytes4 selector) private {
        bytes memory leaf = _slotLeaf("slot", value);
        VM.expectPartialRevert(selector);
        _trie.storageSlot(keccak256(leaf), "slot", _proof(leaf));
    }

    function _account(uint64 nonce, uint256 balance, bytes32 root, bytes32 code) private pure returns (bytes memory) {
        return
            RlpWriter.list(bytes.concat(RlpWriter.number(nonce), RlpWriter.number(balance), _word(root), _word(code)));
    }

    function _accountLeaf(address addr, bytes memory account) private pure returns (bytes memory) {
        return _leaf(keccak256(abi.encodePacked(addr)), account);
    }

    function _slotLeaf(bytes32 slot, bytes memory value) private pure returns (bytes memory) {
        return _leaf(keccak256(abi.encode(slot)), value);
    }

    function _leaf(bytes32 key, bytes memory value) private pure returns (bytes memory) {
        return RlpWriter.short(abi.encodePacked(hex"20", key), RlpWriter.str(value));
    }

    function _word(bytes32 value) private pure returns (bytes memory) {
        return RlpWriter.str(abi.encodePacked(value));
    }

    function _proof(bytes memory node) private pure returns (bytes[] memory proof) {
        proof = new bytes[](1);
        proof[0] = node;
    }
}
