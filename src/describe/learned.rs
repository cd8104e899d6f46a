//! What was learned, by name.

use crate::store::Snapshot;
use crate::store::learned::Manifest;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The versions of one name that programs can read.
#[derive(Clone, Debug)]
pub struct Learned {
    /// `edge`, `embedding` or `model`.
    pub kind: &'static str,
    pub name: String,
    /// The entities that it is about.
    pub entities: Vec<String>,
    /// The newest one last; at least one.
    pub versions: Vec<Arc<Manifest>>,
}

impl Learned {
    /// The newest version.
    pub fn newest(&self) -> &Manifest {
        &self.versions[self.versions.len() - 1]
    }
}

/// What a snapshot was opened with, by kind and name.
pub(super) fn learned(snapshot: &Snapshot) -> Vec<Learned> {
    let mut by_name: BTreeMap<_, Vec<Arc<Manifest>>> = BTreeMap::new();
    for attached in snapshot.versions() {
        let m = &attached.manifest;
        by_name.entry((m.kind, m.name.clone(), m.entities.clone())).or_default().push(m.clone());
    }
    let all = by_name.into_iter().map(|((kind, name, entities), mut versions)| {
        versions.sort_unstable_by_key(|m| m.n);
        Learned { kind: kind.word(), name, entities, versions }
    });
    all.collect()
}
