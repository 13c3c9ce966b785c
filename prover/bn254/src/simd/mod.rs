//! Several scalar-field elements side by side, one per SIMD lane.
//!
//! The kernels' types stay private to this module. Their safe methods execute vector instructions, so the types may
//! only be named after the processor was asked: [`InstructionSet`] does, and hands them out as a type parameter.

mod align;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx2_asm;
#[cfg(target_arch = "x86_64")]
mod ifma;
pub(crate) mod portable;

use std::fmt::Debug;

#[cfg(target_arch = "x86_64")]
use halo2curves::bn256::Fq;
use halo2curves::bn256::Fr;

use self::portable::Portable;
#[cfg(target_arch = "x86_64")]
use self::{avx2::Avx2, ifma::Ifma};
#[cfg(target_arch = "x86_64")]
use crate::affine_batch_add::Pairs;

/// Upper bound of [`Lanes::LANES`] over all kernels.
pub const MAX_LANES: usize = 8;

/// A computation on one thread, written for the lanes of some kernel.
pub trait KernelTask {
    /// Runs the computation. Implementations are `#[inline(always)]`, so that they are compiled with the kernel's
    /// instructions enabled.
    fn run(self);
}

/// A computation that any kernel can do. It runs [`KernelTask`]s on one or more threads.
pub trait KernelDispatch {
    /// The result.
    type Output;
    /// Runs the computation with a kernel, through [`Lanes::enable`].
    fn with<L: Lanes>(self) -> Self::Output;
}

/// Runs a computation with the fastest kernel that this processor supports.
pub fn with_best_kernel<D: KernelDispatch>(dispatch: D) -> D::Output {
    InstructionSet::best().run(dispatch)
}

/// Instructions that this processor supports, each with a kernel.
///
/// A value is proof of the support: only [`best`](Self::best) and [`available`](Self::available) make one, apart from
/// [`PORTABLE`](Self::PORTABLE), which needs none. The kernels' types can be reached through [`run`](Self::run) alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstructionSet(Kernel);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kernel {
    #[cfg(target_arch = "x86_64")]
    Ifma,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl InstructionSet {
    /// No vector instructions: the reference for the others.
    pub const PORTABLE: Self = Self(Kernel::Portable);

    /// The set with the fastest kernel.
    #[inline]
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if ifma::is_available() {
                return Self(Kernel::Ifma);
            }
            if avx2::is_available() {
                return Self(Kernel::Avx2);
            }
        }
        Self::PORTABLE
    }

    /// All sets that this processor supports, the fastest first.
    pub fn available() -> Vec<Self> {
        let mut sets = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if ifma::is_available() {
                sets.push(Self(Kernel::Ifma));
            }
            if avx2::is_available() {
                sets.push(Self(Kernel::Avx2));
            }
        }
        sets.push(Self::PORTABLE);
        sets
    }

    /// Name of the instructions, for people.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kernel::Ifma => "AVX-512 IFMA",
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 => "AVX2 FMA",
            Kernel::Portable => "portable",
        }
    }

    /// Number of elements side by side: the kernel's [`Lanes::LANES`].
    pub fn lanes(self) -> usize {
        struct Count;
        impl KernelDispatch for Count {
            type Output = usize;
            fn with<L: Lanes>(self) -> usize {
                L::LANES
            }
        }
        self.run(Count)
    }

    /// Runs a computation with this set's kernel.
    pub fn run<D: KernelDispatch>(self, dispatch: D) -> D::Output {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kernel::Ifma => dispatch.with::<Ifma<Fr>>(),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 => dispatch.with::<Avx2<Fr>>(),
            Kernel::Portable => dispatch.with::<Portable>(),
        }
    }

    /// Adds the first `count` pairs of points in the lanes of this set's kernel, as [`crate::affine_lanes::add`] does.
    /// Returns false, having done nothing, if a pair is special or the set has no lanes for coordinates.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    #[expect(unsafe_code, reason = "the kernels' instructions are enabled by function")]
    pub(crate) fn add_points(self, memory: &mut PointMemory, count: usize, pairs: &mut impl Pairs) -> bool {
        match self.0 {
            // SAFETY: the set is proof that the processor has the instructions.
            Kernel::Ifma => unsafe { ifma::add_points(&mut memory.ifma, count, pairs) },
            // SAFETY: as above.
            Kernel::Avx2 => unsafe { avx2::add_points(&mut memory.avx2, count, pairs) },
            Kernel::Portable => false,
        }
    }
}

/// Memory that [`InstructionSet::add_points`] keeps from call to call, in each kernel's form.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Default)]
pub(crate) struct PointMemory {
    ifma: Vec<(Ifma<Fq>, Ifma<Fq>)>,
    avx2: Vec<(Avx2<Fq>, Avx2<Fq>)>,
}

/// Arithmetic modulo `p` in the lanes of a kernel, which reduces only where [`settle`](Self::settle) is called.
///
/// Operands must be within the kernel's bounds: see [`Lanes`] for the scalar field. Methods are inlined into a function
/// that has the kernel's instructions enabled.
pub trait LazyArithmetic: Copy + Debug + Send + Sync + 'static {
    /// The same elements, settled: in the least range that the kernel has.
    fn settle(self) -> Self;
    /// The sums.
    fn add(self, rhs: Self) -> Self;
    /// The differences.
    fn sub(self, rhs: Self) -> Self;
    /// The products with factors.
    fn mul(self, factors: Self) -> Self;
    /// The squares of factors.
    fn square(self) -> Self;
}

/// Elements of the scalar field in the lanes of a kernel: `LANES` values, none of them reduced before it must be.
///
/// # Elements and factors
///
/// A lane holds one of two forms. An *element* is `x 2^256`, halo2curves' own Montgomery form. A *factor* is
/// `f 2^FACTOR_BITS`, the form in which `mul` takes its right operand. A product of an element with a factor is an
/// element. Sums, differences and products of factors are factors. [`to_elements`](Self::to_elements) converts factors.
///
/// # Bounds
///
/// Operands that are too large give wrong results, without a panic. The bound of a value is a triple, see [`Bound`]:
/// the limbs in the AVX2 kernel as a multiple of a settled element's, the number there as a multiple of `p` (its
/// magnitude), and the number in the IFMA kernel as a multiple of `p`. The portable kernel has no bounds.
///
/// | | value from | bound | may be an operand of |
/// |---|---|---|---|
/// | S | `settle`, `factors`, `splat` | 1, 0.51, 1.01 | everything |
/// | L | `load` | 2, 1.0, 1.0 | `mul` and `scale` by S, P or Q; one `add` or `sub` with S, P or Q; `settle`, `store` |
/// | F | `load_factors` | 2, 0.51, 16 | the same as L |
/// | P | `mul`, `scale` of S, L or F by S | 1, 1.22, 1.34 | everything |
/// | Q | `mul`, `scale` of T by S | 1, 1.84, 2.11 | everything but `square` |
/// | T | `add`, `sub`: two or three of S, P, Q; L or F with one | 3, 4.2, 80 | `mul`, `scale` by S; `settle`, `store` |
/// | | `square` of S, and its square | as Q | `mul` by S |
/// | | `fit` of at most 5, 5.7, 7 | S; for IFMA the operand's | `square`, `mul` by its own squares |
/// | | `to_elements` | twice the operand's; for IFMA at most 6.3 | `store`; `add` to P if [`Bound::is_output`] |
///
/// Three values of which one is a Q must include an S. A value that a `sub` made is no right operand of `sub` before it
/// is settled, because the IFMA kernel adds `20 p` to each difference. The rows follow from these requirements, which
/// [`Bound::sum`], [`Bound::difference`] and [`Bound::product`] check for longer plans:
///
/// | operation | requirement |
/// |---|---|
/// | `add`, `sub` | result at most 3, 4.2, 80 if it is multiplied; right operand of `sub` at most 20 for IFMA |
/// | `mul`, `scale` | `m(a) m(b) < 3.9` with `m = max(limbs, 0.76 number)`; the product is at most 1, 2.6, 80 |
/// | `settle`, `fit`, `store` | at most 5, 5.7, 80 |
///
/// # Safety
///
/// All methods are safe to call. The kernels' types are private, so generic code gets one as `L` only through
/// [`InstructionSet`], after it has found the instructions on this processor.
pub trait Lanes: LazyArithmetic {
    /// Elements in one value, at most [`MAX_LANES`].
    const LANES: usize;
    /// Exponent of the factors' form `f 2^FACTOR_BITS` modulo `p`.
    const FACTOR_BITS: u32;
    /// One factor, for all lanes.
    type Factor: Copy + Send + Sync + Debug;

    /// Runs a task with the kernel's instructions enabled.
    fn enable(task: impl KernelTask);
    /// Converts an element to a factor.
    fn factor(factor: Fr) -> Self::Factor;
    /// Loads the first `LANES` elements.
    fn load(elements: &[Fr]) -> Self;
    /// Converts the first `LANES` elements to settled factors.
    fn factors(elements: &[Fr]) -> Self;
    /// Converts the first `LANES` elements to factors that aren't settled: [`Bound::LOADED_FACTORS`].
    fn load_factors(elements: &[Fr]) -> Self;
    /// Copies the factor to all lanes.
    fn splat(factor: &Self::Factor) -> Self;
    /// Converts factors to elements. Counts as a sum of two.
    fn to_elements(self) -> Self;
    /// Writes the reduced elements to the first `LANES` of `out`.
    fn store(self, out: &mut [Fr]);
    /// The products with one factor.
    #[inline(always)]
    fn scale(self, factor: &Self::Factor) -> Self {
        self.mul(Self::splat(factor))
    }
    /// The same elements, small enough to be multiplied with one another: settled, unless the kernel has room for more.
    #[inline(always)]
    fn fit(self) -> Self {
        self.settle()
    }
}

/// Upper bound of a value's size under every kernel, so that a plan of sums and products knows what to settle first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    /// Magnitude of the limbs but the top one in the AVX2 kernel, as a multiple of a settled element's `2^50 + 12`.
    limbs: u32,
    /// Magnitude of the number in the AVX2 kernel, whose numbers have signs, as a multiple of `p`.
    signed: f64,
    /// The number in the IFMA kernel, whose numbers have no signs, as a multiple of `p`.
    unsigned: f64,
}

impl Bound {
    /// Bound after [`settle`](LazyArithmetic::settle), and of [`Lanes::factors`] and [`Lanes::splat`].
    pub const SETTLED: Self = Self { limbs: 1, signed: 0.51, unsigned: 1.01 };
    /// Bound after [`Lanes::load`].
    pub const LOADED: Self = Self { limbs: 2, signed: 1.0, unsigned: 1.0 };
    /// Bound after [`Lanes::load_factors`].
    pub const LOADED_FACTORS: Self = Self { limbs: 2, signed: 0.51, unsigned: 16.0 };
    /// Largest sum that a plan may make. It can be settled, stored, and multiplied with settled factors.
    const LARGEST: Self = Self { limbs: 3, signed: 4.2, unsigned: 80.0 };
    /// Largest output: its [`to_elements`](Lanes::to_elements) can be added to a product of a loaded element with a
    /// factor.
    const LARGEST_OUTPUT: Self = Self { limbs: 1, signed: 1.4, unsigned: 80.0 };
    /// Top limb of `p` in the AVX2 kernel, as a multiple of a settled element's other limbs.
    const TOP: f64 = 0.76;
    /// Multiple of `p` that the IFMA kernel adds to a difference, so that it isn't negative.
    const LENT: u64 = 20;

    fn is_within(self, bound: Self) -> bool {
        self.limbs <= bound.limbs && self.signed <= bound.signed && self.unsigned <= bound.unsigned
    }

    /// Magnitude of the largest limb, the top one included.
    fn magnitude(self) -> f64 {
        f64::from(self.limbs).max(Self::TOP * self.signed)
    }

    /// Bound of the sum, or `None` if an operand must be settled first.
    pub fn sum(self, rhs: Self) -> Option<Self> {
        let sum = Self {
            limbs: self.limbs + rhs.limbs,
            signed: self.signed + rhs.signed,
            unsigned: self.unsigned + rhs.unsigned,
        };
        sum.is_within(Self::LARGEST).then_some(sum)
    }

    /// Bound of the difference, or `None` if an operand must be settled first.
    pub fn difference(self, rhs: Self) -> Option<Self> {
        let lent = Self::LENT as f64;
        let difference = Self {
            limbs: self.limbs + rhs.limbs,
            signed: self.signed + rhs.signed,
            unsigned: self.unsigned + lent,
        };
        (rhs.unsigned <= lent && difference.is_within(Self::LARGEST)).then_some(difference)
    }

    /// Bound of the product, or `None` if an operand must be settled first.
    pub fn product(self, rhs: Self) -> Option<Self> {
        // AVX2: magnitudes below 4 keep the limbs' products below 2^102, and a product has room below 2.6 (see its
        // module). p / 2^255 is below 0.38. IFMA: p / 2^260 is below 1 / 84, and the reduction adds below 1.14.
        let product = Self {
            limbs: 1,
            signed: 0.38 * self.signed * rhs.signed + 1.02,
            unsigned: self.unsigned * rhs.unsigned / 84.0 + 1.14,
        };
        (self.magnitude() * rhs.magnitude() < 3.9 && product.signed < 2.6 && product.is_within(Self::LARGEST))
            .then_some(product)
    }

    /// Returns whether factors of this bound may become elements that a loaded element's product is added to.
    pub fn is_output(self) -> bool {
        self.is_within(Self::LARGEST_OUTPUT)
    }

    /// Returns whether this is the larger of two operands, to be settled first.
    pub fn exceeds(self, rhs: Self) -> bool {
        self.magnitude() > rhs.magnitude()
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

    /// Runs a test with each kernel that this processor supports, its instructions enabled.
    fn check_all<C: Check>() {
        struct Run<C, L>(std::marker::PhantomData<(C, L)>);
        impl<C: Check, L: Lanes> KernelTask for Run<C, L> {
            fn run(self) {
                C::check::<L>();
            }
        }
        struct Enable<C>(std::marker::PhantomData<C>);
        impl<C: Check> KernelDispatch for Enable<C> {
            type Output = ();
            fn with<L: Lanes>(self) {
                L::enable(Run::<C, L>(std::marker::PhantomData));
            }
        }
        for set in InstructionSet::available() {
            set.run(Enable::<C>(std::marker::PhantomData));
        }
    }

    type Elements = [Fr; MAX_LANES];

    fn random(rng: &mut ChaCha20Rng) -> Elements {
        std::array::from_fn(|_| match rng.next_u32() % 8 {
            0 => Fr::ZERO,
            1 => -Fr::ONE,
            2 => Fr::from(u64::from(rng.next_u32())),
            3 => -Fr::from(u64::from(rng.next_u32())),
            // 1 and p - 1 in Montgomery form.
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
                let spread = L::splat(&L::factor(f[0]));
                assert_stores(a.mul(spread), x.map(|x| x * f[0]));
                let factors = L::factors(&f);
                let (xf, yf, zf) =
                    (zip(x, f, |x, f| x * f), zip(y, f, |y, f| y * f), zip(z, f, |z, f| z * f));
                let [af, bf, cf] = [a, b, c].map(|a| a.mul(factors));
                assert_stores(af, xf);
                // A loaded element in a sum, and the product of it.
                let sum = a.add(bf);
                let expected = zip(x, yf, |x, y| x + y);
                assert_stores(sum, expected);
                assert_stores(sum.mul(factors), zip(expected, f, |sum, f| sum * f));
                let difference = bf.sub(a);
                let expected = zip(yf, x, |y, x| y - x);
                assert_stores(difference, expected);
                assert_stores(difference.mul(factors), zip(expected, f, |sum, f| sum * f));
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
    fn arithmetic_agrees_with_halo2curves() {
        check_all::<Arithmetic>();
    }

    /// The table in the text of [`Lanes`].
    #[test]
    fn the_table_of_bounds() {
        let [s, l, f] = [Bound::SETTLED, Bound::LOADED, Bound::LOADED_FACTORS];
        let p = Bound { limbs: 1, signed: 1.22, unsigned: 1.34 };
        let q = Bound { limbs: 1, signed: 1.84, unsigned: 2.11 };
        let t = Bound::LARGEST;
        let product = |a: Bound, b: Bound| a.product(b).expect("it may be multiplied");
        assert!([s, l, f].into_iter().all(|a| product(a, s).is_within(p)));
        assert!(product(t, s).is_within(q));
        for a in [s, l, f, p, q] {
            assert!([s, p, q].into_iter().all(|b| a.product(b).is_some() && a.sum(b).is_some()));
            assert!([s, p, q].into_iter().all(|b| a.difference(b).is_some() && b.difference(a).is_some()));
        }
        assert!(l.sum(l).is_none() && f.sum(f).is_none() && f.product(f).is_none());
        let sum = |a: Bound, b: Bound, c: Bound| a.sum(b).and_then(|sum| sum.sum(c));
        assert!(sum(s, q, q).is_some() && sum(p, p, p).is_some() && sum(p, p, q).is_none());
        let difference =
            |a: Bound, b: Bound, c: Bound| a.difference(b).and_then(|difference| difference.difference(c));
        assert!(difference(s, q, q).is_some() && difference(p, p, p).is_some());
        assert!(s.difference(s.difference(s).expect("settled")).is_none());
        assert!(t.product(p).is_none() && t.sum(s).is_none());
        // Two squarings of a settled value, and the fifth power.
        let square = product(s, s);
        assert!(square.is_within(p) && product(product(square, square), s).is_within(q));
        assert!(p.is_output() && !q.is_output());
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

    /// Random sums and products of loaded factors, settled only where their bounds require it.
    #[test]
    fn factors_stay_exact_within_their_bounds() {
        check_all::<Bounds>();
    }
}
