//! Declarations of what is learnt from data: `edge similar = itemknn(likes, k=100)`.

mod bind;
mod changes;
mod declaration;
mod kinds;
mod texts;
mod topics;
pub mod upstream;
mod versions;

pub use declaration::{Declaration, Setting};
pub use topics::{TopicOf, Topics};

use super::Checker;
use super::env::Env;
use super::modules::Kind as NameKind;
use super::trained::Trained;
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::ir::{OverLinks, Stat};
use crate::expr::{EdgeExpr, Expr, Kind};
use crate::source::Span;
use crate::store::learned::{self, Found};
use crate::syntax::ast::{self, Arg, ExprKind, ItemKind, Name};
use crate::types::{EntityId, Type};
use bind::Bound;
use kinds::{LEARNERS, Learner};

/// A learner, its name as it is written, and its arguments.
type Called<'a> = (&'static Learner, &'a Name, &'a [Arg]);

impl<'a> Checker<'a> {
    /// What a declaration of an edge calls: a learner, with its arguments.
    pub(super) fn edge_learner(&mut self, value: &'a ast::Expr) -> Option<Option<Called<'a>>> {
        let ExprKind::Call { callee, args } = &value.kind else { return None };
        let found = kinds::find(learned::Kind::Edge, &callee.text);
        if found.is_none() {
            self.unknown_learner(learned::Kind::Edge, callee);
        }
        Some(found.map(|learner| (learner, callee, &args[..])))
    }

    /// The same of an embedding; none if no learner has that name.
    pub(super) fn embedding_learner(&self, value: &'a ast::Expr) -> Option<Called<'a>> {
        let ExprKind::Call { callee, args } = &value.kind else { return None };
        let learner = kinds::find(learned::Kind::Embedding, &callee.text)?;
        Some((learner, callee, &args[..]))
    }

    fn unknown_learner(&mut self, kind: learned::Kind, callee: &Name) {
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
        let settings = self.learner_settings(learner, callee, args, env, None)?;
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
        let declared = self.declared_space(name, entities, (learner, callee, args), env)?;
        let edge = declared.edge().cloned();
        match self.version_of(declared, span)? {
            Found::Embedding(number) => {
                if let Some(edge) = edge {
                    self.fold_viewers_in(*number, edge);
                }
                Some(*number)
            }
            Found::Edge(_) | Found::Model { .. } | Found::Unusable(_) => None,
        }
    }

    /// An embedding by two towers: its number in the snapshot.
    pub(super) fn learned_towers(
        &mut self,
        name: &'a Name,
        entities: &'a [Name],
        value: &'a ast::Expr,
        module: usize,
        span: Span,
    ) -> Option<u32> {
        let model = self.two_tower(name, entities, value, module)?;
        match self.version_of(Declaration::of_trained(&model), span)? {
            Found::Embedding(number) => {
                self.climb_viewers_up(*number, &model, module, span)?;
                Some(*number)
            }
            Found::Edge(_) | Found::Model { .. } | Found::Unusable(_) => None,
        }
    }

    /// A classifier of the rows of an entity.
    pub(super) fn classifier(
        &mut self,
        name: &'a Name,
        entity: &'a Name,
        value: &'a ast::Expr,
        module: usize,
    ) -> Option<Declaration> {
        let ExprKind::Call { callee, args } = &value.kind else { return None };
        let learner = kinds::find(learned::Kind::Model, &callee.text)?;
        let on = self.entity_named(&entity.text, entity.span, module)?;
        let env = Env::top(module);
        let settings = self.learner_settings(learner, callee, args, &env, Some(on))?;
        Some(self.declaration(name, learner, vec![on], settings))
    }

    /// Notes how the vector of a viewer is found by the tower of a version.
    fn climb_viewers_up(
        &mut self,
        number: u32,
        model: &Trained,
        module: usize,
        span: Span,
    ) -> Option<()> {
        if self.viewers_vectors.contains_key(&number) {
            return Some(());
        }
        let space = &self.schema.embeddings[number as usize];
        let modules = self.modules;
        let kernel = match modules.vocabulary.tower(number) {
            Some(Ok(kernel)) => kernel,
            found => {
                let why = found.and_then(Result::err).unwrap_or_default();
                let message = format!("`{}` cannot be used: {why}", space.name);
                let help = "train it again with `igql train`";
                return self.refuse(Diagnostic::new(code::E0503, span, message).help(help));
            }
        };
        let args = self.tower_args(model, module, span)?;
        let vector = Expr::new(Kind::Call { kernel, args }, Type::Vector(space.dim));
        self.viewers_vectors.insert(number, vector);
        Some(())
    }

    fn declared_space(
        &mut self,
        name: &'a Name,
        entities: &'a [Name],
        (learner, callee, args): Called<'a>,
        env: &Env<'a>,
    ) -> Option<Declaration> {
        let on: Option<Vec<EntityId>> =
            entities.iter().map(|e| self.entity_named(&e.text, e.span, env.module)).collect();
        let on = on?;
        let at = entities.first().map_or(callee.span, |e| e.span);
        if learner.name == "tfidf" {
            self.of_one_entity(&on, at)?;
        }
        let settings = self.learner_settings(learner, callee, args, env, on.first().copied())?;
        let Some(edge) = edge_of(&settings).cloned() else {
            return Some(self.declaration(name, learner, on, settings));
        };
        let wanted = self.entities_of_space(learner, &edge, at)?;
        match on == wanted {
            true => Some(self.declaration(name, learner, on, settings)),
            false => self.wrong_entities(&edge, &wanted, at),
        }
    }

    /// The entities that a learner finds vectors of.
    fn entities_of_space(
        &mut self,
        learner: &Learner,
        edge: &EdgeExpr,
        at: Span,
    ) -> Option<Vec<EntityId>> {
        match learner.name {
            "als" => self.both_ends(edge, at),
            _ => Some(vec![edge.to]),
        }
    }

    /// The entities of both ends of an edge, which have to be two.
    pub(super) fn both_ends(&mut self, edge: &EdgeExpr, at: Span) -> Option<Vec<EntityId>> {
        if edge.from == edge.to {
            let (name, of) = (&edge.name, self.entity_name(edge.to));
            let message =
                format!("both ends of `{name}` are of `{of}`, which can have one vector each");
            let help =
                "learn from an edge between two entities, or learn one vector with `skipgram`";
            return self.refuse(Diagnostic::new(code::E0504, at, message).help(help));
        }
        Some(vec![edge.from, edge.to])
    }

    pub(super) fn wrong_entities<T>(
        &mut self,
        edge: &EdgeExpr,
        wanted: &[EntityId],
        at: Span,
    ) -> Option<T> {
        let names: Vec<&str> = wanted.iter().map(|&entity| self.entity_name(entity)).collect();
        let from = match wanted {
            [from, _] => format!(" from `{}`", self.entity_name(*from)),
            _ => String::new(),
        };
        let message = format!(
            "`{}` leads{from} to `{}`, so the vectors are those of `{}`",
            edge.name,
            self.entity_name(edge.to),
            names.join("` and `")
        );
        let help = format!("write `on {}`", names.join(", "));
        self.refuse(Diagnostic::new(code::E0504, at, message).help(help))
    }

    /// Notes how the vector of a viewer is found in an embedding that is learnt from links of viewers.
    fn fold_viewers_in(&mut self, number: u32, edge: EdgeExpr) {
        let space = &self.schema.embeddings[number as usize];
        if space.folded.is_some() && edge.from == self.schema.viewer {
            let from = Expr::new(Kind::Viewer, Type::Id(edge.from));
            let folded = OverLinks::of(Stat::FoldIn(number), edge, from);
            let vector = Expr::new(Kind::OverLinks(Box::new(folded)), Type::Vector(space.dim));
            self.viewers_vectors.insert(number, vector);
        }
    }

    /// The number of a version that a program names, once it is known how viewers are folded into it: a declaration of
    /// that name says along which links, as it does where no version is named.
    pub(super) fn fold_into_pinned(
        &mut self,
        number: u32,
        name: &str,
        span: Span,
        module: usize,
        entity: EntityId,
    ) -> Option<u32> {
        let modules = self.modules;
        let is_folded = self.schema.embeddings[number as usize].folded.is_some();
        let is_found = is_folded || modules.vocabulary.tower(number).is_some();
        if !is_found || entity != self.schema.viewer || self.viewers_vectors.contains_key(&number) {
            return Some(number);
        }
        let meaning = self.schema.embeddings[number as usize].meaning().to_owned();
        for (module, item) in modules.find(module, NameKind::Embedding, name) {
            let ItemKind::Embedding { name, entities, value } = &item.kind else { continue };
            let declared = match self.embedding_learner(value) {
                Some(called) => self.declared_space(name, entities, called, &Env::top(module))?,
                None if is_folded => continue,
                None => Declaration::of_trained(&self.two_tower(name, entities, value, module)?),
            };
            if meaning != declared.meaning() {
                continue;
            }
            self.mark_used(item);
            match &declared.model {
                Some(model) => self.climb_viewers_up(number, model, module, span)?,
                None => self.fold_viewers_in(number, declared.edge()?.clone()),
            }
            return Some(number);
        }
        let label = self.schema.embeddings[number as usize].name.clone();
        let message =
            format!("no declaration here says how the vector of a viewer is found for `{label}`");
        let mut versions = self.snapshot.versions().iter().map(|attached| &attached.manifest);
        let help = versions.find(|manifest| manifest.label() == label).map(|manifest| {
            let trained = &manifest.declaration;
            format!("import the file that declares `{name}`, or declare it here; it was trained from {trained}")
        });
        self.refuse(Diagnostic::new(code::E0504, span, message).maybe_help(help))
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
