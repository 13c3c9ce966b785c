//! The kernel for multipliers of 52 bits (AVX-512 IFMA): elements as `x 2^260 mod p`, in five limbs of 52 bits.
//!
//! Limbs come in three states. Those of a settled value are below `2^52`. Those of a summand have not been carried and
//! are below `2^60`. Those of a factor have passed their carries on but still have them in their upper bits, which the
//! multiplier does not read.
//!
//! Bounds. There is room for `2^260 > 84 p`. Settled values are below `1.4 p`, so a permitted sum is below `9 p`. A
//! product of `a` and `b` is below `a b / 2^260 + 1.13 p`: for the sum `x < 9 p` the powers are below `2.1 p` for
//! `x^2`, `1.2 p` for `x^4` and `1.3 p` for `x^5`.

use super::{
    field::{Words, multiply_mod, reduce_fully},
    lanes::Lanes,
};

/// Several 64-bit words side by side, with the multiplier of AVX-512 IFMA.
pub(super) trait Word52: Copy {
    /// How many words.
    const LANES: usize;
    /// The same word in all lanes.
    fn splat(x: u64) -> Self;
    /// The words `x`, `LANES` of them.
    fn load(x: &[u64]) -> Self;
    /// Writes the words to `out`.
    fn store(self, out: &mut [u64]);
    /// The sum.
    fn add(self, rhs: Self) -> Self;
    /// The bits that both have.
    fn and(self, rhs: Self) -> Self;
    /// The word without its low 52 bits, moved down.
    fn high(self) -> Self;
    /// The low 52 bits for use as a factor; if the multiplier reads no others, just the word.
    fn low(self) -> Self;
    /// `self` plus the low 52 bits of the product of the low 52 bits of `a` and `b`.
    fn add_low(self, a: Self, b: Self) -> Self;
    /// `self` plus the bits from 52 on of the product of the low 52 bits of `a` and `b`.
    fn add_high(self, a: Self, b: Self) -> Self;
}

/// The most lanes that a [`Word52`] has.
const MAX_LANES: usize = 8;

const BITS: u32 = 52;
const MASK: u64 = (1 << BITS) - 1;

/// The limbs of `x`.
const fn limbs(x: &Words) -> [u64; 5] {
    [
        x[0] & MASK,
        (x[0] >> 52 | x[1] << 12) & MASK,
        (x[1] >> 40 | x[2] << 24) & MASK,
        (x[2] >> 28 | x[3] << 36) & MASK,
        x[3] >> 16,
    ]
}

const MODULUS: [u64; 5] = limbs(&super::field::MODULUS);

/// `2^-52 mod p`, 0.1225 p.
const INVERSE: [u64; 5] =
    limbs(&[0x1de8_2e64_4ee4_c3d2, 0xd0a4_c7f9_3893_c98b, 0xad55_e2a1_fd46_fe04, 0x05ed_0447_de83_8f0a]);

/// `-1 / p mod 2^52`.
const NEG_INVERSE: u64 = 0x1_f593_efff_ffff;

/// `2^260 - p`.
const NEG_MODULUS: [u64; 5] =
    [(1 << BITS) - MODULUS[0], MASK - MODULUS[1], MASK - MODULUS[2], MASK - MODULUS[3], MASK - MODULUS[4]];

/// `2^260 mod p`.
const R: Words = [0xb9db_6b75_3fff_ffac, 0xcef7_c838_0f27_1055, 0x85a9_201d_818f_016e, 0x1f16_424e_1bb7_724f];

/// `2^520 mod p`.
const R_SQUARED: [u64; 5] =
    limbs(&[0xce30_b852_d16d_a6f5, 0x43ff_b6c6_2162_0cdd, 0x5e10_3e7c_2af1_b953, 0x0281_528f_a122_c3c1]);

/// `2^264 mod p`, which takes `x 2^256` to `x 2^260`.
const FROM_2_256: [u64; 5] =
    limbs(&[0xf6e3_1f8c_9fff_fab6, 0x5d75_70ac_3132_9fae, 0x276f_48b7_09e2_a349, 0x0d79_1464_ef86_e357]);

/// `floor(2^260 / p)`.
const QUOTIENT: u64 = 84;

/// Elements with their limbs across words.
#[derive(Clone, Copy)]
pub(super) struct Radix52<W>([W; 5]);

impl<W: Word52> Radix52<W> {
    #[inline(always)]
    fn splat(x: &[u64; 5]) -> Self {
        Self([W::splat(x[0]), W::splat(x[1]), W::splat(x[2]), W::splat(x[3]), W::splat(x[4])])
    }

    /// The limbs of the `LANES` numbers `x`.
    #[inline(always)]
    fn load(x: &[Words]) -> Self {
        let mut transposed = [[0; MAX_LANES]; 5];
        for (lane, x) in x.iter().enumerate() {
            for (row, limb) in transposed.iter_mut().zip(limbs(x)) {
                row[lane] = limb;
            }
        }
        let [a, b, c, d, e] = &transposed;
        Self([W::load(a), W::load(b), W::load(c), W::load(d), W::load(e)])
    }

    /// Carries, so that all limbs are below `2^52`. What exceeds `2^260` is lost.
    #[inline(always)]
    fn carry(self) -> Self {
        let Self(mut l) = self.pass_carries();
        for limb in &mut l {
            *limb = limb.and(W::splat(MASK));
        }
        Self(l)
    }

    /// The limbs as the multiplier takes them.
    #[inline(always)]
    fn factor(self) -> [W; 5] {
        let [a, b, c, d, e] = self.0;
        [a.low(), b.low(), c.low(), d.low(), e.low()]
    }

    /// Makes a factor of a summand.
    #[inline(always)]
    fn pass_carries(self) -> Self {
        let mut l = self.0;
        for i in 0..4 {
            l[i + 1] = l[i + 1].add(l[i].high());
        }
        Self(l)
    }

    /// Divides the number in ten columns by `2^260` modulo `p`; the result is a summand.
    ///
    /// Each of the four lowest limbs `t` goes by `t = t 2^-52 2^52`, that is by adding `t (2^-52 mod p)` one column up,
    /// which needs no quotient; the fourth adds `2^52 0.1225 p 2^208 / 2^260` to the result and the others next to
    /// nothing. The fifth goes by adding a multiple of `p` below `2^52 p 2^208`.
    #[inline(always)]
    fn reduce(mut c: [W; 10]) -> Self {
        for i in 0..4 {
            let t = c[i].low();
            c[i + 1] = c[i + 1].add(c[i].high());
            for j in 0..5 {
                let inverse = W::splat(INVERSE[j]);
                c[i + 1 + j] = c[i + 1 + j].add_low(t, inverse);
                c[i + 2 + j] = c[i + 2 + j].add_high(t, inverse);
            }
        }
        let q = W::splat(0).add_low(c[4].low(), W::splat(NEG_INVERSE));
        for j in 0..5 {
            let modulus = W::splat(MODULUS[j]);
            c[4 + j] = c[4 + j].add_low(q, modulus);
            c[5 + j] = c[5 + j].add_high(q, modulus);
        }
        c[5] = c[5].add(c[4].high());
        Self([c[5], c[6], c[7], c[8], c[9]])
    }
}

impl<W: Word52> Lanes for Radix52<W> {
    const WIDTH: usize = W::LANES;
    type Constant = [u64; 5];

    fn constant(x: &Words) -> [u64; 5] {
        limbs(&multiply_mod(x, &R))
    }

    #[inline(always)]
    fn zero() -> Self {
        Self::splat(&[0; 5])
    }

    #[inline(always)]
    fn from_integers(x: &[Words]) -> Self {
        Self::load(x).multiply(Self::splat(&R_SQUARED)).carry()
    }

    #[inline(always)]
    fn from_montgomery(x: &[Words]) -> Self {
        Self::load(x).multiply(Self::splat(&FROM_2_256)).carry()
    }

    #[inline(always)]
    fn to_integers(self, out: &mut [Words]) {
        // Below 1.4 p / 2^260 + 1.13 p < 2^256.
        let Self(l) = self.multiply(Self::splat(&[1, 0, 0, 0, 0])).carry();
        let mut rows = [[0; MAX_LANES]; 5];
        for (row, limb) in rows.iter_mut().zip(l) {
            limb.store(row);
        }
        for (lane, out) in out.iter_mut().enumerate() {
            let [a, b, c, d, e] = [rows[0][lane], rows[1][lane], rows[2][lane], rows[3][lane], rows[4][lane]];
            *out = reduce_fully([a | b << 52, b >> 12 | c << 40, c >> 24 | d << 28, d >> 36 | e << 16]);
        }
    }

    #[inline(always)]
    fn add(self, rhs: Self) -> Self {
        let (mut a, b) = (self.0, rhs.0);
        for i in 0..5 {
            a[i] = a[i].add(b[i]);
        }
        Self(a)
    }

    #[inline(always)]
    fn add_constant(self, c: &[u64; 5]) -> Self {
        self.add(Self::splat(c))
    }

    /// Subtracts `k p` for the `k` that the top limb suggests: `k <= x / p`, and for the sums permitted `x / p - k` is
    /// below `1.4`, because `k` is `84 / 84.64 x / p` without its fraction.
    #[inline(always)]
    fn settle(self) -> Self {
        let mut l = self.0;
        let k = W::splat(0).add_high(l[4], W::splat(QUOTIENT));
        for i in 0..5 {
            // k (2^260 - p), of which k 2^260 is lost in the carry.
            let limb = W::splat(NEG_MODULUS[i]);
            l[i] = l[i].add_low(k, limb);
            if i < 4 {
                l[i + 1] = l[i + 1].add_high(k, limb);
            }
        }
        Self(l).carry()
    }

    #[inline(always)]
    fn fit(self) -> Self {
        self.pass_carries()
    }

    #[inline(always)]
    fn multiply(self, rhs: Self) -> Self {
        let (a, b) = (self.factor(), rhs.factor());
        let mut c = [W::splat(0); 10];
        for i in 0..5 {
            for j in 0..5 {
                c[i + j] = c[i + j].add_low(a[i], b[j]);
                c[i + j + 1] = c[i + j + 1].add_high(a[i], b[j]);
            }
        }
        Self::reduce(c)
    }

    #[inline(always)]
    fn square(self) -> Self {
        let l = self.factor();
        let mut c = [W::splat(0); 10];
        for i in 0..4 {
            for j in i + 1..5 {
                c[i + j] = c[i + j].add_low(l[i], l[j]);
                c[i + j + 1] = c[i + j + 1].add_high(l[i], l[j]);
            }
        }
        for column in &mut c[1..9] {
            *column = column.add(*column);
        }
        for i in 0..5 {
            c[2 * i] = c[2 * i].add_low(l[i], l[i]);
            c[2 * i + 1] = c[2 * i + 1].add_high(l[i], l[i]);
        }
        Self::reduce(c).pass_carries()
    }
}
