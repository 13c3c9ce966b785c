//! Tests of correct files.

use std::{fs, io::Read, sync::Mutex};

use halo2_proofs::poly::{
    EvaluationDomain,
    commitment::{Blind, Params, ParamsProver},
    kzg::commitment::ParamsKZG,
};
use halo2curves::{
    bn256::{Bn256, Fr, G1Affine, G2Affine},
    ff::{Field, FromUniformBytes},
    group::Curve,
};

use super::{Workspace, installed_bytes, tau};
use crate::{
    curve::encode_g1,
    development::hash_to_scalar,
    error::{Defect, SrsError},
    import::import,
    layout::G1_BYTES as G,
    origin::Origin,
    progress::{Progress, Step},
    srs::{Srs, installed},
    testing::{FixedByte, PtauWriter, srs_bytes},
};

/// The largest file has two chunks, and MSMs that are long enough for the kernel of long MSMs.
#[test]
fn srs_files_are_installed_as_they_are() {
    for k in [1, 2, 6, 14] {
        let bytes = srs_bytes(k, tau());
        let workspace = Workspace::new(&bytes);
        let [srs] = workspace.import(&[k]).unwrap().try_into().unwrap();
        assert!(installed_bytes(&srs) == bytes);
        assert_eq!((srs.k(), srs.n(), srs.bytes()), (k, 1 << k, bytes.len() as u64));
        assert_eq!(srs.origin(), Origin::Unknown);
        assert!(!srs.is_insecure());
        assert_eq!(srs.checks().len(), 5);
        assert_eq!(srs.g2(), G2Affine::generator());
        assert_eq!(srs.s_g2(), (G2Affine::generator() * tau()).to_affine());

        let mut all = Vec::new();
        srs.reader().read_to_end(&mut all).unwrap();
        assert!(all == bytes);
        let (start, length) = (srs.n() / 2, srs.n() / 4 + 1);
        let points = srs.g(start..start + length).unwrap();
        assert!(encode_g1(&points) == bytes[4 + start * G..][..length * G]);
        let points = srs.g_lagrange(start..start + length).unwrap();
        assert!(encode_g1(&points) == bytes[4 + (srs.n() + start) * G..][..length * G]);
    }
}

/// halo2 reads the installed file, and both forms give the same commitment to a polynomial.
#[test]
fn halo2_commits_with_it() {
    let k = 7;
    let workspace = Workspace::new(&PtauWriter::new(k, tau()).bytes());
    let [srs] = workspace.import(&[]).unwrap().try_into().unwrap();
    let params = ParamsKZG::<Bn256>::read(&mut srs.reader()).unwrap();
    let domain = EvaluationDomain::new(1, k);
    let mut values = domain.empty_lagrange();
    for (index, value) in values.iter_mut().enumerate() {
        *value = hash_to_scalar(&[index as u8]);
    }
    let coefficients = domain.lagrange_to_coeff(values.clone());
    let blind = Blind(Fr::ZERO);
    assert_eq!(params.commit(&coefficients, blind), params.commit_lagrange(&values, blind));
    let powers: Vec<Fr> = coefficients.iter().copied().collect();
    let expected = powers.iter().rev().fold(Fr::ZERO, |sum, coefficient| sum * tau() + coefficient);
    assert_eq!(
        params.commit(&coefficients, blind).to_affine(),
        (G1Affine::generator() * expected).to_affine()
    );
}

/// A `.ptau` file gives the SRS of halo2's own setup with the same secret, for every degree. For k ≥ 6, snarkjs's order
/// of the Lagrange form is not halo2's.
#[test]
fn ptau_files_give_every_degree() {
    let tau = Fr::from_uniform_bytes(&[9; 64]);
    let workspace = Workspace::new(&PtauWriter::new(8, tau).bytes());
    let srss = workspace.import(&[6, 8, 1, 4, 2, 7, 5, 3, 3]).unwrap();
    assert_eq!(srss.iter().map(Srs::k).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8]);
    for srs in &srss {
        let mut expected = Vec::new();
        ParamsKZG::<Bn256>::setup(srs.k(), FixedByte(9)).write(&mut expected).unwrap();
        assert!(installed_bytes(srs) == expected, "k = {}", srs.k());
    }
    let found = installed(&workspace.cache()).unwrap();
    assert!(found.iter().map(|found| (found.k, found.srs.is_ok())).eq((1..=8).map(|k| (k, true))));
    assert!(installed(&workspace.cache().join("absent")).unwrap().is_empty());
}

#[test]
fn degrees_that_a_file_lacks_are_refused() {
    let ptau = Workspace::new(&PtauWriter::new(3, tau()).bytes());
    assert_eq!(ptau.refused(&[3, 4]), Defect::TooSmall { asked: 4, power: 3 });
    let srs = Workspace::new(&srs_bytes(3, tau()));
    assert_eq!(srs.refused(&[2]), Defect::OtherDegree { asked: 2, holds: 3 });
    for k in [0, 29] {
        assert!(matches!(srs.import(&[k]), Err(SrsError::Degree(_))));
        assert!(matches!(Srs::open(&srs.cache(), k), Err(SrsError::Degree(_))));
    }
    assert!(matches!(Srs::open(&srs.cache(), 3), Err(SrsError::Absent { k: 3, .. })));
}

/// Progress that records the steps.
#[derive(Default)]
struct Steps(Mutex<Vec<Step>>);

impl Progress for Steps {
    fn advance(&self, step: Step, _: u64, _: u64) {
        self.0.lock().unwrap().push(step);
    }
}

/// The digest of a raw file is that of the checked bytes. The digest of a prepared file is from another reading, and
/// the record says so.
#[test]
fn the_record_names_what_was_checked() {
    let workspace = Workspace::new(&srs_bytes(3, tau()));
    let (file, steps) = (workspace.folder.path().join("file"), Steps::default());
    let [srs] = import(&workspace.cache(), &file, &[], &steps).unwrap().try_into().unwrap();
    assert_eq!(srs.source(), format!("the file \"file\", BLAKE2b-512 {}", srs.blake2b()));
    assert!(!steps.0.into_inner().unwrap().contains(&Step::Digest), "it is not read once more for it");

    let workspace = Workspace::new(&PtauWriter::new(3, tau()).bytes());
    let [srs] = workspace.import(&[]).unwrap().try_into().unwrap();
    assert!(srs.source().ends_with("when it was read beforehand"), "{}", srs.source());
}

#[cfg(unix)]
#[test]
fn folders_are_private_and_irregular_files_stay() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let workspace = Workspace::new(&srs_bytes(3, tau()));
    let srs = workspace.cache().join("srs");
    workspace.import(&[]).unwrap();
    for folder in [&srs, &workspace.cache()] {
        assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o7777, 0o700);
    }
    for name in ["kzg_bn254_3.srs", "kzg_bn254_3.json"] {
        let (path, elsewhere) = (srs.join(name), workspace.folder.path().join("elsewhere"));
        fs::rename(&path, &elsewhere).unwrap();
        symlink(&elsewhere, &path).unwrap();
        assert!(matches!(workspace.import(&[]), Err(SrsError::Io { path: at, .. }) if at == path));
        assert!(path.is_symlink() && elsewhere.is_file());
        fs::rename(&elsewhere, &path).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert!(matches!(Srs::open(&workspace.cache(), 3), Err(SrsError::Io { path: at, .. }) if at == path));
        assert!(matches!(workspace.import(&[]), Err(SrsError::Io { path: at, .. }) if at == path));
        fs::remove_file(&path).unwrap();
        workspace.import(&[]).unwrap();
    }
}
