//! The scalar field of BN254 in four 64-bit words: the constants that all kernels share, conversion from and to
//! Plonky3's type, and the portable kernel.

use p3_bn254::Bn254;
use p3_field::RawDataSerializable;

use super::lanes::Lanes;

/// A number below `2^256`, least significant word first.
pub(super) type Words = [u64; 4];

/// The modulus `p`, between `2^253` and `2^254`.
pub(super) const MODULUS: Words =
    [0x43e1_f593_f000_0001, 0x2833_e848_79b9_7091, 0xb850_45b6_8181_585d, 0x3064_4e72_e131_a029];

/// `2 p`.
const TWICE: Words =
    [0x87c3_eb27_e000_0002, 0x5067_d090_f372_e122, 0x70a0_8b6d_0302_b0ba, 0x60c8_9ce5_c263_4053];

/// `-1 / p mod 2^64`.
const NEG_INVERSE: u64 = 0xc2e1_f593_efff_ffff;

/// `2^512 mod p`, which takes a number to Montgomery's form with `R = 2^256`.
const R_SQUARED: Words =
    [0x1bb8_e645_ae21_6da7, 0x53fe_3ab1_e35c_59e3, 0x8c49_833d_53bb_8085, 0x0216_d0b1_7f4e_44a5];

/// The words in which Plonky3 holds `x`: `x 2^256 mod p`.
pub(super) fn montgomery_words(x: Bn254) -> Words {
    let bytes: [u8; 32] = x.into_bytes();
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    words
}

/// The number that `x` stands for, below `p`.
pub(super) fn canonical(x: Bn254) -> Words {
    Portable(multiply(&montgomery_words(x), &[1, 0, 0, 0])).below_modulus()
}

/// `a - b` and whether it is negative (the difference is then `2^256` too large).
const fn subtract(a: &Words, b: &Words) -> (Words, bool) {
    let mut out = [0; 4];
    let mut borrow = false;
    let mut i = 0;
    while i < 4 {
        let (difference, first) = a[i].overflowing_sub(b[i]);
        let (difference, second) = difference.overflowing_sub(borrow as u64);
        out[i] = difference;
        borrow = first | second;
        i += 1;
    }
    (out, borrow)
}

/// `x mod p` of an `x` below `2^256`, which is less than `6 p`.
pub(super) fn reduce_fully(mut x: Words) -> Words {
    loop {
        let (difference, negative) = subtract(&x, &MODULUS);
        if negative {
            return x;
        }
        x = difference;
    }
}

/// The low word of `a + b c + carry`, and the high one, which is the next carry.
#[inline(always)]
const fn multiply_add(a: u64, b: u64, c: u64, carry: u64) -> (u64, u64) {
    let sum = a as u128 + (b as u128) * (c as u128) + carry as u128;
    (sum as u64, (sum >> 64) as u64)
}

/// `a b / 2^256 mod p`, below `2 p` if `a` and `b` are (`4 p^2 / 2^256 + p < 1.76 p`), so that no comparison is needed.
#[inline(always)]
fn multiply(a: &Words, b: &Words) -> Words {
    let mut t = [0_u64; 4];
    for &b in b {
        // t < a + p here, so that t + a b + q p stays below 2^64 (a + p) + a + p < 2^320.
        let mut carry;
        (t[0], carry) = multiply_add(t[0], a[0], b, 0);
        (t[1], carry) = multiply_add(t[1], a[1], b, carry);
        (t[2], carry) = multiply_add(t[2], a[2], b, carry);
        (t[3], carry) = multiply_add(t[3], a[3], b, carry);
        let top = carry;
        let q = t[0].wrapping_mul(NEG_INVERSE);
        (_, carry) = multiply_add(t[0], q, MODULUS[0], 0);
        (t[0], carry) = multiply_add(t[1], q, MODULUS[1], carry);
        (t[1], carry) = multiply_add(t[2], q, MODULUS[2], carry);
        (t[2], carry) = multiply_add(t[3], q, MODULUS[3], carry);
        t[3] = top + carry;
    }
    t
}

/// `a b mod p` of an `a` below `p` and any `b`.
pub(super) fn multiply_mod(a: &Words, b: &Words) -> Words {
    reduce_fully(multiply(&multiply(a, &R_SQUARED), b))
}

/// The portable kernel: one element, held as `x 2^256` below `2 p` in 64-bit words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Portable(Words);

impl Portable {
    fn below_modulus(self) -> Words {
        reduce_fully(self.0)
    }
}

impl Lanes for Portable {
    const WIDTH: usize = 1;
    type Constant = Portable;

    fn constant(x: &Words) -> Portable {
        Portable(multiply(x, &R_SQUARED))
    }

    #[inline(always)]
    fn zero() -> Self {
        Portable([0; 4])
    }

    #[inline(always)]
    fn from_integers(x: &[Words]) -> Self {
        Portable(multiply(&x[0], &R_SQUARED))
    }

    #[inline(always)]
    fn from_montgomery(x: &[Words]) -> Self {
        Portable(x[0])
    }

    #[inline(always)]
    fn to_integers(self, out: &mut [Words]) {
        out[0] = Portable(multiply(&self.0, &[1, 0, 0, 0])).below_modulus();
    }

    #[inline(always)]
    fn add(self, rhs: Self) -> Self {
        let mut sum = [0; 4];
        let mut carry = false;
        for i in 0..4 {
            let (word, first) = self.0[i].overflowing_add(rhs.0[i]);
            let (word, second) = word.overflowing_add(carry as u64);
            sum[i] = word;
            carry = first | second;
        }
        let (difference, negative) = subtract(&sum, &TWICE);
        Portable(if negative { sum } else { difference })
    }

    #[inline(always)]
    fn add_constant(self, c: &Portable) -> Self {
        self.add(*c)
    }

    #[inline(always)]
    fn settle(self) -> Self {
        self
    }

    #[inline(always)]
    fn multiply(self, rhs: Self) -> Self {
        Portable(multiply(&self.0, &rhs.0))
    }

    #[inline(always)]
    fn square(self) -> Self {
        Portable(multiply(&self.0, &self.0))
    }
}
