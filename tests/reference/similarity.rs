//! Embeddings: which one a name means, and how near two vectors are.

use super::Interp;
use super::env::Env;
use igql::catalog::schema::Metric;
use igql::syntax::ast::{Arg, Expr, ExprKind};

impl<'a> Interp<'a> {
    /// The embedding of an entity that a name means, through aliases.
    pub fn embedding_named(&self, name: &str, entity: usize) -> Option<usize> {
        match self.program.embedding(name, &self.is_entity(entity)) {
            Some(Expr { kind: ExprKind::Name(alias), .. }) => self.embedding_named(alias, entity),
            Some(Expr { kind: ExprKind::Call { callee, args }, .. }) => {
                self.stored(&learnt(name, &callee.text, args), entity)
            }
            Some(other) => panic!("an alias or a learner: {other:?}"),
            None => self.stored(name, entity),
        }
    }

    fn stored(&self, name: &str, entity: usize) -> Option<usize> {
        self.world
            .embeddings
            .iter()
            .position(|e| e.name == name && e.spaces.iter().any(|(s, _)| *s == entity))
    }

    /// The embedding argument of a search from an entity.
    pub fn embedding(&self, expr: Option<&'a Expr>, env: &Env<'a>, entity: usize) -> usize {
        let name = self.bare_name(expr, env, "default");
        self.embedding_named(name, entity).unwrap_or_else(|| panic!("no embedding `{name}`"))
    }

    /// The vector of a row; under cosine a zero vector is none.
    pub fn vector(&self, embedding: usize, entity: usize, row: u32) -> Option<&'a [f32]> {
        let embedding = &self.world.embeddings[embedding];
        let (_, vectors) = embedding.spaces.iter().find(|(e, _)| *e == entity)?;
        let vector = vectors.get(row as usize)?.as_deref()?;
        let is_zero = vector.iter().all(|x| *x == 0.0);
        (embedding.metric != Metric::Cosine || !is_zero).then_some(vector)
    }
}

/// How a snapshot calls what a declaration has learnt: its first version.
fn learnt(name: &str, learner: &str, args: &[Arg]) -> String {
    match (learner, args) {
        ("normalized", [Arg { value: Expr { kind: ExprKind::Name(of), .. }, .. }]) => {
            format!("normalized({of}@1)")
        }
        _ => format!("{name}@1"),
    }
}

/// Product of two vectors, in 64-bit.
pub fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

pub fn distance(a: &[f32], b: &[f32]) -> f64 {
    let square = |(a, b): (&f32, &f32)| (f64::from(*a) - f64::from(*b)).powi(2);
    a.iter().zip(b).map(square).sum::<f64>().sqrt()
}

pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// The similarity of a metric, rounded once to 32-bit.
pub fn similarity(metric: Metric, a: &[f32], b: &[f32]) -> f32 {
    let exact = match metric {
        Metric::Cosine => cosine(a, b),
        Metric::Dot => dot(a, b),
        Metric::L2 => 1.0 / (1.0 + distance(a, b)),
    };
    exact as f32
}
