//! LogUp-GKR: the proof that the buses' fractions sum to zero.

pub(crate) mod fractional_sumcheck;
pub(crate) mod fractions;
