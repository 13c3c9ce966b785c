//! The kernel for fused multiplication and addition of doubles (AVX2 and FMA): elements in five limbs of 51 bits with
//! signs, a limb's four lanes in one register.
//!
//! The product of two integers `a` and `b` with `|a b| < 2^102` comes apart as follows, all of it exact. `a b` plus
//! `1.5 2^103`, where doubles are `2^51` apart, is `1.5 2^103 + h 2^51` with `h` the nearest integer to `a b / 2^51`;
//! `a b - h 2^51 + 1.5 2^52`, where doubles are `1` apart, has the rest `l`, `|l| <= 2^50`. Read as integers, the two
//! doubles are `h` and `l` plus a constant each, so that columns of products add up in 64-bit integers and the
//! constants are made up for in the columns' initial values.
//!
//! Elements are the library's: `x 2^256`. Factors are `f 2^255`, and a product is divided by `2^255`, so that it is an
//! element again (or a factor, if both were).
//!
//! The product of two elements is ten columns, from which `2^255` is divided modulo `p` as follows. The four lowest digits
//! `d_i`, from `-2^50` to `2^50`, stand for `d_i 2^51i`, so that `d_i (2^(51i - 204) mod p) 2^204` may take their place:
//! four rows of products that don't wait for each other. The fifth digit goes by adding a multiple of `p`.
//!
//! Bounds. Limbs of settled elements and products are at most `2^50 + 12` in magnitude, except that the top limb is what
//! the value makes it, `0.76 2^50` for `p`; those of loaded elements are below `2^51`. Values: loaded below `2 p`, settled
//! at most `0.51 p`. The magnitudes of the four powers of `1 / 2` add up to less than `1.02 p`, so that the reduction adds
//! at most `2^50 (1.02 p) 2^204 / 2^255 = 0.51 p` for the first four digits and `p / 2` for the fifth. A product of `a` and
//! `b` is at most `|a b| / 2^255 + 1.01 p`: with a factor, which is settled, at most `0.2 |a| + 1.01 p`, so that the sums
//! of a settled element and two products that are allowed stay below `4.2 p`. With a factor that is a product of factors,
//! at most `1.25 p`, it is `0.48 |a| + 1.01 p`, which is too much for such sums: a product must stay below `2.6 p`, so that
//! its top limb is below `2^51`. Limbs of the sums are at most `3 (2^50 + 12)`, the top one `4.2 p / 2^204`,
//! below `2^51.7`; their products with a factor's limb, at most `2^50 + 12`, are below `2^102`. `settle` subtracts at most
//! seven times the modulus, whose limbs but the top one are below `0.55 2^50`, from limbs of at most `4 (2^50 + 12)`, or
//! six times from `5 (2^50 + 12)` if the field is the scalars' (`0.5 2^50`), so that all its steps stay below `2^53`, up to
//! which doubles hold every integer.

// Limbs and columns are indexed as the formulas do, in several arrays at once.
#![allow(unsafe_code, clippy::needless_range_loop)]

use std::{arch::x86_64::*, marker::PhantomData};

use halo2curves::{
    bn256::{Fq, Fr},
    ff::{BatchInvert, Field as _, PrimeField},
};

use crate::{
    Field, Lazy, Point, align_stack,
    coordinates::Coordinates,
    fma::{self, Table},
    lanes::{Lanes, MAX_LANES, Task},
    lazy::{Words, half, inverse_power, subtract},
};

/// Elements in one value.
const LANES: usize = 4;

const BITS: u32 = 51;
const MASK: u64 = (1 << BITS) - 1;

/// `2^50`: added to a column, it makes the digits that are cut off it symmetric about zero.
const CENTRE: u64 = 1 << 50;
/// Added to a column, it makes it positive; what it carries into the next is `BIAS_CARRY`.
const BIAS: u64 = 1 << 60;
const BIAS_CARRY: u64 = BIAS >> BITS;

const TWO_51: f64 = (1_u64 << 51) as f64;
const TWO_52: f64 = (1_u64 << 52) as f64;
/// `1.5 2^52`, about which doubles are the integers.
const LOW: f64 = 1.5 * TWO_52;
/// `1.5 2^103`, about which doubles are the multiples of `2^51`.
const HIGH: f64 = 1.5 * TWO_52 * TWO_51;

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

/// The limbs of the number nearest to zero that is `x`, which is below `p`, modulo `p`.
const fn centred(x: Words, p: &Words) -> [f64; 5] {
    let (a, b) = (limbs(&x), limbs(&subtract(p, &x).0));
    // The top limbs tell which is less: a limb is at most half of what one of the next stands for.
    if a[4] <= b[4] { a } else { [-b[0], -b[1], -b[2], -b[3], -b[4]] }
}

/// A field's constants in limbs.
struct Constants<F>(PhantomData<F>);

impl<F: Field> Constants<F> {
    const MODULUS: [f64; 5] = limbs(&F::MODULUS);
    /// The modulus in digits, none negative.
    const DIGITS: [u64; 5] = digits(&F::MODULUS);
    /// `(p - 1) / 2`, all limbs positive.
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
    /// What the assembly reads.
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

/// What the columns start with: minus the constants that the products' halves come with (see the module's text), and
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

/// Four elements. To be used on processors with AVX2 and FMA only, in functions that have them enabled.
#[derive(Clone, Copy, Debug)]
pub struct Avx2<F>([__m256d; 5], PhantomData<F>);

impl<F> Avx2<F> {
    /// Whether the processor has the instructions.
    pub fn is_available() -> bool {
        is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
    }
}

// SAFETY, of all blocks below: the processor has AVX2 and FMA, as whoever uses this kernel makes sure.

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

/// The column without its low 51 bits, moved down.
#[inline(always)]
fn carry(a: __m256i) -> __m256i {
    unsafe { _mm256_srli_epi64::<51>(a) }
}

/// The words of four numbers, word by word.
#[inline(always)]
fn transposed(words: [&Words; LANES]) -> [__m256i; 4] {
    // SAFETY: as above, and four words are there.
    let [a, b, c, d] = words.map(|words| unsafe { _mm256_loadu_si256(words.as_ptr().cast()) });
    // SAFETY: as above.
    unsafe {
        // The transposition: words of the lanes to lanes of the words.
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

/// The limb in the low 51 bits.
#[inline(always)]
fn limb(digit: __m256i) -> __m256d {
    // The bits of 2^52 + x are those of 2^52 plus x.
    let digit = add_bits(and_bits(digit, splat_bits(MASK)), splat_bits(TWO_52.to_bits()));
    sub(doubles(digit), splat(TWO_52))
}

/// The limbs of four numbers, not negative ones.
#[inline(always)]
fn load(words: [&Words; LANES]) -> [__m256d; 5] {
    let [w0, w1, w2, w3] = transposed(words);
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

/// The words of four numbers' digits.
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
        let (lanes_02_01, lanes_13_01) = (_mm256_unpacklo_epi64(w0, w1), _mm256_unpackhi_epi64(w0, w1));
        let (lanes_02_23, lanes_13_23) = (_mm256_unpacklo_epi64(w2, w3), _mm256_unpackhi_epi64(w2, w3));
        let rows = [
            _mm256_permute2x128_si256::<0x20>(lanes_02_01, lanes_02_23),
            _mm256_permute2x128_si256::<0x20>(lanes_13_01, lanes_13_23),
            _mm256_permute2x128_si256::<0x31>(lanes_02_01, lanes_02_23),
            _mm256_permute2x128_si256::<0x31>(lanes_13_01, lanes_13_23),
        ];
        for (out, row) in out.iter_mut().zip(rows) {
            _mm256_storeu_si256(out.as_mut_ptr().cast(), row);
        }
    }
    out
}

/// The limbs of half of each of four elements: those of `x >> 1`, less those of `(p - 1) / 2` if `x` is odd, so that they
/// are below `2^51` and the values at most `p / 2` in magnitude.
#[inline(always)]
fn load_halves<F: Field>(words: [&Words; LANES]) -> [__m256d; 5] {
    let [w0, w1, w2, w3] = transposed(words);
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
    /// The elements, limbs not settled.
    #[inline(always)]
    pub(crate) fn from_lazy(elements: [Lazy<F>; LANES]) -> Self {
        let words = elements.map(Lazy::words);
        Self(load(words.each_ref()), PhantomData)
    }

    /// The elements, which are settled.
    #[inline(always)]
    pub(crate) fn into_lazy(self) -> [Lazy<F>; LANES] {
        // Adding p makes settled numbers positive; then they are below 1.6 p.
        self.words_plus_modulus(splat_bits(u64::MAX)).map(Lazy::from_words)
    }

    /// The elements, which are settled, as the numbers below `p`.
    #[inline(always)]
    pub(crate) fn into_reduced(self) -> [F; LANES] {
        let top = self.0[4];
        // SAFETY: as above.
        let (negative, unclear) = unsafe {
            let zero = _mm256_setzero_pd();
            let unclear = _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_EQ_OQ>(top, zero));
            (_mm256_cmp_pd::<_CMP_LT_OQ>(top, zero), unclear)
        };
        if unclear != 0 {
            // The top limb doesn't have the sign of every number, zero for one.
            return self.into_lazy().map(Lazy::reduced);
        }
        self.words_plus_modulus(bits(negative)).map(|words| Lazy::from_words(words).below_modulus())
    }

    /// The words of the numbers, which are settled, plus `p` in the lanes of the mask. The sums must not be negative.
    #[inline(always)]
    fn words_plus_modulus(self, mask: __m256i) -> [Words; LANES] {
        let mut digits = [splat_bits(0); 5];
        let mut carried = splat_bits(0);
        for i in 0..5 {
            // 2^51 from the digit above, so that nothing is negative.
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

    /// Subtracts the multiple of `p` nearest to the value, going by the top limb, and carries once: the carries are at
    /// most 4, so no second round is needed.
    #[inline(always)]
    pub(crate) fn settled(self) -> Self {
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

    /// The sum.
    #[inline(always)]
    pub(crate) fn plus(self, rhs: Self) -> Self {
        Self(std::array::from_fn(|i| add(self.0[i], rhs.0[i])), PhantomData)
    }

    /// The difference.
    #[inline(always)]
    pub(crate) fn minus(self, rhs: Self) -> Self {
        Self(std::array::from_fn(|i| sub(self.0[i], rhs.0[i])), PhantomData)
    }

    /// The product, divided by `2^255`.
    #[inline(always)]
    pub(crate) fn times(self, rhs: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { fma::multiply(&self.0, &rhs.0, &Constants::<F>::TABLE) }, PhantomData)
    }

    /// The square, divided by `2^255`.
    #[inline(always)]
    pub(crate) fn squared(self) -> Self {
        // SAFETY: as above.
        Self(unsafe { fma::square(&self.0, &Constants::<F>::TABLE) }, PhantomData)
    }
}

/// Products are divided by `2^255` and the words of [`Point`] are `x 2^256`, so that these are twice the coordinates there:
/// `X = 2 x`, `Y = 2 y`. The slope `s` is the same, and `X = 2 s^2 - X_1 - X_2`, `Y = s (X_1 - X) - Y_1`.
impl Coordinates for Avx2<Fq> {
    const LANES: usize = LANES;

    #[inline(always)]
    fn one() -> Self {
        // 1, whose words are 2^255.
        Self::from_lazy([Lazy::from(Fq::TWO_INV); LANES]).settled()
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
    fn settled(self) -> Self {
        self.settled()
    }

    #[inline(always)]
    fn minus(self, rhs: Self) -> Self {
        self.minus(rhs)
    }

    #[inline(always)]
    fn times(self, rhs: Self) -> Self {
        self.times(rhs)
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
        // Words of v 2^255 are the library's v / 2, whose inverse is 2 / v; those of (1 / v) 2^255 are its 1 / (2 v).
        let mut values = self.settled().into_lazy().map(Lazy::reduced);
        if values.contains(&Fq::ZERO) {
            return None;
        }
        values.iter_mut().batch_invert();
        let quarter = Fq::TWO_INV.square();
        Some(Self::from_lazy(values.map(|value| Lazy::from(value * quarter))).settled())
    }

    #[inline(always)]
    fn third((p_x, p_y): (Self, Self), difference: Self, slope: Self) -> (Self, Self) {
        // Settled, because the limbs of what it is multiplied with are those of a loaded element and a settled one.
        let slope = slope.settled();
        let square = slope.squared();
        let x = square.plus(square).minus(p_x.plus(p_x).plus(difference).settled()).settled();
        (x, slope.times(p_x.minus(x)).minus(p_y).settled())
    }
}

/// The elements' words.
#[inline(always)]
fn words_of(elements: &[Fr]) -> [Words; LANES] {
    let elements: &[Fr; LANES] = elements.first_chunk().expect("there are enough elements");
    elements.map(|element| Lazy::from(element).words())
}

impl Lanes for Avx2<Fr> {
    const LANES: usize = LANES;
    const FACTOR_BITS: u32 = 255;
    type Factor = [f64; 5];

    fn enable(task: impl Task) {
        #[target_feature(enable = "avx2,fma")]
        fn enabled(task: impl Task) {
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
        Self::load_factors(elements).settled()
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
        self.plus(self)
    }

    #[inline(always)]
    fn store(self, out: &mut [Fr]) {
        out[..LANES].copy_from_slice(&self.settled().into_reduced());
    }

    #[inline(always)]
    fn settle(self) -> Self {
        self.settled()
    }

    #[inline(always)]
    fn add(self, rhs: Self) -> Self {
        self.plus(rhs)
    }

    #[inline(always)]
    fn sub(self, rhs: Self) -> Self {
        self.minus(rhs)
    }

    #[inline(always)]
    fn mul(self, factors: Self) -> Self {
        self.times(factors)
    }

    #[inline(always)]
    fn square(self) -> Self {
        self.squared()
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::{RngCore, SeedableRng};

    use super::*;

    /// The magnitudes that the module's text counts with.
    #[test]
    fn the_reductions_powers_are_small() {
        fn sum<F: crate::Field>() -> f64 {
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

    /// Products, squares and settled sums in both fields of the largest numbers that are allowed, `largest` times the modulus
    /// for sums: limbs of any signs.
    #[test]
    fn products_of_large_limbs() {
        fn check<F: crate::Field + halo2curves::ff::Field + From<u64>>(rng: &mut ChaCha20Rng, largest: f64) {
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
                let product = lanes(x).times(lanes(y)).settled().into_lazy();
                let square = lanes(z).squared().settled().into_lazy();
                // What comes out is in words, as the library's elements are.
                let words = |x: F| Lazy::from(x * divided * F::from(2).pow_vartime([256]).invert().unwrap());
                let settled = lanes(sum).settled().into_lazy();
                let plain = |x: F| Lazy::from(x * F::from(2).pow_vartime([256]).invert().unwrap());
                for lane in 0..LANES {
                    assert_eq!(settled[lane].reduced(), plain(value(&sum)).reduced());
                    assert_eq!(product[lane].reduced(), words(value(&x) * value(&y)).reduced());
                    assert_eq!(square[lane].reduced(), words(value(&z).square()).reduced());
                }
            }
        }
        if !Avx2::<Fr>::is_available() {
            return;
        }
        let mut rng = ChaCha20Rng::seed_from_u64(13);
        check::<Fr>(&mut rng, 5.7);
        check::<Fq>(&mut rng, 3.7);
    }
}
