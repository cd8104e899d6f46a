//! Choosing neighbours: near ones, but in different directions.

use crate::ann::Metric;
use crate::ann::codes::Meaning;
use crate::ann::simd::{CodedQuery, Codes, Level, dots};

/// Chosen neighbours compared with a candidate at once: near ones first, and they mostly decide.
const STEP: usize = 8;

/// The nodes and the geometry in which they are compared while building.
///
/// Under cosine and l2 that is the squared distance of what the codes stand for. Under dot half of a list is
/// chosen so too, which connects the graph, and half by the negative product: not a distance, but the measure
/// by which queries will walk (Morozov and Babenko, Non-metric Similarity Graphs for Maximum Inner Product
/// Search, 2018; Liu et al., Understanding and Improving Proximity Graph Based Maximum Inner Product Search,
/// 2020, combines the two in a similar way).
#[derive(Clone, Copy)]
pub struct Space<'a> {
    pub level: Level,
    pub codes: Codes<'a>,
    pub meanings: &'a [Meaning],
    pub metric: Metric,
}

/// How nodes are compared.
#[derive(Clone, Copy, PartialEq)]
pub enum Measure {
    /// Squared distance.
    Distance,
    /// Negative product.
    Product,
}

impl Measure {
    /// What decides about neighbours under a metric, in turn.
    pub fn of(metric: Metric) -> &'static [Measure] {
        match metric {
            Metric::Cosine | Metric::L2 => &[Measure::Distance],
            Metric::Dot => &[Measure::Product, Measure::Distance],
        }
    }
}

impl Space<'_> {
    /// Aims a probe at a node, to be walked with by a measure.
    pub fn aim(&self, probe: &mut CodedQuery, node: u32, measure: Measure) {
        probe.set_row(self.codes.row(node));
        probe.weight = match measure {
            Measure::Distance => 1.0 / self.meanings[node as usize].step,
            Measure::Product => 0.0,
        };
    }

    /// How far `node`, which the probe is aimed at, is from `others`.
    fn distances(
        &self,
        probe: &CodedQuery,
        node: u32,
        measure: Measure,
        others: &[u32],
        products: &mut Vec<i32>,
        out: &mut Vec<f32>,
    ) {
        dots(self.level, probe, self.codes, others, products);
        let from = self.meanings[node as usize];
        out.clear();
        out.extend(others.iter().zip(&*products).map(|(&other, &product)| {
            let to = self.meanings[other as usize];
            let product = product as f32 * from.step * to.step;
            match measure {
                Measure::Distance => from.square + to.square - 2.0 * product,
                Measure::Product => -product,
            }
        }));
    }
}

/// Scratch and settings of pruning.
pub struct Pruner<'a> {
    pub space: Space<'a>,
    pub degree: usize,
    /// A neighbour `s` covers candidate `c` of `p` if `alpha² |s - c|² <= |p - c|²`.
    /// By products `s` covers `c` if it is no farther than `p`.
    pub alpha_squared: f32,
    probe: CodedQuery,
    products: Vec<i32>,
    distances: Vec<f32>,
    candidates: Vec<(f32, u32)>,
    chosen: Vec<u32>,
}

impl<'a> Pruner<'a> {
    pub fn new(space: Space<'a>, degree: usize, alpha: f32) -> Pruner<'a> {
        Pruner {
            space,
            degree,
            alpha_squared: alpha * alpha,
            probe: CodedQuery::default(),
            products: Vec::new(),
            distances: Vec::new(),
            candidates: Vec::new(),
            chosen: Vec::new(),
        }
    }

    /// Chooses at most `degree` of the candidates as neighbours of `node` (robust pruning of DiskANN):
    /// nearest first, without those that a chosen one covers. By each measure in turn, each with its share.
    pub fn choose(&mut self, node: u32, candidates: &[u32]) -> &[u32] {
        let measures = Measure::of(self.space.metric);
        self.chosen.clear();
        for (turn, &measure) in measures.iter().enumerate() {
            let most = self.degree * (turn + 1) / measures.len();
            self.choose_by(measure, most, node, candidates);
        }
        &self.chosen
    }

    /// Chooses until there are `most`.
    fn choose_by(&mut self, measure: Measure, most: usize, node: u32, candidates: &[u32]) {
        self.space.aim(&mut self.probe, node, measure);
        let (products, distances) = (&mut self.products, &mut self.distances);
        self.space.distances(&self.probe, node, measure, candidates, products, distances);
        self.candidates.clear();
        let pairs = distances.iter().copied().zip(candidates.iter().copied());
        self.candidates.extend(pairs.filter(|&(_, id)| id != node));
        let order = |a: &(f32, u32), b: &(f32, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        self.candidates.sort_unstable_by(order);
        let before = self.chosen.len();
        for i in 0..self.candidates.len() {
            let (distance, id) = self.candidates[i];
            if self.chosen.len() == most {
                break;
            }
            if !self.chosen[..before].contains(&id) && !self.covered(measure, before, id, distance)
            {
                self.chosen.push(id);
            }
        }
    }

    /// Whether one of those chosen from a place on covers a candidate.
    fn covered(&mut self, measure: Measure, from: usize, id: u32, distance: f32) -> bool {
        if self.chosen.len() == from {
            return false;
        }
        self.space.aim(&mut self.probe, id, measure);
        let bound = match measure {
            Measure::Distance => distance / self.alpha_squared,
            Measure::Product => distance,
        };
        let (products, distances) = (&mut self.products, &mut self.distances);
        self.chosen[from..].chunks(STEP).any(|some| {
            self.space.distances(&self.probe, id, measure, some, products, distances);
            distances.iter().any(|&d| d <= bound)
        })
    }
}
