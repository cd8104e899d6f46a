//! What holds only while nothing else runs: time on the clock, and what is counted for the whole process.
//! Cargo runs one binary at a time; within this one every test waits for its turn.

mod deadline;
mod limits;

#[path = "../data/mod.rs"]
mod data;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The first line of every test: until it is dropped no other one goes on.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
