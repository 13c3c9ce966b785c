//! Guest in the VM against the same code run natively: a sample of the official tests, a mainnet block, the example block
//! with tampered copies, and blocks of Amsterdam. Both accept an input with the same claim, or both refuse it for the same
//! reason. The judge with 32 bits, if there is one, has to say so as well of the blocks of Amsterdam.

use rand::{SeedableRng, rngs::StdRng, seq::IteratorRandom, seq::SliceRandom};
use std::{
    env,
    path::{Path, PathBuf},
    sync::{LazyLock, Mutex},
    time::Duration,
};
use zeno_guest_evm::{
    ChainClaim, StatelessInput, Unsupported, ValidationError, chain::Fork, decode_block, minimize, validate,
};
use zeno_prover::{Guest, Metered, Prover, ProverError, VmError, default_cache_folder};
use zeno_tests::{
    amsterdam, attacks, example,
    judge::Judges,
    mainnet,
    mutate::Mutator,
    official::{self, Judged, Suite, Test},
    worlds::{Built, World, default_judge},
};

/// Greatest gas used by a block of an official test that goes through the VM. Longer blocks take too much time.
const MAX_GAS: u64 = 2_000_000;

/// Greatest number of valid blocks of one test that go through the VM, and of invalid ones.
const MAX_BLOCKS: usize = 2;

static PROVER: LazyLock<Mutex<Prover>> = LazyLock::new(|| {
    let guest = Guest::committed().expect("the committed guest is a program");
    Mutex::new(Prover::new(guest, default_cache_folder().expect("HOME is set")))
});

/// Result of native validation.
type Native<'a> = Result<&'a ChainClaim, &'a ValidationError>;

/// Runs the guest, and checks that its result is that of native validation.
fn agree(input: &[u8], native: Native<'_>) -> Result<(), String> {
    let answer = PROVER.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).revealed(input);
    match (native, answer) {
        (Ok(claim), Ok(digest)) if digest == claim.digest() => Ok(()),
        (Ok(claim), Ok(digest)) => {
            Err(format!("the guest reveals {digest}, but the native digest is {}", claim.digest()))
        }
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

/// The one metering run gives what the runs of `zeno execute` do.
#[test]
fn metering_alone_finds_the_same() {
    let prover = PROVER.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let input = zeno_tests::example::committed().encode();
    let execution = prover.execute(&input).expect("the example is valid");
    let expected =
        Metered { instructions: execution.instructions, cells: execution.cells, digest: execution.digest };
    assert_eq!(prover.meter(&input).expect("the example is valid"), expected);
}

/// Inputs of known attacks: the guest refuses those that forged a claim, and runs the expensive ones at a bounded cost.
#[test]
#[cfg_attr(not(shared_data), ignore = "needs the shared data: set ZENO_SHARED to its folder")]
fn the_known_attacks() {
    let prover = PROVER.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let folder = attacks::folder();
    let execute = |name: &str| {
        prover.meter(&attacks::read(&folder.join(name)).unwrap_or_else(|error| panic!("{error}")))
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

/// Checks an input, and one random mutation of each class.
fn tamper(name: &str, input: &StatelessInput, agree: impl Fn(&[u8], Native<'_>) -> Result<(), String>) {
    let (honest, claim) = minimize(input).expect("the input is valid");
    agree(&honest.encode(), Ok(&claim)).unwrap_or_else(|failure| panic!("{name}: {failure}"));

    let mut rng = StdRng::seed_from_u64(7);
    let mut mutations = Mutator::new(&honest, &mut rng).all(&[]);
    mutations.shuffle(&mut rng);
    mutations.sort_by_key(|mutation| mutation.class);
    mutations.dedup_by_key(|mutation| mutation.class);
    for mutation in &mutations {
        let native = mutation.tampered.validate(&honest).map(|(_, claim)| claim);
        agree(&mutation.tampered.encode(&honest), native.as_ref())
            .unwrap_or_else(|failure| panic!("{name}, {}: {failure}", mutation.class));
    }
    println!("{name} and {} tampered copies of it agree", mutations.len());
}

#[test]
fn the_example_and_tampered_copies_of_it() {
    tamper("the example", &example::committed(), agree);
}

/// Check of the guest and of the judge with 32 bits, if there is one.
fn with_32_bits() -> impl Fn(&[u8], Native<'_>) -> Result<(), String> {
    let judges = default_judge().map(|program| {
        let judges =
            Judges::new(&program, Duration::from_secs(120)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(judges.bits(), 32, "{} is no judge with 32 bits", program.display());
        judges
    });
    if judges.is_none() {
        assert!(
            env::var_os("ZENO_NO_SKIPS").is_none(),
            "ZENO_NO_SKIPS is set, but there is no judge of 32 bits"
        );
        println!("without the 32-bit judge: scripts/test-32 --build makes it, ZENO_JUDGE_32 names it");
    }
    move |input, native| {
        agree(input, native)?;
        judges.as_ref().map_or(Ok(()), |judges| judges.compare(native, input))
    }
}

#[test]
fn a_block_of_amsterdam_and_a_run_into_it_and_tampered_copies() {
    let agree = with_32_bits();
    tamper("a block of Amsterdam", &amsterdam::block(), &agree);
    tamper("a run into Amsterdam", &amsterdam::run(), &agree);
}

/// The first made-up worlds that end with a valid block of Amsterdam and don't take long.
#[test]
fn a_sample_of_worlds_of_amsterdam() {
    /// Seed of the first world.
    const SEED: u64 = 21_000_000;
    const WORLDS: usize = 12;
    let agree = with_32_bits();
    let (mut agreed, mut runs, mut large) = (0, 0, 0);
    for seed in SEED.. {
        if agreed >= WORLDS && runs >= 2 && large >= 1 {
            break;
        }
        assert!(
            seed < SEED + 5000,
            "too few of 5000 worlds: {agreed} valid, {runs} runs, {large} with state gas"
        );
        let World {
            fork: Fork::Amsterdam, input, built: Built::Executed { gas_used, large: more, .. }, ..
        } = World::new(seed)
        else {
            continue;
        };
        let Ok(claim) = validate(&input) else { continue };
        let is_needed = agreed < WORLDS || (input.blocks.len() > 1 && runs < 2) || (more > 0 && large < 1);
        if gas_used > 10 * MAX_GAS || !is_needed {
            continue;
        }
        agree(&input.encode(), Ok(&claim))
            .unwrap_or_else(|failure| panic!("the world of seed {seed}: {failure}"));
        agreed += 1;
        runs += usize::from(input.blocks.len() > 1);
        large += more;
    }
    println!("{agreed} worlds of Amsterdam agree, {runs} of them runs, {large} transactions with state gas");
}

#[test]
#[cfg_attr(not(shared_data), ignore = "needs the shared data: set ZENO_SHARED to its folder")]
fn a_mainnet_block() {
    let recorded = mainnet::recorded().remove(0);
    let (input, claim) = minimize(&recorded.input()).expect("the block is valid");
    agree(&input.encode(), Ok(&claim)).unwrap();
}
