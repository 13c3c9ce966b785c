//! Order of a transaction's or system call's steps.

use crate::{
    execute::evm::{Error, Inner},
    state::State,
};
use core::marker::PhantomData;
use revm::{
    context::{Cfg, Transaction},
    context_interface::{ContextTr, result::HaltReason},
    handler::{EvmTr, Handler},
    inspector::InspectorHandler,
    interpreter::{GasTracker, InitialAndFloorGas, interpreter::EthInterpreter},
};
use zeno_types::chain::SystemCall;

/// Revm's handler of mainnet, except for the gas of system calls.
///
/// Revm gives them the state gas of Amsterdam (EIP-8037) as execution gas, in all forks. There it belongs to the
/// reservoir, which `GAS` doesn't show, and which pays for nothing but state.
pub(super) struct BlockHandler<'a, S: State> {
    /// Gas of the system call that runs; `None` for a transaction.
    system_call: Option<SystemCall>,
    evm: PhantomData<Inner<'a, S>>,
}

impl<S: State> BlockHandler<'_, S> {
    /// Makes the handler of a transaction.
    pub(super) fn transaction() -> Self {
        Self { system_call: None, evm: PhantomData }
    }

    /// Makes the handler of a system call with this gas.
    pub(super) fn system_call(gas: SystemCall) -> Self {
        Self { system_call: Some(gas), evm: PhantomData }
    }
}

impl<'a, S: State> Handler for BlockHandler<'a, S> {
    type Evm = Inner<'a, S>;
    type Error = Error;
    type HaltReason = HaltReason;

    fn tx_gas(&self, evm: &mut Inner<'a, S>, gas: &InitialAndFloorGas) -> GasTracker {
        if let Some(SystemCall { gas, state_gas }) = self.system_call {
            return GasTracker::new(gas + state_gas, gas, state_gas);
        }
        // The same as the trait's.
        let context = evm.ctx_ref();
        let limit = context.tx().gas_limit();
        let (remaining, reservoir) = gas.initial_gas_and_reservoir(limit, context.cfg().tx_gas_limit_cap());
        GasTracker::new(limit, remaining, reservoir)
    }
}

impl<S: State> InspectorHandler for BlockHandler<'_, S> {
    type IT = EthInterpreter;
}
