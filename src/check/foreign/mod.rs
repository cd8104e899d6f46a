//! What other languages call things: pandas, Polars, dplyr, SQL, Spark, LINQ, Gremlin. Whoever writes one
//! of their names is told how it is written here.

mod arguments;
mod functions;
mod operators;
mod parameters;
mod spelling;

use super::Checker;
use crate::syntax::ast::{Arg, ExprKind};
use arguments::{fitting, order};
use functions::FUNCTIONS;
use operators::{OPERATORS, SOURCES};
use parameters::PARAMETERS;
use spelling::{find, folded};

/// How a name of another language is written here.
pub(super) struct Foreign {
    /// What it does, in words.
    pub what: &'static str,
    /// How it is written: `{}` are the arguments as given, or those of the example.
    write: &'static str,
    example: &'static str,
    /// Whether the rows are of the same entity behind it, so that what follows can be checked.
    pub keeps: bool,
}

/// `col("x")`: what to write for a column that is called by its name.
pub(super) fn column(name: &str, args: &[Arg]) -> Option<String> {
    const CALLS: &[&str] = &["col", "column", "field", "attr", "getattr", "get", "prop", "feature"];
    let [arg] = args else { return None };
    let ExprKind::Str(column) = &arg.value.kind else {
        return None;
    };
    CALLS
        .contains(&folded(name).as_str())
        .then(|| format!("a column is its name: write `{column}`"))
}

/// The parameter that a name of other libraries means.
pub(super) fn parameter<'p>(given: &str, params: &[&'p str]) -> Option<&'p str> {
    let given = folded(given);
    let groups =
        PARAMETERS.iter().filter(|(names, _)| names.iter().any(|name| folded(name) == given));
    let mut meant = groups.flat_map(|(_, here)| here.iter());
    meant.find_map(|here| params.iter().find(|param| *param == here).copied())
}

/// How an operator of another language is written here.
pub(super) fn operator(name: &str) -> Option<Foreign> {
    let (_, what, write, example, keeps) = find(OPERATORS, |entry| entry.0, name)?;
    Some(Foreign { what, write, example, keeps: *keeps })
}

/// How what is done there with another set is written here, as a sign between the two.
pub(super) fn with_set(name: &str) -> Option<&'static str> {
    const SIGNS: &[(&[&str], &str)] = &[
        (
            &[
                "exclude",
                "reject",
                "remove",
                "without",
                "except",
                "except_all",
                "minus",
                "difference",
                "subtract",
                "anti_join",
                "not_in",
                "drop",
            ],
            "for the rows of one set without those of another, write `a - b`",
        ),
        (
            &[
                "merge",
                "concat",
                "append",
                "extend",
                "union",
                "union_all",
                "bind_rows",
                "add",
                "plus",
                "or",
            ],
            "for the rows of both sets, write `a | b`",
        ),
        (
            &["intersect", "intersection", "semi_join", "and"],
            "for the rows that are in both sets, write `a & b`",
        ),
    ];
    find(SIGNS, |entry| entry.0, name).map(|entry| entry.1)
}

/// What to write for a function of another language.
pub(super) fn function(name: &str) -> Option<&'static str> {
    find(FUNCTIONS, |entry| entry.0, name).map(|entry| entry.1)
}

impl Foreign {
    /// A help line that shows what to write, with the arguments that were given where they fit.
    pub fn help(&self, args: &[Arg], is_time: &dyn Fn(&str) -> bool) -> String {
        if self.example == "created_at"
            && let Some(score) = order(args, is_time)
        {
            return format!("{}: write `.score({score})`", self.what);
        }
        let given: Vec<String> = args.iter().filter_map(fitting).collect();
        let fits = !given.is_empty() && given.len() == args.len() && self.takes(args);
        let args = match fits {
            true => given.join(", "),
            false => self.example.to_owned(),
        };
        format!("{}: write `{}`", self.what, self.write.replace("{}", &args))
    }

    /// Whether such arguments can be meant as they are.
    fn takes(&self, args: &[Arg]) -> bool {
        let one = args.len() == 1 && args[0].name.is_none();
        let number = |arg: &Arg| matches!(arg.value.kind, ExprKind::Int(_));
        match self.write {
            ".take({})" => one && number(&args[0]) && !self.example.contains('='),
            ".sample({})" => one && number(&args[0]),
            ".filter({})" | ".filter(not ({}))" => {
                one && !matches!(args[0].value.kind, ExprKind::Name(_) | ExprKind::Int(_))
                    && !self.example.contains("null")
            }
            ".score({})" => one && !number(&args[0]),
            ".select({})" => self.example.starts_with("title") && !self.what.contains("stay"),
            ".let({})" => {
                args.iter().all(|arg| arg.name.is_some()) && !self.what.contains("groups")
            }
            _ => false,
        }
    }
}

impl Checker<'_> {
    /// What is called instead of a source of another language.
    pub(super) fn foreign_source(&self, name: &str, args: &[Arg]) -> Option<String> {
        let (_, help) = find(SOURCES, |entry| entry.0, name)?;
        let named = args.first().and_then(|arg| match &arg.value.kind {
            ExprKind::Name(name) | ExprKind::Str(name) => Some(name.as_str()),
            _ => None,
        });
        let entity = named.filter(|name| self.find_entity(name).is_some());
        let other = self.schema.entities.last().map(|e| e.name.as_str());
        let entity = entity.or(other).unwrap_or("media");
        Some(help.replace("{}", entity))
    }
}
