//! Requests: who asks, when, with which parameters.

use crate::batch::{Column, Stop};
use crate::catalog::schema::KeyType;
use crate::check::{Checked, Parameter};
use crate::exec::Results;
use crate::expr::run::{Ends, Members, Memo};
use crate::expr::texts::{Keys, Texts};
use crate::expr::{Expr, Frame, Run, read};
use crate::ops::RunError;
use crate::store::Snapshot;
use crate::types::{EntityId, Key, NULL_BOOL, NULL_CODE, NULL_FLOAT, NULL_INT, Type, Value};
use std::sync::Arc;

/// One request. Made with [`Request::user`] or [`Request::anonymous`] and refined from there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    pub user: Option<Key>,
    pub params: Vec<(String, Value)>,
    /// Microseconds since 1970, UTC; none: the catalog's default.
    pub at: Option<i64>,
    pub seed: i64,
}

impl Request {
    /// A request of a user, by key.
    pub fn user(key: impl Into<Key>) -> Request {
        Request {
            user: Some(key.into()),
            ..Request::default()
        }
    }

    /// A request of nobody: for programs that do not mention the user.
    pub fn anonymous() -> Request {
        Request::default()
    }

    /// Sets a parameter.
    pub fn param(mut self, name: impl Into<String>, value: impl Into<Value>) -> Request {
        self.params.push((name.into(), value.into()));
        self
    }

    /// Sets `now`, in microseconds since 1970, UTC.
    pub fn at(mut self, now: i64) -> Request {
        self.at = Some(now);
        self
    }

    /// Sets the seed of the random functions.
    pub fn seed(mut self, seed: i64) -> Request {
        self.seed = seed;
        self
    }
}

/// What a run needs of its requests.
pub struct BoundRequests {
    pub now: Vec<i64>,
    pub viewers: Vec<u32>,
    pub params: Vec<Column>,
    pub warnings: Vec<(usize, String)>,
}

/// Fits requests to a program.
pub fn bind(
    checked: &Checked,
    needs_viewer: bool,
    requests: &[Request],
    snapshot: &Snapshot,
    texts: &Texts,
    keys: &Keys,
    now: i64,
) -> Result<BoundRequests, RunError> {
    let mut warnings = Vec::new();
    let viewer = snapshot.schema().viewer;
    let table = snapshot.schema().entity(viewer);
    let mut viewers = Vec::with_capacity(requests.len());
    for (i, request) in requests.iter().enumerate() {
        let id = match &request.user {
            Some(key) => keys.id(viewer, key),
            None if needs_viewer => {
                let message = format!(
                    "the program needs a user: name a `{}` (`--user`)",
                    table.name
                );
                return Err(RunError::Request(message));
            }
            None => NULL_CODE,
        };
        if let Some(key) = request.user.as_ref().filter(|_| id >= table.rows) {
            warnings.push((
                i,
                format!(
                    "user `{key}` is not in `{}`: it runs with null columns and no links",
                    table.name
                ),
            ));
        }
        viewers.push(id);
    }
    known_names(checked, requests)?;
    let params = checked
        .params
        .iter()
        .map(|param| column(param, requests, snapshot, texts, keys));
    let params = params.collect::<Result<Vec<_>, _>>()?;
    let now = requests.iter().map(|r| r.at.unwrap_or(now)).collect();
    Ok(BoundRequests {
        now,
        viewers,
        params,
        warnings,
    })
}

/// A parameter that the program does not have is a mistake.
fn known_names(checked: &Checked, requests: &[Request]) -> Result<(), RunError> {
    let mut names = requests.iter().flat_map(|r| &r.params);
    match names.find_map(|(name, _)| unknown_param(checked, name)) {
        Some(message) => Err(RunError::Request(message)),
        None => Ok(()),
    }
}

/// What to say of the name of a parameter that a program does not have.
pub(crate) fn unknown_param(checked: &Checked, name: &str) -> Option<String> {
    let is_read = checked.params.iter().any(|p| p.name == name);
    if is_read || checked.unread_params.iter().any(|unread| unread == name) {
        return None;
    }
    let names: Vec<&str> = checked.params.iter().map(|p| p.name.as_str()).collect();
    let have = match names.is_empty() {
        true => "it has none".to_owned(),
        false => format!("it has {}", names.join(", ")),
    };
    Some(format!("the program has no parameter `{name}`: {have}"))
}

/// The values of a parameter, one per request.
fn column(
    param: &Parameter,
    requests: &[Request],
    snapshot: &Snapshot,
    texts: &Texts,
    keys: &Keys,
) -> Result<Column, RunError> {
    let mut default = None;
    let mut parts = Vec::with_capacity(requests.len());
    for request in requests {
        let given = request
            .params
            .iter()
            .rev()
            .find(|(name, _)| *name == param.name);
        let part = match (given, &param.default) {
            (Some((_, value)), _) => {
                single(value, &param.ty, snapshot, texts, keys).ok_or_else(|| {
                    let want = snapshot.schema().type_name(&param.ty);
                    let cannot = match holds_smallest(value) {
                        true => ": the smallest 64-bit int is reserved for null",
                        false => "",
                    };
                    RunError::Request(format!(
                        "parameter `{}` is {want}, found {}{cannot}",
                        param.name,
                        show(value)
                    ))
                })?
            }
            (None, Some(expr)) => default
                .get_or_insert_with(|| constant(expr, snapshot, texts, keys))
                .clone(),
            (None, None) => {
                let message = format!(
                    "parameter `{}` has no default: give it a value (`--param {0}=...`)",
                    param.name
                );
                return Err(RunError::Request(message));
            }
        };
        parts.push(part);
    }
    Ok(Column::concat(&parts))
}

/// The value of a default, as a column of one row.
fn constant(expr: &Expr, snapshot: &Snapshot, texts: &Texts, keys: &Keys) -> Column {
    let nothing = Results::new(0);
    let run = Run {
        snapshot,
        texts,
        keys,
        now: vec![0],
        viewers: vec![NULL_CODE],
        params: Vec::new(),
        seeds: vec![0],
        sets: &nothing,
        stop: Stop::default(),
        members: Members::default(),
        memo: Memo::default(),
        ends: Ends::default(),
    };
    Frame::requests(&run).column(expr)
}

/// A value as a column of one row; none if it is not of the type.
fn single(
    value: &Value,
    ty: &Type,
    snapshot: &Snapshot,
    texts: &Texts,
    keys: &Keys,
) -> Option<Column> {
    let single = |value: &Value, ty: &Type| single(value, ty, snapshot, texts, keys);
    let key = |entity: EntityId, key: Key| {
        let ints = snapshot.schema().entity(entity).key_type == KeyType::Int;
        let fits = ints == matches!(key, Key::Int(_));
        fits.then(|| Column::Code(vec![keys.id(entity, &key)]))
    };
    Some(match (ty, value) {
        (Type::Int, Value::Int(v))
        | (Type::Time, Value::Time(v))
        | (Type::Duration, Value::Duration(v))
            if *v != NULL_INT =>
        {
            Column::I64(vec![*v])
        }
        (Type::Int | Type::Time | Type::Duration, Value::Null) => Column::I64(vec![NULL_INT]),
        (Type::Float, Value::Float(v)) if v.is_finite() => Column::F64(vec![*v]),
        (Type::Float, Value::Int(v)) => Column::F64(vec![*v as f64]),
        (Type::Float, Value::Null) => Column::F64(vec![NULL_FLOAT]),
        (Type::Bool, Value::Bool(v)) => Column::Bool(vec![u8::from(*v)]),
        (Type::Bool, Value::Null) => Column::Bool(vec![NULL_BOOL]),
        (Type::String, Value::Str(v)) => Column::Code(vec![texts.code(v)]),
        (Type::String | Type::Id(_), Value::Null) => Column::Code(vec![NULL_CODE]),
        (Type::Id(e), Value::Int(v)) => key(*e, Key::Int(*v))?,
        (Type::Id(e), Value::Str(v)) => key(*e, Key::Str(v.clone()))?,
        (Type::Id(e), Value::Id(v)) => key(*e, v.clone())?,
        (Type::List(item), Value::List(values)) => {
            let items = values
                .iter()
                .map(|v| single(v, item))
                .collect::<Option<Vec<_>>>()?;
            let items = match items.is_empty() {
                true => single(&Value::Null, item)?,
                false => Column::concat(&items),
            };
            Column::List {
                slots: vec![[0, values.len() as u32]],
                items: Arc::new(items),
            }
        }
        (Type::List(item), Value::Null) => {
            let items = Arc::new(single(&Value::Null, item)?);
            Column::List {
                slots: vec![[NULL_CODE, 0]],
                items,
            }
        }
        (Type::Vector(_), Value::List(numbers)) => {
            let numbers = numbers.iter().map(|number| match number {
                Value::Float(x) => Some(*x as f32),
                Value::Int(x) => Some(*x as f32),
                _ => None,
            });
            return single(&Value::Vector(numbers.collect::<Option<_>>()?), ty);
        }
        (Type::Vector(dim), Value::Vector(v))
            if v.len() == *dim as usize && v.iter().all(|x| x.is_finite()) =>
        {
            Column::Vector {
                slots: vec![[0, *dim]],
                items: Arc::new(v.clone()),
            }
        }
        (Type::Vector(_), Value::Null) => Column::Vector {
            slots: vec![[NULL_CODE, 0]],
            items: Arc::default(),
        },
        _ => return None,
    })
}

/// Whether a value is, or holds, the int that stands for null.
fn holds_smallest(value: &Value) -> bool {
    match value {
        Value::Int(v) | Value::Time(v) | Value::Duration(v) => *v == NULL_INT,
        Value::List(items) => items.iter().any(holds_smallest),
        _ => false,
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Int(v) => v.to_string(),
        Value::Float(v) => format!("{v:?}"),
        Value::Bool(v) => v.to_string(),
        Value::Str(v) => format!("`{v}`"),
        Value::Id(key) => format!("`{key}`"),
        Value::Time(_) => "a time".to_owned(),
        Value::Duration(_) => "a duration".to_owned(),
        Value::List(v) => format!("a list of {} values", v.len()),
        Value::Vector(v) => format!("a vector of {} numbers", v.len()),
    }
}

macro_rules! value_from {
    ($($ty:ty => $case:ident),*) => {
        $(impl From<$ty> for Value {
            fn from(v: $ty) -> Value {
                Value::$case(v.into())
            }
        })*
    };
}

value_from!(i64 => Int, i32 => Int, u32 => Int, f64 => Float, f32 => Float, bool => Bool, &str => Str,
    String => Str, Key => Id, Vec<f32> => Vector);

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(v: Option<T>) -> Value {
        v.map_or(Value::Null, Into::into)
    }
}

macro_rules! list_from {
    ($($ty:ty),*) => {
        $(impl From<Vec<$ty>> for Value {
            fn from(v: Vec<$ty>) -> Value {
                Value::List(v.into_iter().map(Into::into).collect())
            }
        })*
    };
}

list_from!(Value, i64, f64, bool, &str, String, Key);

/// Fails where a value of a request lies outside of the range that a parameter declares, or makes no
/// sense where the program uses it.
pub fn in_range(checked: &Checked, run: &Run) -> Result<(), RunError> {
    let wrong = |request: usize, what: String| {
        let viewer = run.snapshot.schema().viewer;
        // one request knows whose it is
        let user = run
            .keys
            .key(viewer, run.viewers[request])
            .filter(|_| run.requests() > 1);
        let user = user.map_or_else(String::new, |key| format!("user {key}: "));
        RunError::Request(format!("{user}parameter {what}"))
    };
    for range in &checked.ranges {
        let values = Frame::requests(run).numbers(&range.value);
        let outside = |x: &f64| !x.is_nan() && !(range.low..=range.high).contains(x);
        if let Some(request) = values.iter().position(outside) {
            return Err(wrong(request, range.message(values[request])));
        }
    }
    for amount in &checked.amounts {
        let column = Frame::requests(run).column(&amount.value);
        let value = |request| read::value(run, &column, &amount.value.ty, request);
        let of_request = |request| Some((request, amount.wrong(&value(request))?));
        if let Some((request, what)) = (0..run.requests()).find_map(of_request) {
            return Err(wrong(request, what));
        }
    }
    Ok(())
}
