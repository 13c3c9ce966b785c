//! The structured reference string (SRS).

use crate::{
    context::Context,
    error::{Error, Failed, Findings, Verdict},
    event::Event,
    observer::Adapter,
};
use serde::Serialize;
use std::path::{Path, PathBuf};
use zeno_srs::{DEGREES, Installed, Origin, Srs};

/// Installed SRS, by rising degree.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SrsInstalled {
    /// The SRS of each degree.
    pub srs: Vec<SrsReport>,
}

/// Content of the cache folder, by rising degree.
#[derive(Clone, Debug, Serialize)]
pub struct SrsListed {
    /// The cache folder.
    #[serde(skip)]
    pub folder: PathBuf,
    /// The SRS of each degree.
    pub srs: Vec<SrsReport>,
}

/// Content of the cache folder as far as it could be listed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SrsFindings {
    /// The SRS of each degree, if the folder could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub srs: Option<Vec<SrsReport>>,
}

impl Findings for SrsFindings {
    fn judge(&mut self, _: Verdict) {}
}

/// An installed SRS, or the reason why it can't be used.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SrsReport {
    /// Logarithm of the degree.
    pub k: u32,
    /// Description of an SRS that can be used.
    #[serde(flatten)]
    pub usable: Option<UsableSrs>,
    /// Reason why it can't be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// An installed SRS that can be used. A mirror of [`Srs`], which holds an open file and points of curves.
#[derive(Clone, Debug, Serialize)]
pub struct UsableSrs {
    /// Name of the origin.
    #[serde(serialize_with = "origin_name")]
    pub origin: Origin,
    /// `true` if anybody can forge proofs under it.
    pub insecure: bool,
    /// Name of the imported file, or a description of the computation.
    pub source: String,
    /// Checks of the import, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<String>,
    /// The installed file.
    #[serde(serialize_with = "crate::files::serialize_path")]
    pub file: PathBuf,
    /// Length of the file, in bytes.
    pub bytes: u64,
    /// BLAKE2b-512 digest of the file, in hexadecimal.
    pub blake2b: String,
}

fn origin_name<S: serde::Serializer>(origin: &Origin, serializer: S) -> Result<S::Ok, S::Error> {
    origin.name().serialize(serializer)
}

impl From<&Srs> for SrsReport {
    fn from(srs: &Srs) -> Self {
        let usable = UsableSrs {
            origin: srs.origin(),
            insecure: srs.is_insecure(),
            source: srs.source().to_owned(),
            checks: srs.checks().to_vec(),
            file: srs.path().to_owned(),
            bytes: srs.bytes(),
            blake2b: srs.blake2b().to_owned(),
        };
        Self { k: srs.k(), usable: Some(usable), error: None }
    }
}

/// Checks the file of a ceremony and installs its SRS for the degrees `2^k`, by default for those of proving that the file
/// covers.
///
/// # Errors
/// [`Error`] where the cache folder or the file can't be used.
pub fn import(file: &Path, ks: &[u32], context: &Context) -> Result<SrsInstalled, Error> {
    let cache = context.cache.required()?;
    Ok(installed(&zeno_srs::import(&cache, file, ks, &Adapter(context.observer.clone()))?))
}

/// Makes the insecure SRS for development for the degrees `2^k`, by default for those of proving.
///
/// # Errors
/// [`Error`] where the cache folder can't be used.
pub fn development(ks: &[u32], context: &Context) -> Result<SrsInstalled, Error> {
    let cache = context.cache.required()?;
    let ks = if ks.is_empty() { DEGREES.as_slice() } else { ks };
    Ok(installed(&zeno_srs::development(&cache, ks, &Adapter(context.observer.clone()))?))
}

fn installed(srs: &[Srs]) -> SrsInstalled {
    SrsInstalled { srs: srs.iter().map(SrsReport::from).collect() }
}

/// Lists the installed SRS. A damaged one is listed as well.
///
/// # Errors
/// [`Failed`] where the cache folder can't be used, or an SRS in it is damaged.
pub fn list(context: &Context) -> Result<SrsListed, Failed<SrsFindings>> {
    let folder = context.cache.required()?;
    context.observer.notify(Event::ReadingSrs);
    let mut damage = None;
    let mut srs = Vec::new();
    for Installed { k, srs: opened } in zeno_srs::installed(&folder)? {
        match opened {
            Ok(opened) => srs.push(SrsReport::from(&opened)),
            Err(error) => {
                srs.push(SrsReport { k, usable: None, error: Some(error.to_string()) });
                damage.get_or_insert(error);
            }
        }
    }
    match damage {
        Some(error) => Err(Failed::new(error, SrsFindings { srs: Some(srs) })),
        None => Ok(SrsListed { folder, srs }),
    }
}
