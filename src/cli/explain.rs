//! `igql explain`: the stages between text and rows.

use super::out::Place;
use super::plan::{self, Operator};
use super::{Failure, ProgramFile, Project, draw, users};
use crate::diag::Sink;
use crate::engine::{Engine, Program, has_errors};
use crate::exec::{Schedule, Timing};
use crate::expr::NodeId;
use crate::files;
use crate::ops::Limits;
use crate::plan::Reason;
use crate::request::Request;
use crate::source::{SourceId, Sources, Span};
use crate::syntax;
use crate::visible::{visible, visible_lines};
use clap::{Args, ValueEnum};
use serde_json::{Value as Json, json};
use std::collections::HashMap;
use std::collections::HashSet;
use std::ops::Range;
use std::path::PathBuf;

#[derive(Args, Clone)]
#[command(after_help = "Examples:\n  \
    igql explain page.igql\n  \
    igql explain page.igql --analyze --user 42\n  \
    igql explain page.igql --analyze --user 42 -o plan.html\n  \
    igql explain page.igql --stage ast")]
pub struct ExplainArgs {
    /// The program (`-` for standard input)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The query, if the file has several
    #[arg(long, value_name = "NAME")]
    query: Option<String>,
    /// Which stage to show
    #[arg(long, value_enum, default_value_t = Stage::Plan)]
    stage: Stage,
    /// How to show it [default: as the file's ending says, else text]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// That, with what the ending says
    #[arg(skip)]
    shown: Format,
    /// Write to this file instead of standard output. Its ending says the format: .txt, .md, .json,
    /// .dot, .svg or .html
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Run the program and show rows and time of every operator (`--stage profile` is the same). An
    /// operator makes, and counts, no more rows than are used: none if it has nothing to do
    #[arg(long)]
    analyze: bool,
    /// User to run for, with `--analyze`; may be repeated
    #[arg(long, value_name = "ID")]
    user: Vec<String>,
    /// What `now` is, with `--analyze` [default: the catalog's]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// A parameter of the program, with `--analyze`
    #[arg(long, value_name = "NAME=VALUE")]
    param: Vec<String>,
    #[command(flatten, next_help_heading = "Data and threads")]
    pub(super) project: Project,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stage {
    /// The words of the text
    Tokens,
    /// The tree, before any name has a meaning
    Ast,
    /// Every operator with its entity, columns and bound, as checked
    Typed,
    /// The operators that the result needs, equal ones shared
    Dag,
    /// The order in which they run
    Plan,
    /// The plan with rows and times of a run
    Profile,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
    /// For Graphviz
    Dot,
    /// A picture
    Svg,
    /// A page with the picture, the program and the times
    Html,
}

impl Format {
    /// The endings of files that say how to show it.
    const ENDINGS: [(&str, Format); 9] = [
        ("txt", Format::Text),
        ("text", Format::Text),
        ("md", Format::Text),
        ("json", Format::Json),
        ("dot", Format::Dot),
        ("gv", Format::Dot),
        ("svg", Format::Svg),
        ("html", Format::Html),
        ("htm", Format::Html),
    ];

    /// The format that is asked for, else the one that the ending of the file says.
    fn of(args: &ExplainArgs, place: &Place) -> Result<Format, Failure> {
        // that the file is the program is told by what looks at the inputs
        let target = place
            .file()
            .filter(|target| !files::is_same(target, &args.file));
        let (None, Some(file)) = (args.format, target) else {
            return Ok(args.format.unwrap_or(Format::Text));
        };
        let ending = file.extension().map(|e| e.to_string_lossy().to_lowercase());
        let known = Format::ENDINGS
            .iter()
            .find(|(e, _)| ending.as_deref() == Some(*e));
        known.map(|(_, format)| *format).ok_or_else(|| {
            let file = file.display();
            Failure::Usage(format!(
                "-o {file}: the ending does not name a format\nhelp: the endings are .txt, .md, .json, .dot, \
                 .svg and .html; with `--format` any name will do"
            ))
        })
    }
}

pub fn explain(project: &Project, args: &ExplainArgs) -> Result<(), Failure> {
    let place = Place::of(args.output.as_deref());
    let args = &ExplainArgs {
        shown: Format::of(args, &place)?,
        ..args.clone()
    };
    if let Some(message) = objection(args) {
        return Err(Failure::Usage(message));
    }
    let mut file = ProgramFile::read(&args.file)?;
    if matches!(args.stage, Stage::Tokens | Stage::Ast) {
        if place
            .file()
            .is_some_and(|target| files::is_same(target, &args.file))
        {
            let message = format!("-o {}: this is the program", args.file.display());
            return Err(Failure::Usage(format!(
                "{message}\nhelp: name another file"
            )));
        }
        return parsed(&file, args, place);
    }
    let engine = project.open(Some(&args.file))?;
    let params = file.tune(&engine, args.query.as_deref(), &args.param)?;
    let program = file.program(&engine, args.query.as_deref())?;
    project.spare_inputs(&place, &args.file, &engine, &program, None)?;
    let measured = match args.runs() {
        true => Some(measure(&engine, &program, args, &params)?),
        false => None,
    };
    let picture = match args.shown {
        Format::Dot => plan::dot,
        Format::Svg => plan::svg,
        Format::Html => plan::html,
        Format::Text | Format::Json => {
            let timings = measured.as_ref().map(|m| &m.timings[..]);
            return place.write(&described(&engine, &program, args, timings));
        }
    };
    place.write(&picture(&pictured(
        &engine,
        &program,
        &file,
        measured.as_ref(),
    )))
}

/// What a run took.
struct Measured {
    timings: Vec<Timing>,
    requests: usize,
}

impl ExplainArgs {
    fn runs(&self) -> bool {
        self.analyze || self.stage == Stage::Profile
    }

    fn draws(&self) -> bool {
        matches!(self.shown, Format::Dot | Format::Svg | Format::Html)
    }
}

/// Why the options do not go together.
fn objection(args: &ExplainArgs) -> Option<String> {
    let is_text = matches!(args.stage, Stage::Tokens | Stage::Ast);
    let request = [
        ("--user", !args.user.is_empty()),
        ("--at", args.at.is_some()),
        ("--param", !args.param.is_empty()),
    ];
    let unused = request.into_iter().find(|(_, given)| *given);
    if args.draws() && !matches!(args.stage, Stage::Plan | Stage::Profile) {
        return Some("pictures are of the plan: leave out `--stage`".to_owned());
    }
    if is_text && args.analyze {
        return Some("this stage does not run: leave out `--stage` or `--analyze`".to_owned());
    }
    if is_text && args.query.is_some() {
        return Some("`--query` has no effect on this stage".to_owned());
    }
    match unused {
        Some((option, _)) if !args.runs() => {
            Some(format!("`{option}` has no effect without `--analyze`"))
        }
        _ => None,
    }
}

/// Runs the program once to warm up, then once to measure.
fn measure(
    engine: &Engine,
    program: &Program,
    args: &ExplainArgs,
    params: &[String],
) -> Result<Measured, Failure> {
    let base = super::params::base(engine, program, args.at.as_deref(), params)?;
    let mut requests: Vec<Request> = users::keys(engine, &args.user, None)?
        .into_iter()
        .map(|key| Request {
            user: Some(key),
            ..base.clone()
        })
        .collect();
    if requests.is_empty() {
        requests.push(base);
    }
    engine.run_pass(program, &requests, Limits::default())?;
    // what it keeps would take no time
    program.forget();
    let pass = engine.run_pass(program, &requests, Limits::default())?;
    Ok(Measured {
        timings: pass.timings,
        requests: requests.len(),
    })
}

/// The plan as pictures need it.
fn pictured(
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
    sources: &'p Sources,
    parsed: HashMap<SourceId, syntax::ast::File>,
    definitions: Vec<plan::Definition>,
}

impl Elsewhere<'_> {
    /// The definition around a place, and the place.
    fn find(&mut self, span: Span) -> Option<(usize, Range<usize>)> {
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

/// The stages as text and JSON.
fn described(
    engine: &Engine,
    program: &Program,
    args: &ExplainArgs,
    timings: Option<&[Timing]>,
) -> String {
    let nodes: Vec<NodeId> = match args.stage {
        Stage::Typed => (0..program.checked().graph.len() as u32)
            .map(NodeId)
            .collect(),
        _ => nodes_of(program.schedule()),
    };
    let demands = crate::plan::described(program.checked(), engine.snapshot());
    let described: Vec<Json> = nodes
        .iter()
        .map(|&id| {
            let mut node = node(engine, program, id, &demands);
            if let Some(timings) = timings {
                let timing = timings.iter().find(|t| t.node == id);
                node["rows"] = timing.map_or(0, |t| t.rows).into();
                node["us"] = (timing.map_or(0, |t| t.time.as_micros()) as u64).into();
            }
            node
        })
        .collect();
    match args.shown {
        Format::Json => {
            let results: Vec<Json> = program
                .checked()
                .results
                .iter()
                .map(|(name, id)| json!({"name": name, "node": id.0}))
                .collect();
            let report = json!({
                "query": program.checked().query,
                "nodes": described,
                "results": results,
                "quantities": quantities(engine, program),
            });
            format!("{report:#}\n")
        }
        _ => text(engine, program, &described, args.stage),
    }
}

/// What runs, and behind it what runs for other viewers.
fn nodes_of(schedule: &Schedule) -> Vec<NodeId> {
    let (mut nodes, mut known) = (Vec::new(), HashSet::new());
    let (mut open, mut opened) = (vec![schedule], HashSet::new());
    while let Some(schedule) = open.pop() {
        nodes.extend(schedule.nodes().filter(|id| known.insert(*id)));
        let nested = schedule.all_nested().filter(|(id, _)| opened.insert(*id));
        open.extend(nested.map(|(_, nested)| nested));
    }
    nodes
}

/// The stages that need no catalog.
fn parsed(file: &ProgramFile, args: &ExplainArgs, place: Place) -> Result<(), Failure> {
    let mut sources = Sources::default();
    let source = sources.add(file.name.as_str(), file.text.as_str());
    let mut sink = Sink::default();
    let text = match args.stage {
        Stage::Tokens => {
            let tokens = syntax::tokens(&file.text, source, &mut sink);
            tokens
                .iter()
                .map(|t| format!("{}..{} {:?}\n", t.span.start, t.span.end, t.token))
                .collect()
        }
        _ => syntax::dump(&syntax::parse(&file.text, source, &mut sink)),
    };
    place.write(&match args.shown {
        Format::Json => format!("{:#}\n", text.lines().map(Json::from).collect::<Json>()),
        _ => text,
    })?;
    let found = sink.finish();
    draw(&found, &sources);
    if has_errors(&found) {
        Err(Failure::Program)
    } else {
        Ok(())
    }
}

/// What is asked of each node, and what to expect there.
type Demands = [(Option<f64>, f64)];

/// The numbers that the program leaves open: what they became, and why.
fn quantities(engine: &Engine, program: &Program) -> Vec<Json> {
    let checked = program.checked();
    let choices = checked.autos.iter().zip(&program.plan().choices);
    let choices = choices.filter(|(_, choice)| choice.reason != Reason::Unread);
    let reported = choices.map(|(auto, choice)| {
        let span = auto.place.fanout;
        let place = program.sources().position(span.source, span.start);
        let node = auto.nodes.first().map(|&id| checked.graph.get(id));
        json!({
            "op": node.map(|node| node.op.label(engine.schema())),
            "nodes": auto.nodes.iter().map(|id| id.0).collect::<Vec<_>>(),
            "constant": auto.constant,
            "number": auto.number,
            "reason": choice.reason.to_string(),
            "at": {"file": &*program.sources().get(span.source).name, "line": place.line, "column": place.column},
        })
    });
    reported.collect()
}

/// The arguments of an operator, with bound columns by their names in the place of their numbers.
fn details(engine: &Engine, program: &Program, id: NodeId) -> String {
    let graph = &program.checked().graph;
    let node = graph.get(id);
    let mut names: Vec<&str> = Vec::new();
    if let Some(&input) = node.inputs.first() {
        let columns = &graph.shape(input).columns;
        names.extend(columns.iter().map(|c| c.name.as_str()));
    }
    for name in node.op.binds() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let text = node.op.details(engine.schema());
    let mut parts = text.split('$');
    let mut named = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit());
        let (number, rest) = part.split_at(end.unwrap_or(part.len()));
        match number.parse().ok().and_then(|i: usize| names.get(i)) {
            Some(name) => named.push_str(name),
            None => named.push_str(&format!("${number}")),
        }
        named.push_str(rest);
    }
    named
}

fn node(engine: &Engine, program: &Program, id: NodeId, demands: &Demands) -> Json {
    let schema = engine.schema();
    let node = program.checked().graph.get(id);
    let place = program
        .sources()
        .position(node.span.source, node.span.start);
    let columns: Vec<String> = node
        .shape
        .columns
        .iter()
        .map(|c| format!("{}: {}", c.name, schema.type_name(&c.ty)))
        .collect();
    let wave = program
        .schedule()
        .waves
        .iter()
        .position(|w| w.contains(&id));
    let (wanted, expected) = demands[id.0 as usize];
    json!({
        "node": id.0,
        "op": node.op.name(),
        "details": details(engine, program, id),
        "inputs": node.inputs.iter().map(|i| i.0).collect::<Vec<_>>(),
        "reads": node.needs().iter().filter(|n| !node.inputs.contains(n)).map(|n| n.0).collect::<Vec<_>>(),
        "entity": schema.entity(node.shape.entity).name,
        "columns": columns,
        "at_most": node.shape.bound,
        "wanted": wanted.map(|rows| rows.ceil() as u64),
        "expected": expected.round() as u64,
        "contributions": contributions(engine, program, id),
        "wave": wave,
        "lazy": program.schedule().is_lazy(id),
        "at": {"file": &*program.sources().get(node.span.source).name, "line": place.line, "column": place.column},
    })
}

/// The plan as text.
pub fn plan_text(engine: &Engine, program: &Program) -> String {
    let demands = crate::plan::described(program.checked(), engine.snapshot());
    let nodes: Vec<Json> = program
        .schedule()
        .nodes()
        .map(|id| node(engine, program, id, &demands))
        .collect();
    text(engine, program, &nodes, Stage::Plan)
}

/// Most contributions that the operator can merge for a request.
fn contributions(engine: &Engine, program: &Program, id: NodeId) -> Option<u64> {
    program.checked().graph.contributions(id, engine.snapshot())
}

fn text(engine: &Engine, program: &Program, nodes: &[Json], stage: Stage) -> String {
    let mut text = format!("query {}\n", program.checked().query);
    let mut wave = None;
    for node in nodes {
        if matches!(stage, Stage::Plan | Stage::Profile) && Some(&node["wave"]) != wave {
            wave = Some(&node["wave"]);
            text.push_str(&match &node["wave"] {
                Json::Null => "for each row of `as_viewer`\n".to_owned(),
                wave => format!("wave {wave}\n"),
            });
        }
        text.push_str(&line(node, stage));
    }
    for (name, id) in &program.checked().results {
        text.push_str(&format!(
            "result {}#{}\n",
            name.as_ref().map_or(String::new(), |n| format!("{n} = ")),
            id.0
        ));
    }
    if matches!(stage, Stage::Plan | Stage::Profile) {
        text.extend(quantities(engine, program).iter().map(quantity));
    }
    text
}

/// `auto(100) of walk likes: nothing asks for a number of rows`
fn quantity(of: &Json) -> String {
    let word = |name: &str| of[name].as_str().unwrap_or("");
    let (number, constant) = (&of["number"], &of["constant"]);
    let raised = if number == constant {
        String::new()
    } else {
        format!(" instead of {constant}")
    };
    let (op, reason) = (word("op"), word("reason"));
    format!("auto({number}){raised} of {op}: {reason}\n")
}

fn line(node: &Json, stage: Stage) -> String {
    let list = |name: &str| {
        node[name]
            .as_array()
            .into_iter()
            .flatten()
            .map(|i| format!("#{i}"))
            .collect::<Vec<_>>()
    };
    let mut from = list("inputs");
    from.extend(list("reads").into_iter().map(|n| format!("reads {n}")));
    let word = |name: &str| node[name].as_str().unwrap_or("").to_owned();
    let mut line = format!("  #{} {}", node["node"], word("op"));
    if !word("details").is_empty() {
        line.push_str(&format!("({})", visible(&word("details"))));
    }
    if !from.is_empty() {
        line.push_str(&format!(" <- {}", from.join(", ")));
    }
    if stage != Stage::Dag {
        let columns: Vec<&str> = node["columns"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        let mut bound = node["at_most"]
            .as_u64()
            .map_or(String::new(), |n| format!(", at most {n} rows"));
        if let Some(n) = node["expected"].as_u64() {
            bound.push_str(&format!(", about {n} expected"));
        }
        if let Some(n) = node["wanted"].as_u64() {
            bound.push_str(&format!(", {n} wanted"));
        }
        if let Some(n) = node["contributions"]
            .as_u64()
            .filter(|n| Some(*n) > node["at_most"].as_u64())
        {
            bound.push_str(&format!(" from {n} contributions"));
        }
        let lazy = if node["lazy"] == Json::Bool(true) {
            ", only for requests that need it"
        } else {
            ""
        };
        let columns = if columns.is_empty() {
            String::new()
        } else {
            format!(" {{{}}}", columns.join(", "))
        };
        line.push_str(&format!(
            "\n       set[{}]{columns}{bound}{lazy}",
            word("entity")
        ));
        if let (Some(rows), Some(us)) = (node["rows"].as_u64(), node["us"].as_u64()) {
            line.push_str(&format!("\n       measured: {rows} rows in {us} us"));
        }
    }
    line.push('\n');
    visible_lines(&line).into_owned()
}
