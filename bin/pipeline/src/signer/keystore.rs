//! Encrypted keys.

use super::secret_file::{self, OTHERS_WRITE};
use crate::{error::Error, text::printable};
use alloy_primitives::hex;
use alloy_signer_local::PrivateKeySigner;
use eth_keystore::KeystoreError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    fmt::Display,
    fs::File,
    io::{self, Seek, Write},
    os::fd::AsRawFd,
    panic,
    path::Path,
};
use zeroize::Zeroizing;

/// Longest keystore, in bytes. Real ones have about 500.
const MAX_KEYSTORE_BYTES: usize = 64 << 10;
/// Limit on scrypt's n * r * p: 1 GiB of memory, and some seconds. Geth's keystores have 2^21.
const MAX_SCRYPT_COST: u64 = 1 << 23;
/// Limit on scrypt's r and on its p. No keystore goes beyond r = 8 and p = 8.
const MAX_SCRYPT_FACTOR: u64 = 64;
/// Limit on the rounds of PBKDF2: some seconds. Keystores with PBKDF2 have 2^18.
const MAX_PBKDF2_ROUNDS: u64 = 10_000_000;

/// Folder in which a program finds its open files, by their numbers.
pub(super) const OPEN_FILES: &str = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };

/// A keystore of the Web3 Secret Storage Definition, version 3, whose parts are safe for `eth-keystore`: that crate panics
/// at a wrong length, and takes whatever time and memory the file asks for.
pub(super) struct Keystore {
    iv: [u8; 16],
    ciphertext: [u8; 32],
    mac: [u8; 32],
    derivation: Derivation,
}

/// Derivation of the key from the password.
enum Derivation {
    Scrypt { n: u64, r: u64, p: u64, salt: Vec<u8> },
    Pbkdf2 { rounds: u64, salt: Vec<u8> },
}

/// JSON of a keystore.
#[derive(Deserialize)]
struct KeystoreFile {
    version: u64,
    #[serde(alias = "Crypto")]
    crypto: CryptoFile,
}

#[derive(Deserialize)]
struct CryptoFile {
    cipher: String,
    cipherparams: CipherFile,
    ciphertext: String,
    kdf: String,
    kdfparams: DerivationFile,
    mac: String,
}

#[derive(Deserialize)]
struct CipherFile {
    iv: String,
}

#[derive(Deserialize)]
struct DerivationFile {
    dklen: u64,
    salt: String,
    n: Option<u64>,
    r: Option<u64>,
    p: Option<u64>,
    c: Option<u64>,
    prf: Option<String>,
}

impl Keystore {
    /// Reads the file of a keystore, which nobody else may write to.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let bytes = secret_file::read(path, OTHERS_WRITE, MAX_KEYSTORE_BYTES)?;
        Self::parse(&bytes).map_err(|reason| Error::file(path, reason))
    }

    /// Parses a keystore, or returns the reason why it can't be used, in words.
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let file: KeystoreFile = serde_json::from_slice(bytes)
            .map_err(|error| format!("is no keystore: {}", printable(&error.to_string())))?;
        let crypto = file.crypto;
        let expect = |what: &str, value: &str, expected: &str| {
            if value == expected {
                return Ok(());
            }
            Err(format!("has the {what} {:?}; only {expected:?} is supported", printable(value)))
        };
        expect("version", &file.version.to_string(), "3")?;
        expect("cipher", &crypto.cipher, "aes-128-ctr")?;
        let iv = bytes_of("iv", &crypto.cipherparams.iv)?;
        let ciphertext = bytes_of("ciphertext", &crypto.ciphertext)?;
        let mac = bytes_of("mac", &crypto.mac)?;
        let parameters = crypto.kdfparams;
        expect("dklen", &parameters.dklen.to_string(), "32")?;
        let salt =
            hex::decode(&parameters.salt).map_err(|_| "has a salt that is not hexadecimal".to_owned())?;
        let number = |name: &str, value: Option<u64>| {
            value.ok_or_else(|| format!("lacks the parameter {name} of {}", printable(&crypto.kdf)))
        };
        let derivation = match crypto.kdf.as_str() {
            "scrypt" => {
                let [n, r, p] = [("n", parameters.n), ("r", parameters.r), ("p", parameters.p)]
                    .map(|(name, value)| number(name, value));
                let (n, r, p) = (n?, r?, p?);
                let cost = n.checked_mul(r).and_then(|cost| cost.checked_mul(p));
                // RFC 7914 wants n below 2^(16 r).
                let factors = 1..=MAX_SCRYPT_FACTOR;
                let usable = n.is_power_of_two()
                    && n > 1
                    && factors.contains(&r)
                    && factors.contains(&p)
                    && u64::from(n.ilog2()) / 16 < r;
                if !usable || cost.is_none_or(|cost| cost > MAX_SCRYPT_COST) {
                    return Err(format!(
                        "asks scrypt for n = {n}, r = {r}, p = {p}; n has to be a power of 2 above 1 and below 2^(16 r), r and p \
                         at least 1 and at most {MAX_SCRYPT_FACTOR}, and n * r * p at most {MAX_SCRYPT_COST}, which takes 1 GiB"
                    ));
                }
                Derivation::Scrypt { n, r, p, salt }
            }
            "pbkdf2" => {
                expect("prf", parameters.prf.as_deref().unwrap_or_default(), "hmac-sha256")?;
                let rounds = number("c", parameters.c)?;
                if rounds == 0 || rounds > MAX_PBKDF2_ROUNDS {
                    return Err(format!(
                        "asks PBKDF2 for c = {rounds} rounds; they have to be between 1 and {MAX_PBKDF2_ROUNDS}"
                    ));
                }
                Derivation::Pbkdf2 { rounds, salt }
            }
            other => {
                return Err(format!(
                    "has the kdf {:?}; only \"scrypt\" and \"pbkdf2\" are supported",
                    printable(other)
                ));
            }
        };
        Ok(Self { iv, ciphertext, mac, derivation })
    }

    /// The keystore as JSON, with nothing but its checked parts.
    fn json(&self) -> Value {
        let (kdf, parameters) = match &self.derivation {
            Derivation::Scrypt { n, r, p, salt } => {
                ("scrypt", json!({ "dklen": 32, "n": n, "r": r, "p": p, "salt": hex::encode(salt) }))
            }
            Derivation::Pbkdf2 { rounds, salt } => (
                "pbkdf2",
                json!({ "dklen": 32, "c": rounds, "prf": "hmac-sha256", "salt": hex::encode(salt) }),
            ),
        };
        json!({
            "version": 3,
            // Its reader requires one.
            "id": "00000000-0000-0000-0000-000000000000",
            "crypto": {
                "cipher": "aes-128-ctr",
                "cipherparams": { "iv": hex::encode(self.iv) },
                "ciphertext": hex::encode(self.ciphertext),
                "kdf": kdf,
                "kdfparams": parameters,
                "mac": hex::encode(self.mac),
            },
        })
    }

    /// Decrypts the key, or returns the reason why there is none, in words.
    pub(super) fn decrypt(&self, password: &str) -> Result<PrivateKeySigner, String> {
        let defect = "its parameters are not those of a keystore";
        fn failed(error: impl Display) -> String {
            format!("a copy of it in memory, for what decrypts it: {error}")
        }
        // The library reads files only, by their path. This one holds the checked parts, and ends with this function.
        let mut file = nameless_file().map_err(failed)?;
        file.write_all(self.json().to_string().as_bytes()).map_err(failed)?;
        file.rewind().map_err(failed)?;
        let path = format!("{OPEN_FILES}/{}", file.as_raw_fd());
        let decrypted = panic::catch_unwind(|| eth_keystore::decrypt_key(&path, password));
        let key = match decrypted {
            Ok(Ok(key)) => Zeroizing::new(key),
            Ok(Err(KeystoreError::MacMismatch)) => {
                return Err("the password is wrong, or the file is damaged".to_owned());
            }
            Ok(Err(KeystoreError::StdIo(error))) => return Err(failed(error)),
            Ok(Err(_)) | Err(_) => return Err(defect.to_owned()),
        };
        PrivateKeySigner::from_slice(&key).map_err(|_| "what it holds is no private key".to_owned())
    }
}

/// Opens a file without a name in any folder.
#[cfg(target_os = "linux")]
fn nameless_file() -> io::Result<File> {
    use rustix::fs::{MemfdFlags, memfd_create};
    Ok(memfd_create("keystore", MemfdFlags::CLOEXEC)?.into())
}

/// Opens a file without a name in any folder.
#[cfg(not(target_os = "linux"))]
fn nameless_file() -> io::Result<File> {
    tempfile::tempfile()
}

fn bytes_of<const N: usize>(name: &str, text: &str) -> Result<[u8; N], String> {
    hex::decode_to_array(text).map_err(|_| format!("has another {name} than {N} bytes in hexadecimal"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signer::parse;

    /// The example of the definition.
    fn keystore() -> Value {
        // <https://ethereum.org/developers/docs/data-structures-and-encoding/web3-secret-storage>, "PBKDF2-SHA-256".
        json!({
            "crypto": {
                "cipher": "aes-128-ctr",
                "cipherparams": { "iv": "6087dab2f9fdbbfaddc31a909735c1e6" },
                "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
                "kdf": "pbkdf2",
                "kdfparams": {
                    "c": 262_144,
                    "dklen": 32,
                    "prf": "hmac-sha256",
                    "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"
                },
                "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"
            },
            "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
            "version": 3
        })
    }

    /// The same key under scrypt with the costs of geth's `--lightkdf`, made by Python's hashlib and pycryptodome. The page's
    /// own example has n = 2^18 and r = 1, which RFC 7914 forbids.
    fn scrypt() -> Value {
        let mut keystore = keystore();
        keystore["crypto"] = json!({
            "cipher": "aes-128-ctr",
            "cipherparams": { "iv": "83dbcc02d8ccb40e466191a123791e0e" },
            "ciphertext": "584f4eb2783472ec149b334c22d77ddbf118a0783ea24e66ca8a7883cd2b4bf5",
            "kdf": "scrypt",
            "kdfparams": {
                "dklen": 32,
                "n": 4096,
                "p": 6,
                "r": 8,
                "salt": "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19"
            },
            "mac": "860ad3ce9642f99d709abc696e25ede7cd35daf6a6041e975d14c53dae118886"
        });
        keystore
    }

    fn parsed(keystore: &Value) -> Result<Keystore, String> {
        Keystore::parse(keystore.to_string().as_bytes())
    }

    #[test]
    fn decrypts_keystores_of_both_kinds() {
        let key = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d";
        let address = parse(key.as_bytes()).unwrap().address();
        for keystore in [keystore(), scrypt()] {
            let keystore = parsed(&keystore).unwrap();
            assert_eq!(keystore.decrypt("testpassword").unwrap().address(), address);
            let wrong = keystore.decrypt("testpassworD").unwrap_err();
            assert!(wrong.contains("the password is wrong"), "{wrong}");
        }
    }

    #[test]
    fn refuses_keystores_that_break_their_library() {
        let altered = |original: Value, pointer: &str, value: Value| {
            let mut keystore = original;
            *keystore.pointer_mut(pointer).expect(pointer) = value;
            let reason = parsed(&keystore).err().unwrap_or_else(|| panic!("{pointer}: {keystore}"));
            assert!(!reason.contains('\u{1b}') && reason.len() < 600, "{reason}");
        };
        for length in [0, 8, 16, 31, 33, 64, 255, 256, u64::MAX] {
            altered(keystore(), "/crypto/kdfparams/dklen", json!(length));
            altered(scrypt(), "/crypto/kdfparams/dklen", json!(length));
        }
        for (part, bytes) in
            [("/crypto/cipherparams/iv", 16), ("/crypto/ciphertext", 32), ("/crypto/mac", 32)]
        {
            for length in [0, bytes - 1, bytes + 1, 1000] {
                altered(keystore(), part, json!("ab".repeat(length)));
            }
            altered(keystore(), part, json!("zz".repeat(bytes)));
            altered(keystore(), part, Value::Null);
        }
        let pairs = [
            (json!(1u64 << 40), 1, 1),
            (json!(262_144), 64, 1),
            (json!(262_144), 8, 8),
            (json!(2), 1 << 23, 16),
            // Little memory, and much time.
            (json!(2), 1 << 22, 1),
            (json!(2), 1, 1 << 22),
            (json!(2), 65, 1),
            (json!(2), 1, 65),
            (json!(1 << 22), 1, 2),
        ];
        for (n, r, p) in pairs {
            let mut keystore = scrypt();
            keystore["crypto"]["kdfparams"]["r"] = json!(r);
            keystore["crypto"]["kdfparams"]["p"] = json!(p);
            altered(keystore, "/crypto/kdfparams/n", n);
        }
        let mut forbidden = scrypt();
        forbidden["crypto"]["kdfparams"]["r"] = json!(1);
        altered(forbidden, "/crypto/kdfparams/n", json!(262_144));
        for n in [json!(0), json!(1), json!(262_143), json!(u64::MAX), json!(1e30), json!(-2), json!("2")] {
            altered(scrypt(), "/crypto/kdfparams/n", n);
        }
        for value in [json!(0), json!(u64::from(u32::MAX) + 1), json!(u64::MAX)] {
            altered(scrypt(), "/crypto/kdfparams/r", value.clone());
            altered(scrypt(), "/crypto/kdfparams/p", value.clone());
            altered(keystore(), "/crypto/kdfparams/c", value);
        }
        for kdf in ["", "argon2id", "scrypt ", "\u{1b}[2K"] {
            altered(keystore(), "/crypto/kdf", json!(kdf));
        }
        // One derivation's name over the other's parameters.
        altered(keystore(), "/crypto/kdf", json!("scrypt"));
        altered(scrypt(), "/crypto/kdf", json!("pbkdf2"));
        altered(keystore(), "/crypto/kdfparams/prf", json!("hmac-sha512"));
        altered(keystore(), "/crypto/cipher", json!("aes-256-ctr"));
        altered(keystore(), "/version", json!(1));
        altered(keystore(), "/crypto", json!([]));
        assert!(Keystore::parse(b"").is_err() && Keystore::parse(&[0xff; 100]).is_err());
    }

    /// The decrypted key is checked as well: a keystore may hold any 32 bytes.
    #[test]
    fn a_keystore_of_no_key_is_refused() {
        let mut keystore = parsed(&keystore()).unwrap();
        // The same key stream, over what makes it zeros.
        let key = hex::decode("7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d").unwrap();
        keystore.ciphertext.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        assert!(keystore.decrypt("testpassword").is_err());
    }
}
