//! Proof file: the claim, the guest and the virtual machine that it is about, and the proof.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use alloy_primitives::{B256, keccak256};
use thiserror::Error;
use zeno_guest_evm::{ChainClaim, claim::ClaimError};

use crate::{
    destination::write_file,
    error::VerifyError,
    proof_kind::{PROOF_SYSTEM, ProofKind},
    release::Release,
};

/// First eight bytes of every proof file.
const MAGIC: [u8; 8] = *b"ZENOPRF\0";
/// Longest `proof_system`, `prover` or `srs`, in bytes.
const MAX_NAME_BYTES: usize = 64;
/// Longest proof, in bytes. Today's STARKs take a tenth of it. A longer proof is refused unread.
pub const MAX_PROOF_BYTES: usize = 8 << 20;
/// Longest file, in bytes: the proof and room for everything around it.
const MAX_FILE_BYTES: usize = MAX_PROOF_BYTES + 4096;
/// Length of the checksum at the file's end, in bytes.
const CHECKSUM_BYTES: usize = 32;
/// Name of the layout's version in errors.
const VERSION: &str = "the format version";
/// Name of [`ProofFile::srs`] in errors.
const SRS_NAME: &str = "the SRS's name";

/// A proof and everything that it is checked against except the verifying key.
///
/// Reading a file checks its form only. [`verify_stark`](crate::verify_stark) and [`verify_evm`](crate::verify_evm)
/// check that its claim holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofFile {
    /// Kind of [`proof`](Self::proof).
    pub kind: ProofKind,
    /// Claim that the proof is about.
    pub claim: ChainClaim,
    /// Commitment to the guest program: its code, initial memory and entry point.
    pub app_exe_commitment: B256,
    /// Commitment to the virtual machine that ran the program, and to the circuits that aggregated the run.
    pub app_vm_commitment: B256,
    /// Proof system and the version of its format, such as `openvm 2.0`.
    pub proof_system: String,
    /// Program that made the proof, such as `zeno 0.1.0`. It is for people; nothing depends on it.
    pub prover: String,
    /// SRS that an EVM proof was made under: [`INSECURE_SRS`](crate::INSECURE_SRS), a ceremony's name, or `unknown`.
    /// `None` for a STARK, which needs no SRS. It is for people: only the SRS of the verifying key counts.
    pub srs: Option<String>,
    /// The proof itself, of at most [`MAX_PROOF_BYTES`] bytes.
    pub proof: Vec<u8>,
}

/// Reason why a file is not a proof file that this program understands.
#[derive(Debug, Error)]
pub enum ProofFileError {
    /// The file could not be opened, read or written.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file doesn't start with the mark of proof files.
    #[error("not a Zeno proof: the file does not start with \"ZENOPRF\"")]
    Foreign,
    /// The file is empty.
    #[error("not a Zeno proof: the file is empty")]
    Empty,
    /// The file ends before a part that it must have.
    #[error("truncated: {what} needs {needed} more bytes and {left} are left")]
    Truncated {
        /// The part.
        what: &'static str,
        /// Length of the part, in bytes.
        needed: usize,
        /// Count of bytes left.
        left: usize,
    },
    /// Bytes follow the end of the proof file.
    #[error("{0} bytes follow the end of the proof")]
    TrailingBytes(usize),
    /// The file has the format of earlier releases, whose claims have another form.
    #[error(
        "proof format {0} is that of releases 1 and 2 of the EVM program; release 1 is withdrawn, and release 2 is superseded, \
         so prove the block again with this program"
    )]
    Superseded(u32),
    /// The file has a format that this program doesn't know.
    #[error("proof format {0} is not known, this program reads formats 3 and 4")]
    UnsupportedVersion(u32),
    /// The file's format is not that of its kind of proof.
    #[error("a proof of kind {} has format {}, the file says {format}", .kind.name(), .kind.format())]
    FormatOfKind {
        /// The kind of the proof.
        kind: ProofKind,
        /// The format that the file states.
        format: u32,
    },
    /// An EVM proof names no SRS, or a STARK names one.
    #[error("an EVM proof names the SRS that it was made under, and a STARK names none")]
    SrsOfKind,
    /// The file's kind of proof is not known.
    #[error("proof kind {0} is not known, this program knows 1 (stark) and 2 (evm)")]
    UnknownKind(u32),
    /// A field is longer than it can be.
    #[error("{what} is {length} bytes long, more than the {limit} allowed")]
    TooLong {
        /// The field.
        what: &'static str,
        /// The length that the file states, in bytes.
        length: u64,
        /// The longest that is allowed, in bytes.
        limit: usize,
    },
    /// A field of text holds a character that is not printable ASCII.
    #[error("{0} is not printable ASCII")]
    NotText(&'static str),
    /// The claim is of another kind, or a word of it holds more than its field.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// The file was altered or damaged.
    #[error("altered or damaged: the checksum is {actual}, the file says {stated}")]
    Checksum {
        /// keccak256 of the file's bytes before the checksum.
        actual: B256,
        /// The checksum in the file.
        stated: B256,
    },
}

impl ProofFileError {
    /// Returns whether the file is an undamaged proof that is wrong. If not, the file couldn't be read, is no proof, has
    /// an unknown or superseded format, holds a claim of an unknown kind, or was damaged on its way. Then nothing is said
    /// about a proof.
    pub fn blames_proof(&self) -> bool {
        // Every other error is found before the checksum is compared, or by it.
        matches!(self, Self::Claim(error) if !matches!(error, ClaimError::Kind { .. }))
    }
}

impl ProofFile {
    /// Encodes the file. Numbers are little-endian, except those of the claim:
    ///
    /// | bytes | content |
    /// |---|---|
    /// | 8 | `ZENOPRF\0` |
    /// | 4 | version of this layout: 3 for a STARK, 4 for an EVM proof |
    /// | 4 | kind: 1 STARK, 2 EVM |
    /// | 320 | the claim, encoded by [`ChainClaim::abi_encode`] |
    /// | 32 | commitment to the guest program |
    /// | 32 | commitment to the virtual machine |
    /// | 1 + n | proof system: length n, printable ASCII |
    /// | 1 + n | prover: length n, printable ASCII |
    /// | 1 + n | in version 4, the SRS: length n, printable ASCII |
    /// | 8 + n | the proof: length n, bytes |
    /// | 32 | keccak256 of everything before |
    ///
    /// # Errors
    /// [`ProofFileError::TooLong`], [`ProofFileError::NotText`] or [`ProofFileError::SrsOfKind`] when a field doesn't
    /// fit the layout.
    pub fn encode(&self) -> Result<Vec<u8>, ProofFileError> {
        let mut out = Vec::with_capacity(self.proof.len() + 1024);
        out.extend(MAGIC);
        out.extend(self.kind.format().to_le_bytes());
        out.extend(self.kind.code().to_le_bytes());
        out.extend(self.claim.abi_encode());
        out.extend(self.app_exe_commitment);
        out.extend(self.app_vm_commitment);
        if self.srs.is_some() != (self.kind == ProofKind::Evm) {
            return Err(ProofFileError::SrsOfKind);
        }
        let names = [("the proof system's name", &self.proof_system), ("the prover's name", &self.prover)];
        for (what, text) in names.into_iter().chain(self.srs.as_ref().map(|srs| (SRS_NAME, srs))) {
            check_length(what, text.len() as u64, MAX_NAME_BYTES)?;
            check_text(what, text.as_bytes())?;
            out.push(text.len() as u8);
            out.extend(text.as_bytes());
        }
        check_length("the proof", self.proof.len() as u64, MAX_PROOF_BYTES)?;
        out.extend((self.proof.len() as u64).to_le_bytes());
        out.extend(&self.proof);
        let checksum = keccak256(&out);
        out.extend(checksum);
        Ok(out)
    }

    /// Decodes the bytes that [`encode`](Self::encode) gives.
    ///
    /// # Errors
    /// Every variant of [`ProofFileError`] except [`Io`](ProofFileError::Io). The variant says whether the bytes are
    /// foreign, truncated, altered, or of an earlier or later format.
    pub fn decode(bytes: &[u8]) -> Result<Self, ProofFileError> {
        if bytes.is_empty() {
            return Err(ProofFileError::Empty);
        }
        if !bytes.starts_with(&MAGIC) {
            return Err(ProofFileError::Foreign);
        }
        let mut rest = Cursor(bytes);
        rest.array::<{ MAGIC.len() }>("the file's mark")?;
        let version = version(&mut rest)?;
        let kind = u32::from_le_bytes(rest.array("the kind of proof")?);
        let kind = ProofKind::from_code(kind).ok_or(ProofFileError::UnknownKind(kind))?;
        if kind.format() != version {
            return Err(ProofFileError::FormatOfKind { kind, format: version });
        }
        let claim = rest.array("the claim")?;
        let app_exe_commitment = rest.array("the program's commitment")?.into();
        let app_vm_commitment = rest.array("the VM's commitment")?.into();
        let proof_system = rest.text("the proof system's name")?;
        let prover = rest.text("the prover's name")?;
        let srs = match kind {
            ProofKind::Stark => None,
            ProofKind::Evm => Some(rest.text(SRS_NAME)?),
        };
        let length = u64::from_le_bytes(rest.array("the proof's length")?);
        check_length("the proof", length, MAX_PROOF_BYTES)?;
        let proof = rest.take("the proof", length as usize)?.to_vec();
        let signed = &bytes[..bytes.len() - rest.0.len()];
        let stated = rest.array::<CHECKSUM_BYTES>("the checksum")?.into();
        if !rest.0.is_empty() {
            return Err(ProofFileError::TrailingBytes(rest.0.len()));
        }
        let actual = keccak256(signed);
        if actual != stated {
            return Err(ProofFileError::Checksum { actual, stated });
        }
        // After the checksum, so that a damaged claim is reported as damaged.
        let claim = ChainClaim::decode(&claim)?;
        Ok(Self { kind, claim, app_exe_commitment, app_vm_commitment, proof_system, prover, srs, proof })
    }

    /// Returns the release of the guest program that the file names, or `None` if it is not known here.
    pub fn release(&self) -> Option<Release> {
        Release::of(self.app_exe_commitment, self.app_vm_commitment)
    }

    /// Compares the origin that the file states with the expected one. This doesn't prove that the statement is true.
    ///
    /// # Errors
    /// [`VerifyError::Withdrawn`] or [`VerifyError::Superseded`] before all else, when the file's guest or the expected one
    /// is of such a release. Another [`VerifyError`] when the kind, the proof system, the guest or the virtual machine
    /// differs.
    pub fn check_origin(
        &self,
        kind: ProofKind,
        app_exe_commitment: B256,
        app_vm_commitment: B256,
    ) -> Result<(), VerifyError> {
        Release::check_accepted(self.app_exe_commitment)?;
        Release::check_accepted(app_exe_commitment)?;
        if self.kind != kind {
            return Err(VerifyError::WrongKind { actual: self.kind, expected: kind });
        }
        if self.proof_system != PROOF_SYSTEM {
            return Err(VerifyError::ProofSystem(self.proof_system.clone()));
        }
        let (proof, expected) = (self.app_exe_commitment, app_exe_commitment);
        if proof != expected {
            return Err(VerifyError::OtherGuest { proof, expected });
        }
        let (proof, expected) = (self.app_vm_commitment, app_vm_commitment);
        if proof != expected {
            return Err(VerifyError::OtherMachine { proof, expected });
        }
        Ok(())
    }

    /// Reads a proof file. No more bytes are read than the longest proof file has, plus one.
    ///
    /// # Errors
    /// The same as [`decode`](Self::decode)'s, and [`ProofFileError::Io`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ProofFileError> {
        let path = path.as_ref();
        let io_error = |source| ProofFileError::Io { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(io_error)?;
        file.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(io_error)?;
        if bytes.len() > MAX_FILE_BYTES && bytes.starts_with(&MAGIC) {
            // The limit holds for the known formats only.
            version(&mut Cursor(&bytes[MAGIC.len()..]))?;
            return Err(ProofFileError::TooLong {
                what: "the file",
                length: bytes.len() as u64,
                limit: MAX_FILE_BYTES,
            });
        }
        Self::decode(&bytes)
    }

    /// Writes the file by [`write_file`]: whole or not at all, if `path` is a regular file.
    ///
    /// # Errors
    /// The same as [`encode`](Self::encode)'s, and [`ProofFileError::Io`].
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), ProofFileError> {
        let path = path.as_ref();
        let bytes = self.encode()?;
        write_file(path, &bytes).map_err(|source| ProofFileError::Io { path: path.to_owned(), source })
    }
}

/// Reads the version of the layout. It must be a known one.
fn version(rest: &mut Cursor<'_>) -> Result<u32, ProofFileError> {
    match u32::from_le_bytes(rest.array(VERSION)?) {
        version @ (3 | 4) => Ok(version),
        version @ (1 | 2) => Err(ProofFileError::Superseded(version)),
        version => Err(ProofFileError::UnsupportedVersion(version)),
    }
}

/// Bytes left to read.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, what: &'static str, length: usize) -> Result<&'a [u8], ProofFileError> {
        let left = self.0.len();
        let (taken, rest) = self.0.split_at_checked(length).ok_or(ProofFileError::Truncated {
            what,
            needed: length,
            left,
        })?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], ProofFileError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(what, N)?);
        Ok(array)
    }

    /// Reads one byte of length, then so many bytes of text.
    fn text(&mut self, what: &'static str) -> Result<String, ProofFileError> {
        let [length] = self.array(what)?;
        check_length(what, length.into(), MAX_NAME_BYTES)?;
        let bytes = self.take(what, length.into())?;
        check_text(what, bytes)?;
        Ok(bytes.iter().map(|&byte| char::from(byte)).collect())
    }
}

fn check_length(what: &'static str, length: u64, limit: usize) -> Result<(), ProofFileError> {
    if length > limit as u64 {
        return Err(ProofFileError::TooLong { what, length, limit });
    }
    Ok(())
}

/// Checks that text is printable ASCII, because a stranger's text is shown on terminals and in logs.
fn check_text(what: &'static str, bytes: &[u8]) -> Result<(), ProofFileError> {
    if bytes.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        Ok(())
    } else {
        Err(ProofFileError::NotText(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::development_srs::INSECURE_SRS;

    fn example() -> ProofFile {
        ProofFile {
            kind: ProofKind::Stark,
            claim: ChainClaim {
                chain_id: 1,
                chain_spec: B256::repeat_byte(1),
                first_parent_hash: B256::repeat_byte(2),
                last_block_hash: B256::repeat_byte(3),
                last_block_number: 22_615_247,
                last_state_root: B256::repeat_byte(4),
                last_receipts_root: B256::repeat_byte(5),
                last_timestamp: u64::MAX,
                block_count: 7,
            },
            app_exe_commitment: B256::repeat_byte(6),
            app_vm_commitment: B256::repeat_byte(7),
            proof_system: "openvm 2.0".into(),
            prover: "zeno 0.1.0".into(),
            srs: None,
            proof: (0..1000u32).map(|i| (i * i) as u8).collect(),
        }
    }

    fn evm_example() -> ProofFile {
        ProofFile { kind: ProofKind::Evm, srs: Some(INSECURE_SRS.into()), ..example() }
    }

    /// Makes the checksum right, so that the altered bytes before it are judged on their own.
    fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
        let end = bytes.len() - CHECKSUM_BYTES;
        let checksum = keccak256(&bytes[..end]);
        bytes[end..].copy_from_slice(checksum.as_slice());
        bytes
    }

    #[test]
    fn reads_what_it_wrote() {
        for file in [example(), evm_example()] {
            assert_eq!(ProofFile::decode(&file.encode().unwrap()).unwrap(), file);
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.proof");
            file.write(&path).unwrap();
            assert_eq!(ProofFile::read(&path).unwrap(), file);
            // No temporary file remains.
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_kind_has_one_format() {
        let starts = |file: ProofFile| file.encode().unwrap()[8..16].to_vec();
        assert_eq!(starts(example()), [3, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(starts(evm_example()), [4, 0, 0, 0, 2, 0, 0, 0]);
        for (file, other) in [(example(), 4), (evm_example(), 3)] {
            let mut bytes = file.encode().unwrap();
            bytes[8] = other;
            let error = ProofFile::decode(&sealed(bytes)).unwrap_err();
            assert!(matches!(error, ProofFileError::FormatOfKind { .. }), "{error}");
        }
        for file in
            [ProofFile { srs: None, ..evm_example() }, ProofFile { srs: Some("".into()), ..example() }]
        {
            assert!(matches!(file.encode(), Err(ProofFileError::SrsOfKind)));
        }
    }

    #[test]
    fn refuses_every_truncation() {
        for bytes in [example(), evm_example()].map(|file| file.encode().unwrap()) {
            for length in 0..bytes.len() {
                let error = ProofFile::decode(&bytes[..length]).unwrap_err();
                // Only bytes with the whole mark are a proof.
                let fits = match length {
                    0 => matches!(error, ProofFileError::Empty),
                    1..8 => matches!(error, ProofFileError::Foreign),
                    _ => matches!(error, ProofFileError::Truncated { .. }),
                };
                assert!(fits, "{length}: {error}");
                assert!(!error.blames_proof(), "a download that broke off: {length}: {error}");
            }
        }
    }

    #[test]
    fn refuses_every_altered_bit() {
        let files = [example(), evm_example()].map(|file| file.encode().unwrap());
        for (bytes, position) in files.iter().flat_map(|bytes| (0..bytes.len()).map(move |at| (bytes, at))) {
            for bit in 0..8 {
                let mut altered = bytes.clone();
                altered[position] ^= 1 << bit;
                let error = ProofFile::decode(&altered).unwrap_err();
                match position {
                    0..8 => assert!(matches!(error, ProofFileError::Foreign), "{error}"),
                    8..12 => assert!(
                        matches!(
                            error,
                            ProofFileError::UnsupportedVersion(_) | ProofFileError::Superseded(_)
                        ),
                        "{error}"
                    ),
                    12..16 => assert!(
                        matches!(error, ProofFileError::UnknownKind(_) | ProofFileError::Checksum { .. }),
                        "{error}"
                    ),
                    16..400 => assert!(matches!(error, ProofFileError::Checksum { .. }), "{error}"),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn refuses_trailing_bytes() {
        let mut bytes = example().encode().unwrap();
        bytes.push(0);
        assert!(matches!(ProofFile::decode(&bytes), Err(ProofFileError::TrailingBytes(1))));
    }

    #[test]
    fn refuses_foreign_files() {
        for bytes in [b"\x7fELF\x01\x01\x01\0".as_slice(), b"{", b"ZENOPRg\0"] {
            assert!(matches!(ProofFile::decode(bytes), Err(ProofFileError::Foreign)));
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large");
        std::fs::write(&path, vec![1; MAX_FILE_BYTES + 1]).unwrap();
        assert!(matches!(ProofFile::read(&path), Err(ProofFileError::Foreign)));
        assert!(matches!(ProofFile::read(folder.path().join("absent")), Err(ProofFileError::Io { .. })));
        assert!(matches!(ProofFile::read(folder.path()), Err(ProofFileError::Io { .. })));
        // A later format has no limit that is known here.
        let mut later = vec![1; MAX_FILE_BYTES + 1];
        later[..12].copy_from_slice(b"ZENOPRF\0\x05\0\0\0");
        std::fs::write(&path, later).unwrap();
        assert!(matches!(ProofFile::read(&path), Err(ProofFileError::UnsupportedVersion(5))));
        std::fs::write(&path, b"").unwrap();
        let error = ProofFile::read(&path).unwrap_err();
        assert_eq!(error.to_string(), "not a Zeno proof: the file is empty");
    }

    #[cfg(unix)]
    #[test]
    fn reads_and_writes_pipes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let reader = std::thread::spawn({
            let path = path.clone();
            move || ProofFile::read(path)
        });
        evm_example().write(&path).unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), evm_example());
    }

    #[test]
    fn refuses_lengths_beyond_the_limits() {
        let bytes = example().encode().unwrap();
        // The proof's length is before the proof and the checksum.
        let at = bytes.len() - CHECKSUM_BYTES - 1000 - 8;
        let mut long = bytes.clone();
        long[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(matches!(ProofFile::decode(&sealed(long)), Err(ProofFileError::TooLong { .. })));
        let mut name = bytes.clone();
        name[400] = 65;
        assert!(matches!(ProofFile::decode(&sealed(name)), Err(ProofFileError::TooLong { .. })));
        let mut control = bytes;
        control[401] = 0x1b;
        assert!(matches!(ProofFile::decode(&sealed(control)), Err(ProofFileError::NotText(_))));
        let oversized = ProofFile { proof: vec![0; MAX_PROOF_BYTES + 1], ..example() };
        assert!(matches!(oversized.encode(), Err(ProofFileError::TooLong { .. })));
    }

    #[test]
    fn refuses_numbers_that_do_not_fit() {
        let bytes = example().encode().unwrap();
        for (word, name) in [(1, "chain id"), (5, "block number"), (8, "timestamp"), (9, "block count")] {
            let mut altered = bytes.clone();
            altered[16 + 32 * word + 23] = 1;
            let error = ProofFile::decode(&sealed(altered)).unwrap_err();
            assert!(error.to_string().contains(name) && error.blames_proof(), "{error}");
        }
    }
    /// The kind is the claim's first four bytes. Nothing is said about a claim of another kind.
    #[test]
    fn refuses_claims_of_another_kind() {
        let bytes = example().encode().unwrap();
        for (at, blames) in [(16, false), (19, false), (20, true), (47, true)] {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            let error = ProofFile::decode(&sealed(altered)).unwrap_err();
            assert!(matches!(error, ProofFileError::Claim(_)), "{error}");
            assert_eq!(error.blames_proof(), blames, "{error}");
        }
    }

    /// Releases 1 and 2 had claims of nine words.
    #[test]
    fn refuses_the_formats_of_earlier_releases() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old");
        for (file, format) in [(example(), 1_u32), (evm_example(), 2)] {
            let mut bytes = file.encode().unwrap();
            bytes[8..12].copy_from_slice(&format.to_le_bytes());
            // One word less.
            bytes.drain(16..48);
            let bytes = sealed(bytes);
            std::fs::write(&path, &bytes).unwrap();
            for error in [ProofFile::decode(&bytes).unwrap_err(), ProofFile::read(&path).unwrap_err()] {
                assert!(matches!(error, ProofFileError::Superseded(stated) if stated == format), "{error}");
                assert!(
                    !error.blames_proof() && error.to_string().contains("prove the block again"),
                    "{error}"
                );
            }
        }
    }
}
