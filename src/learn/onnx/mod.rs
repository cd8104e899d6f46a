//! Networks that other programs have trained, in files of ONNX. What they compute is left to [`rten`]; here is what a file says
//! of itself, checked before anything is computed.

mod described;
mod effort;
#[cfg(test)]
mod tests;

use crate::extend;
use described::Described;
pub use described::{Input, Kind, Output};
use effort::Products;
pub use effort::Steps;
use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool, Value, ValueOrView, ValueView};
use rten_tensor::prelude::*;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// A network from a file.
pub struct Onnx {
    model: Model,
    /// What it reads.
    pub inputs: Vec<Input>,
    /// What it gives.
    pub outputs: Vec<Output>,
    /// Rows that it takes at a time, if only so many.
    pub batch: Option<usize>,
    /// The nodes of inputs, and of outputs.
    nodes: [Vec<NodeId>; 2],
    products: Products,
    pool: OnceLock<Arc<ThreadPool>>,
    /// What was found out of outputs, by the widths of inputs: programs are checked again and again.
    known: Mutex<HashMap<Vec<usize>, Arc<Widths>>>,
}

/// Of each output how many numbers a row has, or why it cannot be read.
pub type Widths = [Result<usize, Wrong>];

/// Why a file is no network that can be used, or a network cannot be run.
#[derive(Clone, Debug, PartialEq)]
pub struct Wrong {
    /// What is wrong, as the end of a sentence.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Wrong {
    fn new(message: impl Into<String>) -> Wrong {
        Wrong { message: message.into(), help: None }
    }

    fn help(self, help: impl Into<String>) -> Wrong {
        Wrong { help: Some(help.into()), ..self }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The numbers of one input for some rows, row after row.
#[derive(Clone, Debug)]
pub enum Given {
    /// Of an input of floats.
    Floats(Vec<f32>),
    /// Of an input of ints.
    Ints(Vec<i32>),
}

impl Given {
    fn len(&self) -> usize {
        match self {
            Given::Floats(numbers) => numbers.len(),
            Given::Ints(numbers) => numbers.len(),
        }
    }

    /// The same with zeros for more rows.
    fn padded(&self, len: usize) -> Given {
        let mut padded = self.clone();
        match &mut padded {
            Given::Floats(numbers) => numbers.resize(len, 0.0),
            Given::Ints(numbers) => numbers.resize(len, 0),
        }
        padded
    }

    fn view(&self, shape: &[usize]) -> Result<ValueView<'_>, Wrong> {
        match self {
            Given::Floats(numbers) => ValueView::from_shape(shape, &numbers[..]).map_err(told),
            Given::Ints(numbers) => ValueView::from_shape(shape, &numbers[..]).map_err(told),
        }
    }
}

/// What an output holds for some rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// Numbers of a row.
    pub width: usize,
    /// Row after row.
    pub numbers: Vec<f64>,
}

impl Onnx {
    /// Reads a file.
    ///
    /// # Errors
    /// If it is none, is cut short, or needs what is not known here.
    pub fn read(bytes: &[u8]) -> Result<Onnx, Wrong> {
        let Described { inputs, outputs, batch, products } = guarded(|| Described::read(bytes))?;
        let mut options = ModelOptions::with_all_ops();
        options.prepack_weights(true);
        let model = guarded(|| options.load(bytes.to_vec()).map_err(|e| unloaded(&e)))?;
        let node = |name: &str| {
            model.find_node(name).ok_or_else(|| Wrong::new(format!("it has no tensor `{name}`")))
        };
        let of_inputs = inputs.iter().map(|input| node(&input.name));
        let of_outputs = outputs.iter().map(|output| node(&output.name));
        let nodes = [of_inputs.collect::<Result<_, _>>()?, of_outputs.collect::<Result<_, _>>()?];
        Ok(Onnx {
            model,
            inputs,
            outputs,
            batch,
            nodes,
            products,
            pool: OnceLock::new(),
            known: Mutex::default(),
        })
    }

    /// Runs it on rows; `widths` are the numbers that a row has in each input. Gives the outputs at some places.
    ///
    /// # Errors
    /// If the network does not take such rows, or gives something else than numbers of rows.
    pub fn run(
        &self,
        given: &[Given],
        widths: &[usize],
        rows: usize,
        wanted: &[usize],
    ) -> Result<Vec<Held>, Wrong> {
        let nodes: Vec<NodeId> = wanted.iter().map(|&place| self.nodes[1][place]).collect();
        let found = self.values(given, widths, rows, &nodes)?;
        let (taken, held) = (self.batch.unwrap_or(rows), wanted.iter().zip(&found));
        held.map(|(&place, value)| held_by(&self.outputs[place], value, taken, rows)).collect()
    }

    /// The same of several batches, each with its number of rows, without leaving the threads of networks in between.
    ///
    /// # Errors
    /// As above.
    pub fn run_all(
        &self,
        batches: &[(Vec<Given>, usize)],
        widths: &[usize],
        wanted: &[usize],
    ) -> Result<Vec<Vec<Held>>, Wrong> {
        let run = |(given, rows): &(Vec<Given>, usize)| self.run(given, widths, *rows, wanted);
        self.pool().run(|| batches.iter().map(run).collect())
    }

    /// The threads that it is run on: as many as there were when it was run first.
    fn pool(&self) -> &Arc<ThreadPool> {
        let threads = || Arc::new(ThreadPool::with_num_threads(rayon::current_num_threads()));
        self.pool.get_or_init(threads)
    }

    /// What some of its nodes hold for rows.
    fn values(
        &self,
        given: &[Given],
        widths: &[usize],
        rows: usize,
        nodes: &[NodeId],
    ) -> Result<Vec<Value>, Wrong> {
        let taken = self.batch.unwrap_or(rows);
        let padded = |(given, &width): (&Given, &usize)| given.padded(taken * width);
        let padded: Vec<Given> = match taken == rows {
            true => Vec::new(),
            false => given.iter().zip(widths).map(padded).collect(),
        };
        let given = if padded.is_empty() { given } else { &padded };
        let mut values = Vec::new();
        for (((given, &width), input), &node) in
            given.iter().zip(widths).zip(&self.inputs).zip(&self.nodes[0])
        {
            debug_assert_eq!(given.len(), taken * width, "{}", input.name);
            let shape = if input.is_flat { vec![taken] } else { vec![taken, width] };
            values.push((node, ValueOrView::View(given.view(&shape)?)));
        }
        let mut options = RunOptions::default();
        options.thread_pool = Some(self.pool().clone());
        guarded(|| self.model.run(values, nodes, Some(options)).map_err(told))
    }

    /// How many numbers a row has in each output, where a row has so many in each input: found out by running it on zeros.
    pub fn outputs_of(&self, widths: &[usize]) -> Arc<Widths> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known().get(widths) {
            return found.clone();
        }
        let found: Arc<Widths> = self.found_out(widths).into();
        known().insert(widths.to_vec(), found.clone());
        found
    }

    fn found_out(&self, widths: &[usize]) -> Vec<Result<usize, Wrong>> {
        let rows = self.batch.unwrap_or(2);
        let given = zeros(&self.inputs, widths, rows);
        // one by one, so that what is wrong with one is no error of others
        let each = |(place, output): (usize, &Output)| match &output.wrong {
            Some(wrong) => Err(Wrong::new(wrong.clone())),
            None => Ok(self.run(&given, widths, rows, &[place])?.swap_remove(0).width),
        };
        self.outputs.iter().enumerate().map(each).collect()
    }
}

/// Rows of zeros.
fn zeros(inputs: &[Input], widths: &[usize], rows: usize) -> Vec<Given> {
    let of = |(input, width): (&Input, &usize)| match input.kind {
        Kind::Float => Given::Floats(vec![0.0; rows * width]),
        Kind::Int => Given::Ints(vec![0; rows * width]),
    };
    inputs.iter().zip(widths).map(of).collect()
}

/// The numbers of an output, without those of rows that were added.
fn held_by(output: &Output, value: &Value, taken: usize, rows: usize) -> Result<Held, Wrong> {
    let (shape, mut numbers): (Vec<usize>, Vec<f64>) = match value {
        Value::FloatTensor(t) => (t.shape().to_vec(), t.iter().map(|&x| f64::from(x)).collect()),
        Value::Int32Tensor(t) => (t.shape().to_vec(), t.iter().map(|&x| f64::from(x)).collect()),
        Value::Int8Tensor(t) => (t.shape().to_vec(), t.iter().map(|&x| f64::from(x)).collect()),
        Value::UInt8Tensor(t) => (t.shape().to_vec(), t.iter().map(|&x| f64::from(x)).collect()),
        _ => return Err(Wrong::new(format!("`{}` is no numbers", output.name))),
    };
    let width = match shape[..] {
        [n] if n == taken => 1,
        [n, width] if n == taken => width,
        _ => {
            let message = format!("`{}` has the shape {shape:?} for {taken} rows", output.name);
            let help = "an output has one number for each row, or a line of numbers";
            return Err(Wrong::new(message).help(help));
        }
    };
    numbers.truncate(rows * width);
    Ok(Held { width, numbers })
}

fn told(error: impl fmt::Display) -> Wrong {
    Wrong::new(error.to_string())
}

fn unloaded(error: &rten::LoadError) -> Wrong {
    Wrong::new(error.to_string())
        .help("what it needs is not known here: export it with other operators, or an older opset")
}

/// What the crate that reads and runs files panics about is an error of the file.
fn guarded<R>(run: impl FnOnce() -> Result<R, Wrong>) -> Result<R, Wrong> {
    let ran = extend::guarded(|| Ok(run()));
    ran.unwrap_or_else(|failure| Err(Wrong::new(format!("it cannot be read: {failure}"))))
}
