//! Ours against the stock on circuits of the static verifier's type: one advice column, one for lookups.
//!
//! `cargo bench -p zeno-halo2 --bench stock -- [K…]`, 14 to 16 by default. Peak memory is that of the allocator, above
//! what was allocated when the step began.

#[path = "../tests/common/mod.rs"]
mod common;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Instant,
};

use common::{Range, columns, params, range};
use halo2_proofs::{
    plonk::{create_proof_from_advice, keygen_pk, keygen_vk},
    poly::kzg::{commitment::KZGCommitmentScheme, multiopen::ProverSHPLONK},
    transcript::{Blake2bWrite, Challenge255, TranscriptWriterBuffer},
};
use halo2curves::bn256::{Bn256, G1Affine};
use zeno_halo2::{MemorySrs, keygen, prove, synthesize};

/// Counts what is allocated.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(NOW.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: as the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Seconds and peak mebibytes of a step.
fn measure<T>(step: impl FnOnce() -> T) -> (T, f64, f64) {
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    let start = Instant::now();
    let result = step();
    let seconds = start.elapsed().as_secs_f64();
    (result, seconds, (PEAK.load(Relaxed) - before) as f64 / f64::from(1 << 20))
}

fn main() {
    let sizes: Vec<u32> = std::env::args().skip(1).filter_map(|k| k.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![14, 15, 16] } else { sizes };
    println!(
        "{:>3} {:>7} {:>9} {:>9} {:>6} {:>10} {:>10} {:>11}",
        "k", "", "stock s", "ours s", "ratio", "stock MiB", "ours MiB", "ours / n"
    );
    for k in sizes {
        bench(k);
    }
}

/// Fills about nine tenths of the rows of the one advice column.
fn bench(k: u32) {
    const CELLS_OF_A_STEP: usize = 190;
    let steps = (1usize << k) * 9 / 10 / CELLS_OF_A_STEP;
    let params = params(k);
    let srs = MemorySrs::from(&params);
    let folder = tempfile::tempdir().expect("a folder");
    let Range { builder, instances } = range(k, steps, 1, None);
    let line = |name: &str, [stock, ours]: [(f64, f64); 2]| {
        println!(
            "{k:>3} {name:>7} {:>9.3} {:>9.3} {:>6.2} {:>10.1} {:>10.1} {:>11.1}",
            stock.0,
            ours.0,
            stock.0 / ours.0,
            stock.1,
            ours.1,
            // In polynomials of n field elements.
            ours.1 * f64::from(1 << 20) / 32.0 / f64::from(1u32 << k),
        );
    };
    let (stock, stock_seconds, stock_peak) = measure(|| {
        let vk = keygen_vk(&params, &builder).expect("a key");
        keygen_pk(&params, vk, &builder).expect("a key")
    });
    let (ours, seconds, peak) =
        measure(|| keygen(&srs, &builder, false, folder.path().join("key")).expect("a key"));
    line("keygen", [(stock_seconds, stock_peak), (seconds, peak)]);

    let columns = columns(&instances);
    let advice = synthesize(&ours, &builder, &columns).expect("a witness");
    let copy = advice.clone();
    let ((), stock_seconds, stock_peak) = measure(|| {
        let mut transcript = Blake2bWrite::<_, G1Affine, Challenge255<_>>::init(Vec::new());
        create_proof_from_advice::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _>(
            &params,
            &stock,
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
    line("proof", [(stock_seconds, stock_peak), (seconds, peak)]);
}
