//! Whether a file may be believed.
//!
//! A library that lies beside the program runs with the rights of whoever started it, and models beside the program
//! decide what is measured. Where other users may write, they could have put it there. So a file that nobody named is
//! taken only if it and its folder belong to this user or to root, and nobody else may write to either. A group counts
//! as nobody else where only the owner is in it, as the groups that many systems give each user.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Why something is not believed.
#[derive(Debug, thiserror::Error)]
pub enum Distrust {
    /// It is another user's.
    #[error(
        "{path} is not used: it belongs to user {owner}, not to you or root; \
         name it yourself if you trust it, or copy it"
    )]
    Owner {
        /// The file or folder.
        path: PathBuf,
        /// Number of the user whose it is.
        owner: u32,
    },
    /// Others may write to it.
    #[error(
        "{path} is not used: other users may write to it (mode {mode:o}); if you trust it: chmod go-w '{path}'"
    )]
    Writable {
        /// The file or folder.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is a link or a file where a folder of this user's own is wanted.
    #[error("{path} is not used: it is no folder, but a link or a file; remove it")]
    NoFolder {
        /// What is there.
        path: PathBuf,
    },
    /// Others may look into it.
    #[error(
        "{path} is not used: other users may look into it (mode {mode:o}); if it is yours: chmod 700 '{path}'"
    )]
    Open {
        /// The folder.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The system does not show it.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
}

/// Opens a file that is to be believed: it, the folder in which it was found, and the folder in which it lies (of a
/// symbolic link's target) must belong to this user or root, and nobody else may write to them. What was checked is
/// what was opened.
///
/// # Errors
/// [`Distrust`]: it is not to be believed, or not readable.
pub fn open(path: &Path) -> Result<File, Distrust> {
    let unreadable = |source| Distrust::Unreadable { path: path.to_owned(), source };
    let real = path.canonicalize().map_err(unreadable)?;
    for folder in [path.parent(), real.parent()].into_iter().flatten() {
        check_folder(folder)?;
    }
    let file = File::open(&real).map_err(unreadable)?;
    check_metadata(&real, &file.metadata().map_err(unreadable)?)?;
    Ok(file)
}

/// Checks a folder alone.
///
/// # Errors
/// [`Distrust`]: it is not to be believed, or not readable.
pub fn check_folder(folder: &Path) -> Result<(), Distrust> {
    // The parent of a bare name.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let unreadable = |source| Distrust::Unreadable { path: folder.to_owned(), source };
    check_metadata(folder, &folder.metadata().map_err(unreadable)?)
}

/// Checks a folder that need not be there.
///
/// # Errors
/// As [`check_folder`], where it is there.
pub fn check_folder_if_there(folder: &Path) -> Result<(), Distrust> {
    if folder.exists() { check_folder(folder) } else { Ok(()) }
}

/// Checks a folder in which this user alone keeps files, though it lies where anybody may make one, such as `/tmp`: it
/// is a folder and no link to one, belongs to this user, and nobody else may even look into it.
///
/// # Errors
/// [`Distrust`]: it is something else, or not there.
pub fn check_private_folder(folder: &Path) -> Result<(), Distrust> {
    let path = folder.to_owned();
    let metadata =
        folder.symlink_metadata().map_err(|source| Distrust::Unreadable { path: path.clone(), source })?;
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o7777);
    if !metadata.is_dir() {
        return Err(Distrust::NoFolder { path });
    }
    if owner != rustix::process::geteuid().as_raw() {
        return Err(Distrust::Owner { path, owner });
    }
    if mode & 0o077 != 0 { Err(Distrust::Open { path, mode }) } else { Ok(()) }
}

/// The number of this user.
#[must_use]
pub fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn check_metadata(path: &Path, metadata: &Metadata) -> Result<(), Distrust> {
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o7777);
    if owner != 0 && owner != rustix::process::geteuid().as_raw() {
        return Err(Distrust::Owner { path: path.to_owned(), owner });
    }
    let group_may_write = mode & 0o020 != 0 && !is_private(metadata.gid(), owner);
    if mode & 0o002 != 0 || group_may_write {
        return Err(Distrust::Writable { path: path.to_owned(), mode });
    }
    Ok(())
}

/// Whether a group is its owner's alone: it has the owner's number, and the system's lists name nobody else in it.
fn is_private(group: u32, owner: u32) -> bool {
    if group != owner {
        return false;
    }
    let (Ok(users), Ok(groups)) =
        (std::fs::read_to_string("/etc/passwd"), std::fs::read_to_string("/etc/group"))
    else {
        return false;
    };
    is_private_by(&users, &groups, group, owner)
}

fn is_private_by(users: &str, groups: &str, group: u32, owner: u32) -> bool {
    let number = |field: Option<&&str>| field.and_then(|field| field.parse::<u32>().ok());
    let users: Vec<Vec<&str>> = users.lines().map(|line| line.split(':').collect()).collect();
    let is_owner = |name: &str| {
        users.iter().any(|user| user.first() == Some(&name) && number(user.get(2)) == Some(owner))
    };
    let first_of_another =
        users.iter().any(|user| number(user.get(3)) == Some(group) && number(user.get(2)) != Some(owner));
    let mut members = groups
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .filter(|fields| number(fields.get(2)) == Some(group))
        .flat_map(|fields| fields.get(3).copied().unwrap_or_default().split(','));
    !first_of_another && members.all(|name| name.trim().is_empty() || is_owner(name.trim()))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use mien_needs::{Need, skip};

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    /// `lib/` with a file, both writable by their owner alone.
    fn library() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let (lib, file) = (folder.path().join("lib"), folder.path().join("lib/file"));
        fs::create_dir(&lib).unwrap();
        fs::write(&file, "content").unwrap();
        set_mode(&lib, 0o755);
        set_mode(&file, 0o644);
        (folder, file)
    }

    #[test]
    fn a_file_that_only_its_owner_writes_is_opened() {
        let (_folder, file) = library();
        assert!(open(&file).is_ok());
        assert!(matches!(open(&file.with_file_name("absent")), Err(Distrust::Unreadable { .. })));
    }

    #[test]
    fn what_others_may_write_is_refused_the_file_and_its_folder() {
        let (_folder, file) = library();
        for mode in [0o646, 0o666, 0o602] {
            set_mode(&file, mode);
            assert!(matches!(open(&file), Err(Distrust::Writable { mode: found, .. }) if found == mode));
        }
        set_mode(&file, 0o644);
        for mode in [0o777, 0o1777, 0o757] {
            set_mode(file.parent().unwrap(), mode);
            let error = open(&file).unwrap_err();
            assert!(error.to_string().contains("chmod go-w"), "{error}");
        }
    }

    #[test]
    fn a_link_is_as_good_as_what_it_leads_to() {
        let (folder, file) = library();
        let (_elsewhere, target) = library();
        let link = file.with_file_name("link");
        symlink(&target, &link).unwrap();
        assert!(open(&link).is_ok());
        set_mode(target.parent().unwrap(), 0o777);
        assert!(open(&link).is_err(), "the target's folder");
        set_mode(target.parent().unwrap(), 0o755);
        set_mode(&folder.path().join("lib"), 0o777);
        assert!(open(&link).is_err(), "the link's folder");
    }

    #[test]
    fn a_group_counts_as_nobody_else_only_where_its_owner_is_alone_in_it() {
        let users =
            "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\nben:x:1001:1001::/:/bin/sh\n";
        let alone = "root:x:0:\nann:x:1000:\nben:x:1001:ben\nlab:x:2000:ann,ben\n";
        assert!(is_private_by(users, alone, 1000, 1000) && is_private_by(users, alone, 1001, 1001));
        let joined = "ann:x:1000:ben\n";
        assert!(!is_private_by(users, joined, 1000, 1000), "ben may write, too");
        let shared = users.replace("ben:x:1001:1001", "ben:x:1001:1000");
        assert!(!is_private_by(&shared, alone, 1000, 1000), "ben's first group");
        assert!(!is_private(2000, 1000));
    }

    #[test]
    fn what_others_in_its_group_may_write_is_refused() {
        let (_folder, file) = library();
        set_mode(&file, 0o664);
        if chown(&file, None, Some(65_534)).is_err() {
            return skip(Need::Root, "only root gives files to another group");
        }
        assert!(matches!(open(&file), Err(Distrust::Writable { .. })));
    }

    #[test]
    fn a_private_folder_is_no_link_and_closed_to_others() {
        let (folder, file) = library();
        let lib = file.parent().unwrap();
        assert!(matches!(check_private_folder(lib), Err(Distrust::Open { mode: 0o755, .. })));
        set_mode(lib, 0o700);
        check_private_folder(lib).unwrap();
        let link = folder.path().join("link");
        symlink(lib, &link).unwrap();
        assert!(matches!(check_private_folder(&link), Err(Distrust::NoFolder { .. })));
        assert!(matches!(check_private_folder(&file), Err(Distrust::NoFolder { .. })));
        let absent = check_private_folder(&folder.path().join("absent"));
        assert!(matches!(absent, Err(Distrust::Unreadable { .. })));
        if chown(lib, Some(65_534), None).is_ok() {
            assert!(matches!(check_private_folder(lib), Err(Distrust::Owner { owner: 65_534, .. })));
        }
    }

    #[test]
    fn what_another_user_owns_is_refused() {
        let (_folder, file) = library();
        if chown(&file, Some(65_534), None).is_err() {
            return skip(Need::Root, "only root gives files away");
        }
        assert!(matches!(open(&file), Err(Distrust::Owner { owner: 65_534, .. })));
        chown(&file, Some(0), None).unwrap();
        chown(file.parent().unwrap(), Some(65_534), None).unwrap();
        assert!(matches!(open(&file), Err(Distrust::Owner { owner: 65_534, .. })));
    }
}
