//! snarkjs's `.ptau` files.
//!
//! The container is iden3's: `ptau`, a version and the number of sections, then each section's number, size and
//! content. Points are encoded as in an `.srs` file. Integers are little-endian. These sections are read:
//!
//! | number | content |
//! |---|---|
//! | 1 | header: size of a coordinate, modulus of the base field, power `p`, power of the ceremony |
//! | 2 | `2^(p+1) - 1` powers in G1 |
//! | 3 | `2^p` powers in G2 |
//! | 12 | Lagrange form of the powers in G1 for each degree from `2^0` to `2^(p+1)`, in this order |
//!
//! Only files that are prepared for phase 2 have section 12. (`src/powersoftau_new.js`, `src/powersoftau_utils.js` and
//! `src/powersoftau_preparephase2.js` in <https://github.com/iden3/snarkjs>.)
//!
//! snarkjs's domain has another generator than halo2's, a power of 5 and not of 7
//! (<https://github.com/iden3/ffjavascript>, where 5 is the smallest non-residue). Therefore the points of the Lagrange
//! form are the same, but in another order.

use halo2curves::{
    bn256::{Fq, Fr},
    ff::{Field, PrimeField},
};

use crate::{
    curve::root_of_unity,
    error::{Defect, SrsError},
    input_file::Input,
    layout::{G1_BYTES, G2_BYTES, MAX_K},
};

pub(crate) const MAGIC: [u8; 4] = *b"ptau";
const VERSION: u32 = 1;
/// Largest number of a section in a prepared file.
const MAX_SECTIONS: u32 = 15;
/// Size of a section's number and size, in bytes.
const SECTION_HEADER_BYTES: u64 = 12;
/// Size of the header section for a field of 32 bytes, in bytes.
const HEADER_BYTES: usize = 44;
/// Size of the largest coordinate in a readable header, in bytes: that of BLS12-381 and BLS12-377.
const MAX_COORDINATE_BYTES: usize = 48;

const HEADER: u32 = 1;
const TAU_G1: u32 = 2;
const TAU_G2: u32 = 3;
const LAGRANGE_G1: u32 = 12;

/// Modulus of the base field of BLS12-381, snarkjs's other curve, in hexadecimal.
const BLS12_381: &str =
    "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab";

/// Position of a section's content, in bytes.
#[derive(Clone, Copy, Debug)]
struct Section {
    offset: u64,
    bytes: u64,
}

/// A `.ptau` file. The sizes of its sections are checked, its points are not.
#[derive(Debug)]
pub(crate) struct Ptau {
    pub(crate) input: Input,
    /// Largest `k`.
    pub(crate) power: u32,
    tau_g1: Section,
    tau_g2: Section,
    lagrange_g1: Section,
}

impl Ptau {
    /// Reads the header, and checks the sizes of the sections.
    pub(crate) fn open(input: Input) -> Result<Self, SrsError> {
        let sections = sections(&input)?;
        let section = |id: u32| sections[id as usize];
        let missing = |id, name| input.refuse(Defect::NoSection { id, name });
        let header = section(HEADER).ok_or_else(|| missing(HEADER, "the header"))?;
        let tau_g1 = section(TAU_G1).ok_or_else(|| missing(TAU_G1, "powers in G1"))?;
        let tau_g2 = section(TAU_G2).ok_or_else(|| missing(TAU_G2, "powers in G2"))?;
        let power = power(&input, header)?;
        let check = |what, section: Section, expected| {
            let found = section.bytes;
            if found == expected { Ok(()) } else { Err(input.refuse(Defect::Size { what, expected, found })) }
        };
        check("section 2 (powers in G1)", tau_g1, ((2 << power) - 1) * G1_BYTES as u64)?;
        check("section 3 (powers in G2)", tau_g2, (1 << power) * G2_BYTES as u64)?;
        let lagrange_g1 = section(LAGRANGE_G1).ok_or_else(|| input.refuse(Defect::NotPrepared))?;
        check("section 12 (Lagrange form in G1)", lagrange_g1, ((4 << power) - 1) * G1_BYTES as u64)?;
        Ok(Self { input, power, tau_g1, tau_g2, lagrange_g1 })
    }

    /// Fills `buffer` with the raw bytes of the powers in G1 that begin at index `start`, 64 bytes each.
    pub(crate) fn powers(&self, start: usize, buffer: &mut [u8]) -> Result<(), SrsError> {
        self.input.read(self.tau_g1.offset + (start * G1_BYTES) as u64, buffer)
    }

    /// Offset of the generator of G2, in bytes; the secret in G2 follows it.
    pub(crate) fn g2_offset(&self) -> u64 {
        self.tau_g2.offset
    }

    /// Reads the Lagrange form for `2^k`: the raw bytes of its points in snarkjs's order, and the `s` for which halo2's
    /// point `i` has index `i · s mod 2^k` there.
    pub(crate) fn lagrange(&self, k: u32) -> Result<(Vec<u8>, usize), SrsError> {
        let mut block = vec![0; G1_BYTES << k];
        // The forms for 2^0 to 2^(k - 1) precede it.
        let before = ((1_u64 << k) - 1) * G1_BYTES as u64;
        self.input.read(self.lagrange_g1.offset + before, &mut block)?;
        // halo2's w = v^s for snarkjs's v: halo2's point i, at w^i = v^(s i), is snarkjs's at s i.
        Ok((block, logarithm(root_of_unity(k), snarkjs_root_of_unity(k), k)))
    }
}

/// Reads the positions of the sections, by their numbers.
fn sections(input: &Input) -> Result<[Option<Section>; MAX_SECTIONS as usize + 1], SrsError> {
    let mut start = [0; 12];
    let too_short = |what, expected, found| input.refuse(Defect::Size { what, expected, found });
    if input.bytes < start.len() as u64 {
        return Err(too_short("the file", start.len() as u64, input.bytes));
    }
    input.read(0, &mut start)?;
    let [_, version, count] = words(&start);
    if version != VERSION {
        return Err(input.refuse(Defect::Version(version)));
    }
    if count > MAX_SECTIONS {
        return Err(input.refuse(Defect::SectionCount(count)));
    }
    let mut sections = [None; MAX_SECTIONS as usize + 1];
    let mut position = start.len() as u64;
    for _ in 0..count {
        let mut header = [0; SECTION_HEADER_BYTES as usize];
        let rest = input.bytes - position;
        if rest < SECTION_HEADER_BYTES {
            return Err(too_short("the header of a section", SECTION_HEADER_BYTES, rest));
        }
        input.read(position, &mut header)?;
        position += SECTION_HEADER_BYTES;
        let [id, low, high] = words(&header);
        let bytes = u64::from(high) << 32 | u64::from(low);
        let rest = input.bytes - position;
        if rest < bytes {
            return Err(too_short("what follows the header of a section", bytes, rest));
        }
        // Sections with unknown numbers are skipped.
        if let Some(section) = sections.get_mut(id as usize) {
            if section.is_some() {
                return Err(input.refuse(Defect::SectionTwice(id)));
            }
            *section = Some(Section { offset: position, bytes });
        }
        position += bytes;
    }
    if position != input.bytes {
        return Err(too_short("the file", position, input.bytes));
    }
    Ok(sections)
}

/// Reads three little-endian integers.
fn words(bytes: &[u8; 12]) -> [u32; 3] {
    let (words, _) = bytes.as_chunks::<4>();
    [words[0], words[1], words[2]].map(u32::from_le_bytes)
}

/// Checks the header section, and reads the power from it.
fn power(input: &Input, section: Section) -> Result<u32, SrsError> {
    let what = "section 1 (the header)";
    let mut header = [0; HEADER_BYTES + MAX_COORDINATE_BYTES - 32];
    let bytes = section.bytes as usize;
    let expected = HEADER_BYTES as u64;
    if section.bytes < expected || bytes > header.len() {
        return Err(input.refuse(Defect::Size { what, expected, found: section.bytes }));
    }
    input.read(section.offset, &mut header[..bytes])?;
    let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let coordinate = bytes - 12;
    if word(0) as usize != coordinate {
        return Err(input.refuse(Defect::Size {
            what,
            expected: 12 + u64::from(word(0)),
            found: section.bytes,
        }));
    }
    let mut modulus = header[4..4 + coordinate].to_vec();
    modulus.reverse();
    let modulus = hex::encode(modulus);
    if modulus != Fq::MODULUS.trim_start_matches("0x") {
        let curve = if modulus == BLS12_381 { "BLS12-381" } else { "another curve" };
        return Err(input.refuse(Defect::OtherCurve { curve, modulus }));
    }
    let power = word(4 + coordinate);
    if (1..=MAX_K).contains(&power) { Ok(power) } else { Err(input.refuse(Defect::Degree(power))) }
}

/// The primitive `2^k`-th root of unity of snarkjs's domain: `5^((r - 1) / 2^k)`.
pub(crate) fn snarkjs_root_of_unity(k: u32) -> Fr {
    // (r - 1) / 2^28 in little-endian limbs.
    let odd_part = {
        let mut limbs = [0; 4];
        let minus_one = (-Fr::ONE).to_repr();
        for (limb, bytes) in limbs.iter_mut().zip(minus_one.as_ref().as_chunks::<8>().0) {
            *limb = u64::from_le_bytes(*bytes);
        }
        let high = [limbs[1], limbs[2], limbs[3], 0];
        for (limb, high) in limbs.iter_mut().zip(high) {
            *limb = *limb >> Fr::S | high << (64 - Fr::S);
        }
        limbs
    };
    (k..Fr::S).fold(Fr::from(5).pow_vartime(odd_part), |root, _| root * root)
}

/// The `s < 2^k` with `base^s = power`, for a primitive `2^k`-th root of unity `base`. Computes one bit after the
/// other, the lowest first (Pohlig and Hellman).
fn logarithm(power: Fr, base: Fr, k: u32) -> usize {
    let inverse = base.invert().expect("a root of unity is not zero");
    let mut s = 0;
    let mut rest = power;
    // base^(-2^bit).
    let mut step = inverse;
    for bit in 0..k {
        if rest.pow_vartime([1_u64 << (k - 1 - bit)]) != Fr::ONE {
            s |= 1 << bit;
            rest *= step;
        }
        step = step.square();
    }
    s
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_of_roots() {
        for k in [1, 2, 3, 10, 23, 28] {
            let (ours, theirs) = (root_of_unity(k), snarkjs_root_of_unity(k));
            assert_eq!(theirs.pow_vartime([1_u64 << (k - 1)]), -Fr::ONE, "a primitive root");
            let s = logarithm(ours, theirs, k);
            assert_eq!(theirs.pow_vartime([s as u64]), ours);
            assert_eq!(s % 2, 1);
        }
        assert_ne!(root_of_unity(28), snarkjs_root_of_unity(28));
    }

    /// The expected value is ffjavascript's `Fr.w[28]` of bn128.
    #[test]
    fn snarkjs_root() {
        let mut bytes: [u8; 32] =
            hex::decode("2a3c09f0a58a7e8500e0a7eb8ef62abc402d111e41112ed49bd61b6e725b19f0")
                .unwrap()
                .try_into()
                .unwrap();
        bytes.reverse();
        assert_eq!(snarkjs_root_of_unity(28), Fr::from_repr(bytes).unwrap());
    }
}
