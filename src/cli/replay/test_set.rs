//! Fixed test sets: tables with the key of a user and of what the user should find.

use super::super::Failure;
use crate::engine::Engine;
use crate::store::{self, DataError};
use crate::types::{EntityId, Key, Value};
use std::path::Path;

/// The pairs in a table, in its order.
pub fn read(engine: &Engine, file: &Path, entity: EntityId) -> Result<Vec<(Key, Key)>, Failure> {
    let schema = engine.schema();
    let (viewer, target) = (schema.entity(schema.viewer), schema.entity(entity));
    let wanted = |name: &str| (name == target.key).then(|| target.key_type.ty());
    let failed = |message: String| DataError::new(file, message);
    let found = store::read_users(file, &viewer.key, viewer.key_type, &wanted)?;
    let Some((_, items)) = found.columns.into_iter().next() else {
        let message = format!("has no column `{}`, the key of what is to be found", target.key);
        let help =
            format!("a test set is a table with the columns `{}` and `{}`", viewer.key, target.key);
        return Err(failed(message).help(help).into());
    };
    let pairs = (1..).zip(found.keys.into_iter().zip(items)).map(|(row, (user, item))| {
        let item = match item {
            Some(Value::Int(key)) => Key::Int(key),
            Some(Value::Str(key)) => Key::Str(key),
            _ => {
                let error = failed(format!("the key is null in row {row}")).column(&target.key);
                return Err(Failure::from(error));
            }
        };
        Ok((user, item))
    });
    pairs.collect()
}
