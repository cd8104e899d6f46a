//! The first half of the filter: brackets. Every opener gets its closer.
//!
//! A missing closer is put in where it most likely belongs and reported at its opener; a stray
//! closer is reported and left out. So the layout can rely on brackets that match:
//!
//! ```text
//! query main = {
//!     pool = combine(a, b        <- `)` is put in here, not before the `}`:
//!     pool.take(5)                  this line would need a comma to belong to the brackets
//! }
//! ```

use super::lexer::Lexeme;
use super::token::{DECLARATIONS, Token};
use crate::diag::{Diagnostic, Sink, code};
use crate::source::Span;

/// How far a wrong closer looks for the right one.
const LOOK_AHEAD: usize = 256;
/// How many openers one message shows.
const SHOWN: usize = 4;

struct Open {
    token: Token<'static>,
    span: Span,
    /// The first line inside that looks as if it were outside already.
    suspect: Option<usize>,
}

struct Balancing<'a, 't> {
    input: &'a [Lexeme<'t>],
    sink: &'a mut Sink,
    open: Vec<Open>,
    /// Closers to put in before the lexeme of that number.
    missing: Vec<(usize, Token<'static>)>,
    /// What each lexeme becomes: `None` is left out.
    kept: Vec<Option<Token<'t>>>,
    /// Column of the first token of the current item.
    margin: u32,
}

/// Matches the brackets; the result has none without its partner.
pub fn balance<'t>(input: Vec<Lexeme<'t>>, sink: &mut Sink) -> Vec<Lexeme<'t>> {
    let kept = input.iter().map(|l| Some(l.token)).collect();
    let mut balancing =
        Balancing { input: &input, sink, open: Vec::new(), missing: Vec::new(), kept, margin: 0 };
    for i in 0..input.len() {
        balancing.step(i);
    }
    balancing.close(0, input.len(), None);
    let Balancing { missing, kept, .. } = balancing;
    merge(input, missing, kept)
}

/// Whether a declaration begins with `lexemes[i]`: `def`, or one of the words with a name (for
/// `test` and `import`: a text) after it on the same line.
pub fn is_declaration(lexemes: &[Lexeme], i: usize) -> bool {
    declaration(lexemes, i).is_some()
}

/// The keyword that `lexemes[i]` is, where a declaration begins with it.
pub fn declaration(lexemes: &[Lexeme], i: usize) -> Option<Token<'static>> {
    let word = match lexemes[i].token {
        Token::Def => return Some(Token::Def),
        Token::Name(word) => word,
        _ => return None,
    };
    let keyword = DECLARATIONS.iter().find(|d| d.0 == word)?.1;
    let next = lexemes.get(i + 1).filter(|l| !l.first)?.token;
    // A reserved word where the name should be is a wrong name, not an expression.
    let wrong_name = next.is_reserved()
        && lexemes.get(i + 2).is_some_and(|l| matches!(l.token, Token::Colon | Token::Assign));
    let named = matches!(next, Token::Name(_) | Token::Quoted(_)) || wrong_name;
    let text = matches!(next, Token::Str(_));
    let fits = match keyword {
        Token::Import => named || text,
        Token::Test => text,
        _ => named,
    };
    fits.then_some(keyword)
}

/// Whether `name =` stands at `lexemes[i]`.
pub fn is_binding(lexemes: &[Lexeme], i: usize) -> bool {
    matches!(lexemes[i].token, Token::Name(_) | Token::Quoted(_))
        && lexemes.get(i + 1).is_some_and(|l| l.token == Token::Assign)
}

/// Whether the `{` at `lexemes[i]` opens a record: `}` or `name:` follows.
///
/// A text or a number before the colon counts too: it is a record with a wrong key.
pub fn is_record(lexemes: &[Lexeme], i: usize) -> bool {
    let token = |k: usize| lexemes.get(i + k).map(|l| l.token);
    token(1) == Some(Token::CloseBrace)
        || token(2) == Some(Token::Colon)
            && token(1).is_some_and(|t| !t.is_opener() && !t.is_closer())
}

impl<'t> Balancing<'_, 't> {
    fn step(&mut self, i: usize) {
        let lexeme = &self.input[i];
        if lexeme.first {
            self.line(i);
        }
        match lexeme.token {
            Token::Brace => {
                let token =
                    if is_record(self.input, i) { Token::OpenRecord } else { Token::OpenBlock };
                self.push(i, token);
            }
            Token::Open => self.push(i, Token::Open),
            Token::OpenSquare => self.push(i, Token::OpenSquare),
            t if t.is_closer() => self.closer(i),
            _ => {}
        }
    }

    fn push(&mut self, i: usize, token: Token<'static>) {
        self.kept[i] = Some(token);
        self.open.push(Open { token, span: self.input[i].span, suspect: None });
    }

    /// At the start of a line: a declaration closes what is open, and a line that would need a
    /// comma to belong to the brackets is remembered.
    fn line(&mut self, i: usize) {
        let lexeme = &self.input[i];
        let outdented = lexeme.column <= self.margin;
        if self.open.is_empty() {
            self.margin = lexeme.column;
            return;
        }
        if is_declaration(self.input, i) {
            let block = self.open.iter().rposition(|o| o.token == Token::OpenBlock);
            self.close(if outdented { 0 } else { block.map_or(0, |b| b + 1) }, i, None);
            return;
        }
        if outdented && is_binding(self.input, i) && self.separate(i) && !self.in_block() {
            return self.close(0, i, None);
        }
        let suspicious =
            if self.in_block() { outdented && !lexeme.token.is_closer() } else { self.separate(i) };
        if let Some(top) = self.open.last_mut().filter(|_| suspicious) {
            top.suspect.get_or_insert(i);
        }
    }

    fn in_block(&self) -> bool {
        self.open.last().is_some_and(|o| o.token == Token::OpenBlock)
    }

    /// Whether one thing ends before `i` and another begins there, with nothing between.
    fn separate(&self, i: usize) -> bool {
        i > 0
            && self.input[i - 1].token.can_end()
            && self.input[i].token.can_begin(self.input.get(i + 1).map(|l| l.token))
    }

    fn closer(&mut self, i: usize) {
        let closer = self.input[i].token;
        let fits = |o: &Open| o.token.closer() == Some(closer);
        match self.open.iter().rposition(fits) {
            Some(k) => {
                self.close(k + 1, i, Some(i));
                self.open.pop();
            }
            None if self.open.is_empty() || self.right_one_follows(i) => self.stray(i),
            None => self.replace(i),
        }
    }

    /// Whether the innermost bracket is closed properly a little further on.
    fn right_one_follows(&self, i: usize) -> bool {
        let Some(wanted) = self.open.last().and_then(|o| o.token.closer()) else {
            return false;
        };
        let mut depth = 0_usize;
        for lexeme in self.input[i + 1..].iter().take(LOOK_AHEAD) {
            match lexeme.token {
                t if t.is_opener() => depth += 1,
                t if t == wanted && depth == 0 => return true,
                t if t.is_closer() => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        false
    }

    fn stray(&mut self, i: usize) {
        // neighbours are one slip
        let before = i.checked_sub(1);
        if before.is_some_and(|b| self.kept[b].is_none() && self.input[b].token.is_closer()) {
            self.kept[i] = None;
            return;
        }
        let lexeme = &self.input[i];
        let shown = lexeme.token.bracket();
        let found = Diagnostic::new(code::E0104, lexeme.span, format!("`{shown}` closes nothing"));
        self.sink.push(found.help("remove it, or open a bracket for it"));
        self.kept[i] = None;
    }

    fn replace(&mut self, i: usize) {
        let Some(top) = self.open.pop() else { return };
        let (found, right) =
            (self.input[i].token.bracket(), top.token.closer().unwrap_or(Token::Close));
        let message = format!("`{}` is closed by `{found}`", top.token.bracket());
        let diagnostic = Diagnostic::new(code::E0104, self.input[i].span, message)
            .label(top.span, "opened here")
            .help(format!("write `{}` in its place", right.bracket()));
        self.sink.push(diagnostic);
        self.kept[i] = Some(right);
    }

    /// Closes all brackets but the outermost `keep`, at the latest before lexeme `at`.
    /// `because` is the closer that belongs to one further out.
    fn close(&mut self, keep: usize, at: usize, because: Option<usize>) {
        if self.open.len() <= keep {
            return;
        }
        let unclosed = self.open.split_off(keep);
        let mut place = at;
        for open in unclosed.iter().rev() {
            place = open.suspect.map_or(place, |s| s.min(place));
            if let Some(closer) = open.token.closer() {
                self.missing.push((place, closer));
            }
        }
        self.report(&unclosed, because);
    }

    fn report(&mut self, unclosed: &[Open], because: Option<usize>) {
        let Some(last) = unclosed.last() else { return };
        let opener = last.token.bracket();
        let message = match unclosed.len() {
            1 => format!("`{opener}` is never closed"),
            n => format!("{n} brackets are never closed"),
        };
        let closers = unclosed.iter().rev().filter_map(|o| o.token.closer());
        let closers: String = closers.map(|c| c.bracket()).take(SHOWN).collect();
        let dots = if unclosed.len() > SHOWN { "..." } else { "" };
        let mut diagnostic = Diagnostic::new(code::E0104, last.span, message)
            .help(format!("add `{closers}{dots}` where the bracket ends"));
        for open in unclosed.iter().rev().skip(1).take(SHOWN - 1) {
            diagnostic = diagnostic.label(open.span, "also unclosed");
        }
        if let Some(i) = because {
            let found = self.input[i].token.bracket();
            diagnostic = diagnostic
                .label(self.input[i].span, format!("this `{found}` closes an outer bracket"));
        }
        self.sink.push(diagnostic);
    }
}

/// The lexemes with the missing closers put in and the stray ones left out.
fn merge<'t>(
    input: Vec<Lexeme<'t>>,
    mut missing: Vec<(usize, Token<'static>)>,
    kept: Vec<Option<Token<'t>>>,
) -> Vec<Lexeme<'t>> {
    missing.sort_by_key(|m| m.0);
    let mut missing = missing.into_iter().peekable();
    let mut out: Vec<Lexeme<'t>> = Vec::with_capacity(input.len());
    for (i, (mut lexeme, kept)) in input.into_iter().zip(kept).enumerate() {
        while let Some((_, closer)) = missing.next_if(|m| m.0 == i) {
            put_in(&mut out, closer);
        }
        if let Some(token) = kept {
            lexeme.token = token;
            out.push(lexeme);
        }
    }
    for (_, closer) in missing {
        put_in(&mut out, closer);
    }
    out
}

fn put_in(out: &mut Vec<Lexeme>, closer: Token<'static>) {
    if let Some(last) = out.last() {
        let place = Span { start: last.span.end, ..last.span };
        out.push(Lexeme::synthetic(closer, place));
    }
}
