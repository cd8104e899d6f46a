//! `x.y`: columns of a row, of the viewer and of what references lead to.

use crate::check::env::{Env, Row, Scope};
use crate::check::{Checker, bare_name};
use crate::diag::{Diagnostic, code};
use crate::expr::ir::{Expr, Kind};
use crate::ops::Chance;
use crate::syntax::ast::{self, Name};
use crate::types::Type;

impl<'a> Checker<'a> {
    /// `x.name`: of the viewer, the row, an end of a link, or what a reference leads to.
    pub(in crate::check) fn field(
        &mut self,
        receiver: &'a ast::Expr,
        name: &'a Name,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Expr {
        if let Some(found) = self.field_of_word(receiver, name, env, scope) {
            return found;
        }
        if self.is_set(receiver, env) {
            return self.column_of_set(receiver, name);
        }
        if let Some(help) = self.of_no_row(receiver, &name.text, env, scope) {
            let message = "columns of a row are used without a prefix";
            let diagnostic = Diagnostic::new(code::E0203, receiver.span, message);
            return self.refuse_value(diagnostic.help(help));
        }
        let id = self.scalar(receiver, env, scope, None);
        let Type::Id(entity) = id.ty else {
            return self.no_field(receiver, name, &id);
        };
        let row = Row { entity, base: id, columns: &[], scored: false, chance: Chance::Certain };
        match self.entity_name_of(&name.text, name.span, env, &row) {
            Some(found) => found,
            None => self.unknown_column(&name.text, name.span, entity, env.module, &[]),
        }
    }

    /// `row.name` and `link.name`.
    fn field_of_word(
        &mut self,
        receiver: &'a ast::Expr,
        name: &'a Name,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Option<Expr> {
        let word = bare_name(receiver).filter(|word| env.find(word).is_none())?;
        match (word, scope.link) {
            ("row", _) => Some(self.row_field(name, env, scope)),
            ("link", Some(edge)) => Some(self.link_name(&name.text, scope).unwrap_or_else(|| {
                self.unknown_link_name(&name.text, name.span, edge);
                Expr::error()
            })),
            _ => None,
        }
    }

    fn column_of_set(&mut self, set: &ast::Expr, name: &Name) -> Expr {
        let message = "a candidate set has no columns of its own: they belong to its rows";
        let help = match bare_name(set) {
            Some("user") => {
                format!("the requesting user is `viewer`: write `viewer.{}`", name.text)
            }
            _ => "use a column in `filter`, `let` or `score`, or aggregate: `mean(set, column)`"
                .to_owned(),
        };
        self.refuse_value(Diagnostic::new(code::E0313, name.span, message).help(help))
    }

    fn no_field(&mut self, receiver: &ast::Expr, name: &Name, value: &Expr) -> Expr {
        if value.is_error() {
            return Expr::error();
        }
        let message = format!("{} has no field `{}`", self.type_name(&value.ty), name.text);
        let help = match name.text.as_str() {
            "str" | "dt" | "list" | "arr" => format!(
                "leave it out: functions follow the value, as in `{}.len()`",
                crate::syntax::print_expression(receiver)
            ),
            _ => "only references, `viewer`, `it`, `from` and `to` have columns".to_owned(),
        };
        self.refuse_value(Diagnostic::new(code::E0203, name.span, message).help(help))
    }

    /// `media.quality`, `self.quality`, `m.quality`: what to write where a name stands for no row, and the
    /// row has the column.
    fn of_no_row(
        &self,
        receiver: &ast::Expr,
        column: &str,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Option<String> {
        let name = bare_name(receiver)?;
        let row = scope.nearest_row()?;
        if self.knows(name, env, scope) {
            return None;
        }
        let bound = row.columns.iter().any(|c| c.name == column);
        if bound || self.has_column(row.entity, column) || self.has_value(column, row.entity) {
            return Some(format!("write `{column}`"));
        }
        let other = self.schema.find_entity(name)?;
        (other != row.entity && self.has_column(other, column))
            .then(|| self.elsewhere(column, row.entity))
            .flatten()
    }

    /// `row.x` is always a column of the entity or a bound one, whatever hides the bare name.
    fn row_field(&mut self, name: &'a Name, env: &Env<'a>, scope: &Scope<'_>) -> Expr {
        let (row, outer) = match (&scope.row, scope.outer.and_then(|o| o.row.as_ref())) {
            (Some(row), _) => (row, false),
            (None, Some(row)) => (row, true),
            (None, None) => {
                return self.refuse_value(Diagnostic::new(
                    code::E0312,
                    name.span,
                    "there is no row here",
                ));
            }
        };
        self.note_known(name, env, row.entity);
        let bound = row.columns.iter().position(|c| c.name == name.text);
        let found = match bound {
            Some(i) => Some(Expr::new(Kind::Bound(i as u32), row.columns[i].ty.clone())),
            None => self.entity_name_of(&name.text, name.span, env, row),
        };
        let entity = row.entity;
        match found {
            Some(found) if outer => Expr::new(Kind::Outer(found.clone()), found.ty.clone()),
            Some(found) => found,
            None => self.unknown_column(&name.text, name.span, entity, env.module, &[]),
        }
    }
}
