//! Names that nothing has: what is like them, and where it is.

use crate::check::Checker;
use crate::check::env::{Env, Row, Scope};
use crate::check::modules::Kind as NameKind;
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::ir::Expr;
use crate::source::Span;
use crate::types::EntityId;

impl<'a> Checker<'a> {
    pub(in crate::check) fn unknown_column(
        &mut self,
        name: &str,
        span: Span,
        entity: EntityId,
        module: usize,
        more: &[&str],
    ) -> Expr {
        let table = self.schema.entity(entity);
        let message = format!("`{}` has no column `{name}`", table.name);
        if self.in_library(module) {
            let help = format!("add the column `{name}` to the table of `{}`", table.name);
            return self.refuse_value(Diagnostic::new(code::E0402, span, message).help(help));
        }
        let columns = table.columns.iter().map(|c| c.name.as_str());
        let references = table.references.iter().map(|r| r.name.as_str());
        let known: Vec<&str> = columns.chain(references).chain(more.iter().copied()).collect();
        if suggest::nearest(name, known.iter().copied()).is_none() && self.may_be_imported(module) {
            return Expr::error();
        }
        let help = match name {
            "id" => format!("its key is `{}`", table.key),
            _ => self.meant_column(name, entity, &known, !more.is_empty()),
        };
        self.refuse_value(Diagnostic::new(code::E0203, span, message).help(help))
    }

    /// What is meant by a name that is no column, where a name can stand alone or after a point.
    fn meant_column(&self, name: &str, entity: EntityId, known: &[&str], alone: bool) -> String {
        let near = suggest::nearest(name, known.iter().copied());
        let meant = |near: &str| format!("did you mean `{near}`?");
        let policy = alone.then(|| self.call_of_policy(name, entity)).flatten();
        let slip = near.filter(|near| suggest::is_slip(name, near)).map(meant);
        policy
            .or(slip)
            .or_else(|| self.elsewhere(name, entity))
            .or_else(|| self.near_elsewhere(name, entity))
            .or_else(|| near.map(meant))
            .unwrap_or_else(|| {
                let quotes = if alone { "; strings are quoted" } else { "" };
                format!("`{}` has {}{quotes}", self.entity_name(entity), known.join(", "))
            })
    }

    /// A column of that name that the viewer has, or what a reference of the entity leads to.
    pub(super) fn elsewhere(&self, name: &str, entity: EntityId) -> Option<String> {
        let viewer = self.schema.viewer;
        if entity != viewer && self.can_read(name, viewer) {
            return Some(self.is_of(name, viewer, "viewer"));
        }
        let leads = |to: EntityId| {
            let mut references = self.schema.entity(to).references.iter();
            references.find(|reference| self.can_read(name, reference.entity))
        };
        if let Some(reference) = leads(entity) {
            return Some(self.is_of(name, reference.entity, &reference.name));
        }
        for first in &self.schema.entity(entity).references {
            if let Some(second) = leads(first.entity) {
                let path = format!("{}.{}", first.name, second.name);
                return Some(self.is_of(name, second.entity, &path));
            }
        }
        let mut others = self.schema.entities.iter();
        let other = others.find(|e| e.find_column(name).is_some())?;
        Some(format!("`{name}` is a column of `{}`", other.name))
    }

    fn is_of(&self, name: &str, owner: EntityId, path: &str) -> String {
        let owner = self.entity_name(owner);
        format!("it is of `{owner}`: did you mean `{path}.{name}`?")
    }

    /// Whether rows of an entity have a column, reference or value of that name.
    fn can_read(&self, name: &str, entity: EntityId) -> bool {
        let table = self.schema.entity(entity);
        table.find_column(name).is_some()
            || table.find_reference(name).is_some()
            || (name == "user_id" && entity == self.schema.viewer)
            || self.has_value(name, entity)
    }

    /// A column that a reference leads to, misspelt.
    fn near_elsewhere(&self, name: &str, entity: EntityId) -> Option<String> {
        let references = &self.schema.entity(entity).references;
        references.iter().find_map(|reference| {
            let columns = &self.schema.entity(reference.entity).columns;
            let near = suggest::nearest(name, columns.iter().map(|c| c.name.as_str()))?;
            suggest::is_slip(name, near)
                .then(|| format!("did you mean `{}.{near}`?", reference.name))
        })
    }

    pub(super) fn unknown_name(
        &mut self,
        name: &str,
        span: Span,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) {
        if self.is_lost(name) {
            return;
        }
        if matches!(name, "score" | "position" | "it" | "row" | "branch") {
            let message =
                format!("`{name}` belongs to the rows of a candidate set, and there are none here");
            let help = "use it in `filter`, `let`, `score` or another operator of a set";
            return self.report(Diagnostic::new(code::E0312, span, message).help(help));
        }
        if name == "propensity" && !self.here.open_rows {
            let message =
                "`propensity` is known of rows that are drawn, and nothing is drawn before this";
            let help = "it stands behind `sample(n)` and `walk(edge, order=random)`";
            return self.report(Diagnostic::new(code::E0312, span, message).help(help));
        }
        if name == "user" {
            let message = "`user` is a candidate set; a value is needed here";
            let help = "the requesting user is `viewer`: `viewer.country`";
            return self.report(Diagnostic::new(code::E0313, span, message).help(help));
        }
        if let Some(edge) = scope.link {
            return self.unknown_link_name(name, span, edge);
        }
        let modules = self.modules;
        let declared = [NameKind::Rest, NameKind::Value];
        let declared = declared.into_iter().flat_map(|kind| modules.names(env.module, kind));
        let known: Vec<&str> = env.names().chain(declared).collect();
        match &scope.row {
            Some(row) => self.unknown_in_row(name, span, env, row, known),
            None => self.unknown_in_request(name, span, env, known),
        }
    }

    fn unknown_in_row<'n>(
        &mut self,
        name: &str,
        span: Span,
        env: &Env<'a>,
        row: &'n Row<'_>,
        mut known: Vec<&'n str>,
    ) {
        known.extend(row.columns.iter().map(|c| c.name.as_str()));
        known.extend(["score", "position", "viewer", "now"]);
        let columns = self.schema.entity(row.entity).columns.iter();
        let near = suggest::nearest(name, known.iter().copied().chain(columns.map(|c| &*c.name)));
        if self.here.open_rows && !near.is_some_and(|near| suggest::is_slip(name, near)) {
            return;
        }
        self.unknown_column(name, span, row.entity, env.module, &known);
    }

    fn unknown_in_request(&mut self, name: &str, span: Span, env: &Env<'a>, known: Vec<&str>) {
        let near = suggest::nearest(name, known.into_iter().chain(["viewer", "now"]));
        if near.is_none() && self.may_be_imported(env.module) {
            return;
        }
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "columns can be read only in the rows of a set, the viewer's as `viewer.x`"
                .to_owned(),
        };
        let message = format!("`{name}` is not defined here");
        self.report(Diagnostic::new(code::E0201, span, message).help(help));
    }

    pub(super) fn unknown_link_name(
        &mut self,
        name: &str,
        span: Span,
        edge: &crate::expr::EdgeExpr,
    ) {
        let ends = [("from", edge.from), ("to", edge.to)];
        let owner = ends.iter().find(|(_, e)| self.schema.entity(*e).find_column(name).is_some());
        let known = ["from", "to", "time", "weight"]
            .into_iter()
            .chain(edge.columns.iter().map(|(n, _)| n.as_str()));
        let help = match (owner, suggest::nearest(name, known.clone())) {
            (Some((end, _)), _) => format!("write `{end}.{name}`"),
            (None, Some(near)) => format!("did you mean `{near}`?"),
            (None, None) => format!("a link has {}", known.collect::<Vec<_>>().join(", ")),
        };
        let message = format!("links of `{}` have no `{name}`", edge.name);
        self.report(Diagnostic::new(code::E0203, span, message).help(help));
    }
}
