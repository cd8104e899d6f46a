//! The columns of rows that come from several sets of one entity: those of all, null where a set
//! lacks one.

use crate::batch::{Column, Held, RowBatch};
use crate::expr::value::Val;
use crate::ops::{Exec, RunError, Shape, Used};
use crate::types::Type;

/// Where each of several sets has the columns of the joined shape.
#[derive(Clone, Debug, Default, Hash)]
pub struct Join {
    /// By input and column of the result.
    places: Vec<Vec<Option<usize>>>,
    types: Vec<Type>,
    /// Of each input, how many columns it has.
    columns: Vec<usize>,
}

impl Join {
    /// `joined` is [`Shape::joined`] of the inputs.
    pub fn new(joined: &Shape, inputs: &[&Shape]) -> Join {
        let columns = &joined.columns;
        let place = |shape: &&Shape| columns.iter().map(|c| shape.find(&c.name)).collect();
        Join {
            places: inputs.iter().map(place).collect(),
            columns: inputs.iter().map(|shape| shape.columns.len()).collect(),
            types: columns.iter().map(|c| c.ty.clone()).collect(),
        }
    }

    /// Whether the rows of an input have the joined columns, and no others.
    pub fn keeps(&self, input: usize) -> bool {
        let places = self.places[input].iter().enumerate();
        self.columns[input] == self.types.len()
            && places.into_iter().all(|(own, place)| *place == Some(own))
    }

    /// What is used of an input, given what is used of the rows put together.
    pub fn uses(&self, input: usize, own: &Used) -> Used {
        let places = self.places[input].iter().copied().enumerate();
        own.columns_from(places.filter_map(|(own, place)| Some((own, place?))))
    }

    /// The columns of the rows at `places`, which count through the inputs one after the other; fails if
    /// the run has to end.
    pub fn gather(
        &self,
        exec: &Exec,
        op: &str,
        inputs: &[&RowBatch],
        places: &[u32],
    ) -> Result<Vec<Column>, RunError> {
        let rows: usize = inputs.iter().map(|rows| rows.len()).sum();
        let _held = exec.hold(op, 8 * (rows + places.len() * self.types.len()))?;
        let gathered = |c: usize| match self.is_there(c, inputs) {
            true => exec.gather(op, &self.column(c, inputs), places),
            false => Ok(Val::null(&self.types[c]).into_column(0)),
        };
        (0..self.types.len()).map(gathered).collect()
    }

    /// Whether a column was computed: one that nobody reads is not.
    fn is_there(&self, c: usize, inputs: &[&RowBatch]) -> bool {
        let mut of_inputs = inputs.iter().zip(&self.places);
        of_inputs.all(|(rows, places)| {
            let column = places[c].map(|place| &rows.columns[place]);
            column.is_none_or(|column| column.len() == rows.len())
        })
    }

    fn column(&self, c: usize, inputs: &[&RowBatch]) -> Column {
        let of_input = |(rows, places): (&&RowBatch, &Vec<Option<usize>>)| match places[c] {
            Some(place) => rows.columns[place].clone(),
            None => Val::null(&self.types[c]).into_column(rows.len()),
        };
        let parts: Vec<Column> = inputs.iter().zip(&self.places).map(of_input).collect();
        Column::concat(&parts)
    }
}

/// Where the rows of each input begin when they are counted one input after the other.
pub fn bases(inputs: &[&RowBatch]) -> Vec<u32> {
    let next = |base: &mut u32, rows: &&RowBatch| {
        let this = *base;
        *base += rows.len() as u32;
        Some(this)
    };
    inputs.iter().scan(0, next).collect()
}

/// Rows that are picked from several inputs, request by request.
#[derive(Debug)]
pub struct Picked {
    pub offsets: Vec<u32>,
    pub ids: Vec<u32>,
    pub scores: Vec<f64>,
    /// Which row of the inputs each one is: counted through the inputs, see [`bases`].
    pub places: Vec<u32>,
}

impl Default for Picked {
    fn default() -> Self {
        Picked { offsets: vec![0], ids: Vec::new(), scores: Vec::new(), places: Vec::new() }
    }
}

impl Picked {
    /// A row as it is in its input.
    pub fn push(&mut self, rows: &RowBatch, base: u32, row: usize) {
        self.ids.push(rows.ids[row]);
        self.scores.push(rows.scores[row]);
        self.places.push(base + row as u32);
    }

    /// How many rows the request has so far.
    pub fn since_request(&self) -> usize {
        self.ids.len() - self.offsets.last().map_or(0, |&end| end as usize)
    }

    /// All that was pushed since the last call belongs to one request.
    pub fn end_request(&mut self) {
        self.offsets.push(self.ids.len() as u32);
    }

    /// The rows; fails if the run has to end.
    pub fn rows(
        self,
        exec: &Exec,
        op: &str,
        join: &Join,
        inputs: &[&RowBatch],
    ) -> Result<RowBatch, RunError> {
        exec.check(op, 0)?;
        Ok(RowBatch {
            columns: join.gather(exec, op, inputs, &self.places)?,
            offsets: self.offsets,
            ids: self.ids,
            scores: self.scores,
        })
    }

    /// Charges what picking from the inputs takes, with `more` bytes for each of their rows.
    pub fn hold<'a>(
        exec: &Exec<'a>,
        op: &str,
        inputs: &[&RowBatch],
        more: usize,
    ) -> Result<Held<'a>, RunError> {
        let rows: usize = inputs.iter().map(|rows| rows.len()).sum();
        // ids, scores and places grow to twice what they hold
        exec.hold(op, rows * (2 * 16 + more))
    }
}
