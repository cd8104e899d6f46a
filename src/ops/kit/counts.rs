//! The number of rows that is asked for.

use crate::diag::{Diagnostic, code};
use crate::ops::{Bind, Quantity};

/// The number of rows `n` that the operator cannot do without; reports one that is missing or 0.
/// `example` is one that might be meant.
pub fn some_rows(
    b: &mut dyn Bind,
    n: Option<Quantity>,
    operator: &str,
    example: u64,
) -> Option<Quantity> {
    let diagnostic = match n {
        None => {
            let message = format!("`{operator}` needs a number of rows");
            Diagnostic::new(code::E0303, b.span(), message)
                .help(format!("write `{operator}({example})`"))
        }
        Some(Quantity::Number(0)) => {
            let message = format!("`{operator}(0)` never returns a row");
            let help = "ask for at least one row, or leave the operator out";
            Diagnostic::new(code::E0601, b.origin("n"), message).help(help)
        }
        some => return some,
    };
    b.report(diagnostic);
    None
}
