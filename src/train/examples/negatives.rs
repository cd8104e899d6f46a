//! Negatives that are drawn for positives.

use crate::check::trained::{Negatives, Trained};
use crate::expr::random::{Hasher, unit};
use crate::learn::net::Part;
use crate::types::NULL_INT;
use foldhash::HashMap;

/// Draws that may be refused for one negative; then there is none.
const REFUSED: i64 = 16;

/// The rows of an epoch: positives, each with its negatives behind it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drawn {
    /// The positive that each is of.
    pub source: Vec<u32>,
    pub rows: Vec<u32>,
    pub positive: Vec<bool>,
}

/// What negatives are drawn from.
pub struct Sampler<'a> {
    model: &'a Trained,
    how: &'a Negatives,
    /// When rows become visible.
    created: Option<&'a [i64]>,
    /// How many rows there are.
    rows: u32,
    /// Sums of the shares of rows up to each; empty: all have the same.
    shares: Vec<f64>,
    /// The first part in which a viewer has a positive with a row.
    first: HashMap<(u32, u32), Part>,
}

/// Positives, in the order of time.
#[derive(Clone, Copy)]
pub struct Positives<'a> {
    pub viewers: &'a [u32],
    pub rows: &'a [u32],
    pub times: &'a [i64],
    pub parts: &'a [Part],
}

impl<'a> Sampler<'a> {
    pub fn new(
        model: &'a Trained,
        how: &'a Negatives,
        created: Option<&'a [i64]>,
        rows: u32,
        positives: Positives,
    ) -> Sampler<'a> {
        let mut first: HashMap<(u32, u32), Part> = HashMap::default();
        let mut counts = vec![0u64; rows as usize];
        let pairs = positives.viewers.iter().zip(positives.rows);
        for ((&viewer, &row), &part) in pairs.zip(positives.parts) {
            let known = first.entry((viewer, row)).or_insert(part);
            *known = part.min(*known);
            if part == Part::Train {
                counts[row as usize] += 1;
            }
        }
        let shares = match how.power > 0.0 && counts.iter().any(|&count| count > 0) {
            true => counts
                .iter()
                .scan(0.0, |sum, &count| {
                    *sum += if count == 0 { 0.0 } else { (count as f64).powf(how.power) };
                    Some(*sum)
                })
                .collect(),
            false => Vec::new(),
        };
        Sampler { model, how, created, rows, shares, first }
    }

    /// All rows of an epoch. Those of validation and test are the same in every epoch.
    pub fn draw(&self, positives: Positives, epoch: u64) -> Drawn {
        let mut drawn = Drawn::default();
        for place in 0..positives.rows.len() {
            drawn.push(place, positives.rows[place], true);
            let part = positives.parts[place];
            let epoch = if part == Part::Train { epoch } else { 0 };
            for number in 0..self.how.each {
                if let Some(row) = self.negative(&positives, place, epoch, number) {
                    drawn.push(place, row, false);
                }
            }
        }
        drawn
    }

    /// A row that is visible, and that the viewer has no positive with in this part or before: of later ones nothing is
    /// known yet.
    fn negative(&self, of: &Positives, place: usize, epoch: u64, number: u32) -> Option<u32> {
        let (viewer, time, part) = (of.viewers[place], of.times[place], of.parts[place]);
        let refused = |row: u32| {
            let created = self.created.map_or(NULL_INT, |times| times[row as usize]);
            let known = self.first.get(&(viewer, row)).is_some_and(|&first| first <= part);
            created > time || known
        };
        (0..REFUSED)
            .map(|attempt| self.row(place, epoch, number, attempt))
            .find(|&row| !refused(row))
    }

    fn row(&self, place: usize, epoch: u64, number: u32, attempt: i64) -> u32 {
        let mut hasher = Hasher::default();
        hasher.int(self.model.seed).text(&self.model.name).text("negatives");
        hasher.int(epoch as i64).int(place as i64).int(i64::from(number)).int(attempt);
        let chance = unit(hasher.finish());
        match self.shares.last() {
            Some(&all) => self.shares.partition_point(|&sum| sum <= chance * all) as u32,
            None => (chance * f64::from(self.rows)) as u32,
        }
        .min(self.rows.saturating_sub(1))
    }
}

impl Drawn {
    fn push(&mut self, source: usize, row: u32, positive: bool) {
        self.source.push(source as u32);
        self.rows.push(row);
        self.positive.push(positive);
    }
}
