//! ECDSA: hinted keys, recovery and `ecrecover` on secp256k1, and `P256VERIFY` on secp256r1.

use crate::{
    bytes,
    case::{Case, check},
    seeded, tampered,
};
use alloy_primitives::{Signature, U256};
use rand::{Rng, rngs::StdRng};

const ECRECOVER: u16 = 1;
const P256VERIFY: u16 = 0x100;

/// Module with textbook ECDSA on a curve, which can make unusual signatures, too.
macro_rules! textbook {
    ($curve:ident) => {
        pub(super) mod $curve {
            use crate::bytes;
            use rand::rngs::StdRng;
            use $curve::{
                AffinePoint, ProjectivePoint, Scalar, U256,
                elliptic_curve::{
                    PrimeField,
                    ops::Reduce,
                    point::{AffineCoordinates, DecompressPoint},
                    sec1::ToEncodedPoint,
                },
            };

            pub(crate) fn scalar(rng: &mut StdRng) -> Scalar {
                reduce(&bytes(rng, 32).try_into().expect("32 bytes"))
            }

            pub(crate) fn reduce(bytes: &[u8; 32]) -> Scalar {
                <Scalar as Reduce<U256>>::reduce_bytes(&(*bytes).into())
            }

            pub(crate) fn to_bytes(scalar: &Scalar) -> [u8; 32] {
                scalar.to_repr().into()
            }

            /// Coordinates x and y of a point, which must not be the identity.
            pub(crate) fn encode(point: &ProjectivePoint) -> [u8; 64] {
                let encoded = point.to_affine().to_encoded_point(false);
                encoded.as_bytes()[1..].try_into().expect("two coordinates")
            }

            pub(crate) fn base(scalar: &Scalar) -> ProjectivePoint {
                ProjectivePoint::GENERATOR * scalar
            }

            /// Signature (r, s), and whether the y-coordinate of the nonce's point is odd.
            pub(crate) fn sign(
                secret: &Scalar,
                nonce: &Scalar,
                hash: &[u8; 32],
            ) -> ([u8; 32], [u8; 32], bool) {
                let point = base(nonce).to_affine();
                let r = reduce(&point.x().into());
                let s = nonce.invert().expect("a nonce that isn't zero") * (reduce(hash) + r * secret);
                (to_bytes(&r), to_bytes(&s), point.y_is_odd().into())
            }

            /// Public key for which (r, s) with R = `point` is valid: (s·R − z·G) / r.
            pub(crate) fn key_for(
                point: &ProjectivePoint,
                r: &Scalar,
                s: &Scalar,
                hash: &[u8; 32],
            ) -> ProjectivePoint {
                (*point * s - base(&reduce(hash))) * r.invert().expect("r isn't zero")
            }

            /// First point whose x-coordinate is at least the order, and the coordinate less the order.
            pub(crate) fn point_with_large_x() -> (ProjectivePoint, Scalar) {
                let order = to_bytes(&-Scalar::ONE);
                (2u64..)
                    .find_map(|k| {
                        // x is order − 1 + k, so it is k − 1 modulo the order.
                        let mut x = order;
                        let mut carry = k;
                        for byte in x.iter_mut().rev() {
                            carry += u64::from(*byte);
                            *byte = carry as u8;
                            carry >>= 8;
                        }
                        let point =
                            Option::<AffinePoint>::from(AffinePoint::decompress(&x.into(), 0.into()))?;
                        Some((point.into(), Scalar::from(k - 1)))
                    })
                    .expect("every other x has a point")
            }
        }
    };
}
textbook!(k256);
textbook!(p256);

const K256_ORDER: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
const P256_PRIME: &str = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";

fn signature(r: &[u8; 32], s: &[u8; 32], odd: bool) -> Signature {
    Signature::new(U256::from_be_bytes(*r), U256::from_be_bytes(*s), odd)
}

fn array(rng: &mut StdRng) -> [u8; 32] {
    bytes(rng, 32).try_into().expect("32 bytes")
}

/// Sum of a hexadecimal number and `difference`, as 32 big-endian bytes.
fn offset(hex: &str, difference: i64) -> [u8; 32] {
    let number: U256 = U256::from_str_radix(hex, 16).expect("a test's own number");
    let moved = if difference < 0 {
        number - U256::from(difference.unsigned_abs())
    } else {
        number + U256::from(difference)
    };
    moved.to_be_bytes()
}

/// Signatures with a name, a public key and a hash: ordinary and special ones, valid and invalid ones.
fn secp256k1_cases(rng: &mut StdRng) -> Vec<(String, [u8; 64], Signature, [u8; 32])> {
    use self::k256::*;
    let mut cases = Vec::new();
    for i in 0..8 {
        let (secret, nonce, hash) = (scalar(rng), scalar(rng), array(rng));
        let (r, s, odd) = sign(&secret, &nonce, &hash);
        let key = encode(&base(&secret));
        let high = to_bytes(&-reduce(&s));
        cases.push((format!("valid {i}"), key, signature(&r, &s, odd), hash));
        cases.push((format!("other s {i}"), key, signature(&r, &high, !odd), hash));
        cases.push((format!("other parity {i}"), key, signature(&r, &s, !odd), hash));
        // The other key that satisfies (r, s): valid with the other parity only.
        let twin = encode(&key_for(&-base(&nonce), &reduce(&r), &reduce(&s), &hash));
        cases.push((format!("twin key {i}"), twin, signature(&r, &s, odd), hash));
        cases.push((format!("twin key, other parity {i}"), twin, signature(&r, &s, !odd), hash));
        let mut other = hash;
        other[i] ^= 1;
        cases.push((format!("other hash {i}"), key, signature(&r, &s, odd), other));
        let tampered_key = tampered(&key, rng).try_into().expect("64 bytes");
        cases.push((format!("tampered key {i}"), tampered_key, signature(&r, &s, odd), hash));
        let changed: [u8; 64] = tampered(&[r, s].concat(), rng).try_into().expect("64 bytes");
        let changed =
            signature(changed[..32].try_into().expect("r"), changed[32..].try_into().expect("s"), odd);
        cases.push((format!("tampered signature {i}"), key, changed, hash));
        let negative = encode(&-base(&secret));
        cases.push((format!("negative key {i}"), negative, signature(&r, &s, odd), hash));
    }

    let (secret, nonce, hash) = (scalar(rng), scalar(rng), array(rng));
    let (r, s, odd) = sign(&secret, &nonce, &hash);
    let key = encode(&base(&secret));
    for (name, value) in [
        ("zero", [0; 32]),
        ("one", offset("1", 0)),
        ("the order", offset(K256_ORDER, 0)),
        ("the order + 1", offset(K256_ORDER, 1)),
        ("the order − 1", offset(K256_ORDER, -1)),
        ("2²⁵⁶ − 1", [0xff; 32]),
    ] {
        cases.push((format!("r is {name}"), key, signature(&value, &s, odd), hash));
        cases.push((format!("s is {name}"), key, signature(&r, &value, odd), hash));
    }
    // Keys for which the sum of two points meets equal and opposite points.
    for (name, secret) in [("G", scalar_of(1)), ("−G", -scalar_of(1)), ("2G", scalar_of(2))] {
        for (kind, hash) in
            [("zero hash", [0; 32]), ("order as hash", offset(K256_ORDER, 0)), ("full hash", [0xff; 32])]
        {
            let (r, s, odd) = sign(&secret, &nonce, &hash);
            cases.push((format!("key {name}, {kind}"), encode(&base(&secret)), signature(&r, &s, odd), hash));
        }
    }
    // z = r·d gives u₁·G = u₂·Q, a doubling. z = −r·d gives the identity. A signature would have s = 0, so this case
    // has s = 1.
    let double = to_bytes(&(reduce(&r) * secret));
    let (r2, s2, odd2) = sign(&secret, &nonce, &double);
    cases.push(("equal summands".into(), key, signature(&r2, &s2, odd2), double));
    let opposite = to_bytes(&-(reduce(&r) * secret));
    cases.push(("opposite summands".into(), key, signature(&r, &offset("1", 0), odd), opposite));
    // s·R = z·G, so the key would be the identity.
    let hash_of_identity = to_bytes(&(reduce(&s) * nonce));
    cases.push(("identity key".into(), key, signature(&r, &s, odd), hash_of_identity));
    // An r that is not the x-coordinate of a point, and invalid keys.
    let no_point = (1..)
        .map(|r| offset(&format!("{r:x}"), 0))
        .find(|r| signature(r, &s, false).recover_from_prehash(&hash.into()).is_err())
        .expect("every other x has no point");
    cases.push(("r without a point".into(), key, signature(&no_point, &s, false), hash));
    cases.push(("zero key".into(), [0; 64], signature(&r, &s, odd), hash));
    cases.push(("key of ones".into(), [0xff; 64], signature(&r, &s, odd), hash));
    // Signing reduced the x-coordinate of R. Plain verification accepts this, but recovery by the parity alone can't.
    let (large, r) = point_with_large_x();
    let key = encode(&key_for(&large, &r, &reduce(&s), &hash));
    for odd in [false, true] {
        cases.push((format!("reduced x, odd {odd}"), key, signature(&to_bytes(&r), &s, odd), hash));
    }
    cases
}

fn scalar_of(value: u64) -> ::k256::Scalar {
    ::k256::Scalar::from(value)
}

#[test]
fn hinted_keys() {
    let cases: Vec<_> = secp256k1_cases(&mut seeded(10))
        .iter()
        .map(|(name, key, signature, hash)| Case::verify(name, key, signature, hash))
        .collect();
    assert!(cases.iter().filter(|case| case.accepts()).count() > 20);
    for case in &cases {
        let twin = case.name.starts_with("twin key") && !case.name.contains("parity");
        assert!(!(twin || case.name.starts_with("reduced x")) || !case.accepts(), "{}", case.name);
    }
    check(&cases);
}

#[test]
fn recovery() {
    let mut rng = seeded(11);
    let mut cases = Vec::new();
    for (name, _, signature, hash) in secp256k1_cases(&mut rng) {
        cases.push(Case::recover(format!("alloy: {name}"), &signature, &hash));
        let mut input = hash.to_vec();
        input.extend([0; 31]);
        input.push(27 + u8::from(signature.v()));
        input.extend(signature.r().to_be_bytes::<32>());
        input.extend(signature.s().to_be_bytes::<32>());
        cases.push(Case::precompile(format!("ecrecover: {name}"), ECRECOVER, &input));
        if name.starts_with("valid") {
            for v in [0, 1, 26, 29, 255] {
                input[63] = v;
                cases.push(Case::precompile(format!("ecrecover, v = {v}: {name}"), ECRECOVER, &input));
            }
            input[63] = 27;
            input[rng.random_range(32..63)] = 1;
            cases.push(Case::precompile(format!("ecrecover, large v: {name}"), ECRECOVER, &input));
        }
    }
    for length in [0, 32, 64, 127, 129, 200] {
        cases.push(Case::precompile(format!("{length} bytes"), ECRECOVER, &bytes(&mut rng, length)));
    }
    check(&cases);
}

#[test]
fn p256() {
    use self::p256::*;
    let mut rng = seeded(12);
    let mut cases = Vec::new();
    let mut add = |name: &str, hash: &[u8; 32], r: &[u8; 32], s: &[u8; 32], key: &[u8; 64]| {
        let input = [&hash[..], r, s, key].concat();
        cases.push(Case::precompile(name, P256VERIFY, &input));
    };
    for i in 0..8 {
        let (secret, nonce, hash) = (scalar(&mut rng), scalar(&mut rng), array(&mut rng));
        let (r, s, _) = sign(&secret, &nonce, &hash);
        let key = encode(&base(&secret));
        add("valid", &hash, &r, &s, &key);
        add("other s", &hash, &r, &to_bytes(&-reduce(&s)), &key);
        add("other hash", &array(&mut rng), &r, &s, &key);
        add("tampered key", &hash, &r, &s, &tampered(&key, &mut rng).try_into().expect("64 bytes"));
        let twin = encode(&key_for(&-base(&nonce), &reduce(&r), &reduce(&s), &hash));
        add("twin key", &hash, &r, &s, &twin);
        let mut far = key;
        // For most keys neither x + p nor y + p fits into 32 bytes. The values below have unreduced coordinates.
        far[i] = 0xff;
        add("foreign key", &hash, &r, &s, &far);
    }
    let (secret, nonce, hash) = (scalar(&mut rng), scalar(&mut rng), array(&mut rng));
    let (r, s, _) = sign(&secret, &nonce, &hash);
    let key = encode(&base(&secret));
    for (name, value) in [
        ("zero", [0; 32]),
        ("one", offset("1", 0)),
        ("the order", offset(P256_ORDER, 0)),
        ("the order + 1", offset(P256_ORDER, 1)),
        ("the order − 1", offset(P256_ORDER, -1)),
        ("the prime", offset(P256_PRIME, 0)),
        ("2²⁵⁶ − 1", [0xff; 32]),
    ] {
        add(&format!("r is {name}"), &hash, &value, &s, &key);
        add(&format!("s is {name}"), &hash, &r, &value, &key);
        let mut changed = key;
        changed[..32].copy_from_slice(&value);
        add(&format!("x is {name}"), &hash, &r, &s, &changed);
        changed = key;
        changed[32..].copy_from_slice(&value);
        add(&format!("y is {name}"), &hash, &r, &s, &changed);
    }
    add("zero key", &hash, &r, &s, &[0; 64]);
    for (name, secret) in [
        ("G", ::p256::Scalar::from(1u64)),
        ("−G", -::p256::Scalar::from(1u64)),
        ("2G", ::p256::Scalar::from(2u64)),
    ] {
        for hash in [[0; 32], offset(P256_ORDER, 0), [0xff; 32], hash] {
            let (r, s, _) = sign(&secret, &nonce, &hash);
            add(&format!("key {name}"), &hash, &r, &s, &encode(&base(&secret)));
        }
    }
    let double = to_bytes(&(reduce(&r) * secret));
    let (r2, s2, _) = sign(&secret, &nonce, &double);
    add("equal summands", &double, &r2, &s2, &key);
    let opposite = to_bytes(&-(reduce(&r) * secret));
    add("opposite summands", &opposite, &r, &offset("1", 0), &key);
    // The x-coordinate of R is at least the order. The signature is valid only because x is compared modulo the order.
    let (large, r) = point_with_large_x();
    let large_key = encode(&key_for(&large, &r, &reduce(&s), &hash));
    add("reduced x", &hash, &to_bytes(&r), &s, &large_key);
    for length in [0, 159, 161, 320] {
        cases.push(Case::precompile(format!("{length} bytes"), P256VERIFY, &bytes(&mut rng, length)));
    }
    // The valid cases are at least the valid signatures, their other s, their twin keys, and the reduced x.
    assert!(cases.iter().filter(|case| case.outputs_one()).count() >= 25);
    assert!(cases.iter().any(|case| case.name == "reduced x" && case.outputs_one()));
    check(&cases);
}

/// Valid case of each operation, with a bound on its instructions.
pub(crate) fn samples(rng: &mut StdRng) -> Vec<(Case, u64)> {
    let (secret, nonce, hash) = (k256::scalar(rng), k256::scalar(rng), array(rng));
    let (r, s, odd) = k256::sign(&secret, &nonce, &hash);
    let key = k256::encode(&k256::base(&secret));
    let verify = Case::verify("secp256k1, hinted key", &key, &signature(&r, &s, odd), &hash);
    let input = [&hash[..], &[0; 31], &[27 + u8::from(odd)], &r, &s].concat();
    let recover = Case::precompile("ecrecover", ECRECOVER, &input);

    let (secret, nonce) = (p256::scalar(rng), p256::scalar(rng));
    let (r, s, _) = p256::sign(&secret, &nonce, &hash);
    let input = [&hash[..], &r, &s, &p256::encode(&p256::base(&secret))].concat();
    let p256 = Case::precompile("P256VERIFY", P256VERIFY, &input);
    vec![(verify, 60_000), (recover, 60_000), (p256, 60_000)]
}
