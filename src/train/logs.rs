//! Logs of runs as examples: what was shown, to whom and when, with what a model was given for it.

use super::TrainError;
use crate::catalog::schema::{KeyType, Schema};
use crate::check::trained::{Head, Ids, Network, Target, Trained};
use crate::engine::Engine;
use crate::store::logs::{self, CANDIDATES, REQUESTS, RESULT, files, has_columns};
use crate::store::{Columns, DataError, read_columns};
use crate::types::{Key, Type, Value};
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use xxhash_rust::xxh3::Xxh3;

/// What was shown of the rows that a model scored, in the order of time.
#[derive(Debug, Default)]
pub struct Shown {
    /// By row of the viewer's table, of the entity's table, and microseconds since 1970.
    pub viewers: Vec<u32>,
    pub rows: Vec<u32>,
    pub times: Vec<i64>,
    /// By input of the model, in their order: what it was given of each.
    pub inputs: Vec<Vec<Option<Value>>>,
    /// By shown input: what it was.
    pub shown: Vec<Vec<Option<Value>>>,
    /// What is left out, a sentence each.
    pub notes: Vec<String>,
}

/// A hash of the files of a log.
pub fn fingerprint(log: &Path) -> Result<String, DataError> {
    let mut hasher = Xxh3::new();
    for table in [REQUESTS, CANDIDATES] {
        for file in files(log, table)? {
            let bytes = std::fs::read(&file)
                .map_err(|e| DataError::new(&file, format!("cannot be read: {e}")))?;
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(&bytes);
        }
    }
    Ok(format!("{:016x}", hasher.digest()))
}

/// A model that is read from a log.
struct Reading<'a> {
    engine: &'a Engine,
    model: &'a Trained,
    upstream: &'a [String],
    until: i64,
    requests: Vec<Asked>,
    /// By run and id: the request.
    known: HashMap<(Option<String>, i64), usize>,
    /// Requests that stand there again count once.
    ids: HashSet<i64>,
    /// Whether the models of requests read what the declaration reads, by what is said of them.
    fits: HashMap<String, bool>,
    /// Why the first that does not is none.
    unfit: Option<TrainError>,
    rows: Vec<Row>,
    is_shown: HashSet<Of>,
    ranked: HashMap<Of, Given>,
    left_out: BTreeMap<Why, u64>,
    /// Whether any request was answered with the model.
    is_there: bool,
}

/// A row of a list of a request.
type Of = (usize, Option<String>, Key);

/// A request that was answered.
struct Asked {
    viewer: u32,
    now: i64,
    params: Json,
}

/// What a model was given of a row, at the last stage that it took part in.
struct Given {
    stage: i64,
    inputs: Vec<Option<Value>>,
}

/// A row of an answer.
struct Row {
    request: usize,
    list: Option<String>,
    key: Key,
    position: i64,
}

/// Why a request or a row is no example.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    Unsaid,
    Unfit,
    Again,
    Nobody,
    ViewerGone,
    Later,
    RowGone,
    NotRanked,
    Older,
}

impl Why {
    fn sentence(self, n: u64) -> String {
        match self {
            Why::Unsaid => format!(
                "{n} requests are of files without a column `models`, which do not say what models were given, and are left out"
            ),
            Why::Unfit => format!(
                "{n} requests were answered with a version whose inputs are others, and are left out"
            ),
            Why::Again => format!("{n} requests stand in the log again: they count once"),
            Why::Nobody => format!("{n} requests of the log have no viewer and are left out"),
            Why::ViewerGone => {
                format!("{n} requests are of viewers that are gone and are left out")
            }
            Why::Later => format!(
                "{n} requests are not before the end of the training and are left out: nothing is known of what followed"
            ),
            Why::RowGone => format!("{n} rows that were shown are gone and are left out"),
            Why::NotRanked => {
                format!("{n} rows were shown that the model did not score, and are left out")
            }
            Why::Older => format!("{n} older rows are left out (`max_examples`)"),
        }
    }
}

/// What a log shows of a model's rows before a time. `upstream` is what the model would be trained with.
pub fn read(
    engine: &Engine,
    model: &Trained,
    log: &Path,
    upstream: &[String],
    until: i64,
) -> Result<Shown, TrainError> {
    can_be_logged(model)?;
    let mut reading = Reading {
        engine,
        model,
        upstream,
        until,
        requests: Vec::new(),
        known: HashMap::new(),
        ids: HashSet::new(),
        fits: HashMap::new(),
        unfit: None,
        rows: Vec::new(),
        is_shown: HashSet::new(),
        ranked: HashMap::new(),
        left_out: BTreeMap::new(),
        is_there: false,
    };
    for file in files(log, REQUESTS)? {
        reading.requests(&file)?;
    }
    if !reading.is_there {
        if let Some(error) = reading.unfit {
            return Err(error);
        }
        let name = &model.name;
        let message = format!("no request of {} was answered with `{name}`", log.display());
        let help = "log a program that ranks with it: `igql run FILE --log DIR`";
        let help = match reading.unsaid() {
            0 => help.to_owned(),
            n => format!("{help}; {}", Why::Unsaid.sentence(n)),
        };
        return Err(wrong(model, message, &help));
    }
    for file in files(log, CANDIDATES)? {
        reading.candidates(&file)?;
    }
    reading.shown(log)
}

fn wrong(model: &Trained, message: impl Into<String>, help: &str) -> TrainError {
    TrainError::Model(format!("model `{}`: {}\nhelp: {help}", model.name, message.into()))
}

/// Refuses models of which a log does not say enough.
fn can_be_logged(model: &Trained) -> Result<(), TrainError> {
    if !matches!(model.kind, Network::Linear { .. } | Network::Mlp(_) | Network::Mtml(_)) {
        let message = format!("`{}` is not trained from logs", model.kind.name());
        return Err(wrong(model, message, "`linear`, `mlp` and `mtml` are"));
    }
    if model.examples.negatives.is_some() {
        let message = "its negatives are drawn, and a log has the inputs of what was shown alone";
        return Err(wrong(model, message, "leave `positives` out: what is not liked was shown"));
    }
    if model.inputs.weight.is_some() {
        let message = "`example_weight` is read from the link of an example, and a log has none";
        return Err(wrong(model, message, "leave it out"));
    }
    let is_edge = |head: &&Head| !matches!(head.target, Target::Edge { .. });
    if let Some(head) = model.heads.iter().find(is_edge) {
        let message = format!(
            "the label of `{}` is read from the link of an example, and a log has none",
            head.name
        );
        let help = "name an edge whose links follow what was shown: `heads={p_like: likes}`";
        return Err(wrong(model, message, help));
    }
    Ok(())
}

/// The type that an input has in a log.
fn type_of(schema: &Schema, model: &Trained, place: usize) -> Type {
    let (dense, sparse) = (model.inputs.dense.len(), model.inputs.sparse.len());
    if place < dense {
        return Type::Float;
    }
    match model.inputs.sparse.get(place - dense).map(|sparse| &sparse.ids) {
        Some(Ids::Hashed(..)) => Type::Int,
        Some(Ids::Value(expr)) => logs::type_of(schema, &expr.ty),
        None => logs::type_of(schema, &model.inputs.vectors[place - dense - sparse].1.ty),
    }
}

impl Reading<'_> {
    fn unsaid(&self) -> u64 {
        self.left_out.get(&Why::Unsaid).copied().unwrap_or_default()
    }

    fn leave_out(&mut self, why: Why) {
        *self.left_out.entry(why).or_default() += 1;
    }

    fn requests(&mut self, file: &Path) -> Result<(), TrainError> {
        let schema = self.engine.schema();
        let wanted = |name: &str| {
            Some(match name {
                "viewer" => schema.entity(schema.viewer).key_type.ty(),
                "now" => Type::Time,
                "id" => Type::Int,
                "run" | "catalog" | "params" | "models" => Type::String,
                _ => return None,
            })
        };
        let table = read_columns(file, &wanted)?;
        has_columns(file, &table, &["id", "viewer", "now"])?;
        if table.get("models").is_none() {
            self.left_out.insert(Why::Unsaid, self.unsaid() + table.rows as u64);
            return Ok(());
        }
        for row in 0..table.rows {
            self.request(file, &table, row)?;
        }
        Ok(())
    }

    fn request(&mut self, file: &Path, table: &Columns, row: usize) -> Result<(), TrainError> {
        let own = &self.engine.schema().name;
        if let Some(catalog) = text(table, "catalog", row).filter(|catalog| catalog != own) {
            let message = format!(
                "row {}: the request was made of the catalog `{catalog}`, this is `{own}`",
                row + 1
            );
            return Err(DataError::new(file, message).column("catalog").into());
        }
        if let Some(models) = text(table, "models", row)
            && !self.fits(file, models)?
        {
            self.leave_out(Why::Unfit);
            return Ok(());
        }
        let (Some(Value::Int(id)), Some(Value::Time(now))) =
            (table.value("id", row), table.value("now", row))
        else {
            let message = format!("row {}: the id or the time of the request is null", row + 1);
            return Err(DataError::new(file, message).into());
        };
        let found = self.viewer(table.value("viewer", row), *now);
        let found = found.and_then(|viewer| match self.ids.insert(*id) {
            true => Ok(viewer),
            false => Err(Why::Again),
        });
        let viewer = match found {
            Ok(viewer) => viewer,
            Err(why) => {
                self.leave_out(why);
                return Ok(());
            }
        };
        self.known.insert((text(table, "run", row), *id), self.requests.len());
        let params = text(table, "params", row).unwrap_or_default();
        let params = serde_json::from_str(&params).unwrap_or(Json::Null);
        self.requests.push(Asked { viewer, now: *now, params });
        Ok(())
    }

    /// The viewer of a request at a time, or why it has no examples.
    fn viewer(&self, found: Option<&Value>, now: i64) -> Result<u32, Why> {
        let snapshot = self.engine.snapshot();
        let key = key(found, false).ok_or(Why::Nobody)?;
        let viewer = snapshot.row_of(snapshot.schema().viewer, &key).ok_or(Why::ViewerGone)?;
        if now < self.until { Ok(viewer) } else { Err(Why::Later) }
    }

    /// Whether what is of this name among the models of requests reads what the declaration reads.
    fn fits(&mut self, file: &Path, models: String) -> Result<bool, TrainError> {
        if let Some(&fits) = self.fits.get(&models) {
            return Ok(fits);
        }
        let unfit = self.look_at(file, &models)?;
        let fits = unfit.is_none();
        self.unfit = self.unfit.take().or(unfit);
        self.fits.insert(models, fits);
        Ok(fits)
    }

    /// Why the models of requests are not those of the declaration.
    fn look_at(&mut self, file: &Path, models: &str) -> Result<Option<TrainError>, TrainError> {
        let all: BTreeMap<String, Json> = serde_json::from_str(models).map_err(|e| {
            DataError::new(file, format!("is no list of models: {e}")).column("models")
        })?;
        let of = &self.engine.schema().entity(self.model.entity).name;
        let mut is_there = false;
        for (label, said) in all {
            let Some(label) = label.strip_prefix(&format!("{of}.")) else { continue };
            if label.rsplit_once('@').is_none_or(|(name, _)| name != self.model.name) {
                continue;
            }
            is_there = true;
            if said["features"].as_str() != Some(&self.model.log_hash) {
                return Ok(Some(self.other_features(label, &said)));
            }
            let unfit = self.other_space(label, &said);
            if unfit.is_some() {
                return Ok(unfit);
            }
        }
        self.is_there |= is_there;
        Ok(None)
    }

    fn other_features(&self, label: &str, said: &Json) -> TrainError {
        let logged = strings(&said["inputs"]);
        let own = &self.model.logged;
        let list = |names: Vec<&String>| {
            names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        };
        let missing = list(own.iter().filter(|name| !logged.contains(name)).collect());
        let further = list(logged.iter().filter(|name| !own.contains(name)).collect());
        let differ = match (missing.is_empty(), further.is_empty()) {
            (true, true) => "they are the same in another order, or of other types".to_owned(),
            (false, true) => format!("the log lacks {missing}"),
            (true, false) => format!("the model does not read {further}"),
            (false, false) => format!("the log lacks {missing}, and has {further} instead"),
        };
        let message =
            format!("the log was written by `{label}`, whose inputs are others: {differ}");
        let help = "train it from its examples (without `--from`), and log it again; or declare it as it was";
        wrong(self.model, message, help)
    }

    /// That vectors were read of another training, which lie in a space of their own.
    fn other_space(&self, label: &str, said: &Json) -> Option<TrainError> {
        let reads_vectors =
            self.model.inputs.vectors.iter().any(|(_, expr)| matches!(expr.ty, Type::Vector(_)));
        let spaces = |labels: &[String]| {
            let spaces = labels.iter().filter(|label| label.starts_with("embedding "));
            spaces.cloned().collect::<Vec<_>>().join(", ")
        };
        let (before, now) = (spaces(&strings(&said["upstream"])), spaces(self.upstream));
        if !reads_vectors || before == now {
            return None;
        }
        let message = format!(
            "`{label}` read vectors of {before}, and there is {now} now: vectors of two trainings mean different things"
        );
        let help = "log it again with the new version, or read a similarity: `cosine(viewer.e, e)`";
        Some(wrong(self.model, message, help))
    }

    fn candidates(&mut self, file: &Path) -> Result<(), TrainError> {
        let schema = self.engine.schema();
        let model = self.model;
        let wanted = |name: &str| {
            Some(match name {
                "request" | "stage_number" | "position" => Type::Int,
                "run" | "stage" | "list" | "entity" | "model" => Type::String,
                "key" => schema.any_key().ty(),
                name => {
                    let place = model.logged.iter().position(|own| own == name)?;
                    type_of(schema, model, place)
                }
            })
        };
        let table = read_columns(file, &wanted)?;
        has_columns(file, &table, &["request", "key"])?;
        self.results(&table);
        let prefix = format!("{}@", self.model.name);
        for row in 0..table.rows {
            let is_own = text(&table, "model", row).is_some_and(|label| label.starts_with(&prefix));
            // what was cut is no example, and may be many times as much
            if is_own
                && let Some(of) = self.of(&table, row)
                && self.is_shown.contains(&of)
            {
                self.given(file, &table, row, of)?;
            }
        }
        Ok(())
    }

    /// Notes the rows of answers.
    fn results(&mut self, table: &Columns) {
        for row in 0..table.rows {
            let is_result = text(table, "stage", row).as_deref() == Some(RESULT);
            let Some(Value::Int(position)) = table.value("position", row).filter(|_| is_result)
            else {
                continue;
            };
            let Some((request, list, key)) = self.of(table, row) else { continue };
            if self.is_shown.insert((request, list.clone(), key.clone())) {
                self.rows.push(Row { request, list, key, position: *position });
            }
        }
    }

    /// What a row of candidates is of: none if its request or its entity is left out.
    fn of(&self, table: &Columns, row: usize) -> Option<Of> {
        let entity = self.engine.schema().entity(self.model.entity);
        if text(table, "entity", row).is_some_and(|other| other != entity.name) {
            return None;
        }
        let Some(Value::Int(id)) = table.value("request", row) else { return None };
        let request = *self.known.get(&(text(table, "run", row), *id))?;
        let key = key(table.value("key", row), entity.key_type == KeyType::Int)?;
        Some((request, text(table, "list", row), key))
    }

    /// Notes what the model was given of a row, unless it was given something later.
    fn given(
        &mut self,
        file: &Path,
        table: &Columns,
        row: usize,
        of: Of,
    ) -> Result<(), TrainError> {
        let names: Vec<&str> = self.model.logged.iter().map(String::as_str).collect();
        has_columns(file, table, &names)?;
        let stage = match table.value("stage_number", row) {
            Some(Value::Int(stage)) => *stage,
            _ => 0,
        };
        if self.ranked.get(&of).is_some_and(|known| known.stage > stage) {
            return Ok(());
        }
        let inputs = names.iter().map(|name| table.value(name, row).cloned()).collect();
        self.ranked.insert(of, Given { stage, inputs });
        Ok(())
    }

    /// The rows of answers with what the model was given of them, in the order of time.
    fn shown(mut self, log: &Path) -> Result<Shown, TrainError> {
        let rows = std::mem::take(&mut self.rows);
        let mut found: Vec<(i64, usize, Row, u32)> = Vec::new();
        for row in rows {
            let place = self.engine.snapshot().row_of(self.model.entity, &row.key);
            let of = (row.request, row.list.clone(), row.key.clone());
            match place {
                None => self.leave_out(Why::RowGone),
                Some(_) if !self.ranked.contains_key(&of) => self.leave_out(Why::NotRanked),
                Some(place) => {
                    found.push((self.requests[row.request].now, row.request, row, place));
                }
            }
        }
        let order = |(now, request, row, _): &(i64, usize, Row, u32)| {
            (*now, *request, row.list.clone(), row.position)
        };
        found.sort_by_cached_key(order);
        let most = usize::try_from(self.model.examples.most).unwrap_or(usize::MAX);
        let older = found.len().saturating_sub(most);
        if older > 0 {
            self.left_out.insert(Why::Older, older as u64);
            found.drain(..older);
        }
        if found.is_empty() {
            let message = format!("{} shows no row that it scored", log.display());
            let help = self.notes().join("; ");
            let help = if help.is_empty() { "log requests that have an answer" } else { &help };
            return Err(wrong(self.model, message, help));
        }
        self.columns(found)
    }

    fn notes(&self) -> Vec<String> {
        self.left_out.iter().map(|(why, n)| why.sentence(*n)).collect()
    }

    fn columns(mut self, found: Vec<(i64, usize, Row, u32)>) -> Result<Shown, TrainError> {
        let mut shown = Shown {
            inputs: vec![Vec::new(); self.model.logged.len()],
            shown: vec![Vec::new(); self.model.inputs.shown.len()],
            notes: self.notes(),
            ..Shown::default()
        };
        for (now, request, row, place) in found {
            shown.viewers.push(self.requests[request].viewer);
            shown.rows.push(place);
            shown.times.push(now);
            for (input, column) in self.model.inputs.shown.iter().zip(&mut shown.shown) {
                column.push(self.told(&input.name, &input.expr.ty, &row)?);
            }
            let of = (row.request, row.list, row.key);
            let given = self.ranked.remove(&of).map(|given| given.inputs).unwrap_or_default();
            for (value, column) in given.into_iter().zip(&mut shown.inputs) {
                column.push(value);
            }
        }
        Ok(shown)
    }

    /// What a log says of a shown input: the position, the list of a page, or a parameter of the request.
    fn told(&self, name: &str, ty: &Type, row: &Row) -> Result<Option<Value>, TrainError> {
        let params = &self.requests[row.request].params;
        let value = match name {
            "position" => Some(Value::Int(row.position)),
            "list" => row.list.clone().map(Value::Str),
            name if params.get(name).is_some() => match &params[name] {
                Json::Bool(is) => Some(Value::Bool(*is)),
                Json::Number(n) => n.as_i64().map(Value::Int),
                Json::String(text) => Some(Value::Str(text.clone())),
                _ => None,
            },
            name => {
                let message = format!("a request of the log does not say what `{name}` was");
                let help = "a log knows `position`, `list` and the parameters that requests were made with";
                return Err(wrong(self.model, message, help));
            }
        };
        let fits = |value: &Value| {
            matches!(
                (value, ty),
                (Value::Int(_), Type::Int)
                    | (Value::Str(_), Type::String)
                    | (Value::Bool(_), Type::Bool)
            )
        };
        Ok(value.filter(fits))
    }
}

fn strings(json: &Json) -> Vec<String> {
    let items = json.as_array().into_iter().flatten();
    items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn text(table: &Columns, name: &str, row: usize) -> Option<String> {
    match table.value(name, row) {
        Some(Value::Str(text)) => Some(text.clone()),
        _ => None,
    }
}

/// A key, as an int if it has to be one: in catalogs whose keys are of two types all are texts.
fn key(value: Option<&Value>, is_int: bool) -> Option<Key> {
    match (value?, is_int) {
        (Value::Int(key), _) => Some(Key::Int(*key)),
        (Value::Str(text), true) => text.parse().ok().map(Key::Int),
        (Value::Str(text), _) => Some(Key::Str(text.clone())),
        _ => None,
    }
}
