//! The cache folder: keys, the SRS, fetched inputs and unfinished work.

use crate::{error::Error, event::Event, observer::Observer, setting::Setting};
use std::path::PathBuf;
use zeno_prover::{FolderError, check_folder, prepare_folder};
use zeno_verifier::key_folder;

/// Folder of the fetched inputs, in the cache folder.
const INPUTS: &str = "inputs";
/// Variables that the cache folder comes from, where no argument names it.
const VARIABLES: &str = "none of ZENO_CACHE_DIR, XDG_CACHE_HOME and HOME is set";

/// A cache folder as it is named. Nothing looks at it before a verb needs it.
#[derive(Clone, Debug, Default)]
pub struct CacheDir(Option<PathBuf>);

impl CacheDir {
    /// The folder `folder`, or none. An empty path is a mistake, which the first use says.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self(folder)
    }

    /// Makes the folder if it isn't there, and checks that nobody else may write to it.
    ///
    /// # Errors
    /// [`Error`] where others may write to the folder, or where there is none.
    pub fn required(&self) -> Result<PathBuf, Error> {
        self.prepared()?.ok_or_else(|| {
            Error::other(format_args!(
                "there is no place for keys and unfinished work: {VARIABLES}; name a folder"
            ))
            .with_settings([Setting::CacheDir])
        })
    }

    /// Makes and checks the folder for a verb that can do without one, and notes where nothing is kept.
    ///
    /// # Errors
    /// [`Error`] where others may write to the folder.
    pub(crate) fn optional(&self, observer: &dyn Observer) -> Result<Option<PathBuf>, Error> {
        let folder = self.prepared()?;
        if folder.is_none() {
            let sentence = format!("nothing is kept: no cache folder is named, and {VARIABLES}");
            observer.notify(Event::Note { sentence, settings: vec![Setting::CacheDir] });
        }
        Ok(folder)
    }

    /// The folder of fetched inputs, as [`optional`](Self::optional) finds it.
    pub(crate) fn inputs(&self, observer: &dyn Observer) -> Result<Option<PathBuf>, Error> {
        Ok(self.optional(observer)?.map(|folder| folder.join(INPUTS)))
    }

    /// The folder of keys in a cache folder that is checked, and not made.
    pub(crate) fn keys(&self) -> Result<Option<PathBuf>, Error> {
        let folder = self.named()?.map(|folder| check_folder(&folder)).transpose().map_err(refused)?;
        Ok(folder.map(|folder| key_folder::root(&folder)))
    }

    fn prepared(&self) -> Result<Option<PathBuf>, Error> {
        self.named()?.map(|folder| prepare_folder(&folder)).transpose().map_err(refused)
    }

    fn named(&self) -> Result<Option<PathBuf>, Error> {
        match &self.0 {
            Some(folder) if folder.as_os_str().is_empty() => {
                Err(Error::other("the name of the cache folder is empty; name a folder")
                    .with_settings([Setting::CacheDir]))
            }
            folder => Ok(folder.clone()),
        }
    }
}

/// The error of a folder that others may write to.
fn refused(error: FolderError) -> Error {
    Error::other(error).with_settings([Setting::CacheDir])
}
