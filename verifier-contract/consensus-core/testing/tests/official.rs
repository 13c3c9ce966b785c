//! Official tests of the consensus specifications: `light_client/{sync,update_ranking,single_merkle_proof}`.

mod common;

use common::{AnyUpdate, Rules, bootstrap, heads, hex, read};
use libssz::SszDecode as _;
use serde::{Deserialize, de::DeserializeOwned};
use std::{collections::BTreeMap, io::Read as _};
use zeno_consensus_core::{
    Config, Context, Fork, HashTreeRoot as _, Preset, SyncCommittee,
    config_file::Genesis,
    crypto::Native,
    initialize_light_client_store, is_better_update,
    merkle::{
        EXECUTION_BLOCK_HASH_GINDEX_GLOAS, EXECUTION_PAYLOAD_GINDEX, GeneralizedIndex,
        current_sync_committee_gindex_at_slot, finalized_root_gindex_at_slot, floorlog2,
        is_valid_normalized_merkle_branch, next_sync_committee_gindex_at_slot, root_of_branch,
    },
    process_light_client_store_force_update,
    types::{Root, Slot},
    upgrade_lc_bootstrap_to_gloas, upgrade_lc_store_to_gloas, upgrade_lc_update_to_gloas,
};
use zeno_consensus_testing::network;

/// Files of an archive, by their paths.
type Archive = BTreeMap<String, Vec<u8>>;

/// Reads an archive of tests.
fn archive(name: &str) -> Archive {
    let bytes = zstd::decode_all(&read(format!("spec-vectors/{name}.tar.zst"))[..]).unwrap();
    let mut files = Archive::new();
    for entry in tar::Archive::new(&bytes[..]).entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.header().entry_type().is_file() {
            let path = entry.path().unwrap().to_string_lossy().trim_start_matches("./").to_owned();
            let mut content = vec![];
            entry.read_to_end(&mut content).unwrap();
            files.insert(path, content);
        }
    }
    files
}

/// Folder of a test.
struct Case<'a> {
    files: &'a Archive,
    folder: &'a str,
}

impl Case<'_> {
    fn bytes(&self, name: &str) -> &[u8] {
        let path = format!("{}/{name}", self.folder);
        self.files.get(&path).unwrap_or_else(|| panic!("{path} is absent"))
    }

    fn text(&self, name: &str) -> &str {
        std::str::from_utf8(self.bytes(name)).unwrap()
    }

    fn yaml<T: DeserializeOwned>(&self, name: &str) -> T {
        serde_saphyr::from_str(self.text(name))
            .unwrap_or_else(|error| panic!("{}/{name}: {error}", self.folder))
    }

    /// Reads an object. The files are compressed by Snappy, without frames.
    fn ssz(&self, name: &str) -> Vec<u8> {
        snap::raw::Decoder::new().decompress_vec(self.bytes(&format!("{name}.ssz_snappy"))).unwrap()
    }
}

/// Returns the folders that hold a file of this name, and whose path has this part.
fn cases<'a>(files: &'a Archive, part: &str, file: &str) -> Vec<Case<'a>> {
    let folders = files.keys().filter_map(|path| path.strip_suffix(file)?.strip_suffix('/'));
    folders.filter(|folder| folder.contains(part)).map(|folder| Case { files, folder }).collect()
}

#[derive(Deserialize)]
struct Meta {
    genesis_validators_root: String,
    trusted_block_root: String,
    bootstrap_fork_digest: String,
    #[serde(default)]
    store_fork_version: Option<String>,
}

#[derive(Deserialize)]
struct Step {
    process_update: Option<ProcessUpdate>,
    force_update: Option<ForceUpdate>,
    upgrade_store: Option<UpgradeStore>,
}

#[derive(Deserialize)]
struct ProcessUpdate {
    update_fork_digest: String,
    update: String,
    current_slot: Slot,
    checks: Checks,
}

#[derive(Deserialize)]
struct ForceUpdate {
    current_slot: Slot,
    checks: Checks,
}

#[derive(Deserialize)]
struct UpgradeStore {
    #[serde(default)]
    store_fork_version: Option<String>,
    checks: Checks,
}

#[derive(Deserialize)]
struct Checks {
    finalized_header: Check,
    optimistic_header: Check,
}

#[derive(Deserialize)]
struct Check {
    slot: Slot,
    beacon_root: String,
    #[serde(default)]
    execution_root: Option<String>,
}

/// Returns whether a version is that of Gloas.
fn is_gloas(config: &Config, version: Option<&str>) -> bool {
    version.is_some_and(|version| hex(version) == config.forks.of(Fork::Gloas).version)
}

/// Follows a test's steps, and returns their count. If `upgrades`, the store has the form of Gloas as soon as the test says,
/// and updates are brought into it; else everything keeps the form that it comes in. There must be no difference.
fn sync<const N: usize>(case: &Case<'_>, upgrades: bool) -> usize {
    let meta: Meta = case.yaml("meta.yaml");
    let genesis = Genesis { validators_root: hex(&meta.genesis_validators_root), time: 0 };
    let config = Config::from_file(case.text("config.yaml"), Some(genesis)).unwrap();
    let rules = Context::new(&config, &Native);
    let fork_of =
        |digest: &str| config.fork_of_digest(&Native, hex(digest)).expect("a digest of the network");

    let mut form_is_gloas = upgrades && is_gloas(&config, meta.store_fork_version.as_deref());
    let mut trusted = bootstrap::<N>(&case.ssz("bootstrap"), fork_of(&meta.bootstrap_fork_digest));
    if form_is_gloas {
        trusted = upgrade_lc_bootstrap_to_gloas(&rules, trusted);
    }
    let mut store = initialize_light_client_store(&rules, hex(&meta.trusted_block_root), trusted).unwrap();

    let steps: Vec<Step> = case.yaml("steps.yaml");
    let count = steps.len();
    for (index, step) in steps.into_iter().enumerate() {
        let at = format!("{}, step {index}", case.folder);
        let checks = if let Some(step) = step.process_update {
            let bytes = case.ssz(step.update.trim());
            let update = AnyUpdate::<N>::from_ssz("update", &bytes, fork_of(&step.update_fork_digest));
            let update = match form_is_gloas {
                true => AnyUpdate::Full(upgrade_lc_update_to_gloas(&rules, update.into_full())),
                false => update,
            };
            update
                .process(&rules, &mut store, step.current_slot)
                .unwrap_or_else(|error| panic!("{at}: {error}"));
            step.checks
        } else if let Some(step) = step.force_update {
            process_light_client_store_force_update(&rules, &mut store, step.current_slot).unwrap();
            step.checks
        } else {
            let step = step.upgrade_store.expect("a step of a known kind");
            if upgrades && is_gloas(&config, step.store_fork_version.as_deref()) {
                store = upgrade_lc_store_to_gloas(&rules, store);
                form_is_gloas = true;
            }
            step.checks
        };
        check(&rules, checks, heads(&rules, &store), &at);
        // The store can be kept.
        let upgraded = upgrade_lc_store_to_gloas(&rules, store.clone());
        let bytes = upgraded.to_ssz_bytes().unwrap();
        assert_eq!(zeno_consensus_core::LightClientStore::from_ssz_bytes(&bytes).unwrap(), upgraded, "{at}");
    }
    count
}

/// Compares a store with what a test expects.
fn check(_: &Rules<'_>, checks: Checks, heads: [(Slot, Root, Root); 2], at: &str) {
    for (check, (slot, root, execution_root)) in
        [checks.finalized_header, checks.optimistic_header].into_iter().zip(heads)
    {
        assert_eq!((check.slot, hex(&check.beacon_root)), (slot, root), "{at}");
        if let Some(expected) = check.execution_root {
            assert_eq!(hex(&expected), execution_root, "{at}");
        }
    }
}

/// Follows all tests of an archive, and returns their count and that of their steps.
fn sync_all(name: &str) -> (usize, usize) {
    let files = archive(name);
    let cases = cases(&files, "", "steps.yaml");
    let cases = cases.into_iter().filter(|case| !case.folder.contains("data_collection")).collect::<Vec<_>>();
    let steps = cases.iter().map(|case| {
        assert!(!case.folder.contains("mainnet"), "the tests' committees have 32 members");
        let steps = sync::<32>(case, true);
        assert_eq!(sync::<32>(case, false), steps);
        steps
    });
    let steps = steps.sum();
    (cases.len(), steps)
}

#[test]
#[cfg_attr(not(shared_data), ignore = "needs the shared data: set ZENO_SHARED to its folder")]
fn stores_follow_the_official_steps() {
    let (tests, steps) = sync_all("light_client_1.7.0-beta.4");
    println!("{tests} tests, {steps} steps");
    assert_eq!(tests, 28);
}

#[test]
#[cfg_attr(not(shared_data), ignore = "needs the shared data: set ZENO_SHARED to its folder")]
fn stores_follow_the_official_steps_of_an_older_release() {
    let (tests, steps) = sync_all("official_old_deneb_electra_from_helios");
    println!("{tests} tests, {steps} steps");
    assert_eq!(tests, 6);
}

#[derive(Deserialize)]
struct RankingMeta {
    updates_count: usize,
}

#[test]
#[cfg_attr(not(shared_data), ignore = "needs the shared data: set ZENO_SHARED to its folder")]
fn updates_are_ranked() {
    let files = archive("light_client_1.7.0-beta.4");
    let cases = cases(&files, "/update_ranking/", "meta.yaml");
    assert_eq!(cases.len(), 3);
    for case in cases {
        let fork = fork_of(&case);
        let config = network(Preset::MINIMAL, &[(fork, 0)]);
        let count = case.yaml::<RankingMeta>("meta.yaml").updates_count;
        let update =
            |index| AnyUpdate::<32>::from_ssz("update", &case.ssz(&format!("updates_{index}")), fork);
        let updates = (0..count).map(|index| update(index).into_full()).collect::<Vec<_>>();
        let mut strict = 0;
        for (index, better) in updates.iter().enumerate() {
            assert!(!is_better_update(&config, better, better));
            for worse in &updates[index + 1..] {
                assert!(!is_better_update(&config, worse, better), "{}: {index}", case.folder);
                strict += usize::from(is_better_update(&config, better, worse));
            }
        }
        println!("{}: {count} updates, {strict} of {} pairs strict", case.folder, count * (count - 1) / 2);
    }
}

/// Returns the fork that a test's path names.
fn fork_of(case: &Case<'_>) -> Fork {
    case.folder.split('/').find_map(Fork::by_name).expect("the path names a fork")
}

#[derive(Deserialize)]
struct Proof {
    leaf: String,
    leaf_index: GeneralizedIndex,
    branch: Vec<String>,
}

#[test]
#[cfg_attr(not(shared_data), ignore = "needs the shared data: set ZENO_SHARED to its folder")]
fn proofs_have_the_indices_and_leaves_of_their_forks() {
    let files = archive("light_client_1.7.0-beta.4");
    let cases = cases(&files, "/single_merkle_proof/", "proof.yaml");
    let count = cases.len();
    // Roots by the object: all its proofs must lead to one.
    let mut roots: BTreeMap<Vec<u8>, Root> = BTreeMap::new();
    for case in &cases {
        let fork = fork_of(case);
        let is_mainnet = case.folder.contains("/mainnet/");
        let config = network(if is_mainnet { Preset::MAINNET } else { Preset::MINIMAL }, &[(fork, 0)]);
        let proof: Proof = case.yaml("proof.yaml");
        let object = case.ssz("object");
        let leaf: Root = hex(&proof.leaf);
        let branch = proof.branch.iter().map(|node| hex(node)).collect::<Vec<_>>();
        let name = case.folder.rsplit('/').next().unwrap();
        let (index, expected) = match name {
            "execution_merkle_proof" => (EXECUTION_PAYLOAD_GINDEX, None),
            "execution_block_hash_merkle_proof" => (EXECUTION_BLOCK_HASH_GINDEX_GLOAS, None),
            "finality_root_merkle_proof" => {
                let end = committee_offset(is_mainnet) - 4;
                (finalized_root_gindex_at_slot(&config, 1), Some(object[end - 32..end].try_into().unwrap()))
            }
            "current_sync_committee_merkle_proof" => (
                current_sync_committee_gindex_at_slot(&config, 1),
                Some(committee_root(&object, is_mainnet, 0)),
            ),
            "next_sync_committee_merkle_proof" => {
                (next_sync_committee_gindex_at_slot(&config, 1), Some(committee_root(&object, is_mainnet, 1)))
            }
            other => panic!("no kind of proof is {other}"),
        };
        assert_eq!((proof.leaf_index, branch.len()), (index, floorlog2(index)), "{}", case.folder);
        assert_eq!(expected.unwrap_or(leaf), leaf, "{}", case.folder);
        let root = root_of_branch(&Native, leaf, &branch, index);
        assert_eq!(*roots.entry(object).or_insert(root), root, "{}", case.folder);
        assert!(is_valid_normalized_merkle_branch(&Native, leaf, &branch, index, root));
    }
    println!("{count} proofs of {} objects", roots.len());
    assert_eq!(count, 24);
}

/// Returns the offset of the current sync committee in a state's fixed part.
fn committee_offset(is_mainnet: bool) -> usize {
    // SLOTS_PER_HISTORICAL_ROOT, EPOCHS_PER_HISTORICAL_VECTOR, EPOCHS_PER_SLASHINGS_VECTOR
    let (roots, mixes, slashings) = if is_mainnet { (8192, 65536, 8192) } else { (64, 64, 64) };
    // Genesis, slot, fork, latest header; two vectors of roots; historical roots, eth1 data, votes and index; validators,
    // balances; randao mixes, slashings; participation twice; justification bits and three checkpoints; inactivity scores.
    (8 + 32 + 8 + 16 + 112)
        + 2 * 32 * roots
        + (4 + 72 + 4 + 8)
        + 8
        + 32 * mixes
        + 8 * slashings
        + 8
        + (1 + 120)
        + 4
}

/// Returns the root of a state's current sync committee, or of its next one.
fn committee_root(state: &[u8], is_mainnet: bool, index: usize) -> Root {
    fn root<const N: usize>(state: &[u8]) -> Root {
        SyncCommittee::<N>::from_ssz_bytes(state).unwrap().hash_tree_root(&Native)
    }
    let length = 48 * (if is_mainnet { 513 } else { 33 });
    let start = committee_offset(is_mainnet) + index * length;
    let bytes = &state[start..start + length];
    if is_mainnet { root::<512>(bytes) } else { root::<32>(bytes) }
}
