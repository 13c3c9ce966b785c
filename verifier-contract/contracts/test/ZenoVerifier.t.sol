// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.19;

import {CLAIM_KIND, ChainClaim} from "../src/ChainClaim.sol";
import {IZenoVerifier} from "../src/IZenoVerifier.sol";
import {Base} from "./Base.sol";
import {ConcreteVerifier} from "./doubles/ConcreteVerifier.sol";
import {Halo2VerifierDouble} from "./doubles/Halo2VerifierDouble.sol";

/// @dev What our contract adds to the generated one. Proofs themselves are in RealProof.t.sol.
contract ZenoVerifierTest is Base {
    uint256 private constant SCALAR = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;
    uint256 private constant COORDINATE = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;
    bytes32 private constant EXE = "exe";
    bytes32 private constant VM_COMMIT = "vm";

    ConcreteVerifier private _verifier =
        new ConcreteVerifier(bytes32(uint256(EXE) >> 8), bytes32(uint256(VM_COMMIT) >> 8));

    function testFuzz_asksTheHalo2VerifierForTheDigest(ChainClaim memory claim, bytes32 seed) public {
        bytes memory proof = _proof(seed);
        claim.kind = CLAIM_KIND;
        bytes32 digest = keccak256(
            abi.encodePacked(
                abi.encode(claim.kind, claim.chainId, claim.chainSpec, claim.firstParentHash, claim.lastBlockHash),
                abi.encode(claim.lastBlockNumber, claim.lastStateRoot, claim.lastReceiptsRoot),
                abi.encode(claim.lastTimestamp, claim.blockCount)
            )
        );
        _accept(digest, proof);
        eq("digest", _verifier.verifyClaim(claim, proof), digest);

        // Every field counts, and so do the proof and the commitments.
        for (uint256 field = 1; field < 10; ++field) {
            ChainClaim memory other = _altered(claim, field);
            VM.expectPartialRevert(IZenoVerifier.ProofRefused.selector);
            _verifier.verifyClaim(other, proof);
        }
        proof[31 + 32 * (uint256(seed) % 55)] ^= 0x01;
        VM.expectRevert(
            abi.encodeWithSelector(
                IZenoVerifier.ProofRefused.selector,
                digest,
                abi.encodeWithSelector(Halo2VerifierDouble.Refused.selector)
            )
        );
        _verifier.verifyClaim(claim, proof);
    }

    /// @dev A claim of another kind is refused for that, whatever else proves it.
    function testFuzz_refusesOtherKinds(ChainClaim memory claim) public {
        VM.assume(claim.kind != CLAIM_KIND);
        bytes memory proof = _proof("kind");
        _accept(keccak256(abi.encode(claim)), proof);
        VM.expectRevert(abi.encodeWithSelector(IZenoVerifier.WrongKind.selector, CLAIM_KIND, claim.kind));
        _verifier.verifyClaim(claim, proof);
        claim.kind = CLAIM_KIND;
        _accept(keccak256(abi.encode(claim)), proof);
        _verifier.verifyClaim(claim, proof);
    }

    /// @dev The kind is the beginning of its word, and nothing follows it there.
    function testFuzz_refusesBytesAfterTheKind(uint256 place, uint8 change) public {
        VM.assume(change != 0);
        ChainClaim memory claim = _empty();
        bytes memory proof = _proof("dirty");
        _accept(keccak256(abi.encode(claim)), proof);
        bytes memory call = abi.encodeCall(IZenoVerifier.verifyClaim, (claim, proof));
        (bool success,) = address(_verifier).staticcall(call);
        eq("accepted", success, true);
        // After the selector and the four bytes of the kind.
        call[8 + (place % 28)] = bytes1(change);
        (success,) = address(_verifier).staticcall(call);
        eq("accepted", success, false);
    }

    function test_theKindIsInLetters() public pure {
        eq("kind", bytes32(CLAIM_KIND), bytes32("ZVC2"));
    }

    function testFuzz_pinsTheCommitments(bytes32 exe, bytes32 vmCommit) public {
        (exe, vmCommit) = (bytes32(uint256(exe) % SCALAR), bytes32(uint256(vmCommit) % SCALAR));
        VM.assume(exe != _verifier.APP_EXE_COMMIT() || vmCommit != _verifier.APP_VM_COMMIT());
        ChainClaim memory claim = _empty();
        bytes memory proof = _proof("pinned");
        bytes memory revealed = abi.encodePacked(keccak256(abi.encode(claim)));
        _verifier.accept(revealed, proof, exe, vmCommit);
        VM.expectPartialRevert(IZenoVerifier.ProofRefused.selector);
        _verifier.verifyClaim(claim, proof);
        // It is the commitments that made it fail.
        ConcreteVerifier other = new ConcreteVerifier(exe, vmCommit);
        other.accept(revealed, proof, exe, vmCommit);
        other.verifyClaim(claim, proof);
    }

    function testFuzz_refusesOtherLengths(bytes memory proof) public {
        VM.assume(proof.length != 1760);
        ChainClaim memory claim = _empty();
        VM.expectRevert(abi.encodeWithSelector(IZenoVerifier.ProofLength.selector, uint256(1760), proof.length));
        _verifier.verifyClaim(claim, proof);
    }

    function test_refusesALengthOffByOne() public {
        ChainClaim memory claim = _empty();
        for (uint256 length = 1759; length <= 1761; length += 2) {
            VM.expectRevert(abi.encodeWithSelector(IZenoVerifier.ProofLength.selector, uint256(1760), length));
            _verifier.verifyClaim(claim, new bytes(length));
        }
    }

    /// @dev Every word has the bound of its kind, and the bound itself is refused.
    function test_refusesWordsThatAreNotReduced() public {
        ChainClaim memory claim = _empty();
        for (uint256 index; index < 55; ++index) {
            uint256 bound = COORDINATE;
            if (index < 12) bound = 1 << 88;
            else if (index >= 32 && index < 51) bound = SCALAR;
            bytes memory proof = _proof("reduced");
            _set(proof, index, bound - 1);
            _accept(keccak256(abi.encode(claim)), proof);
            _verifier.verifyClaim(claim, proof);

            _set(proof, index, bound);
            _accept(keccak256(abi.encode(claim)), proof);
            VM.expectRevert(abi.encodeWithSelector(IZenoVerifier.NonCanonical.selector, index, bound, bound));
            _verifier.verifyClaim(claim, proof);
        }
    }

    /// @dev Whatever is proven: neither the digest of the clean words nor that of the dirty ones gets a claim through.
    function testFuzz_refusesNumbersBeyondTheirType(uint256 field, uint192 excess) public {
        VM.assume(excess != 0);
        ChainClaim memory claim = _empty();
        bytes memory proof = _proof("dirty");
        _accept(keccak256(abi.encode(claim)), proof);
        bytes memory call = abi.encodeCall(IZenoVerifier.verifyClaim, (claim, proof));
        (bool success, bytes memory result) = address(_verifier).staticcall(call);
        eq("accepted", success, true);
        uint256 at = 32 * [uint256(1), 5, 8, 9][field % 4];
        bytes memory words = abi.encode(claim);
        for (uint256 i; i < 24; ++i) {
            words[at + i] = bytes24(excess)[i];
            call[4 + at + i] = bytes24(excess)[i];
        }
        _accept(keccak256(words), proof);
        (success, result) = address(_verifier).staticcall(call);
        eq("accepted", success, false);
        // It is not read at all, so there is no error of the contract's own.
        eq("reason", result.length, 0);
    }

    function testFuzz_refusesAnyCalldata(bytes memory call) public view {
        (bool success, bytes memory result) = address(_verifier).staticcall(call);
        // The views have no arguments; nothing else answers.
        bytes4 selector = bytes4(call);
        bool isView = call.length >= 4
            && (selector == IZenoVerifier.APP_EXE_COMMIT.selector
                || selector == IZenoVerifier.APP_VM_COMMIT.selector
                || selector == IZenoVerifier.INSECURE_SRS.selector
                || selector == _verifier.PROOF_LENGTH.selector);
        eq("accepted", success, isView);
        if (isView) eq("length", result.length, 32);
    }

    /// @dev Arguments that are accepted are refused with another byte anywhere, or without their end, and so are any others.
    function testFuzz_refusesAnyArguments(uint256 place, uint8 change, bytes memory arguments) public {
        VM.assume(change != 0);
        ChainClaim memory claim = _empty();
        bytes memory proof = _proof("arguments");
        _accept(keccak256(abi.encode(claim)), proof);
        bytes memory data = abi.encodeCall(IZenoVerifier.verifyClaim, (claim, proof));
        (bool success,) = address(_verifier).staticcall(data);
        eq("accepted", success, true);

        uint256 at = 4 + (place % (data.length - 4));
        data[at] ^= bytes1(change);
        (success,) = address(_verifier).staticcall(data);
        eq("accepted", success, false);

        data[at] ^= bytes1(change);
        (success,) = address(_verifier).staticcall(data);
        eq("accepted", success, true);
        assembly ("memory-safe") {
            mstore(data, at)
        }
        (success,) = address(_verifier).staticcall(data);
        eq("accepted", success, false);

        (success,) = address(_verifier).staticcall(bytes.concat(IZenoVerifier.verifyClaim.selector, arguments));
        eq("accepted", success, false);
    }

    function _accept(bytes32 digest, bytes memory proof) private {
        _verifier.accept(abi.encodePacked(digest), proof, _verifier.APP_EXE_COMMIT(), _verifier.APP_VM_COMMIT());
    }

    /// @dev A claim with nothing but its kind.
    function _empty() private pure returns (ChainClaim memory claim) {
        claim.kind = CLAIM_KIND;
    }

    /// @dev A proof of reduced words.
    function _proof(bytes32 seed) private pure returns (bytes memory proof) {
        proof = new bytes(1760);
        for (uint256 index; index < 55; ++index) {
            _set(proof, index, uint256(keccak256(abi.encode(seed, index))) >> (index < 12 ? 168 : 3));
        }
    }

    function _set(bytes memory proof, uint256 index, uint256 value) private pure {
        assembly ("memory-safe") {
            mstore(add(add(proof, 0x20), mul(index, 0x20)), value)
        }
    }

    function _altered(ChainClaim memory claim, uint256 field) private pure returns (ChainClaim memory) {
        bytes memory words = abi.encode(claim);
        words[32 * field + 31] ^= 0x01;
        return abi.decode(words, (ChainClaim));
    }
}
