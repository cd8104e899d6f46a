//! What scores are made of: W0202, W09, W10.

use super::{Checker, Flow};
use crate::diag::{Diagnostic, code};
use crate::expr::NodeId;
use crate::expr::facts::Lack;
use crate::ops::{Effect, ScoreKind};
use crate::types::{EntityId, Type};

impl<'a> Checker<'a> {
    pub(super) fn score_lints(&mut self, id: NodeId, flow: &Flow) {
        let read = self.order_is_read(id, flow);
        if read {
            self.mixed_kinds(id);
            self.sum_of_negative(id);
            self.nulls_in_score(id);
        } else {
            self.never_read(id);
        }
    }

    /// A score or an order that the next one replaces.
    fn never_read(&mut self, id: NodeId) {
        let node = self.graph.get(id);
        let binds = !node.op.binds().is_empty() || node.op.asks().is_some();
        let what = match node.op.effect() {
            Effect::Scores if !binds => "score",
            Effect::Reorders => "order",
            _ => return,
        };
        let message = format!("the {what} of `{}` is never used", node.op.name());
        let help = match what {
            "score" => {
                "remove it, read it in the next one as `score`, or use it there to break ties: `score(a, b)`"
            }
            _ => "leave it out, or put it after what orders the rows last",
        };
        let diagnostic = Diagnostic::new(code::W0202, node.span, message).help(help);
        self.report_at(id, diagnostic);
    }

    /// `a | b` where the scores of `a` and `b` measure different things.
    fn mixed_kinds(&mut self, id: NodeId) {
        let node = self.graph.get(id);
        if !node.op.mixes_scores() {
            return;
        }
        let mut kinds: Vec<ScoreKind> = Vec::new();
        for &input in &node.inputs {
            let kind = self.graph.shape(input).score.kind;
            if kind != ScoreKind::Unknown && !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        let [a, b, ..] = kinds[..] else { return };
        let message = format!(
            "scores of different kinds are compared: some are {}, some {}",
            a.name(),
            b.name()
        );
        let help = "give all rows one score after it, as `.score(...)` or `.rank()`; `combine(a, b)` normalises";
        let diagnostic = Diagnostic::new(code::W0901, node.span, message).help(help);
        self.report_at(id, diagnostic);
    }

    fn sum_of_negative(&mut self, id: NodeId) {
        let node = self.graph.get(id);
        let Some(&input) = node.inputs.first().filter(|_| node.op.sums_scores()) else {
            return;
        };
        if !self.graph.shape(input).score.facts.negative() {
            return;
        }
        let message = format!(
            "`{}` adds up scores that may be negative: more links can make a smaller sum",
            node.op.name()
        );
        let help = "keep scores positive, as `.score(max(score, 0.0))`, or use `merge=max`";
        let diagnostic = Diagnostic::new(code::W0902, node.span, message).help(help);
        self.report_at(id, diagnostic);
    }

    /// A column with nulls in a score: its rows have no score, and come last.
    fn nulls_in_score(&mut self, id: NodeId) {
        let node = self.graph.get(id);
        let Some(&input) = node.inputs.first() else {
            return;
        };
        if node.op.effect() != Effect::Scores {
            return;
        }
        let Some(lack) = node.shape.score.facts.lack else {
            return;
        };
        let (what, missing, of) = self.lacking(lack);
        // what the input lacks already was said there
        if self.graph.shape(input).score.facts.lack == Some(lack) {
            return;
        }
        let message = format!(
            "{what} is null in {missing} of {of}: rows without it have no score and come last"
        );
        let help = match lack {
            Lack::Column { entity, column } => {
                let path = self.path_to(entity, node.shape.entity);
                let column = &self.schema.entity(entity).columns[column as usize];
                let column_path = format!("{path}{}", column.name);
                instead_of_null(&column_path, &column.ty)
            }
            Lack::Vector { .. } => "provide a default: `coalesce(cosine(...), 0.0)`".to_owned(),
        };
        let span = self.written.arguments.get(&id).copied().unwrap_or(node.span);
        let diagnostic = Diagnostic::new(code::W1001, span, message).help(help);
        self.report_at(id, diagnostic);
    }

    /// What stands before a column of one entity in the rows of another: `author.`, `viewer.`.
    fn path_to(&self, entity: EntityId, from: EntityId) -> String {
        if entity == from {
            return String::new();
        }
        let references = &self.schema.entity(from).references;
        match references.iter().find(|r| r.entity == entity) {
            Some(reference) => format!("{}.", reference.name),
            None if entity == self.schema.viewer => "viewer.".to_owned(),
            None => String::new(),
        }
    }

    /// What is missing, in how many rows, of how many of what.
    fn lacking(&self, lack: Lack) -> (String, u64, String) {
        let (entity, name, missing) = match lack {
            Lack::Column { entity, column } => {
                let column = &self.schema.entity(entity).columns[column as usize];
                (entity, format!("`{}`", column.name), column.stats.nulls)
            }
            Lack::Vector { embedding, entity } => {
                let space = &self.schema.embeddings[embedding as usize];
                let place = space.entities.iter().position(|&e| e == entity);
                let missing = place.map_or(0, |place| space.missing[place]);
                (entity, format!("the vector `{}`", space.name), missing)
            }
        };
        let table = self.schema.entity(entity);
        (name, missing, format!("{} `{}`", table.rows, table.name))
    }
}

/// How a score says what counts where a column of that type is null.
fn instead_of_null(column: &str, ty: &Type) -> String {
    let value = match ty {
        Type::Int | Type::Float => "0",
        Type::Bool => "false",
        Type::Time => "@1970-01-01",
        Type::Duration => "0s",
        _ => return format!("leave those rows out, as `.filter({column} is not null)`"),
    };
    format!("provide a default, as `coalesce({column}, {value})`")
}
