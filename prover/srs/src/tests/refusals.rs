//! Tests of files that are refused.

use halo2curves::{
    bn256::{Fq2, Fr, G1Affine, G2Affine},
    ff::Field,
    group::Curve,
};
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{Workspace, installed_bytes, tau};
use crate::{
    curve::{encode_g1, encode_g2},
    error::{Defect, Part},
    layout::{self, G1_BYTES as G},
    testing::{PtauWriter, g2_bytes, srs_bytes},
};

/// A change to a file.
type Alteration<'a> = dyn Fn(&mut Vec<u8>) + 'a;

/// The defect for which a file with these bytes is refused.
fn refused(bytes: &[u8]) -> Defect {
    Workspace::new(bytes).refused(&[])
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
    // An index in the second chunk.
    let late = 10_000;
    let cases: &[(&Alteration<'_>, Defect)] = &[
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
        // Wrong points of the right group.
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
    // Two points of the Lagrange form are exchanged, as in a bit-reversed or in snarkjs's order.
    let exchange = |bytes: &mut Vec<u8>| {
        let first = bytes[g(n + 1)].to_vec();
        bytes.copy_within(g(n + 2), g(n + 1).start);
        bytes[g(n + 2)].copy_from_slice(&first);
    };
    assert_eq!(altered(&exchange), Defect::Lagrange);
}

/// All powers of the secret 1 are the same point, so that every addition of the checks is a doubling.
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
    let power = 6;
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
    // The Lagrange form for 2^6 comes after those for 2^0 to 2^5.
    assert_eq!(altered(&|file| file.section(12).copy_within(63 * G..64 * G, 70 * G)), Defect::Lagrange);
    // snarkjs's order is not halo2's.
    let own_order = |file: &mut PtauWriter| {
        let ours = srs_bytes(power, tau())[4 + 64 * G..4 + 128 * G].to_vec();
        file.section(12)[63 * G..127 * G].copy_from_slice(&ours);
    };
    assert_eq!(altered(&own_order), Defect::Lagrange);
}

/// After any change, either the file is refused and nothing remains, or the installed SRS is the true one.
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
                    // Headers are changed more often than points.
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
            let workspace = Workspace::new(&bytes);
            match workspace.import(&[]) {
                Err(_) => {
                    refusals += 1;
                    assert!(workspace.cached().is_empty());
                }
                // The change is in bytes that are not read, or there is none.
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

/// An SRS is consistent, but trial finds its secret.
#[test]
fn small_secrets_are_refused() {
    for (tau, secret) in [(Fr::from(7), 7), (-Fr::from(65535), 65535)] {
        assert_eq!(Workspace::new(&srs_bytes(3, tau)).refused(&[]), Defect::SmallSecret(secret));
        assert_eq!(
            Workspace::new(&PtauWriter::new(3, tau).bytes()).refused(&[]),
            Defect::SmallSecret(secret)
        );
    }
}
