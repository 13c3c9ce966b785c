//! Writing to destinations that a user chose, which others may read meanwhile.

use std::{
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use crate::atomic_file::replace_file;

/// Limit on the symbolic links that are followed to a destination. Linux has the same limit.
const MAX_LINKS: usize = 40;

/// Writes `bytes` to `path`: a file, a device, a pipe, or a link to one.
///
/// A regular file is replaced whole or not at all, and keeps its mode. Where nothing exists, a file is made in the same
/// way, with the mode that the umask leaves of 0666.
///
/// A device or a pipe is opened and written to. An open file of a process, such as `/dev/stdout` or
/// `/proc/self/fd/N`, is appended to. A symbolic link is followed, even if its target doesn't exist yet.
///
/// # Errors
/// The system's error, and [`ErrorKind::IsADirectory`] for a folder. When a device or a pipe fails midway, a part has
/// been written.
pub fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let location = match resolve(path)? {
        Target::Location(location) => location,
        Target::OpenFile(link) => return write_open_file(&link, bytes),
    };
    match fs::symlink_metadata(&location) {
        Ok(metadata) if metadata.is_dir() => Err(ErrorKind::IsADirectory.into()),
        // Neither created nor truncated: it isn't ours. Opening a pipe waits for its reader.
        Ok(metadata) if !metadata.is_file() => {
            write_to(OpenOptions::new().write(true).open(&location)?, bytes)
        }
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(_) | Err(_) => replace_file(&location, bytes),
    }
}

/// Returns the path that [`write_file`] writes to: the one after all symbolic links at the end of `path`. It may not
/// exist yet. For a file that a process has opened, it is the link in procfs.
///
/// # Errors
/// The system's error, and [`ErrorKind::PermissionDenied`] for a link that is not followed.
pub fn write_destination(path: &Path) -> io::Result<PathBuf> {
    match resolve(path)? {
        Target::Location(path) | Target::OpenFile(path) => Ok(path),
    }
}

/// Target of a path.
enum Target {
    /// A name in a folder, which is no symbolic link. It may not exist yet.
    Location(PathBuf),
    /// A link of procfs to what a process has opened. Its text is no path, or one that something else has by now.
    OpenFile(PathBuf),
}

/// Follows the links at the end of `path`. The system follows those before the end.
fn resolve(path: &Path) -> io::Result<Target> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Some(name) = path.file_name() else {
            // It ends in `..`, or is the root.
            return fs::canonicalize(path).map(Target::Location);
        };
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => fs::canonicalize(folder)?,
            _ => fs::canonicalize(".")?,
        };
        let location = folder.join(name);
        match fs::symlink_metadata(&location) {
            Ok(metadata) if metadata.is_symlink() && folder.starts_with("/proc") => {
                return Ok(Target::OpenFile(location));
            }
            Ok(metadata) if metadata.is_symlink() => {
                check_link(&folder, &metadata)?;
                path = folder.join(fs::read_link(&location)?);
            }
            _ => return Ok(Target::Location(location)),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

/// Refuses a symbolic link that somebody else put into a folder that everybody may write to, such as `/tmp`. Its owner
/// decides where it leads. Linux with `fs.protected_symlinks` refuses to follow such a link; here it is followed by
/// hand.
#[cfg(unix)]
fn check_link(folder: &Path, link: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    const STICKY_AND_WRITABLE: u32 = 0o1002;
    let folder = fs::metadata(folder)?;
    // This folder of procfs belongs to the user who runs the program. Without it, only the folder's owner is known.
    let user = fs::metadata("/proc/self").map_or(folder.uid(), |process| process.uid());
    let shared = folder.mode() & STICKY_AND_WRITABLE == STICKY_AND_WRITABLE;
    if shared && ![user, folder.uid()].contains(&link.uid()) {
        return Err(io::Error::new(
            ErrorKind::PermissionDenied,
            "it is a symbolic link of somebody else in a folder that everybody may write to",
        ));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_link(_folder: &Path, _link: &fs::Metadata) -> io::Result<()> {
    Ok(())
}

/// Appends to a file that a process has opened, by its link in procfs.
fn write_open_file(link: &Path, bytes: &[u8]) -> io::Result<()> {
    let own = link.parent() == fs::canonicalize("/proc/self/fd").ok().as_deref();
    // By our own handles, which know their position. They may be sockets, which can't be opened again.
    match link.file_name().and_then(|name| name.to_str()) {
        Some("1") if own => write_to(io::stdout().lock(), bytes),
        Some("2") if own => write_to(io::stderr().lock(), bytes),
        // A regular file may hold what was written by whoever opened it.
        _ => write_to(OpenOptions::new().append(true).open(link)?, bytes),
    }
}

fn write_to(mut file: impl Write, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.flush()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{
        io::{Read, Seek},
        os::{
            fd::AsRawFd,
            unix::fs::{FileTypeExt, PermissionsExt, symlink},
        },
        process::{Command, Stdio},
        thread,
    };

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn files_are_made_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_file(&path, b"first").unwrap();
        // The reference: a file that the standard library makes.
        let usual = folder.path().join("usual");
        fs::write(&usual, b"").unwrap();
        assert_eq!(mode(&path), mode(&usual));

        fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        let mut before = fs::File::open(&path).unwrap();
        write_file(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(mode(&path), 0o600);
        let mut old = Vec::new();
        before.read_to_end(&mut old).unwrap();
        assert_eq!(old, b"first", "the file was replaced, not truncated");
        assert_eq!(names(folder.path()), ["file", "usual"]);
    }

    #[test]
    fn links_are_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("sub")).unwrap();
        fs::write(path("sub/target"), b"old").unwrap();
        fs::set_permissions(path("sub/target"), PermissionsExt::from_mode(0o640)).unwrap();
        symlink("sub/target", path("link")).unwrap();
        symlink("link", path("link of a link")).unwrap();
        write_file(&path("link of a link"), b"new").unwrap();
        assert_eq!(fs::read(path("sub/target")).unwrap(), b"new");
        assert_eq!(mode(&path("sub/target")), 0o640);

        symlink(path("sub/absent"), path("dangling")).unwrap();
        write_file(&path("dangling"), b"made").unwrap();
        assert_eq!(fs::read(path("sub/absent")).unwrap(), b"made");
        assert_ne!(mode(&path("sub/absent")), 0o777);
        for link in ["link", "link of a link", "dangling"] {
            assert!(fs::symlink_metadata(path(link)).unwrap().is_symlink(), "{link}");
        }

        symlink("round", path("round")).unwrap();
        assert!(write_file(&path("round"), b"").is_err());
        symlink("nowhere/file", path("no folder")).unwrap();
        assert_eq!(write_file(&path("no folder"), b"").unwrap_err().kind(), ErrorKind::NotFound);
    }

    /// The rule of `fs.protected_symlinks`.
    #[test]
    fn links_of_others_in_shared_folders_are_not_followed() {
        use std::os::unix::fs::lchown;
        let folder = tempfile::tempdir().unwrap();
        let [shared, victim] = ["shared", "victim"].map(|name| folder.path().join(name));
        fs::create_dir(&shared).unwrap();
        fs::set_permissions(&shared, PermissionsExt::from_mode(0o1777)).unwrap();
        fs::write(&victim, b"precious").unwrap();
        let link = shared.join("block-1.proof");
        symlink(&victim, &link).unwrap();
        write_file(&link, b"mine").unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"mine");
        if lchown(&link, Some(4321), None).is_err() {
            eprintln!("SKIPPED: only root can make links for somebody else");
            return;
        }
        assert_eq!(write_file(&link, b"lost").unwrap_err().kind(), ErrorKind::PermissionDenied);
        assert_eq!(fs::read(&victim).unwrap(), b"mine");
        // Where nobody else can put links, every link is followed.
        fs::set_permissions(&shared, PermissionsExt::from_mode(0o755)).unwrap();
        write_file(&link, b"again").unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"again");
    }

    #[test]
    fn folders_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        symlink(folder.path(), folder.path().join("link")).unwrap();
        let paths =
            [folder.path().to_owned(), folder.path().join("link"), folder.path().join("x/.."), "/".into()];
        fs::create_dir(folder.path().join("x")).unwrap();
        for path in paths {
            assert_eq!(write_file(&path, b"").unwrap_err().kind(), ErrorKind::IsADirectory, "{path:?}");
        }
    }

    #[test]
    fn pipes_are_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let [pipe, link] = ["pipe", "link"].map(|name| folder.path().join(name));
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        symlink("pipe", &link).unwrap();
        let bytes = vec![7; 1 << 20];
        for path in [&pipe, &link] {
            let reader = thread::spawn({
                let pipe = pipe.clone();
                move || fs::read(pipe).unwrap()
            });
            write_file(path, &bytes).unwrap();
            assert_eq!(reader.join().unwrap(), bytes);
        }
        assert!(fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
        assert_eq!(names(folder.path()), ["link", "pipe"]);
    }

    /// A device with the numbers of /dev/null.
    #[test]
    fn devices_are_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let device = folder.path().join("null");
        let made = Command::new("mknod").arg(&device).args(["c", "1", "3"]).stderr(Stdio::null()).status();
        if !made.is_ok_and(|status| status.success()) || OpenOptions::new().write(true).open(&device).is_err()
        {
            eprintln!("SKIPPED: only root can make devices, and only where they may be opened");
            return;
        }
        write_file(&device, b"bytes").unwrap();
        assert!(fs::symlink_metadata(&device).unwrap().file_type().is_char_device());
        write_file(Path::new("/dev/full"), b"bytes").unwrap_err();
    }

    #[test]
    fn open_files_are_appended_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut file = OpenOptions::new().create_new(true).read(true).write(true).open(&path).unwrap();
        file.write_all(b"before ").unwrap();
        let by_fd = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        write_file(&by_fd, b"after").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"before after");
        // A file without a name, because it was removed, gets none.
        fs::remove_file(&path).unwrap();
        symlink(&by_fd, folder.path().join("link")).unwrap();
        write_file(&folder.path().join("link"), b", again").unwrap();
        let mut text = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "before after, again");
        assert_eq!(names(folder.path()), ["link"]);
    }
}
