//! Access to the proof system's parameters.

use openvm_stark_backend::SystemParams;

/// Something that has the proof system's parameters. The stacked opening reduction is generic over its device, and
/// needs no more of it.
pub(crate) trait Params {
    /// The parameters.
    fn params(&self) -> &SystemParams;
}
