//! Declarations of what is learnt from data: `edge similar = itemknn(likes, k=100)`.

mod bind;
mod declaration;
mod kinds;
mod versions;

pub use declaration::{Declaration, Setting};

use super::Checker;
use super::env::Env;
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::EdgeExpr;
use crate::source::Span;
use crate::store::learned::{Found, Kind};
use crate::syntax::ast::{self, Arg, ExprKind, Name};
use crate::types::EntityId;
use bind::Bound;
use kinds::{LEARNERS, Learner};

/// A learner, its name as it is written, and its arguments.
type Called<'a> = (&'static Learner, &'a Name, &'a [Arg]);

impl<'a> Checker<'a> {
    /// What a declaration of an edge calls: a learner, with its arguments.
    pub(super) fn edge_learner(&mut self, value: &'a ast::Expr) -> Option<Option<Called<'a>>> {
        let ExprKind::Call { callee, args } = &value.kind else { return None };
        let found = kinds::find(Kind::Edge, &callee.text);
        if found.is_none() {
            self.unknown_learner(Kind::Edge, callee);
        }
        Some(found.map(|learner| (learner, callee, &args[..])))
    }

    /// The same of an embedding; none if no learner has that name.
    pub(super) fn embedding_learner(&self, value: &'a ast::Expr) -> Option<Called<'a>> {
        let ExprKind::Call { callee, args } = &value.kind else { return None };
        let learner = kinds::find(Kind::Embedding, &callee.text)?;
        Some((learner, callee, &args[..]))
    }

    fn unknown_learner(&mut self, kind: Kind, callee: &Name) {
        let names = || LEARNERS.iter().filter(|l| l.kind == kind).map(|l| l.name);
        let help = match suggest::nearest(&callee.text, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it can be learnt by {}", names().collect::<Vec<_>>().join(", ")),
        };
        let word = kind.word();
        let message = format!("no {word} is learnt by `{}`", callee.text);
        self.report(Diagnostic::new(code::E0206, callee.span, message).help(help));
    }

    /// A learned edge: the links of the newest version that was trained from the declaration.
    pub(super) fn learned_edge(
        &mut self,
        name: &Name,
        (learner, callee, args): Called<'a>,
        env: &Env<'a>,
        span: Span,
    ) -> Option<EdgeExpr> {
        let settings = self.learner_settings(learner, callee, args, env)?;
        let entities = vec![edge_of(&settings)?.to];
        let declared = self.declaration(name, learner, entities, settings);
        self.check_order(&declared, callee)?;
        match self.version_of(declared, span)? {
            Found::Edge(edge) => Some(self.table_edge(*edge)),
            Found::Embedding(_) | Found::Model { .. } | Found::Unusable(_) => None,
        }
    }

    /// A learned embedding: its number in the snapshot.
    pub(super) fn learned_embedding(
        &mut self,
        name: &'a Name,
        entities: &'a [Name],
        (learner, callee, args): Called<'a>,
        env: &Env<'a>,
        span: Span,
    ) -> Option<u32> {
        let settings = self.learner_settings(learner, callee, args, env)?;
        let on: Option<Vec<EntityId>> =
            entities.iter().map(|e| self.entity_named(&e.text, e.span, env.module)).collect();
        let on = on?;
        let edge = edge_of(&settings)?;
        if on != [edge.to] {
            let (name, to) = (edge.name.clone(), self.entity_name(edge.to));
            let message = format!("`{name}` leads to `{to}`, so the vectors are those of `{to}`");
            let at = entities.first().map_or(callee.span, |e| e.span);
            let help = format!("write `on {to}`");
            return self.refuse(Diagnostic::new(code::E0504, at, message).help(help));
        }
        let declared = self.declaration(name, learner, on, settings);
        match self.version_of(declared, span)? {
            Found::Embedding(number) => Some(*number),
            Found::Edge(_) | Found::Model { .. } | Found::Unusable(_) => None,
        }
    }

    /// Notes a declaration, and finds the version that a use of it reads.
    pub(super) fn version_of(&mut self, declared: Declaration, span: Span) -> Option<&'a Found> {
        // who only declares it does not need it
        let used_at = (span != declared.span).then_some(span);
        let found = self.trained(&declared, used_at);
        if !self.declared.iter().any(|known| known.span == declared.span) {
            self.declared.push(declared);
        }
        found
    }
}

/// The edge that is learnt from.
fn edge_of(settings: &[Bound]) -> Option<&EdgeExpr> {
    settings.iter().find_map(|(_, setting)| match setting {
        Setting::Edge(edge) => Some(&**edge),
        _ => None,
    })
}
