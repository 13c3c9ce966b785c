//! Destination of a command's product: a file, or stdout.

use crate::{
    exit::{CliError, Done},
    output,
    render::Report,
};
use std::{
    fs,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
};
use zeno_pipeline::{
    claim::Blocks,
    error::{Error, Failed},
    files, text,
};

/// Destination of a command's product: a file, or stdout.
#[derive(Debug)]
pub(crate) struct OutFile {
    path: PathBuf,
    is_stdout: bool,
}

impl OutFile {
    /// Refuses a destination that can't be written to, before the hours that lead to its content are spent. Nothing is made or
    /// opened there. `option` is its name on the command line; with `json`, stdout is taken.
    pub(crate) fn new(path: &Path, option: &str, json: bool) -> Result<Self, Error> {
        let is_stdout = is_stdout(path);
        if is_stdout && json {
            return Err(Error::file(
                path,
                format_args!("is stdout, and --json prints there; name a file with {option}"),
            ));
        }
        if !is_stdout {
            check_writable(path, option)?;
        }
        Ok(Self { path: path.to_owned(), is_stdout })
    }

    /// A destination that was checked before, under a name that was not known yet.
    pub(crate) fn unchecked(path: &Path) -> Self {
        Self { path: path.to_owned(), is_stdout: is_stdout(path) }
    }

    /// The path, as it was named.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a command's product.
    pub(crate) fn deliver(&self, bytes: &[u8]) -> Result<(), Error> {
        if self.is_stdout {
            output::stdout(bytes)
                .map_err(|error| Error::other(format_args!("stdout can't be written: {error}")))
        } else {
            files::write(&self.path, bytes)
        }
    }

    /// The end of a command whose product was delivered.
    pub(crate) fn delivered(self, report: impl Report + 'static) -> Done {
        Done { file: Some(self.path), stdout_is_taken: self.is_stdout, ..Done::new(report) }
    }

    /// The end of a command whose product could not be delivered.
    pub(crate) fn undelivered<F: Report + 'static>(&self, failed: Failed<F>) -> CliError {
        CliError { stdout_is_taken: self.is_stdout, ..failed.into() }
    }
}

/// Destination that was asked for, or else a name in the current folder, by the blocks that the file is about.
pub(crate) fn destination(out: Option<&PathBuf>, blocks: &Blocks, extension: &str) -> PathBuf {
    out.cloned().unwrap_or_else(|| PathBuf::from(format!("{}.{extension}", blocks.file_name())))
}

fn check_writable(path: &Path, option: &str) -> Result<(), Error> {
    let refused = |path: &Path, error: io::Error| {
        Error::file(path, format_args!("can't be written to: {error}; choose another place with {option}"))
    };
    let target = zeno_verifier::write_destination(path).map_err(|error| match fs::read_link(path) {
        Ok(target) => {
            let error = io::Error::new(error.kind(), format!("it leads to {}: {error}", text::path(&target)));
            refused(path, error)
        }
        Err(_) => refused(path, error),
    })?;
    match fs::metadata(&target) {
        Ok(metadata) if metadata.is_dir() => {
            return Err(Error::file(path, format_args!("is a folder; name a file with {option}")));
        }
        // Opening a pipe would wait for its reader, and opening a device may do anything.
        #[cfg(unix)]
        Ok(metadata) if !metadata.is_file() || target.is_symlink() => {
            return rustix::fs::access(&target, rustix::fs::Access::WRITE_OK)
                .map_err(|error| refused(path, error.into()));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(refused(path, error)),
    }
    let folder = folder(&target);
    tempfile::tempfile_in(folder).map(|_| ()).map_err(|error| refused(folder, error))
}

/// The folder that `path` lies in.
fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn is_stdout(path: &Path) -> bool {
    if ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].map(Path::new).contains(&path) {
        return true;
    }
    // Stdout can be named otherwise or through links. A file that stdout goes to has a name that is as good as any.
    let Ok(target) = zeno_verifier::write_destination(path) else { return false };
    let own = ["/proc/self/fd", "/proc/thread-self/fd"].map(|folder| fs::canonicalize(folder).ok());
    let is_own = own.iter().flatten().any(|own| target.parent() == Some(own)) && target.ends_with("1");
    is_own || is_stream_of_stdout(&target)
}

/// Returns whether a path is the pipe or the terminal that stdout goes to.
fn is_stream_of_stdout(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{FileTypeExt, MetadataExt};
        let Ok(there) = fs::metadata(path) else { return false };
        let is_stream = there.file_type().is_fifo() || io::stdout().is_terminal();
        let stdout = rustix::fs::fstat(io::stdout());
        is_stream && stdout.is_ok_and(|own| (own.st_dev, own.st_ino) == (there.dev(), there.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_name_is_named_by_its_blocks() {
        let run = Blocks { first: 5, last: 9, count: 5 };
        assert_eq!(destination(None, &run, "proof"), Path::new("blocks-5-9.proof"));
        let one = Blocks { first: 9, last: 9, count: 1 };
        assert_eq!(destination(None, &one, "zeno"), Path::new("block-9.zeno"));
        assert_eq!(destination(Some(&PathBuf::from("-")), &one, "zeno"), Path::new("-"));
    }

    #[cfg(unix)]
    #[test]
    fn stdout_has_many_names() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        symlink("/dev/stdout", &link).unwrap();
        for path in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/dev/fd/../fd/1"].map(PathBuf::from)
        {
            assert!(is_stdout(&path), "{}", path.display());
        }
        assert!(is_stdout(&link));
        for path in ["1", "/dev/null", "block-1.proof"].map(PathBuf::from) {
            assert!(!is_stdout(&path), "{}", path.display());
        }
    }
}
