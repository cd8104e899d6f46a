//! A trained model where it is used: the heads of the newest version that was trained from its declaration, over the rows
//! that are there.

use super::trained::{Ids, Inputs, Network, Trained, is_classifier};
use crate::catalog::schema::Schema;
use crate::check::Checker;
use crate::check::env::{Env, Scope};
use crate::check::learned::Declaration;
use crate::check::modules::Kind as NameKind;
use crate::diag::{Diagnostic, code};
use crate::expr::Expr;
use crate::expr::ir::{Kind, Scalar, Stat};
use crate::ops::{Model, Predictor, Served, Shape};
use crate::source::Span;
use crate::store::learned::{Attached, Found, Kind as Learned, Manifest};
use crate::syntax::ast::{self, Item, ItemKind, Name};
use crate::types::{EdgeId, EntityId, Type};
use foldhash::{HashMap, HashMapExt};
use std::sync::Arc;

/// A model that scores rows.
pub(super) struct Scoring<'m> {
    /// As the program calls it.
    pub name: &'m str,
    /// The rows that it scores.
    pub of: EntityId,
    pub inputs: &'m Inputs,
    /// The columns that its inputs have in logs, and a hash of them.
    pub logged: &'m [String],
    pub log_hash: &'m str,
    /// Whether it is the half of two towers that finds the vector of the viewer.
    pub is_tower: bool,
}

impl Scoring<'_> {
    /// That of a declaration.
    fn of(model: &Trained) -> Scoring<'_> {
        Scoring {
            name: &model.name,
            of: model.entity,
            inputs: &model.inputs,
            logged: &model.logged,
            log_hash: &model.log_hash,
            is_tower: matches!(model.kind, Network::TwoTower(_)),
        }
    }
}

impl<'a> Checker<'a> {
    /// The model of an item that is trained.
    pub(super) fn used_model(
        &mut self,
        item: &'a Item,
        span: Span,
        module: usize,
        shape: &Shape,
    ) -> Option<Model> {
        let ItemKind::Model { name, entity, value } = &item.kind else { return None };
        if is_classifier(value) {
            return self.used_classifier((name, entity, value), span, module);
        }
        let is_it = |model: &&Arc<Trained>| model.span == name.span;
        if !self.trained.iter().any(|model| is_it(&model)) {
            self.trained_item(item, module);
        }
        let model = self.trained.iter().find(is_it)?.clone();
        let found = self.version_of(Declaration::of_trained(&model), span)?;
        let Found::Model { label, .. } = found else { return None };
        self.predicted(&Scoring::of(&model), label, span, module, shape)
    }

    /// The heads of a version as functions of what the model reads.
    pub(super) fn predicted(
        &mut self,
        model: &Scoring,
        label: &str,
        span: Span,
        module: usize,
        shape: &Shape,
    ) -> Option<Model> {
        let of = self.entity_name(model.of).to_owned();
        let predictor = self.predictor(model.of, label, span)?;
        let context = self.context_of(model, span, module, shape)?;
        let inputs = self.input_exprs(model.inputs, &context, span)?;
        let before = self.before(&of, label);
        let inputs: Vec<Expr> =
            inputs.into_iter().map(|input| self.as_trained(input, &before)).collect();
        let heads = predictor.heads.iter().map(|(output, kernel)| {
            let call = Kind::Call { kernel: *kernel, args: inputs.clone() };
            (output.name().to_owned(), Expr::new(call, Type::Float))
        });
        let heads: Vec<(String, Expr)> = heads.collect();
        let score = match &heads[..] {
            [(_, only)] => Some(only.clone()),
            _ => None,
        };
        let served = Some(Arc::new(self.as_logged(model, label, &of)));
        Some(Model { name: model.name.to_owned(), heads, score, served })
    }

    /// What logs are told of a version.
    fn as_logged(&self, model: &Scoring, label: &str, of: &str) -> Served {
        let inputs = model.inputs;
        let hashed = inputs.sparse.iter().map(|sparse| match &sparse.ids {
            Ids::Hashed(_, n) => Some(*n),
            Ids::Value(_) => None,
        });
        let dense = inputs.dense.iter().map(|_| None);
        let vectors = inputs.vectors.iter().map(|_| None);
        Served {
            label: label.to_owned(),
            feature_hash: model.log_hash.to_owned(),
            inputs: model.logged.to_vec(),
            names: inputs.names().map(str::to_owned).collect(),
            buckets: dense.chain(hashed).chain(vectors).collect(),
            upstream: self.upstream_of(of, label).to_vec(),
        }
    }

    /// The version of that label, if it can be used.
    pub(super) fn predictor(
        &mut self,
        of: EntityId,
        label: &str,
        span: Span,
    ) -> Option<&'a Predictor> {
        let modules = self.modules;
        let of = self.entity_name(of);
        let predictor = modules.vocabulary.predictor(&format!("{of}.{label}"));
        let usable = |predictor: &&Predictor| predictor.wrong.is_none();
        if let Some(predictor) = predictor.filter(usable) {
            return Some(predictor);
        }
        let why = predictor.and_then(|predictor| predictor.wrong.clone()).unwrap_or_default();
        let message = format!("`{label}` cannot be used: {why}");
        let help = "train it again with `igql train`";
        self.refuse(Diagnostic::new(code::E0503, span, message).help(help))
    }

    /// Notes a classifier that nothing uses.
    pub(in crate::check) fn declared_classifier(
        &mut self,
        name: &'a Name,
        entity: &'a Name,
        value: &'a ast::Expr,
        module: usize,
    ) {
        self.once("model", &name.text, 0, name.span, |this| {
            let declared = this.classifier(name, entity, value, module)?;
            this.version_of(declared, name.span)
        });
    }

    /// The topic of a row, and how probable it is, from the vectors that the version was trained on: those of a newer
    /// version of the embedding mean something else.
    fn used_classifier(
        &mut self,
        (name, entity, value): (&'a Name, &'a Name, &'a ast::Expr),
        span: Span,
        module: usize,
    ) -> Option<Model> {
        let declared = self.classifier(name, entity, value, module)?;
        let (of, newest) = (declared.entities[0], declared.embedding()?);
        let topic = declared.topics()?.ty.clone();
        let Found::Model { label, .. } = self.version_of(declared, span)? else { return None };
        let predictor = self.predictor(of, label, span)?;
        let number = predictor.reads.unwrap_or(newest);
        Some(self.classified((&name.text, label), predictor, (of, number), topic, span))
    }

    /// The heads of a classifier as functions of the vectors of an embedding.
    pub(super) fn classified(
        &mut self,
        (name, label): (&str, &str),
        predictor: &Predictor,
        (of, number): (EntityId, u32),
        topic: Type,
        span: Span,
    ) -> Model {
        self.note_space(number, of);
        let it = Expr::new(Kind::It, Type::Id(of));
        let vector = self.vector_of(number, of, it, span);
        let heads =
            predictor.heads.iter().zip([topic, Type::Float]).map(|((output, kernel), ty)| {
                let call = Kind::Call { kernel: *kernel, args: vec![vector.clone()] };
                (output.name().to_owned(), Expr::new(call, ty))
            });
        let served = Served {
            label: label.to_owned(),
            feature_hash: String::new(),
            inputs: Vec::new(),
            names: Vec::new(),
            buckets: Vec::new(),
            upstream: Vec::new(),
        };
        let (heads, served) = (heads.collect(), Some(Arc::new(served)));
        Model { name: name.to_owned(), heads, score: None, served }
    }

    /// Notes that a version of an embedding is read.
    fn note_space(&mut self, number: u32, of: EntityId) {
        let of = self.entity_name(of);
        let space = &self.schema.embeddings[number as usize];
        let is_it = |attached: &&Attached| {
            let m = &attached.manifest;
            m.kind == Learned::Embedding
                && m.label() == space.version()
                && m.entities.iter().any(|entity| entity == of)
        };
        if let Some(attached) = self.snapshot.versions().iter().find(is_it) {
            self.versions.insert(attached.manifest.label(), attached.manifest.until);
        }
    }

    /// What a version is given: dense inputs as numbers, others as they are.
    pub(super) fn input_exprs(
        &mut self,
        inputs: &Inputs,
        context: &[Expr],
        span: Span,
    ) -> Option<Vec<Expr>> {
        let dense = inputs.dense.len();
        let exprs = inputs.exprs().map(|expr| in_context(expr.clone(), context)).enumerate();
        let exprs: Vec<(usize, Expr)> = exprs.collect();
        let made = exprs.into_iter().map(|(place, expr)| match place < dense {
            true => self.as_number(expr, span),
            false => Some(expr),
        });
        made.collect()
    }

    /// The versions that a model was trained with, where there are newer ones, which say other things by the same numbers.
    fn before(&self, of: &str, label: &str) -> Before {
        let versions = self.snapshot.versions();
        let mut before = Before { embeddings: HashMap::new(), edges: HashMap::new() };
        let upstream = self.upstream_of(of, label);
        let is_read = |m: &Manifest| upstream.contains(&format!("{} {}", m.kind.word(), m.label()));
        for attached in versions.iter().filter(|attached| is_read(&attached.manifest)) {
            match &attached.found {
                Found::Embedding(number) => before.embedding(self.schema, *number),
                Found::Edge(edge) => before.edge(self.schema, *edge),
                Found::Model { .. } | Found::Unusable(_) => {}
            }
        }
        // of several versions of a declaration each is read as itself
        for attached in versions.iter().filter(|attached| is_read(&attached.manifest)) {
            match &attached.found {
                Found::Embedding(number) => before.is_itself(self.schema, *number),
                Found::Edge(edge) => {
                    before.edges.remove(edge);
                }
                Found::Model { .. } | Found::Unusable(_) => {}
            }
        }
        before
    }

    /// The versions that a version of a model was trained with.
    fn upstream_of(&self, of: &str, label: &str) -> &[String] {
        let mut manifests = self.snapshot.versions().iter().map(|attached| &attached.manifest);
        let own = manifests
            .find(|m| m.kind == Learned::Model && m.entities.iter().eq([of]) && m.label() == label);
        own.map_or(&[], |own| &own.upstream)
    }

    /// An input with the versions that its model was trained with, as long as it is not trained anew.
    fn as_trained(&self, input: Expr, before: &Before) -> Expr {
        match before.embeddings.is_empty() && before.edges.is_empty() {
            true => input,
            false => input.map(&mut |part| self.read_before(part, before)),
        }
    }

    fn read_before(&self, part: Expr, before: &Before) -> Expr {
        let embedding = |number: u32| before.embeddings.get(&number).copied().unwrap_or(number);
        let kind = match &part.kind {
            Kind::VectorOf { embedding: number, entity, id } => {
                let (embedding, entity, id) = (embedding(*number), *entity, id.clone());
                Kind::VectorOf { embedding, entity, id }
            }
            Kind::OverLinks(over) => {
                let mut over = over.clone();
                over.edge.each_table(&mut |edge| *edge = *before.edges.get(edge).unwrap_or(edge));
                if let Stat::FoldIn(number) = over.stat {
                    over.stat = Stat::FoldIn(embedding(number));
                }
                Kind::OverLinks(over)
            }
            Kind::Call { kernel, args } => {
                let tower = self.schema.tower(kernel.function.name).map(embedding);
                let tower = tower.and_then(|tower| self.modules.vocabulary.tower(tower));
                let Some(Ok(kernel)) = tower else { return part };
                Kind::Call { kernel, args: args.clone() }
            }
            _ => return part,
        };
        Expr::new(kind, part.ty.clone())
    }

    /// What the tower of viewers is given.
    pub(in crate::check) fn tower_args(
        &mut self,
        model: &Trained,
        module: usize,
        span: Span,
    ) -> Option<Vec<Expr>> {
        let nobody = Shape::of(self.schema.viewer, Some(1));
        let context = self.context_of(&Scoring::of(model), span, module, &nobody)?;
        self.input_exprs(&model.inputs, &context, span)
    }

    /// A dense input as a number, as it was in the training table: durations and ages in seconds, true is 1.
    pub(super) fn as_number(&mut self, expr: Expr, span: Span) -> Option<Expr> {
        let second = || Expr::constant(Scalar::I64(1_000_000), Type::Duration);
        Some(match expr.ty {
            Type::Bool => self.bool_number(expr, span),
            Type::Duration => self.apply("/", vec![expr, second()], span),
            Type::Time => {
                let now = Expr::new(Kind::Now, Type::Time);
                let age = self.apply("-", vec![now, expr], span);
                self.apply("/", vec![age, second()], span)
            }
            _ => self.convert(expr, &Type::Float)?,
        })
    }

    /// What stands for what only a request knows: a column of the rows, or a parameter of that name.
    fn context_of(
        &mut self,
        model: &Scoring,
        span: Span,
        module: usize,
        shape: &Shape,
    ) -> Option<Vec<Expr>> {
        let modules = self.modules;
        let mut found = Vec::new();
        for context in &model.inputs.context {
            let column = shape.columns.iter().position(|column| column.name == context.name);
            let value = match column {
                Some(place) => {
                    Some(Expr::new(Kind::Bound(place as u32), shape.columns[place].ty.clone()))
                }
                None => {
                    let item = modules.find(0, NameKind::Rest, &context.name).next();
                    let item =
                        item.or_else(|| modules.find(module, NameKind::Rest, &context.name).next());
                    match item.map(|(_, item)| &item.kind) {
                        Some(ItemKind::Param { name, .. }) => {
                            let scope = Scope::rows(shape);
                            Some(self.name(&name.text, span, &Env::top(0), &scope))
                        }
                        _ => None,
                    }
                }
            };
            let value = value.and_then(|value| self.convert(value, &context.ty));
            let Some(value) = value.filter(|value| !value.is_error()) else {
                let name = &context.name;
                let ty = self.type_name(&context.ty);
                let what = if model.is_tower { "embedding" } else { "model" };
                let message = format!("{what} `{}` reads `{name}`, which is not there", model.name);
                let help = match model.is_tower {
                    true => format!("declare `param {name}: {ty}`"),
                    false => {
                        format!("bind it with `let({name}=...)`, or declare `param {name}: {ty}`")
                    }
                };
                return self.refuse(Diagnostic::new(code::E0203, span, message).help(help));
            };
            found.push(value);
        }
        Some(found)
    }
}

/// An expression with what stands for the context in its place.
fn in_context(expr: Expr, context: &[Expr]) -> Expr {
    if context.is_empty() {
        return expr;
    }
    expr.map(&mut |part| match part.kind {
        Kind::Bound(place) => context.get(place as usize).cloned().unwrap_or(part),
        _ => part,
    })
}

/// Versions of the same declaration in the place of newer ones.
struct Before {
    embeddings: HashMap<u32, u32>,
    edges: HashMap<EdgeId, EdgeId>,
}

impl Before {
    fn embedding(&mut self, schema: &Schema, own: u32) {
        let of = |number: u32| &schema.embeddings[number as usize];
        for other in 0..schema.embeddings.len() as u32 {
            let is_same = of(other).learned.is_some()
                && of(other).meaning() == of(own).meaning()
                && of(other).entities == of(own).entities;
            if other == own || !is_same || of(other).name == of(own).name {
                continue;
            }
            self.embeddings.insert(other, own);
            if let (Some(other), Some(own)) = (of(other).normalized, of(own).normalized) {
                self.embeddings.insert(other, own);
            }
        }
    }

    /// Leaves a version, and what is derived of it, in its place.
    fn is_itself(&mut self, schema: &Schema, own: u32) {
        self.embeddings.remove(&own);
        if let Some(normalized) = schema.embeddings[own as usize].normalized {
            self.embeddings.remove(&normalized);
        }
    }

    fn edge(&mut self, schema: &Schema, own: EdgeId) {
        let of = |edge: EdgeId| schema.edge(edge);
        let all = (0..schema.edges.len() as u16).map(EdgeId);
        let is_same = |other: &EdgeId| {
            *other != own && of(*other).learned && of(*other).meaning() == of(own).meaning()
        };
        self.edges.extend(all.filter(is_same).map(|other| (other, own)));
    }
}

impl Declaration {
    /// That of a model that is trained on examples.
    pub(in crate::check) fn of_trained(model: &Arc<Trained>) -> Declaration {
        let (kind, entities) = match model.kind {
            Network::TwoTower(_) => {
                let edge = &model.examples.edge;
                (Learned::Embedding, vec![edge.from, edge.to])
            }
            Network::Linear { .. } | Network::Mlp(_) | Network::Mtml(_) | Network::Distill(_) => {
                (Learned::Model, vec![model.entity])
            }
        };
        Declaration {
            kind,
            name: model.name.clone(),
            learner: model.kind.name(),
            entities,
            settings: Vec::new(),
            text: model.text.clone(),
            hash: model.hash.clone(),
            span: model.span,
            model: Some(model.clone()),
        }
    }
}
