//! Four elements of the scalar field side by side.

use halo2curves::bn256::Fr;

/// Elements that are computed side by side.
pub const LANES: usize = 4;

/// Work that is done with a kernel.
pub trait Task {
    /// Does it on this thread. To be marked `#[inline(always)]`, so that it gets the kernel's instructions.
    fn run(self);
}

/// Four elements of the scalar field. Sums are lazy: what a transform's butterflies need is allowed, and said here.
///
/// An element is *settled* after [`settle`](Lanes::settle), and a *product* after
/// [`scale`](Lanes::scale) and [`mul`](Lanes::mul). What
/// [`load`](Lanes::load) gives, and a sum of at most three settled elements and products, is good for all that follows but
/// further sums, and nothing larger is. All methods are to be inlined into a function that has the kernel's instructions
/// enabled.
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
    /// The products with factors, which [`factors`](Lanes::factors) gave, or this or `scale` from such.
    fn mul(self, factors: Self) -> Self;
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
