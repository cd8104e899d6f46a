//! `igql fmt`: programs in the one layout.

use super::out::{self, failed};
use super::{Failure, Outcome, PROGRAM, ProgramFile, draw};
use crate::diag::Sink;
use crate::files;
use crate::source::Sources;
use crate::syntax::format;
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    igql fmt page.igql feed.igql\n  \
    igql fmt --check *.igql\n  \
    igql fmt - < page.igql")]
pub struct FmtArgs {
    /// Programs to format (`-` reads standard input and writes standard output)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Change nothing; name the files that are not formatted, and exit with 1 if there are any
    #[arg(long)]
    check: bool,
}

/// Files with syntax errors are reported and left alone, and so are those that cannot be read or
/// written; the others are formatted all the same.
pub fn fmt(args: &FmtArgs) -> Result<(), Failure> {
    let mut outcome = Outcome::default();
    for path in &args.files {
        let done = ProgramFile::read(path).and_then(|file| one(&file, args.check));
        if outcome.take(done) == Some(false) {
            outcome.note(PROGRAM);
        }
    }
    outcome.end()
}

/// Formats a file; false if it has errors, or differs where that is all that is asked.
fn one(file: &ProgramFile, check: bool) -> Result<bool, Failure> {
    let mut sources = Sources::default();
    let source = sources.add(file.name.as_str(), file.text.as_str());
    let mut sink = Sink::default();
    let formatted = format(&file.text, source, &mut sink);
    draw(&sink.finish(), &sources);
    let Some(text) = formatted else {
        return Ok(false);
    };
    if check {
        let same = text == file.text;
        if !same {
            out::print(&format!("{}\n", file.name))?;
        }
        return Ok(same);
    }
    if file.name == "-" {
        out::print(&text)?;
    } else if text != file.text {
        let written = files::replace(&file.path, text.as_bytes());
        written.map_err(|e| failed(&file.name, &e))?;
    }
    Ok(true)
}
