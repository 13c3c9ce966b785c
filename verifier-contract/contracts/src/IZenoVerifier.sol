// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.19;

import {ChainClaim} from "./ChainClaim.sol";

/// @title Verification of a Zeno proof on chain
interface IZenoVerifier {
    /// @notice The claim is of another kind or version.
    /// @param expected The only kind that is known here, `CLAIM_KIND`.
    /// @param actual The claim's.
    error WrongKind(bytes4 expected, bytes4 actual);

    /// @notice The claim's digest is zero, which is that of no claim.
    error NoClaim();

    /// @notice The proof has another length than proofs have.
    /// @param expected The only length that there is, in bytes.
    /// @param actual The length of the proof given.
    error ProofLength(uint256 expected, uint256 actual);

    /// @notice A word of the proof is not reduced, so the same proof would have a second form.
    /// @param index Position of the word in the proof.
    /// @param value The word.
    /// @param bound Number that it has to be less than.
    error NonCanonical(uint256 index, uint256 value, uint256 bound);

    /// @notice The proof does not prove the claim.
    /// @param digest The claim's digest.
    /// @param reason The revert data of the Halo2 verifier.
    error ProofRefused(bytes32 digest, bytes reason);

    /// @notice Checks that `proof` proves `claim`, and reverts if it doesn't.
    /// @param claim The claim; every field is bound by the proof.
    /// @param proof The limbs of the KZG accumulator, then the Halo2 proof: words of 32 bytes, big-endian.
    /// @return digest `keccak256(abi.encode(claim))`, what the guest revealed.
    function verifyClaim(ChainClaim calldata claim, bytes calldata proof) external view returns (bytes32 digest);

    /// @notice Commitment to the guest program that the verifier trusts.
    function APP_EXE_COMMIT() external view returns (bytes32);

    /// @notice Commitment to the virtual machine and aggregation circuits that the verifier trusts.
    function APP_VM_COMMIT() external view returns (bytes32);

    /// @notice Whether the verifying key's SRS is of no ceremony that is known: it is the development SRS, whose secret is
    /// public, or one that whoever made it may know the secret of. Then somebody can prove anything, and only tests may
    /// rely on this verifier.
    function INSECURE_SRS() external view returns (bool);
}
