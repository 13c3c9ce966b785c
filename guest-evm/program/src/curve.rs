//! Points on short Weierstrass curves, whichever the curve.

use alloc::{boxed::Box, vec, vec::Vec};
use core::ops::{Add, Mul};
use openvm_algebra_guest::IntMod;
use openvm_ecc_guest::{
    msm,
    weierstrass::{IntrinsicCurve, WeierstrassPoint},
    Group,
};

/// The point (x, y) if it satisfies the curve's equation. The identity has no coordinates and is never returned.
#[expect(unsafe_code, reason = "the constructor promises the curve only, and so does this function")]
pub(crate) fn on_curve<P>(x: P::Coordinate, y: P::Coordinate) -> Option<P>
where
    P: WeierstrassPoint,
    for<'a> &'a P::Coordinate: Mul<&'a P::Coordinate, Output = P::Coordinate>,
{
    // SAFETY: no caller takes the point for one of a subgroup without checking.
    unsafe { P::from_xy_nonidentity(x, y) }
}

/// The point (x, y), which the caller knows to be on the curve: a constant, one whose y is a root of what the equation gives
/// for x, or the image of a point.
#[expect(unsafe_code, reason = "the callers state why the point is on the curve")]
pub(crate) fn known_point<P: WeierstrassPoint>(x: P::Coordinate, y: P::Coordinate) -> P {
    // SAFETY: by the caller's knowledge; no memory depends on it.
    unsafe { P::from_xy_unchecked(x, y) }
}

/// `scalar · point` by double-and-add with the complete group law, so for points of any order. No curve here has an even one:
/// so no point is its own negative, and none has y = 0, by which a doubling would divide.
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

/// The number of points from which buckets cost less than a table for each point.
const BUCKETS_FROM: usize = 128;

/// `Σ scalarsᵢ · pointsᵢ`. Every point must be the identity or of the large prime order; a scalar may be any integer
/// of the scalar field's width.
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
        // It takes windows of as many bits as the number of points has, out of four bytes: right for less than 2^25 points.
        // With its scalar a point takes 96 bytes at least, so the VM's memory has no room for 2^23.
        msm(scalars, points)
    }
}

/// The window of [`windowed_multiply`]: half a byte, so 15 multiples of each point.
const MULTIPLES: usize = 15;

/// The sum of the terms, which are little-endian scalars of one length and points: all scalars four bits at a time.
///
/// The generic group law compares coordinates before every step; here what is known of the points saves most of it.
/// The order is an odd prime, so no double is the identity, and small multiples of a point never share an x. What is
/// left to compare is the sum's x with that of a multiple before their addition.
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

/// How many multiples there are of a [`Fixed`] point: one for each byte that is not zero.
const FIXED_MULTIPLES: usize = 255;

/// A point of a large prime order that is in many products, by its small multiples.
pub(crate) struct Fixed<P>(Box<[P; FIXED_MULTIPLES]>);

impl<P: WeierstrassPoint + Group> Fixed<P> {
    /// Computes the multiples. The point must not be the identity.
    pub(crate) fn new(point: &P) -> Self {
        Self(multiples(point))
    }

    /// `scalars[0] · self + scalars[1] · point`. The point must be of the same order, and not the identity; a scalar
    /// is little-endian and may be any integer.
    ///
    /// As [`windowed_multiply`], but the fixed point's scalar goes by whole bytes.
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

/// P, 2P, … NP of a point of a large prime order that is not the identity.
#[expect(unsafe_code, reason = "the unchecked group law")]
fn multiples<P: WeierstrassPoint, const N: usize>(point: &P) -> Box<[P; N]> {
    const { assert!(N <= FIXED_MULTIPLES, "small multiples") };
    P::set_up_once();
    let mut table = vec![point.clone(); N];
    for i in 1..N {
        let (smaller, rest) = table.split_at_mut(i);
        // SAFETY: neither summand is the identity, and (i)P ≠ ±P for 1 < i < N: the order is a prime that divides neither
        // i + 1 nor i − 1, which are at most 255.
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
    // SAFETY: neither the point nor its double is the identity, the order being odd; a point means that `multiples` did the
    // set-up.
    unsafe { point.double_assign_nonidentity::<false>() };
}

/// `16 · sum`, where the sum is the identity, whatever its coordinates, if it is empty.
#[inline(always)]
fn double_four_times<P: WeierstrassPoint>(sum: &mut P, empty: bool) {
    if !empty {
        for _ in 0..4 {
            double(sum);
        }
    }
}

/// Adds a multiple of a point to a sum, which is the identity, whatever its coordinates, if it is empty.
#[expect(unsafe_code, reason = "the unchecked group law")]
#[inline(always)]
fn add<P: WeierstrassPoint, const N: usize>(sum: &mut P, empty: &mut bool, table: &[P; N], multiple: u8) {
    let Some(place) = usize::from(multiple).checked_sub(1) else { return };
    let point = &table[place];
    if *empty {
        *sum = point.clone();
        *empty = false;
    } else if sum.x() != point.x() {
        // SAFETY: neither is the identity and the x differ; the comparison has shown that both are reduced.
        unsafe { sum.add_ne_assign_nonidentity::<false>(point) };
    } else if sum.y() == point.y() {
        double(sum);
    } else {
        *empty = true;
    }
}

/// The pairs' halves in two lists, as the pairing and the multi-scalar multiplication want them.
///
/// The first error ends it: what comes behind is neither decoded nor checked.
pub(crate) fn unzip<A, B, E>(pairs: impl Iterator<Item = Result<(A, B), E>>) -> Result<(Vec<A>, Vec<B>), E> {
    let mut halves = (Vec::new(), Vec::new());
    for pair in pairs {
        let (a, b) = pair?;
        halves.0.push(a);
        halves.1.push(b);
    }
    Ok(halves)
}
