// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.19;

import {StateProofs} from "../src/lib/StateProofs.sol";
import {Base} from "./Base.sol";
import {TrieHarness} from "./doubles/TrieHarness.sol";

/// @dev What a live anvil says of its state, beside what its `eth_getProof` and receipts prove.
/// scripts/anvil-vectors.mjs asks it and writes the file that ANVIL_VECTORS names; scripts/test-contracts does both.
contract AnvilProofsTest is Base {
    TrieHarness private _trie = new TrieHarness();
    string private _json;

    function setUp() public {
        string memory path = VM.envOr("ANVIL_VECTORS", "");
        if (bytes(path).length == 0) VM.skip(true);
        _json = VM.readFile(path);
    }

    function test_accountsAndStorage() public view {
        bytes32 stateRoot = VM.parseJsonBytes32(_json, ".stateRoot");
        uint256 slots;
        uint256 i;
        for (; VM.keyExistsJson(_json, element(".accounts", i)); ++i) {
            string memory at = element(".accounts", i);
            StateProofs.Account memory account = _trie.account(
                stateRoot,
                VM.parseJsonAddress(_json, string.concat(at, ".address")),
                VM.parseJsonBytesArray(_json, string.concat(at, ".proof"))
            );
            eq("exists", account.exists, VM.parseJsonBool(_json, string.concat(at, ".exists")));
            eq("nonce", account.nonce, VM.parseJsonUint(_json, string.concat(at, ".nonce")));
            eq("balance", account.balance, uint256(VM.parseJsonBytes32(_json, string.concat(at, ".balance"))));
            eq("storage root", account.storageRoot, VM.parseJsonBytes32(_json, string.concat(at, ".storageRoot")));
            eq("code hash", account.codeHash, VM.parseJsonBytes32(_json, string.concat(at, ".codeHash")));
            slots += _checkSlots(string.concat(at, ".slots"), StateProofs.storageRootOf(account));
        }
        require(i == 4 && slots == 9, "accounts or slots are missing");
    }

    function test_receipts() public view {
        bytes32 root = VM.parseJsonBytes32(_json, ".receiptsRoot");
        uint256 i;
        for (; VM.keyExistsJson(_json, element(".receipts", i)); ++i) {
            string memory at = element(".receipts", i);
            (bool found, bytes memory receipt) = _trie.listEntry(
                root,
                uint64(VM.parseJsonUint(_json, string.concat(at, ".index"))),
                VM.parseJsonBytesArray(_json, string.concat(at, ".proof"))
            );
            eq("found", found, VM.parseJsonBool(_json, string.concat(at, ".found")));
            eq("receipt", receipt, VM.parseJsonBytes(_json, string.concat(at, ".value")));
        }
        require(i == 7, "receipts are missing");
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
}
