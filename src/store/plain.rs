//! Arrays of numbers as bytes and back, without copying.

/// Numbers of which every bit pattern is a value.
///
/// # Safety
/// Implementors have no padding and no invalid bit patterns.
pub unsafe trait Plain: Copy + Send + Sync + 'static {}

macro_rules! plain {
    ($($ty:ty),*) => {
        // SAFETY: numbers, and arrays of them, have no padding, and every bit pattern is one
        $(unsafe impl Plain for $ty {})*
    };
}
plain!(u8, u32, u64, i64, f32, f64, half::f16, [u32; 2]);

/// The bytes of an array.
pub fn bytes<T: Plain>(values: &[T]) -> &[u8] {
    // SAFETY: `T` has no padding, and any byte is a valid `u8`.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) }
}

/// Bytes as an array; None if they are misaligned or of an odd length.
pub fn array<T: Plain>(bytes: &[u8]) -> Option<&[T]> {
    // SAFETY: every bit pattern is a valid `T`.
    let (before, values, after) = unsafe { bytes.align_to::<T>() };
    (before.is_empty() && after.is_empty()).then_some(values)
}
