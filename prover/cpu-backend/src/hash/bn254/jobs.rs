//! Jobs of the kernels, written once for all of them.

use std::ops::Range;

use halo2curves::{bn256::Fr, ff::Field};
use openvm_stark_sdk::config::baby_bear_bn254_poseidon2::{BABY_BEAR_RATE, BN254_RATE, Digest, F};
use p3_bn254::Bn254;
use p3_field::PrimeField32;
use p3_matrix::dense::RowMajorMatrix;
use zeno_bn254::{Lanes, MAX_LANES};

use super::{
    HashJob, Tables,
    field::{Words, element},
};

/// BabyBear elements in one element of BN254, 31 bits each.
const PACKED: usize = BABY_BEAR_RATE / BN254_RATE;

/// The number `values[0] + values[1] 2^31 + …`, of at most eight values, so below `2^248`.
#[inline(always)]
fn pack(values: &[F]) -> Words {
    let mut words = [0_u64; 4];
    for (i, value) in values.iter().enumerate() {
        let (word, shift) = (31 * i / 64, 31 * i % 64);
        let value = u64::from(value.as_canonical_u32());
        words[word] |= value << shift;
        if shift > 33 {
            words[word + 1] |= value >> (64 - shift);
        }
    }
    words
}

/// Loads factors from p3's elements `of(0)` to `of(len - 1)`. Further lanes repeat the last element.
#[inline(always)]
fn load<L: Lanes>(len: usize, of: impl Fn(usize) -> Bn254) -> L {
    let mut elements = [Fr::ZERO; MAX_LANES];
    for (lane, slot) in elements[..L::LANES].iter_mut().enumerate() {
        *slot = element(of(lane.min(len - 1)));
    }
    L::factors(&elements)
}

/// Stores settled factors as p3's elements.
#[inline(always)]
fn store<L: Lanes>(tables: &Tables<L>, factors: L) -> [Bn254; MAX_LANES] {
    tables.integers_of(factors).map(Bn254::new)
}

/// Permutations of width 2, see [`Kernel::permute2`](super::Kernel::permute2).
pub(super) struct Permute2<'a> {
    pub(super) states: &'a mut [[Bn254; 2]],
}

impl HashJob for Permute2<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, tables: &Tables<L>) {
        for states in self.states.chunks_mut(L::LANES) {
            let len = states.len();
            let mut state = [load::<L>(len, |i| states[i][0]), load(len, |i| states[i][1])];
            tables.compress(&mut state);
            let out = [store(tables, state[0]), store(tables, state[1])];
            for (lane, state) in states.iter_mut().enumerate() {
                *state = [out[0][lane], out[1][lane]];
            }
        }
    }
}

/// Permutations of width 3, see [`Kernel::permute3`](super::Kernel::permute3).
pub(super) struct Permute3<'a> {
    pub(super) states: &'a mut [[Bn254; 3]],
}

impl HashJob for Permute3<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, tables: &Tables<L>) {
        for states in self.states.chunks_mut(L::LANES) {
            let len = states.len();
            let mut state =
                [load::<L>(len, |i| states[i][0]), load(len, |i| states[i][1]), load(len, |i| states[i][2])];
            tables.absorb(&mut state);
            let out = [store(tables, state[0]), store(tables, state[1]), store(tables, state[2])];
            for (lane, state) in states.iter_mut().enumerate() {
                *state = [out[0][lane], out[1][lane], out[2][lane]];
            }
        }
    }
}

/// Compressions of pairs of nodes, see [`Kernel::compress`](super::Kernel::compress).
pub(super) struct Compress<'a> {
    pub(super) nodes: &'a [Digest],
    pub(super) out: &'a mut [Digest],
}

impl HashJob for Compress<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, tables: &Tables<L>) {
        for (nodes, out) in self.nodes.chunks(2 * L::LANES).zip(self.out.chunks_mut(L::LANES)) {
            let len = out.len();
            let mut state = [load::<L>(len, |i| nodes[2 * i][0]), load(len, |i| nodes[2 * i + 1][0])];
            tables.compress(&mut state);
            for (out, digest) in out.iter_mut().zip(store(tables, state[0])) {
                *out = [digest];
            }
        }
    }
}

/// Digests of leaves, see [`Kernel::leaves`](super::Kernel::leaves).
pub(super) struct Leaves<'a> {
    pub(super) rows: &'a RowMajorMatrix<F>,
    pub(super) stride: usize,
    pub(super) rows_per_leaf: usize,
    pub(super) first: usize,
    pub(super) out: &'a mut [Digest],
}

impl HashJob for Leaves<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, tables: &Tables<L>) {
        // Digests that wait for their sibling, one for each set bit of the number of rows hashed.
        let mut waiting: Vec<L> = Vec::with_capacity(usize::BITS as usize);
        for (batch, out) in self.out.chunks_mut(L::LANES).enumerate() {
            let first = self.first + batch * L::LANES;
            for t in 0..self.rows_per_leaf {
                let row = |lane: usize| {
                    let index = first + lane.min(out.len() - 1) + t * self.stride;
                    &self.rows.values[index * self.rows.width..][..self.rows.width]
                };
                let mut digest = hash_rows(tables, self.rows.width, row);
                for _ in 0..t.trailing_ones() {
                    if let Some(left) = waiting.pop() {
                        let mut state = [left, digest];
                        tables.compress(&mut state);
                        digest = state[0];
                    }
                }
                waiting.push(digest);
            }
            if let Some(digest) = waiting.pop() {
                for (out, digest) in out.iter_mut().zip(store(tables, digest)) {
                    *out = [digest];
                }
            }
        }
    }
}

/// Digests of one row for each lane, by the sponge in overwrite mode without padding: a last block that isn't full
/// overwrites only the first elements of the rate.
#[inline(always)]
fn hash_rows<'a, L: Lanes>(tables: &Tables<L>, width: usize, row: impl Fn(usize) -> &'a [F]) -> L {
    let mut rows: [&[F]; MAX_LANES] = [&[]; MAX_LANES];
    for (lane, slot) in rows[..L::LANES].iter_mut().enumerate() {
        *slot = row(lane);
    }
    let mut state = [tables.zero(); 3];
    for block in (0..width).step_by(BABY_BEAR_RATE) {
        for (i, absorbed) in state.iter_mut().enumerate().take(BN254_RATE) {
            let start = block + i * PACKED;
            if start < width {
                let mut words = [[0; 4]; MAX_LANES];
                for (words, row) in words[..L::LANES].iter_mut().zip(&rows) {
                    *words = pack(&row[start..width.min(start + PACKED)]);
                }
                *absorbed = tables.factors_of(&words);
            }
        }
        tables.absorb(&mut state);
    }
    state[0]
}

/// Search for a witness of a proof of work, see [`Kernel::grind`](super::Kernel::grind).
pub(super) struct Grind<'a> {
    pub(super) state: &'a [Bn254; 3],
    pub(super) position: usize,
    pub(super) prefix: &'a [F],
    pub(super) bits: usize,
    pub(super) candidates: Range<u32>,
}

impl HashJob for Grind<'_> {
    type Output = Option<u32>;

    #[inline(always)]
    fn run<L: Lanes>(self, tables: &Tables<L>) -> Option<u32> {
        let Range { start, end } = self.candidates;
        let initial =
            [load::<L>(1, |_| self.state[0]), load(1, |_| self.state[1]), load(1, |_| self.state[2])];
        let mut values = self.prefix.to_vec();
        values.push(F::default());
        for first in (start..end).step_by(L::LANES) {
            let mut words = [[0; 4]; MAX_LANES];
            for (lane, words) in words[..L::LANES].iter_mut().enumerate() {
                values[self.prefix.len()] = F::new(end.min(first + lane as u32 + 1) - 1);
                *words = pack(&values);
            }
            let mut state = initial;
            state[self.position] = tables.factors_of(&words);
            tables.absorb(&mut state);
            let out = tables.integers_of(state[1]);
            let found =
                out[..L::LANES].iter().position(|x| modulo_baby_bear(x).is_multiple_of(1 << self.bits));
            if let Some(lane) = found {
                return Some(end.min(first + lane as u32 + 1) - 1);
            }
        }
        None
    }
}

/// Computes `x` modulo BabyBear's order.
fn modulo_baby_bear(x: &Words) -> u64 {
    let order = u64::from(F::ORDER_U32);
    x.iter().rev().fold(0, |rest, word| {
        let rest = (rest << 32 | word >> 32) % order;
        (rest << 32 | word & 0xffff_ffff) % order
    })
}
