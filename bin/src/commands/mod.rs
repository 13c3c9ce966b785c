//! One function a command.

mod contract;
mod execute;
mod fetch;
mod inspect;
mod prove;
mod srs;
mod validate;
mod verify;

pub(crate) use self::{
    contract::contract, execute::execute, fetch::fetch, inspect::inspect, prove::prove, srs::srs,
    validate::validate, verify::verify,
};
