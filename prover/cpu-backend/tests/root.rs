//! Proofs of the root configuration, made by our engine and by the stock one.

use openvm_stark_backend::{
    StarkEngine, SystemParams,
    codec::Encode,
    proof::Proof,
    test_utils::{MixtureFixture, TestFixture, test_system_params_small},
};
use openvm_stark_sdk::config::baby_bear_bn254_poseidon2::{
    BabyBearBn254Poseidon2Config as SC, BabyBearBn254Poseidon2CpuEngine, Bn254Scalar, F, Transcript,
};
use p3_field::PrimeCharacteristicRing;
use zeno_cpu_backend::{RootEngine, bn254::Kernel};

type Stock = BabyBearBn254Poseidon2CpuEngine<Transcript>;

/// The root configuration's shape at a small size: its blow-up of 16, several folding rounds.
fn params(l_skip: usize, n_stack: usize, k_whir: usize) -> SystemParams {
    let mut params = test_system_params_small(l_skip, n_stack, k_whir);
    params.log_blowup = 4;
    params.max_constraint_degree = 4;
    params
}

fn bytes(proof: &Proof<SC>) -> Vec<u8> {
    proof.encode_to_vec().unwrap()
}

/// AIRs with interactions, cached and preprocessed traces, of several heights; by every kernel.
#[test]
fn proofs_are_the_same() {
    // The stock search for proofs of work takes whichever witness a thread finds; a single one finds the least first.
    let single = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    for params in [params(2, 7, 3), params(2, 8, 4), params(4, 5, 2)] {
        let stock = Stock::new(params.clone());
        let fixture = MixtureFixture::standard(5, stock.config().clone());
        let (pk, vk) = fixture.keygen(&stock);
        let stock_proof = single.install(|| fixture.prove(&stock, &pk));
        for kernel in Kernel::available() {
            let ours = RootEngine::with_kernel(params.clone(), kernel);
            let our_proof = fixture.prove(&ours, &pk);
            assert!(bytes(&our_proof) == bytes(&stock_proof), "{}: the proofs differ", kernel.name());
            stock.verify(&vk, &our_proof).unwrap();
        }
    }
}

/// The verifier refuses a proof of ours with any digest, opened value or witness changed.
#[test]
fn changed_proofs_are_refused() {
    let engine = RootEngine::new(params(2, 8, 3));
    let fixture = MixtureFixture::standard(5, engine.config().clone());
    let (vk, proof) = fixture.keygen_and_prove(&engine);
    let stock = Stock::new(params(2, 8, 3));
    stock.verify(&vk, &proof).unwrap();
    let changes: [fn(&mut Proof<SC>); 4] = [
        |proof| proof.common_main_commit[0] += Bn254Scalar::ONE,
        |proof| proof.whir_proof.codeword_commits[0][0] += Bn254Scalar::ONE,
        |proof| proof.whir_proof.initial_round_merkle_proofs[0][0][0][0] += Bn254Scalar::ONE,
        |proof| proof.whir_proof.initial_round_opened_rows[0][0][0][0] += F::ONE,
    ];
    for change in changes {
        let mut changed = proof.clone();
        change(&mut changed);
        assert!(stock.verify(&vk, &changed).is_err());
    }
}
