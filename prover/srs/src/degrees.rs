//! Degrees of SRSs.

use crate::{error::SrsError, layout::MAX_K};

/// Logarithms `k` of the degrees that proving for the EVM takes: 23 for OpenVM's static verifier, and 22 for the
/// wrapper around it.
pub const DEGREES: [u32; 2] = [22, 23];

/// Returns the degrees' logarithms in ascending order, once each.
///
/// # Errors
///
/// [`SrsError::Degree`] if there are no SRSs of one of the degrees.
pub(crate) fn check_degrees(ks: &[u32]) -> Result<Vec<u32>, SrsError> {
    if let Some(k) = ks.iter().find(|k| !(1..=MAX_K).contains(*k)) {
        return Err(SrsError::Degree(*k));
    }
    let mut ks = ks.to_vec();
    ks.sort_unstable();
    ks.dedup();
    Ok(ks)
}
