// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.19;

import {CLAIM_KIND, ChainClaim} from "./ChainClaim.sol";
import {IOpenVmHalo2Verifier} from "./IOpenVmHalo2Verifier.sol";
import {IZenoVerifier} from "./IZenoVerifier.sol";

/// @title Verifier of Zeno proofs, for one guest, one virtual machine and one SRS
/// @notice The concrete contract is this one and the verifier that OpenVM generates for a verifying key, in one: nothing
/// that is checked lies at another address. It is made from `template/ZenoVerifier.sol` and says which commitments are
/// accepted, and whether the SRS is one that nobody vouches for.
/// @dev A proof is what OpenVM calls proof data, `PROOF_LENGTH` bytes: words 0 to 11 are the limbs of the KZG
/// accumulator (two points, two coordinates each, three limbs of 88 bits each), words 12 to 31 the ten commitments
/// of the wrapper circuit (one advice column, two of the lookup's permuted columns, the grand products of the
/// permutation and of the lookup, the blinding polynomial, four pieces of the quotient), words 32 to 50 the
/// nineteen evaluations, words 51 to 54 the two points of the SHPLONK opening.
///
/// The generated verifier reduces scalars before it uses them. So that a proof has one form only, words that are not
/// reduced are refused here.
///
/// What the contract inherits beside `verifyClaim`, for whoever calls it:
/// - `verify` is OpenVM's entry. Anyone may call it, and it is harmless: a view that reverts or returns nothing. It asks
///   for the commitments instead of pinning them, and takes proofs in other forms, so consumers call `verifyClaim`.
/// - `verify` hands the Halo2 proof and its instances to this same contract, as calldata without a selector, which its
///   fallback checks. That calldata starts with four zero bytes, the highest of a limb of 88 bits (`verifyClaim` and
///   `verify` see to that), and no function has the selector zero, so it can reach nothing else.
/// - The fallback therefore answers every call of an unknown function, a misspelled one included. It reverts without a
///   reason unless the calldata is a whole valid Halo2 proof, of any guest, and then it returns nothing. Where a value is
///   expected, Solidity takes that for a failure; a low-level call has to look at the length of what came back. What it
///   refuses may cost nearly all the gas that it was given, because a precompile takes all for what is no point.
///
/// Nothing is written, and no other contract is called but precompiles, so there is nothing to reenter.
abstract contract ZenoVerifierBase is IZenoVerifier {
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

    /// @inheritdoc IZenoVerifier
    function verifyClaim(ChainClaim calldata claim, bytes calldata proof)
        external
        view
        override
        returns (bytes32 digest)
    {
        // Each reverts when a field of the claim has bits beyond its type.
        if (claim.kind != CLAIM_KIND) revert WrongKind(CLAIM_KIND, claim.kind);
        digest = keccak256(abi.encode(claim));
        // What an unsound program is made to reveal.
        if (digest == 0) revert NoClaim();
        if (proof.length != PROOF_LENGTH) revert ProofLength(PROOF_LENGTH, proof.length);
        _requireBelow(LIMB_BOUND, proof, 0, LIMBS_END);
        _requireBelow(BASE_MODULUS, proof, LIMBS_END, COMMITMENTS_END);
        _requireBelow(SCALAR_MODULUS, proof, COMMITMENTS_END, EVALUATIONS_END);
        _requireBelow(BASE_MODULUS, proof, EVALUATIONS_END, PROOF_END);
        (bytes32 appExeCommit, bytes32 appVmCommit) = _commitments();
        // As a call from outside, so that its revert can be caught and named.
        try IOpenVmHalo2Verifier(address(this)).verify(abi.encodePacked(digest), proof, appExeCommit, appVmCommit) {
            return digest;
        } catch (bytes memory reason) {
            revert ProofRefused(digest, reason);
        }
    }

    /// @dev Values of `APP_EXE_COMMIT` and `APP_VM_COMMIT`, both less than BN254's scalar modulus.
    function _commitments() internal view virtual returns (bytes32 appExeCommit, bytes32 appVmCommit);

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
