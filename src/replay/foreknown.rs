//! Trained versions that have seen what requests of the past look for.

use super::Named;
use super::when::At;
use crate::types::time;

/// A trained version that a program reads, and how many requests it knows too much for.
#[derive(Clone, Debug, PartialEq)]
pub struct Foreknown {
    /// The program.
    pub program: String,
    /// The version: `similar@3`.
    pub version: String,
    /// Links before this time were seen, in microseconds since 1970.
    pub until: i64,
    /// How many requests come before that.
    pub requests: u64,
}

impl Foreknown {
    /// Of programs, over requests in the order of time.
    pub(super) fn of(programs: &[Named], requests: &[At]) -> Vec<Foreknown> {
        let mut found = Vec::new();
        for (name, program) in programs {
            for (version, &until) in &program.checked().versions {
                // a request sees links of its own time
                let early = requests.partition_point(|at| at.time < until - 1) as u64;
                if early > 0 {
                    let (program, version) = ((*name).to_owned(), version.clone());
                    found.push(Foreknown { program, version, until, requests: early });
                }
            }
        }
        found
    }

    pub(super) fn warning(&self, of: usize) -> String {
        let Foreknown { program, version, requests, .. } = self;
        let until = time::text(self.until).unwrap_or_default();
        format!(
            "{program}: `{version}` was trained on links up to {until}, and {requests} of {of} requests come before: it \
             has seen what they look for. Train one of the past: `igql train --until TIME --learned DIR`, and replay with \
             `--learned DIR`"
        )
    }
}
