//! The journal of a search: every trial with its outcome, on the disk before the next begins.
//!
//! A line is a JSON object: first what the search depends on, then for each trial one when it begins and one when it has
//! ended. A run that was killed leaves whole lines and at most one that is cut short; the next run drops what comes after
//! the last trial that has ended, and goes on there, so that the journal is that of a run that was not interrupted.

use crate::cli::{Failure, out};
use crate::tune::Trial;
use serde_json::{Value as Json, json};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// What the outcomes of trials depend on.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    pub program: String,
    pub tunables: Json,
    pub snapshot: String,
    pub options: Json,
}

pub struct Journal {
    path: PathBuf,
    file: File,
    known: Vec<Trial>,
    /// Where the records of each known trial begin, and where those of the next do.
    begins: Vec<u64>,
    /// Of another search, which stays until a trial of this one has ended.
    other: Option<Other>,
}

/// What a journal holds of another search, and what stands in its place then.
struct Other {
    trials: usize,
    /// What is other.
    why: String,
    header: Header,
    /// The record that the first trial has begun.
    start: Option<Json>,
}

/// Where the journal of a program's query is.
pub fn path(derived: &Path, program: &Path, query: &str) -> PathBuf {
    let whole = fs::canonicalize(program).unwrap_or_else(|_| program.to_owned());
    let hash = xxhash_rust::xxh3::xxh3_64(format!("{}\0{query}", whole.display()).as_bytes());
    let stem = program.file_stem().map_or("-".into(), |stem| stem.to_string_lossy());
    derived.join("tune").join(format!("{stem}-{hash:016x}.jsonl"))
}

impl Journal {
    /// Opens the journal at a path, with the trials of earlier runs that depend on the same.
    pub fn open(path: PathBuf, header: Header, fresh: bool) -> Result<Journal, Failure> {
        let failed = |error: &io::Error| out::failed(path.display(), error);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|e| failed(&e))?;
        }
        let opened =
            File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = opened.map_err(|e| failed(&e))?;
        if file.try_lock().is_err() {
            let message = format!("{}: another search of this program is running", path.display());
            let help = "wait for it, or end it: its trials are kept";
            return Err(Failure::Usage(format!("{message}\nhelp: {help}")));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|e| failed(&e))?;
        let mut journal = Journal {
            path: path.clone(),
            file,
            known: Vec::new(),
            begins: Vec::new(),
            other: None,
        };
        if let Some((before, known, begins)) = read(&bytes) {
            let other = || difference(&before, &header);
            let why = if fresh { Some("`--fresh`".to_owned()) } else { other() };
            let n = known.len();
            let Some(why) = why else {
                if n > 0 {
                    out::say(format_args!("{n} trials are known from an earlier run"));
                }
                journal.cut(begins[n]).map_err(|e| failed(&e))?;
                (journal.known, journal.begins) = (known, begins);
                return Ok(journal);
            };
            if n > 0 {
                journal.other = Some(Other { trials: n, why, header, start: None });
                return Ok(journal);
            }
        }
        journal.cut(0).map_err(|e| failed(&e))?;
        journal.begin(&header).map_err(|e| failed(&e))?;
        Ok(journal)
    }

    /// The trials of earlier runs.
    pub fn known(&self) -> &[Trial] {
        &self.known
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn begin(&mut self, header: &Header) -> io::Result<()> {
        let line = json!({
            "journal": 1,
            "version": env!("CARGO_PKG_VERSION"),
            "program": header.program,
            "tunables": header.tunables,
            "snapshot": header.snapshot,
            "options": header.options,
        });
        self.add(&line)?;
        self.begins = vec![self.file.stream_position()?];
        Ok(())
    }

    /// Notes that a trial begins. If it was known with other values, the rest of what is known is worth nothing.
    pub fn start(&mut self, number: usize, values: &[f64]) -> Result<(), Failure> {
        if let Some(other) = &mut self.other {
            other.start = Some(json!({"start": number, "values": values}));
            return Ok(());
        }
        let begins = self.begins.get(number - 1).copied();
        let begun = match begins {
            Some(at) => {
                self.cut(at).and_then(|()| self.add(&json!({"start": number, "values": values})))
            }
            None => Ok(()),
        };
        self.begins.truncate(number);
        begun.map_err(|error| out::failed(self.path.display(), &error))
    }

    /// Notes what a trial came to.
    pub fn end(&mut self, trial: &Trial) -> Result<(), Failure> {
        let mut line = json!({
            "end": trial.number,
            "value": trial.value,
            "constraints": trial.constraints,
        });
        if let Some(error) = &trial.error {
            line["error"] = json!(error);
        }
        let added = self.drop_other().and_then(|()| self.add(&line));
        let at = added.and_then(|()| self.file.stream_position());
        let at = at.map_err(|error| out::failed(self.path.display(), &error))?;
        self.begins.push(at);
        Ok(())
    }

    /// Begins anew where another search was.
    fn drop_other(&mut self) -> io::Result<()> {
        let Some(Other { trials, why, header, start }) = self.other.take() else { return Ok(()) };
        out::say(format_args!("{trials} trials of an earlier run are dropped: {why}"));
        self.cut(0)?;
        self.begin(&header)?;
        start.map_or(Ok(()), |start| self.add(&start))
    }

    /// Drops everything from a place on.
    fn cut(&mut self, at: u64) -> io::Result<()> {
        self.file.set_len(at)?;
        self.file.seek(SeekFrom::Start(at))?;
        Ok(())
    }

    fn add(&mut self, line: &Json) -> io::Result<()> {
        self.file.write_all(format!("{line}\n").as_bytes())?;
        self.file.sync_data()
    }
}

/// What is in a journal: what it depends on, the trials from the first on that have ended, and where each begins.
fn read(bytes: &[u8]) -> Option<(Header, Vec<Trial>, Vec<u64>)> {
    let mut at = 0;
    let mut lines = bytes.split_inclusive(|&byte| byte == b'\n').map_while(|line| {
        let text = line.strip_suffix(b"\n")?;
        at += line.len() as u64;
        Some((serde_json::from_slice::<Json>(text).ok()?, at))
    });
    let (first, after) = lines.next()?;
    let header = header_of(&first)?;
    let (mut trials, mut begins) = (Vec::new(), vec![after]);
    while let Some((start, _)) = lines.next()
        && let Some((end, after)) = lines.next()
        && let Some(trial) = trial_of(&start, &end)
        && trial.number == trials.len() + 1
    {
        trials.push(trial);
        begins.push(after);
    }
    Some((header, trials, begins))
}

fn header_of(line: &Json) -> Option<Header> {
    let same = line["journal"] == json!(1) && line["version"] == json!(env!("CARGO_PKG_VERSION"));
    (same && line["options"].is_object()).then_some(())?;
    Some(Header {
        program: line["program"].as_str()?.to_owned(),
        tunables: line["tunables"].clone(),
        snapshot: line["snapshot"].as_str()?.to_owned(),
        options: line["options"].clone(),
    })
}

fn trial_of(start: &Json, end: &Json) -> Option<Trial> {
    let number = start["start"].as_u64().filter(|n| end["end"].as_u64() == Some(*n))?;
    // what is not a number is null
    let float = |value: &Json| value.as_f64().unwrap_or(f64::NAN);
    let floats = |value: &Json| Some(value.as_array()?.iter().map(float).collect::<Vec<f64>>());
    Some(Trial {
        number: number as usize,
        values: floats(&start["values"])?,
        value: float(&end["value"]),
        constraints: floats(&end["constraints"])?,
        error: end["error"].as_str().map(str::to_owned),
    })
}

/// What is other than it was; none if all is the same.
fn difference(known: &Header, now: &Header) -> Option<String> {
    if known.snapshot != now.snapshot {
        return Some("the data changed".to_owned());
    }
    if known.program != now.program {
        return Some("the program changed".to_owned());
    }
    if known.tunables != now.tunables {
        return Some("the tunables changed".to_owned());
    }
    let (known, now) = (known.options.as_object()?, now.options.as_object()?);
    let changed = now.iter().find(|(name, value)| known.get(*name) != Some(value));
    changed.map(|(name, _)| format!("`--{name}` is another"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(seed: u64) -> Header {
        Header {
            program: "p".to_owned(),
            tunables: json!([["w", 0.0, 1.0, 0.5, false]]),
            snapshot: "s".to_owned(),
            options: json!({"seed": seed}),
        }
    }

    fn trial(number: usize, value: f64) -> Trial {
        let error = value.is_nan().then(|| "a limit".to_owned());
        Trial { number, values: vec![number as f64 / 8.0], value, constraints: vec![value], error }
    }

    fn opened(path: &Path, seed: u64, fresh: bool) -> Journal {
        Journal::open(path.to_owned(), header(seed), fresh).unwrap_or_else(|_| panic!())
    }

    fn run(journal: &mut Journal, trials: &[Trial]) {
        for trial in trials {
            assert!(journal.start(trial.number, &trial.values).is_ok());
            assert!(journal.end(trial).is_ok());
        }
    }

    #[test]
    fn whatever_is_cut_off_the_same_journal_comes_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tune/a.jsonl");
        let all = [trial(1, 0.5), trial(2, f64::NAN), trial(3, 1.0 / 3.0)];
        run(&mut opened(&path, 1, false), &all);
        let whole = fs::read(&path).unwrap();
        for cut in 0..=whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let mut journal = opened(&path, 1, false);
            let known = journal.known().len();
            for (known, trial) in journal.known().iter().zip(&all) {
                assert_eq!(format!("{known:?}"), format!("{trial:?}"));
            }
            run(&mut journal, &all[known..]);
            drop(journal);
            assert_eq!(fs::read(&path).unwrap(), whole, "cut at {cut}");
        }
    }

    #[test]
    fn another_search_starts_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        run(&mut opened(&path, 1, false), &[trial(1, 0.5)]);
        assert_eq!(opened(&path, 1, false).known().len(), 1);
        assert_eq!(opened(&path, 2, false).known().len(), 0);
        // one that ends before its first trial does has nothing to put in its place
        assert!(opened(&path, 2, false).start(1, &[0.125]).is_ok());
        assert_eq!(opened(&path, 1, false).known().len(), 1);
        run(&mut opened(&path, 2, false), &[trial(1, 0.5)]);
        assert_eq!(opened(&path, 2, true).known().len(), 0);
        assert_eq!(difference(&header(1), &header(2)).unwrap(), "`--seed` is another");
    }

    #[test]
    fn a_known_trial_with_other_values_ends_what_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        run(&mut opened(&path, 1, false), &[trial(1, 0.5), trial(2, 0.6), trial(3, 0.7)]);
        run(&mut opened(&path, 1, false), &[Trial { values: vec![0.9], ..trial(2, 0.8) }]);
        let journal = opened(&path, 1, false);
        assert_eq!(journal.known().len(), 2);
        assert_eq!(journal.known()[1].value, 0.8);
    }

    #[test]
    fn one_search_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let first = opened(&path, 1, false);
        assert!(Journal::open(path.clone(), header(1), false).is_err());
        drop(first);
        opened(&path, 1, false);
    }
}
