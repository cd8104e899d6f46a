//! IGQL: a language for candidate retrieval and ranking, and the engine that runs it.
//!
//! A catalog is a folder with a `catalog.toml` and tables. [`Engine::open`] brings what is derived from them up to
//! date and maps it into memory. A program is compiled against that catalog once, which reports everything that is
//! wrong with it, and then answers any number of requests, from any number of threads:
//!
//! ```no_run
//! use igql::{Ask, Engine, Limits, Request};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = Engine::open("examples/explore")?;
//!
//! // an error has every diagnostic, and is displayed as `igql check` draws it
//! let program = engine.compile(
//!     "param least: float = 0.5
//!      user.liked().account_nn().posted_media().filter(quality > least).unseen().rank().take(25)",
//! )?;
//!
//! // one request, under a deadline
//! let request = Request::user(42).param("least", 0.7);
//! let limits = Limits::new().deadline(Duration::from_millis(50));
//! let answer = engine.run_with(&program, &request, &limits)?;
//! for row in answer.rows() {
//!     println!("{} {:.3}", row.key(), row.score());
//! }
//!
//! // many requests in vectorised passes: each gets the answer that it would get alone
//! let requests: Vec<Request> = (0..1_000).map(Request::user).collect();
//! let answers = engine.run_batch(&program, &requests)?;
//! # let _ = answers;
//!
//! // why each row is there, and why another is not
//! let ask = Ask { why: true, why_not: vec![7.into()] };
//! let explained = engine.explain(&program, &request, &ask)?;
//! # let _ = explained;
//!
//! // the tables have changed: this engine stays as it is, another has the new data
//! let newest = engine.reload()?;
//! let program = program.on(&newest)?;
//! # let _ = program;
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! All are enabled by default. An application that embeds the engine turns them off with
//! `default-features = false` and enables the formats that it reads or writes.
//!
//! | feature | adds |
//! |---|---|
//! | `arrow` | Arrow IPC files: tables of a catalog, and answers |
//! | `parquet` | Parquet files: tables of a catalog, and answers; implies `arrow` |
//! | `cli` | the module [`cli`], which is the `igql` command; implies `parquet` |
//!
//! # More
//!
//! [`replay`] runs programs as of times in the past and measures what they would have found; [`tune`] looks for better
//! values of their tunables. [`extend`] has the traits by which a Rust program adds functions, operators, models and
//! embeddings of its own;
//! [`cli::main_with`] makes a command of them. The language itself is documented in the repository, under `docs/`.

#![deny(clippy::print_stdout, clippy::print_stderr)]
#![warn(missing_docs)]

#[doc(hidden)]
pub mod ann;
pub mod answer;
#[doc(hidden)]
pub mod batch;
#[doc(hidden)]
pub mod catalog;
#[doc(hidden)]
pub mod check;
#[cfg(feature = "cli")]
pub mod cli;
mod cpu;
mod deep;
#[doc(hidden)]
pub mod describe;
pub mod diag;
pub mod diff;
pub mod engine;
#[doc(hidden)]
pub mod exec;
#[doc(hidden)]
pub mod expr;
pub mod extend;
#[doc(hidden)]
pub mod files;
#[doc(hidden)]
pub mod learn;
mod library;
#[doc(hidden)]
pub mod ops;
#[doc(hidden)]
pub mod optimize;
#[doc(hidden)]
pub mod plan;
mod random;
pub mod replay;
pub mod request;
mod rounds;
#[doc(hidden)]
pub mod source;
#[doc(hidden)]
pub mod store;
mod stream;
#[doc(hidden)]
pub mod syntax;
pub mod train;
pub mod tune;
pub mod types;
#[doc(hidden)]
pub mod visible;
pub mod why;
pub mod wire;

pub use answer::{Answer, Ask, Ended, List, Row, Rows};
pub use catalog::schema;
pub use check::{Arm, Experiment, Tunables};
pub use diag::{Diagnostic, Severity};
pub use engine::{Builder, CompileError, Compiled, Engine, Pass, Program, RunOptions, Test, Unit};
pub use ops::{Hit, Limit, Limits, RunError, Vocabulary};
pub use request::Request;
pub use store::{DataError, Options, Progress, Snapshot};
pub use types::{Key, Type, Value};
