//! What lies beside the program and may have been put there by somebody else.

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// The program, as if it were installed in this folder.
fn installed(folder: &Path) -> PathBuf {
    let program = folder.join("mien");
    let built = Path::new(env!("CARGO_BIN_EXE_mien"));
    fs::hard_link(built, &program).or_else(|_| fs::copy(built, &program).map(drop)).unwrap();
    program
}

/// Standard output and standard error.
fn said(program: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.env_remove("LSL_LIBRARY").env_remove("MIEN_MODELS").env_remove("RUST_LOG");
    let output = command.args(arguments).output().unwrap();
    support::text(&output.stdout) + &support::text(&output.stderr)
}

#[test]
fn a_library_that_others_may_have_put_beside_the_program_is_not_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let program = installed(folder.path());
    let lib = folder.path().join("lib");
    fs::create_dir(&lib).unwrap();
    fs::write(lib.join("liblsl.so"), "no library").unwrap();
    set_mode(&lib.join("liblsl.so"), 0o644);
    let probe = ["doctor", "--probe", "lsl"];
    set_mode(&lib, 0o755);
    let own = said(&program, &probe);
    if own.contains("loaded by a process of its own") {
        return mien_needs::skip(mien_needs::Need::NoLiblsl, "the system has a liblsl");
    }
    assert!(!own.contains("not used"), "it was tried: {own}");
    set_mode(&lib, 0o777);
    let foreign = said(&program, &probe);
    assert!(foreign.contains("other users may write") && foreign.contains("chmod go-w"), "{foreign}");
    set_mode(&lib, 0o755);
    set_mode(&lib.join("liblsl.so"), 0o666);
    assert!(said(&program, &probe).contains("other users may write"));
}

#[test]
fn models_that_others_may_have_put_beside_the_program_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let program = installed(folder.path());
    let models = folder.path().join("models");
    fs::create_dir(&models).unwrap();
    let manifest = models.join("manifest.toml");
    fs::write(&manifest, "this is no manifest").unwrap();
    set_mode(&manifest, 0o644);
    set_mode(&models, 0o755);
    let own = said(&program, &["models", "list"]);
    assert!(own.contains("is no valid manifest"), "{own}");
    set_mode(&models, 0o777);
    let foreign = said(&program, &["models", "list"]);
    assert!(
        foreign.contains("other users may write") && !foreign.contains("is no valid manifest"),
        "{foreign}"
    );
}
