//! The committed contracts pin the committed guest, and are what the generators give.
#![cfg(all(feature = "stark", feature = "contracts"))]

use std::{fs, path::Path, process::Command};

use zeno_verifier::{
    EvmVerifyingKey, INSECURE_SRS, InsecureSrs, ProofFile, VerifyError, VerifyingKey,
    contracts::{INSECURE_DEV_HALO2_VERIFIER, solidity_sources},
    verify_evm,
};

/// Everything that stems from the development SRS is of the committed guest, and of one key.
#[test]
fn the_committed_contracts_are_those_of_the_committed_key() {
    let key = EvmVerifyingKey::insecure_dev().unwrap();
    let guest = VerifyingKey::committed().unwrap();
    let remedy = "another guest or machine: run `zeno setup` under the development SRS, and put verifying-key and \
                  Halo2Verifier.sol in the place of the committed ones";
    assert!(key.is_insecure());
    assert_eq!(key.app_exe_commitment(), guest.app_exe_commitment(), "{remedy}");
    assert_eq!(key.app_vm_commitment(), guest.app_vm_commitment(), "{remedy}");
    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("contracts");
    for file in solidity_sources(&key, INSECURE_DEV_HALO2_VERIFIER).expect(remedy) {
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

/// A proof by the real circuits, of the block that is built in.
#[test]
fn the_real_proof_is_valid() {
    let key = EvmVerifyingKey::insecure_dev().unwrap();
    let file =
        ProofFile::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("contracts/test/fixtures/block.proof"))
            .unwrap();
    assert_eq!(file.srs.as_deref(), Some(INSECURE_SRS));
    assert_eq!(verify_evm(&file, &key, InsecureSrs::Allow).unwrap(), file.claim);
    assert!(matches!(verify_evm(&file, &key, InsecureSrs::Refuse), Err(VerifyError::Insecure)));
    for place in (0..file.proof.len()).step_by(7) {
        let mut altered = file.clone();
        altered.proof[place] ^= 1;
        assert!(verify_evm(&altered, &key, InsecureSrs::Allow).is_err(), "byte {place}");
    }
}

/// OpenVM's part, which is the same for every key, is the template in the SDK that this workspace is built with.
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

/// Where cargo has the sources of `openvm-sdk`.
fn sdk_folder() -> std::path::PathBuf {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc starts");
    let versions = String::from_utf8(output.stdout).expect("rustc writes text");
    let host = versions.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    // Of this platform alone: the packages of others were not downloaded for the build of this test.
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
