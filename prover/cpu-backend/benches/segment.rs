//! Recorded instances of real proofs, our device beside the stock's in one run: `cargo bench -p zeno-cpu-backend
//! --bench segment -- FILES`. The files are made by
//! `cargo run --release -p zeno-prover --example record-traces -- FOLDER [INSTRUCTIONS]`.
//!
//! Each proof is made by a process of its own, so that its peak of memory is its own; the devices take turns. With
//! `--threads 1`, where the search for a proof of work is deterministic, the proofs have to be equal.

use std::{
    collections::BTreeMap,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    sync::{Arc, Mutex},
    time::Instant,
};

use clap::{Parser, ValueEnum};
use openvm_cpu_backend::CpuBackend;
use openvm_stark_backend::{
    StarkEngine,
    codec::Encode,
    prover::{DeviceMultiStarkProvingKey, ProvingContext},
};
use openvm_stark_sdk::config::baby_bear_poseidon2::{BabyBearPoseidon2Config, BabyBearPoseidon2CpuEngine};
use serde_json::{Value, json};
use tracing::{Subscriber, span};
use tracing_subscriber::{
    layer::{Context, Layer, SubscriberExt},
    registry::LookupSpan,
};
use zeno_cpu_backend::{Engine, record};

type SC = BabyBearPoseidon2Config;
type Backend = CpuBackend<SC>;
type Error = Box<dyn std::error::Error>;

/// Bytes that the stock takes for an interaction, the number of them rounded up to a power of two: 12.5 GB for a segment
/// of 2^25.
const STOCK_BYTES_AN_INTERACTION: u64 = 380;

#[derive(Parser)]
struct Args {
    /// Recorded instances.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// How often each device proves each instance; the best counts.
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// Threads of each proof: all cores, if not given.
    #[arg(long)]
    threads: Option<usize>,
    /// Only these devices.
    #[arg(long, value_delimiter = ',', default_values = ["zeno", "stock"])]
    devices: Vec<Which>,
    /// How long the stages took, by their spans.
    #[arg(long)]
    stages: bool,
    /// The results as JSON.
    #[arg(long)]
    json: bool,
    /// Make one proof in this process and print its measures.
    #[arg(long, hide = true)]
    child: bool,
    /// What `cargo bench` says to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    Zeno,
    Stock,
}

impl Which {
    fn name(self) -> &'static str {
        match self {
            Self::Zeno => "zeno",
            Self::Stock => "stock",
        }
    }
}

/// Seconds between entering and leaving, by the name of a span.
#[derive(Clone, Default)]
struct Stages(Arc<Mutex<BTreeMap<&'static str, f64>>>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Stages {
    fn on_enter(&self, id: &span::Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            span.extensions_mut().replace(Instant::now());
        }
    }

    fn on_exit(&self, id: &span::Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(entered) = span.extensions().get::<Instant>()
            && let Ok(mut stages) = self.0.lock()
        {
            *stages.entry(span.name()).or_default() += entered.elapsed().as_secs_f64();
        }
    }
}

/// The number after `field` in a file of /proc, in its unit.
fn proc(file: &str, field: &str) -> io::Result<u64> {
    let text = fs::read_to_string(file)?;
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| io::Error::other(format!("{file} has no {field}")))
}

/// The seconds of processor time that this process has used in user mode and in the kernel.
fn processor_seconds() -> io::Result<[f64; 2]> {
    let text = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    // In ticks, of which Linux has 100 a second.
    let ticks =
        |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(f64::NAN);
    Ok([ticks(11) / 100.0, ticks(12) / 100.0])
}

/// Proves, checks the proof, and returns the measures.
fn prove<E: StarkEngine<SC = SC, PB = Backend>>(
    key: &DeviceMultiStarkProvingKey<Backend>,
    context: ProvingContext<Backend>,
) -> Result<Value, Error> {
    let engine = E::new(key.params.clone());
    let traces = proc("/proc/self/status", "VmRSS:")? << 10;
    // The peak starts anew from what is held now: the traces.
    fs::write("/proc/self/clear_refs", "5")?;
    let [user, kernel] = processor_seconds()?;
    let stages = Stages::default();
    let start = Instant::now();
    let proof =
        tracing::subscriber::with_default(tracing_subscriber::registry().with(stages.clone()), || {
            engine.prove(key, context).map_err(|error| format!("{error:?}"))
        })?;
    let seconds = start.elapsed().as_secs_f64();
    let [user_after, kernel_after] = processor_seconds()?;
    let peak = proc("/proc/self/status", "VmHWM:")? << 10;
    engine.verify(&key.get_vk(), &proof).map_err(|error| format!("the proof does not verify: {error:?}"))?;
    let mut hasher = DefaultHasher::new();
    proof.encode_to_vec()?.hash(&mut hasher);
    Ok(json!({
        "seconds": seconds,
        "user_seconds": user_after - user,
        "kernel_seconds": kernel_after - kernel,
        "traces_bytes": traces,
        "peak_bytes": peak,
        "stages": *stages.0.lock().map_err(|error| error.to_string())?,
        "proof_hash": format!("{:016x}", hasher.finish()),
    }))
}

/// Reads the instance and proves it.
fn child(file: &Path, which: Which) -> Result<(), Error> {
    let (key, context) = read(file)?;
    let measures = match which {
        Which::Zeno => prove::<Engine>(&key, context)?,
        Which::Stock => prove::<BabyBearPoseidon2CpuEngine>(&key, context)?,
    };
    println!("{measures}");
    Ok(())
}

fn read(file: &Path) -> Result<(DeviceMultiStarkProvingKey<Backend>, ProvingContext<Backend>), Error> {
    // What is committed does not depend on the parameters' soundness, but on their shape, which is the key's.
    let params = record::params(file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(record::read(file, Engine::new(params).device())
        .map_err(|error| format!("{}: {error}", file.display()))?)
}

/// One proof by a process of its own.
fn spawn(file: &Path, which: Which, threads: Option<usize>) -> Result<Value, Error> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--child").arg("--devices").arg(which.name()).arg(file);
    if let Some(threads) = threads {
        command.env("RAYON_NUM_THREADS", threads.to_string());
    }
    let output = command.stderr(std::process::Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{} on {}: {}", which.name(), file.display(), output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Why the stock cannot prove this here, if so.
fn too_large_for_the_stock(interactions: u64) -> io::Result<Option<String>> {
    let needed = interactions.next_power_of_two() * STOCK_BYTES_AN_INTERACTION;
    let available = proc("/proc/meminfo", "MemAvailable:")? << 10;
    let gb = |bytes: u64| bytes as f64 / 1e9;
    Ok((needed > available)
        .then(|| format!("it takes about {:.1} GB, and {:.1} are available", gb(needed), gb(available))))
}

fn main() -> Result<ExitCode, Error> {
    let args = Args::parse();
    if args.child {
        return child(&args.files[0], args.devices[0]).map(|()| ExitCode::SUCCESS);
    }
    let mut results = Vec::new();
    let mut differ = false;
    for file in &args.files {
        let size = record::size(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let mut best: Vec<(Which, Value)> = Vec::new();
        let mut skipped = None;
        for _ in 0..args.rounds {
            for &which in &args.devices {
                if which == Which::Stock {
                    skipped = too_large_for_the_stock(size.interactions)?;
                    if skipped.is_some() {
                        continue;
                    }
                }
                let measures = spawn(file, which, args.threads)?;
                match best.iter_mut().find(|(other, _)| *other == which) {
                    Some((_, least)) if least["seconds"].as_f64() <= measures["seconds"].as_f64() => {}
                    Some((_, least)) => *least = measures,
                    None => best.push((which, measures)),
                }
            }
        }
        let of = |which: Which| best.iter().find(|(other, _)| *other == which).map(|(_, measures)| measures);
        let (zeno, stock) = (of(Which::Zeno), of(Which::Stock));
        let both = zeno.zip(stock);
        let ratio =
            |field: &str| both.and_then(|(ours, stock)| Some(stock[field].as_f64()? / ours[field].as_f64()?));
        let equal = both.map(|(ours, stock)| ours["proof_hash"] == stock["proof_hash"]);
        differ |= args.threads == Some(1) && equal == Some(false);
        if !args.json {
            println!(
                "{}: {} tables, {} cells, {} interactions",
                file.display(),
                size.tables,
                size.cells,
                size.interactions
            );
            println!("{:8} {:>10} {:>10} {:>10} {:>10}", "", "seconds", "user", "kernel", "peak, GB");
            for (which, measures) in &best {
                let number = |field: &str| measures[field].as_f64().unwrap_or(f64::NAN);
                println!(
                    "{:8} {:10.2} {:10.2} {:10.2} {:10.2}",
                    which.name(),
                    number("seconds"),
                    number("user_seconds"),
                    number("kernel_seconds"),
                    number("peak_bytes") / 1e9
                );
            }
            for (which, measures) in best.iter().filter(|_| args.stages) {
                println!("stages of {}, one within another:", which.name());
                for (name, seconds) in measures["stages"].as_object().into_iter().flatten() {
                    println!("{:8.2} {name}", seconds.as_f64().unwrap_or(f64::NAN));
                }
            }
            if let [Some(seconds), Some(user), Some(peak)] =
                ["seconds", "user_seconds", "peak_bytes"].map(ratio)
            {
                println!("{:8} {seconds:9.2}x {user:9.2}x {:>10} {peak:9.2}x", "ratio", "");
            }
            if args.threads == Some(1)
                && let Some(equal) = equal
            {
                println!("the proofs are {}", if equal { "equal" } else { "DIFFERENT" });
            }
            if let Some(why) = &skipped {
                println!("the stock was left out: {why}");
            }
        }
        results.push(json!({
            "instance": file.display().to_string(),
            "tables": size.tables,
            "cells": size.cells,
            "interactions": size.interactions,
            "threads": args.threads,
            "zeno": zeno,
            "stock": stock,
            "ratio": {
                "seconds": ratio("seconds"),
                "user_seconds": ratio("user_seconds"),
                "peak_bytes": ratio("peak_bytes"),
            },
            "skipped": skipped,
        }));
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&results)?);
    }
    if differ {
        eprintln!("on one thread, the proofs of both devices have to be equal");
    }
    Ok(if differ { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
