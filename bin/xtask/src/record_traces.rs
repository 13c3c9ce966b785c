//! Instances that `cargo bench -p zeno-cpu-backend --bench segment` measures: the traces of a segment of the example
//! block, and of the leaf that aggregates its proof.

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use openvm_circuit::arch::{PreflightExecutionOutput, Streams, VirtualMachine};
use openvm_continuations::prover::{ChildVkKind, InnerCpuProver};
use openvm_sdk::{
    DefaultStarkEngine as OpenVmEngine, F, SC,
    config::{AggregationConfig, AppConfig, MAX_NUM_CHILDREN_LEAF},
    keygen::AppProvingKey,
};
use openvm_sdk_config::{SdkVmConfig, SdkVmCpuBuilder, TranspilerConfig};
use openvm_stark_backend::{
    StarkEngine, SystemParams,
    keygen::types::MultiStarkProvingKey,
    p3_field::PrimeCharacteristicRing,
    proof::Proof,
    prover::{Coordinator, DeviceDataTransporter, DeviceMultiStarkProvingKey, ProvingContext},
};
use openvm_stark_sdk::config::app_params_with_100_bits_security;
use openvm_transpiler::{FromElf, elf::Elf, openvm_platform::memory::MEM_SIZE};
use zeno_cpu_backend::{Engine, instance_file};
use zeno_prover::{Guest, LOG_STACKED_HEIGHT, vm_config};

use crate::Error;

type Backend = <Engine as StarkEngine>::PB;
type Device = <Engine as StarkEngine>::PD;
type Transcript = <Engine as StarkEngine>::TS;
type Exe = openvm_sdk::openvm_circuit::arch::instructions::exe::VmExe<F>;

/// Input of the example block.
const EXAMPLE: &[u8] = include_bytes!("../../../config/example/input.zeno");

/// Path for the next proof's instance. An aggregation makes its engine itself, from parameters alone.
static FILE: OnceLock<PathBuf> = OnceLock::new();

/// Prover's engine that writes each instance before it proves it.
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
        let file = FILE.get().expect("it is set before");
        instance_file::write(file, key, &context)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        println!("{}", file.display());
        self.0.prove(key, context)
    }
}

/// Writes the instances that the benchmark of segments measures.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder for `segment.traces` and `leaf.traces`.
    folder: PathBuf,
    /// Number of instructions after which the segment ends. By default it is the whole first segment.
    instructions: Option<u64>,
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    fs::create_dir_all(&args.folder)?;
    let config = AppConfig::new(vm_config()?, app_params_with_100_bits_security(LOG_STACKED_HEIGHT));
    let key: AppProvingKey<SdkVmConfig> = AppProvingKey::keygen(config.clone())?;
    let key = key.app_vm_pk.vm_pk.clone();
    let limit = args.instructions.unwrap_or(u64::MAX);
    let proof = record_segment(args.folder.join("segment.traces"), config, &key, limit)?;

    FILE.set(args.folder.join("leaf.traces")).map_err(|_| "it is set once")?;
    let params = AggregationConfig::default().params.leaf;
    let leaf: InnerCpuProver<MAX_NUM_CHILDREN_LEAF> =
        InnerCpuProver::new::<Engine>(Arc::new(key.get_vk()), params, false, None);
    leaf.agg_prove_no_def::<Recorder>(&[proof], ChildVkKind::App)?;
    Ok(())
}

/// Runs the first segment of the example block, for at most `limit` instructions, writes its instance and proves it.
fn record_segment(
    file: PathBuf,
    config: AppConfig<SdkVmConfig>,
    key: &MultiStarkProvingKey<SC>,
    limit: u64,
) -> Result<Proof<SC>, Error> {
    let elf = Elf::decode(Guest::committed_elf(), MEM_SIZE as u32)?;
    let exe = Exe::from_elf(elf, TranspilerConfig::<F>::transpiler(&config.app_vm_config))?;
    let engine = OpenVmEngine::new(config.system_params);
    let device_key = engine.device().transport_pk_to_device(key);
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
    instance_file::write(&file, vm.pk(), &context)?;
    println!("{} {instructions} instructions", file.display());
    Ok(Engine::new(vm.engine.params().clone()).prove(vm.pk(), context)?)
}
