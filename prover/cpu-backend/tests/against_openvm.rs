//! Proofs equal those of OpenVM's device, message by message, and the unmodified verifier accepts them.

use openvm_stark_backend::{
    StarkEngine, SystemParams,
    test_utils::{
        CachedFixture11, FibFixture, InteractionsFixture11, MixtureFixture, PreprocessedAndCachedFixture,
        PreprocessedFibFixture, SelfInteractionFixture, TestFixture, default_test_params_small,
        test_system_params_small, test_system_params_small_with_poly_len,
    },
};
use openvm_stark_sdk::config::baby_bear_poseidon2::{BabyBearPoseidon2Config, BabyBearPoseidon2CpuEngine};
use zeno_cpu_backend::Engine;

type OpenVm = BabyBearPoseidon2CpuEngine;

/// Proves `fixture` with both devices on one thread, and compares the proofs.
fn equals_openvms(
    what: &str,
    params: &SystemParams,
    fixture: &(impl TestFixture<BabyBearPoseidon2Config> + Sync),
) {
    let openvm = <OpenVm as StarkEngine>::new(params.clone());
    let ours = Engine::new(params.clone());
    let (pk, vk) = fixture.keygen(&openvm);
    // On several threads OpenVM's search for a proof of work takes whichever witness a thread finds first. On one
    // thread, both find the least.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let expected = pool.install(|| fixture.prove(&openvm, &pk));
    let proof = pool.install(|| fixture.prove(&ours, &pk));
    assert!(proof.gkr_proof == expected.gkr_proof, "{what}: GKR");
    let (batch, expected_batch) = (&proof.batch_constraint_proof, &expected.batch_constraint_proof);
    assert_eq!(batch.numerator_term_per_air, expected_batch.numerator_term_per_air, "{what}: numerators");
    assert_eq!(
        batch.denominator_term_per_air, expected_batch.denominator_term_per_air,
        "{what}: denominators"
    );
    assert_eq!(batch.univariate_round_coeffs, expected_batch.univariate_round_coeffs, "{what}: round 0");
    assert_eq!(batch.sumcheck_round_polys, expected_batch.sumcheck_round_polys, "{what}: rounds");
    assert_eq!(batch.column_openings, expected_batch.column_openings, "{what}: openings");
    assert!(proof == expected, "{what}: openings' proof");
    ours.verify(&vk, &proof).unwrap();
    ours.verify(&vk, &fixture.prove(&ours, &pk)).unwrap();
}

fn config(params: &SystemParams) -> BabyBearPoseidon2Config {
    BabyBearPoseidon2Config::default_from_params(params.clone())
}

/// Traces from one row to hundreds, with skip domains of several orders.
#[test]
fn traces_of_every_height() {
    for l_skip in [1, 2, 4] {
        for log_height in 0..10 {
            let params = test_system_params_small(l_skip, 11 - l_skip, 3);
            let fibonacci = FibFixture::new(3, 5, 1 << log_height);
            equals_openvms(&format!("Fibonacci, 2^{log_height} rows, skip {l_skip}"), &params, &fibonacci);
            let selectors = (0..1 << log_height).map(|row| row % 3 == 0).collect();
            let preprocessed = PreprocessedFibFixture::new(1, 2, selectors);
            equals_openvms(
                &format!("preprocessed, 2^{log_height} rows, skip {l_skip}"),
                &params,
                &preprocessed,
            );
        }
    }
}

#[test]
fn interactions() {
    for params in [default_test_params_small(), SystemParams::new_for_testing(12)] {
        equals_openvms("one bus", &params, &InteractionsFixture11);
        equals_openvms("cached traces", &params, &CachedFixture11::new(config(&params)));
        for log_height in [0, 1, 3, 5, 8] {
            let fixture = SelfInteractionFixture::new(vec![4, 7, 8, 8, 10, 20], log_height, 5);
            equals_openvms(&format!("own bus, 2^{log_height} rows"), &params, &fixture);
        }
    }
}

#[test]
fn mixtures() {
    let params = test_system_params_small_with_poly_len(4, 9, 4, 1, 3);
    for log_height in [3, 4, 6, 9] {
        let fixture = MixtureFixture::standard(log_height, config(&params));
        equals_openvms(&format!("mixture, 2^{log_height} rows"), &params, &fixture);
    }
    let selectors = (0..64).map(|row| row % 2 == 0).collect();
    let fixture = PreprocessedAndCachedFixture::new(selectors, config(&params), 3);
    equals_openvms("preprocessed and cached", &params, &fixture);
}
