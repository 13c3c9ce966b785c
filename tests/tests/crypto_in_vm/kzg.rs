//! KZG point evaluation.

use crate::{
    bytes,
    case::{Case, check},
    seeded, tampered, unhex,
};
use c_kzg::{Blob, Bytes32, ethereum_kzg_settings};
use rand::rngs::StdRng;
use sha2::{Digest, Sha256};

const POINT_EVALUATION: u16 = 0x0a;

/// Identity of G₁, compressed.
fn identity() -> Vec<u8> {
    [vec![0xc0], vec![0; 47]].concat()
}

fn input(z: &[u8], y: &[u8], commitment: &[u8], proof: &[u8]) -> Vec<u8> {
    let mut hash = Sha256::digest(commitment);
    hash[0] = 1;
    [&hash[..], z, y, commitment, proof].concat()
}

#[test]
fn point_evaluation() {
    let mut rng = seeded(40);
    let settings = ethereum_kzg_settings(0);
    let mut cases = Vec::new();
    let mut add = |name: String, input: &[u8]| cases.push(Case::precompile(name, POINT_EVALUATION, input));

    for i in 0..2 {
        let mut blob = bytes(&mut rng, 4096 * 32);
        blob.iter_mut().step_by(32).for_each(|byte| *byte &= 0x3f);
        let blob = Blob::from_bytes(&blob).expect("a blob's length");
        let mut z = bytes(&mut rng, 32);
        z[0] &= 0x3f;
        let commitment = settings.blob_to_kzg_commitment(&blob).expect("canonical elements").to_bytes();
        let (proof, y) = settings
            .compute_kzg_proof(&blob, &Bytes32::from_bytes(&z).expect("32 bytes"))
            .expect("canonical elements");
        let (proof, y) = (proof.to_bytes(), y.as_slice().to_vec());
        let valid = input(&z, &y, commitment.as_slice(), proof.as_slice());
        add(format!("valid {i}"), &valid);
        // A pairing whose result is not 1 takes twenty times as long as the other ones, so there are only a few.
        for j in 0..8 {
            add(format!("tampered {i}, {j}"), &tampered(&valid, &mut rng));
        }
        let mut other_y = y.clone();
        other_y[31] ^= 1;
        add(format!("other y {i}"), &input(&z, &other_y, commitment.as_slice(), proof.as_slice()));
        add(format!("other proof {i}"), &input(&z, &y, commitment.as_slice(), commitment.as_slice()));
        add(format!("swapped {i}"), &input(&z, &y, proof.as_slice(), commitment.as_slice()));
        add(format!("identity as proof {i}"), &input(&z, &y, commitment.as_slice(), &identity()));
        add(format!("identity as commitment {i}"), &input(&z, &y, &identity(), proof.as_slice()));
        // Not canonical: z or y plus the order would be the same element.
        let order = unhex("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001");
        add(format!("z is the order {i}"), &input(&order, &y, commitment.as_slice(), proof.as_slice()));
        add(format!("z is large {i}"), &input(&[0xff; 32], &y, commitment.as_slice(), proof.as_slice()));
        add(
            format!("y plus the order {i}"),
            &input(&z, &plus(&y, &order), commitment.as_slice(), proof.as_slice()),
        );
        // Flags of the sign, the identity and the compression.
        for bit in [0x20, 0x40, 0x80] {
            let mut flagged = commitment.as_slice().to_vec();
            flagged[0] ^= bit;
            add(
                format!("commitment with flag {bit} changed {i}"),
                &input(&z, &y, &flagged, proof.as_slice()),
            );
            let mut flagged = proof.as_slice().to_vec();
            flagged[0] ^= bit;
            add(
                format!("proof with flag {bit} changed {i}"),
                &input(&z, &y, commitment.as_slice(), &flagged),
            );
        }
        let mut version = valid.clone();
        version[0] = 2;
        add(format!("other version {i}"), &version);
        add(format!("short {i}"), &valid[..191]);
        add(format!("long {i}"), &[valid.as_slice(), &[0]].concat());
    }

    // Constant polynomials: the proof is the identity for every z.
    let zero = [0; 32];
    let five = unhex("0000000000000000000000000000000000000000000000000000000000000005");
    let five_g1 = unhex(
        "b0e7791fb972fe014159aa33a98622da3cdc98ff707965e536d8636b5fcc5ac7a91a8c46e59a00dca575af0f18fb13dc",
    );
    add("zero polynomial".into(), &input(&five, &zero, &identity(), &identity()));
    add("zero polynomial, wrong y".into(), &input(&zero, &five, &identity(), &identity()));
    add("constant polynomial".into(), &input(&zero, &five, &five_g1, &identity()));
    add("constant polynomial, wrong y".into(), &input(&five, &zero, &five_g1, &identity()));
    for (name, first, rest) in [
        ("identity with a sign", 0xe0, 0),
        ("identity with an x", 0xc0, 1),
        ("x = 0", 0x80, 0),
        ("x = 0, sign", 0xa0, 0),
    ] {
        let point = [vec![first], vec![rest; 47]].concat();
        add(format!("{name} as commitment"), &input(&zero, &zero, &point, &identity()));
        add(format!("{name} as proof"), &input(&zero, &five, &five_g1, &point));
    }
    // An x that is not reduced, x-coordinates without a point, and a point outside of the subgroup.
    let prime =
        "9a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab";
    let outside =
        "92a6330b5d9dc9f81818e811892f902bd23f0824128b2f330c5c7fd0a6a3a4506513270e269e0d37f2a74de452e6b438";
    for hex in [prime, outside] {
        add(format!("{hex} as commitment"), &input(&zero, &zero, &unhex(hex), &identity()));
        add(format!("{hex} as proof"), &input(&zero, &five, &five_g1, &unhex(hex)));
    }
    for x in 1..8 {
        let mut point = [vec![0x80], vec![0; 47]].concat();
        point[47] = x;
        add(format!("x = {x} as proof"), &input(&zero, &five, &five_g1, &point));
    }
    assert_eq!(cases.iter().filter(|case| case.accepts()).count(), 2 + 2);
    check(&cases);
}

/// Sum of two big-endian numbers, truncated to the length of the first.
fn plus(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut sum = a.to_vec();
    let mut carry = 0;
    for (byte, other) in sum.iter_mut().zip(b).rev() {
        carry += u16::from(*byte) + u16::from(*other);
        *byte = carry as u8;
        carry >>= 8;
    }
    sum
}

/// Valid case with a bound on its instructions.
pub(crate) fn samples(rng: &mut StdRng) -> Vec<(Case, u64)> {
    let settings = ethereum_kzg_settings(0);
    let mut blob = bytes(rng, 4096 * 32);
    blob.iter_mut().step_by(32).for_each(|byte| *byte &= 0x3f);
    let blob = Blob::from_bytes(&blob).expect("a blob's length");
    let commitment = settings.blob_to_kzg_commitment(&blob).expect("canonical elements").to_bytes();
    let z = [7; 32];
    let (proof, y) = settings.compute_kzg_proof(&blob, &Bytes32::new(z)).expect("canonical elements");
    let input = input(&z, y.as_slice(), commitment.as_slice(), proof.to_bytes().as_slice());
    vec![(Case::precompile("KZG point evaluation", POINT_EVALUATION, &input), 4_000_000)]
}
