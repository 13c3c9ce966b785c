//! Field elements in Montgomery form, four 64-bit words each, reduced only to below twice the modulus.
//!
//! halo2curves' products end with a comparison against the modulus, whose result is random and therefore mispredicted.
//! Below twice the modulus no comparison is needed. On processors with `mulx`, `adcx` and `adox` a product keeps two
//! chains of carries, which the compiler doesn't.

#![expect(unsafe_code, reason = "conversions from and to halo2curves' fields, and assembly")]

use std::{
    fmt::Debug,
    marker::PhantomData,
    ops::{Add, Mul, Neg, Sub},
};

use halo2curves::bn256::{Fq, Fr};

/// A number of 256 bits in 64-bit words, least significant first.
pub(crate) type Words = [u64; 4];

/// A field of BN254: halo2curves' type, whose elements are held as `x 2^256` modulo `p` in four words.
pub trait Field: Sealed + Copy + Debug + Send + Sync + 'static {
    /// Modulus `p`, between `2^253` and `2^254`.
    const MODULUS: Words;
    /// `-1 / p` modulo `2^64`.
    const NEG_INVERSE: u64 = {
        // Newton's iteration doubles the number of correct bits.
        let mut inverse = 1_u64;
        let mut i = 0;
        while i < 6 {
            inverse = inverse.wrapping_mul(2_u64.wrapping_sub(Self::MODULUS[0].wrapping_mul(inverse)));
            i += 1;
        }
        inverse.wrapping_neg()
    };
    /// `2 p`.
    const TWICE: Words = {
        let p = Self::MODULUS;
        [p[0] << 1, p[1] << 1 | p[0] >> 63, p[2] << 1 | p[1] >> 63, p[3] << 1 | p[2] >> 63]
    };
}

/// Supertrait that keeps other crates from implementing [`Field`]: its methods turn any four words into an element.
mod sealed {
    pub trait Sealed {}
}
use sealed::Sealed;

impl Sealed for Fq {}
impl Sealed for Fr {}

impl Field for Fq {
    const MODULUS: Words =
        [0x3c20_8c16_d87c_fd47, 0x9781_6a91_6871_ca8d, 0xb850_45b6_8181_585d, 0x3064_4e72_e131_a029];
}

impl Field for Fr {
    const MODULUS: Words =
        [0x43e1_f593_f000_0001, 0x2833_e848_79b9_7091, 0xb850_45b6_8181_585d, 0x3064_4e72_e131_a029];
}

/// An element of `F` in Montgomery form: either of the two numbers below `2 p` that stand for it.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Lazy<F>(Words, PhantomData<F>);

const _: () = assert!(size_of::<Fq>() == size_of::<Words>() && size_of::<Fr>() == size_of::<Words>());

impl<F: Field> From<F> for Lazy<F> {
    #[inline(always)]
    fn from(value: F) -> Self {
        const { assert!(size_of::<F>() == size_of::<Words>()) };
        // SAFETY: halo2curves' fields are one array of four words in Montgomery form (a test compares), and any bits
        // are an array of words.
        Self(unsafe { std::mem::transmute_copy::<F, Words>(&value) }, PhantomData)
    }
}

impl<F: Field> Lazy<F> {
    /// Zero.
    pub const ZERO: Self = Self([0; 4], PhantomData);

    /// Returns halo2curves' element.
    #[inline(always)]
    pub fn reduced(self) -> F {
        Self(subtract_if_not_below(self.0, &F::MODULUS), PhantomData).below_modulus()
    }

    /// Returns halo2curves' element, if this is the number below `p`.
    #[inline(always)]
    pub(crate) fn below_modulus(self) -> F {
        const { assert!(size_of::<F>() == size_of::<Words>()) };
        // SAFETY: as above. The caller guarantees words below the modulus, as halo2curves has them; others would only
        // be wrong, as any words are an array of words.
        unsafe { std::mem::transmute_copy::<Words, F>(&self.0) }
    }

    /// Words of the number.
    #[inline(always)]
    pub fn words(self) -> Words {
        self.0
    }

    /// The element with these words, which must be a number below `2 p`.
    #[inline(always)]
    pub fn from_words(words: Words) -> Self {
        Self(words, PhantomData)
    }

    /// Returns whether this is 0.
    #[inline(always)]
    pub fn is_zero(&self) -> bool {
        let differs = |words: &Words| {
            (self.0[0] ^ words[0]) | (self.0[1] ^ words[1]) | (self.0[2] ^ words[2]) | (self.0[3] ^ words[3])
        };
        differs(&[0; 4]) == 0 || differs(&F::MODULUS) == 0
    }

    /// Twice this.
    #[inline(always)]
    pub fn double(self) -> Self {
        self + self
    }

    /// The square.
    #[inline(always)]
    pub fn square(self) -> Self {
        self * self
    }
}

impl<F: Field> Add for Lazy<F> {
    type Output = Self;

    #[inline(always)]
    fn add(self, rhs: Self) -> Self {
        let (a, b) = (self.0, rhs.0);
        let (s0, c) = a[0].overflowing_add(b[0]);
        let (s1, c) = carrying_add(a[1], b[1], c);
        let (s2, c) = carrying_add(a[2], b[2], c);
        // Below 4 p, which is below 2^256.
        let s3 = a[3] + b[3] + u64::from(c);
        Self(subtract_if_not_below([s0, s1, s2, s3], &F::TWICE), PhantomData)
    }
}

impl<F: Field> Sub for Lazy<F> {
    type Output = Self;

    #[inline(always)]
    fn sub(self, rhs: Self) -> Self {
        let (difference, negative) = subtract(&self.0, &rhs.0);
        Self(add_masked(&difference, &F::TWICE, negative), PhantomData)
    }
}

impl<F: Field> Neg for Lazy<F> {
    type Output = Self;

    #[inline(always)]
    fn neg(self) -> Self {
        Self::ZERO - self
    }
}

impl<F: Field> Mul for Lazy<F> {
    type Output = Self;

    #[inline(always)]
    fn mul(self, rhs: Self) -> Self {
        // 4 p^2 / 2^256 + p is below 1.76 p.
        Self(multiply::<F>(&self.0, &rhs.0), PhantomData)
    }
}

/// Low word of `a + b + carry`, and the carry.
#[inline(always)]
fn carrying_add(a: u64, b: u64, carry: bool) -> (u64, bool) {
    let (sum, first) = a.overflowing_add(b);
    let (sum, second) = sum.overflowing_add(u64::from(carry));
    (sum, first | second)
}

/// `a - b` modulo `2^256`, and whether the difference is negative.
#[inline(always)]
pub(crate) const fn subtract(a: &Words, b: &Words) -> (Words, bool) {
    #[inline(always)]
    const fn borrowing(a: u64, b: u64, borrow: bool) -> (u64, bool) {
        let (difference, first) = a.overflowing_sub(b);
        let (difference, second) = difference.overflowing_sub(borrow as u64);
        (difference, first | second)
    }
    let (d0, borrow) = a[0].overflowing_sub(b[0]);
    let (d1, borrow) = borrowing(a[1], b[1], borrow);
    let (d2, borrow) = borrowing(a[2], b[2], borrow);
    let (d3, borrow) = borrowing(a[3], b[3], borrow);
    ([d0, d1, d2, d3], borrow)
}

/// `x / 2`, rounded down.
pub(crate) const fn half(x: &Words) -> Words {
    [x[0] >> 1 | x[1] << 63, x[1] >> 1 | x[2] << 63, x[2] >> 1 | x[3] << 63, x[3] >> 1]
}

/// `2^-exponent` modulo `p`.
pub(crate) const fn inverse_power(exponent: usize, p: &Words) -> Words {
    let mut x = [1, 0, 0, 0];
    let mut i = 0;
    while i < exponent {
        let odd = x[0] & 1 == 1;
        let mut carry = 0;
        let mut j = 0;
        while j < 4 {
            let sum = x[j] as u128 + if odd { p[j] as u128 } else { 0 } + carry;
            x[j] = sum as u64;
            carry = sum >> 64;
            j += 1;
        }
        x = half(&x);
        i += 1;
    }
    x
}

/// `a + b` modulo `2^256` if `add`, else `a`.
#[inline(always)]
fn add_masked(a: &Words, b: &Words, add: bool) -> Words {
    let mask = u64::from(add).wrapping_neg();
    let (s0, c) = a[0].overflowing_add(b[0] & mask);
    let (s1, c) = carrying_add(a[1], b[1] & mask, c);
    let (s2, c) = carrying_add(a[2], b[2] & mask, c);
    let s3 = a[3].wrapping_add(b[3] & mask).wrapping_add(u64::from(c));
    [s0, s1, s2, s3]
}

/// `a - b`, or `a` if it is below `b`.
#[inline(always)]
fn subtract_if_not_below(a: Words, b: &Words) -> Words {
    let (difference, negative) = subtract(&a, b);
    add_masked(&difference, b, negative)
}

/// `a b / 2^256` modulo `p`, below `2 p` if `a` and `b` are.
///
/// Words of `b` are taken one after the other. `t + a b_i` stays below `3 p + 2 p 2^64`. With the multiple of `p` that
/// makes its lowest word zero, it is below `3 p 2^64 + 3 p`, which five words hold. Without the lowest word it is below
/// `3 p + 1`, which four words hold.
#[cfg(not(all(target_arch = "x86_64", target_feature = "bmi2", target_feature = "adx")))]
#[inline(always)]
fn multiply<F: Field>(a: &Words, b: &Words) -> Words {
    portable::<F>(a, b)
}

/// [`multiply`] without assembly.
#[cfg(any(test, not(all(target_arch = "x86_64", target_feature = "bmi2", target_feature = "adx"))))]
#[inline(always)]
fn portable<F: Field>(a: &Words, b: &Words) -> Words {
    /// Low and high word of `a + b c + carry`.
    #[inline(always)]
    fn multiply_add(a: u64, b: u64, c: u64, carry: u64) -> (u64, u64) {
        let sum = u128::from(a) + u128::from(b) * u128::from(c) + u128::from(carry);
        (sum as u64, (sum >> 64) as u64)
    }
    let mut t = [0_u64; 4];
    for &b in b {
        let mut carry;
        (t[0], carry) = multiply_add(t[0], a[0], b, 0);
        (t[1], carry) = multiply_add(t[1], a[1], b, carry);
        (t[2], carry) = multiply_add(t[2], a[2], b, carry);
        (t[3], carry) = multiply_add(t[3], a[3], b, carry);
        let top = carry;
        let q = t[0].wrapping_mul(F::NEG_INVERSE);
        (_, carry) = multiply_add(t[0], q, F::MODULUS[0], 0);
        (t[0], carry) = multiply_add(t[1], q, F::MODULUS[1], carry);
        (t[1], carry) = multiply_add(t[2], q, F::MODULUS[2], carry);
        (t[2], carry) = multiply_add(t[3], q, F::MODULUS[3], carry);
        t[3] = top + carry;
    }
    t
}

/// `a b / 2^256` modulo `p`, below `2 p` if `a` and `b` are. The steps are those of the portable function; the carries
/// of the low words (`adcx`) and of the high words (`adox`) are two chains side by side.
#[cfg(all(target_arch = "x86_64", target_feature = "bmi2", target_feature = "adx"))]
#[inline(always)]
fn multiply<F: Field>(a: &Words, b: &Words) -> Words {
    // The five words of t rotate through t0 to t4: the lowest word becomes zero, and is the next round's highest.
    macro_rules! round {
        ($offset:literal, $t0:literal, $t1:literal, $t2:literal, $t3:literal, $t4:literal) => {
            concat!(
                "mov rdx, [{b} + ",
                $offset,
                "]\n",
                "xor {",
                $t4,
                ":e}, {",
                $t4,
                ":e}\n",
                "mulx {high}, {low}, [{a}]\n",
                "adcx {",
                $t0,
                "}, {low}\n",
                "adox {",
                $t1,
                "}, {high}\n",
                "mulx {high}, {low}, [{a} + 8]\n",
                "adcx {",
                $t1,
                "}, {low}\n",
                "adox {",
                $t2,
                "}, {high}\n",
                "mulx {high}, {low}, [{a} + 16]\n",
                "adcx {",
                $t2,
                "}, {low}\n",
                "adox {",
                $t3,
                "}, {high}\n",
                "mulx {high}, {low}, [{a} + 24]\n",
                "adcx {",
                $t3,
                "}, {low}\n",
                "adox {",
                $t4,
                "}, {high}\n",
                "mov {low:e}, 0\n",
                "adcx {",
                $t4,
                "}, {low}\n",
                "mov rdx, {",
                $t0,
                "}\n",
                "imul rdx, {inverse}\n",
                "xor {low:e}, {low:e}\n",
                "mulx {high}, {low}, [{p}]\n",
                "adcx {low}, {",
                $t0,
                "}\n",
                "adox {",
                $t1,
                "}, {high}\n",
                "mulx {high}, {low}, [{p} + 8]\n",
                "adcx {",
                $t1,
                "}, {low}\n",
                "adox {",
                $t2,
                "}, {high}\n",
                "mulx {high}, {low}, [{p} + 16]\n",
                "adcx {",
                $t2,
                "}, {low}\n",
                "adox {",
                $t3,
                "}, {high}\n",
                "mulx {high}, {low}, [{p} + 24]\n",
                "adcx {",
                $t3,
                "}, {low}\n",
                "adox {",
                $t4,
                "}, {high}\n",
                "mov {low:e}, 0\n",
                "adcx {",
                $t4,
                "}, {low}\n",
            )
        };
    }
    let t: Words;
    // SAFETY: the assembly reads the words of a, b and p, and writes only to the registers that it names. Its
    // instructions are enabled for the whole build.
    unsafe {
        let (t0, t1, t2, t4): (u64, u64, u64, u64);
        std::arch::asm!(
            round!("0", "t0", "t1", "t2", "t3", "t4"),
            round!("8", "t1", "t2", "t3", "t4", "t0"),
            round!("16", "t2", "t3", "t4", "t0", "t1"),
            round!("24", "t3", "t4", "t0", "t1", "t2"),
            a = in(reg) a,
            b = in(reg) b,
            p = in(reg) &F::MODULUS,
            inverse = in(reg) F::NEG_INVERSE,
            low = out(reg) _,
            high = out(reg) _,
            t0 = inout(reg) 0_u64 => t0,
            t1 = inout(reg) 0_u64 => t1,
            t2 = inout(reg) 0_u64 => t2,
            t3 = inout(reg) 0_u64 => _,
            t4 = out(reg) t4,
            out("rdx") _,
            options(pure, readonly, nostack),
        );
        t = [t4, t0, t1, t2];
    }
    t
}

#[cfg(test)]
mod tests {
    use halo2curves::ff::{Field as _, PrimeField};
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    fn agrees<F: PrimeField + Field>() {
        let mut rng = ChaCha20Rng::seed_from_u64(9);
        let mut elements = vec![F::ZERO, F::ONE, -F::ONE, F::TWO_INV, F::ROOT_OF_UNITY];
        elements.extend((0..40).map(|_| F::random(&mut rng)));
        for a in &elements {
            for b in &elements {
                let p: Lazy<F> = Lazy(<F as Field>::MODULUS, PhantomData);
                // Each element as either of its two numbers.
                let [x, y] = [a, b].map(|element| Lazy::from(*element));
                let other = |x: Lazy<F>| Lazy(add_masked(&x.0, &p.0, true), PhantomData);
                for (x, y) in [(x, y), (other(x), y), (x, other(y)), (other(x), other(y))] {
                    assert_eq!((x * y).reduced(), *a * b);
                    assert_eq!(multiply::<F>(&x.0, &y.0), portable::<F>(&x.0, &y.0));
                    assert_eq!((x + y).reduced(), *a + b);
                    assert_eq!((x - y).reduced(), *a - b);
                    assert_eq!((-x).reduced(), -*a);
                    assert_eq!(x.square().reduced(), a.square());
                    assert_eq!(x.double().reduced(), a.double());
                    assert_eq!((x - y).is_zero(), a == b);
                    for result in [x * y, x + y, x - y] {
                        assert!(subtract(&result.0, &F::TWICE).1, "below 2 p");
                    }
                }
            }
        }
    }

    #[test]
    fn arithmetic_agrees_with_halo2curves() {
        agrees::<Fq>();
        agrees::<Fr>();
    }

    #[test]
    fn inverses_of_powers_of_two() {
        for exponent in [0, 1, 51, 52, 204] {
            let power = Fr::from(2).pow_vartime([exponent as u64]);
            assert_eq!(Fr::from_raw(inverse_power(exponent, &<Fr as Field>::MODULUS)) * power, Fr::ONE);
            let power = Fq::from(2).pow_vartime([exponent as u64]);
            assert_eq!(Fq::from_raw(inverse_power(exponent, &<Fq as Field>::MODULUS)) * power, Fq::ONE);
        }
    }
}
