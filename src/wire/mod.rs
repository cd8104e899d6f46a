//! Answers and requests as bytes: JSON, NDJSON, CSV, Parquet and Arrow.
//!
//! A server or a binding to another language reads requests with [`request_from_json`], or many with
//! [`read_requests`], or takes the parts of one from text ([`param_from_text`]), and writes answers with
//! [`write_answers`] or, part by part from several threads, with an [`Encoder`]. What is wrong with a request
//! is data ([`RequestError`], [`TableError`]): the caller knows what its users call the part at fault.
//!
//! ```
//! use igql::wire::{Format, request_from_json, write_answers};
//! use igql::Engine;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
//! # write("people.csv", "person_id\n1\n2\n")?;
//! # write("films.csv", "film_id,country\n10,DE\n11,FR\n12,DE\n")?;
//! # write("catalog.toml", "[catalog]\nviewer = \"person\"\n\
//! #     [entity.person]\ntable = \"people.csv\"\nkey = \"person_id\"\n\
//! #     [entity.film]\ntable = \"films.csv\"\nkey = \"film_id\"\n")?;
//! # let catalog = folder.path();
//! let engine = Engine::open(catalog)?;
//! let program = engine.compile("param c: string\nall(film).filter(country == c).take(5)")?;
//!
//! let request = request_from_json(&program, r#"{"user": 1, "params": {"c": "DE"}}"#)?;
//! let answer = engine.run(&program, &request)?;
//!
//! let mut out = Vec::new();
//! write_answers(&mut out, Format::Ndjson, &program, &[answer])?;
//! let line = String::from_utf8(out)?;
//! assert!(line.starts_with(r#"{"user":1,"query":"main","#));
//! assert!(line.contains(r#"{"position":2,"film_id":12,"#));
//!
//! let wrong = request_from_json(&program, r#"{"params": {"c": 1}}"#).unwrap_err();
//! assert_eq!(wrong.to_string(), "parameter `c`: expected string, found `1`");
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "arrow")]
mod columnar;
mod csv;
mod flat;
mod format;
mod json;
mod packing;
mod request;
mod table;
pub(crate) mod values;
mod write;

pub use format::Format;
pub use json::explanation;
#[cfg(feature = "cli")]
pub(crate) use json::why_not;
pub use request::{
    Part, RequestError, at_from_text, duration_from_text, param_from_text, param_to_json,
    request_from_json, request_from_object, user_from_text,
};
#[cfg(feature = "arrow")]
pub use table::requests_of_batches;
pub use table::{RequestTable, TableError, read_requests};
pub use write::{Encoded, Encoder, Writer, write_answers, write_file};

#[cfg(feature = "cli")]
pub(crate) use flat::FlatColumn;
#[cfg(feature = "cli")]
pub(crate) use format::EXTENSIONS;
#[cfg(feature = "cli")]
pub(crate) use packing::{Packing, Sink};
