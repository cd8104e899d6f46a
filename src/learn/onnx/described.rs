//! What a file of ONNX says of itself: what its network reads and gives, and what it needs.

use super::Wrong;
use super::effort::Products;
use rten_onnx::onnx::{DataLocation, DataType, GraphProto, ModelProto, ValueInfoProto};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// Versions of the set of operators that are read.
const OPSETS: RangeInclusive<i64> = 9..=24;

/// What an input of a network is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Floats of 32 bits.
    Float,
    /// Ints of 32 or 64 bits, of which those of 32 bits can be given.
    Int,
}

/// An input of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// The name of its tensor.
    pub name: String,
    /// What it is made of.
    pub kind: Kind,
    /// How many numbers a row has, if the file says so.
    pub width: Option<usize>,
    /// Whether it has one number for each row, and no second dimension.
    pub is_flat: bool,
}

/// An output of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// The name of its tensor.
    pub name: String,
    /// Why it cannot be read, if it cannot.
    pub wrong: Option<String>,
}

/// A file.
pub struct Described {
    pub inputs: Vec<Input>,
    pub outputs: Vec<Output>,
    /// Rows at a time, if only so many.
    pub batch: Option<usize>,
    pub products: Products,
}

impl Described {
    pub fn read(bytes: &[u8]) -> Result<Described, Wrong> {
        let no_model = || {
            Wrong::new("it is no ONNX file, or it is cut short")
                .help("write it again: `torch.onnx.export(model, args, \"model.onnx\")`")
        };
        let model = ModelProto::parse_buf(bytes).map_err(|_| no_model())?;
        let graph = model.graph.as_ref().filter(|graph| !graph.output.is_empty());
        let graph = graph.ok_or_else(no_model)?;
        operators(&model, graph)?;
        whole(graph)?;
        let constants: BTreeSet<&str> =
            graph.initializer.iter().filter_map(|tensor| tensor.name.as_deref()).collect();
        let is_given = |info: &&ValueInfoProto| !constants.contains(name(info));
        let mut batch = None;
        let inputs = graph.input.iter().filter(is_given);
        let inputs = inputs.map(|info| input(info, &mut batch)).collect::<Result<_, _>>()?;
        let outputs = graph
            .output
            .iter()
            .map(|info| Output { name: name(info).to_owned(), wrong: output_wrong(info) });
        let products = Products::of(graph);
        Ok(Described { inputs, outputs: outputs.collect(), batch, products })
    }
}

fn name(info: &ValueInfoProto) -> &str {
    info.name.as_deref().unwrap_or_default()
}

/// Refuses sets of operators that are not known.
fn operators(model: &ModelProto, graph: &GraphProto) -> Result<(), Wrong> {
    for import in &model.opset_import {
        let is_standard = matches!(import.domain.as_deref(), None | Some("" | "ai.onnx"));
        let version = import.version.unwrap_or_default();
        if is_standard && !OPSETS.contains(&version) {
            let (first, last) = (OPSETS.start(), OPSETS.end());
            let message = format!("it uses opset {version}, and {first} to {last} are read");
            return Err(Wrong::new(message).help("export it with `opset_version=17`"));
        }
    }
    let of_ml = graph.node.iter().find(|node| {
        node.domain.as_deref() == Some("ai.onnx.ml")
            && node.op_type.as_deref().is_some_and(|op| op.starts_with("TreeEnsemble"))
    });
    match of_ml {
        None => Ok(()),
        Some(node) => {
            let op = node.op_type.as_deref().unwrap_or_default();
            let message = format!("it has trees (`{op}`), which are not read from ONNX");
            let help = "save the model as LightGBM or XGBoost has it, and declare `lightgbm(...)` or `xgboost(...)`";
            Err(Wrong::new(message).help(help))
        }
    }
}

/// Refuses weights that are in other files.
fn whole(graph: &GraphProto) -> Result<(), Wrong> {
    let outside =
        graph.initializer.iter().find(|t| t.data_location == Some(DataLocation::EXTERNAL));
    match outside.map(|tensor| tensor.name.as_deref().unwrap_or_default()) {
        None => Ok(()),
        Some(name) => {
            let message = format!("its weights are in another file (`{name}`)");
            let help =
                "write one file: `onnx.save(model, \"model.onnx\", save_as_external_data=False)`";
            Err(Wrong::new(message).help(help))
        }
    }
}

fn input(info: &ValueInfoProto, batch: &mut Option<usize>) -> Result<Input, Wrong> {
    let name = name(info).to_owned();
    let tensor = info.r#type.as_ref().and_then(|ty| ty.tensor_type.as_ref());
    let tensor = tensor.ok_or_else(|| Wrong::new(format!("input `{name}` is no tensor")))?;
    let kind = match tensor.elem_type {
        Some(DataType::FLOAT) => Kind::Float,
        Some(DataType::INT64 | DataType::INT32) => Kind::Int,
        other => {
            let found = other.as_ref().and_then(DataType::name).unwrap_or("something else");
            let message = format!("input `{name}` is of {found}, and features are FLOAT or INT64");
            return Err(Wrong::new(message).help("cast it within the model, and export it again"));
        }
    };
    let dims = tensor.shape.as_ref().map(|shape| shape.dim.as_slice()).unwrap_or_default();
    let size = |value: Option<i64>| value.filter(|&size| size > 0).map(|size| size as usize);
    if let Some(rows) = dims.first().and_then(|dim| size(dim.dim_value)) {
        if batch.is_some_and(|batch| batch != rows) {
            return Err(Wrong::new(format!("input `{name}` is for another number of rows")));
        }
        *batch = Some(rows);
    }
    match dims {
        [] => Ok(Input { name, kind, width: None, is_flat: false }),
        [_] => Ok(Input { name, kind, width: Some(1), is_flat: true }),
        [_, width] => Ok(Input { name, kind, width: size(width.dim_value), is_flat: false }),
        more => {
            let message = format!("input `{name}` has {} dimensions", more.len());
            let help = "a row gives a line of numbers: reshape it within the model";
            Err(Wrong::new(message).help(help))
        }
    }
}

/// Why an output is no numbers of rows.
fn output_wrong(info: &ValueInfoProto) -> Option<String> {
    let name = name(info);
    let tensor = info.r#type.as_ref().and_then(|ty| ty.tensor_type.as_ref());
    let Some(tensor) = tensor else {
        return Some(format!(
            "`{name}` is no tensor, as scikit-learn's maps (`zipmap=False` leaves them out)"
        ));
    };
    match tensor.elem_type {
        Some(DataType::STRING) => Some(format!("`{name}` is of strings")),
        _ => None,
    }
}
