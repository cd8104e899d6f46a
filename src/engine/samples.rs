//! Examples of a training, which a version carries with what it gave for them: whoever opens it computes that again.

use crate::learn::net::Keys;
use crate::store::DataError;
use crate::store::learned::{Tensor, Tensors};

/// The arrays of the inputs.
const ARRAYS: [&str; 3] = ["sample.dense", "sample.keys", "sample.offsets"];
/// What is wrong with a version that gives something else.
pub(super) const FAILS: &str =
    "its self-test fails: it does not give what it gave when it was trained";

/// What was read of the examples.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sampled {
    /// Number by number of the dense inputs.
    dense: Vec<f32>,
    /// The keys of the sparse inputs.
    keys: Vec<u64>,
    /// Of each sparse input that is a list, where the keys of each example begin, and where those of the last end.
    offsets: Vec<u32>,
}

impl Sampled {
    pub(super) fn of(dense: &[Vec<f32>], sparse: &[Keys]) -> Sampled {
        let offsets = sparse.iter().filter_map(|keys| keys.offsets.as_ref()).flatten();
        Sampled {
            dense: dense.concat(),
            keys: sparse.iter().flat_map(|keys| keys.keys.iter().copied()).collect(),
            offsets: offsets.copied().collect(),
        }
    }

    pub(super) fn read(tensors: &Tensors) -> Result<Sampled, DataError> {
        let [dense, keys, offsets] = ARRAYS;
        Ok(Sampled {
            dense: tensors.get(dense)?.to_vec(),
            keys: tensors.get(keys)?.to_vec(),
            offsets: tensors.get(offsets)?.to_vec(),
        })
    }

    pub(super) fn tensors(&self) -> [Tensor<'_>; 3] {
        let [dense, keys, offsets] = ARRAYS;
        [
            Tensor::f32(dense, &[self.dense.len()], &self.dense),
            Tensor::u64(keys, &self.keys),
            Tensor::u32(offsets, &self.offsets),
        ]
    }

    /// The columns that it was made of, by so many dense ones and sparse ones that are `lists` or not; none where it does
    /// not hold as much.
    pub(super) fn columns(
        &self,
        dense: usize,
        lists: &[bool],
        rows: usize,
    ) -> Option<(Vec<Vec<f32>>, Vec<Keys>)> {
        let numbers = match dense {
            0 => Vec::new(),
            _ => self.dense.chunks(rows.max(1)).map(<[f32]>::to_vec).collect(),
        };
        let (mut keys, mut offsets) = (&self.keys[..], &self.offsets[..]);
        let mut sparse = Vec::new();
        for &is_list in lists {
            let (own, rest) = offsets.split_at_checked(if is_list { rows + 1 } else { 0 })?;
            offsets = rest;
            let n = if is_list { *own.last()? as usize } else { rows };
            let (of_input, rest) = keys.split_at_checked(n)?;
            keys = rest;
            let offsets = is_list.then(|| own.to_vec());
            sparse.push(Keys { keys: of_input.to_vec(), offsets });
        }
        Some((numbers, sparse))
    }
}
