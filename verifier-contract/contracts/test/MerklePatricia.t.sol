// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.19;

import {MerklePatricia} from "../src/lib/MerklePatricia.sol";
import {Rlp} from "../src/lib/Rlp.sol";
import {Base} from "./Base.sol";
import {RlpWriter} from "./RlpWriter.sol";
import {TrieHarness} from "./doubles/TrieHarness.sol";

contract MerklePatriciaTest is Base {
    struct Case {
        bytes32 root;
        bytes key;
        bool found;
        bytes value;
        bytes[] proof;
    }

    TrieHarness private _trie = new TrieHarness();
    Case[] private _cases;

    /// @dev Proofs in small tries of another implementation, see scripts/make-vectors.mjs.
    function setUp() public {
        string memory json = VM.readFile("test/vectors/tries.json");
        for (uint256 i; VM.keyExistsJson(json, element(".cases", i)); ++i) {
            string memory at = element(".cases", i);
            Case storage added = _cases.push();
            added.root = VM.parseJsonBytes32(json, string.concat(at, ".root"));
            added.key = VM.parseJsonBytes(json, string.concat(at, ".key"));
            added.found = VM.parseJsonBool(json, string.concat(at, ".found"));
            added.value = VM.parseJsonBytes(json, string.concat(at, ".value"));
            added.proof = VM.parseJsonBytesArray(json, string.concat(at, ".proof"));
        }
    }

    function test_agreesWithAnotherImplementation() public view {
        uint256 found;
        for (uint256 i; i < _cases.length; ++i) {
            _check(_cases[i]);
            if (_cases[i].found) ++found;
        }
        require(
            found > 50 && _cases.length - found > 50, "the vectors have few keys that are there, or few that aren't"
        );
    }

    function testFuzz_refusesAnAlteredByte(uint256 which, uint256 node, uint256 place, uint8 change) public {
        VM.assume(change != 0);
        Case memory chosen = _chosen(which);
        node %= chosen.proof.length;
        bytes memory altered = chosen.proof[node];
        bytes32 before = keccak256(altered);
        place %= altered.length;
        altered[place] = bytes1(uint8(altered[place]) ^ change);
        VM.expectRevert(abi.encodeWithSelector(MerklePatricia.WrongNode.selector, node, before, keccak256(altered)));
        _trie.get(chosen.root, chosen.key, chosen.proof);
    }

    function testFuzz_refusesAnAlteredRoot(uint256 which, bytes32 root) public {
        Case memory chosen = _chosen(which);
        VM.assume(root != chosen.root);
        VM.expectPartialRevert(MerklePatricia.WrongNode.selector);
        _trie.get(root, chosen.key, chosen.proof);
    }

    function testFuzz_refusesAProofThatEndsEarly(uint256 which, uint256 length) public {
        Case memory chosen = _chosen(which);
        length %= chosen.proof.length;
        bytes[] memory cut = new bytes[](length);
        for (uint256 i; i < length; ++i) {
            cut[i] = chosen.proof[i];
        }
        VM.expectRevert(
            abi.encodeWithSelector(
                MerklePatricia.MissingNode.selector, length, length == 0 ? chosen.root : keccak256(chosen.proof[length])
            )
        );
        _trie.get(chosen.root, chosen.key, cut);
    }

    function testFuzz_refusesUnusedNodes(uint256 which, bytes memory extra) public {
        Case memory chosen = _chosen(which);
        uint256 used = chosen.proof.length;
        bytes[] memory longer = new bytes[](used + 1);
        for (uint256 i; i < used; ++i) {
            longer[i] = chosen.proof[i];
        }
        longer[used] = extra;
        VM.expectRevert(abi.encodeWithSelector(MerklePatricia.UnusedNodes.selector, used, used + 1));
        _trie.get(chosen.root, chosen.key, longer);
    }

    /// @dev A proof for one key, used for another, is refused or gives what the other key really has.
    function testFuzz_neverServesAnotherKey(uint256 which, uint256 other) public view {
        Case memory chosen = _chosen(which);
        Case memory foreign = _chosen(other);
        try _trie.get(chosen.root, foreign.key, chosen.proof) returns (bool found, bytes memory value) {
            if (chosen.root != foreign.root) {
                // Two tries with a key in common may have it by chance; then the proof has to be the key's own.
                for (uint256 i; i < _cases.length; ++i) {
                    if (_cases[i].root != chosen.root || keccak256(_cases[i].key) != keccak256(foreign.key)) continue;
                    eq("found", found, _cases[i].found);
                    eq("value", value, _cases[i].value);
                }
            } else {
                eq("found", found, foreign.found);
                eq("value", value, foreign.value);
            }
        } catch {}
    }

    function testFuzz_refusesGarbage(bytes32 root, bytes32 key, bytes[] memory proof) public {
        VM.assume(root != MerklePatricia.EMPTY_ROOT);
        VM.assume(proof.length == 0 || keccak256(proof[0]) != root);
        VM.expectRevert();
        _trie.get(root, abi.encode(key), proof);
    }

    /// @dev Under a root that is the hash of any bytes, a value is only found in a node that encodes it.
    function testFuzz_readsACanonicalLeafOnly(bytes memory node, bytes32 key) public view {
        bytes[] memory proof = _proof(node);
        try _trie.get(keccak256(node), abi.encode(key), proof) returns (bool found, bytes memory value) {
            if (found) eq("node", node, RlpWriter.short(abi.encodePacked(hex"20", key), RlpWriter.str(value)));
        } catch {}
    }

    /// @dev As above, from a leaf with a byte changed and the root fitted to it.
    function testFuzz_readsACanonicalLeafOnlyNearLeaves(bytes memory value, bytes32 key, uint256 place, uint8 change)
        public
        view
    {
        bytes memory node = RlpWriter.short(abi.encodePacked(hex"20", key), RlpWriter.str(value));
        place %= node.length;
        node[place] = bytes1(uint8(node[place]) ^ change);
        testFuzz_readsACanonicalLeafOnly(node, key);
    }

    function testFuzz_walksABranchWithAnyChild(bytes4 key, bytes memory value) public view {
        VM.assume(value.length != 0);
        // The branch takes the first nibble, an odd path of the leaf the other seven.
        bytes memory leaf = RlpWriter.short(
            abi.encodePacked(bytes1((uint8(key[0]) & 0x0f) | 0x30), bytes3(key << 8)), RlpWriter.str(value)
        );
        bool embedded = leaf.length < 32;
        bytes memory child = embedded ? leaf : RlpWriter.str(abi.encodePacked(keccak256(leaf)));
        bytes memory root = RlpWriter.branch(uint8(key[0]) >> 4, child, "");
        bytes[] memory proof = embedded ? _proof(root) : _proof(root, leaf);
        (bool found, bytes memory read) = _trie.get(keccak256(root), abi.encodePacked(key), proof);
        eq("found", found, true);
        eq("value", read, value);
        // Where the key's first nibble is another, the branch shows that there is nothing.
        (found, read) = _trie.get(keccak256(root), abi.encodePacked(key ^ 0x10000000), _proof(root));
        eq("found", found, false);
        eq("value", read, "");
    }

    function test_emptyTrie() public {
        (bool found,) = _trie.get(MerklePatricia.EMPTY_ROOT, hex"12", new bytes[](0));
        eq("found without nodes", found, false);
        (found,) = _trie.get(MerklePatricia.EMPTY_ROOT, hex"12", _proof(hex"80"));
        eq("found with the root", found, false);
        VM.expectRevert(
            abi.encodeWithSelector(
                MerklePatricia.WrongNode.selector, uint256(0), MerklePatricia.EMPTY_ROOT, keccak256(hex"c0")
            )
        );
        _trie.get(MerklePatricia.EMPTY_ROOT, hex"12", _proof(hex"c0"));
        VM.expectRevert(abi.encodeWithSelector(MerklePatricia.UnusedNodes.selector, uint256(1), uint256(2)));
        _trie.get(MerklePatricia.EMPTY_ROOT, hex"12", _proof(hex"80", hex"80"));
    }

    function test_refusesMalformedNodes() public {
        bytes memory value = RlpWriter.str("value");
        bytes memory hash = RlpWriter.str(abi.encodePacked(keccak256("a node")));
        // Strings instead of nodes, and other counts of items.
        _refused(hex"81ff", Rlp.RlpWrongKind.selector);
        _refused(hex"01", Rlp.RlpWrongKind.selector);
        _refused(hex"", Rlp.RlpTruncated.selector);
        _refused(hex"c0", MerklePatricia.WrongItemCount.selector);
        _refused(hex"c120", Rlp.RlpTruncated.selector);
        _refused(hex"c180", MerklePatricia.WrongItemCount.selector);
        _refused(hex"c28080", MerklePatricia.WrongItemCount.selector);
        _refused(RlpWriter.list(bytes.concat(hex"20", value, value)), MerklePatricia.InvalidReference.selector);
        bytes memory sixteen;
        for (uint256 i; i < 16; ++i) {
            sixteen = bytes.concat(sixteen, hex"80");
        }
        _refused(RlpWriter.list(sixteen), MerklePatricia.WrongItemCount.selector);
        _refused(RlpWriter.list(bytes.concat(sixteen, hex"8080")), MerklePatricia.WrongItemCount.selector);
        _refused(RlpWriter.list(bytes.concat(sixteen, hex"c0")), Rlp.RlpWrongKind.selector);
        // Paths: flags beyond three, padding that isn't zero, longer than a key, an extension along nothing.
        _refused(RlpWriter.short(hex"40", value), MerklePatricia.InvalidPath.selector);
        _refused(RlpWriter.short(hex"ff", value), MerklePatricia.InvalidPath.selector);
        _refused(RlpWriter.short(hex"21", value), MerklePatricia.InvalidPath.selector);
        _refused(RlpWriter.short(hex"01", hash), MerklePatricia.InvalidPath.selector);
        _refused(RlpWriter.short(hex"00", hash), MerklePatricia.InvalidPath.selector);
        _refused(RlpWriter.short(bytes.concat(hex"20", new bytes(33)), value), MerklePatricia.InvalidPath.selector);
        _refused(RlpWriter.short(bytes.concat(hex"30", new bytes(32)), value), MerklePatricia.InvalidPath.selector);
        // Leaves without a value, or with a list for one.
        _refused(RlpWriter.short(hex"20", hex"80"), MerklePatricia.EmptyLeaf.selector);
        _refused(RlpWriter.short(hex"20", hex"c0"), Rlp.RlpWrongKind.selector);
        // References: too short, too long, a node that is too long to be embedded.
        bytes memory short = RlpWriter.str(new bytes(31));
        bytes memory long = RlpWriter.str(new bytes(33));
        bytes memory list = RlpWriter.list(new bytes(31));
        _refused(RlpWriter.short(hex"11", short), MerklePatricia.InvalidReference.selector);
        _refused(RlpWriter.short(hex"11", long), MerklePatricia.InvalidReference.selector);
        _refused(RlpWriter.short(hex"11", list), MerklePatricia.InvalidReference.selector);
        _refused(RlpWriter.short(hex"11", hex"80"), MerklePatricia.InvalidReference.selector);
        for (uint256 index; index < 16; ++index) {
            _refused(RlpWriter.branch(index, short, ""), MerklePatricia.InvalidReference.selector);
            _refused(RlpWriter.branch(index, long, ""), MerklePatricia.InvalidReference.selector);
            _refused(RlpWriter.branch(index, list, ""), MerklePatricia.InvalidReference.selector);
            _refused(RlpWriter.branch(index, hex"01", ""), MerklePatricia.InvalidReference.selector);
        }
        // A branch whose last child runs over its end.
        _refused(RlpWriter.list(hex"808080808080808080808080808080a0"), MerklePatricia.WrongItemCount.selector);
        // Bytes after the node.
        _refused(bytes.concat(RlpWriter.short(hex"20", value), hex"00"), Rlp.RlpTrailingBytes.selector);
    }

    function test_refusesAShortNodeOfItsOwn() public {
        bytes memory leaf = RlpWriter.short(hex"32", RlpWriter.str("v"));
        bytes memory root = RlpWriter.branch(1, RlpWriter.str(abi.encodePacked(keccak256(leaf))), "");
        VM.expectRevert(abi.encodeWithSelector(MerklePatricia.NodeNotEmbedded.selector, uint256(1), leaf.length));
        _trie.get(keccak256(root), hex"12", _proof(root, leaf));
    }

    function _check(Case memory item) private view {
        (bool found, bytes memory value) = _trie.get(item.root, item.key, item.proof);
        eq("found", found, item.found);
        eq("value", value, item.value);
    }

    function _chosen(uint256 which) private view returns (Case memory) {
        return _cases[which % _cases.length];
    }

    function _refused(bytes memory node, bytes4 selector) private {
        VM.expectPartialRevert(selector);
        _trie.get(keccak256(node), hex"12", _proof(node));
    }

    function _proof(bytes memory node) private pure returns (bytes[] memory proof) {
        proof = new bytes[](1);
        proof[0] = node;
    }

    function _proof(bytes memory root, bytes memory child) private pure returns (bytes[] memory proof) {
        proof = new bytes[](2);
        (proof[0], proof[1]) = (root, child);
    }
}
