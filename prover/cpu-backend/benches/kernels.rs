//! The main kernels against OpenVM's and against their floors, on all cores:
//! `cargo bench -p zeno-cpu-backend --bench kernels`.
//!
//! A floor is the time of a kernel's field multiplications alone, at the rate of independent ones from the first-level
//! cache. All times are processor time, summed over the threads. `--bench segment` measures the stages of a real proof.

use std::{fs, hint::black_box, io};

use openvm_cpu_backend::CpuBackend;
use openvm_stark_backend::{
    FiatShamirTranscript, StarkEngine,
    keygen::types::MultiStarkProvingKey,
    p3_symmetric::Permutation,
    prover::{DeviceDataTransporter, MultiRapProver, TraceCommitter},
    test_utils::{FibFixture, SelfInteractionFixture, TestFixture, test_system_params_small},
};
use openvm_stark_sdk::config::baby_bear_poseidon2::{
    BabyBearPoseidon2Config, BabyBearPoseidon2CpuEngine, Digest, F,
};
use p3_baby_bear::default_babybear_poseidon2_16;
use p3_field::{Field, PackedValue, PrimeCharacteristicRing};
use p3_matrix::dense::RowMajorMatrix;
use rand::{Rng, SeedableRng, rngs::StdRng};
use rayon::prelude::*;
use zeno_cpu_backend::{Engine, Hashing, Poseidon2};

type SC = BabyBearPoseidon2Config;
type OpenVm = BabyBearPoseidon2CpuEngine;
type Vector = <F as Field>::Packing;

/// Products in a permutation: x^7 takes four, in 8 rounds for all 16 elements and in 13 for one of them. The other
/// factors, those of the internal rounds, are small or powers of two.
const PRODUCTS_PER_PERMUTATION: f64 = (4 * (8 * 16 + 13)) as f64;

/// Seconds that this process's threads have run. Unlike wall-clock time, they exclude other load on the machine.
fn processor_seconds() -> io::Result<f64> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir("/proc/self/task")? {
        let text = fs::read_to_string(thread?.path().join("schedstat"))?;
        let first = text.split_whitespace().next().and_then(|field| field.parse::<u64>().ok());
        nanoseconds += first.ok_or_else(|| io::Error::other(format!("schedstat says {text:?}")))?;
    }
    Ok(nanoseconds as f64 * 1e-9)
}

/// Least processor time of each run over five rounds, in seconds. The runs take turns, so all meet the same load on the
/// machine.
fn rounds<const N: usize>(mut runs: [&mut dyn FnMut(); N]) -> [f64; N] {
    let now = || processor_seconds().expect("Linux tells how long threads have run");
    let mut least = [f64::INFINITY; N];
    for _ in 0..5 {
        for (least, run) in least.iter_mut().zip(runs.iter_mut()) {
            let start = now();
            run();
            *least = least.min(now() - start);
        }
    }
    least
}

/// Prints a line of the table, with times in milliseconds. The arguments are in seconds.
fn line(name: &str, [openvm, ours]: [f64; 2], floor: Option<f64>) {
    print!("{name:44} {:10.2} {:10.2} {:7.2}x", 1e3 * openvm, 1e3 * ours, openvm / ours);
    match floor {
        Some(floor) => println!(" {:10.2} {:7.2}x", 1e3 * floor, ours / floor),
        None => println!(),
    }
}

/// Measures independent products, and bytes copied, in a second of processor time.
fn rates() -> [f64; 2] {
    const CHAINS: usize = 32;
    const STEPS: usize = 1 << 16;
    let threads = rayon::current_num_threads();
    let mut multiply = || {
        (0..threads).into_par_iter().for_each(|_| {
            let factor = black_box(Vector::from(F::from_u32(3)));
            let mut values = black_box([Vector::from(F::from_u32(5)); CHAINS]);
            for _ in 0..STEPS {
                values.iter_mut().for_each(|value| *value *= factor);
            }
            let _ = black_box(values);
        });
    };
    let source = vec![1u8; 1 << 28];
    let mut target = vec![0u8; 1 << 28];
    let mut copy = || {
        let chunk = source.len() / threads;
        target
            .par_chunks_mut(chunk)
            .zip(source.par_chunks(chunk))
            .for_each(|(to, from)| to.copy_from_slice(from));
        black_box(&target);
    };
    let [multiplying, copying] = rounds([&mut multiply, &mut copy]);
    let products = (threads * CHAINS * STEPS * Vector::WIDTH) as f64;
    [products / multiplying, (1u64 << 28) as f64 / copying]
}

/// Measures compressions of two digests: OpenVM's one by one, ours in vectors.
fn permutations(products_per_second: f64) {
    const NODES: usize = 1 << 16;
    let mut rng = StdRng::seed_from_u64(0);
    let nodes: Vec<Digest> = (0..2 * NODES).map(|_| rng.random()).collect();
    let mut out = vec![Digest::default(); NODES];
    let permutation = default_babybear_poseidon2_16();
    let mut one_by_one = || {
        nodes.as_chunks::<2>().0.par_iter().for_each(|pair| {
            let mut state: [F; 16] = std::array::from_fn(|word| pair[word / 8][word % 8]);
            permutation.permute_mut(&mut state);
            let _ = black_box(state);
        });
    };
    let hashing = Poseidon2::default();
    let task = hashing.nodes_per_task();
    let mut vectors = || {
        out.par_chunks_mut(task)
            .zip(nodes.par_chunks(2 * task))
            .for_each(|(out, nodes)| hashing.compress(nodes, out));
    };
    let times = rounds([&mut one_by_one, &mut vectors]);
    let floor = NODES as f64 * PRODUCTS_PER_PERMUTATION / products_per_second;
    line(&format!("Poseidon2, {NODES} permutations"), times, Some(floor));
}

/// Measures stacking, encoding and hashing of a trace.
fn commitment(products_per_second: f64) {
    const LOG_HEIGHT: usize = 17;
    const WIDTH: usize = 64;
    let params = test_system_params_small(4, LOG_HEIGHT - 4, 4);
    let permutations = ((1usize << (LOG_HEIGHT + params.log_blowup)) * (WIDTH / 8 + 1)) as f64;
    let (openvm, ours) = (OpenVm::new(params.clone()), Engine::new(params));
    let mut rng = StdRng::seed_from_u64(0);
    let trace = RowMajorMatrix::new((0..WIDTH << LOG_HEIGHT).map(|_| rng.random::<F>()).collect(), WIDTH);
    let by_openvm = || openvm.device().commit(&[&trace]).expect("the trace has the right shape").0;
    let by_ours = || ours.device().commit(&[&trace]).expect("the trace has the right shape").0;
    assert_eq!(by_openvm(), by_ours(), "the commitments differ");
    let times = rounds([&mut || _ = black_box(by_openvm()), &mut || _ = black_box(by_ours())]);
    let floor = permutations * PRODUCTS_PER_PERMUTATION / products_per_second;
    line(&format!("commitment to {WIDTH} columns of 2^{LOG_HEIGHT}"), times, Some(floor));
}

/// Measures LogUp and the batch sumcheck of a fixture.
fn constraints<X: TestFixture<SC>>(name: &str, fixture: &X, log_height: usize) {
    fn run<E: StarkEngine<SC = SC, PB = CpuBackend<SC>>>(
        fixture: &impl TestFixture<SC>,
        key: &MultiStarkProvingKey<SC>,
        engine: &E,
    ) -> impl FnMut() {
        let key = engine.device().transport_pk_to_device(key);
        let context = engine.device().transport_proving_ctx_to_device(&fixture.generate_proving_ctx());
        let context = context.into_sorted();
        let traces: Vec<_> = context.common_main_traces().map(|(_, trace)| trace).collect();
        let (_, committed) = engine.device().commit(&traces).expect("the traces have the right shape");
        move || {
            let mut transcript = engine.initial_transcript();
            let proof = engine.device().prove_rap_constraints(&mut transcript, &key, &context, &committed);
            assert!(proof.is_ok(), "the fixture's traces satisfy its constraints");
            let _ = black_box(transcript.sample());
        }
    }
    let params = test_system_params_small(4, log_height - 4, 4);
    let (openvm, ours) = (OpenVm::new(params.clone()), Engine::new(params));
    let (key, _) = fixture.keygen(&openvm);
    let times = rounds([&mut run(fixture, &key, &openvm), &mut run(fixture, &key, &ours)]);
    line(name, times, None);
}

fn main() {
    let [products, bytes] = rates();
    println!(
        "{} threads; in a second of one: {:.2}e9 products over BabyBear, {:.1} GB copied",
        rayon::current_num_threads(),
        products / 1e9,
        bytes / 1e9
    );
    println!(
        "{:44} {:>10} {:>10} {:>8} {:>10} {:>8}",
        "milliseconds", "OpenVM", "ours", "ratio", "floor", "above"
    );
    permutations(products);
    commitment(products);
    constraints("zerocheck, Fibonacci of 2^18 rows", &FibFixture::new(3, 5, 1 << 18), 18);
    let widths = vec![4, 7, 8, 8, 10, 20];
    constraints(
        "LogUp and zerocheck, 6 tables of 2^15 rows",
        &SelfInteractionFixture::new(widths, 15, 5),
        18,
    );
}
