// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.19;

import {CLAIM_KIND, ChainClaim} from "../src/ChainClaim.sol";
import {IZenoVerifier} from "../src/IZenoVerifier.sol";
import {ZenoLightClient} from "../src/ZenoLightClient.sol";
import {MerklePatricia} from "../src/lib/MerklePatricia.sol";
import {StateProofs} from "../src/lib/StateProofs.sol";
import {Base} from "./Base.sol";
import {VerifierDouble} from "./doubles/VerifierDouble.sol";

/// @dev The rules of the light client, over a verifier that accepts what the test says.
contract ZenoLightClientTest is Base {
    uint64 private constant CHAIN_ID = 1;
    bytes32 private constant CHAIN_SPEC = "mainnet's rules";

    string private _json = VM.readFile("test/vectors/mainnet.json");
    bytes private _header = VM.parseJsonBytes(_json, ".header");
    bytes32 private _startHash = VM.parseJsonBytes32(_json, ".blockHash");
    uint64 private _start = uint64(VM.parseJsonUint(_json, ".number"));
    VerifierDouble private _verifier = new VerifierDouble(false);
    ZenoLightClient private _client = _following(_rules(0, type(uint64).max, CHAIN_SPEC));

    event Started(
        uint64 indexed number, bytes32 indexed blockHash, bytes32 stateRoot, bytes32 receiptsRoot, uint64 timestamp
    );
    event Advanced(
        uint64 indexed number,
        bytes32 indexed blockHash,
        bytes32 stateRoot,
        bytes32 receiptsRoot,
        uint64 timestamp,
        uint64 blockCount
    );
    event Competing(
        bytes32 indexed parentHash,
        bytes32 indexed blockHash,
        bytes32 indexed conflictsWith,
        uint64 number,
        bytes32 stateRoot
    );

    function test_startsFromATrustedHeader() public {
        VM.expectEmit(true, true, true, true);
        emit Started(
            _start,
            _startHash,
            VM.parseJsonBytes32(_json, ".stateRoot"),
            VM.parseJsonBytes32(_json, ".receiptsRoot"),
            uint64(VM.parseJsonUint(_json, ".timestamp"))
        );
        ZenoLightClient.Rules[] memory table = _rules(0, type(uint64).max, CHAIN_SPEC);
        ZenoLightClient client = new ZenoLightClient(_verifier, CHAIN_ID, table, _startHash, _header, false);
        ZenoLightClient.ProvenBlock memory head = client.head();
        eq("hash", head.blockHash, _startHash);
        eq("number", head.number, _start);
        eq("state root", head.stateRoot, VM.parseJsonBytes32(_json, ".stateRoot"));
        eq("receipts root", head.receiptsRoot, VM.parseJsonBytes32(_json, ".receiptsRoot"));
        eq("timestamp", head.timestamp, VM.parseJsonUint(_json, ".timestamp"));
        eq("trusted", client.TRUSTED_BLOCK_HASH(), _startHash);

        bytes memory altered = bytes.concat(_header);
        altered[200] ^= 0x01;
        VM.expectRevert(
            abi.encodeWithSelector(ZenoLightClient.WrongTrustedHeader.selector, _startHash, keccak256(altered))
        );
        new ZenoLightClient(_verifier, CHAIN_ID, table, _startHash, altered, false);
    }

    function test_refusesAnInsecureVerifierUnlessAllowed() public {
        VerifierDouble insecure = new VerifierDouble(true);
        ZenoLightClient.Rules[] memory table = _rules(0, type(uint64).max, CHAIN_SPEC);
        VM.expectRevert(abi.encodeWithSelector(ZenoLightClient.InsecureVerifier.selector, address(insecure)));
        new ZenoLightClient(insecure, CHAIN_ID, table, _startHash, _header, false);
        ZenoLightClient client = new ZenoLightClient(insecure, CHAIN_ID, table, _startHash, _header, true);
        eq("insecure", client.INSECURE_SRS(), true);
        eq("insecure", _client.INSECURE_SRS(), false);
    }

    function test_advancesOverConsecutiveBlocks() public {
        ChainClaim memory claim = _after(_startHash, _start, 1, "a");
        VM.expectEmit(true, true, true, true);
        emit Advanced(
            claim.lastBlockNumber,
            claim.lastBlockHash,
            claim.lastStateRoot,
            claim.lastReceiptsRoot,
            claim.lastTimestamp,
            1
        );
        eq("extended", _advance(claim), true);
        _isHead(claim);
        ChainClaim memory next = _after(claim.lastBlockHash, claim.lastBlockNumber, 1, "b");
        eq("extended", _advance(next), true);
        _isHead(next);
        // The earlier ones are still there.
        eq("state root", _client.stateRoot(claim.lastBlockNumber), claim.lastStateRoot);
        eq("receipts root", _client.receiptsRoot(claim.lastBlockNumber), claim.lastReceiptsRoot);
        eq("start", _client.provenBlock(_start).blockHash, _startHash);
    }

    function testFuzz_advancesOverRuns(uint64[8] memory counts) public {
        ChainClaim memory claim = _after(_startHash, _start, 0, "");
        claim.lastBlockHash = _startHash;
        for (uint256 i; i < counts.length; ++i) {
            uint64 count = uint64(within(counts[i], 1, 20_000));
            claim = _after(claim.lastBlockHash, claim.lastBlockNumber, count, bytes32(i));
            eq("extended", _advance(claim), true);
            _isHead(claim);
            if (count > 1) {
                VM.expectRevert(
                    abi.encodeWithSelector(ZenoLightClient.UnknownBlock.selector, claim.lastBlockNumber - 1)
                );
                _client.stateRoot(claim.lastBlockNumber - 1);
            }
        }
    }

    function test_ringForgetsWhatIsOverwritten() public {
        uint64 size = _client.RING_SIZE();
        ChainClaim memory first = _after(_startHash, _start, 1, "first");
        _advance(first);
        ChainClaim memory second = _after(first.lastBlockHash, first.lastBlockNumber, size - 1, "second");
        _advance(second);
        // The second took the place of the start.
        eq("start", _client.isProven(_start), false);
        VM.expectRevert(abi.encodeWithSelector(ZenoLightClient.UnknownBlock.selector, _start));
        _client.provenBlock(_start);
        VM.expectRevert(
            abi.encodeWithSelector(ZenoLightClient.UnknownParent.selector, second.lastBlockHash, _startHash)
        );
        _advance(_after(_startHash, _start, 1, "late"));
        eq("first", _client.stateRoot(first.lastBlockNumber), first.lastStateRoot);
        _advance(_after(second.lastBlockHash, second.lastBlockNumber, 1, "third"));
        eq("first", _client.isProven(first.lastBlockNumber), false);
        eq("second", _client.stateRoot(second.lastBlockNumber), second.lastStateRoot);
    }

    function test_refusesOtherChainsAndRules() public {
        ChainClaim memory claim = _after(_startHash, _start, 1, "a");
        claim.chainId = 2;
        VM.expectRevert(abi.encodeWithSelector(ZenoLightClient.WrongChainId.selector, CHAIN_ID, uint64(2)));
        _advance(claim);
        claim.chainId = CHAIN_ID;
        claim.chainSpec = "others";
        VM.expectRevert(abi.encodeWithSelector(ZenoLightClient.WrongChainSpec.selector, CHAIN_SPEC, bytes32("others")));
        _advance(claim);
    }

    /// @dev Each claim is judged by the rules at the time of its last block, on both sides of a change.
    function test_judgesByTheRulesAtTheTimeOfTheLastBlock() public {
        uint64 change = _timeOf(_start + 2);
        ZenoLightClient.Rules[] memory table = new ZenoLightClient.Rules[](2);
        table[0] = ZenoLightClient.Rules(0, change, CHAIN_SPEC);
        table[1] = ZenoLightClient.Rules(change, _timeOf(_start + 5), "with a fork");
        _client = _following(table);
        eq("before", _client.rulesAt(change - 1), CHAIN_SPEC);
        eq("at", _client.rulesAt(change), "with a fork");
        eq("entries", _client.rules().length, 2);
        eq("from", _client.rules()[1].from, change);
        eq("end", _client.rules()[1].end, _timeOf(_start + 5));
        eq("digest", _client.rules()[1].digest, "with a fork");

        // The rules of the fork, too early.
        ChainClaim memory first = _after(_startHash, _start, 1, "a");
        first.lastTimestamp = change - 1;
        first.chainSpec = "with a fork";
        _refusesRules(first, CHAIN_SPEC);
        first.chainSpec = CHAIN_SPEC;
        _advance(first);
        // The rules without the fork, from its first moment on.
        ChainClaim memory second = _after(first.lastBlockHash, first.lastBlockNumber, 1, "b");
        second.lastTimestamp = change;
        _refusesRules(second, "with a fork");
        second.chainSpec = "with a fork";
        _advance(second);
        _isHead(second);
        // A run over the change is of the rules at its end.
        ChainClaim memory run = _after(_startHash, _start, 4, "run");
        _refusesRules(run, "with a fork");
        run.chainSpec = "with a fork";
        eq("extended", _advance(run), false);
    }

    function test_refusesTimesWithoutRules() public {
        uint64 time = _timeOf(_start + 1);
        ZenoLightClient.Rules[] memory table = new ZenoLightClient.Rules[](2);
        table[0] = ZenoLightClient.Rules(time - 20, time - 10, "long ago");
        table[1] = ZenoLightClient.Rules(time, time + 1, CHAIN_SPEC);
        _client = _following(table);
        uint64[6] memory without = [0, time - 21, time - 10, time - 1, time + 1, type(uint64).max];
        for (uint256 i; i < without.length; ++i) {
            ChainClaim memory claim = _after(_startHash, _start, 1, "a");
            claim.lastTimestamp = without[i];
            VM.expectRevert(abi.encodeWithSelector(ZenoLightClient.NoRules.selector, without[i]));
            _advance(claim);
        }
        eq("first", _client.rulesAt(time - 20), "long ago");
        eq("last of the first", _client.rulesAt(time - 11), "long ago");
        _advance(_after(_startHash, _start, 1, "a"));
    }

    function test_refusesTablesThatAreNotInOrder() public {
        ZenoLightClient.Rules[] memory table = new ZenoLightClient.Rules[](0);
        _refusesTable(table, 0);
        _refusesTable(_rules(5, 5, CHAIN_SPEC), 0);
        _refusesTable(_rules(5, 4, CHAIN_SPEC), 0);
        table = new ZenoLightClient.Rules[](3);
        table[0] = ZenoLightClient.Rules(1, 5, "a");
        table[1] = ZenoLightClient.Rules(5, 9, "b");
        table[2] = ZenoLightClient.Rules(8, 10, "c");
        _refusesTable(table, 2);
        table[2].from = 9;
        _following(table);
        table[1].from = 4;
        _refusesTable(table, 1);
        table[1].from = 9;
        _refusesTable(table, 1);
    }

    function test_refusesClaimsOutOfOrder() public {
        ChainClaim memory first = _after(_startHash, _start, 1, "a");
        ChainClaim memory second = _after(first.lastBlockHash, first.lastBlockNumber, 1, "b");
        VM.expectRevert(abi.encodeWithSelector(ZenoLightClient.UnknownParent.selector, _startHash, first.lastBlockHash));
        _advance(second);
        _advance(first);
        _advance(second);
    }

    function test_refusesReplays() public {
        ChainClaim memory first = _after(_startHash, _start, 1, "a");
        _advance(first);
        VM.expectRevert(abi.encodeWithSelector(ZenoLightClient.AlreadyProven.selector, first.lastBlockHash));
        _advance(first);
        _advance(_after(first.lastBlockHash, first.lastBlockNumber, 1, "b"));
        VM.expectRevert(abi.encodeWithSelector(ZenoLightClient.AlreadyProven.selector, first.lastBlockHash));
        _advance(first);
    }

    function test_refusesNumbersThatDoNotFit() public {
        ChainClaim memory claim = _after(_startHash, _start, 1, "a");
        claim.blockCount = 0;
        VM.expectRevert(
            abi.encodeWithSelector(ZenoLightClient.WrongBlockCount.selector, uint64(0), claim.lastBlockNumber)
        );
        _advance(claim);
        claim.blockCount = claim.lastBlockNumber + 1;
        VM.expectRevert(
            abi.encodeWithSelector(ZenoLightClient.WrongBlockCount.selector, claim.blockCount, claim.lastBlockNumber)
        );
        _advance(claim);
        claim.blockCount = 2;
        VM.expectRevert(abi.encodeWithSelector(ZenoLightClient.WrongNumber.selector, _start + 2, claim.lastBlockNumber));
        _advance(claim);
    }

    function test_refusesWhatTheVerifierRefuses() public {
        ChainClaim memory claim = _after(_startHash, _start, 1, "a");
        bytes32 digest = keccak256(abi.encode(claim));
        VM.expectRevert(abi.encodeWithSelector(IZenoVerifier.ProofRefused.selector, digest, bytes("no proof")));
        _client.advance(claim, "no proof");
        eq("head", _client.head().blockHash, _startHash);
    }

    function testFuzz_refusesAnAlteredClaim(uint256 place, uint8 change) public {
        VM.assume(change != 0);
        ChainClaim memory claim = _after(_startHash, _start, 1, "a");
        bytes memory call =
            abi.encodeCall(ZenoLightClient.advance, (claim, abi.encodePacked(keccak256(abi.encode(claim)))));
        // The claim's ten words come first; then the proof's offset, its length and the proof, one word each.
        place = 4 + (place % (10 * 32));
        call[place] = bytes1(uint8(call[place]) ^ change);
        (bool success,) = address(_client).call(call);
        eq("accepted", success, false);
        eq("head", _client.head().blockHash, _startHash);
    }

    function test_keepsACompetingChildApart() public {
        ChainClaim memory first = _after(_startHash, _start, 1, "a");
        _advance(first);
        ChainClaim memory second = _after(first.lastBlockHash, first.lastBlockNumber, 1, "b");
        _advance(second);

        ChainClaim memory rival = _after(_startHash, _start, 1, "rival");
        VM.expectEmit(true, true, true, true);
        emit Competing(_startHash, rival.lastBlockHash, first.lastBlockHash, rival.lastBlockNumber, rival.lastStateRoot);
        eq("extended", _advance(rival), false);
        // The followed chain is as it was.
        _isHead(second);
        eq("followed", _client.provenBlock(first.lastBlockNumber).blockHash, first.lastBlockHash);
        // And the other is on record.
        eq("count", _client.competingCount(_startHash), 1);
        eq("hash", _client.competingHash(_startHash, 0), rival.lastBlockHash);
        ZenoLightClient.CompetingBlock memory competing = _client.competingBlock(rival.lastBlockHash);
        eq("block", competing.proven.blockHash, rival.lastBlockHash);
        eq("state root", competing.proven.stateRoot, rival.lastStateRoot);
        eq("receipts root", competing.proven.receiptsRoot, rival.lastReceiptsRoot);
        eq("number", competing.proven.number, rival.lastBlockNumber);
        eq("timestamp", competing.proven.timestamp, rival.lastTimestamp);
        eq("parent", competing.parentHash, _startHash);
        eq("conflict", competing.conflictsWith, first.lastBlockHash);

        VM.expectRevert(abi.encodeWithSelector(ZenoLightClient.AlreadyReported.selector, rival.lastBlockHash));
        _advance(rival);
        // What continues from a competing block is not followed.
        VM.expectRevert(
            abi.encodeWithSelector(ZenoLightClient.UnknownParent.selector, second.lastBlockHash, rival.lastBlockHash)
        );
        _advance(_after(rival.lastBlockHash, rival.lastBlockNumber, 1, "rival's child"));
        // A second rival stands beside the first.
        _advance(_after(_startHash, _start, 1, "another"));
        eq("count", _client.competingCount(_startHash), 2);
        VM.expectRevert(abi.encodeWithSelector(ZenoLightClient.UnknownCompetingBlock.selector, first.lastBlockHash));
        _client.competingBlock(first.lastBlockHash);
    }

    function test_reportsRunsWhoseHeightIsNotKnown() public {
        ChainClaim memory run = _after(_startHash, _start, 5, "run");
        _advance(run);
        // Inside the run and beyond the head: perhaps blocks of the same chain, so no conflict is stated.
        for (uint64 count = 3; count <= 7; count += 4) {
            ChainClaim memory other = _after(_startHash, _start, count, bytes32(uint256(count)));
            eq("extended", _advance(other), false);
            eq("conflict", _client.competingBlock(other.lastBlockHash).conflictsWith, 0);
        }
        ChainClaim memory rival = _after(_startHash, _start, 5, "rival");
        _advance(rival);
        eq("conflict", _client.competingBlock(rival.lastBlockHash).conflictsWith, run.lastBlockHash);
        _isHead(run);
    }

    function test_refusesARivalThatIsNotProven() public {
        _advance(_after(_startHash, _start, 1, "a"));
        ChainClaim memory rival = _after(_startHash, _start, 1, "rival");
        VM.expectPartialRevert(IZenoVerifier.ProofRefused.selector);
        _client.advance(rival, "");
        eq("count", _client.competingCount(_startHash), 0);
    }

    function test_readsStateThroughProofs() public {
        // The accounts are in the order of make-vectors.mjs: externally owned, contract, absent.
        for (uint256 i; i < 3; ++i) {
            string memory at = element(".accounts", i);
            address addr = VM.parseJsonAddress(_json, string.concat(at, ".address"));
            bytes[] memory accountProof = VM.parseJsonBytesArray(_json, string.concat(at, ".proof"));
            StateProofs.Account memory account = _client.verifyAccount(_start, addr, accountProof);
            eq("exists", account.exists, i != 2);
            eq("balance", account.balance, uint256(VM.parseJsonBytes32(_json, string.concat(at, ".balance"))));
            for (uint256 j; VM.keyExistsJson(_json, element(string.concat(at, ".slots"), j)); ++j) {
                string memory slot = element(string.concat(at, ".slots"), j);
                bytes32 value = _client.verifyStorage(
                    _start,
                    addr,
                    VM.parseJsonBytes32(_json, string.concat(slot, ".slot")),
                    accountProof,
                    VM.parseJsonBytesArray(_json, string.concat(slot, ".proof"))
                );
                eq("slot", value, VM.parseJsonBytes32(_json, string.concat(slot, ".value")));
            }
        }
        // Accounts that are absent or without storage have no slots to prove.
        for (uint256 i; i < 3; i += 2) {
            string memory at = element(".accounts", i);
            address addr = VM.parseJsonAddress(_json, string.concat(at, ".address"));
            bytes[] memory accountProof = VM.parseJsonBytesArray(_json, string.concat(at, ".proof"));
            eq("slot", _client.verifyStorage(_start, addr, 0, accountProof, new bytes[](0)), 0);
            VM.expectPartialRevert(MerklePatricia.WrongNode.selector);
            _client.verifyStorage(_start, addr, 0, accountProof, accountProof);
        }
        // Nothing is read of a block that isn't known, and nothing by another account's proof.
        bytes[] memory proof = VM.parseJsonBytesArray(_json, ".accounts[0].proof");
        VM.expectRevert(abi.encodeWithSelector(ZenoLightClient.UnknownBlock.selector, _start + 1));
        _client.verifyAccount(_start + 1, address(1), proof);
        VM.expectRevert();
        _client.verifyAccount(_start, address(1), proof);
    }

    function test_readsListEntries() public {
        // The list of transactions stands for that of receipts, which no record has; both are the same kind of trie.
        ChainClaim memory claim = _after(_startHash, _start, 1, "a");
        claim.lastReceiptsRoot = VM.parseJsonBytes32(_json, ".transactionsRoot");
        _advance(claim);
        for (uint256 i; VM.keyExistsJson(_json, element(".transactions", i)); ++i) {
            string memory at = element(".transactions", i);
            uint64 index = uint64(VM.parseJsonUint(_json, string.concat(at, ".index")));
            bytes[] memory proof = VM.parseJsonBytesArray(_json, string.concat(at, ".proof"));
            if (VM.parseJsonBool(_json, string.concat(at, ".found"))) {
                bytes memory entry = _client.verifyReceipt(claim.lastBlockNumber, index, proof);
                eq("entry", entry, VM.parseJsonBytes(_json, string.concat(at, ".value")));
            } else {
                VM.expectRevert(
                    abi.encodeWithSelector(ZenoLightClient.NoReceipt.selector, claim.lastBlockNumber, index)
                );
                _client.verifyReceipt(claim.lastBlockNumber, index, proof);
            }
        }
    }

    /// @dev A claim that continues from a block, with a last block made of `seed`.
    function _after(bytes32 parentHash, uint64 parentNumber, uint64 count, bytes32 seed)
        private
        pure
        returns (ChainClaim memory)
    {
        return ChainClaim({
            kind: CLAIM_KIND,
            chainId: CHAIN_ID,
            chainSpec: CHAIN_SPEC,
            firstParentHash: parentHash,
            lastBlockHash: keccak256(abi.encode("hash", parentHash, seed)),
            lastBlockNumber: parentNumber + count,
            lastStateRoot: keccak256(abi.encode("state", parentHash, seed)),
            lastReceiptsRoot: keccak256(abi.encode("receipts", parentHash, seed)),
            lastTimestamp: _timeOf(parentNumber + count),
            blockCount: count
        });
    }

    function _timeOf(uint64 number) private pure returns (uint64) {
        return 1_748_860_800 + 12 * number;
    }

    /// @dev A table of one entry.
    function _rules(uint64 from, uint64 end, bytes32 digest)
        private
        pure
        returns (ZenoLightClient.Rules[] memory table)
    {
        table = new ZenoLightClient.Rules[](1);
        table[0] = ZenoLightClient.Rules(from, end, digest);
    }

    function _following(ZenoLightClient.Rules[] memory table) private returns (ZenoLightClient) {
        return new ZenoLightClient(_verifier, CHAIN_ID, table, _startHash, _header, false);
    }

    function _refusesTable(ZenoLightClient.Rules[] memory table, uint256 index) private {
        VM.expectRevert(abi.encodeWithSelector(ZenoLightClient.WrongRules.selector, index));
        new ZenoLightClient(_verifier, CHAIN_ID, table, _startHash, _header, false);
    }

    function _refusesRules(ChainClaim memory claim, bytes32 expected) private {
        VM.expectRevert(abi.encodeWithSelector(ZenoLightClient.WrongChainSpec.selector, expected, claim.chainSpec));
        _advance(claim);
    }

    function _advance(ChainClaim memory claim) private returns (bool) {
        return _client.advance(claim, abi.encodePacked(keccak256(abi.encode(claim))));
    }

    function _isHead(ChainClaim memory claim) private view {
        ZenoLightClient.ProvenBlock memory head = _client.head();
        eq("head number", _client.headNumber(), claim.lastBlockNumber);
        eq("number", head.number, claim.lastBlockNumber);
        eq("hash", head.blockHash, claim.lastBlockHash);
        eq("state root", head.stateRoot, claim.lastStateRoot);
        eq("receipts root", head.receiptsRoot, claim.lastReceiptsRoot);
        eq("timestamp", head.timestamp, claim.lastTimestamp);
        eq("proven", _client.isProven(claim.lastBlockNumber), true);
    }
}
