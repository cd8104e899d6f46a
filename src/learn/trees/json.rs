//! A reader of JSON that says where in a document it is: numbers stay texts, so that each is read as what it is meant to be,
//! and nothing is kept that nobody asks for.

use super::wrong::{Wrong, shown};

/// How deep values may be nested: models are a few levels deep.
const DEEPEST: usize = 64;

/// A document on the way from its beginning to its end.
pub(super) struct Json<'t> {
    text: &'t str,
    at: usize,
    path: Vec<Part>,
}

enum Part {
    Key(String),
    Place(usize),
}

impl<'t> Json<'t> {
    pub fn new(text: &'t str) -> Json<'t> {
        Json { text, at: 0, path: Vec::new() }
    }

    /// Where it is: `learner.gradient_booster.model.trees[3]`.
    pub fn place(&self) -> String {
        let mut text = String::new();
        for part in &self.path {
            match part {
                Part::Key(key) if text.is_empty() => text.push_str(key),
                Part::Key(key) => text = format!("{text}.{key}"),
                Part::Place(place) => text = format!("{text}[{place}]"),
            }
        }
        text
    }

    /// What is wrong with the value that it is at.
    pub fn wrong(&self, what: impl Into<String>) -> Wrong {
        Wrong::new(self.place(), what)
    }

    /// The first byte of what comes next; none at the end.
    pub fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes()[self.at..].iter();
        self.at += rest.take_while(|byte| b" \t\r\n".contains(byte)).count();
        self.text.as_bytes().get(self.at).copied()
    }

    fn expected(&mut self, what: &str) -> Wrong {
        let line = 1 + self.text.as_bytes()[..self.at].iter().filter(|&&b| b == b'\n').count();
        let found = match self.peek() {
            None => "the file ends".to_owned(),
            Some(_) => format!("found {}", shown(&self.text[self.at..])),
        };
        let text = format!("expected {what}, {found} (line {line}, byte {})", self.at);
        self.wrong(text)
    }

    /// Goes past a sign, if it is next.
    fn skips(&mut self, sign: u8) -> bool {
        let is_next = self.peek() == Some(sign);
        self.at += usize::from(is_next);
        is_next
    }

    fn sign(&mut self, sign: u8, what: &str) -> Result<(), Wrong> {
        if self.skips(sign) { Ok(()) } else { Err(self.expected(what)) }
    }

    /// Calls `each` with every key of an object, which reads its value.
    pub fn object(
        &mut self,
        each: &mut dyn FnMut(&mut Self, &str) -> Result<(), Wrong>,
    ) -> Result<(), Wrong> {
        self.sign(b'{', "an object")?;
        self.nested()?;
        let mut met: Vec<String> = Vec::new();
        while !self.skips(b'}') {
            if !met.is_empty() {
                self.sign(b',', "`,` or `}`")?;
            }
            let key = self.string()?;
            self.sign(b':', "`:`")?;
            self.path.push(Part::Key(key.clone()));
            // attributes of a model may be many, but those are not looked at
            if met.len() < 1000 && met.contains(&key) {
                return Err(self.wrong("this key stands here twice"));
            }
            each(self, &key)?;
            self.path.pop();
            met.push(key);
        }
        Ok(())
    }

    /// Calls `each` for every item of a list, which reads it.
    pub fn list(
        &mut self,
        each: &mut dyn FnMut(&mut Self) -> Result<(), Wrong>,
    ) -> Result<(), Wrong> {
        self.sign(b'[', "a list")?;
        self.nested()?;
        let mut place = 0;
        while !self.skips(b']') {
            if place > 0 {
                self.sign(b',', "`,` or `]`")?;
            }
            self.path.push(Part::Place(place));
            each(self)?;
            self.path.pop();
            place += 1;
        }
        Ok(())
    }

    fn nested(&self) -> Result<(), Wrong> {
        match self.path.len() < DEEPEST {
            true => Ok(()),
            false => Err(Wrong::new("", "it is nested too deeply to be a model")),
        }
    }

    pub fn string(&mut self) -> Result<String, Wrong> {
        if self.peek() != Some(b'"') {
            return Err(self.expected("a string"));
        }
        let start = self.at;
        let mut is_escaped = false;
        let inside = self.text.as_bytes()[start + 1..].iter().position(|&byte| {
            let ends = byte == b'"' && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            ends
        });
        let Some(length) = inside else {
            return Err(self.wrong("the file ends within a string"));
        };
        let end = start + length + 2;
        let text = serde_json::from_str(&self.text[start..end]);
        let text = text.map_err(|_| self.expected("a string"))?;
        self.at = end;
        Ok(text)
    }

    /// A number or a word, as it is written.
    fn bare(&mut self, what: &str) -> Result<&'t str, Wrong> {
        self.peek();
        let rest = &self.text[self.at..];
        let is_bare = |b: &u8| b.is_ascii_alphanumeric() || b"+-.".contains(b);
        let length = rest.bytes().take_while(is_bare).count();
        if length == 0 {
            return Err(self.expected(what));
        }
        self.at += length;
        Ok(&rest[..length])
    }

    /// A number of some type, in the one form or as a string of it, as XGBoost writes parameters.
    pub fn number<T: std::str::FromStr>(&mut self, what: &str) -> Result<T, Wrong> {
        let text = match self.peek() {
            Some(b'"') => self.string()?,
            _ => self.bare(what)?.to_owned(),
        };
        text.trim()
            .parse()
            .map_err(|_| self.wrong(format!("expected {what}, found {}", shown(&text))))
    }

    pub fn numbers<T: std::str::FromStr>(&mut self, what: &str) -> Result<Vec<T>, Wrong> {
        let mut numbers = Vec::new();
        self.list(&mut |json| {
            numbers.push(json.number(what)?);
            Ok(())
        })?;
        Ok(numbers)
    }

    /// Whether it is an empty list or object, or null; goes past it.
    pub fn is_empty(&mut self) -> Result<bool, Wrong> {
        let start = self.at;
        self.skip()?;
        let text = self.text[start..self.at].trim();
        let inside = text.trim_start_matches(['[', '{']).trim_end_matches([']', '}']).trim();
        Ok(inside.is_empty() || inside == "null")
    }

    /// Goes past a value.
    pub fn skip(&mut self) -> Result<(), Wrong> {
        match self.peek() {
            Some(b'{') => self.object(&mut |json, _| json.skip()),
            Some(b'[') => self.list(&mut Json::skip),
            Some(b'"') => self.string().map(|_| ()),
            _ => self.bare("a value").map(|_| ()),
        }
    }

    /// Fails where something follows.
    pub fn end(&mut self) -> Result<(), Wrong> {
        if self.peek().is_some() { Err(self.expected("the end of the file")) } else { Ok(()) }
    }
}
