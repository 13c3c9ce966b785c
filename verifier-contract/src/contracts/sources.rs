//! Solidity sources for a verifying key.

use super::halo2::halo2_verifier;
use crate::evm::{key::EvmVerifyingKey, srs_origin::SrsOrigin};

/// File of Solidity, or the configuration that compiles it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Path from the folder that holds all files.
    pub path: String,
    /// Text of the file.
    pub text: String,
}

/// Pairs the path of a file in `contracts/` with its text.
macro_rules! source {
    ($path:literal) => {
        ($path, include_str!(concat!("../../contracts/", $path)))
    };
}

/// Sources that are the same for every key: our contracts, and OpenVM's contract around the Halo2 verifier. OpenVM's
/// SDK generated the latter for 32 bytes of public values; it is under the SDK's licence.
const SOURCES: [(&str, &str); 11] = [
    source!("src/ChainClaim.sol"),
    source!("src/IOpenVmHalo2Verifier.sol"),
    source!("src/IZenoVerifier.sol"),
    source!("src/ZenoLightClient.sol"),
    source!("src/ZenoVerifierBase.sol"),
    source!("src/lib/BlockHeaders.sol"),
    source!("src/lib/MerklePatricia.sol"),
    source!("src/lib/Rlp.sol"),
    source!("src/lib/StateProofs.sol"),
    source!("generated/OpenVmHalo2Verifier.sol"),
    source!("generated/interfaces/IOpenVmHalo2Verifier.sol"),
];

/// Concrete verifier, with names in `{}` where it depends on the key.
const TEMPLATE: &str = include_str!("../../contracts/template/ZenoVerifier.sol");

/// Configuration of forge for all sources. The verifiers have the settings by which scripts/build-contracts compiles
/// them.
///
/// All sources have the same pipeline, without the Yul optimiser. The Halo2 verifier is one assembly block, for which
/// that optimiser takes long, and which it doesn't improve.
const FOUNDRY: &str = r#"# `forge build` compiles what `zeno contract export` wrote. The verifier's bytecode is the one that `zeno contract deploy`
# sends, which needs no compiler.
[profile.default]
src = "."
out = "out"
libs = []
auto_detect_remappings = false
solc = "0.8.19"
evm_version = "paris"
optimizer = true
optimizer_runs = 10000
via_ir = false
bytecode_hash = "none"
cbor_metadata = false

[profile.default.optimizer_details]
constantOptimizer = false
yul = false
"#;

/// Returns the name of the concrete verifier for a key. If its SRS is from no known ceremony, the name says so.
pub fn verifier_name(key: &EvmVerifyingKey) -> &'static str {
    match key.origin() {
        SrsOrigin::Ceremony(_) => "ZenoVerifier",
        SrsOrigin::Development => "ZenoVerifierInsecureDev",
        SrsOrigin::Unknown => "ZenoVerifierUnknownSrs",
    }
}

/// Returns all Solidity sources of a deployment for `key`, with a configuration for forge.
///
/// They are the Halo2 verifier, OpenVM's contract over it, ours, which is both in one, and the light client. All text
/// is this crate's, and all values are the key's.
pub fn solidity_sources(key: &EvmVerifyingKey) -> Vec<SourceFile> {
    let file = |path: &str, text: &str| SourceFile { path: path.to_owned(), text: text.to_owned() };
    let mut files: Vec<_> = SOURCES.iter().map(|(path, text)| file(path, text)).collect();
    files.push(file("generated/Halo2Verifier.sol", &halo2_verifier(key)));
    files.push(file(&format!("generated/{}.sol", verifier_name(key)), &zeno_verifier(key)));
    files.push(file("foundry.toml", FOUNDRY));
    files
}

/// Renders the concrete verifier for `key`.
fn zeno_verifier(key: &EvmVerifyingKey) -> String {
    let origin = key.origin();
    let [title, notice] = match origin {
        SrsOrigin::Ceremony(_) => [
            "Verifier of Zeno proofs",
            "It pins the guest program and the virtual machine whose proofs it accepts.",
        ],
        SrsOrigin::Development => [
            "Verifier of Zeno proofs over the development SRS: INSECURE, for tests only",
            "The secret of this SRS is public, so anyone can make a proof of anything that this contract accepts.",
        ],
        SrsOrigin::Unknown => [
            "Verifier of Zeno proofs over an SRS of no known ceremony",
            "Whoever made this SRS may be able to make a proof of anything that this contract accepts.",
        ],
    };
    let srs_notice = match origin {
        SrsOrigin::Ceremony(ceremony) => {
            format!("The verifying key's SRS is {}: {}.", ceremony.name, ceremony.description)
        }
        SrsOrigin::Development => "The verifying key's SRS is the development SRS.".to_owned(),
        SrsOrigin::Unknown => "The verifying key's SRS is of no ceremony that is known.".to_owned(),
    };
    let secure = matches!(origin, SrsOrigin::Ceremony(_));
    let values = [
        ("NAME", verifier_name(key).to_owned()),
        ("TITLE", title.to_owned()),
        ("NOTICE", notice.to_owned()),
        ("SRS_NOTICE", srs_notice),
        ("INSECURE_SRS", (!secure).to_string()),
        ("APP_EXE_COMMIT", key.app_exe_commitment().to_string()),
        ("APP_VM_COMMIT", key.app_vm_commitment().to_string()),
    ];
    values
        .into_iter()
        .fold(TEMPLATE.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), &value))
}
