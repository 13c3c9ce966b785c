//! Precompiles, with the inputs that cost most for their price.
//!
//! Points of the curves are made by the native precompiles. A call passes the gas that the precompile takes and no more, for
//! one that fails takes all that it gets.

use super::{
    Case, Group, Subject,
    assembler::Code,
    opcodes::dense,
    scene::{Scene, signature},
};
use alloy_primitives::{Address, B256, U256, hex, keccak256};
use revm::{
    bytecode::opcode as op,
    precompile::{PrecompileSpecId, PrecompileStatus, Precompiles, u64_to_address},
};

const ECRECOVER: Address = u64_to_address(1);
const SHA256: Address = u64_to_address(2);
const RIPEMD160: Address = u64_to_address(3);
const IDENTITY: Address = u64_to_address(4);
const MODEXP: Address = u64_to_address(5);
const BN254_ADD: Address = u64_to_address(6);
const BN254_MUL: Address = u64_to_address(7);
const BN254_PAIRING: Address = u64_to_address(8);
const BLAKE2F: Address = u64_to_address(9);
const POINT_EVALUATION: Address = u64_to_address(0x0a);
const BLS12_G1ADD: Address = u64_to_address(0x0b);
const BLS12_G1MSM: Address = u64_to_address(0x0c);
const BLS12_G2ADD: Address = u64_to_address(0x0d);
const BLS12_G2MSM: Address = u64_to_address(0x0e);
const BLS12_PAIRING_CHECK: Address = u64_to_address(0x0f);
const BLS12_MAP_FP_TO_G1: Address = u64_to_address(0x10);
const BLS12_MAP_FP2_TO_G2: Address = u64_to_address(0x11);
const P256VERIFY: Address = u64_to_address(0x100);

/// All precompiles of Osaka and Amsterdam.
pub const PRECOMPILES: [Address; 18] = [
    ECRECOVER,
    SHA256,
    RIPEMD160,
    IDENTITY,
    MODEXP,
    BN254_ADD,
    BN254_MUL,
    BN254_PAIRING,
    BLAKE2F,
    POINT_EVALUATION,
    BLS12_G1ADD,
    BLS12_G1MSM,
    BLS12_G2ADD,
    BLS12_G2MSM,
    BLS12_PAIRING_CHECK,
    BLS12_MAP_FP_TO_G1,
    BLS12_MAP_FP2_TO_G2,
    P256VERIFY,
];

/// Order of BN254's groups.
const BN254_ORDER: [u8; 32] = hex!("30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001");
/// Prime of BN254's base field.
const BN254_PRIME: [u8; 32] = hex!("30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47");
/// Generator of BN254's G₂ (EIP-197), imaginary parts first.
const BN254_G2: [u8; 128] = hex!(
    "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2"
    "1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed"
    "090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b"
    "12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa"
);
/// Order of BLS12-381's groups.
const BLS12_ORDER: [u8; 32] = hex!("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001");

/// All cases.
pub fn cases() -> Vec<Case> {
    let mut cases = hashes();
    cases.extend(signatures());
    cases.extend(modexp());
    cases.extend(blake2f());
    cases.extend(bn254());
    cases.extend(bls12());
    cases.extend(point_evaluation());
    cases
}

/// Output of a precompile, and the gas that it takes.
///
/// # Panics
/// If the precompile refuses the input.
fn native(address: Address, input: &[u8]) -> (Vec<u8>, u64) {
    let precompile = Precompiles::new(PrecompileSpecId::OSAKA).get(&address).expect("it is a precompile");
    let output = precompile.execute(input, u64::MAX, 0).expect("no precompile fails fatally");
    assert!(matches!(output.status, PrecompileStatus::Success), "{address} refuses its input");
    (output.bytes.to_vec(), output.gas_used)
}

/// Case of an input that the precompile accepts.
fn accepted(name: impl Into<String>, address: Address, input: Vec<u8>) -> Case {
    let (_, gas) = native(address, &input);
    calling(name, address, true, input, gas)
}

/// Case of an input that the precompile refuses, after it was paid this gas.
fn refused(name: impl Into<String>, address: Address, gas: u64, input: Vec<u8>) -> Case {
    calling(name, address, false, input, gas)
}

/// Case of a contract that calls a precompile again and again. The output is not copied.
fn calling(name: impl Into<String>, address: Address, succeeds: bool, input: Vec<u8>, gas: u64) -> Case {
    let subject = Subject::Precompile { address, succeeds };
    // A call has 63 of 64 parts of the gas that is left.
    let round = gas + gas / 63 + 125;
    let case = Case::new(Group::Precompile, name, subject, move |fork, _| {
        let body = Code::default()
            .ops(&[op::PUSH0, op::PUSH0])
            .push(input.len() as u64)
            .op(op::PUSH0)
            .word(address.into_word().into())
            .push(gas)
            .ops(&[op::STATICCALL, op::POP]);
        Scene::call(fork, Code::with_data(&input).repeat(round, &body))
    });
    case.with_divisor(2).with_round(round)
}

/// Pseudo-random bytes.
fn noise(length: usize) -> Vec<u8> {
    (0..length.div_ceil(32) as u64).flat_map(|index| dense(index).to_be_bytes::<32>()).take(length).collect()
}

fn hashes() -> Vec<Case> {
    let mut cases = Vec::new();
    // Around the padding, which takes a block of its own from 56 bytes on.
    for length in [0, 32, 55, 56, 64, 120, 1024, 8192] {
        let input = noise(length);
        cases.push(accepted(format!("SHA2-256 of {length} bytes"), SHA256, input.clone()));
        let name = format!("RIPEMD-160 of {length} bytes");
        cases.push(accepted(name, RIPEMD160, input.clone()).in_software());
        cases.push(accepted(format!("Identity of {length} bytes"), IDENTITY, input));
    }
    cases
}

fn signatures() -> Vec<Case> {
    let hash = keccak256("worst case");
    let signature = signature(0, &hash);
    let recovery = |r: U256, s: U256| {
        let v = U256::from(27 + u8::from(signature.v()));
        [hash, v.into(), r.into(), s.into()].concat()
    };
    let order = U256::from_be_bytes(hex!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"));
    // Signature of RIP-7212's test vectors.
    let p256 = hex!(
        "4cee90eb86eaa050036147a12d49004b6b9c72bd725d39d4785011fe190f0b4d"
        "a73bd4903f0ce3b639bbbf6e8e80d16931ff4bcf5993d58468e8fb19086e8cac"
        "36dbcd03009df8c59286b162af3bd7fcc0450c9aa81be5d10d312af6c66b1d60"
        "4aebd3099c618202fcfe16ae7770b0c49ab5eadf74b754204a3bb6060e44eff3"
        "7618b065f9832de4ca6ca971a7a1adc826d0f7c00181a5fb2ddf79ae00b4e10e"
    );
    let mut other = p256;
    other[0] ^= 1;
    // The curve has no point with one half of the numbers as x, 5 among them (SEC 1, 4.1.6).
    vec![
        accepted("ecRecover", ECRECOVER, recovery(signature.r(), signature.s())),
        accepted("ecRecover, s of the other half", ECRECOVER, recovery(signature.r(), order - signature.s())),
        accepted("ecRecover, of no point", ECRECOVER, recovery(U256::from(5), signature.s())),
        accepted("ecRecover, r above the order", ECRECOVER, recovery(U256::MAX, signature.s())),
        accepted("P256VERIFY", P256VERIFY, p256.to_vec()),
        accepted("P256VERIFY of a wrong signature", P256VERIFY, other.to_vec()),
        accepted("P256VERIFY of no signature", P256VERIFY, vec![0xff; 160]),
    ]
}

/// Input of MODEXP (EIP-198).
fn power(base: &[u8], exponent: &[u8], modulus: &[u8]) -> Vec<u8> {
    let lengths = [base, exponent, modulus].map(|part| U256::from(part.len()).to_be_bytes::<32>());
    [lengths.concat().as_slice(), base, exponent, modulus].concat()
}

fn modexp() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name: String, base: &[u8], exponent: &[u8], modulus: &[u8]| {
        cases.push(accepted(format!("MODEXP, {name}"), MODEXP, power(base, exponent, modulus)).in_software());
    };
    let odd = |length: usize| {
        let mut number = noise(length);
        number[length - 1] |= 1;
        number
    };
    let even = |length: usize| {
        let mut number = noise(length);
        number[length - 1] &= 0xfe;
        number
    };
    let two_power = |length: usize| {
        let mut number = vec![0; length];
        number[0] = 0x80;
        number
    };
    // EIP-7883: 16 gas a bit up to 32 bytes, then twice the square of the words of 8 bytes; 500 gas at least.
    for length in [1, 8, 32, 33, 40, 64, 128, 256] {
        let base = vec![0xff; length];
        add(format!("{length} bytes, odd, 32 bytes of ones"), &base, &[0xff; 32], &odd(length));
        add(format!("{length} bytes, even, 32 bytes of ones"), &base, &[0xff; 32], &even(length));
    }
    for length in [32, 64, 256] {
        add(
            format!("{length} bytes, a power of two, 32 bytes of ones"),
            &vec![0xff; length],
            &[0xff; 32],
            &two_power(length),
        );
    }
    // One bit less than where the price exceeds its minimum, or as many as it pays for.
    for (length, exponent) in [
        (32, &[0xff; 4][..]),
        (32, &[3][..]),
        (32, &[][..]),
        (64, &[0x0f][..]),
        (64, &[3][..]),
        (40, &[0xff, 0xff][..]),
    ] {
        let bits = 8 * exponent.len();
        let name = format!("{length} bytes, odd, at the least price, {bits} bits {exponent:?}");
        add(name, &vec![0xff; length], exponent, &odd(length));
    }
    // The longest numbers, by few steps.
    for (exponent, name) in
        [(&[][..], "0"), (&[1][..], "1"), (&[2][..], "2"), (&[3][..], "3"), (&[0x1f][..], "31")]
    {
        add(format!("1024 bytes, odd, exponent {name}"), &[0xff; 1024], exponent, &odd(1024));
        add(format!("1024 bytes, even, exponent {name}"), &[0xff; 1024], exponent, &even(1024));
    }
    add("base of 1024 bytes, modulus of 32".into(), &[0xff; 1024], &[3], &odd(32));
    add("base of 1024 bytes, modulus of 1".into(), &[0xff; 1024], &[3], &[0xfd]);
    add("base of 1 byte, modulus of 1024".into(), &[3], &[0xff], &odd(1024));
    add("base of 1024 bytes, no modulus".into(), &[0xff; 1024], &[3], &[0]);
    add("base of 1 byte, modulus 2^8191".into(), &[3], &[0x1f], &two_power(1024));
    // A long exponent costs 16 gas a bit, more than its head.
    add("32 bytes, odd, exponent of 64 bytes".into(), &[0xff; 32], &[0xff; 64], &odd(32));
    add("32 bytes, odd, exponent of 1024 bytes".into(), &[0xff; 32], &[0xff; 1024], &odd(32));
    add("32 bytes, odd, exponent of 1024 zeros".into(), &[0xff; 32], &[0; 1024], &odd(32));
    // The modulus of a curve, which the VM multiplies by.
    let mut accelerated = |name: &str, exponent: &[u8]| {
        let input = power(&[0xff; 32], exponent, &BN254_PRIME);
        cases.push(accepted(format!("MODEXP, BN254's prime, {name}"), MODEXP, input));
    };
    accelerated("32 bytes of ones", &[0xff; 32]);
    accelerated("32 bits at the least price", &[0xff; 4]);
    cases
}

fn blake2f() -> Vec<Case> {
    let input = |rounds: u32, last: u8| [&rounds.to_be_bytes()[..], &noise(208), &[last]].concat();
    let mut cases = Vec::new();
    for rounds in [0, 1, 12, 1000, 100_000] {
        let case = accepted(format!("BLAKE2F of {rounds} rounds"), BLAKE2F, input(rounds, 1));
        cases.push(case.in_software().with_divisor(4));
    }
    cases.push(refused("BLAKE2F, refused", BLAKE2F, 0, input(12, 2)).in_software());
    cases
}

/// Multiple of BN254's generator.
fn bn254_g1(scalar: U256) -> Vec<u8> {
    let generator = [U256::ONE.to_be_bytes::<32>(), U256::from(2).to_be_bytes()].concat();
    native(BN254_MUL, &[&generator[..], &scalar.to_be_bytes::<32>()].concat()).0
}

fn bn254() -> Vec<Case> {
    let order = U256::from_be_bytes(BN254_ORDER);
    let [one, other] = [1, 2].map(|seed| dense(seed) % order);
    let [p, q] = [one, other].map(bn254_g1);
    let zero = vec![0; 64];
    let most = (order - U256::from(2)).to_be_bytes::<32>();
    let pair = |scalar: U256| [bn254_g1(scalar), BN254_G2.to_vec()].concat();
    let mut cases = vec![
        accepted("BN254 ADD", BN254_ADD, [&p[..], &q].concat()),
        accepted("BN254 ADD, a doubling", BN254_ADD, [&p[..], &p].concat()),
        accepted("BN254 ADD, of zeros", BN254_ADD, [&zero[..], &zero].concat()),
        refused("BN254 ADD, of no points", BN254_ADD, 150, vec![1; 128]),
        accepted("BN254 MUL", BN254_MUL, [&p[..], &most].concat()),
        accepted("BN254 MUL, scalar above the order", BN254_MUL, [&p[..], &[0xff; 32]].concat()),
        accepted("BN254 pairing of no pairs", BN254_PAIRING, Vec::new()),
        accepted("BN254 pairing of a zero", BN254_PAIRING, [&zero[..], &BN254_G2].concat()),
    ];
    for count in [1, 2, 4, 16] {
        // Not one, and one: the scalars' sum is zero.
        let scalars = (1..=count).map(|seed| dense(seed) % order).collect::<Vec<_>>();
        let input = scalars.iter().flat_map(|scalar| pair(*scalar)).collect();
        cases.push(accepted(format!("BN254 pairing of {count}, not 1"), BN254_PAIRING, input));
        if count > 1 {
            let mut scalars = scalars;
            scalars.pop();
            let sum = scalars.iter().fold(U256::ZERO, |sum, scalar| sum.add_mod(*scalar, order));
            scalars.push(order - sum);
            let input = scalars.iter().flat_map(|scalar| pair(*scalar)).collect();
            cases.push(accepted(format!("BN254 pairing of {count}, 1"), BN254_PAIRING, input));
        }
    }
    cases
}

/// Element of BLS12-381's base field, in 64 bytes.
fn bls12_element(seed: u64) -> Vec<u8> {
    let mut element = vec![0; 16];
    // Less than the prime, whose first byte is 0x1a.
    element.push(0x19);
    element.extend_from_slice(&noise(64 + seed as usize)[17 + seed as usize..]);
    assert_eq!(element.len(), 64);
    element
}

fn bls12_g1(seed: u64) -> Vec<u8> {
    native(BLS12_MAP_FP_TO_G1, &bls12_element(seed)).0
}

fn bls12_g2(seed: u64) -> Vec<u8> {
    native(BLS12_MAP_FP2_TO_G2, &[bls12_element(seed), bls12_element(seed + 1)].concat()).0
}

fn bls12() -> Vec<Case> {
    let order = U256::from_be_bytes(BLS12_ORDER);
    let [p, q] = [1, 2].map(bls12_g1);
    let [v, w] = [1, 3].map(bls12_g2);
    let minus = |address: Address, point: &[u8]| {
        let scalar = (order - U256::ONE).to_be_bytes::<32>();
        native(address, &[point, &scalar].concat()).0
    };
    let mut cases = vec![
        accepted("BLS12 G1ADD", BLS12_G1ADD, [&p[..], &q].concat()),
        accepted("BLS12 G1ADD, a doubling", BLS12_G1ADD, [&p[..], &p].concat()),
        accepted("BLS12 G1ADD, of opposites", BLS12_G1ADD, [&p[..], &minus(BLS12_G1MSM, &p)].concat()),
        refused(
            "BLS12 G1ADD, of no points",
            BLS12_G1ADD,
            375,
            [bls12_element(1), bls12_element(2)].concat().repeat(2),
        ),
        accepted("BLS12 G2ADD", BLS12_G2ADD, [&v[..], &w].concat()),
        accepted("BLS12 G2ADD, a doubling", BLS12_G2ADD, [&v[..], &v].concat()),
        accepted("BLS12 MAP_FP_TO_G1", BLS12_MAP_FP_TO_G1, bls12_element(5)),
        accepted("BLS12 MAP_FP2_TO_G2", BLS12_MAP_FP2_TO_G2, [bls12_element(5), bls12_element(6)].concat()),
    ];
    for count in [1, 2, 8, 32] {
        let msm = |point: &dyn Fn(u64) -> Vec<u8>| {
            (0..count)
                .flat_map(|index| [point(index % 16), dense(index).to_be_bytes::<32>().to_vec()].concat())
                .collect::<Vec<_>>()
        };
        cases.push(accepted(format!("BLS12 G1MSM of {count}"), BLS12_G1MSM, msm(&bls12_g1)));
        cases.push(accepted(format!("BLS12 G2MSM of {count}"), BLS12_G2MSM, msm(&bls12_g2)));
    }
    for count in [1, 2, 8] {
        let pairs = (0..count).flat_map(|index| [bls12_g1(index), bls12_g2(index)].concat());
        let name = format!("BLS12 pairing of {count}, not 1");
        cases.push(accepted(name, BLS12_PAIRING_CHECK, pairs.collect()));
    }
    let one = [&p[..], &v, &minus(BLS12_G1MSM, &p), &v].concat();
    cases.push(accepted("BLS12 pairing of 2, 1", BLS12_PAIRING_CHECK, one));
    cases
}

/// Input of the point evaluation (EIP-4844).
fn evaluation(commitment: &[u8], z: &[u8], y: &[u8], proof: &[u8]) -> Vec<u8> {
    let mut hash = B256::from_slice(&native(SHA256, commitment).0);
    hash[0] = 1;
    [hash.as_slice(), z, y, commitment, proof].concat()
}

fn point_evaluation() -> Vec<Case> {
    // A proof of c-kzg-4844's tests (verify_kzg_proof_case_correct_proof_4_4).
    let commitment = hex!(
        "8f59a8d2a1a625a17f3fea0fe5eb8c896db3764f3185481bc22f91b4aaffcca25f26936857bc3a7c2539ea8ec3a952b7"
    );
    let z = hex!("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000000");
    let y = hex!("1522a4a7f34e1ea350ae07c29c96c7e79655aa926122e95fe69fcbd932ca49e9");
    let proof = hex!(
        "a62ad71d14c5719385c0686f1871430475bf3a00f0aa3f7b8dd99a9abc2160744faf0070725e00b60ad9a026a15b1a8c"
    );
    let mut other = y;
    other[31] ^= 1;
    const GAS: u64 = 50_000;
    vec![
        accepted("Point evaluation", POINT_EVALUATION, evaluation(&commitment, &z, &y, &proof)),
        refused(
            "Point evaluation, a wrong value",
            POINT_EVALUATION,
            GAS,
            evaluation(&commitment, &z, &other, &proof),
        ),
        refused(
            "Point evaluation, another point as proof",
            POINT_EVALUATION,
            GAS,
            evaluation(&commitment, &z, &y, &commitment),
        ),
        refused("Point evaluation, no point", POINT_EVALUATION, GAS, evaluation(&[0xbf; 48], &z, &y, &proof)),
    ]
}
