//! Shapes as they cross the interface: two layouts, and in one place by value where all others go by address.

use std::ffi::{c_char, c_int};

use super::call::{This, virtual_call};

/// The most axes that a shape can have (`Dims::MAX_DIMS`).
pub(crate) const MAX_AXES: usize = 8;

/// `Dims` of 8.6.
#[repr(C)]
#[derive(Clone, Copy)]
struct Dims32 {
    count: i32,
    axes: [i32; MAX_AXES],
}

/// `Dims` since 10.0.
#[repr(C)]
#[derive(Clone, Copy)]
struct Dims64 {
    count: i32,
    axes: [i64; MAX_AXES],
}

const _: () = assert!(size_of::<Dims32>() == 36 && size_of::<Dims64>() == 72);

impl Dims32 {
    /// `None` where an axis is too long for the layout or there are too many.
    fn from_shape(shape: &[i64]) -> Option<Self> {
        let mut dims = Self { count: i32::try_from(shape.len()).ok()?, axes: [0; MAX_AXES] };
        for (axis, length) in dims.axes.get_mut(..shape.len())?.iter_mut().zip(shape) {
            *axis = i32::try_from(*length).ok()?;
        }
        Some(dims)
    }

    fn shape(&self) -> Option<Vec<i64>> {
        Some(self.axes.get(..usize::try_from(self.count).ok()?)?.iter().map(|&axis| axis.into()).collect())
    }
}

impl Dims64 {
    fn from_shape(shape: &[i64]) -> Option<Self> {
        let mut dims = Self { count: i32::try_from(shape.len()).ok()?, axes: [0; MAX_AXES] };
        dims.axes.get_mut(..shape.len())?.copy_from_slice(shape);
        Some(dims)
    }

    fn shape(&self) -> Option<Vec<i64>> {
        Some(self.axes.get(..usize::try_from(self.count).ok()?)?.to_vec())
    }
}

/// How one generation lays out and passes shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DimsLayout {
    /// 32-bit axes; an optimisation profile takes them by value (8.6).
    Narrow,
    /// 64-bit axes, always by address (10 and later).
    Wide,
}

/// Calls a function that returns a shape; `None` where TensorRT answers with an invalid one (-1 axes), as it
/// does to a name it does not know.
macro_rules! shape_call {
    ($layout:expr, $this:expr, $slot:expr, ($($type:ty : $value:expr),*)) => {
        match $layout {
            DimsLayout::Narrow => virtual_call!($this, $slot, ($($type: $value),*) -> Dims32).shape(),
            DimsLayout::Wide => virtual_call!($this, $slot, ($($type: $value),*) -> Dims64).shape(),
        }
    };
}

impl DimsLayout {
    /// Whether `shape` can be passed at all.
    pub(crate) fn holds(self, shape: &[i64]) -> bool {
        match self {
            Self::Narrow => Dims32::from_shape(shape).is_some(),
            Self::Wide => Dims64::from_shape(shape).is_some(),
        }
    }

    /// `Dims f() const`.
    ///
    /// # Safety
    /// As for [`virtual_call`].
    pub(crate) unsafe fn shape(self, this: This, slot: usize) -> Option<Vec<i64>> {
        // SAFETY: the caller's.
        unsafe { shape_call!(self, this, slot, ()) }
    }

    /// `Dims f(char const* name) const`.
    ///
    /// # Safety
    /// As for [`virtual_call`]; `name` is a C string.
    pub(crate) unsafe fn shape_of(self, this: This, slot: usize, name: *const c_char) -> Option<Vec<i64>> {
        // SAFETY: the caller's.
        unsafe { shape_call!(self, this, slot, (*const c_char: name)) }
    }

    /// `Dims f(char const* name, int32_t profile, OptProfileSelector select) const`.
    ///
    /// # Safety
    /// As for [`virtual_call`]; `name` is a C string.
    pub(crate) unsafe fn profile_shape_of(
        self,
        this: This,
        slot: usize,
        name: *const c_char,
        profile: i32,
        selector: c_int,
    ) -> Option<Vec<i64>> {
        // SAFETY: the caller's.
        unsafe { shape_call!(self, this, slot, (*const c_char: name, i32: profile, c_int: selector)) }
    }

    /// `bool IOptimizationProfile::setDimensions(char const* name, OptProfileSelector select, Dims)`: by value in
    /// 8.6, by address later. `false` also for a shape that the layout cannot hold.
    ///
    /// # Safety
    /// As for [`virtual_call`]; `name` is a C string.
    pub(crate) unsafe fn set_profile_shape(
        self,
        this: This,
        slot: usize,
        name: *const c_char,
        selector: c_int,
        shape: &[i64],
    ) -> bool {
        match self {
            Self::Narrow => Dims32::from_shape(shape).is_some_and(|dims| {
                // SAFETY: the caller's.
                unsafe {
                    virtual_call!(this, slot, (*const c_char: name, c_int: selector, Dims32: dims) -> bool)
                }
            }),
            Self::Wide => Dims64::from_shape(shape).is_some_and(|dims| {
                // SAFETY: the caller's; the address is that of a live `Dims`.
                unsafe {
                    virtual_call!(this, slot, (*const c_char: name, c_int: selector, *const Dims64: &dims) -> bool)
                }
            }),
        }
    }

    /// `bool IExecutionContext::setInputShape(char const* name, Dims const&)`: by address in every generation.
    /// `false` also for a shape that the layout cannot hold.
    ///
    /// # Safety
    /// As for [`virtual_call`]; `name` is a C string.
    pub(crate) unsafe fn set_input_shape(
        self,
        this: This,
        slot: usize,
        name: *const c_char,
        shape: &[i64],
    ) -> bool {
        match self {
            Self::Narrow => Dims32::from_shape(shape).is_some_and(|dims| {
                // SAFETY: the caller's; the address is that of a live `Dims`.
                unsafe { virtual_call!(this, slot, (*const c_char: name, *const Dims32: &dims) -> bool) }
            }),
            Self::Wide => Dims64::from_shape(shape).is_some_and(|dims| {
                // SAFETY: the caller's; the address is that of a live `Dims`.
                unsafe { virtual_call!(this, slot, (*const c_char: name, *const Dims64: &dims) -> bool) }
            }),
        }
    }
}
