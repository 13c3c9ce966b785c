//! The kernel for fused multiplication and addition of doubles (AVX2 and FMA): elements as `x 2^255 mod p`, in five
//! limbs of 51 bits with signs.
//!
//! The product of two integers `a` and `b` with `|a b| < 2^102` comes apart as follows, all of it exact. `a b` plus
//! `1.5 2^103`, where doubles are `2^51` apart, is `1.5 2^103 + h 2^51` with `h` the nearest integer to `a b / 2^51`;
//! `a b - h 2^51 + 1.5 2^52`, where doubles are `1` apart, has the rest `l`, `|l| <= 2^50`. Read as integers, the two
//! doubles are `h` and `l` plus a constant each, so that columns of products add up in 64-bit integers and the
//! constants are made up for in the columns' initial values.
//!
//! Bounds. Limbs of settled values and products are at most `2^50 + 8` in magnitude, except that the top limb is what
//! the value makes it, below `2^50` for values below `p`. Values: settled at most `0.51 p`, or `0.84 p` from `from_*`; a
//! product of `a` and `b` at most `|a b| / 2^255 + 0.72 p`: those of settled elements at most `0.82 p`, and these again
//! with each other or with settled ones at most `0.98 p`. A permitted sum is below `4.5 p`, its limbs at most
//! `6 (2^50 + 8)`, and all steps of `settle` stay below `2^53`, up to which doubles hold every integer.

use super::{
    field::{Words, multiply_mod, reduce_fully},
    lanes::Lanes,
};

/// Several doubles side by side, and their bits.
pub(super) trait Word51: Copy {
    /// How many doubles.
    const LANES: usize;
    /// The doubles read as 64-bit integers.
    type Bits: Copy;
    /// The same double in all lanes.
    fn splat(x: f64) -> Self;
    /// The doubles `x`, `LANES` of them.
    fn load(x: &[f64]) -> Self;
    /// Writes the doubles to `out`.
    fn store(self, out: &mut [f64]);
    /// The sum.
    fn add(self, rhs: Self) -> Self;
    /// The difference.
    fn sub(self, rhs: Self) -> Self;
    /// `self a + b`, rounded once.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// `b - self a`, rounded once.
    fn neg_mul_add(self, a: Self, b: Self) -> Self;
    /// The doubles' bits.
    fn bits(self) -> Self::Bits;
    /// The doubles with these bits.
    fn from_bits(bits: Self::Bits) -> Self;
    /// The same integer in all lanes.
    fn splat_bits(x: u64) -> Self::Bits;
    /// The sum, modulo `2^64`.
    fn add_bits(a: Self::Bits, b: Self::Bits) -> Self::Bits;
    /// The bits that both have.
    fn and_bits(a: Self::Bits, b: Self::Bits) -> Self::Bits;
    /// The integer without its low 51 bits, moved down.
    fn high_bits(a: Self::Bits) -> Self::Bits;
}

/// The most lanes that a [`Word51`] has.
const MAX_LANES: usize = 4;

const BITS: u32 = 51;
const MASK: u64 = (1 << BITS) - 1;

/// `2^50`: added to a column, it makes the digits that are cut off it symmetric about zero.
const CENTRE: u64 = 1 << 50;
/// Added to a column, it makes it positive; what it carries into the next is `BIAS_CARRY`.
const BIAS: u64 = 1 << 60;
const BIAS_CARRY: u64 = BIAS >> BITS;

const TWO_52: f64 = (1_u64 << 52) as f64;
/// `1.5 2^52`, about which doubles are the integers.
const LOW: f64 = 1.5 * TWO_52;
/// `1.5 2^103`, about which doubles are the multiples of `2^51`.
const HIGH: f64 = 1.5 * TWO_52 * MASK_PLUS_ONE;
const MASK_PLUS_ONE: f64 = (1_u64 << 51) as f64;

/// The limbs of `x`, not negative ones.
const fn digits(x: &Words) -> [u64; 5] {
    [
        x[0] & MASK,
        (x[0] >> 51 | x[1] << 13) & MASK,
        (x[1] >> 38 | x[2] << 26) & MASK,
        (x[2] >> 25 | x[3] << 39) & MASK,
        x[3] >> 12,
    ]
}

/// The limbs of `x`, all but the top one from `-2^50` to `2^50`.
const fn limbs(x: &Words) -> [f64; 5] {
    let digits = digits(x);
    let mut out = [0.0; 5];
    let mut carry = 0;
    let mut i = 0;
    while i < 5 {
        let mut digit = digits[i] as i64 + carry;
        carry = 0;
        if i < 4 && digit >= CENTRE as i64 {
            digit -= 1 << BITS;
            carry = 1;
        }
        out[i] = digit as f64;
        i += 1;
    }
    out
}

const MODULUS: [f64; 5] = limbs(&super::field::MODULUS);
const MODULUS_DIGITS: [u64; 5] = digits(&super::field::MODULUS);

/// `2^-51 mod p`, 0.245 p.
const INVERSE: [f64; 5] =
    limbs(&[0x3bd0_5cc8_9dc9_87a4, 0xa149_8ff2_7127_9316, 0x5aab_c543_fa8d_fc09, 0x0bda_088f_bd07_1e15]);

/// `2^-102 mod p`, 0.177 p.
const INVERSE_SQUARE: [f64; 5] =
    limbs(&[0xe53b_459f_4a69_e5e7, 0xbcf2_9012_fd77_5264, 0x06e1_1ef7_90f9_dc77, 0x088b_040a_da65_28c0]);

/// `-1 / p mod 2^51`.
const NEG_INVERSE: f64 = 0x1_f593_efff_ffff_u64 as f64;

/// `2^255 mod p`.
const R: Words = [0x783c_14d8_1fff_fffe, 0xaf98_2f6f_0c8d_1edd, 0x8f5f_7492_fcfd_4f45, 0x1f37_631a_3d9c_bfac];

/// `2^510 mod p`, 0.26 p.
const R_SQUARED: [f64; 5] =
    limbs(&[0x17e6_b6f6_6788_5b6a, 0x9f0c_88be_9745_729d, 0xd126_723c_f54f_3638, 0x0c9e_c7c9_181f_f933]);

/// `2^254 mod p`, 0.32 p, which takes `x 2^256` to `x 2^255`.
const FROM_2_256: [f64; 5] =
    limbs(&[0xbc1e_0a6c_0fff_ffff, 0xd7cc_17b7_8646_8f6e, 0x47af_ba49_7e7e_a7a2, 0x0f9b_b18d_1ece_5fd6]);

/// What the columns start with: minus the constants that the products' halves come with (see the module's text), and
/// [`BIAS`] and [`CENTRE`] where digits are cut off. `square` leaves out the products above the diagonal.
const fn initial(square: bool) -> [u64; 10] {
    let mut low = [0_u64; 11];
    let mut i = 0;
    while i < 5 {
        let mut j = 0;
        while j < 5 {
            if !square || i <= j {
                low[i + j] += 1;
            }
            // The reduction, which has products of digits 0 and 1 from column 2 on, and of the others from column 4.
            low[if i < 2 { 2 } else { 4 } + j] += 1;
            j += 1;
        }
        i += 1;
    }
    let mut out = [0; 10];
    let mut k = 0;
    while k < 10 {
        let high = if k > 0 { low[k - 1] } else { 0 };
        let mut x = 0_u64
            .wrapping_sub(low[k].wrapping_mul(LOW.to_bits()))
            .wrapping_sub(high.wrapping_mul(HIGH.to_bits()));
        if k < 9 {
            x = x.wrapping_add(BIAS + CENTRE);
        }
        if 1 <= k && k <= 5 {
            x = x.wrapping_sub(BIAS_CARRY);
        }
        out[k] = x;
        k += 1;
    }
    out[9] = out[9].wrapping_add(LOW.to_bits());
    out
}

const INITIAL_MULTIPLY: [u64; 10] = initial(false);
const INITIAL_SQUARE: [u64; 10] = initial(true);

/// Elements with their limbs across words.
#[derive(Clone, Copy)]
pub(super) struct Radix51<W>([W; 5]);

/// The high and the low half of a product, each with its constant.
#[inline(always)]
fn halves<W: Word51>(a: W, b: W) -> (W, W) {
    let high = a.mul_add(b, W::splat(HIGH));
    let low = a.mul_add(b, W::splat(HIGH + LOW).sub(high));
    (high, low)
}

/// Adds the product of `a` and `b` at column `k`.
#[inline(always)]
fn accumulate<W: Word51>(c: &mut [W::Bits; 10], k: usize, a: W, b: W) {
    let (high, low) = halves(a, b);
    c[k] = W::add_bits(c[k], low.bits());
    c[k + 1] = W::add_bits(c[k + 1], high.bits());
}

/// The lowest digit of a column that has [`CENTRE`] added, from `-2^50` to `2^50`.
#[inline(always)]
fn digit<W: Word51>(column: W::Bits) -> W {
    // The bits of 2^52 + x are those of 2^52 plus x.
    let digit = W::and_bits(column, W::splat_bits(MASK));
    W::from_bits(W::add_bits(digit, W::splat_bits(TWO_52.to_bits()))).sub(W::splat(TWO_52 + CENTRE as f64))
}

impl<W: Word51> Radix51<W> {
    #[inline(always)]
    fn splat(x: &[f64; 5]) -> Self {
        Self([W::splat(x[0]), W::splat(x[1]), W::splat(x[2]), W::splat(x[3]), W::splat(x[4])])
    }

    /// The digits of the `LANES` numbers `x` below `p`; as a factor, only good with one of small limbs.
    #[inline(always)]
    fn load(x: &[Words]) -> Self {
        let mut transposed = [[0.0; MAX_LANES]; 5];
        for (lane, x) in x.iter().enumerate() {
            for (row, digit) in transposed.iter_mut().zip(digits(x)) {
                row[lane] = digit as f64;
            }
        }
        let [a, b, c, d, e] = &transposed;
        Self([W::load(a), W::load(b), W::load(c), W::load(d), W::load(e)])
    }

    /// Divides the number in ten columns by `2^255` modulo `p`.
    ///
    /// The four lowest digits go in pairs, so that the processor waits for two results only: `t + u 2^51` is
    /// `(t 2^-102 + u 2^-51) 2^102`, that is, `t (2^-102 mod p) + u (2^-51 mod p)` is added two columns up, which needs
    /// no quotient. The second pair adds at most `2^50 (0.177 p + 0.245 p) 2^204 / 2^255 = 0.211 p` to the result and the
    /// first next to nothing. The fifth digit goes by adding a multiple of `p` of at most `2^50 p 2^204`, `p / 2` in the
    /// result.
    #[inline(always)]
    fn reduce(mut c: [W::Bits; 10]) -> Self {
        for i in [0, 2] {
            c[i + 1] = W::add_bits(c[i + 1], W::high_bits(c[i]));
            c[i + 2] = W::add_bits(c[i + 2], W::high_bits(c[i + 1]));
            let (t, u): (W, W) = (digit(c[i]), digit(c[i + 1]));
            for j in 0..5 {
                accumulate(&mut c, i + 2 + j, t, W::splat(INVERSE_SQUARE[j]));
                accumulate(&mut c, i + 2 + j, u, W::splat(INVERSE[j]));
            }
        }
        let (_, low) = halves(digit::<W>(c[4]), W::splat(NEG_INVERSE));
        let q = low.sub(W::splat(LOW));
        for j in 0..5 {
            accumulate(&mut c, 4 + j, q, W::splat(MODULUS[j]));
        }
        c[5] = W::add_bits(c[5], W::high_bits(c[4]));

        // Every limb takes its column's digit and the carry of the column below, which is at most 16 without its bias.
        let mut out = [digit::<W>(c[5]); 5];
        for i in 1..4 {
            let digit = W::and_bits(c[5 + i], W::splat_bits(MASK));
            let sum = W::add_bits(digit, W::high_bits(c[4 + i]));
            out[i] = W::from_bits(W::add_bits(sum, W::splat_bits(TWO_52.to_bits())))
                .sub(W::splat(TWO_52 + CENTRE as f64 + BIAS_CARRY as f64));
        }
        out[4] = W::from_bits(W::add_bits(c[9], W::high_bits(c[8]))).sub(W::splat(LOW + BIAS_CARRY as f64));
        Self(out)
    }
}

impl<W: Word51> Lanes for Radix51<W> {
    const WIDTH: usize = W::LANES;
    type Constant = [f64; 5];

    fn constant(x: &Words) -> [f64; 5] {
        limbs(&multiply_mod(x, &R))
    }

    #[inline(always)]
    fn zero() -> Self {
        Self::splat(&[0.0; 5])
    }

    #[inline(always)]
    fn from_integers(x: &[Words]) -> Self {
        Self::load(x).multiply(Self::splat(&R_SQUARED))
    }

    #[inline(always)]
    fn from_montgomery(x: &[Words]) -> Self {
        Self::load(x).multiply(Self::splat(&FROM_2_256))
    }

    #[inline(always)]
    fn to_integers(self, out: &mut [Words]) {
        let Self(l) = self.multiply(Self::splat(&[1.0, 0.0, 0.0, 0.0, 0.0]));
        let mut rows = [[0.0; MAX_LANES]; 5];
        for (row, limb) in rows.iter_mut().zip(l) {
            limb.store(row);
        }
        for (lane, out) in out.iter_mut().enumerate() {
            // Adding p makes the number positive.
            let mut d = [0_i64; 5];
            let mut carry = 0;
            for i in 0..5 {
                let sum = rows[i][lane] as i64 + MODULUS_DIGITS[i] as i64 + carry;
                d[i] = if i < 4 { sum & MASK as i64 } else { sum };
                carry = sum >> BITS;
            }
            let [a, b, c, d, e] = d.map(|digit| digit as u64);
            *out = reduce_fully([a | b << 51, b >> 13 | c << 38, c >> 26 | d << 25, d >> 39 | e << 12]);
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
    fn add_constant(self, c: &[f64; 5]) -> Self {
        self.add(Self::splat(c))
    }

    /// Subtracts the multiple of `p` nearest to the value, going by the top limb, and carries once: the carries are at
    /// most 4, so no second round is needed.
    #[inline(always)]
    fn settle(self) -> Self {
        let mut l = self.0;
        let low = W::splat(LOW);
        let k = l[4].mul_add(W::splat(1.0 / MODULUS[4]), low).sub(low);
        for i in 0..5 {
            l[i] = k.neg_mul_add(W::splat(MODULUS[i]), l[i]);
        }
        let high = W::splat(HIGH);
        let mut out = l;
        for i in 0..4 {
            let carried = l[i].add(high).sub(high);
            out[i] = out[i].sub(carried);
            out[i + 1] = carried.mul_add(W::splat(1.0 / MASK_PLUS_ONE), out[i + 1]);
        }
        Self(out)
    }

    #[inline(always)]
    fn multiply(self, rhs: Self) -> Self {
        let mut c = [W::splat_bits(0); 10];
        for k in 0..10 {
            c[k] = W::splat_bits(INITIAL_MULTIPLY[k]);
        }
        for i in 0..5 {
            for j in 0..5 {
                accumulate(&mut c, i + j, self.0[i], rhs.0[j]);
            }
        }
        Self::reduce(c)
    }

    #[inline(always)]
    fn square(self) -> Self {
        let l = self.0;
        let mut c = [W::splat_bits(0); 10];
        for k in 0..10 {
            c[k] = W::splat_bits(INITIAL_SQUARE[k]);
        }
        for i in 0..5 {
            accumulate(&mut c, 2 * i, l[i], l[i]);
            let double = l[i].add(l[i]);
            for j in i + 1..5 {
                accumulate(&mut c, i + j, double, l[j]);
            }
        }
        Self::reduce(c)
    }
}
