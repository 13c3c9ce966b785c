//! The fractional sumcheck of LogUp: that a sum of fractions is zero, layer by layer of a binary tree of additions
//! (GKR; Papini and Haböck, "Improving logarithmic derivative lookups using GKR", 2023).
//!
//! What is done otherwise than in the reference, for the same messages:
//! - Layers are in bit-reversed order (see [`crate::field`]), so that adding and folding are operations on whole
//!   vectors, and a layer's sumcheck folds it in place.
//! - Within a layer, λ q₁ is added to p₁ once, because p₀q₁ + p₁q₀ + λ q₀q₁ = p₀q₁ + q₀(p₁ + λ q₁): two products a
//!   point in place of four, and folding keeps the form.
//! - eq is never folded. Of the round polynomial s(X) = eq(ξ, X) · h(X) only h is summed, at 1 and at infinity; its
//!   value at 0 follows from the claim that the round starts from (Gruen, "Some improvements for the PIOP for
//!   ZeroCheck", 2024). The weights eq(ξ', y) of a round are a product of two small tables.
//! - A fold and the next round's sums are one pass over memory.
//! - The leaves' numerators stay in the base field until they are folded for the first time.
//! - The layer above the leaves is not kept but made twice, which takes a quarter less memory at the peak.

use openvm_stark_backend::{
    FiatShamirTranscript, StarkProtocolConfig, proof::GkrLayerClaims, prover::error::LogupZerocheckError,
};
use p3_field::{BasedVectorSpace, Field, PackedValue, PrimeCharacteristicRing};
use rayon::prelude::*;

use crate::field::{EF, EP, F, LANES, LOG_LANES, P, eq_tables, lane, pack_all, sum_lanes};

/// How many packed weights of eq are in the faster-varying table of a round at most, as a power of two. 128 of them
/// stay in the first-level cache.
const LOG_INNER: usize = 7;

/// The fractions to sum, in bit-reversed order.
pub(crate) struct Leaves {
    log_len: usize,
    /// Numerators.
    pub(crate) p: Vec<P>,
    /// Denominators: four vectors, one a coordinate, for each vector of fractions.
    pub(crate) q: Vec<P>,
}

impl Leaves {
    /// `2^log_len` fractions 0 / q.
    pub(crate) fn new(log_len: usize, q: EF) -> Self {
        let vectors = (1usize << log_len).div_ceil(LANES);
        let coordinates: &[F] = q.as_basis_coefficients_slice();
        let q: Vec<P> = coordinates.iter().map(|&coordinate| P::from(coordinate)).collect();
        Self {
            log_len,
            p: vec![P::ZERO; vectors],
            q: (0..vectors).into_par_iter().flat_map_iter(|_| q.iter().copied()).collect(),
        }
    }

    fn q(&self, vector: usize) -> EP {
        EP::from_basis_coefficients_fn(|coordinate| self.q[4 * vector + coordinate])
    }

    /// The fractions one by one.
    fn scalars(&self) -> Vec<Fraction<EF>> {
        (0..1 << self.log_len)
            .map(|index| Fraction {
                p: self.p[index / LANES].as_slice()[index % LANES].into(),
                q: lane(self.q(index / LANES), index % LANES),
            })
            .collect()
    }
}

/// What the fractional sumcheck proves and leaves to prove.
pub(crate) struct FractionalSumcheck<SC: StarkProtocolConfig> {
    /// The denominator of the sum; the numerator is zero.
    pub(crate) q: EF,
    pub(crate) claims_per_layer: Vec<GkrLayerClaims<SC>>,
    pub(crate) sumcheck_polys: Vec<Vec<[EF; 3]>>,
    /// The point at which the leaves are claimed.
    pub(crate) xi: Vec<EF>,
}

#[derive(Clone, Copy, Debug)]
struct Fraction<T> {
    p: T,
    q: T,
}

trait Element: PrimeCharacteristicRing + Copy + Send + Sync {}
impl<T: PrimeCharacteristicRing + Copy + Send + Sync> Element for T {}

impl<T: Element> Fraction<T> {
    fn add(self, other: Self) -> Self {
        Self { p: self.p * other.q + self.q * other.p, q: self.q * other.q }
    }

    /// self + r (other - self), where r is the same in every lane.
    fn fold(self, other: Self, r: T) -> Self {
        Self { p: self.p + (other.p - self.p) * r, q: self.q + (other.q - self.q) * r }
    }

    fn sub(self, other: Self) -> Self {
        Self { p: self.p - other.p, q: self.q - other.q }
    }

    /// p₀q₁ + q₀p₁, where p₁ contains λ q₁ already.
    fn combine(self, other: Self) -> T {
        self.p * other.q + self.q * other.p
    }
}

/// h at 1 and the coefficient of X² in h.
type Sums = [EF; 2];

/// One layer of the tree, from the top.
enum Layer {
    Scalar(Vec<Fraction<EF>>),
    Packed(Vec<Fraction<EP>>),
    /// The layer above the leaves, to be made of them.
    AboveLeaves,
    Leaves(Leaves),
}

/// Proves that the fractions sum to zero.
///
/// # Errors
/// [`LogupZerocheckError::NonZeroRootSum`] when they don't.
pub(crate) fn fractional_sumcheck<SC, TS>(
    transcript: &mut TS,
    leaves: Leaves,
) -> Result<FractionalSumcheck<SC>, LogupZerocheckError>
where
    SC: StarkProtocolConfig<F = F, EF = EF>,
    TS: FiatShamirTranscript<SC>,
{
    let rounds = leaves.log_len;
    let mut layers = tree(leaves);
    let observe = |transcript: &mut TS, claims: &GkrLayerClaims<SC>| {
        transcript.observe_ext(claims.p_xi_0);
        transcript.observe_ext(claims.q_xi_0);
        transcript.observe_ext(claims.p_xi_1);
        transcript.observe_ext(claims.q_xi_1);
    };
    let Some(root) = layers.pop().map(|layer| layer.scalars()[0]) else { unreachable!("a tree has a root") };
    if root.p != EF::ZERO {
        return Err(LogupZerocheckError::NonZeroRootSum);
    }
    let q = root.q;
    transcript.observe_ext(q);

    let mut claims_per_layer = Vec::with_capacity(rounds);
    let mut sumcheck_polys = Vec::with_capacity(rounds);
    let mut xi = Vec::new();
    for round in 0..rounds {
        let mut layer = layers.pop().unwrap_or_else(|| unreachable!("the tree has a layer a round"));
        if let (Layer::AboveLeaves, Some(leaves)) = (&layer, layers.last()) {
            layer = leaves.parents();
        }
        let (polys, mut rho, children) = if round == 0 {
            let children = layer.scalars();
            (None, Vec::new(), [children[0], children[1]])
        } else {
            let lambda = transcript.sample_ext();
            let above: &GkrLayerClaims<SC> = &claims_per_layer[round - 1];
            let mu = xi[0];
            let p = above.p_xi_0 + mu * (above.p_xi_1 - above.p_xi_0);
            let q = above.q_xi_0 + mu * (above.q_xi_1 - above.q_xi_0);
            let (polys, rho, children) =
                prove_layer::<SC, TS>(transcript, layer, &xi, lambda, p + lambda * q);
            (Some(polys), rho, children)
        };
        let [zero, one] = children;
        let claims = GkrLayerClaims { p_xi_0: zero.p, q_xi_0: zero.q, p_xi_1: one.p, q_xi_1: one.q };
        observe(transcript, &claims);
        claims_per_layer.push(claims);
        sumcheck_polys.extend(polys);
        rho.insert(0, transcript.sample_ext());
        xi = rho;
    }
    Ok(FractionalSumcheck { q, claims_per_layer, sumcheck_polys, xi })
}

/// The layers of the tree, the leaves first. The one above the leaves is the second largest, and left out: its parents
/// are made of the leaves, and itself when it is its turn.
fn tree(leaves: Leaves) -> Vec<Layer> {
    let log_len = leaves.log_len;
    let mut layers = Vec::with_capacity(log_len + 1);
    if log_len <= LOG_LANES {
        layers.push(Layer::Scalar(leaves.scalars()));
    } else if leaves.p.len() < 4 {
        layers.push(Layer::Leaves(leaves));
    } else {
        let above = leaves.grandparents();
        layers.extend([Layer::Leaves(leaves), Layer::AboveLeaves, Layer::Packed(above)]);
    }
    while layers.len() <= log_len {
        layers.push(layers[layers.len() - 1].parents());
    }
    layers
}

impl Leaves {
    /// The sum of two leaves that have a parent in common, the first of which is in the first half.
    fn parent(&self, vector: usize) -> Fraction<EP> {
        let other = vector + self.p.len() / 2;
        let (q0, q1) = (self.q(vector), self.q(other));
        Fraction { p: q1 * self.p[vector] + q0 * self.p[other], q: q0 * q1 }
    }

    /// The layer above.
    fn parents(&self) -> Vec<Fraction<EP>> {
        (0..self.p.len() / 2).into_par_iter().map(|vector| self.parent(vector)).collect()
    }

    /// The layer above the layer above.
    fn grandparents(&self) -> Vec<Fraction<EP>> {
        let quarter = self.p.len() / 4;
        (0..quarter)
            .into_par_iter()
            .map(|vector| self.parent(vector).add(self.parent(vector + quarter)))
            .collect()
    }
}

impl Layer {
    /// The fractions one by one, of a layer near the top. (Where a vector has one lane only, all layers are vectors.)
    fn scalars(self) -> Vec<Fraction<EF>> {
        match self {
            Self::Scalar(fractions) => fractions,
            Self::Packed(vectors) => unpack(&vectors),
            Self::Leaves(leaves) => leaves.scalars(),
            Self::AboveLeaves => unreachable!("it was made before"),
        }
    }

    /// The layer above.
    fn parents(&self) -> Self {
        let add_scalars = |children: &[Fraction<EF>]| {
            let (zero, one) = children.split_at(children.len() / 2);
            zero.iter().zip(one).map(|(&a, &b)| a.add(b)).collect::<Vec<_>>()
        };
        match self {
            Self::Scalar(children) => Self::Scalar(add_scalars(children)),
            Self::Leaves(leaves) => Self::Packed(leaves.parents()),
            Self::AboveLeaves => unreachable!("what is above it is made of the leaves"),
            Self::Packed(children) if children.len() > 1 => {
                let (zero, one) = children.split_at(children.len() / 2);
                Self::Packed(zero.par_iter().zip(one).map(|(&a, &b)| a.add(b)).collect())
            }
            Self::Packed(children) => Self::Scalar(add_scalars(&unpack(&children[..1]))),
        }
    }
}

fn unpack(vectors: &[Fraction<EP>]) -> Vec<Fraction<EF>> {
    let element = |index: usize| {
        let vector = vectors[index / LANES];
        Fraction { p: lane(vector.p, index % LANES), q: lane(vector.q, index % LANES) }
    };
    (0..LANES * vectors.len()).map(element).collect()
}

/// The sumcheck of one layer, whose claim is that of the layer above at `xi`.
///
/// Returns the round polynomials at 1, 2 and 3, the challenges, and both children at the challenges.
fn prove_layer<SC, TS>(
    transcript: &mut TS,
    layer: Layer,
    xi: &[EF],
    lambda: EF,
    claim: EF,
) -> (Vec<[EF; 3]>, Vec<EF>, [Fraction<EF>; 2])
where
    SC: StarkProtocolConfig<F = F, EF = EF>,
    TS: FiatShamirTranscript<SC>,
{
    let mut rounds = Rounds { xi, claim, eq: EF::ONE, polys: Vec::new(), challenges: Vec::new() };
    let mut scalars = match layer {
        Layer::Packed(mut children) if children.len() > 1 => {
            let half = children.len() / 2;
            let lambda = EP::from(lambda);
            children[half..].par_iter_mut().for_each(|one| one.p += lambda * one.q);
            packed_rounds::<SC, TS>(transcript, &mut rounds, &mut children)
        }
        Layer::Leaves(leaves) if leaves.p.len() > 2 => {
            let sums = leaf_sums(&leaves, &weights(xi, 0), lambda);
            let r = rounds.finish::<SC, TS>(transcript, sums);
            let mut children = fold_leaves(leaves, lambda, r);
            packed_rounds::<SC, TS>(transcript, &mut rounds, &mut children)
        }
        // No child has more than a vector.
        few => add_denominators(few.scalars(), lambda),
    };
    // The rest, when a vector would not be full.
    let mut half = scalars.len() / 2;
    let tables = eq_tables(&xi[rounds.challenges.len()..]);
    let mut round = 0;
    while half > 1 {
        let quarter = half / 2;
        let weights = &tables[round + 1];
        let mut sums = [EF::ZERO; 2];
        for (y, &weight) in weights.iter().enumerate() {
            let [c0, c1] = [scalars[quarter + y], scalars[half + quarter + y]];
            let [d0, d1] = [c0.sub(scalars[y]), c1.sub(scalars[half + y])];
            sums[0] += weight * c0.combine(c1);
            sums[1] += weight * d0.combine(d1);
        }
        let r = rounds.finish::<SC, TS>(transcript, sums);
        let folded = |offset: usize| {
            let scalars = &scalars;
            (0..quarter).map(move |y| scalars[offset + y].fold(scalars[offset + quarter + y], r))
        };
        scalars = folded(0).chain(folded(half)).collect();
        half = quarter;
        round += 1;
    }
    let (zero, mut one) = (scalars[0], scalars[1]);
    one.p -= lambda * one.q;
    (rounds.polys, rounds.challenges, [zero, one])
}

/// Adds λ q₁ to p₁ in the second half of `children`.
fn add_denominators(mut children: Vec<Fraction<EF>>, lambda: EF) -> Vec<Fraction<EF>> {
    let half = children.len() / 2;
    children[half..].iter_mut().for_each(|one| one.p += lambda * one.q);
    children
}

/// Where a layer's sumcheck is.
struct Rounds<'a> {
    xi: &'a [EF],
    /// What the next round polynomial sums to.
    claim: EF,
    /// eq of the variables that are bound, at their challenges.
    eq: EF,
    polys: Vec<[EF; 3]>,
    challenges: Vec<EF>,
}

impl Rounds<'_> {
    /// Ends a round: its polynomial goes to the transcript, and the challenge that comes back is returned.
    fn finish<SC, TS>(&mut self, transcript: &mut TS, [h1, h_infinity]: Sums) -> EF
    where
        SC: StarkProtocolConfig<F = F, EF = EF>,
        TS: FiatShamirTranscript<SC>,
    {
        let xi = self.xi[self.challenges.len()];
        let (eq0, eq1) = (self.eq * (EF::ONE - xi), self.eq * xi);
        // claim = eq0 h(0) + eq1 h(1). A factor of zero has a probability of 2^-123, and no proof then.
        let h0 = (self.claim - eq1 * h1) * eq0.inverse();
        let linear = h1 - h0 - h_infinity;
        let at = |x: EF| (eq0 + (eq1 - eq0) * x) * (h0 + (linear + h_infinity * x) * x);
        let poly = [EF::ONE, EF::TWO, EF::from_u8(3)].map(at);
        for value in poly {
            transcript.observe_ext(value);
        }
        self.polys.push(poly);
        let r = transcript.sample_ext();
        self.claim = at(r);
        self.eq = eq0 + (eq1 - eq0) * r;
        self.challenges.push(r);
        r
    }
}

/// eq(ξ, y) over the variables after the one that a round binds: the weight of y is outer[y's high bits] times
/// inner[y's low bits].
struct Weights {
    outer: Vec<EF>,
    inner: Vec<EP>,
}

/// The weights of a round, where at least a vector of them is needed.
fn weights(xi: &[EF], round: usize) -> Weights {
    let rest = &xi[round + 1..];
    let (outer, inner) = rest.split_at(rest.len().saturating_sub(LOG_INNER + LOG_LANES));
    Weights { outer: eq_tables(outer).swap_remove(0), inner: pack_all(&eq_tables(inner)[0]) }
}

/// Sums a function of the outer index over vectors, weighted.
fn sum_blocks(weights: &Weights, block: impl Fn(usize) -> [EP; 2] + Sync) -> Sums {
    (0..weights.outer.len())
        .into_par_iter()
        .map(|outer| block(outer).map(|sum| weights.outer[outer] * sum_lanes(sum)))
        .reduce(|| [EF::ZERO; 2], |[a, b], [c, d]| [a + c, b + d])
}

/// All rounds of a layer until a vector is left of each child; those are returned, one by one.
///
/// `children` holds the child 0 and then the child 1.
fn packed_rounds<SC, TS>(
    transcript: &mut TS,
    rounds: &mut Rounds<'_>,
    children: &mut [Fraction<EP>],
) -> Vec<Fraction<EF>>
where
    SC: StarkProtocolConfig<F = F, EF = EF>,
    TS: FiatShamirTranscript<SC>,
{
    let half = children.len() / 2;
    let (mut zero, mut one) = children.split_at_mut(half);
    if zero.len() > 1 {
        let mut sums = layer_sums(zero, one, &weights(rounds.xi, rounds.challenges.len()));
        loop {
            let r = rounds.finish::<SC, TS>(transcript, sums);
            let left = zero.len() / 2;
            if left == 1 {
                zero[0] = zero[0].fold(zero[1], EP::from(r));
                one[0] = one[0].fold(one[1], EP::from(r));
                break;
            }
            let weights = weights(rounds.xi, rounds.challenges.len());
            sums = fold_and_sum(zero, one, &weights, EP::from(r));
            zero = &mut zero[..left];
            one = &mut one[..left];
        }
    }
    [unpack(&zero[..1]), unpack(&one[..1])].concat()
}

/// A round's sums over the children as they are.
fn layer_sums(zero: &[Fraction<EP>], one: &[Fraction<EP>], weights: &Weights) -> Sums {
    let half = zero.len() / 2;
    let inner = weights.inner.len();
    sum_blocks(weights, |outer| {
        let mut sums = [EP::ZERO; 2];
        for (y, &weight) in (outer * inner..).zip(&weights.inner) {
            let [c0, c1] = [zero[half + y], one[half + y]];
            sums[0] += weight * c0.combine(c1);
            sums[1] += weight * c0.sub(zero[y]).combine(c1.sub(one[y]));
        }
        sums
    })
}

/// Folds both children at `r` into their first halves, and returns the next round's sums.
fn fold_and_sum(zero: &mut [Fraction<EP>], one: &mut [Fraction<EP>], weights: &Weights, r: EP) -> Sums {
    let quarter = zero.len() / 4;
    let inner = weights.inner.len();
    fn quarters(child: &mut [Fraction<EP>], quarter: usize) -> [&mut [Fraction<EP>]; 4] {
        let (low, high) = child.split_at_mut(2 * quarter);
        let (a, b) = low.split_at_mut(quarter);
        let (c, d) = high.split_at_mut(quarter);
        [a, b, c, d]
    }
    let [a0, b0, c0, d0] = quarters(zero, quarter);
    let [a1, b1, c1, d1] = quarters(one, quarter);
    (
        a0.par_chunks_mut(inner),
        b0.par_chunks_mut(inner),
        c0.par_chunks(inner),
        d0.par_chunks(inner),
        a1.par_chunks_mut(inner),
        b1.par_chunks_mut(inner),
        c1.par_chunks(inner),
        d1.par_chunks(inner),
    )
        .into_par_iter()
        .zip(&weights.outer)
        .map(|((a0, b0, c0, d0, a1, b1, c1, d1), &outer)| {
            let mut sums = [EP::ZERO; 2];
            for (y, &weight) in weights.inner.iter().enumerate() {
                let low0 = a0[y].fold(c0[y], r);
                let high0 = b0[y].fold(d0[y], r);
                let low1 = a1[y].fold(c1[y], r);
                let high1 = b1[y].fold(d1[y], r);
                (a0[y], b0[y], a1[y], b1[y]) = (low0, high0, low1, high1);
                sums[0] += weight * high0.combine(high1);
                sums[1] += weight * high0.sub(low0).combine(high1.sub(low1));
            }
            sums.map(|sum| outer * sum_lanes(sum))
        })
        .reduce(|| [EF::ZERO; 2], |[a, b], [c, d]| [a + c, b + d])
}

/// The first round's sums over the leaves.
fn leaf_sums(leaves: &Leaves, weights: &Weights, lambda: EF) -> Sums {
    let (half, quarter) = (leaves.p.len() / 2, leaves.p.len() / 4);
    let inner = weights.inner.len();
    let lambda = EP::from(lambda);
    sum_blocks(weights, |outer| {
        let mut sums = [EP::ZERO; 2];
        for (y, &weight) in (outer * inner..).zip(&weights.inner) {
            let [i0, i1, j0, j1] = [y, half + y, quarter + y, half + quarter + y];
            let [q0, q1] = [leaves.q(j0), leaves.q(j1)];
            sums[0] += weight * (q1 * leaves.p[j0] + q0 * (lambda * q1 + leaves.p[j1]));
            let [d0, d1] = [q0 - leaves.q(i0), q1 - leaves.q(i1)];
            let p1 = lambda * d1 + (leaves.p[j1] - leaves.p[i1]);
            sums[1] += weight * (d1 * (leaves.p[j0] - leaves.p[i0]) + d0 * p1);
        }
        sums
    })
}

/// The leaves folded at `r`, with λ q₁ added to p₁.
fn fold_leaves(leaves: Leaves, lambda: EF, r: EF) -> Vec<Fraction<EP>> {
    let (half, quarter) = (leaves.p.len() / 2, leaves.p.len() / 4);
    let (lambda, r) = (EP::from(lambda), EP::from(r));
    let fold = |index: usize| {
        // The first quarter is of child 0, the next of child 1.
        let child = index / quarter;
        let low = child * half + index % quarter;
        let high = low + quarter;
        let (q_low, q_high) = (leaves.q(low), leaves.q(high));
        let q = q_low + (q_high - q_low) * r;
        let p = r * (leaves.p[high] - leaves.p[low]) + leaves.p[low];
        Fraction { p: if child == 1 { p + lambda * q } else { p }, q }
    };
    (0..2 * quarter).into_par_iter().map(fold).collect()
}
