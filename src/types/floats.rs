//! The numbers of vectors as they are stored: 32-bit floats, or halves (IEEE 754 binary16), of which
//! each stands for the 32-bit float that it is.

use half::f16;
use rayon::prelude::*;
use std::borrow::Cow;
use std::ops::Range;

/// Numbers in one of the two forms, borrowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Floats<'a> {
    /// 32-bit floats.
    Single(&'a [f32]),
    /// Halves (IEEE 754 binary16).
    Half(&'a [f16]),
}

impl<'a> Floats<'a> {
    /// How many numbers there are.
    pub fn len(&self) -> usize {
        match self {
            Floats::Single(values) => values.len(),
            Floats::Half(values) => values.len(),
        }
    }

    /// Whether there is no number.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that the numbers take.
    pub fn size(&self) -> usize {
        match self {
            Floats::Single(values) => size_of_val(*values),
            Floats::Half(values) => size_of_val(*values),
        }
    }

    /// Some of the numbers; none if there are not so many.
    #[inline]
    pub fn get(&self, range: Range<usize>) -> Option<Floats<'a>> {
        Some(match self {
            Floats::Single(values) => Floats::Single(values.get(range)?),
            Floats::Half(values) => Floats::Half(values.get(range)?),
        })
    }

    /// Whether no number is infinite or NaN.
    pub fn are_finite(&self) -> bool {
        match self {
            Floats::Single(values) => values.iter().all(|x| x.is_finite()),
            Floats::Half(values) => values.iter().all(|x| x.is_finite()),
        }
    }

    /// Whether all numbers are zero.
    pub fn are_zero(&self) -> bool {
        match self {
            Floats::Single(values) => values.iter().all(|x| *x == 0.0),
            Floats::Half(values) => values.iter().all(|x| *x == f16::ZERO),
        }
    }

    /// Whether the numbers, in one form, are the same to the bit.
    pub fn is_same(&self, other: &Floats) -> bool {
        match (self, other) {
            (Floats::Single(a), Floats::Single(b)) => {
                a.iter().map(|x| x.to_bits()).eq(b.iter().map(|x| x.to_bits()))
            }
            (Floats::Half(a), Floats::Half(b)) => {
                a.iter().map(|x| x.to_bits()).eq(b.iter().map(|x| x.to_bits()))
            }
            _ => false,
        }
    }

    /// As 32-bit floats, copied.
    pub fn to_vec(&self) -> Vec<f32> {
        Cow::from(*self).into_owned()
    }

    /// As 32-bit floats: where they are if they are such, else decoded into `room`.
    #[inline]
    pub fn decode<'b>(&self, room: &'b mut Vec<f32>) -> &'b [f32]
    where
        'a: 'b,
    {
        match self {
            Floats::Single(values) => values,
            Floats::Half(values) => {
                room.resize(values.len(), 0.0);
                widen(values, room);
                room
            }
        }
    }
}

impl<'a> From<Floats<'a>> for Cow<'a, [f32]> {
    fn from(floats: Floats<'a>) -> Cow<'a, [f32]> {
        match floats {
            Floats::Single(values) => values.into(),
            Floats::Half(values) => {
                let mut wide = vec![0.0; values.len()];
                widen(values, &mut wide);
                wide.into()
            }
        }
    }
}

impl<'a> From<&'a [f32]> for Floats<'a> {
    fn from(values: &'a [f32]) -> Floats<'a> {
        Floats::Single(values)
    }
}

impl<'a> From<&'a [f16]> for Floats<'a> {
    fn from(values: &'a [f16]) -> Floats<'a> {
        Floats::Half(values)
    }
}

/// The nearest halves, ties to the even one. Numbers that [`fits_half`] does not allow become infinite.
pub fn to_halves(values: &[f32]) -> Vec<f16> {
    values.par_iter().map(|&x| f16::from_f32(x)).collect()
}

/// Whether a number is near to a half: the largest is 65504, and the next would be 65536.
pub fn fits_half(value: f32) -> bool {
    value.abs() < 65_520.0
}

/// Writes the halves as 32-bit floats, which is exact.
fn widen(halves: &[f16], out: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("f16c") {
        // SAFETY: the CPU has the feature
        return unsafe { widen_f16c(halves, out) };
    }
    widen_portable(halves, out);
}

fn widen_portable(halves: &[f16], out: &mut [f32]) {
    for (half, out) in halves.iter().zip(out) {
        *out = half.to_f32();
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "f16c")]
fn widen_f16c(halves: &[f16], out: &mut [f32]) {
    use std::arch::x86_64::{_mm_loadu_si128, _mm256_cvtph_ps, _mm256_storeu_ps};
    let widen = |halves: &[f16; 8], out: &mut [f32; 8]| {
        // SAFETY: eight halves are read and eight floats written
        unsafe {
            let halves = _mm_loadu_si128(halves.as_ptr().cast());
            _mm256_storeu_ps(out.as_mut_ptr(), _mm256_cvtph_ps(halves));
        }
    };
    let (heads, tail) = halves.as_chunks::<8>();
    let (out_heads, out_tail) = out.as_chunks_mut::<8>();
    for (halves, out) in heads.iter().zip(out_heads) {
        widen(halves, out);
    }
    if !tail.is_empty() {
        let (mut padded, mut wide) = ([f16::ZERO; 8], [0.0; 8]);
        padded[..tail.len()].copy_from_slice(tail);
        widen(&padded, &mut wide);
        out_tail.copy_from_slice(&wide[..tail.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the bits of a half mean, by the standard.
    fn meaning(bits: u16) -> f64 {
        let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
        let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
        sign * match exponent {
            0 => fraction * 2f64.powi(-24),
            _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
        }
    }

    fn finite() -> Vec<f16> {
        let all = (0..=u16::MAX).map(f16::from_bits);
        all.filter(|half| half.is_finite()).collect()
    }

    #[test]
    fn every_half_is_decoded_exactly_wherever_it_stands() {
        let halves = finite();
        let expected: Vec<f64> = halves.iter().map(|half| meaning(half.to_bits())).collect();
        let mut portable = vec![0.0; halves.len()];
        widen_portable(&halves, &mut portable);
        let mut room = Vec::new();
        let here = Floats::Half(&halves).decode(&mut room);
        for (i, &expected) in expected.iter().enumerate() {
            for found in [portable[i], here[i]] {
                assert_eq!(f64::from(found).to_bits(), expected.to_bits(), "{i}");
            }
        }
        for length in 0..40 {
            let some = Floats::Half(&halves[7_000..7_000 + length]);
            assert_eq!(some.decode(&mut room), &portable[7_000..7_000 + length]);
            assert_eq!(Cow::from(some), &portable[7_000..7_000 + length]);
        }
    }

    #[test]
    fn numbers_become_the_nearest_half_and_between_two_the_even_one() {
        let mut halves = finite();
        halves.retain(|half| half.to_bits() >> 15 == 0);
        for pair in halves.windows(2) {
            let (low, high) = (pair[0].to_f32(), pair[1].to_f32());
            let middle = (low + high) / 2.0; // exact
            let even = if pair[0].to_bits() % 2 == 0 { low } else { high };
            for (number, half) in
                [(low, low), (middle.next_down(), low), (middle, even), (middle.next_up(), high)]
            {
                for sign in [1.0, -1.0] {
                    let found = to_halves(&[sign * number])[0].to_f32();
                    assert_eq!(found.to_bits(), (sign * half).to_bits(), "{number}");
                }
            }
        }
    }

    #[test]
    fn too_large_is_what_would_become_infinite() {
        let edge = 65_520.0f32;
        for (number, fits) in [(edge.next_down(), true), (edge, false), (f32::MAX, false)] {
            for number in [number, -number] {
                assert_eq!(fits_half(number), fits, "{number}");
                assert_eq!(to_halves(&[number])[0].is_finite(), fits, "{number}");
            }
        }
        assert_eq!(to_halves(&[edge.next_down()])[0].to_f32(), 65_504.0);
    }
}
