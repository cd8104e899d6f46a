//! Options as words of the command line, parsed as the command parses them.

use crate::cli::{Failure, with_negative};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command};

/// An option that has no meaning without the command, and what to do instead.
pub type Refused = (&'static str, &'static str);

/// Where the data is: the engine knows.
pub const PROJECT: [Refused; 5] = [
    ("catalog", "the engine has its catalog"),
    ("cache", "the engine was opened with its own"),
    ("stale", "say so when the engine is opened"),
    ("allow_imports", "say so when the engine is opened"),
    ("threads", "threads are those of the whole process"),
];

/// Where the result goes: to the caller.
pub const OUTPUT: [Refused; 2] = [
    ("output", "the result is returned, to be written by the caller"),
    ("format", "the result is returned in all its forms"),
];

/// The arguments that words mean; `operands` stand where the command has names of files.
pub fn parse<A: Args>(
    words: &[String],
    operands: &[&str],
    refused: &[&[Refused]],
) -> Result<A, Failure> {
    let command =
        A::augment_args(Command::new("igql").no_binary_name(true).disable_help_flag(true));
    let command = command.mut_args(with_negative);
    let separator = (!operands.is_empty()).then_some("--");
    let operands = separator.into_iter().chain(operands.iter().copied());
    let all = words.iter().map(String::as_str).chain(operands);
    let parsed = command.try_get_matches_from(all).and_then(|found| {
        let args = A::from_arg_matches(&found)?;
        Ok((found, args))
    });
    let (found, args) = parsed.map_err(|error| Failure::Usage(told(&error)))?;
    match objection(&found, refused) {
        Some(message) => Err(Failure::Usage(message)),
        None => Ok(args),
    }
}

/// The option that is given and refused.
fn objection(found: &ArgMatches, refused: &[&[Refused]]) -> Option<String> {
    let given = |name: &str| {
        let is_known = found.ids().any(|id| id.as_str() == name);
        is_known && found.value_source(name) == Some(ValueSource::CommandLine)
    };
    let mut refused = refused.iter().copied().flatten();
    let (name, why) = refused.find(|(name, _)| given(name))?;
    let option = name.replace('_', "-");
    Some(format!("--{option}: it has no meaning here: {why}"))
}

/// What is wrong with the words, without how a command line would be written.
fn told(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let text = text.split("\n\nUsage:").next().unwrap_or_default();
    let text = text.split("\n\nFor more information").next().unwrap_or_default();
    text.strip_prefix("error: ").unwrap_or(text).trim_end().to_owned()
}

/// Fails for what would be read from standard input.
pub fn no_input<'a>(
    option: &str,
    mut names: impl Iterator<Item = &'a String>,
) -> Result<(), Failure> {
    match names.any(|name| name == "-") {
        true => {
            Err(Failure::Usage(format!("{option} -: standard input is not read here: name a file")))
        }
        false => Ok(()),
    }
}
