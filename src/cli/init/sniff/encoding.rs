//! The encoding of a text, where no mark tells it.

use super::kind::LOOK;
use crate::store::profile;
use encoding_rs::{Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// The beginning of a text, and its encoding where that is neither UTF-8 nor told by a mark.
pub(super) fn decoded(bytes: &[u8]) -> Option<(String, Option<&'static Encoding>)> {
    let cut = &bytes[..bytes.len().min(LOOK)];
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        let (text, _) = encoding.decode_without_bom_handling(&cut[mark.min(cut.len())..]);
        return Some((text.into_owned(), None));
    }
    if let Some(encoding) = wide(cut) {
        let (text, _) = encoding.decode_without_bom_handling(cut);
        return Some((text.into_owned(), Some(encoding)));
    }
    if cut.contains(&0) {
        return None;
    }
    if std::str::from_utf8(bytes).is_ok() || profile::is_mostly_utf8(bytes) {
        return Some((String::from_utf8_lossy(cut).into_owned(), None));
    }
    let (text, _) = WINDOWS_1252.decode_without_bom_handling(cut);
    let is_odd = |c: &char| c.is_control() && !"\r\n\t\u{1}".contains(*c);
    // a binary file is full of them
    let is_text = text.chars().filter(is_odd).count() * 50 < text.len().max(50);
    is_text.then(|| (text.into_owned(), Some(WINDOWS_1252)))
}

/// UTF-16 without its mark: every other byte is zero.
pub(super) fn wide(bytes: &[u8]) -> Option<&'static Encoding> {
    let zeros = |odd: usize| bytes.iter().skip(odd).step_by(2).filter(|b| **b == 0).count();
    let (even, odd, half) = (zeros(0), zeros(1), bytes.len() / 2);
    match () {
        () if half < 4 => None,
        () if odd * 10 > half * 7 && even * 10 < half => Some(UTF_16LE),
        () if even * 10 > half * 7 && odd * 10 < half => Some(UTF_16BE),
        () => None,
    }
}
