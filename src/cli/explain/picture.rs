//! A plan as pictures need it, with what a run of it took.

use super::args::ExplainArgs;
use super::nodes::details;
use crate::cli::plan::{self, Operator};
use crate::cli::{Failure, ProgramFile, users};
use crate::diag::Sink;
use crate::engine::{Engine, Program, RunOptions};
use crate::exec::Timing;
use crate::expr::NodeId;
use crate::request::Request;
use crate::source::{SourceId, Sources, Span};
use crate::syntax;
use std::collections::HashMap;
use std::ops::Range;

/// What a run took.
pub(super) struct Measured {
    pub(super) timings: Vec<Timing>,
    requests: usize,
}

/// Runs the program once to warm up, then once to measure.
pub(super) fn measure(
    engine: &Engine,
    program: &Program,
    args: &ExplainArgs,
    params: &[String],
) -> Result<Measured, Failure> {
    let base = crate::cli::params::base(program, args.at.as_deref(), params)?;
    let mut requests: Vec<Request> = users::keys(engine.schema(), &args.user)?
        .into_iter()
        .map(|key| Request {
            user: Some(key),
            ..base.clone()
        })
        .collect();
    if requests.is_empty() {
        requests.push(base);
    }
    engine.execute(program, &requests, &RunOptions::default())?;
    // what it keeps would take no time
    program.forget();
    let pass = engine.execute(program, &requests, &RunOptions::default())?;
    Ok(Measured {
        timings: pass.timings,
        requests: requests.len(),
    })
}

/// The plan as pictures need it.
pub(super) fn pictured(
    engine: &Engine,
    program: &Program,
    file: &ProgramFile,
    measured: Option<&Measured>,
) -> plan::Plan {
    let checked = program.checked();
    let demands = crate::plan::described(checked, engine.snapshot());
    let mut elsewhere = Elsewhere {
        sources: program.sources(),
        parsed: HashMap::new(),
        definitions: Vec::new(),
    };
    let ids = program.schedule().nodes();
    let mut operators: Vec<Operator> = ids
        .map(|id| {
            let expected = demands[id.0 as usize].1;
            operator(
                engine,
                program,
                file,
                id,
                expected,
                measured,
                &mut elsewhere,
            )
        })
        .collect();
    plan::tell_apart(&mut operators);
    plan::Plan {
        query: checked.query.clone(),
        file: file.name.clone(),
        source: file.text.clone(),
        operators,
        definitions: elsewhere.definitions,
        requests: measured.map(|m| m.requests),
    }
}

fn operator(
    engine: &Engine,
    program: &Program,
    file: &ProgramFile,
    id: NodeId,
    expected: f64,
    measured: Option<&Measured>,
    elsewhere: &mut Elsewhere,
) -> Operator {
    let (schema, checked) = (engine.schema(), program.checked());
    let node = checked.graph.get(id);
    let span = node.span;
    let is_program = |span: Span| *program.sources().get(span.source).name == *file.name;
    let uses = checked.uses.get(&id).map_or(&[][..], Vec::as_slice);
    let call = uses.iter().rev().find(|used| is_program(used.span));
    let result = checked.results.iter().find(|(_, result)| *result == id);
    let of_run = measured.map(|measured| {
        let timing = measured.timings.iter().find(|t| t.node == id);
        timing.map_or((0, 0), |t| {
            let rows = t.rows as f64 / measured.requests as f64;
            (rows.round() as u64, t.time.as_micros())
        })
    });
    let place = program.sources().position(span.source, span.start);
    let name = &program.sources().get(span.source).name;
    let mut written = uses.iter().map(|used| used.span).chain([span]);
    let line = written.find(|&span| is_program(span)).map(|span| {
        let place = program.sources().position(span.source, span.start);
        format!("line {}", place.line)
    });
    Operator {
        id: id.0,
        label: node.op.label(schema),
        details: details(engine, program, id),
        entity: schema.entity(node.shape.entity).name.clone(),
        inputs: node.inputs.iter().map(|i| i.0).collect(),
        reads: node
            .needs()
            .iter()
            .filter(|n| !node.inputs.contains(n))
            .map(|n| n.0)
            .collect(),
        at_most: node.shape.bound,
        expected: expected.round() as u64,
        measured: of_run,
        result: result.map(|(name, _)| name.clone().unwrap_or_default()),
        span: is_program(span).then(|| span.range()),
        call: call
            .filter(|_| !is_program(span))
            .map(|used| used.span.range()),
        definition: (!is_program(span)).then(|| elsewhere.find(span)).flatten(),
        within: uses
            .iter()
            .map(|used| used.name.clone())
            .chain(line)
            .collect(),
        place: format!("{name}:{}", place.line),
    }
}

/// The definitions that operators have from other files.
struct Elsewhere<'p> {
    pub(super) sources: &'p Sources,
    parsed: HashMap<SourceId, syntax::ast::File>,
    definitions: Vec<plan::Definition>,
}

impl Elsewhere<'_> {
    /// The definition around a place, and the place.
    pub(super) fn find(&mut self, span: Span) -> Option<(usize, Range<usize>)> {
        let source = self.sources.get(span.source);
        let parse = || syntax::parse(&source.text, span.source, &mut Sink::default());
        let file = self.parsed.entry(span.source).or_insert_with(parse);
        let around = |item: &&syntax::ast::Item| {
            item.span.start <= span.start && span.end <= item.span.end && span.start < span.end
        };
        let item = file.items.iter().find(around)?.span;
        let line = self.sources.position(item.source, item.start).line;
        let definition = plan::Definition {
            place: format!("{}:{line}", source.name),
            text: source.text.get(item.range())?.to_owned(),
            start: item.start as usize,
        };
        let known = self
            .definitions
            .iter()
            .position(|def| def.place == definition.place);
        let number = known.unwrap_or_else(|| {
            self.definitions.push(definition);
            self.definitions.len() - 1
        });
        Some((number, span.range()))
    }
}
