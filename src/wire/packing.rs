//! Compression of what is written.

use flate2::write::GzEncoder;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl Packing {
    /// What a file's extension says.
    pub fn of(path: &Path) -> Packing {
        match path.extension().and_then(|e| e.to_str()) {
            Some(extension) if extension.eq_ignore_ascii_case("gz") => Packing::Gzip,
            Some(extension) if extension.eq_ignore_ascii_case("zst") => Packing::Zstd,
            _ => Packing::Plain,
        }
    }

    /// Compresses what goes to a target.
    pub fn sink<W: Write + Send + 'static>(self, target: W) -> io::Result<Box<dyn Sink>> {
        let target = BufWriter::with_capacity(1 << 16, target);
        Ok(match self {
            Packing::Plain => Box::new(target),
            Packing::Gzip => Box::new(GzEncoder::new(target, flate2::Compression::default())),
            Packing::Zstd => Box::new(zstd::Encoder::new(target, zstd::DEFAULT_COMPRESSION_LEVEL)?),
        })
    }
}

/// Where the bytes of a result go. Nothing is certain to be written before it is finished.
pub trait Sink: Write + Send {
    fn finish(self: Box<Self>) -> io::Result<()>;
}

impl<W: Write + Send> Sink for BufWriter<W> {
    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.flush()
    }
}

impl<W: Write + Send> Sink for GzEncoder<W> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        GzEncoder::finish(*self)?.flush()
    }
}

impl<W: Write + Send> Sink for zstd::Encoder<'static, W> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        zstd::Encoder::finish(*self)?.flush()
    }
}
