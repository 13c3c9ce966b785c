// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.19;

import {ChainClaim} from "../../src/ChainClaim.sol";
import {IZenoVerifier} from "../../src/IZenoVerifier.sol";

/// @dev Stands for the verifier where the light client's own rules are tested: the only proof of a claim that it
/// accepts is the claim's digest.
contract VerifierDouble is IZenoVerifier {
    bytes32 public constant override APP_EXE_COMMIT = "exe";
    bytes32 public constant override APP_VM_COMMIT = "vm";
    bool public immutable override INSECURE_SRS;

    constructor(bool insecure) {
        INSECURE_SRS = insecure;
    }

    function verifyClaim(ChainClaim calldata claim, bytes calldata proof)
        external
        pure
        override
        returns (bytes32 digest)
    {
        digest = keccak256(abi.encode(claim));
        if (keccak256(proof) != keccak256(abi.encodePacked(digest))) revert ProofRefused(digest, proof);
    }
}
