//! How many numbers a network multiplies for a row: from the shapes of its weights, and of what they are multiplied with, which a
//! run on zeros shows.

use super::{Onnx, zeros};
use rten::NodeId;
use rten_onnx::onnx::{DataType, GraphProto, NodeProto, TensorProto};
use rten_tensor::prelude::*;
use std::collections::BTreeMap;

/// Operators whose cost is in numbers that are multiplied, and which are not counted here: nothing is said of their networks.
const UNCOUNTED: [&str; 11] = [
    "Attention",
    "ConvTranspose",
    "DeformConv",
    "Einsum",
    "GRU",
    "If",
    "LSTM",
    "Loop",
    "QLinearConv",
    "RNN",
    "Scan",
];

/// The products of a network.
pub struct Products {
    /// None where some are of operators that are not counted.
    known: Option<Vec<Product>>,
    /// The shapes of its constants.
    constants: BTreeMap<String, Vec<usize>>,
    /// How many numbers were learned.
    parameters: u64,
}

/// A product of two tensors, which are known by their names.
struct Product {
    how: How,
    left: String,
    right: String,
    output: String,
}

#[derive(Clone, Copy)]
enum How {
    /// Of matrices, or stacks of them.
    MatMul,
    /// Of two matrices, of which the left one may be transposed.
    Gemm { transposed: bool },
    /// Of a window and weights, for each number of the output.
    Conv,
}

impl Products {
    pub fn of(graph: &GraphProto) -> Products {
        let is_uncounted = |node: &NodeProto| {
            let op = node.op_type.as_deref().unwrap_or_default();
            let is_standard = matches!(node.domain.as_deref(), None | Some("" | "ai.onnx"));
            !is_standard || UNCOUNTED.contains(&op)
        };
        let known = match graph.node.iter().any(is_uncounted) {
            true => None,
            false => Some(graph.node.iter().filter_map(product).collect()),
        };
        let constants = graph.initializer.iter().filter_map(|tensor| {
            let size = |&dim: &i64| usize::try_from(dim).ok();
            Some((tensor.name.clone()?, tensor.dims.iter().map(size).collect::<Option<_>>()?))
        });
        let constants: BTreeMap<String, Vec<usize>> = constants.collect();
        // ints of these sizes are places and shapes
        let is_learned = |tensor: &&TensorProto| {
            !matches!(tensor.data_type, Some(DataType::INT64 | DataType::INT32 | DataType::BOOL))
        };
        let learned = graph.initializer.iter().filter(is_learned);
        let learned = learned.filter_map(|tensor| constants.get(tensor.name.as_deref()?));
        let parameters = learned.map(|dims| size(dims)).fold(0, u64::saturating_add);
        Products { known, constants, parameters }
    }
}

fn product(node: &NodeProto) -> Option<Product> {
    let flag = |name: &str| {
        let mut all = node.attribute.iter();
        all.any(|own| own.name.as_deref() == Some(name) && own.i.is_some_and(|i| i != 0))
    };
    let how = match node.op_type.as_deref()? {
        "MatMul" | "MatMulInteger" => How::MatMul,
        "Gemm" => How::Gemm { transposed: flag("transA") },
        "Conv" | "ConvInteger" => How::Conv,
        _ => return None,
    };
    let [left, right, ..] = &node.input[..] else { return None };
    let output = node.output.first()?.clone();
    Some(Product { how, left: left.clone(), right: right.clone(), output })
}

/// What a row takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steps {
    /// So many numbers are multiplied.
    MultiplyAdds(u64),
    /// That is not known, but how many numbers were learned.
    Parameters(u64),
}

impl Onnx {
    /// What a row takes that has so many numbers in each input; none of a network that neither multiplies nor learned anything.
    pub fn steps(&self, widths: &[usize]) -> Option<Steps> {
        match (self.multiplied(widths), self.products.parameters) {
            (Some(all), _) if all > 0 => Some(Steps::MultiplyAdds(all)),
            (_, 0) => None,
            (_, parameters) => Some(Steps::Parameters(parameters)),
        }
    }

    fn multiplied(&self, widths: &[usize]) -> Option<u64> {
        let products = self.products.known.as_ref()?;
        let rows = self.batch.unwrap_or(1);
        let names = products.iter().flat_map(|product| match product.how {
            How::Conv => [&product.output, &product.right],
            _ => [&product.left, &product.right],
        });
        let mut shapes = self.products.constants.clone();
        let mut asked: Vec<(&str, NodeId)> = Vec::new();
        for name in names.map(String::as_str) {
            let is_new = !shapes.contains_key(name) && asked.iter().all(|(own, _)| *own != name);
            if is_new {
                asked.push((name, self.model.find_node(name)?));
            }
        }
        let nodes: Vec<NodeId> = asked.iter().map(|(_, node)| *node).collect();
        let given = zeros(&self.inputs, widths, rows);
        let values = self.values(&given, widths, rows, &nodes).ok()?;
        let found = asked.iter().zip(&values);
        shapes.extend(found.map(|((name, _), value)| ((*name).to_owned(), value.shape().to_vec())));
        let mut all = products.iter().map(|product| product.multiplied(&shapes));
        let sum = all.try_fold(0u64, |sum, own| Some(sum.saturating_add(own?)))?;
        Some(sum.div_ceil(rows as u64))
    }
}

impl Product {
    /// How many numbers are multiplied.
    fn multiplied(&self, shapes: &BTreeMap<String, Vec<usize>>) -> Option<u64> {
        let (left, right) = (shapes.get(&self.left), shapes.get(&self.right)?);
        match self.how {
            How::Conv => {
                let (channels, window) = right.split_first()?;
                let made = size(shapes.get(&self.output)?);
                (*channels > 0).then(|| made.saturating_mul(size(window)))
            }
            How::Gemm { transposed } => {
                let shared = *left?.get(usize::from(!transposed))? as u64;
                size(left?).saturating_mul(size(right)).checked_div(shared)
            }
            How::MatMul => {
                let (lines, left) = matrix(left?, true)?;
                let (columns, right) = matrix(right, false)?;
                let stack = stacked(left.stack, right.stack);
                Some(size(&[&stack[..], &[lines, columns, left.shared]].concat()))
            }
        }
    }
}

/// Numbers of a tensor. A file may say anything of shapes.
fn size(dims: &[usize]) -> u64 {
    dims.iter().fold(1, |size, &dim| size.saturating_mul(dim as u64))
}

/// A stack of matrices, of which one dimension is that over which is added up.
struct Stack<'s> {
    stack: &'s [usize],
    shared: usize,
}

/// The other dimension of matrices, which a vector has not, and the stack.
fn matrix(dims: &[usize], is_left: bool) -> Option<(usize, Stack<'_>)> {
    Some(match dims {
        [] => return None,
        [shared] => (1, Stack { stack: &[], shared: *shared }),
        [stack @ .., lines, shared] if is_left => (*lines, Stack { stack, shared: *shared }),
        [stack @ .., shared, columns] => (*columns, Stack { stack, shared: *shared }),
    })
}

/// The stack that two make: dimensions of 1 are those of the other one.
fn stacked(left: &[usize], right: &[usize]) -> Vec<usize> {
    let from_last = |dims: &[usize], place: usize| dims.iter().rev().nth(place).copied();
    let dim = |place| from_last(left, place).unwrap_or(1).max(from_last(right, place).unwrap_or(1));
    (0..left.len().max(right.len())).map(dim).collect()
}
