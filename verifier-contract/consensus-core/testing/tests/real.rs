//! Objects of mainnet, Sepolia and a development chain, and the shared chain of the mainnet preset.

mod common;

use common::{AnyUpdate, bootstrap, heads, hex, read, read_json, to_hex};
use serde::Deserialize;
use std::{collections::BTreeMap, fs};
use zeno_consensus_core::{
    BeaconBlockHeader, Config, Context, Fork, ForkParameters, ForkSchedule, LightClientBootstrap,
    LightClientFinalityUpdate, LightClientHeader, LightClientOptimisticUpdate, LightClientStore,
    LightClientUpdate, Preset, SyncCommittee,
    chunks::{ChunkError, decode_updates, encode_updates},
    crypto::{Native, Portable},
    fork::FAR_FUTURE_EPOCH,
    initialize_light_client_store, is_next_sync_committee_known,
    json::{self, JsonObject},
    process_light_client_store_force_update,
    types::Slot,
    upgrade_lc_store_to_gloas, validate_light_client_update,
};
use zeno_consensus_testing::{error_name, network, shared::light_client_dir};

#[derive(Deserialize)]
struct Chains {
    chains: Vec<Chain>,
}

#[derive(Deserialize)]
struct Chain {
    name: String,
    network: String,
    genesis_validators_root: String,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    r#type: String,
    #[serde(default)]
    fork: String,
    #[serde(default)]
    file: String,
    #[serde(default)]
    trusted_block_root: String,
    #[serde(default)]
    current_slot: Slot,
    participants: Option<u64>,
    expect_error: Option<String>,
    expect: Option<Expected>,
}

#[derive(Deserialize)]
struct Expected {
    finalized: Head,
    optimistic: Head,
    next_sync_committee_known: bool,
    best_valid_update: bool,
}

#[derive(Deserialize)]
struct Head {
    slot: Slot,
    beacon_root: String,
    execution_root: Option<String>,
    execution_block_hash: String,
}

fn fork(name: &str) -> Fork {
    Fork::by_name(name).unwrap_or_else(|| panic!("{name:?} is no fork"))
}

/// Takes a step of a chain.
fn take(
    rules: &Context<'_, Native>,
    store: &mut Option<LightClientStore<512>>,
    step: &Step,
    folder: &str,
    at: &str,
) {
    match step.r#type.as_str() {
        "bootstrap" => {
            let trusted = bootstrap(&read(format!("{folder}/{}", step.file)), fork(&step.fork));
            *store =
                Some(initialize_light_client_store(rules, hex(&step.trusted_block_root), trusted).unwrap());
        }
        "force_update" => {
            let store = store.as_mut().unwrap();
            process_light_client_store_force_update(rules, store, step.current_slot).unwrap();
        }
        kind => {
            let store = store.as_mut().unwrap();
            let update =
                AnyUpdate::from_ssz(kind, &read(format!("{folder}/{}", step.file)), fork(&step.fork));
            if let Some(participants) = step.participants {
                assert_eq!(update.clone().into_full().sync_aggregate.participants(), participants, "{at}");
            }
            let error = update.process(rules, store, step.current_slot).err();
            assert_eq!(error.as_ref().map(error_name), step.expect_error, "{at}: {error:?}");
        }
    }
}

/// Compares a store with what is expected of it.
fn check(rules: &Context<'_, Native>, store: &LightClientStore<512>, expected: &Expected, at: &str) {
    let headers = [&store.finalized_header, &store.optimistic_header];
    let expected_heads = [&expected.finalized, &expected.optimistic];
    for ((head, header), (slot, root, execution_root)) in
        expected_heads.into_iter().zip(headers).zip(heads(rules, store))
    {
        assert_eq!((slot, to_hex(&root)), (head.slot, head.beacon_root.clone()), "{at}");
        let hash = header.execution_block_hash().expect("the header is of Capella or later");
        assert_eq!(to_hex(&hash), head.execution_block_hash, "{at}");
        if let Some(expected) = &head.execution_root {
            assert_eq!(&to_hex(&execution_root), expected, "{at}");
        }
    }
    assert_eq!(is_next_sync_committee_known(store), expected.next_sync_committee_known, "{at}");
    assert_eq!(store.best_valid_update.is_some(), expected.best_valid_update, "{at}");
}

/// Committees by network and period.
type Committees = BTreeMap<(String, u64), SyncCommittee<512>>;

/// Follows all chains, and returns the committees that they prove.
fn follow_chains() -> Committees {
    let mut committees = Committees::new();
    let chains = read_json::<Chains>("real/chains.json").chains;
    let (mut steps, mut refused) = (0, 0);
    for chain in &chains {
        let config = Config::by_name(&chain.network).unwrap();
        assert_eq!(to_hex(&config.genesis_validators_root), chain.genesis_validators_root);
        let rules = Context::new(&config, &Native);
        // The second store is brought into the form of Gloas before each step.
        let (mut store, mut upgraded) = (None, None);
        for (index, step) in chain.steps.iter().enumerate() {
            let at = format!("{}, step {index}", chain.name);
            upgraded = upgraded.map(|store| upgrade_lc_store_to_gloas(&rules, store));
            take(&rules, &mut store, step, "real", &at);
            take(&rules, &mut upgraded, step, "real", &at);
            steps += 1;
            refused += usize::from(step.expect_error.is_some());
            let (store, upgraded) = (store.as_ref().unwrap(), upgraded.as_ref().unwrap());
            if let Some(expected) = &step.expect {
                check(&rules, store, expected, &at);
                check(&rules, upgraded, expected, &at);
            }
            let forms = [store, upgraded].map(|store| upgrade_lc_store_to_gloas(&rules, store.clone()));
            assert_eq!(forms[0], forms[1], "{at}");
            let period = config.compute_sync_committee_period_at_slot(store.finalized_header.beacon.slot);
            committees.insert((chain.network.clone(), period), store.current_sync_committee.clone());
            if let Some(next) = &store.next_sync_committee {
                committees.insert((chain.network.clone(), period + 1), next.clone());
            }
        }
    }
    println!("{} chains, {steps} steps, {refused} refused", chains.len());
    committees
}

/// Makes a store that knows one committee of one period.
fn store_of<const N: usize>(
    config: &Config,
    period: u64,
    committee: SyncCommittee<N>,
) -> LightClientStore<N> {
    let slot = config.first_slot_of_period(period);
    let header =
        LightClientHeader { beacon: BeaconBlockHeader { slot, ..Default::default() }, ..Default::default() };
    LightClientStore {
        finalized_header: header.clone(),
        current_sync_committee: committee,
        next_sync_committee: None,
        best_valid_update: None,
        optimistic_header: header,
        previous_max_active_participants: 0,
        current_max_active_participants: 0,
    }
}

#[derive(Deserialize)]
struct FromBlocks {
    fork: String,
    file: String,
    beacon_root: String,
    execution_block_hash: String,
}

#[test]
#[cfg_attr(not(shared_data), ignore = "needs the shared data: set ZENO_SHARED to its folder")]
fn stores_follow_real_chains() {
    let committees = follow_chains();
    let config = Config::mainnet();
    let rules = Context::new(&config, &Native);
    let folder = "real/mainnet/optimistic-from-blocks";
    let mut judged = 0;
    for block in read_json::<Vec<FromBlocks>>(format!("{folder}/index.json")) {
        let update =
            AnyUpdate::from_ssz("optimistic", &read(format!("real/{}", block.file)), fork(&block.fork));
        let update = update.into_full();
        let period = config.compute_sync_committee_period_at_slot(update.signature_slot);
        // The committee of period 1573 is not there.
        let Some(committee) = committees.get(&("mainnet".to_owned(), period)) else { continue };
        judged += 1;
        let store = store_of(&config, period, committee.clone());
        validate_light_client_update(&rules, &store, &update, update.signature_slot).unwrap();
        assert_eq!(to_hex(&update.attested_header.beacon_root(&Native)), block.beacon_root);
        let hash = update.attested_header.execution_block_hash().unwrap();
        assert_eq!(to_hex(&hash), block.execution_block_hash);
    }
    assert_eq!(judged, 3);
}

#[test]
#[cfg_attr(not(shared_data), ignore = "needs the shared data: set ZENO_SHARED to its folder")]
fn sixty_periods_of_mainnet_follow_one_another() {
    let config = Config::mainnet();
    let native = Context::new(&config, &Native);
    let portable = Context::new(&config, &Portable);
    let folder = "real/mainnet/deneb-1347-1406";
    let trusted = bootstrap::<512>(&read(format!("{folder}/bootstrap_1347.ssz")), Fork::Deneb);
    let root = trusted.header.beacon_root(&Native);
    let mut store = initialize_light_client_store(&native, root, trusted).unwrap();
    let mut updates = vec![];
    for period in 1347..1407 {
        let bytes = read(format!("{folder}/update_{period}.ssz"));
        let update = AnyUpdate::from_ssz("update", &bytes, Fork::Deneb).into_full();
        let slot = update.signature_slot;
        if period % 20 == 0 {
            // The other cryptography agrees, also on a wrong signature.
            validate_light_client_update(&portable, &store, &update, slot).unwrap();
            let mut wrong = update.clone();
            wrong.sync_aggregate.sync_committee_signature[95] ^= 1;
            let error = validate_light_client_update(&portable, &store, &wrong, slot).unwrap_err();
            assert_eq!(error_name(&error), "InvalidSignature");
        }
        updates.push(update.clone());
        AnyUpdate::Full(update)
            .process(&native, &mut store, slot)
            .unwrap_or_else(|error| panic!("{period}: {error}"));
        let finalized = config.compute_sync_committee_period_at_slot(store.finalized_header.beacon.slot);
        assert_eq!((finalized, store.next_sync_committee.is_some()), (period, true));
    }

    // As a response to one request.
    let bytes = encode_updates(&config, &Native, &updates).unwrap();
    assert_eq!(decode_updates::<512>(&config, &Native, &bytes).unwrap(), updates);
    for length in [1, 7, 8, 11, 12, 13, 1000, bytes.len() - 1] {
        assert!(decode_updates::<512>(&config, &Native, &bytes[..length]).is_err(), "{length}");
    }
    // A digest of the future selects the format by the slot.
    let mut unknown = bytes.clone();
    unknown[8] ^= 1;
    assert_eq!(decode_updates::<512>(&config, &Native, &unknown).unwrap(), updates);
    unknown[12] ^= 1;
    let error = decode_updates::<512>(&config, &Native, &unknown).unwrap_err();
    assert!(matches!(error, ChunkError::UnknownDigest { index: 0, .. }), "{error}");
    for length in [0_u64, 3, u64::MAX] {
        let mut wrong = bytes.clone();
        wrong[..8].copy_from_slice(&length.to_le_bytes());
        assert!(decode_updates::<512>(&config, &Native, &wrong).is_err(), "{length}");
    }
}

/// Compares the JSON of an object with its SSZ, and with what it is written as.
fn compare<T: JsonObject + PartialEq + std::fmt::Debug>(
    text: &str,
    ssz: Option<&[u8]>,
    encode: impl Fn(&T, Fork) -> Vec<u8>,
) {
    let (fork, object) = json::decode::<T>(text).unwrap();
    if let Some(ssz) = ssz {
        assert!(encode(&object, fork) == ssz, "the SSZ is that of another object");
    }
    let written = json::encode(&object, fork).unwrap();
    assert_eq!(json::decode::<T>(&written).unwrap(), (fork, object));
}

/// Compares a file of JSON with its SSZ, if it is there, by the kind that its name has.
fn compare_file<const N: usize>(path: &std::path::Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let text = fs::read_to_string(path).unwrap();
    let ssz = fs::read(path.with_extension("ssz")).ok();
    let ssz = ssz.as_deref();
    let folder = path.parent().unwrap().file_name().unwrap();
    if name.contains("optimistic_update") {
        compare::<LightClientOptimisticUpdate<N>>(&text, ssz, |update, fork| {
            update.to_ssz_bytes(fork).unwrap()
        });
    } else if name.contains("finality") {
        compare::<LightClientFinalityUpdate<N>>(&text, ssz, |update, fork| {
            update.to_ssz_bytes(fork).unwrap()
        });
    } else if name.contains("bootstrap") {
        compare::<LightClientBootstrap<N>>(&text, ssz, |object, fork| object.to_ssz_bytes(fork).unwrap());
    } else if name.starts_with("update_") || (name.contains("_update_") && folder == "devnet-minimal-fulu") {
        compare::<LightClientUpdate<N>>(&text, ssz, |update, fork| update.to_ssz_bytes(fork).unwrap());
    } else {
        return false;
    }
    true
}

#[test]
#[cfg_attr(not(shared_data), ignore = "needs the shared data: set ZENO_SHARED to its folder")]
fn json_and_ssz_are_the_same_objects() {
    let real = light_client_dir().join("real");
    let mut count = 0;
    for folder in [
        "sepolia-gloas",
        "mainnet/optimistic-from-blocks",
        "mainnet/electra-1600-1602",
        "mainnet/electra-1421-1428",
        "mainnet/deneb-1347-1406",
    ] {
        for entry in fs::read_dir(real.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "json") {
                count += usize::from(compare_file::<512>(&path));
            }
        }
    }
    for entry in fs::read_dir(real.join("devnet-minimal-fulu")).unwrap() {
        count += usize::from(compare_file::<32>(&entry.unwrap().path()));
    }
    let text = fs::read_to_string(real.join("sepolia-gloas/updates.json")).unwrap();
    let updates = json::decode_list::<LightClientUpdate<512>>(&text).unwrap();
    for ((fork, update), name) in updates.iter().zip(["update_1378_fulu", "update_1379_gloas"]) {
        let ssz = read(format!("real/sepolia-gloas/{name}.ssz"));
        assert!(update.to_ssz_bytes(*fork).unwrap() == ssz, "{name}");
    }
    println!("{count} files");
    assert!(count >= 20, "{count}");
}

#[derive(Deserialize)]
struct Devnet {
    file: String,
    kind: String,
    genesis_validators_root: String,
    fork_parameters: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct CommitteeUsed {
    committee_used: BTreeMap<String, CommitteeJson>,
}

#[derive(Deserialize)]
struct CommitteeJson {
    pubkeys: Vec<String>,
    aggregate_pubkey: String,
}

#[test]
#[cfg_attr(not(shared_data), ignore = "needs the shared data: set ZENO_SHARED to its folder")]
fn updates_of_a_development_chain_are_accepted() {
    let folder = "real/devnet-minimal-fulu";
    let index = read_json::<Vec<Devnet>>(format!("{folder}/index.json"));
    for entry in &index {
        let mut config = network(Preset::MINIMAL, &[]);
        config.genesis_validators_root = hex(&entry.genesis_validators_root);
        config.forks = ForkSchedule(Fork::ALL.map(|fork| match entry.fork_parameters.get(fork.name()) {
            Some(parameters) => ForkParameters {
                version: hex(parameters["version"].as_str().unwrap()),
                epoch: parameters["epoch"].as_u64().unwrap(),
            },
            None if fork == Fork::Phase0 => ForkParameters { version: [0x10, 0, 0, 0x38], epoch: 0 },
            None => ForkParameters { version: [0; 4], epoch: FAR_FUTURE_EPOCH },
        }));
        let rules = Context::new(&config, &Native);
        let text = String::from_utf8(read(format!("{folder}/{}", entry.file))).unwrap();
        let update: LightClientUpdate<32> = match entry.kind.as_str() {
            "update" => json::decode(&text).unwrap().1,
            _ => json::decode::<LightClientFinalityUpdate<32>>(&text).unwrap().1.into(),
        };
        let used: CommitteeUsed = serde_json::from_str(&text).unwrap();
        let used = used.committee_used.into_values().next().unwrap();
        let keys = used.pubkeys.iter().map(|key| hex(key)).collect::<Vec<_>>();
        let committee = SyncCommittee {
            pubkeys: keys.try_into().unwrap(),
            aggregate_pubkey: hex(&used.aggregate_pubkey),
        };
        let period = config.compute_sync_committee_period_at_slot(update.signature_slot);
        let store = store_of(&config, period, committee);
        validate_light_client_update(&rules, &store, &update, update.signature_slot)
            .unwrap_or_else(|error| panic!("{}: {error}", entry.file));
    }
    assert_eq!(index.len(), 11);
}

#[derive(Deserialize)]
struct Network {
    genesis_validators_root: String,
    genesis_time: u64,
    seconds_per_slot: u64,
    forks: BTreeMap<String, BTreeMap<String, String>>,
}

#[test]
#[cfg_attr(not(shared_data), ignore = "needs the shared data: set ZENO_SHARED to its folder")]
fn built_in_networks_are_the_recorded_ones() {
    for (name, network) in read_json::<BTreeMap<String, Network>>("real/networks.json") {
        let config = Config::by_name(&name).unwrap();
        assert_eq!(to_hex(&config.genesis_validators_root), network.genesis_validators_root);
        assert_eq!(config.genesis_time, network.genesis_time);
        assert_eq!(config.slot_duration_ms, 1000 * network.seconds_per_slot);
        assert_eq!(network.forks.len(), Fork::ALL.len());
        for fork in Fork::ALL {
            let ForkParameters { version, epoch } = config.forks.of(fork);
            let expected = &network.forks[fork.name()];
            assert_eq!(
                (to_hex(&version), epoch.to_string()),
                (expected["version"].clone(), expected["epoch"].clone())
            );
        }
    }
}

#[derive(Deserialize)]
struct Synthetic {
    genesis_validators_root: String,
    forks: BTreeMap<String, BTreeMap<String, String>>,
    steps: Vec<SyntheticStep>,
}

#[derive(Deserialize)]
struct SyntheticStep {
    #[serde(flatten)]
    step: StepWithoutExpected,
    expect: Option<SyntheticExpected>,
}

#[derive(Deserialize)]
struct StepWithoutExpected {
    r#type: String,
    fork: String,
    file: String,
    #[serde(default)]
    trusted_block_root: String,
    #[serde(default)]
    current_slot: Slot,
    participants: Option<u64>,
    expect_error: Option<String>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct SyntheticExpected {
    finalized_slot: Slot,
    optimistic_slot: Slot,
    finalized_beacon_root: String,
    finalized_execution_root: String,
    next_sync_committee_known: bool,
    best_valid_update: bool,
}

#[test]
#[cfg_attr(not(shared_data), ignore = "needs the shared data: set ZENO_SHARED to its folder")]
fn a_store_follows_the_synthetic_chain_through_gloas() {
    let folder = "synthetic-mainnet-preset";
    let chain: Synthetic = read_json(format!("{folder}/chain.json"));
    let mut config = network(Preset::MAINNET, &[]);
    config.genesis_validators_root = hex(&chain.genesis_validators_root);
    config.forks = ForkSchedule(Fork::ALL.map(|fork| {
        let parameters = &chain.forks[fork.name()];
        ForkParameters { version: hex(&parameters["version"]), epoch: parameters["epoch"].parse().unwrap() }
    }));
    let rules = Context::new(&config, &Native);
    let mut store = None;
    let count = chain.steps.len();
    for SyntheticStep { step, expect } in chain.steps {
        let at = step.file.clone();
        let step = Step {
            r#type: step.r#type,
            fork: step.fork,
            file: step.file,
            trusted_block_root: step.trusted_block_root,
            current_slot: step.current_slot,
            participants: step.participants,
            expect_error: step.expect_error,
            expect: None,
        };
        take(&rules, &mut store, &step, folder, &at);
        let store: &LightClientStore<512> = store.as_ref().unwrap();
        let [(finalized_slot, root, execution_root), (optimistic_slot, ..)] = heads(&rules, store);
        let actual = SyntheticExpected {
            finalized_slot,
            optimistic_slot,
            finalized_beacon_root: to_hex(&root),
            finalized_execution_root: to_hex(&execution_root),
            next_sync_committee_known: is_next_sync_committee_known(store),
            best_valid_update: store.best_valid_update.is_some(),
        };
        if let Some(expect) = expect {
            assert_eq!(actual, expect, "{at}");
        }
    }
    println!("{count} steps");
    assert_eq!(count, 14);
}
