//! Which program this is.

/// Version, commit, target and profile, for `--version`, logs and result files.
pub(crate) const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (",
    env!("MIEN_COMMIT"),
    ", ",
    env!("MIEN_TARGET"),
    ", ",
    env!("MIEN_PROFILE"),
    ")"
);
