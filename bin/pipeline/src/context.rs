//! Surroundings of a verb.

use crate::{cache_dir::CacheDir, observer::Observer};
use std::{
    fmt::{self, Debug, Formatter},
    sync::Arc,
};

/// Surroundings of a verb. Each job may have its own.
#[derive(Clone)]
pub struct Context {
    /// The cache folder.
    pub cache: CacheDir,
    /// Receiver of the verb's events.
    pub observer: Arc<dyn Observer>,
}

impl Debug for Context {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("cache", &self.cache).finish_non_exhaustive()
    }
}
