//! Input of a run, in the form that the VM takes.

use openvm_circuit::arch::Streams;
use openvm_sdk::F;
use openvm_stark_backend::p3_field::PrimeCharacteristicRing;

/// Input of a run: one vector of bytes, which the guest reads with `openvm::io::read_vec`.
pub(crate) fn streams(input: &[u8]) -> Streams<F> {
    Streams::new(vec![input.iter().map(|&byte| F::from_u8(byte)).collect::<Vec<_>>()])
}
