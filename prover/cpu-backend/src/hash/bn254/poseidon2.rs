//! Poseidon2 (<https://eprint.iacr.org/2023/323>) of widths 2 and 3 over BN254's scalar field, with the S-box `x^5`.
//! Each lane of a kernel permutes a state of its own. The states' elements are *factors*, the one of the two forms in
//! [`Lanes`] whose products have the same form again.
//!
//! Bounds. The kernels don't reduce sums. A sum has to be small enough for what comes next: for [`Lanes::fit`] before
//! the S-box, for [`settle`](zeno_bn254::LazyArithmetic::settle) elsewhere. The largest sums, counted by terms, are
//!
//! - before the S-box, four fifth powers or settled elements, and a round constant;
//! - in a partial round of width 3, one fifth power and four settled elements: `a + b + 3c`.
//!
//! They are small enough:
//!
//! - AVX2. `fit` settles the sum. The square of a settled element is below `1.11 p`, and the fourth power below
//!   `1.48 p`. The fifth power, which is its product with the settled element, is below `1.3 p`. Four of these and a
//!   constant are below `5.7 p`, and their limbs are five times a settled element's. Those are the limits.
//! - AVX-512 IFMA. `fit` leaves the sum as it is, if that is below `7 p`. Its square, fourth and fifth power are then
//!   below `1.8 p`, `1.2 p` and `1.3 p`, so that the next sum is below `7 p` as well.

use openvm_stark_sdk::config::bn254_poseidon2::{
    Poseidon2Bn254Constants, default_bn254_poseidon2_width2_constants,
    default_bn254_poseidon2_width3_constants,
};
use zeno_bn254::Lanes;

use super::field::element;

/// Round constants of the permutation of width `T`, in the kernel's form.
pub(super) struct Poseidon2<L: Lanes, const T: usize> {
    /// Constants of the full rounds at the beginning, one for each element of the state.
    initial: Vec<[L::Factor; T]>,
    /// Constants of the partial rounds, each for the state's first element.
    internal: Vec<L::Factor>,
    /// Constants of the full rounds at the end.
    terminal: Vec<[L::Factor; T]>,
}

impl<L: Lanes, const T: usize> Poseidon2<L, T> {
    /// Converts OpenVM's constants.
    fn new(constants: &Poseidon2Bn254Constants<T>) -> Self {
        let external = |rounds: &[[_; T]]| {
            rounds.iter().map(|round| round.map(|c| L::factor(element(c)))).collect::<Vec<_>>()
        };
        Self {
            initial: external(constants.initial_external_rc()),
            internal: constants.internal_rc().iter().map(|&c| L::factor(element(c))).collect(),
            terminal: external(constants.terminal_external_rc()),
        }
    }
}

impl<L: Lanes> Poseidon2<L, 2> {
    /// Permutation of the Merkle trees' compression: 6 full and 50 partial rounds.
    pub(super) fn width2() -> Self {
        Self::new(default_bn254_poseidon2_width2_constants())
    }

    /// Permutes one state a lane, in place. The states are settled before and after.
    #[inline(always)]
    pub(super) fn permute(&self, state: &mut [L; 2]) {
        /// Multiplies by the circulant matrix (2, 1).
        #[inline(always)]
        fn external<L: Lanes>(state: &mut [L; 2]) {
            let [a, b] = *state;
            let sum = a.add(b);
            *state = [sum.add(a), sum.add(b)];
        }
        external(state);
        for c in &self.initial {
            substitute(state, c);
            external(state);
        }
        let [mut a, mut b] = *state;
        b = b.settle();
        for c in &self.internal {
            // The matrix [[2, 1], [1, 3]].
            a = power(a.add(L::splat(c)));
            let sum = a.add(b);
            a = sum.add(a);
            b = sum.add(b).add(b).settle();
        }
        *state = [a, b];
        for c in &self.terminal {
            substitute(state, c);
            external(state);
        }
        *state = [state[0].settle(), state[1].settle()];
    }
}

impl<L: Lanes> Poseidon2<L, 3> {
    /// Permutation of the sponge: 8 full and 56 partial rounds.
    pub(super) fn width3() -> Self {
        Self::new(default_bn254_poseidon2_width3_constants())
    }

    /// Permutes one state a lane, in place. The states are settled before and after.
    #[inline(always)]
    pub(super) fn permute(&self, state: &mut [L; 3]) {
        /// Multiplies by the circulant matrix (2, 1, 1).
        #[inline(always)]
        fn external<L: Lanes>(state: &mut [L; 3]) {
            let [a, b, c] = *state;
            let sum = a.add(b).add(c);
            *state = [sum.add(a), sum.add(b), sum.add(c)];
        }
        external(state);
        for k in &self.initial {
            substitute(state, k);
            external(state);
        }
        let [mut a, mut b, mut c] = *state;
        [b, c] = [b.settle(), c.settle()];
        for k in &self.internal {
            // The matrix [[2, 1, 1], [1, 2, 1], [1, 1, 3]]; b + c does not wait for the S-box.
            let rest = b.add(c);
            a = power(a.add(L::splat(k)));
            let sum = a.add(rest);
            a = sum.add(a);
            b = sum.add(b).settle();
            c = sum.add(c).add(c).settle();
        }
        *state = [a, b, c];
        for k in &self.terminal {
            substitute(state, k);
            external(state);
        }
        *state = [state[0].settle(), state[1].settle(), state[2].settle()];
    }
}

/// Adds the constants and applies the S-box. A loop, because the S-box is a lot of code.
#[inline(always)]
fn substitute<L: Lanes, const T: usize>(state: &mut [L; T], constants: &[L::Factor; T]) {
    for i in 0..T {
        state[i] = power(state[i].add(L::splat(&constants[i])));
    }
}

/// S-box: the fifth power of a sum.
#[inline(always)]
pub(super) fn power<L: Lanes>(x: L) -> L {
    let x = x.fit();
    x.square().square().mul(x)
}
