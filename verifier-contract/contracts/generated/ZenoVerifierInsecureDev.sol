// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.19;

import {OpenVmHalo2Verifier} from "./OpenVmHalo2Verifier.sol";
import {ZenoVerifierBase} from "../src/ZenoVerifierBase.sol";

/// @title Verifier of Zeno proofs over the development SRS: INSECURE, for tests only
/// @notice The secret of this SRS is public, so anyone can make a proof of anything that this contract accepts.
/// @dev Made from `template/ZenoVerifier.sol`. Everything that depends on the verifying key is a constant of the code, so
/// two contracts with the same code accept the same proofs.
contract ZenoVerifierInsecureDev is OpenVmHalo2Verifier, ZenoVerifierBase {
    /// @notice The verifying key's SRS is the development SRS.
    bool public constant override INSECURE_SRS = true;
    /// @notice Commitment to the guest program whose proofs are accepted.
    bytes32 public constant override APP_EXE_COMMIT =
        0x00502b5bfe0e1360f29bcb6112ddc8b23e97cab818085b820de719609940bb62;
    /// @notice Commitment to the virtual machine and aggregation circuits whose proofs are accepted.
    bytes32 public constant override APP_VM_COMMIT =
        0x007dbfac36b2f8ebf471413f1bfa1eb2a298935c5cb66145f5245bad493b37bd;

    function _commitments() internal pure override returns (bytes32 appExeCommit, bytes32 appVmCommit) {
        return (APP_EXE_COMMIT, APP_VM_COMMIT);
    }
}
