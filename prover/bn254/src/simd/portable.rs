//! The kernel without vector instructions, for any processor.

use halo2curves::bn256::Fr;

use super::{KernelTask, Lanes, LazyArithmetic};

/// Elements in one value: enough to fill a cache line or two in a transform.
const LANES: usize = 4;

/// Four elements of halo2curves' own type, always reduced.
#[derive(Clone, Copy, Debug)]
pub struct Portable([Fr; LANES]);

impl Portable {
    #[inline(always)]
    fn each(f: impl FnMut(usize) -> Fr) -> Self {
        Self(std::array::from_fn(f))
    }
}

impl LazyArithmetic for Portable {
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

    #[inline(always)]
    fn square(self) -> Self {
        self.mul(self)
    }
}

impl Lanes for Portable {
    const LANES: usize = LANES;
    const FACTOR_BITS: u32 = 256;
    type Factor = Fr;

    fn enable(task: impl KernelTask) {
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
        Self([*factor; LANES])
    }

    #[inline(always)]
    fn to_elements(self) -> Self {
        self
    }

    #[inline(always)]
    fn store(self, out: &mut [Fr]) {
        out[..LANES].copy_from_slice(&self.0);
    }
}
