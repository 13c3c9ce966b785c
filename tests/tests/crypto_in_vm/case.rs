//! Operations with the outcomes of native libraries, and the comparison with the VM's outcomes.

use crate::word_by_number;
use alloy_primitives::{Address, B256, Signature, U256, keccak256};
use revm::precompile::{PrecompileSpecId, PrecompileStatus, Precompiles};
use std::sync::{LazyLock, Mutex};
use zeno_guest_evm::Portable;
use zeno_prover::{Guest, Metered, Prover, ProverError, default_cache_folder};

const CRYPTO_CHECK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/guest/evm/3/crypto-check.elf");

static PROVER: LazyLock<Mutex<Prover>> = LazyLock::new(|| {
    let elf = std::fs::read(CRYPTO_CHECK)
        .expect("config/guest/evm/3/crypto-check.elf is there; scripts/build-guest makes it");
    let guest = Guest::from_elf(&elf).expect("crypto-check.elf is a guest");
    Mutex::new(Prover::new(guest, default_cache_folder().expect("HOME is set")))
});

/// Operation of `crypto-check` with its input and the expected outcome.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    operation: u8,
    input: Vec<u8>,
    expected: Vec<u8>,
}

impl Case {
    /// Call of a precompile of Osaka. The outcome is that of revm's native libraries.
    pub(crate) fn precompile(name: impl Into<String>, address: u16, input: &[u8]) -> Self {
        Self::precompile_of(PrecompileSpecId::OSAKA, name, address, input)
    }

    /// Call of a precompile of Prague or Osaka.
    pub(crate) fn precompile_of(
        fork: PrecompileSpecId,
        name: impl Into<String>,
        address: u16,
        input: &[u8],
    ) -> Self {
        let operation = if fork == PrecompileSpecId::OSAKA { 1 } else { 0 };
        let expected = native_precompile(fork, address, input);
        let input = [&address.to_be_bytes(), input].concat();
        Self { name: name.into(), operation, input, expected }
    }

    /// Check of a signature against a hinted key. The key is valid if the k256 library recovers it.
    pub(crate) fn verify(
        name: impl Into<String>,
        key: &[u8],
        signature: &Signature,
        hash: &[u8; 32],
    ) -> Self {
        let recovered = signature.recover_from_prehash(&B256::from(hash)).ok();
        let right = recovered.is_some_and(|k| k.to_encoded_point(false).as_bytes()[1..] == *key);
        let input = [key, &encode_signature(signature, hash)].concat();
        Self { name: name.into(), operation: 2, input, expected: vec![right.into()] }
    }

    /// Recovery of a signer through alloy-consensus.
    pub(crate) fn recover(name: impl Into<String>, signature: &Signature, hash: &[u8; 32]) -> Self {
        let address = signature.recover_address_from_prehash(&B256::from(hash));
        let expected = address.map(|address| address.to_vec()).unwrap_or_default();
        Self { name: name.into(), operation: 3, input: encode_signature(signature, hash), expected }
    }

    /// Keccak-256 of `data` at a byte offset of a buffer, against the implementation that alloy uses here.
    pub(crate) fn keccak(offset: u8, data: &[u8]) -> Self {
        let input = [&[offset], vec![0xa5; offset.into()].as_slice(), data].concat();
        let name = format!("keccak of {} bytes at offset {offset}", data.len());
        Self { name, operation: 4, input, expected: keccak256(data).to_vec() }
    }

    /// Keccak-256 of `data` by blocks of the sponge, against the implementation that alloy uses here.
    pub(crate) fn keccak_in_parts(data: &[u8]) -> Self {
        let name = format!("keccak of {} bytes in parts", data.len());
        Self { name, operation: 7, input: data.to_vec(), expected: keccak256(data).to_vec() }
    }

    /// Function of 256-bit words by its number, against the portable implementation.
    pub(crate) fn word(function: u8, a: U256, b: U256) -> Self {
        let input = [&[function][..], &a.to_be_bytes::<32>(), &b.to_be_bytes::<32>()].concat();
        let (mut x, mut y) = (a, b);
        word_by_number::apply::<Portable>(function, &mut x, &mut y);
        let expected = [x.to_be_bytes::<32>(), y.to_be_bytes::<32>()].concat();
        Self { name: format!("function {function} of {a:#x} and {b:#x}"), operation: 5, input, expected }
    }

    /// Copy of bytes between two offsets. The copy is compared with the bytes, of which each is changed in turn, and
    /// cleared.
    pub(crate) fn memory(to: u8, from: u8, bytes: &[u8]) -> Self {
        let input = [&[to, from], bytes].concat();
        let mut expected = vec![0xbb; 400];
        expected[to.into()..usize::from(to) + bytes.len()].copy_from_slice(bytes);
        expected.push(1);
        for byte in bytes {
            let order = (byte ^ 1).cmp(byte);
            expected.extend([order as u8 & 3, order.reverse() as u8]);
        }
        let mut cleared = [0xbb; 400];
        cleared[to.into()..usize::from(to) + bytes.len()].fill(0);
        expected.extend(cleared);
        let name = format!("copy of {} bytes from offset {from} to {to}", bytes.len());
        Self { name, operation: 6, input, expected }
    }

    /// Returns whether the native library accepts the input: the signature is valid, or the precompile does not halt.
    pub(crate) fn accepts(&self) -> bool {
        self.expected != [0] && self.expected != b"halt"
    }

    /// Returns whether the native library's output is the word 1, by which a precompile confirms a statement.
    pub(crate) fn outputs_one(&self) -> bool {
        self.expected.len() == 40 && self.expected.last() == Some(&1)
    }
}

/// Outcome of a precompile: gas and output if it succeeds, otherwise "revert" or "halt". The reason of a halt is not
/// part of consensus.
fn native_precompile(fork: PrecompileSpecId, address: u16, input: &[u8]) -> Vec<u8> {
    let address = Address::left_padding_from(&address.to_be_bytes());
    let precompile = Precompiles::new(fork).get(&address).expect("a precompile of the fork");
    let output = precompile.execute(input, u64::MAX, 0).expect("no precompile fails fatally");
    match output.status {
        PrecompileStatus::Success => [&output.gas_used.to_be_bytes()[..], &output.bytes].concat(),
        PrecompileStatus::Revert => b"revert".to_vec(),
        PrecompileStatus::Halt(_) => b"halt".to_vec(),
    }
}

fn encode_signature(signature: &Signature, hash: &[u8; 32]) -> Vec<u8> {
    let (r, s): (U256, U256) = (signature.r(), signature.s());
    [&r.to_be_bytes::<32>()[..], &s.to_be_bytes::<32>(), &[signature.v().into()], hash].concat()
}

/// Runs the cases in the VM, and finds what that costs.
pub(crate) fn execute(cases: &[Case]) -> Result<Metered, ProverError> {
    PROVER.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).meter(&encoded(cases))
}

/// Runs the cases in the VM, and returns the hash of their outcomes.
fn revealed(cases: &[Case]) -> Result<B256, ProverError> {
    PROVER.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).revealed(&encoded(cases))
}

fn encoded(cases: &[Case]) -> Vec<u8> {
    let mut input = Vec::new();
    for case in cases {
        input.push(case.operation);
        input.extend_from_slice(&(case.input.len() as u32).to_le_bytes());
        input.extend_from_slice(&case.input);
    }
    input
}

/// Runs the cases in the VM, and checks that each outcome is the native one.
///
/// # Panics
/// If an outcome differs. The message names the cases.
pub(crate) fn check(cases: &[Case]) {
    assert!(!cases.is_empty(), "no cases");
    let right = |cases: &[Case]| {
        let outcomes: Vec<_> = cases.iter().flat_map(|case| keccak256(&case.expected).0).collect();
        revealed(cases).map(|digest| digest == keccak256(outcomes))
    };
    if matches!(right(cases), Ok(true)) {
        return;
    }
    let wrong: Vec<_> = cases
        .iter()
        .filter_map(|case| match right(std::slice::from_ref(case)) {
            Ok(true) => None,
            Ok(false) => Some(case.name.clone()),
            Err(error) => Some(format!("{}: {error}", case.name)),
        })
        .collect();
    panic!("{} of {} outcomes differ from the native ones: {wrong:#?}", wrong.len(), cases.len());
}
