//! A network namespace of a test's own.

use std::ffi::OsString;
use std::process::Command;

use mien_outlets::{Launch, Reach, library};

/// LSL that only this machine, and only this test, takes part in.
const LSL_CONFIGURATION: &str = "[ports]\nIPv6 = disable\nAllowRandomPorts = 0\nPortRange = 128\n\
     [multicast]\nResolveScope = machine\nAddressesOverride = {127.0.0.1}\nListenAddress = 127.0.0.1\n\
     Interfaces = {127.0.0.1}\nTTLOverride = 0\n[lab]\nKnownPeers = {127.0.0.1}\n";

/// Set in a process that is the child of a publisher.
const ROLE: &str = "MIEN_TEST_LSL_ROLE";

/// This program in the role of the process that loads liblsl.
pub fn launch() -> Launch {
    Launch {
        program: "env".into(),
        arguments: [format!("{ROLE}=child").into(), std::env::current_exe().unwrap().into_os_string()]
            .into_iter()
            .chain(["--exact", "namespace::role_lsl", "--ignored", "--nocapture"].map(OsString::from))
            .collect(),
        reach: Reach::Network,
        limits: None,
    }
}

#[test]
#[ignore = "a role that other tests start"]
fn role_lsl() {
    if std::env::var_os(ROLE).is_some() {
        mien_outlets::serve(None, std::io::stdin(), std::io::stdout()).unwrap();
        // Nothing of the harness is to be waited for.
        std::process::exit(0);
    }
}

/// Runs an ignored test of this program in a namespace of its own, with these variables set; skips where that, or
/// Python, is not to be had.
pub fn run(test: &str, variables: &[(&str, &str)]) {
    if mien_needs::python().is_some() {
        run_without_python(test, variables);
    }
}

/// The same without Python.
pub fn run_without_python(test: &str, variables: &[(&str, &str)]) {
    let Some(unshare) = mien_needs::network_namespace() else { return };
    if let Err(error) = library() {
        return mien_needs::skip(mien_needs::Need::Liblsl, error);
    }
    let folder = tempfile::tempdir().unwrap();
    let configuration = folder.path().join("lsl_api.cfg");
    let session = format!("{LSL_CONFIGURATION}SessionID = mien-test-{}\n", std::process::id());
    std::fs::write(&configuration, session).unwrap();
    let status = Command::new("unshare")
        .args(unshare)
        .args(["sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--include-ignored"])
        .env("LSLAPICFG", &configuration)
        .envs(variables.iter().copied())
        .status()
        .unwrap();
    assert!(status.success());
}
