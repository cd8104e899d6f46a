//! Embeddings by name: aliases, vectors of the catalog.

use super::env::{Env, Local};
use super::modules::Kind as NameKind;
use super::{Checker, bare_name};
use crate::catalog::schema::{self, Metric};
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::{Expr, Kind};
use crate::source::Span;
use crate::syntax::ast::{self, ExprKind, ItemKind, Name};
use crate::types::{EntityId, Type};

impl<'a> Checker<'a> {
    /// The embedding that an argument names.
    pub(super) fn embedding(
        &mut self,
        expr: &'a ast::Expr,
        env: &Env<'a>,
        entity: EntityId,
    ) -> Option<u32> {
        match &expr.kind {
            ExprKind::Name(name) => self.embedding_named(name, expr.span, env, entity),
            ExprKind::Version { name, version } => {
                let number = self.pinned_embedding(&name.text, *version, entity, expr.span)?;
                self.fold_into_pinned(number, &name.text, expr.span, env.module, entity)
            }
            ExprKind::Error => None,
            kind => {
                let message = "expected the name of an embedding";
                let help = match kind {
                    ExprKind::Str(name) => super::quoted::without_quotes(name),
                    _ => self.embeddings_of(entity),
                };
                self.refuse(Diagnostic::new(code::E0302, expr.span, message).help(help))
            }
        }
    }

    pub(super) fn embedding_named(
        &mut self,
        name: &str,
        span: Span,
        env: &Env<'a>,
        entity: EntityId,
    ) -> Option<u32> {
        match env.find(name).cloned() {
            Some(Local::Embedding(number)) => return Some(number),
            Some(Local::Error) => return None,
            Some(Local::Thunk { expr, env, .. }) if bare_name(expr) != Some(name) => {
                return self.embedding(expr, &env, entity);
            }
            _ => {}
        }
        match self.find_embedding(name, span, env.module, entity) {
            Some(found) => found,
            None => {
                self.unknown_embedding(name, span, env.module, entity);
                None
            }
        }
    }

    /// The embedding of that name; `Some(None)` if it is broken, `None` if there is none.
    pub(super) fn find_embedding(
        &mut self,
        name: &str,
        span: Span,
        module: usize,
        entity: EntityId,
    ) -> Option<Option<u32>> {
        let modules = self.modules;
        let catalog = self.catalog_embedding(name, entity);
        for (number, item) in modules.find(module, NameKind::Embedding, name) {
            let ItemKind::Embedding { entities, .. } = &item.kind else {
                continue;
            };
            let mut on = entities.iter().map(|e| self.find_entity(&e.text));
            if !on.any(|on| on == Some(entity)) {
                continue;
            }
            // an alias of its own name means the catalog's
            if self.here.open.contains(&("embedding", name.to_owned(), 0)) && catalog.is_some() {
                return Some(catalog);
            }
            self.mark_used(item);
            return Some(self.declared_embedding(item, span, number, entity));
        }
        catalog.map(Some)
    }

    /// What a declaration of an embedding means for an entity.
    pub(super) fn declared_embedding(
        &mut self,
        item: &'a ast::Item,
        span: Span,
        module: usize,
        entity: EntityId,
    ) -> Option<u32> {
        let ItemKind::Embedding { name, entities, value } = &item.kind else { return None };
        let env = Env::top(module);
        self.once("embedding", &name.text, 0, span, |this| match &value.kind {
            ExprKind::Name(alias) => this.embedding_named(alias, value.span, &env, entity),
            ExprKind::Version { name, version } => {
                let number = this.pinned_embedding(&name.text, *version, entity, value.span)?;
                this.fold_into_pinned(number, &name.text, value.span, module, entity)
            }
            ExprKind::Call { callee, .. } => match this.embedding_learner(value) {
                None if callee.text == "two_tower" => this.within(&name.text, span, |this| {
                    this.learned_towers(name, entities, value, module, span)
                }),
                None if callee.text == "normalized" => {
                    this.within(&name.text, span, |this| this.normalized(value, &env, entity))
                }
                Some(learner) => this.within(&name.text, span, |this| {
                    this.learned_embedding(name, entities, learner, &env, span)
                }),
                None => {
                    this.unsupported_space(callee);
                    None
                }
            },
            ExprKind::Error => None,
            _ => {
                let message = "an embedding is made by a learner, or is another one";
                let help = format!("write `embedding {} on ... = skipgram(...)`", name.text);
                this.refuse(Diagnostic::new(code::E0302, value.span, message).help(help))
            }
        })
    }

    /// `normalized(near)`: the same vectors, compared by their angles.
    fn normalized(&mut self, value: &'a ast::Expr, env: &Env<'a>, entity: EntityId) -> Option<u32> {
        let ExprKind::Call { callee, args } = &value.kind else { return None };
        let [of] = &args[..] else {
            let message = "`normalized` takes one embedding";
            let help = "write `normalized(NAME)`, with the name of an embedding";
            return self.refuse(Diagnostic::new(code::E0307, callee.span, message).help(help));
        };
        if let Some(name) = of.name.as_ref().filter(|name| name.text != "of") {
            let message = format!("`normalized` has no parameter `{}`", name.text);
            let found = Diagnostic::new(code::E0304, name.span, message);
            return self.refuse(found.help("it has `of`, an embedding"));
        }
        let number = self.embedding(&of.value, env, entity)?;
        let space = &self.schema.embeddings[number as usize];
        if space.metric == Metric::Cosine {
            return Some(number);
        }
        let Some(normalized) = space.normalized else {
            let message = format!("`{}` is not learnt, so its metric stays", space.name);
            let help = "declare the same file once more in the catalog, with `metric = \"cosine\"`";
            return self.refuse(Diagnostic::new(code::E0504, of.span, message).help(help));
        };
        if let Some(viewer) = self.viewers_vectors.get(&number).cloned() {
            self.viewers_vectors.insert(normalized, viewer);
        }
        Some(normalized)
    }

    /// The vector of the viewer, where an embedding finds it when a request is made.
    pub(super) fn viewers_vector(&self, embedding: u32, entity: EntityId) -> Option<Expr> {
        let found = self.viewers_vectors.get(&embedding);
        found.filter(|_| entity == self.schema.viewer).cloned()
    }

    /// The vector of an entity: of the viewer the one that is found for it, of others those that are stored.
    pub(super) fn vector_of(
        &mut self,
        embedding: u32,
        entity: EntityId,
        id: Expr,
        span: Span,
    ) -> Expr {
        let ty = Type::Vector(self.schema.embeddings[embedding as usize].dim);
        let stored = Expr::new(Kind::VectorOf { embedding, entity, id: id.clone() }, ty.clone());
        let Some(own) = self.viewers_vector(embedding, entity) else { return stored };
        if id.kind == Kind::Viewer {
            return own;
        }
        let viewer = Expr::new(Kind::Viewer, Type::Id(entity));
        let condition = self.apply("==", vec![id, viewer], span);
        Expr::new(Kind::If { condition, then: own, otherwise: stored }, ty)
    }

    /// An embedding that would have to be made of data.
    fn unsupported_space(&mut self, callee: &Name) {
        let kind = &callee.text;
        let (code, message) = match kind == "file" {
            true => (code::E0509, format!("this version does not support `{kind}(...)`")),
            false => (code::E0206, format!("unknown kind of embedding `{kind}`")),
        };
        let help = "it learns `skipgram(sequence=...)`, `als(edge=...)` and `tfidf(columns=[...])`; declare existing vectors in the catalog: \
                    `[embedding.NAME]` with `entity` and `file = \"vectors.npy\"`; \
                    an alias is `embedding default on media = NAME`";
        self.report(Diagnostic::new(code, callee.span, message).help(help));
    }

    fn catalog_embedding(&self, name: &str, entity: EntityId) -> Option<u32> {
        let is_it = |e: &schema::Embedding| e.name == name && e.entities.contains(&entity);
        let mut spaces = self.schema.spaces();
        spaces.find(|(_, space)| is_it(space)).map(|(number, _)| number)
    }

    fn embeddings_of(&self, entity: EntityId) -> String {
        let of = self.schema.spaces().map(|(_, e)| e).filter(|e| e.entities.contains(&entity));
        let names: Vec<String> = of.map(|e| format!("`{}`", e.name)).collect();
        let entity = self.entity_name(entity);
        if names.is_empty() {
            format!(
                "the catalog has no embedding of `{entity}`: add `[embedding.NAME]` with `entity = \"{entity}\"`"
            )
        } else {
            format!("embeddings of `{entity}` are {}", names.join(", "))
        }
    }

    fn unknown_embedding(&mut self, name: &str, span: Span, module: usize, entity: EntityId) {
        if self.is_lost(name) {
            return;
        }
        if name == "default" {
            return self.no_default_embedding(span, entity);
        }
        let modules = self.modules;
        let known = self.embedding_names(entity).chain(modules.names(module, NameKind::Embedding));
        let help = match suggest::nearest(name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => self.embeddings_of(entity),
        };
        let message = format!("there is no embedding `{name}` of `{}`", self.entity_name(entity));
        self.report(Diagnostic::new(code::E0206, span, message).help(help));
    }

    fn no_default_embedding(&mut self, span: Span, entity: EntityId) {
        let of = self.entity_name(entity);
        let help = match self.embedding_names(entity).next() {
            Some(e) => format!("add `embedding default on {of} = {e}` to the prelude"),
            None => self.embeddings_of(entity),
        };
        let message = format!("there is no default embedding of `{of}`");
        self.report(Diagnostic::new(code::E0404, span, message).help(help));
    }

    /// The names of the catalog's embeddings of an entity.
    fn embedding_names(&self, entity: EntityId) -> impl Iterator<Item = &'a str> + use<'a> {
        let all = self.schema.spaces().map(|(_, embedding)| embedding);
        all.filter(move |e| e.entities.contains(&entity)).map(|e| e.name.as_str())
    }
}
