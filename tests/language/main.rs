//! The language by way of the library: operators, definitions, parameters, limits, rewrites, extensions, and
//! the programs of the documentation and of the standard library.

mod common;
mod docs;
mod engines;
mod experiments;
mod extend;
mod format;
mod halves;
mod lazy;
mod nn;
mod optimize;
mod pages;
mod params;
mod partial;
mod quantities;
mod stdlib;
mod trials;

#[path = "../data/mod.rs"]
mod data;
