//! The insecure SRS for development, made from a public seed.

use std::{cell::OnceCell, path::Path};

use blake2::{Blake2b512, Digest};
use halo2curves::{
    bn256::{Fr, G1Affine, G2Affine},
    ff::{BatchInvert, Field, FromUniformBytes},
    group::Curve,
};
use rayon::prelude::*;

use crate::{
    cache::{Installation, srs_path},
    curve::{CHUNK_POINTS, encode_g1, encode_g2, root_of_unity},
    degrees::check_degrees,
    error::SrsError,
    fixed_base::FixedBaseTable,
    origin::Origin,
    progress::{Progress, Step},
    srs::Srs,
};

/// Seed of the development SRS. Its secret is the BLAKE2b-512 digest of this sentence, as a little-endian number modulo
/// the order of the group. **Everybody knows it, so everybody can forge proofs under this SRS.**
pub const DEVELOPMENT_SEED: &str = "Zeno's SRS for development. Its secret is this sentence's digest, so a proof \
                                    under it proves nothing.";

/// Number of consecutive scalars that one thread computes.
const RUN: usize = 1024;

/// Installs the development SRS for each `k` of `ks`, unless it is already installed. The files are the same on every
/// host.
///
/// # Errors
///
/// [`SrsError::Occupied`] if an SRS of another origin is installed, which this one must not replace. Another
/// [`SrsError`] if a `k` is out of range, or if a file can't be written.
pub fn development(cache: &Path, ks: &[u32], progress: &dyn Progress) -> Result<Vec<Srs>, SrsError> {
    let ks = check_degrees(ks)?;
    let table = OnceCell::new();
    let install = |k: u32| {
        match Srs::open(cache, k) {
            Ok(srs) if srs.is_insecure() => return Ok(srs),
            Ok(srs) => {
                return Err(SrsError::Occupied { k, path: srs_path(cache, k), origin: srs.origin() });
            }
            Err(SrsError::Io { path, source }) => return Err(SrsError::Io { path, source }),
            // No SRS is installed, or none that can be used.
            Err(_) => {}
        }
        let mut installation = Installation::begin(cache, k)?;
        let table = table.get_or_init(|| FixedBaseTable::new(G1Affine::generator()));
        write(k, tau(), &s_g2(), table, progress, |bytes| installation.write(bytes))?;
        installation.finish(Origin::Development, "made from the public seed".to_owned(), &[])?;
        Srs::open(cache, k)
    };
    ks.into_iter().map(install).collect()
}

/// The secret, which everybody can compute.
fn tau() -> Fr {
    hash_to_scalar(DEVELOPMENT_SEED.as_bytes())
}

/// The secret in G2, `[tau] H`. [`Origin`] recognises the development SRS by it.
pub(crate) fn s_g2() -> G2Affine {
    (G2Affine::generator() * tau()).to_affine()
}

/// The BLAKE2b-512 digest of bytes, as a little-endian number modulo the order of the group.
pub(crate) fn hash_to_scalar(bytes: &[u8]) -> Fr {
    Fr::from_uniform_bytes(&Blake2b512::digest(bytes).into())
}

/// Writes the SRS with the secret `tau` in the layout of an `.srs` file. `tau` must be no root of unity, and `table`
/// must be that of the generator of G1.
pub(crate) fn write<E>(
    k: u32,
    tau: Fr,
    s_g2: &G2Affine,
    table: &FixedBaseTable,
    progress: &dyn Progress,
    mut out: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let n = 1_usize << k;
    out(&k.to_le_bytes())?;
    let mut points = |step, scalars: &dyn Fn(usize, &mut [Fr])| -> Result<(), E> {
        progress.advance(step, 0, n as u64);
        let mut chunk = vec![Fr::ZERO; n.min(CHUNK_POINTS)];
        for start in (0..n).step_by(chunk.len()) {
            scalars(start, &mut chunk);
            out(&encode_g1(&table.multiples(&chunk)))?;
            progress.advance(step, (start + chunk.len()) as u64, n as u64);
        }
        Ok(())
    };
    points(Step::MakePowers { k }, &|start, scalars| powers(tau, start, scalars))?;
    points(Step::MakeLagrange { k }, &|start, scalars| lagrange(k, tau, start, scalars))?;
    out(&encode_g2(&G2Affine::generator()))?;
    out(&encode_g2(s_g2))
}

/// Computes `base^start`, `base^(start + 1)`, …
fn powers(base: Fr, start: usize, powers: &mut [Fr]) {
    powers.par_chunks_mut(RUN).enumerate().for_each(|(run, powers)| {
        let mut power = base.pow_vartime([(start + run * RUN) as u64]);
        for value in powers {
            *value = power;
            power *= base;
        }
    });
}

/// Computes `L_start(tau)`, `L_(start + 1)(tau)`, …, where `L_i(tau) = (tau^n - 1) w^i / (n (tau - w^i))`.
fn lagrange(k: u32, tau: Fr, start: usize, values: &mut [Fr]) {
    let n = 1_u64 << k;
    let w = root_of_unity(k);
    let factor = (tau.pow_vartime([n]) - Fr::ONE) * Fr::from(n).invert().expect("n is a power of two");
    powers(w, start, values);
    values.par_chunks_mut(RUN).for_each(|values| {
        let mut inverses: Vec<Fr> = values.iter().map(|root| tau - root).collect();
        inverses.iter_mut().batch_invert();
        for (value, inverse) in values.iter_mut().zip(inverses) {
            *value *= factor * inverse;
        }
    });
}

#[cfg(test)]
mod tests {
    use halo2_proofs::poly::{commitment::Params, kzg::commitment::ParamsKZG};
    use halo2curves::bn256::Bn256;

    use super::*;
    use crate::{
        check::refuse_small_secret,
        layout,
        testing::{FixedByte, srs_bytes},
    };

    /// The verifier's constant belongs to the seed.
    #[test]
    fn the_secret_is_recognised() {
        assert_eq!(Origin::of(&s_g2()), Origin::Development);
        assert_eq!(refuse_small_secret(&s_g2()), Ok(()));
    }

    /// halo2's own setup draws its secret from an RNG. It gives the same bytes for the same secret.
    #[test]
    fn the_bytes_are_those_of_halo2() {
        for k in [1, 2, 5, 11] {
            let params = ParamsKZG::<Bn256>::setup(k, FixedByte(k as u8));
            let mut expected = Vec::new();
            params.write(&mut expected).unwrap();
            assert_eq!(expected.len() as u64, layout::file_bytes(k));
            assert!(srs_bytes(k, Fr::from_uniform_bytes(&[k as u8; 64])) == expected, "k = {k}");
        }
    }

    /// The file is the same on every host and in every version.
    #[test]
    fn the_file_does_not_change() {
        let digest = Blake2b512::digest(srs_bytes(9, tau()));
        assert_eq!(
            hex::encode(digest),
            "2e73edae7e6d7255937013520bfdecdd232e57cd764ddc52b9bac932eceabb2c\
             657bcf029a19e622999841055030d40f5caed7bde59b00f06019666f6b437306"
        );
    }

    #[test]
    fn runs_of_powers_fit_together() {
        let base = hash_to_scalar(b"base");
        let mut all = vec![Fr::ZERO; 5000];
        powers(base, 0, &mut all);
        assert_eq!(all[0], Fr::ONE);
        assert!(all.windows(2).all(|pair| pair[1] == pair[0] * base));
        let mut rest = vec![Fr::ZERO; 3000];
        powers(base, 2000, &mut rest);
        assert_eq!(rest, all[2000..]);
    }
}
