//! What a kernel offers to the permutation: a few field elements side by side.

use super::field::Words;

/// `WIDTH` elements of BN254's scalar field, in a form of the kernel's own.
///
/// Sums are lazy. A value is *settled* if it came from `from_*`, `zero` or `settle`. What every kernel promises, and
/// the permutation keeps to:
/// - `add` is exact while the value is a sum of at most four settled values and results of `pow5` (counted with
///   multiplicity) and of one constant, or of five, at least two of them settled;
/// - `settle` and `fit` take any such sum;
/// - `pow5` takes what `settle` or `fit` gave;
/// - factors are what `settle`, `fit` or `square` gave. What `square` gave is good for nothing else.
///
/// All methods are to be inlined into a function that has the kernel's instructions enabled.
pub(super) trait Lanes: Copy {
    /// Elements in one value.
    const WIDTH: usize;
    /// A constant, the same in all lanes.
    type Constant: Copy + Send + Sync;

    /// The constant `x`, which is below the modulus.
    fn constant(x: &Words) -> Self::Constant;
    /// Zero in all lanes.
    fn zero() -> Self;
    /// The elements that the `WIDTH` numbers below the modulus stand for.
    fn from_integers(x: &[Words]) -> Self;
    /// The elements whose Montgomery form with `R = 2^256` is given, `WIDTH` numbers below the modulus.
    fn from_montgomery(x: &[Words]) -> Self;
    /// The `WIDTH` numbers below the modulus that the elements, a settled value, are.
    fn to_integers(self, out: &mut [Words]);
    /// The sum.
    fn add(self, rhs: Self) -> Self;
    /// The sum with a constant.
    fn add_constant(self, c: &Self::Constant) -> Self;
    /// The same elements, settled.
    fn settle(self) -> Self;
    /// The same elements, in the range that `pow5` takes; may be cheaper than [`settle`](Self::settle).
    #[inline(always)]
    fn fit(self) -> Self {
        self.settle()
    }
    /// The product of two factors, which is a summand like those of `pow5`.
    fn multiply(self, rhs: Self) -> Self;
    /// The square of a factor, which is a factor.
    fn square(self) -> Self;
    /// The fifth power.
    #[inline(always)]
    fn pow5(self) -> Self {
        self.square().square().multiply(self)
    }
}

/// Two values as one, so that the processor has independent work while a chain of carries is under way.
#[derive(Clone, Copy)]
pub(super) struct Pair<L>(L, L);

impl<L: Lanes> Lanes for Pair<L> {
    const WIDTH: usize = 2 * L::WIDTH;
    type Constant = L::Constant;

    fn constant(x: &Words) -> L::Constant {
        L::constant(x)
    }

    #[inline(always)]
    fn zero() -> Self {
        Self(L::zero(), L::zero())
    }

    #[inline(always)]
    fn from_integers(x: &[Words]) -> Self {
        let (a, b) = x.split_at(L::WIDTH);
        Self(L::from_integers(a), L::from_integers(b))
    }

    #[inline(always)]
    fn from_montgomery(x: &[Words]) -> Self {
        let (a, b) = x.split_at(L::WIDTH);
        Self(L::from_montgomery(a), L::from_montgomery(b))
    }

    #[inline(always)]
    fn to_integers(self, out: &mut [Words]) {
        let (a, b) = out.split_at_mut(L::WIDTH);
        self.0.to_integers(a);
        self.1.to_integers(b);
    }

    #[inline(always)]
    fn add(self, rhs: Self) -> Self {
        Self(self.0.add(rhs.0), self.1.add(rhs.1))
    }

    #[inline(always)]
    fn add_constant(self, c: &L::Constant) -> Self {
        Self(self.0.add_constant(c), self.1.add_constant(c))
    }

    #[inline(always)]
    fn settle(self) -> Self {
        Self(self.0.settle(), self.1.settle())
    }

    #[inline(always)]
    fn fit(self) -> Self {
        Self(self.0.fit(), self.1.fit())
    }

    #[inline(always)]
    fn multiply(self, rhs: Self) -> Self {
        Self(self.0.multiply(rhs.0), self.1.multiply(rhs.1))
    }

    #[inline(always)]
    fn square(self) -> Self {
        Self(self.0.square(), self.1.square())
    }
}
