//! The ceremonies and files that are known, with where that can be looked up.

use std::fmt;

use halo2curves::{bn256::G2Affine, ff::PrimeField};

use crate::development;

/// Where an SRS comes from. It is read off `s_g2`.
///
/// That is stronger than a file's digest: `s_g2` fixes the secret, and an SRS that passed the checks of
/// [`import`](crate::import) has nothing in it that the secret doesn't fix. So whatever program converted or cut a
/// ceremony's file, the points are the ceremony's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A ceremony of many participants.
    Ceremony(&'static Ceremony),
    /// The public seed: insecure.
    Development,
    /// Anybody may know the secret.
    Unknown,
}

impl Origin {
    /// The one with this secret in G2.
    pub(crate) fn of(s_g2: &G2Affine) -> Self {
        if *s_g2 == development::s_g2() {
            return Self::Development;
        }
        let words = words(s_g2);
        CEREMONIES.iter().find(|ceremony| ceremony.s_g2 == words).map_or(Self::Unknown, Self::Ceremony)
    }

    /// One word, for records and JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ceremony(ceremony) => ceremony.name,
            Self::Development => "development",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Origin {
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

/// A state of a ceremony that files were published from.
#[derive(Debug, PartialEq, Eq)]
pub struct Ceremony {
    /// One word.
    pub name: &'static str,
    /// What it is.
    pub description: &'static str,
    /// Where its `s_g2` can be looked up.
    pub source: &'static str,
    /// `s_g2` as the EVM's pairing has it: `x.c1`, `x.c0`, `y.c1`, `y.c0`, each as 64 hexadecimal digits.
    pub s_g2: [&'static str; 4],
}

/// A point of G2 as [`Ceremony::s_g2`] has it.
fn words(point: &G2Affine) -> [String; 4] {
    [point.x.c1, point.x.c0, point.y.c1, point.y.c0].map(|coordinate| {
        let mut bytes: [u8; 32] =
            coordinate.to_repr().as_ref().try_into().expect("a coordinate has 32 bytes");
        bytes.reverse();
        hex::encode(bytes)
    })
}

/// The states of the Perpetual Powers of Tau ceremony
/// (<https://github.com/privacy-ethereum/perpetualpowersoftau>) that files for halo2 and snarkjs stem from.
pub const CEREMONIES: &[Ceremony] = &[
    Ceremony {
        name: "hermez",
        description: "Perpetual Powers of Tau, 54 contributions and Hermez's random beacon",
        // The second point of section 3 in the files of the table of digests; the halo2 files hermez-raw-K of
        // https://github.com/han0110/halo2-kzg-srs are conversions of them.
        source: "https://github.com/iden3/snarkjs#7-prepare-phase-2",
        s_g2: [
            "26186a2d65ee4d2f9c9a5b91f86597d35f192cd120caf7e935d8443d1938e23d",
            "30441fd1b5d3370482c42152a8899027716989a6996c2535bc9f7fee8aaef79e",
            "1970ea81dd6992adfbc571effb03503adbbb6a857f578403c6c40e22d65b3c02",
            "054793348f12c0cf5622c340573cb277586319de359ab9389778f689786b1e48",
        ],
    },
    Ceremony {
        name: "challenge_0085",
        description: "Perpetual Powers of Tau, 84 contributions, as OpenVM's published verifiers have it",
        // The four words of mstore in front of the pairing of Halo2Verifier.sol, v1.2 to v2.0; the contract has
        // the point's negative. The files are kzg_bn254_K.srs of s3://axiom-crypto/challenge_0085.
        source: "https://github.com/openvm-org/openvm-solidity-sdk/blob/main/src/v2.0-base/Halo2Verifier.sol",
        s_g2: [
            "172aa93c41f16e1e04d62ac976a5d945f4be0acab990c6dc19ac4a7cf68bf77b",
            "2ae0c8c3a090f7200ff398ee9845bbae8f8c1445ae7b632212775f60a0e21600",
            "1754a9fc3b7e4da9197c283c7401773208190c5555caf254e644e99c29366704",
            "1459fe6cc8a1222fd4290864ff9e47d4b8cf7a403593c7107c39538ddefd857e",
        ],
    },
];

/// A published file.
#[derive(Debug, PartialEq, Eq)]
pub struct KnownFile {
    /// Its name.
    pub name: &'static str,
    /// Its BLAKE2b-512 digest.
    pub blake2b: &'static str,
}

impl KnownFile {
    /// The file with this digest.
    pub(crate) fn of(digest: &[u8; 64]) -> Option<&'static Self> {
        let digest = hex::encode(digest);
        FILES.iter().find(|file| file.blake2b == digest)
    }
}

/// Where the names and digests of [`FILES`] are published.
pub(crate) const FILES_SOURCE: &str = "https://github.com/iden3/snarkjs#7-prepare-phase-2";

/// The prepared snarkjs files of Hermez, from the table in snarkjs's README
/// (<https://github.com/iden3/snarkjs#7-prepare-phase-2>, as of commit 9a8f1c0083d18b9b5e18f526cfd729e7259423be).
pub const FILES: &[KnownFile] = &[
    KnownFile {
        name: "powersOfTau28_hez_final_08.ptau",
        blake2b: "d6a8fb3a04feb600096c3b791f936a578c4e664d262e4aa24beed1b7a9a96aa5\
                  eb72864d628db247e9293384b74b36ffb52ca8d148d6e1b8b51e279fdf57b583",
    },
    KnownFile {
        name: "powersOfTau28_hez_final_09.ptau",
        blake2b: "94f108a80e81b5d932d8e8c9e8fd7f46cf32457e31462deeeef37af1b71c2c1b\
                  3c71fb0d9b59c654ec266b042735f50311f9fd1d4cadce47ab234ad163157cb5",
    },
    KnownFile {
        name: "powersOfTau28_hez_final_10.ptau",
        blake2b: "6cfeb8cda92453099d20120bdd0e8a5c4e7706c2da9a8f09ccc157ed2464d921\
                  fd0437fb70db42104769efd7d6f3c1f964bcf448c455eab6f6c7d863e88a5849",
    },
    KnownFile {
        name: "powersOfTau28_hez_final_11.ptau",
        blake2b: "47c282116b892e5ac92ca238578006e31a47e7c7e70f0baa8b687f0a5203e28e\
                  a07bbbec765a98dcd654bad618475d4661bfaec3bd9ad2ed12e7abc251d94d33",
    },
    KnownFile {
        name: "powersOfTau28_hez_final_12.ptau",
        blake2b: "ded2694169b7b08e898f736d5de95af87c3f1a64594013351b1a796dbee393bd\
                  825f88f9468c84505ddd11eb0b1465ac9b43b9064aa8ec97f2b73e04758b8a4a",
    },
    KnownFile {
        name: "powersOfTau28_hez_final_13.ptau",
        blake2b: "58efc8bf2834d04768a3d7ffcd8e1e23d461561729beaac4e3e7a47829a1c906\
                  6d5320241e124a1a8e8aa6c75be0ba66f65bc8239a0542ed38e11276f6fdb4d9",
    },
    KnownFile {
        name: "powersOfTau28_hez_final_14.ptau",
        blake2b: "eeefbcf7c3803b523c94112023c7ff89558f9b8e0cf5d6cdcba3ade60f168af4\
                  a181c9c21774b94fbae6c90411995f7d854d02ebd93fb66043dbb06f17a831c1",
    },
    KnownFile {
        name: "powersOfTau28_hez_final_15.ptau",
        blake2b: "982372c867d229c236091f767e703253249a9b432c1710b4f326306bfa2428a1\
                  7b06240359606cfe4d580b10a5a1f63fbed499527069c18ae17060472969ae6e",
    },
    KnownFile {
        name: "powersOfTau28_hez_final_16.ptau",
        blake2b: "6a6277a2f74e1073601b4f9fed6e1e55226917efb0f0db8a07d98ab01df1ccf4\
                  3eb0e8c3159432acd4960e2f29fe84a4198501fa54c8dad9e43297453efec125",
    },
    KnownFile {
        name: "powersOfTau28_hez_final_17.ptau",
        blake2b: "6247a3433948b35fbfae414fa5a9355bfb45f56efa7ab4929e669264a0258976\
                  741dfbe3288bfb49828e5df02c2e633df38d2245e30162ae7e3bcca5b8b49345",
    },
    KnownFile {
        name: "powersOfTau28_hez_final_18.ptau",
        blake2b: "7e6a9c2e5f05179ddfc923f38f917c9e6831d16922a902b0b4758b8e79c2ab8a\
                  81bb5f29952e16ee6c5067ed044d7857b5de120a90704c1d3b637fd94b95b13e",
    },
    KnownFile {
        name: "powersOfTau28_hez_final_19.ptau",
        blake2b: "bca9d8b04242f175189872c42ceaa21e2951e0f0f272a0cc54fc37193ff66486\
                  00eaf1c555c70cdedfaf9fb74927de7aa1d33dc1e2a7f1a50619484989da0887",
    },
    KnownFile {
        name: "powersOfTau28_hez_final_20.ptau",
        blake2b: "89a66eb5590a1c94e3f1ee0e72acf49b1669e050bb5f93c73b066b564dca4e0c\
                  7556a52b323178269d64af325d8fdddb33da3a27c34409b821de82aa2bf1a27b",
    },
    KnownFile {
        name: "powersOfTau28_hez_final_21.ptau",
        blake2b: "9aef0573cef4ded9c4a75f148709056bf989f80dad96876aadeb6f1c6d062391\
                  f07a394a9e756d16f7eb233198d5b69407cca44594c763ab4a5b67ae73254678",
    },
    KnownFile {
        name: "powersOfTau28_hez_final_22.ptau",
        blake2b: "0d64f63dba1a6f11139df765cb690da69d9b2f469a1ddd0de5e4aa628abb28f7\
                  87f04c6a5fb84a235ec5ea7f41d0548746653ecab0559add658a83502d1cb21b",
    },
    KnownFile {
        name: "powersOfTau28_hez_final_23.ptau",
        blake2b: "3063a0bd81d68711197c8820a92466d51aeac93e915f5136d74f63c394ee6d88\
                  c5e8016231ea6580bec02e25d491f319d92e77f5c7f46a9caa8f3b53c0ea544f",
    },
    KnownFile {
        name: "powersOfTau28_hez_final_24.ptau",
        blake2b: "fa404d140d5819d39984833ca5ec3632cd4995f81e82db402371a4de7c2eae86\
                  87c62bc632a95b0c6aadba3fb02680a94e09174b7233ccd26d78baca2647c733",
    },
    KnownFile {
        name: "powersOfTau28_hez_final_25.ptau",
        blake2b: "0377d860cdb09a8a31ea1b0b8c04335614c8206357181573bf294c25d5ca7dff\
                  72387224fbd868897e6769f7805b3dab02854aec6d69d7492883b5e4e5f35eeb",
    },
    KnownFile {
        name: "powersOfTau28_hez_final_26.ptau",
        blake2b: "418dee4a74b9592198bd8fd02ad1aea76f9cf3085f206dfd7d594c9e264ae919\
                  611b1459a1cc920c2f143417744ba9edd7b8d51e44be9452344a225ff7eead19",
    },
    KnownFile {
        name: "powersOfTau28_hez_final_27.ptau",
        blake2b: "10ffd99837c512ef99752436a54b9810d1ac8878d368fb4b806267bdd664b4ab\
                  f276c9cd3c4b9039a1fa4315a0c326c0e8e9e8fe0eb588ffd4f9021bf7eae1a1",
    },
    KnownFile {
        name: "powersOfTau28_hez_final.ptau",
        blake2b: "55c77ce8562366c91e7cda394cf7b7c15a06c12d8c905e8b36ba9cf5e13eb37d\
                  1a429c589e8eaba4c591bc4b88a0e2828745a53e170eac300236f5c1a326f41a",
    },
];

#[cfg(test)]
mod tests {
    use halo2curves::{
        bn256::{Fq, Fq2},
        group::{Group, cofactor::CofactorGroup, prime::PrimeCurveAffine},
    };

    use super::*;

    /// A word as a field element.
    fn element(word: &str) -> Fq {
        let mut bytes: [u8; 32] = hex::decode(word).unwrap().try_into().unwrap();
        bytes.reverse();
        Fq::from_repr(bytes).unwrap()
    }

    #[test]
    fn ceremonies_are_found_by_their_secret() {
        for ceremony in CEREMONIES {
            let [x1, x0, y1, y0] = ceremony.s_g2.map(element);
            let s_g2 = G2Affine { x: Fq2 { c0: x0, c1: x1 }, y: Fq2 { c0: y0, c1: y1 } };
            assert!(bool::from(halo2curves::CurveAffine::is_on_curve(&s_g2)), "{}", ceremony.name);
            assert!(bool::from(s_g2.to_curve().is_torsion_free()), "{}", ceremony.name);
            assert!(!bool::from(s_g2.to_curve().is_identity()));
            assert_eq!(Origin::of(&s_g2), Origin::Ceremony(ceremony));
            assert_eq!(Origin::of(&-s_g2), Origin::Unknown);
        }
        assert_eq!(Origin::of(&development::s_g2()), Origin::Development);
        assert_eq!(Origin::of(&G2Affine::generator()), Origin::Unknown);
    }

    #[test]
    fn digests_are_whole_and_apart() {
        for (index, file) in FILES.iter().enumerate() {
            let digest: [u8; 64] = hex::decode(file.blake2b).unwrap().try_into().unwrap();
            assert_eq!(KnownFile::of(&digest), Some(&FILES[index]), "{}", file.name);
        }
        assert_eq!(KnownFile::of(&[0; 64]), None);
    }
}
