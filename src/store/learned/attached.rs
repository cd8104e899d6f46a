//! The versions that a snapshot can be asked for.

use super::edge::LearnedEdge;
use super::manifest::{Kind, Manifest, Role, Space};
use super::room::{Room, Version};
use super::space::{self, Described};
use crate::catalog::DataError;
use crate::catalog::schema::{self, Folded, Learned, Metric};
use crate::store::{Snapshot, Vectors};
use crate::types::{EdgeId, EntityId};
use std::sync::Arc;

/// A version, and where the snapshot has it.
#[derive(Clone, Debug)]
pub struct Attached {
    pub manifest: Arc<Manifest>,
    pub found: Found,
    /// Its folder, unless it is assumed to be trained.
    pub version: Option<Arc<Version>>,
}

/// The versions that a snapshot is opened with.
#[derive(Clone, Copy, Debug)]
pub struct Which {
    pub role: Role,
    /// Only those that were trained up to this time.
    pub until: Option<i64>,
}

/// Where a snapshot has what a version holds.
#[derive(Clone, Debug)]
pub enum Found {
    Edge(EdgeId),
    /// Its number.
    Embedding(u32),
    /// A model of an entity: whoever scores with it reads the arrays of its version.
    Model {
        label: String,
    },
    /// It cannot be used: why.
    Unusable(String),
}

impl Snapshot {
    /// Adds what programs can read of a folder of versions: those of one role.
    pub fn attach(&mut self, room: &Room, which: Which) {
        let (versions, damaged) = room.versions();
        let is_wanted = |version: &Version| {
            let m = &version.manifest;
            m.role == which.role && which.until.is_none_or(|until| m.until == until)
        };
        let (versions, others): (Vec<Version>, Vec<Version>) =
            versions.into_iter().partition(is_wanted);
        let versions: Vec<Arc<Version>> = versions.into_iter().map(Arc::new).collect();
        let others = others.into_iter().map(|version| Arc::new(version.manifest));
        self.set_other_versions(others.collect(), damaged);
        let mut attached = Vec::new();
        for (place, version) in versions.iter().enumerate() {
            let is_newer = |other: &Arc<Version>| {
                let (own, other) = (&version.manifest, &other.manifest);
                let of = |m: &Manifest| (m.kind, m.name.clone(), m.entities.clone());
                of(own) == of(other) && own.declaration_hash == other.declaration_hash
            };
            // examples read vectors, and search none
            let is_read = which.role == Role::Slice;
            let learned = match is_read || versions[place + 1..].iter().any(is_newer) {
                true => Learned::Superseded,
                false => Learned::Newest,
            };
            let found = match self.attached(version, learned) {
                Ok(found) => found,
                Err(error) => Found::Unusable(error.in_short()),
            };
            let manifest = Arc::new(version.manifest.clone());
            attached.push(Attached { manifest, found, version: Some(version.clone()) });
        }
        self.set_versions(attached);
    }

    /// Adds an empty version of what a declaration would give, so that programs that read it can be checked.
    pub fn assume(
        &mut self,
        (kind, name, learner): (Kind, &str, &str),
        entities: &[EntityId],
        hash: &str,
        space: Option<Space>,
        has_output: bool,
    ) {
        let names = entities.iter().map(|&entity| self.schema().entity(entity).name.clone());
        let assumed = Manifest::assumed(kind, name, names.collect(), hash, space);
        let manifest = Manifest { learner: learner.to_owned(), ..assumed };
        let found = match space {
            None if kind == Kind::Model => Found::Model { label: manifest.label() },
            None => {
                let links = LearnedEdge::without_links(
                    self,
                    &manifest.label(),
                    format!("{name}#{hash}"),
                    entities[0],
                );
                self.attach_edge(links)
            }
            Some(space) => {
                let entities = entities.to_vec();
                // nobody searches it
                let (name, learned) = (manifest.label(), Learned::Superseded);
                let declared = format!("{}#{hash}", manifest.name);
                let gram = vec![0.0; space.dim as usize].into();
                let folded = space.fold_in.map(|how| Folded { how, gram });
                let described = Described { name, entities, space, learned, declared, folded };
                let vectors = || described.without_vectors(self);
                let output = has_output.then(|| (described.output_side(), vectors()));
                let vectors = vectors();
                self.attach_space(&described, vectors, output)
            }
        };
        let mut versions = self.versions().to_vec();
        versions.push(Attached { manifest: Arc::new(manifest), found, version: None });
        self.set_versions(versions);
    }

    fn attached(&mut self, version: &Arc<Version>, learned: Learned) -> Result<Found, DataError> {
        let manifest = &version.manifest;
        let entities = manifest.entities.iter().map(|name| self.schema().find_entity(name));
        let Some(entities) = entities.collect::<Option<Vec<EntityId>>>() else {
            let of = manifest.entities.join(", ");
            return Ok(Found::Unusable(format!("the catalog has no entity `{of}`")));
        };
        Ok(match (manifest.kind, manifest.space, &entities[..]) {
            (Kind::Edge, _, &[entity]) => {
                let links = LearnedEdge::open(self, version, entity)?;
                self.attach_edge(links)
            }
            (Kind::Embedding, Some(space), [_, ..]) => {
                let (name, hash) = (manifest.label(), &manifest.declaration_hash);
                let declared = format!("{}#{hash}", manifest.name);
                let tensors = version.tensors()?;
                let folded = space::folded(space, &tensors)?;
                let described = Described { name, entities, space, learned, declared, folded };
                let vectors = described.vectors(self, &tensors)?;
                let output = described.output(self, &tensors)?;
                self.attach_space(&described, vectors, output)
            }
            (Kind::Model, _, [_]) => Found::Model { label: manifest.label() },
            _ => Found::Unusable("this version of the engine cannot read it".to_owned()),
        })
    }

    fn attach_edge(&mut self, (links, described): (LearnedEdge, schema::Edge)) -> Found {
        let edge = EdgeId(self.schema().edges.len() as u16);
        self.add_edge(described, links);
        Found::Edge(edge)
    }

    fn attach_space(
        &mut self,
        described: &Described,
        vectors: Vec<Vectors>,
        output: Option<(Described, Vec<Vectors>)>,
    ) -> Found {
        let number = self.schema().embeddings.len() as u32;
        let mut own = described.schema(&vectors);
        let normalized = (own.metric != Metric::Cosine).then(|| described.normalized(&vectors));
        own.output = output.is_some().then_some(number + 1);
        own.normalized = normalized.is_some().then_some(number + 1 + u32::from(output.is_some()));
        self.add_space(own, vectors);
        for (described, vectors) in output.into_iter().chain(normalized) {
            self.add_space(described.schema(&vectors), vectors);
        }
        Found::Embedding(number)
    }
}
