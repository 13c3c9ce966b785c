// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.19;

import {ChainClaim} from "./ChainClaim.sol";
import {IOpenVmHalo2Verifier} from "./IOpenVmHalo2Verifier.sol";
import {IZenoVerifier} from "./IZenoVerifier.sol";

/// @title Verifier of Zeno proofs, for one guest and one virtual machine
/// @notice The concrete contract is made from `template/ZenoVerifier.sol`: it names the
/// commitments, and whether the SRS is the insecure one for development.
/// @dev A proof is what OpenVM calls proof data, `PROOF_LENGTH` bytes: words 0 to 11 are the limbs of the KZG
/// accumulator (two points, two coordinates each, three limbs of 88 bits each), words 12 to 31 the ten commitments
/// of the wrapper circuit (one advice column, two of the lookup's permuted columns, the grand products of the
/// permutation and of the lookup, the blinding polynomial, four pieces of the quotient), words 32 to 50 the
/// nineteen evaluations, words 51 to 54 the two points of the SHPLONK opening.
///
/// The generated verifier reduces scalars before it uses them. So that a proof has one form only, words that are not
/// reduced are refused here.
abstract contract ZenoVerifierBase is IZenoVerifier {
    /// @notice There is no contract at the address of the Halo2 verifier.
    /// @param halo2Verifier The address.
    error NoHalo2Verifier(address halo2Verifier);

    /// @notice A commitment is not an element of BN254's scalar field.
    /// @param commitment The commitment.
    /// @param bound What it has to be less than.
    error CommitmentOutOfRange(bytes32 commitment, uint256 bound);

    /// @notice Length of a proof in bytes.
    uint256 public constant PROOF_LENGTH = 55 * 32;

    /// @dev Order of BN254's G1, modulus of its scalar field (EIP-197).
    uint256 private constant SCALAR_MODULUS = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;
    /// @dev Modulus of the field of BN254's coordinates (EIP-197).
    uint256 private constant BASE_MODULUS = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;
    uint256 private constant LIMB_BOUND = 1 << 88;

    /// @dev Ends of the parts of a proof, in words.
    uint256 private constant LIMBS_END = 12;
    uint256 private constant COMMITMENTS_END = 32;
    uint256 private constant EVALUATIONS_END = 51;
    uint256 private constant PROOF_END = 55;

    /// @notice The verifier that OpenVM generated for the SRS in use.
    IOpenVmHalo2Verifier public immutable HALO2_VERIFIER;
    /// @inheritdoc IZenoVerifier
    bytes32 public immutable override APP_EXE_COMMIT;
    /// @inheritdoc IZenoVerifier
    bytes32 public immutable override APP_VM_COMMIT;

    /// @notice Pins what is trusted.
    /// @param halo2Verifier The verifier that OpenVM generated for the SRS in use.
    /// @param appExeCommit Commitment to the guest program.
    /// @param appVmCommit Commitment to the virtual machine and aggregation circuits.
    constructor(IOpenVmHalo2Verifier halo2Verifier, bytes32 appExeCommit, bytes32 appVmCommit) {
        if (address(halo2Verifier).code.length == 0) revert NoHalo2Verifier(address(halo2Verifier));
        if (uint256(appExeCommit) >= SCALAR_MODULUS) revert CommitmentOutOfRange(appExeCommit, SCALAR_MODULUS);
        if (uint256(appVmCommit) >= SCALAR_MODULUS) revert CommitmentOutOfRange(appVmCommit, SCALAR_MODULUS);
        HALO2_VERIFIER = halo2Verifier;
        APP_EXE_COMMIT = appExeCommit;
        APP_VM_COMMIT = appVmCommit;
    }

    /// @inheritdoc IZenoVerifier
    function verifyClaim(ChainClaim calldata claim, bytes calldata proof)
        external
        view
        override
        returns (bytes32 digest)
    {
        // Reverts when a number of the claim has bits beyond its type.
        digest = keccak256(abi.encode(claim));
        if (proof.length != PROOF_LENGTH) revert ProofLength(PROOF_LENGTH, proof.length);
        _requireBelow(LIMB_BOUND, proof, 0, LIMBS_END);
        _requireBelow(BASE_MODULUS, proof, LIMBS_END, COMMITMENTS_END);
        _requireBelow(SCALAR_MODULUS, proof, COMMITMENTS_END, EVALUATIONS_END);
        _requireBelow(BASE_MODULUS, proof, EVALUATIONS_END, PROOF_END);
        try HALO2_VERIFIER.verify(abi.encodePacked(digest), proof, APP_EXE_COMMIT, APP_VM_COMMIT) {
            return digest;
        } catch (bytes memory reason) {
            revert ProofRefused(digest, reason);
        }
    }

    /// @dev Reverts unless the words of `proof` from `start` to before `end` are less than `bound`. The caller has
    /// checked that the proof has so many.
    function _requireBelow(uint256 bound, bytes calldata proof, uint256 start, uint256 end) private pure {
        for (uint256 index = start; index < end;) {
            uint256 word;
            assembly ("memory-safe") {
                word := calldataload(add(proof.offset, shl(5, index)))
            }
            if (word >= bound) revert NonCanonical(index, word, bound);
            unchecked {
                ++index;
            }
        }
    }
}
