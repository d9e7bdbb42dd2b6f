//! Calls through virtual tables.

use std::ffi::c_void;

/// What every virtual function of one object is called with: the object's address, as C++'s `this`.
pub(crate) type This = *mut c_void;

/// The deleting destructor of a public object, in its own virtual table.
pub(crate) const DELETING_DESTRUCTOR: usize = 1;

/// The implementation behind a public object, the `this` of the tables in [`super::slots`].
///
/// # Safety
/// `object` points to a live public object of TensorRT.
pub(crate) unsafe fn implementation(object: This) -> This {
    // SAFETY: the caller's; the implementation's address follows the object's own table pointer.
    unsafe { object.cast::<This>().add(1).read() }
}

/// The address in slot `slot` of the virtual table of `this`.
///
/// # Safety
/// `this` points to a live C++ object whose first word points to a virtual table of more than `slot` slots.
pub(crate) unsafe fn slot_address(this: This, slot: usize) -> *const c_void {
    // SAFETY: the caller's.
    unsafe { this.cast::<*const *const c_void>().read().add(slot).read() }
}

/// Calls slot `$slot` of `$this`: `virtual_call!(this, slot, (i32: index, *const c_char: name) -> bool)`.
///
/// Must stand in an `unsafe` block: `$this` is live, its table has that slot, and the function there has that
/// signature.
macro_rules! virtual_call {
    ($this:expr, $slot:expr, ($($type:ty : $value:expr),* $(,)?) -> $result:ty) => {{
        let this: $crate::abi::call::This = $this;
        let address = $crate::abi::call::slot_address(this, $slot);
        let function = std::mem::transmute::<
            *const std::ffi::c_void,
            unsafe extern "C" fn($crate::abi::call::This $(, $type)*) -> $result,
        >(address);
        function(this $(, $value)*)
    }};
}
pub(crate) use virtual_call;

/// Deletes a public object, as C++'s `delete` does.
///
/// # Safety
/// `object` points to a live public object that nobody uses afterwards.
pub(crate) unsafe fn delete(object: This) {
    // SAFETY: the caller's; every public object has a virtual destructor and nothing before it.
    unsafe { virtual_call!(object, DELETING_DESTRUCTOR, () -> ()) }
}
