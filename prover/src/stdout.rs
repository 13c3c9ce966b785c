//! The machine's interpreter, with the guest's prints kept instead of written to standard output.
//!
//! A guest that refuses its input prints why and ends with an exit code. The machine's own handler of prints
//! writes to the process's standard output, which belongs to whoever runs the prover, and forgets the text.

use std::sync::{Arc, Mutex, PoisonError};

use openvm_circuit::{
    arch::{
        ExecutorInventory, ExecutorInventoryBuilder, ExecutorInventoryError, PhantomSubExecutor, Streams,
        VmExecutionConfig, VmExecutionExtension,
        instructions::{PhantomDiscriminant, riscv::RV32_MEMORY_AS},
    },
    system::memory::online::GuestMemory,
};
use openvm_rv32im_circuit::{
    Rv32I, Rv32IExecutor,
    adapters::{memory_read, read_rv32_register},
};
use openvm_rv32im_transpiler::Rv32Phantom;
use openvm_sdk::F;
use openvm_sdk_config::SdkVmConfig;
use rand::rngs::StdRng;

/// What a guest has printed, the first [`LIMIT`](Self::LIMIT) bytes of it.
#[derive(Clone, Default)]
pub(crate) struct Output(Arc<Mutex<Vec<u8>>>);

impl Output {
    /// Longest output that is kept, in bytes: more than any reason for a refusal.
    const LIMIT: usize = 16 << 10;

    /// The text, with what is not UTF-8 replaced.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

/// The executors of `config`, whose prints go to `output`.
///
/// They are in another order than the machine's tables: good for plain execution, not for metering or proving.
pub(crate) fn executors(
    config: &SdkVmConfig,
    output: &Output,
) -> Result<ExecutorInventory<<SdkVmConfig as VmExecutionConfig<F>>::Executor>, ExecutorInventoryError> {
    let mut others = config.clone();
    others.rv32i = None;
    VmExecutionConfig::<F>::create_executors(&others)?.extend::<F, _, _>(&KeepPrints(output.clone()))
}

/// The base instruction set, with another handler of prints.
struct KeepPrints(Output);

impl VmExecutionExtension<F> for KeepPrints {
    type Executor = Rv32IExecutor;

    fn extend_execution(
        &self,
        inventory: &mut ExecutorInventoryBuilder<'_, F, Rv32IExecutor>,
    ) -> Result<(), ExecutorInventoryError> {
        Rv32I.extend_execution(inventory)?;
        let print = PhantomDiscriminant(Rv32Phantom::PrintStr as u16);
        // The handler replaces the one that is there, which the inventory reports as an error.
        match inventory.add_phantom_sub_executor(self.0.clone(), print) {
            Err(ExecutorInventoryError::PhantomSubExecutorExists { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl PhantomSubExecutor<F> for Output {
    fn phantom_execute(
        &self,
        memory: &GuestMemory,
        _: &mut Streams<F>,
        _: &mut StdRng,
        _: PhantomDiscriminant,
        address_register: u32,
        length_register: u32,
        _: u16,
    ) -> eyre::Result<()> {
        let address = read_rv32_register(memory, address_register);
        let length = read_rv32_register(memory, length_register);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = Self::LIMIT.saturating_sub(kept.len()).min(length as usize) as u32;
        kept.extend((0..room).map(|offset| memory_read::<1>(memory, RV32_MEMORY_AS, address + offset)[0]));
        Ok(())
    }
}
