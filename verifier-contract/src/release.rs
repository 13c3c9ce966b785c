//! Releases of the guest program: the one that this crate was built with, and the ones whose proofs are refused.

use std::fmt;

use alloy_primitives::{B256, b256};

use crate::error::VerifyError;

/// Commitments of the current release, in JSON, made by `xtask guest-commitments`.
static COMMITMENTS: &str = include_str!("../../config/guest/evm/3/commitments.json");
/// Number of the current release, which is also its folder's name.
const CURRENT: u32 = 3;

/// Releases whose proofs are refused. Only this table ends a release, so no file can reverse that.
///
/// A program is recognised by its own commitment alone, because no virtual machine makes it sound.
static ENDED: [Ended; 2] = [
    Ended {
        number: 1,
        reason: Reason::Withdrawn(
            "any claim can be forged with it, because the EVM's memory wraps around in its 32-bit VM; prove the block again \
             with this program",
        ),
        // Every program that was committed before release 2, the latest first. All ran on the virtual machine with the
        // commitment 0x007dbfac36b2f8ebf471413f1bfa1eb2a298935c5cb66145f5245bad493b37bd.
        programs: &[
            b256!("0x008c234bbc5a9d5615ab9017d7c8b6325c8bb44d99012b2102310e51ad785a1d"),
            b256!("0x0092bba94352fa67f2b4b3af1168ee784c328457949fc3b45f690728d2696cab"),
            b256!("0x004311e4ff55ef85372f804ad52fdae3988557128337594160e6146f9e90a17d"),
            b256!("0x0057db148d461ffcdb73effd56585107fd925c5ec5d0344c008b85f90f62d906"),
            b256!("0x004a7cd88e6985d246eefbf20e82111bd3fe0c6f10d58157c26f60821729583b"),
            b256!("0x003a38301201a5ae8e7b2210200a4dcc7d78d4c388115916b79c36ea9afbc166"),
        ],
    },
    Ended {
        number: 2,
        reason: Reason::Superseded(
            "its claims have another form, without a kind and with the digest of future rules; prove the block again with \
             this program",
        ),
        // It ran on the same virtual machine.
        programs: &[b256!("0x0013bb97257992d3ff227c9b1c7b0584c336f51c0c158e90d94eff08f23773a2")],
    },
];

/// A release whose proofs are refused.
struct Ended {
    number: u32,
    reason: Reason,
    /// Commitments to its programs.
    programs: &'static [B256],
}

/// Reason for refusing a release's proofs, and what to do, in one sentence.
#[derive(Clone, Copy)]
enum Reason {
    /// Proofs that prove nothing.
    Withdrawn(&'static str),
    /// Proofs of claims in a form that is no longer read.
    Superseded(&'static str),
}

/// A release of the EVM program, the guest whose proofs this crate checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// Number of the release, from 1 on.
    pub number: u32,
    /// Reason why its proofs prove nothing, and what to do, if that is so.
    pub withdrawn: Option<&'static str>,
    /// Reason why its proofs are not read any more, and what to do, if that is so.
    pub superseded: Option<&'static str>,
}

impl Release {
    /// Returns the release with these commitments to a program and a virtual machine, or `None` if it is not known
    /// here.
    pub fn of(app_exe_commitment: B256, app_vm_commitment: B256) -> Option<Self> {
        let current = [app_exe_commitment, app_vm_commitment].map(Some)
            == ["app_exe_commitment", "app_vm_commitment"].map(current_commitment);
        let (number, reason) = match ended(app_exe_commitment) {
            Some(release) => (release.number, Some(release.reason)),
            None if current => (CURRENT, None),
            None => return None,
        };
        Some(match reason {
            None => Self { number, withdrawn: None, superseded: None },
            Some(Reason::Withdrawn(reason)) => Self { number, withdrawn: Some(reason), superseded: None },
            Some(Reason::Superseded(reason)) => Self { number, withdrawn: None, superseded: Some(reason) },
        })
    }

    /// Returns whether proofs of this release are accepted.
    pub fn is_accepted(&self) -> bool {
        self.withdrawn.is_none() && self.superseded.is_none()
    }

    /// Refuses a program of a withdrawn or superseded release, whether a proof, a key or a contract names it.
    ///
    /// # Errors
    /// [`VerifyError::Withdrawn`] or [`VerifyError::Superseded`], with the reason.
    pub fn check_accepted(app_exe_commitment: B256) -> Result<(), VerifyError> {
        match ended(app_exe_commitment) {
            Some(&Ended { number: release, reason: Reason::Withdrawn(reason), .. }) => {
                Err(VerifyError::Withdrawn { release, reason })
            }
            Some(&Ended { number: release, reason: Reason::Superseded(reason), .. }) => {
                Err(VerifyError::Superseded { release, reason })
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

/// Returns the refused release that a program belongs to.
fn ended(app_exe_commitment: B256) -> Option<&'static Ended> {
    ENDED.iter().find(|release| release.programs.contains(&app_exe_commitment))
}

/// Returns a commitment of the current release, by its key in [`COMMITMENTS`].
fn current_commitment(name: &str) -> Option<B256> {
    let (_, value) = COMMITMENTS.split_once(&format!("\"{name}\": \""))?;
    value.split('"').next()?.parse().ok()
}
