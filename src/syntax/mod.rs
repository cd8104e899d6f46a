//! Text to tree: lexer, token filter, parser, printer.
//!
//! ```text
//! text ─lexer→ lexemes ─balance→ matched brackets ─layout→ items ─grammar→ tree
//!                                                            ↑ recover ↓
//! ```
//!
//! The one hard thing is to say one thing per mistake and to lose nothing around it. Everything
//! that needs to see across items, brackets or lines happens in the filter (`balance`, `layout`),
//! before the grammar; so the grammar is small and has no conflicts, and it is run on one item at
//! a time. When it stops at a token, `recover` finds the element that holds this token (an
//! argument, a list element, a statement, the value of a binding), puts one `Bad` token in its
//! place, and runs the grammar again.

pub mod allow;
pub mod ast;
mod balance;
mod build;
mod complete;
mod dump;
mod format;
mod layout;
mod lexer;
mod literal;
mod message;
mod parse;
mod print;
mod recover;
mod token;

pub use complete::{goes_on, is_complete};
pub use dump::dump;
pub use format::format;
pub use layout::MAX_DEPTH;
pub use lexer::Lexeme;
pub use literal::{duration_in, time_in};
pub use parse::{parse, parse_expression, tokens};
pub use print::{
    binary_sign, compare_sign, name as print_name, print, print_expression, type_text as print_type,
};
pub use token::{RESERVED, Token};

#[expect(clippy::all, clippy::pedantic, reason = "generated")]
mod grammar {
    include!(concat!(env!("OUT_DIR"), "/igql.rs"));
}

#[cfg(test)]
mod tests;
