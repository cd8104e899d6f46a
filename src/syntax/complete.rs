//! Whether a text can stand as it is, or goes on: for input that comes line by line.

use super::lexer::lex;
use super::token::Token;
use crate::diag::{Sink, code};
use crate::source::SourceId;

/// Whether the text ends with all brackets closed and a token that can end an item. A string that is not
/// closed on its line is an error that no further line mends: such a text goes on with none.
pub fn is_complete(text: &str) -> bool {
    let mut sink = Sink::default();
    let (lexemes, _) = lex(text, SourceId::default(), &mut sink);
    if sink.found().iter().any(|found| found.code == code::E0103) {
        return true;
    }
    let mut open = 0i32;
    let mut last = None;
    for lexeme in &lexemes {
        open += i32::from(lexeme.token.is_opener()) - i32::from(lexeme.token.is_closer());
        if !matches!(lexeme.token, Token::Newline | Token::Comment) {
            last = Some(lexeme.token);
        }
    }
    open <= 0 && last.is_none_or(Token::can_end)
}

/// Whether a line goes on with what stands before it: it begins with `.` or an operator that needs
/// a left side.
pub fn goes_on(line: &str) -> bool {
    let (lexemes, _) = lex(line, SourceId::default(), &mut Sink::default());
    lexemes.first().is_some_and(|lexeme| {
        matches!(
            lexeme.token,
            Token::Dot
                | Token::Pipe
                | Token::Amp
                | Token::Plus
                | Token::Minus
                | Token::Star
                | Token::Slash
                | Token::And
                | Token::Or
                | Token::In
                | Token::Is
                | Token::If
                | Token::Else
                | Token::Arrow
                | Token::Assign
        )
    })
}
