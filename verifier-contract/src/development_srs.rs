//! The development SRS: its name, the warning about it, and its secret in G2.
//!
//! Its secret is public, because everybody can derive it from a public seed. Therefore everybody can forge proofs.

#[cfg(feature = "evm")]
use alloy_primitives::{U256, uint};

/// Name of the development SRS in proof files ([`ProofFile::srs`](crate::ProofFile::srs)) and in the table of pinned
/// keys.
///
/// Records of SRSs and JSON say `development` (`SrsOrigin::name`): there the word is one of a list of origins. A proof file
/// travels alone, so its word says itself what the proof is worth. Both words are parts of formats that are in use.
pub const INSECURE_SRS: &str = "insecure-dev";

/// Warning to show with everything that depends on the development SRS: the SRS, a key, a proof or a contract.
pub const INSECURE_SRS_WARNING: &str = "INSECURE: under the development SRS, anybody can forge proofs.";

/// `[tau] H` of the development SRS, in the order of the EVM's pairing: x.c1, x.c0, y.c1, y.c0 (EIP-197).
#[cfg(feature = "evm")]
pub(crate) const DEVELOPMENT_S_G2: [U256; 4] = [
    uint!(0x0fa98055cb7f830f0deccfedaafeaf7ca49da12c085654d4cc55765509d7ebbc_U256),
    uint!(0x120ac13f30e103f1c26772db9967ada6b7a46fa57931e04bf10bf462e06662cc_U256),
    uint!(0x1bb26aa2320aeb240eeb5c4ca290321882d71b8b1bb46f6f1ba663cf03bc7ff9_U256),
    uint!(0x0b0bd9838885e729a9019d32b24cda61105774537538997dfd70cae5741402e7_U256),
];
