//! What data there is: the catalog file and the schema that it becomes with the tables read.
pub mod config;
pub mod degrees;
mod error;
mod load;
pub mod schema;
mod section;
pub mod time;

pub use error::{DataError, DataWarning, shown};
pub use load::{find, load};
#[cfg(feature = "cli")]
pub(crate) use section::toml_text;
pub(crate) use section::{nearest, toml_key};
