//! Hashes of declarations. They are made of texts, not of the numbers that stand for names and strings in a snapshot,
//! so that a version still fits its declaration when the data has changed.

use super::described::{Examples, Ids, Inputs, Target, Teacher, Trained};
use crate::check::spelled::Spelling;
use crate::expr::EdgeExpr;
use crate::expr::texts::{Keys, Texts};
use crate::store::Snapshot;
use crate::store::learned::Feature;
use crate::types::EntityId;
use std::fmt::Write;
use xxhash_rust::xxh3::xxh3_128;

/// What each feature is, written out.
pub(in crate::check::models) fn features(
    snapshot: &Snapshot,
    texts: &Texts,
    of: &Inputs,
) -> Vec<Feature> {
    let (keys, columns) = (Keys::new(snapshot), columns(of));
    let spelling = Spelling { schema: snapshot.schema(), texts, keys: &keys, columns: &columns };
    let dense = of.dense.iter().map(|dense| (&dense.name, &dense.expr));
    let sparse = of.sparse.iter().map(|sparse| (&sparse.name, sparse.ids.expr()));
    let vectors = of.vectors.iter().map(|(name, expr)| (name, expr));
    let all = dense.chain(sparse).chain(vectors).map(|(name, expr)| Feature {
        name: name.clone(),
        ty: snapshot.schema().type_name(&expr.ty),
        reads: spelling.expr(expr),
    });
    all.collect()
}

/// The names of what only a request knows.
fn columns(of: &Inputs) -> Vec<String> {
    of.context.iter().map(|context| context.name.clone()).collect()
}

/// The columns that inputs have in logs, and a hash of these with their types.
pub(in crate::check::models) fn logged(
    snapshot: &Snapshot,
    texts: &Texts,
    of: &Inputs,
) -> (Vec<String>, String) {
    let (keys, columns) = (Keys::new(snapshot), columns(of));
    let spelling = Spelling { schema: snapshot.schema(), texts, keys: &keys, columns: &columns };
    let logged = spelling.logged(of);
    let types = of.exprs().map(|expr| spelling.schema.type_name(&expr.ty));
    let typed = logged.iter().zip(types).map(|(column, ty)| format!("{column}: {ty}\n"));
    let hash = hash(&typed.collect::<String>());
    (logged, hash)
}

fn hash(text: &str) -> String {
    format!("{:032x}", xxh3_128(text.as_bytes()))
}

/// Notes the hash of a declaration with all that it reads, that of its inputs, and the columns that these have in logs.
pub(super) fn identify(snapshot: &Snapshot, texts: &Texts, of: &mut Trained) {
    let (keys, columns) = (Keys::new(snapshot), columns(&of.inputs));
    let spelling = Spelling { schema: snapshot.schema(), texts, keys: &keys, columns: &columns };
    let items = of
        .items
        .as_ref()
        .map(|items| spelling.inputs(items, &of.examples.edge))
        .unwrap_or_default();
    let inputs = spelling.inputs(&of.inputs, &of.examples.edge) + &items;
    let hashes = (hash(&spelling.declaration(of, &inputs)), hash(&inputs));
    (of.logged, of.log_hash) = logged(snapshot, texts, &of.inputs);
    (of.hash, of.feature_hash) = hashes;
}

impl Spelling<'_> {
    fn declaration(&self, of: &Trained, inputs: &str) -> String {
        let mut text = String::new();
        let Examples { edge, negatives, most, slices, latest_upstream } = &of.examples;
        let entity = self.entity(of.entity);
        let _ = writeln!(text, "{} on {entity}: {:?}", of.kind.name(), of.kind);
        let _ = writeln!(text, "examples {}", self.edge(edge));
        let _ = writeln!(text, "{negatives:?} {most} {slices} {latest_upstream}");
        let _ = writeln!(text, "labels {} {}", of.label_window, of.allow_rare);
        let _ = writeln!(text, "{:?} seed {}", of.parts, of.seed);
        for head in &of.heads {
            let target = match &head.target {
                Target::Edge { edge: followed, via } => {
                    let via = via.map(|c| &*self.schema.entity(of.entity).columns[c].name);
                    format!("{} via {via:?}", self.edge(followed))
                }
                Target::Condition(e) => self.of_link(e, edge),
                Target::Value(e) => format!("value {}", self.of_link(e, edge)),
                Target::Soft(e) => format!("soft {}", self.of_link(e, edge)),
                Target::Positives => "positives".to_owned(),
                Target::Order => "order".to_owned(),
            };
            let _ = writeln!(text, "head {} {:?}: {target}", head.name, head.weight);
        }
        if let Some(Teacher { query, reads, .. }) = &of.teacher {
            let _ = writeln!(text, "teacher {query}\n{reads}");
        }
        text + inputs
    }

    /// Inputs by what they mean and how they are read: a column of a log is the same for all models.
    fn logged(&self, of: &Inputs) -> Vec<String> {
        let dense = of.dense.iter().map(|dense| format!("dense: {}", self.expr(&dense.expr)));
        let sparse = of.sparse.iter().map(|sparse| match &sparse.ids {
            Ids::Value(e) => format!("sparse: {}", self.expr(e)),
            Ids::Hashed(e, n) => format!("sparse: hashed({}, {n})", self.expr(e)),
        });
        let vectors = of.vectors.iter().map(|(_, expr)| format!("vector: {}", self.expr(expr)));
        dense.chain(sparse).chain(vectors).collect()
    }

    fn inputs(&self, of: &Inputs, edge: &EdgeExpr) -> String {
        let mut text = String::new();
        for dense in &of.dense {
            let (name, ty) = (&dense.name, self.schema.type_name(&dense.expr.ty));
            let expr = self.expr(&dense.expr);
            let _ = writeln!(text, "dense {name}: {ty} {:?} = {expr}", dense.missing);
        }
        for sparse in &of.sparse {
            let ids = match &sparse.ids {
                Ids::Value(e) => {
                    format!("{} = {}", self.schema.type_name(&e.ty), self.expr(e))
                }
                Ids::Hashed(e, n) => format!("hashed {n} = {}", self.expr(e)),
            };
            let _ = writeln!(text, "sparse {}: {ids}", sparse.name);
        }
        for (name, expr) in &of.vectors {
            let ty = self.schema.type_name(&expr.ty);
            let _ = writeln!(text, "vectors {name}: {ty} = {}", self.expr(expr));
        }
        for context in &of.context {
            let ty = self.schema.type_name(&context.ty);
            let expr = self.of_link(&context.expr, edge);
            let _ = writeln!(text, "context {}: {ty} = {expr}", context.name);
        }
        for shown in &of.shown {
            let (expr, served) = (self.of_link(&shown.expr, edge), &shown.served);
            let _ = writeln!(text, "shown {}: {served:?} = {expr}", shown.name);
        }
        let weight = of.weight.as_ref().map(|weight| self.of_link(weight, edge));
        let _ = writeln!(
            text,
            "{weight:?} {:?} {:?} {} {:?} {:?} {:?}",
            of.weight_clip, of.normalise, of.min_count, of.id_dropout, of.id_dim, of.id_decay
        );
        text
    }

    fn entity(&self, entity: EntityId) -> &str {
        &self.schema.entity(entity).name
    }
}
