//! The fractional sumcheck of LogUp-GKR, which proves `Σ p(x) / q(x) = 0` over the input layer (Papini and Haböck,
//! "Improving logarithmic derivative lookups using GKR", 2023).
//!
//! Fractions are added in a binary tree. Layer j has `2^j` fractions. With `p_b(y) = p_j(b, y)` and
//! `q_b(y) = q_j(b, y)`, the layers satisfy
//!
//!   p_(j-1) = p₀ q₁ + p₁ q₀,   q_(j-1) = q₀ q₁.
//!
//! A claim on `p_(j-1) + λ q_(j-1)` at ξ is reduced to claims on layer j by a sumcheck over y of
//!
//!   eq(ξ, y) (p₀ q₁ + p₁ q₀ + λ q₀ q₁).
//!
//! The challenge μ then joins the claims on both halves to one at `(μ, ρ)`, where ρ are the sumcheck's challenges.
//!
//! Differences from the reference prover, for the same messages:
//! - Layers are in bit-reversed order (see [`crate::field`]), so that adding and folding are operations on whole
//!   vectors, and a layer's sumcheck folds it in place.
//! - Within a layer, λ q₁ is added to p₁ once, because p₀q₁ + p₁q₀ + λ q₀q₁ = p₀q₁ + q₀(p₁ + λ q₁): two products a
//!   point instead of four, and folding keeps the form.
//! - eq is never folded. Of the round polynomial s(X) = eq(ξ, X) · h(X) only h is summed, at 1 and at infinity; its
//!   value at 0 follows from the claim that the round starts from (Gruen, "Some improvements for the PIOP for
//!   ZeroCheck", 2024). The weights eq(ξ', y) of a round are a product of two small tables.
//! - A fold and the next round's sums are one pass over memory.
//! - The input layer's numerators stay in the base field until they are folded for the first time.
//! - The layer above the input layer isn't kept but computed twice, which takes a quarter less memory at the peak.

use openvm_stark_backend::{
    FiatShamirTranscript, StarkProtocolConfig, proof::GkrLayerClaims, prover::error::LogupZerocheckError,
};
use p3_field::{BasedVectorSpace, Field, PackedValue, PrimeCharacteristicRing};
use rayon::prelude::*;

use crate::field::{EF, EP, F, LANES, LOG_LANES, P, eq_tables, lane, pack_all, sum_lanes};

/// log2 of the greatest number of packed weights in the faster-varying eq table of a round: 128 of them stay in the
/// first-level cache.
const LOG_INNER: usize = 7;

/// The `2^log_len` fractions to sum, in bit-reversed order. Fewer than [`LANES`] are filled up to one vector.
pub(crate) struct InputLayer {
    log_len: usize,
    /// Numerators, in the base field.
    pub(crate) p: Vec<P>,
    /// Denominators, in the extension: four vectors, one a coordinate, for each vector of `p`.
    pub(crate) q: Vec<P>,
}

impl InputLayer {
    /// A layer of `2^log_len` fractions `0 / q`.
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

    /// Denominators of a vector of fractions.
    fn q(&self, vector: usize) -> EP {
        EP::from_basis_coefficients_fn(|coordinate| self.q[4 * vector + coordinate])
    }

    /// Unpacks the fractions.
    fn scalars(&self) -> Vec<Fraction<EF>> {
        (0..1 << self.log_len)
            .map(|index| Fraction {
                p: self.p[index / LANES].as_slice()[index % LANES].into(),
                q: lane(self.q(index / LANES), index % LANES),
            })
            .collect()
    }
}

/// Messages of the fractional sumcheck, and the point of the claim that remains.
pub(crate) struct FractionalSumcheck<SC: StarkProtocolConfig> {
    /// Denominator of the sum; the numerator is zero.
    pub(crate) q: EF,
    /// Both halves of p and q at the sumcheck's challenges, from layer 1 to the input layer.
    pub(crate) claims_per_layer: Vec<GkrLayerClaims<SC>>,
    /// Round polynomials at 1, 2 and 3, from layer 2 to the input layer.
    pub(crate) sumcheck_polys: Vec<Vec<[EF; 3]>>,
    /// Point of the claim on the input layer.
    pub(crate) xi: Vec<EF>,
}

/// A fraction p / q, or a vector of them.
#[derive(Clone, Copy, Debug)]
struct Fraction<T> {
    p: T,
    q: T,
}

/// Element of the extension, or a vector of them.
trait Element: PrimeCharacteristicRing + Copy + Send + Sync {}
impl<T: PrimeCharacteristicRing + Copy + Send + Sync> Element for T {}

impl<T: Element> Fraction<T> {
    /// Sum of two fractions: p₀q₁ + q₀p₁ over q₀q₁.
    fn add(self, other: Self) -> Self {
        Self { p: self.p * other.q + self.q * other.p, q: self.q * other.q }
    }

    /// `self + r (other - self)`, for p and for q. r is the same in every lane.
    fn fold(self, other: Self, r: T) -> Self {
        Self { p: self.p + (other.p - self.p) * r, q: self.q + (other.q - self.q) * r }
    }

    /// Difference of the numerators, and of the denominators.
    fn sub(self, other: Self) -> Self {
        Self { p: self.p - other.p, q: self.q - other.q }
    }

    /// p₀q₁ + q₀p₁, where p₁ already contains λ q₁.
    fn combine(self, other: Self) -> T {
        self.p * other.q + self.q * other.p
    }
}

/// h(1), and the coefficient of X² in h.
type Sums = [EF; 2];

/// A layer of the tree, in bit-reversed order.
enum Layer {
    Scalar(Vec<Fraction<EF>>),
    Packed(Vec<Fraction<EP>>),
    /// The layer above the input layer, to be computed from that.
    AboveInput,
    Input(InputLayer),
}

/// Proves that the fractions sum to zero, up to a claim on the input layer at [`FractionalSumcheck::xi`].
///
/// # Errors
/// [`LogupZerocheckError::NonZeroRootSum`] if they don't.
pub(crate) fn fractional_sumcheck<SC, TS>(
    transcript: &mut TS,
    input: InputLayer,
) -> Result<FractionalSumcheck<SC>, LogupZerocheckError>
where
    SC: StarkProtocolConfig<F = F, EF = EF>,
    TS: FiatShamirTranscript<SC>,
{
    let rounds = input.log_len;
    let mut layers = layers(input);
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
        if let (Layer::AboveInput, Some(input)) = (&layer, layers.last()) {
            layer = input.parents();
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

/// The layers of the tree, the input layer first and the root last. The second largest layer is left out: the one above
/// it is computed from the input layer, and itself only when its sumcheck begins.
fn layers(input: InputLayer) -> Vec<Layer> {
    let log_len = input.log_len;
    let mut layers = Vec::with_capacity(log_len + 1);
    if log_len <= LOG_LANES {
        layers.push(Layer::Scalar(input.scalars()));
    } else if input.p.len() < 4 {
        layers.push(Layer::Input(input));
    } else {
        let above = input.grandparents();
        layers.extend([Layer::Input(input), Layer::AboveInput, Layer::Packed(above)]);
    }
    while layers.len() <= log_len {
        layers.push(layers[layers.len() - 1].parents());
    }
    layers
}

impl InputLayer {
    /// The sum of a vector of fractions in the first half and the corresponding one in the second half.
    fn parent(&self, vector: usize) -> Fraction<EP> {
        let other = vector + self.p.len() / 2;
        let (q0, q1) = (self.q(vector), self.q(other));
        Fraction { p: q1 * self.p[vector] + q0 * self.p[other], q: q0 * q1 }
    }

    /// Computes the layer above.
    fn parents(&self) -> Vec<Fraction<EP>> {
        (0..self.p.len() / 2).into_par_iter().map(|vector| self.parent(vector)).collect()
    }

    /// Computes the layer above the layer above.
    fn grandparents(&self) -> Vec<Fraction<EP>> {
        let quarter = self.p.len() / 4;
        (0..quarter)
            .into_par_iter()
            .map(|vector| self.parent(vector).add(self.parent(vector + quarter)))
            .collect()
    }
}

impl Layer {
    /// Unpacks the fractions of a layer near the root. (Where a vector has one lane only, all layers are vectors.)
    fn scalars(self) -> Vec<Fraction<EF>> {
        match self {
            Self::Scalar(fractions) => fractions,
            Self::Packed(vectors) => unpack(&vectors),
            Self::Input(input) => input.scalars(),
            Self::AboveInput => unreachable!("it was computed before"),
        }
    }

    /// Computes the layer above.
    fn parents(&self) -> Self {
        let add_scalars = |children: &[Fraction<EF>]| {
            let (zero, one) = children.split_at(children.len() / 2);
            zero.iter().zip(one).map(|(&a, &b)| a.add(b)).collect::<Vec<_>>()
        };
        match self {
            Self::Scalar(children) => Self::Scalar(add_scalars(children)),
            Self::Input(input) => Self::Packed(input.parents()),
            Self::AboveInput => unreachable!("the layer above it is computed from the input layer"),
            Self::Packed(children) if children.len() > 1 => {
                let (zero, one) = children.split_at(children.len() / 2);
                Self::Packed(zero.par_iter().zip(one).map(|(&a, &b)| a.add(b)).collect())
            }
            Self::Packed(children) => Self::Scalar(add_scalars(&unpack(&children[..1]))),
        }
    }
}

/// Unpacks all fractions.
fn unpack(vectors: &[Fraction<EP>]) -> Vec<Fraction<EF>> {
    let element = |index: usize| {
        let vector = vectors[index / LANES];
        Fraction { p: lane(vector.p, index % LANES), q: lane(vector.q, index % LANES) }
    };
    (0..LANES * vectors.len()).map(element).collect()
}

/// Proves the sumcheck of one layer. `claim` is `p + λ q` of the layer above at `xi`.
///
/// Returns the round polynomials at 1, 2 and 3, the challenges ρ, and both halves of the layer at ρ.
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
    let mut rounds = LayerRounds { xi, claim, eq: EF::ONE, polys: Vec::new(), challenges: Vec::new() };
    let mut scalars = match layer {
        Layer::Packed(mut children) if children.len() > 1 => {
            let half = children.len() / 2;
            let lambda = EP::from(lambda);
            children[half..].par_iter_mut().for_each(|one| one.p += lambda * one.q);
            packed_rounds::<SC, TS>(transcript, &mut rounds, &mut children)
        }
        Layer::Input(input) if input.p.len() > 2 => {
            let sums = input_sums(&input, &eq_weights(xi, 0), lambda);
            let r = rounds.finish::<SC, TS>(transcript, sums);
            let mut children = fold_input(input, lambda, r);
            packed_rounds::<SC, TS>(transcript, &mut rounds, &mut children)
        }
        // No half has more than one vector.
        few => add_denominators(few.scalars(), lambda),
    };
    // The rounds whose halves don't fill a vector.
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

/// Adds λ q₁ to p₁, in the second half of `children`.
fn add_denominators(mut children: Vec<Fraction<EF>>, lambda: EF) -> Vec<Fraction<EF>> {
    let half = children.len() / 2;
    children[half..].iter_mut().for_each(|one| one.p += lambda * one.q);
    children
}

/// State of a layer's sumcheck.
struct LayerRounds<'a> {
    xi: &'a [EF],
    /// Sum s(0) + s(1) of the next round polynomial s.
    claim: EF,
    /// eq(ξ, ρ) over the bound variables.
    eq: EF,
    /// Round polynomials at 1, 2 and 3.
    polys: Vec<[EF; 3]>,
    /// ρ, the challenges so far.
    challenges: Vec<EF>,
}

impl LayerRounds<'_> {
    /// Ends a round: observes its polynomial, samples the challenge and returns it.
    fn finish<SC, TS>(&mut self, transcript: &mut TS, [h1, h_infinity]: Sums) -> EF
    where
        SC: StarkProtocolConfig<F = F, EF = EF>,
        TS: FiatShamirTranscript<SC>,
    {
        let xi = self.xi[self.challenges.len()];
        let (eq0, eq1) = (self.eq * (EF::ONE - xi), self.eq * xi);
        // claim = eq0 h(0) + eq1 h(1). eq0 is zero with a probability of 2^-123, and then there is no proof.
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

/// Values eq(ξ, y) over the variables after the one that a round binds, in bit-reversed order. The weight at index i is
/// `outer[high bits of i]` times `inner[low bits of i]`.
struct EqWeights {
    outer: Vec<EF>,
    inner: Vec<EP>,
}

/// Computes the weights of a round with at least one vector of them.
fn eq_weights(xi: &[EF], round: usize) -> EqWeights {
    let rest = &xi[round + 1..];
    let (outer, inner) = rest.split_at(rest.len().saturating_sub(LOG_INNER + LOG_LANES));
    EqWeights { outer: eq_tables(outer).swap_remove(0), inner: pack_all(&eq_tables(inner)[0]) }
}

/// Sums `outer[i] block(i)` over all i, and over the lanes. `block(i)` is already weighted with `inner`.
fn sum_blocks(weights: &EqWeights, block: impl Fn(usize) -> [EP; 2] + Sync) -> Sums {
    (0..weights.outer.len())
        .into_par_iter()
        .map(|outer| block(outer).map(|sum| weights.outer[outer] * sum_lanes(sum)))
        .reduce(|| [EF::ZERO; 2], |[a, b], [c, d]| [a + c, b + d])
}

/// Proves the rounds of a layer until one vector of each half remains; returns both, unpacked.
///
/// `children` holds half 0 (p₀, q₀) and then half 1 (p₁ + λ q₁, q₁).
fn packed_rounds<SC, TS>(
    transcript: &mut TS,
    rounds: &mut LayerRounds<'_>,
    children: &mut [Fraction<EP>],
) -> Vec<Fraction<EF>>
where
    SC: StarkProtocolConfig<F = F, EF = EF>,
    TS: FiatShamirTranscript<SC>,
{
    let half = children.len() / 2;
    let (mut zero, mut one) = children.split_at_mut(half);
    if zero.len() > 1 {
        let mut sums = layer_sums(zero, one, &eq_weights(rounds.xi, rounds.challenges.len()));
        loop {
            let r = rounds.finish::<SC, TS>(transcript, sums);
            let left = zero.len() / 2;
            if left == 1 {
                zero[0] = zero[0].fold(zero[1], EP::from(r));
                one[0] = one[0].fold(one[1], EP::from(r));
                break;
            }
            let weights = eq_weights(rounds.xi, rounds.challenges.len());
            sums = fold_and_sum(zero, one, &weights, EP::from(r));
            zero = &mut zero[..left];
            one = &mut one[..left];
        }
    }
    [unpack(&zero[..1]), unpack(&one[..1])].concat()
}

/// Sums of a round over both halves, without a fold.
fn layer_sums(zero: &[Fraction<EP>], one: &[Fraction<EP>], weights: &EqWeights) -> Sums {
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

/// Folds each half of the layer at `r` into its own first half, and returns the next round's sums.
fn fold_and_sum(zero: &mut [Fraction<EP>], one: &mut [Fraction<EP>], weights: &EqWeights, r: EP) -> Sums {
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

/// Sums of the first round over the input layer.
fn input_sums(input: &InputLayer, weights: &EqWeights, lambda: EF) -> Sums {
    let (half, quarter) = (input.p.len() / 2, input.p.len() / 4);
    let inner = weights.inner.len();
    let lambda = EP::from(lambda);
    sum_blocks(weights, |outer| {
        let mut sums = [EP::ZERO; 2];
        for (y, &weight) in (outer * inner..).zip(&weights.inner) {
            let [i0, i1, j0, j1] = [y, half + y, quarter + y, half + quarter + y];
            let [q0, q1] = [input.q(j0), input.q(j1)];
            sums[0] += weight * (q1 * input.p[j0] + q0 * (lambda * q1 + input.p[j1]));
            let [d0, d1] = [q0 - input.q(i0), q1 - input.q(i1)];
            let p1 = lambda * d1 + (input.p[j1] - input.p[i1]);
            sums[1] += weight * (d1 * (input.p[j0] - input.p[i0]) + d0 * p1);
        }
        sums
    })
}

/// Folds the input layer at `r`, and adds λ q₁ to p₁.
fn fold_input(input: InputLayer, lambda: EF, r: EF) -> Vec<Fraction<EP>> {
    let (half, quarter) = (input.p.len() / 2, input.p.len() / 4);
    let (lambda, r) = (EP::from(lambda), EP::from(r));
    let fold = |index: usize| {
        // The first `quarter` results are of half 0, the others of half 1.
        let child = index / quarter;
        let low = child * half + index % quarter;
        let high = low + quarter;
        let (q_low, q_high) = (input.q(low), input.q(high));
        let q = q_low + (q_high - q_low) * r;
        let p = r * (input.p[high] - input.p[low]) + input.p[low];
        Fraction { p: if child == 1 { p + lambda * q } else { p }, q }
    };
    (0..2 * quarter).into_par_iter().map(fold).collect()
}
