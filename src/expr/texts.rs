//! Strings and keys while a program runs. Those of the snapshot have codes already; what comes
//! with a request or is computed is given further codes, which live as long as the run.

use crate::store::{KeyView, Snapshot};
use crate::types::{EntityId, Key, NULL_CODE};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, RwLock};

/// Values in the order of their first use, numbered from `base`.
struct Extra<T> {
    base: u32,
    known: RwLock<(HashMap<T, u32>, Vec<T>)>,
}

impl<T: Hash + Eq + Clone> Extra<T> {
    fn new(base: usize) -> Self {
        Extra {
            base: base as u32,
            known: RwLock::default(),
        }
    }

    fn code(&self, value: T) -> u32 {
        let mut known = self.known.write().unwrap_or_else(|e| e.into_inner());
        let (codes, values) = &mut *known;
        *codes.entry(value).or_insert_with_key(|value| {
            values.push(value.clone());
            self.base + values.len() as u32 - 1
        })
    }

    fn value(&self, code: u32) -> Option<T> {
        let known = self.known.read().unwrap_or_else(|e| e.into_inner());
        known.1.get((code - self.base) as usize).cloned()
    }
}

/// The strings of a snapshot and of one run.
pub struct Texts<'a> {
    snapshot: &'a Snapshot,
    extra: Extra<Arc<str>>,
}

impl<'a> Texts<'a> {
    pub fn new(snapshot: &'a Snapshot) -> Self {
        Texts {
            snapshot,
            extra: Extra::new(snapshot.strings() as usize),
        }
    }

    /// The code of a string, new if need be.
    pub fn code(&self, text: &str) -> u32 {
        self.snapshot
            .code_of(text)
            .unwrap_or_else(|| self.extra.code(text.into()))
    }

    /// The string of a code; none for null.
    pub fn get(&self, code: u32) -> Option<Cow<'a, str>> {
        if code == NULL_CODE {
            None
        } else if code < self.extra.base {
            Some(Cow::Borrowed(self.snapshot.string(code)))
        } else {
            self.extra
                .value(code)
                .map(|text| Cow::Owned(text.to_string()))
        }
    }

    /// Order by bytes. The snapshot's codes are in that order already.
    pub fn compare(&self, a: u32, b: u32) -> Ordering {
        if a < self.extra.base && b < self.extra.base {
            return a.cmp(&b);
        }
        self.get(a).cmp(&self.get(b))
    }
}

/// The keys of a snapshot's entities, and keys that no entity holds but a request names.
pub struct Keys<'a> {
    snapshot: &'a Snapshot,
    extra: Vec<Extra<Key>>,
}

impl<'a> Keys<'a> {
    pub fn new(snapshot: &'a Snapshot) -> Self {
        let extra = snapshot
            .schema()
            .entities
            .iter()
            .map(|e| Extra::new(e.rows as usize))
            .collect();
        Keys { snapshot, extra }
    }

    /// The row of a key; a number past the entity's rows if it has none of that key.
    pub fn id(&self, entity: EntityId, key: &Key) -> u32 {
        let known = self.snapshot.row_of(entity, key);
        known.unwrap_or_else(|| self.extra[entity.0 as usize].code(key.clone()))
    }

    /// The keys of ids; none for null. Looked up in one go: most of the time is spent waiting for memory,
    /// for many of them at once.
    pub fn keys(&self, entity: EntityId, ids: &[u32]) -> Vec<Option<Key>> {
        let other = |id: u32| match id {
            NULL_CODE => None,
            id => self.extra[entity.0 as usize].value(id),
        };
        match self.snapshot.keys(entity) {
            KeyView::Int(keys) => {
                let key = |&id: &u32| keys.get(id as usize).map(|&key| Key::Int(key));
                let known = ids.iter().map(|id| key(id).or_else(|| other(*id)));
                known.collect()
            }
            KeyView::Str(_) => ids.iter().map(|&id| self.key(entity, id)).collect(),
        }
    }

    /// The key of an id; none for null.
    pub fn key(&self, entity: EntityId, id: u32) -> Option<Key> {
        let extra = &self.extra[entity.0 as usize];
        if id == NULL_CODE {
            None
        } else if id < extra.base {
            Some(self.snapshot.key(entity, id))
        } else {
            extra.value(id)
        }
    }
}
