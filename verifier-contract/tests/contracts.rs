//! Tests that the committed contracts pin the committed guest, and that the generators give them.
#![cfg(all(feature = "stark", feature = "contracts"))]

mod solidity;

use std::{fs, path::Path, process::Command};

use alloy_primitives::{B256, keccak256};
use alloy_sol_types::SolCall;
use halo2curves::{
    bn256::{Fq, Fr, G1Affine, G2Affine},
    ff::PrimeField,
    group::Curve,
};
use zeno_verifier::{
    CEREMONIES, Ceremony, EvmVerifyingKey, INSECURE_SRS, ProofFile, UnknownSrs, VerifyError, VerifyingKey,
    contracts::{
        IZenoVerifier, ZenoVerifierInsecureDev, solidity_sources, verifier_creation_code, verifier_name,
        verifier_runtime_code,
    },
    verify_evm,
};

/// All that is committed under the development SRS is of the committed guest, and of one key.
#[test]
fn the_committed_contracts_are_those_of_the_committed_key() {
    let key = EvmVerifyingKey::insecure_dev().unwrap();
    let guest = VerifyingKey::committed().unwrap();
    let remedy = "another guest or VM: run `zeno setup` under the development SRS, and put verifying-key in the \
                  place of the committed one";
    assert!(key.is_insecure());
    assert_eq!(key.app_exe_commitment(), guest.app_exe_commitment(), "{remedy}");
    assert_eq!(key.app_vm_commitment(), guest.app_vm_commitment(), "{remedy}");
    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("contracts");
    for file in solidity_sources(&key) {
        if file.path != "foundry.toml" {
            let committed = fs::read_to_string(contracts.join(&file.path)).unwrap();
            assert_eq!(
                committed, file.text,
                "{}: put this text there, run scripts/build-contracts",
                file.path
            );
        }
    }
}

/// The proof is by the real circuits, of the built-in block.
#[test]
fn the_real_proof_is_valid() {
    let key = EvmVerifyingKey::insecure_dev().unwrap();
    let file =
        ProofFile::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("contracts/test/fixtures/block.proof"))
            .unwrap();
    assert_eq!(file.srs.as_deref(), Some(INSECURE_SRS));
    assert_eq!(verify_evm(&file, &key, UnknownSrs::Allow).unwrap(), file.claim);
    assert!(matches!(verify_evm(&file, &key, UnknownSrs::Refuse), Err(VerifyError::Insecure)));
    for index in (0..file.proof.len()).step_by(7) {
        let mut altered = file.clone();
        altered.proof[index] ^= 1;
        assert!(verify_evm(&altered, &key, UnknownSrs::Allow).is_err(), "byte {index}");
    }
}

/// Makes a key of the committed circuit's size with other words, as `zeno setup` does under another SRS.
///
/// If it is `narrow`, each point has a coordinate that starts with a zero byte, and each commitment starts with two.
fn other_key(ceremony: Option<&Ceremony>, narrow: bool) -> EvmVerifyingKey {
    let mut bytes = EvmVerifyingKey::insecure_dev().unwrap().encode();
    let zeros = if narrow { 2 } else { 1 };
    for (at, name) in [(9, "guest"), (41, "machine")] {
        let mut commitment = keccak256(name);
        commitment[..zeros].fill(0);
        bytes[at..at + 32].copy_from_slice(commitment.as_slice());
    }
    let multiples = (1u64..).map(|scalar| (G1Affine::generator() * Fr::from(scalar)).to_affine());
    let points = multiples.map(|point| [point.x, point.y].map(big_endian));
    let fitting = points.filter(|point| point.iter().any(|coordinate| coordinate[0] == 0) == narrow);
    for (index, point) in fitting.take(7).enumerate() {
        bytes[201 + 64 * index..][..64].copy_from_slice(&point.concat());
    }
    let s_g2 = match ceremony {
        Some(ceremony) => ceremony.s_g2.map(|word| word.to_be_bytes::<32>()),
        None => {
            let s_g2 = (G2Affine::generator() * Fr::from(u64::MAX)).to_affine();
            [s_g2.x.c1, s_g2.x.c0, s_g2.y.c1, s_g2.y.c0].map(big_endian)
        }
    };
    bytes[73..201].copy_from_slice(&s_g2.concat());
    let end = bytes.len() - 32;
    let checksum = keccak256(&bytes[..end]);
    bytes[end..].copy_from_slice(checksum.as_slice());
    EvmVerifyingKey::decode(&bytes).unwrap()
}

fn big_endian(coordinate: Fq) -> [u8; 32] {
    let mut bytes = coordinate.to_repr();
    bytes.reverse();
    bytes
}

/// The rendered code is the compiler's, for keys that nobody has compiled.
#[test]
fn the_rendered_code_is_what_the_compiler_makes() {
    let keys = [
        (Some(&CEREMONIES[1]), false, "ZenoVerifier"),
        (Some(&CEREMONIES[0]), true, "ZenoVerifier"),
        (None, true, "ZenoVerifierUnknownSrs"),
    ];
    for (ceremony, narrow, name) in keys {
        let key = other_key(ceremony, narrow);
        assert_eq!(verifier_name(&key), name);
        let rendered = verifier_creation_code(&key).unwrap();
        assert!(rendered.ends_with(&verifier_runtime_code(&key).unwrap()));
        let Some(compiled) = solidity::compiled(&solidity_sources(&key), name) else {
            solidity::skip("solc is not installed; scripts/build-contracts installs it");
            return;
        };
        assert!(
            rendered == compiled,
            "{name}: {} bytes rendered, {} compiled",
            rendered.len(),
            compiled.len()
        );
    }
}

/// In an EVM, the contract returns what it pins. It accepts the real proof only if it is the verifier of the proof's
/// key.
#[test]
fn the_rendered_code_is_a_verifier() {
    let file =
        ProofFile::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("contracts/test/fixtures/block.proof"))
            .unwrap();
    let committed = EvmVerifyingKey::insecure_dev().unwrap();
    let mut contract = solidity::Deployed::of(verifier_creation_code(&committed).unwrap());
    assert_eq!(contract.verify(&file.claim, &file.proof).unwrap(), file.claim.digest());
    for (ceremony, insecure) in [(Some(&CEREMONIES[0]), 0), (None, 1)] {
        let key = other_key(ceremony, insecure == 1);
        let mut contract = solidity::Deployed::of(verifier_creation_code(&key).unwrap());
        let mut word = |call: Vec<u8>| B256::from_slice(&contract.call(call).unwrap());
        assert_eq!(word(IZenoVerifier::APP_EXE_COMMITCall {}.abi_encode()), key.app_exe_commitment());
        assert_eq!(word(IZenoVerifier::APP_VM_COMMITCall {}.abi_encode()), key.app_vm_commitment());
        assert_eq!(word(IZenoVerifier::INSECURE_SRSCall {}.abi_encode()), B256::with_last_byte(insecure));
        assert!(contract.verify(&file.claim, &file.proof).is_err());
    }
}

/// The Halo2 proof reaches the fallback as calldata that starts with four zero bytes, so no function may match them.
#[test]
fn no_function_has_the_selector_zero() {
    use ZenoVerifierInsecureDev::ZenoVerifierInsecureDevCalls as Calls;
    let selectors: Vec<_> = Calls::SELECTORS.to_vec();
    assert!(selectors.contains(&ZenoVerifierInsecureDev::verifyCall::SELECTOR), "{selectors:?}");
    assert!(selectors.contains(&IZenoVerifier::verifyClaimCall::SELECTOR), "{selectors:?}");
    assert!(!selectors.contains(&[0; 4]), "{selectors:?}");
}

/// A user's forge makes the committed bytecode of the files that `zeno contract export` writes.
#[test]
fn forge_makes_the_committed_code_of_an_export() {
    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("contracts");
    let forge = contracts.join("node_modules/.bin/forge");
    if !forge.is_file() || !contracts.join("node_modules/solc").is_dir() {
        solidity::skip("forge is not installed; scripts/test-contracts installs it");
        return;
    }
    let key = EvmVerifyingKey::insecure_dev().unwrap();
    let folder = tempfile::tempdir().unwrap();
    for file in solidity_sources(&key) {
        let path = folder.path().join(file.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file.text).unwrap();
    }
    // The pinned compiler, because there may be no network to fetch one.
    let output = Command::new(forge)
        .args(["build", "--offline", "--use"])
        .arg(contracts.join("scripts/solc"))
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let artifact = folder.path().join("out/ZenoVerifierInsecureDev.sol/ZenoVerifierInsecureDev.json");
    let artifact: serde_json::Value = serde_json::from_slice(&fs::read(artifact).unwrap()).unwrap();
    assert_eq!(artifact["bytecode"]["object"], verifier_creation_code(&key).unwrap().to_string());
    assert_eq!(artifact["deployedBytecode"]["object"], verifier_runtime_code(&key).unwrap().to_string());
}

/// OpenVM's contract, which is the same for every key, is the template of the SDK that this workspace is built with.
#[test]
fn open_vms_contract_is_the_sdks_template() {
    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("contracts/generated");
    let sdk = sdk_folder();
    let read =
        |path: &Path| fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let template = read(&sdk.join("contracts/template/OpenVmHalo2Verifier.sol"));
    let filled = template.replace("{PUBLIC_VALUES_LENGTH}", "32").replace("{OPENVM_VERSION}", "2.0");
    let remedy = "another SDK: put its files in the place of these and run scripts/build-contracts";
    assert_eq!(read(&contracts.join("OpenVmHalo2Verifier.sol")), filled, "{remedy}");
    assert_eq!(
        read(&contracts.join("interfaces/IOpenVmHalo2Verifier.sol")),
        read(&sdk.join("contracts/src/IOpenVmHalo2Verifier.sol")),
        "{remedy}"
    );
}

/// Returns the folder in which cargo has the sources of `openvm-sdk`.
fn sdk_folder() -> std::path::PathBuf {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc starts");
    let versions = String::from_utf8(output.stdout).expect("rustc writes text");
    let host = versions.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    // For this platform alone: the build of this test didn't download the packages of others.
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked", "--filter-platform", host])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let sdk = packages.iter().find(|package| package["name"] == "openvm-sdk").expect("it is a dependency");
    Path::new(sdk["manifest_path"].as_str().expect("a path")).parent().expect("a folder").to_owned()
}
