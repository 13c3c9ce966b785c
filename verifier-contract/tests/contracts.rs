//! The committed contract pins the committed guest.

use std::{fs, path::Path};

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
