//! `igql explain`: the stages between text and rows.

mod args;
mod nodes;
mod picture;
mod text;

use super::out::Place;
use super::plan;
use super::progress::Within;
use super::{Failure, ProgramFile, Project, draw};
use crate::diag::{Diagnostic, Sink};
use crate::engine::{Engine, Program, has_errors};
use crate::exec::Timing;
use crate::expr::NodeId;
use crate::files;
use crate::source::Sources;
use crate::syntax;
pub use args::ExplainArgs;
use args::{Format, Stage, objection};
use nodes::{node, nodes_of, quantities};
use picture::{measure, pictured};
use serde_json::{Value as Json, json};
pub use text::plan_text;
use text::text;

pub fn explain(project: &Project, args: &ExplainArgs) -> Result<(), Failure> {
    let place = Place::of(args.output.as_deref());
    let args = &understood(args, &place)?;
    let mut file = ProgramFile::read(&args.file)?;
    if matches!(args.stage, Stage::Tokens | Stage::Ast) {
        let is_program = |target| files::is_same(target, &args.file);
        if place.file().is_some_and(is_program) {
            let file = args.file.display();
            let message = format!("-o {file}: this is the program\nhelp: name another file");
            return Err(Failure::Usage(message));
        }
        let (text, found, sources) = parsed(&file.name, &file.text, args);
        place.write(&text)?;
        draw(&found, &sources);
        return if has_errors(&found) { Err(Failure::Program) } else { Ok(()) };
    }
    let engine = project.open(Some(&args.file))?;
    let params = file.tune(&engine, args.query.as_deref(), &args.param)?;
    let program = file.program(&engine, args.query.as_deref())?;
    project.spare_inputs(&place, &args.file, &engine, &program, None)?;
    place.write(&explained(&engine, &program, args, &params, &Within::command())?)
}

/// The options with the format that they mean, if they go together.
fn understood(args: &ExplainArgs, place: &Place) -> Result<ExplainArgs, Failure> {
    let args = ExplainArgs { shown: Format::of(args, place)?, ..args.clone() };
    match objection(&args) {
        Some(message) => Err(Failure::Usage(message)),
        None => Ok(args),
    }
}

/// What is shown of a program whose file nobody has to know.
pub fn shown(
    engine: &Engine,
    program: &Program,
    params: &[String],
    args: &ExplainArgs,
    within: &Within,
) -> Result<String, Failure> {
    let args = &understood(args, &Place::Stdout)?;
    match args.stage {
        Stage::Tokens | Stage::Ast => {
            let source = program.sources().get(program.source());
            Ok(parsed(&source.name, &source.text, args).0)
        }
        _ => explained(engine, program, args, params, within),
    }
}

/// The stages behind names and types.
fn explained(
    engine: &Engine,
    program: &Program,
    args: &ExplainArgs,
    params: &[String],
    within: &Within,
) -> Result<String, Failure> {
    let measured = match args.runs() {
        true => Some(measure(engine, program, args, params, within)?),
        false => None,
    };
    let picture = match args.shown {
        Format::Dot => plan::dot,
        Format::Svg => plan::svg,
        Format::Html => plan::html,
        Format::Text | Format::Json => {
            let timings = measured.as_ref().map(|m| &m.timings[..]);
            return Ok(described(engine, program, args, timings));
        }
    };
    Ok(picture(&pictured(engine, program, measured.as_ref())))
}

/// The stages as text and JSON.
fn described(
    engine: &Engine,
    program: &Program,
    args: &ExplainArgs,
    timings: Option<&[Timing]>,
) -> String {
    let checked = program.checked();
    let nodes: Vec<NodeId> = match args.stage {
        Stage::Typed => (0..checked.graph.len() as u32).map(NodeId).collect(),
        _ => nodes_of(program.schedule()),
    };
    let demands = crate::plan::described(checked, engine.snapshot());
    let described = nodes.into_iter().map(|id| {
        let mut node = node(engine, program, id, &demands);
        if let Some(timings) = timings {
            let timing = timings.iter().find(|t| t.node == id);
            node["rows"] = timing.map_or(0, |t| t.rows).into();
            node["us"] = (timing.map_or(0, |t| t.time.as_micros()) as u64).into();
        }
        node
    });
    let described: Vec<Json> = described.collect();
    match args.shown {
        Format::Json => {
            let results = checked.results.iter();
            let results = results.map(|(name, id)| json!({"name": name, "node": id.0}));
            let results: Vec<Json> = results.collect();
            let report = json!({
                "query": checked.query,
                "nodes": described,
                "results": results,
                "experiments": checked.read_experiments().map(|e| &e.name).collect::<Vec<_>>(),
                "quantities": quantities(engine, program),
            });
            format!("{report:#}\n")
        }
        _ => text(engine, program, &described, args.stage),
    }
}

/// The stages that need no catalog, and what is wrong with the text.
fn parsed(name: &str, text: &str, args: &ExplainArgs) -> (String, Vec<Diagnostic>, Sources) {
    let mut sources = Sources::default();
    let source = sources.add(name, text);
    let mut sink = Sink::default();
    let text = match args.stage {
        Stage::Tokens => {
            let tokens = syntax::tokens(text, source, &mut sink);
            tokens
                .iter()
                .map(|t| format!("{}..{} {:?}\n", t.span.start, t.span.end, t.token))
                .collect()
        }
        _ => syntax::dump(&syntax::parse(text, source, &mut sink)),
    };
    let text = match args.shown {
        Format::Json => format!("{:#}\n", text.lines().map(Json::from).collect::<Json>()),
        _ => text,
    };
    (text, sink.finish(), sources)
}
