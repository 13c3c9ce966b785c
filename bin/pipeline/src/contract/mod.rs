//! The contracts that check EVM proofs: their sources, their deployment, and proofs for them.

mod deploy;
mod export;
mod submit;
mod trusted_block;

pub use self::{
    deploy::{DeployOptions, Deployed, DeploymentFindings, deploy},
    export::{Exported, export},
    submit::{SubmitOptions, SubmitResult, Submitted, submit},
    trusted_block::{RulesReport, TrustedReport},
};
