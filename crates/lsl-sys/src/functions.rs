//! The functions that the `lsl` crate calls.

use std::os::raw::{c_char, c_long};

use crate::library::load;
use crate::*;

/// Makes [`Functions`], what [`load`] fills it with, and one function of the same name each, that
/// calls through it. What follows `=` is the result where there is no library.
macro_rules! functions {
    ($(fn $name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)? = $without:expr;)*) => {
        /// Pointers into the library.
        #[derive(Debug)]
        pub(crate) struct Functions {
            $(pub $name: unsafe extern "C" fn($($type),*) $(-> $result)?,)*
        }

        impl Functions {
            /// Looks every function up; the error is the name of one that is missing.
            ///
            /// # Safety
            /// `library` is liblsl, and outlives the result.
            pub unsafe fn of(library: &libloading::Library) -> Result<Self, &'static str> {
                Ok(Self {
                    // SAFETY: the caller says that this is liblsl, whose functions have these types.
                    $($name: *unsafe { library.get(stringify!($name)) }.map_err(|_| stringify!($name))?,)*
                })
            }
        }

        $(
            /// liblsl's function of this name: see `lsl_c.h`.
            ///
            /// # Safety
            /// As the C header says: handles are live ones of this library, pointers and lengths
            /// describe memory of the caller.
            pub unsafe extern "C" fn $name($($argument: $type),*) $(-> $result)? {
                match load() {
                    // SAFETY: the caller keeps the C function's own contract.
                    Ok(library) => unsafe { (library.functions.$name)($($argument),*) },
                    Err(_) => $without,
                }
            }
        )*
    };
}

functions! {
    fn lsl_protocol_version() -> i32 = 0;
    fn lsl_library_version() -> i32 = 0;
    fn lsl_library_info() -> *const c_char = c"no liblsl".as_ptr();
    fn lsl_local_clock() -> f64 = 0.0;
    fn lsl_resolve_all(buffer: *mut lsl_streaminfo, buffer_elements: u32, wait_time: f64) -> i32 = lsl_error_code_t_lsl_internal_error;
    fn lsl_resolve_byprop(buffer: *mut lsl_streaminfo, buffer_elements: u32, prop: *const c_char, value: *const c_char, minimum: i32, timeout: f64) -> i32 = lsl_error_code_t_lsl_internal_error;
    fn lsl_resolve_bypred(buffer: *mut lsl_streaminfo, buffer_elements: u32, pred: *const c_char, minimum: i32, timeout: f64) -> i32 = lsl_error_code_t_lsl_internal_error;
    fn lsl_destroy_string(s: *mut c_char) = ();
    fn lsl_create_streaminfo(name: *const c_char, content_type: *const c_char, channel_count: i32, nominal_srate: f64, channel_format: lsl_channel_format_t, source_id: *const c_char) -> lsl_streaminfo = std::ptr::null_mut();
    fn lsl_destroy_streaminfo(info: lsl_streaminfo) = ();
    fn lsl_copy_streaminfo(info: lsl_streaminfo) -> lsl_streaminfo = std::ptr::null_mut();
    fn lsl_get_name(info: lsl_streaminfo) -> *const c_char = std::ptr::null();
    fn lsl_get_type(info: lsl_streaminfo) -> *const c_char = std::ptr::null();
    fn lsl_get_channel_count(info: lsl_streaminfo) -> i32 = 0;
    fn lsl_get_nominal_srate(info: lsl_streaminfo) -> f64 = 0.0;
    fn lsl_get_channel_format(info: lsl_streaminfo) -> lsl_channel_format_t = lsl_channel_format_t_cft_undefined;
    fn lsl_get_source_id(info: lsl_streaminfo) -> *const c_char = std::ptr::null();
    fn lsl_get_version(info: lsl_streaminfo) -> i32 = 0;
    fn lsl_get_created_at(info: lsl_streaminfo) -> f64 = 0.0;
    fn lsl_get_uid(info: lsl_streaminfo) -> *const c_char = std::ptr::null();
    fn lsl_get_session_id(info: lsl_streaminfo) -> *const c_char = std::ptr::null();
    fn lsl_get_hostname(info: lsl_streaminfo) -> *const c_char = std::ptr::null();
    fn lsl_get_desc(info: lsl_streaminfo) -> lsl_xml_ptr = std::ptr::null_mut();
    fn lsl_get_xml(info: lsl_streaminfo) -> *mut c_char = std::ptr::null_mut();
    fn lsl_get_channel_bytes(info: lsl_streaminfo) -> i32 = 0;
    fn lsl_get_sample_bytes(info: lsl_streaminfo) -> i32 = 0;
    fn lsl_stream_info_matches_query(info: lsl_streaminfo, query: *const c_char) -> i32 = 0;
    fn lsl_streaminfo_from_xml(xml: *const c_char) -> lsl_streaminfo = std::ptr::null_mut();
    fn lsl_create_outlet(info: lsl_streaminfo, chunk_size: i32, max_buffered: i32) -> lsl_outlet = std::ptr::null_mut();
    fn lsl_destroy_outlet(outlet: lsl_outlet) = ();
    fn lsl_push_sample_ftp(outlet: lsl_outlet, data: *const f32, timestamp: f64, pushthrough: i32) -> i32 = lsl_error_code_t_lsl_internal_error;
    fn lsl_push_sample_dtp(outlet: lsl_outlet, data: *const f64, timestamp: f64, pushthrough: i32) -> i32 = lsl_error_code_t_lsl_internal_error;
    fn lsl_push_sample_ltp(outlet: lsl_outlet, data: *const c_long, timestamp: f64, pushthrough: i32) -> i32 = lsl_error_code_t_lsl_internal_error;
    fn lsl_push_sample_itp(outlet: lsl_outlet, data: *const i32, timestamp: f64, pushthrough: i32) -> i32 = lsl_error_code_t_lsl_internal_error;
    fn lsl_push_sample_stp(outlet: lsl_outlet, data: *const i16, timestamp: f64, pushthrough: i32) -> i32 = lsl_error_code_t_lsl_internal_error;
    fn lsl_push_sample_ctp(outlet: lsl_outlet, data: *const c_char, timestamp: f64, pushthrough: i32) -> i32 = lsl_error_code_t_lsl_internal_error;
    fn lsl_push_sample_buftp(outlet: lsl_outlet, data: *mut *const c_char, lengths: *const u32, timestamp: f64, pushthrough: i32) -> i32 = lsl_error_code_t_lsl_internal_error;
    fn lsl_have_consumers(outlet: lsl_outlet) -> i32 = 0;
    fn lsl_wait_for_consumers(outlet: lsl_outlet, timeout: f64) -> i32 = 0;
    fn lsl_get_info(outlet: lsl_outlet) -> lsl_streaminfo = std::ptr::null_mut();
    fn lsl_create_inlet(info: lsl_streaminfo, max_buflen: i32, max_chunklen: i32, recover: i32) -> lsl_inlet = std::ptr::null_mut();
    fn lsl_destroy_inlet(inlet: lsl_inlet) = ();
    fn lsl_get_fullinfo(inlet: lsl_inlet, timeout: f64, ec: *mut i32) -> lsl_streaminfo = std::ptr::null_mut();
    fn lsl_open_stream(inlet: lsl_inlet, timeout: f64, ec: *mut i32) = ();
    fn lsl_close_stream(inlet: lsl_inlet) = ();
    fn lsl_time_correction(inlet: lsl_inlet, timeout: f64, ec: *mut i32) -> f64 = 0.0;
    fn lsl_time_correction_ex(inlet: lsl_inlet, remote_time: *mut f64, uncertainty: *mut f64, timeout: f64, ec: *mut i32) -> f64 = 0.0;
    fn lsl_set_postprocessing(inlet: lsl_inlet, flags: u32) -> i32 = lsl_error_code_t_lsl_internal_error;
    fn lsl_pull_sample_f(inlet: lsl_inlet, buffer: *mut f32, buffer_elements: i32, timeout: f64, ec: *mut i32) -> f64 = 0.0;
    fn lsl_pull_sample_d(inlet: lsl_inlet, buffer: *mut f64, buffer_elements: i32, timeout: f64, ec: *mut i32) -> f64 = 0.0;
    fn lsl_pull_sample_l(inlet: lsl_inlet, buffer: *mut c_long, buffer_elements: i32, timeout: f64, ec: *mut i32) -> f64 = 0.0;
    fn lsl_pull_sample_i(inlet: lsl_inlet, buffer: *mut i32, buffer_elements: i32, timeout: f64, ec: *mut i32) -> f64 = 0.0;
    fn lsl_pull_sample_s(inlet: lsl_inlet, buffer: *mut i16, buffer_elements: i32, timeout: f64, ec: *mut i32) -> f64 = 0.0;
    fn lsl_pull_sample_c(inlet: lsl_inlet, buffer: *mut c_char, buffer_elements: i32, timeout: f64, ec: *mut i32) -> f64 = 0.0;
    fn lsl_pull_sample_buf(inlet: lsl_inlet, buffer: *mut *mut c_char, buffer_lengths: *mut u32, buffer_elements: i32, timeout: f64, ec: *mut i32) -> f64 = 0.0;
    fn lsl_samples_available(inlet: lsl_inlet) -> u32 = 0;
    fn lsl_was_clock_reset(inlet: lsl_inlet) -> u32 = 0;
    fn lsl_smoothing_halftime(inlet: lsl_inlet, value: f32) -> i32 = lsl_error_code_t_lsl_internal_error;
    fn lsl_first_child(e: lsl_xml_ptr) -> lsl_xml_ptr = std::ptr::null_mut();
    fn lsl_last_child(e: lsl_xml_ptr) -> lsl_xml_ptr = std::ptr::null_mut();
    fn lsl_next_sibling(e: lsl_xml_ptr) -> lsl_xml_ptr = std::ptr::null_mut();
    fn lsl_previous_sibling(e: lsl_xml_ptr) -> lsl_xml_ptr = std::ptr::null_mut();
    fn lsl_parent(e: lsl_xml_ptr) -> lsl_xml_ptr = std::ptr::null_mut();
    fn lsl_child(e: lsl_xml_ptr, name: *const c_char) -> lsl_xml_ptr = std::ptr::null_mut();
    fn lsl_next_sibling_n(e: lsl_xml_ptr, name: *const c_char) -> lsl_xml_ptr = std::ptr::null_mut();
    fn lsl_previous_sibling_n(e: lsl_xml_ptr, name: *const c_char) -> lsl_xml_ptr = std::ptr::null_mut();
    fn lsl_empty(e: lsl_xml_ptr) -> i32 = 1;
    fn lsl_is_text(e: lsl_xml_ptr) -> i32 = 0;
    fn lsl_name(e: lsl_xml_ptr) -> *const c_char = std::ptr::null();
    fn lsl_value(e: lsl_xml_ptr) -> *const c_char = std::ptr::null();
    fn lsl_child_value(e: lsl_xml_ptr) -> *const c_char = std::ptr::null();
    fn lsl_child_value_n(e: lsl_xml_ptr, name: *const c_char) -> *const c_char = std::ptr::null();
    fn lsl_append_child_value(e: lsl_xml_ptr, name: *const c_char, value: *const c_char) -> lsl_xml_ptr = std::ptr::null_mut();
    fn lsl_prepend_child_value(e: lsl_xml_ptr, name: *const c_char, value: *const c_char) -> lsl_xml_ptr = std::ptr::null_mut();
    fn lsl_set_child_value(e: lsl_xml_ptr, name: *const c_char, value: *const c_char) -> i32 = 0;
    fn lsl_set_name(e: lsl_xml_ptr, rhs: *const c_char) -> i32 = 0;
    fn lsl_set_value(e: lsl_xml_ptr, rhs: *const c_char) -> i32 = 0;
    fn lsl_append_child(e: lsl_xml_ptr, name: *const c_char) -> lsl_xml_ptr = std::ptr::null_mut();
    fn lsl_prepend_child(e: lsl_xml_ptr, name: *const c_char) -> lsl_xml_ptr = std::ptr::null_mut();
    fn lsl_append_copy(e: lsl_xml_ptr, e2: lsl_xml_ptr) -> lsl_xml_ptr = std::ptr::null_mut();
    fn lsl_prepend_copy(e: lsl_xml_ptr, e2: lsl_xml_ptr) -> lsl_xml_ptr = std::ptr::null_mut();
    fn lsl_remove_child_n(e: lsl_xml_ptr, name: *const c_char) = ();
    fn lsl_remove_child(e: lsl_xml_ptr, e2: lsl_xml_ptr) = ();
    fn lsl_create_continuous_resolver(forget_after: f64) -> lsl_continuous_resolver = std::ptr::null_mut();
    fn lsl_create_continuous_resolver_byprop(prop: *const c_char, value: *const c_char, forget_after: f64) -> lsl_continuous_resolver = std::ptr::null_mut();
    fn lsl_create_continuous_resolver_bypred(pred: *const c_char, forget_after: f64) -> lsl_continuous_resolver = std::ptr::null_mut();
    fn lsl_resolver_results(res: lsl_continuous_resolver, buffer: *mut lsl_streaminfo, buffer_elements: u32) -> i32 = lsl_error_code_t_lsl_internal_error;
    fn lsl_destroy_continuous_resolver(res: lsl_continuous_resolver) = ();
}
