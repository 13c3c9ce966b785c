//! Amounts of ether, read from text and written in sentences.

use alloy_primitives::{
    U256,
    utils::{format_units, parse_units},
};

/// Units of an amount, and their decimals.
const UNITS: [(&str, usize); 3] = [("ether", 18), ("gwei", 9), ("wei", 0)];

/// Reads a limit of costs, in wei. A number without a unit counts ether.
///
/// # Errors
/// A sentence, if the text is no amount or the amount is 0.
pub fn max_cost(text: &str) -> Result<U256, String> {
    let wei = parse(text, "ether")?;
    if wei.is_zero() {
        return Err(
            "no transaction costs nothing; name an amount such as 0.05ether or 20000000gwei".to_owned()
        );
    }
    Ok(wei)
}

/// Reads a limit of the price of a unit of gas, in wei. A number without a unit counts gwei.
///
/// # Errors
/// A sentence, if the text is no amount or the amount is 2^128 wei or more.
pub fn gas_price(text: &str) -> Result<u128, String> {
    parse(text, "gwei")?.try_into().map_err(|_| format!("{text} is more than all ether that there is"))
}

/// Reads an amount, in wei: a decimal number, and `ether`, `gwei` or `wei`.
fn parse(text: &str, default: &str) -> Result<U256, String> {
    let text = text.trim();
    let digits = text.find(|character: char| !character.is_ascii_digit() && character != '.');
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let unit = match unit.trim_start() {
        "" => default,
        unit => unit,
    };
    let example = format!(
        "write a number and a unit, such as 0.05ether, 2gwei or 100wei; without a unit it is {default}"
    );
    let (_, decimals) = UNITS
        .into_iter()
        .find(|(name, _)| *name == unit)
        .ok_or_else(|| format!("{unit:?} is no unit of ether; {example}"))?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || fraction.contains('.') || number.ends_with('.') {
        return Err(format!("{number:?} is no amount; {example}"));
    }
    // The library would cut superfluous decimals off.
    if fraction.trim_end_matches('0').len() > decimals {
        return Err(format!("{text:?} is no whole number of wei"));
    }
    parse_units(number, unit)
        .map(|amount| amount.get_absolute())
        .map_err(|_| format!("{text:?} is more than 2^256 wei"))
}

/// Writes an amount of wei in the unit that suits it.
pub fn amount(wei: U256) -> String {
    let unit = match wei {
        wei if wei >= U256::from(100_000_000_000_000_u64) => "ether",
        wei if wei >= U256::from(1_000_000_u64) => "gwei",
        _ => "wei",
    };
    // The units are the library's own.
    let number = format_units(wei, unit).unwrap_or_else(|_| wei.to_string());
    let number = match number.split_once('.') {
        Some((whole, fraction)) if fraction.trim_end_matches('0').is_empty() => whole,
        Some(_) => number.trim_end_matches('0'),
        None => &number,
    };
    format!("{number} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_amounts_with_and_without_units() {
        let ether = U256::from(1_000_000_000_000_000_000_u64);
        for text in [
            "1",
            "1ether",
            "1 ether",
            "1.0",
            "1.000000000000000000",
            "1000000000gwei",
            "1000000000000000000 wei",
        ] {
            assert_eq!(max_cost(text), Ok(ether), "{text}");
        }
        assert_eq!(max_cost("0.05ether"), Ok(ether / U256::from(20)));
        assert_eq!(max_cost("0.000000000000000001"), Ok(U256::from(1)));
        assert_eq!(gas_price("2"), Ok(2_000_000_000));
        assert_eq!(gas_price("0.5 gwei"), Ok(500_000_000));
        assert_eq!(gas_price("7wei"), Ok(7));
        assert_eq!(gas_price("0"), Ok(0));
    }

    #[test]
    fn refuses_what_is_no_amount() {
        let long = "9".repeat(100);
        for text in [
            "",
            " ",
            "0",
            "0.0",
            "0wei",
            "ether",
            ".5",
            "5.",
            "1.2.3",
            "-1",
            "+1",
            "1e18",
            "0x10",
            "1,5",
            "1_000",
            "1 eth",
            "1Ether",
            "1kwei",
            "1 ether ether",
            "0.5wei",
            "0.0000000000000000001",
            "NaN",
            "inf",
            "१",
            &long,
        ] {
            let error = max_cost(text).expect_err(text);
            assert!(error.len() > 20, "{error}");
        }
        for text in ["", "-1", "1e9", "0.5wei", "0.0000000001", "1000000000000000000000ether"] {
            gas_price(text).expect_err(text);
        }
    }

    #[test]
    fn amounts_are_shown_whole() {
        for (wei, text) in [
            (0_u128, "0 wei"),
            (999_999, "999999 wei"),
            (2_500_000_000, "2.5 gwei"),
            (50_000_000_000_000_000, "0.05 ether"),
            (100_000_000_000_000_000_000, "100 ether"),
            (100_000_000_000_001, "0.000100000000000001 ether"),
        ] {
            assert_eq!(amount(U256::from(wei)), text);
            assert_eq!(max_cost(text).unwrap_or_default(), U256::from(wei), "{text}");
        }
    }
}
