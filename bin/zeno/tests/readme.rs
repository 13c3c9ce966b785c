//! The README's commands, as a reader types them. Each is run here, or is in the list with the reason why not.

use std::{fs, path::Path, process::Command};
use zeno_guest_evm::StatelessInput;
use zeno_tests::{replay::ReplayNode, rpc_server::RpcServer};

const README: &str = include_str!("../../../README.md");

/// The way in which a command of the README is tested.
#[derive(Clone, Copy, Debug)]
enum Tested {
    /// Here: it ends with status 0. What a reader fills in is replaced, `("HASH", "0x…")`.
    Here(&'static [(&'static str, &'static str)]),
    /// Not here, for this reason.
    Not(&'static str),
}
use Tested::{Here, Not};

/// Options that the fixture of an EVM proof needs beyond the README's line: its chain is the built-in example's, its SRS the
/// one for development.
const OF_THE_EXAMPLE: (&str, &str) =
    ("zeno verify block.proof", "zeno verify block.proof --chain dev --allow-unknown-srs");

/// Every command of the README, in its order.
const COMMANDS: &[(&str, Tested)] = &[
    ("cargo install --locked --path bin/zeno", Not("it builds everything once more")),
    (
        "cargo run --release -- prove",
        Not("the test proves_and_verifies_the_example of cli.rs runs this program so"),
    ),
    ("cargo run --release -- verify block-1.proof --chain dev", Not("the same test verifies its proof so")),
    ("cargo test --release --workspace", Not("it runs this very test")),
    ("export ETH_RPC_URL=https://…", Not("the replayed node's URL is set instead")),
    ("zeno validate latest", Here(&[("latest", "latest --chain dev")])),
    ("zeno fetch 24628607 --out block.zeno", Here(&[("24628607", "1 --chain dev")])),
    ("zeno execute --input block.zeno", Here(&[])),
    (
        "zeno prove --input block.zeno --out block.proof",
        Not("it takes many minutes: scripts/full-proof runs it"),
    ),
    (
        "zeno verify block.proof --chain mainnet --block 24628607 --parent HASH",
        Not(
            "it needs the proof of the line before; the test proves_and_verifies_the_example of cli.rs tries its options",
        ),
    ),
    ("zeno inspect block.proof", Here(&[])),
    (
        "zeno fetch 24628607..24628608 --out blocks.zeno",
        // The replayed node has one block. The test a_run_of_blocks_takes_the_place_of_a_block of cli.rs has three.
        Here(&[("24628607..24628608", "1..1 --chain dev")]),
    ),
    (
        "zeno srs import powersOfTau28_hez_final_23.ptau",
        Not("the file has 9 GB; the test installs_an_srs of cli.rs imports a small one"),
    ),
    ("zeno setup", Not("it takes many minutes: scripts/full-proof runs it")),
    ("zeno prove --input block.zeno --proof evm --out block.proof", Not("the same")),
    (
        "zeno wrap block.proof --out block.evm.proof",
        Not("it takes minutes, and an SRS: scripts/full-proof --wrap runs it"),
    ),
    ("zeno verify block.proof --key-digest DIGEST", Here(&[OF_THE_EXAMPLE])),
    (
        "zeno contract deploy --key-digest DIGEST --chain-id ID --rpc-url URL --keystore FILE",
        Not("it needs a chain: contract.rs deploys on anvil"),
    ),
    ("zeno verify block.proof --key-digest DIGEST --contract ADDRESS", Not("it needs a chain: contract.rs")),
];

/// The commands in the README's blocks of shell code, without comments.
fn commands() -> Vec<String> {
    let mut commands = Vec::new();
    let mut in_shell = false;
    for line in README.lines() {
        match line {
            "```sh" => in_shell = true,
            "```" => in_shell = false,
            _ if in_shell => {
                let command = line.split(" #").next().unwrap_or_default().trim();
                if !command.is_empty() {
                    commands.push(command.to_owned());
                }
            }
            _ => {}
        }
    }
    commands
}

#[test]
fn every_command_is_run_or_has_a_reason() {
    let listed: Vec<_> = COMMANDS.iter().map(|(command, _)| *command).collect();
    assert_eq!(commands(), listed);
    for (command, tested) in COMMANDS {
        if let Not(reason) = tested {
            assert!(!reason.is_empty(), "{command}");
        }
    }
}

/// Digest of the key that the fixture's proof verifies by: the development SRS's.
fn digest() -> &'static str {
    let table = include_str!("../../../config/guest/evm/3/evm-verifying-key-digests");
    let row = table.lines().find_map(|line| line.strip_prefix("insecure-dev"));
    row.expect("the table has that SRS").trim()
}

/// The node replays the built-in example, whose chain has to be named; mainnet blocks are in tests/tests/mainnet.rs.
#[tokio::test(flavor = "multi_thread")]
async fn the_commands_work() {
    let input = include_bytes!("../../../config/example/input.zeno").to_vec().into();
    let node = ReplayNode::of_input(&StatelessInput::decode(&input).unwrap());
    let server = RpcServer::start(move |call| node.answer(call)).await;
    let folder = tempfile::tempdir().unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../verifier-contract/contracts/test/fixtures/block.proof");
    fs::copy(fixture, folder.path().join("block.proof")).unwrap();
    for (command, tested) in COMMANDS {
        let Here(replaced) = tested else { continue };
        let mut line = command.replace("DIGEST", digest());
        for (from, to) in *replaced {
            line = line.replace(from, to);
        }
        let arguments = line.strip_prefix("zeno ").expect("only zeno is run here").split(' ');
        let mut zeno = Command::new(env!("CARGO_BIN_EXE_zeno"));
        zeno.args(arguments).current_dir(folder.path());
        zeno.env("ETH_RPC_URL", server.url()).env("ZENO_CACHE_DIR", folder.path().join("cache"));
        let output = tokio::task::spawn_blocking(move || zeno.output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {} {said}", output.status);
        assert!(!output.stdout.is_empty(), "{line} says nothing");
    }
}
