//! Halo2 verifier of a key in Solidity, byte for byte the one that `snark-verifier` generates.
//!
//! The generated text is the same for all keys of the wrapper's circuit, except for:
//!
//! - the key's own words;
//! - numbers that follow from the size of the evaluation domain;
//! - the count of squarings that take `z` to `z^n`, and all offsets in memory after them.
//!
//! `template/Halo2Verifier.sol` is that text, with names in `${}` where it depends on the key. Therefore nobody who
//! makes or copies a key decides what code is deployed.

use alloy_primitives::{U256, hex};
use halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField},
};

use crate::evm::key::EvmVerifyingKey;

/// Text with names in `${}`, which [`Values::value`] lists.
static TEMPLATE: &str = include_str!("../../contracts/template/Halo2Verifier.sol");

/// Offset of `z` in memory, in bytes.
const Z: usize = 0xa80;
/// Offset of the first of `z`'s squares in memory, in bytes.
const SQUARES: usize = 0xf40;

/// Renders the Solidity text for `key`.
pub(super) fn halo2_verifier(key: &EvmVerifyingKey) -> String {
    let values = Values::new(key);
    let mut pieces = TEMPLATE.split("${");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once('}').expect("a name ends");
        text += &values.value(name).unwrap_or_else(|| panic!("{name} is a name of the template"));
        text += rest;
    }
    text
}

/// Values for the names in the template.
struct Values {
    /// Logarithm of the count of rows, 2^k.
    k: usize,
    /// Generator of the evaluation domain.
    omega: Fr,
    words: KeyWords,
}

/// Words of a key that its verifier has.
pub(super) struct KeyWords {
    /// Digest of the circuit's key, with which the transcript starts.
    pub(super) digest: U256,
    /// Commitments to the fixed columns, then those to the permutation: x, y each.
    pub(super) points: Vec<[U256; 2]>,
    /// Negative of `s_g2`: x.c1, x.c0, y.c1, y.c0.
    pub(super) minus_s_g2: [U256; 4],
}

impl KeyWords {
    pub(super) fn new(key: &EvmVerifyingKey) -> Self {
        let word = U256::from_be_bytes::<32>;
        Self {
            digest: word(key.circuit_digest()),
            points: key.points().map(|point| point.map(word)).collect(),
            minus_s_g2: key.minus_s_g2().map(word),
        }
    }

    /// Returns all words in the order of the fields.
    pub(super) fn all(&self) -> impl Iterator<Item = U256> {
        std::iter::once(self.digest).chain(self.points.iter().flatten().copied()).chain(self.minus_s_g2)
    }
}

impl Values {
    fn new(key: &EvmVerifyingKey) -> Self {
        Self { k: key.k() as usize, omega: key.omega(), words: KeyWords::new(key) }
    }

    /// Returns the value of a name, or `None` for an unknown name:
    ///
    /// - `digest`, `point I x`, `point I y`, `-s_g2 I`: the words of the key;
    /// - `1/n`: the inverse of the count of rows;
    /// - `w I`, `-w I`: omega^I and its negative;
    /// - `ell I J...`: the product of omega^I - omega^J over all J, of which Lagrange polynomials are made;
    /// - `squarings`: the statements that square z k times;
    /// - `hex O`, `dec O`: the offset in memory that is O bytes after the end of the last square.
    fn value(&self, name: &str) -> Option<String> {
        let words: Vec<&str> = name.split(' ').collect();
        Some(match words.as_slice() {
            ["digest"] => self.words.digest.to_string(),
            ["point", index, axis] => {
                let [x, y] = self.words.points.get(index.parse::<usize>().ok()?)?;
                word(if *axis == "x" { x } else { y })
            }
            ["-s_g2", index] => word(self.words.minus_s_g2.get(index.parse::<usize>().ok()?)?),
            ["1/n"] => decimal(Fr::from(1 << self.k).invert().expect("not zero")),
            ["w", power] => decimal(self.power(power)?),
            ["-w", power] => decimal(-self.power(power)?),
            ["ell", at, others @ ..] => {
                let at = self.power(at)?;
                let product = others
                    .iter()
                    .try_fold(Fr::ONE, |product, other| Some(product * (at - self.power(other)?)));
                decimal(product?)
            }
            ["squarings"] => self.squarings(),
            ["hex", offset] => format!("{:#x}", self.memory(offset)?),
            ["dec", offset] => self.memory(offset)?.to_string(),
            _ => return None,
        })
    }

    /// Returns omega to a power in decimal.
    fn power(&self, exponent: &str) -> Option<Fr> {
        let exponent: i64 = exponent.parse().ok()?;
        let power = self.omega.pow([exponent.unsigned_abs()]);
        if exponent < 0 { power.invert().into() } else { Some(power) }
    }

    /// Returns the statements that square z k times, each square in a word of its own.
    fn squarings(&self) -> String {
        let square = |index: usize| {
            let from = if index == 0 { Z } else { SQUARES + 32 * (index - 1) };
            format!("mstore({:#x}, mulmod(mload({from:#x}), mload({from:#x}), f_q))", SQUARES + 32 * index)
        };
        (0..self.k).map(square).collect::<Vec<_>>().join("\n")
    }

    /// Returns the offset in memory at a signed hexadecimal distance from the end of the last square, in bytes.
    fn memory(&self, offset: &str) -> Option<usize> {
        let end = SQUARES + 32 * self.k;
        match offset.strip_prefix("-0x") {
            Some(offset) => end.checked_sub(usize::from_str_radix(offset, 16).ok()?),
            None => Some(end + usize::from_str_radix(offset.strip_prefix("0x")?, 16).ok()?),
        }
    }
}

fn decimal(scalar: Fr) -> String {
    U256::from_le_bytes(scalar.to_repr()).to_string()
}

fn word(word: &U256) -> String {
    hex::encode_prefixed(word.to_be_bytes::<32>())
}

#[cfg(test)]
mod tests {
    use snark_verifier_sdk::{
        SHPLONK, evm::gen_evm_verifier_sol_code, halo2::aggregation::AggregationCircuit,
    };

    use super::{super::testing::key, *};

    /// Compares with the generator itself, for every count of rows that a key may have, and keys of random points.
    #[test]
    fn is_what_snark_verifier_generates() {
        for k in 6..=26 {
            let key = key(k, k.into());
            let generated =
                gen_evm_verifier_sol_code::<AggregationCircuit, SHPLONK>(key.params(), key.vk(), vec![46]);
            let rendered = halo2_verifier(&key);
            let differing =
                rendered.lines().zip(generated.lines()).find(|(rendered, generated)| rendered != generated);
            assert_eq!(differing, None, "2^{k} rows");
            assert!(rendered == generated, "2^{k} rows: one continues after the other's end");
        }
    }

    #[test]
    fn the_committed_one_is_of_the_committed_key() {
        let committed = include_str!("../../contracts/generated/Halo2Verifier.sol");
        let rendered = halo2_verifier(&EvmVerifyingKey::insecure_dev().unwrap());
        assert!(rendered == committed, "put what `zeno contract export` writes in the place of generated/");
    }
}
