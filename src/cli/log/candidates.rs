//! The rows of `candidates.parquet`: what was shown, and what models did with candidates on the way there.

use super::RESULT;
use crate::answer::{Answer, Cells, Staged};
use crate::catalog::schema::{KeyType, Schema};
use crate::engine::{Program, Stage, nodes};
use crate::expr::NodeId;
use crate::store::logs::type_of;
use crate::types::{Key, Type, Value};
use crate::wire::{Encoded, Encoder, FlatColumn, Format};
use serde_json::json;
use std::collections::BTreeMap;
use std::io;

/// Rows that are encoded together.
const ROWS: usize = 8_192;

/// Makes rows of candidates.
pub struct Candidates {
    pub encoder: Encoder,
    /// Whether keys of what is found are ints: those of all entities are.
    int_keys: bool,
    /// The entity of each list of an answer.
    entities: Vec<String>,
    stages: Vec<Placed>,
    /// How many columns there are.
    width: usize,
    /// What the models are, as JSON.
    pub models: String,
}

/// A stage, and where the table has what it is about.
struct Placed {
    stage: Stage,
    entity: String,
    /// From 1, among those of its list.
    number: i64,
    /// The place of its operator among those that are logged.
    node: usize,
    /// By input, the column; none where another has that name and another type.
    inputs: Vec<Option<usize>>,
    /// By head.
    heads: Vec<Option<usize>>,
}

/// What the rows of a stage have in common.
struct Of<'a> {
    run: &'a str,
    request: i64,
    stage: &'a str,
    number: i64,
    list: &'a Value,
    entity: &'a str,
    model: Option<&'a str>,
}

/// What a row has whatever the models are.
struct Fixed<'a> {
    key: &'a Key,
    /// The position and the score with which it came to a stage.
    before: Option<(i64, f64)>,
    /// None: it was cut.
    position: Option<i64>,
    score: Option<f64>,
    propensity: Option<f64>,
}

impl Candidates {
    pub fn new(program: &Program) -> Candidates {
        let (schema, checked) = (program.schema(), program.checked());
        let int_keys = schema.any_key() == KeyType::Int;
        let name = |node: NodeId| schema.entity(checked.graph.shape(node).entity).name.clone();
        let stages = program.stages();
        let models = models(schema, &stages);
        let mut columns = fixed(int_keys);
        let stages = placed(schema, stages, &mut columns);
        Candidates {
            width: columns.len(),
            encoder: Encoder::of_table(Format::Parquet, columns),
            int_keys,
            entities: checked.results.iter().map(|(_, node)| name(*node)).collect(),
            stages,
            models,
        }
    }

    /// The rows of some answers, each with the id of its request.
    pub fn of(&self, run: &str, ids: &[i64], answers: &[Answer]) -> Vec<io::Result<Encoded>> {
        let (mut parts, mut rows) = (Vec::new(), Vec::new());
        let mut add = |row: Vec<Value>| {
            rows.push(row);
            if rows.len() == ROWS {
                parts.push(self.encoder.encode_rows(&rows));
                rows.clear();
            }
        };
        for (&request, answer) in ids.iter().zip(answers) {
            self.answer(run, request, answer, &mut add);
        }
        parts.push(self.encoder.encode_rows(&rows));
        parts
    }

    fn answer(&self, run: &str, request: i64, answer: &Answer, add: &mut dyn FnMut(Vec<Value>)) {
        for (place, (list, entity)) in answer.lists.iter().zip(&self.entities).enumerate() {
            let name = list.name.clone().map_or(Value::Null, Value::Str);
            let own = || self.stages.iter().filter(|placed| placed.stage.list == place);
            for placed in own() {
                let of = Of {
                    run,
                    request,
                    stage: &placed.stage.name,
                    number: placed.number,
                    list: &name,
                    entity: &placed.entity,
                    model: placed.stage.served.as_ref().map(|served| &*served.label),
                };
                let staged = answer.staged.iter().filter(|staged| staged.node == placed.node);
                for staged in staged {
                    (0..staged.keys.len()).for_each(|at| add(self.staged(&of, placed, staged, at)));
                }
            }
            let number = own().count() as i64 + 1;
            let of = Of { run, request, stage: RESULT, number, list: &name, entity, model: None };
            for (position, row) in (1..).zip(list.rows()) {
                let (key, before, position) = (row.key(), None, Some(position));
                let (score, propensity) = (row.score_or_null(), row.propensity());
                add(self.row(&of, &Fixed { key, before, position, score, propensity }));
            }
        }
    }

    /// A row in which no model says anything.
    fn row(&self, of: &Of, row: &Fixed) -> Vec<Value> {
        let text = |text: &str| Value::Str(text.to_owned());
        let int = |int: Option<i64>| int.map_or(Value::Null, Value::Int);
        let key = match self.int_keys {
            true => row.key.clone().plain(),
            false => Value::Str(row.key.to_string()),
        };
        let mut values = vec![
            text(of.run),
            Value::Int(of.request),
            text(of.stage),
            Value::Int(of.number),
            of.list.clone(),
            text(of.entity),
            of.model.map_or(Value::Null, text),
            key,
            int(row.before.map(|(position, _)| position)),
            float(row.before.map(|(_, score)| score)),
            int(row.position),
            float(row.score),
            Value::Bool(row.position.is_some()),
            float(row.propensity),
        ];
        values.resize(self.width, Value::Null);
        values
    }

    fn staged(&self, of: &Of, placed: &Placed, staged: &Staged, at: usize) -> Vec<Value> {
        let position = Some(i64::from(staged.positions[at])).filter(|&position| position != 0);
        let mut values = self.row(
            of,
            &Fixed {
                key: &staged.keys[at],
                before: Some((at as i64 + 1, staged.before[at])),
                position,
                score: Some(staged.scores[at]),
                propensity: None,
            },
        );
        let inputs = placed.inputs.iter().zip(&staged.inputs);
        for (column, cells) in inputs.chain(placed.heads.iter().zip(&staged.heads)) {
            if let Some(column) = *column {
                values[column] = cell(cells, at);
            }
        }
        values
    }
}

/// A number; NaN is null, too.
fn float(value: Option<f64>) -> Value {
    value.filter(|value| !value.is_nan()).map_or(Value::Null, Value::Float)
}

fn cell(cells: &Cells, at: usize) -> Value {
    match cells {
        Cells::Floats(floats) => float(Some(floats[at])),
        Cells::Values(values) => flat(&values[at]),
    }
}

/// Keys are ints or texts, vectors lists of floats.
fn flat(value: &Value) -> Value {
    match value {
        Value::Id(key) => key.clone().plain(),
        Value::List(items) => Value::List(items.iter().map(flat).collect()),
        Value::Vector(numbers) => {
            Value::List(numbers.iter().map(|&x| Value::Float(f64::from(x))).collect())
        }
        other => other.clone(),
    }
}

/// What is the same whatever the models are.
fn fixed(int_keys: bool) -> Vec<FlatColumn> {
    let key = if int_keys { Type::Int } else { Type::String };
    let columns = [
        ("run", Type::String),
        ("request", Type::Int),
        ("stage", Type::String),
        ("stage_number", Type::Int),
        ("list", Type::String),
        ("entity", Type::String),
        ("model", Type::String),
        ("key", key),
        ("position_in", Type::Int),
        ("score_in", Type::Float),
        ("position", Type::Int),
        ("score", Type::Float),
        ("kept", Type::Bool),
        ("propensity", Type::Float),
    ];
    let column = |(name, ty): (&str, Type)| FlatColumn { name: name.to_owned(), ty };
    columns.map(column).into()
}

/// Stages with the columns that they fill, which are added. What two models read alike is one column.
fn placed(schema: &Schema, stages: Vec<Stage>, columns: &mut Vec<FlatColumn>) -> Vec<Placed> {
    let logged = nodes(&stages);
    let mut placed: Vec<Placed> = Vec::new();
    for stage in stages {
        let mut place = |name: String, ty: &Type| {
            let ty = type_of(schema, ty);
            let known = columns.iter().position(|column| column.name == name);
            let place = known.unwrap_or(columns.len());
            if known.is_none() {
                columns.push(FlatColumn { name, ty: ty.clone() });
            }
            // heads of two models that are called alike may be of two types
            (columns[place].ty == ty).then_some(place)
        };
        let inputs = stage.inputs.iter().map(|(name, ty)| place(name.clone(), ty));
        let inputs = inputs.collect();
        let heads = stage.heads.iter().map(|(name, ty)| place(format!("head: {name}"), ty));
        placed.push(Placed {
            entity: schema.entity(stage.entity).name.clone(),
            number: placed.iter().filter(|other| other.stage.list == stage.list).count() as i64 + 1,
            node: logged.iter().position(|&node| node == stage.node).unwrap_or_default(),
            heads: heads.collect(),
            inputs,
            stage,
        });
    }
    placed
}

/// What the trained models are and what they read, for who trains from the log.
fn models(schema: &Schema, stages: &[Stage]) -> String {
    let served = stages.iter().filter_map(|stage| Some((stage, stage.served.as_ref()?)));
    let all: BTreeMap<String, serde_json::Value> = served
        .map(|(stage, served)| {
            let entity = &schema.entity(stage.entity).name;
            let said = json!({
                "features": served.feature_hash,
                "inputs": served.inputs,
                "upstream": served.upstream,
            });
            (format!("{entity}.{}", served.label), said)
        })
        .collect();
    json!(all).to_string()
}
