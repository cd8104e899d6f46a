//! `lightgbm` and `xgboost`: trees that these libraries have trained, from the files that they write.
//!
//! ```text
//! lightgbm("ctr.txt", features=[quality, age(created_at)], heads=[p_click], raw=false)
//! xgboost("ctr.json", features={quality: quality, age: created_at}, iterations=50)
//! ```
//!
//! The file is read when a program is checked: what its features are, and how many outputs it has, is known by it alone.

use super::ModelKind;
use super::in_files::{Feature, Given, NO_TIME, as_logged, in_short, scoring, unread_message};
use crate::check::Checker;
use crate::check::env::{Env, Scope};
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::Expr;
use crate::ops::{Called, Library, Model, ModelFile, Shape};
use crate::source::Span;
use crate::syntax::ast::{self, Arg, ExprKind, Name};
use crate::syntax::{print_expression, print_name};
use crate::types::Type;
use std::sync::Arc;

/// `lightgbm("model.txt", features=[...])`.
pub(super) const LIGHTGBM: ModelKind = ModelKind {
    name: "lightgbm",
    usage: "lightgbm(\"model.txt\", features=[...])",
    bind: |checker, name, callee, args, env, shape| {
        let call = Call { library: Library::LightGbm, name, callee, args };
        checker.tree_model(&call, env, shape)
    },
};

/// `xgboost("model.json", features=[...])`.
pub(super) const XGBOOST: ModelKind = ModelKind {
    name: "xgboost",
    usage: "xgboost(\"model.json\", features=[...])",
    bind: |checker, name, callee, args, env, shape| {
        let call = Call { library: Library::XgBoost, name, callee, args };
        checker.tree_model(&call, env, shape)
    },
};

/// A declaration.
struct Call<'a, 'n> {
    library: Library,
    /// Of the model.
    name: &'n str,
    callee: &'a Name,
    args: &'a [Arg],
}

/// A file, as a program calls it.
struct Opened<'a> {
    path: &'a str,
    file: Arc<ModelFile>,
}

impl<'a> Checker<'a> {
    fn tree_model(&mut self, call: &Call<'a, '_>, env: &Env<'a>, shape: &Shape) -> Option<Model> {
        let given = self.tree_args(call)?;
        let raw = self.raw(given.get("raw"));
        let opened = self.model_file(call, given.get("path"), env.module);
        let features = self.feature_list(call.callee, given.get("features"));
        let values = features.as_ref().and_then(|all| self.feature_values(all, env, shape));
        let (opened, features, raw) = (opened?, features?, raw?);
        self.fits(call, &opened, &features, given.get("features"))?;
        let rounds = self.rounds(given.get("iterations"), &opened);
        let heads = self.head_names(call, given.get("heads"), &opened, raw);
        let (values, rounds, heads) = (values?, rounds?, heads?);
        let version = format!("{}@{}", call.name, opened.file.hash);
        let label = format!("{}.{version}", self.entity_name(shape.entity));
        let called = Called { label: &label, heads: &heads, raw, rounds };
        let predictor = self.modules.vocabulary.files().predictor(&opened.file, called);
        self.versions.insert(version.clone(), NO_TIME);
        Some(scoring(call.name, &predictor, values, as_logged(call.name, version, &features)))
    }

    fn tree_args(&mut self, call: &Call<'a, '_>) -> Option<Given<'a>> {
        let params: &[&'static str] = match call.library {
            Library::LightGbm => &["path", "features", "heads", "raw"],
            Library::XgBoost => &["path", "features", "heads", "raw", "iterations"],
        };
        self.file_args((call.callee, call.args), params, 2)
    }

    /// Whether margins are asked for.
    fn raw(&mut self, expr: Option<&'a ast::Expr>) -> Option<bool> {
        match expr.map(|expr| (&expr.kind, expr.span)) {
            None => Some(false),
            Some((ExprKind::Bool(raw), _)) => Some(*raw),
            Some((ExprKind::Error, _)) => None,
            Some((_, span)) => {
                let message = "`raw` is `true` or `false`, and written out";
                let help = "write `raw=true` for the sum of the trees";
                self.refuse(Diagnostic::new(code::E0213, span, message).help(help))
            }
        }
    }

    /// How many rounds of boosting are added up, if these are not all.
    fn rounds(&mut self, expr: Option<&'a ast::Expr>, of: &Opened) -> Option<Option<usize>> {
        let Some(expr) = expr else { return Some(None) };
        let most = of.file.forest.rounds();
        let (code, message) = match &expr.kind {
            ExprKind::Name(name) if name == "all" => return Some(None),
            ExprKind::Int(rounds) => match usize::try_from(*rounds) {
                Ok(rounds) if (1..=most).contains(&rounds) => return Some(Some(rounds)),
                _ => (code::E0306, format!("`iterations` must be in 1..{most}, found {rounds}")),
            },
            ExprKind::Error => return None,
            _ => (code::E0213, "`iterations` is a number that is written out, or `all`".to_owned()),
        };
        let help = format!("`{}` has {most} iterations", of.path);
        self.refuse(Diagnostic::new(code, expr.span, message).help(help))
    }

    /// The file that a path names, which is relative to the file where it stands.
    fn model_file(
        &mut self,
        call: &Call<'a, '_>,
        expr: Option<&'a ast::Expr>,
        module: usize,
    ) -> Option<Opened<'a>> {
        let usage = match call.library {
            Library::LightGbm => LIGHTGBM.usage,
            Library::XgBoost => XGBOOST.usage,
        };
        let (path, place, span) = self.file_place(call.callee, expr, usage, module)?;
        match self.modules.vocabulary.files().open(&place, call.library) {
            Ok(file) => Some(Opened { path, file }),
            Err(unread) => {
                let (message, help) = unread_message(&unread, path, &place);
                self.refuse(Diagnostic::new(code::E0503, span, message).help(help))
            }
        }
    }

    /// The features as numbers. Null is one that is missing.
    fn feature_values(
        &mut self,
        features: &[Feature<'a>],
        env: &Env<'a>,
        shape: &Shape,
    ) -> Option<Vec<Expr>> {
        let scope = Scope::rows(shape);
        let values = features.iter().map(|feature| {
            let typed = self.scalar(feature.value, env, &scope, None);
            self.tree_number(typed, feature.value.span)
        });
        // all of them, to say of each what is wrong
        let values: Vec<Option<Expr>> = values.collect();
        values.into_iter().collect()
    }

    fn tree_number(&mut self, typed: Expr, span: Span) -> Option<Expr> {
        let help = match &typed.ty {
            Type::Error => return None,
            Type::Int | Type::Float | Type::Bool | Type::Duration | Type::Time => {
                return self.as_number(typed, span);
            }
            Type::String => {
                "give it the number that it had in training, as in `1 if kind == \"video\" else 0`"
            }
            _ => "write a number of it, as one of its columns",
        };
        let found = self.type_name(&typed.ty);
        let message = format!("trees read numbers, bools, durations and times, not {found}");
        self.refuse(Diagnostic::new(code::E0302, span, message).help(help))
    }

    /// Whether features are those of a file: as many, and of the same names where the file has names.
    fn fits(
        &mut self,
        call: &Call<'a, '_>,
        opened: &Opened,
        features: &[Feature],
        written: Option<&ast::Expr>,
    ) -> Option<()> {
        let (path, forest) = (opened.path, &opened.file.forest);
        let span = written.map_or(call.callee.span, |written| written.span);
        let found = match (forest.names(), features.len() == forest.features()) {
            (None, true) => None,
            (Some(names), true) => misnamed(call, path, names, features, span),
            (names, false) => {
                let (count, found) = (counted(forest.features(), "feature"), features.len());
                let message = format!("`{path}` has {count}, found {found}");
                let help = match names {
                    Some(names) => format!("they are {}", in_short(names)),
                    None => "they stand in the order of the columns that it was trained on".into(),
                };
                Some(Diagnostic::new(code::E0504, span, message).help(help))
            }
        };
        match found {
            None => Some(()),
            Some(found) => self.refuse(found),
        }
    }

    /// A name for each output.
    fn head_names(
        &mut self,
        call: &Call<'a, '_>,
        expr: Option<&'a ast::Expr>,
        opened: &Opened,
        raw: bool,
    ) -> Option<Vec<String>> {
        let outputs = opened.file.forest.outputs(raw);
        let help = format!("write `heads=[{}]`", some_names(outputs));
        let wrong = |span, message: String| Diagnostic::new(code::E0504, span, message);
        let Some(expr) = expr else {
            if outputs == 1 {
                return Some(vec![call.name.to_owned()]);
            }
            let message = format!("`{}` has {outputs} outputs, which need names", opened.path);
            return self.refuse(wrong(call.callee.span, message).help(help));
        };
        let ExprKind::List(items) = &expr.kind else {
            let message = "`heads` is a list of names";
            return match expr.kind {
                ExprKind::Error => None,
                _ => self.refuse(Diagnostic::new(code::E0302, expr.span, message).help(help)),
            };
        };
        if items.len() != outputs {
            let (path, found) = (opened.path, items.len());
            let (outputs, found) = (counted(outputs, "output"), counted(found, "name"));
            let message = format!("`{path}` has {outputs}, found {found}");
            return self.refuse(wrong(expr.span, message).help(help));
        }
        let mut names: Vec<String> = Vec::new();
        for item in items {
            let ExprKind::Name(name) = &item.kind else {
                let message = "the name of a head is a name";
                return self.refuse(Diagnostic::new(code::E0302, item.span, message).help(help));
            };
            if names.contains(name) {
                let message = format!("two heads are called `{name}`");
                return self.refuse(wrong(item.span, message).help("give each a name of its own"));
            }
            if !self.check_bindable(&Name { text: name.clone(), span: item.span }) {
                return None;
            }
            names.push(name.clone());
        }
        Some(names)
    }
}

impl Library {
    /// A name of a feature as the library writes it.
    fn name_of(self, name: &str) -> String {
        match self {
            Library::LightGbm => name.replace(char::is_whitespace, "_"),
            Library::XgBoost => name.to_owned(),
        }
    }
}

/// What is wrong with the names of features, of which there are as many as a file has names.
fn misnamed(
    call: &Call,
    path: &str,
    names: &[String],
    features: &[Feature],
    span: Span,
) -> Option<Diagnostic> {
    let own = features.iter().map(|feature| call.library.name_of(&feature.name));
    let own: Vec<String> = own.collect();
    let place = (0..own.len()).find(|&place| own[place] != names[place])?;
    let (name, feature) = (&names[place], &features[place]);
    let differ = format!("feature {} of `{path}` is `{name}`, found `{}`", place + 1, feature.name);
    let (mut a, mut b) = (own.clone(), names.to_vec());
    a.sort_unstable();
    b.sort_unstable();
    if a == b {
        let message = format!("the features stand in another order: {differ}");
        let help = format!("its order is {}", in_short(names));
        return Some(Diagnostic::new(code::E0504, span, message).help(help));
    }
    let help = match suggest::nearest(&own[place], names.iter().map(String::as_str)) {
        Some(near) if near == name => format!("did you mean `{near}`?"),
        _ => {
            let (name, value) = (print_name(name), print_expression(feature.value));
            format!("if that is what it was trained on, say so: `{{{name}: {value}}}`")
        }
    };
    Some(Diagnostic::new(code::E0504, feature.span, differ).help(help))
}

/// `3 outputs`.
fn counted(count: usize, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}

/// `p_1, p_2, p_3`.
fn some_names(count: usize) -> String {
    let names: Vec<String> = (1..=count.min(6)).map(|n| format!("p_{n}")).collect();
    let rest = if count > names.len() { ", ..." } else { "" };
    format!("{}{rest}", names.join(", "))
}
