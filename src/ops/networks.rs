//! Networks in files of ONNX, as [`ModelFiles`] keeps them: read once for an engine, and called like functions.

use super::Predictor;
use super::model_files::{ModelFiles, Unread, hash};
use crate::expr::functions::own::{Effort, Learnt};
use crate::expr::texts::Texts;
use crate::expr::value::{Arg, Val};
use crate::extend::Failure;
use crate::files;
use crate::learn::onnx::{Given, Kind, Onnx, Steps};
use crate::types::NULL_INT;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// A file that was read.
pub struct NetworkFile {
    pub network: Arc<Onnx>,
    /// Of its bytes: 12 hex digits.
    pub hash: String,
}

/// How a network is called.
#[derive(Clone, Debug)]
pub struct NetworkCall {
    /// The entity whose rows it scores, and the version: `media.net@0a1b2c3d4e5f`.
    pub label: String,
    /// Per input of the file the numbers that each feature gives: 1, or those of a vector.
    pub features: Vec<Vec<usize>>,
    /// Of each head its name, the place of its output, and the column in that.
    pub heads: Vec<(String, usize, usize)>,
    /// Rows at a time.
    pub batch: usize,
}

impl ModelFiles {
    /// The network in a file, which is read if no program has asked for it before.
    pub fn open_network(&self, path: &Path) -> Result<Arc<NetworkFile>, Unread> {
        let path = path.canonicalize().map_err(Unread::Io)?;
        if let Some(file) = self.known().networks.get(&path) {
            return Ok(file.clone());
        }
        let bytes = files::read(&path).map_err(Unread::Io)?;
        let network = Arc::new(Onnx::read(&bytes).map_err(Unread::Network)?);
        let file = Arc::new(NetworkFile { network, hash: hash(&bytes) });
        let mut known = self.known();
        known.hashes.insert(path.clone(), file.hash.clone());
        // of several threads that read it the first one says what all programs mean
        Ok(known.networks.entry(path).or_insert(file).clone())
    }

    /// The heads of a network as functions of its features: the same ones for all programs that call it alike.
    pub fn network(&self, file: &NetworkFile, call: NetworkCall) -> Arc<Predictor> {
        let key = format!("{call:?}");
        if let Some(known) = self.known().predictors.get(&key) {
            return known.clone();
        }
        let (label, heads) = (call.label.clone(), call.heads.clone());
        let learnt: Arc<dyn Learnt> = Arc::new(Network::new(file.network.clone(), call));
        // what its numbers mean the file does not say
        let heads = heads.iter().map(|(name, ..)| (name.as_str(), false));
        let made = Arc::new(Predictor::of(label, learnt, heads));
        self.known().predictors.entry(key).or_insert(made).clone()
    }
}

/// A network as a function of features.
struct Network {
    network: Arc<Onnx>,
    call: NetworkCall,
    /// Numbers of a row in each input.
    widths: Vec<usize>,
    /// The outputs that heads are of.
    wanted: Vec<usize>,
}

impl Network {
    fn new(network: Arc<Onnx>, call: NetworkCall) -> Network {
        let widths = call.features.iter().map(|features| features.iter().sum()).collect();
        let mut wanted: Vec<usize> = call.heads.iter().map(|(_, output, _)| *output).collect();
        wanted.sort_unstable();
        wanted.dedup();
        Network { network, call, widths, wanted }
    }

    /// The numbers of an input for some rows. Notes rows of which an int is null: they cannot be given.
    fn given(
        &self,
        place: usize,
        values: &[Val],
        rows: Range<usize>,
        nulls: &mut [bool],
    ) -> Result<Given, Failure> {
        let width = self.widths[place];
        let start = rows.start;
        if self.network.inputs[place].kind == Kind::Float {
            let mut numbers = vec![f32::NAN; rows.len() * width];
            let mut at = 0;
            for (values, &more) in values.iter().zip(&self.call.features[place]) {
                floats(values, rows.clone(), (&mut numbers, width), at..at + more);
                at += more;
            }
            return Ok(Given::Floats(numbers));
        }
        let mut numbers = vec![0; rows.len() * width];
        for (at, values) in values.iter().enumerate() {
            for row in rows.clone() {
                match int(values, row)? {
                    Some(int) => numbers[(row - start) * width + at] = int,
                    None => nulls[row - start] = true,
                }
            }
        }
        Ok(Given::Ints(numbers))
    }
}

/// What a feature of some rows gives to an input of floats, in some of its columns; null stays NaN.
fn floats(
    values: &Val,
    rows: Range<usize>,
    (to, width): (&mut [f32], usize),
    columns: Range<usize>,
) {
    match values {
        Val::F64(Arg::Many(values)) => {
            let to = to.iter_mut().skip(columns.start).step_by(width);
            to.zip(&values[rows]).for_each(|(to, &value)| *to = value as f32);
        }
        Val::F64(Arg::One(value)) => {
            let to = to.iter_mut().skip(columns.start).step_by(width);
            to.for_each(|to| *to = *value as f32);
        }
        Val::Vector(slots, numbers) => {
            let mut room = Vec::new();
            for (row, to) in rows.zip(to.chunks_exact_mut(width)) {
                let to = &mut to[columns.clone()];
                if let Some(vector) = numbers.at(slots.get(row)).filter(|v| v.len() == to.len()) {
                    to.copy_from_slice(vector.decode(&mut room));
                }
            }
        }
        _ => {}
    }
}

/// What a feature of a row gives to an input of ints.
fn int(values: &Val, row: usize) -> Result<Option<i32>, Failure> {
    let found = match values {
        Val::I64(values) => values.get(row),
        Val::F64(values) if values.get(row).is_finite() => values.get(row) as i64,
        _ => NULL_INT,
    };
    match i32::try_from(found) {
        Ok(int) => Ok(Some(int)),
        Err(_) if found == NULL_INT => Ok(None),
        Err(_) => Err(Failure::new(format!("{found} does not fit into 32 bits"))),
    }
}

impl Learnt for Network {
    fn numbers(&self) -> usize {
        self.call.heads.len()
    }

    fn effort(&self) -> Option<Effort> {
        Some(match self.network.steps(&self.widths)? {
            Steps::MultiplyAdds(each) => Effort { each, unit: "multiply-adds" },
            Steps::Parameters(each) => Effort { each, unit: "parameters" },
        })
    }

    fn eval(&self, args: &[Val], n: usize, _: &Texts) -> Result<Vec<f64>, Failure> {
        let mut found = vec![f64::NAN; self.call.heads.len() * n];
        let (mut batches, mut nulls) = (Vec::new(), vec![false; n]);
        for start in (0..n).step_by(self.call.batch) {
            let rows = start..n.min(start + self.call.batch);
            let (mut given, mut rest) = (Vec::new(), args);
            for (place, features) in self.call.features.iter().enumerate() {
                let (own, others) = rest.split_at(features.len());
                given.push(self.given(place, own, rows.clone(), &mut nulls[rows.clone()])?);
                rest = others;
            }
            batches.push((given, rows.len()));
        }
        let held = self.network.run_all(&batches, &self.widths, &self.wanted);
        let held = held.map_err(|wrong| Failure::new(wrong.to_string()))?;
        for (start, held) in (0..n).step_by(self.call.batch).zip(held) {
            let rows = start..n.min(start + self.call.batch);
            for (head, (_, output, column)) in self.call.heads.iter().enumerate() {
                let place = self.wanted.iter().position(|wanted| wanted == output);
                let Some(held) = place.map(|place| &held[place]) else { continue };
                for row in rows.clone().filter(|&row| !nulls[row]) {
                    let number = held.numbers.get((row - start) * held.width + column);
                    found[head * n + row] = number.copied().unwrap_or(f64::NAN);
                }
            }
        }
        Ok(found)
    }
}
