//! The root proof's hashing, ours beside the stock in one run: `cargo bench -p zeno-cpu-backend`.

use std::{hint::black_box, time::Instant};

use openvm_stark_backend::p3_symmetric::Permutation;
use openvm_stark_sdk::config::bn254_poseidon2::{
    default_bn254_poseidon2_width2, default_bn254_poseidon2_width3,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use zeno_cpu_backend::bn254::Kernel;

/// The least time of three runs, in seconds.
fn seconds(mut run: impl FnMut()) -> f64 {
    let time = |_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    (0..3).map(time).fold(f64::INFINITY, f64::min)
}

fn permutations() {
    const STATES: usize = 1 << 14;
    let mut rng = StdRng::seed_from_u64(0);
    let mut two: Vec<[_; 2]> = (0..STATES).map(|_| rng.random()).collect();
    let mut three: Vec<[_; 3]> = (0..STATES).map(|_| rng.random()).collect();
    let rate = |seconds: f64| STATES as f64 / seconds;

    println!("BN254 Poseidon2, permutations/s on one core");
    let (stock2, stock3) = (default_bn254_poseidon2_width2(), default_bn254_poseidon2_width3());
    let stock2 = rate(seconds(|| two.iter_mut().for_each(|state| stock2.permute_mut(black_box(state)))));
    let stock3 = rate(seconds(|| three.iter_mut().for_each(|state| stock3.permute_mut(black_box(state)))));
    println!("{:14} width 2 {stock2:9.0}         width 3 {stock3:9.0}", "stock");
    for kernel in Kernel::available() {
        let ours2 = rate(seconds(|| kernel.permute2(black_box(&mut two))));
        let ours3 = rate(seconds(|| kernel.permute3(black_box(&mut three))));
        let (ratio2, ratio3) = (ours2 / stock2, ours3 / stock3);
        println!("{:14} width 2 {ours2:9.0} {ratio2:6.2}x width 3 {ours3:9.0} {ratio3:6.2}x", kernel.name());
    }
}

fn main() {
    permutations();
}
