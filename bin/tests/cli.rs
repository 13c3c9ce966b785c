//! The command line, as a user runs it. The proof at the end is a real one.

use serde_json::Value;
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Output, Stdio},
};

/// Runs `zeno` in `folder`, without what the environment says about nodes.
fn zeno(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_zeno"))
        .args(args)
        .current_dir(folder)
        .env_remove("ETH_RPC_URL")
        .env_remove("ETH_RPC_HEADER")
        .output()
        .expect("zeno starts")
}

/// Runs `zeno --json`: the one object on stdout, and the exit status.
fn json(folder: &Path, args: &[&str]) -> (Value, i32) {
    let output = zeno(folder, &[&["--json"], args].concat());
    let stdout = String::from_utf8(output.stdout).expect("stdout is text");
    assert_eq!(stdout.lines().count(), 1, "one object on one line, not: {stdout}");
    let value = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error} in: {stdout}"));
    (value, output.status.code().expect("zeno was not killed"))
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn validates_and_executes_the_example() {
    let folder = tempfile::tempdir().unwrap();
    let (validated, status) = json(folder.path(), &["validate"]);
    assert_eq!(status, 0, "{validated}");
    assert_eq!(validated["valid"], true);
    assert!(validated["transactions"].as_u64().unwrap() >= 5);

    let (executed, status) = json(folder.path(), &["execute"]);
    assert_eq!(status, 0, "{executed}");
    assert_eq!(executed["claim"], validated["claim"]);
    let (instructions, gas) =
        (executed["instructions"].as_u64().unwrap(), executed["gas_used"].as_u64().unwrap());
    let ratio = executed["instructions_per_gas"].as_f64().unwrap();
    assert!((ratio - instructions as f64 / gas as f64).abs() < 1e-6);
    assert!(executed["segments"].as_u64().unwrap() >= 1);
}

#[test]
fn profiles_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let (profiled, status) = json(folder.path(), &["execute", "--profile", "run.svg", "--by", "cells"]);
    assert_eq!(status, 0, "{profiled}");
    let sum = |unit: &str| {
        let parts = profiled["phases"].as_array().unwrap();
        parts.iter().map(|part| part[unit].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!(sum("instructions"), profiled["instructions"].as_u64().unwrap());
    assert_eq!(sum("cells"), profiled["cells"].as_u64().unwrap());
    // The example goes through all of them: the name of a function that changed would empty one.
    for part in profiled["phases"].as_array().unwrap() {
        assert_ne!(part["instructions"], 0, "{part}");
    }
    assert!(!profiled["functions"].as_array().unwrap().is_empty());
    let graph = std::fs::read_to_string(folder.path().join("run.svg")).unwrap();
    assert!(graph.contains("<svg") && graph.contains("keccak") && graph.contains("cells"));

    std::fs::write(folder.path().join("no.elf"), b"no program").unwrap();
    let refused = zeno(folder.path(), &["execute", "--guest", "no.elf"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("ELF"), "{}", stderr(&refused));
}

#[test]
fn installs_an_srs() {
    let folder = tempfile::tempdir().unwrap();
    let (empty, status) = json(folder.path(), &["--cache-dir", "cache", "srs", "info"]);
    assert_eq!((status, empty.get("srs")), (0, None), "{empty}");
    let (made, status) = json(folder.path(), &["--cache-dir", "cache", "srs", "dev", "--k", "5", "--k", "4"]);
    assert_eq!(status, 0, "{made}");
    assert_eq!((&made["srs"][0]["k"], &made["srs"][1]["k"]), (&4.into(), &5.into()));
    assert_eq!(made["srs"][1]["insecure"], true);
    assert_eq!(made["srs"][1]["bytes"], 4 + 2 * 32 * 64 + 2 * 128);
    let text = zeno(folder.path(), &["--cache-dir", "cache", "srs", "info"]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("INSECURE"));

    // The file, imported elsewhere, is still the insecure one.
    let file = folder.path().join("cache/srs/kzg_bn254_5.srs");
    let import = ["--cache-dir", "other", "srs", "import", file.to_str().unwrap()];
    let (imported, status) = json(folder.path(), &import);
    assert_eq!((status, &imported["srs"][0]["origin"]), (0, &"development".into()), "{imported}");
    assert_eq!(imported["srs"][0]["blake2b"], made["srs"][1]["blake2b"]);

    let mut bytes = std::fs::read(&file).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let (damaged, status) = json(folder.path(), &["--cache-dir", "cache", "srs", "info"]);
    assert_eq!(status, 2, "{damaged}");
    assert!(damaged["srs"][1]["error"].as_str().unwrap().contains("digest"), "{damaged}");
    assert!(damaged["srs"][0].get("error").is_none());
    let (refused, status) = json(folder.path(), &import);
    assert_eq!(status, 2, "{refused}");
    assert!(refused["error"].as_str().unwrap().contains("g[1]"), "{refused}");
}

#[test]
fn says_what_is_wrong_with_usage_and_files() {
    let folder = tempfile::tempdir().unwrap();
    let fails = |args: &[&str], says: &str| {
        let output = zeno(folder.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(says), "{args:?} should say {says:?}: {}", stderr(&output));
    };
    fails(&["validate", "latest"], "--rpc-url");
    fails(&["validate", "newest", "--rpc-url", "http://127.0.0.1:1"], "newest");
    fails(&["validate", "--input", "absent.zeno"], "absent.zeno");
    fails(&["validate", "7", "--input", "absent.zeno"], "--input");
    fails(&["prove", "--proof", "evm", "--cache-dir", "empty"], "zeno srs import");
    fails(&["setup", "--cache-dir", "empty"], "zeno srs import");
    fails(&["prove", "--out", "no/such/folder/block.proof"], "no/such/folder");
    fails(&["verify", "absent.proof"], "absent.proof");
    fails(&["inspect", "absent.proof"], "absent.proof");

    std::fs::write(folder.path().join("noise"), b"noise").unwrap();
    fails(&["inspect", "noise"], "neither an input");
    fails(&["validate", "--input", "noise"], "noise");
    std::fs::write(folder.path().join("truncated"), b"ZENO\x01\0\0\0").unwrap();
    fails(&["validate", "--input", "truncated"], "truncated");

    let (value, status) = json(folder.path(), &["validate", "--input", "truncated"]);
    assert_eq!(status, 2);
    assert!(value["error"].as_str().unwrap().contains("truncated"), "{value}");
    let leftovers = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(leftovers, 2, "a failing command leaves no file behind");
}

#[test]
fn an_invalid_block_exits_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let mut input = zeno_guest_evm::StatelessInput::decode(
        &include_bytes!("../../config/example/input.zeno").to_vec().into(),
    )
    .unwrap();
    let mut block = zeno_guest_evm::decode_block(&input.block).unwrap();
    block.header.gas_used += 1;
    input.block = alloy_rlp::encode(&block).into();
    std::fs::write(folder.path().join("invalid.zeno"), input.encode()).unwrap();
    for command in ["validate", "execute", "prove"] {
        let (value, status) = json(folder.path(), &[command, "--input", "invalid.zeno"]);
        assert_eq!(status, 1, "{command}: {value}");
        assert_eq!(value["valid"], false);
        assert!(value["error"].as_str().unwrap().contains("gas used"), "{value}");
    }
}

/// Starts a proof, and sends it a signal as soon as its progress says `at`. Answers with its status and what it said.
fn signal_at(folder: &Path, args: &[&str], at: &str, signal: &str) -> (Option<i32>, Vec<String>) {
    let mut process = Command::new(env!("CARGO_BIN_EXE_zeno"))
        .args(args)
        .current_dir(folder)
        .stderr(Stdio::piped())
        .spawn()
        .expect("zeno starts");
    let lines = BufReader::new(process.stderr.take().expect("stderr is piped")).lines();
    let mut said = Vec::new();
    for line in lines {
        let line = line.expect("stderr is text");
        if line.contains(at) {
            let id = process.id().to_string();
            assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
        }
        said.push(line);
    }
    let status = process.wait().unwrap();
    assert!(said.iter().any(|line| line.contains(at)), "{said:?}");
    assert!(!folder.join("example.proof").exists(), "a stopped proof leaves no file");
    (status.code(), said)
}

/// The main job: a proof of the example, interrupted, killed and resumed, and verified; altered copies refused.
#[test]
fn proves_and_verifies_the_example() {
    let folder = tempfile::tempdir().unwrap();
    let prove = ["--cache-dir", "cache", "prove", "--out", "example.proof"];
    let (status, said) = signal_at(folder.path(), &prove, "aggregating proof 1", "INT");
    assert_eq!(status, Some(130), "{said:?}");
    assert!(said.last().is_some_and(|line| line.contains("interrupted")), "{said:?}");
    let (status, said) = signal_at(folder.path(), &prove, "aggregating proof 2", "KILL");
    assert_eq!(status, None, "ended by the signal: {said:?}");
    let (proved, status) = json(folder.path(), &prove);
    assert_eq!(status, 0, "{proved}");
    assert_eq!(proved["proof_kind"], "stark");
    assert_eq!(
        proved["stages"]["restored"], 2,
        "the segment's and the first aggregation's were found: {proved}"
    );
    let work = std::fs::read_dir(folder.path().join("cache/work")).unwrap().count();
    assert_eq!(work, 0, "what was kept for the second run is removed at its end");

    let (verified, status) = json(folder.path(), &["verify", "example.proof"]);
    assert_eq!(status, 0, "{verified}");
    assert_eq!(verified["valid"], true);
    assert_eq!(verified["claim"], proved["claim"]);
    assert_eq!(verified["proof_bytes"], proved["proof_bytes"]);
    assert_eq!((&verified["release"], verified.get("withdrawn")), (&2.into(), None), "{verified}");
    let (inspected, status) = json(folder.path(), &["inspect", "example.proof"]);
    assert_eq!(status, 0);
    assert_eq!(inspected["claim"], proved["claim"]);
    assert_eq!(inspected.get("valid"), None, "inspecting checks nothing");

    let proof = zeno_verifier::ProofFile::read(folder.path().join("example.proof")).unwrap();
    let refused = |what: &str, altered: &zeno_verifier::ProofFile| {
        altered.write(folder.path().join("altered.proof")).unwrap();
        let (value, status) = json(folder.path(), &["verify", "altered.proof"]);
        assert_eq!((status, &value["valid"]), (1, &Value::Bool(false)), "{what}: {value}");
    };
    let alter = |change: &dyn Fn(&mut zeno_verifier::ProofFile)| {
        let mut altered = proof.clone();
        change(&mut altered);
        altered
    };
    refused("another block hash", &alter(&|file| file.claim.last_block_hash.0[0] ^= 1));
    refused("another state root", &alter(&|file| file.claim.last_state_root.0[31] ^= 1));
    refused("another chain", &alter(&|file| file.claim.chain_id += 1));
    refused("more blocks", &alter(&|file| file.claim.block_count += 1));
    for part in 0..8 {
        let at = proof.proof.len() * part / 8 + 16;
        refused("altered proof bytes", &alter(&|file| file.proof[at] ^= 1));
    }
    refused("a shorter proof", &alter(&|file| file.proof.truncate(file.proof.len() - 1)));

    // What is not known here is not invalid.
    let undecided = |what: &str, altered: &zeno_verifier::ProofFile| {
        altered.write(folder.path().join("altered.proof")).unwrap();
        let (value, status) = json(folder.path(), &["verify", "altered.proof"]);
        assert_eq!((status, value.get("valid")), (2, None), "{what}: {value}");
    };
    undecided("another guest", &alter(&|file| file.app_exe_commitment.0[0] ^= 1));
    undecided("another machine", &alter(&|file| file.app_vm_commitment.0[0] ^= 1));
    undecided("another proof system", &alter(&|file| file.proof_system = "openvm 1.4".to_owned()));

    let bytes = std::fs::read(folder.path().join("example.proof")).unwrap();
    let mut newer = bytes.clone();
    newer[8] = 9;
    for (name, bytes, expected) in [
        ("truncated", &bytes[..bytes.len() / 2], 1),
        ("trailing", &[&bytes[..], b"\n"].concat()[..], 1),
        ("foreign", &[&b"PROOF"[..], &bytes].concat()[..], 2),
        ("newer", &newer[..], 2),
    ] {
        std::fs::write(folder.path().join(name), bytes).unwrap();
        let (value, status) = json(folder.path(), &["verify", name]);
        assert_eq!(status, expected, "{name}: {value}");
        assert_eq!(value.get("valid").is_some(), status == 1, "{name}: {value}");
    }
}

/// Proofs of a release that was withdrawn are refused with the reason, whatever else is asked, before any node is.
#[test]
fn refuses_a_withdrawn_release() {
    let folder = tempfile::tempdir().unwrap();
    let withdrawn = "0x0092bba94352fa67f2b4b3af1168ee784c328457949fc3b45f690728d2696cab".parse().unwrap();
    let evm = zeno_verifier::ProofFile::decode(include_bytes!(
        "../../verifier-contract/contracts/test/fixtures/block.proof"
    ))
    .unwrap();
    let evm = zeno_verifier::ProofFile { app_exe_commitment: withdrawn, ..evm };
    evm.write(folder.path().join("evm.proof")).unwrap();
    let stark = zeno_verifier::ProofFile { kind: zeno_verifier::ProofKind::Stark, srs: None, ..evm.clone() };
    stark.write(folder.path().join("stark.proof")).unwrap();
    let contract = "0x0000000000000000000000000000000000000001";
    for args in [
        &["verify", "stark.proof"][..],
        &["verify", "evm.proof"],
        &["verify", "evm.proof", "--allow-insecure"],
        &["verify", "evm.proof", "--contract", contract],
        &["contract", "submit", "evm.proof", "--contract", contract, "--allow-insecure"],
        &["contract", "submit", "stark.proof", "--contract", contract],
    ] {
        let (value, status) = json(folder.path(), args);
        assert_eq!((status, value.get("valid")), (2, None), "{args:?}: {value}");
        assert_eq!(value["release"], 1, "{args:?}: {value}");
        let error = value["error"].as_str().unwrap();
        assert!(
            error.contains("release 1 of the EVM program is withdrawn: any claim can be forged"),
            "{error}"
        );
    }
    for name in ["stark.proof", "evm.proof"] {
        let (value, status) = json(folder.path(), &["inspect", name]);
        assert_eq!((status, &value["release"]), (0, &1.into()), "{value}");
        assert!(value["withdrawn"].as_str().unwrap().contains("prove the block again"), "{value}");
        let text = String::from_utf8(zeno(folder.path(), &["inspect", name]).stdout).unwrap();
        assert!(text.contains("NOT ACCEPTED") && text.contains("1 of the EVM program, withdrawn"), "{text}");
    }
    // A key of it is refused as well.
    let mut key = include_bytes!("../../config/guest/evm/2/evm-verifying-key-insecure-dev").to_vec();
    let end = key.len() - 32;
    key[9..41].copy_from_slice(evm.app_exe_commitment.as_slice());
    let checksum = alloy_primitives::keccak256(&key[..end]);
    key[end..].copy_from_slice(checksum.as_slice());
    std::fs::create_dir(folder.path().join("keys")).unwrap();
    std::fs::write(folder.path().join("keys/verifying-key"), key).unwrap();
    let export = ["contract", "export", "--keys", "keys", "--allow-insecure", "--out", "contracts"];
    let (value, status) = json(folder.path(), &export);
    assert_eq!(status, 2, "{value}");
    assert!(value["error"].as_str().unwrap().contains("release 1"), "{value}");
    assert!(!folder.path().join("contracts").exists());
}

/// A guest that refuses a block which native validation accepts is no verdict.
#[test]
fn a_refusal_by_the_guest_alone_exits_with_2() {
    let folder = tempfile::tempdir().unwrap();
    // This one is for tests of the cryptography, and takes no blocks.
    let guest = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/guest/evm/2/crypto-check.elf");
    let (value, status) = json(folder.path(), &["execute", "--guest", guest]);
    assert_eq!((status, &value["valid"]), (2, &Value::Bool(true)), "{value}");
    let error = value["error"].as_str().unwrap();
    assert!(error.contains("the guest refused the input") && error.contains("native validation"), "{error}");
}
