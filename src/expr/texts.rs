//! Strings and keys while a program runs. Those of the snapshot have codes already; what comes
//! with a request or is computed is given further codes, which live as long as the run.

use crate::batch::Stop;
use crate::store::{KeyView, Snapshot};
use crate::types::{EntityId, Key, NULL_CODE};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, RwLock};

/// Values in the order of their first use, numbered from `base`.
struct Extra<'a, T> {
    base: u32,
    stop: Stop<'a>,
    known: RwLock<Known<T>>,
}

struct Known<T> {
    codes: HashMap<T, u32>,
    values: Vec<T>,
    /// Bytes that they take, and bytes that are charged for them.
    bytes: usize,
    charged: usize,
}

/// Bytes that are charged together.
const CHARGE: usize = 1 << 16;

impl<'a, T: Hash + Eq + Clone> Extra<'a, T> {
    fn new(base: usize, stop: Stop<'a>) -> Self {
        Extra {
            base: base as u32,
            stop,
            known: RwLock::new(Known {
                codes: HashMap::new(),
                values: Vec::new(),
                bytes: 0,
                charged: 0,
            }),
        }
    }

    /// The code of a value, which takes so many bytes outside of its own.
    fn code(&self, value: T, outside: usize) -> u32 {
        let mut known = self.known.write().unwrap_or_else(|e| e.into_inner());
        let known = &mut *known;
        if let Some(&code) = known.codes.get(&value) {
            return code;
        }
        // tables grow to twice what they hold, and are copied then
        known.bytes += outside + 3 * (2 * size_of::<T>() + 8);
        if known.bytes > known.charged {
            let more = CHARGE.max(known.bytes - known.charged);
            known.charged += self.stop.hold(more).keep() as usize;
        }
        let code = self.base + known.values.len() as u32;
        known.values.push(value.clone());
        known.codes.insert(value, code);
        code
    }

    fn value(&self, code: u32) -> Option<T> {
        let known = self.known.read().unwrap_or_else(|e| e.into_inner());
        known.values.get((code - self.base) as usize).cloned()
    }
}

/// The strings of a snapshot and of one run.
pub struct Texts<'a> {
    snapshot: &'a Snapshot,
    extra: Extra<'a, Arc<str>>,
}

impl<'a> Texts<'a> {
    pub fn new(snapshot: &'a Snapshot) -> Self {
        Texts::within(snapshot, Stop::default())
    }

    /// Those of a run that has limits.
    pub fn within(snapshot: &'a Snapshot, stop: Stop<'a>) -> Self {
        Texts { snapshot, extra: Extra::new(snapshot.strings() as usize, stop) }
    }

    /// The code of a string, new if need be.
    pub fn code(&self, text: &str) -> u32 {
        self.snapshot.code_of(text).unwrap_or_else(|| self.extra.code(text.into(), text.len() + 16))
    }

    /// The string of a code; none for null.
    pub fn get(&self, code: u32) -> Option<Cow<'a, str>> {
        if code == NULL_CODE {
            None
        } else if code < self.extra.base {
            Some(Cow::Borrowed(self.snapshot.string(code)))
        } else {
            self.extra.value(code).map(|text| Cow::Owned(text.to_string()))
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
    extra: Vec<Extra<'a, Key>>,
}

impl<'a> Keys<'a> {
    pub fn new(snapshot: &'a Snapshot) -> Self {
        Keys::within(snapshot, Stop::default())
    }

    /// Those of a run that has limits.
    pub fn within(snapshot: &'a Snapshot, stop: Stop<'a>) -> Self {
        let extra =
            snapshot.schema().entities.iter().map(|e| Extra::new(e.rows as usize, stop)).collect();
        Keys { snapshot, extra }
    }

    /// The row of a key; a number past the entity's rows if it has none of that key.
    pub fn id(&self, entity: EntityId, key: &Key) -> u32 {
        let known = self.snapshot.row_of(entity, key);
        let outside = match key {
            Key::Str(text) => 2 * text.len(),
            Key::Int(_) => 0,
        };
        known.unwrap_or_else(|| self.extra[entity.0 as usize].code(key.clone(), outside))
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
