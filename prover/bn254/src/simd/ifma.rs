//! The AVX-512 IFMA kernel, for multipliers of 52 bits: eight elements, each in five limbs of 52 bits. A register holds
//! one limb of all eight.
//!
//! Forms. Elements are halo2curves' own `x 2^256`. Factors are `f 2^260`. A product is divided by `2^260`, so the
//! product of an element and a factor is an element, and that of two factors is a factor. The words of `x 2^256`, moved
//! up by four bits, are those of a factor.
//!
//! Carries. The multiplier reads the low 52 bits of its operands. Limbs are 64-bit integers with signs, and sums and
//! differences don't carry. Before a product, each limb passes on to the next what exceeds its 52 bits. That takes
//! other units of the processor, and no time, because the multiplier is the bottleneck.
//!
//! Bounds. There is room for `2^260`, which is above `84.6 p`. Numbers aren't negative: `20 p` is added to a
//! difference, so the subtrahend must not be above that. Settled numbers are below `1.01 p`. A product of `a` and `b`
//! is at most `a b / 2^260 + 1.13 p` (see [`reduce`]). Limbs of products are below `2^57`, and those of loaded and
//! settled numbers below `2^53`, so that limbs have room for longer sums than values have.

#![expect(unsafe_code, reason = "vector instructions")]
#![expect(
    clippy::needless_range_loop,
    reason = "limbs and columns are indexed as in the formulas, in several arrays"
)]

use std::{arch::x86_64::*, marker::PhantomData};

use halo2curves::{
    bn256::{Fq, Fr},
    ff::{BatchInvert, Field as _},
};

use super::{Bound, KernelTask, Lanes, LazyArithmetic, MAX_LANES, align::align_stack};
use crate::{
    affine_batch_add::{Pairs, Point},
    affine_lanes::{self, Coordinates},
    lazy_field::{Field, Lazy, Words, inverse_power},
};

/// Elements in one value.
const LANES: usize = 8;
const BITS: u32 = 52;
const MASK: u64 = (1 << BITS) - 1;
/// Bits that are dropped from the product with [`QUOTIENT`](Constants::QUOTIENT).
const QUOTIENT_BITS: u32 = 20;

/// Limbs of `x`.
const fn limbs(x: &Words) -> [u64; 5] {
    [
        x[0] & MASK,
        (x[0] >> 52 | x[1] << 12) & MASK,
        (x[1] >> 40 | x[2] << 24) & MASK,
        (x[2] >> 28 | x[3] << 36) & MASK,
        x[3] >> 16,
    ]
}

/// Constants of a field, in limbs.
struct Constants<F>(PhantomData<F>);

impl<F: Field> Constants<F> {
    const MODULUS: [u64; 5] = limbs(&F::MODULUS);
    /// `-1 / p` modulo `2^52`.
    const NEG_INVERSE: u64 = F::NEG_INVERSE & MASK;
    /// `2^-52` modulo `p`, which is below `0.13 p` in both fields.
    const INVERSE: [u64; 5] = limbs(&inverse_power(BITS as usize, &F::MODULUS));
    /// `20 p`, limb by limb without carries: added to differences.
    const LENT: [u64; 5] = {
        let mut limbs = Self::MODULUS;
        let mut i = 0;
        while i < 5 {
            limbs[i] *= Bound::LENT;
            i += 1;
        }
        limbs
    };
    /// `2^280 / p`, rounded down, below `2^27`.
    const QUOTIENT: u64 = {
        // The top word determines it: 2^(280 - 192) divided by the top word and by the next integer gives the same.
        let top = F::MODULUS[3] as u128;
        let quotient = (1 << 88) / (top + 1);
        assert!(quotient == (1 << 88) / top);
        quotient as u64
    };
}

/// Eight elements. The type is named only after the processor was asked for AVX-512 IFMA, see
/// [`super::InstructionSet`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Ifma<F>([__m512i; 5], PhantomData<F>);

/// Returns whether this processor has the kernel's instructions.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512ifma")
}

// SAFETY, of all blocks below: the processor has AVX-512 IFMA, because only values and methods of `Ifma` lead here.
// Loads and stores are within the arrays that they name.

#[inline(always)]
fn splat(x: u64) -> __m512i {
    unsafe { _mm512_set1_epi64(x as i64) }
}

#[inline(always)]
fn add(a: __m512i, b: __m512i) -> __m512i {
    unsafe { _mm512_add_epi64(a, b) }
}

#[inline(always)]
fn sub(a: __m512i, b: __m512i) -> __m512i {
    unsafe { _mm512_sub_epi64(a, b) }
}

#[inline(always)]
fn and(a: __m512i, b: __m512i) -> __m512i {
    unsafe { _mm512_and_si512(a, b) }
}

#[inline(always)]
fn or(a: __m512i, b: __m512i) -> __m512i {
    unsafe { _mm512_or_si512(a, b) }
}

#[inline(always)]
fn down<const BY: u32>(a: __m512i) -> __m512i {
    unsafe { _mm512_srli_epi64::<BY>(a) }
}

#[inline(always)]
fn up<const BY: u32>(a: __m512i) -> __m512i {
    unsafe { _mm512_slli_epi64::<BY>(a) }
}

/// Part of a limb above its 52 bits, with its sign: the carry.
#[inline(always)]
fn carry(a: __m512i) -> __m512i {
    unsafe { _mm512_srai_epi64::<BITS>(a) }
}

/// `sum` plus the low 52 bits of the product of the low 52 bits of `a` and `b`.
#[inline(always)]
fn add_low(sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
    unsafe { _mm512_madd52lo_epu64(sum, a, b) }
}

/// `sum` plus the high 52 bits of the product of the low 52 bits of `a` and `b`.
#[inline(always)]
fn add_high(sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
    unsafe { _mm512_madd52hi_epu64(sum, a, b) }
}

/// Transposes eight numbers of four words, two numbers a register: register `i` of the result holds word `i` of each.
#[inline(always)]
fn words_of_pairs([ab, cd, ef, gh]: [__m512i; 4]) -> [__m512i; 4] {
    unsafe {
        // Words 0 and 1, and 2 and 3, of four numbers.
        let low = _mm512_setr_epi64(0, 4, 8, 12, 1, 5, 9, 13);
        let high = _mm512_setr_epi64(2, 6, 10, 14, 3, 7, 11, 15);
        let (abcd_01, abcd_23) =
            (_mm512_permutex2var_epi64(ab, low, cd), _mm512_permutex2var_epi64(ab, high, cd));
        let (efgh_01, efgh_23) =
            (_mm512_permutex2var_epi64(ef, low, gh), _mm512_permutex2var_epi64(ef, high, gh));
        [
            _mm512_shuffle_i64x2::<0b01_00_01_00>(abcd_01, efgh_01),
            _mm512_shuffle_i64x2::<0b11_10_11_10>(abcd_01, efgh_01),
            _mm512_shuffle_i64x2::<0b01_00_01_00>(abcd_23, efgh_23),
            _mm512_shuffle_i64x2::<0b11_10_11_10>(abcd_23, efgh_23),
        ]
    }
}

/// The inverse of [`words_of_pairs`].
#[inline(always)]
fn pairs_of_words([w0, w1, w2, w3]: [__m512i; 4]) -> [__m512i; 4] {
    unsafe {
        let (ab_ef_01, cd_gh_01) = (_mm512_unpacklo_epi64(w0, w1), _mm512_unpackhi_epi64(w0, w1));
        let (ab_ef_23, cd_gh_23) = (_mm512_unpacklo_epi64(w2, w3), _mm512_unpackhi_epi64(w2, w3));
        // The even lanes' halves are in the first of each, the odd lanes' in the second: 0, 2, 4, 6 and 1, 3, 5, 7.
        let first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
        let last = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
        let even_02 = _mm512_permutex2var_epi64(ab_ef_01, first, ab_ef_23);
        let even_46 = _mm512_permutex2var_epi64(ab_ef_01, last, ab_ef_23);
        let odd_13 = _mm512_permutex2var_epi64(cd_gh_01, first, cd_gh_23);
        let odd_57 = _mm512_permutex2var_epi64(cd_gh_01, last, cd_gh_23);
        [
            _mm512_shuffle_i64x2::<0b01_00_01_00>(even_02, odd_13),
            _mm512_shuffle_i64x2::<0b11_10_11_10>(even_02, odd_13),
            _mm512_shuffle_i64x2::<0b01_00_01_00>(even_46, odd_57),
            _mm512_shuffle_i64x2::<0b11_10_11_10>(even_46, odd_57),
        ]
    }
}

/// Transposes eight by eight words.
#[inline(always)]
fn transposed(rows: [__m512i; 8]) -> [__m512i; 8] {
    unsafe {
        let [a, b, c, d, e, f, g, h] = rows;
        // Even and odd words of two rows, then blocks of two words of four rows, then those of all.
        let pairs = [(a, b), (c, d), (e, f), (g, h)]
            .map(|(a, b)| [_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b)]);
        let [ab, cd, ef, gh] = pairs;
        let mut out = [a; 8];
        for odd in 0..2 {
            let (low_02, low_13) = (
                _mm512_shuffle_i64x2::<0b10_00_10_00>(ab[odd], cd[odd]),
                _mm512_shuffle_i64x2::<0b11_01_11_01>(ab[odd], cd[odd]),
            );
            let (high_02, high_13) = (
                _mm512_shuffle_i64x2::<0b10_00_10_00>(ef[odd], gh[odd]),
                _mm512_shuffle_i64x2::<0b11_01_11_01>(ef[odd], gh[odd]),
            );
            out[odd] = _mm512_shuffle_i64x2::<0b10_00_10_00>(low_02, high_02);
            out[odd + 2] = _mm512_shuffle_i64x2::<0b10_00_10_00>(low_13, high_13);
            out[odd + 4] = _mm512_shuffle_i64x2::<0b11_01_11_01>(low_02, high_02);
            out[odd + 6] = _mm512_shuffle_i64x2::<0b11_01_11_01>(low_13, high_13);
        }
        out
    }
}

/// Limbs of numbers, from their words.
#[inline(always)]
fn limbs_of_words([w0, w1, w2, w3]: [__m512i; 4]) -> [__m512i; 5] {
    let mask = splat(MASK);
    [
        and(w0, mask),
        and(or(down::<52>(w0), up::<12>(w1)), mask),
        and(or(down::<40>(w1), up::<24>(w2)), mask),
        and(or(down::<28>(w2), up::<36>(w3)), mask),
        down::<16>(w3),
    ]
}

/// Limbs of `2^4` times numbers, from the numbers' words.
#[inline(always)]
fn factor_of_words([w0, w1, w2, w3]: [__m512i; 4]) -> [__m512i; 5] {
    let mask = splat(MASK);
    [
        and(up::<4>(w0), mask),
        and(or(down::<48>(w0), up::<16>(w1)), mask),
        and(or(down::<36>(w1), up::<28>(w2)), mask),
        and(or(down::<24>(w2), up::<40>(w3)), mask),
        down::<12>(w3),
    ]
}

/// Words of numbers, from limbs below `2^52`.
#[inline(always)]
fn words_of_limbs([a, b, c, d, e]: [__m512i; 5]) -> [__m512i; 4] {
    [
        or(a, up::<52>(b)),
        or(down::<12>(b), up::<40>(c)),
        or(down::<24>(c), up::<28>(d)),
        or(down::<36>(d), up::<16>(e)),
    ]
}

/// Divides the number in ten columns by `2^260` modulo `p`.
///
/// The four lowest digits `t` are removed by `t = t 2^-52 2^52`: `t (2^-52 mod p)` is added one column up, which needs
/// no quotient. The fourth adds less than `2^52 (0.13 p) 2^208 / 2^260` to the result, and the others next to nothing.
/// The fifth digit is cancelled by adding a multiple of `p` below `2^52 p 2^208`.
#[inline(always)]
fn reduce<F: Field>(mut c: [__m512i; 10]) -> [__m512i; 5] {
    for i in 0..4 {
        let t = c[i];
        c[i + 1] = add(c[i + 1], down::<BITS>(t));
        for j in 0..5 {
            let inverse = splat(Constants::<F>::INVERSE[j]);
            c[i + 1 + j] = add_low(c[i + 1 + j], t, inverse);
            c[i + 2 + j] = add_high(c[i + 2 + j], t, inverse);
        }
    }
    let q = add_low(splat(0), c[4], splat(Constants::<F>::NEG_INVERSE));
    for j in 0..5 {
        let modulus = splat(Constants::<F>::MODULUS[j]);
        c[4 + j] = add_low(c[4 + j], q, modulus);
        c[5 + j] = add_high(c[5 + j], q, modulus);
    }
    c[5] = add(c[5], down::<BITS>(c[4]));
    [c[5], c[6], c[7], c[8], c[9]]
}

impl<F: Field> Ifma<F> {
    #[inline(always)]
    fn new(limbs: [__m512i; 5]) -> Self {
        Self(limbs, PhantomData)
    }

    #[inline(always)]
    fn splat_limbs(limbs: &[u64; 5]) -> Self {
        Self::new([splat(limbs[0]), splat(limbs[1]), splat(limbs[2]), splat(limbs[3]), splat(limbs[4])])
    }

    /// Limbs after carries were added to the next; bits from 52 on remain set.
    #[inline(always)]
    fn passed(self) -> [__m512i; 5] {
        let mut l = self.0;
        for i in 0..4 {
            l[i + 1] = add(l[i + 1], carry(l[i]));
        }
        l
    }

    /// Limbs below `2^52`.
    #[inline(always)]
    fn digits(self) -> [__m512i; 5] {
        let mut l = self.passed();
        for limb in &mut l[..4] {
            *limb = and(*limb, splat(MASK));
        }
        l
    }

    /// A sixteenth modulo `p`: the multiple of `p` below `16 p` is added that makes the low four bits zero.
    #[inline(always)]
    fn sixteenth(self) -> Self {
        let l = self.passed();
        let k = and(add_low(splat(0), l[0], splat(Constants::<F>::NEG_INVERSE)), splat(15));
        let mut sum = self.0;
        for i in 0..5 {
            sum[i] = add_low(sum[i], k, splat(Constants::<F>::MODULUS[i]));
            if i > 0 {
                sum[i] = add_high(sum[i], k, splat(Constants::<F>::MODULUS[i - 1]));
            }
        }
        let mut l = Self::new(sum).digits();
        for i in 0..4 {
            l[i] = or(down::<4>(l[i]), and(up::<48>(l[i + 1]), splat(MASK)));
        }
        l[4] = down::<4>(l[4]);
        Self::new(l)
    }

    /// Limbs below `2^52` of the number below `p`, if this is settled.
    #[inline(always)]
    fn reduced(self) -> [__m512i; 5] {
        let l = self.digits();
        let mut less = l;
        for i in 0..5 {
            less[i] = sub(less[i], splat(Constants::<F>::MODULUS[i]));
        }
        let less = Self::new(less).digits();
        unsafe {
            let negative = _mm512_cmplt_epi64_mask(less[4], _mm512_setzero_si512());
            let mut out = less;
            for i in 0..5 {
                out[i] = _mm512_mask_mov_epi64(less[i], negative, l[i]);
            }
            out
        }
    }

    /// Stores the numbers with these limbs below `2^52`.
    #[inline(always)]
    fn write(limbs: [__m512i; 5], out: &mut [Words; LANES]) {
        let pairs = pairs_of_words(words_of_limbs(limbs));
        for (out, pair) in out.as_chunks_mut::<2>().0.iter_mut().zip(pairs) {
            unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), pair) }
        }
    }
}

impl<F: Field> LazyArithmetic for Ifma<F> {
    /// Subtracts a multiple of `p`, so that the number is below `1.01 p`. The multiple is never too large, because it
    /// is computed from numbers rounded down.
    #[inline(always)]
    fn settle(self) -> Self {
        let mut l = self.digits();
        let k = down::<QUOTIENT_BITS>(add_high(splat(0), l[4], splat(Constants::<F>::QUOTIENT)));
        for i in 0..5 {
            let mut multiple = add_low(splat(0), k, splat(Constants::<F>::MODULUS[i]));
            if i > 0 {
                multiple = add_high(multiple, k, splat(Constants::<F>::MODULUS[i - 1]));
            }
            l[i] = sub(l[i], multiple);
        }
        Self::new(l)
    }

    #[inline(always)]
    fn add(self, rhs: Self) -> Self {
        let (mut a, b) = (self.0, rhs.0);
        for i in 0..5 {
            a[i] = add(a[i], b[i]);
        }
        Self::new(a)
    }

    /// The difference plus [`Bound::LENT`] times the modulus, which `rhs` must not be above.
    #[inline(always)]
    fn sub(self, rhs: Self) -> Self {
        let (mut a, b) = (self.0, rhs.0);
        for i in 0..5 {
            a[i] = add(sub(a[i], b[i]), splat(Constants::<F>::LENT[i]));
        }
        Self::new(a)
    }

    /// The product, divided by `2^260`.
    #[inline(always)]
    fn mul(self, factors: Self) -> Self {
        let (a, b) = (self.passed(), factors.passed());
        let mut c = [splat(0); 10];
        for i in 0..5 {
            for j in 0..5 {
                c[i + j] = add_low(c[i + j], a[i], b[j]);
                c[i + j + 1] = add_high(c[i + j + 1], a[i], b[j]);
            }
        }
        Self::new(reduce::<F>(c))
    }

    /// The square, divided by `2^260`.
    #[inline(always)]
    fn square(self) -> Self {
        let l = self.passed();
        let mut c = [splat(0); 10];
        for i in 0..4 {
            for j in i + 1..5 {
                c[i + j] = add_low(c[i + j], l[i], l[j]);
                c[i + j + 1] = add_high(c[i + j + 1], l[i], l[j]);
            }
        }
        for column in &mut c[1..9] {
            *column = add(*column, *column);
        }
        for i in 0..5 {
            c[2 * i] = add_low(c[2 * i], l[i], l[i]);
            c[2 * i + 1] = add_high(c[2 * i + 1], l[i], l[i]);
        }
        Self::new(reduce::<F>(c))
    }
}

/// [`affine_lanes::add`] with AVX-512.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn add_points(
    memory: &mut Vec<(Ifma<Fq>, Ifma<Fq>)>,
    count: usize,
    pairs: &mut impl Pairs,
) -> bool {
    align_stack();
    affine_lanes::add(memory, count, pairs)
}

/// Loads the first `LANES` elements; register `i` holds word `i` of each.
#[inline(always)]
fn words_of(elements: &[Fr]) -> [__m512i; 4] {
    let elements: &[Fr; LANES] = elements.first_chunk().expect("there are enough elements");
    let pair = |index: usize| unsafe { _mm512_loadu_si512((&raw const elements[2 * index]).cast()) };
    words_of_pairs([pair(0), pair(1), pair(2), pair(3)])
}

impl Lanes for Ifma<Fr> {
    const LANES: usize = LANES;
    const FACTOR_BITS: u32 = 260;
    type Factor = [u64; 5];

    fn enable(task: impl KernelTask) {
        #[target_feature(enable = "avx512f,avx512ifma")]
        fn enabled(task: impl KernelTask) {
            align_stack();
            task.run();
        }
        // SAFETY: as above.
        unsafe { enabled(task) }
    }

    fn factor(factor: Fr) -> [u64; 5] {
        limbs(&Lazy::from(factor * Fr::from(16)).words())
    }

    #[inline(always)]
    fn load(elements: &[Fr]) -> Self {
        Self::new(limbs_of_words(words_of(elements)))
    }

    #[inline(always)]
    fn factors(elements: &[Fr]) -> Self {
        Self::load_factors(elements).settle()
    }

    #[inline(always)]
    fn load_factors(elements: &[Fr]) -> Self {
        Self::new(factor_of_words(words_of(elements)))
    }

    #[inline(always)]
    fn splat(factor: &[u64; 5]) -> Self {
        Self::splat_limbs(factor)
    }

    #[inline(always)]
    fn to_elements(self) -> Self {
        self.sixteenth()
    }

    #[inline(always)]
    fn store(self, out: &mut [Fr]) {
        let mut words = [[0; 4]; LANES];
        Self::write(self.settle().reduced(), &mut words);
        for (out, words) in out[..LANES].iter_mut().zip(words) {
            *out = Lazy::from_words(words).below_modulus();
        }
    }

    /// The same value: the multiplier has room for the sums.
    #[inline(always)]
    fn fit(self) -> Self {
        self
    }
}

/// Loads a point: the words of x, then those of y.
#[inline(always)]
fn row_of(point: &Point) -> __m512i {
    unsafe { _mm512_loadu_si512((&raw const *point).cast()) }
}

/// Loads the x coordinates of two points.
#[inline(always)]
fn x_of_two(a: &Point, b: &Point) -> __m512i {
    unsafe {
        let [a, b] = [&raw const a.x, &raw const b.x];
        let low = _mm512_castsi256_si512(_mm256_loadu_si256(a.cast()));
        _mm512_inserti64x4::<1>(low, _mm256_loadu_si256(b.cast()))
    }
}

/// Coordinates are held as in [`Point`]: `x 2^256`. Inverses of their differences are held with `2^262`. So the slope
/// `s`, the product of such an inverse with a difference of ys, is `s 2^258`, and its square is `s^2 2^256`. The
/// slope's product with a difference of xs has `2^254`; it is multiplied by four.
impl Coordinates for Ifma<Fq> {
    const LANES: usize = LANES;

    #[inline(always)]
    fn one() -> Self {
        // halo2curves holds 16 as 2^260.
        Self::splat_limbs(&limbs(&Lazy::from(Fq::from(16)).words()))
    }

    // Written out, because the compiler doesn't inline closures here.
    #[inline(always)]
    fn load_x<'a>(point: impl Fn(usize) -> &'a Point) -> Self {
        let pairs = [
            x_of_two(point(0), point(1)),
            x_of_two(point(2), point(3)),
            x_of_two(point(4), point(5)),
            x_of_two(point(6), point(7)),
        ];
        Self::new(limbs_of_words(words_of_pairs(pairs)))
    }

    #[inline(always)]
    fn load<'a>(point: impl Fn(usize) -> &'a Point) -> (Self, Self) {
        let rows = [
            row_of(point(0)),
            row_of(point(1)),
            row_of(point(2)),
            row_of(point(3)),
            row_of(point(4)),
            row_of(point(5)),
            row_of(point(6)),
            row_of(point(7)),
        ];
        let [x0, x1, x2, x3, y0, y1, y2, y3] = transposed(rows);
        (Self::new(limbs_of_words([x0, x1, x2, x3])), Self::new(limbs_of_words([y0, y1, y2, y3])))
    }

    #[inline(always)]
    fn points(x: Self, y: Self) -> [Point; MAX_LANES] {
        let [x0, x1, x2, x3] = words_of_limbs(x.digits());
        let [y0, y1, y2, y3] = words_of_limbs(y.digits());
        let mut out = [Point::INFINITY; LANES];
        for (out, row) in out.iter_mut().zip(transposed([x0, x1, x2, x3, y0, y1, y2, y3])) {
            unsafe { _mm512_storeu_si512((&raw mut *out).cast(), row) }
        }
        out
    }

    #[inline(always)]
    fn least(mut self, rhs: Self) -> Self {
        self.0[4] = unsafe { _mm512_min_epu64(self.0[4], rhs.0[4]) };
        self
    }

    #[inline(always)]
    fn any_zero_limb(self) -> bool {
        unsafe { _mm512_cmpeq_epi64_mask(self.0[4], _mm512_setzero_si512()) != 0 }
    }

    fn inverted(self) -> Option<Self> {
        let mut words = [[0; 4]; LANES];
        Self::write(self.settle().reduced(), &mut words);
        let mut values = words.map(|words| Lazy::<Fq>::from_words(words).below_modulus());
        if values.contains(&Fq::ZERO) {
            return None;
        }
        values.iter_mut().batch_invert();
        // The lanes hold v 2^260, where v is the product of the differences' sixteenths. Read as x 2^256, that is 16 v.
        let words = values.map(|value| Lazy::from(value * Fq::from(64)).words());
        let pair = |index: usize| unsafe { _mm512_loadu_si512((&raw const words[2 * index]).cast()) };
        Some(Self::new(limbs_of_words(words_of_pairs([pair(0), pair(1), pair(2), pair(3)]))))
    }

    #[inline(always)]
    fn third((p_x, p_y): (Self, Self), difference: Self, slope: Self) -> (Self, Self) {
        let x = slope.square().sub(p_x.add(p_x).add(difference)).settle();
        let product = slope.mul(p_x.sub(x));
        let four_times = Self::new(product.0.map(up::<2>));
        (x, four_times.sub(p_y).settle())
    }
}

#[cfg(test)]
mod tests {
    use halo2curves::ff::PrimeField;
    use rand_chacha::ChaCha20Rng;
    use rand_core::{RngCore, SeedableRng};

    use super::*;

    /// Size of `2^-52` modulo `p` that the module's text relies on.
    #[test]
    fn the_reductions_power_is_small() {
        fn ratio<F: Field>() -> f64 {
            Constants::<F>::INVERSE[4] as f64 / Constants::<F>::MODULUS[4] as f64
        }
        assert!(ratio::<Fr>() < 0.13 && ratio::<Fq>() < 0.13);
    }

    /// Products, squares, settled sums and sixteenths of numbers of any size up to `2^260`, in both fields, with limbs
    /// of any signs. The results must be in their range.
    #[test]
    fn products_of_large_limbs() {
        fn check<F: Field + halo2curves::ff::Field + PrimeField>(rng: &mut ChaCha20Rng) {
            let shift = F::from(1 << 52);
            let two_260 = F::from(2).pow_vartime([260]);
            for round in 0..20_000 {
                // A value in limbs far from their range, and the value; called for one lane after the other.
                let mut number = || {
                    let mut limbs: [i64; 5] = std::array::from_fn(|_| {
                        if round % 2 == 0 { MASK as i64 } else { (rng.next_u64() & MASK) as i64 }
                    });
                    let value =
                        limbs.iter().rev().fold(F::ZERO, |value, limb| value * shift + F::from(*limb as u64));
                    for i in 0..4 {
                        let moved = (rng.next_u32() % 1000) as i64 - 500;
                        limbs[i] -= moved << BITS;
                        limbs[i + 1] += moved;
                    }
                    (limbs, value)
                };
                let numbers: [_; LANES] = std::array::from_fn(|_| [number(), number()]);
                let lanes = |which: usize| {
                    Ifma::<F>::new(std::array::from_fn(|i| {
                        let limbs: [i64; LANES] = std::array::from_fn(|lane| numbers[lane][which].0[i]);
                        unsafe { _mm512_loadu_si512(limbs.as_ptr().cast()) }
                    }))
                };
                // Results are at most `most` times the modulus, and in Montgomery form, as halo2curves' elements are.
                let values = |x: Ifma<F>, most: f64| -> [F; LANES] {
                    let top: [u64; LANES] = unsafe { std::mem::transmute(x.digits()[4]) };
                    assert!(top.iter().all(|top| *top as f64 <= most * Constants::<F>::MODULUS[4] as f64));
                    let mut words = [[0; 4]; LANES];
                    Ifma::<F>::write(x.settle().reduced(), &mut words);
                    words.map(|words| {
                        Lazy::<F>::from_words(words).below_modulus() * F::from(2).pow_vartime([256])
                    })
                };
                let (x, y) = (lanes(0), lanes(1));
                let (settled, product) = (values(x.settle(), 1.01), values(x.settle().mul(y), 2.15));
                let (square, sixteenth) = (values(x.settle().square(), 1.16), values(x.sixteenth(), 6.3));
                for lane in 0..LANES {
                    let [(_, x), (_, y)] = numbers[lane];
                    assert_eq!(settled[lane], x);
                    assert_eq!(product[lane] * two_260, x * y);
                    assert_eq!(square[lane] * two_260, x * x);
                    assert_eq!(sixteenth[lane] * F::from(16), x);
                }
            }
        }
        if !is_available() {
            return;
        }
        let mut rng = ChaCha20Rng::seed_from_u64(13);
        check::<Fr>(&mut rng);
        check::<Fq>(&mut rng);
    }
}
