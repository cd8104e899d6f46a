//! What declarations of models in files share: their arguments, the place of the file, and what becomes of features.

use crate::check::Checker;
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::Expr;
use crate::expr::ir::Kind;
use crate::files;
use crate::learn::trees::Wrong;
use crate::ops::{Model, Predictor, Served, Unread};
use crate::source::Span;
use crate::syntax::ast::{self, Arg, ExprKind, Name};
use crate::syntax::print_expression;
use crate::types::Type;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128;

/// Versions of what was learned know of a time until when; a file says nothing of that.
pub(super) const NO_TIME: i64 = i64::MIN + 1;

/// The arguments by name.
pub(super) struct Given<'a>(Vec<(&'static str, &'a ast::Expr)>);

impl<'a> Given<'a> {
    pub(super) fn get(&self, name: &str) -> Option<&'a ast::Expr> {
        self.0.iter().find(|(given, _)| *given == name).map(|(_, value)| *value)
    }
}

/// A feature as it is written: its name, and where it stands.
pub(super) struct Feature<'a> {
    pub(super) name: String,
    pub(super) span: Span,
    pub(super) value: &'a ast::Expr,
}

impl<'a> Checker<'a> {
    /// The arguments of a kind of model in files, the first of which need no names.
    pub(super) fn file_args(
        &mut self,
        (callee, args): (&Name, &'a [Arg]),
        params: &[&'static str],
        unnamed: usize,
    ) -> Option<Given<'a>> {
        let kind = &callee.text;
        let mut given = Given(Vec::new());
        for (place, arg) in args.iter().enumerate() {
            let param = match &arg.name {
                Some(name) => params.iter().find(|param| **param == name.text),
                // others are given by name
                None => params[..unnamed].get(place),
            };
            let span = arg.name.as_ref().map_or(arg.value.span, |name| name.span);
            let Some(&param) = param else {
                let text = arg.name.as_ref().map_or("", |name| &name.text);
                let first = if unnamed == 1 { "a path" } else { "a path and features" };
                let message = match &arg.name {
                    Some(_) => format!("`{kind}` has no parameter `{text}`"),
                    None => format!("`{kind}` takes {first}; others are given by name"),
                };
                let help = match suggest::nearest(text, params.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("its parameters are {}", params.join(", ")),
                };
                return self.refuse(Diagnostic::new(code::E0304, span, message).help(help));
            };
            if given.get(param).is_some() {
                let message = format!("`{param}` is given twice");
                let help = "leave one of them out";
                return self.refuse(Diagnostic::new(code::E0305, span, message).help(help));
            }
            given.0.push((param, &arg.value));
        }
        Some(given)
    }

    /// Where the file lies that a path names: as it is written, and where that stands.
    pub(super) fn file_place(
        &mut self,
        callee: &Name,
        expr: Option<&'a ast::Expr>,
        usage: &str,
        module: usize,
    ) -> Option<(&'a str, PathBuf, Span)> {
        let Some(expr) = expr else {
            let message = format!("`{}` needs the path of a file", callee.text);
            let help = format!("write `{usage}`");
            return self.refuse(Diagnostic::new(code::E0303, callee.span, message).help(help));
        };
        let ExprKind::Str(path) = &expr.kind else {
            let message = "the path of a file is a string that is written out";
            let help = format!("write `{usage}`");
            return match expr.kind {
                ExprKind::Error => None,
                _ => self.refuse(Diagnostic::new(code::E0302, expr.span, message).help(help)),
            };
        };
        let place = self.modules.all[module].folder.join(path);
        let is_inside = self.modules.roots.iter().any(|root| files::is_below(&place, root));
        if place.exists() && !is_inside {
            let message = format!("`{path}` is outside the folders of the program and the catalog");
            let help = "put it into one of them, or allow imports from its folder";
            return self.refuse(Diagnostic::new(code::E0503, expr.span, message).help(help));
        }
        Some((path, place, expr.span))
    }

    /// The features of a list, whose names are their texts, or of a record.
    pub(super) fn feature_list(
        &mut self,
        callee: &Name,
        expr: Option<&'a ast::Expr>,
    ) -> Option<Vec<Feature<'a>>> {
        let help = "write `features=[quality, age]`, or `features={quality: expression}`";
        let Some(expr) = expr else {
            let message = format!("`{}` needs `features`", callee.text);
            return self.refuse(Diagnostic::new(code::E0303, callee.span, message).help(help));
        };
        match &expr.kind {
            ExprKind::List(items) => {
                let feature = |value: &'a ast::Expr| Feature {
                    name: print_expression(value),
                    span: value.span,
                    value,
                };
                Some(items.iter().map(feature).collect())
            }
            ExprKind::Record(fields) => {
                let feature = |(name, value): &'a (Name, ast::Expr)| Feature {
                    name: name.text.clone(),
                    span: name.span,
                    value,
                };
                Some(fields.iter().map(feature).collect())
            }
            ExprKind::Error => None,
            _ => {
                let message = "`features` is a list or a record";
                self.refuse(Diagnostic::new(code::E0302, expr.span, message).help(help))
            }
        }
    }
}

/// The heads as functions of the features; the only one is the score as well.
pub(super) fn scoring(
    name: &str,
    predictor: &Predictor,
    values: Vec<Expr>,
    served: Served,
) -> Model {
    let heads = predictor.heads.iter().map(|(output, kernel)| {
        let call = Kind::Call { kernel: *kernel, args: values.clone() };
        (output.name().to_owned(), Expr::new(call, Type::Float))
    });
    let heads: Vec<(String, Expr)> = heads.collect();
    let score = match &heads[..] {
        [(_, only)] => Some(only.clone()),
        _ => None,
    };
    Model { name: name.to_owned(), heads, score, served: Some(Arc::new(served)) }
}

/// What logs are told: features by their names, which mean what they do for this model.
pub(super) fn as_logged(name: &str, label: String, features: &[Feature]) -> Served {
    let mut inputs: Vec<String> = Vec::new();
    for (number, feature) in (1..).zip(features) {
        let column = format!("{name}: {}", feature.name);
        // two may be the same
        inputs.push(if inputs.contains(&column) { format!("{column} {number}") } else { column });
    }
    let texts = features.iter().map(|feature| print_expression(feature.value));
    let names = features.iter().map(|feature| feature.name.clone()).collect();
    let all: Vec<String> = inputs.iter().cloned().chain(texts).collect();
    Served {
        label,
        feature_hash: format!("{:032x}", xxh3_128(all.join("\n").as_bytes())),
        buckets: vec![None; inputs.len()],
        inputs,
        names,
        upstream: Vec::new(),
    }
}

/// What is said of a file that is no model, and what to do.
pub(super) fn unread_message(unread: &Unread, written: &str, path: &Path) -> (String, String) {
    match unread {
        Unread::Io(error) => {
            let help = match near_file(path).filter(|_| !path.exists()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "paths are relative to the file where they stand".to_owned(),
            };
            (format!("`{written}` cannot be read: {error}"), help)
        }
        Unread::Wrong(wrong) => {
            let Wrong { help, .. } = wrong;
            let help = help.clone().unwrap_or_else(|| "write it again with the library".to_owned());
            (format!("`{written}` cannot be used: {wrong}"), help)
        }
        #[cfg(feature = "onnx")]
        Unread::Network(wrong) => {
            let help = wrong.help.clone().unwrap_or_else(|| "export it again".to_owned());
            (format!("`{written}` cannot be used: {wrong}"), help)
        }
    }
}

/// A file of a similar name beside one that is not there.
fn near_file(path: &Path) -> Option<String> {
    let wanted = path.file_name()?.to_str()?;
    let beside = std::fs::read_dir(path.parent()?).ok()?;
    let files = beside.flatten().filter(|entry| entry.path().is_file());
    let mut names: Vec<String> =
        files.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    suggest::nearest(wanted, names.iter().map(String::as_str)).map(str::to_owned)
}

/// The first of many names.
pub(super) fn in_short(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
    let rest = if names.len() > SHOWN {
        format!(" and {} more", names.len() - SHOWN)
    } else {
        String::new()
    };
    format!("{}{rest}", shown.join(", "))
}
