//! A file that an SRS is imported from.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use blake2::{Blake2b512, Digest};

use crate::{
    DEGREES,
    cache::{check_degrees, open_file},
    error::{Defect, SrsError},
    layout::{self, G1_BYTES, G2_BYTES, HEADER_BYTES, MAX_K},
    ptau::{MAGIC, Ptau},
};

/// A file to read, whose content is not to be trusted.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    file: File,
}

impl Input {
    fn open(path: &Path) -> Result<Self, SrsError> {
        let open = || {
            // A pipe has no size and can't be read twice.
            let file = open_file(path)?;
            let bytes = file.metadata()?.len();
            Ok((file, bytes))
        };
        let (file, bytes) = open().map_err(SrsError::io(path))?;
        Ok(Self { path: path.to_owned(), bytes, file })
    }

    /// Fills `buffer` with the bytes from `offset` on.
    pub(crate) fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SrsError> {
        self.file.read_exact_at(buffer, offset).map_err(SrsError::io(&self.path))
    }

    /// The digest of the whole file. `progress` is told how much was read.
    pub(crate) fn digest(&self, progress: impl FnMut(u64)) -> Result<[u8; 64], SrsError> {
        digest(&self.file, self.bytes, progress).map_err(SrsError::io(&self.path))
    }

    /// An error about this file.
    pub(crate) fn refuse(&self, defect: Defect) -> SrsError {
        SrsError::file(&self.path)(defect)
    }
}

/// The BLAKE2b-512 digest of a file of that many bytes.
pub(crate) fn digest(file: &File, bytes: u64, mut progress: impl FnMut(u64)) -> io::Result<[u8; 64]> {
    let mut buffer = vec![0; 4 << 20];
    let mut hasher = Blake2b512::new();
    let mut position = 0;
    while position < bytes {
        let part = buffer.len().min(usize::try_from(bytes - position).unwrap_or(usize::MAX));
        file.read_exact_at(&mut buffer[..part], position)?;
        hasher.update(&buffer[..part]);
        position += part as u64;
        progress(position);
    }
    Ok(hasher.finalize().into())
}

/// A file in one of the two formats, whose header and sizes fit.
#[derive(Debug)]
pub(crate) enum Source {
    /// A halo2 `.srs` file for this `k`.
    Srs { input: Input, k: u32 },
    /// A snarkjs `.ptau` file.
    Ptau(Ptau),
}

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Self, SrsError> {
        let input = Input::open(path)?;
        let mut start = vec![0; input.bytes.min(HEADER_BYTES as u64) as usize];
        input.read(0, &mut start)?;
        if start == MAGIC {
            return Ok(Self::Ptau(Ptau::open(input)?));
        }
        let k = <[u8; HEADER_BYTES]>::try_from(start.as_slice()).map_or(0, u32::from_le_bytes);
        if !(1..=MAX_K).contains(&k) {
            let defect = Defect::Format { bytes: input.bytes, start };
            return Err(input.refuse(defect));
        }
        let (expected, found) = (layout::file_bytes(k), input.bytes);
        // Compressed points are half as long.
        if found == HEADER_BYTES as u64 + (expected - HEADER_BYTES as u64) / 2 {
            return Err(input.refuse(Defect::Compressed { k }));
        }
        if found != expected {
            return Err(input.refuse(Defect::Size { what: "the file", expected, found }));
        }
        Ok(Self::Srs { input, k })
    }

    pub(crate) fn input(&self) -> &Input {
        match self {
            Self::Srs { input, .. } => input,
            Self::Ptau(ptau) => &ptau.input,
        }
    }

    /// The degrees to import: those of `ks`, all of which have to be there, or, if it is empty, those of [`DEGREES`]
    /// that the file has, or else its largest.
    pub(crate) fn degrees(&self, ks: &[u32]) -> Result<Vec<u32>, SrsError> {
        let ks = check_degrees(ks)?;
        match self {
            Self::Srs { input, k: holds } => match ks.iter().find(|k| *k != holds) {
                Some(asked) => Err(input.refuse(Defect::OtherDegree { asked: *asked, holds: *holds })),
                None => Ok(vec![*holds]),
            },
            Self::Ptau(ptau) => {
                if let Some(asked) = ks.iter().find(|k| **k > ptau.power) {
                    return Err(ptau.input.refuse(Defect::TooSmall { asked: *asked, power: ptau.power }));
                }
                if !ks.is_empty() {
                    return Ok(ks);
                }
                let default: Vec<u32> = DEGREES.into_iter().filter(|k| *k <= ptau.power).collect();
                Ok(if default.is_empty() { vec![ptau.power] } else { default })
            }
        }
    }

    /// The raw bytes of `g[start..]`, as many as fill `buffer`.
    pub(crate) fn powers(&self, start: usize, buffer: &mut [u8]) -> Result<(), SrsError> {
        match self {
            Self::Srs { input, .. } => input.read(layout::g_offset(start as u64), buffer),
            Self::Ptau(ptau) => ptau.powers(start, buffer),
        }
    }

    /// The raw bytes of `g2` and `s_g2`.
    pub(crate) fn g2(&self) -> Result<[[u8; G2_BYTES]; 2], SrsError> {
        let (input, offset) = match self {
            Self::Srs { input, k } => (input, layout::g2_offset(*k)),
            Self::Ptau(ptau) => (&ptau.input, ptau.g2_offset()),
        };
        let mut points = [[0; G2_BYTES]; 2];
        input.read(offset, points.as_flattened_mut())?;
        Ok(points)
    }

    /// Makes the Lagrange form for `2^k` ready to be read.
    pub(crate) fn lagrange(&self, k: u32) -> Result<Lagrange<'_>, SrsError> {
        Ok(match self {
            Self::Srs { input, k } => Lagrange::Srs { input, k: *k },
            Self::Ptau(ptau) => {
                let (block, step) = ptau.lagrange(k)?;
                Lagrange::Ptau { block, step }
            }
        })
    }
}

/// The Lagrange form for one `k`.
pub(crate) enum Lagrange<'a> {
    /// In its place in an `.srs` file, in order.
    Srs { input: &'a Input, k: u32 },
    /// The points of a `.ptau` file, where `g_lagrange[i]` is the one at `i * step` modulo their number.
    Ptau { block: Vec<u8>, step: usize },
}

impl Lagrange<'_> {
    /// The raw bytes of `g_lagrange[start..]`, as many as fill `buffer`.
    pub(crate) fn read(&self, start: usize, buffer: &mut [u8]) -> Result<(), SrsError> {
        match self {
            Self::Srs { input, k } => input.read(layout::g_lagrange_offset(*k, start as u64), buffer),
            Self::Ptau { block, step } => {
                let mask = block.len() / G1_BYTES - 1;
                let (points, _) = block.as_chunks::<G1_BYTES>();
                let (places, _) = buffer.as_chunks_mut::<G1_BYTES>();
                for (index, place) in places.iter_mut().enumerate() {
                    *place = points[(start + index).wrapping_mul(*step) & mask];
                }
                Ok(())
            }
        }
    }
}
