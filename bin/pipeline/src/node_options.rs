//! Access to a node, as a user describes it.

use crate::{error::Error, setting::Setting};
use std::{
    fmt::{self, Debug, Formatter},
    time::Duration,
};
use zeno_witness_fetch::{RpcOptions, SecretHeader};

/// Access to a node, as a user describes it. Nothing is checked before a verb needs the node.
#[derive(Clone, Default)]
pub struct NodeOptions {
    /// URL of the node, which may contain secrets.
    pub url: Option<String>,
    /// HTTP headers for the node, `Name: value`, which may contain secrets. Blank ones don't count.
    pub headers: Vec<String>,
    /// Time limit of a request. `None` stands for the default.
    pub timeout: Option<Duration>,
}

impl Debug for NodeOptions {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeOptions").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl NodeOptions {
    /// Checks the options of the node that `what` needs.
    pub(crate) fn rpc(&self, what: &str) -> Result<RpcOptions, Error> {
        let url = match self.url.as_deref().map(str::trim) {
            Some("") => {
                return Err(Error::other(format_args!(
                    "{what} needs a node, and the node's URL is empty: give one, such as http://127.0.0.1:8545"
                ))
                .with_settings([Setting::Node]));
            }
            Some(url) => url,
            None => {
                return Err(Error::other(format_args!(
                    "{what} needs a node: give its URL, such as http://127.0.0.1:8545"
                ))
                .with_settings([Setting::Node]));
            }
        };
        let mut options = RpcOptions::new(url);
        // An empty variable is one that isn't set.
        for header in self.headers.iter().filter(|header| !header.trim().is_empty()) {
            options.headers.push(header.parse::<SecretHeader>()?);
        }
        if let Some(timeout) = self.timeout {
            options.timeout = timeout;
        }
        Ok(options)
    }
}
