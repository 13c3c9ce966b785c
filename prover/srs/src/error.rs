//! Errors: missing SRSs, and defects of files.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::{layout::MAX_K, origin::Origin};

/// Reason why there is no SRS.
#[derive(Debug, Error)]
pub enum SrsError {
    /// A file can't be read or written.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file has a defect.
    #[error("{}: {defect}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The defect.
        defect: Defect,
    },
    /// No SRS of this degree is installed.
    #[error(
        "{}: there is no SRS for k = {k}; `zeno srs import FILE` installs a ceremony's, `zeno srs dev` makes an \
         insecure one for development",
        .path.display()
    )]
    Absent {
        /// Logarithm of the degree.
        k: u32,
        /// Path at which it would be.
        path: PathBuf,
    },
    /// The development SRS would replace another one.
    #[error(
        "{}: the SRS for k = {k} that is installed is not the development one ({origin}); remove the file to have \
         the development SRS in its place, or choose another cache folder",
        .path.display()
    )]
    Occupied {
        /// Logarithm of the degree.
        k: u32,
        /// Path of the installed SRS.
        path: PathBuf,
        /// Origin of the installed SRS.
        origin: Origin,
    },
    /// No SRS has this degree.
    #[error(
        "k = {0} is no degree of an SRS: 1 to {MAX_K} are, because BN254 has roots of unity of order 2^{MAX_K}"
    )]
    Degree(u32),
}

impl SrsError {
    /// The error of the system about a path.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), source }
    }

    /// The error of a defect of a file.
    pub(crate) fn file(path: &Path) -> impl FnOnce(Defect) -> Self {
        move |defect| Self::File { path: path.to_owned(), defect }
    }
}

/// Defect of a file, and the part that has it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Defect {
    /// Neither of the two formats.
    #[error(
        "is neither a snarkjs .ptau nor a raw halo2 .srs file: it is {bytes} bytes long and begins with {start:02x?}"
    )]
    Format {
        /// Size of the file, in bytes.
        bytes: u64,
        /// First bytes of the file.
        start: Vec<u8>,
    },
    /// `.srs` file with compressed points.
    #[error(
        "is an .srs file for k = {k} with compressed points; it has to be in the raw format \
         (halo2's SerdeFormat::RawBytes)"
    )]
    Compressed {
        /// Logarithm of the degree.
        k: u32,
    },
    /// Wrong size of the file or of a part.
    #[error(
        "{what} is {found} bytes long, but has to be {expected}: the file is truncated, or not what it says it is"
    )]
    Size {
        /// The file or the part.
        what: &'static str,
        /// Size that follows from the file's own header, in bytes.
        expected: u64,
        /// Actual size, in bytes.
        found: u64,
    },
    /// `.ptau` file of another version.
    #[error("is a .ptau file of version {0}; only version 1 is known")]
    Version(u32),
    /// `.ptau` file that claims more sections than the format has.
    #[error("says that it has {0} sections; a .ptau file has at most 15")]
    SectionCount(u32),
    /// A section of a `.ptau` file is missing.
    #[error("has no section {id} ({name})")]
    NoSection {
        /// Number of the section.
        id: u32,
        /// Content of the section.
        name: &'static str,
    },
    /// A section of a `.ptau` file is present twice.
    #[error("has section {0} twice")]
    SectionTwice(u32),
    /// `.ptau` file without the Lagrange form.
    #[error(
        "has no Lagrange form (section 12); make one with `snarkjs powersoftau prepare phase2`, or take a prepared \
         file (powersOfTau28_hez_final_*.ptau)"
    )]
    NotPrepared,
    /// `.ptau` file for another curve.
    #[error("is for {curve}, whose base field has the modulus 0x{modulus}; only BN254 is supported")]
    OtherCurve {
        /// Name of the curve, or "another curve".
        curve: &'static str,
        /// Modulus of the base field, in hexadecimal.
        modulus: String,
    },
    /// `k` is out of range.
    #[error("is for k = {0}; 1 to {MAX_K} are possible")]
    Degree(u32),
    /// `.srs` file of another degree than the requested one. It holds one degree alone.
    #[error(
        "holds the SRS for k = {holds} only, not for k = {asked}: the Lagrange form is another one for each k"
    )]
    OtherDegree {
        /// Requested `k`.
        asked: u32,
        /// `k` of the file.
        holds: u32,
    },
    /// `.ptau` file with fewer powers than were requested.
    #[error("holds the SRS for every k up to {power}, not for k = {asked}")]
    TooSmall {
        /// Requested `k`.
        asked: u32,
        /// Largest `k` of the file.
        power: u32,
    },
    /// A coordinate is not below the modulus.
    #[error("the {coordinate} coordinate of {part} is not below the field's modulus")]
    Coordinate {
        /// The point.
        part: Part,
        /// `x` or `y`.
        coordinate: char,
    },
    /// A point is not on the curve.
    #[error("{0} is not on the curve")]
    OffCurve(Part),
    /// A point is the identity.
    #[error("{0} is the point at infinity")]
    Identity(Part),
    /// The first point is not the generator.
    #[error("{0} is not the generator of its group")]
    Generator(Part),
    /// A point of G2 is not in the subgroup of prime order.
    #[error("{0} is on the curve, but not in the subgroup of prime order")]
    Subgroup(Part),
    /// The secret is small, so that trial finds it.
    #[error(
        "the secret in s_g2 is {0}, or the group's order minus that: everybody can find it by trying, and forge proofs of \
         anything under this SRS"
    )]
    SmallSecret(u32),
    /// The points are not the powers of one secret.
    #[error("the points of g are not consecutive powers of the secret in s_g2 (the pairing check failed)")]
    Powers,
    /// The Lagrange form belongs to other powers.
    #[error("g_lagrange is not the Lagrange form of g")]
    Lagrange,
    /// Installed file without a record beside it.
    #[error("has no record ({}) beside it, as after an interrupted installation; import or make it again", .0.display())]
    NoRecord(PathBuf),
    /// The record can't be read.
    #[error("the record of what was installed can't be read: {0}; import or make the SRS again")]
    Record(String),
    /// The file differs from its record.
    #[error("differs from the record of what was installed ({what}); remove it, and import or make it again")]
    Altered {
        /// Subject of the difference.
        what: &'static str,
    },
}

/// A point of an SRS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The power with this index.
    G(u64),
    /// The point of the Lagrange form with this index.
    GLagrange(u64),
    /// The generator of G2.
    G2,
    /// The secret in G2, `[tau] H`.
    SG2,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::G(index) => write!(f, "g[{index}]"),
            Self::GLagrange(index) => write!(f, "g_lagrange[{index}]"),
            Self::G2 => f.write_str("g2"),
            Self::SG2 => f.write_str("s_g2"),
        }
    }
}
