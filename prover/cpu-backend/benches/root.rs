//! The root proof's hashing, against OpenVM's in one run: `cargo bench -p zeno-cpu-backend --bench root`.

use std::{hint::black_box, time::Instant};

use openvm_stark_backend::{
    StarkEngine, StarkProtocolConfig, SystemParams,
    p3_symmetric::Permutation,
    prover::{ColMajorMatrix, stacked_pcs::MerkleTree},
    test_utils::{SelfInteractionFixture, TestFixture, test_system_params_small},
};
use openvm_stark_sdk::config::{
    baby_bear_bn254_poseidon2::{
        BabyBearBn254Poseidon2Config, BabyBearBn254Poseidon2CpuEngine, Bn254Scalar, F, Transcript,
    },
    bn254_poseidon2::{default_bn254_poseidon2_width2, default_bn254_poseidon2_width3},
};
use p3_matrix::dense::RowMajorMatrix;
use rand::{Rng, SeedableRng, rngs::StdRng};
use zeno_cpu_backend::{Hashing, RootEngine, hash::bn254::Kernel};

/// Wall-clock time of one run, in seconds.
fn seconds(run: impl FnOnce()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_secs_f64()
}

/// Least time of each run over five rounds, in seconds. The runs take turns, so all meet the same load on the machine.
fn rounds(runs: &mut [Box<dyn FnMut() + '_>]) -> Vec<f64> {
    let mut least = vec![f64::INFINITY; runs.len()];
    for _ in 0..5 {
        for (least, run) in least.iter_mut().zip(runs.iter_mut()) {
            *least = least.min(seconds(run));
        }
    }
    least
}

/// Measures permutations a second by OpenVM and by each kernel, on one core.
fn permutations<const T: usize>(
    openvm: &impl Permutation<[Bn254Scalar; T]>,
    ours: fn(Kernel, &mut [[Bn254Scalar; T]]),
) {
    const STATES: usize = 1 << 12;
    let mut rng = StdRng::seed_from_u64(0);
    let states: Vec<[Bn254Scalar; T]> = (0..STATES).map(|_| std::array::from_fn(|_| rng.random())).collect();
    let mut runs: Vec<Box<dyn FnMut()>> = Vec::new();
    let mut copy = states.clone();
    runs.push(Box::new(move || copy.iter_mut().for_each(|state| openvm.permute_mut(black_box(state)))));
    for kernel in Kernel::available() {
        let mut copy = states.clone();
        runs.push(Box::new(move || ours(kernel, black_box(&mut copy))));
    }
    let times = rounds(&mut runs);
    println!("BN254 Poseidon2 of width {T}, permutations/s on one core");
    println!("{:14} {:9.0}", "OpenVM", STATES as f64 / times[0]);
    for (kernel, time) in Kernel::available().iter().zip(&times[1..]) {
        println!("{:14} {:9.0} {:6.2}x", kernel.name(), STATES as f64 / time, times[0] / time);
    }
}

/// Measures a tree like the root proof's, with 16 rows a leaf, on all cores.
fn merkle() {
    const HEIGHT: usize = 1 << 16;
    const WIDTH: usize = 64;
    let config = BabyBearBn254Poseidon2Config::default_from_params(params());
    let mut rng = StdRng::seed_from_u64(0);
    let rows = RowMajorMatrix::new((0..HEIGHT * WIDTH).map(|_| rng.random::<F>()).collect(), WIDTH);
    let columns = ColMajorMatrix::from_row_major(&rows);
    let mut root = None;
    let openvm = seconds(|| {
        let tree = MerkleTree::new(config.hasher(), columns.clone(), 16).expect("the shape is fine");
        root = tree.root().ok();
    });
    println!("Merkle tree over {HEIGHT} rows of {WIDTH}, all cores");
    println!("{:14} {openvm:6.2} s", "OpenVM");
    for kernel in Kernel::available() {
        let mut layers = Vec::new();
        let ours = seconds(|| layers = kernel.digest_layers(&rows, 16).expect("the shape is fine"));
        assert_eq!(layers.last().map(|layer| layer[0]), root, "the roots differ");
        println!("{:14} {ours:6.2} s {:6.2}x", kernel.name(), openvm / ours);
    }
}

/// The root configuration's parameters at a stacked height of 2^14, with little proof of work.
fn params() -> SystemParams {
    let mut params = test_system_params_small(2, 12, 4);
    params.log_blowup = 4;
    params
}

/// Measures a whole proof, on all cores.
fn proof() {
    let fixture = SelfInteractionFixture::new(vec![4, 7, 8, 8, 10], 12, 5);
    let (openvm, ours) =
        (BabyBearBn254Poseidon2CpuEngine::<Transcript>::new(params()), RootEngine::new(params()));
    let (pk, vk) = fixture.keygen(&openvm);
    println!("A proof of {} columns of 2^12 rows, blow-up 16, all cores", 4 + 7 + 8 + 8 + 10);
    let mut proof = None;
    let openvm_time = seconds(|| proof = Some(fixture.prove(&openvm, &pk)));
    println!("{:14} {openvm_time:6.2} s", "OpenVM");
    let time = seconds(|| proof = Some(fixture.prove(&ours, &pk)));
    println!("{:14} {time:6.2} s {:6.2}x", Kernel::best().name(), openvm_time / time);
    let proof = proof.expect("it was made");
    openvm.verify(&vk, &proof).expect("OpenVM's verifier accepts the proof");
}

fn main() {
    permutations(&default_bn254_poseidon2_width2(), Kernel::permute2);
    permutations(&default_bn254_poseidon2_width3(), Kernel::permute3);
    merkle();
    proof();
}
