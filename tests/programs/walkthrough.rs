//! The walkthroughs of `docs/`: pages whose commands are run, and print what the page says.
//!
//! A page with a `console` block is one. It starts in a folder `films` of its own that holds a copy
//! of `examples/` and the tables of MovieLens, as the tutorial assumes. From top to bottom, a block
//! whose fence says `file=NAME` writes that file (`append=NAME` goes on with it), and in a
//! `console` block a line `$ igql ...` runs the command; the lines below are what it prints,
//! results before messages (those of a `run` that succeeds are left to `check`). A line `...`
//! stands for lines that are left out, and a time in the last cell of a table for any other. `run` prints tables, as on a terminal. A block whose fence
//! says `show=FILE` holds that program.
//!
//! `WALKTHROUGH_WRITE=1` puts programs and what is printed into the pages, as many lines as they
//! show now: read the difference before it is committed.

use libtest_mimic::{Failed, Trial};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const GAP: &str = "...";

pub fn trials() -> Vec<Trial> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let mut pages: Vec<PathBuf> = fs::read_dir(docs)
        .expect("docs/")
        .flatten()
        .map(|entry| entry.path())
        .filter(|page| page.extension().is_some_and(|e| e == "md"))
        .filter(|page| read(page).contains("```console\n"))
        .collect();
    pages.sort();
    assert!(!pages.is_empty(), "no page has a `console` block");
    pages
        .into_iter()
        .map(|page| {
            let file = page.file_name().expect("a name");
            let name = format!("docs/{}", file.display());
            Trial::test(name, move || walk(&page).map_err(Failed::from))
        })
        .collect()
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

/// Goes through a page; the error is every place that is not so.
fn walk(page: &Path) -> Result<(), String> {
    let place = tempfile::tempdir().expect("a folder");
    let folder = &place.path().join("films");
    furnish(folder);
    let text = read(page);
    let mut lines = text.lines().peekable();
    let (mut written, mut wrong) = (String::new(), Vec::new());
    let mut number = 0;
    while let Some(line) = lines.next() {
        number += 1;
        push(&mut written, line);
        let Some(info) = line.strip_prefix("```").filter(|info| !info.is_empty()) else {
            continue;
        };
        let mut block: Vec<&str> = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("```")) {
            block.push(line);
        }
        lines.next().expect("a block that is closed");
        write(info, &block.join("\n"), folder);
        let found = timed(&block, expected(info, &block, folder));
        let place = format!("{}:{number}", page.display());
        if found != block {
            wrong.push(difference(&place, &block, &found));
        }
        // written anew, a page would go on with what no longer works
        if found.iter().any(|line| line.contains("┆ failed ┆")) {
            wrong.push(format!("{place}: a training fails"));
        }
        found.iter().for_each(|line| push(&mut written, line));
        push(&mut written, "```");
        number += block.len() + 1;
    }
    if std::env::var_os("WALKTHROUGH_WRITE").is_some() {
        fs::write(page, written).expect("the page");
        wrong.retain(|what| what.ends_with("a training fails"));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n\n")) }
}

/// The lines that were found; where only the time that something took is another, as the page has it.
fn timed(block: &[&str], found: Vec<String>) -> Vec<String> {
    let mut shown = block.iter();
    let line = |line: String| match shown.next() {
        Some(&own) if without_time(own) == without_time(&line) => own.to_owned(),
        _ => line,
    };
    found.into_iter().map(line).collect()
}

/// A line of a table, without its last cell if that is a time.
fn without_time(line: &str) -> &str {
    let is_time = [" s │", " min │", " h │"].iter().any(|unit| line.ends_with(unit));
    match line.rfind('┆').filter(|_| is_time) {
        Some(cell) => &line[..cell],
        None => line,
    }
}

/// What a fence does with its block: `file=NAME` writes it, `append=NAME` adds it to a file.
fn write(info: &str, block: &str, folder: &Path) {
    for word in info.split_whitespace() {
        if let Some(name) = word.strip_prefix("file=") {
            fs::write(folder.join(name), format!("{block}\n")).expect("a file");
        } else if let Some(name) = word.strip_prefix("append=") {
            let before = read(&folder.join(name));
            fs::write(folder.join(name), format!("{before}{block}\n")).expect("a file");
        }
    }
}

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// What the block should say.
fn expected(info: &str, block: &[&str], folder: &Path) -> Vec<String> {
    if info == "console" {
        return console(block, folder);
    }
    match info.split_whitespace().find_map(|w| w.strip_prefix("show=")) {
        Some(name) => program(&read(&folder.join(name))),
        None => block.iter().map(|line| (*line).to_owned()).collect(),
    }
}

/// A program without the comment at its head, which the page says at greater length.
fn program(text: &str) -> Vec<String> {
    text.lines()
        .skip_while(|line| line.starts_with('#') && !line.starts_with("##"))
        .skip_while(|line| line.is_empty())
        .map(str::to_owned)
        .collect()
}

/// What a folder holds before a page begins.
fn furnish(folder: &Path) {
    fs::create_dir(folder).expect("a folder");
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    copy(&examples, &folder.join("examples"));
    for table in ["movies.csv", "ratings.csv", "tags.csv"] {
        fs::copy(examples.join("movies").join(table), folder.join(table)).expect("a table");
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() && name != ".igql" {
            copy(&path, &to.join(name));
        } else if path.is_file() {
            fs::copy(&path, to.join(name)).expect("a file");
        }
    }
}

/// The block as the commands in it print: as many lines of each as the block shows.
fn console(block: &[&str], folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = block;
    while let Some((command, after)) = rest.split_first() {
        let shown = after.iter().take_while(|line| !line.starts_with("$ ")).count();
        let (expected, next) = after.split_at(shown);
        rest = next;
        found.push((*command).to_owned());
        let command = command.strip_prefix("$ igql ").expect("`$ igql ...`");
        let printed = run(command, folder);
        match expected.iter().position(|line| *line == GAP) {
            Some(head) if expected.len() - 1 < printed.len() => {
                let tail = printed.len() - (expected.len() - 1 - head);
                found.extend_from_slice(&printed[..head]);
                found.push(GAP.to_owned());
                found.extend_from_slice(&printed[tail..]);
            }
            _ => found.extend(printed),
        }
    }
    found
}

/// What `igql` prints.
fn run(arguments: &str, folder: &Path) -> Vec<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_igql"));
    command.current_dir(folder).env("NO_COLOR", "1");
    command.args(words(arguments));
    if arguments.starts_with("run ")
        && !["--format", " -o "].iter().any(|word| arguments.contains(word))
    {
        command.args(["--format", "table"]);
    }
    let output = command.output().expect("igql runs");
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !(arguments.starts_with("run ") && output.status.success()) {
        text.push_str(&String::from_utf8_lossy(&output.stderr));
    }
    let lines: Vec<String> = text.lines().map(|line| line.trim_end().to_owned()).collect();
    let empty_ends = lines.iter().rev().take_while(|line| line.is_empty()).count();
    lines[..lines.len() - empty_ends].to_vec()
}

/// The words of a command; quotes hold spaces.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in text.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c == ' ' => words.push(String::new()),
            _ => words.last_mut().expect("a word").push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn difference(place: &str, expected: &[&str], found: &[String]) -> String {
    format!(
        "{place}: differs\n--- the page\n{}\n--- found\n{}",
        expected.join("\n"),
        found.join("\n")
    )
}
