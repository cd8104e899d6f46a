//! A learned edge in a snapshot: the links of a version, by the rows of the snapshot.

use super::keys::{self, GONE, Keys};
use super::room::Version;
use super::tensors::{Tensor, Tensors};
use crate::catalog::DataError;
use crate::catalog::degrees::Degrees;
use crate::catalog::schema::{self, Stats};
use crate::store::artifact::Blob;
use crate::store::plain::{array, bytes};
use crate::store::view::Adjacency;
use crate::store::{Snapshot, build};
use crate::types::EntityId;
use std::sync::OnceLock;
use xxhash_rust::xxh3::xxh3_64;

/// Links between entities of one kind, of each source the strongest first.
pub struct Links<'a> {
    /// Where the links of each row begin; one more at the end.
    pub offsets: &'a [u64],
    pub ends: &'a [u32],
    pub weights: &'a [f32],
}

/// The arrays of a version: the keys of the entities that have a link, and links by their places among these.
pub struct Written {
    keys: Keys,
    offsets: Vec<u64>,
    ends: Vec<u32>,
    weights: Vec<f32>,
}

impl Written {
    /// Of links by the rows of an entity.
    pub fn new(snapshot: &Snapshot, entity: EntityId, links: &Links) -> Written {
        let rows = links.offsets.len() - 1;
        let degree = |row: usize| links.offsets[row + 1] - links.offsets[row];
        let mut place = vec![GONE; rows];
        links.ends.iter().for_each(|&end| place[end as usize] = 0);
        (0..rows).filter(|&row| degree(row) > 0).for_each(|row| place[row] = 0);
        let kept: Vec<u32> = (0..rows as u32).filter(|&row| place[row as usize] == 0).collect();
        kept.iter().zip(0..).for_each(|(&row, at)| place[row as usize] = at);
        let mut offsets = vec![0];
        for &row in &kept {
            offsets.push(offsets[offsets.len() - 1] + degree(row as usize));
        }
        Written {
            keys: Keys::of(snapshot, entity, &kept),
            offsets,
            ends: links.ends.iter().map(|&end| place[end as usize]).collect(),
            weights: links.weights.to_vec(),
        }
    }

    /// How many entities have a link.
    pub fn entities(&self) -> usize {
        self.offsets.len() - 1
    }

    /// As they are written.
    pub fn tensors(&self) -> Vec<Tensor<'_>> {
        let mut tensors = self.keys.tensors(0);
        tensors.push(Tensor::u64("offsets", &self.offsets));
        tensors.push(Tensor::u32("ends", &self.ends));
        tensors.push(Tensor::f32("weights", &[self.weights.len()], &self.weights));
        tensors
    }
}

/// The links of a version by the rows of a snapshot, in a file that is derived from both.
pub struct LearnedEdge {
    stored: Stored,
    rows: usize,
    links: usize,
    /// The largest time of a row of the entity.
    latest: i64,
    reverse: OnceLock<Reverse>,
}

enum Stored {
    Derived(Blob),
    /// No links: where those of each row would begin.
    Nothing(Vec<u32>),
}

/// The links by the row that they lead to.
struct Reverse {
    offsets: Vec<u32>,
    target: Vec<u32>,
    link: Vec<u32>,
    weight: Vec<f64>,
}

/// The arrays of the derived file, one after the other: those of the larger numbers come first.
struct Parts<'a> {
    weight: &'a [f64],
    offsets: &'a [u32],
    target: &'a [u32],
    from: &'a [u32],
    link: &'a [u32],
}

impl LearnedEdge {
    /// That of a version, with what the schema says of it.
    pub fn open(
        snapshot: &Snapshot,
        version: &Version,
        entity: EntityId,
    ) -> Result<(LearnedEdge, schema::Edge), DataError> {
        let manifest = &version.manifest;
        let tensors = version.tensors()?;
        let given = Given::read(&tensors)?;
        let contents = format!("{} {}", snapshot.id(), manifest.weights.xxh3);
        let name = format!("edge.{}.{}", manifest.name, manifest.n);
        let rows = snapshot.schema().entity(entity).rows as usize;
        let places = keys::rows(&tensors, snapshot, entity, 0)?;
        let blob = snapshot
            .artifact(&name, xxh3_64(contents.as_bytes()), || given.by_row(rows, &places))?;
        let links = blob.first_chunk().map_or(0, |b| u64::from_ne_bytes(*b)) as usize;
        let latest = snapshot.newest_row(entity).unwrap_or(i64::MIN);
        let stored = Stored::Derived(blob);
        let edge = LearnedEdge { stored, rows, links, latest, reverse: OnceLock::new() };
        let (label, hash) = (manifest.label(), &manifest.declaration_hash);
        let described = edge.described(&label, format!("{}#{hash}", manifest.name), entity);
        Ok((edge, described))
    }

    /// One without links, for programs that are checked where nothing was trained.
    pub fn without_links(
        snapshot: &Snapshot,
        name: &str,
        declared: String,
        entity: EntityId,
    ) -> (LearnedEdge, schema::Edge) {
        let rows = snapshot.schema().entity(entity).rows as usize;
        let stored = Stored::Nothing(vec![0; rows + 1]);
        let (links, latest) = (0, i64::MIN);
        let edge = LearnedEdge { stored, rows, links, latest, reverse: OnceLock::new() };
        let described = edge.described(name, declared, entity);
        (edge, described)
    }

    fn described(&self, name: &str, declared: String, entity: EntityId) -> schema::Edge {
        let parts = self.parts();
        let weights = parts.weight.iter().copied();
        let stats = Stats {
            nulls: 0,
            min: weights.clone().min_by(f64::total_cmp),
            max: weights.max_by(f64::total_cmp),
        };
        schema::Edge {
            name: name.to_owned(),
            from: entity,
            to: entity,
            links: self.links as u64,
            has_time: false,
            has_weight: true,
            from_column: "from".to_owned(),
            to_column: "to".to_owned(),
            time_column: None,
            weight_column: None,
            columns: Vec::new(),
            out_degrees: Degrees::of(parts.offsets),
            in_degrees: Degrees::of(&self.reverse().offsets),
            weight: stats,
            time: Stats::default(),
            learned: true,
            declared: Some(declared),
        }
    }

    fn parts(&self) -> Parts<'_> {
        let (rows, links) = (self.rows, self.links);
        let blob = match &self.stored {
            Stored::Derived(blob) => blob,
            Stored::Nothing(offsets) => {
                return Parts { weight: &[], offsets, target: &[], from: &[], link: &[] };
            }
        };
        let mut rest = blob.get(8..).unwrap_or_default();
        let mut next = |bytes: usize| {
            let (part, others) = rest.split_at(bytes.min(rest.len()));
            rest = others;
            part
        };
        Parts {
            weight: array(next(8 * links)).unwrap_or_default(),
            offsets: array(next(4 * (rows + 1))).unwrap_or_default(),
            target: array(next(4 * links)).unwrap_or_default(),
            from: array(next(4 * links)).unwrap_or_default(),
            link: array(next(4 * links)).unwrap_or_default(),
        }
    }

    fn reverse(&self) -> &Reverse {
        self.reverse.get_or_init(|| {
            let parts = self.parts();
            let by_end = build::Csr::new(self.rows, parts.target, None);
            Reverse {
                target: by_end.arrange(parts.from),
                weight: by_end.arrange(parts.weight),
                offsets: by_end.offsets,
                link: by_end.order,
            }
        })
    }

    /// The rows of both ends of each link.
    pub fn ends(&self) -> (&[u32], &[u32]) {
        let parts = self.parts();
        (parts.from, parts.target)
    }

    pub fn adjacency(&self, reverse: bool) -> Adjacency<'_> {
        if reverse {
            let Reverse { offsets, target, link, weight } = self.reverse();
            let (time, weight) = (None, Some(&weight[..]));
            return Adjacency { offsets, target, link, time, weight, latest: self.latest };
        }
        let Parts { offsets, target, link, weight, .. } = self.parts();
        let (time, weight) = (None, Some(weight));
        Adjacency { offsets, target, link, time, weight, latest: self.latest }
    }
}

/// The arrays of a version as they were written.
struct Given<'a> {
    offsets: &'a [u64],
    ends: &'a [u32],
    weights: &'a [f32],
}

impl Given<'_> {
    fn read(tensors: &Tensors) -> Result<Given<'_>, DataError> {
        Ok(Given {
            offsets: tensors.get("offsets")?,
            ends: tensors.get("ends")?,
            weights: tensors.get("weights")?,
        })
    }

    /// The derived file: links by the rows in which their entities are, without those of entities that are gone.
    fn by_row(&self, rows: usize, places: &[u32]) -> Vec<u8> {
        let mut of_row = vec![GONE; rows];
        for (place, &row) in places.iter().enumerate() {
            if row != GONE {
                of_row[row as usize] = place as u32;
            }
        }
        let (mut offsets, mut target) = (vec![0u32], Vec::new());
        let (mut from, mut weight) = (Vec::new(), Vec::new());
        for (row, &place) in of_row.iter().enumerate() {
            for link in self.links_of(place) {
                let end = places.get(self.ends[link] as usize).copied().unwrap_or(GONE);
                if end != GONE {
                    target.push(end);
                    from.push(row as u32);
                    weight.push(f64::from(self.weights[link]));
                }
            }
            offsets.push(target.len() as u32);
        }
        let link: Vec<u32> = (0..target.len() as u32).collect();
        let count = [target.len() as u64];
        let parts = [
            bytes(&count),
            bytes(&weight),
            bytes(&offsets),
            bytes(&target),
            bytes(&from),
            bytes(&link),
        ];
        parts.concat()
    }

    fn links_of(&self, place: u32) -> std::ops::Range<usize> {
        let place = place as usize;
        match self.offsets.get(place..place.saturating_add(2)) {
            Some(&[start, end]) => start as usize..(end as usize).min(self.ends.len()),
            _ => 0..0,
        }
    }
}
