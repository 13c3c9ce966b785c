//! How far a long job is.

/// One step of installing an SRS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The file is read to see whether its digest is a known one. Counted in bytes.
    Digest,
    /// The powers are read, checked and copied. Counted in points.
    ImportPowers {
        /// The degree's logarithm.
        k: u32,
    },
    /// The Lagrange form is read, checked and copied. Counted in points.
    ImportLagrange {
        /// The degree's logarithm.
        k: u32,
    },
    /// The powers of the development SRS are computed. Counted in points.
    MakePowers {
        /// The degree's logarithm.
        k: u32,
    },
    /// The Lagrange form of the development SRS is computed. Counted in points.
    MakeLagrange {
        /// The degree's logarithm.
        k: u32,
    },
}

/// Is told how far a job is, to show it. Called from the thread that does the job.
pub trait Progress: Send + Sync {
    /// `done` of `total` units of the step are done: 0 when it begins, `total` when it ends.
    fn advance(&self, step: Step, done: u64, total: u64);
}

/// Tells nobody.
impl Progress for () {
    fn advance(&self, _: Step, _: u64, _: u64) {}
}
