//! What an operator asks for when it is bound, found among the arguments that were given.

use super::Binder;
use crate::catalog::schema::Schema;
use crate::check::bare_name;
use crate::check::env::Scope;
use crate::check::quoted::without_quotes;
use crate::diag::{Diagnostic, code};
use crate::expr::ir::{EdgeExpr, Scalar};
use crate::expr::{Expr, Kind, NodeId};
use crate::extend::{OperatorSignature, RowOperator};
use crate::ops::bind::{Case, RelaxArg, RestArg, RuleArg, SetArg};
use crate::ops::{Bind, Choice, Graph, Model, Quantity, Role, Shape};
use crate::source::Span;
use crate::store::Snapshot;
use crate::syntax::ast::{self, ExprKind};
use crate::types::{EntityId, Type};
use std::collections::BTreeSet;
use std::sync::Arc;

impl<'a> Bind for Binder<'_, 'a> {
    fn schema(&self) -> &Schema {
        self.checker.schema
    }

    fn registered(&self) -> Option<(OperatorSignature, Arc<dyn RowOperator>)> {
        let registry = self.checker.modules.vocabulary.registry();
        let (signature, operator) = registry.operator_named(self.operator)?;
        Some((signature.clone(), operator.clone()))
    }

    fn snapshot(&self) -> &Snapshot {
        self.checker.snapshot
    }

    fn graph(&self) -> &Graph {
        &self.checker.graph
    }

    fn input(&self) -> NodeId {
        self.input.map_or(NodeId(0), |(_, node)| node)
    }

    fn span(&self) -> Span {
        self.name.span
    }

    fn role(&self) -> Role {
        self.role
    }

    fn has(&self, param: &str) -> bool {
        self.args.contains_key(param)
    }

    fn arg_span(&self, param: &str) -> Span {
        self.arg(param).map_or(self.name.span, |e| e.span)
    }

    fn origin(&self, param: &str) -> Span {
        match self.arg(param) {
            Some(expr) => self.checker.origin(expr, self.env),
            None => self.name.span,
        }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.checker.report(diagnostic);
    }

    fn quantity(&mut self, param: &str, auto: u64, all_for_facts: bool) -> Option<Quantity> {
        let role = if all_for_facts { self.role } else { Role::Source };
        let Some(expr) = self.arg(param) else {
            return Some(self.auto(auto, role));
        };
        let quantity = self.quantity_of(expr, auto, role)?;
        self.amount(&quantity, param, 1);
        if quantity == Quantity::Number(0) {
            let message = "a number of 0 never returns a row";
            let span = self.checker.origin(expr, self.env);
            self.no_rows(span, message);
            return None;
        }
        Some(quantity)
    }

    fn count(&mut self, param: &str) -> Option<Option<Quantity>> {
        match self.arg(param) {
            None => Some(None),
            Some(expr) => match self.quantity_of(expr, 0, Role::Source)? {
                Quantity::Auto(_) | Quantity::AutoAll => {
                    self.not_auto(param, expr.span);
                    None
                }
                quantity => {
                    self.amount(&quantity, param, i64::from(param != "offset"));
                    Some(Some(quantity))
                }
            },
        }
    }

    fn largest(&self, number: &Quantity) -> Option<u64> {
        let Quantity::PerRequest(expr) = number else {
            return number.known();
        };
        let Kind::Param(slot, _) = expr.kind else {
            return number.most();
        };
        let default = self.checker.inputs.params.get(slot as usize)?.default.as_ref();
        let default = match default.and_then(Expr::as_const) {
            Some(Scalar::I64(n)) => u64::try_from(*n).ok(),
            _ => None,
        };
        let ranges = self.checker.inputs.ranges.iter();
        let ends = ranges.filter(|range| range.value == *expr && range.high.is_finite());
        ends.map(|range| range.high as u64).chain(default).max()
    }

    fn request_value(&mut self, param: &str, ty: Option<&Type>) -> Option<Option<Expr>> {
        let Some(expr) = self.arg(param) else {
            return Some(None);
        };
        let scope = Scope::request();
        let found = match ty {
            Some(ty) => self.checker.typed(expr, self.env, &scope, ty),
            None => self.checker.scalar(expr, self.env, &scope, None),
        };
        let found = Self::checked(found)?;
        if found.ty == Type::Duration {
            let span = self.checker.origin(expr, self.env);
            self.checker.duration_of_at_least(&found, param, 0, span)?;
        }
        Some(Some(found))
    }

    fn amounts(&mut self, value: &Expr, param: &str) {
        let span = self.arg_span(param);
        self.checker.amount(value, param, 1, span);
    }

    fn flag(&mut self, param: &str) -> Option<bool> {
        let Some(expr) = self.arg(param) else {
            return Some(false);
        };
        let found = self.checker.typed(expr, self.env, &Scope::request(), &Type::Bool);
        match found.as_const() {
            Some(Scalar::Bool(b)) => Some(*b),
            _ if found.is_error() => None,
            _ => {
                let message = format!("`{param}` must be known at compile time");
                self.fail(
                    Diagnostic::new(code::E0314, expr.span, message)
                        .help("write `true` or `false`"),
                );
                None
            }
        }
    }

    fn choice(&mut self, param: &str, cases: &[Case]) -> Option<Option<Choice>> {
        match self.arg(param) {
            None => Some(None),
            Some(expr) => self.case_of(expr, cases).map(Some),
        }
    }

    fn case_embedding(&mut self, name: &str, entity: EntityId) -> Option<u32> {
        match self.case_args.get(name) {
            Some(expr) => self.checker.embedding(expr, self.env, entity),
            None => self.checker.embedding_named("default", self.name.span, self.env, entity),
        }
    }

    fn case_set(&mut self, name: &str, entity: EntityId) -> Option<Option<NodeId>> {
        let Some(&expr) = self.case_args.get(name) else {
            return Some(None);
        };
        let node = self.checker.set(expr, self.env, Role::Fact)?;
        let found = self.checker.graph.shape(node).entity;
        if found == entity {
            return Some(Some(node));
        }
        let message = format!(
            "`{name}` is a set of `{}`, the rows are of `{}`",
            self.checker.entity_name(found),
            self.checker.entity_name(entity)
        );
        let help = "walk from one entity to the other first";
        self.fail(Diagnostic::new(code::E0301, expr.span, message).help(help));
        None
    }

    fn seen(&mut self, entity: EntityId) -> Option<NodeId> {
        self.checker.seen(entity, self.name.span, self.env)
    }

    fn row_value(&mut self, param: &str, shape: &Shape, ty: Option<&Type>) -> Option<Option<Expr>> {
        let Some(expr) = self.arg(param) else {
            return Some(None);
        };
        let scope = Scope::rows(shape);
        match ty {
            Some(ty) => Self::checked(self.checker.typed(expr, self.env, &scope, ty)).map(Some),
            None if self.is_list_of_keys(param, expr, &scope) => None,
            None => self.of_rows(expr, &scope).map(Some),
        }
    }

    fn further_keys(&mut self, shape: &Shape) -> Option<Vec<(Expr, Span)>> {
        let scope = Scope::rows(shape);
        let keys: Vec<Option<(Expr, Span)>> = std::mem::take(&mut self.rest)
            .into_iter()
            .map(|arg| {
                let key = self.of_rows(&arg.value, &scope)?;
                Some((key, arg.value.span))
            })
            .collect();
        keys.into_iter().collect()
    }

    fn keys(&mut self, param: &str, shape: &Shape) -> Option<Option<Vec<(Expr, Span)>>> {
        let Some(expr) = self.arg(param) else {
            return Some(None);
        };
        let scope = Scope::rows(shape);
        let parts: Vec<&'a ast::Expr> = match &expr.kind {
            ExprKind::List(items) => items.iter().collect(),
            _ => vec![expr],
        };
        let keys: Vec<Option<(Expr, Span)>> =
            parts.into_iter().map(|part| Some((self.of_rows(part, &scope)?, part.span))).collect();
        let keys = keys.into_iter().collect::<Option<Vec<_>>>()?;
        if keys.is_empty() {
            self.fail(Diagnostic::new(code::E0303, expr.span, "expected at least one key"));
            return None;
        }
        Some(Some(keys))
    }

    fn rules(&mut self, param: &str, shape: &Shape) -> Option<Vec<RuleArg>> {
        let Some(expr) = self.arg(param) else {
            return Some(Vec::new());
        };
        let items = self.rule_list(param, expr)?;
        let least = i64::from(param == "min");
        let rules: Vec<_> = items.iter().map(|item| self.rule(item, shape, least)).collect();
        rules.into_iter().collect()
    }

    fn relaxed(&mut self, param: &str, shape: &Shape) -> Option<Vec<RelaxArg>> {
        let Some(expr) = self.arg(param) else {
            return Some(Vec::new());
        };
        let items: &[ast::Expr] = match &expr.kind {
            ExprKind::List(items) => items,
            _ => std::slice::from_ref(expr),
        };
        let scope = Scope::rows(shape);
        let relaxed: Vec<_> = items
            .iter()
            .map(|item| {
                let name = bare_name(item).map(str::to_owned);
                let key = match name {
                    Some(_) => None,
                    None => Some(Self::checked(self.checker.scalar(item, self.env, &scope, None))?),
                };
                Some(RelaxArg { name, key, span: item.span })
            })
            .collect();
        relaxed.into_iter().collect()
    }

    fn entity_condition(&mut self, param: &str, entity: EntityId) -> Option<Option<Expr>> {
        let Some(expr) = self.arg(param) else {
            return Some(None);
        };
        Self::checked(self.checker.typed(expr, self.env, &Scope::entity(entity), &Type::Bool))
            .map(Some)
    }

    fn link_value(&mut self, param: &str, edge: &EdgeExpr, ty: &Type) -> Option<Option<Expr>> {
        match self.arg(param) {
            None => Some(None),
            Some(expr) => self.checker.link_expr(expr, self.env, edge, None, ty).map(Some),
        }
    }

    fn edge(&mut self, param: &str, from: EntityId) -> Option<EdgeExpr> {
        match self.arg(param) {
            Some(expr) => self.checker.edge_from(expr, self.env, from),
            None => {
                self.missing(param, "name the edge to go along: `walk(likes)`");
                None
            }
        }
    }

    fn embedding(&mut self, param: &str, entity: EntityId) -> Option<u32> {
        match self.arg(param) {
            Some(expr) => self.checker.embedding(expr, self.env, entity),
            None => self.checker.embedding_named("default", self.name.span, self.env, entity),
        }
    }

    fn viewers_vector(&self, embedding: u32, entity: EntityId) -> Option<Expr> {
        self.checker.viewers_vector(embedding, entity)
    }

    fn model(&mut self, param: &str, shape: &Shape) -> Option<Model> {
        match self.arg(param) {
            Some(expr) => self.checker.model(expr, self.env, shape),
            None => self.checker.model_named("default", self.name.span, self.env.module, shape),
        }
    }

    fn entity(&mut self, param: &str) -> Option<Option<EntityId>> {
        let Some(expr) = self.arg(param) else {
            let optional = param == "to";
            if !optional {
                self.missing(param, "name an entity of the catalog: `all(media)`");
            }
            return optional.then_some(None);
        };
        let Some(name) = bare_name(expr) else {
            let message = "expected the name of an entity";
            let help = match &expr.kind {
                ExprKind::Str(name) => Some(without_quotes(name)),
                _ => None,
            };
            self.fail(Diagnostic::new(code::E0302, expr.span, message).maybe_help(help));
            return None;
        };
        self.checker.entity_named(name, expr.span, self.env.module).map(Some)
    }

    fn conditions(&mut self, shape: &Shape) -> Option<Vec<Expr>> {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() {
            let checker = &mut *self.checker;
            return checker.default_policies(shape, self.name.span, &mut self.passed);
        }
        let mut found = Vec::new();
        for arg in rest {
            let condition = match &arg.name {
                Some(name) => self.policy_condition(name, arg, shape),
                None => self.written_condition(arg, shape, &found),
            };
            found.push(condition);
        }
        found.into_iter().collect()
    }

    fn bindings(&mut self, shape: &Shape) -> Option<Vec<RestArg>> {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() {
            let help = format!("write `{}(name=expression)`", self.name.text);
            self.missing("a column", &help);
            return None;
        }
        if self.named_by_text(&rest) {
            return None;
        }
        let mut shape = shape.clone();
        let mut bound = Vec::new();
        for arg in rest {
            bound.extend(self.bound_column(arg, &mut shape));
        }
        Some(bound)
    }

    fn otherwise(&mut self, shape: Shape) {
        self.otherwise = Some(shape);
    }

    fn set(&mut self, param: &str, role: Role) -> Option<Option<NodeId>> {
        match self.arg(param) {
            None => Some(None),
            Some(expr) => self.checker.set(expr, self.env, role).map(Some),
        }
    }

    fn branches(&mut self, weighted: bool) -> Option<Vec<SetArg>> {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() && self.input.is_none() {
            let help = format!("write `{}(a, b)`", self.name.text);
            self.missing("candidate sets", &help);
            return None;
        }
        let found = self.checker.branches(self.input, &rest, weighted, self.env, self.role);
        let first = found.iter().flatten().next();
        self.otherwise = first.map(|branch| self.checker.graph.shape(branch.set).clone());
        found.into_iter().collect()
    }

    fn joined(&mut self, sets: &[(NodeId, Span)]) -> Option<Shape> {
        self.checker.joined(sets, self.name.span)
    }

    fn passed(&self) -> BTreeSet<String> {
        self.passed.clone()
    }

    fn better_key(&self, param: &str) -> Option<String> {
        let (receiver, _) = self.input?;
        self.checker.better_key(receiver, self.env, bare_name(self.arg(param)?)?)
    }
}
