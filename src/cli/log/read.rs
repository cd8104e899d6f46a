//! Reading logs back: what was asked, and what was shown.

use super::{CANDIDATES, REQUESTS, RESULT, files};
use crate::catalog::schema::{Entity, KeyType, Schema};
use crate::cli::Failure;
use crate::diag::suggest;
use crate::engine::{Engine, Program};
use crate::replay::{self, Logged};
use crate::request::{Request, unknown_arm};
use crate::store::logs::has_columns;
use crate::store::{self, Columns, DataError};
use crate::types::{Key, Type, Value};
use crate::wire;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

/// What was shown of a log's requests.
pub struct Shown<'a> {
    pub entity: &'a Entity,
    /// Whether the keys of all entities are ints.
    pub int_keys: bool,
    /// The list that counts, of pages.
    pub list: Option<&'a str>,
    /// The column with the gain that a model expected of a row, if it is asked for, and the largest gain that there is.
    pub reward: Option<(&'a str, f64)>,
}

/// Whether a path is a log: a folder, or a table with the columns of one.
pub fn is_log(schema: &Schema, path: &Path) -> bool {
    if path.is_dir() {
        return true;
    }
    let names = store::column_names(path).unwrap_or_default();
    let has = |name: &str| names.iter().any(|own| own == name);
    let key = &schema.entity(schema.viewer).key;
    has("viewer") && (!has(key) || key == "viewer" && has("id"))
}

/// The requests of some logs, as a program reads them, and what is doubtful about them; what they do not say is as in
/// `base`, whose arms win.
pub fn read(
    engine: &Engine,
    program: &Program,
    paths: &[PathBuf],
    base: &Request,
) -> Result<(Vec<Logged>, Vec<String>), Failure> {
    let mut reading = Reading {
        engine,
        program,
        base,
        requests: Vec::new(),
        known: HashSet::new(),
        twice: 0,
        others: BTreeMap::new(),
        foreign_arms: BTreeMap::new(),
    };
    for path in paths {
        for file in files(path, REQUESTS)? {
            reading.file(&file)?;
        }
    }
    Ok(reading.done())
}

/// The files with the requests of a log.
pub fn parts(log: &Path) -> Result<Vec<PathBuf>, Failure> {
    Ok(files(log, REQUESTS)?)
}

/// Logs that are being read.
struct Reading<'a> {
    engine: &'a Engine,
    program: &'a Program,
    base: &'a Request,
    requests: Vec<Logged>,
    known: HashSet<i64>,
    /// Requests that the logs have more than once.
    twice: usize,
    /// How many requests other snapshots answered, by the snapshot.
    others: BTreeMap<String, usize>,
    /// How many requests were in experiments that the program does not have.
    foreign_arms: BTreeMap<String, usize>,
}

impl Reading<'_> {
    fn file(&mut self, file: &Path) -> Result<(), Failure> {
        let schema = self.engine.schema();
        let wanted = |name: &str| {
            Some(match name {
                "viewer" => schema.entity(schema.viewer).key_type.ty(),
                "now" => Type::Time,
                "id" | "seed" => Type::Int,
                "arm_propensity" => Type::Float,
                "run" | "catalog" | "snapshot" | "params" | "arms" | "forced" => Type::String,
                _ => return None,
            })
        };
        let table = store::read_columns(file, &wanted)?;
        has_columns(file, &table, &["viewer", "now"])?;
        for row in 0..table.rows {
            self.row(file, &table, row)?;
        }
        Ok(())
    }

    fn row(&mut self, file: &Path, table: &Columns, row: usize) -> Result<(), Failure> {
        let wrong = |column: &str, message: String| {
            let message = format!("row {}: {message}", row + 1);
            Failure::from(DataError::new(file, message).column(column))
        };
        let text = |name: &str| match table.value(name, row) {
            Some(Value::Str(text)) => Some(text.as_str()),
            _ => None,
        };
        let int = |name: &str| match table.value(name, row) {
            Some(Value::Int(value)) => Some(*value),
            _ => None,
        };
        let own = &self.engine.schema().name;
        if let Some(catalog) = text("catalog").filter(|catalog| catalog != own) {
            let message =
                format!("the request was made of the catalog `{catalog}`, this is `{own}`");
            return Err(wrong("catalog", message));
        }
        let id = int("id");
        if id.is_some_and(|id| !self.known.insert(id)) {
            self.twice += 1;
            return Ok(());
        }
        let time = match table.value("now", row) {
            Some(Value::Time(time)) => *time,
            _ => return Err(wrong("now", "the time is null".to_owned())),
        };
        let user = match table.value("viewer", row) {
            Some(Value::Int(key)) => Some(Key::Int(*key)),
            Some(Value::Str(key)) => Some(Key::Str(key.clone())),
            _ => None,
        };
        let snapshot = text("snapshot").filter(|id| *id != self.engine.snapshot().id());
        if let Some(snapshot) = snapshot {
            *self.others.entry(snapshot.to_owned()).or_default() += 1;
        }
        let (mut params, seed) = (self.base.params.clone(), int("seed").unwrap_or(self.base.seed));
        params.extend(self.params(text("params")).map_err(|e| wrong("params", e))?);
        let exposed = arms(text("arms")).map_err(|e| wrong("arms", e))?;
        let forced = arms(text("forced")).map_err(|e| wrong("forced", e))?;
        let mut put_in = exposed.clone();
        put_in.extend(forced);
        self.note_foreign(&put_in).map_err(|e| wrong("arms", e))?;
        put_in.extend(self.base.arms.iter().cloned());
        let arm_propensity = match table.value("arm_propensity", row) {
            Some(Value::Float(p)) if (0.0..=1.0).contains(p) => *p,
            Some(Value::Float(p)) => {
                let message = format!("a probability is between 0 and 1, found {p}");
                return Err(wrong("arm_propensity", message));
            }
            _ => 1.0,
        };
        let request = Request { user, at: Some(time), params, arms: put_in, seed };
        self.requests.push(Logged {
            arms: exposed,
            arm_propensity,
            run: text("run").map(str::to_owned),
            id,
            ..Logged::new(request)
        });
        Ok(())
    }

    fn params(&self, json: Option<&str>) -> Result<Vec<(String, Value)>, String> {
        let Some(json) = json.filter(|json| !json.trim().is_empty() && *json != "{}") else {
            return Ok(Vec::new());
        };
        let request = wire::request_from_json(self.program, &format!("{{\"params\":{json}}}"));
        Ok(request.map_err(|error| error.to_string())?.params)
    }

    /// Notes arms of experiments that the program does not have; an arm that an experiment does not have is an error.
    fn note_foreign(&mut self, arms: &[(String, String)]) -> Result<(), String> {
        let declared = &self.program.checked().experiments;
        for (name, arm) in arms {
            if !declared.iter().any(|experiment| experiment.name == *name) {
                *self.foreign_arms.entry(name.clone()).or_default() += 1;
            } else if let Some(message) = unknown_arm(declared, name, arm) {
                return Err(message);
            }
        }
        Ok(())
    }

    fn done(self) -> (Vec<Logged>, Vec<String>) {
        let mut warnings = Vec::new();
        if self.twice > 0 {
            let n = self.twice;
            warnings.push(format!("{n} requests stand in the log again: they count once"));
        }
        let others: usize = self.others.values().sum();
        if let Some(first) = self.others.keys().next() {
            warnings.push(format!(
                "{others} of {} requests were answered from other data than there is now (snapshot {first}): columns are those of today",
                self.requests.len()
            ));
        }
        for (name, n) in &self.foreign_arms {
            warnings.push(format!(
                "{n} requests were in an arm of the experiment `{name}`, which the program does not have: they are run without it"
            ));
        }
        (self.requests, warnings)
    }
}

/// Experiments and their arms from a JSON object.
fn arms(json: Option<&str>) -> Result<Vec<(String, String)>, String> {
    let Some(json) = json.filter(|json| !json.trim().is_empty()) else { return Ok(Vec::new()) };
    let arms: BTreeMap<String, String> = serde_json::from_str(json)
        .map_err(|e| format!("expected a JSON object with an arm per experiment: {e}"))?;
    Ok(arms.into_iter().collect())
}

/// The columns of candidates that are no number a model gave.
const OWN: [&str; 12] = [
    "run",
    "request",
    "stage",
    "stage_number",
    "list",
    "entity",
    "key",
    "position_in",
    "position",
    "kept",
    "model",
    "propensity",
];

/// Adds to the requests of logs what was shown.
pub fn shown(requests: &mut [Logged], paths: &[PathBuf], of: &Shown) -> Result<(), Failure> {
    if let Some((name, _)) = of.reward.filter(|(name, _)| OWN.contains(name)) {
        let message = format!("--reward {name}: this column of a log is no expected gain");
        return Err(Failure::Usage(message));
    }
    let ids = requests.iter().enumerate();
    let places: HashMap<i64, usize> =
        ids.filter_map(|(place, logged)| Some((logged.id?, place))).collect();
    if places.is_empty() {
        let message = "has no column `id`, by which what was shown is found";
        return Err(DataError::new(&paths[0], message).into());
    }
    // a request that a run was asked twice stands there twice
    let mut filled = HashSet::new();
    let mut all = Vec::new();
    for path in paths {
        let beside = candidates(path)?;
        for file in files(&beside, CANDIDATES)? {
            read_shown(&file, &places, &mut filled, of, requests)?;
            all.push(file);
        }
    }
    match of.reward {
        Some((name, _)) if requests.iter().all(|logged| logged.rewards.is_empty()) => {
            Err(no_reward(name, &all).into())
        }
        _ => Ok(()),
    }
}

/// Why no row has an expected gain.
fn no_reward(name: &str, files: &[PathBuf]) -> DataError {
    let names = |file: &PathBuf| store::column_names(file).unwrap_or_default();
    let head = format!("head: {name}");
    let has = |file: &&PathBuf| names(file).iter().any(|own| *own == name || *own == head);
    if let Some(file) = files.iter().find(has) {
        let message = "no row of what was looked at for the requests has a value";
        return DataError::new(file, message).column(name);
    }
    let known = files.last().map(names).unwrap_or_default();
    let help = match suggest::nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("its columns are `{}`", known.join("`, `")),
    };
    let file = files.last().map_or(Path::new(CANDIDATES), PathBuf::as_path);
    DataError::new(file, format!("has no column `{name}`, the expected gain of a row")).help(help)
}

/// Where the candidates of a log are: in its folder, or beside its table of requests.
fn candidates(path: &Path) -> Result<PathBuf, Failure> {
    if path.join(CANDIDATES).exists() {
        return Ok(path.join(CANDIDATES));
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let beside = name.and_then(|name| {
        let ending = name.strip_prefix("requests")?;
        Some(path.with_file_name(format!("candidates{ending}")))
    });
    match beside.filter(|beside| beside.exists()) {
        Some(beside) => Ok(beside),
        None => {
            let message = "there is no table of what was shown beside it";
            let help = "`requests.csv` has `candidates.csv` in the same folder, a log of `igql run --log DIR` both";
            Err(DataError::new(path, message).help(help).into())
        }
    }
}

/// The column of the expected gain: that of a head may be called by the head's name.
fn reward_column(file: &Path, of: &Shown) -> Result<Option<(String, f64)>, DataError> {
    let Some((name, gain)) = of.reward else { return Ok(None) };
    let (names, head) = (store::column_names(file)?, format!("head: {name}"));
    let is_head = names.contains(&head) && !names.iter().any(|own| own == name);
    Ok(Some((if is_head { head } else { name.to_owned() }, gain)))
}

fn read_shown(
    file: &Path,
    places: &HashMap<i64, usize>,
    filled: &mut HashSet<(usize, usize)>,
    of: &Shown,
    requests: &mut [Logged],
) -> Result<(), Failure> {
    let reward = reward_column(file, of)?;
    let of = &Shown { reward: reward.as_ref().map(|(name, gain)| (&**name, *gain)), ..*of };
    let wanted = |name: &str| {
        Some(match name {
            "request" | "position" => Type::Int,
            // what is of other entities may have other keys
            "key" if of.int_keys => Type::Int,
            "key" => Type::String,
            "propensity" => Type::Float,
            "run" | "stage" | "list" | "entity" => Type::String,
            _ if of.reward.is_some_and(|(reward, _)| reward == name) => Type::Float,
            _ => return None,
        })
    };
    let table = store::read_columns(file, &wanted)?;
    has_columns(file, &table, &["request", "key", "position", "propensity"])?;
    for row in 0..table.rows {
        let candidate = Candidate { file, table: &table, row, of };
        let Some(place) = candidate.request(places, requests) else { continue };
        let key = candidate.key()?;
        candidate.note_reward(&key, &mut requests[place])?;
        if !candidate.is("stage", RESULT) {
            continue;
        }
        let (position, propensity) = (candidate.position()?, candidate.propensity()?);
        if filled.insert((place, position)) {
            requests[place].shown.push(replay::Shown { position, key, propensity });
        }
    }
    Ok(())
}

/// A row of the candidates of a log.
struct Candidate<'a> {
    file: &'a Path,
    table: &'a Columns,
    row: usize,
    of: &'a Shown<'a>,
}

impl Candidate<'_> {
    fn value(&self, name: &str) -> Option<&Value> {
        self.table.value(name, self.row)
    }

    /// Whether a column has that text, or none.
    fn is(&self, name: &str, wanted: &str) -> bool {
        match self.value(name) {
            Some(Value::Str(text)) => text == wanted,
            _ => true,
        }
    }

    fn wrong(&self, column: &str, message: &str) -> Failure {
        let message = format!("row {}: {message}", self.row + 1);
        Failure::from(DataError::new(self.file, message).column(column))
    }

    /// The place of the request that it is of; none where it does not count, or that request is left out.
    fn request(&self, places: &HashMap<i64, usize>, requests: &[Logged]) -> Option<usize> {
        let counts = (self.of.reward.is_some() || self.is("stage", RESULT))
            && self.is("entity", &self.of.entity.name)
            && self.of.list.is_none_or(|list| self.is("list", list));
        let Some(Value::Int(request)) = self.value("request").filter(|_| counts) else {
            return None;
        };
        let place = *places.get(request)?;
        let run = requests[place].run.as_deref();
        run.is_none_or(|run| self.is("run", run)).then_some(place)
    }

    fn key(&self) -> Result<Key, Failure> {
        match self.value("key") {
            Some(Value::Int(key)) => Ok(Key::Int(*key)),
            Some(Value::Str(key)) if self.of.entity.key_type == KeyType::Int => {
                let wrong = |_| self.wrong("key", &format!("expected an int, found `{key}`"));
                key.parse().map(Key::Int).map_err(wrong)
            }
            Some(Value::Str(key)) => Ok(Key::Str(key.clone())),
            _ => Err(self.wrong("key", "the key is null")),
        }
    }

    /// Notes the gain that was expected of it: what the answer says counts, of other stages the first.
    fn note_reward(&self, key: &Key, request: &mut Logged) -> Result<(), Failure> {
        let Some((name, largest)) = self.of.reward else { return Ok(()) };
        let Some(Value::Float(reward)) = self.value(name) else { return Ok(()) };
        if !(0.0..=largest).contains(reward) {
            let message = format!(
                "an expected gain is between 0 and {largest}, the largest gain, found {reward}"
            );
            return Err(self.wrong(name, &message));
        }
        let known = request.rewards.entry(key.clone());
        match self.is("stage", RESULT) {
            true => *known.or_default() = *reward,
            false => _ = known.or_insert(*reward),
        }
        Ok(())
    }

    fn position(&self) -> Result<usize, Failure> {
        match self.value("position") {
            Some(Value::Int(position)) if *position >= 1 => Ok(*position as usize),
            found => {
                let found = found.map_or("null".to_owned(), wire::values::text);
                let message = format!("positions start at 1, found {found}");
                Err(self.wrong("position", &message))
            }
        }
    }

    fn propensity(&self) -> Result<Option<f64>, Failure> {
        match self.value("propensity") {
            Some(Value::Float(p)) if (0.0..=1.0).contains(p) => Ok(Some(*p)),
            Some(Value::Float(p)) => {
                let message = format!("a probability is between 0 and 1, found {p}");
                Err(self.wrong("propensity", &message))
            }
            _ => Ok(None),
        }
    }
}
