//! Names and expressions that stand in quotes, as other languages want them: a column by its name in
//! quotes, a condition as a text.

use super::env::Scope;
use super::{Checker, key_names};
use crate::diag::{Diagnostic, Sink, code};
use crate::expr::EdgeExpr;
use crate::source::Span;
use crate::syntax::ast::{self, ExprKind};

/// Longest text that is looked at: a name or a condition.
const LONGEST: usize = 200;

/// A help line for a name in quotes.
pub(super) fn without_quotes(text: &str) -> String {
    format!("write it without quotes: `{text}`")
}

impl<'a> Checker<'a> {
    /// What a text means without its quotes, if it reads something that the row or link has.
    pub(super) fn unquoted(&self, expr: &ast::Expr, scope: &Scope<'_>) -> Option<String> {
        let ExprKind::Str(text) = &expr.kind else {
            return None;
        };
        if text.len() > LONGEST {
            return None;
        }
        if let Some(end) = scope.link.and_then(|edge| self.end_with(text, edge)) {
            return Some(format!("{end}.{text}"));
        }
        let mut sink = Sink::default();
        let parsed = crate::syntax::parse_expression(text, expr.span.source, &mut sink);
        let mut names = Vec::new();
        key_names(&parsed, &mut names);
        let reads = !sink.has_errors() && names.iter().any(|name| self.has_name(name, scope));
        reads.then(|| text.trim().to_owned())
    }

    /// Reports a column or expression in quotes; whether it was one.
    pub(super) fn report_quoted(&mut self, expr: &ast::Expr, scope: &Scope<'_>) -> bool {
        let Some(meant) = self.unquoted(expr, scope) else {
            return false;
        };
        let message = "a quoted string is the same for every row";
        self.report(Diagnostic::new(code::E0302, expr.span, message).help(without_quotes(&meant)));
        true
    }

    /// The end of a link that has a column which the link itself has not.
    fn end_with(&self, column: &str, edge: &EdgeExpr) -> Option<&'static str> {
        let ends = [("from", edge.from), ("to", edge.to)];
        let own = edge.find_column(column).is_some();
        let found = ends.iter().find(|(_, entity)| self.has_column(*entity, column));
        found.filter(|_| !own).map(|(end, _)| *end)
    }

    /// Whether a row or link has something of that name.
    fn has_name(&self, name: &str, scope: &Scope<'_>) -> bool {
        let of_row = scope.row.as_ref().is_some_and(|row| {
            row.columns.iter().any(|c| c.name == name)
                || self.has_column(row.entity, name)
                || self.has_value(name, row.entity)
                || row.scored && matches!(name, "score" | "position")
        });
        of_row
            || self.link_name(name, scope).is_some()
            || scope.outer.is_some_and(|outer| self.has_name(name, outer))
    }

    /// The sign of another language between two operands, which was reported: whether there is one, and
    /// what to write instead is known now.
    pub(super) fn refine_sign(&mut self, left: Span, right: Span, help: &str) -> bool {
        let between = Span { start: left.end, end: right.start, ..left };
        self.sink.refine(between, code::E0101, help)
    }
}
