//! Importing a ceremony's file.

use std::path::Path;

use crate::{
    cache::Installation,
    check::{CHECKS, PowersCheck},
    curve::{CHUNK_POINTS, decode_g1, decode_g2},
    error::{Part, SrsError},
    known::{FILES_SOURCE, KnownFile, Origin},
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
    ks.into_iter().map(|k| install(cache, &source, k, &description, progress)).collect()
}

/// The file's name and digest, and whether it is a published one.
fn describe(source: &Source, progress: &dyn Progress) -> Result<String, SrsError> {
    let input = source.input();
    progress.advance(Step::Digest, 0, input.bytes);
    let digest = input.digest(|done| progress.advance(Step::Digest, done, input.bytes))?;
    let name = input.path.file_name().unwrap_or_default().to_string_lossy();
    Ok(match KnownFile::of(&digest) {
        Some(file) => format!("{name}: {} as published at {FILES_SOURCE}, by its digest", file.name),
        None => format!("{name}, BLAKE2b-512 {}", hex::encode(digest)),
    })
}

fn install(
    cache: &Path,
    source: &Source,
    k: u32,
    description: &str,
    progress: &dyn Progress,
) -> Result<Srs, SrsError> {
    let n = 1_usize << k;
    let refuse = |defect| source.input().refuse(defect);
    let g2_bytes = source.g2()?;
    let g2 = decode_g2(&g2_bytes[0], Part::G2).map_err(refuse)?;
    let s_g2 = decode_g2(&g2_bytes[1], Part::SG2).map_err(refuse)?;
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

    installation.write(g2_bytes.as_flattened())?;
    installation.finish(Origin::of(&s_g2), description.to_owned(), &CHECKS)?;
    Srs::open(cache, k)
}
