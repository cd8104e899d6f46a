//! The plan as a picture: operators in layers, inputs above what reads them.

mod dot;
mod html;
mod layout;
mod svg;

pub use dot::dot;
pub use html::html;
pub use svg::svg;

/// An operator as the pictures show it.
pub struct Operator {
    pub id: u32,
    /// `walk likes`.
    pub label: String,
    pub details: String,
    pub entity: String,
    pub inputs: Vec<u32>,
    /// Sets that its expressions read.
    pub reads: Vec<u32>,
    pub at_most: Option<u64>,
    /// Rows of an ordinary request.
    pub expected: u64,
    /// Of a run: its rows, and microseconds.
    pub measured: Option<(usize, u128)>,
    /// The name of the list, if the operator is a result.
    pub result: Option<String>,
    /// Bytes of the program; none if the operator stands in a library.
    pub span: Option<std::ops::Range<usize>>,
    /// `<std/explore.igql>:12`.
    pub place: String,
}

/// A program and its operators, in an order that can be run.
pub struct Plan {
    pub query: String,
    pub file: String,
    pub source: String,
    pub operators: Vec<Operator>,
    pub measured: bool,
}

impl Plan {
    /// The longest time of an operator, in microseconds.
    fn slowest(&self) -> u128 {
        let times = self
            .operators
            .iter()
            .filter_map(|o| o.measured.map(|m| m.1));
        times.max().unwrap_or(0).max(1)
    }

    fn total(&self) -> u128 {
        self.operators
            .iter()
            .filter_map(|o| o.measured.map(|m| m.1))
            .sum()
    }
}

impl Operator {
    /// Rows as bound and as measured: `302 rows, at most 2416`, or as expected: `about 300 rows, at most 2416`.
    fn rows(&self) -> String {
        match (self.measured, self.at_most) {
            (Some((rows, _)), Some(most)) => format!("{}, at most {most}", count(rows as u64)),
            (Some((rows, _)), None) => count(rows as u64),
            (None, Some(most)) => format!("about {}, at most {most}", count(self.expected)),
            (None, None) => format!("about {}", count(self.expected)),
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

/// Text for XML and HTML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// At most `n` characters.
fn clip(text: &str, n: usize) -> String {
    if text.chars().count() <= n {
        return text.to_owned();
    }
    text.chars().take(n - 1).chain(['…']).collect()
}
