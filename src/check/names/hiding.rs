//! Names that hide others, noted for the lints.

use super::built_in;
use crate::check::env::{Env, Scope};
use crate::check::lints::{Hidden, Shadow};
use crate::check::{Checker, bare_name};
use crate::expr::ir::Expr;
use crate::source::Span;
use crate::syntax::ast::{self, Name};
use crate::types::EntityId;

impl<'a> Checker<'a> {
    /// Notes a local that is read where the row has a column of its name.
    pub(super) fn note_hidden(&mut self, name: &str, span: Span, env: &Env<'a>, scope: &Scope<'_>) {
        let row = scope.row.as_ref().or(scope.outer.and_then(|o| o.row.as_ref()));
        let (Some(row), Some(address)) = (row, env.address(name)) else {
            return;
        };
        let table = self.schema.entity(row.entity);
        if table.find_column(name).is_some() || table.find_reference(name).is_some() {
            let hidden = Hidden { name: name.to_owned(), entity: row.entity, span, known: false };
            self.notes.hidden.entry(address).or_insert(hidden);
        }
    }

    /// The column that a local hides is read as `row.name`: it is known.
    pub(super) fn note_known(&mut self, name: &Name, env: &Env<'a>, entity: EntityId) {
        if let Some(address) = env.address(&name.text) {
            let hidden = Hidden { name: name.text.clone(), entity, span: name.span, known: true };
            self.notes.hidden.insert(address, hidden);
        }
    }

    /// Notes a built-in name that is read where the entity has a column of that name.
    pub(super) fn note_built_in(&mut self, name: &str, span: Span, scope: &Scope<'_>) {
        if let Some(row) = scope.nearest_row()
            && ["score", "position", "branch", "propensity", "now"].contains(&name)
            && self.has_column(row.entity, name)
        {
            self.shadows(Shadow::built_in(name, row.entity, span));
        }
    }

    /// Notes a name of a link that is read where the row has a column of that name and another type.
    pub(super) fn note_link_name(
        &mut self,
        name: &str,
        span: Span,
        found: &Expr,
        scope: &Scope<'_>,
    ) {
        let Some(row) = scope.outer.and_then(Scope::nearest_row) else {
            return;
        };
        if self.has_column(row.entity, name)
            && self.column_of(name, row).is_some_and(|column| column.ty != found.ty)
        {
            self.shadows(Shadow::of_link(name, row.entity, span));
        }
    }

    /// Notes a name of a link that is compared with a column of the row, where the row has a column of
    /// that name too: which of the two is meant is not plain.
    pub(in crate::check) fn note_compared(
        &mut self,
        sides: [&ast::Expr; 2],
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) {
        let Some(row) = scope.outer.and_then(Scope::nearest_row).cloned() else {
            return;
        };
        let of_link = |this: &Self, name: &str| {
            env.find(name).is_none()
                && built_in(name, scope).is_none()
                && this.link_name(name, scope).is_some()
        };
        for [side, other] in [sides, [sides[1], sides[0]]] {
            let (Some(name), Some(other)) = (bare_name(side), bare_name(other)) else {
                continue;
            };
            let is_column = env.find(other).is_none()
                && !of_link(self, other)
                && self.has_column(row.entity, other);
            if is_column && of_link(self, name) && self.has_column(row.entity, name) {
                self.shadows(Shadow::of_link(name, row.entity, side.span));
            }
        }
    }

    /// Each name once, and only where the program itself reads it.
    fn shadows(&mut self, shadow: Shadow) {
        let known = self.notes.shadows.iter().any(|other| other.name == shadow.name);
        if !known && shadow.span.source == self.modules.all[0].source {
            self.notes.shadows.push(shadow);
        }
    }
}
