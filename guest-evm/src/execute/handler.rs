//! Order of a transaction's or system call's steps.

use crate::{
    execute::evm::{Error, Inner},
    state::State,
};
use core::marker::PhantomData;
use revm::{
    context::{Cfg, Transaction},
    context_interface::{
        ContextTr, JournalTr,
        result::{HaltReason, InvalidTransaction},
    },
    handler::{EvmTr, Handler, pre_execution, validation},
    inspector::InspectorHandler,
    interpreter::{GasTracker, InitialAndFloorGas, interpreter::EthInterpreter},
    primitives::{AddressMap, HashSet},
};
use zeno_types::chain::{ForkRules, SystemCall};

/// Revm's handler of mainnet, with three differences.
///
/// - Revm gives system calls the state gas of Amsterdam (EIP-8037) as execution gas, in all forks. There it belongs to the
///   reservoir, which `GAS` doesn't show, and which pays for nothing but state.
/// - Revm warms nothing for system calls. In the specification of Amsterdam they begin as transactions do, and they don't
///   end so: accounts that they destroy keep all but their balance.
/// - From Amsterdam on, EIP-8037 also bounds a transaction's gas limit as a whole, which revm doesn't.
pub(super) struct BlockHandler<'a, S: State> {
    rules: &'static ForkRules,
    is_system_call: bool,
    evm: PhantomData<Inner<'a, S>>,
}

impl<S: State> BlockHandler<'_, S> {
    /// Makes the handler of a transaction.
    pub(super) fn transaction(rules: &'static ForkRules) -> Self {
        Self { rules, is_system_call: false, evm: PhantomData }
    }

    /// Makes the handler of a system call.
    pub(super) fn system_call(rules: &'static ForkRules) -> Self {
        Self { rules, is_system_call: true, evm: PhantomData }
    }

    /// Warms what is warm at the beginning of a system call, apart from the contract. Nothing is loaded by that: it would be
    /// an access (EIP-7928).
    pub(super) fn warm_system_call(&self, evm: &mut Inner<'_, S>) -> Result<(), Error> {
        if self.rules.system_call.is_specified {
            pre_execution::load_accounts::<_, Error>(evm)?;
            let caller = evm.ctx_ref().tx().caller();
            let addresses = AddressMap::from_iter([(caller, HashSet::default())]);
            evm.ctx().journal_mut().warm_access_list(addresses);
        }
        Ok(())
    }
}

impl<'a, S: State> Handler for BlockHandler<'a, S> {
    type Evm = Inner<'a, S>;
    type Error = Error;
    type HaltReason = HaltReason;

    fn validate_env(&self, evm: &mut Inner<'a, S>) -> Result<(), Error> {
        let gas_limit = evm.ctx_ref().tx().gas_limit();
        match self.rules.max_transaction_gas {
            Some(cap) if gas_limit > cap => {
                Err(InvalidTransaction::TxGasLimitGreaterThanCap { gas_limit, cap }.into())
            }
            _ => validation::validate_env(evm.ctx()),
        }
    }

    fn tx_gas(&self, evm: &mut Inner<'a, S>, gas: &InitialAndFloorGas) -> GasTracker {
        if self.is_system_call {
            let SystemCall { gas, state_gas, .. } = self.rules.system_call;
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
