//! BN254: addition, multiplication and pairing check.

use crate::{
    bytes,
    case::{Case, check},
    seeded, tampered, unhex,
};
use alloy_primitives::{Address, U256};
use rand::rngs::StdRng;
use revm::precompile::{PrecompileSpecId, Precompiles};

const ADD: u16 = 6;
const MUL: u16 = 7;
const PAIRING: u16 = 8;

const PRIME: &str = "30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47";
const ORDER: &str = "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001";

/// Generator of G₂ in the precompile's encoding: imaginary parts first.
const G2: &str = "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2\
                  1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed\
                  090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b\
                  12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa";
/// Negated generator of G₂.
const MINUS_G2: &str = "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2\
                        1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed\
                        275dc4a288d1afb3cbb1ac09187524c7db36395df7be3b99e673b13a075a65ec\
                        1d9befcd05a5323e6da4d435f3b617cdb3af83285c2df711ef39c01571827f9d";
/// Random point of the twist outside of G₂.
const OUTSIDE_G2: &str = "13d09b72b394fb36bb2d420f0f88080b10a3d6b2aa05e11ab2715945795e8229\
                          1146af60f1d69ed617f5e837d70820fe119a72d174c9df6acc011cdd9474031b\
                          17ba35b05d0a2b79d2cd5f0c6781bc489802e8fddcbb635c258035bd01d8defd\
                          1337198490889baf8455927c2d377389eab37ac2c4ed5e9f43015109e6b09aa7";
/// Point of the twist with the small order 10069.
const SMALL_ORDER_G2: &str = "2f8d3a98b90e98e5aea43f5ea25e2291363bf51a563a961ff37a1ae8ae0b96f1\
                              185c5c95e51878b3640b4457683e5e4e7f4369f263e9702208482ea14e457584\
                              1658a8c9f7ba9eaad1a915d0cf9a69ff5a1a817499bc2940ec54506514eb5b5b\
                              0aba200bc685743bd40aede8800ba129025f42aa1a71e3d0d048db80192288dd";

fn number(hex: &str) -> U256 {
    U256::from_str_radix(hex, 16).expect("a test's own number")
}

fn call(address: u16, input: &[u8]) -> Vec<u8> {
    let address = Address::left_padding_from(&address.to_be_bytes());
    let precompile = Precompiles::new(PrecompileSpecId::OSAKA).get(&address).expect("a precompile");
    precompile.execute(input, u64::MAX, 0).expect("not fatal").bytes.to_vec()
}

/// Multiple of the generator of G₁.
fn g1(scalar: U256) -> Vec<u8> {
    let generator = [U256::from(1).to_be_bytes::<32>(), U256::from(2).to_be_bytes()].concat();
    call(MUL, &[&generator[..], &scalar.to_be_bytes::<32>()].concat())
}

fn random_g1(rng: &mut StdRng) -> Vec<u8> {
    g1(U256::from_be_slice(&bytes(rng, 32)))
}

fn negative(point: &[u8]) -> Vec<u8> {
    let y = number(PRIME) - U256::from_be_slice(&point[32..]);
    [&point[..32], &y.to_be_bytes::<32>()].concat()
}

/// Points of every kind with their names, valid and invalid ones.
fn points(rng: &mut StdRng) -> Vec<(&'static str, Vec<u8>)> {
    let prime = number(PRIME).to_be_bytes::<32>();
    let random = random_g1(rng);
    let unreduced =
        [&(U256::from(1) + number(PRIME)).to_be_bytes::<32>()[..], &U256::from(2).to_be_bytes::<32>()]
            .concat();
    vec![
        ("random", random.clone()),
        ("another", random_g1(rng)),
        ("negative", negative(&random)),
        ("G", g1(U256::from(1))),
        ("−G", g1(number(ORDER) - U256::from(1))),
        ("2G", g1(U256::from(2))),
        ("identity", vec![0; 64]),
        ("off the curve", tampered(&random, rng)),
        ("(0, 1)", [[0; 32], U256::from(1).to_be_bytes()].concat()),
        ("unreduced x", unreduced),
        ("(p, 0)", [prime, [0; 32]].concat()),
        ("(0, p)", [[0; 32], prime].concat()),
        ("ones", vec![0xff; 64]),
    ]
}

#[test]
fn add() {
    let mut rng = seeded(20);
    let points = points(&mut rng);
    let mut cases = Vec::new();
    for (a_name, a) in &points {
        for (b_name, b) in &points {
            let input = [a.as_slice(), b].concat();
            cases.push(Case::precompile(format!("{a_name} + {b_name}"), ADD, &input));
        }
    }
    for length in [0, 32, 64, 96, 127] {
        let input = [random_g1(&mut rng), random_g1(&mut rng)].concat();
        cases.push(Case::precompile(format!("{length} bytes"), ADD, &input[..length]));
    }
    let long = [points[0].1.as_slice(), &points[1].1, &[1; 10]].concat();
    cases.push(Case::precompile("long input", ADD, &long));
    check(&cases);
}

#[test]
fn multiply() {
    let mut rng = seeded(21);
    let order = number(ORDER);
    let scalars = [
        U256::ZERO,
        U256::from(1),
        U256::from(2),
        order - U256::from(1),
        order,
        order + U256::from(1),
        U256::MAX,
        U256::from_be_slice(&bytes(&mut rng, 32)),
        U256::from_be_slice(&bytes(&mut rng, 16)),
    ];
    let mut cases = Vec::new();
    for (name, point) in points(&mut rng) {
        for scalar in scalars {
            let input = [point.as_slice(), &scalar.to_be_bytes::<32>()].concat();
            cases.push(Case::precompile(format!("{scalar} · {name}"), MUL, &input));
        }
    }
    for length in [0, 64, 80, 96, 100] {
        cases.push(Case::precompile(format!("{length} bytes"), MUL, &g1(U256::from(7)).repeat(2)[..length]));
    }
    check(&cases);
}

#[test]
fn pairing() {
    let mut rng = seeded(22);
    let (g2, minus_g2) = (unhex(G2), unhex(MINUS_G2));
    let (identity, zero_g2) = (vec![0; 64], vec![0; 128]);
    let a = U256::from_be_slice(&bytes(&mut rng, 16));
    let b = U256::from_be_slice(&bytes(&mut rng, 15));
    let mut cases = Vec::new();
    let mut add = |name: &str, pairs: &[(&Vec<u8>, &Vec<u8>)]| {
        let input: Vec<u8> = pairs.iter().flat_map(|(p, q)| [p.as_slice(), q].concat()).collect();
        cases.push(Case::precompile(name, PAIRING, &input));
    };

    add("no pairs", &[]);
    add("cancelling by the first", &[(&g1(a), &g2), (&negative(&g1(a)), &g2)]);
    add("cancelling by the second", &[(&g1(a), &g2), (&g1(a), &minus_g2)]);
    add("three that sum to zero", &[(&g1(a), &g2), (&g1(b), &g2), (&g1(a + b), &minus_g2)]);
    add("not one", &[(&g1(a), &g2), (&g1(b), &minus_g2)]);
    add("a single pair", &[(&g1(a), &g2)]);
    add("a single pair of generators", &[(&g1(U256::from(1)), &minus_g2)]);
    add("identity in the first", &[(&identity, &g2)]);
    add("identity in the second", &[(&g1(a), &zero_g2)]);
    add("identities", &[(&identity, &zero_g2), (&identity, &zero_g2)]);
    add("identity among others", &[(&g1(a), &g2), (&identity, &minus_g2), (&g1(a), &minus_g2)]);
    add("identity, and not one", &[(&identity, &minus_g2), (&g1(a), &minus_g2)]);
    for (name, point) in points(&mut rng) {
        add(&format!("{name} in the first"), &[(&g1(a), &g2), (&point, &minus_g2)]);
        add(&format!("{name} with an identity"), &[(&point, &zero_g2)]);
    }
    let mut swapped = g2.clone();
    swapped.rotate_left(32);
    let mut unreduced = g2.clone();
    let first = U256::from_be_slice(&g2[..32]) + number(PRIME);
    unreduced[..32].copy_from_slice(&first.to_be_bytes::<32>());
    for (name, q) in [
        ("outside of the subgroup", unhex(OUTSIDE_G2)),
        ("of small order", unhex(SMALL_ORDER_G2)),
        ("off the twist", tampered(&g2, &mut rng)),
        ("rotated", swapped),
        ("unreduced", unreduced),
        ("of ones", vec![0xff; 128]),
    ] {
        add(&format!("second {name}"), &[(&g1(a), &q)]);
        add(&format!("second {name}, first identity"), &[(&identity, &q)]);
    }
    for length in [1, 64, 191, 193] {
        let input = [g1(a), g2.clone(), g1(b), g2.clone()].concat();
        cases.push(Case::precompile(format!("{length} bytes"), PAIRING, &input[..length]));
    }
    assert_eq!(cases.iter().filter(|case| case.outputs_one()).count(), 8 + 7);
    check(&cases);
}

/// Valid cases of each operation, with bounds on their instructions.
pub(crate) fn samples(rng: &mut StdRng) -> Vec<(Case, u64)> {
    let (a, b) = (random_g1(rng), random_g1(rng));
    let add = Case::precompile("BN254 addition", ADD, &[a.as_slice(), &b].concat());
    let scalar = bytes(rng, 32);
    let multiply = Case::precompile("BN254 multiplication", MUL, &[a.as_slice(), &scalar].concat());
    let pairs = |last: &str| [a.as_slice(), &unhex(G2), &a, &unhex(last)].concat();
    let pairing = Case::precompile("BN254 pairing of 2", PAIRING, &pairs(MINUS_G2));
    let unequal = Case::precompile("BN254 pairing of 2, not one", PAIRING, &pairs(G2));
    vec![(add, 10_000), (multiply, 60_000), (pairing, 4_000_000), (unequal, 60_000_000)]
}
