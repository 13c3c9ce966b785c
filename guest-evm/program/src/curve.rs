//! Points on short Weierstrass curves, for any of the curves.

use alloc::{boxed::Box, vec, vec::Vec};
use core::ops::{Add, Mul};
use openvm_algebra_guest::IntMod;
use openvm_ecc_guest::{
    msm,
    weierstrass::{IntrinsicCurve, WeierstrassPoint},
    Group,
};

/// Returns the point (x, y) if it satisfies the curve's equation. The identity has no coordinates and is
/// never returned.
#[expect(unsafe_code, reason = "the constructor promises the curve only, and so does this function")]
pub(crate) fn on_curve<P>(x: P::Coordinate, y: P::Coordinate) -> Option<P>
where
    P: WeierstrassPoint,
    for<'a> &'a P::Coordinate: Mul<&'a P::Coordinate, Output = P::Coordinate>,
{
    // SAFETY: no caller assumes without a check that the point is in a subgroup.
    unsafe { P::from_xy_nonidentity(x, y) }
}

/// Makes the point (x, y), which the caller knows to be on the curve. It is a constant, or the image of a
/// point, or its y is a root of the equation's value for x.
#[expect(unsafe_code, reason = "the callers state why the point is on the curve")]
pub(crate) fn known_point<P: WeierstrassPoint>(x: P::Coordinate, y: P::Coordinate) -> P {
    // SAFETY: by the caller's knowledge; no memory depends on it.
    unsafe { P::from_xy_unchecked(x, y) }
}

/// Computes `scalar · point` by double-and-add with the complete group law, for points of any order. No curve
/// here has an even order. So no point is its own negative, and none has y = 0, by which a doubling would
/// divide.
pub(crate) fn multiply_any_order<P: Group>(point: &P, scalar: u128) -> P {
    let mut sum = P::IDENTITY;
    for bit in (0..128 - scalar.leading_zeros()).rev() {
        sum.double_assign();
        if scalar >> bit & 1 == 1 {
            sum += point;
        }
    }
    sum
}

/// Number of points from which buckets cost less than a table for each point.
const BUCKETS_FROM: usize = 128;

/// Computes `Σ scalarsᵢ · pointsᵢ`. Every point must be the identity or of the large prime order. A scalar
/// may be any integer of the scalar field's width.
pub(crate) fn multi_multiply<C>(scalars: &[C::Scalar], points: &[C::Point]) -> C::Point
where
    C: IntrinsicCurve,
    C::Scalar: IntMod,
    C::Point: WeierstrassPoint + Group,
    for<'a> &'a C::Point: Add<&'a C::Point, Output = C::Point>,
{
    if points.len() < BUCKETS_FROM {
        let terms: Vec<_> = scalars.iter().map(IntMod::as_le_bytes).zip(points).collect();
        windowed_multiply(&terms)
    } else {
        // Its windows have the bit length of the number of points, and are read from four bytes. This is
        // right for fewer than 2^25 points. A point with its scalar takes at least 96 bytes, so the VM's
        // memory has no room for 2^23 points.
        msm(scalars, points)
    }
}

/// Number of multiples of each point in [`windowed_multiply`], whose window is half a byte.
const MULTIPLES: usize = 15;

/// Computes the sum of the terms, four bits of all scalars at a time. A term is a little-endian scalar, all
/// of one length, and a point.
///
/// The generic group law compares coordinates before every step. Here, known facts about the points save most
/// comparisons. The order is an odd prime, so no double is the identity, and small multiples of a point never
/// share an x. It remains to compare the x of the sum with that of a multiple before their addition.
fn windowed_multiply<P: WeierstrassPoint + Group>(terms: &[(&[u8], &P)]) -> P {
    let tables: Vec<_> = terms
        .iter()
        .filter(|(_, point)| !point.is_identity())
        .map(|&(scalar, point)| (scalar, multiples::<P, MULTIPLES>(point)))
        .collect();
    let (mut sum, mut empty) = (<P as Group>::IDENTITY, true);
    let length = tables.iter().map(|(scalar, _)| scalar.len()).max().unwrap_or(0);
    for place in (0..length).rev() {
        for shift in [4, 0] {
            double_four_times(&mut sum, empty);
            for (scalar, table) in &tables {
                add(&mut sum, &mut empty, table, scalar[place] >> shift & 0xf);
            }
        }
    }
    if empty {
        <P as Group>::IDENTITY
    } else {
        sum
    }
}

/// Number of multiples of a [`Fixed`] point: one for each nonzero byte.
const FIXED_MULTIPLES: usize = 255;

/// Point of a large prime order that is a factor of many products, by its small multiples.
pub(crate) struct Fixed<P>(Box<[P; FIXED_MULTIPLES]>);

impl<P: WeierstrassPoint + Group> Fixed<P> {
    /// Computes the multiples. The point must not be the identity.
    pub(crate) fn new(point: &P) -> Self {
        Self(multiples(point))
    }

    /// Computes `scalars[0] · self + scalars[1] · point`. The point must be of the same order, and not the
    /// identity. A scalar is little-endian and may be any integer.
    ///
    /// The method is that of [`windowed_multiply`], except that the fixed point's scalar goes by whole bytes.
    pub(crate) fn multiply_with(&self, point: &P, scalars: [&[u8; 32]; 2]) -> P {
        let (fixed, table) = (&*self.0, &*multiples::<P, MULTIPLES>(point));
        let (mut sum, mut empty) = (<P as Group>::IDENTITY, true);
        for (a, b) in scalars[0].iter().zip(scalars[1]).rev() {
            double_four_times(&mut sum, empty);
            add(&mut sum, &mut empty, table, b >> 4);
            double_four_times(&mut sum, empty);
            add(&mut sum, &mut empty, table, b & 0xf);
            add(&mut sum, &mut empty, fixed, *a);
        }
        if empty {
            <P as Group>::IDENTITY
        } else {
            sum
        }
    }
}

/// Computes P, 2P, … NP of a point of a large prime order that is not the identity.
#[expect(unsafe_code, reason = "the unchecked group law")]
fn multiples<P: WeierstrassPoint, const N: usize>(point: &P) -> Box<[P; N]> {
    const { assert!(N <= FIXED_MULTIPLES, "small multiples") };
    P::set_up_once();
    let mut table = vec![point.clone(); N];
    for i in 1..N {
        let (smaller, rest) = table.split_at_mut(i);
        // SAFETY: neither summand is the identity, and (i)P ≠ ±P for 1 < i < N. For the order is a prime that
        // divides neither i + 1 nor i − 1, which are at most 255.
        unsafe {
            if i == 1 {
                rest[0].double_assign_nonidentity::<false>();
            } else {
                rest[0].add_ne_assign_nonidentity::<false>(&smaller[i - 1]);
            }
        }
    }
    match table.try_into() {
        Ok(table) => table,
        Err(_) => unreachable!("there are so many"),
    }
}

/// Doubles a point of odd order that is not the identity.
#[expect(unsafe_code, reason = "the unchecked group law")]
#[inline(always)]
fn double<P: WeierstrassPoint>(point: &mut P) {
    // SAFETY: neither the point nor its double is the identity, because the order is odd. `multiples` did the
    // set-up, because there is a point.
    unsafe { point.double_assign_nonidentity::<false>() };
}

/// Multiplies the sum by 16. If `empty`, the sum is the identity, whatever its coordinates are.
#[inline(always)]
fn double_four_times<P: WeierstrassPoint>(sum: &mut P, empty: bool) {
    if !empty {
        for _ in 0..4 {
            double(sum);
        }
    }
}

/// Adds a multiple of a point to a sum. If `empty`, the sum is the identity, whatever its coordinates are.
#[expect(unsafe_code, reason = "the unchecked group law")]
#[inline(always)]
fn add<P: WeierstrassPoint, const N: usize>(sum: &mut P, empty: &mut bool, table: &[P; N], multiple: u8) {
    let Some(place) = usize::from(multiple).checked_sub(1) else { return };
    let point = &table[place];
    if *empty {
        *sum = point.clone();
        *empty = false;
    } else if sum.x() != point.x() {
        // SAFETY: neither is the identity, and the x differ. The comparison has shown that both are reduced.
        unsafe { sum.add_ne_assign_nonidentity::<false>(point) };
    } else if sum.y() == point.y() {
        double(sum);
    } else {
        *empty = true;
    }
}

/// Splits pairs into two lists, as the pairing and the multi-scalar multiplication need them.
///
/// The first error ends it: later pairs are neither decoded nor checked.
pub(crate) fn unzip<A, B, E>(pairs: impl Iterator<Item = Result<(A, B), E>>) -> Result<(Vec<A>, Vec<B>), E> {
    let mut halves = (Vec::new(), Vec::new());
    for pair in pairs {
        let (a, b) = pair?;
        halves.0.push(a);
        halves.1.push(b);
    }
    Ok(halves)
}
