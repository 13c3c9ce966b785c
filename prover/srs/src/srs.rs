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
    Origin,
    cache::{Record, check_degrees, open_file, srs_path},
    check::CHECKS,
    curve::{decode_g1, decode_g2},
    error::{Defect, Part, SrsError},
    layout::{self, G1_BYTES, G2_BYTES, HEADER_BYTES, MAX_K},
    source::digest,
};

/// Points whose bytes are in memory at a time, 16 MiB of them. (Tests have few points.)
const PIECE: usize = if cfg!(test) { 100 } else { 1 << 18 };

/// An SRS of the cache folder, whose file agrees with the record of its installation.
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
    /// Opens the SRS for `2^k` rows. This reads the whole file once, for its digest: one or two seconds for a
    /// gigabyte.
    ///
    /// # Errors
    ///
    /// When none is installed, or when the file, its record and what was installed don't agree.
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
        // Those that there are, and not what somebody else wrote there.
        if !record.checks.is_empty() && record.checks != CHECKS {
            return altered("the checks that it passed");
        }
        Ok(Self { path, file, record, origin, g2, s_g2 })
    }

    /// The degree's logarithm.
    pub fn k(&self) -> u32 {
        self.record.k
    }

    /// The number of points of each form, `2^k`.
    pub fn n(&self) -> usize {
        1 << self.record.k
    }

    /// Where it comes from.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// Whether everybody can forge proofs under it: it is the one for development.
    pub fn is_insecure(&self) -> bool {
        self.origin == Origin::Development
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's size.
    pub fn bytes(&self) -> u64 {
        self.record.bytes
    }

    /// The file's BLAKE2b-512 digest, in hexadecimal.
    pub fn blake2b(&self) -> &str {
        &self.record.blake2b
    }

    /// The file that it was imported from, or how it was made.
    pub fn source(&self) -> &str {
        &self.record.source
    }

    /// The checks that it passed when it was imported, in words. None for one that was made here.
    pub fn checks(&self) -> &[String] {
        &self.record.checks
    }

    /// The generator of G2.
    pub fn g2(&self) -> G2Affine {
        self.g2
    }

    /// The secret in G2.
    pub fn s_g2(&self) -> G2Affine {
        self.s_g2
    }

    /// `g` in a range that ends at `2^k` or before. Every point is checked to be a finite one of the curve: the file
    /// may have changed since it was opened.
    ///
    /// # Errors
    ///
    /// When the file can't be read, or was altered.
    ///
    /// # Panics
    ///
    /// When there are not that many points.
    pub fn g(&self, range: Range<usize>) -> Result<Vec<G1Affine>, SrsError> {
        self.read(layout::g_offset(range.start as u64), range, Part::G)
    }

    /// `g_lagrange` in a range that ends at `2^k` or before, checked as in [`Srs::g`].
    ///
    /// # Errors
    ///
    /// When the file can't be read, or was altered.
    ///
    /// # Panics
    ///
    /// When there are not that many points.
    pub fn g_lagrange(&self, range: Range<usize>) -> Result<Vec<G1Affine>, SrsError> {
        self.read(layout::g_lagrange_offset(self.k(), range.start as u64), range, Part::GLagrange)
    }

    /// The file's bytes from its beginning on, for halo2's `ParamsKZG::read`.
    pub fn reader(&self) -> impl Read {
        BufReader::with_capacity(1 << 20, ReadAt { file: &self.file, position: 0 })
    }

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

/// Reads a file without moving the position that others see.
struct ReadAt<'a> {
    file: &'a File,
    position: u64,
}

impl Read for ReadAt<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read_at(buffer, self.position)?;
        self.position += length as u64;
        Ok(length)
    }
}

/// What lies in the cache folder for one degree.
#[derive(Debug)]
pub struct Installed {
    /// The degree's logarithm.
    pub k: u32,
    /// The SRS, or why it can't be used.
    pub srs: Result<Srs, SrsError>,
}

/// Every SRS in the cache folder, by rising `k`.
///
/// # Errors
///
/// When the folder can't be read.
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
