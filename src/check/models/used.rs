//! A trained model where it is used: the heads of the newest version that was trained from its declaration, over the rows
//! that are there.

use super::trained::{Ids, Trained};
use crate::check::Checker;
use crate::check::env::{Env, Scope};
use crate::check::learned::Declaration;
use crate::check::modules::Kind as NameKind;
use crate::diag::{Diagnostic, code};
use crate::expr::Expr;
use crate::expr::ir::{Kind, Scalar};
use crate::ops::{Input, Model, Predictor, Shape};
use crate::source::Span;
use crate::store::learned::{Found, Kind as Learned};
use crate::syntax::ast::{Item, ItemKind};
use crate::types::Type;
use std::sync::Arc;

impl<'a> Checker<'a> {
    /// The model of an item that is trained.
    pub(super) fn used_model(
        &mut self,
        item: &'a Item,
        span: Span,
        module: usize,
        shape: &Shape,
    ) -> Option<Model> {
        let ItemKind::Model { name, .. } = &item.kind else { return None };
        let is_it = |model: &&Arc<Trained>| model.span == name.span;
        if !self.trained.iter().any(|model| is_it(&model)) {
            self.trained_item(item, module);
        }
        let model = self.trained.iter().find(is_it)?.clone();
        let found = self.version_of(Declaration::of_model(&model), span)?;
        let Found::Model { label, .. } = found else { return None };
        self.predicted(&model, label, span, module, shape)
    }

    /// The heads of a version as functions of what the model reads.
    fn predicted(
        &mut self,
        model: &Trained,
        label: &str,
        span: Span,
        module: usize,
        shape: &Shape,
    ) -> Option<Model> {
        let modules = self.modules;
        let of = self.entity_name(model.entity);
        let predictor = modules.vocabulary.predictor(&format!("{of}.{label}"));
        let usable = |predictor: &&Predictor| predictor.wrong.is_none();
        let Some(predictor) = predictor.filter(usable) else {
            let why = predictor.and_then(|predictor| predictor.wrong.clone()).unwrap_or_default();
            let message = format!("`{label}` cannot be used: {why}");
            let help = "train it again with `igql train`";
            return self.refuse(Diagnostic::new(code::E0503, span, message).help(help));
        };
        let context = self.context_of(model, span, module, shape)?;
        let inputs = self.input_exprs(model, &predictor.inputs, &context, span)?;
        let types = vec![Type::Float; inputs.len()];
        let heads = predictor.heads.iter().map(|(output, function)| {
            let kernel = function.resolve(&types)?.kernel;
            let value = Expr::new(Kind::Call { kernel, args: inputs.clone() }, Type::Float);
            Some((output.name().to_owned(), value))
        });
        let heads = heads.collect::<Option<Vec<(String, Expr)>>>()?;
        let score = match &heads[..] {
            [(_, only)] => Some(only.clone()),
            _ => None,
        };
        Some(Model { name: model.name.clone(), heads, score })
    }

    /// What a version is given for each input: a number, or its place in a vocabulary.
    fn input_exprs(
        &mut self,
        model: &Trained,
        inputs: &[Input],
        context: &[Expr],
        span: Span,
    ) -> Option<Vec<Expr>> {
        let dense = model.inputs.dense.iter().map(|dense| dense.expr.clone());
        let sparse = model.inputs.sparse.iter().filter_map(|sparse| match &sparse.ids {
            Ids::Value(expr) | Ids::Hashed(expr, _) => Some(expr.clone()),
            Ids::History(..) => None,
        });
        let exprs: Vec<Expr> = dense.chain(sparse).collect();
        if exprs.len() != inputs.len() {
            return None;
        }
        let made = exprs.into_iter().zip(inputs).map(|(expr, input)| {
            let expr = in_context(expr, context);
            match input {
                Input::Number => self.as_number(expr, span),
                Input::Place(function) => {
                    let kernel = function.resolve(std::slice::from_ref(&expr.ty))?.kernel;
                    Some(Expr::new(Kind::Call { kernel, args: vec![expr] }, Type::Float))
                }
            }
        });
        made.collect()
    }

    /// A dense input as a number, as it was in the training table: durations and ages in seconds, true is 1.
    fn as_number(&mut self, expr: Expr, span: Span) -> Option<Expr> {
        let second = || Expr::constant(Scalar::I64(1_000_000), Type::Duration);
        Some(match expr.ty {
            Type::Bool => self.bool_number(expr, span),
            Type::Duration => self.apply("/", vec![expr, second()], span),
            Type::Time => {
                let now = Expr::new(Kind::Now, Type::Time);
                let age = self.apply("-", vec![now, expr], span);
                self.apply("/", vec![age, second()], span)
            }
            _ => self.convert(expr, &Type::Float)?,
        })
    }

    /// What stands for what only a request knows: a column of the rows, or a parameter of that name.
    fn context_of(
        &mut self,
        model: &Trained,
        span: Span,
        module: usize,
        shape: &Shape,
    ) -> Option<Vec<Expr>> {
        let modules = self.modules;
        let mut found = Vec::new();
        for context in &model.inputs.context {
            let column = shape.columns.iter().position(|column| column.name == context.name);
            let value = match column {
                Some(place) => {
                    Some(Expr::new(Kind::Bound(place as u32), shape.columns[place].ty.clone()))
                }
                None => {
                    let item = modules.find(0, NameKind::Rest, &context.name).next();
                    let item =
                        item.or_else(|| modules.find(module, NameKind::Rest, &context.name).next());
                    match item.map(|(_, item)| &item.kind) {
                        Some(ItemKind::Param { name, .. }) => {
                            let scope = Scope::rows(shape);
                            Some(self.name(&name.text, span, &Env::top(0), &scope))
                        }
                        _ => None,
                    }
                }
            };
            let value = value.and_then(|value| self.convert(value, &context.ty));
            let Some(value) = value.filter(|value| !value.is_error()) else {
                let name = &context.name;
                let ty = self.type_name(&context.ty);
                let message = format!("model `{}` reads `{name}`, which is not there", model.name);
                let help =
                    format!("bind it with `let({name}=...)`, or declare `param {name}: {ty}`");
                return self.refuse(Diagnostic::new(code::E0203, span, message).help(help));
            };
            found.push(value);
        }
        Some(found)
    }
}

/// An expression with what stands for the context in its place.
fn in_context(expr: Expr, context: &[Expr]) -> Expr {
    if context.is_empty() {
        return expr;
    }
    expr.map(&mut |part| match part.kind {
        Kind::Bound(place) => context.get(place as usize).cloned().unwrap_or(part),
        _ => part,
    })
}

impl Declaration {
    /// That of a model that is trained on examples.
    pub(in crate::check) fn of_model(model: &Arc<Trained>) -> Declaration {
        Declaration {
            kind: Learned::Model,
            name: model.name.clone(),
            learner: model.kind.name(),
            entities: vec![model.entity],
            settings: Vec::new(),
            text: model.text.clone(),
            hash: model.hash.clone(),
            span: model.span,
            model: Some(model.clone()),
        }
    }
}
