//! All nodes of a small tree at once: see [`super::packed`].

use super::packed::ROWS;
use crate::cpu::Level;

/// A node of a tree that is asked at once.
#[derive(Clone, Copy)]
pub(super) struct Gate {
    pub threshold: f64,
    /// The leaves that a row can still end in whose value is above the threshold.
    pub keep: u64,
    /// The column of the value.
    pub column: u32,
}

/// The leaves where the rows of a block end. `values` has those of each column, one after the other.
pub(super) fn exits(level: Level, gates: &[Gate], values: &[f64], ends: &mut [u32; ROWS]) {
    let mut leaves = [0; ROWS];
    match level {
        Level::Portable => portable(gates, values, &mut leaves),
        // SAFETY: a level is only made when the CPU has its features
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { x86::avx2(gates, values, &mut leaves) },
        // SAFETY: the same
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { x86::avx512(gates, values, &mut leaves) },
    }
    for (end, leaves) in ends.iter_mut().zip(leaves) {
        *end = leaves.trailing_zeros();
    }
}

/// The values of a gate's column.
fn column<'v>(gate: &Gate, values: &'v [f64]) -> &'v [f64; ROWS] {
    let (column, _) = values[gate.column as usize * ROWS..].split_first_chunk().expect("a block");
    column
}

fn portable(gates: &[Gate], values: &[f64], leaves: &mut [u64; ROWS]) {
    leaves.fill(u64::MAX);
    for gate in gates {
        for (leaves, value) in leaves.iter_mut().zip(column(gate, values)) {
            *leaves &= if *value <= gate.threshold { u64::MAX } else { gate.keep };
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Gate, ROWS, column};
    use std::arch::x86_64::{
        _CMP_LE_OQ, _CMP_NLE_UQ, _mm256_and_si256, _mm256_castpd_si256, _mm256_cmp_pd,
        _mm256_loadu_pd, _mm256_or_si256, _mm256_set1_epi64x, _mm256_set1_pd, _mm256_storeu_si256,
        _mm512_cmp_pd_mask, _mm512_loadu_pd, _mm512_mask_and_epi64, _mm512_set1_epi64,
        _mm512_set1_pd, _mm512_storeu_si512,
    };

    #[target_feature(enable = "avx2")]
    pub fn avx2(gates: &[Gate], values: &[f64], leaves: &mut [u64; ROWS]) {
        const LANES: usize = 4;
        let mut own = [_mm256_set1_epi64x(-1); ROWS / LANES];
        for gate in gates {
            let threshold = _mm256_set1_pd(gate.threshold);
            let keep = _mm256_set1_epi64x(gate.keep.cast_signed());
            let column = column(gate, values).as_ptr();
            for (part, own) in own.iter_mut().enumerate() {
                // SAFETY: a column has as many values as there are rows
                let value = unsafe { _mm256_loadu_pd(column.add(part * LANES)) };
                // NaN is no number that is at most another
                let is_left = _mm256_castpd_si256(_mm256_cmp_pd::<_CMP_LE_OQ>(value, threshold));
                *own = _mm256_and_si256(*own, _mm256_or_si256(is_left, keep));
            }
        }
        for (leaves, own) in leaves.chunks_exact_mut(LANES).zip(own) {
            // SAFETY: there are as many places as lanes
            unsafe { _mm256_storeu_si256(leaves.as_mut_ptr().cast(), own) };
        }
    }

    #[target_feature(enable = "avx512f")]
    pub fn avx512(gates: &[Gate], values: &[f64], leaves: &mut [u64; ROWS]) {
        const LANES: usize = 8;
        let mut own = [_mm512_set1_epi64(-1); ROWS / LANES];
        for gate in gates {
            let threshold = _mm512_set1_pd(gate.threshold);
            let keep = _mm512_set1_epi64(gate.keep.cast_signed());
            let column = column(gate, values).as_ptr();
            for (part, own) in own.iter_mut().enumerate() {
                // SAFETY: a column has as many values as there are rows
                let value = unsafe { _mm512_loadu_pd(column.add(part * LANES)) };
                let is_right = _mm512_cmp_pd_mask::<_CMP_NLE_UQ>(value, threshold);
                *own = _mm512_mask_and_epi64(*own, is_right, *own, keep);
            }
        }
        for (leaves, own) in leaves.chunks_exact_mut(LANES).zip(own) {
            // SAFETY: there are as many places as lanes
            unsafe { _mm512_storeu_si512(leaves.as_mut_ptr().cast(), own) };
        }
    }
}
