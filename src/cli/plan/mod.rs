//! The plan as a picture: operators in layers, inputs above what reads them.

mod dot;
mod html;
mod layout;
mod svg;

use crate::diff::arguments;
use crate::visible::visible_lines;
use std::ops::Range;

pub use dot::dot;
pub use html::html;
pub use svg::svg;

/// An operator as the pictures show it.
pub struct Operator {
    pub id: u32,
    /// `walk likes`.
    pub label: String,
    /// Its arguments; where several operators have one label, those that differ come first.
    pub details: String,
    pub entity: String,
    pub inputs: Vec<u32>,
    /// Sets that its expressions read.
    pub reads: Vec<u32>,
    pub at_most: Option<u64>,
    /// Rows of an ordinary request.
    pub expected: u64,
    /// Of a run: its rows a request, and microseconds of all requests.
    pub measured: Option<(u64, u128)>,
    /// The name of the list, if the operator is a result.
    pub result: Option<String>,
    /// Bytes of the program; none if the operator stands in another file.
    pub span: Option<Range<usize>>,
    /// Bytes of the program: the call through which an operator of another file is used.
    pub call: Option<Range<usize>>,
    /// The definition of another file in which it stands, and the bytes there.
    pub definition: Option<(usize, Range<usize>)>,
    /// The definitions through which it is used, the outermost first, and its line in the program.
    pub within: Vec<String>,
    /// `<std/explore.igql>:12`.
    pub place: String,
}

/// A definition that a program uses from another file.
pub struct Definition {
    /// `<std/explore.igql>:12`.
    pub place: String,
    pub text: String,
    /// Its first byte in the file.
    pub start: usize,
}

/// A program and its operators, in an order that can be run.
pub struct Plan {
    pub query: String,
    pub file: String,
    pub source: String,
    pub operators: Vec<Operator>,
    pub definitions: Vec<Definition>,
    /// How many requests were measured; none if nothing was.
    pub requests: Option<usize>,
}

impl Plan {
    /// The longest time of an operator, in microseconds.
    fn slowest(&self) -> u128 {
        let times = self.operators.iter().filter_map(|o| o.measured.map(|m| m.1));
        times.max().unwrap_or(0).max(1)
    }

    fn total(&self) -> u128 {
        self.operators.iter().filter_map(|o| o.measured.map(|m| m.1)).sum()
    }
}

impl Operator {
    /// Rows as bound and as measured: `302 rows, 310 expected`, or as expected: `about 300 rows, at most 2416`.
    fn rows(&self) -> String {
        match (self.measured, self.at_most) {
            (Some((rows, _)), _) => format!("{}, {} expected", count(rows), self.expected),
            (None, Some(most)) => format!("about {}, at most {most}", count(self.expected)),
            (None, None) => format!("about {}", count(self.expected)),
        }
    }

    /// Where the program says that it is to be: itself, or the call that leads to it.
    fn places(&self) -> Vec<Range<usize>> {
        self.span.iter().chain(&self.call).cloned().collect()
    }
}

/// Puts in front what tells operators of one label apart: the arguments that not all of them have, or
/// else the definitions through which they are used.
pub fn tell_apart(operators: &mut [Operator]) {
    let labels: Vec<String> = operators.iter().map(|op| op.label.clone()).collect();
    let within: Vec<Vec<String>> = operators.iter().map(|op| op.within.clone()).collect();
    // the label says the first argument already
    let named = |op: &Operator, part: &String| {
        op.label.split_once(' ').is_some_and(|(_, name)| name == part)
    };
    let parts = |op: &Operator| {
        let mut parts = arguments(&op.details);
        parts.retain(|part| !named(op, part));
        parts
    };
    let split: Vec<Vec<String>> = operators.iter().map(parts).collect();
    for (i, op) in operators.iter_mut().enumerate() {
        let others = (0..labels.len()).filter(|&j| j != i && labels[j] == labels[i]);
        let others: Vec<usize> = others.collect();
        if others.is_empty() {
            op.details = split[i].join(", ");
            continue;
        }
        let common = |part: &&String| others.iter().all(|&j| split[j].contains(part));
        let (same, own): (Vec<&String>, Vec<&String>) = split[i].iter().partition(common);
        let parts: Vec<&str> = own.iter().chain(&same).map(|part| part.as_str()).collect();
        op.details = parts.join(", ");
        // twins: what is on the way to this one, and not to all of them
        let twins: Vec<usize> =
            others.iter().copied().filter(|&j| split[j].len() == same.len()).collect();
        let is_own = |name: &&String| !twins.iter().all(|&j| within[j].contains(name));
        if own.is_empty()
            && !twins.is_empty()
            && let Some(name) = within[i].iter().find(is_own)
        {
            op.details = match op.details.is_empty() {
                true => format!("in {name}"),
                false => format!("in {name}: {}", op.details),
            };
        }
    }
}

fn count(rows: u64) -> String {
    match rows {
        1 => "1 row".to_owned(),
        n => format!("{n} rows"),
    }
}

/// Microseconds for people.
fn time(us: u128) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{:.1} ms", us as f64 / 1e3),
        _ => format!("{:.2} s", us as f64 / 1e6),
    }
}

/// Text for XML and HTML, which cannot hold control characters.
pub fn escape(text: &str) -> String {
    let parts: Vec<_> = text.split('\t').map(visible_lines).collect();
    parts
        .join("\t")
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// At most `n` characters.
fn clip(text: &str, n: usize) -> String {
    if text.chars().count() <= n {
        return text.to_owned();
    }
    text.chars().take(n - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::{Operator, tell_apart};

    /// An operator with nothing said of it.
    pub fn operator(id: u32, inputs: &[u32]) -> Operator {
        Operator {
            id,
            label: String::new(),
            details: String::new(),
            entity: String::new(),
            inputs: inputs.to_vec(),
            reads: Vec::new(),
            at_most: None,
            expected: 0,
            measured: None,
            result: None,
            span: None,
            call: None,
            definition: None,
            within: Vec::new(),
            place: String::new(),
        }
    }

    fn labelled(label: &str, details: &str, part_of: &str) -> Operator {
        Operator {
            label: label.to_owned(),
            details: details.to_owned(),
            within: part_of.split(' ').map(str::to_owned).collect(),
            ..operator(0, &[])
        }
    }

    #[test]
    fn what_differs_comes_first() {
        let mut operators = [
            labelled("walk likes", "merge=sum, limit=30", "a"),
            labelled("walk likes", "merge=sum, limit=5", "b"),
            labelled("filter", "x > 1", "a"),
            labelled("take", "3", "x a f"),
            labelled("take", "3", "x b f"),
        ];
        tell_apart(&mut operators);
        let details: Vec<&str> = operators.iter().map(|op| op.details.as_str()).collect();
        let expected = ["limit=30, merge=sum", "limit=5, merge=sum", "x > 1", "in a: 3", "in b: 3"];
        assert_eq!(details, expected);
    }
}
