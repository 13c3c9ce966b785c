//! Files with secrets, which nobody else may read or replace.

use crate::{error::Error, text::path as shown};
use std::{
    fs::{self, File, Metadata},
    io::Read,
    os::unix::fs::MetadataExt,
    path::Path,
};
use zeroize::Zeroizing;

/// Bits of a file's mode that let its group or others read, write or execute it.
pub(super) const OTHERS: u32 = 0o077;
/// Bits of a file's mode that let its group or others write to it.
pub(super) const OTHERS_WRITE: u32 = 0o022;
/// Bit of a folder's mode that lets nobody but the owner of a file replace it.
const STICKY: u32 = 0o1000;
/// User id of the superuser.
const ROOT: u32 = 0;

/// Reads a file of at most `limit` bytes. A regular file is refused if its mode has one of the bits `forbidden`, which are
/// [`OTHERS`] for a secret, and [`OTHERS_WRITE`] for a file whose content is encrypted. The file of a secret is also refused
/// if another user owns it or can replace it. A pipe or a device is read without these checks: its mode doesn't say who
/// wrote what it gives.
pub(super) fn read(path: &Path, forbidden: u32, limit: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
    let failed = |error| Error::file(path, format_args!("can't be read: {error}"));
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    check_mode(path, &metadata, forbidden)?;
    if forbidden == OTHERS {
        check_owner(path, &metadata)?;
    }
    // Room for all of it from the beginning: a buffer that grows leaves copies of the secret in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit + 1));
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > limit {
        return Err(Error::file(
            path,
            format_args!("has more than {limit} bytes: it is another kind of file"),
        ));
    }
    Ok(bytes)
}

fn check_mode(path: &Path, metadata: &Metadata, forbidden: u32) -> Result<(), Error> {
    let mode = metadata.mode() & 0o7777;
    if !metadata.is_file() || mode & forbidden == 0 {
        return Ok(());
    }
    let what = if forbidden == OTHERS { "use" } else { "write to" };
    Err(Error::file(
        path,
        format_args!(
            "has mode {mode:04o}: its group or others may {what} it; `chmod 600 {}` makes it yours alone",
            shown(path)
        ),
    ))
}

/// Refuses the file of a secret that belongs to another user, or that another user can replace.
fn check_owner(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    let user = rustix::process::geteuid().as_raw();
    let is_trusted = |owner: u32| owner == user || owner == ROOT;
    if !metadata.is_file() {
        return Ok(());
    }
    if !is_trusted(metadata.uid()) {
        return Err(Error::file(
            path,
            format_args!(
                "belongs to user {}, who can read and change it, and you are user {user}; copy it to a file of your own",
                metadata.uid()
            ),
        ));
    }
    // A file without a name, such as a shell's for a here-document, is nobody's to replace.
    let target = fs::canonicalize(path).ok().filter(|_| metadata.nlink() > 0);
    for path_of_file in [Some(path), target.as_deref()].into_iter().flatten() {
        let folder = match path_of_file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let metadata = fs::metadata(folder).map_err(|error| Error::file(folder, error))?;
        // Many systems make a group for each user, with the user's number, and let it write.
        let has_own_group = [ROOT, metadata.uid()].contains(&metadata.gid());
        let forbidden = if has_own_group { 0o002 } else { OTHERS_WRITE };
        let mode = metadata.mode() & 0o7777;
        let who = if !is_trusted(metadata.uid()) {
            format!("belongs to user {}", metadata.uid())
        } else if mode & forbidden != 0 && mode & STICKY == 0 {
            format!("has mode {mode:04o}, so that others may write to it")
        } else {
            continue;
        };
        return Err(Error::file(
            path,
            format_args!(
                "lies in {}, which {who}: another file may be put in its place; move it to a folder of your own",
                shown(folder)
            ),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signer::keystore::OPEN_FILES;
    use std::os::fd::AsRawFd;

    #[test]
    fn files_that_others_may_use_are_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, "x").unwrap();
        for mode in 0..=0o777 {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let metadata = fs::metadata(&path).unwrap();
            assert_eq!(check_mode(&path, &metadata, OTHERS).is_ok(), mode & 0o077 == 0, "{mode:o}");
            assert_eq!(check_mode(&path, &metadata, OTHERS_WRITE).is_ok(), mode & 0o022 == 0, "{mode:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = read(&path, OTHERS, 10).unwrap_err().to_string();
        assert!(error.contains("0644") && error.contains("chmod 600"), "{error}");
        assert!(read(&path, OTHERS_WRITE, 10).is_ok());
        assert!(read(&path, OTHERS_WRITE, 0).unwrap_err().to_string().contains("more than 0 bytes"));
        assert!(read(Path::new("/dev/zero"), OTHERS, 4096).is_err(), "endless");
        assert!(read(folder.path(), OTHERS_WRITE, 10).is_err(), "a folder");
    }

    #[test]
    fn secrets_that_others_may_replace_are_refused() {
        use std::os::unix::fs::{PermissionsExt, chown, symlink};
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("folder");
        fs::create_dir(&folder).unwrap();
        let path = folder.join("key");
        fs::write(&path, "x").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let link = outer.path().join("link");
        symlink(&path, &link).unwrap();
        let refused = |says: &str| {
            for path in [&path, &link] {
                let error = read(path, OTHERS, 10).unwrap_err().to_string();
                assert!(error.contains(says), "{error}");
            }
            assert!(read(&path, OTHERS_WRITE, 10).is_ok(), "of a keystore its password decides");
        };
        for mode in [0o777, 0o703, 0o757] {
            fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
            refused(&format!("{mode:04o}"));
        }
        // The mode of /tmp, where nobody can replace the files of others.
        for mode in [0o1777, 0o755, 0o700] {
            fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
            assert!(read(&path, OTHERS, 10).is_ok() && read(&link, OTHERS, 10).is_ok(), "{mode:o}");
        }
        // Whoever may replace the link decides as well.
        fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(read(&link, OTHERS, 10).is_err() && read(&path, OTHERS, 10).is_ok());
        fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o700)).unwrap();
        // Only root can give files away.
        if chown(&path, Some(4242), None).is_ok() {
            refused("user 4242");
            chown(&path, Some(0), None).unwrap();
            chown(&folder, Some(4242), None).unwrap();
            refused("belongs to user 4242");
        }
        // Nobody can replace a file without a name, such as a shell's here-document.
        let file = tempfile::tempfile_in(outer.path()).unwrap();
        file.set_permissions(fs::Permissions::from_mode(0o600)).unwrap();
        fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let nameless = format!("{OPEN_FILES}/{}", file.as_raw_fd());
        assert!(read(Path::new(&nameless), OTHERS, 10).is_ok());
    }
}
