//! The key that signs transactions. It is wiped from memory when it isn't needed any more, as far as this program holds it.

mod keystore;
mod secret_file;

use self::{keystore::Keystore, secret_file::OTHERS};
use crate::{error::Error, setting::Setting};
use alloy_primitives::{Address, hex};
use alloy_signer_local::PrivateKeySigner;
use std::{
    fmt::{self, Debug, Formatter},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// Variable with a private key, which errors name.
pub const KEY_VARIABLE: &str = "ZENO_PRIVATE_KEY";
/// Variable with the password of a keystore, which errors name.
pub const PASSWORD_VARIABLE: &str = "ZENO_KEYSTORE_PASSWORD";

/// Longest file of a key or a password, in bytes.
const MAX_SECRET_BYTES: usize = 4 << 10;

/// The account that pays for transactions, and the source of its key.
#[derive(Clone)]
pub enum SignerOptions {
    /// An account without its key, for a dry run.
    Account(Address),
    /// An encrypted key, as geth and others write it.
    Keystore {
        /// The keystore.
        path: PathBuf,
        /// File of the password.
        password_file: Option<PathBuf>,
        /// The password, where there is no file.
        password: Option<Zeroizing<String>>,
    },
    /// A file with a private key, 64 hexadecimal digits.
    KeyFile(PathBuf),
    /// A private key, 64 hexadecimal digits as ASCII text. `None` stands for no signer at all.
    Key(Option<Zeroizing<Vec<u8>>>),
}

impl Debug for SignerOptions {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(address) => f.debug_tuple("Account").field(address).finish(),
            Self::Keystore { path, .. } => {
                f.debug_struct("Keystore").field("path", path).finish_non_exhaustive()
            }
            Self::KeyFile(path) => f.debug_tuple("KeyFile").field(path).finish(),
            Self::Key(_) => f.debug_tuple("Key").finish_non_exhaustive(),
        }
    }
}

/// The account that the options name, and its key unless they name the account alone. No error repeats any secret.
pub(crate) fn load(options: &SignerOptions) -> Result<(Address, Option<PrivateKeySigner>), Error> {
    let signer = match options {
        SignerOptions::Account(address) => return Ok((*address, None)),
        SignerOptions::Keystore { path, password_file, password } => {
            from_keystore(path, password_file.as_deref(), password.as_ref())?
        }
        SignerOptions::KeyFile(path) => {
            let text = secret_file::read(path, OTHERS, MAX_SECRET_BYTES)?;
            parse(&text).ok_or_else(|| Error::file(path, "is no private key: 64 hexadecimal digits"))?
        }
        SignerOptions::Key(Some(text)) => parse(text).ok_or_else(|| {
            Error::other(format_args!("{KEY_VARIABLE} holds no private key: 64 hexadecimal digits"))
        })?,
        SignerOptions::Key(None) => {
            return Err(Error::other(format_args!(
                "a transaction needs a signer: name a keystore or the file of a key, or set {KEY_VARIABLE}"
            ))
            .with_settings([Setting::Signer]));
        }
    };
    Ok((signer.address(), Some(signer)))
}

fn from_keystore(
    path: &Path,
    password_file: Option<&Path>,
    password: Option<&Zeroizing<String>>,
) -> Result<PrivateKeySigner, Error> {
    let keystore = Keystore::read(path)?;
    let from_file = password_file.map(read_password).transpose()?;
    let password = from_file.as_ref().or(password).ok_or_else(|| {
        Error::file(
            path,
            format_args!("needs a password: name the password's file, or set {PASSWORD_VARIABLE}"),
        )
        .with_settings([Setting::PasswordFile])
    })?;
    keystore
        .decrypt(password)
        .map_err(|reason| Error::file(path, format_args!("can't be decrypted: {reason}")))
}

fn read_password(path: &Path) -> Result<Zeroizing<String>, Error> {
    let bytes = secret_file::read(path, OTHERS, MAX_SECRET_BYTES)?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Error::file(path, "is not text; it should hold a password"))?;
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

fn parse(text: &[u8]) -> Option<PrivateKeySigner> {
    let key: Zeroizing<[u8; 32]> = Zeroizing::new(hex::decode_to_array(text.trim_ascii()).ok()?);
    PrivateKeySigner::from_slice(&*key).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_keys_with_and_without_a_prefix() {
        // The first of anvil's accounts.
        let key = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
        for text in [key.to_owned(), format!("0x{key}\n")] {
            let address = parse(text.as_bytes()).unwrap().address().to_string();
            assert_eq!(address, "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
        }
        for text in ["", "0x", &key[1..], &format!("{key}00"), &"0".repeat(64), &"f".repeat(64), "no key"] {
            assert!(parse(text.as_bytes()).is_none(), "{text}");
        }
    }
}
