//! One case, several treatments, one answer.

use super::case::Case;
use super::engine::Opened;
use super::output::{Output, difference};
use crate::reference::{Request, World};
use std::path::Path;

/// A request, the answer it must have, and whether floats need only be near.
pub type Asked = (Request, Output, bool);

/// Runs the program in every way there is; all answers must be that of the reference.
pub fn compare(case: &Case, world: &World, folder: &Path, asked: &[Asked]) -> Result<(), String> {
    let one = Opened::open(folder, 1);
    alone("one thread", &one, &case.program, asked)?;
    together("a batch", &one, &case.program, world, asked)?;
    rewritten(&one, &case.program, asked)?;
    let two = Opened::open(folder, 2);
    alone("two threads", &two, &case.program, asked)?;
    together("a batch with two threads", &two, &case.program, world, asked)?;
    alone("printed and parsed again", &one, &printed(&case.program), asked)?;
    drop((one, two));
    std::fs::remove_dir_all(folder.join(".igql"))
        .map_err(|e| format!("there is no .igql to delete: {e}"))?;
    alone("built again", &Opened::open(folder, 1), &case.program, asked)
}

fn alone(treatment: &str, engine: &Opened, program: &str, asked: &[Asked]) -> Result<(), String> {
    for (request, expected, approx) in asked {
        let found = engine
            .run(program, std::slice::from_ref(request))
            .map_err(|e| format!("{treatment}: {e}"))?;
        verdict(treatment, request, expected, &found[0], *approx)?;
    }
    Ok(())
}

/// As it is written, and after single rewrites.
fn rewritten(engine: &Opened, program: &str, asked: &[Asked]) -> Result<(), String> {
    for (request, expected, approx) in asked {
        for found in engine.run_rewritten(program, std::slice::from_ref(request))? {
            let answer = &found.answers[0];
            verdict(&found.to_string(), request, expected, answer, *approx)?;
        }
        for answers in engine.run_kept(program, std::slice::from_ref(request), 1 << 30)? {
            verdict("with kept rows", request, expected, &answers[0], *approx)?;
        }
    }
    Ok(())
}

/// Each request among those of the first users of the world, and the others of the case.
fn together(
    treatment: &str,
    engine: &Opened,
    program: &str,
    world: &World,
    asked: &[Asked],
) -> Result<(), String> {
    for (request, expected, approx) in asked.iter().filter(|a| a.0.viewer.is_some()) {
        let others = world.entities[world.viewer].keys.iter().take(5);
        let mut batch: Vec<Request> =
            others.map(|k| Request { viewer: Some(k.clone()), ..request.clone() }).collect();
        let place = batch.len() / 2;
        batch.insert(place, request.clone());
        // and those with other parameters and times
        let same = asked.iter().map(|(other, ..)| other);
        let same = same.filter(|other| other.viewer.is_some() && other.query == request.query);
        batch.extend(same.cloned());
        let found = engine.run(program, &batch).map_err(|e| format!("{treatment}: {e}"))?;
        verdict(treatment, request, expected, &found[place], *approx)?;
    }
    Ok(())
}

fn verdict(
    treatment: &str,
    request: &Request,
    expected: &Output,
    found: &Output,
    approx: bool,
) -> Result<(), String> {
    match difference(expected, found, approx) {
        Some(difference) => Err(format!("{treatment}, {request:?}: {difference}")),
        None => Ok(()),
    }
}

/// The program as the formatter writes it.
pub fn printed(program: &str) -> String {
    let mut sink = igql::diag::Sink::default();
    let id = igql::source::Sources::default().add("<case>", program);
    let file = igql::syntax::parse(program, id, &mut sink);
    assert!(!sink.has_errors(), "a program without errors has some: {sink:?}");
    igql::syntax::print(&file)
}
