//! A library in a process of its own, which scores when it is asked to: what benchmarks measure beside `igql`, in turns.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Runs in a turn.
pub const RUNS: usize = 20;

/// The process.
pub struct Peer {
    process: Child,
    asks: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    /// Starts a script of `benches/peers`; it has written all that it gives by then.
    pub fn start(python: &str, script: &str, folder: &Path, what: &str) -> Result<Peer, String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers").join(script);
        let mut command = Command::new(python);
        command.arg(script).arg(folder).arg(what);
        let process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = process.map_err(|e| format!("the peer: {e}"))?;
        let piped = "pipes were asked for";
        let mut peer = Peer {
            asks: process.stdin.take().expect(piped),
            answers: BufReader::new(process.stdout.take().expect(piped)).lines(),
            process,
        };
        peer.answer().map(|_| peer)
    }

    fn answer(&mut self) -> Result<String, String> {
        let answer = self.answers.next().ok_or("the peer ended")?;
        answer.map_err(|e| e.to_string())
    }

    /// Seconds that it takes: the median of the runs of a turn.
    pub fn seconds(&mut self) -> Result<f64, String> {
        writeln!(self.asks, "{RUNS}").map_err(|e| e.to_string())?;
        let answer = self.answer()?;
        answer.parse().map_err(|_| format!("the peer says `{answer}`"))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
