//! Comments: taken from a text, put back into the text that the printer made of its tree.
//!
//! The tree knows no comments, but the tokens of both texts are the same in the same order, but for
//! those that only lay out (parentheses, commas, semicolons). So a comment is kept by the token it
//! belongs to: behind code it follows the token before it, alone on its line it precedes the token
//! after it. A printed line takes the comments of all its tokens: the first one behind code stays
//! behind it, the others stand above. For this the printer breaks what has a comment inside, so
//! that nearly every commented token still begins or ends a line.

use super::STEP;
use crate::diag::Sink;
use crate::source::SourceId;
use crate::syntax::balance::balance;
use crate::syntax::layout::lay_out;
use crate::syntax::lexer::{Comment, Lexeme, lex};
use crate::syntax::token::Token;

/// The comments of a text and the empty lines between its statements.
pub struct Notes<'t> {
    text: &'t str,
    /// The tokens that every layout has, with the notes of each.
    tokens: Vec<Noted<'t>>,
    /// Comments after the last token.
    end: Vec<Note<'t>>,
    /// Where comments begin, in bytes, ascending.
    places: Vec<u32>,
    lines: Lines,
}

/// Where the lines of a text begin: lines can be long, and are not looked through for each token.
struct Lines(Vec<u32>);

impl Lines {
    fn of(text: &str) -> Lines {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let begins = ends.map(|(end, _)| end as u32 + 1);
        Lines(std::iter::once(0).chain(begins).collect())
    }

    /// Whether the line above the one of a place is empty.
    fn empty_above(&self, text: &str, place: u32) -> bool {
        let line = self.0.partition_point(|&begin| begin <= place);
        let Some(above) = line.checked_sub(2) else {
            return false;
        };
        let (begin, end) = (self.0[above] as usize, self.0[above + 1] as usize);
        end > 1 && text[begin..end].trim().is_empty()
    }
}

struct Note<'t> {
    text: &'t str,
    /// Whether an empty line stands above it.
    apart: bool,
}

struct Noted<'t> {
    lexeme: Lexeme<'t>,
    /// Alone on lines before the token.
    above: Vec<Note<'t>>,
    /// Behind the token on its line.
    behind: Vec<&'t str>,
    /// Alone on lines after the token, before a bracket that closes.
    below: Vec<Note<'t>>,
    /// Whether an item or statement begins here.
    statement: bool,
    /// Whether an empty line stands directly above.
    apart: bool,
}

impl<'t> Notes<'t> {
    /// The notes of a text that has been parsed without errors.
    pub fn of(text: &'t str) -> Notes<'t> {
        let source = SourceId::default();
        let mut unheard = Sink::default();
        let (lexemes, comments) = lex(text, source, &mut unheard);
        let starts = statements(&lexemes);
        let mut notes = Notes {
            text,
            lines: Lines::of(text),
            places: comments.iter().map(|c| c.span.start).collect(),
            tokens: Vec::new(),
            end: Vec::new(),
        };
        let mut comments = comments.into_iter().peekable();
        let mut above = Vec::new();
        for lexeme in lexemes {
            while let Some(comment) = comments.next_if(|c| c.span.start < lexeme.span.start) {
                notes.take(&comment, &mut above);
            }
            if lexeme.token == Token::Close && !above.is_empty() {
                // parentheses can go, what is before them stays
                if let Some(last) = notes.tokens.last_mut() {
                    last.below.append(&mut above);
                }
            }
            if is_layout(lexeme.token) {
                continue;
            }
            notes.tokens.push(Noted {
                statement: starts.binary_search(&lexeme.span.start).is_ok(),
                apart: notes.lines.empty_above(text, lexeme.span.start),
                above: std::mem::take(&mut above),
                behind: Vec::new(),
                below: Vec::new(),
                lexeme,
            });
        }
        comments.for_each(|comment| notes.take(&comment, &mut above));
        notes.end = above;
        notes
    }

    /// Where comments begin: what spans one of these is broken over lines.
    pub fn places(&self) -> &[u32] {
        &self.places
    }

    /// Where documented items and those below an empty line begin: they stand apart.
    pub fn stands_apart(&self, start: u32) -> Option<Apart> {
        let place = self.tokens.binary_search_by_key(&start, |t| t.lexeme.span.start).ok()?;
        let token = &self.tokens[place];
        let above = token.above.first().map_or(token.apart, |note| note.apart);
        let documented = token.above.last().is_some_and(|note| note.is_doc()) && !token.apart;
        Some(Apart { above, documented })
    }

    fn take(&mut self, comment: &Comment, above: &mut Vec<Note<'t>>) {
        let text = self.text[comment.span.range()].trim_end();
        match self.tokens.last_mut() {
            Some(last) if !comment.alone && above.is_empty() => last.behind.push(text),
            _ => above.push(Note {
                text,
                apart: comment.alone && self.lines.empty_above(self.text, comment.span.start),
            }),
        }
    }

    /// The printed text with the notes in it; none if the two texts are not of one tree.
    pub fn into_text(self, printed: &str) -> Option<String> {
        let (lexemes, _) = lex(printed, SourceId::default(), &mut Sink::default());
        let printed_tokens: Vec<Lexeme> =
            lexemes.into_iter().filter(|l| !is_layout(l.token)).collect();
        if printed_tokens.len() != self.tokens.len() {
            return None;
        }
        let mut out = Out::default();
        let mut next = 0;
        let mut start = 0;
        for line in printed.lines() {
            let end = start + line.len();
            let first = next;
            while printed_tokens.get(next).is_some_and(|l| (l.span.start as usize) < end) {
                next += 1;
            }
            let pairs = &printed_tokens[first..next];
            let tokens = &self.tokens[first..next];
            let line = spelt(self.text, line, start, pairs, tokens);
            out.line(&line, tokens);
            start = end + 1;
        }
        if !self.end.is_empty() {
            out.notes(&self.end, 0, true);
        }
        Some(out.text)
    }
}

/// Whether an item stands apart from the one before it.
#[derive(Clone, Copy, Default)]
pub struct Apart {
    /// An empty line is above it and its comments.
    pub above: bool,
    /// It has `##` lines.
    pub documented: bool,
}

impl Note<'_> {
    fn is_doc(&self) -> bool {
        is_doc(self.text)
    }
}

fn is_doc(comment: &str) -> bool {
    comment.starts_with("##") && !comment.starts_with("###")
}

/// The text as it grows, line by line.
#[derive(Default)]
struct Out {
    text: String,
}

impl Out {
    /// A `##` comment inside of a statement documents nothing. Directly above, it would: it goes further
    /// up, with an empty line below.
    fn inner_docs(&mut self, tokens: &[Noted], indent: usize) {
        if !tokens[0].statement {
            return;
        }
        let above = tokens[1..].iter().flat_map(|t| &t.above).map(|note| note.text);
        let behind = tokens.iter().flat_map(|t| &t.behind).skip(1).copied();
        let texts: Vec<&str> = above.chain(behind).filter(|text| is_doc(text)).collect();
        for text in &texts {
            self.push(indent, text);
        }
        if !texts.is_empty() {
            self.empty();
        }
    }

    fn line(&mut self, line: &str, tokens: &[Noted]) {
        let Some(first) = tokens.first() else {
            self.push(0, line);
            return;
        };
        let indent = line.len() - line.trim_start().len();
        let closes = first.lexeme.token.is_closer();
        let inner = if closes { indent + STEP } else { indent };
        self.inner_docs(tokens, inner);
        self.notes(&first.above, inner, first.statement || closes);
        if first.statement && first.apart && !self.text.ends_with("{\n") {
            self.empty();
        }
        let moves = |text: &str| first.statement && is_doc(text);
        for token in &tokens[1..] {
            let stays = token.above.iter().filter(|note| !moves(note.text));
            self.notes(stays, indent, false);
        }
        let mut behind = tokens.iter().flat_map(|t| &t.behind);
        let last = behind.next();
        for text in behind.filter(|text| !moves(text)) {
            self.push(indent, text);
        }
        match last {
            Some(text) => self.push(0, &format!("{line}  {text}")),
            None => self.push(0, line),
        }
        for token in tokens {
            self.notes(&token.below, indent, false);
        }
    }

    fn notes<'n>(
        &mut self,
        notes: impl IntoIterator<Item = &'n Note<'n>>,
        indent: usize,
        keep_empty: bool,
    ) {
        for note in notes {
            if note.apart && keep_empty && !self.text.ends_with("{\n") {
                self.empty();
            }
            self.push(indent, note.text);
        }
    }

    /// One empty line, where there is none.
    fn empty(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    fn push(&mut self, indent: usize, line: &str) {
        if line.is_empty() {
            return self.empty();
        }
        self.text.extend(std::iter::repeat_n(' ', indent));
        self.text.push_str(line);
        self.text.push('\n');
    }
}

/// A printed line with its numbers and times spelt as they were: `1_000` and `60m` are not the
/// layout's business.
fn spelt(text: &str, line: &str, start: usize, printed: &[Lexeme], tokens: &[Noted]) -> String {
    let mut out = String::with_capacity(line.len());
    let mut done = 0;
    for (new, old) in printed.iter().zip(tokens) {
        let is_number = matches!(
            new.token,
            Token::Int(_) | Token::Float(_) | Token::Duration(_) | Token::Time(_)
        );
        if is_number && new.token == old.lexeme.token {
            let at = new.span.start as usize - start;
            out.push_str(&line[done..at]);
            out.push_str(&text[old.lexeme.span.range()]);
            done = new.span.end as usize - start;
        }
    }
    out + &line[done..]
}

/// Tokens that come and go with the layout.
fn is_layout(token: Token) -> bool {
    matches!(token, Token::Open | Token::Close | Token::Comma | Token::Semicolon)
}

/// Where items and the statements of blocks begin, ascending. A parenthesis in front is none of
/// the layout's tokens, so that the statement begins behind it.
fn statements(lexemes: &[Lexeme]) -> Vec<u32> {
    let mut unheard = Sink::default();
    let items = lay_out(&balance(lexemes.to_vec(), &mut unheard), &mut unheard);
    let mut starts = Vec::new();
    for item in &items {
        let mut begins = true;
        for lexeme in &item.tokens {
            let token = lexeme.token;
            if matches!(token, Token::Sep | Token::OpenBlock | Token::Doc(_)) {
                if begins && token == Token::OpenBlock {
                    starts.push(lexeme.span.start);
                }
                begins = true;
            } else if begins && !is_layout(token) {
                starts.push(lexeme.span.start);
                begins = false;
            }
        }
    }
    starts.sort_unstable();
    starts.dedup();
    starts
}
