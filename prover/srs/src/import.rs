//! Import of a ceremony's file.

use std::path::Path;

use halo2curves::bn256::{G1Affine, G2Affine};

use crate::{
    cache::Installation,
    check::{CHECKS, PowersCheck, refuse_small_secret},
    curve::{CHUNK_POINTS, decode_g1, decode_g2},
    error::{Defect, Part, SrsError},
    layout::{G1_BYTES, G2_BYTES},
    origin::{FILES_SOURCE, KnownFile, Origin},
    progress::{Progress, Step},
    source::Source,
    srs::Srs,
};

/// Checks a raw halo2 `.srs` file or a prepared snarkjs `.ptau` file, and installs its SRS for each `k` of `ks` in the
/// cache folder. An SRS that is already installed is replaced.
///
/// If `ks` is empty, the degree of an `.srs` file is imported. Of a `.ptau` file, those of [`DEGREES`](crate::DEGREES)
/// that it holds are imported, or else its largest.
///
/// Nothing of a degree is installed before all of it was checked. `check.rs` describes and derives the checks. The
/// points are read in chunks. For k = 23, about 1 GiB is in memory at a time. Most of it is the Lagrange form of a
/// `.ptau` file, which has to be reordered.
///
/// # Errors
///
/// [`SrsError`] if the file can't be read, has a defect, lacks one of the degrees, or fails a check, or if the SRS
/// can't be written.
pub fn import(cache: &Path, file: &Path, ks: &[u32], progress: &dyn Progress) -> Result<Vec<Srs>, SrsError> {
    let source = Source::open(file)?;
    let ks = source.degrees(ks)?;
    let description = describe(&source, progress)?;
    ks.into_iter().map(|k| install(cache, &source, k, description.as_deref(), progress)).collect()
}

/// Describes a `.ptau` file, of which only parts are installed: by the name under which it was published, or else by
/// its digest. The digest comes from a separate reading of the whole file, not from the bytes that are checked later. A
/// raw file needs no description, since it is installed as it is: the digest of the checked bytes is its own.
fn describe(source: &Source, progress: &dyn Progress) -> Result<Option<String>, SrsError> {
    let Source::Ptau(ptau) = source else { return Ok(None) };
    let input = &ptau.input;
    progress.advance(Step::Digest, 0, input.bytes);
    let digest = input.digest(|done| progress.advance(Step::Digest, done, input.bytes))?;
    Ok(Some(match KnownFile::of(&digest) {
        Some(file) => format!("with the digest of {} as published at {FILES_SOURCE}", file.name),
        None => format!("with the BLAKE2b-512 digest {}", hex::encode(digest)),
    }))
}

/// Checks the SRS for `k` of a file, and installs it.
fn install(
    cache: &Path,
    source: &Source,
    k: u32,
    description: Option<&str>,
    progress: &dyn Progress,
) -> Result<Srs, SrsError> {
    let n = 1_usize << k;
    let refuse = |defect| source.input().refuse(defect);
    let (g2_bytes, [g2, s_g2]) = read_g2(source)?;
    check_ends(source, n)?;
    let mut check = PowersCheck::new(k, &g2, &s_g2).map_err(refuse)?;

    let mut installation = Installation::begin(cache, k)?;
    installation.write(&k.to_le_bytes())?;
    let mut copy = PointCopy { source, installation: &mut installation, progress, n };
    copy.points(
        Step::ImportPowers { k },
        Part::G,
        |start, bytes| source.powers(start, bytes),
        |start, points| check.points(start, points),
    )?;
    let mut check = check.finish().map_err(refuse)?;

    let lagrange = source.lagrange(k)?;
    // Decoding refuses the identity. It would mean that the secret is a root of unity, which everybody can find out.
    copy.points(
        Step::ImportLagrange { k },
        Part::GLagrange,
        |start, bytes| lagrange.read(start, bytes),
        |start, points| {
            check.points(start, points);
            Ok(())
        },
    )?;
    check.finish().map_err(refuse)?;
    refuse_small_secret(&s_g2).map_err(refuse)?;

    installation.write(g2_bytes.as_flattened())?;
    // In quotation marks, because the file's maker chose the name.
    let name = source.input().path.file_name().unwrap_or_default().to_string_lossy();
    let description = match description {
        Some(description) => format!("the file {name:?}, {description} when it was read beforehand"),
        None => format!("the file {name:?}, BLAKE2b-512 {}", installation.digest()),
    };
    installation.finish(Origin::of(&s_g2), description, &CHECKS)?;
    Srs::open(cache, k)
}

/// Reads `g2` and `s_g2`: their raw bytes, and the points.
fn read_g2(source: &Source) -> Result<([[u8; G2_BYTES]; 2], [G2Affine; 2]), SrsError> {
    let bytes = source.g2()?;
    let decode =
        |index: usize, part| decode_g2(&bytes[index], part).map_err(|defect| source.input().refuse(defect));
    let points = [decode(0, Part::G2)?, decode(1, Part::SG2)?];
    Ok((bytes, points))
}

/// Checks that the first and the last of `n` powers are points. The memory of an import depends on the size that the
/// file claims, and a sparse file has any size without content.
fn check_ends(source: &Source, n: usize) -> Result<(), SrsError> {
    for index in [0, n - 1] {
        let mut point = [0; G1_BYTES];
        source.powers(index, &mut point)?;
        decode_g1(&point, |_| Part::G(index as u64)).map_err(|defect| source.input().refuse(defect))?;
    }
    Ok(())
}

/// The copy of a file's points to an installation. The checked bytes and the written ones are the same in memory.
struct PointCopy<'a> {
    source: &'a Source,
    installation: &'a mut Installation,
    progress: &'a dyn Progress,
    /// Number of points of each form.
    n: usize,
}

impl PointCopy<'_> {
    /// Copies the `n` points of one form in chunks, and passes them to a check. `read` fills a buffer with the raw
    /// bytes of the points that begin at an index, and `part` names the point with an index.
    fn points(
        &mut self,
        step: Step,
        part: impl Fn(u64) -> Part,
        read: impl Fn(usize, &mut [u8]) -> Result<(), SrsError>,
        mut check: impl FnMut(usize, &[G1Affine]) -> Result<(), Defect>,
    ) -> Result<(), SrsError> {
        let refuse = |defect| self.source.input().refuse(defect);
        let chunk = self.n.min(CHUNK_POINTS);
        let mut bytes = vec![0; chunk * G1_BYTES];
        let advance = |done: usize| self.progress.advance(step, done as u64, self.n as u64);
        advance(0);
        for start in (0..self.n).step_by(chunk) {
            read(start, &mut bytes)?;
            let points = decode_g1(&bytes, |index| part(start as u64 + index)).map_err(refuse)?;
            check(start, &points).map_err(refuse)?;
            self.installation.write(&bytes)?;
            advance(start + chunk);
        }
        Ok(())
    }
}
