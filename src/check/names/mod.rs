//! Bare names and fields in row expressions.

mod fields;
mod hiding;
mod unknown;

use super::env::{Env, Local, Row, Scope};
use super::modules::Kind as NameKind;
use super::state::address;
use super::{Checker, Parameter};
use crate::diag::{Diagnostic, code};
use crate::expr::ir::{EdgeExpr, EdgeKind, Expr, Kind, Level, LinkField, Scalar, read};
use crate::ops::Chance;
use crate::source::Span;
use crate::syntax::ast::{self, ItemKind, Name};
use crate::types::{EntityId, Type};

/// Names that mean something in every row; nothing else may be bound to them.
pub const BUILT_IN: [&str; 9] =
    ["it", "viewer", "row", "score", "position", "branch", "propensity", "now", "why"];

impl<'a> Checker<'a> {
    /// What a bare name means in a row expression.
    pub(super) fn name(
        &mut self,
        name: &'a str,
        span: Span,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Expr {
        if let Some(local) = env.find(name).cloned() {
            self.note_hidden(name, span, env, scope);
            return self.local(local, name, span, env, scope);
        }
        if let Some(found) = self.scope_name(name, span, env, scope) {
            return found;
        }
        if let Some(found) = self.top_level(name, span, env, scope) {
            return found;
        }
        self.unknown_name(name, span, env, scope);
        Expr::error()
    }

    fn local(
        &mut self,
        local: Local<'a>,
        name: &'a str,
        span: Span,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Expr {
        match local {
            Local::Scalar(expr) => expr,
            Local::Error => Expr::error(),
            Local::Node(_) | Local::Candidates => self.set_as_value(name, span),
            Local::Thunk { expr, env, .. } => self.bound_value(name, expr, span, &env, scope),
            Local::All
            | Local::Auto(_)
            | Local::Edge(_)
            | Local::Embedding(_)
            | Local::Model { .. } => {
                // a parameter that names no value does not hide a column of that name
                let found = self.scope_name(name, span, env, scope);
                found.unwrap_or_else(|| {
                    let message = format!("`{name}` is not a value");
                    self.refuse_value(Diagnostic::new(code::E0302, span, message))
                })
            }
        }
    }

    /// The value that a name is bound to, read once for equal rows.
    fn bound_value(
        &mut self,
        name: &'a str,
        value: &'a ast::Expr,
        span: Span,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Expr {
        if self.is_set(value, env) {
            return self.set_as_value(name, span);
        }
        let key = self.binding_key(value, env, scope);
        self.read_value(key, |this| {
            this.once("binding", name, address(value), span, |this| {
                Some(this.scalar(value, env, scope, None))
            })
            .unwrap_or_else(Expr::error)
        })
    }

    fn set_as_value(&mut self, name: &str, span: Span) -> Expr {
        let message = format!("`{name}` is a candidate set; a value is needed here");
        let help = format!("test membership with `x in {name}`, or aggregate it: `count({name})`");
        self.refuse_value(Diagnostic::new(code::E0313, span, message).help(help))
    }

    /// Names of the link, the row, and the request, in this order.
    fn scope_name(
        &mut self,
        name: &str,
        span: Span,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Option<Expr> {
        if let Some(found) = built_in(name, scope) {
            self.note_built_in(name, span, scope);
            return Some(found);
        }
        if let Some(found) = self.link_name(name, scope) {
            self.note_link_name(name, span, &found, scope);
            return Some(found);
        }
        if let Some(chance) = drawn(name, scope) {
            self.note_built_in(name, span, scope);
            return Some(self.chance_of(chance, span));
        }
        if let Some(found) = self.row_name(name, span, env, scope) {
            return Some(found);
        }
        if let Some(outer) = scope.outer
            && let Some(found) = self.scope_name(name, span, env, outer)
        {
            return Some(of_outer_row(found));
        }
        (name == "viewer").then(|| self.viewer())
    }

    fn viewer(&self) -> Expr {
        Expr::new(Kind::Viewer, Type::Id(self.schema.viewer))
    }

    pub(super) fn link_name(&self, name: &str, scope: &Scope<'_>) -> Option<Expr> {
        let edge = scope.link?;
        let (field, ty) = match name {
            "from" => (LinkField::From, Type::Id(edge.from)),
            "to" => (LinkField::To, Type::Id(edge.to)),
            "time" => (LinkField::Time, Type::Time),
            "weight" => (LinkField::Weight, Type::Float),
            _ => match edge.find_column(name) {
                Some(column) => {
                    let ty = edge.columns[column].1.clone();
                    (LinkField::Column(column as u32), ty)
                }
                None => return self.link_name(self.name_in_table(name, edge)?, scope),
            },
        };
        Some(Expr::new(Kind::Link(field), ty))
    }

    /// What is meant by the name that the edge's table has for an end, the time or the weight.
    fn name_in_table(&self, name: &str, edge: &EdgeExpr) -> Option<&'static str> {
        let (id, reverse) = base_table(&edge.kind)?;
        let table = self.schema.edge(id);
        let (from, to) = if reverse { ("to", "from") } else { ("from", "to") };
        [
            (Some(&table.from_column), from),
            (Some(&table.to_column), to),
            (table.time_column.as_ref(), "time"),
            (table.weight_column.as_ref(), "weight"),
        ]
        .into_iter()
        .find_map(|(column, meant)| (column? == name).then_some(meant))
    }

    /// What a row has under a name: bound columns, built-in names, columns, references, values,
    /// vectors.
    fn row_name(
        &mut self,
        name: &str,
        span: Span,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Option<Expr> {
        let row = scope.row.as_ref()?;
        if let Some(i) = row.columns.iter().position(|c| c.name == name) {
            return Some(Expr::new(Kind::Bound(i as u32), row.columns[i].ty.clone()));
        }
        self.entity_name_of(name, span, env, row)
    }

    pub(super) fn has_column(&self, entity: EntityId, name: &str) -> bool {
        let table = self.schema.entity(entity);
        table.find_column(name).is_some() || table.find_reference(name).is_some()
    }

    /// A column, reference, value or vector of the entity of a row.
    fn entity_name_of(
        &mut self,
        name: &str,
        span: Span,
        env: &Env<'a>,
        row: &Row<'_>,
    ) -> Option<Expr> {
        if let Some(found) = self.column_of(name, row) {
            return Some(found);
        }
        if let Some(found) = self.value_named(name, span, env.module, row) {
            return Some(found);
        }
        let number = self.find_embedding(name, span, env.module, row.entity)?;
        let Some(number) = number else {
            return Some(Expr::error());
        };
        Some(self.vector_of(number, row.entity, row.base.clone(), span))
    }

    fn column_of(&self, name: &str, row: &Row<'_>) -> Option<Expr> {
        let table = self.schema.entity(row.entity);
        let column = table
            .find_column(name)
            .or_else(|| table.find_reference(name).map(|r| table.references[r].column))
            .or((name == "user_id" && row.entity == self.schema.viewer).then_some(0))?;
        Some(read(row.base.clone(), column, table))
    }

    /// A value of the entity, used without arguments.
    fn value_named(
        &mut self,
        name: &str,
        span: Span,
        module: usize,
        row: &Row<'_>,
    ) -> Option<Expr> {
        let (module, item) = self.row_item(&[NameKind::Value], name, Some(row.entity), module)?;
        let ItemKind::Value(value) = &item.kind else {
            return None;
        };
        let scope = Scope { row: Some(row.clone()), ..Scope::default() };
        Some(self.call_row_def(value, "value", span, Vec::new(), &scope, module))
    }

    /// A param, tunable, experiment or binding.
    fn top_level(
        &mut self,
        name: &'a str,
        span: Span,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Option<Expr> {
        let modules = self.modules;
        for (module, item) in modules.find(env.module, NameKind::Rest, name) {
            self.mark_used(item);
            let env = Env::top(module);
            return Some(match &item.kind {
                ItemKind::Param { name, ty, range, default } => {
                    self.request_param(name, ty, range.as_ref(), default.as_ref(), module)
                }
                ItemKind::Tunable { range, default, .. } => {
                    self.tunable_named(name, span, range, default, &env)
                }
                ItemKind::Experiment { name, .. } => self.arm_of_request(&name.text),
                ItemKind::Binding { value, .. } => self.bound_value(name, value, span, &env, scope),
                _ => continue,
            });
        }
        None
    }

    fn tunable_named(
        &mut self,
        name: &'a str,
        span: Span,
        range: &'a ast::Range,
        default: &'a ast::Expr,
        env: &Env<'a>,
    ) -> Expr {
        let key = self.binding_key(default, env, &Scope::request());
        self.read_value(key, |this| {
            this.once("tunable", name, 0, span, |this| {
                Some(this.tunable_value(name, range, default, env))
            })
            .unwrap_or_else(Expr::error)
        })
    }

    /// A parameter that comes with the request, as a slot.
    pub(super) fn request_param(
        &mut self,
        name: &'a Name,
        ty: &'a ast::TypeExpr,
        range: Option<&'a ast::Range>,
        default: Option<&'a ast::Expr>,
        module: usize,
    ) -> Expr {
        let Some(ty) = self.scalar_type(ty, module) else {
            return Expr::error();
        };
        let known = self.inputs.params.iter().position(|p| p.is_given_as(&name.text));
        let slot = known.unwrap_or_else(|| self.new_param(name, &ty, range, default, module));
        param(slot, &name.text, &ty)
    }

    /// Declares a parameter; gives its slot.
    fn new_param(
        &mut self,
        name: &'a Name,
        ty: &Type,
        range: Option<&'a ast::Range>,
        default: Option<&'a ast::Expr>,
        module: usize,
    ) -> usize {
        let default = default.map(|default| self.param_default(name, ty, default, module));
        let slot = self.inputs.params.len();
        self.inputs.params.push(Parameter {
            name: name.text.clone(),
            ty: ty.clone(),
            default: default.clone(),
            experiment: None,
        });
        if let Some(range) = range {
            let places = (name.span, range.span);
            for value in default.into_iter().chain([param(slot, &name.text, ty)]) {
                self.check_range(&name.text, range, module, &value, places);
            }
        }
        slot
    }

    fn param_default(
        &mut self,
        name: &'a Name,
        ty: &Type,
        default: &'a ast::Expr,
        module: usize,
    ) -> Expr {
        let value = self.once("param", &name.text, 0, default.span, |this| {
            Some(this.typed(default, &Env::top(module), &Scope::request(), ty))
        });
        let value = value.unwrap_or_else(Expr::error);
        if !value.is_error() && value.level > Level::Constant {
            let message = "the default of a parameter is a constant";
            self.report(Diagnostic::new(code::E0314, name.span, message));
        }
        value
    }

    /// Whether a bare name means something in a row expression.
    pub(super) fn knows(&self, name: &str, env: &Env<'a>, scope: &Scope<'_>) -> bool {
        let top = |kind| self.modules.find(env.module, kind, name).next().is_some();
        env.find(name).is_some()
            || matches!(name, "viewer" | "user" | "row" | "it" | "link")
            || self.is_in_scope(name, scope)
            || self.schema.embeddings.iter().any(|e| e.name == name)
            || self.is_lost(name)
            || self.may_be_imported(env.module)
            || self.here.open_rows
            || top(NameKind::Rest)
            || top(NameKind::Embedding)
    }

    /// Whether a name is one of the link or the row that an expression is about.
    pub(super) fn is_in_scope(&self, name: &str, scope: &Scope<'_>) -> bool {
        built_in(name, scope).is_some()
            || drawn(name, scope).is_some()
            || self.link_name(name, scope).is_some()
            || scope.row.as_ref().is_some_and(|row| self.row_has(name, row))
            || scope.outer.is_some_and(|outer| self.is_in_scope(name, outer))
    }

    /// Whether a row has a column or value of that name.
    fn row_has(&self, name: &str, row: &Row<'_>) -> bool {
        row.columns.iter().any(|c| c.name == name)
            || self.has_column(row.entity, name)
            || self.has_value(name, row.entity)
            || name == "user_id" && row.entity == self.schema.viewer
    }

    /// Whether a file declares a value of that name on an entity.
    pub(super) fn has_value(&self, name: &str, entity: EntityId) -> bool {
        let mut values = self.modules.find(0, NameKind::Value, name);
        values.any(|(_, item)| match &item.kind {
            ItemKind::Value(def) => self.entity_on(def) == Some(entity),
            _ => false,
        })
    }

    /// Reports a column name that is taken.
    pub(super) fn check_bindable(&mut self, name: &Name) -> bool {
        let free = !BUILT_IN.contains(&name.text.as_str());
        if !free {
            let message = format!("`{}` is a built-in name", name.text);
            self.report(
                Diagnostic::new(code::E0315, name.span, message).help("choose another name"),
            );
        }
        free
    }

    /// A constant number of the program, for what must be known before a request.
    pub(super) fn constant_number(&mut self, expr: &'a ast::Expr, env: &Env<'a>) -> Option<f64> {
        let typed = self.typed(expr, env, &Scope::request(), &Type::Float);
        match typed.as_const() {
            Some(Scalar::F64(x)) => Some(*x),
            Some(Scalar::I64(i)) => Some(*i as f64),
            _ if typed.is_error() => None,
            _ => {
                let help = "write a number, or the name of a tunable";
                self.refuse(
                    Diagnostic::new(code::E0314, expr.span, "a constant is needed here").help(help),
                )
            }
        }
    }
}

/// What a built-in name means: of the row, or the time of the request. They stand before columns.
fn built_in(name: &str, scope: &Scope<'_>) -> Option<Expr> {
    let found = match (name, &scope.row) {
        ("now", _) => return Some(Expr::new(Kind::Now, Type::Time)),
        ("it", Some(row)) => Some(row.base.clone()),
        ("score", Some(row)) if row.scored => Some(Expr::new(Kind::Score, Type::Float)),
        ("position", Some(row)) if row.scored => Some(Expr::new(Kind::Position, Type::Int)),
        ("branch", Some(row)) if row.scored => {
            let bound = row.columns.iter().position(|c| c.name == name);
            Some(match bound {
                Some(i) => Expr::new(Kind::Bound(i as u32), row.columns[i].ty.clone()),
                // rows that no `combine` has made come from no branch
                None => Expr::constant(Scalar::Null, Type::String),
            })
        }
        _ => None,
    };
    if found.is_some() {
        return found;
    }
    let outer = built_in(name, scope.outer?)?;
    let ty = outer.ty.clone();
    Some(match outer.level == crate::expr::Level::Row {
        true => Expr::new(Kind::Outer(outer), ty),
        false => outer,
    })
}

/// What `propensity` is about: rows that are drawn. Of others there is nothing to say, and a column may have the name.
fn drawn(name: &str, scope: &Scope<'_>) -> Option<Chance> {
    let chance = scope.row.as_ref().filter(|_| name == "propensity")?.chance;
    (chance != Chance::Certain).then_some(chance)
}

/// The stored table under an edge that only filters or weighs it.
pub(super) fn base_table(kind: &EdgeKind) -> Option<(crate::types::EdgeId, bool)> {
    match kind {
        EdgeKind::Table { edge, reverse } => Some((*edge, *reverse)),
        EdgeKind::Filter { inner, .. } | EdgeKind::Weight { inner, .. } => base_table(&inner.kind),
        _ => None,
    }
}

/// What is read of the row around an aggregate.
fn of_outer_row(found: Expr) -> Expr {
    match found.level {
        Level::Row => {
            let ty = found.ty.clone();
            Expr::new(Kind::Outer(found), ty)
        }
        _ => found,
    }
}

/// A parameter of the request by its place among them.
fn param(slot: usize, name: &str, ty: &Type) -> Expr {
    Expr::new(Kind::Param(slot as u32, name.into()), ty.clone())
}
