//! Networks by file: `config.yaml` with the names that all clients use, or the same in JSON.

use crate::{
    config::{BlobParameters, Config, Preset},
    fork::{FAR_FUTURE_EPOCH, Fork, ForkParameters, ForkSchedule},
    types::{Epoch, Root},
};
use alloc::{
    borrow::{Cow, ToOwned as _},
    collections::BTreeMap,
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::fmt;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use thiserror::Error;

/// Reason why a file is no network.
#[derive(Debug, Error)]
pub enum ConfigFileError {
    /// It is neither YAML nor JSON, or has another shape.
    #[error("the network's file can't be read: {0}")]
    Shape(String),
    /// A value is absent.
    #[error("the network's file has no {0}")]
    Missing(String),
    /// A value is no number, or no bytes of this length.
    #[error("{name} is {value:?}, but must be {expected}")]
    Value {
        /// Name of the value.
        name: String,
        /// Value as it is written.
        value: String,
        /// Form that it must have.
        expected: &'static str,
    },
    /// The preset is none of the known ones.
    #[error("PRESET_BASE is {0:?}, but must be mainnet or minimal")]
    Preset(String),
    /// A fork has a date that this program does not know the rules of.
    #[error("{name} is {epoch}, and this program doesn't know the fork: update it")]
    UnknownFork {
        /// Name of the value.
        name: String,
        /// Date of the fork.
        epoch: Epoch,
    },
    /// A fork comes before the one that it follows.
    #[error("{} comes before {}, but must come after it", .fork.name(), .before.name())]
    ForksOutOfOrder {
        /// Fork.
        fork: Fork,
        /// Fork that it follows.
        before: Fork,
    },
}

/// Genesis of a network, which `config.yaml` does not have: the answer of `/eth/v1/beacon/genesis` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Genesis {
    /// Root of the validators.
    pub validators_root: Root,
    /// Time of slot 0, in seconds since 1970.
    pub time: u64,
}

/// Values of a file, as they are written: a version is hex, which a number would lose the zeros of.
#[derive(Debug, Default)]
struct Values {
    scalars: BTreeMap<String, String>,
    blob_schedule: Vec<BTreeMap<String, String>>,
}

/// Names that are read, besides those that end in `_FORK_VERSION` and `_FORK_EPOCH`.
const NAMES: [&str; 8] = [
    "CONFIG_NAME",
    "PRESET_BASE",
    "SECONDS_PER_SLOT",
    "SLOT_DURATION_MS",
    "MAX_BLOBS_PER_BLOCK_ELECTRA",
    GENESIS_VALIDATORS_ROOT,
    GENESIS_TIME,
    "GENESIS_FORK_VERSION",
];
/// Name of the validators' root, which no client's file has, but one for us may.
const GENESIS_VALIDATORS_ROOT: &str = "GENESIS_VALIDATORS_ROOT";
/// Name of the time of genesis, as above.
const GENESIS_TIME: &str = "GENESIS_TIME";

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ValuesVisitor)
    }
}

/// Visitor that keeps the values that are read.
struct ValuesVisitor;

impl<'de> Visitor<'de> for ValuesVisitor {
    type Value = Values;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("names and values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Values, A::Error> {
        let mut values = Values::default();
        while let Some(name) = map.next_key::<String>()? {
            if name == "data" {
                // The answer of `/eth/v1/config/spec`.
                return map.next_value();
            }
            if name == "BLOB_SCHEDULE" {
                values.blob_schedule = map.next_value()?;
            } else if name.ends_with("_FORK_VERSION")
                || name.ends_with("_FORK_EPOCH")
                || NAMES.contains(&name.as_str())
            {
                let value = map.next_value()?;
                values.scalars.insert(name, value);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(values)
    }
}

impl Config {
    /// Reads a network from the text of a file, YAML or JSON, with the names of `config.yaml`.
    ///
    /// The root of the validators and the time of genesis come from `genesis`; where that is `None`, the file has them as
    /// `GENESIS_VALIDATORS_ROOT` and `GENESIS_TIME`.
    ///
    /// # Errors
    /// If something is absent or wrong, or a fork has a date that this program doesn't know.
    pub fn from_file(text: &str, genesis: Option<Genesis>) -> Result<Self, ConfigFileError> {
        let values: Values =
            serde_saphyr::from_str(text).map_err(|error| ConfigFileError::Shape(error.to_string()))?;
        let preset_name = values.text("PRESET_BASE")?;
        let preset = Preset::by_name(preset_name);
        let genesis = match genesis {
            Some(genesis) => genesis,
            None => Genesis {
                validators_root: values.bytes(GENESIS_VALIDATORS_ROOT)?,
                time: values.number(GENESIS_TIME)?,
            },
        };
        let forks = values.forks()?;
        Ok(Self {
            name: Cow::Owned(
                values.scalars.get("CONFIG_NAME").cloned().unwrap_or_else(|| "unnamed".to_owned()),
            ),
            preset: preset.ok_or_else(|| ConfigFileError::Preset(preset_name.to_owned()))?,
            genesis_validators_root: genesis.validators_root,
            genesis_time: genesis.time,
            slot_duration_ms: values.slot_duration_ms()?,
            blob_schedule: Cow::Owned(values.blob_parameters(&forks)?),
            forks,
        })
    }
}

impl Values {
    /// Returns a value as it is written.
    fn text(&self, name: &str) -> Result<&str, ConfigFileError> {
        self.scalars.get(name).map(String::as_str).ok_or_else(|| ConfigFileError::Missing(name.to_owned()))
    }

    /// Returns a number.
    fn number(&self, name: &str) -> Result<u64, ConfigFileError> {
        number(name, self.text(name)?)
    }

    /// Returns bytes that are written in hex.
    fn bytes<const L: usize>(&self, name: &str) -> Result<[u8; L], ConfigFileError> {
        let value = self.text(name)?;
        let bytes = value.strip_prefix("0x").and_then(|digits| const_hex::decode_to_array(digits).ok());
        bytes.ok_or_else(|| ConfigFileError::Value {
            name: name.to_owned(),
            value: value.to_owned(),
            expected: "bytes of its length in hex, with the prefix 0x",
        })
    }

    /// Returns versions and epochs. Forks that the file doesn't name have no date.
    fn forks(&self) -> Result<ForkSchedule, ConfigFileError> {
        let mut schedule = ForkSchedule([ForkParameters { version: [0; 4], epoch: FAR_FUTURE_EPOCH }; 8]);
        let genesis = self.bytes("GENESIS_FORK_VERSION")?;
        schedule.0[0] = ForkParameters { version: genesis, epoch: 0 };
        for fork in Fork::ALL.into_iter().skip(1) {
            let name = fork.name().to_ascii_uppercase();
            let epoch = format!("{name}_FORK_EPOCH");
            if self.scalars.contains_key(&epoch) {
                let version = self.bytes(&format!("{name}_FORK_VERSION"))?;
                schedule.0[fork as usize] = ForkParameters { version, epoch: self.number(&epoch)? };
            }
        }
        let known = |name: &str| Fork::by_name(&name.to_ascii_lowercase()).is_some();
        for (name, value) in &self.scalars {
            let Some(fork) = name.strip_suffix("_FORK_EPOCH") else { continue };
            let epoch = number(name, value)?;
            if !known(fork) && epoch != FAR_FUTURE_EPOCH {
                return Err(ConfigFileError::UnknownFork { name: name.clone(), epoch });
            }
        }
        match schedule.out_of_order() {
            Some(fork) => {
                Err(ConfigFileError::ForksOutOfOrder { fork, before: Fork::ALL[fork as usize - 1] })
            }
            None => Ok(schedule),
        }
    }

    /// Returns the length of a slot.
    fn slot_duration_ms(&self) -> Result<u64, ConfigFileError> {
        // Seconds are the older name.
        let name = if self.scalars.contains_key("SLOT_DURATION_MS") {
            "SLOT_DURATION_MS"
        } else {
            "SECONDS_PER_SLOT"
        };
        let unit = if name == "SLOT_DURATION_MS" { 1 } else { 1000 };
        let duration = self.number(name)?.checked_mul(unit).filter(|duration| *duration > 0);
        duration.ok_or_else(|| ConfigFileError::Value {
            name: name.to_owned(),
            value: self.scalars[name].clone(),
            expected: "a length of time",
        })
    }

    /// Returns the counts of blobs since Electra, by epoch.
    fn blob_parameters(&self, forks: &ForkSchedule) -> Result<Vec<BlobParameters>, ConfigFileError> {
        let mut parameters = Vec::new();
        if self.scalars.contains_key("MAX_BLOBS_PER_BLOCK_ELECTRA") {
            let max_blobs_per_block = self.number("MAX_BLOBS_PER_BLOCK_ELECTRA")?;
            parameters.push(BlobParameters { epoch: forks.of(Fork::Electra).epoch, max_blobs_per_block });
        }
        for entry in &self.blob_schedule {
            let number = |name: &str| match entry.get(name) {
                Some(value) => number(name, value),
                None => Err(ConfigFileError::Missing(format!("BLOB_SCHEDULE: {name}"))),
            };
            let (epoch, max_blobs_per_block) = (number("EPOCH")?, number("MAX_BLOBS_PER_BLOCK")?);
            parameters.push(BlobParameters { epoch, max_blobs_per_block });
        }
        parameters.sort_by_key(|blobs| blobs.epoch);
        Ok(parameters)
    }
}

/// Reads a number.
fn number(name: &str, value: &str) -> Result<u64, ConfigFileError> {
    let is_decimal = value.bytes().all(|digit| digit.is_ascii_digit());
    let number = if is_decimal { value.parse().ok() } else { None };
    number.ok_or_else(|| ConfigFileError::Value {
        name: name.to_owned(),
        value: value.to_owned(),
        expected: "a decimal number of at most 64 bits",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = "\
# A network.
PRESET_BASE: 'mainnet'
CONFIG_NAME: \"mainnet\"
TERMINAL_TOTAL_DIFFICULTY: 58750000000000000000000
DEPOSIT_CONTRACT_ADDRESS: 0x00000000219ab540356cBB839Cbe05303d7705Fa
GENESIS_FORK_VERSION: 0x00000000
ALTAIR_FORK_VERSION: 0x01000000
ALTAIR_FORK_EPOCH: 74240
BELLATRIX_FORK_VERSION: 0x02000000
BELLATRIX_FORK_EPOCH: 144896
CAPELLA_FORK_VERSION: 0x03000000
CAPELLA_FORK_EPOCH: 194048  # a comment
DENEB_FORK_VERSION: 0x04000000
DENEB_FORK_EPOCH: 269568
ELECTRA_FORK_VERSION: 0x05000000
ELECTRA_FORK_EPOCH: 364032
FULU_FORK_VERSION: 0x06000000
FULU_FORK_EPOCH: 411392
GLOAS_FORK_VERSION: 0x07000000
GLOAS_FORK_EPOCH: 18446744073709551615
HEZE_FORK_EPOCH: 18446744073709551615
SECONDS_PER_SLOT: 12
MAX_BLOBS_PER_BLOCK_ELECTRA: 9
BLOB_SCHEDULE:
  - EPOCH: 412672
    MAX_BLOBS_PER_BLOCK: 15
  - EPOCH: 419072
    MAX_BLOBS_PER_BLOCK: 21
";

    fn genesis() -> Option<Genesis> {
        let mainnet = Config::mainnet();
        Some(Genesis { validators_root: mainnet.genesis_validators_root, time: mainnet.genesis_time })
    }

    #[test]
    fn mainnet_by_file_is_the_built_in_one() {
        assert_eq!(Config::from_file(YAML, genesis()).unwrap(), Config::mainnet());
    }

    #[test]
    fn json_is_read_as_well() {
        let json = r#"{"data": {
            "PRESET_BASE": "minimal", "GENESIS_FORK_VERSION": "0x10000038", "ALTAIR_FORK_VERSION": "0x20000038",
            "ALTAIR_FORK_EPOCH": "0", "SLOT_DURATION_MS": "6000", "GENESIS_TIME": 5, "BLOB_SCHEDULE": [],
            "GENESIS_VALIDATORS_ROOT": "0xd1ec305b97bf6336571c2348e4a8bf173684b0cdb7e55f7e6554d51f8478b5a3"
        }}"#;
        let config = Config::from_file(json, None).unwrap();
        assert_eq!(config.preset, Preset::MINIMAL);
        assert_eq!(config.forks.of(Fork::Altair), ForkParameters { version: [0x20, 0, 0, 0x38], epoch: 0 });
        assert_eq!(config.fork_at_slot(u64::MAX), Fork::Altair);
        assert_eq!((config.slot_duration_ms, config.genesis_time), (6000, 5));
    }

    #[test]
    fn faults_are_named() {
        let error = |from: &str, to: &str| {
            assert!(YAML.contains(from), "{from}");
            Config::from_file(&YAML.replace(from, to), genesis()).unwrap_err().to_string()
        };
        assert_eq!(
            error("HEZE_FORK_EPOCH: 18446744073709551615", "HEZE_FORK_EPOCH: 500000"),
            "HEZE_FORK_EPOCH is 500000, and this program doesn't know the fork: update it"
        );
        assert_eq!(
            error("EPOCH: 411392", "EPOCH: 364031"),
            "fulu comes before electra, but must come after it"
        );
        assert!(error("'mainnet'", "'gnosis'").contains("gnosis"));
        assert!(error("0x03000000", "0x030000").contains("CAPELLA_FORK_VERSION"));
        assert!(error("EPOCH: 74240", "EPOCH: -1").contains("ALTAIR_FORK_EPOCH"));
        assert!(error("GENESIS_FORK_VERSION: 0x00000000", "X: 1").contains("GENESIS_FORK_VERSION"));
        assert!(error("SECONDS_PER_SLOT: 12", "SECONDS_PER_SLOT: 0").contains("SECONDS_PER_SLOT"));
        for text in ["", "[]", "PRESET_BASE: [", "\u{0}", "a: &x *x"] {
            assert!(Config::from_file(text, genesis()).is_err(), "{text:?}");
        }
        assert!(Config::from_file(YAML, None).unwrap_err().to_string().contains(GENESIS_VALIDATORS_ROOT));
    }
}
