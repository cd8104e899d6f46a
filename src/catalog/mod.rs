//! What data there is: the catalog file and the schema that it becomes with the tables read.
pub mod schema;
