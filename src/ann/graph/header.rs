//! The head of an image: its numbers, and where they put the sections.

use std::ops::Range;

use super::MAX_NODES;
use crate::ann::Metric;
use crate::ann::simd::LINE;

const MAGIC: u64 = u64::from_le_bytes(*b"IGQLann\0");
/// Of the image and of how it is built: another is built again.
pub const VERSION: u64 = 2;
/// 64-bit words of the header; the last is the checksum of all other bytes.
const HEADER: usize = 16;
pub const HEADER_BYTES: usize = HEADER * 8;

/// The numbers at the head of an image.
#[derive(Clone, Copy)]
pub struct Header {
    pub metric: Metric,
    pub dim: u64,
    /// Bytes of a row of codes.
    pub stride: u64,
    pub degree: u64,
    pub nodes: u64,
    /// Rows behind the nodes.
    pub rows: u64,
    /// Rows of the table that was indexed, searchable or not.
    pub table_rows: u64,
    pub landmarks: u64,
    /// The first so many landmarks have nodes around them.
    pub cells: u64,
    pub scale: f32,
    /// Whether each node has a scale of its own.
    pub each: bool,
    /// Whether a mean is subtracted.
    pub centred: bool,
    pub error: f32,
}

impl Header {
    pub fn words(&self) -> [u64; HEADER] {
        let metric = Metric::ALL.iter().position(|m| *m == self.metric);
        let mut words = [0; HEADER];
        words[..15].copy_from_slice(&[
            MAGIC,
            VERSION,
            metric.unwrap_or(0) as u64,
            self.dim,
            self.stride,
            self.degree,
            self.nodes,
            self.rows,
            self.table_rows,
            self.landmarks,
            self.cells,
            u64::from(self.scale.to_bits()),
            u64::from(self.each),
            u64::from(self.centred),
            u64::from(self.error.to_bits()),
        ]);
        words
    }

    pub fn read(bytes: &[u8]) -> Result<Header, String> {
        let words: Vec<u64> = bytes
            .as_chunks::<8>()
            .0
            .iter()
            .take(HEADER)
            .map(|word| u64::from_le_bytes(*word))
            .collect();
        let [
            magic,
            version,
            metric,
            dim,
            stride,
            degree,
            nodes,
            rows,
            table_rows,
            landmarks,
            cells,
            scale,
            each,
            centred,
            error,
            ..,
        ] = words[..]
        else {
            return Err(format!(
                "expected a header of {HEADER_BYTES} bytes, found {} bytes",
                bytes.len()
            ));
        };
        if magic != MAGIC {
            return Err("this is no graph image: it does not start with `IGQLann`".into());
        }
        if version != VERSION {
            return Err(format!(
                "expected version {VERSION} of the image, found {version}: build it again"
            ));
        }
        let metric = Metric::ALL.get(metric as usize).copied();
        let header = Header {
            metric: metric.ok_or("the metric in the header is unknown")?,
            dim,
            stride,
            degree,
            nodes,
            rows,
            table_rows,
            landmarks,
            cells,
            scale: f32::from_bits(scale as u32),
            each: each == 1,
            centred: centred == 1,
            error: f32::from_bits(error as u32),
        };
        header.check()
    }

    fn check(self) -> Result<Header, String> {
        let limit = MAX_NODES as u64;
        let counts = [self.nodes, self.rows, self.table_rows, self.landmarks];
        let sound = counts.iter().all(|&count| count < limit)
            && self.nodes <= self.rows
            && self.rows <= self.table_rows
            && self.landmarks <= self.nodes
            && self.cells <= self.landmarks
            && (self.landmarks > 0) == (self.nodes > 0)
            && (1..limit).contains(&self.degree)
            && self.dim < limit
            && self.stride == self.dim.next_multiple_of(LINE as u64)
            && (self.dim > 0 || self.rows == 0)
            && self.scale.is_finite()
            && self.error.is_finite();
        sound.then_some(self).ok_or_else(|| "the sizes in the header contradict each other".into())
    }
}

/// Where the sections are.
pub struct Layout {
    pub mean: Range<usize>,
    pub landmarks: Range<usize>,
    pub landmark_codes: Range<usize>,
    pub landmark_meanings: Range<usize>,
    pub cells: Range<usize>,
    pub meanings: Range<usize>,
    pub offsets: Range<usize>,
    pub rows: Range<usize>,
    pub links: Range<usize>,
    pub codes: Range<usize>,
    pub end: usize,
}

impl Layout {
    /// `None` if the sizes do not fit into an address.
    pub fn of(header: &Header) -> Option<Layout> {
        let (each, centred) = (u64::from(header.each), u64::from(header.centred));
        let mut end = HEADER_BYTES;
        let mut section = |count: u64, size: u64| {
            let start = end;
            let stop = start.checked_add(usize::try_from(count.checked_mul(size)?).ok()?)?;
            end = stop.checked_next_multiple_of(LINE)?;
            Some(start..stop)
        };
        Some(Layout {
            mean: section(header.dim * centred, 4)?,
            landmarks: section(header.landmarks, 4)?,
            landmark_codes: section(header.landmarks, header.stride)?,
            landmark_meanings: section(header.landmarks * each, 8)?,
            cells: section(header.cells + 1, 4)?,
            meanings: section(header.nodes * each, 8)?,
            offsets: section(header.nodes + 1, 4)?,
            rows: section(header.rows, 4)?,
            links: section(header.nodes.checked_mul(header.degree)?, 4)?,
            codes: section(header.nodes, header.stride)?,
            end,
        })
    }
}
