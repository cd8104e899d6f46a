//! `:help`: the pages of operators, the functions, what definitions say of themselves.

use super::session::{COMMANDS, Session};
use crate::check::modules::{Tier, named};
use crate::expr::functions;
use crate::ops::{self, OPERATORS};

/// The help on a name; without one, the commands and what there are pages on.
pub fn help(session: &Session, name: &str) -> Option<String> {
    if name.is_empty() {
        return Some(overview());
    }
    if let Some(operator) = ops::find(name) {
        return Some(format!("{}\n\n{}", operator.usage(), operator.page));
    }
    if let Some(function) = functions::find(name) {
        return Some(format!("{}\n{}", function.usage, function.doc));
    }
    definition(session, name)
}

fn overview() -> String {
    let mut text = String::from(
        "Definitions are kept; a candidate set is run; a line that begins with `.` goes on from the \
         last set.\nCommands:\n",
    );
    for (name, takes, does) in COMMANDS {
        text.push_str(&format!("  {:<18} {does}\n", format!("{name} {takes}")));
    }
    let operators: Vec<&str> = OPERATORS.iter().map(|op| op.name).collect();
    let functions: Vec<&str> = functions::all()
        .filter(|f| !f.is_operator())
        .map(|f| f.name)
        .collect();
    text.push_str(&format!("Operators: {}\n", operators.join(", ")));
    text.push_str(&format!("Functions: {}\n", functions.join(", ")));
    text
}

/// Every definition of that name, as it is written, the nearest first.
fn definition(session: &Session, name: &str) -> Option<String> {
    let mut found: Vec<(Tier, String)> = Vec::new();
    for module in session.modules() {
        for item in module
            .file
            .items
            .iter()
            .filter(|i| named(i).is_some_and(|n| n.1 == name))
        {
            let file = crate::syntax::ast::File {
                items: vec![item.clone()],
                ..Default::default()
            };
            found.push((module.tier, crate::syntax::print(&file)));
        }
    }
    found.sort_by_key(|(tier, _)| *tier);
    let texts: Vec<String> = found.into_iter().map(|(_, text)| text).collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}
