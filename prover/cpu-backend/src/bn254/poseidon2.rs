//! Poseidon2 (<https://eprint.iacr.org/2023/323>) of widths 2 and 3 over BN254's scalar field, S-box `x^5`, on
//! several states at once: factors in the lanes of a kernel, whose products are factors again.
//!
//! Sums are of at most four settled values and fifth powers, counted with multiplicity, and a constant, or of three fifth
//! powers and two settled values: [`Lanes::fit`] and [`Lanes::settle`] take those as well. In the terms of the kernel with
//! signs ([`zeno_bn254::Avx2`]): the square of a settled value is below `1.11 p`, that of such a square `1.48 p`, and its
//! product with a settled value, the fifth power, `1.3 p`; four of these and a constant are `5.7 p`, with limbs of five times a
//! settled value's. In those of the one without ([`zeno_bn254::Ifma`]), where sums needn't be settled to be multiplied: of a
//! sum below `7 p` the powers are below `1.8 p`, `1.2 p` and `1.3 p`.

use openvm_stark_sdk::config::bn254_poseidon2::{
    Poseidon2Bn254Constants, default_bn254_poseidon2_width2_constants,
    default_bn254_poseidon2_width3_constants,
};

use zeno_bn254::Lanes;

use super::field::element;

/// The round constants of the permutation of width `T`, in a kernel's form.
pub(super) struct Poseidon2<L: Lanes, const T: usize> {
    initial: Vec<[L::Factor; T]>,
    internal: Vec<L::Factor>,
    terminal: Vec<[L::Factor; T]>,
}

impl<L: Lanes, const T: usize> Poseidon2<L, T> {
    /// Takes over the stock configuration's constants.
    fn new(stock: &Poseidon2Bn254Constants<T>) -> Self {
        let external = |rounds: &[[_; T]]| {
            rounds.iter().map(|round| round.map(|c| L::factor(element(c)))).collect::<Vec<_>>()
        };
        Self {
            initial: external(stock.initial_external_rc()),
            internal: stock.internal_rc().iter().map(|&c| L::factor(element(c))).collect(),
            terminal: external(stock.terminal_external_rc()),
        }
    }
}

impl<L: Lanes> Poseidon2<L, 2> {
    /// The permutation of Merkle compression: 6 full and 50 partial rounds.
    pub(super) fn width2() -> Self {
        Self::new(default_bn254_poseidon2_width2_constants())
    }

    /// Permutes the states, one a lane; takes and leaves them settled.
    #[inline(always)]
    pub(super) fn permute(&self, state: &mut [L; 2]) {
        /// The circulant matrix (2, 1).
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
    /// The permutation of the sponge: 8 full and 56 partial rounds.
    pub(super) fn width3() -> Self {
        Self::new(default_bn254_poseidon2_width3_constants())
    }

    /// Permutes the states, one a lane; takes and leaves them settled.
    #[inline(always)]
    pub(super) fn permute(&self, state: &mut [L; 3]) {
        /// The circulant matrix (2, 1, 1).
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

/// Adds the constants and applies the S-box, in a loop because the S-box is a lot of code.
#[inline(always)]
fn substitute<L: Lanes, const T: usize>(state: &mut [L; T], constants: &[L::Factor; T]) {
    for i in 0..T {
        state[i] = power(state[i].add(L::splat(&constants[i])));
    }
}

/// The S-box: the fifth power of a sum.
#[inline(always)]
pub(super) fn power<L: Lanes>(x: L) -> L {
    let x = x.fit();
    x.square().square().mul(x)
}
