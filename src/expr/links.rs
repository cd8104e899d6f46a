//! Links of some rows, and what of them is read.

use crate::batch::{Column, Stop, arrange, places, sort_key};
use crate::expr::ir::{EdgeExpr, Expr, Kind, LinkField};

/// Links of some rows, grouped by row in the rows' order.
#[derive(Debug, Default)]
pub struct Links {
    /// Place of the row that a link starts from.
    pub parent: Vec<u32>,
    pub to: Vec<u32>,
    /// Empty if not needed or if the edge has no time.
    pub time: Vec<i64>,
    /// Empty if not needed or if every weight is 1.
    pub weight: Vec<f64>,
    /// From when each is seen: the latest of its time and those of the rows it leads to. Empty if not needed.
    pub since: Vec<i64>,
    /// Smaller for a link that is listed earlier.
    pub listed: Vec<u64>,
    /// By [`EdgeExpr::columns`]; those that are not needed are absent.
    pub columns: Vec<Option<Column>>,
    pub order: LinkOrder,
}

/// How the links of one row are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkOrder {
    #[default]
    Any,
    /// Newest first, null times last, ties as listed.
    Newest,
    Listed,
}

/// What of the links will be read.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    pub time: bool,
    pub weight: bool,
    pub since: bool,
    pub columns: Vec<bool>,
}

impl Needs {
    /// Nothing yet, of an edge.
    pub fn of(edge: &EdgeExpr) -> Needs {
        Needs { columns: vec![false; edge.columns.len()], ..Needs::default() }
    }

    /// And what a link expression reads.
    pub fn and(mut self, expr: &Expr) -> Needs {
        expr.walk(&mut |part| match part.kind {
            Kind::Link(LinkField::Time) => self.time = true,
            Kind::Link(LinkField::Weight) => self.weight = true,
            Kind::Link(LinkField::Column(i)) => {
                if let Some(need) = self.columns.get_mut(i as usize) {
                    *need = true;
                }
            }
            _ => {}
        });
        self
    }
}

impl Links {
    pub fn len(&self) -> usize {
        self.to.len()
    }

    pub fn is_empty(&self) -> bool {
        self.to.is_empty()
    }

    /// The links at `places`, in that order.
    pub fn select(&self, places: &[u32], order: LinkOrder) -> Links {
        fn at<T: Copy>(values: &[T], places: &[u32]) -> Vec<T> {
            if values.is_empty() {
                Vec::new()
            } else {
                places.iter().map(|&p| values[p as usize]).collect()
            }
        }
        Links {
            parent: at(&self.parent, places),
            to: at(&self.to, places),
            time: at(&self.time, places),
            weight: at(&self.weight, places),
            since: at(&self.since, places),
            listed: at(&self.listed, places),
            columns: self.columns.iter().map(|c| c.as_ref().map(|c| c.gather(places))).collect(),
            order,
        }
    }

    /// Start of each row's links, and the end of the last.
    pub fn offsets(&self, rows: usize) -> Vec<u32> {
        let mut offsets = vec![0u32; rows + 1];
        self.parent.iter().for_each(|&p| offsets[p as usize + 1] += 1);
        (0..rows).for_each(|i| offsets[i + 1] += offsets[i]);
        offsets
    }

    /// Links for which `keep` is 1, in their order.
    pub fn retain(&self, keep: &[u8]) -> Links {
        let places: Vec<u32> = (0..self.len() as u32).filter(|&i| keep[i as usize] == 1).collect();
        self.select(&places, self.order)
    }

    /// Each row's links in ascending order of a number of theirs; ties stay as they are. If the run has to
    /// end, some of them.
    pub fn sorted_by(&self, order: LinkOrder, stop: Stop, number: impl Fn(usize) -> u64) -> Links {
        let key = |link: usize| {
            let (parent, number) = (self.parent[link], number(link));
            u128::from(parent) << 96 | u128::from(number) << 32 | link as u128
        };
        let mut keys = Vec::new();
        arrange((0..self.len()).map(key), None, &mut keys, stop);
        let places: Vec<u32> = places(&keys, stop).collect();
        self.select(&places, order)
    }

    /// Each row's links as listed.
    pub fn listed(self, stop: Stop) -> Links {
        if self.order == LinkOrder::Listed {
            return self;
        }
        self.sorted_by(LinkOrder::Listed, stop, |link| self.listed[link])
    }

    /// Each row's links newest first, null times last, ties as listed; as listed without times.
    pub fn newest(self, stop: Stop) -> Links {
        if self.order == LinkOrder::Newest {
            return self;
        }
        let links = self.listed(stop);
        if links.time.is_empty() {
            return links;
        }
        // NULL_INT is the smallest, so that null times come last
        let descending = |link: usize| !(links.time[link] as u64 ^ 1 << 63);
        links.sorted_by(LinkOrder::Newest, stop, descending)
    }

    /// Each row's links by a number of theirs, descending, ties as listed.
    pub fn strongest(self, stop: Stop, number: impl Fn(&Links, usize) -> f64) -> Links {
        let links = self.listed(stop);
        let descending = |link: usize| (sort_key(number(&links, link), 0, 0) >> 64) as u64;
        links.sorted_by(LinkOrder::Any, stop, descending)
    }
}
