//! Text to tree: lexer, token filter, parser, printer.
pub mod ast;
