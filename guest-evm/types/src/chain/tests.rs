//! Tests of the schedule, its encoding, and the table of forks.

use super::*;

const TIMES: [u64; 8] = [
    0,
    1_681_338_455,
    1_710_338_135,
    1_746_612_311,
    1_764_798_551,
    1_765_290_071,
    1_767_747_671,
    1_791_294_816,
];

#[test]
fn picks_the_fork_by_timestamp() {
    let cases = [
        (1_677_557_087, Fork::Paris),
        (1_677_557_088, Fork::Shanghai),
        (1_706_655_072, Fork::Cancun),
        (1_741_159_776, Fork::Prague),
        (1_760_427_359, Fork::Prague),
        (1_760_427_360, Fork::Osaka),
        (1_791_294_815, Fork::Osaka),
        (1_791_294_816, Fork::Amsterdam),
        (u64::MAX, Fork::Amsterdam),
    ];
    for (timestamp, fork) in cases {
        assert_eq!(ChainSpec::sepolia().fork_at(timestamp), fork, "{timestamp}");
    }
    assert_eq!(ChainSpec::mainnet().fork_at(u64::MAX), Fork::Osaka);
}

#[test]
fn has_the_blob_parameters_of_the_eips() {
    let at = |timestamp| ChainSpec::sepolia().blob_params_at(timestamp);
    for (from, params) in [
        (1_706_655_072, BlobParams::cancun()),
        (1_741_159_776, BlobParams::prague()),
        (1_760_427_360, BlobParams::osaka()),
        (1_761_017_184, BlobParams::bpo1()),
        (1_761_607_008, BlobParams::bpo2()),
    ] {
        assert_eq!(at(from), Some(params), "{from}");
    }
    assert_eq!(at(1_706_655_071), None);
    // Amsterdam inherits the parameters that are active.
    assert_eq!(at(1_791_294_816), Some(BlobParams::bpo2()));
    // Parameters that a fork does not bring can change after it.
    let mut spec = ChainSpec::sepolia();
    let blobs = BlobSchedule { target: 20, max: 30, base_fee_update_fraction: 9 };
    spec.blobs.push(BlobActivation { timestamp: 1_791_294_817, blobs });
    spec.check().unwrap();
    assert_eq!(spec.fork_at(1_791_294_817), Fork::Amsterdam);
    let params = spec.blob_params_at(1_791_294_817).unwrap();
    assert_eq!((params.target_blob_count, params.max_blob_count, params.update_fraction), (20, 30, 9));
    assert_eq!(params.max_blobs_per_tx, 6);
    assert_eq!(params.blob_base_cost, BLOB_BASE_COST);
}

/// A row is written as a change of the row before it. So each is listed here once more, in full.
#[test]
fn each_row_has_the_rules_of_its_eips() {
    use HeaderField::*;
    use RequestContract::*;
    let before_osaka = |brings_parameters| {
        Some(BlobRules { max_per_transaction: None, reserve_price: false, brings_parameters })
    };
    let since_osaka =
        Some(BlobRules { max_per_transaction: Some(6), reserve_price: true, brings_parameters: false });
    let until_osaka = SystemCall { gas: 30_000_000, state_gas: 0, is_specified: false };
    let paris = ForkRules {
        fork: Fork::Paris,
        name: "paris",
        fields: &[],
        blobs: None,
        max_block_length: None,
        max_transaction_gas: None,
        system_call: until_osaka,
        gas: GasRules::UntilOsaka,
        requests: &[],
        deposits: false,
        requests_hash: false,
        delegations: false,
        storage_collisions: true,
        access_list: None,
        bounded_modexp: true,
    };
    let shanghai = ForkRules { fork: Fork::Shanghai, name: "shanghai", fields: &[WithdrawalsRoot], ..paris };
    let cancun = ForkRules {
        fork: Fork::Cancun,
        name: "cancun",
        fields: &[BlobGasUsed, ExcessBlobGas, ParentBeaconBlockRoot],
        blobs: before_osaka(true),
        ..paris
    };
    let prague = ForkRules {
        fork: Fork::Prague,
        name: "prague",
        fields: &[RequestsHash],
        blobs: before_osaka(false),
        max_block_length: None,
        max_transaction_gas: None,
        system_call: until_osaka,
        gas: GasRules::UntilOsaka,
        requests: &[Withdrawals, Consolidations],
        deposits: true,
        requests_hash: true,
        delegations: true,
        storage_collisions: true,
        access_list: None,
        bounded_modexp: true,
    };
    let osaka = ForkRules {
        fork: Fork::Osaka,
        name: "osaka",
        fields: &[],
        blobs: since_osaka,
        max_block_length: Some(8_388_608),
        max_transaction_gas: None,
        system_call: until_osaka,
        gas: GasRules::UntilOsaka,
        requests: &[Withdrawals, Consolidations],
        deposits: true,
        requests_hash: true,
        delegations: true,
        storage_collisions: true,
        access_list: None,
        bounded_modexp: false,
    };
    let amsterdam = ForkRules {
        fork: Fork::Amsterdam,
        name: "amsterdam",
        fields: &[BlockAccessListHash, SlotNumber],
        blobs: since_osaka,
        max_block_length: Some(8_388_608),
        max_transaction_gas: Some(4_294_967_295),
        system_call: SystemCall { gas: 30_000_000, state_gas: 1_566_720, is_specified: true },
        gas: GasRules::SinceAmsterdam,
        requests: &[Withdrawals, Consolidations, BuilderDeposits, BuilderExits],
        deposits: true,
        requests_hash: true,
        delegations: true,
        storage_collisions: false,
        access_list: Some(AccessListRules { item_gas: 2000 }),
        bounded_modexp: false,
    };
    let bogota = ForkRules {
        fork: Fork::Bogota,
        name: "bogota",
        fields: &[],
        blobs: since_osaka,
        max_block_length: Some(6_291_456),
        max_transaction_gas: Some(4_294_967_295),
        system_call: SystemCall { gas: 30_000_000, state_gas: 1_566_720, is_specified: true },
        gas: GasRules::SinceAmsterdam,
        requests: &[Withdrawals, Consolidations, BuilderDeposits, BuilderExits],
        deposits: true,
        requests_hash: true,
        delegations: true,
        storage_collisions: false,
        access_list: Some(AccessListRules { item_gas: 2000 }),
        bounded_modexp: false,
    };
    assert_eq!(FORKS, [paris, shanghai, cancun, prague, osaka, amsterdam, bogota]);
    for (index, fork) in Fork::ALL.into_iter().enumerate() {
        assert_eq!((fork as usize, fork.rules(), fork.name()), (index, &FORKS[index], FORKS[index].name));
    }
}

#[test]
fn decodes_what_it_encodes() {
    for spec in ChainSpec::presets() {
        spec.check().unwrap();
        assert_eq!(ChainSpec::decode(&spec.encode()), Ok(spec));
    }
}

/// A prover may give any bytes as rules. Two encodings of the same rules would be two digests.
#[test]
fn rules_have_one_encoding() {
    for spec in ChainSpec::presets() {
        let bytes = spec.encode();
        for length in 0..bytes.len() {
            assert!(ChainSpec::decode(&bytes[..length]).is_err(), "{length}");
        }
        assert!(ChainSpec::decode(&[&bytes[..], &[0x80]].concat()).is_err());
        let mut decoded = 0;
        for index in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[index] ^= 1 << bit;
                if let Ok(other) = ChainSpec::decode(&changed) {
                    assert_eq!(other.encode(), changed);
                    assert_ne!(other, spec);
                    decoded += 1;
                }
            }
        }
        assert!(decoded > 100, "{decoded}");
    }
}

/// Version 1, of release 2: its forks 5 and 6 were changes of blob parameters.
#[test]
fn refuses_other_versions() {
    let mut bytes = ChainSpec::mainnet().encode();
    assert_eq!(bytes[..3], [0xf8, bytes[1], 2]);
    for version in [1, 3, 0x7f] {
        bytes[2] = version;
        assert_eq!(ChainSpec::decode(&bytes), Err(ChainSpecError::Version(version.into())));
    }
}

/// Rules of a later program may have a fork that this one lacks. Without it they would be other rules.
#[test]
fn refuses_the_number_of_a_fork_that_it_lacks() {
    let spec = ChainSpec {
        forks: ChainSpec::sepolia().forks[..1].to_vec(),
        blobs: Vec::new(),
        ..ChainSpec::sepolia()
    };
    let known = spec.encode();
    let [shanghai] = spec.forks[..] else { panic!("{spec:?}") };
    let fork = [&[0xc6, 1, 0x84][..], &(shanghai.timestamp as u32).to_be_bytes()].concat();
    let at = known.windows(fork.len()).position(|bytes| bytes == fork).unwrap() + 1;
    for number in [FORKS.len() as u8, 0x7f] {
        let mut bytes = known.clone();
        bytes[at] = number;
        assert_eq!(ChainSpec::decode(&bytes), Err(ChainSpecError::UnknownFork(number)));
    }
}

#[test]
fn every_rule_is_in_the_digest() {
    let sepolia = ChainSpec::sepolia();
    let at = 1_791_294_816;
    let changes: [fn(&mut ChainSpec); 14] = [
        |spec| spec.chain_id += 1,
        |spec| spec.terminal_total_difficulty += U256::ONE,
        |spec| spec.merge_block = None,
        |spec| spec.merge_block = Some(0),
        |spec| spec.deposit_contract = None,
        |spec| spec.deposit_contract = Some(Address::with_last_byte(1)),
        |spec| spec.forks[0].timestamp += 1,
        |spec| spec.forks[4].timestamp -= 1,
        |spec| _ = spec.forks.pop(),
        |spec| spec.blobs[1].timestamp += 1,
        |spec| spec.blobs[2].blobs.max += 1,
        |spec| spec.blobs[2].blobs.target += 1,
        |spec| spec.blobs[2].blobs.base_fee_update_fraction += 1,
        |spec| _ = spec.blobs.pop(),
    ];
    let mut digests = alloc::vec![sepolia.digest_at(at)];
    for change in changes {
        let mut changed = sepolia.clone();
        change(&mut changed);
        let digest = changed.digest_at(at);
        assert!(!digests.contains(&digest), "{changed:?}");
        digests.push(digest);
        assert_eq!(ChainSpec::decode(&changed.encode()), Ok(changed));
    }
}

#[test]
fn a_digest_contains_what_has_begun() {
    let later = 1_800_000_000;
    let (fork, blobs) = (
        ForkActivation { fork: Fork::Amsterdam, timestamp: later },
        BlobActivation {
            timestamp: later,
            blobs: BlobSchedule { target: 1, max: 2, base_fee_update_fraction: 3 },
        },
    );
    let mainnet = ChainSpec::mainnet();
    let with_fork = ChainSpec { forks: [&mainnet.forks[..], &[fork]].concat(), ..mainnet.clone() };
    let with_blobs = ChainSpec { blobs: [&mainnet.blobs[..], &[blobs]].concat(), ..mainnet.clone() };
    for changed in [&with_fork, &with_blobs] {
        changed.check().unwrap();
        assert_eq!(changed.until(later - 1), mainnet);
        assert_eq!(changed.digest_at(later - 1), mainnet.digest_at(later - 1));
        assert_ne!(changed.digest_at(later), mainnet.digest_at(later));
        assert_ne!(changed.digest_at(u64::MAX), mainnet.digest_at(u64::MAX));
    }
    assert_ne!(with_fork.digest_at(later), with_blobs.digest_at(later));
    // Rules that have all begun are the whole.
    assert_eq!(mainnet.until(u64::MAX), mainnet);
    assert_eq!(mainnet.digest_at(1_767_747_671), keccak256(mainnet.encode()));
    assert_ne!(mainnet.digest_at(1_767_747_670), keccak256(mainnet.encode()));
}

/// The rules of each block of a run are those of the whole schedule.
#[test]
fn begun_rules_are_possible_and_govern_the_same_blocks() {
    for spec in ChainSpec::presets() {
        for end in TIMES.iter().flat_map(|time| [time.saturating_sub(1), *time]) {
            let begun = spec.until(end);
            begun.check().unwrap();
            for timestamp in TIMES.into_iter().filter(|timestamp| *timestamp <= end) {
                assert_eq!(begun.fork_at(timestamp), spec.fork_at(timestamp));
                assert_eq!(begun.blob_params_at(timestamp), spec.blob_params_at(timestamp));
            }
        }
    }
}

#[test]
fn refuses_impossible_schedules() {
    let refused = |change: fn(&mut ChainSpec)| {
        let mut spec = ChainSpec::sepolia();
        change(&mut spec);
        let error = spec.check().unwrap_err();
        assert_eq!(ChainSpec::decode(&spec.encode()), Err(error.clone()));
        error
    };
    let order = refused(|spec| spec.forks.swap(0, 1));
    assert!(matches!(order, ChainSpecError::Order { .. }), "{order}");
    let order = refused(|spec| spec.forks[1].timestamp = spec.forks[0].timestamp - 1);
    assert!(matches!(order, ChainSpecError::Order { .. }), "{order}");
    let order = refused(|spec| spec.forks.insert(1, spec.forks[0]));
    assert!(matches!(order, ChainSpecError::Order { .. }), "{order}");
    let first = ForkActivation { fork: Fork::Paris, timestamp: 0 };
    for empty in [false, true] {
        let mut spec = ChainSpec::sepolia();
        if empty {
            (spec.forks, spec.blobs) = (Vec::new(), Vec::new());
        }
        spec.forks.insert(0, first);
        assert_eq!(ChainSpec::decode(&spec.encode()), Err(ChainSpecError::FirstFork(Fork::Paris)));
    }

    assert_eq!(
        refused(|spec| _ = spec.forks.remove(1)),
        ChainSpecError::MissingFork(Fork::Prague, Fork::Cancun)
    );
    assert_eq!(
        refused(|spec| _ = spec.forks.remove(0)),
        ChainSpecError::MissingFork(Fork::Cancun, Fork::Shanghai)
    );
    // Without Osaka, the cap on a transaction's gas (EIP-7825) would be off in Amsterdam.
    assert_eq!(
        refused(|spec| _ = spec.forks.remove(3)),
        ChainSpecError::MissingFork(Fork::Amsterdam, Fork::Osaka)
    );

    assert_eq!(
        refused(|spec| spec.blobs.clear()),
        ChainSpecError::MissingBlobs { fork: Fork::Cancun, timestamp: 1_706_655_072 }
    );
    assert_eq!(
        refused(|spec| spec.blobs[0].timestamp += 1),
        ChainSpecError::MissingBlobs { fork: Fork::Cancun, timestamp: 1_706_655_072 }
    );
    assert_eq!(
        refused(|spec| spec.blobs[0].timestamp -= 1),
        ChainSpecError::EarlyBlobs { timestamp: 1_706_655_071 }
    );
    assert_eq!(
        refused(|spec| spec.forks.truncate(1)),
        ChainSpecError::EarlyBlobs { timestamp: 1_706_655_072 }
    );
    let order = refused(|spec| spec.blobs.swap(1, 2));
    assert!(matches!(order, ChainSpecError::BlobOrder { .. }), "{order}");
    // Of two at one time, only the last would ever apply.
    let order = refused(|spec| spec.blobs[2].timestamp = spec.blobs[1].timestamp);
    assert!(matches!(order, ChainSpecError::BlobOrder { .. }), "{order}");
    assert_eq!(
        refused(|spec| spec.blobs[2].blobs = spec.blobs[1].blobs),
        ChainSpecError::SameBlobs { timestamp: 1_761_017_184 }
    );
    // What is the same has one form.
    assert_eq!(refused(|spec| spec.merge_block = Some(1)), ChainSpecError::FirstMerge);
    assert_eq!(refused(|spec| spec.deposit_contract = Some(Address::ZERO)), ChainSpecError::ZeroContract);
    let impossible: [fn(&mut BlobSchedule); 4] = [
        |blobs| blobs.base_fee_update_fraction = 0,
        |blobs| (blobs.target, blobs.max) = (0, 0),
        |blobs| blobs.target = blobs.max + 1,
        |blobs| blobs.max = 1 << 32,
    ];
    for change in impossible {
        let mut spec = ChainSpec::sepolia();
        change(&mut spec.blobs[2].blobs);
        let error = ChainSpec::decode(&spec.encode()).unwrap_err();
        assert!(matches!(error, ChainSpecError::Blobs { timestamp: 1_761_017_184, .. }), "{error}");
    }
}
