//! Proving keys: a file of polynomials, read one at a time.
//!
//! The file starts with the sections and ends with their table, so that it is written in one pass:
//!
//!   for each fixed column: n values, then n coefficients;
//!   for each column of the permutation argument: n coefficients of its permutation polynomial, then the permutation
//!   itself, a `u32` for each cell (the polynomial's values follow from it);
//!   the verifying key, in halo2's encoding;
//!   the checksums of all sections, and the numbers from which their lengths follow;
//!   the checksum of that table.
//!
//! Field elements are in Montgomery form. A section's checksum is checked when it is read for the first time.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Mutex,
};

use blake2b_simd::{Hash, Params};
use halo2_proofs::{
    SerdeFormat,
    plonk::{Circuit, VerifyingKey},
};
use halo2curves::{
    bn256::{Fr, G1Affine},
    ff::PrimeField,
    serde::SerdeObject,
};
use rayon::prelude::*;

use crate::{
    error::{Error, KeyFault},
    synthesis, vk,
};

const MAGIC: &[u8; 16] = b"zeno-halo2-key/1";
const CHECKSUM_BYTES: usize = 32;
const FIELD_BYTES: usize = 32;
const CELL_BYTES: usize = 4;
/// Bytes that one task hashes. A section's checksum is that of its pieces' checksums.
const PIECE: usize = 1 << 20;
/// Bytes that are read at a time.
const BUFFER: usize = 32 << 20;
/// Length of the numbers after the checksums, in bytes: k, fixed columns, permutation columns, verifying key's length.
const NUMBERS_BYTES: usize = 4 * 8;
/// Length of the file's end after the checksums, in bytes: the numbers, the verifying key's transcript representation,
/// the magic and the table's checksum.
const END_BYTES: usize = NUMBERS_BYTES + FIELD_BYTES + MAGIC.len() + CHECKSUM_BYTES;

/// Part of a key file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    FixedValues(usize),
    FixedCoefficients(usize),
    SigmaCoefficients(usize),
    Permutation(usize),
    VerifyingKey,
}

impl Section {
    fn name(self) -> &'static str {
        match self {
            Self::FixedValues(_) => "a fixed column",
            Self::FixedCoefficients(_) => "a fixed column's polynomial",
            Self::SigmaCoefficients(_) => "a permutation polynomial",
            Self::Permutation(_) => "the permutation of cells",
            Self::VerifyingKey => "the verifying key",
        }
    }
}

/// Numbers from which the sections' order and lengths follow.
#[derive(Clone, Copy, Debug)]
struct SectionTable {
    k: u32,
    fixed: usize,
    sigmas: usize,
    verifying_key: usize,
}

impl SectionTable {
    /// Locates a section: its number, and its start and its length in bytes.
    fn locate(self, section: Section) -> (usize, u64, u64) {
        let field = (FIELD_BYTES as u64) << self.k;
        let cells = (CELL_BYTES as u64) << self.k;
        let fixed = |index: usize| index as u64 * 2 * field;
        let sigma = |index: usize| fixed(self.fixed) + index as u64 * (field + cells);
        match section {
            Section::FixedValues(index) => (2 * index, fixed(index), field),
            Section::FixedCoefficients(index) => (2 * index + 1, fixed(index) + field, field),
            Section::SigmaCoefficients(index) => (2 * (self.fixed + index), sigma(index), field),
            Section::Permutation(index) => (2 * (self.fixed + index) + 1, sigma(index) + field, cells),
            Section::VerifyingKey => {
                (2 * (self.fixed + self.sigmas), sigma(self.sigmas), self.verifying_key as u64)
            }
        }
    }

    fn sections(self) -> usize {
        2 * (self.fixed + self.sigmas) + 1
    }

    fn file_length(self) -> u64 {
        let (_, start, length) = self.locate(Section::VerifyingKey);
        start + length + (self.sections() * CHECKSUM_BYTES + END_BYTES) as u64
    }
}

fn hash(bytes: &[u8]) -> Hash {
    Params::new().hash_length(CHECKSUM_BYTES).personal(b"zeno-halo2-key").hash(bytes)
}

/// Combines the checksums of a section's pieces.
fn hash_pieces(pieces: impl IntoIterator<Item = Hash>) -> Hash {
    let mut state = Params::new().hash_length(CHECKSUM_BYTES).personal(b"zeno-halo2-sum").to_state();
    pieces.into_iter().for_each(|piece| {
        state.update(piece.as_bytes());
    });
    state.finalize()
}

/// Writer of a key's sections, in their order, and of its table.
pub(crate) struct Writer<W> {
    file: W,
    checksums: Vec<Hash>,
}

impl<W: Write> Writer<W> {
    pub(crate) fn new(file: W) -> Self {
        Self { file, checksums: Vec::new() }
    }

    /// Writes a section. `encode` appends an item's bytes, and a piece has `PIECE` bytes.
    fn section<T: Sync>(
        &mut self,
        items: &[T],
        item_bytes: usize,
        encode: impl Fn(&T, &mut Vec<u8>) + Sync,
    ) -> io::Result<()> {
        let mut pieces = Vec::new();
        for items in items.chunks(BUFFER / item_bytes) {
            let encoded: Vec<(Vec<u8>, Hash)> = items
                .par_chunks(PIECE / item_bytes)
                .map(|items| {
                    let mut bytes = Vec::with_capacity(items.len() * item_bytes);
                    items.iter().for_each(|item| encode(item, &mut bytes));
                    let checksum = hash(&bytes);
                    (bytes, checksum)
                })
                .collect();
            for (bytes, checksum) in encoded {
                self.file.write_all(&bytes)?;
                pieces.push(checksum);
            }
        }
        self.checksums.push(hash_pieces(pieces));
        Ok(())
    }

    /// Writes a section of field elements.
    pub(crate) fn field(&mut self, values: &[Fr]) -> io::Result<()> {
        self.section(values, FIELD_BYTES, |value, bytes| {
            value.write_raw(bytes).expect("writing to memory doesn't fail");
        })
    }

    /// Writes a section of cells.
    pub(crate) fn cells(&mut self, cells: &[u32]) -> io::Result<()> {
        self.section(cells, CELL_BYTES, |cell, bytes| bytes.extend_from_slice(&cell.to_le_bytes()))
    }

    /// Writes the verifying key and the table, and returns the file.
    pub(crate) fn finish(mut self, vk: &VerifyingKey<G1Affine>) -> io::Result<W> {
        let bytes = vk.to_bytes(SerdeFormat::RawBytes);
        self.section(&bytes, 1, |byte, bytes| bytes.push(*byte))?;
        let mut table = Vec::new();
        self.checksums.iter().for_each(|checksum| table.extend_from_slice(checksum.as_bytes()));
        let numbers = [
            vk.get_domain().k() as usize,
            vk.fixed_commitments().len(),
            vk.permutation().commitments().len(),
            bytes.len(),
        ];
        numbers.iter().for_each(|number| table.extend_from_slice(&(*number as u64).to_le_bytes()));
        table.extend_from_slice(&vk.transcript_repr().to_repr());
        table.extend_from_slice(MAGIC);
        let checksum = hash(&table);
        self.file.write_all(&table)?;
        self.file.write_all(checksum.as_bytes())?;
        Ok(self.file)
    }
}

/// Proving key of a circuit. The verifying key is in memory. The polynomials stay in the file, which must not be
/// altered while it is open.
#[derive(Debug)]
pub struct ProvingKey {
    path: PathBuf,
    /// File, and the checksums of the sections that have not been read yet.
    file: Mutex<(File, Vec<Option<Checksum>>)>,
    table: SectionTable,
    vk: VerifyingKey<G1Affine>,
}

impl ProvingKey {
    /// Opens a circuit's key file.
    ///
    /// # Errors
    /// Fails when the file can't be read, or is cut, altered, of another version or of another circuit. Also when this
    /// prover doesn't support the circuit.
    pub fn open<C: Circuit<Fr>>(path: impl AsRef<Path>, params: C::Params) -> Result<Self, Error> {
        let path = path.as_ref().to_owned();
        let (cs, _) = vk::configure::<C>(params);
        let opened = || -> Result<_, KeyFault> {
            // To open a pipe is to wait for its writer.
            if !fs::metadata(&path)?.is_file() {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "is not a regular file").into());
            }
            let mut file = File::open(&path)?;
            let (table, checksums, representation) = read_table(&mut file)?;
            let (index, ..) = table.locate(Section::VerifyingKey);
            let checksum = Some(&checksums[index]);
            let mut bytes = Vec::new();
            read_section(&mut file, table, Section::VerifyingKey, checksum, &mut bytes, |[byte]| {
                Some(*byte)
            })?;
            Ok((file, table, checksums, representation, bytes))
        };
        let fail = |reason| Error::Key { path: path.clone(), reason };
        let (file, table, checksums, representation, bytes) = opened().map_err(fail)?;
        let permuted = cs.permutation().get_columns().len();
        if permuted != table.sigmas {
            let reason = format!("it has {} columns under copy constraints, not {permuted}", table.sigmas);
            return Err(fail(KeyFault::OtherCircuit(reason)));
        }
        let vk = vk::read(&bytes, cs).ok_or_else(|| {
            fail(KeyFault::OtherCircuit("the verifying key has other columns or selectors".into()))
        })?;
        if vk.transcript_repr().to_repr() != representation {
            let reason = "gates, lookups or queries differ from those that the key was made for".into();
            return Err(fail(KeyFault::OtherCircuit(reason)));
        }
        if vk.get_domain().k() != table.k || vk.fixed_commitments().len() != table.fixed {
            return Err(fail(KeyFault::Foreign));
        }
        synthesis::check_supported(vk.cs(), table.k)?;
        let unchecked = checksums.into_iter().map(Some).collect();
        Ok(Self { path, file: Mutex::new((file, unchecked)), table, vk })
    }

    /// Verifying key, equal to halo2's. Its domain has no transform tables, so halo2's verifier can use it, and halo2's
    /// prover can't.
    pub fn verifying_key(&self) -> &VerifyingKey<G1Affine> {
        &self.vk
    }

    /// Binary logarithm of the number of rows.
    pub fn k(&self) -> u32 {
        self.table.k
    }

    /// Reads a section, with its checksum if it is the first time.
    fn section<T: Copy + Default + Send, const BYTES: usize>(
        &self,
        section: Section,
        items: &mut Vec<T>,
        decode: impl Fn(&[u8; BYTES]) -> Option<T> + Sync,
    ) -> Result<(), Error> {
        let (index, ..) = self.table.locate(section);
        let (file, unchecked) = &mut *self.file.lock().unwrap_or_else(|lock| lock.into_inner());
        read_section(file, self.table, section, unchecked[index].as_ref(), items, decode)
            .map_err(|reason| Error::Key { path: self.path.clone(), reason })?;
        unchecked[index] = None;
        Ok(())
    }

    /// Reads a polynomial.
    pub(crate) fn field(&self, section: Section) -> Result<Vec<Fr>, Error> {
        let mut values = Vec::new();
        self.field_to(section, &mut values)?;
        Ok(values)
    }

    /// Replaces `values` by a polynomial.
    pub(crate) fn field_to(&self, section: Section, values: &mut Vec<Fr>) -> Result<(), Error> {
        self.section::<_, FIELD_BYTES>(section, values, |bytes| Fr::from_raw_bytes(bytes))
    }

    /// Reads the successors of a column's cells.
    pub(crate) fn permutation(&self, index: usize) -> Result<Vec<u32>, Error> {
        let cells = (self.table.sigmas as u64) << self.table.k;
        let mut successors = Vec::new();
        self.section(Section::Permutation(index), &mut successors, |bytes| {
            Some(u32::from_le_bytes(*bytes)).filter(|cell| u64::from(*cell) < cells)
        })?;
        Ok(successors)
    }
}

type Checksum = [u8; CHECKSUM_BYTES];

/// Reads and checks the table, and checks the file's length against it.
fn read_table(file: &mut File) -> Result<(SectionTable, Vec<Checksum>, [u8; FIELD_BYTES]), KeyFault> {
    let found = file.metadata()?.len();
    if found < END_BYTES as u64 {
        return Err(KeyFault::Foreign);
    }
    file.seek(SeekFrom::End(-(END_BYTES as i64)))?;
    let mut end = [0; END_BYTES];
    file.read_exact(&mut end)?;
    let (numbers, rest) = end.split_at(NUMBERS_BYTES);
    let (representation, rest) = rest.split_at(FIELD_BYTES);
    let (magic, checksum) = rest.split_at(MAGIC.len());
    if magic != MAGIC {
        return Err(KeyFault::Foreign);
    }
    let mut numbers =
        numbers.chunks_exact(8).map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes")));
    let mut number = |limit: u64| numbers.next().filter(|number| *number <= limit).ok_or(KeyFault::Foreign);
    // These limits keep the arithmetic on lengths from overflowing, and a sparse file from taking memory without end.
    let table = SectionTable {
        k: number(Fr::S.into())? as u32,
        fixed: number(1 << 16)? as usize,
        sigmas: number(1 << 16)? as usize,
        verifying_key: number(1 << 30)? as usize,
    };
    let expected = table.file_length();
    if found != expected {
        return Err(KeyFault::Length { found, expected });
    }
    let mut bytes = vec![0; table.sections() * CHECKSUM_BYTES + END_BYTES - CHECKSUM_BYTES];
    file.seek(SeekFrom::End(-((bytes.len() + CHECKSUM_BYTES) as i64)))?;
    file.read_exact(&mut bytes)?;
    if hash(&bytes).as_bytes() != checksum {
        return Err(KeyFault::Damaged("the table"));
    }
    let checksums = bytes
        .chunks_exact(CHECKSUM_BYTES)
        .take(table.sections())
        .map(|checksum| checksum.try_into().expect("the checksum's length"))
        .collect();
    Ok((table, checksums, representation.try_into().expect("the element's length")))
}

/// Reads a section into `items`, and checks it against the checksum if there is one. `decode` returns an item if its
/// bytes are well formed.
fn read_section<T: Copy + Default + Send, const BYTES: usize>(
    file: &mut File,
    table: SectionTable,
    section: Section,
    checksum: Option<&Checksum>,
    items: &mut Vec<T>,
    decode: impl Fn(&[u8; BYTES]) -> Option<T> + Sync,
) -> Result<(), KeyFault> {
    let (_, start, length) = table.locate(section);
    file.seek(SeekFrom::Start(start))?;
    items.resize(length as usize / BYTES, T::default());
    let mut buffer = vec![0; BUFFER.min(length as usize)];
    let mut pieces = Vec::new();
    for items in items.chunks_mut(BUFFER / BYTES) {
        let bytes = &mut buffer[..items.len() * BYTES];
        file.read_exact(bytes)?;
        let decode = |(bytes, items): (&[u8], &mut [T])| {
            for (bytes, item) in bytes.as_chunks().0.iter().zip(items) {
                *item = decode(bytes)?;
            }
            Some(checksum.map(|_| hash(bytes)))
        };
        let hashes: Option<Vec<Option<Hash>>> =
            bytes.par_chunks(PIECE).zip(items.par_chunks_mut(PIECE / BYTES)).map(decode).collect();
        pieces.extend(hashes.ok_or(KeyFault::Damaged(section.name()))?.into_iter().flatten());
    }
    match checksum {
        Some(checksum) if hash_pieces(pieces).as_bytes() != checksum => {
            Err(KeyFault::Damaged(section.name()))
        }
        _ => Ok(()),
    }
}
