//! Features of examples: expressions over rows, each as of its example.

use super::found::Found;
use crate::batch::Column;
use crate::check::trained::{Ids, Trained};
use crate::engine::Scene;
use crate::expr::Expr;
use crate::expr::eval::prepare;
use crate::expr::run::Frame;
use crate::stream::in_order;
use std::convert::Infallible;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Examples that one thread evaluates together.
pub const WORK: usize = 4_096;

/// A feature of a model.
pub struct Feature {
    pub name: String,
    pub expr: Expr,
    /// Of a hash: below which number it is brought.
    pub buckets: Option<u32>,
}

/// The features of a model, with what they are evaluated in.
pub struct Features<'s, 'e> {
    pub scene: &'s Scene<'e>,
    pub model: &'s Trained,
    pub of: &'s [Feature],
    /// Per feature, nanoseconds.
    pub spent: &'s [AtomicU64],
    pub prepared: &'s OnceLock<()>,
}

impl Features<'_, '_> {
    /// Column by column, of some rows, each as of the example that it belongs to.
    pub fn columns(&self, found: &Found, sources: &[u32], rows: &[u32]) -> Vec<Column> {
        self.prepared.get_or_init(|| {
            let run = self.scene.examples(Vec::new(), Vec::new(), self.model.entity, Vec::new());
            let exprs: Vec<&Expr> = self.of.iter().map(|feature| &feature.expr).collect();
            prepare(&run, &exprs);
        });
        let places: Vec<Range<usize>> = (0..rows.len())
            .step_by(WORK)
            .map(|start| start..rows.len().min(start + WORK))
            .collect();
        let mut all: Vec<Column> = Vec::new();
        let work = |part: &Range<usize>| -> Result<Vec<Column>, Infallible> {
            Ok(self.evaluated(found, &sources[part.clone()], &rows[part.clone()]))
        };
        let Ok(()) = in_order(&places, work, |columns| {
            append(&mut all, columns);
            Ok(())
        });
        all
    }

    fn evaluated(&self, found: &Found, sources: &[u32], rows: &[u32]) -> Vec<Column> {
        let at = |values: &[u32]| sources.iter().map(|&s| values[s as usize]).collect::<Vec<_>>();
        let times: Vec<i64> = sources.iter().map(|&s| found.times[s as usize]).collect();
        let (viewers, entity) = (at(&found.viewers), self.model.entity);
        let run = self.scene.examples(times, viewers, entity, rows.to_vec());
        let owners: Vec<u32> = (0..rows.len() as u32).collect();
        let context = 0..self.model.inputs.context.len();
        let bound: Vec<Column> =
            context.map(|place| found.columns[place].gather(sources)).collect();
        let frame = Frame {
            n: rows.len(),
            owners: &owners,
            ids: rows,
            bound: &bound,
            ..Frame::requests(&run)
        };
        let value = |(feature, spent): (&Feature, &AtomicU64)| {
            let start = Instant::now();
            let column = frame.column(&feature.expr);
            spent.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
            column
        };
        self.of.iter().zip(self.spent).map(value).collect()
    }
}

/// Adds rows to columns, which are none before the first.
pub fn append(all: &mut Vec<Column>, more: Vec<Column>) {
    match all.is_empty() {
        true => *all = more,
        false => all.iter_mut().zip(&more).for_each(|(all, more)| all.append(more)),
    }
}

impl Feature {
    /// The features of a model: dense, then sparse, then vectors.
    pub fn all(model: &Trained) -> Vec<Feature> {
        let feature = |name: &String, expr: &Expr, buckets| Feature {
            name: name.clone(),
            expr: expr.clone(),
            buckets,
        };
        let inputs = &model.inputs;
        let dense = inputs.dense.iter().map(|dense| feature(&dense.name, &dense.expr, None));
        let sparse = inputs.sparse.iter().map(|sparse| {
            let buckets = match sparse.ids {
                Ids::Value(_) => None,
                Ids::Hashed(_, n) => Some(n),
            };
            feature(&sparse.name, sparse.ids.expr(), buckets)
        });
        let vectors = inputs.vectors.iter().map(|(name, expr)| feature(name, expr, None));
        dense.chain(sparse).chain(vectors).collect()
    }
}
