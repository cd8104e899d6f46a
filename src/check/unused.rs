//! Items that nothing has read: each is read once, with something in the place of its parameters.

use super::Checker;
use super::env::{Env, Local, Scope};
use super::models::trained::{is_classifier, is_trained};
use super::program::Entry;
use super::typing::{Entity, ParamType};
use crate::diag::{Diagnostic, code};
use crate::expr::ir::{Expr, Kind as ExprKind, Scalar};
use crate::ops::{Role, Shape};
use crate::syntax::ast::{self, Item, ItemKind, Name, Param};
use crate::types::Type;

impl<'a> Checker<'a> {
    /// Every item of a file that nothing has read so far.
    pub(super) fn rest(&mut self, m: usize) {
        let modules = self.modules;
        // what another file declares and this program does not use need not be trained for it
        let trains = self.trains;
        self.trains |= m != 0;
        for item in &modules.all[m].file.items {
            let used = self.is_used(item);
            // where a tunable is used only its default is read
            // and a model that is trained is read where it stands, not where it is used
            self.trained_item(item, m);
            if !used || matches!(item.kind, ItemKind::Tunable { .. }) {
                self.item(item, m);
            }
        }
        self.trains = trains;
    }

    pub(super) fn item(&mut self, item: &'a Item, m: usize) {
        let env = Env::top(m);
        match &item.kind {
            ItemKind::Param { name, ty, range, default } => {
                self.request_param(name, ty, range.as_ref(), default.as_ref(), m);
            }
            ItemKind::Tunable { range, default, .. } => {
                self.tunable(range, default, &env);
            }
            ItemKind::Edge(decl) => {
                self.declared_edge(decl, decl.name.span, m);
            }
            ItemKind::Embedding { name, entities, .. } => {
                for e in entities {
                    if let Some(entity) = self.entity_named(&e.text, e.span, m) {
                        self.declared_embedding(item, name.span, m, entity);
                    }
                }
            }
            ItemKind::Model { name, entity, value } => self.unused_model(name, entity, value, m),
            ItemKind::Value(def) => self.unused_row_def(def, "value", m),
            ItemKind::Policy(def) => self.unused_row_def(def, "policy", m),
            ItemKind::Def { params, body, result, .. } => {
                self.unused_def(params, body, result.as_ref(), m)
            }
            ItemKind::Query { params, body, name } => self.with_own_inputs(|checker| {
                checker.query(&Entry { name: name.text.clone(), params, body });
            }),
            ItemKind::Test { settings, body, .. } => self.with_own_inputs(|checker| {
                checker.test(settings, body, m);
            }),
            ItemKind::Binding { value, .. } => self.unused_binding(value, &env),
            // experiments are read before all else
            ItemKind::Experiment { .. }
            | ItemKind::Import(_)
            | ItemKind::Expr(_)
            | ItemKind::Error => {}
        }
    }

    /// The query that runs has none of the parameters that are read here.
    fn with_own_inputs(&mut self, read: impl FnOnce(&mut Self)) {
        let kept = std::mem::take(&mut self.inputs);
        read(self);
        self.inputs = kept;
    }

    fn unused_model(&mut self, name: &'a Name, entity: &'a Name, value: &'a ast::Expr, m: usize) {
        if is_classifier(value) {
            return self.declared_classifier(name, entity, value, m);
        }
        if is_trained(value) {
            return;
        }
        let Some(entity) = self.entity_named(&entity.text, entity.span, m) else {
            return;
        };
        let shape = Shape::of(entity, None);
        // where it is used there may be columns that `let` has bound
        self.here.open_rows = true;
        self.declared_model(&name.text, value, name.span, m, &shape);
        self.here.open_rows = false;
    }

    fn unused_binding(&mut self, value: &'a ast::Expr, env: &Env<'a>) {
        if self.is_set(value, env) {
            self.set(value, env, Role::Source);
        } else if self.is_page(value, env) {
            self.results(value, env);
        } else {
            self.scalar(value, env, &Scope::request(), None);
        }
    }

    fn unused_row_def(&mut self, def: &'a ast::RowDef, what: &'static str, m: usize) {
        let Some(entity) = &def.entity else { return };
        let Some(entity) = self.entity_named(&entity.text, entity.span, m) else {
            return;
        };
        let Some(env) = self.stand_ins(&def.params, m) else {
            return;
        };
        let shape = Shape::of(entity, None);
        let scope = Scope::rows(&shape);
        if what == "policy" {
            self.typed(&def.body, &env, &scope, &Type::Bool);
        } else {
            self.scalar(&def.body, &env, &scope, None);
        }
    }

    pub(super) fn unused_def(
        &mut self,
        params: &'a [Param],
        body: &'a ast::Expr,
        result: Option<&'a ast::TypeExpr>,
        m: usize,
    ) {
        let result = result.map(|ty| self.param_type(ty, m));
        let Some(env) = self.stand_ins(params, m) else {
            return;
        };
        if self.is_page(body, &env) {
            self.results(body, &env);
            return;
        }
        if !self.is_set(body, &env) {
            self.scalar(body, &env, &Scope::request(), None);
            return;
        }
        let node = self.set(body, &env, Role::Source);
        if let (Some(node), Some(ParamType::Set(Entity::Known(want)))) = (node, result) {
            let found = self.graph.shape(node).entity;
            if found != want {
                let (want, found) = (self.entity_name(want), self.entity_name(found));
                let message =
                    format!("declared to give a set of `{want}`, but gives one of `{found}`");
                self.report(Diagnostic::new(code::E0301, body.span, message));
            }
        }
    }

    /// Values of the right kind for the parameters of a definition that is not used; none where
    /// the types alone do not say enough.
    fn stand_ins(&mut self, params: &'a [Param], m: usize) -> Option<Env<'a>> {
        let mut env = Env::top(m);
        // every type is read, so that each that is wrong is reported
        let types: Vec<ParamType> =
            params.iter().map(|param| self.param_type(&param.ty, m)).collect();
        for (param, ty) in params.iter().zip(types) {
            let local = match ty {
                ParamType::Scalar(ty) => self.scalar_stand_in(param, ty, m),
                ParamType::Set(Entity::Known(entity)) => Local::Node(self.everything(entity)),
                ParamType::Embedding(Entity::Known(entity)) => {
                    let mut spaces = self.schema.spaces();
                    let (number, _) = spaces.find(|(_, e)| e.entities.contains(&entity))?;
                    Local::Embedding(number)
                }
                _ => return None,
            };
            env = env.with(&param.name.text, local);
        }
        Some(env)
    }

    /// The default; without one, something that a request would bring.
    fn scalar_stand_in(&mut self, param: &'a Param, ty: Type, m: usize) -> Local<'a> {
        let env = Env::top(m);
        let Some(default) = &param.default else {
            return Local::Scalar(match ty {
                // what has to be known before a request
                Type::Bool => Expr::constant(Scalar::Bool(false), ty),
                _ => Expr::new(ExprKind::Param(u32::MAX, param.name.text.as_str().into()), ty),
            });
        };
        match self.quantity_word(default, &env) {
            Some(quantity) => quantity.unwrap_or(Local::Error),
            None => Local::Scalar(self.typed(default, &env, &Scope::request(), &ty)),
        }
    }
}
