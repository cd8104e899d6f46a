//! Examples that are the rows of a log: what a model was given of each is there, and nothing is evaluated.

use super::found::Found;
use super::parts::divided;
use super::table::Table;
use crate::batch::Column;
use crate::catalog::schema::Schema;
use crate::check::trained::{Dense, Ids, Inputs, Sparse, Trained};
use crate::engine::{Engine, Scene};
use crate::expr::run::Running;
use crate::expr::texts::Texts;
use crate::expr::value::Val;
use crate::expr::{Expr, Kind};
use crate::store::logs::type_of;
use crate::train::TrainError;
use crate::train::logs;
use crate::train::upstream;
use crate::types::{NULL_BOOL, NULL_CODE, NULL_INT, Type, Value};
use std::path::Path;
use std::sync::Arc;

impl<'e> Table<'e> {
    /// What a log shows of the rows that a model scored before a time, and what is left out of it.
    ///
    /// # Errors
    /// If the log is not of this model, or has too little for it.
    pub fn of_log(
        engine: &'e Engine,
        model: &Arc<Trained>,
        log: &Path,
        until: i64,
    ) -> Result<(Table<'e>, Vec<String>), TrainError> {
        let schema = engine.schema();
        let shown = logs::read(engine, model, log, &upstream::of_model(schema, model), until)?;
        let model = Arc::new(as_given(schema, model));
        let scene = Scene::new(engine.snapshot(), Arc::new(Running::off()));
        let texts = scene.texts();
        let types = model.inputs.exprs().map(|expr| &expr.ty);
        let given = shown.inputs.iter().zip(types);
        let given: Vec<Column> = given.map(|(values, ty)| column(values, ty, texts)).collect();
        let n = shown.times.len();
        // what the context was is in what the model was given
        let context = model.inputs.context.iter();
        let context = context.map(|context| Val::null(&context.ty).into_column(n));
        let told = shown.shown.iter().zip(&model.inputs.shown);
        let told = told.map(|(values, input)| column(values, &input.expr.ty, texts));
        let found = Found {
            columns: context.chain(told).collect(),
            viewers: shown.viewers,
            rows: shown.rows,
            times: shown.times,
            ..Found::default()
        };
        let division = divided(&model.parts, &found.times, &found.viewers);
        let table = Table::bare(scene, model, found, division, until);
        let mut table = Table { given: Some(given), ..table };
        table.labels = table.all_labels().map_err(|error| TrainError::Model(error.to_string()))?;
        Ok((table, shown.notes))
    }
}

/// A model whose inputs are of the types that a log has: there is nothing to evaluate.
fn as_given(schema: &Schema, model: &Trained) -> Trained {
    let given = |ty: Type| Expr::new(Kind::Bound(0), ty);
    let Inputs { dense, sparse, vectors, .. } = &model.inputs;
    let dense = dense.iter().map(|dense| Dense { expr: given(Type::Float), ..dense.clone() });
    let sparse = sparse.iter().map(|sparse| Sparse {
        name: sparse.name.clone(),
        ids: match &sparse.ids {
            Ids::Value(expr) => Ids::Value(given(type_of(schema, &expr.ty))),
            Ids::Hashed(_, n) => Ids::Hashed(given(Type::Int), *n),
        },
    });
    let vectors = vectors.iter().map(|(name, expr)| (name.clone(), given(expr.ty.clone())));
    let inputs = Inputs {
        dense: dense.collect(),
        sparse: sparse.collect(),
        vectors: vectors.collect(),
        ..model.inputs.clone()
    };
    Trained { inputs, ..model.clone() }
}

/// Values as a column; one of another type is null.
fn column(values: &[Option<Value>], ty: &Type, texts: &Texts) -> Column {
    macro_rules! numbers {
        ($case:pat => $value:expr, $null:expr) => {
            values
                .iter()
                .map(|value| match value {
                    Some($case) => $value,
                    _ => $null,
                })
                .collect()
        };
    }
    match ty {
        Type::Float => Column::F64(numbers!(Value::Float(x) => *x, f64::NAN)),
        Type::Bool => Column::Bool(numbers!(Value::Bool(is) => u8::from(*is), NULL_BOOL)),
        Type::String => Column::Code(numbers!(Value::Str(text) => texts.code(text), NULL_CODE)),
        Type::List(item) => lists(values, item, texts),
        Type::Vector(dim) => vectors(values, *dim),
        _ => Column::I64(numbers!(Value::Int(x) => *x, NULL_INT)),
    }
}

fn lists(values: &[Option<Value>], item: &Type, texts: &Texts) -> Column {
    let (mut slots, mut all) = (Vec::new(), Vec::new());
    for value in values {
        let Some(Value::List(items)) = value else {
            slots.push([NULL_CODE, 0]);
            continue;
        };
        slots.push([all.len() as u32, items.len() as u32]);
        all.extend(items.iter().map(|item| Some(item.clone())));
    }
    Column::List { slots, items: Arc::new(column(&all, item, texts)) }
}

fn vectors(values: &[Option<Value>], dim: u32) -> Column {
    let (mut slots, mut all) = (Vec::new(), Vec::new());
    for value in values {
        let slot = match value {
            Some(Value::List(numbers)) if numbers.len() == dim as usize => {
                all.extend(numbers.iter().map(|x| match x {
                    Value::Float(x) => *x as f32,
                    _ => f32::NAN,
                }));
                (all.len() / dim.max(1) as usize - 1) as u32
            }
            _ => NULL_CODE,
        };
        slots.push([slot, dim]);
    }
    Column::Vector { slots, items: Arc::new(all) }
}
