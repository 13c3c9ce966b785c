// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.19;

import {ChainClaim} from "./ChainClaim.sol";
import {IZenoVerifier} from "./IZenoVerifier.sol";
import {BlockHeaders} from "./lib/BlockHeaders.sol";
import {StateProofs} from "./lib/StateProofs.sol";

/// @title A client of validity, for development chains: it knows blocks by proofs that they are valid
/// @notice Starts from a block that its deployer trusts and continues by proofs: each shows that a run of blocks after the
/// head is valid. State, storage and receipts of proven blocks can then be read through it.
///
/// ANYONE CAN STEER IT, so nothing of value may depend on it. It doesn't know what consensus has chosen. Whoever makes a
/// valid child of the head and proves it moves the head, and a valid child is easily made: the execution layer checks
/// neither who proposed a block, nor its time, nor whether its withdrawals are owed, so a child may mint any amount of
/// ether. A proof of one is no evidence that the chain has it. Until consensus is bound too, this contract is for
/// development chains, where nobody gains by that.
/// @dev A parent can have several valid children, and this contract has no fork choice: the first proven child of the head
/// is the one that is followed, and there is no way back. A valid child that comes later is kept apart and reported as
/// competing, which says that one of the two is not of the chain, and not which. `advance` is permissionless, and a rule
/// can't be put in front of it by another contract, because everybody can walk around that one.
contract ZenoLightClient {
    /// @notice Rules of the chain that is followed, in a stretch of time.
    struct Rules {
        /// First timestamp of these rules, in seconds.
        uint64 from;
        /// First timestamp after them: of other rules, or of what is not known yet.
        uint64 end;
        /// Digest of these rules, the `chainSpec` of claims whose last block is of this stretch.
        bytes32 digest;
    }

    /// @notice A block that was proven, or the one that the client started from.
    struct ProvenBlock {
        /// keccak256 of the header.
        bytes32 blockHash;
        /// State root after the block.
        bytes32 stateRoot;
        /// Root of the block's receipts.
        bytes32 receiptsRoot;
        /// Number of the block.
        uint64 number;
        /// Timestamp in seconds.
        uint64 timestamp;
    }

    /// @notice A proven block that is off the chain that is followed.
    struct CompetingBlock {
        /// The block.
        ProvenBlock proven;
        /// The block of the followed chain that it descends from.
        bytes32 parentHash;
        /// The block at the same height of the followed chain, as far as it was known when this one was reported.
        /// Zero if none was: then this block may also be one between two proven blocks, or beyond the head.
        bytes32 conflictsWith;
    }

    /// @notice The SRS of the verifier's key is of no known ceremony, and that was not explicitly allowed.
    /// @param verifier The verifier.
    error InsecureVerifier(address verifier);
    /// @notice The header given is not that of the trusted block.
    /// @param expected The trusted hash.
    /// @param actual The hash of the header given.
    error WrongTrustedHeader(bytes32 expected, bytes32 actual);
    /// @notice The claim is about another chain.
    /// @param expected The id of the chain that is followed.
    /// @param actual The claim's.
    error WrongChainId(uint64 expected, uint64 actual);
    /// @notice An entry of the table of rules ends before it begins, or begins before the one before it ends, or the table is
    /// empty.
    /// @param index Position of the entry.
    error WrongRules(uint256 index);
    /// @notice The table has no rules for the time of the claim's last block: it is in a gap, or after the end.
    /// @param timestamp That time, in seconds.
    error NoRules(uint64 timestamp);
    /// @notice The claim is about a chain with other rules than the table has at the time of its last block. A fork may
    /// have been left out.
    /// @param expected The rules of the chain that is followed.
    /// @param actual The claim's.
    error WrongChainSpec(bytes32 expected, bytes32 actual);
    /// @notice The claim covers no block, or more than its last block has ancestors.
    /// @param blockCount Number of blocks that the claim covers.
    /// @param lastBlockNumber Number of its last block.
    error WrongBlockCount(uint64 blockCount, uint64 lastBlockNumber);
    /// @notice The first block's parent is no block that this client knows.
    /// @param head Hash of the head, which a next claim has to continue from.
    /// @param firstParentHash Hash that the claim continues from.
    error UnknownParent(bytes32 head, bytes32 firstParentHash);
    /// @notice The claim's first parent is the head and its numbers don't fit the head's.
    /// @param expected The number that the last block has to have after the head.
    /// @param actual The claim's.
    error WrongNumber(uint64 expected, uint64 actual);
    /// @notice The claim's last block is on the followed chain already.
    /// @param blockHash Hash of that block.
    error AlreadyProven(bytes32 blockHash);
    /// @notice The claim's last block is known as competing already.
    /// @param blockHash Hash of that block.
    error AlreadyReported(bytes32 blockHash);
    /// @notice No block of this number is known: not proven yet, inside a run, or overwritten in the ring.
    /// @param number The number.
    error UnknownBlock(uint64 number);
    /// @notice No competing block of this hash is known.
    /// @param blockHash The hash.
    error UnknownCompetingBlock(bytes32 blockHash);
    /// @notice The block has no receipt at this index.
    /// @param number Number of the block.
    /// @param index Position of the transaction in the block, from 0.
    error NoReceipt(uint64 number, uint64 index);

    /// @notice The client starts to follow a chain.
    /// @param number Number of the trusted block.
    /// @param blockHash Its hash.
    /// @param stateRoot State root after it.
    /// @param receiptsRoot Its receipts root.
    /// @param timestamp Its timestamp in seconds.
    event Started(
        uint64 indexed number, bytes32 indexed blockHash, bytes32 stateRoot, bytes32 receiptsRoot, uint64 timestamp
    );
    /// @notice The head has moved on by `blockCount` blocks.
    /// @param number Number of the new head.
    /// @param blockHash Its hash.
    /// @param stateRoot State root after it.
    /// @param receiptsRoot Its receipts root.
    /// @param timestamp Its timestamp in seconds.
    /// @param blockCount Number of blocks that the claim covers.
    event Advanced(
        uint64 indexed number,
        bytes32 indexed blockHash,
        bytes32 stateRoot,
        bytes32 receiptsRoot,
        uint64 timestamp,
        uint64 blockCount
    );
    /// @notice A block was proven that descends from a known block which isn't the head.
    /// @param parentHash The block of the followed chain that it descends from.
    /// @param blockHash Its hash.
    /// @param conflictsWith The block at the same height of the followed chain, zero if none is known.
    /// @param number Its number.
    /// @param stateRoot State root after it.
    event Competing(
        bytes32 indexed parentHash,
        bytes32 indexed blockHash,
        bytes32 indexed conflictsWith,
        uint64 number,
        bytes32 stateRoot
    );

    /// @notice Number of blocks that the ring has room for. A block stays until one is proven whose number is larger by a
    /// multiple of this.
    uint64 public constant RING_SIZE = 8192;

    /// @notice The verifier that decides on claims.
    IZenoVerifier public immutable VERIFIER;
    /// @notice EIP-155 id of the chain that is followed.
    uint64 public immutable CHAIN_ID;
    /// @notice `INSECURE_SRS` of its verifier: whether somebody can prove what is false, too.
    bool public immutable INSECURE_SRS;
    /// @notice Hash of the block that the client started from.
    bytes32 public immutable TRUSTED_BLOCK_HASH;

    /// @notice Number of the last block of the followed chain.
    uint64 public headNumber;

    Rules[] private _rules;
    mapping(uint256 => ProvenBlock) private _ring;
    mapping(bytes32 => CompetingBlock) private _competing;
    mapping(bytes32 => bytes32[]) private _competingOf;

    /// @notice Starts from a trusted block.
    /// @param verifier The verifier that decides on claims.
    /// @param chainId EIP-155 id of the chain.
    /// @param table The chain's rules by time, in order. Nothing can be added later, so the client follows no block from the
    /// end of the last entry on.
    /// @param trustedBlockHash Hash of the block to start from.
    /// @param trustedHeader RLP of that block's header.
    /// @param allowUnknownSrs Has to be true if the SRS of the verifier's key is of no known ceremony.
    constructor(
        IZenoVerifier verifier,
        uint64 chainId,
        Rules[] memory table,
        bytes32 trustedBlockHash,
        bytes memory trustedHeader,
        bool allowUnknownSrs
    ) {
        bool insecure = verifier.INSECURE_SRS();
        if (insecure && !allowUnknownSrs) revert InsecureVerifier(address(verifier));
        bytes32 hash = keccak256(trustedHeader);
        if (hash != trustedBlockHash) revert WrongTrustedHeader(trustedBlockHash, hash);
        VERIFIER = verifier;
        CHAIN_ID = chainId;
        INSECURE_SRS = insecure;
        TRUSTED_BLOCK_HASH = trustedBlockHash;
        _setRules(table);

        ProvenBlock memory start;
        start.blockHash = hash;
        (start.stateRoot, start.receiptsRoot, start.number, start.timestamp) = BlockHeaders.decode(trustedHeader);
        _ring[start.number % RING_SIZE] = start;
        headNumber = start.number;
        emit Started(start.number, hash, start.stateRoot, start.receiptsRoot, start.timestamp);
    }

    /// @notice Takes a proven claim, from anyone. If it continues from the head, its last block becomes the head. If it
    /// continues from an older known block, its last block is kept apart and reported as competing. All else reverts.
    /// @param claim The claim.
    /// @param proof Its proof, in the verifier's form.
    /// @return extended Whether the head has moved.
    function advance(ChainClaim calldata claim, bytes calldata proof) external returns (bool extended) {
        if (claim.chainId != CHAIN_ID) revert WrongChainId(CHAIN_ID, claim.chainId);
        bytes32 chainSpec = rulesAt(claim.lastTimestamp);
        if (claim.chainSpec != chainSpec) revert WrongChainSpec(chainSpec, claim.chainSpec);
        if (claim.blockCount == 0 || claim.blockCount > claim.lastBlockNumber) {
            revert WrongBlockCount(claim.blockCount, claim.lastBlockNumber);
        }
        uint64 parentNumber = claim.lastBlockNumber - claim.blockCount;
        bytes32 headHash = _ring[headNumber % RING_SIZE].blockHash;
        extended = claim.firstParentHash == headHash;
        bytes32 conflictsWith;
        if (extended) {
            if (parentNumber != headNumber) revert WrongNumber(headNumber + claim.blockCount, claim.lastBlockNumber);
        } else {
            conflictsWith = _requireCompeting(claim, parentNumber, headHash);
        }

        VERIFIER.verifyClaim(claim, proof);

        ProvenBlock memory proven = ProvenBlock({
            blockHash: claim.lastBlockHash,
            stateRoot: claim.lastStateRoot,
            receiptsRoot: claim.lastReceiptsRoot,
            number: claim.lastBlockNumber,
            timestamp: claim.lastTimestamp
        });
        if (extended) {
            _ring[proven.number % RING_SIZE] = proven;
            headNumber = proven.number;
            emit Advanced(
                proven.number,
                proven.blockHash,
                proven.stateRoot,
                proven.receiptsRoot,
                proven.timestamp,
                claim.blockCount
            );
        } else {
            _competing[proven.blockHash] = CompetingBlock(proven, claim.firstParentHash, conflictsWith);
            _competingOf[claim.firstParentHash].push(proven.blockHash);
            emit Competing(claim.firstParentHash, proven.blockHash, conflictsWith, proven.number, proven.stateRoot);
        }
    }

    /// @notice The `chainSpec` that a claim has to have whose last block is of this time.
    /// @param timestamp The time, in seconds.
    /// @return The digest of the rules.
    function rulesAt(uint64 timestamp) public view returns (bytes32) {
        // From the last entry down, because that is asked for most. The entries don't overlap.
        for (uint256 index = _rules.length; index > 0; --index) {
            Rules storage entry = _rules[index - 1];
            if (entry.from <= timestamp) {
                if (timestamp < entry.end) return entry.digest;
                break;
            }
        }
        revert NoRules(timestamp);
    }

    /// @notice The table of rules.
    /// @return All entries, in the order of time.
    function rules() external view returns (Rules[] memory) {
        return _rules;
    }

    /// @notice The last block of the followed chain.
    /// @return The block.
    function head() external view returns (ProvenBlock memory) {
        return _ring[headNumber % RING_SIZE];
    }

    /// @notice The block of this number, if it is the last of a claim and still in the ring.
    /// @param number Number of the block.
    /// @return The block.
    function provenBlock(uint64 number) public view returns (ProvenBlock memory) {
        if (!isProven(number)) revert UnknownBlock(number);
        return _ring[number % RING_SIZE];
    }

    /// @notice Whether `provenBlock` knows the block of this number.
    /// @param number Number of the block.
    /// @return Whether it is known.
    function isProven(uint64 number) public view returns (bool) {
        ProvenBlock storage entry = _ring[number % RING_SIZE];
        return entry.number == number && entry.blockHash != 0;
    }

    /// @notice State root after the block of this number.
    /// @param number Number of the block.
    /// @return The root.
    function stateRoot(uint64 number) external view returns (bytes32) {
        return _at(number).stateRoot;
    }

    /// @notice Receipts root of the block of this number.
    /// @param number Number of the block.
    /// @return The root.
    function receiptsRoot(uint64 number) external view returns (bytes32) {
        return _at(number).receiptsRoot;
    }

    /// @notice Number of known competing blocks that continue from a block of the followed chain.
    /// @param parentHash Hash of that block.
    /// @return The number of them.
    function competingCount(bytes32 parentHash) external view returns (uint256) {
        return _competingOf[parentHash].length;
    }

    /// @notice The hash of a competing block, in the order of reporting.
    /// @param parentHash Hash of the block of the followed chain that it continues from.
    /// @param index Position, below `competingCount(parentHash)`.
    /// @return The hash.
    function competingHash(bytes32 parentHash, uint256 index) external view returns (bytes32) {
        return _competingOf[parentHash][index];
    }

    /// @notice The competing block of this hash.
    /// @param blockHash The hash.
    /// @return The block, with what it competes with.
    function competingBlock(bytes32 blockHash) external view returns (CompetingBlock memory) {
        if (_competing[blockHash].proven.blockHash == 0) revert UnknownCompetingBlock(blockHash);
        return _competing[blockHash];
    }

    /// @notice The account at an address after a proven block, all zeros if the proof shows that there is none.
    /// @param number Number of the block.
    /// @param account The address.
    /// @param accountProof `accountProof` of `eth_getProof`.
    /// @return The account.
    function verifyAccount(uint64 number, address account, bytes[] calldata accountProof)
        external
        view
        returns (StateProofs.Account memory)
    {
        return StateProofs.account(_at(number).stateRoot, account, accountProof);
    }

    /// @notice A storage slot after a proven block, zero if the proof shows that it isn't set.
    /// @param number Number of the block.
    /// @param account The address whose storage it is.
    /// @param slot Index of the slot, as `SLOAD` takes it.
    /// @param accountProof `accountProof` of `eth_getProof`.
    /// @param storageProof `storageProof[].proof` of `eth_getProof`.
    /// @return The value of the slot.
    function verifyStorage(
        uint64 number,
        address account,
        bytes32 slot,
        bytes[] calldata accountProof,
        bytes[] calldata storageProof
    ) external view returns (bytes32) {
        StateProofs.Account memory owner = StateProofs.account(_at(number).stateRoot, account, accountProof);
        return StateProofs.storageSlot(StateProofs.storageRootOf(owner), slot, storageProof);
    }

    /// @notice A receipt of a proven block, as EIP-2718 bytes: a typed receipt starts with its type, one of a legacy
    /// transaction is an RLP list. Its success, gas and logs are for the caller to decode.
    /// @param number Number of the block.
    /// @param index Position of the transaction in the block, from 0.
    /// @param receiptProof The nodes of the receipts trie, from the root down to the receipt's leaf.
    /// @return The receipt's bytes.
    function verifyReceipt(uint64 number, uint64 index, bytes[] calldata receiptProof)
        external
        view
        returns (bytes memory)
    {
        (bool found, bytes memory receipt) = StateProofs.listEntry(_at(number).receiptsRoot, index, receiptProof);
        if (!found) revert NoReceipt(number, index);
        return receipt;
    }

    /// @dev Stores the table of rules, whose entries must be in order.
    function _setRules(Rules[] memory table) private {
        if (table.length == 0) revert WrongRules(0);
        uint64 from;
        for (uint256 index; index < table.length; ++index) {
            Rules memory entry = table[index];
            if (entry.from < from || entry.end <= entry.from) revert WrongRules(index);
            from = entry.end;
            _rules.push(entry);
        }
    }

    function _at(uint64 number) private view returns (ProvenBlock storage) {
        if (!isProven(number)) revert UnknownBlock(number);
        return _ring[number % RING_SIZE];
    }

    /// @dev Reverts unless the claim continues from a known block below the head, to a block that isn't known yet.
    /// @param claim The claim.
    /// @param parentNumber Number of the block that it continues from.
    /// @param headHash Hash of the head.
    /// @return conflictsWith Hash of the known block at the height of the claim's last, zero if there is none.
    function _requireCompeting(ChainClaim calldata claim, uint64 parentNumber, bytes32 headHash)
        private
        view
        returns (bytes32 conflictsWith)
    {
        ProvenBlock storage parent = _ring[parentNumber % RING_SIZE];
        if (parent.number != parentNumber || parent.blockHash != claim.firstParentHash) {
            revert UnknownParent(headHash, claim.firstParentHash);
        }
        ProvenBlock storage known = _ring[claim.lastBlockNumber % RING_SIZE];
        if (known.number == claim.lastBlockNumber) conflictsWith = known.blockHash;
        if (conflictsWith == claim.lastBlockHash) revert AlreadyProven(claim.lastBlockHash);
        if (_competing[claim.lastBlockHash].proven.blockHash != 0) revert AlreadyReported(claim.lastBlockHash);
    }
}
