//! The options of `igql explain`, and those that do not go together.

use crate::cli::out::Place;
use crate::cli::{Failure, Project};
use crate::files;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Args, Clone)]
#[command(after_help = "Examples:\n  \
    igql explain page.igql\n  \
    igql explain page.igql --analyze --user 42\n  \
    igql explain page.igql --analyze --user 42 -o plan.html\n  \
    igql explain page.igql --stage ast")]
pub struct ExplainArgs {
    /// The program (`-` for standard input)
    #[arg(value_name = "FILE")]
    pub(in crate::cli) file: PathBuf,
    /// The query, if the file has several
    #[arg(long, value_name = "NAME")]
    pub(super) query: Option<String>,
    /// Which stage to show
    #[arg(long, value_enum, default_value_t = Stage::Plan)]
    pub(super) stage: Stage,
    /// Output format [default: from the file extension, else text]
    #[arg(long, value_enum)]
    pub(super) format: Option<Format>,
    /// That, with what the ending says
    #[arg(skip)]
    pub(super) shown: Format,
    /// Write to this file instead of standard output. The extension sets the format: .txt, .md, .json,
    /// .dot, .svg or .html
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Run the program and show rows and time of every operator (`--stage profile` is the same).
    /// Operators produce, and count, only rows that are used
    #[arg(long)]
    pub(super) analyze: bool,
    /// User to run for, with `--analyze`; may be repeated
    #[arg(long, value_name = "ID")]
    pub(super) user: Vec<String>,
    /// Value of `now`, with `--analyze` [default: the catalog's]
    #[arg(long, value_name = "TIME")]
    pub(super) at: Option<String>,
    /// A parameter of the program, with `--analyze`
    #[arg(long, value_name = "NAME=VALUE")]
    pub(in crate::cli) param: Vec<String>,
    /// Put every user in this arm of an experiment, with `--analyze`; may be repeated
    #[arg(long, value_name = "NAME=ARM")]
    pub(super) arm: Vec<String>,
    #[command(flatten, next_help_heading = "Data and threads")]
    pub(in crate::cli) project: Project,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Stage {
    /// The tokens
    Tokens,
    /// The syntax tree, before names are resolved
    Ast,
    /// Every operator with its entity, columns and bound, as checked
    Typed,
    /// The operators that the result needs, with common parts shared
    Dag,
    /// The order in which they run
    Plan,
    /// The plan with rows and times of a run
    Profile,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    #[default]
    Text,
    Json,
    /// For Graphviz
    Dot,
    /// A diagram
    Svg,
    /// A page with the diagram, the program and the times
    Html,
}

impl Format {
    /// The endings of files that say how to show it.
    const ENDINGS: [(&str, Format); 9] = [
        ("txt", Format::Text),
        ("text", Format::Text),
        ("md", Format::Text),
        ("json", Format::Json),
        ("dot", Format::Dot),
        ("gv", Format::Dot),
        ("svg", Format::Svg),
        ("html", Format::Html),
        ("htm", Format::Html),
    ];

    /// The format that is asked for, else the one that the ending of the file says.
    pub(super) fn of(args: &ExplainArgs, place: &Place) -> Result<Format, Failure> {
        // that the file is the program is told by what looks at the inputs
        let target = place.file().filter(|target| !files::is_same(target, &args.file));
        let (None, Some(file)) = (args.format, target) else {
            return Ok(args.format.unwrap_or(Format::Text));
        };
        let ending = file.extension().map(|e| e.to_string_lossy().to_lowercase());
        let known = Format::ENDINGS.iter().find(|(e, _)| ending.as_deref() == Some(*e));
        known.map(|(_, format)| *format).ok_or_else(|| {
            let file = file.display();
            Failure::Usage(format!(
                "-o {file}: unknown extension\nhelp: extensions are .txt, .md, .json, .dot, \
                 .svg and .html; with `--format` any name will do"
            ))
        })
    }
}

impl ExplainArgs {
    pub(super) fn runs(&self) -> bool {
        self.analyze || self.stage == Stage::Profile
    }

    fn draws(&self) -> bool {
        matches!(self.shown, Format::Dot | Format::Svg | Format::Html)
    }
}

/// Why the options do not go together.
pub(super) fn objection(args: &ExplainArgs) -> Option<String> {
    let is_text = matches!(args.stage, Stage::Tokens | Stage::Ast);
    let request = [
        ("--user", !args.user.is_empty()),
        ("--at", args.at.is_some()),
        ("--param", !args.param.is_empty()),
        ("--arm", !args.arm.is_empty()),
    ];
    let unused = request.into_iter().find(|(_, given)| *given);
    if args.draws() && !matches!(args.stage, Stage::Plan | Stage::Profile) {
        return Some("diagrams show the plan: remove `--stage`".to_owned());
    }
    if is_text && args.analyze {
        return Some("this stage runs nothing: remove `--stage` or `--analyze`".to_owned());
    }
    if is_text && args.query.is_some() {
        return Some("`--query` has no effect on this stage".to_owned());
    }
    match unused {
        Some((option, _)) if !args.runs() => {
            Some(format!("`{option}` has no effect without `--analyze`"))
        }
        _ => None,
    }
}
