//! Sums of points in the lanes of a kernel.

use crate::{Pairs, Point, lanes::MAX_LANES};

/// Coordinates of some points side by side, in the form of a kernel. To be inlined into a function that has the kernel's
/// instructions enabled.
///
/// Only what [`add`] does is promised to be within the kernel's bounds.
pub(crate) trait Coordinates: Copy {
    /// Points.
    const LANES: usize;

    /// What [`times`](Self::times) leaves as it is.
    fn one() -> Self;
    /// The points' x coordinates.
    fn load_x<'a>(point: impl Fn(usize) -> &'a Point) -> Self;
    /// The points' x and y coordinates.
    fn load<'a>(point: impl Fn(usize) -> &'a Point) -> (Self, Self);
    /// The first `LANES` are the points with these settled coordinates.
    fn points(x: Self, y: Self) -> [Point; MAX_LANES];
    /// The same elements, in the least range.
    fn settled(self) -> Self;
    /// The difference.
    fn minus(self, rhs: Self) -> Self;
    /// The product.
    fn times(self, rhs: Self) -> Self;
    /// The lesser of the top limbs, lane by lane, of which [`any_zero_limb`](Self::any_zero_limb) tells.
    fn least(self, rhs: Self) -> Self;
    /// Whether a lane's top limb is zero.
    fn any_zero_limb(self) -> bool;
    /// The inverses of products of x coordinates' differences, so that [`third`](Self::third) gets its slope; none if one is
    /// zero.
    fn inverted(self) -> Option<Self>;
    /// The settled coordinates of the sums of points `p` and those whose x coordinates differ by `difference`, on lines with
    /// this slope: the product of the y coordinates' differences with the inverses of the x coordinates'.
    fn third(p: (Self, Self), difference: Self, slope: Self) -> (Self, Self);
}

/// Puts the sums of the first `count` pairs where they belong, from the last to the first, unless there is a pair that
/// can't be added by the slope: then it does nothing. `memory` is kept for the next time.
#[inline(always)]
pub(crate) fn add<L: Coordinates>(memory: &mut Vec<(L, L)>, count: usize, pairs: &mut impl Pairs) -> bool {
    memory.clear();
    let Some(last) = count.checked_sub(1) else { return true };
    // Lanes without a pair repeat the last one.
    let at = |first: usize, lane: usize| (first + lane).min(last);
    // Infinity's top limb is zero, and hardly any other point's.
    let mut least = L::load_x(|lane| pairs.pair(at(0, lane)).0);
    let mut products = L::one();
    for first in (0..count).step_by(L::LANES) {
        let p = L::load_x(|lane| pairs.pair(at(first, lane)).0);
        let q = L::load_x(|lane| pairs.pair(at(first, lane)).1);
        least = least.least(p).least(q);
        let differences = q.minus(p).settled();
        memory.push((differences, products));
        products = products.times(differences);
    }
    if least.any_zero_limb() {
        return false;
    }
    let Some(mut inverses) = products.inverted() else { return false };
    for (group, (differences, products)) in memory.iter().enumerate().rev() {
        let first = group * L::LANES;
        let p = L::load(|lane| pairs.pair(at(first, lane)).0);
        let (_, q_y) = L::load(|lane| pairs.pair(at(first, lane)).1);
        let inverse = inverses.times(*products);
        inverses = inverses.times(*differences);
        let slope = q_y.minus(p.1).times(inverse);
        let (x, y) = L::third(p, *differences, slope);
        let points = L::points(x, y);
        for lane in (0..L::LANES.min(count - first)).rev() {
            *pairs.sum(first + lane) = points[lane];
        }
    }
    true
}
