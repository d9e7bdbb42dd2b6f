//! Without a driver that works TensorRT is not called at all: some of its releases crash then.
//!
//! One test, because it changes the environment of its process.

mod common;

use common::{Fake, RTX_1_7, V8_6};

#[test]
fn the_driver_is_asked_first() {
    let (fake, rtx) = (Fake::new(V8_6), Fake::new(RTX_1_7));
    for (variable, value, reason) in [
        ("FAKE_CUDA_INIT", "100", "the NVIDIA driver finds no GPU"),
        ("FAKE_CUDA_INIT", "803", "the NVIDIA driver fails to start: CUDA_ERROR_FAKE (CUDA error 803)"),
        ("FAKE_CUDA_DEVICES", "0", "the NVIDIA driver finds no GPU"),
        ("FAKE_CUDA_VERSION", "11080", "the NVIDIA driver is of CUDA 11.8, TensorRT needs one of CUDA 12.0"),
    ] {
        // SAFETY: the only test of this process.
        unsafe { std::env::set_var(variable, value) };
        let runtime = fake.load().runtime().unwrap_err().to_string();
        let builder = fake.load().builder().unwrap_err().to_string();
        assert!(runtime.starts_with(reason), "{runtime}");
        assert_eq!(runtime, builder);
        // TensorRT-RTX builds without a GPU.
        assert!(rtx.load().builder().is_ok());
        // SAFETY: as above.
        unsafe { std::env::remove_var(variable) };
    }
    assert!(fake.events().is_empty(), "TensorRT was called: {:?}", fake.events());
    assert!(fake.load().runtime().is_ok() && fake.load().builder().is_ok());

    // SAFETY: as above.
    unsafe { std::env::set_var("FAKE_NO_BUILDER", "1") };
    let error = fake.load().builder().unwrap_err().to_string();
    assert_eq!(error, "TensorRT gives no builder. TensorRT said: out of memory");
}
