//! Lenient reading of the nodes' JSON: `null` counts as absent, and an absent value as empty if a hash or a proof
//! checks the result.
//!
//! Objects and lists are read piece by piece, and each piece is a slice of the answer. Therefore a hostile answer takes
//! at most a few times its own length in memory.

use alloy_primitives::{Bytes, U64, U128};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use std::fmt;

/// Limit on the fields of an object. Blocks, transactions and proofs have about thirty.
const MAX_FIELDS: usize = 256;
/// Limit on the items of a list: more than a block has transactions, or a request has slots.
const MAX_ITEMS: usize = 1 << 17;
/// Approximate memory of a byte string in addition to its content, in bytes.
const ITEM_OVERHEAD: usize = 64;
/// Limit on the memory of a list of byte strings, in bytes.
const MAX_BYTE_STRINGS: usize = 1 << 30;

/// The fields of an object that are not `null`.
#[derive(Debug)]
pub(crate) struct Object<'a> {
    fields: Vec<(String, &'a RawValue)>,
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    if value.get() == "null" {
                        continue;
                    }
                    if fields.len() == MAX_FIELDS {
                        return Err(A::Error::custom(format_args!("more than {MAX_FIELDS} fields")));
                    }
                    fields.push((name, value));
                }
                Ok(Object { fields })
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

impl<'a> Object<'a> {
    /// Parses an object, but not the values in it.
    ///
    /// # Errors
    /// A sentence if the text is no object.
    pub(crate) fn parse(text: &'a RawValue) -> Result<Self, String> {
        serde_json::from_str(text.get()).map_err(|error| error.to_string())
    }

    /// Names of the fields that are not `null`.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| name.as_str())
    }

    /// The value of the field with the first of these names that is present.
    pub(crate) fn get(&self, names: &[&str]) -> Option<&'a RawValue> {
        names
            .iter()
            .find_map(|name| self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| *value))
    }

    /// The value of a field; `None` if it is absent or `null`.
    ///
    /// # Errors
    /// A sentence that names the field, if its value has another type.
    pub(crate) fn read<T: DeserializeOwned>(&self, names: &[&str]) -> Result<Option<T>, String> {
        self.get(names).map(|value| read(names[0], value)).transpose()
    }

    /// The value of a field, or the type's empty value.
    ///
    /// # Errors
    /// Same as [`read`](Self::read).
    pub(crate) fn or_empty<T: DeserializeOwned + Default>(&self, names: &[&str]) -> Result<T, String> {
        Ok(self.read(names)?.unwrap_or_default())
    }

    /// The value of a required field.
    ///
    /// # Errors
    /// Same as [`read`](Self::read); also if the field is absent.
    pub(crate) fn need<T: DeserializeOwned>(&self, names: &[&str]) -> Result<T, String> {
        self.read(names)?.ok_or_else(|| missing(names[0]))
    }

    /// A number of 64 bits; `None` if it is absent or `null`.
    ///
    /// # Errors
    /// Same as [`read`](Self::read).
    pub(crate) fn number(&self, names: &[&str]) -> Result<Option<u64>, String> {
        Ok(self.read::<U64>(names)?.map(|number| number.to()))
    }

    /// A required number of 128 bits.
    ///
    /// # Errors
    /// Same as [`need`](Self::need).
    pub(crate) fn need_u128(&self, names: &[&str]) -> Result<u128, String> {
        Ok(self.need::<U128>(names)?.to())
    }

    /// A required number of 64 bits.
    ///
    /// # Errors
    /// Same as [`need`](Self::need).
    pub(crate) fn need_u64(&self, names: &[&str]) -> Result<u64, String> {
        self.number(names)?.ok_or_else(|| missing(names[0]))
    }

    /// The items of a list that are not `null`, each read by `item`. An absent list is empty.
    ///
    /// # Errors
    /// A sentence that names the field and the item's position.
    pub(crate) fn list<T>(
        &self,
        names: &[&str],
        item: impl Fn(&'a RawValue) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        let Some(value) = self.get(names) else { return Ok(Vec::new()) };
        items(value, item).map_err(|error| format!("field `{}`: {error}", names[0]))
    }
}

/// The items of a list that are not `null`, each read by `item`.
///
/// # Errors
/// A sentence that names the item's position.
pub(crate) fn items<'a, T>(
    value: &'a RawValue,
    item: impl Fn(&'a RawValue) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let List(items) = serde_json::from_str(value.get()).map_err(|error| error.to_string())?;
    let items = items.into_iter().enumerate();
    items.map(|(index, value)| item(value).map_err(|error| format!("item {index}: {error}"))).collect()
}

fn missing(name: &str) -> String {
    format!("field `{name}` is missing")
}

fn read<T: DeserializeOwned>(name: &str, value: &RawValue) -> Result<T, String> {
    parse(value).map_err(|error| format!("field `{name}`: {error}"))
}

/// Parses a value.
///
/// # Errors
/// A sentence if the text is no value of the type.
pub(crate) fn parse<T: DeserializeOwned>(value: &RawValue) -> Result<T, String> {
    serde_json::from_str(value.get()).map_err(|error| error.to_string())
}

/// The items of a list that are not `null`.
#[derive(Debug)]
struct List<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for List<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items;
        impl<'de> Visitor<'de> for Items {
            type Value = List<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<List<'de>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element::<&RawValue>()? {
                    if item.get() == "null" {
                        continue;
                    }
                    if items.len() == MAX_ITEMS {
                        return Err(A::Error::custom(format_args!("more than {MAX_ITEMS} items")));
                    }
                    items.push(item);
                }
                Ok(List(items))
            }
        }
        deserializer.deserialize_seq(Items)
    }
}

/// Byte strings: a list of them, the values of an object, or nothing. `null` and empty ones are left out.
#[derive(Debug, Default)]
pub(crate) struct ByteStrings(pub(crate) Vec<Bytes>);

/// Reads one more byte string, within the limit.
struct Next<'a> {
    items: &'a mut Vec<Bytes>,
    /// Memory of the items, in bytes.
    size: &'a mut usize,
}

impl<'de> DeserializeSeed<'de> for Next<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Some(item) = Option::<Bytes>::deserialize(deserializer)?.filter(|item| !item.is_empty()) else {
            return Ok(());
        };
        *self.size += item.len() + ITEM_OVERHEAD;
        if *self.size > MAX_BYTE_STRINGS {
            return Err(D::Error::custom(format_args!(
                "byte strings that take more than {MAX_BYTE_STRINGS} bytes"
            )));
        }
        self.items.push(item);
        Ok(())
    }
}

impl<'de> Deserialize<'de> for ByteStrings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items;
        impl<'de> Visitor<'de> for Items {
            type Value = ByteStrings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of byte strings, or an object of them")
            }

            fn visit_unit<E>(self) -> Result<ByteStrings, E> {
                Ok(ByteStrings::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ByteStrings, A::Error> {
                let (mut items, mut size) = (Vec::new(), 0);
                while list.next_element_seed(Next { items: &mut items, size: &mut size })?.is_some() {}
                Ok(ByteStrings(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ByteStrings, A::Error> {
                let (mut items, mut size) = (Vec::new(), 0);
                // The names are only the values' hashes.
                while map.next_key::<serde::de::IgnoredAny>()?.is_some() {
                    map.next_value_seed(Next { items: &mut items, size: &mut size })?;
                }
                Ok(ByteStrings(items))
            }
        }
        deserializer.deserialize_any(Items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn null_is_absent() {
        let text = raw(r#"{"a": null, "b": "0x5", "c": [null, "0x6"]}"#);
        let object = Object::parse(&text).unwrap();
        assert_eq!(object.names().collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!(object.number(&["a"]), Ok(None));
        assert_eq!(object.number(&["b"]), Ok(Some(5)));
        assert_eq!(object.list(&["a"], parse::<U64>), Ok(vec![]));
        assert_eq!(object.list(&["c"], parse::<U64>), Ok(vec![U64::from(6)]));
        assert_eq!(object.need_u64(&["a"]).unwrap_err(), "field `a` is missing");
        assert!(object.need_u64(&["c"]).unwrap_err().starts_with("field `c`: "));
    }

    #[test]
    fn objects_and_lists_are_bounded() {
        let fields = (0..=MAX_FIELDS).map(|index| format!("\"{index}\":0")).collect::<Vec<_>>().join(",");
        assert!(Object::parse(&raw(&format!("{{{fields}}}"))).unwrap_err().contains("more than 256 fields"));
        let text = raw(&json!({ "list": vec![0; MAX_ITEMS + 1] }).to_string());
        let error = Object::parse(&text).unwrap().list(&["list"], parse::<u8>).unwrap_err();
        assert!(error.contains("more than 131072 items"), "{error}");
    }

    #[test]
    fn byte_strings_are_read_in_every_shape() {
        for text in [r#"["0x01", null, "0x02", "0x"]"#, r#"{"x": "0x01", "y": null, "z": "0x02"}"#] {
            let ByteStrings(items) = parse(&raw(text)).unwrap();
            assert_eq!(items, [Bytes::from_static(&[1]), Bytes::from_static(&[2])], "{text}");
        }
        assert!(parse::<ByteStrings>(&raw("null")).unwrap().0.is_empty());
        let error = parse::<ByteStrings>(&raw("7")).unwrap_err();
        assert!(error.contains("a list of byte strings"), "{error}");
    }
}
