//! Check that nobody else may write to the cache folder.
//!
//! The folder's content is checked as far as possible, but that is not everything. At best, a proving key that somebody
//! else put there makes proofs that don't verify. The programs that make proofs trust the keys' inner structure.

use std::{
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;
use zeno_verifier::make_private_folder;

/// Subfolders of the cache folder with files that are read.
const SUBFOLDERS: [&str; 4] = ["keys", "srs", "inputs", "zeno-work"];

/// Reason for which a cache folder is not used.
#[derive(Debug, Error)]
pub enum FolderError {
    /// The folder, or something in it or above it, belongs to somebody else.
    #[error(
        "{:?} belongs to the user {owner}, and this program runs as {user}: what it holds could be anything. Remove it, so that \
         it is made again, or choose another cache folder",
        .path
    )]
    Owner {
        /// Folder or file.
        path: PathBuf,
        /// Its owner's number.
        owner: u32,
        /// Number of this program's user.
        user: u32,
    },
    /// Others may write to the folder, or to something in it or above it.
    #[error(
        "{:?} is writable for others (its mode is {mode:04o}), so what it holds could be anything. Remove it, so that it is made \
         again; or, if nobody else has used that so far, take it away (chmod go-w); or choose another cache folder",
        .path
    )]
    Writable {
        /// Folder or file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The owner and the mode can't be found out.
    #[error("{}: {source}", .path.display())]
    Io {
        /// Folder or file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// Checks that nobody else may write to the cache folder, and returns its path without symbolic links: the checked one.
///
/// The check covers the folder, its subfolders for keys, reference strings, inputs and checkpoints, and the folders
/// above it. All of them must be this user's or root's, and nobody else may write to them. Above the cache folder, a
/// folder that others may write to is good enough with the sticky bit, like `/tmp`. A missing folder is judged by those
/// above it.
///
/// Systems without Unix's users and modes pass.
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

/// Makes the cache folder for this user alone, if it is missing and can be made, and then [checks](check_folder) it.
/// Nobody else can make it meanwhile.
///
/// # Errors
/// The same as [`check_folder`]'s.
pub fn prepare_folder(folder: &Path) -> Result<PathBuf, FolderError> {
    let checked = check_folder(folder)?;
    // Where the folder can't be made, nothing is kept, and nothing is read.
    if !checked.exists() && make_private_folder(&checked).is_ok() {
        return check_folder(&checked);
    }
    Ok(checked)
}

#[cfg(unix)]
mod unix {
    use std::{fs, os::unix::fs::MetadataExt};

    use super::*;

    /// Mode bits: writable for the group, and for others.
    const GROUP: u32 = 0o020;
    const OTHERS: u32 = 0o002;
    const STICKY: u32 = 0o1000;
    const PERMISSIONS: u32 = 0o7777;
    /// Levels of folders in [`SUBFOLDERS`] that are checked: the keys of EVM proofs lie in `keys/evm-…`.
    const DEPTH: usize = 2;
    const ROOT: u32 = 0;
    /// Number that stands for every user without a number in a user namespace, such as root outside a container. Where
    /// all users have numbers, it is an account like others.
    const UNKNOWN_USER: u32 = 65534;
    /// Bound on the number of links that lead to a folder, the same as Linux's.
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

    /// Returns the folder, or the nearest existing one above it, without symbolic links, and the missing rest of the
    /// path.
    fn resolve(folder: &Path) -> (PathBuf, Option<PathBuf>) {
        for ancestor in folder.ancestors() {
            let path = if ancestor.as_os_str().is_empty() { Path::new(".") } else { ancestor };
            match fs::canonicalize(path) {
                Ok(path) if path.is_dir() => {
                    let missing = folder.strip_prefix(ancestor).unwrap_or(folder);
                    return (path, (ancestor != folder).then(|| missing.to_owned()));
                }
                // A folder that can't be reached isn't read either.
                _ => {}
            }
        }
        (PathBuf::from("/"), Some(folder.to_owned()))
    }

    /// Checks the folders that hold the symbolic links on the way to `path`: whoever may write there may redirect
    /// them.
    fn links(path: &Path, user: u32) -> Result<(), FolderError> {
        let mut path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        for _ in 0..MAX_LINKS {
            let ancestors: Vec<_> = path.ancestors().collect();
            let Some(link) = ancestors.iter().rev().find(|ancestor| ancestor.is_symlink()) else {
                return Ok(());
            };
            let folder = link.parent().unwrap_or(Path::new("/"));
            let failed = |source| FolderError::Io { path: link.to_path_buf(), source };
            // This is the first link, so the folder's own path has none.
            fs::canonicalize(folder)
                .map_err(failed)?
                .ancestors()
                .try_for_each(|ancestor| above(ancestor, user))?;
            let metadata = fs::symlink_metadata(link).map_err(failed)?;
            // In a folder such as `/tmp`, nobody but its owner redirects a link.
            if ![user, ROOT].contains(&metadata.uid()) {
                let (path, owner) = (link.to_path_buf(), metadata.uid());
                return Err(FolderError::Owner { path, owner, user });
            }
            let target = folder.join(fs::read_link(link).map_err(failed)?);
            let rest = path.strip_prefix(link).unwrap_or(Path::new("")).to_owned();
            path = if rest.as_os_str().is_empty() { target } else { target.join(rest) };
        }
        let source = io::Error::other("too many links lead from one to the next");
        Err(FolderError::Io { path, source })
    }

    /// Checks a folder in the cache folder, the folders in it, and its files if they decide anything.
    fn within(folder: &Path, files: bool, depth: usize, user: u32) -> Result<(), FolderError> {
        if depth == 0 || !folder.is_dir() {
            return Ok(());
        }
        linked(folder, user)?;
        owned(folder, user)?;
        // A folder that can't be listed can't be read.
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

    /// Checks the folders above the target of a symbolic link, and the other links that lead there.
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
        // With some umasks, the user's own group may write.
        let forbidden = if is_own_group(&metadata) { OTHERS } else { GROUP | OTHERS };
        if metadata.mode() & forbidden != 0 {
            return Err(FolderError::Writable { path: path.to_owned(), mode: metadata.mode() & PERMISSIONS });
        }
        Ok(())
    }

    /// Checks a folder above. Whoever may write to it can replace the folder below it.
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

    /// Returns whether this is a user namespace in which some users have no numbers of their own.
    fn users_are_mapped() -> bool {
        const ALL: [&str; 3] = ["0", "0", "4294967295"];
        fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| !map.split_whitespace().eq(ALL))
    }

    /// Returns whether the group is root's, or the owner's own: most systems make a group for each user, with the same
    /// number.
    fn is_own_group(metadata: &fs::Metadata) -> bool {
        metadata.gid() == ROOT || metadata.gid() == metadata.uid()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::{
        fs,
        os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    };

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }

    /// Makes a folder of this user's, in one that nobody else may write to.
    fn folder() -> (tempfile::TempDir, PathBuf) {
        let outer = tempfile::tempdir().unwrap();
        set_mode(outer.path(), 0o700);
        let folder = fs::canonicalize(outer.path()).unwrap().join("cache");
        make_private_folder(&folder).unwrap();
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
        // Nothing is read below a file.
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
        for part in ["0702", &format!("{folder:?}"), "chmod go-w", "choose another cache folder"] {
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
            make_private_folder(&folder.join(place)).unwrap();
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
        // A folder that this program knows nothing of.
        make_private_folder(&folder.join("other")).unwrap();
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

    /// With umask 0002, which goes with a group for each user, this program's own folders are writable for that group.
    #[test]
    fn a_group_of_its_own_may_write() {
        let (_outer, folder) = folder();
        if rustix::process::geteuid().as_raw() != 0 {
            eprintln!("SKIPPED: only root can give a folder to another group");
            return;
        }
        let file = folder.join("keys/machine.key");
        make_private_folder(&folder.join("keys")).unwrap();
        fs::write(&file, b"").unwrap();
        for path in [&folder, &folder.join("keys"), &file] {
            let mode = fs::metadata(path).unwrap().mode() & 0o777;
            set_mode(path, mode | 0o020);
            check_folder(&folder).unwrap();
            // A group with other members.
            chown(path, None, Some(100)).unwrap();
            assert!(matches!(check_folder(&folder), Err(FolderError::Writable { .. })), "{}", path.display());
            chown(path, None, Some(0)).unwrap();
        }
    }

    /// A link in somebody else's folder may lead elsewhere in a moment.
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
        // In a folder like `/tmp`, the link's owner counts.
        set_mode(outer.path(), 0o1777);
        check_folder(&link).unwrap();
        if std::os::unix::fs::lchown(&link, Some(4321), None).is_ok() {
            assert!(matches!(check_folder(&link), Err(FolderError::Owner { owner: 4321, .. })));
            std::os::unix::fs::lchown(&link, Some(0), None).unwrap();
        }
        set_mode(outer.path(), 0o777);
        // A link in a good folder that leads to the bad one.
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
        // Where no folder can be made, nothing is read.
        fs::write(folder.join("file"), b"").unwrap();
        prepare_folder(&folder.join("file/zeno")).unwrap();
    }

    #[test]
    fn folders_of_others_are_refused() {
        let (outer, folder) = folder();
        make_private_folder(&folder.join("keys/evm-0011223344556677")).unwrap();
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
