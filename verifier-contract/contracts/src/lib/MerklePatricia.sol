// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.19;

import {Rlp} from "./Rlp.sol";

/// @title Proofs in Merkle-Patricia tries
/// @notice The tries of appendix D of the yellow paper, with proofs as `eth_getProof` gives them: the RLP of each node
/// from the root down that is referred to by its hash. A node below 32 bytes is embedded in its parent and is no
/// element of the proof of its own.
/// @dev A key is absent only if the proof shows it: an empty place in a branch, or a path that parts from the key's.
/// A proof that ends early, has nodes to spare, or has any byte changed, is refused. Of a branch, the items beside
/// the key's are checked to be empty, a hash, or an embedded node, whose own content is not looked into.
library MerklePatricia {
    /// @notice The proof ends before the node that has to come next.
    /// @param index Position in the proof that it would have.
    /// @param expected Its hash.
    error MissingNode(uint256 index, bytes32 expected);
    /// @notice A node of the proof has another hash than its parent, or the root, says.
    /// @param index Position in the proof.
    /// @param expected The hash that its parent, or the root, says.
    /// @param actual Its hash.
    error WrongNode(uint256 index, bytes32 expected, bytes32 actual);
    /// @notice The proof continues after the node that settles it.
    /// @param used Number of nodes that settle the key.
    /// @param given Number of nodes that the proof has.
    error UnusedNodes(uint256 used, uint256 given);
    /// @notice A node below 32 bytes, which has to be embedded in its parent, stands on its own.
    /// @param index Position in the proof.
    /// @param length Length of the node.
    error NodeNotEmbedded(uint256 index, uint256 length);
    /// @notice A node has neither two nor seventeen items.
    error WrongItemCount();
    /// @notice The path of a leaf or an extension is not encoded as it has to be.
    /// @param prefix First byte of the path.
    error InvalidPath(uint256 prefix);
    /// @notice A reference is neither empty, nor a hash, nor an embedded node.
    /// @param prefix First byte of the reference.
    error InvalidReference(uint256 prefix);
    /// @notice A leaf has no value.
    error EmptyLeaf();

    /// @notice Root of the trie without entries, keccak256(rlp("")).
    bytes32 internal constant EMPTY_ROOT = 0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421;

    /// @dev Prefix of an empty string, and of a string of 32 bytes.
    uint256 private constant EMPTY = 0x80;
    uint256 private constant HASH = 0xa0;
    /// @dev Prefix of the longest list that is below 32 bytes.
    uint256 private constant LONGEST_EMBEDDED = 0xde;

    /// @notice Looks up a key.
    /// @param root Root of the trie, which the caller trusts.
    /// @param key The key, from the word's most significant byte on.
    /// @param nibbles Length of the key in half bytes, at most 64.
    /// @param proof The nodes.
    /// @return found Whether the key has a value; if not, the proof shows that it has none.
    /// @return value The value.
    function get(bytes32 root, bytes32 key, uint256 nibbles, bytes[] calldata proof)
        internal
        pure
        returns (bool found, bytes memory value)
    {
        if (root == EMPTY_ROOT) {
            _requireEmptyTrie(proof);
            return (false, "");
        }
        // What is left of the key, its next nibble the most significant.
        uint256 rest = uint256(key);
        (uint256 at, uint256 end) = _open(proof, 0, root);
        uint256 used = 1;
        while (true) {
            uint256 walked;
            uint256 payload;
            (walked, payload, end) = _step(Rlp.wholeList(at, end), end, rest, nibbles);
            if (walked > nibbles) {
                // The key ends here, with a value, or without one.
                _requireAllUsed(proof, used);
                if (payload == end) return (false, "");
                return (true, Rlp.copy(payload, end));
            }
            unchecked {
                nibbles -= walked;
                rest <<= 4 * walked;
            }
            uint256 prefix = Rlp.byteAt(payload);
            if (prefix == HASH) {
                bytes32 hash;
                assembly ("memory-safe") {
                    hash := mload(add(payload, 1))
                }
                (at, end) = _open(proof, used, hash);
                unchecked {
                    ++used;
                }
            } else {
                at = payload;
            }
        }
    }

    /// @dev Goes from a node, whose items stand from `items` to `end`, towards the key.
    /// @return walked Nibbles of the key that were walked, or more than `nibbles` if this node settles the key.
    /// @return start Start of the reference to the next node, or of the value; equal to `finish` if there is none.
    /// @return finish Its end.
    function _step(uint256 items, uint256 end, uint256 rest, uint256 nibbles)
        private
        pure
        returns (uint256 walked, uint256 start, uint256 finish)
    {
        // The first item of a branch is a reference, the first of any other node a path, which is never empty. Where
        // it could be either, the end of the second item decides.
        uint256 first = Rlp.byteAt(items);
        if (items < end && first != EMPTY && first < 0xc0) {
            (uint256 path, uint256 second) = Rlp.string_(items, end);
            (, uint256 next,) = Rlp.item(second, end);
            if (next == end) return _short(path, second, end, rest, nibbles);
        }
        return _branch(items, end, rest, nibbles);
    }

    /// @dev The same as `_step`, for a leaf or an extension: its path stands from `path` to `second`, and from there to `end`
    /// the value or the reference.
    function _short(uint256 path, uint256 second, uint256 end, uint256 rest, uint256 nibbles)
        private
        pure
        returns (uint256 walked, uint256 start, uint256 finish)
    {
        (uint256 length, bool leaf, bool matches) = _path(path, second - path, rest, nibbles);
        if (leaf) {
            (start,) = Rlp.string_(second, end);
            if (start == end) revert EmptyLeaf();
            // A leaf is on the key's path only if its own ends where the key's does.
            return (type(uint256).max, matches && length == nibbles ? start : end, end);
        }
        if (length == 0) revert InvalidPath(Rlp.byteAt(path));
        _requireReference(second, end);
        return matches ? (length, second, end) : (type(uint256).max, end, end);
    }

    /// @dev The same as `_step`, for a branch. All seventeen items are gone through.
    function _branch(uint256 items, uint256 end, uint256 rest, uint256 nibbles)
        private
        pure
        returns (uint256 walked, uint256 start, uint256 finish)
    {
        uint256 wanted = rest >> 252;
        start = _skip(items, wanted, end);
        finish = _skip(start, 1, end);
        items = _skip(finish, 15 - wanted, end);
        if (items >= end) revert WrongItemCount();
        (uint256 payload, uint256 last) = Rlp.string_(items, end);
        if (last != end) revert WrongItemCount();
        if (nibbles == 0) return (type(uint256).max, payload, end);
        if (Rlp.byteAt(start) == EMPTY) return (type(uint256).max, end, end);
        return (1, start, finish);
    }

    /// @dev Start of the next item after `count` references from `at` on. This may be beyond `end`: then what was
    /// read there is of no consequence, for the caller refuses the node.
    function _skip(uint256 at, uint256 count, uint256 end) private pure returns (uint256) {
        uint256 prefix;
        // Most of the gas of a proof is spent here, hence the assembly.
        assembly ("memory-safe") {
            for {} count { count := sub(count, 1) } {
                prefix := byte(0, mload(at))
                if eq(prefix, HASH) {
                    at := add(at, 33)
                    continue
                }
                if eq(prefix, EMPTY) {
                    at := add(at, 1)
                    continue
                }
                if or(lt(prefix, 0xc0), gt(prefix, LONGEST_EMBEDDED)) { break }
                at := add(at, sub(prefix, 0xbf))
            }
        }
        if (count != 0) {
            if (at >= end) revert WrongItemCount();
            revert InvalidReference(prefix);
        }
        return at;
    }

    /// @dev Reads the hex-prefix encoding (appendix C of the yellow paper) of `size` bytes at `at`.
    /// @return length Nibbles of the path.
    /// @return leaf Whether it is a leaf's.
    /// @return matches Whether the rest of the key starts with it.
    function _path(uint256 at, uint256 size, uint256 rest, uint256 nibbles)
        private
        pure
        returns (uint256 length, bool leaf, bool matches)
    {
        uint256 prefix = Rlp.byteAt(at);
        bool odd = prefix & 0x10 != 0;
        // The nibble of flags is at most 3, and what pads an even path is zero.
        if (prefix > 0x3f || size > 33 || (!odd && prefix & 0x0f != 0)) revert InvalidPath(prefix);
        leaf = prefix & 0x20 != 0;
        unchecked {
            length = 2 * (size - 1);
            if (odd) ++length;
            if (length > 64) revert InvalidPath(prefix);
            if (length > nibbles) return (length, leaf, false);
            uint256 path;
            assembly ("memory-safe") {
                switch odd
                case 0 {
                    path := mload(add(at, 1))
                }
                default {
                    path := shl(4, mload(at))
                }
            }
            matches = length == 0 || (path ^ rest) >> (256 - 4 * length) == 0;
        }
    }

    /// @dev Reverts unless the item from `at` to `next` is a hash or an embedded node.
    function _requireReference(uint256 at, uint256 next) private pure {
        uint256 prefix = Rlp.byteAt(at);
        unchecked {
            if (prefix != HASH && (prefix < 0xc0 || next - at > 31)) revert InvalidReference(prefix);
        }
    }

    /// @dev Copies the node of the proof at `index` to memory and checks its hash.
    function _open(bytes[] calldata proof, uint256 index, bytes32 expected)
        private
        pure
        returns (uint256 at, uint256 end)
    {
        if (index >= proof.length) revert MissingNode(index, expected);
        bytes memory node = proof[index];
        bytes32 actual = keccak256(node);
        if (actual != expected) revert WrongNode(index, expected, actual);
        if (index != 0 && node.length < 32) revert NodeNotEmbedded(index, node.length);
        return Rlp.bounds(node);
    }

    /// @dev A proof in the empty trie has no node, or its root alone: nodes give either.
    function _requireEmptyTrie(bytes[] calldata proof) private pure {
        if (proof.length == 0) return;
        bytes32 actual = keccak256(proof[0]);
        if (actual != EMPTY_ROOT) revert WrongNode(0, EMPTY_ROOT, actual);
        _requireAllUsed(proof, 1);
    }

    function _requireAllUsed(bytes[] calldata proof, uint256 used) private pure {
        if (used != proof.length) revert UnusedNodes(used, proof.length);
    }
}
