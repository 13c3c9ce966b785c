// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.19;

import {IOpenVmHalo2Verifier} from "{SOURCES}/IOpenVmHalo2Verifier.sol";
import {ZenoVerifierBase} from "{SOURCES}/ZenoVerifierBase.sol";

/// @title {TITLE}
/// @notice {NOTICE}
/// @dev Made from `template/ZenoVerifier.sol`.
contract {NAME} is ZenoVerifierBase {
    /// @notice {INSECURE_NOTICE}
    bool public constant override INSECURE_SRS = {INSECURE_SRS};

    /// @notice Pins the commitments of the guest and of the virtual machine.
    /// @param halo2Verifier The verifier that OpenVM generated for the same SRS.
    constructor(
        IOpenVmHalo2Verifier halo2Verifier
    )
        ZenoVerifierBase(
            halo2Verifier,
            {APP_EXE_COMMIT},
            {APP_VM_COMMIT}
        )
    {}
}
