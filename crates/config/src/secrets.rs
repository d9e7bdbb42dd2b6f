//! Secrets of cameras' addresses in files that others can read.

use std::path::Path;

use crate::Config;

/// What to say of a configuration's file that holds a secret and that other users can read; nothing where there is
/// nothing to say.
#[must_use]
pub fn readable_secret(path: &Path, config: &Config) -> Option<String> {
    let camera = config.cameras.iter().find(|camera| camera.source.holds_secret())?;
    is_readable_by_others(path).then(|| {
        let (path, name) = (path.display(), &camera.name);
        format!(
            "{path} holds the secret of camera {name}, and other users can read it: `chmod 600 {path}`, or write \
             ${{NAME}} for the environment variable NAME, ${{file:PATH}} for a file"
        )
    })
}

#[cfg(unix)]
fn is_readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_readable_by_others(_path: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Camera;

    #[cfg(unix)]
    #[test]
    fn a_file_with_a_secret_is_for_its_owner() {
        use std::os::unix::fs::PermissionsExt;
        let file = tempfile::NamedTempFile::new().unwrap();
        let with = |source: &str| Config { cameras: vec![Camera::new("a", source)], ..Config::default() };
        let (plain, secret) = (with("http://a:${X}@cam"), with("http://a:b@cam"));
        assert_eq!(readable_secret(file.path(), &secret), None, "it is private");
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(readable_secret(file.path(), &secret).unwrap().contains("chmod 600"));
        assert_eq!(readable_secret(file.path(), &plain), None);
    }
}
