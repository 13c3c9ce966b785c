//! The structured reference string: powers of a secret s in the first group of BN254, and their Lagrange form.

use std::{
    borrow::Cow,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
    path::{Path, PathBuf},
    sync::Mutex,
};

use halo2_proofs::{SerdeFormat, poly::kzg::commitment::ParamsKZG};
use halo2curves::{
    bn256::{Bn256, G1Affine, G2Affine},
    group::prime::PrimeCurveAffine,
    serde::SerdeObject,
};
use rayon::prelude::*;

/// Bytes of a point of the first group: two coordinates in Montgomery form.
pub(crate) const G1_BYTES: usize = 64;
/// Bytes of a point of the second group.
const G2_BYTES: usize = 128;
/// BN254's scalar field has a subgroup of order 2^28 and none of order 2^29.
const MAX_K: u32 = 28;

/// A reference string, read in ranges, so that it need not lie in memory.
pub trait Srs: Sync {
    /// Binary logarithm of n, the number of powers.
    fn k(&self) -> u32;

    /// s^i G1 for i in the range, which ends at n or before.
    ///
    /// # Errors
    /// When the source can't be read or has something else than points other than infinity there.
    fn g(&self, range: Range<usize>) -> Result<Cow<'_, [G1Affine]>, SrsError>;

    /// l_i(s) G1 for i in the range, l_i the Lagrange polynomials over the subgroup of order n.
    ///
    /// # Errors
    /// As [`Srs::g`].
    fn g_lagrange(&self, range: Range<usize>) -> Result<Cow<'_, [G1Affine]>, SrsError>;

    /// Generator of the second group.
    fn g2(&self) -> G2Affine;

    /// s G2.
    fn s_g2(&self) -> G2Affine;
}

/// Why a reference string can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SrsError {
    /// The file can't be read.
    #[error("reference string {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// The length is not that of a raw Halo2 file with the k in its head.
    #[error(
        "reference string {}: {found} bytes; a raw Halo2 file of k = {k} has {expected}, and k is at most {MAX_K}",
        path.display()
    )]
    Length {
        /// The file.
        path: PathBuf,
        /// k as the file has it.
        k: u32,
        /// Length of the file.
        found: u64,
        /// Length for this k.
        expected: u128,
    },
    /// Bytes that are no point of the curve, or the point at infinity.
    #[error("reference string {}: {section}[{index}] is not a finite point of the curve", path.display())]
    Point {
        /// The file.
        path: PathBuf,
        /// `g`, `g_lagrange`, `g2` or `s_g2`.
        section: &'static str,
        /// Index of the point.
        index: usize,
    },
}

/// A raw Halo2 `.srs` file: k (four bytes, little endian), g, `g_lagrange`, g2, `s_g2`, points uncompressed in
/// Montgomery form.
///
/// Points are checked to lie on the curve as they are read. That they are powers of one secret is not checked
/// here.
#[derive(Debug)]
pub struct SrsFile {
    path: PathBuf,
    file: Mutex<File>,
    k: u32,
    g2: G2Affine,
    s_g2: G2Affine,
}

impl SrsFile {
    /// Opens a file and checks its length against its k.
    ///
    /// # Errors
    /// When it can't be read, or is not a raw Halo2 file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SrsError> {
        let path = path.as_ref().to_owned();
        let io = |source| SrsError::Io { path: path.clone(), source };
        let mut file = File::open(&path).map_err(io)?;
        let found = file.metadata().map_err(io)?.len();
        let mut k = [0; 4];
        file.read_exact(&mut k).map_err(io)?;
        let k = u32::from_le_bytes(k);
        let points = if k > MAX_K { 0 } else { 1u128 << k };
        let expected = 4 + 2 * points * G1_BYTES as u128 + 2 * G2_BYTES as u128;
        if k > MAX_K || u128::from(found) != expected {
            return Err(SrsError::Length { path, k, found, expected });
        }
        let mut ends = [0; 2 * G2_BYTES];
        file.seek(SeekFrom::End(-(ends.len() as i64))).map_err(io)?;
        file.read_exact(&mut ends).map_err(io)?;
        let point = |bytes: &[u8], section| {
            G2Affine::from_raw_bytes(bytes)
                .filter(|point| !bool::from(point.is_identity()))
                .ok_or_else(|| SrsError::Point { path: path.clone(), section, index: 0 })
        };
        let (g2, s_g2) = (point(&ends[..G2_BYTES], "g2")?, point(&ends[G2_BYTES..], "s_g2")?);
        Ok(Self { path, file: Mutex::new(file), k, g2, s_g2 })
    }

    fn read(
        &self,
        section: &'static str,
        start: usize,
        range: Range<usize>,
    ) -> Result<Cow<'_, [G1Affine]>, SrsError> {
        assert!(range.end <= 1 << self.k, "the range ends inside the string");
        let mut bytes = vec![0; range.len() * G1_BYTES];
        {
            let mut file = self.file.lock().unwrap_or_else(|lock| lock.into_inner());
            file.seek(SeekFrom::Start((4 + (start + range.start) * G1_BYTES) as u64))
                .and_then(|_| file.read_exact(&mut bytes))
                .map_err(|source| SrsError::Io { path: self.path.clone(), source })?;
        }
        let points: Result<Vec<_>, usize> =
            bytes.par_chunks_exact(G1_BYTES).enumerate().map(|(i, bytes)| point(bytes).ok_or(i)).collect();
        points.map(Cow::Owned).map_err(|index| SrsError::Point {
            path: self.path.clone(),
            section,
            index: range.start + index,
        })
    }
}

/// A finite point of the curve. Infinity has no affine coordinates, and the multiplication's kernel relies on them.
fn point(bytes: &[u8]) -> Option<G1Affine> {
    G1Affine::from_raw_bytes(bytes).filter(|point| !bool::from(point.is_identity()))
}

impl Srs for SrsFile {
    fn k(&self) -> u32 {
        self.k
    }

    fn g(&self, range: Range<usize>) -> Result<Cow<'_, [G1Affine]>, SrsError> {
        self.read("g", 0, range)
    }

    fn g_lagrange(&self, range: Range<usize>) -> Result<Cow<'_, [G1Affine]>, SrsError> {
        self.read("g_lagrange", 1 << self.k, range)
    }

    fn g2(&self) -> G2Affine {
        self.g2
    }

    fn s_g2(&self) -> G2Affine {
        self.s_g2
    }
}

/// A reference string in memory.
#[derive(Clone, Debug)]
pub struct MemorySrs {
    k: u32,
    g: Vec<G1Affine>,
    g_lagrange: Vec<G1Affine>,
    g2: G2Affine,
    s_g2: G2Affine,
}

/// Copies halo2's parameters, which give their Lagrange form away only in serialised form.
impl From<&ParamsKZG<Bn256>> for MemorySrs {
    fn from(params: &ParamsKZG<Bn256>) -> Self {
        let mut bytes = Vec::new();
        params
            .write_custom(&mut bytes, SerdeFormat::RawBytesUnchecked)
            .expect("writing to memory doesn't fail");
        let k = u32::from_le_bytes(bytes[..4].try_into().expect("four bytes"));
        let (g, rest) = bytes[4..].split_at(G1_BYTES << k);
        let points = |bytes: &[u8]| {
            bytes.par_chunks_exact(G1_BYTES).map(G1Affine::from_raw_bytes_unchecked).collect::<Vec<_>>()
        };
        Self {
            k,
            g: points(g),
            g_lagrange: points(&rest[..G1_BYTES << k]),
            g2: params.g2(),
            s_g2: params.s_g2(),
        }
    }
}

impl Srs for MemorySrs {
    fn k(&self) -> u32 {
        self.k
    }

    fn g(&self, range: Range<usize>) -> Result<Cow<'_, [G1Affine]>, SrsError> {
        Ok(Cow::Borrowed(&self.g[range]))
    }

    fn g_lagrange(&self, range: Range<usize>) -> Result<Cow<'_, [G1Affine]>, SrsError> {
        Ok(Cow::Borrowed(&self.g_lagrange[range]))
    }

    fn g2(&self) -> G2Affine {
        self.g2
    }

    fn s_g2(&self) -> G2Affine {
        self.s_g2
    }
}
