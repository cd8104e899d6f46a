//! `igql run --log DIR`: what was asked and what was answered, for later.
//!
//! `DIR` has a folder for each table, and each run adds a file to both: `requests.parquet/` and `candidates.parquet/`
//! are one table each for what reads folders of Parquet files. A file takes its name when it is whole, so runs at the
//! same time do not disturb each other, and one that is killed leaves nothing. Candidates come first: there is no request
//! without them. Tables may get further columns, and candidates further stages.

mod candidates;
mod read;
mod write;

pub use read::{Shown, is_log, parts, read, shown};
pub use write::{Log, Target};

use crate::store::logs::{CANDIDATES, REQUESTS, RESULT, files};
