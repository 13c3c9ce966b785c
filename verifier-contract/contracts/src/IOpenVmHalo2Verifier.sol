// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.19;

/// @title The verifier contract that OpenVM 2.0 generates for its Halo2-KZG wrap
/// @dev Only its ABI is stated here. The contract itself belongs to a verifying key and hence to an SRS, and is a base of
/// the concrete verifiers.
interface IOpenVmHalo2Verifier {
    /// @notice Returns if the proof is valid, and reverts if it isn't.
    /// @param publicValues Bytes that the guest revealed; the circuit has one instance for each byte.
    /// @param proofData The twelve limbs of the KZG accumulator, then the proof: words of 32 bytes, big-endian.
    /// @param appExeCommit Commitment to the guest program, an element of BN254's scalar field.
    /// @param appVmCommit Commitment to the virtual machine and to the circuits that aggregate its proofs.
    function verify(bytes calldata publicValues, bytes calldata proofData, bytes32 appExeCommit, bytes32 appVmCommit)
        external
        view;
}
