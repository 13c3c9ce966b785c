//! The bytecode of the verifier of a key, from what is committed.
//!
//! The compiled code of two keys differs in the key's words alone, because the compiler computes nothing from them: each
//! stands as the operand of a PUSH. A word that starts with zero bytes is pushed without them, which moves the code behind
//! it, so that jumps are set anew. That is all that the compiler would do: code for another key takes none, and nobody who
//! has one decides what is deployed.

use std::collections::{HashMap, HashSet};

use alloy_primitives::{Bytes, U256};
use thiserror::Error;

use super::{
    bindings::{ZenoVerifierInsecureDev, ZenoVerifierTemplate},
    halo2::KeyWords,
};
use crate::{EvmKeyError, EvmVerifyingKey, SrsOrigin};

/// Where the runtime code pushes the target of a jump, by offset, a line each: the same for both contracts that are
/// compiled. Nothing else tells such a PUSH from that of a place in memory.
static JUMPS: &str = include_str!("../../contracts/artifacts/ZenoVerifierJumps.txt");

/// Words of a key in its verifier: the digest, seven points, `s_g2`, and the commitments to guest and machine.
const WORDS: usize = 1 + 2 * 7 + 4 + 2;
/// The words that the code has once; it has the commitments twice, where they are returned and where they are pinned.
const ONCE: usize = WORDS - 2;

/// Why there is no code for a key.
#[derive(Debug, Error)]
pub enum CodeError {
    /// The circuit has another number of rows than the one whose verifier was compiled.
    #[error(
        "the key's circuit has 2^{actual} rows, and the contract that is built in is for 2^{expected}: compile the sources \
         of `zeno contract export`"
    )]
    Degree {
        /// k of the key.
        actual: u32,
        /// k of the code.
        expected: u32,
    },
    /// The compiled code is not what this module takes it for.
    #[error("the contract that is built in is damaged, {0}: a defect of this program, please report it")]
    Damaged(String),
    /// The committed key doesn't decode.
    #[error("the key that is built in: {0}")]
    Key(#[from] EvmKeyError),
}

/// The code that creates the verifier of `key`, without arguments: what the compiler makes of
/// [`solidity_sources`](super::solidity_sources) by the settings there.
///
/// # Errors
/// [`CodeError::Degree`] for another circuit than the committed one.
pub fn verifier_creation_code(key: &EvmVerifyingKey) -> Result<Bytes, CodeError> {
    rendered(key).map(|[creation, _]| creation)
}

/// The code of the verifier of `key` after its creation, as `eth_getCode` returns it.
///
/// # Errors
/// As [`verifier_creation_code`].
pub fn verifier_runtime_code(key: &EvmVerifyingKey) -> Result<Bytes, CodeError> {
    rendered(key).map(|[_, runtime]| runtime)
}

/// The code of `key` for creation and after it, from that of the committed key, whose `INSECURE_SRS` is true, or from the
/// one without a key, where it is false.
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
    // What creates it has no arguments and changes nothing: it returns what follows, by its length.
    let start =
        creation.strip_suffix(&runtime[..]).ok_or_else(|| damaged("the creation code has another end"))?;
    let mut new_creation = Vec::with_capacity(creation.len());
    let mut lengths = 0;
    for instruction in instructions(start) {
        new_creation.push(instruction.operation);
        if instruction.operand == (runtime.len() as u16).to_be_bytes() {
            lengths += 1;
            new_creation.extend((new_runtime.len() as u16).to_be_bytes());
        } else {
            new_creation.extend(instruction.operand);
        }
    }
    if lengths != 1 {
        return Err(damaged(format_args!("it states its length {lengths} times")));
    }
    new_creation.extend(&new_runtime);
    Ok([new_creation.into(), new_runtime.into()])
}

fn damaged(what: impl std::fmt::Display) -> CodeError {
    CodeError::Damaged(what.to_string())
}

/// All words of a key, in the order of the template's placeholders.
fn words(key: &EvmVerifyingKey) -> [U256; WORDS] {
    let commitments =
        [key.app_exe_commitment(), key.app_vm_commitment()].map(|word| U256::from_be_bytes(word.0));
    let all: Vec<_> = KeyWords::new(key).all().chain(commitments).collect();
    all.try_into().expect("a key has seven points")
}

/// What contracts/scripts/build.mjs compiled in their places: bytes 0xfe, then the place. Commitments have a zero in front,
/// as those of the proof system have.
fn placeholders() -> [U256; WORDS] {
    std::array::from_fn(|place| {
        let mut word = [0xfe; 32];
        word[31] = place as u8;
        if place >= ONCE {
            word[0] = 0;
        }
        U256::from_be_bytes(word)
    })
}

/// Puts `new` in the places of `old`, which are looked for among the operands of PUSH. Each has to occur as often as in what
/// was compiled.
fn replace(code: &[u8], old: &[U256; WORDS], new: &[U256; WORDS]) -> Result<Vec<u8>, CodeError> {
    let jumps: HashSet<usize> = JUMPS.lines().filter_map(|line| line.parse().ok()).collect();
    let mut rendered = Vec::with_capacity(code.len());
    let mut counts = [0; WORDS];
    // Where targets of jumps are pushed, and where what they were has moved to.
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
                // Zero is pushed by a byte, too.
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
    for (place, target) in pushed {
        let moved = moved
            .get(&target)
            .ok_or_else(|| damaged(format_args!("nothing can be jumped to at {target}")))?;
        rendered[place..place + 2].copy_from_slice(&moved.to_be_bytes());
    }
    Ok(rendered)
}

const JUMPDEST: u8 = 0x5b;
const PUSH1: u8 = 0x60;
const PUSH32: u8 = 0x7f;

/// An operation of the EVM, and what a PUSH pushes.
struct Instruction<'a> {
    at: usize,
    operation: u8,
    operand: &'a [u8],
}

/// The instructions of `code`, one after the other.
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

    use super::*;
    use crate::{CEREMONIES, contracts::testing};

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

    /// The origin decides on the flag, not whoever deploys.
    #[test]
    fn only_a_ceremony_gives_the_secure_code() {
        let committed = EvmVerifyingKey::insecure_dev().unwrap();
        let unknown = testing::wide_key(committed.k());
        let ceremony = testing::under(&unknown, &CEREMONIES[0]);
        assert_eq!(unknown.origin(), SrsOrigin::Unknown);
        assert_eq!(ceremony.origin(), SrsOrigin::Ceremony(&CEREMONIES[0]));
        // Back to the words of what was compiled.
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

    /// Each jump in the code goes where it may, however many bytes the words have.
    #[test]
    fn jumps_are_set_anew() {
        let k = EvmVerifyingKey::insecure_dev().unwrap().k();
        let key = testing::wide_key(k);
        for exe in [B256::ZERO, B256::with_last_byte(1), SCALAR_MODULUS_LESS_1] {
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

    const SCALAR_MODULUS_LESS_1: B256 =
        alloy_primitives::b256!("0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000000");

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
        let place =
            code.windows(32).position(|window| window == placeholders()[3].to_be_bytes::<32>()).unwrap();
        let mut inside = code.to_vec();
        inside[place] ^= 1;
        assert!(refused(&inside).contains("word 3 of its key 0 times"), "{}", refused(&inside));
        assert!(refused(&[&[JUMPDEST], &code[..]].concat()).contains("damaged"));
    }

    fn pushed(code: &[u8]) -> impl Iterator<Item = U256> {
        instructions(code).filter(|i| !i.operand.is_empty()).map(|i| U256::from_be_slice(i.operand))
    }
}
