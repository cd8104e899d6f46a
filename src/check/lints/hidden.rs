//! W05: one name before another. And conditions that decide nothing (W0204), which are seen where
//! they are written.

use super::unused::mentions;
use super::{Checker, Tier};
use crate::check::modules::{Kind as NameKind, named};
use crate::diag::{Diagnostic, code};
use crate::expr::functions::Role;
use crate::expr::ir::{EdgeExpr, Expr, Kind, Level, LinkField, Scalar};
use crate::ops::Shape;
use crate::source::Span;
use crate::syntax::ast::{Arg, Item, ItemKind, Name};
use crate::types::EntityId;

/// A parameter or binding that was read where the row has a column of its name.
#[derive(Clone, Debug)]
pub(crate) struct Hidden {
    pub name: String,
    pub entity: EntityId,
    /// Where it was read.
    pub span: Span,
    /// Somewhere in the same definition the column is read as `row.name`: it is known.
    pub known: bool,
}

/// A name that every row or link has, read where the entity has a column of that name.
#[derive(Clone, Debug)]
pub(crate) struct Shadow {
    pub name: String,
    entity: EntityId,
    pub span: Span,
    /// Whether it is the link's.
    of_link: bool,
}

impl Shadow {
    pub fn built_in(name: &str, entity: EntityId, span: Span) -> Shadow {
        Shadow { name: name.to_owned(), entity, span, of_link: false }
    }

    pub fn of_link(name: &str, entity: EntityId, span: Span) -> Shadow {
        Shadow { of_link: true, ..Shadow::built_in(name, entity, span) }
    }
}

impl<'a> Checker<'a> {
    /// Columns that a built-in name or one of a link hides, where the program reads that name.
    pub(super) fn shadowed_columns(&mut self) {
        let mut shadows = std::mem::take(&mut self.notes.shadows);
        shadows.sort_by_key(|shadow| shadow.span.start);
        for shadow in shadows {
            let (name, entity) = (&shadow.name, self.entity_name(shadow.entity));
            let (what, help) = match (shadow.of_link, name.as_str()) {
                (true, _) => (
                    "the link's".to_owned(),
                    format!(
                        "write `row.{name}` for the column, or `link.{name}` for what is read now"
                    ),
                ),
                (false, "now") => {
                    ("the time of the request".to_owned(), format!("the column is `row.{name}`"))
                }
                (false, _) => (
                    format!("the built-in {name} of the row"),
                    format!("the column is `row.{name}`"),
                ),
            };
            let message = format!("`{name}` is {what} here, not the column of `{entity}`");
            self.report(Diagnostic::new(code::W0503, shadow.span, message).help(help));
        }
    }

    /// Definitions of the program that stand before those of an import, the prelude or the
    /// standard library. A prelude may, before the standard library.
    pub(super) fn hidden_items(&mut self) {
        let modules = self.modules;
        let is_prelude = modules.program_is_prelude();
        let others = |&m: &usize| m != 0 && !(is_prelude && modules.all[m].tier == Tier::Std);
        for item in &modules.all[0].file.items {
            let Some((kind, name)) = named(item) else {
                continue;
            };
            let other = modules
                .order(0)
                .filter(others)
                .find_map(|m| Some((m, self.item_like(m, kind, name, item)?)));
            let Some((module, other)) = other else {
                continue;
            };
            let from = match modules.all[module].tier {
                Tier::Std => "the standard library",
                Tier::Prelude => "the prelude",
                _ => "an import",
            };
            let message = format!("`{name}` hides the definition in {from}");
            let diagnostic = Diagnostic::new(code::W0502, item_name(item), message)
                .help("choose another name, so that both can be used");
            let diagnostic = if self.is_tier(module, Tier::Std) {
                diagnostic
            } else {
                diagnostic.label(item_name(other), "this is hidden")
            };
            self.report(diagnostic);
        }
    }

    /// An item of that kind and name in another file, for the same entity if it is for one.
    fn item_like(&self, m: usize, kind: NameKind, name: &str, like: &Item) -> Option<&'a Item> {
        let modules = self.modules;
        modules.all[m].find(kind, name).find(|item| {
            let (a, b) = (entity_name(item), entity_name(like));
            a.is_none() || b.is_none() || a == b
        })
    }

    /// Parameters that hide a column where it may have been meant.
    pub(super) fn hidden_columns(&mut self) {
        let mut hidden: Vec<Hidden> =
            self.notes.hidden.values().filter(|h| !h.known).cloned().collect();
        hidden.sort_by_key(|h| h.span.start);
        for hidden in hidden {
            if hidden.span.source != self.modules.all[0].source {
                continue;
            }
            let entity = self.entity_name(hidden.entity);
            let message = format!(
                "`{}` is the parameter or binding here, not the column of `{entity}`",
                hidden.name
            );
            let help = format!(
                "the column is `row.{}`; another name for the other makes it clear",
                hidden.name
            );
            self.report(Diagnostic::new(code::W0501, hidden.span, message).help(help));
        }
    }

    /// A column bound by `let` under the name of a column of the entity, and not made of it.
    pub(in crate::check) fn hides_column(&mut self, name: &Name, arg: &Arg, shape: &Shape) {
        let table = self.schema.entity(shape.entity);
        let column =
            table.find_column(&name.text).is_some() || table.find_reference(&name.text).is_some();
        if !column || mentions(&arg.value, &name.text) || !self.here.uses.is_empty() {
            return;
        }
        let message = format!("`{}` is a column of `{}` as well", name.text, table.name);
        let help = "after this the bare name means the bound column; choose another name";
        self.report(Diagnostic::new(code::W0501, name.span, message).help(help));
    }

    /// A condition that is the same whatever the row: written so, not made so by an argument of a
    /// definition.
    pub(in crate::check) fn decides<'e>(
        &mut self,
        condition: &Expr,
        span: Span,
        shape: &Shape,
        mut earlier: impl Iterator<Item = &'e Expr>,
    ) {
        if !self.here.uses.is_empty() {
            return;
        }
        let (message, help) = match &condition.kind {
            Kind::Const(Scalar::Bool(true)) => {
                ("this condition is always true".to_owned(), "leave it out, or compare a column")
            }
            Kind::Const(Scalar::Bool(false) | Scalar::Null) => {
                ("this condition is never true: no row is left".to_owned(), "compare a column")
            }
            Kind::Call { kernel, args } => match (&args[..], kernel.role()) {
                ([a, b], Role::Compare(_)) if a == b && a.level == Level::Row => (
                    "both sides of this comparison are the same".to_owned(),
                    "compare with something else",
                ),
                _ if earlier.any(|e| e == condition) || shape.holds.contains(condition) => {
                    ("every row has passed this condition already".to_owned(), "leave it out")
                }
                _ => return,
            },
            _ if shape.holds.contains(condition) => {
                ("every row has passed this condition already".to_owned(), "leave it out")
            }
            _ => return,
        };
        self.report(Diagnostic::new(code::W0204, span, message).help(help));
    }

    /// A condition on the links of a row that reads of each only the end where all of them start.
    pub(in crate::check) fn decides_for_all(
        &mut self,
        condition: &Expr,
        span: Span,
        edge: &EdgeExpr,
    ) {
        let (mut start, mut varies) = (false, false);
        condition.walk_row(&mut |part| match &part.kind {
            Kind::Link(LinkField::From) => start = true,
            Kind::Link(_) => varies = true,
            _ => {}
        });
        if varies || !start {
            return;
        }
        let (from, to) = (self.entity_name(edge.from), self.entity_name(edge.to));
        let message = "this condition has the same value for all links".to_owned();
        let help = format!(
            "`from` is the `{from}` where they start; the end that differs is `to`, a `{to}`"
        );
        self.report(Diagnostic::new(code::W0204, span, message).help(help));
    }
}

fn entity_name(item: &Item) -> Option<&str> {
    match &item.kind {
        ItemKind::Value(def) | ItemKind::Policy(def) => def.entity.as_ref().map(|e| &*e.text),
        ItemKind::Model { entity, .. } => Some(&entity.text),
        ItemKind::Embedding { entities, .. } => entities.first().map(|e| &*e.text),
        _ => None,
    }
}

fn item_name(item: &Item) -> Span {
    crate::check::duplicates::name_span(item)
}
