//! The releases of the guest program: the one that this crate was built with, and those that were withdrawn.

use std::fmt;

use alloy_primitives::{B256, b256};

use crate::VerifyError;

/// What the current release commits to, made by `prover`'s example `guest-commitments`.
static COMMITMENTS: &str = include_str!("../../config/guest/evm/2/commitments.json");
/// The number of that release, which its folder's name has too.
const CURRENT: u32 = 2;

/// The releases whose proofs are refused. Nothing but this table withdraws one, so no file can take that back.
///
/// A program is known by its commitment alone, for no machine makes it sound.
static WITHDRAWN: [Withdrawn; 1] = [Withdrawn {
    number: 1,
    // Every program that was committed before release 2, the latest first. All ran on the machine with the commitment
    // 0x007dbfac36b2f8ebf471413f1bfa1eb2a298935c5cb66145f5245bad493b37bd.
    programs: &[
        b256!("0x008c234bbc5a9d5615ab9017d7c8b6325c8bb44d99012b2102310e51ad785a1d"),
        b256!("0x0092bba94352fa67f2b4b3af1168ee784c328457949fc3b45f690728d2696cab"),
        b256!("0x004311e4ff55ef85372f804ad52fdae3988557128337594160e6146f9e90a17d"),
        b256!("0x0057db148d461ffcdb73effd56585107fd925c5ec5d0344c008b85f90f62d906"),
        b256!("0x004a7cd88e6985d246eefbf20e82111bd3fe0c6f10d58157c26f60821729583b"),
        b256!("0x003a38301201a5ae8e7b2210200a4dcc7d78d4c388115916b79c36ea9afbc166"),
    ],
    reason: "any claim can be forged with it, because the EVM's memory wraps around in its 32-bit machine; prove the \
             block again with this program",
}];

/// A release whose proofs are refused.
struct Withdrawn {
    number: u32,
    /// Commitments to its programs.
    programs: &'static [B256],
    /// A sentence: why, and what to do.
    reason: &'static str,
}

/// A release of the EVM program, the guest whose proofs this crate checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its number. The first one is 1.
    pub number: u32,
    /// Why its proofs are refused, and what to do; none where they are accepted.
    pub withdrawn: Option<&'static str>,
}

impl Release {
    /// The release that this program and this machine are of, none if they are not known here.
    pub fn of(app_exe_commitment: B256, app_vm_commitment: B256) -> Option<Self> {
        let current = [app_exe_commitment, app_vm_commitment].map(Some)
            == ["app_exe_commitment", "app_vm_commitment"].map(stated);
        match withdrawn(app_exe_commitment) {
            Some(release) => Some(Self { number: release.number, withdrawn: Some(release.reason) }),
            None => current.then_some(Self { number: CURRENT, withdrawn: None }),
        }
    }

    /// Refuses a program of a release that was withdrawn, whoever names it: a proof, a key or a contract.
    ///
    /// # Errors
    /// [`VerifyError::Withdrawn`], which has the reason.
    pub fn refuse_withdrawn(app_exe_commitment: B256) -> Result<(), VerifyError> {
        match withdrawn(app_exe_commitment) {
            Some(&Withdrawn { number: release, reason, .. }) => {
                Err(VerifyError::Withdrawn { release, reason })
            }
            None => Ok(()),
        }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "release {} of the EVM program", self.number)
    }
}

fn withdrawn(app_exe_commitment: B256) -> Option<&'static Withdrawn> {
    WITHDRAWN.iter().find(|release| release.programs.contains(&app_exe_commitment))
}

/// A commitment of the current release, by its name in the file.
fn stated(name: &str) -> Option<B256> {
    let (_, value) = COMMITMENTS.split_once(&format!("\"{name}\": \""))?;
    value.split('"').next()?.parse().ok()
}
