//! Four elements of the scalar field side by side.

use halo2curves::bn256::Fr;

/// Elements that are computed side by side.
pub const LANES: usize = 4;

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
    if crate::Avx2::<Fr>::is_available() {
        return work.with::<crate::Avx2<Fr>>();
    }
    work.with::<Portable>()
}

/// Four elements of the scalar field. Sums are lazy: what a transform's butterflies need is allowed, and said here.
///
/// An element is *settled* after [`settle`](Lanes::settle), and a *product* after
/// [`scale`](Lanes::scale) and [`mul`](Lanes::mul). What
/// [`load`](Lanes::load) gives, and a sum of at most three settled elements and products, is good for all that follows but
/// further sums, and nothing larger is. [`Bound`] says it in numbers, for sums and products that are planned ahead. All
/// methods are to be inlined into a function that has the kernel's instructions enabled.
///
/// Factors have a form of their own, in which sums, differences and products of factors are factors again, and products of
/// elements with factors are elements. [`to_elements`](Lanes::to_elements) leads back.
pub trait Lanes: Copy {
    /// A factor, the same for all lanes.
    type Factor: Copy + Send + Sync + std::fmt::Debug;

    /// Runs a task with the kernel's instructions enabled, on a processor that has them.
    fn enable(task: impl Task);
    /// The factor.
    fn factor(factor: Fr) -> Self::Factor;
    /// The elements.
    fn load(elements: &[Fr; LANES]) -> Self;
    /// The elements, as factors for [`mul`](Lanes::mul).
    fn factors(elements: &[Fr; LANES]) -> Self;
    /// The elements, as factors that aren't settled: [`Bound::LOADED_FACTORS`].
    fn load_factors(elements: &[Fr; LANES]) -> Self;
    /// The factors as elements. A sum of two, as bounds go.
    fn to_elements(self) -> Self;
    /// The elements, which are any sum that is allowed.
    fn store(self) -> [Fr; LANES];
    /// The same elements, settled.
    fn settle(self) -> Self;
    /// The sum.
    fn add(self, rhs: Self) -> Self;
    /// The difference.
    fn sub(self, rhs: Self) -> Self;
    /// The products with a factor.
    fn scale(self, factor: &Self::Factor) -> Self;
    /// The products with factors, which [`factors`](Lanes::factors) gave or [`settle`](Lanes::settle); those of loaded and
    /// settled elements also with factors that this or `scale` gave; or any that [`Bound::product`] allows.
    fn mul(self, factors: Self) -> Self;
}

/// How large elements may be, so that it is known beforehand which sums must be settled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    /// Of the parts that a kernel splits elements into, as a multiple of those of a settled element.
    parts: u32,
    /// Of the element itself, as a multiple of the modulus.
    value: f64,
}

impl Bound {
    /// After [`settle`](Lanes::settle) and of [`factors`](Lanes::factors).
    pub const SETTLED: Self = Self { parts: 1, value: 0.51 };
    /// Of [`load`](Lanes::load).
    pub const LOADED: Self = Self { parts: 2, value: 1.0 };
    /// Of [`load_factors`](Lanes::load_factors).
    pub const LOADED_FACTORS: Self = Self { parts: 2, value: 0.51 };
    /// The largest that can be settled and stored.
    const LARGEST: Self = Self { parts: 3, value: 4.2 };
    /// The largest that can be an output: its [`to_elements`](Lanes::to_elements) and a product of a loaded element
    /// with a factor can be added.
    const LARGEST_OUTPUT: Self = Self { parts: 1, value: 1.4 };
    /// The top part of a number as large as the modulus, as a multiple of the other parts of a settled element.
    const TOP: f64 = 0.76;

    fn is_within(self, bound: Self) -> bool {
        self.parts <= bound.parts && self.value <= bound.value
    }

    /// That of all parts.
    fn magnitude(self) -> f64 {
        f64::from(self.parts).max(Self::TOP * self.value)
    }

    /// That of sums and differences, unless one is to be settled first.
    pub fn sum(self, rhs: Self) -> Option<Self> {
        let sum = Self { parts: self.parts + rhs.parts, value: self.value + rhs.value };
        sum.is_within(Self::LARGEST).then_some(sum)
    }

    /// That of products, unless one is to be settled first.
    pub fn product(self, rhs: Self) -> Option<Self> {
        // Below 4, parts' products are below 2^102, and products have room below 2.6 (see the kernel's text). p / 2^255 is
        // below 0.38.
        let product = Self { parts: 1, value: 0.38 * self.value * rhs.value + 1.02 };
        (self.magnitude() * rhs.magnitude() < 3.9 && product.value < 2.6).then_some(product)
    }

    /// Whether `to_elements` of factors is an element to which a loaded element's product with a factor can be added.
    pub fn is_output(self) -> bool {
        self.is_within(Self::LARGEST_OUTPUT)
    }

    /// The larger of two.
    pub fn exceeds(self, rhs: Self) -> bool {
        self.magnitude() > rhs.magnitude()
    }
}

/// The portable kernel: the library's elements.
#[derive(Clone, Copy, Debug)]
pub struct Portable([Fr; LANES]);

impl Portable {
    #[inline(always)]
    fn each(f: impl FnMut(usize) -> Fr) -> Self {
        Self(std::array::from_fn(f))
    }
}

impl Lanes for Portable {
    type Factor = Fr;

    fn enable(task: impl Task) {
        task.run();
    }

    fn factor(factor: Fr) -> Fr {
        factor
    }

    #[inline(always)]
    fn load(elements: &[Fr; LANES]) -> Self {
        Self(*elements)
    }

    #[inline(always)]
    fn factors(elements: &[Fr; LANES]) -> Self {
        Self(*elements)
    }

    #[inline(always)]
    fn load_factors(elements: &[Fr; LANES]) -> Self {
        Self(*elements)
    }

    #[inline(always)]
    fn to_elements(self) -> Self {
        self
    }

    #[inline(always)]
    fn store(self) -> [Fr; LANES] {
        self.0
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
    fn scale(self, factor: &Fr) -> Self {
        Self::each(|lane| self.0[lane] * factor)
    }

    #[inline(always)]
    fn mul(self, factors: Self) -> Self {
        Self::each(|lane| self.0[lane] * factors.0[lane])
    }
}
