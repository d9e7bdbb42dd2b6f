//! nvJPEG's functions, found at run time. Types and numbers are those of its public C header, which
//! has kept them since version 11.

use std::ffi::c_void;

use crate::GpuError;

/// `nvjpegHandle_t`.
pub(crate) type Handle = *mut c_void;
/// `nvjpegJpegState_t`.
pub(crate) type State = *mut c_void;

/// `nvjpegImage_t`.
#[repr(C)]
pub(crate) struct Image {
    pub channels: [*mut u8; 4],
    pub pitches: [usize; 4],
}

/// `nvjpegDevAllocator_t`.
#[repr(C)]
pub(crate) struct DeviceAllocator {
    pub take: extern "C" fn(*mut *mut c_void, usize) -> i32,
    pub give_back: extern "C" fn(*mut c_void) -> i32,
}

type Property = unsafe extern "C" fn(i32, *mut i32) -> i32;
type Create = unsafe extern "C" fn(i32, *const DeviceAllocator, *const c_void, u32, *mut Handle) -> i32;
type CreateState = unsafe extern "C" fn(Handle, *mut State) -> i32;
type Destroy = unsafe extern "C" fn(*mut c_void) -> i32;
type ImageInfo =
    unsafe extern "C" fn(Handle, *const u8, usize, *mut i32, *mut i32, *mut i32, *mut i32) -> i32;
type Decode = unsafe extern "C" fn(Handle, State, *const u8, usize, i32, *mut Image, *mut c_void) -> i32;

/// The library in use.
#[derive(Debug)]
pub(crate) struct Functions {
    pub property: Property,
    pub create: Create,
    pub create_state: CreateState,
    pub destroy: Destroy,
    pub destroy_state: Destroy,
    pub image_info: ImageInfo,
    pub decode: Decode,
    /// Where it was found; a bare name where the system's search path gave it.
    pub path: String,
    /// Keeps the functions in memory.
    _library: libloading::Library,
}

/// Finds and loads the library.
pub(crate) fn load() -> Result<Functions, GpuError> {
    let mut tried = Vec::new();
    for path in candidates() {
        match open(&path) {
            Ok(functions) => return Ok(functions),
            Err(error) => tried.push(error.to_string()),
        }
    }
    Err(GpuError::NvJpegMissing { tried: tried.join("; ") })
}

fn candidates() -> Vec<String> {
    if let Ok(path) = std::env::var("MIEN_NVJPEG") {
        return vec![path];
    }
    let names = ["libnvjpeg.so.13", "libnvjpeg.so.12", "libnvjpeg.so.11", "libnvjpeg.so"];
    let installed = names.iter().map(|name| format!("/usr/local/cuda/lib64/{name}"));
    let installed = installed.filter(|path| std::path::Path::new(path).is_file());
    names.iter().map(|name| (*name).to_owned()).chain(installed).collect()
}

fn open(path: &str) -> Result<Functions, libloading::Error> {
    // SAFETY: loading nvJPEG runs its initialisers, which only set up its own state; the places searched
    // are the system's, or what the user named.
    let library = unsafe { libloading::Library::new(path) }?;
    // SAFETY: the types are those of nvJPEG's C header; the library is kept beside the functions.
    unsafe {
        Ok(Functions {
            property: *library.get::<Property>(b"nvjpegGetProperty\0")?,
            create: *library.get::<Create>(b"nvjpegCreateEx\0")?,
            create_state: *library.get::<CreateState>(b"nvjpegJpegStateCreate\0")?,
            destroy: *library.get::<Destroy>(b"nvjpegDestroy\0")?,
            destroy_state: *library.get::<Destroy>(b"nvjpegJpegStateDestroy\0")?,
            image_info: *library.get::<ImageInfo>(b"nvjpegGetImageInfo\0")?,
            decode: *library.get::<Decode>(b"nvjpegDecode\0")?,
            path: path.to_owned(),
            _library: library,
        })
    }
}

/// What an `nvjpegStatus_t` means.
pub(crate) fn status_text(status: i32) -> String {
    let text = match status {
        1 => "it was not started",
        2 => "a parameter is wrong",
        3 => "this is no JPEG picture, or it is damaged",
        4 => "JPEG pictures of this kind are not supported",
        5 => "GPU memory is short",
        6 => "the GPU failed",
        7 => "the GPU is too old for it",
        8 => "it failed inside",
        9 => "this is not supported on this system",
        10 => "the picture ends too early",
        _ => return format!("status {status}"),
    };
    text.to_owned()
}
