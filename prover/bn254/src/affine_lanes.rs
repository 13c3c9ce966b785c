//! Sums of pairs of points, several pairs side by side in the lanes of a kernel.

use crate::{
    affine_batch_add::{Pairs, Point},
    simd::{LazyArithmetic, MAX_LANES},
};

/// One coordinate of each of `LANES` points, in the form of a kernel. Methods are inlined into a function that has the
/// kernel's instructions enabled.
///
/// The kernels' bounds hold for the operations of [`add`], and are promised for no others.
pub(crate) trait Coordinates: LazyArithmetic {
    /// Points side by side, at most [`MAX_LANES`].
    const LANES: usize;

    /// The neutral factor of [`mul`](LazyArithmetic::mul).
    fn one() -> Self;
    /// Loads the x coordinates of points 0 to `LANES - 1`.
    fn load_x<'a>(point: impl Fn(usize) -> &'a Point) -> Self;
    /// Loads the x and the y coordinates of points 0 to `LANES - 1`.
    fn load<'a>(point: impl Fn(usize) -> &'a Point) -> (Self, Self);
    /// Returns the points with these settled coordinates, in the first `LANES` entries.
    fn points(x: Self, y: Self) -> [Point; MAX_LANES];
    /// Takes the lesser top limb of each lane, for [`any_zero_limb`](Self::any_zero_limb). The other limbs are
    /// arbitrary.
    fn least(self, rhs: Self) -> Self;
    /// Returns whether a lane's top limb is zero.
    fn any_zero_limb(self) -> bool;
    /// Inverts products of differences of x coordinates, in the form that [`third`](Self::third) needs its slope in.
    /// Returns `None` if a product is zero.
    fn inverted(self) -> Option<Self>;
    /// Settled coordinates of the sums of points `p` and points `q`, where `difference` is `q.x - p.x`. The slope is
    /// the product of `q.y - p.y` with the inverse of `difference`.
    fn third(p: (Self, Self), difference: Self, slope: Self) -> (Self, Self);
}

/// Adds the first `count` pairs, and stores the sums from the last to the first. Returns false, having stored nothing,
/// if there is a pair that can't be added by the slope. `memory` keeps its allocation from call to call; it holds, for
/// each group of `LANES` pairs, the differences of the x coordinates and the products of those before.
#[inline(always)]
pub(crate) fn add<L: Coordinates>(memory: &mut Vec<(L, L)>, count: usize, pairs: &mut impl Pairs) -> bool {
    memory.clear();
    let Some(last) = count.checked_sub(1) else { return true };
    // Lanes without a pair repeat the last one.
    let at = |first: usize, lane: usize| (first + lane).min(last);
    // Infinity's top limb is zero, and that of hardly any other point.
    let mut least = L::load_x(|lane| pairs.pair(at(0, lane)).0);
    let mut products = L::one();
    for first in (0..count).step_by(L::LANES) {
        let p = L::load_x(|lane| pairs.pair(at(first, lane)).0);
        let q = L::load_x(|lane| pairs.pair(at(first, lane)).1);
        least = least.least(p).least(q);
        let differences = q.sub(p).settle();
        memory.push((differences, products));
        products = products.mul(differences);
    }
    if least.any_zero_limb() {
        return false;
    }
    let Some(mut inverses) = products.inverted() else { return false };
    for (group, (differences, products)) in memory.iter().enumerate().rev() {
        let first = group * L::LANES;
        let p = L::load(|lane| pairs.pair(at(first, lane)).0);
        let (_, q_y) = L::load(|lane| pairs.pair(at(first, lane)).1);
        let inverse = inverses.mul(*products);
        inverses = inverses.mul(*differences);
        let slope = q_y.sub(p.1).mul(inverse);
        let (x, y) = L::third(p, *differences, slope);
        let points = L::points(x, y);
        for lane in (0..L::LANES.min(count - first)).rev() {
            *pairs.sum(first + lane) = points[lane];
        }
    }
    true
}
