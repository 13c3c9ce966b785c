//! Progress of an installation.

use serde::Serialize;

/// One step of installing an SRS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Reads the file to compute its digest. Counted in bytes.
    Digest,
    /// Reads, checks and copies the powers. Counted in points.
    ImportPowers {
        /// Logarithm of the degree.
        k: u32,
    },
    /// Reads, checks and copies the Lagrange form. Counted in points.
    ImportLagrange {
        /// Logarithm of the degree.
        k: u32,
    },
    /// Computes the powers of the development SRS. Counted in points.
    MakePowers {
        /// Logarithm of the degree.
        k: u32,
    },
    /// Computes the Lagrange form of the development SRS. Counted in points.
    MakeLagrange {
        /// Logarithm of the degree.
        k: u32,
    },
}

/// Receiver of the progress of an installation. It is called from the thread that installs.
pub trait Progress: Send + Sync {
    /// Reports that `done` of `total` units of a step are done: 0 when it begins, `total` when it ends.
    fn advance(&self, step: Step, done: u64, total: u64);
}

/// Ignores the progress.
impl Progress for () {
    fn advance(&self, _: Step, _: u64, _: u64) {}
}
