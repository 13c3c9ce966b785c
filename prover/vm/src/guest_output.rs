//! An interpreter that keeps the guest's prints instead of writing them to standard output.
//!
//! A guest that refuses its input prints the reason and ends with an exit code. The VM's own handler of prints writes
//! to the process's standard output, which belongs to the caller of the prover, and forgets the text.

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

/// Text that a guest has printed: its first [`LIMIT`](Self::LIMIT) bytes.
#[derive(Clone, Default)]
pub(crate) struct GuestOutput(Arc<Mutex<Vec<u8>>>);

impl GuestOutput {
    /// Bound on the kept output, in bytes: more than any reason for a refusal.
    const LIMIT: usize = 16 << 10;

    /// Returns the text, with replacement characters for bytes that are not UTF-8.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

/// Makes the executors of `config`, whose prints go to `output`.
///
/// Their order is not that of the VM's tables: they are good for plain execution, not for metering or proving.
pub(crate) fn executors(
    config: &SdkVmConfig,
    output: &GuestOutput,
) -> Result<ExecutorInventory<<SdkVmConfig as VmExecutionConfig<F>>::Executor>, ExecutorInventoryError> {
    let mut others = config.clone();
    others.rv32i = None;
    VmExecutionConfig::<F>::create_executors(&others)?.extend::<F, _, _>(&KeepPrints(output.clone()))
}

/// Base instruction set with another handler of prints.
struct KeepPrints(GuestOutput);

impl VmExecutionExtension<F> for KeepPrints {
    type Executor = Rv32IExecutor;

    fn extend_execution(
        &self,
        inventory: &mut ExecutorInventoryBuilder<'_, F, Rv32IExecutor>,
    ) -> Result<(), ExecutorInventoryError> {
        Rv32I.extend_execution(inventory)?;
        let print = PhantomDiscriminant(Rv32Phantom::PrintStr as u16);
        // The handler replaces the existing one, which the inventory reports as an error.
        match inventory.add_phantom_sub_executor(self.0.clone(), print) {
            Err(ExecutorInventoryError::PhantomSubExecutorExists { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl PhantomSubExecutor<F> for GuestOutput {
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
