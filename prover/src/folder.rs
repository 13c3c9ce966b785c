//! Who may write to the cache folder: nobody else.
//!
//! What lies there is checked as far as that goes, but not all of it can be: a proving key that somebody else put there makes
//! proofs that don't verify at best, and the programs that make proofs trust the keys' inner structure.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

/// The folders in the cache folder whose files are read.
const SUBFOLDERS: [&str; 4] = ["keys", "srs", "inputs", "zeno-work"];

/// Why a cache folder is not used.
#[derive(Debug, Error)]
pub enum FolderError {
    /// It, or something in it or above it, belongs to somebody else.
    #[error(
        "{:?} belongs to the user {owner}, and this program runs as {user}: what it holds could be anything. Remove it, so that \
         it is made again, or choose another cache folder (--cache-dir)",
        .path
    )]
    Owner {
        /// The folder or file.
        path: PathBuf,
        /// Whose it is, by number.
        owner: u32,
        /// Who runs this program, by number.
        user: u32,
    },
    /// Others may write to it, or to something in it or above it.
    #[error(
        "{:?} is writable for others (its mode is {mode:04o}), so what it holds could be anything. Remove it, so that it is made \
         again; or, if nobody else has used that so far, take it away (chmod go-w); or choose another cache folder (--cache-dir)",
        .path
    )]
    Writable {
        /// The folder or file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Its owner and mode can't be found out.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Checks that nobody else may write to the cache folder: it, what its keys, reference strings, inputs and unfinished work
/// lie in, and the folders above it are this user's or root's, and writable for nobody else. Above it, a folder that others
/// may write to is good enough if it has the sticky bit, as `/tmp` has. A folder that isn't there yet is judged by those
/// above it.
///
/// Systems without users and modes as Unix has them pass.
///
/// Returns the folder without symbolic links in its path: the one that was checked.
///
/// # Errors
/// [`FolderError`] names the first folder or file that fails.
pub fn check_folder(folder: &Path) -> Result<PathBuf, FolderError> {
    #[cfg(unix)]
    let checked = unix::check(folder)?;
    #[cfg(not(unix))]
    let checked = folder.to_owned();
    Ok(checked)
}

/// Makes the cache folder, if it isn't there and can be made, for this user alone, and [checks](check_folder) it then: nobody
/// else can make it meanwhile.
///
/// # Errors
/// As [`check_folder`].
pub fn prepare_folder(folder: &Path) -> Result<PathBuf, FolderError> {
    let checked = check_folder(folder)?;
    // Where it can't be made, nothing is kept, and nothing is read.
    if !checked.exists() && make_folder(&checked).is_ok() {
        return check_folder(&checked);
    }
    Ok(checked)
}

/// Makes a folder and those above it that are not there yet, for this user alone.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    /// Writable for the group, and for others.
    const GROUP: u32 = 0o020;
    const OTHERS: u32 = 0o002;
    const STICKY: u32 = 0o1000;
    const PERMISSIONS: u32 = 0o7777;
    /// The keys of EVM proofs lie in a folder in a folder of the cache folder.
    const DEPTH: usize = 2;
    const ROOT: u32 = 0;
    /// Whose number stands for every user that a user namespace has no number for, such as root outside a container. Where all
    /// users have numbers, it is an account like others.
    const UNKNOWN_USER: u32 = 65534;
    /// How many links lead to a folder at most, as in Linux.
    const MAX_LINKS: usize = 40;

    pub(super) fn check(folder: &Path) -> Result<PathBuf, FolderError> {
        let user = rustix::process::geteuid().as_raw();
        links(folder, user)?;
        let (existing, missing) = resolve(folder);
        if let Some(missing) = missing {
            existing.ancestors().try_for_each(|ancestor| above(ancestor, user))?;
            return Ok(existing.join(missing));
        }
        owned(&existing, user)?;
        existing.ancestors().skip(1).try_for_each(|ancestor| above(ancestor, user))?;
        for name in SUBFOLDERS {
            let files = ["keys", "srs"].contains(&name);
            within(&existing.join(name), files, DEPTH, user)?;
        }
        Ok(existing)
    }

    /// The folder, or the nearest one above it that is there, without symbolic links; and what is missing below the latter.
    fn resolve(folder: &Path) -> (PathBuf, Option<PathBuf>) {
        for ancestor in folder.ancestors() {
            let place = if ancestor.as_os_str().is_empty() { Path::new(".") } else { ancestor };
            match fs::canonicalize(place) {
                Ok(path) if path.is_dir() => {
                    let missing = folder.strip_prefix(ancestor).unwrap_or(folder);
                    return (path, (ancestor != folder).then(|| missing.to_owned()));
                }
                // What can't be reached isn't read either.
                _ => {}
            }
        }
        (PathBuf::from("/"), Some(folder.to_owned()))
    }

    /// Checks the folders that the symbolic links on the way to a place lie in: whoever may write there may have them lead
    /// elsewhere.
    fn links(place: &Path, user: u32) -> Result<(), FolderError> {
        let mut place = std::path::absolute(place).unwrap_or_else(|_| place.to_owned());
        for _ in 0..MAX_LINKS {
            let ancestors: Vec<_> = place.ancestors().collect();
            let Some(link) = ancestors.iter().rev().find(|ancestor| ancestor.is_symlink()) else {
                return Ok(());
            };
            let folder = link.parent().unwrap_or(Path::new("/"));
            let failed = |source| FolderError::Io { path: link.to_path_buf(), source };
            // The folder has no links in its own path, since this is the first.
            fs::canonicalize(folder)
                .map_err(failed)?
                .ancestors()
                .try_for_each(|ancestor| above(ancestor, user))?;
            let metadata = fs::symlink_metadata(link).map_err(failed)?;
            // In a folder such as `/tmp`, nobody but its owner turns a link elsewhere.
            if ![user, ROOT].contains(&metadata.uid()) {
                let (path, owner) = (link.to_path_buf(), metadata.uid());
                return Err(FolderError::Owner { path, owner, user });
            }
            let target = folder.join(fs::read_link(link).map_err(failed)?);
            let rest = place.strip_prefix(link).unwrap_or(Path::new("")).to_owned();
            place = if rest.as_os_str().is_empty() { target } else { target.join(rest) };
        }
        let source = io::Error::other("too many links lead from one to the next");
        Err(FolderError::Io { path: place, source })
    }

    /// Checks a folder in the cache folder, the folders in it, and its files if they decide anything.
    fn within(folder: &Path, files: bool, depth: usize, user: u32) -> Result<(), FolderError> {
        if depth == 0 || !folder.is_dir() {
            return Ok(());
        }
        linked(folder, user)?;
        owned(folder, user)?;
        // What can't be listed can't be read.
        let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
        for entry in entries.flatten() {
            let path = entry.path();
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() && files => within(&path, true, depth - 1, user)?,
                Ok(metadata) if metadata.is_dir() => owned(&path, user)?,
                Ok(_) if files => {
                    linked(&path, user)?;
                    owned(&path, user)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Checks what lies above the target of a symbolic link, and what other links lead there.
    fn linked(path: &Path, user: u32) -> Result<(), FolderError> {
        if !path.is_symlink() {
            return Ok(());
        }
        links(path, user)?;
        let target =
            fs::canonicalize(path).map_err(|source| FolderError::Io { path: path.to_owned(), source })?;
        target.ancestors().skip(1).try_for_each(|ancestor| above(ancestor, user))
    }

    /// Checks the cache folder or something in it.
    fn owned(path: &Path, user: u32) -> Result<(), FolderError> {
        let metadata =
            fs::metadata(path).map_err(|source| FolderError::Io { path: path.to_owned(), source })?;
        let owner = metadata.uid();
        if owner != user && owner != ROOT {
            return Err(FolderError::Owner { path: path.to_owned(), owner, user });
        }
        // Some umasks let the user's own group write.
        let forbidden = if is_own_group(&metadata) { OTHERS } else { GROUP | OTHERS };
        if metadata.mode() & forbidden != 0 {
            return Err(FolderError::Writable { path: path.to_owned(), mode: metadata.mode() & PERMISSIONS });
        }
        Ok(())
    }

    /// Checks a folder above. Whoever may write to it can put another folder in the place of the one below.
    fn above(path: &Path, user: u32) -> Result<(), FolderError> {
        let metadata =
            fs::metadata(path).map_err(|source| FolderError::Io { path: path.to_owned(), source })?;
        let owner = metadata.uid();
        let trusted = [user, ROOT].contains(&owner) || owner == UNKNOWN_USER && users_are_mapped();
        if !trusted {
            return Err(FolderError::Owner { path: path.to_owned(), owner, user });
        }
        let forbidden = if is_own_group(&metadata) { OTHERS } else { GROUP | OTHERS };
        if metadata.mode() & STICKY == 0 && metadata.mode() & forbidden != 0 {
            return Err(FolderError::Writable { path: path.to_owned(), mode: metadata.mode() & PERMISSIONS });
        }
        Ok(())
    }

    /// Whether this is a user namespace in which not all users have numbers of their own.
    fn users_are_mapped() -> bool {
        const ALL: [&str; 3] = ["0", "0", "4294967295"];
        fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| !map.split_whitespace().eq(ALL))
    }

    /// Whether the group is root's, or the one that has the owner as its only member, as most systems make one for each user.
    fn is_own_group(metadata: &fs::Metadata) -> bool {
        metadata.gid() == ROOT || metadata.gid() == metadata.uid()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }

    /// A folder of this user's, in one that nobody else may write to.
    fn folder() -> (tempfile::TempDir, PathBuf) {
        let outer = tempfile::tempdir().unwrap();
        set_mode(outer.path(), 0o700);
        let folder = fs::canonicalize(outer.path()).unwrap().join("cache");
        make_folder(&folder).unwrap();
        (outer, folder)
    }

    #[track_caller]
    fn writable(folder: &Path, at: &Path, expected: u32) {
        match check_folder(folder) {
            Err(FolderError::Writable { path, mode }) => assert_eq!((path.as_path(), mode), (at, expected)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_made_is_private() {
        let (outer, folder) = folder();
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o7777, 0o700);
        check_folder(&folder).unwrap();
        check_folder(&outer.path().join("not/there/yet")).unwrap();
        // Below a file nothing is read.
        fs::write(folder.join("file"), b"").unwrap();
        check_folder(&folder.join("file/zeno")).unwrap();
    }

    #[test]
    fn folders_that_others_may_write_to_are_refused() {
        let (_outer, folder) = folder();
        for mode in [0o777, 0o757, 0o1777, 0o702] {
            set_mode(&folder, mode);
            writable(&folder, &folder, mode);
        }
        let said = check_folder(&folder).unwrap_err().to_string();
        for part in ["0702", &format!("{folder:?}"), "chmod go-w", "--cache-dir"] {
            assert!(said.contains(part), "{said}");
        }
        for mode in [0o700, 0o755, 0o555] {
            set_mode(&folder, mode);
            check_folder(&folder).unwrap();
        }
    }

    #[test]
    fn what_lies_within_is_looked_at() {
        let (_outer, folder) = folder();
        let places =
            ["keys/evm-0011223344556677", "srs", "inputs", "zeno-work/00112233445566778899aabbccddeeff"];
        for place in places {
            make_folder(&folder.join(place)).unwrap();
            for path in folder.join(place).ancestors().take_while(|path| *path != folder) {
                set_mode(path, 0o777);
                writable(&folder, path, 0o777);
                set_mode(path, 0o755);
            }
        }
        for file in ["keys/machine.key", "keys/evm-0011223344556677/verifying-key", "srs/kzg_bn254_22.srs"] {
            let file = folder.join(file);
            fs::write(&file, b"").unwrap();
            set_mode(&file, 0o666);
            writable(&folder, &file, 0o666);
            set_mode(&file, 0o644);
        }
        // Somebody's folder that this program knows nothing of.
        make_folder(&folder.join("other")).unwrap();
        set_mode(&folder.join("other"), 0o777);
        check_folder(&folder).unwrap();
    }

    #[test]
    fn folders_above_are_looked_at() {
        let (outer, folder) = folder();
        let outer = fs::canonicalize(outer.path()).unwrap();
        for mode in [0o777, 0o702] {
            set_mode(&outer, mode);
            writable(&folder, &outer, mode);
            writable(&outer.join("not/there/yet"), &outer, mode);
        }
        for mode in [0o1777, 0o755] {
            set_mode(&outer, mode);
            check_folder(&folder).unwrap();
            check_folder(&outer.join("not/there/yet")).unwrap();
        }
    }

    #[test]
    fn links_are_resolved() {
        let (_outer, folder) = folder();
        let (_other, elsewhere) = self::folder();
        let link = folder.join("link");
        symlink(&elsewhere, &link).unwrap();
        check_folder(&link).unwrap();
        set_mode(&elsewhere, 0o777);
        writable(&link, &elsewhere, 0o777);
        set_mode(&elsewhere, 0o755);

        symlink(&elsewhere, folder.join("keys")).unwrap();
        check_folder(&folder).unwrap();
        set_mode(elsewhere.parent().unwrap(), 0o777);
        writable(&folder, elsewhere.parent().unwrap(), 0o777);
    }

    /// With the umask 0002, which goes with a group for each user, this program's own folders are writable for that group.
    #[test]
    fn a_group_of_its_own_may_write() {
        let (_outer, folder) = folder();
        if rustix::process::geteuid().as_raw() != 0 {
            eprintln!("SKIPPED: only root can give a folder to another group");
            return;
        }
        let file = folder.join("keys/machine.key");
        make_folder(&folder.join("keys")).unwrap();
        fs::write(&file, b"").unwrap();
        for path in [&folder, &folder.join("keys"), &file] {
            let mode = fs::metadata(path).unwrap().mode() & 0o777;
            set_mode(path, mode | 0o020);
            check_folder(&folder).unwrap();
            // A group of many.
            chown(path, None, Some(100)).unwrap();
            assert!(matches!(check_folder(&folder), Err(FolderError::Writable { .. })), "{}", path.display());
            chown(path, None, Some(0)).unwrap();
        }
    }

    /// A link in a folder of somebody else may lead elsewhere in a moment.
    #[test]
    fn links_in_folders_of_others_are_refused() {
        let (_outer, folder) = folder();
        let (outer, _) = self::folder();
        let link = fs::canonicalize(outer.path()).unwrap().join("link");
        symlink(&folder, &link).unwrap();
        assert_eq!(check_folder(&link).unwrap(), folder);
        set_mode(outer.path(), 0o777);
        let above = link.parent().unwrap();
        for place in [&link, &link.join("deeper")] {
            writable(place, above, 0o777);
        }
        // In a folder like `/tmp`, it is the link's owner who counts.
        set_mode(outer.path(), 0o1777);
        check_folder(&link).unwrap();
        if std::os::unix::fs::lchown(&link, Some(4321), None).is_ok() {
            assert!(matches!(check_folder(&link), Err(FolderError::Owner { owner: 4321, .. })));
            std::os::unix::fs::lchown(&link, Some(0), None).unwrap();
        }
        set_mode(outer.path(), 0o777);
        // And one that leads to it from a good place.
        let second = folder.join("second");
        symlink(&link, &second).unwrap();
        writable(&second, above, 0o777);
    }

    #[test]
    fn what_is_prepared_is_private() {
        let (_outer, folder) = folder();
        let deep = folder.join("not/there/yet");
        assert_eq!(prepare_folder(&deep).unwrap(), deep);
        for path in [&deep, &folder.join("not")] {
            assert_eq!(fs::metadata(path).unwrap().mode() & 0o7777, 0o700);
        }
        // Where nothing can be made, nothing is read.
        fs::write(folder.join("file"), b"").unwrap();
        prepare_folder(&folder.join("file/zeno")).unwrap();
    }

    #[test]
    fn folders_of_others_are_refused() {
        let (outer, folder) = folder();
        make_folder(&folder.join("keys/evm-0011223344556677")).unwrap();
        let file = folder.join("keys/machine.key");
        fs::write(&file, b"").unwrap();
        let paths =
            [outer.path(), &folder, &folder.join("keys"), &folder.join("keys/evm-0011223344556677"), &file];
        let user = rustix::process::geteuid().as_raw();
        if user != 0 {
            eprintln!("SKIPPED: only root can give a folder to somebody else");
            return;
        }
        for path in paths {
            let path = fs::canonicalize(path).unwrap();
            chown(&path, Some(4321), None).unwrap();
            match check_folder(&folder) {
                Err(FolderError::Owner { path: at, owner: 4321, user: 0 }) => assert_eq!(at, path),
                other => panic!("{}: {other:?}", path.display()),
            }
            let said = check_folder(&folder).unwrap_err().to_string();
            assert!(said.contains("4321") && said.contains("Remove it"), "{said}");
            chown(&path, Some(user), None).unwrap();
        }
        check_folder(&folder).unwrap();
    }
}
