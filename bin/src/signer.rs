//! The key that signs transactions.

use crate::{args::SignerArgs, failure::Failure, files};
use alloy_primitives::{B256, hex};
use alloy_signer_local::PrivateKeySigner;
use std::env;

const KEY_VARIABLE: &str = "ZENO_PRIVATE_KEY";
const PASSWORD_VARIABLE: &str = "ZENO_KEYSTORE_PASSWORD";

/// The key that the arguments or the environment name. No error repeats any of it.
pub(crate) fn load(args: &SignerArgs) -> Result<PrivateKeySigner, Failure> {
    if let Some(path) = &args.keystore {
        let password = match &args.password_file {
            Some(path) => {
                let text = String::from_utf8(files::read(path)?)
                    .map_err(|_| Failure::file(path, "is not text; it should hold a password"))?;
                text.trim_end_matches(['\r', '\n']).to_owned()
            }
            None => env::var(PASSWORD_VARIABLE).map_err(|_| {
                Failure::file(
                    path,
                    format_args!(
                        "needs a password: name its file with --password-file, or set {PASSWORD_VARIABLE}"
                    ),
                )
            })?,
        };
        return PrivateKeySigner::decrypt_keystore(path, password)
            .map_err(|error| Failure::file(path, format_args!("can't be decrypted: {error}")));
    }
    if let Some(path) = &args.key_file {
        return parse(&String::from_utf8_lossy(&files::read(path)?))
            .ok_or_else(|| Failure::file(path, "is no private key: 64 hexadecimal digits"));
    }
    match env::var(KEY_VARIABLE) {
        Ok(text) => parse(&text).ok_or_else(|| {
            Failure::other(format_args!("{KEY_VARIABLE} holds no private key: 64 hexadecimal digits"))
        }),
        Err(_) => Err(Failure::other(format_args!(
            "a transaction needs a signer: name --keystore or --key-file, or set {KEY_VARIABLE}"
        ))),
    }
}

fn parse(text: &str) -> Option<PrivateKeySigner> {
    let key: [u8; 32] = hex::decode_to_array(text.trim()).ok()?;
    PrivateKeySigner::from_bytes(&B256::from(key)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_keys_with_and_without_a_prefix() {
        // The first of anvil's accounts.
        let key = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
        for text in [key.to_owned(), format!("0x{key}\n")] {
            let address = parse(&text).unwrap().address().to_string();
            assert_eq!(address, "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
        }
        for text in ["", "0x", &key[1..], &format!("{key}00"), &"0".repeat(64), &"f".repeat(64), "no key"] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
