//! Objects of any kind, and what the suites share.
#![allow(dead_code, reason = "each suite uses a part")]

use serde::de::DeserializeOwned;
use std::{fs, path::Path};
use zeno_consensus_core::{
    Context, Fork, LightClientBootstrap, LightClientError, LightClientFinalityUpdate,
    LightClientOptimisticUpdate, LightClientStore, LightClientUpdate,
    crypto::{Native, Portable},
    get_lc_execution_root, process_light_client_finality_update, process_light_client_optimistic_update,
    process_light_client_update,
    types::{Root, Slot},
};
use zeno_consensus_testing::shared::light_client_dir;

/// Rules of a network with the host's cryptography.
pub(crate) type Rules<'a> = Context<'a, Native>;
/// Rules of a network with the cryptography in Rust alone.
pub(crate) type PortableRules<'a> = Context<'a, Portable>;

/// Reads a file of the shared data.
pub(crate) fn read(path: impl AsRef<Path>) -> Vec<u8> {
    let path = light_client_dir().join(path);
    fs::read(&path).unwrap_or_else(|error| {
        panic!("{}: {error} (set ZENO_SHARED to the folder of shared data)", path.display())
    })
}

/// Reads a file of JSON of the shared data.
pub(crate) fn read_json<T: DeserializeOwned>(path: impl AsRef<Path>) -> T {
    let path = path.as_ref();
    serde_json::from_slice(&read(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Reads hex of a known length.
pub(crate) fn hex<const L: usize>(text: &str) -> [u8; L] {
    let digits = text.trim().trim_start_matches("0x");
    assert_eq!(digits.len(), 2 * L, "{text}");
    std::array::from_fn(|index| u8::from_str_radix(&digits[2 * index..2 * index + 2], 16).expect("hex"))
}

/// Writes hex.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// Update of any kind.
#[derive(Clone)]
#[expect(clippy::large_enum_variant, reason = "the largest variant is the usual one")]
pub(crate) enum AnyUpdate<const N: usize> {
    Full(LightClientUpdate<N>),
    Finality(LightClientFinalityUpdate<N>),
    Optimistic(LightClientOptimisticUpdate<N>),
}

impl<const N: usize> AnyUpdate<N> {
    /// Decodes an update, and checks that it has no other encoding.
    pub(crate) fn from_ssz(kind: &str, bytes: &[u8], fork: Fork) -> Self {
        let (update, encoded) = match kind {
            "update" => {
                let update = LightClientUpdate::from_ssz_bytes(bytes, fork).unwrap();
                let encoded = update.to_ssz_bytes(fork);
                (Self::Full(update), encoded)
            }
            "finality" => {
                let update = LightClientFinalityUpdate::from_ssz_bytes(bytes, fork).unwrap();
                let encoded = update.to_ssz_bytes(fork);
                (Self::Finality(update), encoded)
            }
            "optimistic" => {
                let update = LightClientOptimisticUpdate::from_ssz_bytes(bytes, fork).unwrap();
                let encoded = update.to_ssz_bytes(fork);
                (Self::Optimistic(update), encoded)
            }
            other => panic!("no kind of update is {other}"),
        };
        assert!(encoded.unwrap() == bytes, "the {kind} has another encoding");
        update
    }

    /// Brings the update into the type that the rules are written for.
    pub(crate) fn into_full(self) -> LightClientUpdate<N> {
        match self {
            Self::Full(update) => update,
            Self::Finality(update) => update.into(),
            Self::Optimistic(update) => update.into(),
        }
    }

    /// Shows the update to a store, by the function of its kind.
    pub(crate) fn process(
        self,
        rules: &Rules<'_>,
        store: &mut LightClientStore<N>,
        slot: Slot,
    ) -> Result<(), LightClientError> {
        match self {
            Self::Full(update) => process_light_client_update(rules, store, update, slot),
            Self::Finality(update) => process_light_client_finality_update(rules, store, update, slot),
            Self::Optimistic(update) => process_light_client_optimistic_update(rules, store, update, slot),
        }
    }
}

/// Decodes a bootstrap, and checks that it has no other encoding.
pub(crate) fn bootstrap<const N: usize>(bytes: &[u8], fork: Fork) -> LightClientBootstrap<N> {
    let bootstrap = LightClientBootstrap::from_ssz_bytes(bytes, fork).unwrap();
    assert!(bootstrap.to_ssz_bytes(fork).unwrap() == bytes, "the bootstrap has another encoding");
    bootstrap
}

/// Returns slot, root and execution root of a store's finalized header, and of its optimistic one.
pub(crate) fn heads<const N: usize>(
    rules: &Rules<'_>,
    store: &LightClientStore<N>,
) -> [(Slot, Root, Root); 2] {
    [&store.finalized_header, &store.optimistic_header].map(|header| {
        (header.beacon.slot, header.beacon_root(rules.crypto), get_lc_execution_root(rules, header))
    })
}
