//! What suites share: the notation of cases, and the engine behind a few functions.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod case;
pub mod checks;
pub mod engine;
pub mod notation;
pub mod output;
pub mod partial;
pub mod treatments;
