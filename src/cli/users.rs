//! Which users a command is for.

use super::{Failure, out};
use crate::catalog::schema::Schema;
use crate::engine::{Engine, Program};
use crate::files::{self, Scratch};
use crate::request::Request;
use crate::types::Key;
use crate::wire::{self, RequestTable, TableError};
use std::io::{ErrorKind, Read};
use std::path::Path;

/// Keys from `--user`.
pub fn keys(schema: &Schema, texts: &[String]) -> Result<Vec<Key>, Failure> {
    let key = |text: &String| {
        let key = wire::user_from_text(schema, text);
        key.map_err(|error| Failure::Usage(format!("--user {text}: {}", error.message)))
    };
    texts.iter().map(key).collect()
}

/// Requests of those from `--user` and `--users`, where `base` says what is the same for all.
pub fn requests(
    engine: &Engine,
    program: &Program,
    base: &Request,
    one_by_one: &[String],
    many: Option<&str>,
) -> Result<Vec<Request>, Failure> {
    let of_user = |user| Request { user: Some(user), ..base.clone() };
    let one_by_one = keys(engine.schema(), one_by_one)?.into_iter();
    let mut requests: Vec<Request> = one_by_one.map(of_user).collect();
    match many {
        None => {}
        Some("all") => {
            let viewer = engine.schema().viewer;
            let rows = 0..engine.schema().entity(viewer).rows;
            requests.extend(rows.map(|row| of_user(engine.snapshot().key(viewer, row))));
        }
        Some(name) => requests.extend(from_file(program, name, base)?),
    }
    Ok(requests)
}

/// Requests from the file of `--users`; `-` is standard input.
fn from_file(program: &Program, name: &str, base: &Request) -> Result<Vec<Request>, Failure> {
    let table = match name {
        "-" => from_input(program, base)?,
        name => {
            let path = Path::new(name);
            files::is_regular(path).map_err(|e| not_a_file(name, &e))?;
            wire::read_requests(program, path, base).map_err(|e| unreadable(name, e))?
        }
    };
    if table.requests.is_empty() {
        out::say(format_args!("warning: --users {name}: there are no users"));
    }
    for column in &table.ignored {
        out::say(format_args!(
            "warning: --users {name}: the column `{column}` is not a parameter of the program and is ignored"
        ));
    }
    Ok(table.requests)
}

fn from_input(program: &Program, base: &Request) -> Result<RequestTable, Failure> {
    let mut bytes = Vec::new();
    let taken = std::io::stdin().read_to_end(&mut bytes);
    taken.map_err(|e| out::failed("standard input", &e))?;
    let copy = Scratch::new(extension_of(&bytes), &bytes);
    let copy = copy.map_err(|e| out::failed("a copy of standard input", &e))?;
    wire::read_requests(program, copy.path(), base).map_err(|mut error| {
        if let TableError::Data(error) = &mut error {
            error.file = Path::new("standard input").into();
        }
        unreadable("-", error)
    })
}

/// The extension of a file with these bytes.
fn extension_of(bytes: &[u8]) -> &'static str {
    const KINDS: [(&[u8], &str); 5] = [
        (b"PAR1", "parquet"),
        (b"ARROW1", "arrow"),
        (b"\x1f\x8b", "csv.gz"),
        (b"\x28\xb5\x2f\xfd", "csv.zst"),
        (b"{", "jsonl"),
    ];
    let known = KINDS.iter().find(|(magic, _)| bytes.starts_with(magic));
    known.map_or("csv", |(_, extension)| extension)
}

fn not_a_file(name: &str, error: &std::io::Error) -> Failure {
    let help = match error.kind() {
        ErrorKind::InvalidInput => "\nhelp: `--users -` reads standard input",
        _ => "",
    };
    Failure::Usage(format!("--users {name}: {error}{help}"))
}

fn unreadable(name: &str, error: TableError) -> Failure {
    match error {
        TableError::Data(error) => Failure::Data(error),
        other => Failure::Usage(format!("--users {name}: {other}")),
    }
}

/// Fails where the program and the users would both be read from standard input.
pub fn one_reader(program: &Path, users: Option<&str>) -> Result<(), Failure> {
    if users == Some("-") && program == Path::new("-") {
        let message = "standard input is either the program or the users";
        return Err(Failure::Usage(message.to_owned()));
    }
    Ok(())
}
