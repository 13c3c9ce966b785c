// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.19;

import {IOpenVmHalo2Verifier} from "../../src/IOpenVmHalo2Verifier.sol";

/// @dev Stands for the generated verifier where the proof system is not what is tested: accepts exactly the calls that
/// it was told of.
contract Halo2VerifierDouble is IOpenVmHalo2Verifier {
    error Refused();

    mapping(bytes32 => bool) private _accepted;

    function accept(bytes memory publicValues, bytes memory proofData, bytes32 exe, bytes32 vmCommit) external {
        _accepted[keccak256(abi.encode(publicValues, proofData, exe, vmCommit))] = true;
    }

    function verify(bytes calldata publicValues, bytes calldata proofData, bytes32 appExeCommit, bytes32 appVmCommit)
        external
        view
        override
    {
        if (!_accepted[keccak256(abi.encode(publicValues, proofData, appExeCommit, appVmCommit))]) revert Refused();
    }
}
