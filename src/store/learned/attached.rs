//! The versions that a snapshot can be asked for.

use super::edge::LearnedEdge;
use super::manifest::{Kind, Manifest, Role, Space};
use super::room::{Room, Version};
use super::space::Described;
use crate::catalog::DataError;
use crate::catalog::schema::{self, Learned};
use crate::store::{Snapshot, Vectors};
use crate::types::{EdgeId, EntityId};
use std::sync::Arc;

/// A version, and where the snapshot has it.
#[derive(Clone, Debug)]
pub struct Attached {
    pub manifest: Arc<Manifest>,
    pub found: Found,
}

/// Where a snapshot has what a version holds.
#[derive(Clone, Debug)]
pub enum Found {
    Edge(EdgeId),
    /// Its number.
    Embedding(u32),
    /// It cannot be used: why.
    Unusable(String),
}

impl Snapshot {
    /// Adds what programs can read of a folder of versions: those of one role.
    pub fn attach(&mut self, room: &Room, role: Role) {
        // those that are damaged are none: `igql train --list` says what is wrong with them
        let (mut versions, _) = room.versions();
        versions.retain(|version| version.manifest.role == role);
        let mut attached = Vec::new();
        for (place, version) in versions.iter().enumerate() {
            let is_newer = |other: &Version| {
                let (own, other) = (&version.manifest, &other.manifest);
                let of = |m: &Manifest| (m.kind, m.name.clone(), m.entities.clone());
                of(own) == of(other) && own.declaration_hash == other.declaration_hash
            };
            let learned = match versions[place + 1..].iter().any(is_newer) {
                true => Learned::Superseded,
                false => Learned::Newest,
            };
            let found = match self.attached(version, learned) {
                Ok(found) => found,
                Err(error) => Found::Unusable(error.to_string()),
            };
            attached.push(Attached { manifest: Arc::new(version.manifest.clone()), found });
        }
        self.set_versions(attached);
    }

    /// Adds an empty version of what a declaration would give, so that programs that read it can be checked.
    pub fn assume(
        &mut self,
        kind: Kind,
        name: &str,
        entities: &[EntityId],
        hash: &str,
        space: Option<Space>,
    ) {
        let names = entities.iter().map(|&entity| self.schema().entity(entity).name.clone());
        let manifest = Manifest::assumed(kind, name, names.collect(), hash, space);
        let found = match space {
            None => {
                let links = LearnedEdge::without_links(self, &manifest.label(), entities[0]);
                self.attach_edge(links, hash)
            }
            Some(space) => {
                let entities = entities.to_vec();
                let (name, learned) = (manifest.label(), Learned::Newest);
                let described = Described { name, entities, space, learned };
                let vectors = described.without_vectors(self);
                self.attach_space(&described, vectors, hash)
            }
        };
        let mut versions = self.versions().to_vec();
        versions.push(Attached { manifest: Arc::new(manifest), found });
        self.set_versions(versions);
    }

    fn attached(&mut self, version: &Version, learned: Learned) -> Result<Found, DataError> {
        let manifest = &version.manifest;
        let entities = manifest.entities.iter().map(|name| self.schema().find_entity(name));
        let Some(entities) = entities.collect::<Option<Vec<EntityId>>>() else {
            let of = manifest.entities.join(", ");
            return Ok(Found::Unusable(format!("the catalog has no entity `{of}`")));
        };
        let hash = &manifest.weights.xxh3;
        Ok(match (manifest.kind, manifest.space, &entities[..]) {
            (Kind::Edge, _, &[entity]) => {
                let links = LearnedEdge::open(self, version, entity)?;
                self.attach_edge(links, hash)
            }
            (Kind::Embedding, Some(space), [_, ..]) => {
                let described = Described { name: manifest.label(), entities, space, learned };
                let vectors = described.vectors(self, version)?;
                self.attach_space(&described, vectors, hash)
            }
            _ => Found::Unusable("this version of the engine cannot read it".to_owned()),
        })
    }

    fn attach_edge(
        &mut self,
        (links, described): (LearnedEdge, schema::Edge),
        hash: &str,
    ) -> Found {
        let edge = EdgeId(self.schema().edges.len() as u16);
        self.add_edge(described, links, hash);
        Found::Edge(edge)
    }

    fn attach_space(&mut self, described: &Described, vectors: Vec<Vectors>, hash: &str) -> Found {
        let number = self.schema().embeddings.len() as u32;
        self.add_space(described.schema(&vectors), vectors, hash);
        Found::Embedding(number)
    }
}
