//! The AVX2 and FMA kernel: four elements, each in five signed limbs of 51 bits, held in doubles. A register holds one
//! limb of all four.
//!
//! Products of limbs. Let `a` and `b` be integers with `|a b| < 2^102`. Doubles near `1.5 2^103` are `2^51` apart, so
//! `a b + 1.5 2^103` is rounded to `1.5 2^103 + h 2^51`, where `h` is the nearest integer to `a b / 2^51`. Doubles near
//! `1.5 2^52` are `1` apart, so `a b - h 2^51 + 1.5 2^52` holds the rest `l` exactly, `|l| <= 2^50`. Read as integers,
//! the two doubles are `h` and `l` plus one constant each. Columns of products therefore add up in 64-bit integers, and
//! the columns' initial values make up for the constants.
//!
//! Forms. Elements are halo2curves' own `x 2^256`. Factors are `f 2^255`. A product is divided by `2^255`, so the
//! product of an element and a factor is an element, and that of two factors is a factor.
//!
//! Reduction. The product of two elements is ten columns, which are divided by `2^255` modulo `p`. The four lowest
//! digits `d_i`, from `-2^50` to `2^50`, stand for `d_i 2^51i`. Each is replaced by `d_i (2^(51i - 204) mod p) 2^204`:
//! four rows of products that don't wait for each other. The fifth digit is cancelled by adding a multiple of `p`.
//!
//! Bounds of limbs. Those of settled elements and products are at most `2^50 + 12` in magnitude, except the top limb,
//! which follows from the value: `0.76 2^50` for `p`. Those of loaded elements are below `2^51`.
//!
//! Bounds of values. Loaded values are below `2 p`, settled ones at most `0.51 p`. The magnitudes of the four powers of
//! `1 / 2` add up to less than `1.02 p`. So the reduction adds at most `2^50 (1.02 p) 2^204 / 2^255 = 0.51 p` for the
//! first four digits and `p / 2` for the fifth, and a product of `a` and `b` is at most `|a b| / 2^255 + 1.01 p`.
//!
//! - With a settled factor, that is at most `0.2 |a| + 1.01 p`. The allowed sums of a settled element and two products
//!   then stay below `4.2 p`.
//! - With a factor that is a product of factors, at most `1.25 p`, it is `0.48 |a| + 1.01 p`: too much for such sums. A
//!   product must stay below `2.6 p`, so that its top limb is below `2^51`.
//!
//! Limbs of the sums are at most `3 (2^50 + 12)`, the top one `4.2 p / 2^204`, all below `2^51.7`. Their products with
//! a factor's limb, at most `2^50 + 12`, are below `2^102`.
//!
//! `settle` subtracts at most seven times the modulus from limbs of at most `4 (2^50 + 12)`; the modulus' limbs but the
//! top one are below `0.55 2^50`. In the scalar field, where they are below `0.5 2^50`, it subtracts at most six times
//! the modulus from `5 (2^50 + 12)`. All its steps stay below `2^53`, up to which doubles hold every integer.

#![expect(unsafe_code, reason = "vector instructions")]
#![expect(
    clippy::needless_range_loop,
    reason = "limbs and columns are indexed as in the formulas, in several arrays"
)]

use std::{arch::x86_64::*, marker::PhantomData};

use halo2curves::{
    bn256::{Fq, Fr},
    ff::{BatchInvert, Field as _, PrimeField},
};

use super::{
    KernelTask, Lanes, LazyArithmetic, MAX_LANES,
    align::align_stack,
    avx2_asm::{self, Table},
};
use crate::{
    affine_batch_add::{Pairs, Point},
    affine_lanes::{self, Coordinates},
    lazy_field::{Field, Lazy, Words, half, inverse_power, subtract},
};

/// Elements in one value.
const LANES: usize = 4;

const BITS: u32 = 51;
const MASK: u64 = (1 << BITS) - 1;

/// `2^50`: added to a column, so that the digits cut off it are symmetric about zero.
const CENTRE: u64 = 1 << 50;
/// Added to a column, so that it is positive.
const BIAS: u64 = 1 << 60;
/// Part of `BIAS` that is carried into the next column.
const BIAS_CARRY: u64 = BIAS >> BITS;

const TWO_51: f64 = (1_u64 << 51) as f64;
const TWO_52: f64 = (1_u64 << 52) as f64;
/// `1.5 2^52`: doubles near it are the integers.
const LOW: f64 = 1.5 * TWO_52;
/// `1.5 2^103`: doubles near it are the multiples of `2^51`.
const HIGH: f64 = 1.5 * TWO_52 * TWO_51;

/// Limbs of `x`, none negative.
const fn digits(x: &Words) -> [u64; 5] {
    [
        x[0] & MASK,
        (x[0] >> 51 | x[1] << 13) & MASK,
        (x[1] >> 38 | x[2] << 26) & MASK,
        (x[2] >> 25 | x[3] << 39) & MASK,
        x[3] >> 12,
    ]
}

/// Limbs of `x`, all but the top one from `-2^50` to `2^50`.
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

/// Limbs of the number nearest to zero that equals `x` modulo `p`, for `x` below `p`.
const fn centred(x: Words, p: &Words) -> [f64; 5] {
    let (a, b) = (limbs(&x), limbs(&subtract(p, &x).0));
    // The top limbs decide which is less: each lower limb is at most half a unit of the next.
    if a[4] <= b[4] { a } else { [-b[0], -b[1], -b[2], -b[3], -b[4]] }
}

/// Constants of a field, in limbs.
struct Constants<F>(PhantomData<F>);

impl<F: Field> Constants<F> {
    const MODULUS: [f64; 5] = limbs(&F::MODULUS);
    /// Modulus, no limb negative.
    const DIGITS: [u64; 5] = digits(&F::MODULUS);
    /// `(p - 1) / 2`, no limb negative.
    const HALF: [f64; 5] = {
        let digits = digits(&half(&F::MODULUS));
        let mut out = [0.0; 5];
        let mut i = 0;
        while i < 5 {
            out[i] = digits[i] as f64;
            i += 1;
        }
        out
    };
    /// Constants for the assembly.
    const TABLE: Table = {
        let mut rows = Table([[0; LANES]; Table::ROWS]);
        rows.0[Table::HIGH] = [HIGH.to_bits(); LANES];
        rows.0[Table::HIGH_LOW] = [(HIGH + LOW).to_bits(); LANES];
        rows.0[Table::MASK] = [MASK; LANES];
        rows.0[Table::EXPONENT] = [TWO_52.to_bits(); LANES];
        rows.0[Table::CENTRE] = [(TWO_52 + CENTRE as f64).to_bits(); LANES];
        rows.0[Table::CENTRE_CARRY] = [(TWO_52 + CENTRE as f64 + BIAS_CARRY as f64).to_bits(); LANES];
        rows.0[Table::LOW] = [LOW.to_bits(); LANES];
        rows.0[Table::LOW_CARRY] = [(LOW + BIAS_CARRY as f64).to_bits(); LANES];
        rows.0[Table::NEG_INVERSE] = [((F::NEG_INVERSE & MASK) as f64).to_bits(); LANES];
        let (product, square) = (initial(false), initial(true));
        let mut k = 0;
        while k < 10 {
            rows.0[Table::PRODUCT + k] = [product[k]; LANES];
            rows.0[Table::SQUARE + k] = [square[k]; LANES];
            k += 1;
        }
        let mut i = 0;
        while i < 5 {
            let limbs = if i < 4 {
                centred(inverse_power(204 - 51 * i, &F::MODULUS), &F::MODULUS)
            } else {
                Self::MODULUS
            };
            let mut j = 0;
            while j < 5 {
                rows.0[Table::REDUCTION + 5 * i + j] = [limbs[j].to_bits(); LANES];
                j += 1;
            }
            i += 1;
        }
        rows
    };
}

/// Initial values of the ten columns: minus the constants in the products' halves (see the module's text), plus
/// [`BIAS`] and [`CENTRE`] where digits are cut off. Squares leave out the products above the diagonal.
const fn initial(square: bool) -> [u64; 10] {
    let mut low = [0_u64; 11];
    let mut i = 0;
    while i < 5 {
        let mut j = 0;
        while j < 5 {
            if !square || i <= j {
                low[i + j] += 1;
            }
            // The reduction's five rows.
            low[4 + j] += 1;
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

/// Four elements. The type is named only after the processor was asked for AVX2 and FMA, see [`super::InstructionSet`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx2<F>([__m256d; 5], PhantomData<F>);

/// Returns whether this processor has the kernel's instructions.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

// SAFETY, of all blocks below: the processor has AVX2 and FMA, because only values and methods of `Avx2` lead here.

#[inline(always)]
fn splat(x: f64) -> __m256d {
    unsafe { _mm256_set1_pd(x) }
}

#[inline(always)]
fn splat_bits(x: u64) -> __m256i {
    unsafe { _mm256_set1_epi64x(x as i64) }
}

#[inline(always)]
fn add(a: __m256d, b: __m256d) -> __m256d {
    unsafe { _mm256_add_pd(a, b) }
}

#[inline(always)]
fn sub(a: __m256d, b: __m256d) -> __m256d {
    unsafe { _mm256_sub_pd(a, b) }
}

#[inline(always)]
fn add_bits(a: __m256i, b: __m256i) -> __m256i {
    unsafe { _mm256_add_epi64(a, b) }
}

#[inline(always)]
fn and_bits(a: __m256i, b: __m256i) -> __m256i {
    unsafe { _mm256_and_si256(a, b) }
}

#[inline(always)]
fn bits(a: __m256d) -> __m256i {
    unsafe { _mm256_castpd_si256(a) }
}

#[inline(always)]
fn doubles(a: __m256i) -> __m256d {
    unsafe { _mm256_castsi256_pd(a) }
}

/// `a b + c`, rounded once.
#[inline(always)]
fn mul_add(a: __m256d, b: __m256d, c: __m256d) -> __m256d {
    unsafe { _mm256_fmadd_pd(a, b, c) }
}

/// The column shifted down by 51 bits.
#[inline(always)]
fn carry(a: __m256i) -> __m256i {
    unsafe { _mm256_srli_epi64::<51>(a) }
}

/// Transposes four by four words.
#[inline(always)]
fn transposed([a, b, c, d]: [__m256i; 4]) -> [__m256i; 4] {
    // SAFETY: as above.
    unsafe {
        let (ab_02, ab_13) = (_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
        let (cd_02, cd_13) = (_mm256_unpacklo_epi64(c, d), _mm256_unpackhi_epi64(c, d));
        [
            _mm256_permute2x128_si256::<0x20>(ab_02, cd_02),
            _mm256_permute2x128_si256::<0x20>(ab_13, cd_13),
            _mm256_permute2x128_si256::<0x31>(ab_02, cd_02),
            _mm256_permute2x128_si256::<0x31>(ab_13, cd_13),
        ]
    }
}

/// Loads four numbers; register `i` holds word `i` of each.
#[inline(always)]
fn load_words(words: [&Words; LANES]) -> [__m256i; 4] {
    // SAFETY: as above, and each number has four words.
    transposed(words.map(|words| unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }))
}

/// The low 51 bits of each lane, as doubles.
#[inline(always)]
fn limb(digit: __m256i) -> __m256d {
    // The bits of 2^52 + x are those of 2^52 plus x.
    let digit = add_bits(and_bits(digit, splat_bits(MASK)), splat_bits(TWO_52.to_bits()));
    sub(doubles(digit), splat(TWO_52))
}

/// Limbs of four numbers, none negative.
#[inline(always)]
fn load(words: [&Words; LANES]) -> [__m256d; 5] {
    let [w0, w1, w2, w3] = load_words(words);
    // SAFETY: as above.
    unsafe {
        [
            limb(w0),
            limb(_mm256_or_si256(_mm256_srli_epi64::<51>(w0), _mm256_slli_epi64::<13>(w1))),
            limb(_mm256_or_si256(_mm256_srli_epi64::<38>(w1), _mm256_slli_epi64::<26>(w2))),
            limb(_mm256_or_si256(_mm256_srli_epi64::<25>(w2), _mm256_slli_epi64::<39>(w3))),
            limb(_mm256_srli_epi64::<12>(w3)),
        ]
    }
}

/// Words of four numbers, from their digits.
#[inline(always)]
fn pack(digits: [__m256i; 5]) -> [Words; LANES] {
    let [a, b, c, d, e] = digits;
    let mut out = [[0; 4]; LANES];
    // SAFETY: as above, and there is room for four words.
    unsafe {
        let w0 = _mm256_or_si256(a, _mm256_slli_epi64::<51>(b));
        let w1 = _mm256_or_si256(_mm256_srli_epi64::<13>(b), _mm256_slli_epi64::<38>(c));
        let w2 = _mm256_or_si256(_mm256_srli_epi64::<26>(c), _mm256_slli_epi64::<25>(d));
        let w3 = _mm256_or_si256(_mm256_srli_epi64::<39>(d), _mm256_slli_epi64::<12>(e));
        for (out, row) in out.iter_mut().zip(transposed([w0, w1, w2, w3])) {
            _mm256_storeu_si256(out.as_mut_ptr().cast(), row);
        }
    }
    out
}

/// Limbs of half of each of four elements modulo `p`: those of `x >> 1`, minus those of `(p - 1) / 2` if `x` is odd.
/// They are below `2^51`, and the values are at most `p / 2` in magnitude.
#[inline(always)]
fn load_halves<F: Field>(words: [&Words; LANES]) -> [__m256d; 5] {
    let [w0, w1, w2, w3] = load_words(words);
    // SAFETY: as above.
    unsafe {
        let odd = _mm256_sub_epi64(splat_bits(0), and_bits(w0, splat_bits(1)));
        let shifted = [
            limb(_mm256_srli_epi64::<1>(w0)),
            limb(_mm256_or_si256(_mm256_srli_epi64::<52>(w0), _mm256_slli_epi64::<12>(w1))),
            limb(_mm256_or_si256(_mm256_srli_epi64::<39>(w1), _mm256_slli_epi64::<25>(w2))),
            limb(_mm256_or_si256(_mm256_srli_epi64::<26>(w2), _mm256_slli_epi64::<38>(w3))),
            limb(_mm256_srli_epi64::<13>(w3)),
        ];
        std::array::from_fn(|i| sub(shifted[i], doubles(and_bits(odd, bits(splat(Constants::<F>::HALF[i]))))))
    }
}

impl<F: Field> Avx2<F> {
    /// Loads elements; the limbs aren't settled.
    #[inline(always)]
    fn from_lazy(elements: [Lazy<F>; LANES]) -> Self {
        let words = elements.map(Lazy::words);
        Self(load(words.each_ref()), PhantomData)
    }

    /// Returns the elements, if they are settled.
    #[inline(always)]
    fn into_lazy(self) -> [Lazy<F>; LANES] {
        // Adding p makes settled numbers positive; then they are below 1.6 p.
        self.words_plus_modulus(splat_bits(u64::MAX)).map(Lazy::from_words)
    }

    /// Returns the elements as the numbers below `p`, if they are settled.
    #[inline(always)]
    fn into_reduced(self) -> [F; LANES] {
        let top = self.0[4];
        // SAFETY: as above.
        let (negative, unclear) = unsafe {
            let zero = _mm256_setzero_pd();
            let unclear = _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_EQ_OQ>(top, zero));
            (_mm256_cmp_pd::<_CMP_LT_OQ>(top, zero), unclear)
        };
        if unclear != 0 {
            // A top limb of zero doesn't tell the number's sign.
            return self.into_lazy().map(Lazy::reduced);
        }
        self.words_plus_modulus(bits(negative)).map(|words| Lazy::from_words(words).below_modulus())
    }

    /// Words of the numbers plus `p` in the lanes of the mask, if the numbers are settled. The sums must not be
    /// negative.
    #[inline(always)]
    fn words_plus_modulus(self, mask: __m256i) -> [Words; LANES] {
        let mut digits = [splat_bits(0); 5];
        let mut carried = splat_bits(0);
        for i in 0..5 {
            // 2^51 is borrowed from the digit above, so that nothing is negative.
            let lent = if i < 4 { 1_i64 << BITS } else { 0 };
            let owed = i64::from(i > 0);
            // The bits of LOW + x are those of LOW plus x.
            let constant = splat_bits((lent - owed).wrapping_sub(LOW.to_bits() as i64) as u64);
            let limb = add_bits(bits(add(self.0[i], splat(LOW))), constant);
            let modulus = and_bits(mask, splat_bits(Constants::<F>::DIGITS[i]));
            let sum = add_bits(add_bits(limb, modulus), carried);
            digits[i] = if i < 4 { and_bits(sum, splat_bits(MASK)) } else { sum };
            carried = carry(sum);
        }
        pack(digits)
    }
}

impl<F: Field> LazyArithmetic for Avx2<F> {
    /// Subtracts the multiple of `p` nearest to the value, judged by the top limb, and carries once: the carries are at
    /// most 4, so no second round is needed.
    #[inline(always)]
    fn settle(self) -> Self {
        let mut l = self.0;
        let k = sub(mul_add(l[4], splat(1.0 / Constants::<F>::MODULUS[4]), splat(LOW)), splat(LOW));
        for i in 0..5 {
            l[i] = mul_add(k, splat(-Constants::<F>::MODULUS[i]), l[i]);
        }
        let mut out = l;
        for i in 0..4 {
            let carried = sub(add(l[i], splat(HIGH)), splat(HIGH));
            out[i] = sub(out[i], carried);
            out[i + 1] = mul_add(carried, splat(1.0 / TWO_51), out[i + 1]);
        }
        Self(out, PhantomData)
    }

    #[inline(always)]
    fn add(self, rhs: Self) -> Self {
        Self(std::array::from_fn(|i| add(self.0[i], rhs.0[i])), PhantomData)
    }

    #[inline(always)]
    fn sub(self, rhs: Self) -> Self {
        Self(std::array::from_fn(|i| sub(self.0[i], rhs.0[i])), PhantomData)
    }

    /// The product, divided by `2^255`.
    #[inline(always)]
    fn mul(self, factors: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { avx2_asm::multiply(&self.0, &factors.0, &Constants::<F>::TABLE) }, PhantomData)
    }

    /// The square, divided by `2^255`.
    #[inline(always)]
    fn square(self) -> Self {
        // SAFETY: as above.
        Self(unsafe { avx2_asm::square(&self.0, &Constants::<F>::TABLE) }, PhantomData)
    }
}

/// [`affine_lanes::add`] with AVX2.
#[target_feature(enable = "avx2,fma")]
pub(super) fn add_points(
    memory: &mut Vec<(Avx2<Fq>, Avx2<Fq>)>,
    count: usize,
    pairs: &mut impl Pairs,
) -> bool {
    align_stack();
    affine_lanes::add(memory, count, pairs)
}

/// Products are divided by `2^255`, and the words of [`Point`] are `x 2^256`. So the lanes hold twice the coordinates:
/// `X = 2 x`, `Y = 2 y`. The slope `s` is the same, and `X = 2 s^2 - X_1 - X_2`, `Y = s (X_1 - X) - Y_1`.
impl Coordinates for Avx2<Fq> {
    const LANES: usize = LANES;

    #[inline(always)]
    fn one() -> Self {
        // 1, whose words are 2^255.
        Self::from_lazy([Lazy::from(Fq::TWO_INV); LANES]).settle()
    }

    #[inline(always)]
    fn load_x<'a>(point: impl Fn(usize) -> &'a Point) -> Self {
        Self::from_lazy([point(0).x, point(1).x, point(2).x, point(3).x])
    }

    #[inline(always)]
    fn load<'a>(point: impl Fn(usize) -> &'a Point) -> (Self, Self) {
        let [a, b, c, d] = [point(0), point(1), point(2), point(3)];
        (Self::from_lazy([a.x, b.x, c.x, d.x]), Self::from_lazy([a.y, b.y, c.y, d.y]))
    }

    #[inline(always)]
    fn points(x: Self, y: Self) -> [Point; MAX_LANES] {
        let (x, y) = (x.into_lazy(), y.into_lazy());
        let mut out = [Point::INFINITY; MAX_LANES];
        for lane in 0..LANES {
            out[lane] = Point { x: x[lane], y: y[lane] };
        }
        out
    }

    #[inline(always)]
    fn least(mut self, rhs: Self) -> Self {
        // SAFETY: as above.
        self.0[4] = unsafe { _mm256_min_pd(self.0[4], rhs.0[4]) };
        self
    }

    #[inline(always)]
    fn any_zero_limb(self) -> bool {
        // SAFETY: as above.
        unsafe { _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_LE_OQ>(self.0[4], splat(0.0))) != 0 }
    }

    fn inverted(self) -> Option<Self> {
        // The words v 2^255 are halo2curves' element v / 2, whose inverse is 2 / v. Wanted are (1 / v) 2^255: its 1 /
        // (2 v).
        let mut values = self.settle().into_lazy().map(Lazy::reduced);
        if values.contains(&Fq::ZERO) {
            return None;
        }
        values.iter_mut().batch_invert();
        let quarter = Fq::TWO_INV.square();
        Some(Self::from_lazy(values.map(|value| Lazy::from(value * quarter))).settle())
    }

    #[inline(always)]
    fn third((p_x, p_y): (Self, Self), difference: Self, slope: Self) -> (Self, Self) {
        // Settled, because the other operand of the product below has the limbs of a loaded element and a settled one.
        let slope = slope.settle();
        let square = slope.square();
        let x = square.add(square).sub(p_x.add(p_x).add(difference).settle()).settle();
        (x, slope.mul(p_x.sub(x)).sub(p_y).settle())
    }
}

/// Words of the first `LANES` elements.
#[inline(always)]
fn words_of(elements: &[Fr]) -> [Words; LANES] {
    let elements: &[Fr; LANES] = elements.first_chunk().expect("there are enough elements");
    elements.map(|element| Lazy::from(element).words())
}

impl Lanes for Avx2<Fr> {
    const LANES: usize = LANES;
    const FACTOR_BITS: u32 = 255;
    type Factor = [f64; 5];

    fn enable(task: impl KernelTask) {
        #[target_feature(enable = "avx2,fma")]
        fn enabled(task: impl KernelTask) {
            align_stack();
            task.run();
        }
        // SAFETY: as above.
        unsafe { enabled(task) }
    }

    fn factor(factor: Fr) -> [f64; 5] {
        centred(Lazy::from(factor * Fr::TWO_INV).words(), &<Fr as Field>::MODULUS)
    }

    #[inline(always)]
    fn load(elements: &[Fr]) -> Self {
        Self(load(words_of(elements).each_ref()), PhantomData)
    }

    #[inline(always)]
    fn factors(elements: &[Fr]) -> Self {
        Self::load_factors(elements).settle()
    }

    #[inline(always)]
    fn load_factors(elements: &[Fr]) -> Self {
        Self(load_halves::<Fr>(words_of(elements).each_ref()), PhantomData)
    }

    #[inline(always)]
    fn splat(factor: &[f64; 5]) -> Self {
        Self(factor.map(splat), PhantomData)
    }

    #[inline(always)]
    fn to_elements(self) -> Self {
        self.add(self)
    }

    #[inline(always)]
    fn store(self, out: &mut [Fr]) {
        out[..LANES].copy_from_slice(&self.settle().into_reduced());
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::{RngCore, SeedableRng};

    use super::*;

    /// Magnitudes that the module's text relies on.
    #[test]
    fn the_reductions_powers_are_small() {
        fn sum<F: crate::lazy_field::Field>() -> f64 {
            let top =
                |row: usize| f64::from_bits(Constants::<F>::TABLE.0[Table::REDUCTION + 5 * row + 4][0]).abs();
            (0..4).map(top).sum::<f64>() / top(4)
        }
        assert!(sum::<Fr>() < 1.02 && sum::<Fq>() < 1.02);
        for limb in 0..4 {
            assert!(Constants::<Fr>::MODULUS[limb].abs() < 0.5 * CENTRE as f64);
            assert!(Constants::<Fq>::MODULUS[limb].abs() < 0.55 * CENTRE as f64);
        }
    }

    /// Products, squares and settled sums of the largest numbers that are allowed, in both fields, with limbs of any
    /// signs. Sums are up to `largest` times the modulus.
    #[test]
    fn products_of_large_limbs() {
        fn check<F: crate::lazy_field::Field + halo2curves::ff::Field + From<u64>>(
            rng: &mut ChaCha20Rng,
            largest: f64,
        ) {
            let shift = F::from(1 << 51);
            let value = |limbs: &[f64; 5]| {
                limbs.iter().rev().fold(F::ZERO, |value, limb| {
                    let digit = F::from(limb.abs() as u64);
                    value * shift + if *limb < 0.0 { -digit } else { digit }
                })
            };
            let divided = shift.pow_vartime([5]).invert().unwrap();
            for round in 0..10_000 {
                let mut limbs = |largest: f64, top: f64| -> [f64; 5] {
                    std::array::from_fn(|i| {
                        let magnitude = if i < 4 { largest } else { top };
                        let part = if round % 2 == 0 {
                            1.0
                        } else {
                            f64::from(rng.next_u32()) / f64::from(u32::MAX)
                        };
                        let sign = if rng.next_u32().is_multiple_of(2) { 1.0 } else { -1.0 };
                        (sign * part * magnitude).trunc()
                    })
                };
                let unit = CENTRE as f64;
                let (x, y) = (limbs(3.0 * unit + 36.0, 3.1 * unit), limbs(unit + 12.0, 0.39 * unit));
                let sum = limbs(5.0 * (unit + 12.0), largest * Constants::<F>::MODULUS[4]);
                let z = limbs(unit + 12.0, 0.96 * unit);
                let lanes = |x: [f64; 5]| Avx2::<F>(x.map(splat), PhantomData);
                let product = lanes(x).mul(lanes(y)).settle().into_lazy();
                let square = lanes(z).square().settle().into_lazy();
                // Results are in Montgomery form, as halo2curves' elements are.
                let words = |x: F| Lazy::from(x * divided * F::from(2).pow_vartime([256]).invert().unwrap());
                let settled = lanes(sum).settle().into_lazy();
                let plain = |x: F| Lazy::from(x * F::from(2).pow_vartime([256]).invert().unwrap());
                for lane in 0..LANES {
                    assert_eq!(settled[lane].reduced(), plain(value(&sum)).reduced());
                    assert_eq!(product[lane].reduced(), words(value(&x) * value(&y)).reduced());
                    assert_eq!(square[lane].reduced(), words(value(&z).square()).reduced());
                }
            }
        }
        if !is_available() {
            return;
        }
        let mut rng = ChaCha20Rng::seed_from_u64(13);
        check::<Fr>(&mut rng, 5.7);
        check::<Fq>(&mut rng, 3.7);
    }
}
