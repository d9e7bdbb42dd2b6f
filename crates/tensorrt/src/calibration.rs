//! INT8 by calibration: an `IInt8EntropyCalibrator2` of our own over batches that the caller brings.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::abi::call::This;
use crate::abi::enums::ENTROPY_CALIBRATION_2;
use crate::logger::{InterfaceInfo, VersionedSlots, api_language, keep};

/// Batches of typical inputs, in device memory.
///
/// # Safety
/// Every address that [`Self::next_batch`] gives is device memory that holds, until the next call or the end of the
/// build, one whole batch of that input: FP32, dense, of the shape that the calibration profile (the build's first,
/// at its usual lengths) gives it.
pub unsafe trait CalibrationBatches: Send {
    /// How many samples a batch holds.
    fn batch_size(&self) -> i32;

    /// Makes the next batch and writes the device address of each input into `addresses`, in the order of `inputs`.
    /// `false` when there are no more.
    ///
    /// # Errors
    /// A reason that ends the build.
    fn next_batch(&mut self, inputs: &[&str], addresses: &mut [u64]) -> Result<bool, String>;
}

/// What INT8 needs.
pub struct Calibration<'a> {
    /// The batches.
    pub batches: &'a mut dyn CalibrationBatches,
    /// The [`calibration_cache`](crate::Plan::calibration_cache) of an earlier build of the same model: where it is
    /// good, no batch is asked for.
    pub cache: Option<Vec<u8>>,
}

impl std::fmt::Debug for Calibration<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let cache = self.cache.as_ref().map(Vec::len);
        f.debug_struct("Calibration").field("cache_bytes", &cache).finish_non_exhaustive()
    }
}

/// An object that TensorRT takes for an `IInt8EntropyCalibrator2`.
#[repr(C)]
pub(crate) struct Calibrator<'a> {
    table: *const c_void,
    state: Mutex<State<'a>>,
}

struct State<'a> {
    batches: &'a mut dyn CalibrationBatches,
    cache: Option<Vec<u8>>,
    written: Option<Vec<u8>>,
    failure: Option<String>,
}

/// The five functions, in their order.
#[repr(C)]
struct Functions {
    batch_size: extern "C" fn(This) -> c_int,
    batch: extern "C" fn(This, *mut *mut c_void, *const *const c_char, c_int) -> bool,
    read_cache: extern "C" fn(This, *mut usize) -> *const c_void,
    write_cache: extern "C" fn(This, *const c_void, usize),
    algorithm: extern "C" fn(This) -> c_int,
}

/// Of 8.6.
#[repr(C)]
struct PlainTable {
    functions: Functions,
    destructor: extern "C" fn(This),
    deleting_destructor: extern "C" fn(This),
}

/// Of 10.
#[repr(C)]
struct VersionedTable {
    versioned: VersionedSlots,
    functions: Functions,
}

const FUNCTIONS: Functions = Functions { batch_size, batch, read_cache, write_cache, algorithm };
static PLAIN: PlainTable = PlainTable { functions: FUNCTIONS, destructor: keep, deleting_destructor: keep };
static VERSIONED: VersionedTable = VersionedTable {
    versioned: VersionedSlots {
        api_language,
        interface_info: calibrator_info,
        destructor: keep,
        deleting_destructor: keep,
    },
    functions: FUNCTIONS,
};

extern "C" fn calibrator_info(_: This) -> InterfaceInfo {
    InterfaceInfo { kind: c"IInt8EntropyCalibrator2".as_ptr(), major: 1, minor: 0 }
}

impl<'a> Calibrator<'a> {
    pub(crate) fn new(calibration: Calibration<'a>, versioned: bool) -> Self {
        let table = if versioned { (&raw const VERSIONED).cast() } else { (&raw const PLAIN).cast() };
        let Calibration { batches, cache } = calibration;
        Self { table, state: Mutex::new(State { batches, cache, written: None, failure: None }) }
    }

    /// The object as TensorRT takes it.
    pub(crate) fn as_object(&self) -> This {
        std::ptr::from_ref(self).cast_mut().cast()
    }

    /// The cache that TensorRT wrote, and why the batches ended early.
    pub(crate) fn finish(self) -> (Option<Vec<u8>>, Option<String>) {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        (state.written.or(state.cache), state.failure)
    }
}

/// Runs `f` on the state of the calibrator; what panics becomes the failure.
///
/// # Safety
/// `this` is the object of a live [`Calibrator`].
unsafe fn with<R>(this: This, otherwise: R, f: impl FnOnce(&mut State<'_>) -> R) -> R {
    // SAFETY: the caller's.
    let calibrator = unsafe { &*this.cast::<Calibrator<'_>>() };
    let lock =
        || -> MutexGuard<'_, State<'_>> { calibrator.state.lock().unwrap_or_else(PoisonError::into_inner) };
    catch_unwind(AssertUnwindSafe(|| f(&mut lock()))).unwrap_or_else(|_| {
        lock().failure = Some("the batches panicked".to_owned());
        otherwise
    })
}

extern "C" fn batch_size(this: This) -> c_int {
    // SAFETY: TensorRT calls this with the object that it was given, during a build that the calibrator outlives.
    unsafe { with(this, 1, |state| state.batches.batch_size()) }
}

extern "C" fn batch(
    this: This,
    addresses: *mut *mut c_void,
    names: *const *const c_char,
    count: c_int,
) -> bool {
    let count = usize::try_from(count).unwrap_or(0);
    // SAFETY: as in `batch_size`; both arrays hold `count` entries, the names C strings.
    unsafe {
        with(this, false, |state| {
            let names: Vec<_> =
                (0..count).map(|index| CStr::from_ptr(*names.add(index)).to_string_lossy()).collect();
            let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
            let mut given = vec![0_u64; count];
            match state.batches.next_batch(&names, &mut given) {
                Ok(true) if given.contains(&0) => {
                    state.failure = Some(format!("no address for one of {names:?}"));
                    false
                }
                Ok(true) => {
                    for (index, address) in given.iter().enumerate() {
                        addresses.add(index).write(device_pointer(*address));
                    }
                    true
                }
                Ok(false) => false,
                Err(reason) => {
                    state.failure = Some(reason);
                    false
                }
            }
        })
    }
}

extern "C" fn read_cache(this: This, length: *mut usize) -> *const c_void {
    // SAFETY: as in `batch_size`; `length` is TensorRT's to be written. The cache stays where it is until the
    // calibrator is gone.
    unsafe {
        with(this, std::ptr::null(), |state| {
            let cache = state.cache.as_deref().unwrap_or_default();
            length.write(cache.len());
            if cache.is_empty() { std::ptr::null() } else { cache.as_ptr().cast() }
        })
    }
}

extern "C" fn write_cache(this: This, bytes: *const c_void, length: usize) {
    if bytes.is_null() {
        return;
    }
    // SAFETY: as in `batch_size`; `bytes` holds `length` bytes.
    unsafe {
        with(this, (), |state| {
            state.written = Some(std::slice::from_raw_parts(bytes.cast::<u8>(), length).to_vec());
        });
    }
}

extern "C" fn algorithm(_: This) -> c_int {
    ENTROPY_CALIBRATION_2
}

/// A device address as C takes it.
pub(crate) fn device_pointer(address: u64) -> *mut c_void {
    std::ptr::without_provenance_mut(address as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Two {
        left: u32,
        then: fn() -> Result<bool, String>,
    }

    // SAFETY: the addresses are never used.
    unsafe impl CalibrationBatches for Two {
        fn batch_size(&self) -> i32 {
            4
        }

        fn next_batch(&mut self, inputs: &[&str], addresses: &mut [u64]) -> Result<bool, String> {
            assert_eq!(inputs, ["image"]);
            if self.left == 0 {
                return (self.then)();
            }
            self.left -= 1;
            addresses[0] = 0x1000 + u64::from(self.left);
            Ok(true)
        }
    }

    /// Cache and failure, as `finish` gives them.
    type Finished = (Option<Vec<u8>>, Option<String>);

    fn run(then: fn() -> Result<bool, String>) -> (Vec<usize>, Finished) {
        let mut batches = Two { left: 2, then };
        let calibrator = Calibrator::new(Calibration { batches: &mut batches, cache: None }, true);
        let this = calibrator.as_object();
        assert_eq!(batch_size(this), 4);
        let names = [c"image".as_ptr()];
        let mut addresses = [std::ptr::null_mut()];
        let mut seen = Vec::new();
        while batch(this, addresses.as_mut_ptr(), names.as_ptr(), 1) {
            seen.push(addresses[0].addr());
        }
        write_cache(this, b"scales".as_ptr().cast(), 6);
        (seen, calibrator.finish())
    }

    #[test]
    fn batches_are_handed_over_until_they_end() {
        assert_eq!(run(|| Ok(false)), (vec![0x1001, 0x1000], (Some(b"scales".to_vec()), None)));
    }

    #[test]
    fn an_error_and_a_panic_end_the_batches_with_a_reason() {
        assert_eq!(run(|| Err("disk full".into())).1.1.as_deref(), Some("disk full"));
        assert_eq!(run(|| panic!("oops")).1.1.as_deref(), Some("the batches panicked"));
        assert_eq!(run(|| Ok(true)).1.1.as_deref(), Some("no address for one of [\"image\"]"));
    }

    #[test]
    fn a_cache_is_given_back() {
        let mut batches = Two { left: 0, then: || Ok(false) };
        let calibration = Calibration { batches: &mut batches, cache: Some(vec![7, 8]) };
        let calibrator = Calibrator::new(calibration, false);
        let mut length = 99;
        assert!(!read_cache(calibrator.as_object(), &mut length).is_null());
        assert_eq!(length, 2);
        assert_eq!(calibrator.finish(), (Some(vec![7, 8]), None));
    }
}
