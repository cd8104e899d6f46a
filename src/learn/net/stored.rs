//! Tables in a file: blocks of examples, column by column, each read back as it was written. Nothing holds more of such a
//! table than a few blocks.

use super::table::{Block, Examples, Keys, Layout, Part};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// A table that is being written, its blocks in any order.
pub struct Storing {
    layout: Layout,
    file: File,
    /// Bytes written so far.
    end: u64,
    blocks: Vec<Placed>,
    bytes: Vec<u8>,
}

/// A table in a file.
pub struct Stored {
    layout: Layout,
    file: Mutex<File>,
    len: u64,
    blocks: Vec<Placed>,
}

/// Where a block lies.
#[derive(Clone, Debug, Default)]
struct Placed {
    rows: usize,
    start: u64,
    /// Where each of its columns ends, in the order of [`Order`].
    ends: Vec<u64>,
}

/// The places of columns: what has no inputs first, so that it is read alone.
struct Order<'l>(&'l Layout);

impl Order<'_> {
    const PARTS: usize = 0;
    const VIEWERS: usize = 1;
    const WEIGHTS: usize = 2;

    fn labels(&self) -> Range<usize> {
        3..3 + self.0.heads.len()
    }

    fn dense(&self) -> Range<usize> {
        let start = self.labels().end;
        start..start + self.0.dense.len()
    }

    /// The keys of each, and behind them where those of each example begin.
    fn sparse(&self) -> Range<usize> {
        let start = self.dense().end;
        start..start + 2 * self.0.sparse.len()
    }

    fn shown(&self) -> Range<usize> {
        let start = self.sparse().end;
        start..start + self.0.shown.len()
    }
}

impl Storing {
    /// Begins a table of so many blocks in an empty file, which is open for reading, too.
    pub fn new(layout: Layout, blocks: usize, file: File) -> Storing {
        let blocks = vec![Placed::default(); blocks];
        Storing { layout, file, end: 0, blocks, bytes: Vec::new() }
    }

    /// Writes a block.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn add(&mut self, number: usize, block: &Block) -> io::Result<()> {
        self.blocks[number] = Placed { rows: block.len(), start: self.end, ends: Vec::new() };
        let parts = block.parts.iter().map(|&part| [part as u8]);
        self.column(number, parts)?;
        self.column(number, block.viewers.iter().map(|x| x.to_le_bytes()))?;
        self.column(number, block.weights.iter().map(|x| x.to_le_bytes()))?;
        for column in block.labels.iter().chain(&block.dense) {
            self.column(number, column.iter().map(|x| x.to_le_bytes()))?;
        }
        for keys in &block.sparse {
            self.column(number, keys.keys.iter().map(|x| x.to_le_bytes()))?;
            let offsets = keys.offsets.iter().flatten();
            self.column(number, offsets.map(|x| x.to_le_bytes()))?;
        }
        for column in &block.shown {
            self.column(number, column.iter().map(|x| x.to_le_bytes()))?;
        }
        Ok(())
    }

    fn column<const N: usize>(
        &mut self,
        block: usize,
        values: impl Iterator<Item = [u8; N]>,
    ) -> io::Result<()> {
        self.bytes.clear();
        values.for_each(|value| self.bytes.extend_from_slice(&value));
        self.file.write_all(&self.bytes)?;
        self.end += self.bytes.len() as u64;
        self.blocks[block].ends.push(self.end);
        Ok(())
    }

    /// How many bytes a block takes.
    pub fn size(block: &Block) -> u64 {
        let (fours, eights) = (4, 8);
        let offsets = |keys: &Keys| keys.offsets.as_ref().map_or(0, Vec::len);
        let numbers = block.labels.iter().chain(&block.dense).map(Vec::len).sum::<usize>();
        let keys = block.sparse.iter().map(|keys| keys.keys.len());
        let lists = block.sparse.iter().map(offsets).sum::<usize>();
        let long = keys.chain(block.shown.iter().map(Vec::len)).sum::<usize>();
        let short = block.viewers.len() + block.weights.len() + numbers + lists;
        (block.len() + fours * short + eights * long) as u64
    }

    /// The table, when all blocks were written.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn finish(mut self) -> io::Result<Stored> {
        self.file.flush()?;
        let len = self.blocks.iter().map(|block| block.rows as u64).sum();
        Ok(Stored { layout: self.layout, file: Mutex::new(self.file), len, blocks: self.blocks })
    }
}

impl Stored {
    /// The values of a column of a block.
    fn column<const N: usize, T>(
        &self,
        number: usize,
        column: usize,
        value: impl Fn([u8; N]) -> T,
    ) -> io::Result<Vec<T>> {
        let placed = &self.blocks[number];
        let start = if column == 0 { placed.start } else { placed.ends[column - 1] };
        let mut bytes = vec![0; (placed.ends[column] - start) as usize];
        {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(start))?;
            file.read_exact(&mut bytes)?;
        }
        let (values, _) = bytes.as_chunks::<N>();
        Ok(values.iter().map(|&bytes| value(bytes)).collect())
    }

    fn floats(&self, number: usize, columns: Range<usize>) -> io::Result<Vec<Vec<f32>>> {
        columns.map(|column| self.column(number, column, f32::from_le_bytes)).collect()
    }

    fn keys_at(&self, number: usize, column: usize) -> io::Result<Keys> {
        let keys = self.column(number, column, u64::from_le_bytes)?;
        let offsets = self.column(number, column + 1, u32::from_le_bytes)?;
        // lists have an end even where there are none
        Ok(Keys { keys, offsets: (!offsets.is_empty()).then_some(offsets) })
    }

    fn part([part]: [u8; 1]) -> Part {
        match part {
            0 => Part::Train,
            1 => Part::Validation,
            _ => Part::Test,
        }
    }
}

impl Examples for Stored {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn block(&self, number: usize, _: u64) -> io::Result<Cow<'_, Block>> {
        let order = Order(&self.layout);
        let sparse = order.sparse().step_by(2).map(|column| self.keys_at(number, column));
        let shown = order.shown().map(|column| self.column(number, column, u64::from_le_bytes));
        Ok(Cow::Owned(Block {
            dense: self.floats(number, order.dense())?,
            sparse: sparse.collect::<io::Result<_>>()?,
            shown: shown.collect::<io::Result<_>>()?,
            ..self.outcomes(number)?.into_owned()
        }))
    }

    fn outcomes(&self, number: usize) -> io::Result<Cow<'_, Block>> {
        Ok(Cow::Owned(Block {
            parts: self.column(number, Order::PARTS, Stored::part)?,
            viewers: self.column(number, Order::VIEWERS, u32::from_le_bytes)?,
            weights: self.column(number, Order::WEIGHTS, f32::from_le_bytes)?,
            labels: self.floats(number, Order(&self.layout).labels())?,
            ..Block::default()
        }))
    }

    fn numbers(&self, number: usize, dense: usize) -> io::Result<Cow<'_, [f32]>> {
        let column = Order(&self.layout).dense().start + dense;
        Ok(Cow::Owned(self.column(number, column, f32::from_le_bytes)?))
    }

    fn keys(&self, number: usize, sparse: usize) -> io::Result<Cow<'_, Keys>> {
        let column = Order(&self.layout).sparse().start + 2 * sparse;
        Ok(Cow::Owned(self.keys_at(number, column)?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fit::{Common, fit_networks};
    use super::super::networks::NetParams;
    use super::super::table::{BLOCK, Table};
    use super::super::testing::world;
    use super::*;
    use crate::learn::Unwatched;

    /// A table of several blocks.
    fn table() -> Table {
        let worlds = [world(BLOCK, 21), world(700, 22)];
        let layout = worlds[0].layout.clone();
        let blocks = worlds.into_iter().flat_map(|world| world.blocks);
        Table { layout, blocks: blocks.collect() }
    }

    fn stored(table: &Table) -> Stored {
        let mut storing =
            Storing::new(table.layout.clone(), table.blocks.len(), tempfile::tempfile().unwrap());
        let mut size = 0;
        for (number, block) in table.blocks.iter().enumerate().rev() {
            storing.add(number, block).unwrap();
            size += Storing::size(block);
            assert_eq!(storing.end, size);
        }
        storing.finish().unwrap()
    }

    fn bits(numbers: &[f32]) -> Vec<u32> {
        numbers.iter().map(|x| x.to_bits()).collect()
    }

    #[test]
    fn blocks_are_read_as_they_were_written() {
        let table = table();
        let stored = stored(&table);
        assert_eq!(stored.len(), table.len());
        for (number, block) in table.blocks.iter().enumerate() {
            let read = stored.block(number, 3).unwrap();
            assert_eq!((&read.sparse, &read.shown), (&block.sparse, &block.shown));
            assert_eq!((&read.parts, &read.viewers), (&block.parts, &block.viewers));
            assert_eq!(bits(&read.weights), bits(&block.weights));
            // nulls are not equal
            let columns = read.dense.iter().chain(&read.labels);
            for (read, written) in columns.zip(block.dense.iter().chain(&block.labels)) {
                assert_eq!(bits(read), bits(written));
            }
            assert_eq!(bits(&stored.numbers(number, 1).unwrap()), bits(&block.dense[1]));
            assert_eq!(*stored.keys(number, 1).unwrap(), block.sparse[1]);
            let outcomes = stored.outcomes(number).unwrap();
            assert!(outcomes.dense.is_empty() && outcomes.check_outcomes(&table.layout).is_ok());
        }
    }

    #[test]
    fn a_model_learns_the_same_from_a_file() {
        let table = table();
        let params = NetParams { hidden: vec![8], towers: 0, epochs: 1, ..NetParams::default() };
        let common = Common { memory: 0, ..Common::default() };
        let weights = |examples: &dyn Examples| {
            let fitted = fit_networks(examples, &common, &params, &Unwatched).unwrap();
            let tensors = fitted.model.tensors(&fitted.heads);
            (format!("{:?}", fitted.heads), tensors.into_iter().map(|t| bits(&t.data)).collect())
        };
        let (in_memory, in_file): ((String, Vec<Vec<u32>>), _) =
            (weights(&table), weights(&stored(&table)));
        assert!(in_memory == in_file);
    }

    #[test]
    fn a_file_that_was_cut_is_an_error() {
        let table = table();
        let stored = stored(&table);
        stored.file.lock().unwrap().set_len(1000).unwrap();
        assert!(stored.block(0, 0).is_err());
    }
}
