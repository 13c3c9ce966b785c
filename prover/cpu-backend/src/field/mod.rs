//! Fields of the proof system, and their vectors.
//!
//! A vector (p3's "packing") fills a register of the processor: 16 elements with AVX-512, 8 with AVX2, 4 with NEON. The
//! build's target decides.
//!
//! Arrays over a hypercube are kept in **bit-reversed order**: the variable that a sumcheck binds next is the highest
//! bit of the index. So folding pairs the first half of an array with the second, vector by vector, and never within a
//! vector.

pub(crate) mod linear_combination;
pub(crate) mod small_dft;

use p3_baby_bear::BabyBear;
use p3_field::{
    BasedVectorSpace, ExtensionField, Field, PackedFieldPow2, PackedValue, PrimeCharacteristicRing,
    TwoAdicField, extension::BinomialExtensionField,
};

/// Base field, BabyBear.
pub(crate) type F = BabyBear;
/// Extension of degree 4, which challenges are drawn from.
pub(crate) type EF = BinomialExtensionField<BabyBear, 4>;
/// Vector of base field elements.
pub(crate) type P = <F as Field>::Packing;
/// Vector of extension field elements, coordinate by coordinate.
pub(crate) type EP = <EF as ExtensionField<F>>::ExtensionPacking;

/// Elements in a vector.
pub(crate) const LANES: usize = P::WIDTH;
pub(crate) const LOG_LANES: usize = LANES.trailing_zeros() as usize;

/// Vector whose lane `l` is `element(l)`.
pub(crate) fn pack(element: impl Fn(usize) -> EF) -> EP {
    let elements: [EF; LANES] = std::array::from_fn(element);
    EP::from_basis_coefficients_fn(|coordinate| {
        P::from_fn(|lane| elements[lane].as_basis_coefficients_slice()[coordinate])
    })
}

/// Vectors of all elements of an array, whose length is a multiple of [`LANES`].
pub(crate) fn pack_all(elements: &[EF]) -> Vec<EP> {
    elements.chunks_exact(LANES).map(|chunk| pack(|lane| chunk[lane])).collect()
}

/// Writes the elements of `vectors` one by one.
#[inline]
pub(crate) fn unpack_to(vectors: &[EP], out: &mut [EF]) {
    for (out, vector) in out.chunks_exact_mut(LANES).zip(vectors) {
        let coordinates: &[P] = vector.as_basis_coefficients_slice();
        for (lane, out) in out.iter_mut().enumerate() {
            *out = EF::from_basis_coefficients_fn(|coordinate| coordinates[coordinate].as_slice()[lane]);
        }
    }
}

/// Element of a vector.
pub(crate) fn lane(vector: EP, lane: usize) -> EF {
    EF::from_basis_coefficients_fn(|coordinate| {
        let coordinates: &[P] = vector.as_basis_coefficients_slice();
        coordinates[coordinate].as_slice()[lane]
    })
}

/// Sum of a vector's elements.
pub(crate) fn sum_lanes(vector: EP) -> EF {
    EF::from_basis_coefficients_fn(|coordinate| {
        let coordinates: &[P] = vector.as_basis_coefficients_slice();
        coordinates[coordinate].as_slice().iter().copied().sum::<F>()
    })
}

/// Transposes `LANES × LANES` elements.
#[inline]
pub(crate) fn transpose(square: &mut [P; LANES]) {
    for log_len in 0..LOG_LANES {
        let len = 1 << log_len;
        for low in (0..LANES).filter(|row| row & len == 0) {
            (square[low], square[low + len]) = square[low].interleave(square[low + len], len);
        }
    }
}

/// Tables of the equality polynomial: `tables[k]` holds `eq(point[k..], y)` for all y in `H_(len - k)`, in bit-reversed
/// order (`point[k]` belongs to the index's highest bit). The last table has no variables and is `[1]`.
pub(crate) fn eq_tables(point: &[EF]) -> Vec<Vec<EF>> {
    let mut tables = vec![vec![EF::ONE]];
    for &x in point.iter().rev() {
        let last: &Vec<EF> = &tables[tables.len() - 1];
        let high: Vec<EF> = last.iter().map(|&value| value * x).collect();
        tables.push(
            last.iter().zip(&high).map(|(&value, &high)| value - high).chain(high.iter().copied()).collect(),
        );
    }
    tables.reverse();
    tables
}

/// Values at `r` of the Lagrange basis over the subgroup of order `2^log_size`, in the order of the generator's powers.
pub(crate) fn lagrange(log_size: usize, r: EF) -> Vec<EF> {
    let size = 1usize << log_size;
    let group: Vec<F> = F::two_adic_generator(log_size).powers().take(size).collect();
    if let Some(at) = group.iter().position(|&point| r == point.into()) {
        return (0..size).map(|index| EF::from_bool(index == at)).collect();
    }
    let scale = (r.exp_power_of_2(log_size) - EF::ONE) * F::from_usize(size).inverse();
    group.iter().map(|&point| (r - point).inverse() * scale * point).collect()
}
