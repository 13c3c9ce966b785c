//! BLS12-381: the seven precompiles of EIP-2537.

use crate::{
    bytes,
    case::{Case, check},
    seeded, tampered, unhex,
};
use alloy_primitives::Address;
use rand::{Rng, rngs::StdRng};
use revm::precompile::{PrecompileSpecId, Precompiles};

const G1_ADD: u16 = 0x0b;
const G1_MSM: u16 = 0x0c;
const G2_ADD: u16 = 0x0d;
const G2_MSM: u16 = 0x0e;
const PAIRING: u16 = 0x0f;
const MAP_TO_G1: u16 = 0x10;
const MAP_TO_G2: u16 = 0x11;

const PRIME: &str =
    "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab";
const ORDER: &str = "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001";

/// Points of the curve outside of G₁, as hexadecimal coordinates: a random one, and points of the orders 3 and 11.
const OUTSIDE_G1: [[&str; 2]; 3] = [
    [
        "12a6330b5d9dc9f81818e811892f902bd23f0824128b2f330c5c7fd0a6a3a4506513270e269e0d37f2a74de452e6b438",
        "1442b0ade2a422e66cc1447dd8b3995ce772f00f4a5b2c9f191f9bb4a96c3d02dfa88f567e5bd23ff9e3f2840d8e921e",
    ],
    ["", "02"],
    [
        "0b6412c0bb3fcd13acd91b2720679bdb7f347447de70ba0916c6f0de18098df29f779dd1d97759e4dae92c66ce6720b9",
        "0931a8b8f441d65609b53801d3ce9808402527cb04d4b94ed160ad1353080c78dcac6997367b8e48f0b85d4d6a431c11",
    ],
];

/// Points of the twist outside of G₂, as hexadecimal coordinates: a random one, and a point of order 13.
const OUTSIDE_G2: [[&str; 4]; 2] = [
    [
        "01fac61ef29d0da9953f48f1a09f76b5a170b33839263059f28c105d1fb17c2390c192cfd3ac94af0f21ddb66cad4a26",
        "0d6996484a23d5962217beaddbc496cb8e81973e0becd7b03898d190f9ebdacc0cb1e29c658cda1495e60af593bd04cf",
        "17cb646322bba13646abcbb67c3baab7a5af56409be9e4a8353289836e76bc9e591d6c76eafc7e87925c1eed2c22c788",
        "0cee5f9c69ad4fec97f90de64a90f32119641c1007673a82da0e4b531e987f52228d9ed16f213a8c66ebd406edd0e156",
    ],
    [
        "0e36fa319a648d1d1e95beeceb182cb2beebaeda9fd057fec2468e29a4139c7cd6416cb292f28a1303221442a8dbfdf8",
        "164a1de37f6a28e3bfa2204815b74f1eecf5bdc2267de55896908439464449164395c76f3ac3c4c65e96d3419c9122e5",
        "12733cd5e3866119ddbfaff7021f0a12a88a9c74392b2f28655ce89cda5aff45deeb1659b2f323f5bfbfc69795adbbab",
        "19355d5d7bcc042e8fbf1df2190e7559b49b3a2ab316c65ef505fcf1046b5fe72504c212dc7fe4414a4f7029efcbaff0",
    ],
];

fn call(address: u16, input: &[u8]) -> Vec<u8> {
    let address = Address::left_padding_from(&address.to_be_bytes());
    let precompile = Precompiles::new(PrecompileSpecId::OSAKA).get(&address).expect("a precompile");
    precompile.execute(input, u64::MAX, 0).expect("not fatal").bytes.to_vec()
}

/// Field element in the precompiles' encoding of 64 bytes.
fn element(hex: &str) -> Vec<u8> {
    let value = unhex(hex);
    [vec![0; 64 - value.len()], value].concat()
}

fn random_element(rng: &mut StdRng) -> Vec<u8> {
    let mut element = [vec![0; 16], bytes(rng, 48)].concat();
    element[16] %= 0x1a;
    element
}

/// Random point of G₁: an image of the map, whose discrete logarithm is unknown.
fn random_g1(rng: &mut StdRng) -> Vec<u8> {
    call(MAP_TO_G1, &random_element(rng))
}

fn random_g2(rng: &mut StdRng) -> Vec<u8> {
    call(MAP_TO_G2, &[random_element(rng), random_element(rng)].concat())
}

fn multiply_g1(point: &[u8], scalar: &[u8]) -> Vec<u8> {
    call(G1_MSM, &[point, scalar].concat())
}

fn multiply_g2(point: &[u8], scalar: &[u8]) -> Vec<u8> {
    call(G2_MSM, &[point, scalar].concat())
}

/// Scalar that is the group's order less `difference`.
fn order_less(difference: u8) -> Vec<u8> {
    let mut scalar = unhex(ORDER);
    // The order's last four bytes are 00000001, so a difference of more than 1 borrows from the byte before them.
    if difference > 1 {
        scalar[28..].copy_from_slice(&(0u32.wrapping_sub(u32::from(difference) - 1)).to_be_bytes());
        scalar[27] -= 1;
    } else {
        scalar[31] -= difference;
    }
    scalar
}

fn scalar(value: u8) -> Vec<u8> {
    let mut scalar = vec![0; 32];
    scalar[31] = value;
    scalar
}

/// Points of `size` coordinates with their names: points of the subgroup, points outside of it, and invalid ones.
fn points(rng: &mut StdRng, size: usize) -> Vec<(String, Vec<u8>)> {
    let (random, another, outside): (_, _, Vec<Vec<u8>>) = if size == 2 {
        let outside = OUTSIDE_G1.iter().map(|point| point.iter().flat_map(|c| element(c)).collect());
        (random_g1(rng), random_g1(rng), outside.collect())
    } else {
        let outside = OUTSIDE_G2.iter().map(|point| point.iter().flat_map(|c| element(c)).collect());
        (random_g2(rng), random_g2(rng), outside.collect())
    };
    let negative =
        if size == 2 { multiply_g1(&random, &order_less(1)) } else { multiply_g2(&random, &order_less(1)) };
    let mut off_curve = random.clone();
    off_curve[63] ^= 1;
    let mut bad_padding = random.clone();
    bad_padding[3] = 1;
    let mut late_padding = random.clone();
    late_padding[64 * (size - 1) + 15] = 0xff;
    let mut prime_x = random.clone();
    prime_x[..64].copy_from_slice(&element(PRIME));
    let mut prime_and_zeros = vec![0; 64 * size];
    prime_and_zeros[..64].copy_from_slice(&element(PRIME));
    let mut zero_x = vec![0; 64 * size];
    zero_x[64 * size - 1] = 5;
    let mut points: Vec<(String, Vec<u8>)> = vec![
        ("random".into(), random),
        ("another".into(), another),
        ("negative".into(), negative),
        ("identity".into(), vec![0; 64 * size]),
        ("off the curve".into(), off_curve),
        ("bad padding".into(), bad_padding),
        ("bad padding behind".into(), late_padding),
        ("prime as x".into(), prime_x),
        ("prime and zeros".into(), prime_and_zeros),
        ("small and off the curve".into(), zero_x),
        ("ones".into(), vec![0xff; 64 * size]),
    ];
    for (i, point) in outside.into_iter().enumerate() {
        let mut negative = point.clone();
        // Every part of −y is p − y. The cases add the point to itself and to its negative.
        for part in negative[32 * size..].chunks_exact_mut(64) {
            negate(part);
        }
        points.push((format!("outside {i}"), point));
        points.push((format!("outside {i}, negative"), negative));
    }
    points
}

/// Negates a field element: p − y, or zero for zero.
fn negate(element: &mut [u8]) {
    if element.iter().all(|&byte| byte == 0) {
        return;
    }
    let mut borrow = 0;
    for (byte, prime) in element[16..].iter_mut().zip(unhex(PRIME)).rev() {
        let difference = i16::from(prime) - i16::from(*byte) - borrow;
        borrow = i16::from(difference < 0);
        *byte = difference as u8;
    }
}

fn add_cases(rng: &mut StdRng, address: u16, size: usize) -> Vec<Case> {
    let points = points(rng, size);
    let mut cases = Vec::new();
    for (a_name, a) in &points {
        for (b_name, b) in &points {
            let input = [a.as_slice(), b].concat();
            cases.push(Case::precompile(format!("{a_name} + {b_name}"), address, &input));
        }
    }
    for length in [0, 64 * size, 128 * size - 1, 128 * size + 1] {
        cases.push(Case::precompile(format!("{length} bytes"), address, &vec![0; length]));
    }
    cases
}

#[test]
fn add_g1() {
    check(&add_cases(&mut seeded(30), G1_ADD, 2));
}

#[test]
fn add_g2() {
    check(&add_cases(&mut seeded(31), G2_ADD, 4));
}

fn multiply_cases(rng: &mut StdRng, address: u16, size: usize) -> Vec<Case> {
    let scalars = [
        ("0", scalar(0)),
        ("1", scalar(1)),
        ("2", scalar(2)),
        ("r", order_less(0)),
        ("r − 1", order_less(1)),
        ("r − 2", order_less(2)),
        ("2²⁵⁶ − 1", vec![0xff; 32]),
        ("random", bytes(rng, 32)),
    ];
    let points = points(rng, size);
    let mut cases = Vec::new();
    for (point_name, point) in &points {
        for (name, scalar) in &scalars {
            let input = [point.as_slice(), scalar].concat();
            cases.push(Case::precompile(format!("{name} · {point_name}"), address, &input));
        }
    }
    // Sums with equal points, opposite points, identities and zero scalars.
    let valid: Vec<_> = points.iter().take(4).map(|(_, point)| point).collect();
    for terms in [2, 3, 5, 17] {
        for round in 0..3 {
            let input: Vec<u8> = (0..terms)
                .flat_map(|_| {
                    let point = valid[rng.random_range(0..valid.len())];
                    let scalar = &scalars[rng.random_range(0..scalars.len())].1;
                    [point.as_slice(), scalar].concat()
                })
                .collect();
            cases.push(Case::precompile(format!("{terms} terms, {round}"), address, &input));
        }
    }
    let (a, minus_a) = (valid[0].as_slice(), valid[2].as_slice());
    let one = scalar(1);
    let cancelling = [a, &one, minus_a, &one].concat();
    cases.push(Case::precompile("a − a", address, &cancelling));
    let outside = &points.last().expect("a point outside").1;
    let late = [a, &one, outside, &scalar(0)].concat();
    cases.push(Case::precompile("a point outside with scalar zero", address, &late));
    let padding = [a, &one, &tampered_padding(a), &one].concat();
    cases.push(Case::precompile("bad padding in the second", address, &padding));
    let length = 64 * size + 32;
    for length in [0, 1, length - 1, length + 1, 2 * length - 1] {
        cases.push(Case::precompile(format!("{length} bytes"), address, &vec![0; length]));
    }
    // Enough points for the bucket method.
    let many: Vec<u8> = (0..130u8)
        .flat_map(|i| {
            let point =
                if size == 2 { multiply_g1(a, &scalar(i % 100)) } else { multiply_g2(a, &scalar(i % 100)) };
            [point, if i % 10 == 0 { vec![0xff; 32] } else { bytes(rng, 32) }].concat()
        })
        .collect();
    cases.push(Case::precompile("130 terms", address, &many));
    cases
}

fn tampered_padding(point: &[u8]) -> Vec<u8> {
    let mut point = point.to_vec();
    point[0] = 1;
    point
}

#[test]
fn multiply_in_g1() {
    check(&multiply_cases(&mut seeded(32), G1_MSM, 2));
}

#[test]
fn multiply_in_g2() {
    check(&multiply_cases(&mut seeded(33), G2_MSM, 4));
}

#[test]
fn pairing() {
    let mut rng = seeded(34);
    let (p, q) = (random_g1(&mut rng), random_g2(&mut rng));
    let (minus_p, minus_q) = (multiply_g1(&p, &order_less(1)), multiply_g2(&q, &order_less(1)));
    let (a, b) = (scalar(37), scalar(6));
    let (identity, zero_g2) = (vec![0; 128], vec![0; 256]);
    let mut cases = Vec::new();
    let mut add = |name: &str, pairs: &[(&Vec<u8>, &Vec<u8>)]| {
        let input: Vec<u8> = pairs.iter().flat_map(|(p, q)| [p.as_slice(), q].concat()).collect();
        cases.push(Case::precompile(name, PAIRING, &input));
    };
    add("no pairs", &[]);
    add("cancelling by the first", &[(&p, &q), (&minus_p, &q)]);
    add("cancelling by the second", &[(&p, &q), (&p, &minus_q)]);
    add("bilinear", &[(&multiply_g1(&p, &a), &q), (&p, &multiply_g2(&minus_q, &a))]);
    add(
        "bilinear, three",
        &[
            (&multiply_g1(&p, &a), &multiply_g2(&q, &b)),
            (&multiply_g1(&p, &scalar(220)), &minus_q),
            (&multiply_g1(&p, &scalar(2)), &minus_q),
        ],
    );
    add("not one", &[(&multiply_g1(&p, &a), &q), (&p, &minus_q)]);
    add("a single pair", &[(&p, &q)]);
    add("identity in the first", &[(&identity, &q)]);
    add("identity in the second", &[(&p, &zero_g2)]);
    add("identities", &[(&identity, &zero_g2), (&identity, &zero_g2)]);
    add("identity among others", &[(&p, &q), (&identity, &q), (&p, &minus_q)]);
    for (name, point) in points(&mut rng, 2) {
        add(&format!("{name} in the first"), &[(&p, &q), (&point, &q)]);
        add(&format!("{name} with an identity"), &[(&point, &zero_g2)]);
    }
    for (name, point) in points(&mut rng, 4) {
        add(&format!("{name} in the second"), &[(&p, &q), (&p, &point)]);
        add(&format!("{name} in the second, identity in the first"), &[(&identity, &point)]);
    }
    for length in [1, 383, 385] {
        cases.push(Case::precompile(format!("{length} bytes"), PAIRING, &vec![0; length]));
    }
    assert!(cases.iter().filter(|case| case.outputs_one()).count() >= 16);
    check(&cases);
}

#[test]
fn maps() {
    let mut rng = seeded(35);
    let mut cases = Vec::new();
    let prime_less_one = element(
        "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaaa",
    );
    let special: Vec<Vec<u8>> =
        vec![element("00"), element("01"), element("02"), prime_less_one, element(PRIME), vec![0xff; 64]];
    let mut elements = special.clone();
    elements.extend((0..16).map(|_| random_element(&mut rng)));
    for (i, element) in elements.iter().enumerate() {
        cases.push(Case::precompile(format!("to G1, {i}"), MAP_TO_G1, element));
    }
    for a in &elements {
        for b in special.iter().chain([&elements[9]]) {
            cases.push(Case::precompile(
                format!("to G2, {a:?}, {b:?}"),
                MAP_TO_G2,
                &[a.as_slice(), b].concat(),
            ));
        }
    }
    for length in [0, 63, 65, 127, 129] {
        cases.push(Case::precompile(format!("to G1, {length} bytes"), MAP_TO_G1, &vec![0; length]));
        cases.push(Case::precompile(format!("to G2, {length} bytes"), MAP_TO_G2, &vec![0; length]));
    }
    for _ in 0..8 {
        cases.push(Case::precompile("to G1, tampered", MAP_TO_G1, &tampered(&elements[8], &mut rng)));
    }
    check(&cases);
}

/// Valid case of each operation, with a bound on its instructions.
pub(crate) fn samples(rng: &mut StdRng) -> Vec<(Case, u64)> {
    let (p, q) = (random_g1(rng), random_g2(rng));
    let (minus_p, scalar) = (multiply_g1(&p, &order_less(1)), bytes(rng, 32));
    let element = random_element(rng);
    let case = |name, address, parts: &[&[u8]]| Case::precompile(name, address, &parts.concat());
    vec![
        (case("BLS12-381 G1 addition", G1_ADD, &[&p, &p]), 10_000),
        (case("BLS12-381 G2 addition", G2_ADD, &[&q, &q]), 15_000),
        (case("BLS12-381 G1 multiplication", G1_MSM, &[&p, &scalar]), 100_000),
        (case("BLS12-381 G2 multiplication", G2_MSM, &[&q, &scalar]), 1_000_000),
        (case("BLS12-381 pairing of 2", PAIRING, &[&p, &q, &minus_p, &q]), 4_000_000),
        (case("BLS12-381 map to G1", MAP_TO_G1, &[&element]), 60_000),
        (case("BLS12-381 map to G2", MAP_TO_G2, &[&element, &element]), 500_000),
    ]
}
