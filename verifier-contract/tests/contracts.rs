//! The committed contracts pin the committed guest, and are what the generators give.
#![cfg(feature = "stark")]

use std::{fs, path::Path, process::Command};

use zeno_verifier::VerifyingKey;

#[test]
fn the_contract_is_the_template_with_the_guests_commitments() {
    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("contracts");
    let read = |name: &str| fs::read_to_string(contracts.join(name)).unwrap();
    let key = VerifyingKey::committed().unwrap();
    let values = [
        ("SOURCES", "../src".to_owned()),
        ("NAME", "ZenoVerifierInsecureDev".to_owned()),
        ("TITLE", "Verifier of Zeno proofs over the development SRS: INSECURE, for tests only".to_owned()),
        (
            "NOTICE",
            "The secret of this SRS is public, so anyone can make a proof of anything that this contract accepts."
                .to_owned(),
        ),
        ("INSECURE_NOTICE", "The verifying key stems from the development SRS.".to_owned()),
        ("INSECURE_SRS", "true".to_owned()),
        ("APP_EXE_COMMIT", key.app_exe_commitment().to_string()),
        ("APP_VM_COMMIT", key.app_vm_commitment().to_string()),
    ];
    let mut expected = read("template/ZenoVerifier.sol");
    for (name, value) in values {
        expected = expected.replace(&format!("{{{name}}}"), &value);
    }
    assert_eq!(
        read("generated/ZenoVerifierInsecureDev.sol"),
        expected,
        "another guest or template: put this text in its place and run scripts/build-contracts"
    );
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
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let sdk = packages.iter().find(|package| package["name"] == "openvm-sdk").expect("it is a dependency");
    Path::new(sdk["manifest_path"].as_str().expect("a path")).parent().expect("a folder").to_owned()
}
