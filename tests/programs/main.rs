//! Programs, each a test of its own: the cases, those of `examples/`, the commands on pages of `docs/`, and
//! random ones. The engine must give what the reference interpreter gives.
//!
//! The tests are found in files, so each suite lists its own: `#[test]` does nothing here. Their names begin
//! with the suite (`cases/`, `examples/`, `docs/`, `random/`) and the file.

mod cases;
mod examples;
mod random;
mod walkthrough;

#[path = "../generate/mod.rs"]
mod generate;
#[path = "../harness/mod.rs"]
mod harness;
#[path = "../mangle/mod.rs"]
mod mangle;
#[path = "../reference/mod.rs"]
mod reference;

use libtest_mimic::Arguments;

fn main() {
    if std::env::var_os("CASES_WRITE").is_some() {
        return cases::write();
    }
    // the longest first
    let mut trials = random::trials();
    trials.extend(walkthrough::trials());
    trials.extend(examples::trials());
    trials.extend(cases::trials());
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}
