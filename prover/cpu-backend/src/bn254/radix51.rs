//! The kernel for processors with AVX2: the lanes of [`zeno_bn254::Avx2`], in the form of its factors (`x 2^255`), whose
//! products are factors again.
//!
//! Bounds, in the terms of that kernel: a product is at most `|a b| / 2^255 + 1.01 p`, so the square of a settled value is
//! below `1.11 p`, that of such a square `1.48 p`, and its product with a settled value, the fifth power, `1.3 p`. Four of
//! these and a constant are `5.7 p` with limbs of five times a settled value's, which is what `settle` takes; five values
//! without a constant may be three fifth powers and two settled ones.

use std::sync::LazyLock;

use halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField},
};
use zeno_bn254::{Avx2, LANES, Lanes as _, Lazy};

use super::{field::Words, lanes::Lanes};

/// Four elements. To be used on processors with AVX2 and FMA only, in functions that have them enabled.
#[derive(Clone, Copy)]
pub(super) struct Radix51(Avx2<Fr>);

/// A number for all lanes.
type Factor = <Avx2<Fr> as zeno_bn254::Lanes>::Factor;

/// `2^255`, which takes words to factors, and its inverse.
static TO_FACTORS: LazyLock<[Factor; 2]> =
    LazyLock::new(|| [Fr::from(2), Fr::TWO_INV].map(|base| Avx2::factor(base.pow_vartime([255]))));

/// Elements of the library that have these words.
fn elements(words: &[Words]) -> [Fr; LANES] {
    std::array::from_fn(|lane| Lazy::from_words(words[lane]).reduced())
}

impl Lanes for Radix51 {
    const WIDTH: usize = LANES;
    type Constant = Factor;

    fn constant(x: &Words) -> Factor {
        let mut repr = [0; 32];
        for (bytes, word) in repr.chunks_exact_mut(8).zip(x) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Avx2::factor(Fr::from_repr(repr).expect("constants are below the modulus"))
    }

    #[inline(always)]
    fn zero() -> Self {
        Self(Avx2::factors(&[Fr::ZERO; LANES]))
    }

    #[inline(always)]
    fn from_integers(x: &[Words]) -> Self {
        Self(Avx2::load(&elements(x)).scale(&TO_FACTORS[0]).settle())
    }

    #[inline(always)]
    fn from_montgomery(x: &[Words]) -> Self {
        Self(Avx2::factors(&elements(x)))
    }

    #[inline(always)]
    fn to_integers(self, out: &mut [Words]) {
        let elements = self.0.scale(&TO_FACTORS[1]).store();
        for (out, element) in out.iter_mut().zip(elements) {
            *out = Lazy::from(element).words();
        }
    }

    #[inline(always)]
    fn add(self, rhs: Self) -> Self {
        Self(self.0.add(rhs.0))
    }

    #[inline(always)]
    fn add_constant(self, c: &Factor) -> Self {
        Self(self.0.plus_factor(c))
    }

    #[inline(always)]
    fn settle(self) -> Self {
        Self(self.0.settle())
    }

    #[inline(always)]
    fn multiply(self, rhs: Self) -> Self {
        Self(self.0.times(rhs.0))
    }

    #[inline(always)]
    fn square(self) -> Self {
        Self(self.0.squared())
    }
}
