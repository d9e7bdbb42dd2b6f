//! What is planted in a folder is refused, and nothing outside it is touched.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use mien_folder::{Folder, Refusal};

fn refusal<T: std::fmt::Debug>(result: std::io::Result<T>) -> Refusal {
    Refusal::in_error(&result.unwrap_err()).expect("a refusal")
}

#[test]
fn only_regular_files_are_opened() {
    let parent = tempfile::tempdir().unwrap();
    let folder = Folder::open(parent.path()).unwrap();
    let at = |name: &str| parent.path().join(name);
    fs::write(at("file"), "x").unwrap();
    symlink("file", at("link")).unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    symlink("/dev/zero", at("zero")).unwrap();
    fs::create_dir(at("folder")).unwrap();
    assert!(Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
    assert!(folder.open_file("file").is_ok());
    for link in ["link", "dangling", "zero"] {
        assert_eq!(refusal(folder.open_file(link)), Refusal::Link);
        assert_eq!(refusal(folder.open_to_change(link)), Refusal::Link);
        assert_eq!(refusal(folder.create_scratch(link)), Refusal::Link);
        assert_eq!(folder.create_new(link).unwrap_err().kind(), ErrorKind::AlreadyExists);
    }
    assert!(!at("nowhere").exists());
    assert_eq!(refusal(folder.open_file("pipe")), Refusal::NoFile);
    assert_eq!(refusal(folder.open_file("folder")), Refusal::Folder);
    for name in ["../file", "folder/x", "/etc/passwd", "..", ".", ""] {
        assert_eq!(refusal(folder.open_file(name)), Refusal::Elsewhere, "{name}");
        assert_eq!(refusal(folder.create_new(name)), Refusal::Elsewhere, "{name}");
    }
    assert_eq!(folder.open_file("missing").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(fs::read(at("file")).unwrap(), b"x");
}

#[test]
fn a_second_name_is_not_written_through() {
    let parent = tempfile::tempdir().unwrap();
    let folder = Folder::open(parent.path()).unwrap();
    let precious = parent.path().join("precious");
    fs::write(&precious, "mine").unwrap();
    fs::hard_link(&precious, parent.path().join("scratch")).unwrap();
    assert_eq!(refusal(folder.open_to_change("scratch")), Refusal::SecondName);
    let mut scratch = folder.create_scratch("scratch").unwrap();
    scratch.write_all(b"other").unwrap();
    assert_eq!(fs::read(&precious).unwrap(), b"mine");
    let (mut numbered, name) = folder.create_numbered("precious").unwrap();
    numbered.write_all(b"copy").unwrap();
    assert_eq!((name.to_str(), fs::read(&precious).unwrap()), (Some("precious-2"), b"mine".to_vec()));
    assert_eq!(folder.link_numbered("scratch", "precious").unwrap(), "precious-3");
}

#[test]
fn the_open_folder_is_meant_and_not_its_path() {
    let parent = tempfile::tempdir().unwrap();
    let (path, moved) = (parent.path().join("a"), parent.path().join("b"));
    let folder = Folder::create_private(&path).unwrap();
    let file = folder.create_new("x").unwrap();
    assert!(folder.is_in_place() && folder.is_there("x", &file));
    fs::rename(&path, &moved).unwrap();
    fs::create_dir(&path).unwrap();
    folder.create_new("y").unwrap();
    assert!(moved.join("y").exists() && !path.join("y").exists());
    assert!(!folder.is_in_place() && folder.is_there("x", &file));
    fs::remove_file(moved.join("x")).unwrap();
    assert!(!folder.is_there("x", &file));
    fs::write(moved.join("x"), "another").unwrap();
    assert!(!folder.is_there("x", &file));
}

#[test]
fn files_are_their_owners_and_a_groups_only_where_the_folder_is() {
    let parent = tempfile::tempdir().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let path = parent.path().join("private");
    let folder = Folder::create_private(&path).unwrap();
    folder.create_new("x").unwrap();
    assert_eq!((mode(&path), mode(&path.join("x"))), (0o700, 0o600));
    folder.share_with(fs::metadata(&path).unwrap().gid()).unwrap();
    folder.create_new("y").unwrap();
    assert_eq!((mode(&path), mode(&path.join("y"))), (0o2750, 0o640));
    assert!(Folder::create_private(&path).is_err(), "never another's");
    let mut text = String::new();
    folder.open_file("y").unwrap().read_to_string(&mut text).unwrap();
    let names: Vec<_> = folder.entries().unwrap();
    assert_eq!(names, [("x".into(), true), ("y".into(), true)]);
}
