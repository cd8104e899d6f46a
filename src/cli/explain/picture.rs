//! A plan as pictures need it, with what a run of it took.

use super::args::ExplainArgs;
use super::nodes::{brief, given};
use crate::cli::plan::{self, Operator};
use crate::cli::progress::Within;
use crate::cli::{Failure, users};
use crate::diag::Sink;
use crate::engine::{Engine, Program, RunOptions};
use crate::exec::Timing;
use crate::expr::NodeId;
use crate::ops::Limits;
use crate::request::Request;
use crate::source::{SourceId, Span};
use crate::syntax;
use std::collections::HashMap;
use std::ops::Range;

/// What a run took.
pub(super) struct Measured {
    pub(super) timings: Vec<Timing>,
    requests: usize,
}

impl Measured {
    /// Rows and microseconds of an operator for a request.
    fn of(&self, id: NodeId) -> (u64, u128) {
        let timing = self.timings.iter().find(|t| t.node == id);
        timing.map_or((0, 0), |t| {
            let rows = t.rows as f64 / self.requests as f64;
            (rows.round() as u64, t.time.as_micros())
        })
    }
}

/// Runs the program once to warm up, then once to measure.
pub(super) fn measure(
    engine: &Engine,
    program: &Program,
    args: &ExplainArgs,
    params: &[String],
    within: &Within,
) -> Result<Measured, Failure> {
    let base = crate::cli::params::base(program, args.at.as_deref(), params, &args.arm)?;
    let mut requests: Vec<Request> = users::keys(engine.schema(), &args.user)?
        .into_iter()
        .map(|key| Request { user: Some(key), ..base.clone() })
        .collect();
    if requests.is_empty() {
        requests.push(base);
    }
    let options = RunOptions { limits: within.limits(Limits::default()), ..RunOptions::default() };
    engine.execute(program, &requests, &options)?;
    // what it keeps would take no time
    program.forget();
    let pass = engine.execute(program, &requests, &options)?;
    Ok(Measured { timings: pass.timings, requests: requests.len() })
}

/// The plan as pictures need it.
pub(super) fn pictured(
    engine: &Engine,
    program: &Program,
    measured: Option<&Measured>,
) -> plan::Plan {
    let checked = program.checked();
    let source = program.sources().get(program.source());
    let demands = crate::plan::described(checked, engine.snapshot());
    let mut picture =
        Picture { engine, program, measured, parsed: HashMap::new(), definitions: Vec::new() };
    let ids = program.schedule().nodes();
    let operators = ids.map(|id| picture.operator(id, demands[id.0 as usize].1));
    let mut operators: Vec<Operator> = operators.collect();
    plan::tell_apart(&mut operators);
    plan::Plan {
        query: checked.query.clone(),
        file: source.name.to_string(),
        source: source.text.to_string(),
        operators,
        definitions: picture.definitions,
        requests: measured.map(|m| m.requests),
    }
}

/// What a picture is made of.
struct Picture<'p> {
    engine: &'p Engine,
    program: &'p Program,
    measured: Option<&'p Measured>,
    parsed: HashMap<SourceId, syntax::ast::File>,
    /// Those that operators have from other files.
    definitions: Vec<plan::Definition>,
}

impl Picture<'_> {
    fn operator(&mut self, id: NodeId, expected: f64) -> Operator {
        let (schema, checked) = (self.engine.schema(), self.program.checked());
        let node = checked.graph.get(id);
        let needs = node.needs();
        let reads = needs.iter().filter(|n| !node.inputs.contains(n));
        let result = checked.results.iter().find(|(_, result)| *result == id);
        let uses = checked.uses.get(&id).map_or(&[][..], Vec::as_slice);
        let (span, here) = (node.span, self.is_here(node.span));
        let call = uses.iter().rev().find(|used| self.is_here(used.span));
        let mut written = uses.iter().map(|used| used.span).chain([span]);
        let line = written.find(|span| self.is_here(*span));
        let line = line.map(|span| format!("line {}", self.place(span).1));
        let within = uses.iter().map(|used| used.name.clone()).chain(line);
        let (source, line) = self.place(span);
        Operator {
            id: id.0,
            label: node.op.label(schema),
            details: self.details(id),
            entity: schema.entity(node.shape.entity).name.clone(),
            inputs: node.inputs.iter().map(|i| i.0).collect(),
            reads: reads.map(|n| n.0).collect(),
            at_most: node.shape.bound,
            expected: expected.round() as u64,
            measured: self.measured.map(|measured| measured.of(id)),
            result: result.map(|(name, _)| name.clone().unwrap_or_default()),
            span: here.then(|| span.range()),
            call: call.filter(|_| !here).map(|used| used.span.range()),
            place: format!("{source}:{line}"),
            within: within.collect(),
            definition: match here {
                true => None,
                false => self.definition(span),
            },
        }
    }

    /// The arguments, with the inputs of a model by their names.
    fn details(&self, id: NodeId) -> String {
        let brief = brief(self.engine, self.program, id);
        let given = given(self.engine, self.program, id);
        let names: Vec<String> = given.into_iter().map(|(name, _)| name).collect();
        match names.is_empty() {
            true => brief,
            false => format!("{brief}, given=[{}]", names.join(", ")),
        }
    }

    /// Whether a place is in the file of the program.
    fn is_here(&self, span: Span) -> bool {
        span.source == self.program.source()
    }

    /// The name of the file, and the line.
    fn place(&self, span: Span) -> (&str, usize) {
        let sources = self.program.sources();
        let line = sources.position(span.source, span.start).line;
        (&sources.get(span.source).name, line)
    }

    /// The definition around a place of another file, and the place.
    fn definition(&mut self, span: Span) -> Option<(usize, Range<usize>)> {
        let source = self.program.sources().get(span.source);
        let parse = || syntax::parse(&source.text, span.source, &mut Sink::default());
        let file = self.parsed.entry(span.source).or_insert_with(parse);
        let around = |item: &&syntax::ast::Item| {
            item.span.start <= span.start && span.end <= item.span.end && span.start < span.end
        };
        let item = file.items.iter().find(around)?.span;
        let (name, line) = self.place(item);
        let definition = plan::Definition {
            place: format!("{name}:{line}"),
            text: source.text.get(item.range())?.to_owned(),
            start: item.start as usize,
        };
        let mut known = self.definitions.iter();
        let known = known.position(|def| def.place == definition.place);
        let number = known.unwrap_or_else(|| {
            self.definitions.push(definition);
            self.definitions.len() - 1
        });
        Some((number, span.range()))
    }
}
