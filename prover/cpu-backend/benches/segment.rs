//! Recorded instances of real proofs, our device against OpenVM's in one run:
//! `cargo bench -p zeno-cpu-backend --bench segment -- FILES`.
//! `cargo run --release -p zeno-xtask --features traces -- record-traces FOLDER [INSTRUCTIONS]` writes the files.
//!
//! Each proof has a process of its own, so that its peak of memory is its own. The devices take turns.
//! With `--threads 1`, where the search for a proof of work is deterministic, the proofs have to be equal.

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
use zeno_cpu_backend::{Engine, instance_file};

type SC = BabyBearPoseidon2Config;
type Backend = CpuBackend<SC>;
type Error = Box<dyn std::error::Error>;

/// Bytes that OpenVM's device takes for an interaction, if their number is rounded up to a power of two: 12.5 GB for a
/// segment of 2^25.
const OPENVM_BYTES_AN_INTERACTION: u64 = 380;

#[derive(Parser)]
struct Args {
    /// Recorded instances.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Proofs of each instance by each device; the fastest counts.
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// Threads of each proof. By default, all cores.
    #[arg(long)]
    threads: Option<usize>,
    /// Devices to measure.
    #[arg(long, value_delimiter = ',', default_values = ["zeno", "openvm"])]
    devices: Vec<Which>,
    /// Print the times of the stages, by their spans.
    #[arg(long)]
    stages: bool,
    /// Print the results as JSON.
    #[arg(long)]
    json: bool,
    /// Make one proof in this process and print its measures.
    #[arg(long, hide = true)]
    child: bool,
    /// Flag that `cargo bench` passes to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    Zeno,
    #[value(name = "openvm")]
    OpenVm,
}

impl Which {
    fn name(self) -> &'static str {
        match self {
            Self::Zeno => "zeno",
            Self::OpenVm => "openvm",
        }
    }
}

/// Seconds between entering and leaving a span, by its name.
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

/// Number after `field` in a file of /proc, in the file's unit.
fn proc(file: &str, field: &str) -> io::Result<u64> {
    let text = fs::read_to_string(file)?;
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| io::Error::other(format!("{file} has no {field}")))
}

/// Seconds of processor time that this process has used, in user mode and in the kernel.
fn processor_seconds() -> io::Result<[f64; 2]> {
    let text = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    // Times are in ticks, of which Linux has 100 a second.
    let ticks =
        |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(f64::NAN);
    Ok([ticks(11) / 100.0, ticks(12) / 100.0])
}

/// Proves, verifies the proof, and returns the measurements.
fn prove<E: StarkEngine<SC = SC, PB = Backend>>(
    key: &DeviceMultiStarkProvingKey<Backend>,
    context: ProvingContext<Backend>,
) -> Result<Value, Error> {
    let engine = E::new(key.params.clone());
    let traces = proc("/proc/self/status", "VmRSS:")? << 10;
    // Resets the peak to the memory held now, that is the traces.
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
        Which::OpenVm => prove::<BabyBearPoseidon2CpuEngine>(&key, context)?,
    };
    println!("{measures}");
    Ok(())
}

fn read(file: &Path) -> Result<(DeviceMultiStarkProvingKey<Backend>, ProvingContext<Backend>), Error> {
    // The commitments depend on the parameters' shape, which is the key's, and not on their soundness.
    let params = instance_file::params(file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(instance_file::read(file, Engine::new(params).device())
        .map_err(|error| format!("{}: {error}", file.display()))?)
}

/// Runs one proof in a process of its own.
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

/// Returns the reason why OpenVM's device cannot prove this here, if there is one.
fn too_large_for_openvm(interactions: u64) -> io::Result<Option<String>> {
    let needed = interactions.next_power_of_two() * OPENVM_BYTES_AN_INTERACTION;
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
        let size = instance_file::size(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let mut best: Vec<(Which, Value)> = Vec::new();
        let mut skipped = None;
        for _ in 0..args.rounds {
            for &which in &args.devices {
                if which == Which::OpenVm {
                    skipped = too_large_for_openvm(size.interactions)?;
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
        let (zeno, openvm) = (of(Which::Zeno), of(Which::OpenVm));
        let both = zeno.zip(openvm);
        let ratio = |field: &str| {
            both.and_then(|(ours, openvm)| Some(openvm[field].as_f64()? / ours[field].as_f64()?))
        };
        let equal = both.map(|(ours, openvm)| ours["proof_hash"] == openvm["proof_hash"]);
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
                println!("openvm was left out: {why}");
            }
        }
        results.push(json!({
            "instance": file.display().to_string(),
            "tables": size.tables,
            "cells": size.cells,
            "interactions": size.interactions,
            "threads": args.threads,
            "zeno": zeno,
            "openvm": openvm,
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
