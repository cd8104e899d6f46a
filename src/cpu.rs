//! What the CPU can do, plain functions compiled for each level of it, and its cache.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

/// Bytes of a cache line.
pub const LINE: usize = 64;

/// What the CPU can do. Only [`Level::detect`] and [`Level::supported`] make the levels beyond portable,
/// which is what makes the calls of the special kernels sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Plain Rust.
    Portable,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 F, BW and VNNI.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// The best level of this CPU (the standard library caches the answer).
    pub fn detect() -> Level {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vnni")
            {
                return Level::Avx512;
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return Level::Avx2;
            }
        }
        Level::Portable
    }

    /// All levels that this CPU can run.
    #[cfg(test)]
    pub fn supported() -> Vec<Level> {
        #[cfg(target_arch = "x86_64")]
        match Level::detect() {
            Level::Avx512 => return vec![Level::Portable, Level::Avx2, Level::Avx512],
            Level::Avx2 => return vec![Level::Portable, Level::Avx2],
            Level::Portable => {}
        }
        vec![Level::Portable]
    }
}

/// Compiles a plain function (`#[inline(always)]`) for each CPU level, and a function that takes the
/// level first and calls the right one. The arithmetic is the same, the registers are wider: a function whose
/// fused operations are all written as `mul_add` gives the same bits at every level. Such a function is written with
/// plain loops: a closure that an adaptor of iterators calls out of line is compiled for no level, and a `mul_add` there
/// is a call.
macro_rules! for_each_level {
    ($(#[$meta:meta])* $visible:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $result:ty)?, $body:ident) => {
        $(#[$meta])*
        $visible fn $name(level: $crate::cpu::Level, $($arg: $ty),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($arg: $ty),*) $(-> $result)? {
                    $body($($arg),*)
                }
                #[target_feature(enable = "avx512f,avx512bw")]
                fn avx512($($arg: $ty),*) $(-> $result)? {
                    $body($($arg),*)
                }
                match level {
                    // SAFETY: a level is only made when the CPU has its features
                    $crate::cpu::Level::Avx512 => return unsafe { avx512($($arg),*) },
                    // SAFETY: the same
                    $crate::cpu::Level::Avx2 => return unsafe { avx2($($arg),*) },
                    $crate::cpu::Level::Portable => {}
                }
            }
            let _ = level;
            $body($($arg),*)
        }
    };
}
pub(crate) use for_each_level;

/// Asks for the cache line of `slice[index]` ahead of its use; does nothing beyond the end.
#[inline(always)]
pub fn prefetch<T>(slice: &[T], index: usize) {
    if let Some(item) = slice.get(index) {
        prefetch_at(item);
    }
}

/// Asks for the cache line of a place, which need not be one that can be read.
#[inline(always)]
pub fn prefetch_at<T>(place: *const T) {
    // SAFETY: a prefetch has no effect but on the cache
    #[cfg(target_arch = "x86_64")]
    unsafe {
        _mm_prefetch::<_MM_HINT_T0>(place.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
