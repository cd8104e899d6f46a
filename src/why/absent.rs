//! Why an entity is not in an answer: the operator that dropped it, or how near it came.

use super::effects::collect;
use super::path::{Tracer, find, known};
use crate::batch::Rows;
use crate::deep::recurse;
use crate::expr::show::show;
use crate::expr::{Expr, Frame, Kind, NodeId};
use crate::ops::{Condition, Contributions, Effect, RunError, membership};
use crate::types::{EntityId, Key, NULL_CODE, Value};
use foldhash::HashSet;

/// Why an entity is not in a list of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct WhyNot {
    /// The list of a page; none if the result is a single set.
    pub list: Option<String>,
    pub entity: String,
    pub key_name: String,
    pub key: Key,
    pub outcome: Outcome,
    /// One where one thing keeps the entity away; several where it could have come on several ways.
    pub reasons: Vec<Reason>,
}

/// How far the entity came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the list.
    Present,
    /// No row of the catalog has the key.
    Unknown,
    /// It is not visible at `now`.
    Invisible,
    /// It was a candidate, and an operator dropped it.
    Dropped,
    /// No fan-out or source found it.
    NeverReached,
}

impl Outcome {
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Present => "present",
            Outcome::Unknown => "unknown",
            Outcome::Invisible => "invisible",
            Outcome::Dropped => "dropped",
            Outcome::NeverReached => "never_reached",
        }
    }
}

/// What kept the entity away at one operator.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// The operator, as `filter` or `walk likes`; empty where no operator is to blame.
    pub op: String,
    /// The operator's number in the plan.
    pub node: Option<NodeId>,
    /// Whether the operator had the entity and dropped it.
    pub dropped: bool,
    pub message: String,
    /// Values of what the failed condition reads.
    pub values: Vec<(String, Value)>,
}

/// Fan-outs that are gone back over, from one to the one before.
const DEPTH: usize = 4;
/// Entities that could have led to the one that is missing, and are looked at in turn.
const PARENTS: usize = 3;

/// Why an entity is not among the rows of a result.
pub fn why_not(
    tracer: &mut Tracer,
    list: Option<&str>,
    result: NodeId,
    request: usize,
    key: &Key,
) -> Result<WhyNot, RunError> {
    let run = tracer.run();
    let entity = tracer.graph.shape(result).entity;
    let table = run.snapshot.schema().entity(entity);
    let mut answer = WhyNot {
        list: list.map(str::to_owned),
        entity: table.name.clone(),
        key_name: table.key.clone(),
        key: key.clone(),
        outcome: Outcome::Unknown,
        reasons: Vec::new(),
    };
    let Some(id) = run.snapshot.row_of(entity, key) else {
        answer
            .reasons
            .push(plain(format!("`{}` has no `{key}`", table.name)));
        return Ok(answer);
    };
    if let Some(place) = find(tracer.sets.rows(result), request, id) {
        let start = tracer.sets.rows(result).range(request).start;
        answer.outcome = Outcome::Present;
        answer.reasons.push(plain(format!(
            "it is there, at position {}",
            place - start + 1
        )));
        return Ok(answer);
    }
    if !run.visible(entity, id, request) {
        let times = run.snapshot.times(entity).unwrap_or(&[]);
        let at = |us| crate::types::time::text(us).unwrap_or_default();
        let from = times.get(id as usize).map_or(String::new(), |&us| at(us));
        answer.outcome = Outcome::Invisible;
        answer.reasons.push(plain(format!(
            "it is visible from {from}, and `now` is {}",
            at(run.now[request])
        )));
        return Ok(answer);
    }
    let mut search = Search {
        tracer,
        request,
        reasons: Vec::new(),
        looked: HashSet::default(),
    };
    search.absent(result, id, 0)?;
    answer.reasons = search.reasons;
    answer.outcome = match answer.reasons.iter().any(|r| r.dropped) {
        true => Outcome::Dropped,
        false => Outcome::NeverReached,
    };
    Ok(answer)
}

fn plain(message: String) -> Reason {
    Reason {
        op: String::new(),
        node: None,
        dropped: false,
        message,
        values: Vec::new(),
    }
}

struct Search<'t, 'a> {
    tracer: &'t mut Tracer<'a>,
    request: usize,
    reasons: Vec<Reason>,
    /// Where it was looked for what: there may be many ways to one node.
    looked: HashSet<(NodeId, u32)>,
}

impl Search<'_, '_> {
    /// An entity is not in the rows of a node: what keeps it away there, or before.
    fn absent(&mut self, at: NodeId, id: u32, depth: usize) -> Result<(), RunError> {
        if self.reasons.len() > 16 || !self.looked.insert((at, id)) {
            return Ok(());
        }
        let graph = self.tracer.graph;
        let node = graph.get(at);
        let inputs = self.tracer.inputs(at);
        if node.op.nested().is_some() {
            return self.not_as_members(at, id, depth);
        }
        if self.tracer.links(at)?.is_some() {
            return self.unreached(at, id, depth);
        }
        if node.inputs.is_empty() {
            // of what leads to it the fan-out has said that it is not there
            if depth == 0 {
                let message = "the source does not have it".to_owned();
                self.say(at, false, message, Vec::new());
            }
            return Ok(());
        }
        let entity = node.shape.entity;
        let first_only = node.op.effect() == Effect::Narrows || node.inputs.len() == 1;
        let mut looked = Vec::new();
        for (i, (&input, rows)) in node.inputs.iter().zip(&inputs).enumerate() {
            if graph.shape(input).entity != entity {
                continue;
            }
            if let Some(deciding) = node.op.gate(i) {
                let wanted = node.op.wants(self.tracer.exec, i, &inputs[..deciding]);
                if wanted.get(self.request) != Some(&true) {
                    let message = format!(
                        "`{}` was not needed for this request",
                        self.tracer.label(input)
                    );
                    self.say(at, false, message, Vec::new());
                    continue;
                }
            }
            if let Some(place) = find(rows, self.request, id) {
                let (message, values) = self.dropped(at, rows, place);
                self.say(at, true, message, values);
                return Ok(());
            }
            looked.push(input);
            if first_only {
                break;
            }
        }
        looked
            .into_iter()
            .try_for_each(|input| recurse(|| self.absent(input, id, depth)))
    }

    fn say(&mut self, at: NodeId, dropped: bool, message: String, values: Vec<(String, Value)>) {
        let reason = Reason {
            op: self.tracer.label(at),
            node: Some(at),
            dropped,
            message,
            values,
        };
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }

    /// Why a node dropped the row at `place` of its input.
    fn dropped(&self, at: NodeId, rows: &Rows, place: usize) -> (String, Vec<(String, Value)>) {
        let node = self.tracer.graph.get(at);
        let run = self.tracer.run();
        if let Some(conditions) = node.op.as_filter() {
            let names = self.names(node.inputs[0]);
            let owners = rows.owners();
            let frame = Frame::rows(run, rows, &owners);
            return self.failed(conditions, &frame, place, &names);
        }
        let range = rows.range(self.request);
        let (position, of) = (place - range.start + 1, range.len());
        let kept = self.tracer.sets.rows(at).range(self.request).len();
        let schema = run.snapshot.schema();
        let message = match (node.op.name(), node.op.effect()) {
            ("-", _) => self.member(node.inputs[1], true),
            ("&", _) => self.member(node.inputs[1], false),
            (_, Effect::Cuts) => format!(
                "it stood at position {position} of {of}{}, and `{}({})` kept {kept}",
                scored(rows.scores[place]),
                node.op.name(),
                node.op.details(schema)
            ),
            (name, _) => format!(
                "it came in at position {position} of {of}{}, and `{name}` kept {kept}",
                scored(rows.scores[place])
            ),
        };
        (message, Vec::new())
    }

    /// That an entity is in the set it must not be in, or not in the one that it must be in.
    fn member(&self, set: NodeId, is: bool) -> String {
        let not = if is { "" } else { "not " };
        format!(
            "it is {not}in the set on the right (`{}`)",
            self.tracer.label(set)
        )
    }

    fn names(&self, node: NodeId) -> Vec<String> {
        let columns = &self.tracer.graph.shape(node).columns;
        columns.iter().map(|c| c.name.clone()).collect()
    }

    /// The first of some conditions that a row of a frame does not meet, with what it reads.
    fn failed(
        &self,
        conditions: &[Expr],
        frame: &Frame,
        row: usize,
        names: &[String],
    ) -> (String, Vec<(String, Value)>) {
        let run = self.tracer.run();
        let schema = run.snapshot.schema();
        let mut parts = Vec::new();
        conditions.iter().for_each(|c| conjuncts(c, &mut parts));
        let failed = parts.into_iter().find(|c| frame.condition(c)[row] != 1);
        let Some(condition) = failed else {
            return ("its conditions do not hold together".to_owned(), Vec::new());
        };
        let text = |e: &Expr| show(e, schema).with(run.texts, run.keys, names).to_string();
        let mut reads = Vec::new();
        collect(condition, &mut reads);
        // a comparison of a list or a vector reads its column, not itself
        if let [only] = reads[..]
            && std::ptr::eq(only, condition)
        {
            reads.clear();
            condition.each_child(&mut |child| collect(child, &mut reads));
        }
        let values: Vec<(String, Value)> = reads
            .iter()
            .map(|e| (text(e), self.tracer.read(&frame.column(e), &e.ty, row)))
            .collect();
        let found = match &values[..] {
            [] => "it is not".to_owned(),
            [(_, value)] => format!("it is {}", words(value)),
            many => many
                .iter()
                .map(|(name, value)| format!("{name} is {}", words(value)))
                .collect::<Vec<_>>()
                .join(", "),
        };
        (format!("{}: {found}", text(condition)), values)
    }

    /// No member of an `as_viewer` found the entity, or not every one: why the first that did not
    /// found it not.
    fn not_as_members(&mut self, at: NodeId, id: u32, depth: usize) -> Result<(), RunError> {
        let request = self.request;
        let input = self.tracer.graph.get(at).inputs[0];
        let members = self.tracer.sets.rows(input);
        let range = members.range(request);
        let Some(found) = self.tracer.found(at)? else {
            return Ok(());
        };
        let missed: Vec<usize> = range
            .clone()
            .filter(|&member| find(found, member, id).is_none())
            .collect();
        let viewer = self.tracer.graph.shape(input).entity;
        let Some(&first) = missed.first() else {
            self.say(
                at,
                false,
                "there is nobody to be the viewer".to_owned(),
                Vec::new(),
            );
            return Ok(());
        };
        let whom = self.entity(viewer, members.ids[first]);
        let message = format!(
            "{} of {} members do not have it, as {whom}",
            missed.len(),
            range.len()
        );
        self.say(at, false, message, Vec::new());
        if depth >= DEPTH {
            return Ok(());
        }
        let reasons = self.tracer.as_member(at, first, |tracer, root| {
            let mut inner = Search {
                tracer,
                request: 0,
                reasons: Vec::new(),
                looked: HashSet::default(),
            };
            inner.absent(root, id, depth + 1)?;
            Ok(inner.reasons)
        })?;
        for reason in reasons.into_iter().flatten() {
            self.reasons.push(Reason {
                message: format!("as {whom}: {}", reason.message),
                ..reason
            });
        }
        Ok(())
    }

    /// A fan-out did not reach an entity: the condition that kept it away, or what would lead to it.
    fn unreached(&mut self, at: NodeId, id: u32, depth: usize) -> Result<(), RunError> {
        let graph = self.tracer.graph;
        let node = graph.get(at);
        let exec = self.tracer.exec;
        let schema = exec.run.snapshot.schema();
        let input = only(self.tracer.inputs(at)[0], self.request);
        for relaxed in node.op.relaxed(schema) {
            let Some(links) = relaxed.op.links(exec, &[&input])? else {
                continue;
            };
            let Some(link) = links.of(self.request).find(|&l| links.ids[l] == id) else {
                continue;
            };
            let (message, values) = match &relaxed.without {
                Condition::Number(written) => (self.beyond(at, &links, link, written), Vec::new()),
                Condition::Other(written) => {
                    let from = self.parent_of(at, &input, &links, link);
                    (
                        format!("`{written}` leaves out the way to it from {from}"),
                        Vec::new(),
                    )
                }
                Condition::Entity(condition) => match membership(condition) {
                    Some((set, wanted)) => (self.member(set, !wanted), Vec::new()),
                    None => {
                        let frame = Frame {
                            n: 1,
                            owners: &[self.request as u32],
                            ids: &[id],
                            ..Frame::requests(exec.run)
                        };
                        self.failed(std::slice::from_ref(condition), &frame, 0, &[])
                    }
                },
            };
            // a filter that moved into the search drops what would have been found
            let dropped = matches!(relaxed.without, Condition::Entity(_));
            self.say(at, dropped, message, values);
            return Ok(());
        }
        self.no_way(at, id, &input, depth)
    }

    /// It was found, but only past the number that is asked for.
    fn beyond(&mut self, at: NodeId, all: &Contributions, link: usize, written: &str) -> String {
        let graph = self.tracer.graph;
        let node = graph.get(at);
        let request = self.request;
        let input = only(self.tracer.inputs(at)[0], request);
        // its best place over all parents
        let id = all.ids[link];
        let number = |l: usize| {
            let same = all.of(request).start..l;
            same.filter(|&o| all.parents[o] == all.parents[l]).count() + 1
        };
        let best = all
            .of(request)
            .filter(|&l| all.ids[l] == id)
            .min_by_key(|&l| number(l))
            .unwrap_or(link);
        let from = self.parent_of(at, &input, all, best);
        let mut message = format!("number {} from {from}, beyond `{written}`", number(best));
        if node.op.name() == "nn" {
            let parent = all.parents[best] as usize;
            let real = self.tracer.sets.rows(node.inputs[0]).range(request).start + parent;
            let last = match self.tracer.links(at) {
                Ok(Some(links)) => links
                    .of(request)
                    .filter(|&l| links.parents[l] as usize == real)
                    .map(|l| links.weight(l))
                    .next_back(),
                _ => None,
            };
            let similarity = all.weight(best);
            message.push_str(&match last {
                Some(last) => format!(
                    ": similarity {} where the last one found has {}",
                    short(similarity),
                    short(last)
                ),
                None => format!(": similarity {}", short(similarity)),
            });
        }
        message
    }

    fn parent_of(&self, at: NodeId, input: &Rows, links: &Contributions, link: usize) -> String {
        let shape = self.tracer.graph.shape(self.tracer.graph.get(at).inputs[0]);
        self.entity(shape.entity, input.ids[links.parents[link] as usize])
    }

    fn entity(&self, entity: EntityId, id: u32) -> String {
        let name = &self.tracer.run().snapshot.schema().entity(entity).name;
        format!("{name} {}", self.tracer.key(entity, id))
    }

    /// Nothing among the rows before leads to it: what would, and why that is not there.
    fn no_way(&mut self, at: NodeId, id: u32, input: &Rows, depth: usize) -> Result<(), RunError> {
        let graph = self.tracer.graph;
        let node = graph.get(at);
        let (here, before) = (node.shape.entity, graph.shape(node.inputs[0]).entity);
        let it = self.entity(here, id);
        let before_name = self
            .tracer
            .run()
            .snapshot
            .schema()
            .entity(before)
            .name
            .clone();
        let rows = input.range(self.request).len();
        let parents = self.leading_to(at, id)?;
        let there = |parent: &u32| find(input, self.request, *parent).is_some();
        let near = parents.iter().flatten().copied().find(there);
        if let Some(parent) = near {
            // no condition alone keeps it away: several do
            let message = format!(
                "{} leads to {it}, but only by links that more than one condition leaves out",
                self.entity(before, parent)
            );
            self.say(at, false, message, Vec::new());
            return Ok(());
        }
        let message = match &parents {
            _ if rows == 0 => format!("no `{before_name}` to start from"),
            None => format!("{it} was not found from any of {rows} `{before_name}` rows"),
            Some(all) if all.is_empty() => format!("nothing leads to {it}"),
            Some(all) => {
                let shown: Vec<String> = all
                    .iter()
                    .take(PARENTS)
                    .map(|&parent| self.entity(before, parent))
                    .collect();
                let more = match all.len().saturating_sub(PARENTS) {
                    0 => String::new(),
                    n => format!(" and {n} more"),
                };
                let (lead, of_them) = match all.len() {
                    1 => ("leads", "it is not"),
                    _ => ("lead", "none of them is"),
                };
                format!(
                    "only {}{more} {lead} to {it}, and {of_them} among {rows} `{before_name}` rows",
                    shown.join(", ")
                )
            }
        };
        self.say(at, false, message, Vec::new());
        if depth < DEPTH {
            for parent in parents.into_iter().flatten().take(PARENTS) {
                let (node_before, reasons) = (node.inputs[0], self.reasons.len());
                self.absent(node_before, parent, depth + 1)?;
                let whom = self.entity(before, parent);
                for reason in &mut self.reasons[reasons..] {
                    // of the entity asked for nothing was dropped here
                    reason.dropped = false;
                    if !reason.message.starts_with(&whom) {
                        reason.message = format!("{whom}: {}", reason.message);
                    }
                }
            }
        }
        Ok(())
    }

    /// The entities whose links lead to one; none if the fan-out does not follow links.
    fn leading_to(&self, at: NodeId, id: u32) -> Result<Option<Vec<u32>>, RunError> {
        let exec = self.tracer.exec;
        let Some(back) = self.tracer.graph.get(at).op.backwards() else {
            return Ok(None);
        };
        let offsets = (0..=exec.run.requests())
            .map(|r| u32::from(r > self.request))
            .collect();
        let start = Rows {
            offsets,
            ids: vec![id],
            scores: vec![1.0],
            columns: Vec::new(),
        };
        let Some(links) = back.links(exec, &[&start])? else {
            return Ok(None);
        };
        let mut parents = Vec::new();
        for &parent in &links.ids {
            if parent != NULL_CODE && !parents.contains(&parent) {
                parents.push(parent);
            }
        }
        Ok(Some(parents))
    }
}

/// The rows of one request, with none for the others.
fn only(rows: &Rows, request: usize) -> Rows {
    let range = rows.range(request);
    let places: Vec<u32> = range.map(|place| place as u32).collect();
    let offsets = (0..=rows.requests())
        .map(|r| if r > request { places.len() as u32 } else { 0 })
        .collect();
    rows.select(offsets, &places)
}

/// The conditions that an `and` holds.
fn conjuncts<'e>(condition: &'e Expr, found: &mut Vec<&'e Expr>) {
    condition.descend(&mut |part| match &part.kind {
        Kind::Call { kernel, .. } if kernel.name == "and" => true,
        _ => {
            found.push(part);
            false
        }
    });
}

fn scored(score: f64) -> String {
    known(score).map_or(String::new(), |s| format!(" with score {}", short(s)))
}

/// A number with at most four digits behind the point.
fn short(number: f64) -> String {
    let rounded = (number * 1e4).round() / 1e4;
    match rounded == 0.0 && number != 0.0 {
        true => format!("{number:.1e}"),
        false => rounded.to_string(),
    }
}

/// A value in a sentence.
fn words(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Int(v) => v.to_string(),
        Value::Float(v) => short(*v),
        Value::Bool(v) => v.to_string(),
        Value::Str(v) => format!("{v:?}"),
        Value::Time(us) => crate::types::time::text(*us).unwrap_or_else(|| us.to_string()),
        Value::Duration(us) => crate::expr::show::duration(*us),
        Value::Id(key) => key.to_string(),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(words).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Vector(v) => format!("a vector of {}", v.len()),
    }
}
