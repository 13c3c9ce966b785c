//! One function a command.

mod contract;
mod execute;
mod fetch;
mod inspect;
mod prove;
mod setup;
mod srs;
mod validate;
mod verify;

pub(crate) use self::{
    contract::contract, execute::execute, fetch::fetch, inspect::inspect, prove::prove, setup::setup,
    srs::srs, validate::validate, verify::verify,
};
