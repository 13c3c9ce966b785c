//! Modular exponentiation.

use crate::{
    bytes,
    case::{Case, check},
    seeded, unhex,
};
use alloy_primitives::U256;
use rand::rngs::StdRng;
use revm::precompile::PrecompileSpecId;

const MODEXP: u16 = 5;

/// Moduli of the VM's instructions: the base field and the scalar field of BN254, secp256k1, P-256 and BLS12-381.
const ACCELERATED: [&str; 8] = [
    "30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47",
    "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001",
    "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f",
    "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
    "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab",
    "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001",
];

fn input(base: &[u8], exponent: &[u8], modulus: &[u8]) -> Vec<u8> {
    let lengths = [base, exponent, modulus].map(|part| U256::from(part.len()).to_be_bytes::<32>());
    [lengths.concat().as_slice(), base, exponent, modulus].concat()
}

#[test]
fn accelerated_moduli() {
    let mut rng = seeded(50);
    let mut cases = Vec::new();
    for hex in ACCELERATED {
        let modulus = unhex(hex);
        let mut less_one = modulus.clone();
        *less_one.last_mut().expect("a byte") -= 1;
        let mut less_two = modulus.clone();
        *less_two.last_mut().expect("a byte") = less_two.last().expect("a byte").wrapping_sub(2);
        let bases: [Vec<u8>; 11] = [
            vec![],
            vec![0],
            vec![1],
            vec![2],
            bytes(&mut rng, 31),
            bytes(&mut rng, 32),
            bytes(&mut rng, 48),
            bytes(&mut rng, 100),
            vec![0xff; 64],
            modulus.clone(),
            less_one.clone(),
        ];
        let exponents: [Vec<u8>; 8] = [
            vec![],
            vec![0, 0],
            vec![1],
            vec![0, 0, 3],
            vec![0x80],
            less_one.clone(),
            less_two,
            bytes(&mut rng, 40),
        ];
        for base in &bases {
            for exponent in &exponents {
                let name = format!("{base:?} ^ {exponent:?} mod {hex}");
                cases.push(Case::precompile(name, MODEXP, &input(base, exponent, &modulus)));
            }
        }
        let wide = [vec![0; 17], modulus.clone()].concat();
        cases.push(Case::precompile("wide modulus", MODEXP, &input(&bases[5], &exponents[7], &wide)));
        // The VM has no instructions for the modulus less one.
        cases.push(Case::precompile("modulus − 1", MODEXP, &input(&bases[5], &exponents[7], &less_one)));
    }
    check(&cases);
}

#[test]
fn other_moduli() {
    let mut rng = seeded(51);
    let mut cases = Vec::new();
    for length in [0, 1, 2, 31, 32, 33, 48, 64, 128, 256, 1024] {
        let exponents = if length > 64 {
            vec![vec![3], vec![1, 0, 1]]
        } else {
            vec![vec![3], bytes(&mut rng, 32), vec![]]
        };
        for exponent in exponents {
            for kind in ["odd", "even", "power of two", "one", "zero"] {
                let mut modulus = bytes(&mut rng, length);
                match (kind, modulus.last_mut()) {
                    ("odd", Some(last)) => *last |= 1,
                    ("even", Some(last)) => *last &= 0xfe,
                    ("power of two", Some(_)) => {
                        modulus.fill(0);
                        modulus[length / 2] = 4;
                    }
                    ("one", Some(_)) => {
                        modulus.fill(0);
                        modulus[length - 1] = 1;
                    }
                    _ => modulus.fill(0),
                }
                let base = bytes(&mut rng, length);
                let name = format!("{length} bytes, {kind} modulus, exponent of {} bytes", exponent.len());
                cases.push(Case::precompile(&name, MODEXP, &input(&base, &exponent, &modulus)));
                cases.push(Case::precompile(name + ", no base", MODEXP, &input(&[], &exponent, &modulus)));
            }
        }
    }
    // More than 1024 bytes are an error since Osaka (EIP-7823), and valid before.
    let long = input(&[2], &[5], &[0xff; 1025]);
    cases.push(Case::precompile("too long", MODEXP, &long));
    cases.push(Case::precompile_of(PrecompileSpecId::PRAGUE, "long, Prague", MODEXP, &long));
    // Headers whose lengths exceed the input, and inputs that end within the header.
    let whole = input(&[3], &[5], &[7; 32]);
    for length in [0, 31, 32, 64, 95, 96, 97, 98, 110] {
        cases.push(Case::precompile(format!("cut to {length}"), MODEXP, &whole[..length]));
    }
    cases.push(Case::precompile("huge base", MODEXP, &[0xff; 96]));
    check(&cases);
}

/// Cases with bounds on their instructions: one with an accelerated modulus, and two in software.
pub(crate) fn samples(rng: &mut StdRng) -> Vec<(Case, u64)> {
    let (base, exponent) = (bytes(rng, 32), bytes(rng, 32));
    let mut other = bytes(rng, 32);
    other[31] |= 1;
    let mut rsa = bytes(rng, 256);
    rsa[255] |= 1;
    let case = |name, base: &[u8], exponent: &[u8], modulus: &[u8]| {
        Case::precompile(name, MODEXP, &input(base, exponent, modulus))
    };
    vec![
        (case("modexp, 256 bits, accelerated", &base, &exponent, &unhex(ACCELERATED[1])), 30_000),
        (case("modexp, 256 bits, any modulus", &base, &exponent, &other), 2_000_000),
        (case("modexp, 2048 bits, exponent 65537", &rsa[..200], &[1, 0, 1], &rsa), 10_000_000),
    ]
}
