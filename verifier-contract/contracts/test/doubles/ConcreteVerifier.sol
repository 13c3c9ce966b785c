// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.19;

import {ZenoVerifierBase} from "../../src/ZenoVerifierBase.sol";
import {Halo2VerifierDouble} from "./Halo2VerifierDouble.sol";

/// @dev As the contracts that are made from the template, over the double, with commitments of the test's choice.
contract ConcreteVerifier is Halo2VerifierDouble, ZenoVerifierBase {
    bool public constant override INSECURE_SRS = true;
    bytes32 public immutable override APP_EXE_COMMIT;
    bytes32 public immutable override APP_VM_COMMIT;

    constructor(bytes32 exe, bytes32 vmCommit) {
        APP_EXE_COMMIT = exe;
        APP_VM_COMMIT = vmCommit;
    }

    function _commitments() internal view override returns (bytes32 exe, bytes32 vmCommit) {
        (exe, vmCommit) = (APP_EXE_COMMIT, APP_VM_COMMIT);
    }
}
