//! An installed SRS.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read},
    ops::Range,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use halo2curves::bn256::{G1Affine, G2Affine};

use crate::{
    cache::{Record, srs_path},
    check::CHECKS,
    curve::{decode_g1, decode_g2},
    degrees::check_degrees,
    error::{Defect, Part, SrsError},
    input_file::{digest, open_file},
    layout::{self, G1_BYTES, G2_BYTES, HEADER_BYTES, MAX_K},
    origin::Origin,
};

/// Number of points whose raw bytes are in memory at a time: 16 MiB. Smaller in tests, which have few points.
const PIECE: usize = if cfg!(test) { 100 } else { 1 << 18 };

/// An SRS in the cache folder. Its file agreed with the record of its installation when it was opened.
#[derive(Debug)]
pub struct Srs {
    path: PathBuf,
    file: File,
    record: Record,
    origin: Origin,
    g2: G2Affine,
    s_g2: G2Affine,
}

impl Srs {
    /// Opens the SRS for `2^k` rows. Reads the whole file once, for its digest: one or two seconds for a gigabyte.
    ///
    /// # Errors
    ///
    /// [`SrsError::Absent`] if none is installed. Another [`SrsError`] if the file can't be read, or if the file, its
    /// record and this program's checks don't agree.
    pub fn open(cache: &Path, k: u32) -> Result<Self, SrsError> {
        check_degrees(&[k])?;
        let path = srs_path(cache, k);
        let file = match open_file(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(SrsError::Absent { k, path });
            }
            Err(source) => return Err(SrsError::Io { path, source }),
        };
        let record = Record::read(&path)?;
        let expected = layout::file_bytes(k);
        let found = file.metadata().map_err(SrsError::io(&path))?.len();
        if found != expected {
            return Err(SrsError::file(&path)(Defect::Size { what: "the file", expected, found }));
        }
        let altered = |what| Err(SrsError::file(&path)(Defect::Altered { what }));
        if record.bytes != expected || record.k != k {
            return altered("its k and size");
        }
        let digest = digest(&file, found, |_| ()).map_err(SrsError::io(&path))?;
        if record.blake2b != hex::encode(digest) {
            return altered("its digest");
        }
        let mut header = [0; HEADER_BYTES];
        file.read_exact_at(&mut header, 0).map_err(SrsError::io(&path))?;
        if header != k.to_le_bytes() {
            return altered("k in its header");
        }
        let point = |index: u64, part| {
            let mut bytes = [0; G2_BYTES];
            let offset = layout::g2_offset(k) + index * G2_BYTES as u64;
            file.read_exact_at(&mut bytes, offset).map_err(SrsError::io(&path))?;
            decode_g2(&bytes, part).map_err(SrsError::file(&path))
        };
        let (g2, s_g2) = (point(0, Part::G2)?, point(1, Part::SG2)?);
        let origin = Origin::of(&s_g2);
        if record.origin != origin.name() {
            return altered("where it comes from");
        }
        // The record may only claim checks of this program.
        if !record.checks.is_empty() && record.checks != CHECKS {
            return altered("the checks that it passed");
        }
        Ok(Self { path, file, record, origin, g2, s_g2 })
    }

    /// Logarithm of the degree.
    pub fn k(&self) -> u32 {
        self.record.k
    }

    /// Number of points of each form, `2^k`.
    pub fn n(&self) -> usize {
        1 << self.record.k
    }

    /// Origin, which follows from `s_g2`.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// Returns whether it is the development SRS, under which everybody can forge proofs.
    pub fn is_insecure(&self) -> bool {
        self.origin == Origin::Development
    }

    /// Path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Size of the file, in bytes.
    pub fn bytes(&self) -> u64 {
        self.record.bytes
    }

    /// BLAKE2b-512 digest of the file, in hexadecimal.
    pub fn blake2b(&self) -> &str {
        &self.record.blake2b
    }

    /// Description of the imported file, or of the way in which this one was made.
    pub fn source(&self) -> &str {
        &self.record.source
    }

    /// Descriptions of the checks that it passed when it was imported. Empty if it was made by [`development`].
    ///
    /// [`development`]: crate::development()
    pub fn checks(&self) -> &[String] {
        &self.record.checks
    }

    /// The generator of G2.
    pub fn g2(&self) -> G2Affine {
        self.g2
    }

    /// The secret in G2, `[tau] H`.
    pub fn s_g2(&self) -> G2Affine {
        self.s_g2
    }

    /// Reads a range of the `2^k` points of `g`. Checks that every point is a finite one of the curve, because the file
    /// may have changed since it was opened.
    ///
    /// # Errors
    ///
    /// [`SrsError`] if the file can't be read, or has a bad point.
    ///
    /// # Panics
    ///
    /// If the range ends after `2^k`, or before it begins.
    pub fn g(&self, range: Range<usize>) -> Result<Vec<G1Affine>, SrsError> {
        self.read(layout::g_offset(range.start as u64), range, Part::G)
    }

    /// Reads a range of the `2^k` points of `g_lagrange`. Checks them like [`Srs::g`].
    ///
    /// # Errors
    ///
    /// Same as [`Srs::g`].
    ///
    /// # Panics
    ///
    /// Same as [`Srs::g`].
    pub fn g_lagrange(&self, range: Range<usize>) -> Result<Vec<G1Affine>, SrsError> {
        self.read(layout::g_lagrange_offset(self.k(), range.start as u64), range, Part::GLagrange)
    }

    /// Reader of the whole file, for halo2's `ParamsKZG::read`.
    pub fn reader(&self) -> impl Read {
        BufReader::with_capacity(1 << 20, ReadAt { file: &self.file, position: 0 })
    }

    /// Reads and decodes the points of a range, the first of which has the byte offset `offset`. `part` names the point
    /// with an index.
    fn read(
        &self,
        offset: u64,
        range: Range<usize>,
        part: impl Fn(u64) -> Part,
    ) -> Result<Vec<G1Affine>, SrsError> {
        assert!(
            range.start <= range.end && range.end <= self.n(),
            "an SRS for k = {} is too small",
            self.k()
        );
        let mut points = Vec::with_capacity(range.len());
        let mut bytes = vec![0; range.len().min(PIECE) * G1_BYTES];
        while points.len() < range.len() {
            let bytes = &mut bytes[..(range.len() - points.len()).min(PIECE) * G1_BYTES];
            let offset = offset + (points.len() * G1_BYTES) as u64;
            self.file.read_exact_at(bytes, offset).map_err(SrsError::io(&self.path))?;
            let start = (range.start + points.len()) as u64;
            points.extend(decode_g1(bytes, |index| part(start + index)).map_err(SrsError::file(&self.path))?);
        }
        Ok(points)
    }
}

/// Reader with its own position, which leaves that of the file alone.
struct ReadAt<'a> {
    file: &'a File,
    /// Offset of the next read, in bytes.
    position: u64,
}

impl Read for ReadAt<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read_at(buffer, self.position)?;
        self.position += length as u64;
        Ok(length)
    }
}

/// The installation for one degree.
#[derive(Debug)]
pub struct Installed {
    /// Logarithm of the degree.
    pub k: u32,
    /// The SRS, or the reason why it can't be used.
    pub srs: Result<Srs, SrsError>,
}

/// Opens every SRS in the cache folder, in ascending order of `k`.
///
/// # Errors
///
/// [`SrsError::Io`] if the folder can't be read.
pub fn installed(cache: &Path) -> Result<Vec<Installed>, SrsError> {
    match fs::metadata(cache.join("srs")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(SrsError::io(&cache.join("srs"))(error)),
        Ok(_) => {}
    }
    let open = |k| match Srs::open(cache, k) {
        Err(SrsError::Absent { .. }) => None,
        srs => Some(Installed { k, srs }),
    };
    Ok((1..=MAX_K).filter_map(open).collect())
}
