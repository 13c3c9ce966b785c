//! Bytecode of a key's verifier, made from the committed bytecode without a compiler.
//!
//! The compiled code of two keys differs in the keys' words alone. The compiler computes nothing from the words: each
//! one is the operand of a PUSH. A word that starts with zero bytes is pushed without them. That moves all code after
//! it, so the targets of jumps are replaced as well. A compiler would give the same bytes.
//!
//! Therefore code for another key takes no compiler, and nobody who has one decides what is deployed.

use std::collections::{HashMap, HashSet};

use alloy_primitives::{Bytes, U256};
use thiserror::Error;

use super::{
    bindings::{ZenoVerifierInsecureDev, ZenoVerifierTemplate},
    halo2::KeyWords,
};
use crate::evm::{
    key::{EvmKeyError, EvmVerifyingKey},
    srs_origin::SrsOrigin,
};

/// Offsets in the runtime code at which a PUSH has the target of a jump, one a line. Both compiled contracts have the
/// same offsets. Nothing else tells such a PUSH from the PUSH of an offset in memory.
static JUMPS: &str = include_str!("../../contracts/artifacts/ZenoVerifierJumps.txt");

/// Count of a key's words in its verifier: the digest, seven points, `-s_g2`, and the commitments to the guest and the
/// VM.
const WORDS: usize = 1 + 2 * 7 + 4 + 2;
/// Count of the words that occur once in the code. The commitments, which are last, occur twice: where they are
/// returned, and where they are pinned.
const ONCE: usize = WORDS - 2;

/// Reason why there is no code for a key.
#[derive(Debug, Error)]
pub enum CodeError {
    /// The key's circuit has another count of rows than the circuit whose verifier was compiled.
    #[error(
        "the key's circuit has 2^{actual} rows, and the contract that is built in is for 2^{expected}: compile the sources \
         of `zeno contract export`"
    )]
    Degree {
        /// k of the key, for 2^k rows.
        actual: u32,
        /// k of the compiled verifier.
        expected: u32,
    },
    /// The compiled code doesn't have the form that this module expects.
    #[error("the contract that is built in is damaged, {0}: a defect of this program, please report it")]
    Damaged(String),
    /// The committed key doesn't decode.
    #[error("the key that is built in: {0}")]
    Key(#[from] EvmKeyError),
}

/// Returns the creation code of the verifier of `key`, which takes no arguments.
///
/// It is what the compiler makes of [`solidity_sources`](super::solidity_sources), by the settings there.
///
/// # Errors
/// [`CodeError::Degree`] when the key's circuit has another size than the committed one.
pub fn verifier_creation_code(key: &EvmVerifyingKey) -> Result<Bytes, CodeError> {
    rendered(key).map(|[creation, _]| creation)
}

/// Returns the runtime code of the verifier of `key`, which `eth_getCode` returns after the creation.
///
/// # Errors
/// The same as [`verifier_creation_code`]'s.
pub fn verifier_runtime_code(key: &EvmVerifyingKey) -> Result<Bytes, CodeError> {
    rendered(key).map(|[_, runtime]| runtime)
}

/// Returns the creation code and the runtime code of the verifier of `key`.
///
/// Under a ceremony's SRS, they come from the template without a key, where `INSECURE_SRS` is false. Under another SRS,
/// they come from the code of the committed key, where it is true.
fn rendered(key: &EvmVerifyingKey) -> Result<[Bytes; 2], CodeError> {
    let committed = EvmVerifyingKey::insecure_dev()?;
    let (actual, expected) = (key.k(), committed.k());
    if actual != expected {
        return Err(CodeError::Degree { actual, expected });
    }
    let (creation, runtime, old) = match key.origin() {
        SrsOrigin::Ceremony(_) => {
            (&ZenoVerifierTemplate::BYTECODE, &ZenoVerifierTemplate::DEPLOYED_BYTECODE, placeholders())
        }
        SrsOrigin::Development | SrsOrigin::Unknown => (
            &ZenoVerifierInsecureDev::BYTECODE,
            &ZenoVerifierInsecureDev::DEPLOYED_BYTECODE,
            words(&committed),
        ),
    };
    let new_runtime = replace(runtime, &old, &words(key))?;
    let new_creation = with_runtime(creation, runtime, &new_runtime)?;
    Ok([new_creation.into(), new_runtime.into()])
}

/// Replaces the runtime code in creation code. The code before it takes no arguments and changes nothing: it returns
/// the runtime code, whose length it states once.
fn with_runtime(creation: &[u8], old: &[u8], new: &[u8]) -> Result<Vec<u8>, CodeError> {
    let start = creation.strip_suffix(old).ok_or_else(|| damaged("the creation code has another end"))?;
    let mut replaced = Vec::with_capacity(creation.len());
    let mut lengths = 0;
    for instruction in instructions(start) {
        replaced.push(instruction.operation);
        if instruction.operand == (old.len() as u16).to_be_bytes() {
            lengths += 1;
            replaced.extend((new.len() as u16).to_be_bytes());
        } else {
            replaced.extend(instruction.operand);
        }
    }
    if lengths != 1 {
        return Err(damaged(format_args!("it states its length {lengths} times")));
    }
    replaced.extend(new);
    Ok(replaced)
}

fn damaged(what: impl std::fmt::Display) -> CodeError {
    CodeError::Damaged(what.to_string())
}

/// Returns all words of a key, in the order of the template's placeholders.
fn words(key: &EvmVerifyingKey) -> [U256; WORDS] {
    let commitments =
        [key.app_exe_commitment(), key.app_vm_commitment()].map(|word| U256::from_be_bytes(word.0));
    let all: Vec<_> = KeyWords::new(key).all().chain(commitments).collect();
    all.try_into().expect("a key has seven points")
}

/// Returns the words that contracts/scripts/build.mjs compiled in place of a key's: bytes 0xfe, then the word's index.
/// Commitments start with a zero byte, as those of the proof system do.
fn placeholders() -> [U256; WORDS] {
    std::array::from_fn(|index| {
        let mut word = [0xfe; 32];
        word[31] = index as u8;
        if index >= ONCE {
            word[0] = 0;
        }
        U256::from_be_bytes(word)
    })
}

/// Replaces the words `old` by `new` in runtime code. The words are operands of PUSH. Each must occur as often as in
/// the compiled code.
fn replace(code: &[u8], old: &[U256; WORDS], new: &[U256; WORDS]) -> Result<Vec<u8>, CodeError> {
    let jumps: HashSet<usize> = JUMPS.lines().filter_map(|line| line.parse().ok()).collect();
    let mut rendered = Vec::with_capacity(code.len());
    let mut counts = [0; WORDS];
    // New offsets of the operands that are targets of jumps, with the old targets; and the new offset of each JUMPDEST.
    let (mut pushed, mut moved) = (Vec::with_capacity(jumps.len()), HashMap::new());
    for Instruction { at, operation, operand } in instructions(code) {
        let word = old.iter().position(|old| !operand.is_empty() && *old == U256::from_be_slice(operand));
        match word {
            _ if jumps.contains(&at) => {
                let target = <[u8; 2]>::try_from(operand)
                    .map_err(|_| damaged(format_args!("no target is at {at}")))?;
                rendered.push(operation);
                pushed.push((rendered.len(), usize::from(u16::from_be_bytes(target))));
                rendered.extend(target);
            }
            Some(word) => {
                counts[word] += 1;
                let bytes = new[word].to_be_bytes_trimmed_vec();
                // The compiler pushes zero as one byte.
                let bytes = if bytes.is_empty() { vec![0] } else { bytes };
                rendered.push(PUSH1 + bytes.len() as u8 - 1);
                rendered.extend(bytes);
            }
            None => {
                if operation == JUMPDEST {
                    moved.insert(at, rendered.len() as u16);
                }
                rendered.push(operation);
                rendered.extend(operand);
            }
        }
    }
    if pushed.len() != jumps.len() {
        return Err(damaged(format_args!("{} targets of {} are pushed", pushed.len(), jumps.len())));
    }
    let wrong = counts.iter().enumerate().find(|(word, count)| **count != if *word < ONCE { 1 } else { 2 });
    if let Some((word, count)) = wrong {
        return Err(damaged(format_args!("it has word {word} of its key {count} times")));
    }
    for (offset, target) in pushed {
        let moved = moved
            .get(&target)
            .ok_or_else(|| damaged(format_args!("nothing can be jumped to at {target}")))?;
        rendered[offset..offset + 2].copy_from_slice(&moved.to_be_bytes());
    }
    Ok(rendered)
}

const JUMPDEST: u8 = 0x5b;
const PUSH1: u8 = 0x60;
const PUSH32: u8 = 0x7f;

/// Instruction of the EVM.
struct Instruction<'a> {
    /// Offset in the code, in bytes.
    at: usize,
    operation: u8,
    /// Bytes that a PUSH pushes. Other instructions have none.
    operand: &'a [u8],
}

/// Returns the instructions of `code` in order.
fn instructions(code: &[u8]) -> impl Iterator<Item = Instruction<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let operation = *code.get(at)?;
        let length = match operation {
            PUSH1..=PUSH32 => usize::from(operation - PUSH1) + 1,
            _ => 0,
        };
        let start = at;
        at = (start + 1 + length).min(code.len());
        Some(Instruction { at: start, operation, operand: &code[start + 1..at] })
    })
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;

    use super::{super::testing, *};
    use crate::evm::{curve::SCALAR_MODULUS, srs_origin::CEREMONIES};

    #[test]
    fn the_committed_code_is_of_the_committed_key() {
        let key = EvmVerifyingKey::insecure_dev().unwrap();
        assert_eq!(verifier_creation_code(&key).unwrap(), ZenoVerifierInsecureDev::BYTECODE);
        assert_eq!(verifier_runtime_code(&key).unwrap(), ZenoVerifierInsecureDev::DEPLOYED_BYTECODE);
    }

    #[test]
    fn every_word_of_a_key_is_in_its_code() {
        let committed = EvmVerifyingKey::insecure_dev().unwrap();
        for seed in 0..4 {
            let key = testing::key(committed.k(), seed);
            let code = verifier_creation_code(&key).unwrap();
            let pushed: HashSet<U256> = pushed(&code).collect();
            for word in words(&key) {
                assert!(pushed.contains(&word), "{word:#x}");
            }
            for word in words(&committed).iter().chain(&placeholders()) {
                assert!(!pushed.contains(word), "{word:#x}");
            }
        }
    }

    /// The key's origin decides on the flag `INSECURE_SRS`, and not the deployer.
    #[test]
    fn only_a_ceremony_gives_the_secure_code() {
        let committed = EvmVerifyingKey::insecure_dev().unwrap();
        let unknown = testing::wide_key(committed.k());
        let ceremony = testing::under(&unknown, &CEREMONIES[0]);
        assert_eq!(unknown.origin(), SrsOrigin::Unknown);
        assert_eq!(ceremony.origin(), SrsOrigin::Ceremony(&CEREMONIES[0]));
        // Replaces the words by the placeholders, to compare with the compiled template.
        let unfilled = |key: &_| {
            let code = verifier_runtime_code(key).unwrap();
            let words = words(key)
                .map(|word| if word.byte_len() < 31 { panic!("{word:#x} is narrow") } else { word });
            replace(&code, &words, &placeholders()).unwrap()
        };
        assert_eq!(unfilled(&ceremony), ZenoVerifierTemplate::DEPLOYED_BYTECODE.to_vec());
        let insecure =
            replace(&ZenoVerifierInsecureDev::DEPLOYED_BYTECODE, &words(&committed), &placeholders())
                .unwrap();
        assert_eq!(unfilled(&unknown), insecure);
        assert_ne!(insecure, ZenoVerifierTemplate::DEPLOYED_BYTECODE.to_vec());
    }

    /// Each jump in the code leads to a JUMPDEST, no matter how many bytes the words have.
    #[test]
    fn jumps_are_set_anew() {
        let k = EvmVerifyingKey::insecure_dev().unwrap().k();
        let key = testing::wide_key(k);
        for exe in [B256::ZERO, B256::with_last_byte(1), B256::from(SCALAR_MODULUS - U256::ONE)] {
            let key = testing::with_commitment(&key, exe);
            let runtime = verifier_runtime_code(&key).unwrap();
            let creation = verifier_creation_code(&key).unwrap();
            assert!(creation.ends_with(&runtime));
            let bytes = U256::from_be_bytes(exe.0).byte_len().max(1);
            let before = ZenoVerifierInsecureDev::DEPLOYED_BYTECODE.len();
            assert_eq!(runtime.len() + 2 * 31, before + 2 * bytes);
            assert!(pushed(&creation).any(|value| value == U256::from(runtime.len())));
            let targets: HashSet<usize> =
                instructions(&runtime).filter(|i| i.operation == JUMPDEST).map(|i| i.at).collect();
            let jumps = instructions(&runtime).zip(instructions(&runtime).skip(1));
            let mut direct = 0;
            for (push, jump) in jumps.filter(|(_, jump)| matches!(jump.operation, 0x56 | 0x57)) {
                if !push.operand.is_empty() {
                    let target = U256::from_be_slice(push.operand).to::<usize>();
                    assert!(targets.contains(&target), "{target} at {}", jump.at);
                    direct += 1;
                }
            }
            assert!(direct > 100, "{direct}");
        }
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let k = EvmVerifyingKey::insecure_dev().unwrap().k();
        let error = verifier_creation_code(&testing::key(k - 1, 1)).unwrap_err();
        assert!(matches!(error, CodeError::Degree { actual, expected } if actual == k - 1 && expected == k));

        let words = words(&testing::key(k, 1));
        let code = &ZenoVerifierTemplate::DEPLOYED_BYTECODE;
        let refused = |code: &[u8]| replace(code, &placeholders(), &words).unwrap_err().to_string();
        assert!(refused(&[]).contains("0 targets"));
        let mut twice = code.to_vec();
        twice.extend([&[PUSH32][..], &[0xfe; 31], &[0]].concat());
        assert!(refused(&twice).contains("word 0 of its key 2 times"), "{}", refused(&twice));
        // An altered word.
        let offset =
            code.windows(32).position(|window| window == placeholders()[3].to_be_bytes::<32>()).unwrap();
        let mut inside = code.to_vec();
        inside[offset] ^= 1;
        assert!(refused(&inside).contains("word 3 of its key 0 times"), "{}", refused(&inside));
        assert!(refused(&[&[JUMPDEST], &code[..]].concat()).contains("damaged"));
    }

    fn pushed(code: &[u8]) -> impl Iterator<Item = U256> {
        instructions(code).filter(|i| !i.operand.is_empty()).map(|i| U256::from_be_slice(i.operand))
    }
}
