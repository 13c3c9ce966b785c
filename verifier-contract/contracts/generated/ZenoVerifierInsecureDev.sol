// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.19;

import {IOpenVmHalo2Verifier} from "../src/IOpenVmHalo2Verifier.sol";
import {ZenoVerifierBase} from "../src/ZenoVerifierBase.sol";

/// @title Verifier of Zeno proofs over the development SRS: INSECURE, for tests only
/// @notice The secret of this SRS is public, so anyone can make a proof of anything that this contract accepts.
/// @dev Made from `template/ZenoVerifier.sol`.
contract ZenoVerifierInsecureDev is ZenoVerifierBase {
    /// @notice The verifying key stems from the development SRS.
    bool public constant override INSECURE_SRS = true;

    /// @notice Pins the commitments of the guest and of the virtual machine.
    /// @param halo2Verifier The verifier that OpenVM generated for the same SRS.
    constructor(
        IOpenVmHalo2Verifier halo2Verifier
    )
        ZenoVerifierBase(
            halo2Verifier,
            0x0013bb97257992d3ff227c9b1c7b0584c336f51c0c158e90d94eff08f23773a2,
            0x007dbfac36b2f8ebf471413f1bfa1eb2a298935c5cb66145f5245bad493b37bd
        )
    {}
}
