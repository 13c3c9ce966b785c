// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.19;

import {OpenVmHalo2Verifier} from "./OpenVmHalo2Verifier.sol";
import {ZenoVerifierBase} from "../src/ZenoVerifierBase.sol";

/// @title {TITLE}
/// @notice {NOTICE}
/// @dev Made from `template/ZenoVerifier.sol`. Everything that depends on the verifying key is a constant of the code, so
/// two contracts with the same code accept the same proofs.
contract {NAME} is OpenVmHalo2Verifier, ZenoVerifierBase {
    /// @notice {SRS_NOTICE}
    bool public constant override INSECURE_SRS = {INSECURE_SRS};
    /// @notice Commitment to the guest program whose proofs are accepted.
    bytes32 public constant override APP_EXE_COMMIT =
        {APP_EXE_COMMIT};
    /// @notice Commitment to the virtual machine and aggregation circuits whose proofs are accepted.
    bytes32 public constant override APP_VM_COMMIT =
        {APP_VM_COMMIT};

    function _commitments() internal pure override returns (bytes32 appExeCommit, bytes32 appVmCommit) {
        return (APP_EXE_COMMIT, APP_VM_COMMIT);
    }
}
