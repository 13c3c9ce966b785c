//! Proofs of the root configuration, by our engine and by OpenVM's.

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
use zeno_cpu_backend::{RootEngine, hash::bn254::Kernel};

type OpenVm = BabyBearBn254Poseidon2CpuEngine<Transcript>;

/// Parameters with the shape of the root configuration at a small size: a blow-up of 16, several folding rounds.
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
    // OpenVM's search for proofs of work takes whichever witness a thread finds first. A single thread finds the least.
    let single = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    for params in [params(2, 7, 3), params(2, 8, 4), params(4, 5, 2)] {
        let openvm = OpenVm::new(params.clone());
        let fixture = MixtureFixture::standard(5, openvm.config().clone());
        let (pk, vk) = fixture.keygen(&openvm);
        let expected = single.install(|| fixture.prove(&openvm, &pk));
        for kernel in Kernel::available() {
            let ours = RootEngine::with_kernel(params.clone(), kernel);
            let our_proof = fixture.prove(&ours, &pk);
            assert!(bytes(&our_proof) == bytes(&expected), "{}: the proofs differ", kernel.name());
            openvm.verify(&vk, &our_proof).unwrap();
        }
    }
}

/// The verifier refuses a proof of ours with any digest, opened value or witness changed.
#[test]
fn changed_proofs_are_refused() {
    let engine = RootEngine::new(params(2, 8, 3));
    let fixture = MixtureFixture::standard(5, engine.config().clone());
    let (vk, proof) = fixture.keygen_and_prove(&engine);
    let openvm = OpenVm::new(params(2, 8, 3));
    openvm.verify(&vk, &proof).unwrap();
    let changes: [fn(&mut Proof<SC>); 4] = [
        |proof| proof.common_main_commit[0] += Bn254Scalar::ONE,
        |proof| proof.whir_proof.codeword_commits[0][0] += Bn254Scalar::ONE,
        |proof| proof.whir_proof.initial_round_merkle_proofs[0][0][0][0] += Bn254Scalar::ONE,
        |proof| proof.whir_proof.initial_round_opened_rows[0][0][0][0] += F::ONE,
    ];
    for change in changes {
        let mut changed = proof.clone();
        change(&mut changed);
        assert!(openvm.verify(&vk, &changed).is_err());
    }
}
