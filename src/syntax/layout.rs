//! The second half of the filter: lines. It cuts the file into items, puts a separator between
//! the statements of a block, and finds the words that are words only in a declaration.
//!
//! A newline or `;` separates where the innermost bracket is a block or none, the token before
//! can end a statement and the next can begin one:
//!
//! ```text
//! pool = user.liked()      pool = user.liked()      pool = user.liked() -
//!     .take(5)             [a, b]                       seen
//! one statement            two: `[` begins anew     one: `-` cannot end
//! ```
//!
//! A line with `name =` or a declaration always begins anew, so that an unfinished line above it
//! does not take it in.

use super::balance::{declaration, is_binding, is_declaration};
use super::lexer::Lexeme;
use super::token::Token;
use crate::diag::{Diagnostic, Sink, code};
use crate::source::Span;

/// Bound on the depth of an item's tree. Later stages walk the tree by recursion.
pub const MAX_DEPTH: usize = 1_000;
/// What one bracket counts: brackets nested within brackets cost more than a chain of calls.
pub const BRACKET_DEPTH: usize = 4;

/// The tokens of one item, its `##` lines, and where it is too deep to be read, if so.
#[derive(Debug)]
pub struct ItemTokens<'t> {
    pub docs: Vec<&'t str>,
    pub tokens: Vec<Lexeme<'t>>,
    pub too_deep: bool,
}

impl ItemTokens<'_> {
    /// From the first token to the last.
    pub fn span(&self) -> Span {
        match (self.tokens.first(), self.tokens.last()) {
            (Some(first), Some(last)) => first.span.to(last.span),
            _ => Span::default(),
        }
    }
}

/// Counts how deep the tree of an item can be, without building it. The bound is of the longest
/// path: within one element of a bracket its operators add up, and the deepest bracket in it.
struct Depth {
    levels: Vec<Level>,
    exceeded: Option<Span>,
}

#[derive(Default, Clone, Copy)]
struct Level {
    operators: usize,
    /// The deepest bracket in this element.
    inner: usize,
    /// The deepest element before this one.
    before: usize,
}

struct Layout<'a, 't> {
    input: &'a [Lexeme<'t>],
    sink: &'a mut Sink,
    items: Vec<ItemTokens<'t>>,
    docs: Vec<&'t str>,
    current: Vec<Lexeme<'t>>,
    open: Vec<Token<'static>>,
    depth: Depth,
    /// Whether the `=` of the current declaration was seen.
    assigned: bool,
    /// Whether the head of the current declaration ends with `:`.
    suite: bool,
    /// Whether a comma between statements was reported.
    commas: bool,
}

/// Cuts balanced lexemes into items.
pub fn lay_out<'t>(input: &[Lexeme<'t>], sink: &mut Sink) -> Vec<ItemTokens<'t>> {
    let mut layout = Layout {
        input,
        sink,
        items: Vec::new(),
        docs: Vec::new(),
        current: Vec::new(),
        open: Vec::new(),
        depth: Depth::new(),
        assigned: false,
        suite: false,
        commas: false,
    };
    let mut semicolon = None;
    for (i, lexeme) in input.iter().enumerate() {
        let token = lexeme.token;
        if token == Token::Semicolon && layout.separates()
            || token == Token::Comma && layout.ends_line(i)
        {
            semicolon = Some(i);
            continue;
        }
        if layout.separates()
            && (semicolon.take().is_some() || layout.breaks(i))
            && !token.is_closer()
        {
            layout.separate();
        }
        layout.take(i);
    }
    layout.finish_item();
    layout.items
}

impl<'t> Layout<'_, 't> {
    /// Whether a line or `;` may separate here.
    fn separates(&self) -> bool {
        self.open.last().is_none_or(|&o| o == Token::OpenBlock)
    }

    /// Whether a statement begins with the line of lexeme `i`.
    fn breaks(&self, i: usize) -> bool {
        let lexeme = &self.input[i];
        let Some(previous) = self.current.last() else {
            return false;
        };
        let next = self.input.get(i + 1).map(|l| l.token);
        if !lexeme.first || self.clause(i) || self.in_suite(i) {
            return false;
        }
        let anew = is_declaration(self.input, i)
            || is_binding(self.input, i) && !matches!(previous.token, Token::Arrow | Token::Colon);
        anew || previous.token.can_end() && lexeme.token.can_begin(next)
    }

    /// Whether a comma stands between statements, as it does in other languages; the first is reported.
    fn ends_line(&mut self, i: usize) -> bool {
        let Some(head) = self.current.first() else {
            return false;
        };
        let in_head = self.open.is_empty() && !self.assigned && head.token.declaration().is_some();
        let next = self.input.get(i + 1);
        let ends = next.is_none_or(|l| l.first || l.token.is_closer());
        let ends = ends || is_binding(self.input, i + 1);
        if in_head || !ends || !self.separates() {
            return false;
        }
        if !self.commas {
            self.commas = true;
            let message = "statements are not separated by commas";
            let help = "leave the commas out: each statement has a line of its own";
            let span = self.input[i].span;
            self.sink.push(Diagnostic::new(code::E0101, span, message).help(help));
        }
        true
    }

    /// Whether a line belongs to the body of a declaration whose head ends with `:`, as in Python: it
    /// stands further to the right.
    fn in_suite(&self, i: usize) -> bool {
        let head = self.current.first().filter(|_| self.suite);
        head.is_some_and(|head| self.input[i].column > head.column)
    }

    /// Whether the line goes on with `on ENTITY`, `where ...` or `weight ...` of the declaration.
    fn clause(&self, i: usize) -> bool {
        let next = self.input.get(i + 1).map(|l| l.token);
        self.word(i).is_some() && next.is_some_and(Token::begins_expression)
    }

    fn separate(&mut self) {
        let Some(last) = self.current.last() else {
            return;
        };
        if self.open.is_empty() {
            self.finish_item();
        } else if !matches!(last.token, Token::OpenBlock | Token::Sep) {
            let place = Span { start: last.span.end, ..last.span };
            self.current.push(Lexeme::synthetic(Token::Sep, place));
            self.depth.next();
        }
    }

    fn take(&mut self, i: usize) {
        let mut lexeme = self.input[i].clone();
        let docs = std::mem::take(&mut lexeme.docs);
        if self.current.is_empty() {
            self.docs = docs;
            lexeme.token = declaration(self.input, i).unwrap_or(lexeme.token);
        } else if let Some(word) = self.word(i) {
            lexeme.token = word;
        } else if self.begins_statement() && is_binding(self.input, i) {
            self.current
                .extend(docs.into_iter().map(|d| Lexeme::synthetic(Token::Doc(d), lexeme.span)));
        }
        self.bracket(&lexeme);
        self.depth.count(&lexeme);
        self.assigned |= self.open.is_empty() && lexeme.token == Token::Assign;
        self.suite |= self.open.is_empty()
            && !self.assigned
            && lexeme.token == Token::Colon
            && self.current.len() > 2
            && self.input.get(i + 1).is_some_and(|l| l.first);
        self.current.push(lexeme);
    }

    fn begins_statement(&self) -> bool {
        self.current.last().is_some_and(|l| matches!(l.token, Token::OpenBlock | Token::Sep))
    }

    fn bracket(&mut self, lexeme: &Lexeme) {
        match lexeme.token {
            Token::Open => self.open.push(Token::Open),
            Token::OpenSquare => self.open.push(Token::OpenSquare),
            Token::OpenRecord => self.open.push(Token::OpenRecord),
            Token::OpenBlock => self.open.push(Token::OpenBlock),
            t if t.is_closer() => drop(self.open.pop()),
            _ => {}
        }
    }

    /// `on`, `where` or `weight` where the current declaration has a place for it.
    fn word(&self, i: usize) -> Option<Token<'static>> {
        let Token::Name(name) = self.input[i].token else {
            return None;
        };
        let head = self.current.first()?.token;
        let previous = self.current.last()?.token;
        if !self.open.is_empty() || !previous.can_end() {
            return None;
        }
        use Token::{Edge, Embedding, Model, On, Policy, Value, Weight, Where};
        match name {
            "on" if matches!(head, Embedding | Model | Value | Policy) && !self.assigned => {
                Some(On)
            }
            "where" if head == Edge && self.assigned => Some(Where),
            "weight" if head == Edge && self.assigned => Some(Weight),
            _ => None,
        }
    }

    fn finish_item(&mut self) {
        let depth = std::mem::replace(&mut self.depth, Depth::new());
        self.assigned = false;
        self.suite = false;
        self.open.clear();
        let docs = std::mem::take(&mut self.docs);
        let tokens = std::mem::take(&mut self.current);
        if tokens.is_empty() {
            return;
        }
        if let Some(span) = depth.exceeded {
            let message = "nested too deeply, or too long a chain of calls or operators";
            let help = format!(
                "brackets nest at most {} deep and chains have at most {MAX_DEPTH} links; name parts of it with bindings",
                MAX_DEPTH / BRACKET_DEPTH
            );
            self.sink.push(Diagnostic::new(code::E0107, span, message).help(help));
        }
        self.items.push(ItemTokens { docs, tokens, too_deep: depth.exceeded.is_some() });
    }
}

impl Depth {
    fn new() -> Self {
        Depth { levels: vec![Level::default()], exceeded: None }
    }

    fn count(&mut self, lexeme: &Lexeme) {
        let token = lexeme.token;
        if token.is_opener() {
            self.levels.push(Level::default());
        } else if token.is_closer() {
            self.close();
        } else if matches!(token, Token::Comma | Token::Where | Token::Weight) {
            self.next();
        } else if token.deepens()
            && let Some(level) = self.levels.last_mut()
        {
            level.operators += 1;
        }
        let here = self.levels.last().map_or(0, |l| l.operators + l.inner);
        if here + self.levels.len() * BRACKET_DEPTH > MAX_DEPTH + BRACKET_DEPTH {
            self.exceeded.get_or_insert(lexeme.span);
        }
    }

    /// The next element of the same bracket.
    fn next(&mut self) {
        if let Some(level) = self.levels.last_mut() {
            *level = Level {
                before: level.before.max(level.operators + level.inner),
                ..Level::default()
            };
        }
    }

    fn close(&mut self) {
        self.next();
        let closed = self.levels.pop().unwrap_or_default();
        match self.levels.last_mut() {
            Some(outer) => outer.inner = outer.inner.max(closed.before + BRACKET_DEPTH),
            None => self.levels.push(Level::default()),
        }
    }
}
