//! The whole way of a file into the cache and out again.

use std::{env, fs, io::Read, path::Path, process::Command};

use halo2_proofs::poly::{
    EvaluationDomain,
    commitment::{Blind, Params, ParamsProver},
    kzg::commitment::ParamsKZG,
};
use halo2curves::{
    bn256::{Bn256, Fq2, Fr, G1Affine, G2Affine},
    ff::{Field, FromUniformBytes},
    group::{Curve, prime::PrimeCurveAffine},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tempfile::TempDir;

use crate::{
    Defect, Origin, Part, Progress, Srs, SrsError, Step,
    curve::{encode_g1, encode_g2},
    development,
    development::hash_to_scalar,
    import, installed, layout,
    testing::{FixedByte, PtauWriter, g2_bytes, srs_bytes},
};

const G: usize = layout::G1_BYTES;

/// A secret, as a ceremony would have it.
fn tau() -> Fr {
    hash_to_scalar(b"a secret")
}

/// A folder with a file to import, and a cache beside it.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), bytes).unwrap();
        Self { folder }
    }

    fn cache(&self) -> std::path::PathBuf {
        self.folder.path().join("cache")
    }

    fn import(&self, ks: &[u32]) -> Result<Vec<Srs>, SrsError> {
        import(&self.cache(), &self.folder.path().join("file"), ks, &())
    }

    /// Checks that the file is refused, that nothing is left of it, and says why.
    fn refused(&self, ks: &[u32]) -> Defect {
        let error = self.import(ks).expect_err("the file is to be refused");
        assert_eq!(self.left(), Vec::<String>::new());
        match error {
            SrsError::File { path, defect } if path == self.folder.path().join("file") => defect,
            error => panic!("{error}"),
        }
    }

    /// What lies in the cache.
    fn left(&self) -> Vec<String> {
        let Ok(folder) = fs::read_dir(self.cache().join("srs")) else { return Vec::new() };
        folder.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// Why a file with these bytes is refused.
fn refused(bytes: &[u8]) -> Defect {
    Place::new(bytes).refused(&[])
}

fn installed_bytes(srs: &Srs) -> Vec<u8> {
    fs::read(srs.path()).unwrap()
}

/// The largest has two chunks, and MSMs that are long enough for the kernel for long ones.
#[test]
fn srs_files_are_installed_as_they_are() {
    for k in [1, 2, 6, 14] {
        let bytes = srs_bytes(k, tau());
        let place = Place::new(&bytes);
        let [srs] = place.import(&[k]).unwrap().try_into().unwrap();
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
        let mut points = vec![G1Affine::identity(); length];
        srs.read_g(start, &mut points).unwrap();
        assert!(encode_g1(&points) == bytes[4 + start * G..][..length * G]);
        srs.read_g_lagrange(start, &mut points).unwrap();
        assert!(encode_g1(&points) == bytes[4 + (srs.n() + start) * G..][..length * G]);
    }
}

/// halo2 reads what is installed, and commits to a polynomial by either form alike.
#[test]
fn halo2_commits_with_it() {
    let k = 7;
    let place = Place::new(&PtauWriter::new(k, tau()).bytes());
    let [srs] = place.import(&[]).unwrap().try_into().unwrap();
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

/// A `.ptau` file gives what halo2's own setup makes of the same secret, for every degree.
#[test]
fn ptau_files_give_every_degree() {
    let tau = Fr::from_uniform_bytes(&[9; 64]);
    let place = Place::new(&PtauWriter::new(6, tau).bytes());
    let srss = place.import(&[6, 1, 4, 2, 5, 3, 3]).unwrap();
    assert_eq!(srss.iter().map(Srs::k).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    for srs in &srss {
        let mut expected = Vec::new();
        ParamsKZG::<Bn256>::setup(srs.k(), FixedByte(9)).write(&mut expected).unwrap();
        assert!(installed_bytes(srs) == expected, "k = {}", srs.k());
    }
    let found = installed(&place.cache()).unwrap();
    assert_eq!(
        found.iter().map(|(k, srs)| (*k, srs.is_ok())).collect::<Vec<_>>(),
        [(1, true), (2, true), (3, true), (4, true), (5, true), (6, true)]
    );
    assert!(installed(&place.cache().join("absent")).unwrap().is_empty());
}

#[test]
fn degrees_that_a_file_does_not_hold() {
    let ptau = Place::new(&PtauWriter::new(3, tau()).bytes());
    assert_eq!(ptau.refused(&[3, 4]), Defect::TooSmall { asked: 4, power: 3 });
    let srs = Place::new(&srs_bytes(3, tau()));
    assert_eq!(srs.refused(&[2]), Defect::OtherDegree { asked: 2, holds: 3 });
    for k in [0, 29] {
        assert!(matches!(srs.import(&[k]), Err(SrsError::Degree(_))));
        assert!(matches!(Srs::open(&srs.cache(), k), Err(SrsError::Degree(_))));
    }
    assert!(matches!(Srs::open(&srs.cache(), 3), Err(SrsError::Absent { k: 3, .. })));
}

/// A point of the twist outside the subgroup.
fn g2_outside_subgroup() -> [u8; 128] {
    let b = G2Affine::generator();
    let b = b.y.square() - b.x.square() * b.x;
    let find = |x: u64| {
        let x = Fq2::from(x);
        let y = Option::<Fq2>::from((x.square() * x + b).sqrt())?;
        Some(encode_g2(&G2Affine { x, y }))
    };
    (1..).find_map(find).unwrap()
}

#[test]
fn altered_srs_files_are_refused() {
    let k = 14;
    let n = 1 << k;
    let bytes = srs_bytes(k, tau());
    let other = (G1Affine::generator() * Fr::from(12345)).to_affine();
    let altered = |alter: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        alter(&mut bytes);
        refused(&bytes)
    };
    let g = |index: usize| 4 + index * G..4 + (index + 1) * G;
    let g2 = |index: usize| 4 + 2 * n * G + index * 128..4 + 2 * n * G + (index + 1) * 128;
    // In the second chunk.
    let late = 10_000;
    let cases: &[(&dyn Fn(&mut Vec<u8>), Defect)] = &[
        (&|bytes| bytes[g(late)][3] ^= 1, Defect::OffCurve(Part::G(10_000))),
        (&|bytes| bytes[g(n + late)][40] ^= 1, Defect::OffCurve(Part::GLagrange(10_000))),
        (&|bytes| bytes[g(0)].fill(0), Defect::Identity(Part::G(0))),
        (
            &|bytes| bytes[g(n - 1)][..32].fill(0xff),
            Defect::Coordinate { part: Part::G(n as u64 - 1), coordinate: 'x' },
        ),
        (&|bytes| bytes[g2(0)].fill(0), Defect::Identity(Part::G2)),
        (&|bytes| bytes[g2(1)][0] ^= 1, Defect::OffCurve(Part::SG2)),
        (&|bytes| bytes[g2(1)].copy_from_slice(&g2_outside_subgroup()), Defect::Subgroup(Part::SG2)),
        (&|bytes| bytes[g2(0)].copy_from_slice(&g2_bytes(Fr::from(2))), Defect::Generator(Part::G2)),
        (&|bytes| bytes.copy_within(g(1), g(0).start), Defect::Generator(Part::G(0))),
        // Points of the right group, but the wrong ones.
        (&|bytes| bytes[g(1)].copy_from_slice(&encode_g1(&[other])), Defect::Powers),
        (&|bytes| bytes.copy_within(g(late), g(late + 1).start), Defect::Powers),
        (&|bytes| bytes.copy_within(g(late), g(n - 1).start), Defect::Powers),
        (&|bytes| bytes[g2(1)].copy_from_slice(&g2_bytes(tau() + Fr::ONE)), Defect::Powers),
        (&|bytes| bytes.copy_within(g(n), g(n + late).start), Defect::Lagrange),
        (&|bytes| bytes.copy_within(g(n - 1), g(2 * n - 1).start), Defect::Lagrange),
    ];
    for (alter, defect) in cases {
        assert_eq!(altered(alter), *defect);
    }
    // The Lagrange form in bit-reversed or snarkjs's order is not halo2's: exchange two points.
    let exchange = |bytes: &mut Vec<u8>| {
        let first = bytes[g(n + 1)].to_vec();
        bytes.copy_within(g(n + 2), g(n + 1).start);
        bytes[g(n + 2)].copy_from_slice(&first);
    };
    assert_eq!(altered(&exchange), Defect::Lagrange);
}

/// Powers of the secret 1 are all the same point, so that every addition of the checks is a doubling.
#[test]
fn a_secret_that_is_a_root_of_unity_is_refused() {
    let k = 14_u32;
    let n = 1 << k;
    let generator = encode_g1(&[G1Affine::generator()]);
    let mut bytes =
        [k.to_le_bytes().as_slice(), &generator.repeat(2 * n), &g2_bytes(Fr::ONE).repeat(2)].concat();
    assert_eq!(refused(&bytes), Defect::Lagrange);
    // The true Lagrange form.
    bytes[4 + (n + 1) * G..4 + 2 * n * G].fill(0);
    assert_eq!(refused(&bytes), Defect::Identity(Part::GLagrange(1)));
}

#[test]
fn srs_files_of_the_wrong_size_are_refused() {
    let bytes = srs_bytes(5, tau());
    let size = |bytes: &[u8], expected| {
        let defect = Defect::Size { what: "the file", expected, found: bytes.len() as u64 };
        assert_eq!(refused(bytes), defect);
    };
    let expected = layout::file_bytes(5);
    size(&bytes[..bytes.len() - 1], expected);
    size(&bytes[..4], expected);
    size(&[bytes.as_slice(), &[0]].concat(), expected);
    let mut other = bytes.clone();
    other[0] = 6;
    size(&other, layout::file_bytes(6));

    let mut compressed = 5_u32.to_le_bytes().to_vec();
    compressed.resize(4 + 64 * 32 + 2 * 64, 1);
    assert_eq!(refused(&compressed), Defect::Compressed { k: 5 });
    for start in [&b""[..], b"\x05\0", b"zkey\x01\0\0\0", b"\x1d\0\0\0", b"\0\0\0\0"] {
        let defect =
            Defect::Format { bytes: start.len() as u64, start: start[..start.len().min(4)].to_vec() };
        assert_eq!(refused(start), defect);
    }
}

#[test]
fn altered_ptau_files_are_refused() {
    let power = 4;
    let file = PtauWriter::new(power, tau());
    let altered = |alter: &dyn Fn(&mut PtauWriter)| {
        let mut file = file.clone();
        alter(&mut file);
        refused(&file.bytes())
    };
    assert_eq!(altered(&|file| file.version = 2), Defect::Version(2));
    assert_eq!(altered(&|file| file.sections.retain(|section| section.0 != 12)), Defect::NotPrepared);
    for (id, name) in [(1, "the header"), (2, "powers in G1"), (3, "powers in G2")] {
        let defect = altered(&|file| file.sections.retain(|section| section.0 != id));
        assert_eq!(defect, Defect::NoSection { id, name });
    }
    assert_eq!(altered(&|file| file.sections.push((4, Vec::new()))), Defect::SectionTwice(4));
    assert_eq!(altered(&|file| file.sections.resize(16, (77, Vec::new()))), Defect::SectionCount(16));
    for (id, what) in [
        (2, "section 2 (powers in G1)"),
        (3, "section 3 (powers in G2)"),
        (12, "section 12 (Lagrange form in G1)"),
    ] {
        let expected = file.clone().section(id).len() as u64;
        let defect = altered(&|file| file.section(id).truncate(expected as usize - 1));
        assert_eq!(defect, Defect::Size { what, expected, found: expected - 1 });
    }
    assert_eq!(altered(&|file| file.section(1)[36] = 0), Defect::Degree(0));
    assert_eq!(altered(&|file| file.section(1)[36] = 29), Defect::Degree(29));
    assert!(matches!(
        altered(&|file| file.section(1)[36] = 5),
        Defect::Size { what: "section 2 (powers in G1)", .. }
    ));
    assert!(matches!(altered(&|file| file.section(1)[0] = 31), Defect::Size { .. }));
    let bls = |file: &mut PtauWriter| {
        let modulus = "abaafffffffffeb9ffff53b1feffab1e24f6b0f6a0d23067bf1285f3844b7764d7ac4b43b6a71b4b9ae67f39ea11011a";
        let header = file.section(1);
        *header = [&48_u32.to_le_bytes(), hex::decode(modulus).unwrap().as_slice(), &header[36..]].concat();
    };
    assert!(matches!(altered(&bls), Defect::OtherCurve { curve: "BLS12-381", .. }));
    assert!(matches!(
        altered(&|file| file.section(1)[4] ^= 2),
        Defect::OtherCurve { curve: "another curve", .. }
    ));

    assert_eq!(altered(&|file| file.section(2)[5 * G] ^= 1), Defect::OffCurve(Part::G(5)));
    assert_eq!(altered(&|file| file.section(2).copy_within(4 * G..5 * G, 7 * G)), Defect::Powers);
    assert_eq!(
        altered(&|file| file.section(3)[128..256].copy_from_slice(&g2_bytes(Fr::from(3)))),
        Defect::Powers
    );
    // The Lagrange form for 2^4 is behind those for 2^0 to 2^3.
    assert_eq!(altered(&|file| file.section(12).copy_within(15 * G..16 * G, 20 * G)), Defect::Lagrange);
    // snarkjs's order is not halo2's.
    let own_order = |file: &mut PtauWriter| {
        let ours = srs_bytes(power, tau())[4 + 16 * G..4 + 32 * G].to_vec();
        file.section(12)[15 * G..31 * G].copy_from_slice(&ours);
    };
    assert_eq!(altered(&own_order), Defect::Lagrange);
}

/// Whatever is changed, either the file is refused with nothing left, or what is installed is the true SRS.
#[test]
fn random_changes_install_nothing_else() {
    let mut rng = StdRng::seed_from_u64(3);
    let k = 3;
    let expected = srs_bytes(k, tau());
    for original in [expected.clone(), PtauWriter::new(k, tau()).bytes()] {
        let mut refusals = 0;
        for _ in 0..300 {
            let mut bytes = original.clone();
            match rng.random_range(0..4) {
                0 => bytes.truncate(rng.random_range(0..bytes.len())),
                1 => bytes.extend(vec![rng.random::<u8>(); rng.random_range(1..100)]),
                2 => {
                    // Headers more often than points.
                    let end = if rng.random() { 100 } else { bytes.len() };
                    let at = rng.random_range(0..end);
                    bytes[at] ^= 1 << rng.random_range(0..8);
                }
                _ => {
                    let (from, to) = (rng.random_range(0..bytes.len()), rng.random_range(0..bytes.len()));
                    let length = rng.random_range(0..bytes.len() - from.max(to));
                    bytes.copy_within(from..from + length, to);
                }
            }
            let place = Place::new(&bytes);
            match place.import(&[]) {
                Err(_) => {
                    refusals += 1;
                    assert!(place.left().is_empty());
                }
                // A change where nothing is read, or none.
                Ok(srss) => {
                    for srs in srss {
                        assert!(installed_bytes(&srs) == expected);
                    }
                }
            }
        }
        assert!(refusals > 150);
    }
}

#[test]
fn installed_files_that_changed_are_refused() {
    let place = Place::new(&srs_bytes(4, tau()));
    let [srs] = place.import(&[]).unwrap().try_into().unwrap();
    let (path, record) = (srs.path().to_owned(), srs.path().with_extension("json"));
    let (bytes, text) = (fs::read(&path).unwrap(), fs::read_to_string(&record).unwrap());
    let refused = |what: &Path| match Srs::open(&place.cache(), 4).unwrap_err() {
        SrsError::File { path, defect } if path == what => defect,
        error => panic!("{error}"),
    };
    let mut altered = bytes.clone();
    for at in [0, 100, bytes.len() - 1] {
        altered[at] ^= 1;
        fs::write(&path, &altered).unwrap();
        assert_eq!(refused(&path), Defect::Altered { what: "its digest" });
    }
    fs::write(&path, &bytes[..1000]).unwrap();
    let size = Defect::Size { what: "the file", expected: bytes.len() as u64, found: 1000 };
    assert_eq!(refused(&path), size);
    fs::write(&path, &bytes).unwrap();

    fs::write(&record, text.replace("\"unknown\"", "\"hermez\"")).unwrap();
    assert_eq!(refused(&path), Defect::Altered { what: "where it comes from" });
    fs::write(&record, text.replace("\"k\": 4", "\"k\": 5")).unwrap();
    assert_eq!(refused(&path), Defect::Altered { what: "its k and size" });
    for other in [&text[..text.len() / 2], "", "[]", &text.replace("\"version\": 1", "\"version\": 2")] {
        fs::write(&record, other).unwrap();
        assert!(matches!(refused(&record), Defect::Record(_)), "{other}");
    }
    fs::remove_file(&record).unwrap();
    assert_eq!(refused(&path), Defect::NoRecord(record.clone()));
    // It is in the list, with the reason.
    let [(4, Err(_))] = installed(&place.cache()).unwrap().as_slice() else {
        panic!("one file that is refused")
    };
    // Importing again makes it good.
    place.import(&[]).unwrap();
}

#[test]
fn the_development_srs_is_known_without_its_record() {
    let folder = tempfile::tempdir().unwrap();
    let [_, srs] = development(folder.path(), &[6, 3], &()).unwrap().try_into().unwrap();
    assert!(srs.is_insecure());
    assert!(srs.checks().is_empty());
    assert!(srs.origin().to_string().contains("INSECURE"));
    let bytes = installed_bytes(&srs);

    // Somebody passes the file on as something else.
    let place = Place::new(&bytes);
    let [imported] = place.import(&[]).unwrap().try_into().unwrap();
    assert_eq!(imported.origin(), Origin::Development);
    assert!(imported.is_insecure());
    let record = imported.path().with_extension("json");
    let text = fs::read_to_string(&record).unwrap();
    fs::write(&record, text.replace("\"development\"", "\"unknown\"")).unwrap();
    assert!(Srs::open(&place.cache(), 6).is_err());
    // Made again, over what can't be used.
    let [again] = development(&place.cache(), &[6], &()).unwrap().try_into().unwrap();
    assert!(installed_bytes(&again) == bytes);
}

#[test]
fn the_development_srs_replaces_no_other() {
    let place = Place::new(&srs_bytes(4, tau()));
    place.import(&[]).unwrap();
    assert!(matches!(
        development(&place.cache(), &[4], &()),
        Err(SrsError::Occupied { k: 4, origin: Origin::Unknown, .. })
    ));
    assert_eq!(Srs::open(&place.cache(), 4).unwrap().origin(), Origin::Unknown);

    // But is replaced.
    let place = Place::new(&srs_bytes(4, tau()));
    development(&place.cache(), &[4], &()).unwrap();
    place.import(&[]).unwrap();
    assert!(!Srs::open(&place.cache(), 4).unwrap().is_insecure());
}

/// Ends the process in the middle of the Lagrange form.
struct Abort;

impl Progress for Abort {
    fn advance(&self, step: Step, done: u64, _: u64) {
        if matches!(step, Step::ImportLagrange { .. }) && done > 0 {
            std::process::abort();
        }
    }
}

/// Runs itself in another process, which is killed when half of the file is written.
#[test]
fn an_interrupted_import_leaves_nothing() {
    const VARIABLE: &str = "ZENO_SRS_TEST_FOLDER";
    if let Some(folder) = env::var_os(VARIABLE) {
        let folder = Path::new(&folder);
        let _ = import(&folder.join("cache"), &folder.join("file"), &[], &Abort);
        return;
    }
    let place = Place::new(&srs_bytes(8, tau()));
    let status = Command::new(env::current_exe().unwrap())
        .args(["--exact", "tests::an_interrupted_import_leaves_nothing"])
        .env(VARIABLE, place.folder.path())
        .output()
        .unwrap()
        .status;
    assert_eq!(status.code(), None, "the process was killed");
    assert!(place.cache().join("srs").exists(), "it had begun to write");
    assert_eq!(place.left(), Vec::<String>::new());
    place.import(&[]).unwrap();
}
