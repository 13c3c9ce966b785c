//! A file that an SRS is imported from, in one of two formats.

use std::path::Path;

use crate::{
    degrees::{DEGREES, check_degrees},
    error::{Defect, SrsError},
    input_file::Input,
    layout::{self, G1_BYTES, G2_BYTES, HEADER_BYTES, MAX_K},
    ptau::{MAGIC, Ptau},
};

/// A file in one of the two formats. Its header and sizes are checked, its points are not.
#[derive(Debug)]
pub(crate) enum Source {
    /// A halo2 `.srs` file for this `k`.
    Srs { input: Input, k: u32 },
    /// A snarkjs `.ptau` file.
    Ptau(Ptau),
}

impl Source {
    /// Opens a file, recognises its format, and checks its header and sizes.
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
        // Compressed points have half the size.
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

    /// Selects the degrees to import, by their logarithms. These are those of `ks`, all of which the file must hold. If
    /// `ks` is empty, they are those of [`DEGREES`] that the file holds, or else its largest.
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

    /// Fills `buffer` with the raw bytes of the points `g[start]`, `g[start + 1]`, …, 64 bytes each.
    pub(crate) fn powers(&self, start: usize, buffer: &mut [u8]) -> Result<(), SrsError> {
        match self {
            Self::Srs { input, .. } => input.read(layout::g_offset(start as u64), buffer),
            Self::Ptau(ptau) => ptau.powers(start, buffer),
        }
    }

    /// Reads the raw bytes of `g2` and `s_g2`.
    pub(crate) fn g2(&self) -> Result<[[u8; G2_BYTES]; 2], SrsError> {
        let (input, offset) = match self {
            Self::Srs { input, k } => (input, layout::g2_offset(*k)),
            Self::Ptau(ptau) => (&ptau.input, ptau.g2_offset()),
        };
        let mut points = [[0; G2_BYTES]; 2];
        input.read(offset, points.as_flattened_mut())?;
        Ok(points)
    }

    /// Prepares the `2^k` points of the Lagrange form for reading. Those of a `.ptau` file are loaded: `64 · 2^k`
    /// bytes.
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

/// The Lagrange form for one `k`, `2^k` points.
pub(crate) enum Lagrange<'a> {
    /// Points in an `.srs` file, in order.
    Srs { input: &'a Input, k: u32 },
    /// Raw points from a `.ptau` file: `g_lagrange[i]` has index `i · step mod 2^k`.
    Ptau { block: Vec<u8>, step: usize },
}

impl Lagrange<'_> {
    /// Fills `buffer` with the raw bytes of the points `g_lagrange[start]`, `g_lagrange[start + 1]`, …, 64 bytes each.
    pub(crate) fn read(&self, start: usize, buffer: &mut [u8]) -> Result<(), SrsError> {
        match self {
            Self::Srs { input, k } => input.read(layout::g_lagrange_offset(*k, start as u64), buffer),
            Self::Ptau { block, step } => {
                let mask = block.len() / G1_BYTES - 1;
                let (points, _) = block.as_chunks::<G1_BYTES>();
                let (ordered, _) = buffer.as_chunks_mut::<G1_BYTES>();
                for (index, point) in ordered.iter_mut().enumerate() {
                    *point = points[(start + index).wrapping_mul(*step) & mask];
                }
                Ok(())
            }
        }
    }
}
