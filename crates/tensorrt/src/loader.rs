//! The system's loader.

use std::ffi::{OsStr, c_void};
use std::path::{Path, PathBuf};

use libloading::os::unix::{Library as Handle, RTLD_LOCAL, RTLD_NOW};

/// Loads a library, or says why not.
pub(crate) fn open(file: &OsStr) -> Result<Handle, String> {
    // SAFETY: NVIDIA's libraries do nothing when loaded that this process relies on being otherwise.
    unsafe { Handle::open(Some(file), RTLD_NOW | RTLD_LOCAL) }.map_err(|error| reason(&error))
}

/// Loads a library that others need, for as long as the process runs.
pub(crate) fn keep_open(file: &Path) -> Result<(), String> {
    open(file.as_os_str()).map(std::mem::forget)
}

/// A function of a library, or why there is none.
///
/// # Safety
/// The symbol, if there, is a function of type `F`.
pub(crate) unsafe fn symbol<F: Copy>(handle: &Handle, name: &std::ffi::CStr) -> Result<F, String> {
    // SAFETY: the caller's.
    unsafe { handle.get::<F>(name) }.map(|symbol| *symbol).map_err(|error| reason(&error))
}

/// The innermost text of an error of the loader, which names the file that is missing.
pub(crate) fn reason(error: &libloading::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// The file that `address` is mapped from.
pub(crate) fn file_of(address: *const c_void) -> Option<PathBuf> {
    let address = address.addr();
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    maps.lines().find_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
        let path = rest.get(rest.find('/')?..)?;
        (start..end).contains(&address).then(|| path.into())
    })
}
