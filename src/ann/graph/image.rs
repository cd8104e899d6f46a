//! The byte image of a graph: what is written to a file and mapped back.
//!
//! Little endian; a header of sixteen 64-bit words, then sections that each start at a multiple of 64
//! bytes. Everything a search relies on is checked when an image is opened, so that a damaged file is an
//! error and never a wrong memory access.

use std::borrow::Cow;
use std::ops::Range;

use xxhash_rust::xxh3::Xxh3;

use super::NONE;
use super::header::{HEADER_BYTES, Header, Layout};
use super::nodes::{Nodes, UNIFORM};
use crate::ann::codes::{Meaning, Quantizer};
use crate::ann::simd::LINE;

/// A built graph, as the bytes that [`Graph::open`](super::Graph::open) reads.
#[derive(Clone)]
pub struct GraphImage {
    lines: Vec<Line>,
    len: usize,
}

/// A cache line, so that an image in memory is aligned like a mapped file.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; LINE]);

impl GraphImage {
    /// The bytes to write to a file.
    pub fn as_bytes(&self) -> &[u8] {
        // SAFETY: lines are plain bytes without padding, `len` is at most their number
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }

    fn zeroed(len: usize) -> GraphImage {
        let lines = vec![Line([0; LINE]); len.div_ceil(LINE)];
        GraphImage { lines, len }
    }

    pub(super) fn as_bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `as_bytes`, and the borrow is unique
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }

    pub(super) fn write(parts: &Parts) -> GraphImage {
        let header = parts.header();
        let layout = Layout::of(&header).expect("the sizes of what is in memory fit");
        let mut image = GraphImage::zeroed(layout.end);
        let bytes = image.as_bytes_mut();
        let nodes = parts.nodes;
        put(&mut bytes[layout.mean], nodes.quantizer.mean.iter().map(|x| x.to_le_bytes()));
        put(&mut bytes[layout.landmarks], parts.landmarks.iter().map(|x| x.to_le_bytes()));
        let stride = header.stride as usize;
        let code = |&id: &u32| &nodes.codes[id as usize * stride..][..stride];
        let rows = bytes[layout.landmark_codes].chunks_mut(stride.max(1));
        rows.zip(parts.landmarks).for_each(|(out, id)| out.copy_from_slice(code(id)));
        let meanings = parts.landmarks.iter();
        let meanings = meanings.filter_map(|&id| parts.meanings.get(id as usize));
        put(&mut bytes[layout.landmark_meanings], meanings.map(bytes_of));
        put(&mut bytes[layout.cells], nodes.cells.iter().map(|x| x.to_le_bytes()));
        put(&mut bytes[layout.meanings], parts.meanings.iter().map(bytes_of));
        put(&mut bytes[layout.offsets], nodes.offsets.iter().map(|x| x.to_le_bytes()));
        put(&mut bytes[layout.rows], nodes.rows.iter().map(|x| x.to_le_bytes()));
        put(&mut bytes[layout.links], parts.links.iter().map(|x| x.to_le_bytes()));
        bytes[layout.codes].copy_from_slice(&nodes.codes);
        put(&mut bytes[..HEADER_BYTES], header.words().into_iter().map(u64::to_le_bytes));
        image.seal();
        image
    }

    /// Writes the checksum.
    pub(super) fn seal(&mut self) {
        let bytes = self.as_bytes_mut();
        let sum = checksum(bytes).to_le_bytes();
        bytes[HEADER_BYTES - 8..HEADER_BYTES].copy_from_slice(&sum);
    }
}

fn bytes_of(meaning: &Meaning) -> [u8; 8] {
    let [step, square] = [meaning.step, meaning.square].map(|x| u64::from(x.to_bits()));
    (step | square << 32).to_le_bytes()
}

fn put<const N: usize>(out: &mut [u8], values: impl Iterator<Item = [u8; N]>) {
    for (out, value) in out.as_chunks_mut::<N>().0.iter_mut().zip(values) {
        *out = value;
    }
}

fn checksum(bytes: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(&bytes[..HEADER_BYTES - 8]);
    hash.update(&bytes[HEADER_BYTES..]);
    hash.digest()
}

/// What an image is written from.
pub struct Parts<'a> {
    pub table_rows: usize,
    pub degree: usize,
    pub landmarks: &'a [u32],
    pub links: &'a [u32],
    /// Empty where all nodes have one scale.
    pub meanings: &'a [Meaning],
    pub nodes: &'a Nodes,
}

impl Parts<'_> {
    fn header(&self) -> Header {
        let quantizer = &self.nodes.quantizer;
        Header {
            metric: quantizer.metric,
            dim: quantizer.dim as u64,
            stride: quantizer.stride() as u64,
            degree: self.degree as u64,
            nodes: self.nodes.len() as u64,
            rows: self.nodes.rows.len() as u64,
            table_rows: self.table_rows as u64,
            landmarks: self.landmarks.len() as u64,
            cells: self.nodes.landmarks as u64,
            scale: quantizer.scale,
            each: quantizer.each,
            centred: !quantizer.mean.is_empty(),
            error: quantizer.error,
        }
    }
}

/// A checked image: its header and sections.
pub struct Opened<'a> {
    pub quantizer: Quantizer<'a>,
    pub degree: usize,
    pub table_rows: usize,
    pub stride: usize,
    pub landmarks: &'a [u32],
    pub landmark_codes: &'a [u8],
    /// Empty where all nodes have one scale, like `meanings`.
    pub landmark_meanings: &'a [Meaning],
    pub cells: &'a [u32],
    pub meanings: &'a [Meaning],
    pub offsets: &'a [u32],
    pub rows: &'a [u32],
    pub links: &'a [u32],
    pub codes: &'a [u8],
}

impl<'a> Opened<'a> {
    /// Reads the head of an image and finds its sections.
    pub fn read(bytes: &'a [u8]) -> Result<Opened<'a>, String> {
        if cfg!(target_endian = "big") {
            return Err("graph images are little endian, this CPU is not".into());
        }
        let header = Header::read(bytes)?;
        let layout = Layout::of(&header).ok_or("the sizes in the header are too large")?;
        if layout.end != bytes.len() {
            return Err(format!("expected {} bytes, found {}", layout.end, bytes.len()));
        }
        Ok(Opened {
            quantizer: Quantizer {
                metric: header.metric,
                scale: header.scale,
                each: header.each,
                error: header.error,
                mean: Cow::Borrowed(view(bytes, layout.mean)?),
                dim: header.dim as usize,
            },
            degree: header.degree as usize,
            table_rows: header.table_rows as usize,
            stride: header.stride as usize,
            landmarks: view(bytes, layout.landmarks)?,
            landmark_codes: &bytes[layout.landmark_codes],
            landmark_meanings: view(bytes, layout.landmark_meanings)?,
            cells: view(bytes, layout.cells)?,
            meanings: view(bytes, layout.meanings)?,
            offsets: view(bytes, layout.offsets)?,
            rows: view(bytes, layout.rows)?,
            links: view(bytes, layout.links)?,
            codes: &bytes[layout.codes],
        })
    }

    /// Checks all that [`Opened::read`] did not look at.
    pub fn verify(&self, bytes: &[u8]) -> Result<(), String> {
        let stored = bytes[HEADER_BYTES - 8..].first_chunk().map(|word| u64::from_le_bytes(*word));
        if stored != Some(checksum(bytes)) {
            return Err("the checksum does not match: the image is damaged".into());
        }
        self.check()
    }

    /// The checksum guards against accidents; this, against whatever was written with a right one.
    fn check(&self) -> Result<(), String> {
        let nodes = self.offsets.len() as u32 - 1;
        let start = |offset: &u32| offset & !UNIFORM;
        // a fold without an early end, so that it runs at the speed of memory
        let links = self.links.iter().fold(true, |all, &id| all & ((id < nodes) | (id == NONE)));
        let ordered = self.offsets.windows(2).all(|pair| start(&pair[0]) < start(&pair[1]));
        let ends = self.offsets.first().map(start) == Some(0)
            && self.offsets.last().map(start) == Some(self.rows.len() as u32);
        let rows = self.rows.iter().all(|&row| (row as usize) < self.table_rows);
        let landmarks = self.landmarks.iter().all(|&id| id < nodes);
        let cells = self.cells.windows(2).all(|pair| pair[0] <= pair[1])
            && self.cells.last().is_none_or(|&end| end <= nodes);
        let sound = links && ordered && ends && rows && landmarks && cells;
        sound.then_some(()).ok_or_else(|| "a number in the image points outside of it".into())
    }
}

/// Types of which any bytes are a value.
trait Plain {}
impl Plain for u32 {}
impl Plain for i32 {}
impl Plain for f32 {}
impl Plain for Meaning {}

fn view<T: Plain>(bytes: &[u8], range: Range<usize>) -> Result<&[T], String> {
    // SAFETY: any bytes are a value of a plain type
    let (before, values, after) = unsafe { bytes[range].align_to::<T>() };
    if before.is_empty() && after.is_empty() {
        return Ok(values);
    }
    Err("the image does not lie at an address that is a multiple of 4".into())
}
