//! `:help`: the pages of operators, functions and codes, what definitions say of themselves.

use super::command_list::{COMMANDS, command};
use super::markdown::{Style, render};
use super::session::{Said, Session};
use crate::check::modules::{Tier, named};
use crate::cli::grid::{self, wrapped};
use crate::diag::{code, suggest};
use crate::syntax;
use crate::syntax::ast::File;
use crate::visible::visible_lines;
use std::io::IsTerminal;

/// The aggregates over links and sets, each with what it is of and what it is over nothing.
const AGGREGATES: [(&str, &str, &str); 9] = [
    ("count", "How many there are; with an expression, those where it is not null", "0"),
    ("sum", "The sum of an expression", "0"),
    ("mean", "The mean of an expression", "null"),
    ("min", "The smallest value of an expression", "null"),
    ("max", "The largest value of an expression", "null"),
    ("exists", "Whether there is any; with a condition, any for which it is true", "false"),
    ("any_of", "Whether a condition is true for any", "false"),
    ("all_of", "Whether a condition is true for all", "true"),
    ("none_of", "Whether a condition is true for none", "true"),
];

/// The page on an aggregate.
fn aggregate(name: &str, style: Style) -> Option<String> {
    let (name, does, nothing) = AGGREGATES.iter().find(|(known, ..)| *known == name)?;
    let usage = match *name {
        "count" => "count(links or set), count(links or set, expression)".to_owned(),
        "exists" => "exists(links or set), exists(links or set, condition)".to_owned(),
        "any_of" | "all_of" | "none_of" => format!("{name}(links or set, condition)"),
        _ => format!("{name}(links or set, expression)"),
    };
    let page = format!(
        "{does}, over the links of a row (`{name}(~likes(it), ...)`) or the rows of a set. Nulls are skipped; over \
         nothing it is {nothing}. `within=` and `where=` choose among links."
    );
    Some(format!("{}\n{}", style.strong(&usage), render(&page, style)))
}

/// The help on a name; without one, the commands and what there are pages on.
pub fn help(session: &Session, name: &str) -> Said {
    let name = name.trim_matches(['`', '(', ')', ' ']);
    if name.is_empty() {
        return Said::text(overview(session));
    }
    let mut pages: Vec<String> = pages(session, name);
    pages.extend(definitions(session, name));
    if !pages.is_empty() {
        return Said::text(pages.join("\n"));
    }
    let schema = session.engine.schema();
    if schema.find_entity(name).is_some() || schema.find_edge(name).is_some() {
        return Said::text(format!("`{name}` is in the catalog: `:describe {name}`"));
    }
    let help = match suggest::nearest(name, known(session).iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`:help` lists what there is".to_owned(),
    };
    Said::error(format!("there is no help on `{name}`\nhelp: {help}"))
}

/// The pages of the documentation on a name.
fn pages(session: &Session, name: &str) -> Vec<String> {
    let style = style();
    let mut pages = Vec::new();
    if let Some((command, takes, does)) = command(name) {
        pages.push(format!("{command} {takes}\n{does}\n"));
    }
    if let Some(operator) = session.vocabulary().operator(name) {
        let usage = wrapped(&style.strong(&operator.usage()), style.width);
        pages.push(format!("{usage}\n{}", render(operator.page, style)));
    }
    if let Some(function) = session.vocabulary().function(name) {
        let usage = style.strong(function.usage);
        pages.push(format!("{usage}\n{}", render(function.doc, style)));
    }
    pages.extend(aggregate(name, style));
    let wanted = name.to_uppercase();
    let mut codes = code::ALL.iter().filter(|code| code.id.starts_with(&wanted));
    match codes.clone().count() {
        1 => pages.extend(codes.next().map(|code| render(code.page(), style))),
        // a group, as `W02`
        n if n > 1 && wanted.len() == 3 => {
            let list = codes.map(|code| format!("{}  {}\n", code.id, code.title));
            pages.push(list.collect());
        }
        _ => {}
    }
    pages
}

/// Every name that there is help on.
fn known(session: &Session) -> Vec<String> {
    let operators = session.vocabulary().operators().map(|op| op.name.to_owned());
    let functions = session.vocabulary().functions().map(|f| f.name.to_owned());
    let commands = COMMANDS.iter().map(|(name, ..)| name[1..].to_owned());
    let mut known: Vec<String> = operators.chain(functions).chain(commands).collect();
    known.extend(AGGREGATES.map(|(name, ..)| name.to_owned()));
    known.extend(code::ALL.iter().map(|code| code.id.to_owned()));
    for module in session.modules() {
        let items = module.file.items.iter();
        known.extend(items.filter_map(|item| Some(named(item)?.1.to_owned())));
    }
    known
}

fn overview(session: &Session) -> String {
    let width = style().width;
    let mut text = wrapped(
        "Definitions are kept; a candidate set is run; a line that begins with `.` or an operator \
         continues the previous input. An input ends at the end of a complete line, or after two empty lines.",
        width,
    );
    text.push_str("\nCommands:\n");
    for (name, takes, does) in COMMANDS {
        let does = wrapped(does, width.saturating_sub(21).max(20));
        let does = does.trim_end().replace('\n', &format!("\n{:21}", ""));
        text.push_str(&format!("  {:<18} {does}\n", format!("{name} {takes}")));
    }
    let operators: Vec<&str> = session.vocabulary().operators().map(|op| op.name).collect();
    let functions = session.vocabulary().functions().map(|f| f.name);
    let functions: Vec<&str> = functions.collect();
    let aggregates = AGGREGATES.map(|(name, ..)| name).to_vec();
    for (kind, names) in [
        ("Operators", operators),
        ("Functions", functions),
        ("Aggregates of links and sets", aggregates),
    ] {
        let names = wrapped(&format!("{kind}: {}", names.join(", ")), width);
        text.push_str(&format!("\n{names}"));
    }
    text
}

/// Every definition of that name, as it is written, the nearest first.
fn definitions(session: &Session, name: &str) -> Vec<String> {
    let mut found: Vec<(Tier, String)> = Vec::new();
    for module in session.modules() {
        let items = module.file.items.iter();
        for item in items.filter(|i| named(i).is_some_and(|n| n.1 == name)) {
            let file = File { items: vec![item.clone()], ..File::default() };
            found.push((module.tier, visible_lines(&syntax::print(&file)).into_owned()));
        }
    }
    found.sort_by_key(|(tier, _)| *tier);
    found.into_iter().map(|(_, text)| text).collect()
}

/// How pages are drawn where standard output goes.
fn style() -> Style {
    Style {
        width: grid::width().unwrap_or(80).min(100),
        color: std::io::stdout().is_terminal() && grid::may_color(),
    }
}
