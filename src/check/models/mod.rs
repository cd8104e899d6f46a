//! Models by name, and their kinds: one file each, and a line in [`KINDS`].

mod formula;
mod in_files;
mod linear;
#[cfg(feature = "onnx")]
mod onnx;
mod pinned;
mod registered;
pub mod trained;
mod trees;
mod used;

pub use pinned::given_of_items;

use super::env::{Env, Local, Scope};
use super::modules::Kind;
use super::{Checker, bare_name};
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::Expr;
use crate::ops::{Model, Shape};
use crate::source::Span;
use crate::syntax::ast::{self, Arg, ExprKind, ItemKind, Name};
use crate::types::{EntityId, Type};
use trained::{is_trained, is_trained_kind};

/// The declaration of a kind of model.
pub(super) struct ModelKind {
    pub(super) name: &'static str,
    /// As help shows it.
    pub(super) usage: &'static str,
    pub(super) bind: Bind,
}

/// From a call, in a declaration of that name, to the heads and the score over rows of a shape.
pub(super) type Bind =
    for<'a> fn(&mut Checker<'a>, &str, &'a Name, &'a [Arg], &Env<'a>, &Shape) -> Option<Model>;

/// Every kind of model.
const KINDS: &[&ModelKind] = &[
    // in the order in which messages name them
    &formula::FORMULA,
    &linear::LINEAR,
    &trees::LIGHTGBM,
    &trees::XGBOOST,
    #[cfg(feature = "onnx")]
    &onnx::ONNX,
];

/// Kinds that are always trained; a linear model is where its inputs are given without weights.
const TRAINED: [&str; 3] = ["mlp", "mtml", "classifier"];

/// Kinds that are known to other versions.
const UNSUPPORTED: [&str; 3] = ["two_tower", "distill", "onnx"];

/// Whether a name is that of a kind of model, in this version or another.
pub fn is_model_kind(name: &str) -> bool {
    let known = KINDS.iter().any(|kind| kind.name == name) || TRAINED.contains(&name);
    known || UNSUPPORTED.contains(&name)
}

impl<'a> Checker<'a> {
    /// The model that an argument names, over rows of a shape.
    pub(super) fn model(
        &mut self,
        expr: &'a ast::Expr,
        env: &Env<'a>,
        shape: &Shape,
    ) -> Option<Model> {
        match &expr.kind {
            ExprKind::Name(name) => match env.find(name).cloned() {
                Some(Local::Model { name: expr, env }) => self.model(expr, &env, shape),
                Some(Local::Error) => None,
                Some(Local::Thunk { expr: inner, env, .. }) if bare_name(inner) != Some(name) => {
                    self.model(inner, &env, shape)
                }
                _ => self.model_named(name, expr.span, env.module, shape),
            },
            ExprKind::Version { name, version } => {
                self.numbered_model((name, *version), expr.span, env.module, shape)
            }
            ExprKind::Call { callee, args } => {
                self.model_call(&callee.text, callee, args, env, shape)
            }
            ExprKind::Error => None,
            kind => {
                let message = "expected the name of a model";
                let help = match kind {
                    ExprKind::Str(name) => Some(super::quoted::without_quotes(name)),
                    _ => None,
                };
                self.report(Diagnostic::new(code::E0302, expr.span, message).maybe_help(help));
                None
            }
        }
    }

    pub(super) fn model_named(
        &mut self,
        name: &str,
        span: Span,
        module: usize,
        shape: &Shape,
    ) -> Option<Model> {
        let modules = self.modules;
        for number in modules.order(module) {
            for item in modules.all[number].find(Kind::Model, name) {
                let ItemKind::Model { entity, value, .. } = &item.kind else {
                    continue;
                };
                if self.find_entity(&entity.text) != Some(shape.entity) {
                    continue;
                }
                self.mark_used(item);
                if is_trained(value) {
                    return self.once("model", name, 0, span, |this| {
                        this.within(name, span, |this| this.used_model(item, span, number, shape))
                    });
                }
                return self.declared_model(name, value, span, number, shape);
            }
        }
        self.unknown_model(name, span, module, shape.entity);
        None
    }

    pub(super) fn declared_model(
        &mut self,
        name: &str,
        value: &'a ast::Expr,
        span: Span,
        module: usize,
        shape: &Shape,
    ) -> Option<Model> {
        self.once("model", name, 0, span, |this| {
            let model = match &value.kind {
                ExprKind::Call { callee, args } => this.within(name, span, |this| {
                    this.model_call(name, callee, args, &Env::top(module), shape)
                }),
                _ => this.model(value, &Env::top(module), shape),
            };
            model.map(|model| Model { name: name.to_owned(), ..model })
        })
    }

    /// A call of a kind of model.
    fn model_call(
        &mut self,
        name: &str,
        callee: &'a Name,
        args: &'a [Arg],
        env: &Env<'a>,
        shape: &Shape,
    ) -> Option<Model> {
        if is_trained_kind(callee, args) {
            self.model_untrained(name, self.here.uses.last().map_or(callee.span, |site| site.span));
            return None;
        }
        if let Some(kind) = KINDS.iter().find(|kind| kind.name == callee.text) {
            return (kind.bind)(self, name, callee, args, env, shape);
        }
        let vocabulary = &*self.modules.vocabulary;
        if let Some(kind) = vocabulary.models().iter().find(|kind| kind.name == callee.text) {
            return self.registered_model(kind, name, callee, args, env, shape);
        }
        self.unknown_kind(callee);
        None
    }

    fn unknown_kind(&mut self, callee: &Name) {
        let own = self.modules.vocabulary.models();
        let usages = own.iter().map(|kind| format!("{}([{}])", kind.name, kind.inputs.join(", ")));
        let usages = KINDS.iter().map(|kind| kind.usage.to_owned()).chain(usages);
        let usages = listed(usages);
        if UNSUPPORTED.contains(&callee.text.as_str()) {
            if callee.text == "onnx" {
                let message = "this build of igql does not read ONNX";
                let help = "build it with the feature: `cargo install --path . --features onnx`";
                return self.report(Diagnostic::new(code::E0509, callee.span, message).help(help));
            }
            let message = format!("this version does not support `{}(...)` models", callee.text);
            let help = format!(
                "it supports {usages}, and trains `linear`, `mlp` and `mtml` by their `heads={{p_like: likes}}`: what a model gives for each row can also be a column of the table"
            );
            return self.report(Diagnostic::new(code::E0509, callee.span, message).help(help));
        }
        let names = KINDS.iter().map(|kind| kind.name).chain(TRAINED);
        let names = names.chain(own.iter().map(|kind| &*kind.name));
        let help = match suggest::nearest(&callee.text, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("kinds are {usages}"),
        };
        let message = format!("unknown kind of model `{}`", callee.text);
        self.report(Diagnostic::new(code::E0206, callee.span, message).help(help));
    }

    /// A number over the rows of the model's entity; bound columns can be read as well.
    pub(super) fn model_expr(
        &mut self,
        expr: &'a ast::Expr,
        env: &Env<'a>,
        shape: &Shape,
    ) -> Option<Expr> {
        let scope = Scope::rows(shape);
        let typed = self.typed(expr, env, &scope, &Type::Float);
        (!typed.is_error()).then_some(typed)
    }

    fn model_untrained(&mut self, name: &str, span: Span) {
        let kinds = listed(KINDS.iter().map(|kind| kind.name.to_owned()));
        let help = format!("only models of kind {kinds} need no training");
        self.report(
            Diagnostic::new(code::E0501, span, format!("model `{name}` is not trained")).help(help),
        );
    }

    fn unknown_model(&mut self, name: &str, span: Span, module: usize, entity: EntityId) {
        if self.is_lost(name) {
            return;
        }
        let entity_name = self.entity_name(entity);
        if name == "default" {
            let message = format!("there is no default model of `{entity_name}`");
            let help = format!(
                "add `model default on {entity_name} = ...` to the prelude, or name a model"
            );
            return self.report(Diagnostic::new(code::E0404, span, message).help(help));
        }
        let modules = self.modules;
        let known: Vec<&str> = modules
            .order(module)
            .flat_map(|m| modules.all[m].all(Kind::Model))
            .map(|(name, _)| name)
            .collect();
        let help = match suggest::nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => {
                format!("declare it: `model {name} on {entity_name} = ...`")
            }
            None => format!("models are {}", known.join(", ")),
        };
        let message = format!("there is no model `{name}` on `{entity_name}`");
        self.report(Diagnostic::new(code::E0206, span, message).help(help));
    }
}

/// `` `a`, `b` and `c` ``.
fn listed(names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    let last = names.pop().unwrap_or_default();
    match names.is_empty() {
        true => last,
        false => format!("{} and {last}", names.join(", ")),
    }
}
