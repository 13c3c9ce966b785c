// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.19;

import {ChainClaim} from "../src/ChainClaim.sol";
import {IOpenVmHalo2Verifier} from "../src/IOpenVmHalo2Verifier.sol";
import {IZenoVerifier} from "../src/IZenoVerifier.sol";
import {ZenoLightClient} from "../src/ZenoLightClient.sol";
import {ZenoVerifierBase} from "../src/ZenoVerifierBase.sol";
import {Base} from "./Base.sol";

/// @dev A real proof against the committed artifacts, as they are deployed. test/fixtures/README.md says what the
/// fixture is.
contract RealProofTest is Base {
    uint256 private constant SCALAR = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;
    uint256 private constant COORDINATE = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;
    string private constant FIXTURE = "test/fixtures/proof.json";

    IZenoVerifier private _verifier;
    ChainClaim private _claim;
    bytes private _proof;

    function setUp() public {
        if (!VM.exists(FIXTURE)) VM.skip(true);
        string memory json = VM.readFile(FIXTURE);
        _claim = abi.decode(VM.parseJsonBytes(json, ".claim"), (ChainClaim));
        _proof = VM.parseJsonBytes(json, ".proof");
        _verifier = IZenoVerifier(_deploy("ZenoVerifierInsecureDev"));
    }

    function test_isAccepted() public view {
        eq("digest", _verifier.verifyClaim(_claim, _proof), keccak256(abi.encode(_claim)));
        eq("insecure", _verifier.INSECURE_SRS(), true);
    }

    /// @dev As a transaction, with what it pays for itself and its calldata.
    function test_costsAtMost400000Gas() public {
        bytes memory call = abi.encodeCall(IZenoVerifier.verifyClaim, (_claim, _proof));
        address verifier = address(_verifier);
        uint256 before = gasleft();
        (bool success,) = verifier.staticcall(call);
        uint256 gas = before - gasleft() + 21_000;
        eq("accepted", success, true);
        for (uint256 i; i < call.length; ++i) {
            gas += call[i] == 0 ? 4 : 16;
        }
        emit Gas(gas);
        require(gas <= 400_000, "verification takes more than 400,000 gas");
    }

    event Gas(uint256 gas);

    function test_movesALightClient() public {
        string memory json = VM.readFile(FIXTURE);
        ZenoLightClient.Rules[] memory table = new ZenoLightClient.Rules[](1);
        table[0] = ZenoLightClient.Rules(0, _claim.lastTimestamp + 1, _claim.chainSpec);
        ZenoLightClient client = new ZenoLightClient(
            _verifier, _claim.chainId, table, _claim.firstParentHash, VM.parseJsonBytes(json, ".parentHeader"), true
        );
        eq("extended", client.advance(_claim, _proof), true);
        eq("head", client.head().blockHash, _claim.lastBlockHash);
        eq("state root", client.stateRoot(_claim.lastBlockNumber), _claim.lastStateRoot);
        eq("insecure", client.INSECURE_SRS(), true);
    }

    function testFuzz_refusesAnAlteredByteOfTheProof(uint256 place, uint8 change) public {
        VM.assume(change != 0);
        bytes memory proof = _proof;
        place %= proof.length;
        proof[place] = bytes1(uint8(proof[place]) ^ change);
        _refused(_claim, proof);
    }

    function testFuzz_refusesAnAlteredByteOfTheClaim(uint256 place, uint8 change) public view {
        VM.assume(change != 0);
        bytes memory call = abi.encodeCall(IZenoVerifier.verifyClaim, (_claim, _proof));
        place = 4 + (place % (10 * 32));
        call[place] = bytes1(uint8(call[place]) ^ change);
        (bool success,) = address(_verifier).staticcall(call);
        eq("accepted", success, false);
    }

    function testFuzz_refusesAnotherWord(uint256 index, uint256 value) public {
        bytes memory proof = _proof;
        index %= 55;
        VM.assume(_word(proof, index) != value);
        _set(proof, index, value);
        _refused(_claim, proof);
    }

    /// @dev A number and the same number plus the modulus are one in the field; only the reduced one is accepted.
    function test_refusesTheSameProofInAnotherForm() public {
        for (uint256 index; index < 55; ++index) {
            bytes memory proof = _proof;
            bool scalar = index < 12 || (index >= 32 && index < 51);
            uint256 value = _word(proof, index) + (scalar ? SCALAR : COORDINATE);
            _set(proof, index, value);
            uint256 bound = index < 12 ? 1 << 88 : scalar ? SCALAR : COORDINATE;
            VM.expectRevert(abi.encodeWithSelector(IZenoVerifier.NonCanonical.selector, index, value, bound));
            _verifier.verifyClaim(_claim, proof);
        }
    }

    /// @dev Each point of the proof off the curve, negated, and replaced by the point at infinity.
    function test_refusesOtherPoints() public {
        for (uint256 index = 12; index < 55; index += 2) {
            if (index == 32) index = 51;
            bytes memory proof = _proof;
            uint256 y = _word(proof, index + 1);
            _set(proof, index + 1, addmod(y, 1, COORDINATE));
            _refused(_claim, proof);
            _set(proof, index + 1, COORDINATE - y);
            _refused(_claim, proof);
            _set(proof, index, 0);
            _set(proof, index + 1, 0);
            _refused(_claim, proof);
        }
    }

    function test_refusesTheZeroProof() public {
        VM.expectPartialRevert(IZenoVerifier.ProofRefused.selector);
        _verifier.verifyClaim(_claim, new bytes(1760));
    }

    function test_refusesOtherLengths() public {
        bytes memory longer = bytes.concat(_proof, hex"00");
        VM.expectRevert(abi.encodeWithSelector(IZenoVerifier.ProofLength.selector, uint256(1760), uint256(1761)));
        _verifier.verifyClaim(_claim, longer);
        VM.expectRevert(abi.encodeWithSelector(IZenoVerifier.ProofLength.selector, uint256(1760), uint256(0)));
        _verifier.verifyClaim(_claim, "");
    }

    /// @dev What the contract inherits. OpenVM's entry takes the commitments, and the fallback the Halo2 proof with all of
    /// its instances, which is what OpenVM's entry makes of it.
    function test_whatIsInheritedTakesTheProof() public view {
        IOpenVmHalo2Verifier inherited = IOpenVmHalo2Verifier(address(_verifier));
        bytes32 digest = keccak256(abi.encode(_claim));
        inherited.verify(abi.encodePacked(digest), _proof, _verifier.APP_EXE_COMMIT(), _verifier.APP_VM_COMMIT());

        bytes memory payload = _payload(digest);
        (bool success, bytes memory result) = address(_verifier).staticcall(payload);
        eq("accepted", success, true);
        eq("length", result.length, 0);
    }

    /// @dev A function that isn't there is answered by the fallback, which refuses all but a whole proof.
    function testFuzz_refusesUnknownFunctions(bytes memory call) public view {
        bytes4 selector = bytes4(call);
        bool known = call.length >= 4
            && (selector == IZenoVerifier.APP_EXE_COMMIT.selector
                || selector == IZenoVerifier.APP_VM_COMMIT.selector
                || selector == IZenoVerifier.INSECURE_SRS.selector
                || selector == ZenoVerifierBase(address(_verifier)).PROOF_LENGTH.selector);
        (bool success,) = address(_verifier).staticcall{gas: 1_000_000}(call);
        eq("accepted", success, known);
    }

    function testFuzz_theFallbackRefusesAnAlteredByte(uint256 place, uint8 change) public view {
        VM.assume(change != 0);
        bytes memory payload = _payload(keccak256(abi.encode(_claim)));
        place %= payload.length;
        payload[place] = bytes1(uint8(payload[place]) ^ change);
        (bool success,) = address(_verifier).staticcall{gas: 1_000_000}(payload);
        eq("accepted", success, false);
    }

    /// @dev The places that a key is written to are filled with what is no point, so that nothing is accepted.
    function test_theTemplateAcceptsNothing() public {
        IZenoVerifier template = IZenoVerifier(_deploy("ZenoVerifierTemplate"));
        eq("insecure", template.INSECURE_SRS(), false);
        VM.expectPartialRevert(IZenoVerifier.ProofRefused.selector);
        template.verifyClaim{gas: 1_000_000}(_claim, _proof);
    }

    /// @dev The limbs of the accumulator, the commitments, the digest in a word a byte, and the Halo2 proof.
    function _payload(bytes32 digest) private view returns (bytes memory payload) {
        bytes memory proof = _proof;
        payload = bytes.concat(new bytes(384), _verifier.APP_EXE_COMMIT(), _verifier.APP_VM_COMMIT());
        for (uint256 i; i < 12; ++i) {
            _set(payload, i, _word(proof, i));
        }
        for (uint256 i; i < 32; ++i) {
            payload = bytes.concat(payload, bytes32(uint256(uint8(digest[i]))));
        }
        for (uint256 i = 12; i < 55; ++i) {
            payload = bytes.concat(payload, bytes32(_word(proof, i)));
        }
    }

    /// @dev A precompile that refuses its input takes all the gas that it was given.
    function _refused(ChainClaim memory claim, bytes memory proof) private {
        VM.expectRevert();
        _verifier.verifyClaim{gas: 1_000_000}(claim, proof);
    }

    /// @dev Creates a contract from its committed artifact.
    function _deploy(string memory name) private returns (address created) {
        string memory json = VM.readFile(string.concat("artifacts/", name, ".json"));
        bytes memory code = VM.parseJsonBytes(json, ".bytecode");
        assembly ("memory-safe") {
            created := create(0, add(code, 0x20), mload(code))
        }
        require(created != address(0), string.concat(name, " could not be deployed"));
    }

    function _word(bytes memory proof, uint256 index) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(proof, 0x20), mul(index, 0x20)))
        }
    }

    function _set(bytes memory proof, uint256 index, uint256 value) private pure {
        assembly ("memory-safe") {
            mstore(add(add(proof, 0x20), mul(index, 0x20)), value)
        }
    }
}
