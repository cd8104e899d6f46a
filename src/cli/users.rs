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
    let one_by_one = keys(engine.schema(), one_by_one)?.into_iter();
    let mut requests: Vec<Request> =
        one_by_one.map(|user| Request { user: Some(user), ..base.clone() }).collect();
    if let Some(name) = many {
        requests.extend(many_of("--users", program, base, name)?);
    }
    Ok(requests)
}

/// Requests from what an option names: `all` users, a file, or `-` for standard input.
pub fn many_of(
    option: &str,
    program: &Program,
    base: &Request,
    name: &str,
) -> Result<Vec<Request>, Failure> {
    let table = match name {
        "all" => {
            let of_user = |user| Request { user: Some(user), ..base.clone() };
            return Ok(program.users().map(of_user).collect());
        }
        "-" => from_input(option, program, base)?,
        name => {
            let path = Path::new(name);
            files::is_regular(path).map_err(|e| not_a_file(option, name, &e))?;
            let table = wire::read_requests(program, path, base);
            table.map_err(|e| unreadable(option, name, e))?
        }
    };
    if table.requests.is_empty() {
        out::say(format_args!("warning: {option} {name}: there are no users"));
    }
    for column in &table.ignored {
        out::say(format_args!(
            "warning: {option} {name}: the column `{column}` is not a parameter of the program and is ignored"
        ));
    }
    Ok(table.requests)
}

fn from_input(option: &str, program: &Program, base: &Request) -> Result<RequestTable, Failure> {
    let mut bytes = Vec::new();
    let taken = std::io::stdin().read_to_end(&mut bytes);
    taken.map_err(|e| out::failed("standard input", &e))?;
    let copy = Scratch::new(extension_of(&bytes), &bytes);
    let copy = copy.map_err(|e| out::failed("a copy of standard input", &e))?;
    wire::read_requests(program, copy.path(), base).map_err(|mut error| {
        if let TableError::Data(error) = &mut error {
            error.file = Path::new("standard input").into();
        }
        unreadable(option, "-", error)
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

fn not_a_file(option: &str, name: &str, error: &std::io::Error) -> Failure {
    let help = match error.kind() {
        ErrorKind::InvalidInput => format!("\nhelp: `{option} -` reads standard input"),
        _ => String::new(),
    };
    Failure::Usage(format!("{option} {name}: {error}{help}"))
}

fn unreadable(option: &str, name: &str, error: TableError) -> Failure {
    match error {
        TableError::Data(error) => Failure::Data(error),
        other => Failure::Usage(format!("{option} {name}: {other}")),
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
