//! Names that sections may refer to.

use crate::catalog::DataError;
use crate::catalog::section::{At, Section, nearest};
use crate::types::EntityId;

/// Names that sections may refer to.
pub(super) struct Names {
    pub(super) entities: Vec<String>,
}

impl Names {
    pub fn entity(&self, section: &Section<'_>, name: &At<String>) -> Result<EntityId, DataError> {
        if let Some(i) = self.entities.iter().position(|e| *e == name.value) {
            return Ok(EntityId(i as u16));
        }
        let error = section.error(name.line, format!("unknown entity `{}`", name.value));
        Err(error.help(suggest(&name.value, &self.entities, "entities")))
    }
}

pub(super) fn suggest(name: &str, known: &[String], kind: &str) -> String {
    match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("the catalog has no {kind}"),
        None => format!("the catalog has the {kind} `{}`", known.join("`, `")),
    }
}
