//! Our prover against halo2's, on circuits of the static verifier's type: one advice column, and one for lookups.
//!
//! `cargo bench -p zeno-halo2 --bench against_halo2 -- [K…]`, 14 to 16 by default. Peak memory is the resident memory
//! of a step, less that at its beginning.

#[path = "../tests/common/mod.rs"]
mod common;

use std::{fs, time::Instant};

use common::{Range, columns, params, range};
use halo2_proofs::{
    plonk::{create_proof_from_advice, keygen_pk, keygen_vk},
    poly::kzg::{commitment::KZGCommitmentScheme, multiopen::ProverSHPLONK},
    transcript::{Blake2bWrite, Challenge255, TranscriptWriterBuffer},
};
use halo2curves::bn256::{Bn256, G1Affine};
use zeno_halo2::{MemorySrs, keygen, prove, synthesize};

/// Figure of this process's memory in mebibytes, from Linux. Elsewhere it is 0.
fn memory(name: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let value =
        status.lines().find_map(|line| line.strip_prefix(name)?.strip_suffix(" kB")?.trim().parse().ok());
    value.map_or(0.0, |kibibytes: f64| kibibytes / 1024.0)
}

/// Runs a step, and measures seconds and peak mebibytes.
fn measure<T>(step: impl FnOnce() -> T) -> (T, f64, f64) {
    // The system forgets the earlier peak.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let before = memory("VmRSS:");
    let start = Instant::now();
    let result = step();
    let seconds = start.elapsed().as_secs_f64();
    (result, seconds, memory("VmHWM:") - before)
}

fn main() {
    let sizes: Vec<u32> = std::env::args().skip(1).filter_map(|k| k.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![14, 15, 16] } else { sizes };
    println!(
        "{:>3} {:>7} {:>9} {:>9} {:>6} {:>10} {:>10} {:>11}",
        "k", "", "halo2 s", "ours s", "ratio", "halo2 MiB", "ours MiB", "ours / n"
    );
    for k in sizes {
        bench(k);
    }
}

/// Compares both provers on a circuit that fills about nine tenths of the rows of its one advice column.
fn bench(k: u32) {
    const CELLS_PER_STEP: usize = 190;
    let steps = (1usize << k) * 9 / 10 / CELLS_PER_STEP;
    let params = params(k);
    let srs = MemorySrs::from(&params);
    let folder = tempfile::tempdir().expect("a folder");
    let Range { builder, instances } = range(k, steps, 1, None);
    let line = |name: &str, [halo2, ours]: [(f64, f64); 2]| {
        println!(
            "{k:>3} {name:>7} {:>9.3} {:>9.3} {:>6.2} {:>10.1} {:>10.1} {:>11.1}",
            halo2.0,
            ours.0,
            halo2.0 / ours.0,
            halo2.1,
            ours.1,
            // In polynomials of n field elements.
            ours.1 * f64::from(1 << 20) / 32.0 / f64::from(1u32 << k),
        );
    };
    let (halo2, halo2_seconds, halo2_peak) = measure(|| {
        let vk = keygen_vk(&params, &builder).expect("a key");
        keygen_pk(&params, vk, &builder).expect("a key")
    });
    let (ours, seconds, peak) =
        measure(|| keygen(&srs, &builder, false, folder.path().join("key")).expect("a key"));
    line("keygen", [(halo2_seconds, halo2_peak), (seconds, peak)]);

    let columns = columns(&instances);
    let advice = synthesize(&ours, &builder, &columns).expect("a witness");
    let copy = advice.clone();
    let ((), halo2_seconds, halo2_peak) = measure(|| {
        let mut transcript = Blake2bWrite::<_, G1Affine, Challenge255<_>>::init(Vec::new());
        create_proof_from_advice::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _>(
            &params,
            &halo2,
            &columns,
            copy,
            common::rng(1),
            &mut transcript,
        )
        .expect("a proof");
    });
    let ((), seconds, peak) = measure(|| {
        let mut transcript = Blake2bWrite::<_, G1Affine, Challenge255<_>>::init(Vec::new());
        prove(&srs, &ours, advice, &columns, &mut common::rng(1), &mut transcript).expect("a proof");
    });
    line("proof", [(halo2_seconds, halo2_peak), (seconds, peak)]);
}
