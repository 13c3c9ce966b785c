//! Origin of a structured reference string (SRS), and the known ceremonies.

use std::fmt;

use alloy_primitives::{U256, uint};
use halo2curves::bn256::G2Affine;

use super::curve::write_g2;
use crate::development_srs::{DEVELOPMENT_S_G2, INSECURE_SRS};

/// Origin of an SRS, which its `s_g2` tells.
///
/// That is stronger than a file's digest: `s_g2` fixes the secret, and the secret fixes every other point. So if an
/// SRS's points are checked against a ceremony's `s_g2`, they are the ceremony's. It doesn't matter which program
/// converted or cut the ceremony's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SrsOrigin {
    /// A ceremony of many participants. Only such an SRS is secure.
    Ceremony(&'static Ceremony),
    /// The public seed of the development SRS. It is insecure.
    Development,
    /// No known origin. Anybody may know the secret.
    Unknown,
}

impl SrsOrigin {
    /// Returns the origin of the SRS with this secret in G2, `[tau] H`.
    pub fn of(s_g2: &G2Affine) -> Self {
        let bytes = write_g2(s_g2);
        let words = [0, 32, 64, 96].map(|at| U256::from_be_slice(&bytes[at..at + 32]));
        if words == DEVELOPMENT_S_G2 {
            return Self::Development;
        }
        CEREMONIES.iter().find(|ceremony| ceremony.s_g2 == words).map_or(Self::Unknown, Self::Ceremony)
    }

    /// Returns the origin's name for records and JSON: one word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ceremony(ceremony) => ceremony.name,
            Self::Development => "development",
            Self::Unknown => "unknown",
        }
    }

    /// Returns the origin's name in proof files ([`ProofFile::srs`](crate::ProofFile::srs)) and in the table of pinned
    /// keys. It is [`INSECURE_SRS`] for the development SRS, and [`name`](Self::name) for the others.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Development => INSECURE_SRS,
            Self::Ceremony(_) | Self::Unknown => self.name(),
        }
    }
}

impl fmt::Display for SrsOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ceremony(ceremony) => write!(f, "{}: {}", ceremony.name, ceremony.description),
            Self::Development => f.write_str("development: INSECURE, anybody can forge proofs under it"),
            Self::Unknown => f.write_str(
                "unknown: consistent, but of no ceremony that is known here; whoever made it may be able to forge \
                 proofs",
            ),
        }
    }
}

/// State of a ceremony from which files were published.
#[derive(Debug, PartialEq, Eq)]
pub struct Ceremony {
    /// Name, of one word.
    pub name: &'static str,
    /// Description, for people.
    pub description: &'static str,
    /// URL at which `s_g2` can be looked up.
    pub source: &'static str,
    /// `s_g2` in the order of the EVM's pairing: x.c1, x.c0, y.c1, y.c0 (EIP-197).
    pub s_g2: [U256; 4],
}

/// States of the Perpetual Powers of Tau ceremony (<https://github.com/privacy-ethereum/perpetualpowersoftau>) from
/// which the files for halo2 and snarkjs were made.
pub static CEREMONIES: &[Ceremony] = &[
    Ceremony {
        name: "hermez",
        description: "Perpetual Powers of Tau, 54 contributions and Hermez's random beacon",
        // The second point of section 3 in the files of the table of digests; the halo2 files hermez-raw-K of
        // https://github.com/han0110/halo2-kzg-srs are conversions of them.
        source: "https://github.com/iden3/snarkjs#7-prepare-phase-2",
        s_g2: [
            uint!(0x26186a2d65ee4d2f9c9a5b91f86597d35f192cd120caf7e935d8443d1938e23d_U256),
            uint!(0x30441fd1b5d3370482c42152a8899027716989a6996c2535bc9f7fee8aaef79e_U256),
            uint!(0x1970ea81dd6992adfbc571effb03503adbbb6a857f578403c6c40e22d65b3c02_U256),
            uint!(0x054793348f12c0cf5622c340573cb277586319de359ab9389778f689786b1e48_U256),
        ],
    },
    Ceremony {
        name: "challenge_0085",
        description: "Perpetual Powers of Tau, 84 contributions, as OpenVM's published verifiers have it",
        // The words of the four mstore before the pairing in Halo2Verifier.sol, v1.2 to v2.0. The contract has the
        // point's negative. The files are kzg_bn254_K.srs of s3://axiom-crypto/challenge_0085.
        source: "https://github.com/openvm-org/openvm-solidity-sdk/blob/main/src/v2.0-base/Halo2Verifier.sol",
        s_g2: [
            uint!(0x172aa93c41f16e1e04d62ac976a5d945f4be0acab990c6dc19ac4a7cf68bf77b_U256),
            uint!(0x2ae0c8c3a090f7200ff398ee9845bbae8f8c1445ae7b632212775f60a0e21600_U256),
            uint!(0x1754a9fc3b7e4da9197c283c7401773208190c5555caf254e644e99c29366704_U256),
            uint!(0x1459fe6cc8a1222fd4290864ff9e47d4b8cf7a403593c7107c39538ddefd857e_U256),
        ],
    },
];

#[cfg(test)]
mod tests {
    use halo2curves::{bn256::G2, group::Curve};

    use super::{super::curve::read_g2, *};

    fn point(words: &[U256; 4]) -> Option<G2Affine> {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes::<32>()).collect();
        read_g2(bytes.as_slice().try_into().unwrap())
    }

    #[test]
    fn ceremonies_are_found_by_their_secret() {
        for ceremony in CEREMONIES {
            // Reading checks the curve and the group.
            let s_g2 = point(&ceremony.s_g2).unwrap();
            let origin = SrsOrigin::of(&s_g2);
            assert_eq!(origin, SrsOrigin::Ceremony(ceremony));
            assert_eq!([origin.name(), origin.label()], [ceremony.name; 2]);
            assert_eq!(SrsOrigin::of(&-s_g2), SrsOrigin::Unknown);
        }
        assert_eq!(SrsOrigin::of(&G2Affine::generator()), SrsOrigin::Unknown);
        assert_eq!(SrsOrigin::of(&(G2::generator() + G2::generator()).to_affine()), SrsOrigin::Unknown);
    }

    #[test]
    fn the_development_srs_is_recognised() {
        let folder = tempfile::tempdir().unwrap();
        struct Silent;
        impl zeno_srs::Progress for Silent {
            fn advance(&self, _: zeno_srs::Step, _: u64, _: u64) {}
        }
        let srs = zeno_srs::development(folder.path(), &[1], &Silent).unwrap();
        let origin = SrsOrigin::of(&srs[0].s_g2());
        assert_eq!(origin, SrsOrigin::Development);
        assert_eq!([origin.name(), origin.label()], ["development", INSECURE_SRS]);
    }
}
