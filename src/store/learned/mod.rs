//! What was learnt: immutable versions of declarations, in `learned/` of the folder of what is kept beside a
//! catalog.
//!
//! A version is a folder `learned/edge/NAME/N` with `manifest.json` and `weights.safetensors`. It is written under
//! another name, synced, and renamed: the rename is the commit, so that a version is there whole or not at all. Numbers
//! rise and are never given again.

mod attached;
mod course;
mod edge;
mod keys;
mod manifest;
mod room;
mod space;
mod tensors;

pub use attached::{Attached, Found, Which};
pub use course::{
    Bin, Course, Curve, Epoch, FeatureCourse, HeadCourse, LinkCourse, Near, PartCourse, SpaceCourse,
};
pub use edge::{LearnedEdge, Links, Written};
pub use keys::{Keys, NULL_KEY, int_key, key_of, text_key};
pub use manifest::{Feature, FeatureFile, Features, FromLog, Kind, Manifest, Role, Space, Weights};
pub use room::{Room, Trainer, Version, is_of};
pub use space::{GRAM, WrittenVectors};
pub use tensors::{Tensor, Tensors};
