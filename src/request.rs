//! Requests: who asks, when, with which parameters.

use crate::batch::{Column, Stop};
use crate::catalog::schema::KeyType;
use crate::check::{Checked, Experiment, Parameter};
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
    /// The key of the requesting user.
    pub user: Option<Key>,
    /// Values of the program's params by name.
    pub params: Vec<(String, Value)>,
    /// Microseconds since 1970, UTC; none: the catalog's default.
    pub at: Option<i64>,
    /// What random operators and `uniform` draw from.
    pub seed: i64,
    /// Arms that it is in whatever the user, by the names of their experiments.
    pub arms: Vec<(String, String)>,
}

impl Request {
    /// A request of a user, by key.
    pub fn user(key: impl Into<Key>) -> Request {
        Request { user: Some(key.into()), ..Request::default() }
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

    /// Puts the request in an arm of an experiment, whatever the user.
    pub fn arm(mut self, experiment: impl Into<String>, arm: impl Into<String>) -> Request {
        self.arms.push((experiment.into(), arm.into()));
        self
    }

    /// The arm of an experiment that it was put in.
    pub(crate) fn forced(&self, experiment: &str) -> Option<&str> {
        let forced = self.arms.iter().rev().find(|(name, _)| name == experiment);
        forced.map(|(_, arm)| arm.as_str())
    }

    /// Sets the seed of the random functions.
    pub fn seed(mut self, seed: i64) -> Request {
        self.seed = seed;
        self
    }
}

/// What a run needs of its requests.
pub struct BoundRequests {
    /// The time of each request, in microseconds since 1970.
    pub now: Vec<i64>,
    /// The row of each viewer.
    pub viewers: Vec<u32>,
    /// By slot, a value for each request.
    pub params: Vec<Column>,
    /// What is doubtful about requests, by number.
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
    let data = Data { snapshot, texts, keys };
    let viewers = data.viewers(requests, needs_viewer)?;
    known_names(checked, requests)?;
    let params = checked.params.iter().map(|p| match &p.experiment {
        Some(experiment) => Ok(data.arms(experiment, requests)),
        None => data.param(p, requests),
    });
    Ok(BoundRequests {
        now: requests.iter().map(|r| r.at.unwrap_or(now)).collect(),
        warnings: data.unknown_users(requests, &viewers),
        params: params.collect::<Result<Vec<_>, _>>()?,
        viewers,
    })
}

/// The parameters that have a default, with it.
pub(crate) fn defaults(checked: &Checked, snapshot: &Snapshot) -> Vec<(String, Value)> {
    let (texts, keys) = (Texts::new(snapshot), Keys::new(snapshot));
    let data = Data { snapshot, texts: &texts, keys: &keys };
    let defaults = checked.given().filter_map(|param| {
        let default = param.default.as_ref()?;
        let value = data.of_nobody(|run| {
            let column = Frame::requests(run).column(default);
            read::value(run, &column, &param.ty, 0)
        });
        Some((param.name.clone(), value))
    });
    defaults.collect()
}

/// A parameter or an arm that the program does not have is a mistake.
fn known_names(checked: &Checked, requests: &[Request]) -> Result<(), RunError> {
    let mut names = requests.iter().flat_map(|r| &r.params);
    let mut arms = requests.iter().flat_map(|r| &r.arms);
    let unknown = names
        .find_map(|(name, _)| unknown_param(checked, name))
        .or_else(|| arms.find_map(|(name, arm)| unknown_arm(&checked.experiments, name, arm)));
    match unknown {
        Some(message) => Err(RunError::Request(message)),
        None => Ok(()),
    }
}

/// What to say of the name of a parameter that a program does not have.
pub(crate) fn unknown_param(checked: &Checked, name: &str) -> Option<String> {
    if checked.param(name).is_some() || checked.unread_params.iter().any(|unread| unread == name) {
        return None;
    }
    let have = listed(checked.given().map(|p| p.name.as_str()));
    Some(format!("the program has no parameter `{name}`: {have}"))
}

/// What to say of an arm that a program does not have.
pub(crate) fn unknown_arm(declared: &[Arc<Experiment>], name: &str, arm: &str) -> Option<String> {
    let Some(experiment) = declared.iter().find(|e| e.name == name) else {
        let have = listed(declared.iter().map(|e| e.name.as_str()));
        return Some(format!("the program has no experiment `{name}`: {have}"));
    };
    let have = listed(experiment.arms.iter().map(|arm| arm.name.as_str()));
    let unknown = experiment.find(arm).is_none();
    unknown.then(|| format!("experiment `{name}` has no arm `{arm}`: {have}"))
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    match names.collect::<Vec<_>>() {
        none if none.is_empty() => "it has none".to_owned(),
        names => format!("it has {}", names.join(", ")),
    }
}

/// What values become columns of.
#[derive(Clone, Copy)]
struct Data<'a> {
    snapshot: &'a Snapshot,
    texts: &'a Texts<'a>,
    keys: &'a Keys<'a>,
}

impl Data<'_> {
    /// Who asks, as rows.
    fn viewers(self, requests: &[Request], needed: bool) -> Result<Vec<u32>, RunError> {
        let viewer = self.snapshot.schema().viewer;
        let id = |request: &Request| match &request.user {
            Some(key) => Ok(self.keys.id(viewer, key)),
            None if needed => {
                let entity = &self.snapshot.schema().entity(viewer).name;
                Err(RunError::NoUser { entity: entity.clone() })
            }
            None => Ok(NULL_CODE),
        };
        requests.iter().map(id).collect()
    }

    /// Warnings about users that the catalog does not have.
    fn unknown_users(self, requests: &[Request], viewers: &[u32]) -> Vec<(usize, String)> {
        let schema = self.snapshot.schema();
        let table = schema.entity(schema.viewer);
        let warning = |(i, (request, &id)): (usize, (&Request, &u32))| {
            let key = request.user.as_ref().filter(|_| id >= table.rows)?;
            let why = "it runs with null columns and no links";
            Some((i, format!("user `{key}` is not in `{}`: {why}", table.name)))
        };
        let users = requests.iter().zip(viewers).enumerate();
        users.filter_map(warning).collect()
    }

    /// The arm of each request: the one it was put in, else that of its user; null outside.
    fn arms(self, experiment: &Experiment, requests: &[Request]) -> Column {
        let codes: Vec<u32> =
            experiment.arms.iter().map(|arm| self.texts.code(&arm.name)).collect();
        let of = |request: &Request| {
            let arm = match request.forced(&experiment.name) {
                Some(arm) => experiment.find(arm),
                None => request.user.as_ref().and_then(|user| experiment.arm_of(user)),
            };
            arm.map_or(NULL_CODE, |arm| codes[arm])
        };
        Column::Code(requests.iter().map(of).collect())
    }

    /// The values of a parameter, one per request.
    fn param(self, param: &Parameter, requests: &[Request]) -> Result<Column, RunError> {
        let mut default = None;
        let mut parts = Vec::with_capacity(requests.len());
        for request in requests {
            let mut given = request.params.iter().rev();
            let given = given.find(|(name, _)| *name == param.name);
            parts.push(match (given, &param.default) {
                (Some((_, value)), _) => {
                    let fits = self.single(value, &param.ty);
                    fits.ok_or_else(|| self.misfit(param, value))?
                }
                (None, Some(expr)) => default.get_or_insert_with(|| self.constant(expr)).clone(),
                (None, None) => {
                    return Err(RunError::NoValue { param: param.name.clone() });
                }
            });
        }
        Ok(Column::concat(&parts))
    }

    /// The value is not of the parameter's type.
    fn misfit(self, param: &Parameter, value: &Value) -> RunError {
        let (name, want) = (&param.name, self.snapshot.schema().type_name(&param.ty));
        let cannot = match holds_smallest(value) {
            true => ": the smallest 64-bit int is reserved for null",
            false => "",
        };
        let found = show(value);
        RunError::Request(format!("parameter `{name}` is {want}, found {found}{cannot}"))
    }

    /// The value of a default, as a column of one row.
    fn constant(self, expr: &Expr) -> Column {
        self.of_nobody(|run| Frame::requests(run).column(expr))
    }

    /// What is read for a request of nobody.
    fn of_nobody<R>(self, read: impl FnOnce(&Run) -> R) -> R {
        let nothing = Results::new(0);
        let run = Run {
            snapshot: self.snapshot,
            texts: self.texts,
            keys: self.keys,
            now: vec![0],
            viewers: vec![NULL_CODE],
            params: Vec::new(),
            seeds: vec![0],
            sets: &nothing,
            stop: Stop::default(),
            members: Members::default(),
            memo: Memo::default(),
            ends: Ends::default(),
            kept: None,
            past: None,
        };
        read(&run)
    }

    /// A value as a column of one row; none if it is not of the type.
    fn single(self, value: &Value, ty: &Type) -> Option<Column> {
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
            (Type::String, Value::Str(v)) => Column::Code(vec![self.texts.code(v)]),
            (Type::String | Type::Id(_), Value::Null) => Column::Code(vec![NULL_CODE]),
            (Type::Id(e), Value::Int(v)) => self.id(*e, Key::Int(*v))?,
            (Type::Id(e), Value::Str(v)) => self.id(*e, Key::Str(v.clone()))?,
            (Type::Id(e), Value::Id(v)) => self.id(*e, v.clone())?,
            (Type::List(item), Value::List(values)) => self.list(values, item)?,
            (Type::List(item), Value::Null) => Column::List {
                slots: vec![[NULL_CODE, 0]],
                items: Arc::new(self.single(&Value::Null, item)?),
            },
            (Type::Vector(dim), Value::List(numbers)) => vector(floats(numbers)?, *dim)?,
            (Type::Vector(dim), Value::Vector(v)) => vector(v.clone(), *dim)?,
            (Type::Vector(_), Value::Null) => {
                Column::Vector { slots: vec![[NULL_CODE, 0]], items: Arc::default() }
            }
            _ => return None,
        })
    }

    fn id(self, entity: EntityId, key: Key) -> Option<Column> {
        let ints = self.snapshot.schema().entity(entity).key_type == KeyType::Int;
        let fits = ints == matches!(key, Key::Int(_));
        fits.then(|| Column::Code(vec![self.keys.id(entity, &key)]))
    }

    fn list(self, values: &[Value], item: &Type) -> Option<Column> {
        let items = values.iter().map(|v| self.single(v, item));
        let items = match values.is_empty() {
            true => self.single(&Value::Null, item)?,
            false => Column::concat(&items.collect::<Option<Vec<_>>>()?),
        };
        Some(Column::List { slots: vec![[0, values.len() as u32]], items: Arc::new(items) })
    }
}

/// Numbers of a list as those of a vector.
fn floats(numbers: &[Value]) -> Option<Vec<f32>> {
    let number = |number: &Value| match number {
        Value::Float(x) => Some(*x as f32),
        Value::Int(x) => Some(*x as f32),
        _ => None,
    };
    numbers.iter().map(number).collect()
}

fn vector(numbers: Vec<f32>, dim: u32) -> Option<Column> {
    let fits = numbers.len() == dim as usize && numbers.iter().all(|x| x.is_finite());
    fits.then(|| Column::Vector { slots: vec![[0, dim]], items: Arc::new(numbers) })
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
        let user = run.keys.key(viewer, run.viewers[request]).filter(|_| run.requests() > 1);
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
