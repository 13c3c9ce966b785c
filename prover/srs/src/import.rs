//! Importing a ceremony's file.

use std::path::Path;

use crate::{
    Origin,
    cache::Installation,
    check::{CHECKS, PowersCheck, refuse_small_secret},
    curve::{CHUNK_POINTS, decode_g1, decode_g2},
    error::{Part, SrsError},
    known::{FILES_SOURCE, KnownFile},
    layout::G1_BYTES,
    progress::{Progress, Step},
    source::Source,
    srs::Srs,
};

/// Checks a raw halo2 `.srs` or a prepared snarkjs `.ptau` file, and installs its SRS for each degree of `ks` in the
/// cache folder, in place of the one that was there. Without `ks`: the one that an `.srs` file holds, or those of
/// [`DEGREES`](crate::DEGREES) that a `.ptau` file holds, or else its largest.
///
/// For each degree, nothing is installed before all of it was checked: `check.rs` says what
/// and why. The points go by in pieces; for k = 23 there is about 1 GiB in memory at a time, most of it the
/// Lagrange form of a `.ptau` file, which has to be put in order.
///
/// # Errors
///
/// When the file can't be read, isn't what it says it is, doesn't have one of the degrees, or fails a check.
pub fn import(cache: &Path, file: &Path, ks: &[u32], progress: &dyn Progress) -> Result<Vec<Srs>, SrsError> {
    let source = Source::open(file)?;
    let ks = source.degrees(ks)?;
    let description = describe(&source, progress)?;
    ks.into_iter().map(|k| install(cache, &source, k, description.as_deref(), progress)).collect()
}

/// What is said of a file of which only parts are installed: which published one it is, or its digest. That is a statement of
/// its own, from reading all of it once, and not of what is read and checked afterwards. A raw file is installed as it is, so
/// that the digest of what was checked is its digest.
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

fn install(
    cache: &Path,
    source: &Source,
    k: u32,
    description: Option<&str>,
    progress: &dyn Progress,
) -> Result<Srs, SrsError> {
    let n = 1_usize << k;
    let refuse = |defect| source.input().refuse(defect);
    let g2_bytes = source.g2()?;
    let g2 = decode_g2(&g2_bytes[0], Part::G2).map_err(refuse)?;
    let s_g2 = decode_g2(&g2_bytes[1], Part::SG2).map_err(refuse)?;
    // Before memory is taken by the size that the file says it has: a sparse one has it for nothing.
    for index in [0, n - 1] {
        let mut point = [0; G1_BYTES];
        source.powers(index, &mut point)?;
        decode_g1(&point, |_| Part::G(index as u64)).map_err(refuse)?;
    }
    let mut check = PowersCheck::new(k, &g2, &s_g2).map_err(refuse)?;

    // What is checked is what is written: the same bytes in memory.
    let mut installation = Installation::begin(cache, k)?;
    installation.write(&k.to_le_bytes())?;
    let mut bytes = vec![0; n.min(CHUNK_POINTS) * G1_BYTES];
    let chunk = bytes.len() / G1_BYTES;
    let advance = |step, done: usize| progress.advance(step, done as u64, n as u64);

    let step = Step::ImportPowers { k };
    advance(step, 0);
    for start in (0..n).step_by(chunk) {
        source.powers(start, &mut bytes)?;
        let points = decode_g1(&bytes, |index| Part::G(start as u64 + index)).map_err(refuse)?;
        check.points(start, &points).map_err(refuse)?;
        installation.write(&bytes)?;
        advance(step, start + chunk);
    }
    let mut check = check.finish().map_err(refuse)?;

    let step = Step::ImportLagrange { k };
    advance(step, 0);
    let lagrange = source.lagrange(k)?;
    for start in (0..n).step_by(chunk) {
        lagrange.read(start, &mut bytes)?;
        // The identity would mean that the secret is a root of unity, which everybody can find out.
        let points = decode_g1(&bytes, |index| Part::GLagrange(start as u64 + index)).map_err(refuse)?;
        check.points(start, &points);
        installation.write(&bytes)?;
        advance(step, start + chunk);
    }
    check.finish().map_err(refuse)?;
    refuse_small_secret(&s_g2).map_err(refuse)?;

    installation.write(g2_bytes.as_flattened())?;
    // In quotation marks: a name says what its maker likes.
    let name = source.input().path.file_name().unwrap_or_default().to_string_lossy();
    let description = match description {
        Some(description) => format!("the file {name:?}, {description} when it was read beforehand"),
        None => format!("the file {name:?}, BLAKE2b-512 {}", installation.digest()),
    };
    installation.finish(Origin::of(&s_g2), description, &CHECKS)?;
    Srs::open(cache, k)
}
