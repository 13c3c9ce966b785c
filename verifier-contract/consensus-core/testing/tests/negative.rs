//! Shared cases with one fault each, and those on both sides of each threshold. The reference specification judged them.

mod common;

use common::{AnyUpdate, bootstrap, hex, read, read_json};
use serde::Deserialize;
use zeno_consensus_core::{
    Config, Context, Fork, ForkParameters, LightClientError, LightClientStore, Preset, crypto::Native,
    fork::FAR_FUTURE_EPOCH, initialize_light_client_store, is_next_sync_committee_known, types::Slot,
};
use zeno_consensus_testing::{error_name, network};

#[derive(Deserialize)]
struct Cases {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    case: String,
    fork: String,
    kind: String,
    bootstrap: String,
    apply_first: Vec<Applied>,
    file: String,
    current_slot: Slot,
    genesis_validators_root: String,
    trusted_block_root: String,
    expected_error: Option<String>,
    store_after: Option<StoreAfter>,
}

#[derive(Deserialize)]
struct Applied {
    file: String,
    current_slot: Slot,
}

#[derive(Debug, Deserialize, PartialEq)]
struct StoreAfter {
    finalized_slot: Slot,
    optimistic_slot: Slot,
    next_sync_committee_known: bool,
    best_valid_update: bool,
    current_max_active_participants: u64,
    previous_max_active_participants: u64,
}

impl StoreAfter {
    fn of(store: &LightClientStore<32>) -> Self {
        Self {
            finalized_slot: store.finalized_header.beacon.slot,
            optimistic_slot: store.optimistic_header.beacon.slot,
            next_sync_committee_known: is_next_sync_committee_known(store),
            best_valid_update: store.best_valid_update.is_some(),
            current_max_active_participants: store.current_max_active_participants,
            previous_max_active_participants: store.previous_max_active_participants,
        }
    }
}

/// Returns the network of a case: the minimal preset's versions, all forks up to the case's at genesis.
fn config(case: &Case) -> Config {
    let fork = Fork::by_name(&case.fork);
    // Data of Fulu in the form of Gloas, which begins later.
    let mut config = network(Preset::MINIMAL, &[(fork.unwrap_or(Fork::Fulu), 0)]);
    if fork.is_none() {
        assert_eq!(case.fork, "gloas_store_fulu_data");
        config.forks.0[Fork::Gloas as usize].epoch = 3;
    }
    for fork in Fork::ALL {
        let ForkParameters { version, epoch } = &mut config.forks.0[fork as usize];
        *version = [fork as u8, 0, 0, 1];
        assert!([0, 3, FAR_FUTURE_EPOCH].contains(epoch));
    }
    config.genesis_validators_root = hex(&case.genesis_validators_root);
    config
}

/// Judges a case, and returns the store as it is then.
fn judge(case: &Case) -> (Result<(), LightClientError>, Option<LightClientStore<32>>) {
    let config = config(case);
    let rules = Context::new(&config, &Native);
    let form = if case.fork.starts_with("gloas") { Fork::Gloas } else { Fork::Electra };
    let open = |file: &str| read(format!("negative/{file}"));
    let start = |file: &str| {
        initialize_light_client_store(&rules, hex(&case.trusted_block_root), bootstrap(&open(file), form))
    };
    if case.kind == "bootstrap" {
        return (start(&case.file).map(|_| ()), None);
    }
    let mut store = start(&case.bootstrap).unwrap();
    for applied in &case.apply_first {
        let update = AnyUpdate::from_ssz("update", &open(&applied.file), form);
        update.process(&rules, &mut store, applied.current_slot).unwrap();
    }
    let before = store.clone();
    let update = AnyUpdate::from_ssz(&case.kind, &open(&case.file), form);
    let verdict = update.process(&rules, &mut store, case.current_slot);
    assert!(verdict.is_ok() || store == before, "{}: a refused update changed the store", case.case);
    (verdict, Some(store))
}

#[test]
#[cfg_attr(not(shared_data), ignore = "needs the shared data: set ZENO_SHARED to its folder")]
fn every_case_has_its_error_and_its_store() {
    let cases = read_json::<Cases>("negative/cases.json").cases;
    assert_eq!(cases.len(), 148);
    let mut refused = 0;
    for case in &cases {
        let at = format!("{} of {}", case.case, case.fork);
        let (verdict, store) = judge(case);
        let error = verdict.err();
        assert_eq!(error.as_ref().map(error_name), case.expected_error, "{at}: {error:?}");
        refused += usize::from(error.is_some());
        if let Some(error) = error {
            let sentence = error.to_string();
            assert!(sentence.contains(' ') && !sentence.ends_with('.'), "{at}: {sentence}");
        }
        if let Some(after) = &case.store_after {
            assert_eq!(&StoreAfter::of(&store.unwrap()), after, "{at}");
        }
    }
    println!("{} cases, {refused} refused", cases.len());
}
