//! Keys and proofs against halo2's.

mod common;

use common::{Both, Instances, Item, Mixed, Range, Script, Shape, both, range};
use halo2_proofs::{
    SerdeFormat,
    plonk::Circuit,
    transcript::{Blake2bWrite, TranscriptWriterBuffer},
};
use halo2curves::{bn256::Fr, ff::Field};

/// Shapes with degrees 3 to 5, hence two to four pieces of the quotient. They have three to seven columns under copy
/// constraints, hence one to five sets of them.
const SHAPES: [Shape; 6] = [
    Shape { k: 6, advice: 3, degree: 3, lookup: None },
    Shape { k: 6, advice: 7, degree: 3, lookup: None },
    Shape { k: 6, advice: 5, degree: 4, lookup: Some(true) },
    Shape { k: 7, advice: 7, degree: 5, lookup: Some(true) },
    Shape { k: 6, advice: 4, degree: 3, lookup: Some(false) },
    Shape { k: 8, advice: 7, degree: 5, lookup: Some(false) },
];

fn assert_same_keys(both: &Both) {
    let [halo2, ours] = [both.halo2.get_vk(), both.ours.verifying_key()];
    for format in [SerdeFormat::RawBytes, SerdeFormat::Processed] {
        assert_eq!(halo2.to_bytes(format), ours.to_bytes(format));
    }
    assert_eq!(halo2.transcript_repr(), ours.transcript_repr());
}

#[test]
fn verifying_keys_are_halo2s() {
    for shape in SHAPES {
        for compress in [false, true] {
            assert_same_keys(&both(shape.k, &Mixed::new(shape, 1), compress));
        }
    }
    // One advice column (which then has its lookups in itself, by a selector), and several.
    for (k, steps) in [(9, 4), (8, 12), (7, 40)] {
        for compress in [false, true] {
            assert_same_keys(&both(k, &range(k, steps, 1, None).builder, compress));
        }
    }
}

/// Proves with both under the same challenges, and compares what they write. Only items that depend on the random
/// polynomial differ, because halo2 draws it from a generator that can't be seeded. These are its commitment, its
/// value, and the two points of the opening proof.
fn assert_same_proofs(both: &Both, advice: &[Vec<Fr>], instances: &Instances) {
    for seed in 0..2 {
        let (mut halo2, mut ours) = (Script::new(seed), Script::new(seed));
        both.prove_halo2(advice.to_vec(), instances, seed, &mut halo2);
        both.prove_ours(advice.to_vec(), instances, seed, &mut ours).unwrap();
        let cs = both.halo2.get_vk().cs();
        let pieces = cs.degree() - 1;
        let last = halo2.items.len();
        assert_eq!(last, ours.items.len());
        let evaluations =
            halo2.items[..last - 2].iter().rev().take_while(|item| matches!(item, Item::Scalar(_))).count();
        let commitment = last - 2 - evaluations - pieces - 1;
        let value = last - 2 - evaluations + cs.advice_queries().len() + cs.fixed_queries().len();
        let different: Vec<usize> = (0..last).filter(|i| halo2.items[*i] != ours.items[*i]).collect();
        assert_eq!(different, [commitment, value, last - 2, last - 1], "of {last}");
        assert!(matches!(halo2.items[commitment], Item::Point(_)));
        assert!(matches!(halo2.items[value], Item::Scalar(_)));
    }
}

#[test]
fn proofs_are_halo2s_under_the_same_challenges() {
    for shape in SHAPES.into_iter().filter(|shape| shape.lookup != Some(true)) {
        for (witness, compress) in [(1, false), (2, true)] {
            let circuit = Mixed::new(shape, witness);
            let both = both(shape.k, &circuit, compress);
            let instances = circuit.instances();
            assert_same_proofs(&both, &both.advice(&circuit, &instances), &instances);
        }
    }
}

/// Checks halo2's proof and ours, with Blake2b and with Keccak, each under both verifying keys.
fn assert_accepted(both: &Both, advice: &[Vec<Fr>], instances: &Instances, seed: u64) {
    let ours = both.blake2b(advice.to_vec(), instances, seed).unwrap();
    let keccak = both.keccak(advice.to_vec(), instances, seed).unwrap();
    let mut halo2 = Blake2bWrite::init(Vec::new());
    both.prove_halo2(advice.to_vec(), instances, seed, &mut halo2);
    let halo2 = halo2.finalize();
    assert_eq!(halo2.len(), ours.len());
    for vk in [both.halo2.get_vk(), both.ours.verifying_key()] {
        assert!(both.accepts_blake2b(vk, &ours, instances));
        assert!(both.accepts_blake2b(vk, &halo2, instances));
        assert!(both.accepts_keccak(vk, &keccak, instances));
    }
    // The same generator makes the same proof, and another one makes another proof of the same claim.
    assert_eq!(ours, both.blake2b(advice.to_vec(), instances, seed).unwrap());
    assert_ne!(ours, both.blake2b(advice.to_vec(), instances, seed + 1).unwrap());
}

#[test]
fn halo2_accepts_mixed_circuits() {
    for shape in SHAPES {
        let both = both(shape.k, &Mixed::new(shape, 0), shape.advice == 5);
        for witness in 1..4 {
            let circuit = Mixed::new(shape, witness);
            let instances = circuit.instances();
            assert_accepted(&both, &both.advice(&circuit, &instances), &instances, witness);
        }
    }
}

#[test]
fn halo2_accepts_circuits_of_the_static_verifiers_type() {
    for (k, steps) in [(9, 4), (8, 12), (9, 30)] {
        let Range { builder, .. } = range(k, steps, 0, None);
        let both = both(k, &builder, false);
        let pinned = (builder.config_params.clone(), builder.break_points());
        for witness in 1..3 {
            let Range { builder, instances } = range(k, steps, witness, Some(pinned.clone()));
            assert_accepted(&both, &both.advice(&builder, &instances), &instances, witness);
        }
    }
}

#[test]
fn the_witness_is_halo2s() {
    use halo2_proofs::{
        plonk::synthesize_witness,
        poly::kzg::{commitment::KZGCommitmentScheme, multiopen::ProverSHPLONK},
    };
    let circuit = Mixed::new(Shape::default(), 5);
    let both = both(circuit.shape.k, &circuit, false);
    let instances = circuit.instances();
    // The last rows are for blinding.
    let usable = (1 << circuit.params().k) - both.halo2.get_vk().cs().blinding_factors() - 1;
    let ours = both.advice(&circuit, &instances);
    let columns = common::columns(&instances);
    let (_, halo2, _) = synthesize_witness::<KZGCommitmentScheme<_>, ProverSHPLONK<'_, _>, _, _, _, _>(
        &both.params,
        &both.halo2,
        &[circuit],
        &[&columns],
        common::rng(1),
        &mut Script::new(1),
    )
    .unwrap();
    for (ours, halo2) in ours.iter().zip(&halo2[0].advice_values) {
        assert_eq!(ours[..usable], halo2[0..usable]);
        assert!(ours[usable..].iter().all(|value| *value == Fr::ZERO));
    }
}

#[test]
fn altered_proofs_are_refused() {
    let circuit = Mixed::new(Shape::default(), 6);
    let both = both(circuit.shape.k, &circuit, false);
    let instances = circuit.instances();
    let proof = both.blake2b(both.advice(&circuit, &instances), &instances, 1).unwrap();
    let vk = both.halo2.get_vk();
    assert!(both.accepts_blake2b(vk, &proof, &instances));
    for position in (0..proof.len()).step_by(13) {
        let mut altered = proof.clone();
        // The highest bit is left alone: in a point's last byte, halo2's decoder ignores it.
        altered[position] ^= 1 << (position % 7);
        assert!(!both.accepts_blake2b(vk, &altered, &instances), "byte {position}");
    }
    assert!(!both.accepts_blake2b(vk, &proof[..proof.len() - 1], &instances));
    let mut other = instances.clone();
    other[0][3] += Fr::ONE;
    assert!(!both.accepts_blake2b(vk, &proof, &other));
}
