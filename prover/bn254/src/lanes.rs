//! Elements of the scalar field side by side.

use halo2curves::bn256::Fr;

/// The most elements that a kernel computes side by side.
pub const MAX_LANES: usize = 8;

/// Work that is done with a kernel.
pub trait Task {
    /// Does it on this thread. To be marked `#[inline(always)]`, so that it gets the kernel's instructions.
    fn run(self);
}

/// Work that any kernel can do, with tasks for it on one or more threads.
pub trait Work {
    /// What comes of it.
    type Output;
    /// Does it with a kernel.
    fn with<L: Lanes>(self) -> Self::Output;
}

/// Does work with the fastest kernel that this processor is capable of.
pub fn with_best_lanes<W: Work>(work: W) -> W::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if crate::Ifma::<Fr>::is_available() {
            return work.with::<crate::Ifma<Fr>>();
        }
        if crate::Avx2::<Fr>::is_available() {
            return work.with::<crate::Avx2<Fr>>();
        }
    }
    work.with::<Portable>()
}

/// A few elements of the scalar field. Sums are lazy: what a transform's butterflies need is allowed, and said here.
///
/// An element is *settled* after [`settle`](Lanes::settle), and a *product* after
/// [`scale`](Lanes::scale) and [`mul`](Lanes::mul). What
/// [`load`](Lanes::load) gives, and a sum of at most three settled elements and products, is good for all that follows but
/// further sums, and nothing larger is; what is subtracted is no difference itself, unless it is settled. [`Bound`] says it
/// in numbers, for sums and products that are planned ahead. All methods are to be inlined into a function that has the
/// kernel's instructions enabled.
///
/// Factors have a form of their own, in which sums, differences and products of factors are factors again, and products of
/// elements with factors are elements. [`to_elements`](Lanes::to_elements) leads back.
pub trait Lanes: Copy {
    /// Elements in one value, at most [`MAX_LANES`].
    const LANES: usize;
    /// Factors are `f 2^FACTOR_BITS` modulo `p`, where the library's elements are `x 2^256`.
    const FACTOR_BITS: u32;
    /// A factor, the same for all lanes.
    type Factor: Copy + Send + Sync + std::fmt::Debug;

    /// Runs a task with the kernel's instructions enabled, on a processor that has them.
    fn enable(task: impl Task);
    /// The factor.
    fn factor(factor: Fr) -> Self::Factor;
    /// The elements, `LANES` of them.
    fn load(elements: &[Fr]) -> Self;
    /// The `LANES` elements, as factors for [`mul`](Lanes::mul).
    fn factors(elements: &[Fr]) -> Self;
    /// The `LANES` elements, as factors that aren't settled: [`Bound::LOADED_FACTORS`].
    fn load_factors(elements: &[Fr]) -> Self;
    /// The factor in all lanes.
    fn splat(factor: &Self::Factor) -> Self;
    /// The factors as elements. A sum of two, as bounds go.
    fn to_elements(self) -> Self;
    /// Writes the elements, which are any sum that is allowed, to `out`, which has room for `LANES`.
    fn store(self, out: &mut [Fr]);
    /// The same elements, settled.
    fn settle(self) -> Self;
    /// The sum.
    fn add(self, rhs: Self) -> Self;
    /// The difference.
    fn sub(self, rhs: Self) -> Self;
    /// The products with a factor.
    #[inline(always)]
    fn scale(self, factor: &Self::Factor) -> Self {
        self.mul(Self::splat(factor))
    }
    /// The products with factors, which [`factors`](Lanes::factors) gave or [`settle`](Lanes::settle); those of loaded and
    /// settled elements also with factors that this or `scale` gave; or any that [`Bound::product`] allows.
    fn mul(self, factors: Self) -> Self;
    /// The squares of factors that [`fit`](Lanes::fit) or `square` gave.
    #[inline(always)]
    fn square(self) -> Self {
        self.mul(self)
    }
    /// The same elements, small enough for products of them among themselves: settled, unless the kernel has room for more.
    #[inline(always)]
    fn fit(self) -> Self {
        self.settle()
    }
}

/// How large elements may be, so that it is known beforehand which sums must be settled, whatever the kernel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    /// Of the parts that the kernel with signs ([`Avx2`](crate::Avx2)) splits elements into, as a multiple of those of a
    /// settled element.
    parts: u32,
    /// Of the element's magnitude there, as a multiple of the modulus.
    value: f64,
    /// Of the element in the kernel without signs ([`Ifma`](crate::Ifma)), as a multiple of the modulus.
    unsigned: f64,
}

impl Bound {
    /// After [`settle`](Lanes::settle) and of [`factors`](Lanes::factors).
    pub const SETTLED: Self = Self { parts: 1, value: 0.51, unsigned: 1.01 };
    /// Of [`load`](Lanes::load).
    pub const LOADED: Self = Self { parts: 2, value: 1.0, unsigned: 1.0 };
    /// Of [`load_factors`](Lanes::load_factors).
    pub const LOADED_FACTORS: Self = Self { parts: 2, value: 0.51, unsigned: 16.0 };
    /// The largest that can be settled and stored.
    const LARGEST: Self = Self { parts: 3, value: 4.2, unsigned: 80.0 };
    /// The largest that can be an output: its [`to_elements`](Lanes::to_elements) and a product of a loaded element
    /// with a factor can be added.
    const LARGEST_OUTPUT: Self = Self { parts: 1, value: 1.4, unsigned: 80.0 };
    /// The top part of a number as large as the modulus, as a multiple of the other parts of a settled element.
    const TOP: f64 = 0.76;
    /// The multiple of the modulus that the kernel without signs adds to a difference, so that it isn't negative.
    pub(crate) const LENT: u64 = 20;

    fn is_within(self, bound: Self) -> bool {
        self.parts <= bound.parts && self.value <= bound.value && self.unsigned <= bound.unsigned
    }

    /// That of all parts.
    fn magnitude(self) -> f64 {
        f64::from(self.parts).max(Self::TOP * self.value)
    }

    /// That of sums, unless one is to be settled first.
    pub fn sum(self, rhs: Self) -> Option<Self> {
        let sum = Self {
            parts: self.parts + rhs.parts,
            value: self.value + rhs.value,
            unsigned: self.unsigned + rhs.unsigned,
        };
        sum.is_within(Self::LARGEST).then_some(sum)
    }

    /// That of differences, unless one is to be settled first.
    pub fn difference(self, rhs: Self) -> Option<Self> {
        let lent = Self::LENT as f64;
        let difference = Self {
            parts: self.parts + rhs.parts,
            value: self.value + rhs.value,
            unsigned: self.unsigned + lent,
        };
        (rhs.unsigned <= lent && difference.is_within(Self::LARGEST)).then_some(difference)
    }

    /// That of products, unless one is to be settled first.
    pub fn product(self, rhs: Self) -> Option<Self> {
        // Below 4, parts' products are below 2^102, and products have room below 2.6 (see the kernel's text). p / 2^255 is
        // below 0.38. Without signs, p / 2^260 is below 1 / 84, and what the reduction adds below 1.14.
        let product = Self {
            parts: 1,
            value: 0.38 * self.value * rhs.value + 1.02,
            unsigned: self.unsigned * rhs.unsigned / 84.0 + 1.14,
        };
        (self.magnitude() * rhs.magnitude() < 3.9 && product.value < 2.6 && product.is_within(Self::LARGEST))
            .then_some(product)
    }

    /// Whether `to_elements` of factors is an element to which a loaded element's product with a factor can be added.
    pub fn is_output(self) -> bool {
        self.is_within(Self::LARGEST_OUTPUT)
    }

    /// The larger of two: what is to be settled first.
    pub fn exceeds(self, rhs: Self) -> bool {
        self.magnitude() > rhs.magnitude()
    }
}

/// Elements of the portable kernel: as many as fill a cache line or two in a transform.
const PORTABLE: usize = 4;

/// The portable kernel: the library's elements.
#[derive(Clone, Copy, Debug)]
pub struct Portable([Fr; PORTABLE]);

impl Portable {
    #[inline(always)]
    fn each(f: impl FnMut(usize) -> Fr) -> Self {
        Self(std::array::from_fn(f))
    }
}

impl Lanes for Portable {
    const LANES: usize = PORTABLE;
    const FACTOR_BITS: u32 = 256;
    type Factor = Fr;

    fn enable(task: impl Task) {
        task.run();
    }

    fn factor(factor: Fr) -> Fr {
        factor
    }

    #[inline(always)]
    fn load(elements: &[Fr]) -> Self {
        Self::each(|lane| elements[lane])
    }

    #[inline(always)]
    fn factors(elements: &[Fr]) -> Self {
        Self::load(elements)
    }

    #[inline(always)]
    fn load_factors(elements: &[Fr]) -> Self {
        Self::load(elements)
    }

    #[inline(always)]
    fn splat(factor: &Fr) -> Self {
        Self([*factor; PORTABLE])
    }

    #[inline(always)]
    fn to_elements(self) -> Self {
        self
    }

    #[inline(always)]
    fn store(self, out: &mut [Fr]) {
        out[..PORTABLE].copy_from_slice(&self.0);
    }

    #[inline(always)]
    fn settle(self) -> Self {
        self
    }

    #[inline(always)]
    fn add(self, rhs: Self) -> Self {
        Self::each(|lane| self.0[lane] + rhs.0[lane])
    }

    #[inline(always)]
    fn sub(self, rhs: Self) -> Self {
        Self::each(|lane| self.0[lane] - rhs.0[lane])
    }

    #[inline(always)]
    fn mul(self, factors: Self) -> Self {
        Self::each(|lane| self.0[lane] * factors.0[lane])
    }
}

#[cfg(test)]
mod tests {
    use halo2curves::ff::{Field, PrimeField};
    use rand_chacha::ChaCha20Rng;
    use rand_core::{RngCore, SeedableRng};

    use super::*;

    /// A test of a kernel.
    trait Check {
        fn check<L: Lanes>();
    }

    /// Tests all kernels that this processor is capable of, with their instructions enabled.
    fn check_all<C: Check>() {
        struct Run<C, L>(std::marker::PhantomData<(C, L)>);
        impl<C: Check, L: Lanes> Task for Run<C, L> {
            fn run(self) {
                C::check::<L>();
            }
        }
        fn enable<C: Check, L: Lanes>() {
            L::enable(Run::<C, L>(std::marker::PhantomData));
        }
        #[cfg(target_arch = "x86_64")]
        {
            if crate::Ifma::<Fr>::is_available() {
                enable::<C, crate::Ifma<Fr>>();
            }
            if crate::Avx2::<Fr>::is_available() {
                enable::<C, crate::Avx2<Fr>>();
            }
        }
        enable::<C, Portable>();
    }

    type Elements = [Fr; MAX_LANES];

    fn random(rng: &mut ChaCha20Rng) -> Elements {
        std::array::from_fn(|_| match rng.next_u32() % 8 {
            0 => Fr::ZERO,
            1 => -Fr::ONE,
            2 => Fr::from(u64::from(rng.next_u32())),
            3 => -Fr::from(u64::from(rng.next_u32())),
            // 1 and p - 1 in words.
            4 => Fr::TWO_INV.pow_vartime([256]),
            5 => -Fr::TWO_INV.pow_vartime([256]),
            _ => Fr::random(&mut *rng),
        })
    }

    fn zip(a: Elements, b: Elements, f: impl Fn(Fr, Fr) -> Fr) -> Elements {
        std::array::from_fn(|lane| f(a[lane], b[lane]))
    }

    #[track_caller]
    fn assert_stores<L: Lanes>(lanes: L, expected: Elements) {
        let mut out = [Fr::ZERO; MAX_LANES];
        lanes.store(&mut out);
        assert_eq!(out[..L::LANES], expected[..L::LANES]);
    }

    struct Arithmetic;

    impl Check for Arithmetic {
        fn check<L: Lanes>() {
            let mut rng = ChaCha20Rng::seed_from_u64(11);
            for _ in 0..10_000 {
                let [x, y, z, f] = std::array::from_fn(|_| random(&mut rng));
                let [a, b, c] = [x, y, z].map(|elements| L::load(&elements));
                assert_stores(a, x);
                assert_stores(a.settle(), x);
                assert_stores(a.scale(&L::factor(f[0])), x.map(|x| x * f[0]));
                let factors = L::factors(&f);
                let (xf, yf, zf) =
                    (zip(x, f, |x, f| x * f), zip(y, f, |y, f| y * f), zip(z, f, |z, f| z * f));
                let [af, bf, cf] = [a, b, c].map(|a| a.mul(factors));
                assert_stores(af, xf);
                // The largest sums that are allowed, and their products.
                let sum = a.settle().add(bf).sub(cf);
                let expected = zip(zip(x, yf, |x, y| x + y), zf, |sum, z| sum - z);
                assert_stores(sum, expected);
                let mut product = (sum, expected);
                for _ in 0..20 {
                    let (q, expected) = (product.0.mul(factors), zip(product.1, f, |x, f| x * f));
                    assert_stores(q, expected);
                    product = (a.settle().sub(q).sub(q), zip(x, expected, |x, q| x - q - q));
                    assert_stores(product.0, product.1);
                }
                // Products of factors are factors.
                let square = factors.mul(factors);
                assert_stores(a.mul(square), zip(xf, f, |x, f| x * f));
            }
        }
    }

    #[test]
    fn arithmetic_is_the_librarys() {
        check_all::<Arithmetic>();
    }

    struct Bounds;

    impl Check for Bounds {
        fn check<L: Lanes>() {
            let mut rng = ChaCha20Rng::seed_from_u64(12);
            let mut settled = 0;
            for _ in 0..300 {
                let mut known: Vec<(L, Bound, Elements)> = Vec::new();
                for _ in 0..8 {
                    let x = random(&mut rng);
                    known.push((L::load_factors(&x), Bound::LOADED_FACTORS, x));
                }
                for _ in 0..60 {
                    let pick = |rng: &mut ChaCha20Rng| rng.next_u32() as usize % known.len();
                    let (a, b, kind) = (pick(&mut rng), pick(&mut rng), rng.next_u32() % 3);
                    let bound = |a: Bound, b: Bound| match kind {
                        0 => a.sum(b),
                        1 => a.difference(b),
                        _ => a.product(b),
                    };
                    while bound(known[a].1, known[b].1).is_none() {
                        let larger = if known[a].1.exceeds(known[b].1) { a } else { b };
                        let larger = &mut known[larger];
                        assert_ne!(larger.1, Bound::SETTLED, "settled ones can be computed with");
                        *larger = (larger.0.settle(), Bound::SETTLED, larger.2);
                        settled += 1;
                    }
                    let bound = bound(known[a].1, known[b].1).expect("now it is allowed");
                    let ((a, _, x), (b, _, y)) = (known[a], known[b]);
                    let (c, z) = match kind {
                        0 => (a.add(b), zip(x, y, |x, y| x + y)),
                        1 => (a.sub(b), zip(x, y, |x, y| x - y)),
                        _ => (a.mul(b), zip(x, y, |x, y| x * y)),
                    };
                    known.push((c, bound, z));
                }
                for (a, bound, x) in known {
                    let output = if bound.is_output() { a } else { a.settle() };
                    let element = L::load(&x).scale(&L::factor(x[0])).add(output.to_elements());
                    assert_stores(element, x.map(|y| y * x[0] + y));
                    assert_stores(output.to_elements(), x);
                }
            }
            assert!(settled > 1000, "{settled}");
        }
    }

    /// Random sums and products of loaded factors, settled only where their bounds demand it.
    #[test]
    fn factors_stay_exact_within_their_bounds() {
        check_all::<Bounds>();
    }
}
