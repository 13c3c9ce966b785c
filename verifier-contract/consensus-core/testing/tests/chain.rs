//! Stores on the made-up chain: forks anywhere, adversaries, and what a store must never do.

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use zeno_consensus_core::{
    Config, Context, Execution, Fork, LightClientStore, LightClientUpdate, Preset,
    crypto::{Native, Portable},
    get_lc_execution_root, get_safety_threshold, initialize_light_client_store, is_better_update,
    is_valid_light_client_header, process_light_client_finality_update,
    process_light_client_optimistic_update, process_light_client_store_force_update,
    process_light_client_update,
    types::{Epoch, Slot},
    upgrade_lc_bootstrap_to_gloas, upgrade_lc_finality_update_to_gloas,
    upgrade_lc_optimistic_update_to_gloas, upgrade_lc_store_to_gloas, upgrade_lc_update_to_gloas,
    validate_light_client_update,
};
use zeno_consensus_testing::{BeaconChain, Signing, attacks, error_name, network};

/// All forks, each in the middle of a period of the minimal preset: 64 slots, 8 epochs.
const EVERY_FORK: [(Fork, Epoch); 7] = [
    (Fork::Altair, 0),
    (Fork::Bellatrix, 11),
    (Fork::Capella, 21),
    (Fork::Deneb, 28),
    (Fork::Electra, 37),
    (Fork::Fulu, 45),
    (Fork::Gloas, 52),
];

fn start<const N: usize>(chain: &BeaconChain<N>, slot: Slot) -> LightClientStore<N> {
    let context = Context::new(chain.config(), &Native);
    initialize_light_client_store(&context, chain.root(slot), chain.bootstrap(slot)).unwrap()
}

#[test]
fn a_store_follows_a_chain_through_all_forks() {
    let chain = BeaconChain::<32>::new(network(Preset::MINIMAL, &EVERY_FORK));
    let context = Context::new(chain.config(), &Native);
    let mut store = start(&chain, 8);
    // A second store is of Gloas's form from the beginning, and gets updates of that form through the wire.
    let trusted = upgrade_lc_bootstrap_to_gloas(&context, chain.bootstrap(8));
    let mut upgraded = initialize_light_client_store(&context, chain.root(8), trusted).unwrap();
    let mut forks = vec![];
    for slot in (17..640).step_by(3) {
        let fork = chain.config().fork_at_slot(slot);
        let update = chain.update(slot, &Signing::all(slot + 1));
        let bytes = update.to_ssz_bytes(fork).unwrap();
        let update = LightClientUpdate::from_ssz_bytes(&bytes, fork).unwrap();
        assert_eq!(update.to_ssz_bytes(fork).unwrap(), bytes);
        process_light_client_update(&context, &mut store, update.clone(), slot + 1)
            .unwrap_or_else(|error| panic!("{slot}: {error}"));

        let bytes = upgrade_lc_update_to_gloas(&context, update).to_ssz_bytes(Fork::Gloas).unwrap();
        let update = LightClientUpdate::from_ssz_bytes(&bytes, Fork::Gloas).unwrap();
        process_light_client_update(&context, &mut upgraded, update, slot + 1).unwrap();
        assert_eq!(upgrade_lc_store_to_gloas(&context, store.clone()), upgraded, "{slot}");

        assert_eq!(store.optimistic_header.beacon.slot, slot);
        assert!(store.finalized_header.beacon.slot <= chain.finalized_slot(slot).max(8));
        let header = &store.finalized_header;
        if chain.config().fork_at_slot(header.beacon.slot) >= Fork::Capella {
            let hash = chain.execution(header.beacon.slot).block_hash;
            assert_eq!(header.execution_block_hash(), Some(hash), "{slot}");
        } else {
            assert_eq!(header.execution_block_hash(), None, "{slot}");
        }
        // The root is the same in both forms.
        assert_eq!(
            get_lc_execution_root(&context, header),
            get_lc_execution_root(&context, &upgraded.finalized_header)
        );
        forks.push(fork);
    }
    forks.dedup();
    assert_eq!(forks, Fork::ALL[1..]);
    assert_eq!(store.finalized_header.beacon.slot, chain.finalized_slot(638));
}

#[test]
fn attacks_are_refused_in_every_fork() {
    let chain = BeaconChain::<32>::new(network(Preset::MINIMAL, &EVERY_FORK));
    let context = Context::new(chain.config(), &Native);
    let mut count = 0;
    // An attested slot late in each period, so that its finalized one lies in the same.
    for slot in (60..640).step_by(64) {
        for is_next_known in [false, true] {
            let mut store = start(&chain, slot - 30);
            if is_next_known {
                let update = chain.update(slot - 5, &Signing::all(slot - 4));
                process_light_client_update(&context, &mut store, update, slot).unwrap();
            }
            for attack in attacks(&chain, slot, is_next_known) {
                let before = store.clone();
                let result = process_light_client_update(
                    &context,
                    &mut store,
                    attack.update.clone(),
                    attack.current_slot,
                );
                let error = result.expect_err(attack.name);
                assert_eq!(error_name(&error), attack.error, "{} at {slot}: {error}", attack.name);
                assert_eq!(store, before, "{} at {slot}", attack.name);
                count += 1;
            }
            let update = chain.update(slot, &Signing::all(slot + 1));
            process_light_client_update(&context, &mut store, update, slot + 1).unwrap();
        }
    }
    assert!(count > 400, "{count}");
}

#[test]
fn a_wrong_bootstrap_is_refused() {
    for fork in [Fork::Altair, Fork::Capella, Fork::Deneb, Fork::Electra, Fork::Gloas] {
        let chain = BeaconChain::<32>::new(network(Preset::MINIMAL, &[(fork, 0)]));
        let context = Context::new(chain.config(), &Native);
        let (good, root) = (chain.bootstrap(20), chain.root(20));
        let refused = |bootstrap, root| {
            error_name(&initialize_light_client_store(&context, root, bootstrap).unwrap_err())
        };
        assert_eq!(refused(good.clone(), [0; 32]), "TrustedRootMismatch");
        let mut wrong = good.clone();
        wrong.current_sync_committee = chain.committee(1);
        assert_eq!(refused(wrong, root), "InvalidCurrentCommitteeBranch");
        for node in 0..11 {
            let mut wrong = good.clone();
            wrong.current_sync_committee_branch[node][31] ^= 1;
            assert_eq!(refused(wrong, root), "InvalidCurrentCommitteeBranch", "{node}");
        }
        let mut wrong = good.clone();
        match &mut wrong.header.execution {
            Execution::Absent => continue,
            Execution::Payload { header, .. } => header.block_number += 1,
            Execution::BlockHash { branch, .. } => branch[0][0] ^= 1,
        }
        assert_eq!(refused(wrong, root), "InvalidHeader");
    }
    let chain = BeaconChain::<32>::new(network(Preset::MINIMAL, &[(Fork::Fulu, 0)]));
    let config = Config { preset: Preset::MAINNET, ..chain.config().clone() };
    let context = Context::new(&config, &Native);
    let error = initialize_light_client_store(&context, chain.root(20), chain.bootstrap(20)).unwrap_err();
    assert_eq!(error_name(&error), "PresetMismatch");
}

#[test]
fn two_thirds_make_finality() {
    let chain = BeaconChain::<512>::new(network(Preset::MAINNET, &[(Fork::Fulu, 0), (Fork::Gloas, 100)]));
    let context = Context::new(chain.config(), &Native);
    for (slot, expected) in [(3000, [341, 342]), (3300, [341, 342])] {
        for (signers, is_final) in expected.into_iter().zip([false, true]) {
            let mut store = start(&chain, 2000);
            let update = chain.update(slot, &Signing::by(slot + 1, 100, signers));
            process_light_client_update(&context, &mut store, update, slot + 1).unwrap();
            let finalized = if is_final { chain.finalized_slot(slot) } else { 2000 };
            assert_eq!(store.finalized_header.beacon.slot, finalized, "{signers} at {slot}");
            assert_eq!(store.best_valid_update.is_some(), !is_final);
            assert_eq!(store.next_sync_committee.is_some(), is_final);
            // Half as many do for the optimistic header.
            assert_eq!(store.optimistic_header.beacon.slot, slot);
            assert_eq!(get_safety_threshold(&store), signers as u64 / 2);
        }
    }
}

#[test]
fn a_committee_counts_only_with_finality_in_its_period() {
    let chain = BeaconChain::<32>::new(network(Preset::MINIMAL, &[(Fork::Electra, 0)]));
    let context = Context::new(chain.config(), &Native);
    // The store's committee is that of period 0. Slot 66 attests to a finalized slot of it, and to period 2's committee.
    let mut store = start(&chain, 16);
    process_light_client_update(&context, &mut store, chain.update(40, &Signing::all(41)), 41).unwrap();
    let known = store.next_sync_committee.clone();
    assert_eq!(known, Some(chain.committee(1)));
    process_light_client_update(&context, &mut store, chain.update(66, &Signing::all(67)), 67).unwrap();
    assert_eq!(store.finalized_header.beacon.slot, 48);
    assert_eq!(store.next_sync_committee, known, "the committee of period 2 is not final");
    process_light_client_update(&context, &mut store, chain.update(90, &Signing::all(91)), 91).unwrap();
    assert_eq!(store.current_sync_committee, chain.committee(1));
    assert_eq!(store.next_sync_committee, Some(chain.committee(2)));
}

#[test]
fn force_takes_the_best_update_after_the_timeout() {
    let chain = BeaconChain::<32>::new(network(Preset::MINIMAL, &[(Fork::Electra, 0), (Fork::Gloas, 5)]));
    let context = Context::new(chain.config(), &Native);
    let mut store = start(&chain, 16);
    let update = chain.update(50, &Signing::by(51, 0, 20));
    process_light_client_update(&context, &mut store, update, 51).unwrap();
    for slot in [0, 51, 80] {
        process_light_client_store_force_update(&context, &mut store, slot).unwrap();
        assert_eq!(store.finalized_header.beacon.slot, 16, "{slot}");
    }
    process_light_client_store_force_update(&context, &mut store, 81).unwrap();
    assert_eq!(store.finalized_header.beacon.slot, 32);
    assert_eq!(store.next_sync_committee, Some(chain.committee(1)));
    assert_eq!(store.best_valid_update, None);
    // Without an update nothing happens.
    process_light_client_store_force_update(&context, &mut store, u64::MAX).unwrap();
    assert_eq!(store.finalized_header.beacon.slot, 32);
}

#[test]
fn a_fork_in_the_middle_of_a_period_changes_the_signed_version_one_slot_later() {
    // Gloas begins at slot 160, in the middle of period 2.
    let chain = BeaconChain::<32>::new(network(Preset::MINIMAL, &[(Fork::Fulu, 0), (Fork::Gloas, 20)]));
    let context = Context::new(chain.config(), &Native);
    let store = start(&chain, 130);
    // The last block of Fulu is signed under Fulu's version in Gloas's first slot; the first of Gloas has a finalized header
    // of Fulu in Gloas's form.
    let last = chain.update(159, &Signing::all(160));
    assert!(matches!(last.attested_header.execution, Execution::Payload { .. }));
    validate_light_client_update(&context, &store, &last, 160).unwrap();
    let first = chain.update(160, &Signing::all(161));
    assert!(matches!(first.finalized_header.execution, Execution::BlockHash { .. }));
    assert_eq!(chain.config().fork_at_slot(first.finalized_header.beacon.slot), Fork::Fulu);
    validate_light_client_update(&context, &store, &first, 161).unwrap();
    validate_light_client_update(&Context::new(chain.config(), &Portable), &store, &first, 161).unwrap();
    // A payload's header proves nothing in Gloas.
    let mut header = chain.header(160);
    header.execution = chain.header(159).execution;
    assert!(!is_valid_light_client_header(&context, &header));
}

#[test]
fn parts_of_an_update_are_processed_as_well() {
    let chain = BeaconChain::<32>::new(network(Preset::MINIMAL, &[(Fork::Fulu, 0), (Fork::Gloas, 20)]));
    let context = Context::new(chain.config(), &Native);
    let mut store = start(&chain, 130);
    let update = chain.optimistic_update(150, &Signing::all(151));
    process_light_client_optimistic_update(&context, &mut store, update, 151).unwrap();
    assert_eq!((store.optimistic_header.beacon.slot, store.finalized_header.beacon.slot), (150, 130));
    let update =
        upgrade_lc_optimistic_update_to_gloas(&context, chain.optimistic_update(151, &Signing::all(152)));
    process_light_client_optimistic_update(&context, &mut store, update, 152).unwrap();
    let update =
        upgrade_lc_finality_update_to_gloas(&context, chain.finality_update(158, &Signing::all(160)));
    process_light_client_finality_update(&context, &mut store, update, 160).unwrap();
    assert_eq!((store.optimistic_header.beacon.slot, store.finalized_header.beacon.slot), (158, 136));
    assert_eq!(store.next_sync_committee, None, "a finality update has no committee");
}

#[test]
fn an_update_of_genesis_finality_has_an_empty_header() {
    let chain = BeaconChain::<32>::new(network(Preset::MINIMAL, &[(Fork::Electra, 0)]));
    let context = Context::new(chain.config(), &Native);
    let mut store = start(&chain, 3);
    let update = chain.update(10, &Signing::all(11));
    assert!(update.finalized_header.is_empty());
    process_light_client_update(&context, &mut store, update, 11).unwrap();
    assert_eq!((store.optimistic_header.beacon.slot, store.finalized_header.beacon.slot), (10, 3));
    // The next committee comes with it, for it is of the same period.
    assert!(store.next_sync_committee.is_some());
}

#[test]
fn slots_at_the_end_of_time_are_judged() {
    let chain = BeaconChain::<32>::new(network(Preset::MINIMAL, &[(Fork::Gloas, 0)]));
    let context = Context::new(chain.config(), &Native);
    let mut store = start(&chain, 20);
    let good = chain.update(50, &Signing::all(51));
    for signature in [0, 51, u64::MAX - 1, u64::MAX] {
        for attested in [0, 50, u64::MAX - 1, u64::MAX] {
            for finalized in [0, 32, u64::MAX - 1, u64::MAX] {
                for current in [0, 51, u64::MAX] {
                    let mut update = good.clone();
                    update.signature_slot = signature;
                    update.attested_header.beacon.slot = attested;
                    update.finalized_header.beacon.slot = finalized;
                    let is_good = (signature, attested, finalized) == (51, 50, 32) && current >= 51;
                    let result = validate_light_client_update(&context, &store, &update, current);
                    assert_eq!(
                        result.is_ok(),
                        is_good,
                        "{signature} {attested} {finalized} {current}: {result:?}"
                    );
                }
            }
        }
    }
    store.finalized_header.beacon.slot = u64::MAX;
    store.optimistic_header.beacon.slot = u64::MAX;
    assert!(validate_light_client_update(&context, &store, &good, u64::MAX).is_err());
    process_light_client_store_force_update(&context, &mut store, u64::MAX).unwrap();
}

#[test]
fn being_better_is_a_strict_order() {
    let chain = BeaconChain::<32>::new(network(Preset::MINIMAL, &[(Fork::Fulu, 0), (Fork::Gloas, 20)]));
    let mut random = StdRng::seed_from_u64(1);
    let mut updates = vec![];
    for _ in 0..60 {
        let slot = random.random_range(100..240);
        let later = if random.random_bool(0.2) { 60 } else { 1 };
        let signing = Signing::by(slot + later, random.random_range(0..32), random.random_range(18..25));
        let mut update = chain.update(slot, &signing);
        if random.random_bool(0.3) {
            update = LightClientUpdate { finality_branch: Default::default(), ..update };
        }
        if random.random_bool(0.3) {
            update.next_sync_committee_branch = Default::default();
        }
        updates.push(update);
    }
    let better = |a: &LightClientUpdate<32>, b| is_better_update(chain.config(), a, b);
    for a in &updates {
        assert!(!better(a, a));
        for b in &updates {
            assert!(!(better(a, b) && better(b, a)));
            for c in &updates {
                assert!(!(better(a, b) && better(b, c)) || better(a, c));
            }
        }
    }
}
