//! JPEG pictures decoded on the GPU by nvJPEG, where that is installed.

mod functions;

use std::sync::atomic::{AtomicU64, Ordering};

use cudarc::driver::sys;
use mien_face::PixelFormat;

use crate::jpeg::functions::{Functions, Handle, Image, State, status_text};
use crate::{Device, DeviceBuffer, Event, FrameLayout, GpuError, Wait};

/// `NVJPEG_OUTPUT_RGBI`: red, green, blue, interleaved.
const OUTPUT_RGBI: i32 = 5;
/// `NVJPEG_BACKEND_DEFAULT`: nvJPEG chooses.
const BACKEND_DEFAULT: i32 = 0;

/// Blocks of device memory that nvJPEG took in this process: its allocator knows no owner.
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// Decodes JPEG pictures into device memory, on the device's stream.
///
/// nvJPEG takes its working memory with the first pictures and keeps it; see
/// [`JpegDecoder::allocations`].
#[derive(Debug)]
pub struct JpegDecoder {
    device: Device,
    functions: Functions,
    handle: Handle,
    state: State,
    /// Passed when the last picture is decoded: only then may nvJPEG's buffers be used again.
    decoded: Event,
    version: [i32; 3],
}

// SAFETY: the handles are used by one thread at a time (`&mut self`), which nvJPEG asks for.
unsafe impl Send for JpegDecoder {}

/// Loads nvJPEG without a GPU: the name that it was found by, and its version.
///
/// # Errors
/// When nvJPEG cannot be loaded.
pub fn nvjpeg_library() -> Result<(String, [i32; 3]), GpuError> {
    let functions = functions::load()?;
    let version = version(&functions)?;
    Ok((functions.path.clone(), version))
}

fn version(functions: &Functions) -> Result<[i32; 3], GpuError> {
    let mut version = [0; 3];
    for (which, number) in version.iter_mut().enumerate() {
        // SAFETY: the property exists in all versions.
        check("nvjpegGetProperty", unsafe { (functions.property)(which as i32, number) })?;
    }
    Ok(version)
}

impl JpegDecoder {
    /// Loads nvJPEG 11 or later: from the file that MIEN_NVJPEG names, or from where the system finds it.
    ///
    /// # Errors
    /// When nvJPEG cannot be loaded or does not start.
    pub fn new(device: &Device) -> Result<Self, GpuError> {
        device.make_current()?;
        let functions = functions::load()?;
        let version = version(&functions)?;
        let allocator = functions::DeviceAllocator { take: take_memory, give_back: give_memory_back };
        let (mut handle, mut state) = (std::ptr::null_mut(), std::ptr::null_mut());
        let decoded = Event::new(device, Wait::Sleep)?;
        // SAFETY: a context is current, the allocator is copied, and null means nvJPEG's own for the host.
        check("nvjpegCreateEx", unsafe {
            (functions.create)(BACKEND_DEFAULT, &allocator, std::ptr::null(), 0, &mut handle)
        })?;
        // SAFETY: the handle was just made.
        let created = check("nvjpegJpegStateCreate", unsafe { (functions.create_state)(handle, &mut state) });
        if let Err(error) = created {
            // SAFETY: nothing uses the handle.
            unsafe { (functions.destroy)(handle) };
            return Err(error);
        }
        Ok(Self { device: device.clone(), functions, handle, state, decoded, version })
    }

    /// nvJPEG's version.
    #[must_use]
    pub fn version(&self) -> [i32; 3] {
        self.version
    }

    /// The file that nvJPEG was loaded from.
    #[must_use]
    pub fn library(&self) -> &str {
        &self.functions.path
    }

    /// Blocks of device memory that nvJPEG took in this process so far.
    #[must_use]
    pub fn allocations() -> u64 {
        ALLOCATIONS.load(Ordering::Relaxed)
    }

    /// Width and height of a picture, without decoding it.
    ///
    /// # Errors
    /// When it is no JPEG that nvJPEG reads.
    pub fn size(&mut self, jpeg: &[u8]) -> Result<[u32; 2], GpuError> {
        let (mut components, mut subsampling, mut widths, mut heights) = (0, 0, [0; 4], [0; 4]);
        // SAFETY: the data is as long as is said; the lists have nvJPEG's four entries.
        check("nvjpegGetImageInfo", unsafe {
            (self.functions.image_info)(
                self.handle,
                jpeg.as_ptr(),
                jpeg.len(),
                &mut components,
                &mut subsampling,
                widths.as_mut_ptr(),
                heights.as_mut_ptr(),
            )
        })?;
        Ok([widths[0].max(0) as u32, heights[0].max(0) as u32])
    }

    /// Decodes a picture into `rgb`, as tight rows of red, green, blue, and returns how it lies there.
    ///
    /// The host takes part (it reads the Huffman codes), so this cannot be captured in a graph; what is
    /// queued on the stream after it sees the picture. `jpeg` is no longer needed when this returns.
    ///
    /// # Errors
    /// When it is no JPEG that nvJPEG reads, or `rgb` is too short.
    pub fn decode(&mut self, jpeg: &[u8], rgb: &DeviceBuffer<u8>) -> Result<FrameLayout, GpuError> {
        self.device.make_current()?;
        let [width, height] = self.size(jpeg)?;
        let layout = FrameLayout::tight(width, height, PixelFormat::Rgb8)?;
        rgb.expect_len("a decoded picture", layout.bytes())?;
        self.decoded.wait()?;
        let mut image = Image { channels: [std::ptr::null_mut(); 4], pitches: [0; 4] };
        image.channels[0] = rgb.pointer() as *mut u8;
        image.pitches[0] = layout.stride;
        let stream = self.device.stream();
        // SAFETY: the data is as long as is said; the target holds height × pitch bytes.
        check("nvjpegDecode", unsafe {
            (self.functions.decode)(
                self.handle,
                self.state,
                jpeg.as_ptr(),
                jpeg.len(),
                OUTPUT_RGBI,
                &mut image,
                stream.handle(),
            )
        })?;
        stream.count(crate::CopiedBytes { to_device: jpeg.len() as u64, to_host: 0 });
        self.decoded.record(stream)?;
        Ok(layout)
    }
}

impl Drop for JpegDecoder {
    fn drop(&mut self) {
        // An error here was one of the GPU's and was seen where it happened.
        let _ = self.device.make_current().and_then(|()| self.decoded.wait());
        // SAFETY: made in `new`, and the last picture is decoded.
        unsafe {
            (self.functions.destroy_state)(self.state);
            (self.functions.destroy)(self.handle);
        }
    }
}

fn check(call: &'static str, status: i32) -> Result<(), GpuError> {
    if status == 0 {
        return Ok(());
    }
    Err(GpuError::NvJpeg { call, status, message: status_text(status) })
}

/// nvJPEG's `dev_malloc`: 0 for success.
extern "C" fn take_memory(pointer: *mut *mut std::ffi::c_void, bytes: usize) -> i32 {
    let mut taken = 0;
    // SAFETY: nvJPEG calls this with the context current that `JpegDecoder` made so.
    if unsafe { sys::cuMemAlloc_v2(&mut taken, bytes.max(1)) } != sys::CUresult::CUDA_SUCCESS {
        return 1;
    }
    ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    // SAFETY: nvJPEG gives the place to write to.
    unsafe { *pointer = taken as *mut std::ffi::c_void };
    0
}

/// nvJPEG's `dev_free`.
extern "C" fn give_memory_back(pointer: *mut std::ffi::c_void) -> i32 {
    // SAFETY: taken in `take_memory`.
    i32::from(unsafe { sys::cuMemFree_v2(pointer as sys::CUdeviceptr) } != sys::CUresult::CUDA_SUCCESS)
}
