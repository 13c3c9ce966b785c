//! Guest in the VM against the same code run natively: a sample of the official tests, a mainnet block, and the example
//! block with tampered copies. Both accept an input with the same claim, or both refuse it for the same reason.

use rand::{SeedableRng, rngs::StdRng, seq::IteratorRandom, seq::SliceRandom};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{LazyLock, Mutex},
};
use zeno_guest_evm::{ChainClaim, Unsupported, ValidationError, decode_block, minimize};
use zeno_prover::{Guest, Prover, ProverError, VmError, default_cache_folder};
use zeno_tests::{
    example, mainnet,
    mutate::Mutator,
    official::{self, Judged, Suite, Test},
};

/// Greatest gas used by a block of an official test that goes through the VM. Longer blocks take too much time.
const MAX_GAS: u64 = 2_000_000;

/// Greatest number of valid blocks of one test that go through the VM, and of invalid ones.
const MAX_BLOCKS: usize = 2;

static PROVER: LazyLock<Mutex<Prover>> = LazyLock::new(|| {
    let guest = Guest::committed().expect("the committed guest is a program");
    Mutex::new(Prover::new(guest, default_cache_folder().expect("HOME is set")))
});

/// Runs the guest, and checks that its result is that of native validation.
fn agree(input: &[u8], native: Result<&ChainClaim, &ValidationError>) -> Result<(), String> {
    let answer = PROVER.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).execute(input);
    match (native, answer) {
        (Ok(claim), Ok(execution)) if execution.digest == claim.digest() => Ok(()),
        (Ok(claim), Ok(execution)) => Err(format!(
            "the guest reveals {}, but the native digest is {}",
            execution.digest,
            claim.digest()
        )),
        (Err(error), Err(ProverError::Vm(VmError::Refused(reason))))
            if reason.contains(&error.to_string()) =>
        {
            Ok(())
        }
        (Err(error), Err(ProverError::Vm(VmError::Refused(reason)))) => {
            Err(format!("native says: {error}; the guest says: {reason}"))
        }
        (native, answer) => Err(format!("native says {native:?}, the guest {answer:?}")),
    }
}

/// Runs a random test of the file. Its blocks go through the VM, if they are short enough and can be made into an
/// input. Returns the numbers of valid and of invalid blocks.
fn run_one(file: &Path, invalid: bool, rng: &mut StdRng) -> [usize; 2] {
    let tests = official::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let candidates = tests.into_iter().filter(|(_, test)| !invalid || test.has_invalid_block());
    let Some((name, test)) = candidates.choose(rng) else { return [0, 0] };
    let mut counts = [0, 0];
    let mut failure = None;
    test.run(&mut |judged| {
        let (input, native) = match judged {
            Judged::Valid(input, claim) => (input, Ok(claim)),
            Judged::Refused(Some(input), error) => (input, Err(error)),
            Judged::Refused(None, _) => return,
        };
        let gas = decode_block(&input.blocks[0]).map_or(0, |block| block.header.gas_used);
        let count = &mut counts[usize::from(native.is_err())];
        if failure.is_some() || gas > MAX_GAS || *count >= MAX_BLOCKS {
            return;
        }
        *count += 1;
        failure = agree(&input.encode(), native).err();
    })
    .unwrap_or_else(|error| panic!("{name}: {error}"));
    if let Some(failure) = failure {
        panic!("{name}: {failure}");
    }
    println!("{name}: {} valid, {} invalid", counts[0], counts[1]);
    counts
}

#[test]
#[cfg_attr(not(shared_data), ignore = "needs the shared data: set ZENO_SHARED to its folder")]
fn a_sample_of_the_official_tests() {
    let mut rng = StdRng::seed_from_u64(2026);
    let mut total = [0, 0];
    for (name, valid, invalid) in [("ethereum-tests", 60, 24), ("filled-tests", 40, 12)] {
        let suite = Suite::open(name, Path::new(env!("CARGO_TARGET_TMPDIR")))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut files = suite.files.iter().collect::<Vec<_>>();
        files.shuffle(&mut rng);
        let has_invalid = |file: &&&PathBuf| {
            official::read(file).is_ok_and(|tests| tests.values().any(Test::has_invalid_block))
        };
        let refused = files.iter().filter(has_invalid).take(invalid).map(|file| (*file, true));
        for (file, invalid) in refused.chain(files.iter().take(valid).map(|file| (*file, false))) {
            let counts = run_one(file, invalid, &mut rng);
            total = [total[0] + counts[0], total[1] + counts[1]];
        }
    }
    println!("{} valid and {} invalid blocks of official tests agree", total[0], total[1]);
    assert!(total[0] >= 60 && total[1] >= 20, "the sample is too small: {total:?}");
}

/// Inputs of known attacks: the guest refuses those that forged a claim, and runs the expensive ones at a bounded cost.
#[test]
#[cfg_attr(not(shared_data), ignore = "needs the shared data: set ZENO_SHARED to its folder")]
fn the_known_attacks() {
    let prover = PROVER.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let execute = |name: &str| {
        let path = mainnet::shared_dir().join("cases/soundness").join(name);
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        prover.execute(&bytes)
    };
    let too_much_memory = Unsupported::Memory.to_string();
    for (name, reason) in [
        ("memory-wraps.zeno", too_much_memory.as_str()),
        ("memory-exhausts-host.zeno", &too_much_memory),
        // The beginning of the guest's message for every block that breaks a rule.
        ("system-call-gas.zeno", "the block is invalid"),
    ] {
        match execute(name) {
            Err(ProverError::Vm(VmError::Refused(said))) => assert!(said.contains(reason), "{name}: {said}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    // The same block takes 2.3 million instructions with keys that don't collide.
    let colliding = execute("colliding-keys.zeno").expect("the block is valid");
    assert!(colliding.instructions <= 3_000_000, "{}", colliding.instructions);
    execute("requests-before-withdrawals.zeno").expect("the block is valid, as clients have it");
}

#[test]
fn the_example_and_tampered_copies_of_it() {
    let (honest, claim) = minimize(&example::committed()).expect("the example is valid");
    agree(&honest.encode(), Ok(&claim)).unwrap();

    // One random mutation of each class.
    let mut rng = StdRng::seed_from_u64(7);
    let mut mutations = Mutator::new(&honest, &mut rng).all(&[]);
    mutations.shuffle(&mut rng);
    mutations.sort_by_key(|mutation| mutation.class);
    mutations.dedup_by_key(|mutation| mutation.class);
    for mutation in &mutations {
        let native = mutation.tampered.validate(&honest).map(|(_, claim)| claim);
        agree(&mutation.tampered.encode(&honest), native.as_ref())
            .unwrap_or_else(|failure| panic!("{}: {failure}", mutation.class));
    }
    println!("the example and {} tampered copies of it agree", mutations.len());
}

#[test]
#[cfg_attr(not(shared_data), ignore = "needs the shared data: set ZENO_SHARED to its folder")]
fn a_mainnet_block() {
    let recorded = mainnet::recorded().remove(0);
    let (input, claim) = minimize(&recorded.input()).expect("the block is valid");
    agree(&input.encode(), Ok(&claim)).unwrap();
}
