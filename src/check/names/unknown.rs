//! Names that nothing has: what is like them, and where it is.

use crate::check::env::{Env, Scope};
use crate::check::modules::Kind as NameKind;
use crate::check::{Checker, Tier};
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::ir::Expr;
use crate::source::Span;
use crate::types::EntityId;

impl<'a> Checker<'a> {
    pub(super) fn unknown_column(
        &mut self,
        name: &str,
        span: Span,
        entity: EntityId,
        module: usize,
        more: &[&str],
    ) -> Expr {
        let table = self.schema.entity(entity);
        if self.modules.all[module].tier == Tier::Std {
            let message = format!("`{}` has no column `{name}`", table.name);
            let help = format!("add the column `{name}` to the table of `{}`", table.name);
            self.report(Diagnostic::new(code::E0402, span, message).help(help));
            return Expr::error();
        }
        let known = table.columns.iter().map(|c| c.name.as_str());
        let known = known
            .chain(table.references.iter().map(|r| r.name.as_str()))
            .chain(more.iter().copied());
        let near = suggest::nearest(name, known.clone());
        if near.is_none() && self.may_be_imported(module) {
            return Expr::error();
        }
        // a policy, where its name could stand alone
        let policy = (!more.is_empty())
            .then(|| self.call_of_policy(name, entity))
            .flatten();
        if name == "id" {
            let message = format!("`{}` has no column `id`", table.name);
            let help = format!("its key is `{}`", table.key);
            self.report(Diagnostic::new(code::E0203, span, message).help(help));
            return Expr::error();
        }
        let slip = near.filter(|near| suggest::is_slip(name, near));
        let elsewhere = || {
            self.elsewhere(name, entity)
                .or_else(|| self.near_elsewhere(name, entity))
                .or_else(|| near.map(|near| format!("did you mean `{near}`?")))
        };
        let help = match (policy, slip) {
            (Some(policy), _) => policy,
            (None, Some(near)) => format!("did you mean `{near}`?"),
            (None, None) => elsewhere().unwrap_or_else(|| {
                let names = known.collect::<Vec<_>>().join(", ");
                let quotes = match more.is_empty() {
                    true => "",
                    false => "; strings are quoted",
                };
                format!("`{}` has {names}{quotes}", table.name)
            }),
        };
        let message = format!("`{}` has no column `{name}`", table.name);
        self.report(Diagnostic::new(code::E0203, span, message).help(help));
        Expr::error()
    }

    /// A column of that name that the viewer has, or what a reference of the entity leads to.
    pub(super) fn elsewhere(&self, name: &str, entity: EntityId) -> Option<String> {
        let has = |entity: EntityId| {
            let table = self.schema.entity(entity);
            table.find_column(name).is_some()
                || table.find_reference(name).is_some()
                || (name == "user_id" && entity == self.schema.viewer)
                || self.has_value(name, entity)
        };
        let meant = |owner: EntityId, path: &str| {
            let owner = self.entity_name(owner);
            format!("it is of `{owner}`: did you mean `{path}.{name}`?")
        };
        if entity != self.schema.viewer && has(self.schema.viewer) {
            return Some(meant(self.schema.viewer, "viewer"));
        }
        let references = &self.schema.entity(entity).references;
        if let Some(reference) = references.iter().find(|reference| has(reference.entity)) {
            return Some(meant(reference.entity, &reference.name));
        }
        for first in references {
            let further = &self.schema.entity(first.entity).references;
            if let Some(second) = further.iter().find(|reference| has(reference.entity)) {
                let path = format!("{}.{}", first.name, second.name);
                return Some(meant(second.entity, &path));
            }
        }
        let other = self
            .schema
            .entities
            .iter()
            .find(|e| e.find_column(name).is_some());
        other.map(|other| format!("`{name}` is a column of `{}`", other.name))
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
        if name == "user" {
            let message = "`user` is a candidate set; a value is needed here";
            let help = "the requesting user is `viewer`: `viewer.country`";
            return self.report(Diagnostic::new(code::E0313, span, message).help(help));
        }
        if let Some(edge) = scope.link {
            return self.unknown_link_name(name, span, edge);
        }
        let mut locals: Vec<&str> = env.names().collect();
        let modules = self.modules;
        modules.order(env.module).for_each(|m| {
            locals.extend(modules.all[m].all(NameKind::Rest).map(|(name, _)| name));
            locals.extend(modules.all[m].all(NameKind::Value).map(|(name, _)| name));
        });
        match &scope.row {
            Some(row) => {
                locals.extend(row.columns.iter().map(|c| c.name.as_str()));
                locals.extend(["score", "position", "viewer", "now"]);
                let columns = &self.schema.entity(row.entity).columns;
                let known = locals
                    .iter()
                    .copied()
                    .chain(columns.iter().map(|c| &*c.name));
                let near = suggest::nearest(name, known);
                if self.here.open_rows && !near.is_some_and(|near| suggest::is_slip(name, near)) {
                    return;
                }
                self.unknown_column(name, span, row.entity, env.module, &locals);
            }
            None => {
                let near = suggest::nearest(name, locals.into_iter().chain(["viewer", "now"]));
                if near.is_none() && self.may_be_imported(env.module) {
                    return;
                }
                let help = near.map(|near| format!("did you mean `{near}`?"));
                let help = help.or_else(|| {
                    Some(
                        "columns can be read only in the rows of a set, the viewer's as `viewer.x`"
                            .to_owned(),
                    )
                });
                self.report(
                    Diagnostic::new(code::E0201, span, format!("`{name}` is not defined here"))
                        .maybe_help(help),
                );
            }
        }
    }

    pub(super) fn unknown_link_name(
        &mut self,
        name: &str,
        span: Span,
        edge: &crate::expr::EdgeExpr,
    ) {
        let ends = [("from", edge.from), ("to", edge.to)];
        let owner = ends
            .iter()
            .find(|(_, e)| self.schema.entity(*e).find_column(name).is_some());
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
