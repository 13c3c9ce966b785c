//! Tests of the verifier of EVM proofs, with real proofs of a small circuit and alterations of them. The generated
//! contracts judge the same proofs in an EVM.
#![cfg(all(feature = "evm", feature = "contracts"))]

mod solidity;
mod wrapper;

use std::{collections::HashMap, mem::discriminant, sync::LazyLock};

use alloy_primitives::{B256, U256, keccak256};
use halo2_proofs::{SerdeFormat, poly::kzg::commitment::ParamsKZG};
use halo2curves::{
    bn256::{Bn256, Fq, Fr, G1Affine, G2Affine},
    ff::{Field, PrimeField},
    group::{Curve, prime::PrimeCurveAffine},
};
use wrapper::{APP_EXE, APP_VM, K, Wrapper, claim, limbs, srs};
use zeno_verifier::{
    CEREMONIES, ChainClaim, EVM_PROOF_BYTES, EvmKeyError, EvmVerifyingKey, INSECURE_SRS, ProofFile,
    ProofKind, SrsOrigin, UnknownSrs, VerifyError,
    contracts::{CodeError, solidity_sources, verifier_creation_code, verifier_name},
    verify_evm,
};

/// Modulus of the scalar field.
static SCALAR: LazyLock<U256> = LazyLock::new(|| Fr::MODULUS.parse().unwrap());
/// Modulus of the base field.
static COORDINATE: LazyLock<U256> = LazyLock::new(|| Fq::MODULUS.parse().unwrap());

/// Verifies a proof under the SRS of these tests, which is from no known ceremony.
fn verify(file: &ProofFile, key: &EvmVerifyingKey) -> Result<ChainClaim, VerifyError> {
    verify_evm(file, key, UnknownSrs::Allow)
}

fn word(proof: &[u8], index: usize) -> U256 {
    U256::from_be_slice(&proof[32 * index..32 * (index + 1)])
}

fn with_word(proof: &[u8], index: usize, value: U256) -> Vec<u8> {
    let mut proof = proof.to_vec();
    proof[32 * index..32 * (index + 1)].copy_from_slice(&value.to_be_bytes::<32>());
    proof
}

/// Indices of the first words of the points after the accumulator.
fn points() -> impl Iterator<Item = usize> {
    (12..32).step_by(2).chain([51, 53])
}

#[test]
fn accepts_a_proof_and_refuses_every_other_claim_and_origin() {
    let wrapper = Wrapper::new(srs());
    let (key, file) = (&wrapper.key, wrapper.valid());
    assert_eq!(file.proof.len(), EVM_PROOF_BYTES);
    assert_eq!(verify(&file, key).unwrap(), claim());
    assert_eq!(verify(&ProofFile::decode(&file.encode().unwrap()).unwrap(), key).unwrap(), claim());

    let alterations: [fn(&mut ChainClaim); 9] = [
        |claim| claim.chain_id += 1,
        |claim| claim.chain_spec.0[31] ^= 1,
        |claim| claim.first_parent_hash.0[0] ^= 1,
        |claim| claim.last_block_hash.0[7] ^= 128,
        |claim| claim.last_block_number += 1,
        |claim| claim.last_state_root = B256::ZERO,
        |claim| claim.last_receipts_root = B256::ZERO,
        |claim| claim.last_timestamp -= 1,
        |claim| claim.block_count = 2,
    ];
    for alter in alterations {
        let mut other = file.clone();
        alter(&mut other.claim);
        assert!(matches!(verify(&other, key), Err(VerifyError::Halo2(_))));
    }
    let other = ProofFile { app_exe_commitment: APP_VM, ..file.clone() };
    assert!(matches!(verify(&other, key), Err(VerifyError::OtherGuest { .. })));
    let other = ProofFile { app_vm_commitment: APP_EXE, ..file.clone() };
    assert!(matches!(verify(&other, key), Err(VerifyError::OtherMachine { .. })));
    let other = ProofFile { kind: ProofKind::Stark, ..file.clone() };
    assert!(matches!(verify(&other, key), Err(VerifyError::WrongKind { .. })));
    let other = ProofFile { proof_system: "openvm 1.4".into(), ..file.clone() };
    assert!(matches!(verify(&other, key), Err(VerifyError::ProofSystem(_))));
    // A proof of another guest or virtual machine, whose file lies about it.
    for commitments in [[APP_VM, APP_VM], [APP_EXE, APP_EXE]] {
        let other = wrapper.prove(&claim(), wrapper.accumulator(), commitments);
        let lying = ProofFile { app_exe_commitment: APP_EXE, app_vm_commitment: APP_VM, ..other };
        assert!(matches!(verify(&lying, key), Err(VerifyError::Halo2(_))));
    }
    // Another SRS.
    let other = Wrapper::new(ParamsKZG::setup(K, rand_chacha::rand_core::OsRng));
    assert!(verify(&file, &other.key).is_err());
}

/// The Halo2 proof binds the accumulator, and the pairing decides on it. Both must hold.
#[test]
fn refuses_an_accumulator_that_the_pairing_refuses() {
    let wrapper = Wrapper::new(srs());
    let [lhs, rhs] = wrapper.accumulator();
    for accumulator in [[rhs, lhs], [lhs, lhs], [-lhs, rhs], [(lhs + lhs).to_affine(), rhs]] {
        let file = wrapper.prove(&claim(), accumulator, [APP_EXE, APP_VM]);
        assert!(matches!(verify(&file, &wrapper.key), Err(VerifyError::Accumulator)));
    }
    // Another multiple of the accumulator, which the pairing accepts, and which this proof doesn't bind.
    let mut file = wrapper.valid();
    let doubled = limbs([lhs, rhs].map(|point| (point + point).to_affine()));
    for (index, limb) in doubled.into_iter().enumerate() {
        file.proof = with_word(&file.proof, index, limb);
    }
    assert!(matches!(verify(&file, &wrapper.key), Err(VerifyError::Halo2(_))));
}

#[test]
fn refuses_every_altered_byte() {
    let wrapper = Wrapper::new(srs());
    let file = wrapper.valid();
    let mut reasons = HashMap::new();
    for at in 0..file.proof.len() {
        let mut altered = file.clone();
        // Never zero, and the same in every run.
        altered.proof[at] ^= keccak256(at.to_be_bytes())[0].max(1);
        let error = verify(&altered, &wrapper.key).unwrap_err();
        *reasons.entry(discriminant(&error)).or_insert(0) += 1;
    }
    assert!(reasons.len() >= 3, "alterations are found in more than one place: {reasons:?}");
}

/// Wrong proofs of the kinds that somebody would try, each with a description.
fn corrupted(file: &ProofFile) -> Vec<(String, Vec<u8>)> {
    let proof = &file.proof;
    let mut cases = vec![
        ("empty".to_owned(), Vec::new()),
        ("zero".to_owned(), vec![0; EVM_PROOF_BYTES]),
        ("ones".to_owned(), vec![0xff; EVM_PROOF_BYTES]),
        ("one byte less".to_owned(), proof[..EVM_PROOF_BYTES - 1].to_vec()),
        ("one word less".to_owned(), proof[..EVM_PROOF_BYTES - 32].to_vec()),
        ("one byte more".to_owned(), [&proof[..], &[0]].concat()),
        ("one word more".to_owned(), [&proof[..], &[0; 32]].concat()),
    ];
    for index in 0..55 {
        let value = word(proof, index);
        let modulus = if index < 12 || (32..51).contains(&index) { *SCALAR } else { *COORDINATE };
        cases.push((format!("word {index} not reduced"), with_word(proof, index, value + modulus)));
        cases.push((format!("word {index} zero"), with_word(proof, index, U256::ZERO)));
        cases.push((format!("word {index} + 1"), with_word(proof, index, value + U256::from(1))));
        cases.push((format!("word {index} largest"), with_word(proof, index, U256::MAX)));
    }
    let generator = G1Affine::generator();
    let [x, y] = [generator.x, generator.y].map(|coordinate| U256::from_le_bytes(coordinate.to_repr()));
    for index in points() {
        let point = |x, y| with_word(&with_word(proof, index, x), index + 1, y);
        cases.push((format!("point {index} at infinity"), point(U256::ZERO, U256::ZERO)));
        cases.push((format!("point {index} the generator"), point(x, y)));
        let negated = *COORDINATE - word(proof, index + 1);
        cases.push((format!("point {index} negated"), point(word(proof, index), negated)));
    }
    for at in [0, 6] {
        let infinity = (at..at + 6).fold(proof.clone(), |proof, index| with_word(&proof, index, U256::ZERO));
        cases.push((format!("accumulator's point {at} at infinity"), infinity));
        // The same coordinate plus the modulus, in limbs that are reduced.
        let value =
            (0..3).rev().fold(U256::ZERO, |sum, limb| (sum << 88) | word(proof, at + limb)) + *COORDINATE;
        let mask = (U256::from(1) << 88) - U256::from(1);
        let larger = (0..3)
            .fold(proof.clone(), |proof, limb| with_word(&proof, at + limb, (value >> (88 * limb)) & mask));
        cases.push((format!("accumulator's coordinate {at} not reduced"), larger));
        // The highest limb overflows the word.
        let overflow = with_word(proof, at + 2, word(proof, at + 2) | (U256::from(1) << 87));
        cases.push((format!("accumulator's coordinate {at} of 264 bits"), overflow));
    }
    cases
}

#[test]
fn refuses_lengths_points_and_words_of_the_wrong_form() {
    let wrapper = Wrapper::new(srs());
    let file = wrapper.valid();
    for (name, proof) in corrupted(&file) {
        let error = verify(&ProofFile { proof, ..file.clone() }, &wrapper.key).unwrap_err();
        let fits = match &name {
            name if name.ends_with("less") || name.ends_with("more") || name == "empty" => {
                matches!(error, VerifyError::ProofLength { .. })
            }
            name if name.starts_with("word")
                && (name.ends_with("not reduced") || name.ends_with("largest")) =>
            {
                matches!(error, VerifyError::NonCanonical { .. })
            }
            name if name.starts_with("accumulator") || name == "zero" => {
                matches!(error, VerifyError::AccumulatorPoint(_))
            }
            _ => true,
        };
        assert!(fits, "{name}: {error}");
    }
}

#[test]
fn the_contracts_agree() {
    let wrapper = Wrapper::new(srs());
    let sources = solidity_sources(&wrapper.key);
    let halo2 = sources.iter().find(|file| file.path == "generated/Halo2Verifier.sol").unwrap();
    assert!(halo2.text == wrapper.halo2_verifier(), "what is rendered is what snark-verifier generates");
    let Some(mut contracts) = solidity::Deployed::new(&sources, "ZenoVerifierUnknownSrs") else {
        solidity::skip("solc is not installed; scripts/build-contracts installs it");
        return;
    };
    let file = wrapper.valid();
    assert_eq!(contracts.verify(&file.claim, &file.proof).unwrap(), file.claim.digest());
    for (name, proof) in corrupted(&file) {
        let altered = ProofFile { proof, ..file.clone() };
        assert!(verify(&altered, &wrapper.key).is_err(), "{name}");
        assert!(contracts.verify(&altered.claim, &altered.proof).is_err(), "{name}");
    }
    let mut other = file.clone();
    other.claim.last_state_root.0[0] ^= 1;
    assert!(contracts.verify(&other.claim, &other.proof).is_err());
    let [lhs, rhs] = wrapper.accumulator();
    let file = wrapper.prove(&claim(), [rhs, lhs], [APP_EXE, APP_VM]);
    assert!(contracts.verify(&file.claim, &file.proof).is_err());
    let second = wrapper.prove(&ChainClaim { block_count: 3, ..claim() }, [lhs, rhs], [APP_EXE, APP_VM]);
    assert!(verify(&second, &wrapper.key).is_ok());
    assert!(contracts.verify(&second.claim, &second.proof).is_ok());
    let error = contracts.verify(&file.claim, &second.proof).unwrap_err();
    assert_eq!(error[..4], solidity::PROOF_REFUSED, "a typed error");

    // The fallback takes exactly the Halo2 proof with its instances. It refuses one that is shorter, or longer in
    // front.
    let mut payload = second.proof[..384].to_vec();
    payload.extend(APP_EXE.iter().chain(&APP_VM.0));
    payload.extend(second.claim.digest().iter().flat_map(|byte| B256::with_last_byte(*byte).0));
    payload.extend(&second.proof[384..]);
    assert_eq!(contracts.call(payload.clone()).unwrap().len(), 0);
    for altered in [&payload[1..], &payload[..payload.len() - 1], &[&[0], &payload[..]].concat(), &[]] {
        assert!(contracts.call(altered.to_vec()).is_err());
    }
}

#[test]
fn keys_are_read_as_they_were_written() {
    let key = Wrapper::new(srs()).key;
    let bytes = key.encode();
    let read = EvmVerifyingKey::decode(&bytes).unwrap();
    assert_eq!(read.encode(), bytes);
    assert_eq!((read.app_exe_commitment(), read.app_vm_commitment()), (APP_EXE, APP_VM));
    assert!(!read.is_insecure() && !read.is_pinned());
    assert_eq!(read.origin(), SrsOrigin::Unknown);
    assert_eq!(read.digest(), keccak256(&bytes[..bytes.len() - 32]));
    assert_eq!(bytes[bytes.len() - 32..], read.digest()[..]);
    let file = Wrapper::new(srs()).valid();
    assert_eq!(verify(&file, &read).unwrap(), claim());
}

/// Makes the checksum right, so that the altered bytes before it are judged on their own.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.len() - 32;
    let checksum = keccak256(&bytes[..end]);
    bytes[end..].copy_from_slice(checksum.as_slice());
    bytes
}

#[test]
fn refuses_bytes_that_are_no_key() {
    let bytes = Wrapper::new(srs()).key.encode();
    let decode = |bytes: &[u8]| EvmVerifyingKey::decode(bytes).unwrap_err();
    assert!(matches!(decode(b""), EvmKeyError::Foreign));
    assert!(matches!(decode(b"ZENOVK\x01\0"), EvmKeyError::Foreign));
    for length in [8, 9, 100, bytes.len() - 1] {
        assert!(matches!(decode(&bytes[..length]), EvmKeyError::Length(_)), "{length}");
    }
    assert!(matches!(decode(&[&bytes[..], &[0]].concat()), EvmKeyError::Length(_)));
    for at in 8..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        assert!(matches!(decode(&altered), EvmKeyError::Checksum { .. }), "{at}");
    }
    let altered = |at: usize, with: &[u8]| {
        let mut altered = bytes.clone();
        altered[at..at + with.len()].copy_from_slice(with);
        decode(&sealed(altered))
    };
    for k in [0, 5, 27, 255] {
        assert!(matches!(altered(8, &[k]), EvmKeyError::Degree(_)), "{k}");
    }
    assert!(matches!(altered(9, &SCALAR.to_be_bytes::<32>()), EvmKeyError::Commitment(_)));
    assert!(matches!(altered(41, &[0xff; 32]), EvmKeyError::Commitment(_)));
    let (secret, points) = (73, 73 + 128);
    assert!(matches!(altered(secret, &[0; 128]), EvmKeyError::Secret));
    assert!(matches!(altered(secret, &[0xff; 32]), EvmKeyError::Secret));
    assert!(matches!(altered(secret, &off_group()), EvmKeyError::Secret));
    for index in 0..7 {
        let at = points + 64 * index;
        assert!(matches!(altered(at, &[0; 64]), EvmKeyError::Point(i) if i == index));
        assert!(matches!(altered(at + 32, &[0; 32]), EvmKeyError::Point(i) if i == index));
        assert!(matches!(altered(at, &COORDINATE.to_be_bytes::<32>()), EvmKeyError::Point(i) if i == index));
    }
}

/// Encodes a point of G2's curve outside the group of prime order.
fn off_group() -> Vec<u8> {
    use halo2curves::{CurveAffine, bn256::Fq2, group::cofactor::CofactorGroup};
    let point = (1u64..)
        .find_map(|x| {
            let x = Fq2 { c0: Fq::from(x), c1: Fq::ONE };
            let y: Option<Fq2> = (x.square() * x + G2Affine::b()).sqrt().into();
            y.map(|y| G2Affine { x, y })
        })
        .unwrap();
    assert!(bool::from(point.is_on_curve()) && !bool::from(point.to_curve().is_torsion_free()));
    [point.x.c1, point.x.c0, point.y.c1, point.y.c0]
        .iter()
        .flat_map(|element| element.to_repr().into_iter().rev().collect::<Vec<u8>>())
        .collect()
}

#[test]
fn refuses_parts_that_do_not_fit() {
    let params = srs();
    let wrapper = Wrapper::new(params.clone());
    // A key of another circuit.
    let small = halo2_base::gates::circuit::builder::BaseCircuitBuilder::<Fr>::from_stage(
        halo2_base::gates::circuit::CircuitBuilderStage::Mock,
    )
    .use_k(K as usize)
    .use_lookup_bits(8)
    .use_instance_columns(1);
    let mut small = small;
    small.main(0).load_witness(Fr::ONE);
    let _ = small.calculate_params(Some(20));
    let vk = halo2_proofs::plonk::keygen_vk_custom(&params, &small, false).unwrap();
    assert!(matches!(
        EvmVerifyingKey::new(&vk, params.s_g2(), APP_EXE, APP_VM),
        Err(EvmKeyError::OtherCircuit | EvmKeyError::Point(_))
    ));
    let vk = wrapper.verifying_key();
    let identity = G2Affine::identity();
    assert!(matches!(EvmVerifyingKey::new(vk, identity, APP_EXE, APP_VM), Err(EvmKeyError::Secret)));
    let large = B256::repeat_byte(0xff);
    assert!(matches!(
        EvmVerifyingKey::new(vk, params.s_g2(), large, APP_VM),
        Err(EvmKeyError::Commitment(commitment)) if commitment == large
    ));
}

/// Everybody can try small secrets. The checks of points and circuits accept a key under such a secret, even 1.
#[test]
fn refuses_secrets_that_are_found_by_trying() {
    let wrapper = Wrapper::new(srs());
    let vk = wrapper.verifying_key();
    let generator = G2Affine::generator();
    for secret in [Fr::ONE, -Fr::ONE, Fr::from(2), Fr::from(200), -Fr::from(256)] {
        let s_g2 = (generator * secret).to_affine();
        assert!(
            matches!(EvmVerifyingKey::new(vk, s_g2, APP_EXE, APP_VM), Err(EvmKeyError::SmallSecret)),
            "{secret:?}"
        );
    }
    EvmVerifyingKey::new(vk, (generator * Fr::from(257)).to_affine(), APP_EXE, APP_VM).unwrap();
}

/// An attacker puts a key into a folder: of another circuit, under a known secret, and with the guest's commitments.
#[test]
fn a_planted_key_is_refused() {
    let wrapper = Wrapper::new(srs());
    let committed = EvmVerifyingKey::insecure_dev().unwrap();
    let [exe, vm] = [committed.app_exe_commitment(), committed.app_vm_commitment()];
    let planted = EvmVerifyingKey::new(wrapper.verifying_key(), srs().s_g2(), exe, vm).unwrap();
    let forged = wrapper.prove(&claim(), wrapper.accumulator(), [exe, vm]);
    let forged = ProofFile { srs: Some("hermez".to_owned()), ..forged };
    // Without a pin, a verifier that allows the key's SRS believes the forged proof.
    assert_eq!(verify(&forged, &planted).unwrap(), claim());
    assert!(matches!(verify_evm(&forged, &planted, UnknownSrs::Refuse), Err(VerifyError::UnknownSrs)));

    let bytes = planted.encode();
    let refused = |accepted| EvmVerifyingKey::decode_pinned(&bytes, accepted).unwrap_err();
    for accepted in [None, Some(committed.digest()), Some(B256::ZERO)] {
        let error = refused(accepted);
        assert!(
            matches!(&error, EvmKeyError::NotPinned { digest, srs: "unknown" } if *digest == planted.digest()),
            "{error}"
        );
        assert!(error.to_string().contains(&planted.digest().to_string()), "{error}");
    }
    // Under a ceremony's secret, which the attacker doesn't know, the key is refused as well.
    let mut ceremony = bytes.clone();
    for (index, word) in CEREMONIES[0].s_g2.iter().enumerate() {
        ceremony[73 + 32 * index..][..32].copy_from_slice(&word.to_be_bytes::<32>());
    }
    let ceremony = sealed(ceremony);
    assert!(matches!(
        EvmVerifyingKey::decode_pinned(&ceremony, None),
        Err(EvmKeyError::NotPinned { srs: "hermez", .. })
    ));
    let key = EvmVerifyingKey::decode(&ceremony).unwrap();
    assert_eq!(key.origin(), SrsOrigin::Ceremony(&CEREMONIES[0]));
    assert_eq!(verifier_name(&key), "ZenoVerifier");
    // The SRS is accepted, and the forged proof is not.
    assert!(matches!(
        verify_evm(&forged, &key, UnknownSrs::Refuse),
        Err(VerifyError::Accumulator | VerifyError::Halo2(_))
    ));

    // The key that the user names, and the built-in one, are accepted.
    assert_eq!(EvmVerifyingKey::decode_pinned(&bytes, Some(planted.digest())).unwrap().encode(), bytes);
    assert!(EvmVerifyingKey::decode_pinned(&committed.encode(), None).unwrap().is_pinned());
}

#[test]
fn an_unknown_srs_is_named_so() {
    let wrapper = Wrapper::new(srs());
    let file = wrapper.valid();
    let error = verify_evm(&file, &wrapper.key, UnknownSrs::Refuse).unwrap_err();
    assert!(matches!(error, VerifyError::UnknownSrs) && !error.blames_proof(), "{error}");
    assert_eq!(verify_evm(&file, &wrapper.key, UnknownSrs::Allow).unwrap(), claim());
    assert_eq!(file.srs.as_deref(), Some("unknown"));
    assert_eq!(verifier_name(&wrapper.key), "ZenoVerifierUnknownSrs");
    let sources = solidity_sources(&wrapper.key);
    let verifier = sources.iter().find(|file| file.path == "generated/ZenoVerifierUnknownSrs.sol").unwrap();
    assert!(
        verifier.text.contains("contract ZenoVerifierUnknownSrs is OpenVmHalo2Verifier, ZenoVerifierBase")
    );
    assert!(verifier.text.contains("INSECURE_SRS = true"));
    assert!(matches!(
        verifier_creation_code(&wrapper.key),
        Err(CodeError::Degree { actual: K, expected: 22 })
    ));
}

#[test]
fn refuses_the_development_srs_unless_allowed() {
    let folder = tempfile::tempdir().unwrap();
    struct Silent;
    impl zeno_srs::Progress for Silent {
        fn advance(&self, _: zeno_srs::Step, _: u64, _: u64) {}
    }
    let srs = zeno_srs::development(folder.path(), &[K], &Silent).unwrap().remove(0);
    let params = ParamsKZG::<Bn256>::read_custom(&mut srs.reader(), SerdeFormat::RawBytes).unwrap();
    let wrapper = Wrapper::new(params);
    let file = wrapper.valid();
    assert!(wrapper.key.is_insecure());
    assert_eq!(file.srs.as_deref(), Some(INSECURE_SRS));
    let refused = |key| verify_evm(&file, key, UnknownSrs::Refuse);
    assert!(matches!(refused(&wrapper.key), Err(VerifyError::Insecure)));
    assert_eq!(verify_evm(&file, &wrapper.key, UnknownSrs::Allow).unwrap(), claim());
    let read = EvmVerifyingKey::decode(&wrapper.key.encode()).unwrap();
    assert!(matches!(refused(&read), Err(VerifyError::Insecure)));
    let sources = solidity_sources(&wrapper.key);
    let verifier = sources.iter().find(|file| file.path.ends_with("ZenoVerifierInsecureDev.sol")).unwrap();
    assert!(verifier.text.contains("INSECURE_SRS = true"));
}
