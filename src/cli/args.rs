//! Numbers on the command line: each has a range, and a message that names it; options that several commands have.

use super::Failure;
use super::out::Place;
use crate::ops::Limits;
use clap::Args;
use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

/// Limits of every request, for commands that run programs.
#[derive(Args)]
pub struct LimitArgs {
    /// Fail if a request makes more rows than this
    #[arg(long, value_name = "N", default_value = "10000000", value_parser = within(1, MAX_ROWS))]
    pub max_rows: u64,
    /// Fail if a request takes longer than this
    #[arg(long, value_name = "MS", value_parser = within(0, MAX_MILLIS))]
    max_millis: Option<u64>,
    /// Fail if a request needs more memory than this: bytes, or 512MB, 2GiB
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    max_memory: Option<u64>,
}

impl LimitArgs {
    /// The limits; with `partial` a request that hits one has a partial answer.
    pub fn of_request(&self, partial: bool) -> Limits {
        let limits = Limits {
            max_rows: self.max_rows,
            max_memory: self.max_memory,
            partial,
            ..Limits::default()
        };
        match self.max_millis {
            Some(millis) => limits.deadline(Duration::from_millis(millis)),
            None => limits,
        }
    }
}

/// The format that is asked for, or that the extension of the output file says, else the first that is known, which
/// devices and pipes get too.
pub fn format_of<F: Copy>(
    asked: Option<F>,
    output: Option<&Path>,
    known: &[(F, &str)],
) -> Result<F, Failure> {
    let is_file = |path: &&Path| Place::of(Some(path)).file().is_some();
    let Some(path) = output.filter(|path| asked.is_none() && is_file(path)) else {
        return Ok(asked.unwrap_or(known[0].0));
    };
    let extension = path.extension().and_then(|extension| extension.to_str());
    if let Some((format, _)) = known.iter().find(|(_, name)| Some(*name) == extension) {
        return Ok(*format);
    }
    let names: Vec<String> = known[1..].iter().map(|(_, name)| format!("`.{name}`")).collect();
    let (path, names, first) = (path.display(), names.join(", "), known[0].1);
    Err(Failure::Usage(format!(
        "-o {path}: unknown extension\nhelp: extensions are {names} and `.{first}`; with `--format` any name will do"
    )))
}

/// Reads whole numbers from `low` to `high`; `_` may stand between digits.
pub fn within<T>(low: T, high: T) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync
where
    T: FromStr + PartialOrd + Display + Copy + Send + Sync + 'static,
{
    move |text| match text.replace('_', "").parse() {
        Ok(number) if (low..=high).contains(&number) => Ok(number),
        _ => Err(format!("expected a whole number from {low} to {high}")),
    }
}

/// Most threads that may be asked for.
pub const MAX_THREADS: usize = 1024;
/// Most milliseconds that a run can be given: a year.
pub const MAX_MILLIS: u64 = 31_536_000_000;
/// Most rows that can be made a limit.
pub const MAX_ROWS: u64 = 1_000_000_000_000;

/// Reads a number of bytes: `1000000`, `512MB` (powers of 1000), `1.5GiB` (powers of 1024).
pub fn bytes(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 9] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("B", 1),
    ];
    let text = text.trim();
    let cut = text.len() - text.chars().rev().take_while(char::is_ascii_alphabetic).count();
    let (number, unit) = (text[..cut].trim().replace('_', ""), &text[cut..]);
    let unit = match unit {
        "" => Some(1),
        unit => {
            UNITS.iter().find(|(name, _)| unit.eq_ignore_ascii_case(name)).map(|(_, size)| *size)
        }
    };
    let whole = number.parse::<u64>().ok().zip(unit);
    let exact = whole.and_then(|(number, unit)| number.checked_mul(unit));
    let parts = || {
        let digits = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let size = number.parse::<f64>().ok().filter(|_| digits)? * unit? as f64;
        (size < u64::MAX as f64).then_some(size as u64)
    };
    exact.or_else(parts).filter(|&bytes| bytes > 0).ok_or_else(|| {
        "expected a number of bytes as 1000000, 512MB or 2GiB, at least 1".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_those_of_files() {
        let format = |asked, path: &str| {
            format_of(asked, Some(Path::new(path)), &[('t', "txt"), ('h', "html")]).ok()
        };
        assert_eq!(format(None, "a.html"), Some('h'));
        assert_eq!(format(None, "a.xls"), None);
        assert_eq!(format(Some('h'), "a.xls"), Some('h'));
        assert_eq!(format(None, "-"), Some('t'));
        if cfg!(unix) {
            assert_eq!(format(None, "/dev/null"), Some('t'));
            assert_eq!(format(Some('h'), "/dev/null"), Some('h'));
        }
    }

    #[test]
    fn sizes() {
        for (text, size) in [
            ("1", 1),
            ("1_000", 1000),
            ("512MB", 512_000_000),
            ("512 mb", 512_000_000),
            ("2GiB", 2 << 30),
            ("1.5KiB", 1536),
            ("18446744073709551615", u64::MAX),
            ("7B", 7),
        ] {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        let wrong = [
            "",
            "0",
            "-1",
            "1e9",
            "x",
            "MB",
            "5 potatoes",
            "1.2.3GB",
            "0.1",
            "99999999TiB",
            "inf",
            "nan",
            "١",
            "5é",
        ];
        for text in wrong {
            assert!(bytes(text).is_err(), "{text}: {:?}", bytes(text));
        }
    }

    #[test]
    fn ranges() {
        assert_eq!(within(1, 9)("9"), Ok(9));
        assert_eq!(within(i64::MIN, i64::MAX)("-3"), Ok(-3));
        for text in ["0", "10", "", "x", "1.0", "99999999999999999999"] {
            let message = "expected a whole number from 1 to 9";
            assert_eq!(within(1, 9)(text), Err(message.to_owned()));
        }
    }
}
