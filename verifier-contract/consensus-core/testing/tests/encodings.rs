//! Encodings under attack: no bytes make a decoder panic, and whatever it accepts has no other encoding.

use libssz_types::SszVector;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use std::fmt::Debug;
use zeno_consensus_core::{
    Context, Fork, LightClientBootstrap, LightClientFinalityUpdate, LightClientOptimisticUpdate,
    LightClientStore, LightClientUpdate, Preset,
    chunks::decode_updates,
    crypto::Native,
    initialize_light_client_store,
    json::{self, JsonObject},
    process_light_client_update,
    ssz::{EncodeError, SszError},
    upgrade_lc_store_to_gloas, validate_light_client_update,
};
use zeno_consensus_testing::{BeaconChain, Signing, network};

/// Forks with a form of their own.
const FORKS: [Fork; 5] = [Fork::Altair, Fork::Capella, Fork::Deneb, Fork::Electra, Fork::Gloas];

/// Chain that has one fork.
fn chain(fork: Fork) -> BeaconChain<32> {
    BeaconChain::new(network(Preset::MINIMAL, &[(fork, 0)]))
}

/// Object with SSZ.
trait Object: Sized + PartialEq + Debug {
    fn decode(bytes: &[u8], fork: Fork) -> Result<Self, SszError>;
    fn encode(&self, fork: Fork) -> Result<Vec<u8>, EncodeError>;
}

macro_rules! objects {
    ($($object:ident),*) => {$(
        impl Object for $object<32> {
            fn decode(bytes: &[u8], fork: Fork) -> Result<Self, SszError> {
                Self::from_ssz_bytes(bytes, fork)
            }

            fn encode(&self, fork: Fork) -> Result<Vec<u8>, EncodeError> {
                self.to_ssz_bytes(fork)
            }
        }
    )*};
}

objects!(LightClientBootstrap, LightClientUpdate, LightClientFinalityUpdate, LightClientOptimisticUpdate);

/// Alters bytes in one of the ways that faults and attackers do.
fn mutate(bytes: &mut Vec<u8>, random: &mut StdRng) {
    // What carries offsets lies in the first bytes of a container, or of a header.
    let at = |random: &mut StdRng, length: usize| match random.random_range(0..3) {
        0 => random.random_range(0..length.min(300)),
        1 => length - 1 - random.random_range(0..length.min(1400)),
        _ => random.random_range(0..length),
    };
    match random.random_range(0..6) {
        0 => bytes.truncate(random.random_range(0..=bytes.len())),
        1 => {
            let count = random.random_range(1..40);
            bytes.extend((0..count).map(|_| random.random::<u8>()));
        }
        2 if !bytes.is_empty() => {
            let start = at(random, bytes.len());
            let end = (start + random.random_range(1..40)).min(bytes.len());
            bytes.drain(start..end);
        }
        3 if bytes.len() >= 4 => {
            // A number, as an offset is.
            let start = at(random, bytes.len() - 3);
            let length = bytes.len() as u32;
            let choices = [
                0,
                1,
                4,
                length - 1,
                length,
                length + 1,
                i32::MAX as u32,
                u32::MAX,
                random.random_range(0..length),
            ];
            bytes[start..start + 4].copy_from_slice(&choices.choose(random).unwrap().to_le_bytes());
        }
        _ if !bytes.is_empty() => {
            let index = at(random, bytes.len());
            bytes[index] ^= 1 << random.random_range(0..8);
        }
        _ => bytes.push(0),
    }
}

/// Decodes altered bytes as any fork. What is accepted must be written as the same bytes.
fn attack<T: Object>(good: &T, fork: Fork, random: &mut StdRng) -> u32 {
    let encoded = good.encode(fork).unwrap();
    assert_eq!(&T::decode(&encoded, fork).unwrap(), good);
    let mut accepted = 0;
    for _ in 0..1500 {
        let mut bytes = encoded.clone();
        for _ in 0..random.random_range(1..4) {
            mutate(&mut bytes, random);
        }
        let form = if random.random_bool(0.8) { fork } else { *Fork::ALL.choose(random).unwrap() };
        match T::decode(&bytes, form) {
            Ok(object) => {
                accepted += 1;
                assert!(object.encode(form).unwrap() == bytes, "a second encoding");
            }
            Err(error) => assert!(error.to_string().starts_with("the bytes are no "), "{error}"),
        }
    }
    accepted
}

#[test]
fn an_object_has_one_encoding() {
    let mut random = StdRng::seed_from_u64(7);
    for fork in FORKS {
        let chain = chain(fork);
        let update = chain.update(50, &Signing::by(51, 3, 25));
        let accepted = attack(&chain.bootstrap(20), fork, &mut random)
            + attack(&update, fork, &mut random)
            + attack(&update.to_finality_update(), fork, &mut random)
            + attack(&update.to_optimistic_update(), fork, &mut random);
        assert!(accepted > 100, "{fork:?}: {accepted} of the altered objects were accepted");
    }
}

#[test]
fn truncations_and_extensions_are_refused() {
    for fork in FORKS {
        let bytes = chain(fork).update(50, &Signing::all(51)).to_ssz_bytes(fork).unwrap();
        for length in 0..bytes.len() {
            // The last field of a payload's header may be shorter: extra data.
            if let Ok(update) = LightClientUpdate::<32>::from_ssz_bytes(&bytes[..length], fork) {
                assert!(update.to_ssz_bytes(fork).unwrap() == bytes[..length]);
                assert!(
                    fork > Fork::Bellatrix && fork < Fork::Gloas && bytes.len() - length <= 32,
                    "{fork:?} {length}"
                );
            }
        }
        let longer = [&bytes[..], &[0; 33]].concat();
        assert!(LightClientUpdate::<32>::from_ssz_bytes(&longer, fork).is_err());
        assert!(
            LightClientUpdate::<512>::from_ssz_bytes(&bytes, fork).is_err(),
            "a committee of another size"
        );
    }
}

#[test]
fn offsets_leave_no_gap_and_do_not_overlap() {
    let bytes = chain(Fork::Electra).update(50, &Signing::all(51)).to_ssz_bytes(Fork::Electra).unwrap();
    // Offsets of the attested and the finalized header.
    let second = 4 + 48 * 33 + 6 * 32;
    for (position, by) in [(0, 1_i64), (0, -1), (second, 1), (second, -1), (second, -200), (second, 1 << 20)]
    {
        let mut wrong = bytes.clone();
        let offset = u32::from_le_bytes(wrong[position..position + 4].try_into().unwrap());
        let offset = u32::try_from(i64::from(offset) + by).unwrap();
        wrong[position..position + 4].copy_from_slice(&offset.to_le_bytes());
        assert!(LightClientUpdate::<32>::from_ssz_bytes(&wrong, Fork::Electra).is_err(), "{position} {by}");
        // A gap, because the offset points over a new byte. Before the second header it would be extra data of the first.
        if (position, by) == (0, 1) {
            wrong.insert(offset as usize - 1, 0);
            assert!(
                LightClientUpdate::<32>::from_ssz_bytes(&wrong, Fork::Electra).is_err(),
                "{position}, a gap"
            );
        }
    }
}

#[test]
fn altered_updates_are_refused_whole() {
    // Whatever is altered in a full update is noticed, but for the slot of the signature, which is not signed, and the sum of
    // a committee's keys, which is proven.
    let mut random = StdRng::seed_from_u64(9);
    for fork in FORKS {
        let chain = chain(fork);
        let context = Context::new(chain.config(), &Native);
        let store = initialize_light_client_store(&context, chain.root(20), chain.bootstrap(20)).unwrap();
        let good = chain.update(50, &Signing::all(51)).to_ssz_bytes(fork).unwrap();
        let mut judged = 0;
        for _ in 0..400 {
            let mut bytes = good.clone();
            mutate(&mut bytes, &mut random);
            let Ok(update) = LightClientUpdate::<32>::from_ssz_bytes(&bytes, fork) else { continue };
            judged += 1;
            let result = validate_light_client_update(&context, &store, &update, 60);
            let unsigned = LightClientUpdate { signature_slot: 51, ..update.clone() };
            let is_same =
                unsigned.to_ssz_bytes(fork).unwrap() == good && (51..=60).contains(&update.signature_slot);
            assert_eq!(result.is_ok(), is_same, "{fork:?}: {result:?}");
        }
        assert!(judged > 100, "{judged}");
    }
}

#[test]
fn stores_and_ranges_have_one_encoding() {
    let chain = BeaconChain::<32>::new(network(Preset::MINIMAL, &[(Fork::Fulu, 0), (Fork::Gloas, 5)]));
    let context = Context::new(chain.config(), &Native);
    let mut store = initialize_light_client_store(&context, chain.root(20), chain.bootstrap(20)).unwrap();
    let mut stores = vec![store.clone()];
    for (slot, signers) in [(50, 32), (55, 20)] {
        let update = chain.update(slot, &Signing::by(slot + 1, 0, signers));
        process_light_client_update(&context, &mut store, update, 60).unwrap();
        stores.push(store.clone());
    }
    assert!(store.next_sync_committee.is_some() && store.best_valid_update.is_some());
    assert!(stores[0].to_ssz_bytes().is_err(), "a header of Fulu has to be upgraded first");
    let mut random = StdRng::seed_from_u64(11);
    for store in stores {
        let store = upgrade_lc_store_to_gloas(&context, store);
        let encoded = store.to_ssz_bytes().unwrap();
        assert_eq!(LightClientStore::<32>::from_ssz_bytes(&encoded).unwrap(), store);
        for _ in 0..2000 {
            let mut bytes = encoded.clone();
            mutate(&mut bytes, &mut random);
            if let Ok(store) = LightClientStore::<32>::from_ssz_bytes(&bytes) {
                assert!(store.to_ssz_bytes().unwrap() == bytes, "a second encoding");
            }
        }
    }
    let updates = [30, 50, 70].map(|slot| chain.update(slot, &Signing::all(slot + 1)));
    let encoded = zeno_consensus_core::chunks::encode_updates(chain.config(), &Native, &updates).unwrap();
    assert_eq!(decode_updates::<32>(chain.config(), &Native, &encoded).unwrap(), updates);
    for _ in 0..2000 {
        let mut bytes = encoded.clone();
        mutate(&mut bytes, &mut random);
        let _ = decode_updates::<32>(chain.config(), &Native, &bytes);
    }
}

#[test]
fn json_under_attack_is_read_or_refused() {
    let mut random = StdRng::seed_from_u64(13);
    for fork in FORKS {
        let chain = chain(fork);
        let update = chain.update(50, &Signing::all(51));
        let text = json::encode(&update, fork).unwrap();
        assert_eq!(json::decode::<LightClientUpdate<32>>(&text).unwrap(), (fork, update.clone()));
        assert!(json::encode(&update, if fork == Fork::Gloas { Fork::Fulu } else { Fork::Gloas }).is_err());
        for _ in 0..1500 {
            let mut bytes = text.clone().into_bytes();
            mutate(&mut bytes, &mut random);
            read_altered::<LightClientUpdate<32>>(&bytes);
            read_altered::<LightClientBootstrap<32>>(&bytes);
        }
        // A list of another length, in each of them.
        for field in ["pubkeys", "next_sync_committee_branch", "finality_branch", "execution_branch"] {
            let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
            let data = &mut value["data"];
            let list = match field {
                "pubkeys" => &mut data["next_sync_committee"]["pubkeys"],
                "execution_branch" if fork < Fork::Capella => continue,
                "execution_branch" => &mut data["finalized_header"]["execution_branch"],
                field => &mut data[field],
            };
            list.as_array_mut().unwrap().pop();
            let error = json::decode::<LightClientUpdate<32>>(&value.to_string()).unwrap_err();
            assert!(error.to_string().contains(field), "{error}");
        }
    }
}

/// Reads altered JSON. What is read must be written and read as the same.
fn read_altered<T: JsonObject + PartialEq + Debug>(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok((fork, object)) = json::decode::<T>(text) {
        let written = json::encode(&object, fork).unwrap();
        assert_eq!(json::decode::<T>(&written).unwrap(), (fork, object));
    }
}

#[test]
fn a_branch_that_a_container_has_no_room_for_is_not_cut() {
    let mut update = chain(Fork::Electra).update(50, &Signing::all(51));
    assert!(update.to_ssz_bytes(Fork::Deneb).is_err(), "a branch of six nodes in a container for five");
    update.next_sync_committee_branch = [[1; 32]; 11];
    assert!(update.to_ssz_bytes(Fork::Electra).is_err());
    assert!(update.to_ssz_bytes(Fork::Phase0).is_err());
    let keys = vec![[1; 48]; 31];
    assert!(SszVector::<[u8; 48], 32>::try_from(keys).is_err());
}
