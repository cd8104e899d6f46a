//! Which options of the command help with an error of the library, which does not know them.

use crate::catalog::DataError;
use crate::diag::{Diagnostic, code};
use crate::ops::{Limit, RunError};

/// Why a run ended, with the option that changes it.
pub fn of_run(error: &RunError) -> String {
    let help = match error {
        RunError::Limit(hit) => format!("`{}` sets this limit", of_limit(hit.limit)),
        RunError::NoUser { .. } => "name the user with `--user ID`".to_owned(),
        RunError::NoValue { param } => format!("give the value with `--param {param}=VALUE`"),
        _ => return error.to_string(),
    };
    format!("{error}\nhelp: {help}")
}

fn of_limit(limit: Limit) -> &'static str {
    match limit {
        Limit::Rows => "--max-rows",
        Limit::Time => "--max-millis",
        Limit::Memory => "--max-memory",
    }
}

/// Diagnostics, with the options that change what they are about.
pub fn of_program(diagnostics: &[Diagnostic]) -> Vec<Diagnostic> {
    diagnostics.iter().map(with_option).collect()
}

fn with_option(diagnostic: &Diagnostic) -> Diagnostic {
    let mut diagnostic = diagnostic.clone();
    let helps = |part: &str| diagnostic.help.as_deref().is_some_and(|help| help.ends_with(part));
    let option = match diagnostic.code {
        code::E0210 | code::E0503 if helps("allow imports from its folder") => {
            "--allow-imports DIR"
        }
        code::E0211 if helps("name the one to run") => "--query NAME",
        code::E0602 if helps("raise the budget") => "--max-rows N",
        _ => return diagnostic,
    };
    diagnostic.help.iter_mut().for_each(|help| *help += &format!(" (`{option}`)"));
    diagnostic
}

/// An error in the data, with the option that avoids it.
pub fn of_data(error: &DataError) -> String {
    let text = error.to_string();
    match text.ends_with("keep derived files elsewhere") {
        true => text + " (`--cache DIR`)",
        false => text,
    }
}
