//! `igql fmt`: programs in the one layout.

use super::out::{self, failed};
use super::{Failure, ProgramFile, draw};
use crate::diag::Sink;
use crate::files;
use crate::source::Sources;
use crate::syntax::format;
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub struct FmtArgs {
    /// Programs to lay out (`-` reads standard input and writes standard output)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Change nothing; name the files that are laid out otherwise, and exit with 1 if there are any
    #[arg(long)]
    check: bool,
}

/// Files with syntax errors are reported and left alone.
pub fn fmt(args: &FmtArgs) -> Result<(), Failure> {
    let mut differs = false;
    for path in &args.files {
        let file = ProgramFile::read(path)?;
        let mut sources = Sources::default();
        let source = sources.add(file.name.as_str(), file.text.as_str());
        let mut sink = Sink::default();
        let formatted = format(&file.text, source, &mut sink);
        draw(&sink.finish(), &sources);
        match formatted {
            None => differs = true,
            Some(text) if args.check => {
                if text != file.text {
                    differs = true;
                    out::print(&format!("{}\n", file.name))?;
                }
            }
            Some(text) if file.name == "-" => out::print(&text)?,
            Some(text) if text != file.text => {
                files::replace(path, text.as_bytes()).map_err(|e| failed(&file.name, &e))?
            }
            Some(_) => {}
        }
    }
    if differs {
        Err(Failure::Program)
    } else {
        Ok(())
    }
}
