//! Writes what `cargo bench -p zeno-cpu-backend --bench segment` measures: the traces of a segment of the example
//! block, and of the leaf that aggregates its proof. `record-traces FOLDER [INSTRUCTIONS]`: without a number of
//! instructions the whole first segment, else one that ends after so many.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use openvm_circuit::arch::{PreflightExecutionOutput, Streams, VirtualMachine};
use openvm_continuations::prover::ChildVkKind;
use openvm_sdk::{
    DefaultStarkEngine as Stock, F, SC,
    config::{AggregationConfig, AggregationTreeConfig, AppConfig},
    keygen::AppProvingKey,
    prover::AggProver,
};
use openvm_sdk_config::{SdkVmConfig, SdkVmCpuBuilder, TranspilerConfig};
use openvm_stark_backend::{
    StarkEngine, SystemParams,
    p3_field::PrimeCharacteristicRing,
    proof::Proof,
    prover::{Coordinator, DeviceDataTransporter, DeviceMultiStarkProvingKey, ProvingContext},
};
use openvm_stark_sdk::config::app_params_with_100_bits_security;
use openvm_transpiler::{FromElf, elf::Elf, openvm_platform::memory::MEM_SIZE};
use zeno_cpu_backend::{Engine, record};
use zeno_prover::{Guest, LOG_STACKED_HEIGHT, vm_config};

type Backend = <Engine as StarkEngine>::PB;
type Device = <Engine as StarkEngine>::PD;
type Transcript = <Engine as StarkEngine>::TS;
type Exe = openvm_sdk::openvm_circuit::arch::instructions::exe::VmExe<F>;

const EXAMPLE: &[u8] = include_bytes!("../../config/example/input.zeno");

/// Where the next proof's instance is written. An aggregation makes its engine itself, from parameters alone.
static FILE: OnceLock<PathBuf> = OnceLock::new();

/// The prover's engine, which writes what it is to prove and then proves it.
struct Recorder(Engine);

impl StarkEngine for Recorder {
    type SC = SC;
    type PB = Backend;
    type PD = Device;
    type TS = Transcript;

    fn new(params: SystemParams) -> Self {
        Self(Engine::new(params))
    }

    fn config(&self) -> &SC {
        self.0.config()
    }

    fn device(&self) -> &Device {
        self.0.device()
    }

    fn initial_transcript(&self) -> Transcript {
        self.0.initial_transcript()
    }

    fn prover_from_transcript(&self, transcript: Transcript) -> Coordinator<SC, Backend, Device, Transcript> {
        self.0.prover_from_transcript(transcript)
    }

    fn prove(
        &self,
        key: &DeviceMultiStarkProvingKey<Backend>,
        context: ProvingContext<Backend>,
    ) -> Result<Proof<SC>, openvm_stark_backend::ProverError<Self>> {
        let file = FILE.get().expect("main says where");
        record::write(file, key, &context).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        println!("{}", file.display());
        self.0.prove(key, context)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let usage = "usage: record-traces FOLDER [INSTRUCTIONS]";
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (folder, limit) = match arguments.as_slice() {
        [folder] => (Path::new(folder), u64::MAX),
        [folder, limit] => (Path::new(folder), limit.parse().map_err(|_| usage)?),
        _ => return Err(usage.into()),
    };
    fs::create_dir_all(folder)?;

    let config = AppConfig::new(vm_config()?, app_params_with_100_bits_security(LOG_STACKED_HEIGHT));
    let elf = Elf::decode(Guest::committed_elf(), MEM_SIZE as u32)?;
    let exe = Exe::from_elf(elf, TranspilerConfig::<F>::transpiler(&config.app_vm_config))?;
    let key: AppProvingKey<SdkVmConfig> = AppProvingKey::keygen(config.clone())?;
    let key = key.app_vm_pk.vm_pk.clone();
    let engine = Stock::new(config.system_params);
    let device_key = engine.device().transport_pk_to_device(&key);
    let mut vm = VirtualMachine::new(engine, SdkVmCpuBuilder, config.app_vm_config, device_key)?;
    vm.load_program(vm.commit_program_on_device(&exe.program));

    let input = || Streams::new(vec![EXAMPLE.iter().map(|&byte| F::from_u8(byte)).collect::<Vec<_>>()]);
    let metered = vm.metered_interpreter(&exe)?;
    let (segments, _) = metered.execute_metered(input(), vm.build_metered_ctx(&exe))?;
    let segment = segments.first().ok_or("a run without segments")?;
    let instructions = segment.num_insns.min(limit);
    let mut preflight = vm.preflight_interpreter(&exe)?;
    let state = vm.create_initial_state(&exe, input());
    vm.transport_init_memory_to_device(&state.memory);
    let PreflightExecutionOutput { system_records, record_arenas, .. } =
        vm.execute_preflight(&mut preflight, state, Some(instructions), &segment.trace_heights)?;
    let context = vm.generate_proving_ctx(system_records, record_arenas)?;
    let file = folder.join("segment.traces");
    record::write(&file, vm.pk(), &context)?;
    println!("{} {instructions} instructions", file.display());
    let proof = Engine::new(vm.engine.params().clone()).prove(vm.pk(), context)?;
    drop(vm);

    FILE.set(folder.join("leaf.traces")).map_err(|_| "main runs once")?;
    let aggregation = AggProver::new(
        Arc::new(key.get_vk()),
        AggregationConfig::default(),
        AggregationTreeConfig::default(),
        None,
    );
    aggregation.leaf_prover.agg_prove_no_def::<Recorder>(&[proof], ChildVkKind::App)?;
    Ok(())
}
