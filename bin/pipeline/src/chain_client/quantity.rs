//! Quantities of JSON-RPC.

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};
use serde_json::Value;

/// A quantity of JSON-RPC. Text without digits is none; the numbers' own types would read it as 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quantity<T>(pub(super) T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Quantity<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if let Some(text) = value.as_str() {
            let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
                Some(digits) => (digits, 16),
                None => (text, 10),
            };
            if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
                return Err(D::Error::custom(format_args!("{text:?} is no quantity")));
            }
        }
        serde_json::from_value(value).map(Self).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{U64, U256};
    use serde_json::json;

    #[test]
    fn a_quantity_has_digits() {
        let read = |value: Value| {
            serde_json::from_value::<Quantity<U64>>(value).ok().map(|quantity| quantity.0.to())
        };
        for (value, number) in [
            (json!("0x0"), 0_u64),
            (json!("0x1f"), 31),
            (json!("0X1F"), 31),
            (json!("12"), 12),
            (json!(7), 7),
        ] {
            assert_eq!(read(value), Some(number));
        }
        for value in ["", "0x", "0X", "0x_", "_", "-1", "0xg", "1f", " ", "0x1ffffffffffffffff"] {
            assert_eq!(read(json!(value)), None, "{value}");
        }
        assert_eq!((read(Value::Null), read(json!([]))), (None, None));
        let balance =
            serde_json::from_value::<Quantity<U256>>(json!(format!("0x{}", "f".repeat(64)))).unwrap();
        assert_eq!(balance.0, U256::MAX);
    }
}
