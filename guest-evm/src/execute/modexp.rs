//! Bound on the lengths of a MODEXP call (EIP-198).
//!
//! The lengths are in the call's data, and need no data after them. Only gas bounds them (EIP-2565), until
//! Osaka does (EIP-7823), and the prover may have any amount of gas. As with the
//! [memory](crate::interpreter::bound) of calls, a length beyond the bound ends the run if it is paid for,
//! and fails the call otherwise.

use crate::{error::Unsupported, interpreter::bound::Stop, state::State};
use alloc::string::{String, ToString};
use alloy_evm::{eth::EthEvmContext, precompiles::PrecompilesMap};
use alloy_primitives::{Address, Bytes, U256};
use revm::{
    handler::PrecompileProvider,
    interpreter::{CallInputs, Gas, InstructionResult, InterpreterResult},
    precompile::u64_to_address,
    primitives::{AddressSet, hardfork::SpecId},
};

/// Maximum length of base and modulus, in bytes: a longer one costs at least 5.7e9 gas.
pub(crate) const MAX_NUMBER: u64 = 1 << 20;
/// Maximum length of the exponent, in bytes: a longer one costs at least 3.5e8 gas.
pub(crate) const MAX_EXPONENT: u64 = 1 << 27;

const ADDRESS: Address = u64_to_address(5);

/// A fork's precompiles, with the bound.
#[derive(Debug)]
pub(crate) struct BoundedPrecompiles {
    /// The precompiles without the bound.
    pub(crate) precompiles: PrecompilesMap,
    /// Says whether the bound applies, because the fork has none.
    pub(crate) is_bounded: bool,
}

impl<'a, S: State> PrecompileProvider<EthEvmContext<&'a mut S>> for BoundedPrecompiles {
    type Output = InterpreterResult;

    fn set_spec(&mut self, spec: SpecId) -> bool {
        PrecompileProvider::<EthEvmContext<&'a mut S>>::set_spec(&mut self.precompiles, spec)
    }

    fn run(
        &mut self,
        context: &mut EthEvmContext<&'a mut S>,
        inputs: &CallInputs,
    ) -> Result<Option<InterpreterResult>, String> {
        if inputs.bytecode_address == ADDRESS && self.is_bounded {
            let cost = cost_beyond_bound(&inputs.input.as_bytes(context));
            match cost {
                Some(cost) if cost > U256::from(inputs.gas_limit) => {
                    return Ok(Some(InterpreterResult {
                        result: InstructionResult::PrecompileOOG,
                        output: Bytes::new(),
                        gas: Gas::new_spent_with_reservoir(inputs.gas_limit, inputs.reservoir),
                    }));
                }
                Some(_) => {
                    context.stop(Unsupported::Modexp);
                    return Err("the lengths of a modular exponentiation are not supported".to_string());
                }
                None => {}
            }
        }
        self.precompiles.run(context, inputs)
    }

    fn warm_addresses(&self) -> &AddressSet {
        PrecompileProvider::<EthEvmContext<&'a mut S>>::warm_addresses(&self.precompiles)
    }

    fn contains(&self, address: &Address) -> bool {
        PrecompileProvider::<EthEvmContext<&'a mut S>>::contains(&self.precompiles, address)
    }
}

/// Returns the minimum gas of the call if its lengths are beyond the bound. `None` if they are not, or if
/// base and modulus are empty, so that nothing is computed.
fn cost_beyond_bound(data: &[u8]) -> Option<U256> {
    let length = |index: usize| {
        let mut word = [0; 32];
        let bytes = data.get(32 * index..).unwrap_or_default();
        let bytes = &bytes[..bytes.len().min(32)];
        word[..bytes.len()].copy_from_slice(bytes);
        U256::from_be_bytes(word)
    };
    let (base, exponent, modulus) = (length(0), length(1), length(2));
    let number = base.max(modulus);
    if number.is_zero() || (number <= U256::from(MAX_NUMBER) && exponent <= U256::from(MAX_EXPONENT)) {
        return None;
    }
    // EIP-2565, without the bits of the exponent's head: the call may cost a little more.
    let words = number.div_ceil(U256::from(8));
    let iterations = exponent.saturating_sub(U256::from(32)).saturating_mul(U256::from(8)).max(U256::ONE);
    Some(words.saturating_mul(words).saturating_mul(iterations) / U256::from(3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn cost(base: U256, exponent: U256, modulus: U256) -> Option<U256> {
        let data: Vec<u8> = [base, exponent, modulus].iter().flat_map(U256::to_be_bytes::<32>).collect();
        cost_beyond_bound(&data)
    }

    #[test]
    fn what_300_million_gas_pay_for_is_within_the_bound() {
        let [zero, one, most] = [U256::ZERO, U256::ONE, U256::from(300_000_000)];
        for (base, exponent, modulus) in [
            (MAX_NUMBER + 1, 0, 0),
            (0, 1, MAX_NUMBER + 1),
            (1, MAX_EXPONENT + 1, 0),
            (0, MAX_EXPONENT + 1, 8),
            (u64::MAX, u64::MAX, u64::MAX),
        ] {
            let cost = cost(U256::from(base), U256::from(exponent), U256::from(modulus));
            assert!(cost.is_some_and(|cost| cost > most), "{base} {exponent} {modulus}: {cost:?}");
        }
        assert_eq!(cost(U256::MAX, U256::MAX, U256::MAX), Some(U256::MAX / U256::from(3)));
        assert_eq!(cost(U256::from(MAX_NUMBER), U256::from(MAX_EXPONENT), one), None);
        // Nothing is computed, whatever the exponent's length.
        assert_eq!(cost(zero, U256::MAX, zero), None);
        assert_eq!(cost_beyond_bound(&[]), None);
        // Data that ends within a length continues with zeros.
        assert_eq!(cost_beyond_bound(&[1]), cost(one << 248, zero, zero));
    }
}
