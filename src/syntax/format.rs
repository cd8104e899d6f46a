//! A text in the one layout, laid out until it stays as it is.

use super::print::laid_out;
use super::{dump, parse};
use crate::diag::Sink;
use crate::source::SourceId;

/// Layouts after which a text has to stay as it is. The second differs from the first only where a
/// comment had to leave its place.
const MAX_ROUNDS: usize = 8;

/// A text in the one layout, with its comments, and with the same meaning; none, and reports, if
/// it has syntax errors.
pub fn format(text: &str, source: SourceId, sink: &mut Sink) -> Option<String> {
    let file = parse(text, source, sink);
    if sink.has_errors() {
        return None;
    }
    let outline = dump(&file);
    let mut text = text.to_owned();
    for _ in 0..MAX_ROUNDS {
        let next = laid_out(&text)?;
        if next == text {
            break;
        }
        text = next;
    }
    let same = dump(&parse(&text, source, &mut Sink::default())) == outline;
    debug_assert!(same, "the layout changed the meaning:\n{text}");
    same.then_some(text)
}
