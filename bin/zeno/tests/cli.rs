//! The command line, as a user runs it. The proof at the end is a real one.

use serde_json::Value;
use std::{
    fs::File,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};
use zeno_guest_evm::{
    Block, ChainSpec, StatelessInput,
    chain::{HORIZON, RELEASED, WARNING},
    decode_block, merge, minimize,
};
use zeno_tests::{
    amsterdam,
    devchain::{DevChain, Draft},
    example::GENESIS,
    replay::ReplayNode,
    rpc_server::RpcServer,
    signals,
};

/// `zeno` in `folder`, without the environment's variables about nodes.
fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zeno"));
    command.args(args).current_dir(folder);
    quiet(&mut command);
    command
}

/// A shell's line in `folder`, where `$ZENO` is the program.
#[cfg(unix)]
fn shell(folder: &Path, line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(folder).env("ZENO", env!("CARGO_BIN_EXE_zeno"));
    quiet(&mut command);
    command
}

fn quiet(command: &mut Command) {
    for variable in ["ETH_RPC_URL", "ETH_RPC_HEADER", "RUST_LOG", "RUST_BACKTRACE"] {
        command.env_remove(variable);
    }
}

/// Runs `zeno` in `folder`.
fn zeno(folder: &Path, args: &[&str]) -> Output {
    command(folder, args).output().expect("zeno starts")
}

/// Runs `zeno --json`: the one object on stdout, and the exit status.
fn json(folder: &Path, args: &[&str]) -> (Value, i32) {
    object(zeno(folder, &[&["--json"], args].concat()))
}

/// The one object on stdout, and the exit status.
fn object(output: Output) -> (Value, i32) {
    let stdout = String::from_utf8(output.stdout).expect("stdout is text");
    assert_eq!(stdout.lines().count(), 1, "one object on one line, not: {stdout}");
    let value: Value = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error} in: {stdout}"));
    assert!(value.is_object(), "{value}");
    (value, output.status.code().expect("zeno was not killed"))
}

/// The built-in example, and its block.
fn example() -> (StatelessInput, Block) {
    let input = include_bytes!("../../../config/example/input.zeno").to_vec().into();
    let input = StatelessInput::decode(&input).unwrap();
    let block = decode_block(&input.blocks[0]).unwrap();
    (input, block)
}

/// Writes the example with another block.
fn write_input(path: &Path, alter: impl FnOnce(&mut StatelessInput, &mut Block)) {
    let (mut input, mut block) = example();
    alter(&mut input, &mut block);
    input.blocks = vec![alloy_rlp::encode(&block).into()];
    std::fs::write(path, input.encode()).unwrap();
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
    // The two blocks go through all of them: the name of a function that changed would empty one.
    std::fs::write(folder.path().join("amsterdam.zeno"), amsterdam::block().encode()).unwrap();
    let (amsterdam, status) = json(
        folder.path(),
        &["execute", "--input", "amsterdam.zeno", "--profile", "amsterdam.svg", "--by", "cells"],
    );
    assert_eq!(status, 0, "{amsterdam}");
    let (parts, others) = (profiled["phases"].as_array().unwrap(), amsterdam["phases"].as_array().unwrap());
    assert_eq!(parts.len(), others.len());
    for (part, other) in parts.iter().zip(others) {
        assert!(part["instructions"] != 0 || other["instructions"] != 0, "{part}");
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
    assert_eq!((status, &empty["srs"]), (0, &Value::Array(Vec::new())), "{empty}");
    assert!(empty["messages"][0].as_str().unwrap().contains("/cache."), "{empty}");
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
    fails(&["wrap", "absent.proof"], "absent.proof");
    fails(&["wrap"], "FILE");
    fails(&["fetch", "9..5", "--rpc-url", "http://127.0.0.1:1"], "write 5..9");
    fails(&["validate", "5-9", "--rpc-url", "http://127.0.0.1:1"], "write 5..9");
    fails(&["prove", "5..latest", "--rpc-url", "http://127.0.0.1:1"], "numbers of the first and the last");
    fails(&["execute", "0..18446744073709551615", "--rpc-url", "http://127.0.0.1:1"], "shorter runs");
    fails(&["validate", "5..9"], "the run of blocks 5..9 needs a node");
    fails(&["verify", "absent.proof", "--block", "9..5"], "write 5..9");

    std::fs::write(folder.path().join("noise"), b"noise").unwrap();
    fails(&["inspect", "noise"], "neither an input");
    fails(&["validate", "--input", "noise"], "noise");
    fails(&["wrap", "noise"], "not a Zeno proof");
    std::fs::write(folder.path().join("truncated"), b"ZENO\x01\0\0\0").unwrap();
    fails(&["validate", "--input", "truncated"], "truncated");

    let (value, status) = json(folder.path(), &["validate", "--input", "truncated"]);
    assert_eq!(status, 2);
    assert!(value["error"].as_str().unwrap().contains("truncated"), "{value}");
    // The cache folder that some of them name is made, so that nobody else makes it.
    let entries = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let leftovers = entries.filter(|path| path.is_file()).count();
    assert_eq!(leftovers, 2, "a failing command leaves no file behind");
}

#[test]
fn an_invalid_block_exits_with_1() {
    let folder = tempfile::tempdir().unwrap();
    write_input(&folder.path().join("invalid.zeno"), |_, block| block.header.gas_used += 1);
    for command in ["validate", "execute", "prove"] {
        let (value, status) = json(folder.path(), &[command, "--input", "invalid.zeno"]);
        assert_eq!(status, 1, "{command}: {value}");
        assert_eq!(value["valid"], false);
        assert!(value["error"].as_str().unwrap().contains("gas used"), "{value}");
    }
}

/// Starts a proof, and sends it a signal as soon as its progress says `at`. Returns its status and its words.
fn signal_at(folder: &Path, args: &[&str], at: &str, signal: &str) -> (Option<i32>, Vec<String>) {
    signals::require_heard(&[signal]);
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
    let work = std::fs::read_dir(folder.path().join("cache/zeno-work")).unwrap();
    let runs = work.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_dir())).count();
    assert_eq!(runs, 0, "what was kept for the second run is removed at its end");
    assert!(proved["messages"].to_string().contains("zeno verify example.proof --chain dev`"), "{proved}");

    let (other_chain, status) = json(folder.path(), &["verify", "example.proof"]);
    assert_eq!((status, other_chain.get("valid")), (2, None), "no public chain's rules: {other_chain}");
    let (verified, status) = json(folder.path(), &["verify", "example.proof", "--chain", "dev"]);
    assert_eq!(status, 0, "{verified}");
    assert_eq!(verified["valid"], true);
    assert_eq!(verified["claim"], proved["claim"]);
    assert_eq!(verified["proof_bytes"], proved["proof_bytes"]);
    assert_eq!((&verified["release"], verified.get("withdrawn")), (&3.into(), None), "{verified}");
    assert_eq!(verified["claim"]["kind"], "0x5a564332");
    // What is expected besides: the last block, by its number or its hash, and the first one's parent.
    let expecting = |more: &[&str]| json(folder.path(), &[&["verify", "example.proof"], more].concat());
    let claim = zeno_verifier::ProofFile::read(folder.path().join("example.proof")).unwrap().claim;
    let number = claim.last_block_number.to_string();
    let [hash, parent] = [claim.last_block_hash, claim.first_parent_hash].map(|hash| hash.to_string());
    for chain in [&["--chain", "dev"][..], &["--any-rules"]] {
        for block in [&number, &hash] {
            let (value, status) = expecting(&[chain, &["--block", block, "--parent", &parent]].concat());
            assert_eq!((status, &value["valid"]), (0, &Value::Bool(true)), "{value}");
        }
        for other in [["--block", "2"], ["--block", &parent], ["--parent", &hash]] {
            let (value, status) = expecting(&[chain, &other].concat());
            assert!(status == 1 && value["valid"] != true, "{other:?}: {value}");
        }
    }
    let (inspected, status) = json(folder.path(), &["inspect", "example.proof"]);
    assert_eq!(status, 0);
    assert_eq!(inspected["stated"]["claim"], proved["claim"]);
    assert_eq!((inspected.get("valid"), inspected.get("claim")), (None, None), "inspecting checks nothing");

    let proof = zeno_verifier::ProofFile::read(folder.path().join("example.proof")).unwrap();
    let refused = |what: &str, altered: &zeno_verifier::ProofFile| {
        altered.write(folder.path().join("altered.proof")).unwrap();
        let (value, status) = json(folder.path(), &["verify", "altered.proof", "--chain", "dev"]);
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

    // What does not verify is not wrapped, and what does needs an SRS, which this folder has none of.
    alter(&|file| file.claim.block_count += 1).write(folder.path().join("altered.proof")).unwrap();
    let (value, status) = json(folder.path(), &["--cache-dir", "cache", "wrap", "altered.proof"]);
    assert_eq!((status, &value["valid"], value.get("claim")), (1, &Value::Bool(false), None), "{value}");
    let wrap = ["--cache-dir", "cache", "wrap", "example.proof"];
    let (value, status) = json(folder.path(), &wrap);
    assert_eq!((status, &value["claim"]), (2, &proved["claim"]), "the STARK is valid: {value}");
    assert!(value["error"].as_str().unwrap().contains("zeno srs import"), "{value}");
    for out in ["example.evm.proof", "block-1.evm.proof"] {
        assert!(!folder.path().join(out).exists(), "{out}");
    }
    let (value, status) = json(folder.path(), &[&wrap[..], &["--out", "no/such/folder/file"]].concat());
    assert_eq!(status, 2, "{value}");
    assert!(value["error"].as_str().unwrap().contains("no/such/folder"), "{value}");

    // An unknown program is not invalid.
    let undecided = |what: &str, altered: &zeno_verifier::ProofFile| {
        altered.write(folder.path().join("altered.proof")).unwrap();
        let (value, status) = json(folder.path(), &["verify", "altered.proof", "--chain", "dev"]);
        assert_eq!((status, value.get("valid")), (2, None), "{what}: {value}");
    };
    undecided("another guest", &alter(&|file| file.app_exe_commitment.0[0] ^= 1));
    undecided("another VM", &alter(&|file| file.app_vm_commitment.0[0] ^= 1));
    undecided("another proof system", &alter(&|file| file.proof_system = "openvm 1.4".to_owned()));

    let bytes = std::fs::read(folder.path().join("example.proof")).unwrap();
    let mut newer = bytes.clone();
    newer[8] = 9;
    // The format of releases 1 and 2.
    let mut older = bytes.clone();
    older[8] = 1;
    std::fs::write(folder.path().join("older"), &older).unwrap();
    let (value, _) = json(folder.path(), &["verify", "older", "--chain", "dev"]);
    assert!(value["error"].as_str().unwrap().contains("prove the block again"), "{value}");
    let (value, status) = json(folder.path(), &["wrap", "older"]);
    assert_eq!((status, value.get("valid")), (2, None), "{value}");
    assert!(value["error"].as_str().unwrap().contains("prove the block again"), "{value}");
    for (name, bytes, expected) in [
        ("truncated", &bytes[..bytes.len() / 2], 2),
        ("trailing", &[&bytes[..], b"\n"].concat()[..], 2),
        ("foreign", &[&b"PROOF"[..], &bytes].concat()[..], 2),
        ("newer", &newer[..], 2),
        ("older", &older[..], 2),
    ] {
        std::fs::write(folder.path().join(name), bytes).unwrap();
        let (value, status) = json(folder.path(), &["verify", name, "--chain", "dev"]);
        assert_eq!(status, expected, "{name}: {value}");
        assert_eq!(value.get("valid").is_some(), status == 1, "{name}: {value}");
    }
}

/// Proofs of a release that was withdrawn or superseded are refused with the reason, whatever else is asked, before any node is.
#[test]
fn refuses_ended_releases() {
    for (number, program, ended, why) in [
        (
            1,
            "0x0092bba94352fa67f2b4b3af1168ee784c328457949fc3b45f690728d2696cab",
            "withdrawn",
            "any claim can be forged",
        ),
        (
            2,
            "0x0013bb97257992d3ff227c9b1c7b0584c336f51c0c158e90d94eff08f23773a2",
            "superseded",
            "its claims have another form",
        ),
    ] {
        refuses_release(
            number,
            program,
            ended,
            &format!("release {number} of the EVM program is {ended}: {why}"),
        );
    }
}

/// Checks that proofs and keys of a program are refused for what they are.
fn refuses_release(number: u32, program: &str, ended: &str, says: &str) {
    let folder = tempfile::tempdir().unwrap();
    let evm = zeno_verifier::ProofFile::decode(include_bytes!(
        "../../../verifier-contract/contracts/test/fixtures/block.proof"
    ))
    .unwrap();
    let evm = zeno_verifier::ProofFile { app_exe_commitment: program.parse().unwrap(), ..evm };
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
        &["wrap", "stark.proof"],
        &["wrap", "evm.proof"],
    ] {
        let (value, status) = json(folder.path(), args);
        assert_eq!((status, value.get("valid")), (2, None), "{args:?}: {value}");
        assert_eq!(value["stated"]["release"], number, "{args:?}: {value}");
        let error = value["error"].as_str().unwrap();
        assert!(error.contains(says), "{args:?}: {error}");
    }
    for name in ["stark.proof", "evm.proof"] {
        let (value, status) = json(folder.path(), &["inspect", name]);
        assert_eq!((status, &value["stated"]["release"]), (0, &number.into()), "{value}");
        assert!(value["stated"][ended].as_str().unwrap().contains("prove the block again"), "{value}");
        let text = String::from_utf8(zeno(folder.path(), &["inspect", name]).stdout).unwrap();
        let release = format!("{number} of the EVM program, {ended}");
        assert!(text.contains("NOT ACCEPTED") && text.contains(&release), "{text}");
    }
    // A key of it is refused as well.
    let mut key = include_bytes!("../../../config/guest/evm/3/evm-verifying-key-insecure-dev").to_vec();
    let end = key.len() - 32;
    key[9..41].copy_from_slice(evm.app_exe_commitment.as_slice());
    let checksum = alloy_primitives::keccak256(&key[..end]);
    key[end..].copy_from_slice(checksum.as_slice());
    std::fs::create_dir(folder.path().join("keys")).unwrap();
    std::fs::write(folder.path().join("keys/verifying-key"), key).unwrap();
    for verb in [
        &["contract", "export", "--out", "contracts"][..],
        &["contract", "deploy", "--dry-run", "--rpc-url", "http://127.0.0.1:1"],
    ] {
        let (value, status) = json(folder.path(), &[verb, &["--keys", "keys", "--allow-insecure"]].concat());
        assert_eq!(status, 2, "{value}");
        assert!(value["error"].as_str().unwrap().contains(says), "{value}");
    }
    assert!(!folder.path().join("contracts").exists());
}

/// A file as release 2 wrote it has another layout, which is refused by name.
#[test]
fn refuses_files_of_release_2() {
    let folder = tempfile::tempdir().unwrap();
    let evm = include_bytes!("../../../verifier-contract/tests/recorded/release-2.proof");
    // Layout and kind of that release's STARKs.
    let mut stark = evm.to_vec();
    (stark[8], stark[12]) = (1, 1);
    std::fs::write(folder.path().join("evm.proof"), evm).unwrap();
    std::fs::write(folder.path().join("stark.proof"), stark).unwrap();
    let contract = "0x0000000000000000000000000000000000000001";
    for name in ["evm.proof", "stark.proof"] {
        for args in [
            &["verify", name][..],
            &["verify", name, "--chain", "dev", "--allow-unknown-srs"],
            &["verify", name, "--any-rules", "--allow-unknown-srs"],
            &["verify", name, "--contract", contract, "--rpc-url", "http://127.0.0.1:1"],
            &["contract", "submit", name, "--contract", contract, "--allow-unknown-srs"],
            &["wrap", name],
            &["inspect", name],
        ] {
            let (value, status) = json(folder.path(), args);
            assert_eq!((status, value.get("valid")), (2, None), "{args:?}: {value}");
            let error = value["error"].as_str().unwrap();
            for says in [name, "release 2 is superseded", "prove the block again"] {
                assert!(error.contains(says), "{args:?} should say {says:?}: {error}");
            }
        }
    }
}

/// A guest that refuses a block which native validation accepts is no verdict.
#[test]
fn a_refusal_by_the_guest_alone_exits_with_2() {
    let folder = tempfile::tempdir().unwrap();
    // A guest for tests of the cryptography, which takes no blocks.
    let guest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/guest/evm/3/crypto-check.elf");
    let (value, status) = json(folder.path(), &["execute", "--guest", guest]);
    assert_eq!((status, &value["valid"]), (2, &Value::Bool(true)), "{value}");
    let error = value["error"].as_str().unwrap();
    assert!(error.contains("the guest refused the input") && error.contains("native validation"), "{error}");
}

/// The reader of stdout may close it, and a disk may be full: that is no defect of the program.
#[cfg(target_os = "linux")]
#[test]
fn closed_and_full_outputs_are_no_panics() {
    let folder = tempfile::tempdir().unwrap();
    write_input(&folder.path().join("invalid.zeno"), |_, block| block.header.gas_used += 1);
    write_input(&folder.path().join("valid.zeno"), |_, _| {});
    let commands: [(&[&str], i32); 14] = [
        (&["validate"], 0),
        (&["--json", "validate"], 0),
        (&["validate", "--input", "invalid.zeno"], 1),
        (&["--json", "validate", "--input", "invalid.zeno"], 1),
        (&["execute", "--cache-dir", "cache"], 0),
        (&["inspect", "valid.zeno"], 0),
        (&["srs", "info", "--cache-dir", "cache"], 0),
        (&["srs", "dev", "--k", "4", "--cache-dir", "cache"], 0),
        (&["--help"], 0),
        (&["prove", "--help"], 0),
        (&["--version"], 0),
        (&["--json", "--help"], 0),
        (&["validate", "--no-such-flag"], 2),
        (&["verify", "absent.proof"], 2),
    ];
    let full = || File::options().write(true).open("/dev/full").unwrap();
    for (args, expected) in commands {
        // Nobody reads.
        let mut child =
            command(folder.path(), args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(expected), "{args:?}: {}", stderr(&output));
        assert!(
            !stderr(&output).contains("panic") && !stderr(&output).contains("stdout"),
            "{}",
            stderr(&output)
        );
        let mut child =
            command(folder.path(), args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stderr.take());
        assert_eq!(child.wait_with_output().unwrap().status.code(), Some(expected), "{args:?}");

        // There is no room. Mistakes in the usage are all on stderr.
        let output = command(folder.path(), args).stdout(full()).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(!stderr(&output).contains("panic"), "{args:?}: {}", stderr(&output));
        let is_usage = args.contains(&"--no-such-flag");
        assert_eq!(stderr(&output).contains("No space left"), !is_usage, "{args:?}: {}", stderr(&output));
        let output = command(folder.path(), args).stderr(full()).output().unwrap();
        assert_eq!(output.status.code(), Some(expected), "{args:?}");

        // Closed before the program starts.
        let words = args.join(" ");
        for closing in [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"] {
            let output = shell(folder.path(), &format!("\"$ZENO\" {words} {closing}")).output().unwrap();
            assert_eq!(output.status.code(), Some(expected), "{words} {closing}: {}", stderr(&output));
        }
    }
    // Foreign code writes logs.
    let mut logging = command(folder.path(), &["validate"]);
    let output = logging.env("RUST_LOG", "trace").stderr(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn json_is_one_object_whatever_happens() {
    let folder = tempfile::tempdir().unwrap();
    let said = |args: &[&str], expected: i32, says: &str| {
        let output = zeno(folder.path(), args);
        assert_eq!(stderr(&output), "", "{args:?}: everything is in the object");
        let (value, status) = object(output);
        assert_eq!(status, expected, "{args:?}: {value}");
        assert!(value["error"].as_str().is_some_and(|error| error.contains(says)), "{args:?}: {value}");
    };
    said(&["--json", "validate", "--inptu", "x"], 2, "--inptu");
    said(&["validate", "--json", "--inptu", "x"], 2, "--inptu");
    said(&["--no-such-flag", "--json", "validate"], 2, "--no-such-flag");
    said(&["--json", "valdate"], 2, "valdate");
    said(&["--json"], 2, "subcommand");
    said(&["--json", "srs"], 2, "not complete");
    said(&["--json=yes", "validate"], 2, "yes");
    said(&["--json", "validate", "7", "--input", "x"], 2, "--input");
    said(&["--json", "execute", "--by", "cells"], 2, "--profile");
    said(&["--json", "execute", "--by", "money"], 2, "money");
    said(&["--json", "contract", "submit", "f", "--contract", "0x12"], 2, "0x12");
    said(&["--json", "validate", "7"], 2, "--rpc-url");
    said(&["--json", "srs", "dev", "--k", "99"], 2, "99");
    said(&["--json", "verify"], 2, "FILE");

    let (help, status) = json(folder.path(), &["--help"]);
    assert_eq!(status, 0);
    assert!(help["help"].as_str().unwrap().contains("Exit status"), "{help}");
    let (version, status) = json(folder.path(), &["--version"]);
    assert_eq!(
        (status, version["version"].as_str().unwrap()),
        (0, concat!("zeno ", env!("CARGO_PKG_VERSION")))
    );
    // The object has the sentences of the text.
    let (valid, _) = json(folder.path(), &["validate"]);
    assert!(valid["messages"].to_string().contains("is valid under the rules of"), "{valid}");

    let bare = zeno(folder.path(), &[]);
    assert_eq!(bare.status.code(), Some(2));
    assert!(stderr(&bare).contains("Usage:") && bare.stdout.is_empty());
    let typo = zeno(folder.path(), &["valdate"]);
    assert!(stderr(&typo).contains("validate"), "a suggestion: {}", stderr(&typo));
}

/// A node that takes connections and never answers.
fn silent_node() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// A run of blocks takes the place of a block: one input, one claim.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_blocks_takes_the_place_of_a_block() {
    let mut chain = DevChain::from_genesis(GENESIS);
    let inputs = [(); 3].map(|()| chain.append(Draft::default()));
    let node = inputs[1..].iter().fold(ReplayNode::of_input(&inputs[0]), ReplayNode::with_input);
    let server = RpcServer::start(move |call| node.answer(call)).await;
    let folder = tempfile::tempdir().unwrap();
    let url = server.url();
    let from_node = ["--rpc-url", &url, "--chain", "dev", "--cache-dir", "cache"];
    let of_node = |args: &[&str]| json(folder.path(), &[args, &from_node].concat());

    let fetched = zeno(folder.path(), &[&["fetch", "1..3"][..], &from_node].concat());
    assert_eq!(fetched.status.code(), Some(0), "{}", stderr(&fetched));
    for says in ["fetching block 1 of 3", "fetching block 3 of 3", "putting 3 blocks together"] {
        assert!(stderr(&fetched).contains(says), "{}", stderr(&fetched));
    }
    let text = String::from_utf8_lossy(&fetched.stdout);
    assert!(text.contains("1 to 3, 3 in all") && text.contains("blocks-1-3.zeno"), "{text}");

    let input = ["--input", "blocks-1-3.zeno", "--cache-dir", "cache"];
    let of_file = |command: &str| json(folder.path(), &[&[command], &input[..]].concat());
    let mut claims = Vec::new();
    for (value, status) in [of_node(&["validate", "1..3"]), of_file("validate"), of_file("execute")] {
        assert_eq!((status, &value["valid"]), (0, &Value::Bool(true)), "{value}");
        for (key, expected) in
            [("block_count", 3), ("first_block_number", 1), ("last_block_number", 3), ("block_number", 3)]
        {
            assert_eq!(value[key], expected, "{key}: {value}");
        }
        assert_eq!(value["claim"]["blockCount"], 3, "{value}");
        claims.push(value["claim"].clone());
    }
    assert!(claims.iter().all(|claim| *claim == claims[0]), "{claims:?}");
    let (inspected, status) = json(folder.path(), &["inspect", "blocks-1-3.zeno"]);
    assert_eq!((status, &inspected["block_count"]), (0, &3.into()), "{inspected}");
    assert!(inspected["messages"].to_string().contains("a run of blocks"), "{inspected}");
    let (one, status) = of_node(&["validate", "2..2"]);
    assert_eq!((status, &one["block_count"], &one["first_block_number"]), (0, &1.into(), &2.into()), "{one}");
    assert!(one["messages"].to_string().contains("Block 2 is valid"), "{one}");

    let (beyond, status) = of_node(&["validate", "2..4"]);
    assert_eq!((status, beyond.get("valid")), (2, None), "{beyond}");
    assert!(
        beyond["error"].as_str().unwrap().contains("block 4 of the run: the node knows no block 4"),
        "{beyond}"
    );
}

/// An error of one block of a run names that block, and is the verdict on the run.
#[test]
fn an_error_in_a_run_names_the_block() {
    let mut chain = DevChain::from_genesis(GENESIS);
    let inputs = [(); 3].map(|()| chain.append(Draft::default()));
    let run = minimize(&merge(inputs).unwrap()).unwrap().0;
    let folder = tempfile::tempdir().unwrap();
    let judge = |alter: &dyn Fn(&mut StatelessInput)| {
        let mut altered = run.clone();
        alter(&mut altered);
        std::fs::write(folder.path().join("run.zeno"), altered.encode()).unwrap();
        let (value, status) = json(folder.path(), &["validate", "--input", "run.zeno"]);
        (value["error"].as_str().unwrap_or_default().to_owned(), status, value)
    };
    assert_eq!(judge(&|_| ()).1, 0);
    let (error, status, value) = judge(&|input| {
        let mut block = decode_block(&input.blocks[2]).unwrap();
        block.header.gas_used += 1;
        input.blocks[2] = alloy_rlp::encode(&block).into();
    });
    assert_eq!((status, &value["valid"]), (1, &Value::Bool(false)), "{value}");
    assert!(error.contains("block 3: the block is invalid: ") && error.contains("gas used"), "{error}");
    // Blocks that are left out, or in another order, blame nobody.
    let alterations: [fn(&mut StatelessInput); 2] =
        [|input| drop(input.blocks.remove(1)), |input| input.blocks.swap(0, 1)];
    for alter in alterations {
        let (error, status, value) = judge(&alter);
        assert_eq!((status, value.get("valid")), (2, None), "{value}");
        assert!(error.contains("not the child of the block before it"), "{error}");
    }
    // A shorter run is a run.
    let (error, status, value) = judge(&|input| input.blocks.truncate(2));
    assert_eq!((status, &value["claim"]["blockCount"]), (0, &2.into()), "{error}");
}

/// Signals end a command with the status that shells know, and with the object of `--json`.
#[cfg(target_os = "linux")]
#[test]
fn signals_are_told_as_well() {
    signals::require_heard(&["INT", "TERM", "HUP"]);
    let folder = tempfile::tempdir().unwrap();
    let (node, url) = silent_node();
    let run = |mut command: Command, signals: &[&str]| {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // By then it listens to signals.
        let connection = node.accept().unwrap();
        for signal in signals {
            let id = child.id().to_string();
            assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
            thread::sleep(Duration::from_millis(300));
        }
        let output = child.wait_with_output().unwrap();
        drop(connection);
        output
    };
    for (signal, expected) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let args = ["--cache-dir", "cache", "fetch", "7", "--rpc-url", &url];
        let (value, status) =
            object(run(command(folder.path(), &[&["--json"], &args[..]].concat()), &[signal]));
        assert_eq!(status, expected, "{value}");
        assert!(value["error"].as_str().unwrap().contains(&format!("interrupted (SIG{signal})")), "{value}");
        let output = run(command(folder.path(), &args), &[signal]);
        assert_eq!(output.status.code(), Some(expected), "{}", stderr(&output));
        assert!(stderr(&output).contains("interrupted") && output.stdout.is_empty(), "{}", stderr(&output));
    }
    // Started as nohup does it: the terminal's end is not the command's.
    let line = format!("trap '' HUP; exec \"$ZENO\" --cache-dir cache fetch 7 --rpc-url {url}");
    let output = run(shell(folder.path(), &line), &["HUP", "TERM"]);
    assert_eq!(output.status.code(), Some(143), "{}", stderr(&output));
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == "cache"), "nothing half-written is left: {left:?}");
}

/// A device, a pipe or a link at a path that a user names stays one.
#[cfg(target_os = "linux")]
#[test]
fn what_is_no_file_is_written_to() {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let profile = |out: &str| ["--cache-dir", "cache", "execute", "--profile", out].map(str::to_owned);
    let run = |out: &str| {
        let args = profile(out);
        let output = zeno(folder.path(), &args.each_ref().map(String::as_str));
        assert_eq!(output.status.code(), Some(0), "{out}: {}", stderr(&output));
        output
    };

    assert!(Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
    let pipe = path("pipe");
    let reader = thread::spawn(move || std::fs::read(pipe).unwrap());
    run("pipe");
    assert!(reader.join().unwrap().starts_with(b"<?xml"));
    assert!(std::fs::symlink_metadata(path("pipe")).unwrap().file_type().is_fifo());

    std::fs::write(path("target"), "old").unwrap();
    std::fs::set_permissions(path("target"), PermissionsExt::from_mode(0o600)).unwrap();
    symlink("target", path("link")).unwrap();
    run("link");
    assert!(std::fs::symlink_metadata(path("link")).unwrap().is_symlink());
    assert!(std::fs::read(path("target")).unwrap().starts_with(b"<?xml"));
    assert_eq!(std::fs::metadata(path("target")).unwrap().permissions().mode() & 0o777, 0o600);

    // Only root can make a device; never one in /dev.
    let made = Command::new("mknod").arg(path("null")).args(["c", "1", "3"]).stderr(Stdio::null()).status();
    if made.is_ok_and(|status| status.success()) {
        run("null");
        assert!(std::fs::symlink_metadata(path("null")).unwrap().file_type().is_char_device());
    }

    // The graph alone, and the report beside it.
    for stdout in ["-", "/dev/stdout"] {
        let output = run(stdout);
        assert!(output.stdout.starts_with(b"<?xml") && output.stdout.trim_ascii_end().ends_with(b"</svg>"));
        assert!(stderr(&output).contains("instructions"), "{}", stderr(&output));
        let (refused, status) = json(folder.path(), &["execute", "--profile", stdout]);
        assert_eq!(status, 2);
        assert!(refused["error"].as_str().unwrap().contains("--json"), "{refused}");
    }

    // Refused before anything is done; and nothing waits for the reader of a pipe.
    std::fs::create_dir(path("folder")).unwrap();
    symlink("no/such/folder/file", path("dangling")).unwrap();
    symlink("loop", path("loop")).unwrap();
    for (out, says) in [("folder", "is a folder"), ("dangling", "no/such/folder"), ("loop", "links")] {
        let output = zeno(folder.path(), &["fetch", "7", "--rpc-url", "http://127.0.0.1:1", "--out", out]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(says) && stderr(&output).contains("--out"), "{}", stderr(&output));
    }
    let args = ["fetch", "7", "--rpc-url", "127.0.0.1:1", "--out", "pipe"];
    assert_eq!(zeno(folder.path(), &args).status.code(), Some(2));
}

/// Files are looked at before memory is taken for them.
#[cfg(target_os = "linux")]
#[test]
fn files_of_any_size_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let sparse = |name: &str, start: &[u8]| {
        std::fs::write(folder.path().join(name), start).unwrap();
        File::options().write(true).open(folder.path().join(name)).unwrap().set_len(30 << 30).unwrap();
    };
    sparse("zeros", b"");
    sparse("input", b"ZENO\x02\0\0\0");
    sparse("proof", b"ZENOPRF\0");
    sparse("program", b"\x7fELF");
    sparse("chain", b"{\"config\": ");
    for (args, says) in [
        ("inspect zeros", "neither an input"),
        ("inspect input", "32212254720"),
        ("inspect proof", "32212254720"),
        ("verify zeros", "zeros"),
        ("verify proof", "proof"),
        ("validate --input zeros", "neither an input"),
        ("validate --input input", "32212254720"),
        ("validate 1 --rpc-url http://127.0.0.1:1 --chain chain", "32212254720"),
        ("execute --guest zeros", "no ELF"),
        ("execute --guest program", "32212254720"),
        // These have no end.
        ("inspect /dev/zero", "neither an input"),
        ("validate --input /dev/zero", "neither an input"),
        ("execute --guest /dev/zero", "no ELF"),
        ("validate 1 --rpc-url http://127.0.0.1:1 --chain /dev/zero", "67108865"),
        ("verify /dev/zero", "/dev/zero"),
    ] {
        let start = Instant::now();
        // Address space for the program, and not for such a file.
        let line = format!("ulimit -v 6000000; exec \"$ZENO\" --cache-dir cache {args}");
        let output = shell(folder.path(), &line).output().unwrap();
        let said = stderr(&output);
        assert!(matches!(output.status.code(), Some(1 | 2)), "{args}: {said}");
        assert!(said.contains(says) && !said.contains("memory"), "{args} should say {says:?}: {said}");
        assert!(start.elapsed() < Duration::from_secs(20), "{args} took {:?}", start.elapsed());
    }
}

/// Mistakes that are easily made get a sentence of their own.
#[test]
fn files_in_the_wrong_place_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let proof = include_bytes!("../../../verifier-contract/contracts/test/fixtures/block.proof");
    std::fs::write(folder.path().join("block.proof"), proof).unwrap();
    write_input(&folder.path().join("block.zeno"), |_, _| {});
    std::fs::write(folder.path().join("genesis.json"), "{}").unwrap();
    std::fs::write(folder.path().join("empty"), "").unwrap();
    let fails = |args: &[&str], says: &[&str]| {
        let output = zeno(folder.path(), &[&["--cache-dir", "cache"], args].concat());
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        for says in says {
            assert!(stderr(&output).contains(says), "{args:?} should say {says:?}: {}", stderr(&output));
        }
    };
    for command in ["validate", "execute", "prove"] {
        fails(&[command, "--input", "block.proof"], &["block.proof: is a proof", "zeno verify block.proof"]);
        fails(&[command, "--input", "."], &["is a folder"]);
    }
    fails(&["validate", "--input", "genesis.json"], &["is JSON", "--chain"]);
    fails(&["validate", "--input", "empty"], &["is empty"]);
    fails(&["inspect", "genesis.json"], &["is JSON"]);
    fails(&["verify", "block.zeno"], &["block.zeno", "zeno validate --input"]);
    fails(&["wrap", "block.zeno"], &["block.zeno", "zeno validate --input"]);
    fails(&["wrap", "block.proof"], &["block.proof: is an EVM proof already"]);
    fails(&["execute", "--guest", "block.zeno"], &["block.zeno: is no ELF"]);
    std::fs::write(folder.path().join("short.elf"), b"\x7fELF\x01").unwrap();
    fails(&["execute", "--guest", "short.elf"], &["short.elf: "]);
    fails(&["validate", "7", "--rpc-url", ""], &["empty"]);
    fails(&["validate", "7", "--rpc-url", "ws://127.0.0.1"], &["its scheme is ws", "--rpc-url"]);
    fails(&["validate", "7"], &["--rpc-url", "ETH_RPC_URL"]);
    fails(&["validate", "0X12", "--rpc-url", "http://127.0.0.1:1"], &["write 0x12"]);
    fails(&["validate", "block.zeno", "--rpc-url", "http://127.0.0.1:1"], &["--input block.zeno"]);
    fails(
        &["validate", "7", "--rpc-url", "http://127.0.0.1:1", "--chain", "ropsten"],
        &["ropsten", "mainnet"],
    );

    let empty = command(folder.path(), &["validate", "7"]).env("ETH_RPC_URL", "").output().unwrap();
    assert_eq!(empty.status.code(), Some(2));
    for says in ["URL is empty", "ETH_RPC_URL"] {
        assert!(stderr(&empty).contains(says), "{}", stderr(&empty));
    }
}

/// An input that this program can't judge is not invalid, in a file as from a node.
#[test]
fn an_input_that_can_not_be_judged_exits_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("input.zeno");
    let judge = |expected: i32, says: &str, alter: &dyn Fn(&mut StatelessInput, &mut Block)| {
        write_input(&input, |input, block| alter(input, block));
        let (value, status) = json(folder.path(), &["validate", "--input", "input.zeno"]);
        assert_eq!(status, expected, "{says}: {value}");
        assert_eq!(value.get("valid").is_some(), status == 1, "{value}");
        let error = value["error"].as_str().unwrap();
        assert!(error.contains(says), "should say {says:?}: {error}");
        assert_eq!(error.contains("is invalid"), status == 1, "{error}");
    };
    let rules = |input: &mut StatelessInput, alter: &dyn Fn(&mut ChainSpec)| {
        let mut spec = ChainSpec::decode(&input.chain).unwrap();
        alter(&mut spec);
        input.chain = spec.encode().into();
    };
    let later = |block: &mut Block| {
        block.header.block_access_list_hash = Some(Default::default());
        block.header.slot_number = Some(7);
        // Invalid by the known rules.
        block.header.gas_limit *= 2;
    };
    // A built-in chain may have forked since the release, and its rules end.
    let mainnet = |input: &mut StatelessInput, block: &mut Block, timestamp| {
        input.chain = ChainSpec::mainnet().encode().into();
        block.header.timestamp = timestamp;
        later(block);
    };
    judge(2, "blockAccessListHash and slotNumber, of a later fork", &|input, block| {
        mainnet(input, block, RELEASED);
    });
    judge(2, "a newer zeno may know more", &|input, block| mainnet(input, block, HORIZON));
    // The rules of another chain are taken as complete.
    judge(1, "the gas limit", &|_, block| later(block));
    judge(1, "the block access list hash is present", &|_, block| {
        block.header.block_access_list_hash = Some(Default::default());
    });
    judge(2, "before the merge", &|input, block| {
        rules(input, &|spec| spec.merge_block = Some(block.header.number + 1));
    });
    judge(1, "extra data", &|_, block| block.header.extra_data = vec![0; 33].into());

    // Other rules than the expected ones.
    write_input(&input, |_, _| {});
    for (chain, expected) in [("dev", 0), ("9366", 0), ("mainnet", 1), ("absent", 2)] {
        let (value, status) = json(folder.path(), &["validate", "--input", "input.zeno", "--chain", chain]);
        assert_eq!(status, expected, "{chain}: {value}");
    }
}

/// A chain file may end the rules. They are complete until then, and that is announced.
#[test]
fn the_end_of_the_rules_is_announced_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    write_input(&folder.path().join("input.zeno"), |_, _| {});
    let timestamp = example().1.header.timestamp;
    let validate = |from: u64| {
        let chain = include_str!("../../../config/chains/dev.json").replacen(
            "\"bpo2Time\"",
            &format!("\"fuluTime\": {from}, \"bpo2Time\""),
            1,
        );
        std::fs::write(folder.path().join("chain.json"), chain).unwrap();
        json(folder.path(), &["validate", "--input", "input.zeno", "--chain", "chain.json"])
    };
    for (from, near) in [(timestamp + 1, true), (timestamp + WARNING, true), (timestamp + WARNING + 1, false)]
    {
        let (value, status) = validate(from);
        assert_eq!((status, &value["valid"]), (0, &Value::Bool(true)), "{value}");
        assert_eq!(value["messages"].to_string().contains("NEAR THE END"), near, "{value}");
        assert_eq!(value.get("rules_end").cloned(), near.then(|| from.into()), "{value}");
    }
    for from in [timestamp, timestamp - 1] {
        let (value, status) = validate(from);
        assert_eq!((status, value.get("valid")), (2, None), "{value}");
        let error = value["error"].as_str().unwrap();
        assert!(error.contains("fulu, a fork that this program does not implement"), "{error}");
        assert!(error.contains("--chain") && value["rules_end"] == from, "{value}");
    }
    // The input doesn't have the file's end.
    let (value, status) = json(folder.path(), &["validate", "--input", "input.zeno"]);
    assert_eq!((status, value.get("rules_end")), (0, None), "{value}");
}

/// Names of files are foreign text too.
#[cfg(unix)]
#[test]
fn names_hold_nothing_that_a_terminal_obeys() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let name = "\u{1b}[2K\u{9b}1A\r\nThe proof is valid\u{202e}";
    std::fs::write(folder.path().join(name), b"noise").unwrap();
    let flag = format!("--{name}");
    let long = format!("--out={name}/x");
    for args in [
        &["inspect", name][..],
        &["validate", "--input", name],
        &["verify", name],
        &["validate", name, "--rpc-url", "http://127.0.0.1:1"],
        &["validate", "1", "--rpc-url", "http://127.0.0.1:1", "--chain", name],
        &["execute", "--guest", name],
        &["validate", &flag],
        &[name],
        &["prove", &long],
        &["setup", "--cache-dir", name],
    ] {
        for output in [zeno(folder.path(), args), zeno(folder.path(), &[&["--json"], args].concat())] {
            assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
            let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            let bad = |character: &char| {
                *character != '\n'
                    && (character.is_control() || ('\u{200b}'..='\u{202e}').contains(character))
            };
            assert_eq!(text.chars().find(bad), None, "{args:?}: {text:?}");
            assert!(!text.lines().any(|line| line.starts_with("The proof")), "{args:?}: {text}");
        }
    }
    // Nor do logs: this cache folder is a file.
    let warned = zeno(folder.path(), &["execute", "--cache-dir", name]);
    assert_eq!(warned.status.code(), Some(0), "{}", stderr(&warned));
    assert!(
        stderr(&warned).contains("WARN") && stderr(&warned).contains("\\u{1b}[2K"),
        "{}",
        stderr(&warned)
    );
    assert!(!stderr(&warned).contains(['\u{1b}', '\u{9b}', '\u{202e}', '\r']), "{:?}", stderr(&warned));

    // Not even text.
    let raw = std::ffi::OsStr::from_bytes(b"x\xff.svg");
    let output = command(folder.path(), &["--json", "--cache-dir", "cache", "execute", "--profile"])
        .arg(raw)
        .output()
        .unwrap();
    let (value, status) = object(output);
    assert_eq!((status, value["file"].as_str()), (0, Some("x\u{fffd}.svg")), "{value}");
    assert!(folder.path().join(raw).is_file());
}

/// Services often have no home. Nothing of theirs is then kept where others could put things.
#[test]
fn without_a_home_there_is_no_cache() {
    let folder = tempfile::tempdir().unwrap();
    write_input(&folder.path().join("input.zeno"), |_, _| {});
    let homeless = |args: &[&str], empty: bool| {
        let mut command = command(folder.path(), args);
        for variable in ["HOME", "XDG_CACHE_HOME", "ZENO_CACHE_DIR"] {
            command.env_remove(variable);
            if empty {
                command.env(variable, "");
            }
        }
        command.output().unwrap()
    };
    for empty in [false, true] {
        for args in [
            &["validate"][..],
            &["validate", "--input", "input.zeno"],
            &["inspect", "input.zeno"],
            &["execute"],
            &["--help"],
        ] {
            let output = homeless(args, empty);
            assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
        }
        for args in [&["srs", "info"][..], &["setup"], &["prove"]] {
            let output = homeless(args, empty);
            assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
            assert!(stderr(&output).contains("--cache-dir"), "{args:?}: {}", stderr(&output));
        }
    }
    let output = zeno(folder.path(), &["--cache-dir", "", "srs", "info"]);
    assert_eq!(output.status.code(), Some(2));
    for says in ["cache folder is empty", "--cache-dir"] {
        assert!(stderr(&output).contains(says), "{}", stderr(&output));
    }
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["input.zeno"], "nothing is left behind");
}

/// A folder that others may write to could hold anything.
#[cfg(unix)]
#[test]
fn a_cache_folder_of_others_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    std::fs::create_dir(&cache).unwrap();
    std::fs::set_permissions(&cache, PermissionsExt::from_mode(0o777)).unwrap();
    for args in [
        &["execute"][..],
        &["prove"],
        &["setup"],
        &["srs", "info"],
        &["fetch", "7", "--rpc-url", "http://127.0.0.1:1"],
    ] {
        let output = zeno(folder.path(), &[&["--cache-dir", "cache"], args].concat());
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains("chmod"), "{args:?}: {}", stderr(&output));
    }
    // A command that needs no cache doesn't look at it.
    assert_eq!(zeno(folder.path(), &["--cache-dir", "cache", "validate"]).status.code(), Some(0));
    assert_eq!(std::fs::read_dir(&cache).unwrap().count(), 0);
}

/// Without a block, the built-in example is meant, unless the arguments contradict it.
#[test]
fn the_example_stands_for_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["validate", "execute"] {
        let (value, status) = json(folder.path(), &[command, "--chain", "mainnet"]);
        assert_eq!((status, value.get("valid")), (1, None), "{command}: {value}");
        assert!(value["error"].as_str().unwrap().contains("Ethereum mainnet"), "{value}");
        let (value, status) = json(folder.path(), &[command, "--chain", "absent"]);
        assert_eq!(status, 2, "{command}: {value}");
        for node in [&["--rpc-url", "http://127.0.0.1:1"][..], &["--witness", "proofs"], &["--refresh"]] {
            let (value, status) = json(folder.path(), &[&[command], node].concat());
            assert_eq!(status, 2, "{command} {node:?}: {value}");
            assert!(value["error"].as_str().unwrap().contains("no block"), "{value}");
        }
    }
    let (value, status) = json(folder.path(), &["validate", "--chain", "dev"]);
    assert_eq!((status, &value["valid"]), (0, &Value::Bool(true)), "{value}");
    // A node that the environment names may be for other commands.
    let output = Command::new(env!("CARGO_BIN_EXE_zeno"))
        .arg("validate")
        .current_dir(folder.path())
        .env("ETH_RPC_URL", "http://127.0.0.1:1")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    // A URL in the wrong place may hold a key.
    for arguments in [
        &["validate", "https://example.org/v2/SECRET"][..],
        &["validate", "--chain", "https://example.org/SECRET"],
    ] {
        let (value, status) = json(folder.path(), arguments);
        assert_eq!(status, 2, "{value}");
        let error = value["error"].as_str().unwrap();
        assert!(error.contains("--rpc-url") && !error.contains("SECRET"), "{error}");
    }
}
