//! What a replay reads of the data beside what programs return: links, and what some metrics know of rows.

use super::beside::{DefaultVectors, Popularity};
use super::links::{Asked, UserLinks, edge_to};
use super::metric::{Measure, Metric};
use super::{ReplayError, Spot};
use crate::engine::{Engine, Program};
use crate::types::EntityId;
use foldhash::HashMap;

/// Where it is read from.
pub struct Source<'a, 'b> {
    pub engine: &'a Engine,
    /// A program whose names edges may have.
    pub beside: &'b Program,
    /// Of the rows that programs return.
    pub entity: EntityId,
    /// Later links are not looked at.
    pub until: i64,
    /// Whether links have to have times.
    pub is_timed: bool,
}

impl<'a> Source<'a, '_> {
    /// Edges from the viewer to what programs return.
    pub fn edges(&self, names: &[&str]) -> Result<Vec<Asked>, ReplayError> {
        let asked = (0..).zip(names).map(|(number, name)| {
            let edge = edge_to(self.engine, self.beside, name, self.entity, self.is_timed)?;
            Ok(Asked { edge, number })
        });
        asked.collect()
    }

    /// Their links from some users.
    pub fn links(&self, edges: &[Asked], users: &[u32]) -> Result<UserLinks, ReplayError> {
        UserLinks::gather(self.engine, edges, users, self.until)
    }

    /// The links of edges that metrics are rates of.
    pub fn rates(
        &self,
        metrics: &[Metric],
        users: &[u32],
    ) -> Result<HashMap<String, UserLinks>, ReplayError> {
        let mut rates = HashMap::default();
        for metric in metrics.iter().filter(|metric| metric.measure == Measure::Rate) {
            if !self.is_timed {
                return Err(wrong(metric, "a test set has no times after which links could come"));
            }
            let edges = self.edges(&[&metric.edge]).map_err(|error| match error {
                ReplayError::Usage(Spot::Edge(_), message) => wrong(metric, &message),
                other => other,
            })?;
            rates.insert(metric.edge.clone(), self.links(&edges, users)?);
        }
        Ok(rates)
    }

    /// How many users had each row by when, if a metric asks.
    pub fn popularity(
        &self,
        metrics: &[Metric],
        truth: &[Asked],
    ) -> Result<Popularity, ReplayError> {
        let Some(metric) = asks(metrics, Measure::Novelty) else {
            return Ok(Popularity::default());
        };
        if truth.is_empty() {
            return Err(wrong(metric, "it counts users by the truth edges, and none is given"));
        }
        let schema = self.engine.schema();
        let everyone: Vec<u32> = (0..schema.entity(schema.viewer).rows).collect();
        let links = self.links(truth, &everyone)?;
        Ok(Popularity::of(&links, self.engine.snapshot(), self.entity))
    }

    /// The vectors of rows; there have to be some if a metric asks.
    pub fn vectors(&self, metrics: &[Metric]) -> Result<DefaultVectors<'a>, ReplayError> {
        let Some(metric) = asks(metrics, Measure::Ild) else {
            return Ok(DefaultVectors::default());
        };
        let vectors = DefaultVectors::of(self.engine, self.beside, self.entity);
        match vectors.is_some() {
            true => Ok(vectors),
            false => {
                let name = &self.engine.schema().entity(self.entity).name;
                let message = format!("`{name}` has no vectors in an embedding called `default`");
                Err(wrong(metric, &message))
            }
        }
    }
}

fn asks(metrics: &[Metric], measure: Measure) -> Option<&Metric> {
    metrics.iter().find(|metric| metric.measure == measure)
}

fn wrong(metric: &Metric, message: &str) -> ReplayError {
    ReplayError::Usage(Spot::Metric(metric.to_string()), message.to_owned())
}
