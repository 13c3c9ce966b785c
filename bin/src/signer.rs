//! The key that signs transactions. It is wiped from memory when it isn't needed any more, as far as this program holds it.

use crate::{
    args::SignerArgs,
    failure::Failure,
    text::{path as shown, printable},
};
use alloy_primitives::hex;
use alloy_signer_local::PrivateKeySigner;
use eth_keystore::KeystoreError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    env,
    fmt::Display,
    fs::{self, File, Metadata},
    io::{self, Read, Seek, Write},
    os::{fd::AsRawFd, unix::fs::MetadataExt},
    panic,
    path::Path,
};
use zeroize::Zeroizing;

const KEY_VARIABLE: &str = "ZENO_PRIVATE_KEY";
const PASSWORD_VARIABLE: &str = "ZENO_KEYSTORE_PASSWORD";

/// The most that a file with a key or a password may hold, in bytes.
const MAX_SECRET_BYTES: usize = 4 << 10;
/// The most that a keystore may hold, in bytes: they have about 500.
const MAX_KEYSTORE_BYTES: usize = 64 << 10;
/// The most that scrypt's n * r * p may be: 1 GiB of memory, and some seconds. Geth's keystores have 2^21.
const MAX_SCRYPT_COST: u64 = 1 << 23;
/// The most that scrypt's r and p may be, each: beyond r = 8 and p = 8 there are none.
const MAX_SCRYPT_FACTOR: u64 = 64;
/// The most rounds of PBKDF2: some seconds. Keystores that have it take 2^18.
const MAX_PBKDF2_ROUNDS: u64 = 10_000_000;

/// The folder in which a program finds its open files, by their numbers.
const OPEN_FILES: &str = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };

/// Bits of a file's mode that let its group or others read, write or execute it.
const OTHERS: u32 = 0o077;
/// Bits of a file's mode that let its group or others write to it.
const OTHERS_WRITE: u32 = 0o022;
/// Bit of a folder's mode: files in it are their owners' to replace.
const STICKY: u32 = 0o1000;
const ROOT: u32 = 0;

/// The key that the arguments or the environment name. No error repeats any of it.
pub(crate) fn load(args: &SignerArgs) -> Result<PrivateKeySigner, Failure> {
    if let Some(path) = &args.keystore {
        let keystore = Keystore::read(path)?;
        let password = match &args.password_file {
            Some(path) => password(path)?,
            None => env::var(PASSWORD_VARIABLE).map(Zeroizing::new).map_err(|_| {
                Failure::file(
                    path,
                    format_args!(
                        "needs a password: name its file with --password-file, or set {PASSWORD_VARIABLE}"
                    ),
                )
            })?,
        };
        return keystore
            .decrypt(&password)
            .map_err(|reason| Failure::file(path, format_args!("can't be decrypted: {reason}")));
    }
    if let Some(path) = &args.key_file {
        return parse(&read(path, OTHERS, MAX_SECRET_BYTES)?)
            .ok_or_else(|| Failure::file(path, "is no private key: 64 hexadecimal digits"));
    }
    match env::var(KEY_VARIABLE).map(Zeroizing::new) {
        Ok(text) => parse(text.as_bytes()).ok_or_else(|| {
            Failure::other(format_args!("{KEY_VARIABLE} holds no private key: 64 hexadecimal digits"))
        }),
        Err(env::VarError::NotUnicode(text)) => {
            drop(Zeroizing::new(text.into_encoded_bytes()));
            Err(Failure::other(format_args!("{KEY_VARIABLE} holds no private key: 64 hexadecimal digits")))
        }
        Err(env::VarError::NotPresent) => Err(Failure::other(format_args!(
            "a transaction needs a signer: name --keystore or --key-file, or set {KEY_VARIABLE}"
        ))),
    }
}

fn password(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let bytes = read(path, OTHERS, MAX_SECRET_BYTES)?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Failure::file(path, "is not text; it should hold a password"))?;
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

fn parse(text: &[u8]) -> Option<PrivateKeySigner> {
    let key: Zeroizing<[u8; 32]> = Zeroizing::new(hex::decode_to_array(text.trim_ascii()).ok()?);
    PrivateKeySigner::from_slice(&*key).ok()
}

/// Reads a file of at most `limit` bytes that its group and others may not use in the way of `forbidden`, bits of a mode. What
/// is no regular file, such as a pipe from another program, has no mode that means anything.
fn read(path: &Path, forbidden: u32, limit: usize) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let failed = |error| Failure::file(path, format_args!("can't be read: {error}"));
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    check_mode(path, &metadata, forbidden)?;
    if forbidden == OTHERS {
        check_owner(path, &metadata)?;
    }
    // Room for all of it from the beginning: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit + 1));
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > limit {
        return Err(Failure::file(
            path,
            format_args!("has more than {limit} bytes: it is another kind of file"),
        ));
    }
    Ok(bytes)
}

fn check_mode(path: &Path, metadata: &Metadata, forbidden: u32) -> Result<(), Failure> {
    let mode = metadata.mode() & 0o7777;
    if !metadata.is_file() || mode & forbidden == 0 {
        return Ok(());
    }
    let what = if forbidden == OTHERS { "use" } else { "write to" };
    Err(Failure::file(
        path,
        format_args!(
            "has mode {mode:04o}: its group or others may {what} it; `chmod 600 {}` makes it yours alone",
            shown(path)
        ),
    ))
}

/// Refuses a secret's file that is another user's, or in whose place another user can put a file.
fn check_owner(path: &Path, metadata: &Metadata) -> Result<(), Failure> {
    let user = rustix::process::geteuid().as_raw();
    let is_trusted = |owner: u32| owner == user || owner == ROOT;
    if !metadata.is_file() {
        return Ok(());
    }
    if !is_trusted(metadata.uid()) {
        return Err(Failure::file(
            path,
            format_args!(
                "belongs to user {}, who can read and change it, and you are user {user}; copy it to a file of your own",
                metadata.uid()
            ),
        ));
    }
    // A file without a name, such as a shell's for a here-document, is nobody's to replace.
    let target = fs::canonicalize(path).ok().filter(|_| metadata.nlink() > 0);
    for place in [Some(path), target.as_deref()].into_iter().flatten() {
        let folder = match place.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let metadata = fs::metadata(folder).map_err(|error| Failure::file(folder, error))?;
        // Many systems make a group for each user, with the user's number, and let it write.
        let has_own_group = [ROOT, metadata.uid()].contains(&metadata.gid());
        let forbidden = if has_own_group { 0o002 } else { OTHERS_WRITE };
        let mode = metadata.mode() & 0o7777;
        let who = if !is_trusted(metadata.uid()) {
            format!("belongs to user {}", metadata.uid())
        } else if mode & forbidden != 0 && mode & STICKY == 0 {
            format!("has mode {mode:04o}, so that others may write to it")
        } else {
            continue;
        };
        return Err(Failure::file(
            path,
            format_args!(
                "lies in {}, which {who}: another file may be put in its place; move it to a folder of your own",
                shown(folder)
            ),
        ));
    }
    Ok(())
}

/// A keystore of the Web3 Secret Storage Definition, version 3, whose parts `eth-keystore` can be given: it panics where a
/// length is another one, and takes whatever time and memory the file says.
struct Keystore {
    iv: [u8; 16],
    ciphertext: [u8; 32],
    mac: [u8; 32],
    derivation: Derivation,
}

/// How the key is derived from the password.
enum Derivation {
    Scrypt { n: u64, r: u64, p: u64, salt: Vec<u8> },
    Pbkdf2 { rounds: u64, salt: Vec<u8> },
}

/// The keystore as the file has it.
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
    fn read(path: &Path) -> Result<Self, Failure> {
        let bytes = read(path, OTHERS_WRITE, MAX_KEYSTORE_BYTES)?;
        Self::parse(&bytes).map_err(|reason| Failure::file(path, reason))
    }

    /// The keystore, or in words why it is none that can be used.
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

    /// The same as JSON, with nothing but what was checked.
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
            // Its reader wants one.
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

    /// The key, or in words why there is none.
    fn decrypt(&self, password: &str) -> Result<PrivateKeySigner, String> {
        let defect = "its parameters are not those of a keystore";
        fn failed(error: impl Display) -> String {
            format!("a copy of it in memory, for what decrypts it: {error}")
        }
        // The library reads files only, by their path. This one holds what was checked, and goes with the program.
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

/// A file without a name in any folder.
#[cfg(target_os = "linux")]
fn nameless_file() -> io::Result<File> {
    use rustix::fs::{MemfdFlags, memfd_create};
    Ok(memfd_create("keystore", MemfdFlags::CLOEXEC)?.into())
}

/// A file without a name in any folder.
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

    /// What comes out is checked as well: a keystore may hold any 32 bytes.
    #[test]
    fn a_keystore_of_no_key_is_refused() {
        let mut keystore = parsed(&keystore()).unwrap();
        // The same key stream, over what makes it zeros.
        let key = hex::decode("7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d").unwrap();
        keystore.ciphertext.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        assert!(keystore.decrypt("testpassword").is_err());
    }

    #[test]
    fn files_that_others_may_use_are_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, "x").unwrap();
        for mode in 0..=0o777 {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let metadata = fs::metadata(&path).unwrap();
            assert_eq!(check_mode(&path, &metadata, OTHERS).is_ok(), mode & 0o077 == 0, "{mode:o}");
            assert_eq!(check_mode(&path, &metadata, OTHERS_WRITE).is_ok(), mode & 0o022 == 0, "{mode:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = read(&path, OTHERS, 10).unwrap_err().to_string();
        assert!(error.contains("0644") && error.contains("chmod 600"), "{error}");
        assert!(read(&path, OTHERS_WRITE, 10).is_ok());
        assert!(read(&path, OTHERS_WRITE, 0).unwrap_err().to_string().contains("more than 0 bytes"));
        assert!(read(Path::new("/dev/zero"), OTHERS, MAX_SECRET_BYTES).is_err(), "endless");
        assert!(read(folder.path(), OTHERS_WRITE, 10).is_err(), "a folder");
    }

    #[test]
    fn secrets_that_others_may_replace_are_refused() {
        use std::os::unix::fs::{PermissionsExt, chown, symlink};
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("folder");
        fs::create_dir(&folder).unwrap();
        let path = folder.join("key");
        fs::write(&path, "x").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let link = outer.path().join("link");
        symlink(&path, &link).unwrap();
        let refused = |says: &str| {
            for path in [&path, &link] {
                let error = read(path, OTHERS, 10).unwrap_err().to_string();
                assert!(error.contains(says), "{error}");
            }
            assert!(read(&path, OTHERS_WRITE, 10).is_ok(), "of a keystore its password decides");
        };
        for mode in [0o777, 0o703, 0o757] {
            fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
            refused(&format!("{mode:04o}"));
        }
        // As /tmp has it; others' files can't be replaced there.
        for mode in [0o1777, 0o755, 0o700] {
            fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
            assert!(read(&path, OTHERS, 10).is_ok() && read(&link, OTHERS, 10).is_ok(), "{mode:o}");
        }
        // Whoever may replace the link decides as well.
        fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(read(&link, OTHERS, 10).is_err() && read(&path, OTHERS, 10).is_ok());
        fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o700)).unwrap();
        // Only root can give files away.
        if chown(&path, Some(4242), None).is_ok() {
            refused("user 4242");
            chown(&path, Some(0), None).unwrap();
            chown(&folder, Some(4242), None).unwrap();
            refused("belongs to user 4242");
        }
        // Nobody can replace what has no name, as a shell's here-documents.
        let file = tempfile::tempfile_in(outer.path()).unwrap();
        file.set_permissions(fs::Permissions::from_mode(0o600)).unwrap();
        fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let nameless = format!("{OPEN_FILES}/{}", file.as_raw_fd());
        assert!(read(Path::new(&nameless), OTHERS, 10).is_ok());
    }
}
