//! What to write instead of an expression that has the wrong type or calls what is not there.

use crate::check::Checker;
use crate::check::env::{Env, Scope};
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::functions::{Function, Role};
use crate::expr::ir::{Expr, Kind, LinkField, Scalar, Stat};
use crate::source::Span;
use crate::syntax::ast::{self, Arg, ExprKind, UnaryOp};
use crate::types::Type;

impl<'a> Checker<'a> {
    /// A duration that was written as text.
    pub(super) fn duration_in(&self, found: &Expr) -> Option<String> {
        let duration = crate::syntax::duration_in(&self.text_of(found)?)?;
        Some(format!("write it without quotes: `{duration}`"))
    }

    /// Of values of which one should be a time: how a text is written as one, or the line of the catalog
    /// that makes one of a column.
    pub(super) fn is_no_time(&self, values: &[Expr]) -> Option<String> {
        values.iter().find_map(|value| {
            if let Some(time) = self.text_of(value).and_then(|t| crate::syntax::time_in(&t)) {
                return Some(format!("a time is written without quotes: `{time}`"));
            }
            let (section, name) = self.stored_as(value)?;
            let (what, unit) = match value.ty {
                Type::String => ("text", ""),
                Type::Int | Type::Float => ("a number", ", unit = \"s\""),
                _ => return None,
            };
            Some(format!(
                "`{name}` is {what}; if it holds times, the catalog says so: under `[{section}.columns]`, \
                 `{name} = {{ type = \"time\"{unit} }}`"
            ))
        })
    }

    /// The section of the catalog that a column is of, and its name there.
    fn stored_as(&self, value: &Expr) -> Option<(String, String)> {
        match &value.kind {
            Kind::Read { entity, column, .. } => {
                let table = self.schema.entity(*entity);
                let name = table.columns[*column as usize].name.clone();
                Some((format!("entity.{}", table.name), name))
            }
            Kind::Outer(inner) => self.stored_as(inner),
            Kind::Link(LinkField::Column(column)) => {
                let edge = self.here.links.last()?;
                let (table, _) = crate::check::names::base_table(&edge.kind)?;
                let name = edge.columns.get(*column as usize)?.0.clone();
                Some((format!("edge.{}", self.schema.edge(table).name), name))
            }
            _ => None,
        }
    }

    /// A text that is known.
    pub(in crate::check) fn text_of(&self, value: &Expr) -> Option<String> {
        match value.as_const()? {
            Scalar::Text(text) => Some(text.to_string()),
            Scalar::Code(code) if value.ty == Type::String => {
                Some(self.texts.get(*code)?.into_owned())
            }
            _ => None,
        }
    }

    /// An aggregate of something that is neither a set nor links.
    pub(super) fn nothing_to_aggregate(
        &mut self,
        callee: &ast::Name,
        args: &'a [Arg],
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) {
        let name = &callee.text;
        if args.iter().any(|arg| arg.value.kind == ExprKind::Error) {
            return;
        }
        if let Some((edge, near)) = self.misspelt_links(args, env) {
            let message = format!("there is no edge `{}`", edge.text);
            let help = format!("did you mean `{near}`?");
            return self.report(Diagnostic::new(code::E0205, edge.span, message).help(help));
        }
        let (message, help, span) = match self.bare_edge(args, env) {
            Some((edge, reversed, span)) => {
                let help = match reversed {
                    true => format!("write `{name}(~{edge}(it))`"),
                    false => format!("write `{name}({edge}(viewer))`, or `{name}(~{edge}(it))`"),
                };
                let message = format!("`{name}` needs the links of `{edge}` from some row");
                (message, help, span)
            }
            None => {
                let help = self
                    .aggregate_of_column(name, args, env, scope)
                    .unwrap_or_else(|| format!("write `{name}(rows)`, or `{name}(edge(viewer))`"));
                let message =
                    format!("`{name}` aggregates a candidate set or the links of an edge");
                (message, help, args.first().map_or(callee.span, |arg| arg.span))
            }
        };
        self.report(Diagnostic::new(code::E0313, span, message).help(help));
    }

    /// The links of no edge, `liks(viewer)`, and the edge that was meant.
    fn misspelt_links<'e>(
        &mut self,
        args: &'e [Arg],
        env: &Env<'a>,
    ) -> Option<(&'e ast::Name, &'a str)> {
        let ExprKind::Call { callee, .. } = &args.first()?.value.kind else { return None };
        let is_function = self.modules.vocabulary.function(&callee.text).is_some()
            || self.usable_names(env.module).contains(&callee.text.as_str());
        let near = self.near_edge(&callee.text, env.module).filter(|_| !is_function)?;
        Some((callee, near))
    }

    /// The edge that stands without its ends as the first argument, and whether it is reversed.
    fn bare_edge<'e>(&self, args: &'e [Arg], env: &Env<'a>) -> Option<(&'e str, bool, Span)> {
        let arg = args.first().filter(|arg| arg.name.is_none())?;
        let (reversed, edge) = match &arg.value.kind {
            ExprKind::Unary { op: UnaryOp::Reverse, operand } => (true, &**operand),
            _ => (false, &arg.value),
        };
        let edge = crate::check::bare_name(edge).filter(|edge| self.edge_exists(edge, env))?;
        Some((edge, reversed, arg.span))
    }

    /// `mean(quality)`, `mean(all(media).quality)`: a set stands before what is aggregated of its rows.
    fn aggregate_of_column(
        &self,
        name: &str,
        args: &'a [Arg],
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Option<String> {
        let [arg] = args else { return None };
        let printed = crate::syntax::print_expression;
        if let ExprKind::Field { receiver, name: column } = &arg.value.kind
            && self.is_set(receiver, env)
        {
            return Some(format!("write `{name}({}, {})`", printed(receiver), column.text));
        }
        let row = scope.row.as_ref()?;
        let entity = self.entity_name(row.entity);
        Some(format!("the rows come first: write `{name}(all({entity}), {})`", printed(&arg.value)))
    }

    /// `math.log(x)`, `np.log1p(x)`, `pl.col("x")`: what to write for a call that follows the name of a
    /// library of another language.
    pub(super) fn of_library(
        &self,
        receiver: &ast::Expr,
        name: &ast::Name,
        args: &[Arg],
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Option<String> {
        let library = crate::check::bare_name(receiver)?;
        if !LIBRARIES.contains(&library) || self.knows(library, env, scope) {
            return None;
        }
        crate::check::foreign::column(&name.text, args).or_else(|| {
            let function = self.modules.vocabulary.function(&name.text)?.name;
            let args = printed_args(args);
            Some(format!("functions are called by name: `{function}({args})`"))
        })
    }

    pub(super) fn wrong_arguments(
        &mut self,
        function: &'static Function,
        args: &[Expr],
        types: &[Type],
        span: Span,
    ) {
        let names: Vec<String> = types.iter().map(|t| self.type_name(t)).collect();
        let diagnostic = wrong_count(function, types.len(), span)
            .or_else(|| wrong_operands(function, &names, types, span))
            .unwrap_or_else(|| wrong_types(function, &names, types, span));
        let help = self.not_of_time(function, args, types);
        self.report(diagnostic.maybe_help(help));
    }

    /// What to do about an argument that is no time where one is wanted, if that is what is wrong.
    fn not_of_time(&self, function: &Function, args: &[Expr], types: &[Type]) -> Option<String> {
        let of_times = function.form.is_of_time();
        let wants_time = of_times || types.contains(&Type::Time);
        let column = wants_time.then(|| self.is_no_time(args)).flatten();
        column.or_else(|| {
            let duration = args.iter().find_map(|arg| self.duration_in(arg));
            duration.filter(|_| of_times)
        })
    }

    pub(super) fn unknown_function(&mut self, callee: &ast::Name, args: &[Arg], env: &Env<'a>) {
        let (name, span) = (callee.text.as_str(), callee.span);
        if self.is_lost(name) {
            return;
        }
        if let Some(help) = self.gives_no_value(name, args, env) {
            let message = format!("`{name}` does not give a value");
            return self.report(Diagnostic::new(code::E0313, span, message).help(help));
        }
        let functions = self.modules.vocabulary.functions().map(|f| f.name);
        let aggregates = Stat::NAMES.iter().map(|(n, _)| *n);
        let mut known: Vec<&str> = functions.chain(aggregates).collect();
        known.extend(["score_of", "position_of"]);
        known.extend(self.usable_names(env.module));
        let near = suggest::nearest(name, known.into_iter());
        let foreign = foreign_function(name, args);
        if near.is_none() && foreign.is_none() && self.may_be_imported(env.module) {
            return;
        }
        let help = self
            .of_another_entity(name)
            .or(foreign)
            .or_else(|| near.map(|near| format!("did you mean `{near}`?")))
            .unwrap_or_else(|| "docs/functions.md lists the functions".to_owned());
        let message = format!("there is no function `{name}`");
        self.report(Diagnostic::new(code::E0202, span, message).help(help));
    }

    /// What to write instead of a call of an edge, or of an operator of sets.
    fn gives_no_value(&self, name: &str, args: &[Arg], env: &Env<'a>) -> Option<String> {
        if self.edge_exists(name, env) {
            let links = format!("{name}({})", printed_args(args));
            return Some(match args {
                [] => format!("use the links of an edge in an aggregate: `count({name}(...))`"),
                _ => format!(
                    "whether there is such a link is `exists({links})`, how many there are `count({links})`"
                ),
            });
        }
        self.modules.vocabulary.operator(name)?;
        let help =
            "to use a set in a row expression, use `in` or an aggregate such as `count(...)`";
        Some(help.to_owned())
    }
}

/// Libraries of other languages, by the names that programs there have for them.
#[rustfmt::skip]
const LIBRARIES: [&str; 14] = [
    "math", "Math", "np", "numpy", "pl", "polars", "pd", "pandas", "torch", "tf", "F", "fn",
    "functions", "std",
];

/// Arguments as they are written, without their names.
fn printed_args(args: &[Arg]) -> String {
    let printed = args.iter().map(|arg| crate::syntax::print_expression(&arg.value));
    printed.collect::<Vec<_>>().join(", ")
}

/// How to make a `want` of what was found; `literal` if it is written in the program.
pub(super) fn conversion_help(found: &Type, want: &Type, literal: bool) -> Option<String> {
    Some(match (found, want) {
        (Type::String, Type::Int | Type::Float) if !literal => {
            "a string is not a number; `1 if x == \"text\" else 0` makes one".to_owned()
        }
        (Type::Int | Type::Float, Type::String) if !literal => {
            "a number is not a string; compare it with numbers".to_owned()
        }
        (Type::Float, Type::Int) => "write `int(x)`, or `round(x)`".to_owned(),
        (Type::Bool, Type::Int | Type::Float) => "write `1 if condition else 0`".to_owned(),
        (Type::Int | Type::Float, Type::Bool) => "compare it: `x > 0`".to_owned(),
        (Type::String, Type::Duration) => "write a duration without quotes: `7d`".to_owned(),
        (Type::Int | Type::Float, Type::Duration) => {
            "give the number a unit: `7d`, `30m`, `90s`".to_owned()
        }
        (Type::String, Type::Id(_)) => {
            "keys of this entity are ints: write it without quotes".to_owned()
        }
        (Type::Int, Type::Id(_)) => "keys of this entity are strings: put it in quotes".to_owned(),
        (Type::String, Type::Time) => "write a time as `@2024-05-01`".to_owned(),
        (Type::String, Type::Float | Type::Int) => "write the number without quotes".to_owned(),
        (_, Type::String) if found.is_number() => "put the text in quotes".to_owned(),
        (Type::List(_), Type::Bool) => "test an element: `x in list`".to_owned(),
        (Type::String, Type::Bool) => "compare it: `x == \"text\"`".to_owned(),
        (Type::Id(_) | Type::Time | Type::Duration, Type::Bool) => {
            "compare it, or test it: `x is not null`".to_owned()
        }
        (Type::Time, Type::Duration) => "the time since then is `age(x)`".to_owned(),
        (found, Type::List(item)) if !matches!(found, Type::List(_)) && fits(found, item) => {
            "write a list, of one element too: `[x]`".to_owned()
        }
        (Type::List(_), want) if want.is_number() => "the length of a list is `len(x)`".to_owned(),
        _ => return None,
    })
}

/// Whether a value of one type may stand for an element of the other.
fn fits(found: &Type, item: &Type) -> bool {
    found == item || matches!(item, Type::Id(_)) || found.is_number() && item.is_number()
}

pub(super) fn unlike_help(a: &Type, b: &Type) -> Option<String> {
    Some(match (a, b) {
        (Type::Id(_), Type::String) | (Type::String, Type::Id(_)) => {
            "keys of this entity are ints: write it without quotes".to_owned()
        }
        (Type::Id(_), Type::Int) | (Type::Int, Type::Id(_)) => {
            "keys of this entity are strings: put it in quotes".to_owned()
        }
        (Type::Id(_), Type::Id(_)) => "ids of different entities are never equal".to_owned(),
        (Type::Duration, Type::Int | Type::Float) | (Type::Int | Type::Float, Type::Duration) => {
            "give the number a unit: `7d`, `30m`, `90s`".to_owned()
        }
        (Type::Time, Type::Duration) | (Type::Duration, Type::Time) => {
            "compare the age of a time: `age(created_at) < 7d`".to_owned()
        }
        (Type::Time, _) | (_, Type::Time) => {
            "write a time as `@2024-05-01`, or compare its age: `age(created_at) < 7d`".to_owned()
        }
        (Type::List(_), _) | (_, Type::List(_)) => "test an element with `x in list`".to_owned(),
        (Type::String, Type::Int | Type::Float) | (Type::Int | Type::Float, Type::String) => {
            "write numbers without quotes, strings with quotes".to_owned()
        }
        _ => return None,
    })
}

fn sign_help(sign: &str, types: &[Type]) -> Option<String> {
    match (sign, types) {
        ("and" | "or" | "not", _) => Some(
            "conditions are comparisons, as in `quality > 0.5 and age(created_at) < 7d`".to_owned(),
        ),
        ("+" | "-", [Type::Time | Type::Duration, Type::Int | Type::Float]) => {
            Some("give the number a unit: `7d`, `30m`, `90s`".to_owned())
        }
        ("*" | "/" | "**" | "%" | "//", [Type::Duration, Type::Int | Type::Float])
        | ("*" | "/" | "**" | "%" | "//" | "+" | "-", [Type::Int | Type::Float, Type::Duration]) => {
            Some("a duration divided by another is a number: `age(t) / 1d`".to_owned())
        }
        ("+", [_, Type::String] | [Type::String, _]) => {
            Some("`+` adds numbers or joins two texts".to_owned())
        }
        (_, types) if types.contains(&Type::Bool) => {
            Some("a condition counts as a number in `1 if condition else 0`".to_owned())
        }
        (_, types) if types.contains(&Type::String) => {
            Some("arithmetic works on numbers, times and durations".to_owned())
        }
        _ => None,
    }
}

/// Too few or too many arguments.
fn wrong_count(function: &Function, count: usize, span: Span) -> Option<Diagnostic> {
    let (least, most) = function.arity();
    let hidden = function.form.hidden();
    let name = function.name;
    let (code, message) = if count < least {
        let (needs, found) = (least - hidden, count - hidden.min(count));
        (code::E0303, format!("`{name}` needs {needs} argument(s), found {found}"))
    } else {
        let most = most.filter(|most| count > *most)? - hidden;
        (code::E0307, format!("`{name}` takes at most {most} argument(s)"))
    };
    Some(Diagnostic::new(code, span, message).help(format!("use: `{}`", function.usage)))
}

/// An operator, as `+` or `and`, between values of types it does not take.
fn wrong_operands(
    function: &Function,
    names: &[String],
    types: &[Type],
    span: Span,
) -> Option<Diagnostic> {
    let logical = matches!(function.role, Role::And | Role::Or | Role::Not);
    if !function.is_operator() && !logical {
        return None;
    }
    let to = match names {
        [a] => format!("to {a}"),
        [a, b] => format!("to {a} and {b}"),
        _ => "here".to_owned(),
    };
    let message = format!("`{}` cannot be applied {to}", function.name);
    let help = sign_help(function.name, types);
    Some(Diagnostic::new(code::E0302, span, message).maybe_help(help))
}

fn wrong_types(function: &Function, names: &[String], types: &[Type], span: Span) -> Diagnostic {
    let shown = &names[..names.len() - function.form.hidden().min(names.len())];
    let message = format!("`{}` cannot take {}", function.name, shown.join(", "));
    let help = match types {
        [Type::Duration] => "a duration divided by another is a number: `age(t) / 1d`".to_owned(),
        _ => format!("use: `{}`", function.usage),
    };
    Diagnostic::new(code::E0302, span, message).help(help)
}

/// What is written here for a function of another language.
fn foreign_function(name: &str, args: &[Arg]) -> Option<String> {
    crate::check::foreign::column(name, args)
        .or_else(|| crate::check::foreign::function(name).map(str::to_owned))
        .or_else(|| {
            let stat = Stat::find(name)?.name();
            Some(format!("write `{stat}(rows)`, or `{stat}(~likes(it))` for links"))
        })
}
