//! Tests of the static verifier, on a small proof with a root proof's form.

use std::sync::Arc;

use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use halo2curves::bn256::{Bn256, Fr};
use openvm_continuations::{RootSC, circuit::root::RootVerifierPvs};
use openvm_sdk::F;
use openvm_stark_backend::{
    AirRef, PartitionedBaseAir, StarkEngine,
    codec::Encode,
    p3_air::{Air, AirBuilder, AirBuilderWithPublicValues, BaseAir, BaseAirWithPublicValues},
    p3_field::PrimeCharacteristicRing,
    p3_matrix::{Matrix, dense::RowMajorMatrix},
    prover::{AirProvingContext, ColMajorMatrix, CpuColMajorBackend, ProvingContext},
    test_utils::{InteractionsFixture11, TestFixture, test_system_params_small},
};
use openvm_stark_sdk::config::baby_bear_poseidon2::DIGEST_SIZE;
use openvm_static_verifier::{StaticVerifierCircuit, StaticVerifierShape, log_heights_per_air_from_proof};
use rand_core::OsRng;
use zeno_cpu_backend::RootEngine;
use zeno_halo2::MemorySrs;
use zeno_vm::RootProof;

use crate::{
    cache_dir,
    checkpoint::Checkpoint,
    wrap::{KzgParams, StaticVerifier, static_verifier},
};

/// Number of values that a guest reveals.
const USER_VALUES: usize = 4;
/// Height of each table, in rows.
const HEIGHT: usize = 4;
/// Index of the table with the commitment to the constraints of the layer below as public values.
const CONSTRAINTS: usize = 3;

/// Table that holds its public values in every row.
struct PublicTable {
    values: usize,
}

impl<T> PartitionedBaseAir<T> for PublicTable {}

impl<T> BaseAir<T> for PublicTable {
    fn width(&self) -> usize {
        self.values
    }
}

impl<T> BaseAirWithPublicValues<T> for PublicTable {
    fn num_public_values(&self) -> usize {
        self.values
    }
}

impl<AB: AirBuilderWithPublicValues> Air<AB> for PublicTable {
    fn eval(&self, builder: &mut AB) {
        let main = builder.main();
        let row = main.row_slice(0).expect("a table has rows").to_vec();
        let values = builder.public_values().to_vec();
        let mut first = builder.when_first_row();
        for (cell, value) in row.into_iter().zip(values) {
            first.assert_eq(cell, value);
        }
    }
}

/// Tables with a root proof's public values, and two with interactions. `salt` makes different proofs.
struct Fixture {
    salt: usize,
}

impl Fixture {
    fn values(&self) -> [Vec<F>; 4] {
        let counts = [size_of::<RootVerifierPvs<u8>>(), USER_VALUES, 1, DIGEST_SIZE];
        let mut table = 0;
        counts.map(|count| {
            table += 1;
            // The commitment to the constraints is a part of the circuit, so it has no salt.
            let salt = if table - 1 == CONSTRAINTS { 0 } else { self.salt };
            (0..count).map(|i| F::from_usize(1 + 40 * table + salt + i)).collect()
        })
    }

    fn proof(&self) -> (StaticVerifierCircuit, RootProof) {
        let mut params = test_system_params_small(2, 6, 3);
        params.whir.rounds.iter_mut().for_each(|round| round.num_queries = 1);
        let (key, proof) = self.keygen_and_prove(&RootEngine::new(params));
        let commitment = self.values()[CONSTRAINTS].as_slice().try_into().unwrap();
        let heights = log_heights_per_air_from_proof(&proof);
        (StaticVerifierCircuit::try_new(key, commitment, &heights).unwrap(), proof)
    }
}

impl TestFixture<RootSC> for Fixture {
    fn airs(&self) -> Vec<AirRef<RootSC>> {
        let tables = self.values().map(|values| Arc::new(PublicTable { values: values.len() }) as AirRef<_>);
        tables.into_iter().chain(InteractionsFixture11.airs()).collect()
    }

    fn generate_proving_ctx(&self) -> ProvingContext<CpuColMajorBackend<RootSC>> {
        let tables = self.values().map(|values| {
            let rows = RowMajorMatrix::new(values.repeat(HEIGHT), values.len());
            AirProvingContext::simple(ColMajorMatrix::from_row_major(&rows), values)
        });
        let interactions = TestFixture::<RootSC>::generate_proving_ctx(&InteractionsFixture11);
        let interactions = interactions.per_trace.into_iter().map(|(_, table)| table);
        ProvingContext::new(tables.into_iter().chain(interactions).enumerate().collect())
    }
}

#[test]
fn static_verifier_proves_what_it_verified() {
    let (circuit, example) = Fixture { salt: 0 }.proof();
    let k = 18;
    let shape = StaticVerifierShape { k, lookup_bits: k - 1, minimum_rows: 20, instance_columns: 1 };
    let params = ParamsKZG::<Bn256>::setup(k as u32, OsRng);
    let srs = MemorySrs::from(&params);
    let kzg = KzgParams { g2: params.g2(), s_g2: params.s_g2() };
    let folder = tempfile::tempdir().unwrap();
    assert!(StaticVerifier::read(folder.path()).unwrap().is_none());
    // A whole file, but not a circuit's: an earlier version may have left it.
    cache_dir::write_value(&folder.path().join("static-verifier.circuit"), &"none").unwrap();
    assert!(StaticVerifier::read(folder.path()).unwrap().is_none());
    StaticVerifier::make(folder.path(), &srs, circuit, &shape, &example).unwrap();
    let verifier = StaticVerifier::read(folder.path()).unwrap().unwrap();

    let (_, proof) = Fixture { salt: 7 }.proof();
    let snark = verifier.prove(&srs, kzg, &proof).unwrap();
    assert_eq!(snark.instances[0].len(), 2 + USER_VALUES);

    // The static verifier's public values are known before it is proven.
    let values = static_verifier::values(&proof);
    assert_eq!(snark.instances, std::slice::from_ref(&values));
    verifier.check_root(&proof, &values).unwrap();

    // A kept proof is read back if it is of this root proof, under this SRS, and right.
    let bytes = StaticVerifier::encode(&snark);
    let kept = verifier.decode(&bytes, kzg, &values).unwrap();
    assert_eq!((&kept.instances, &kept.proof), (&snark.instances, &snark.proof));
    let refused = |bytes: &[u8], kzg, values: &[Fr]| {
        verifier.decode(bytes, kzg, values).expect_err("it is to be refused")
    };
    let other = ParamsKZG::<Bn256>::setup(1, OsRng);
    refused(&bytes, KzgParams { g2: other.g2(), s_g2: other.s_g2() }, &values);
    assert_eq!(refused(&bytes, kzg, &static_verifier::values(&example)), "it is of another root proof");
    for length in [0, 1, 32 * values.len(), bytes.len() - 1] {
        refused(&bytes[..length], kzg, &values);
    }
    assert_eq!(refused(&[bytes.as_slice(), &[0]].concat(), kzg, &values), "1 bytes follow the proof");
    for position in (0..bytes.len()).step_by(101) {
        let mut altered = bytes.clone();
        altered[position] ^= 1;
        refused(&altered, kzg, &values);
    }

    // The same for root proofs. A proof of another run verifies, and is removed all the same.
    let checkpoint = Checkpoint::open(folder.path(), &[b"guest"], b"input");
    let kept = || {
        checkpoint.proof("root", verifier.root_key(), |root: &RootProof| verifier.check_root(root, &values))
    };
    checkpoint.save("root", &proof).unwrap();
    assert_eq!(kept().unwrap().encode_to_vec().unwrap(), proof.encode_to_vec().unwrap());
    checkpoint.save("root", &example).unwrap();
    assert!(kept().is_none() && !checkpoint.keeps("root"));
    let mut altered = proof.clone();
    altered.public_values[CONSTRAINTS][0] += F::ONE;
    checkpoint.save("root", &altered).unwrap();
    assert!(kept().is_none() && !checkpoint.keeps("root"));
    let bytes = proof.encode_to_vec().unwrap();
    for length in (0..bytes.len()).step_by(bytes.len() / 7) {
        checkpoint.put("root", &bytes[..length]);
        assert!(kept().is_none() && !checkpoint.keeps("root"));
    }
    checkpoint.put("root", &[bytes.as_slice(), &[0]].concat());
    assert!(kept().is_none() && !checkpoint.keeps("root"));
    assert_eq!(checkpoint.restored(), 1);
}
