//! `rank`: the heads of a model become columns, and a score is made of them.

use super::bind::{Bind, Bound, Model, Quantity};
use super::kit::values::scores;
use super::shape::{BoundColumn, Score, ScoreKind};
use super::{
    Effect, Exec, Explaining, Instance, Op, Operator, Param, Part, Planning, Ranked, Ranking, Rest,
    Rewriting, RunError, Served, Used, mapped,
};
use crate::batch::{Column, RowBatch, pick};
use crate::catalog::schema::Schema;
use crate::diag::{Diagnostic, code};
use crate::expr::functions::own::Scored;
use crate::expr::show::show;
use crate::expr::value::Val;
use crate::expr::{Expr, Frame, Kind};
use crate::types::{NULL_FLOAT, Type};
use std::sync::Arc;

pub const RANK: Operator = Operator {
    name: "rank",
    source: false,
    params: &[
        Param { name: "ranking_model", ty: "model = default", named: false },
        Param { name: "value", ty: "value?", named: false },
        Param { name: "keep", ty: "int = all", named: false },
    ],
    keeps_shape: false,
    rest: Rest::None,
    page: include_str!("../../docs/operators/rank.md"),
    bind,
};

fn bind(b: &mut dyn Bind) -> Option<Bound> {
    let input = b.input();
    let before = b.graph().shape(input).clone();
    let model = b.model("ranking_model", &before)?;
    let mut shape = before.clone();
    let heads = model.heads.iter().map(|(name, expr)| {
        let facts = before.facts(b.schema(), expr);
        shape.bind(BoundColumn::new(name.as_str(), expr.ty.clone()).facts(facts))
    });
    let places: Vec<usize> = heads.collect();
    b.otherwise(shape.clone());
    let value = b.row_value("value", &shape, None);
    let keep = b.count("keep");
    let (value, keep) = (value?, keep?);
    if let Some(value) = &value {
        is_number(b, value)?;
    }
    if keep == Some(Quantity::Number(0)) {
        let message = "`keep` 0 never returns a row";
        let help = "ask for at least one row, or leave it out";
        b.report(Diagnostic::new(code::E0601, b.origin("keep"), message).help(help));
        return None;
    }
    let score = source(b, value, &model, &places)?;
    let made = match &score {
        Source::Value(expr) => shape.score_of(b.schema(), expr),
        Source::Own(expr) => before.score_of(b.schema(), expr),
        Source::Head(place) => Score::new(ScoreKind::Probability, shape.columns[*place].facts),
    };
    let rows = keep.as_ref().and_then(Quantity::most);
    let head = |((name, expr), place)| Head { name, expr, place, read: true };
    let op = Rank {
        model: model.name,
        served: model.served,
        heads: model.heads.into_iter().zip(places).map(head).collect(),
        score,
        keep: keep.unwrap_or(Quantity::All),
        part: Part::ALL,
    };
    Some(Bound { op: Arc::new(op), inputs: vec![input], shape: shape.scored(made).cut(rows) })
}

/// Reports a value that orders nothing, as the topic of a row.
fn is_number(b: &mut dyn Bind, value: &Expr) -> Option<()> {
    if !matches!(value.ty, Type::String | Type::Id(_) | Type::List(_) | Type::Vector(_)) {
        return Some(());
    }
    let message = format!("a score is a number, not {}", b.schema().type_name(&value.ty));
    let help = "order by a head that is a number, as its probability";
    b.report(Diagnostic::new(code::E0302, b.arg_span("value"), message).help(help));
    None
}

/// What the score is made of: the value asked for, else the model's own score, else its only head.
fn source(
    b: &mut dyn Bind,
    value: Option<Expr>,
    model: &Model,
    places: &[usize],
) -> Option<Source> {
    match (value, &model.score, places) {
        (Some(value), ..) => Some(Source::Value(value)),
        (None, Some(own), _) => Some(Source::Own(own.clone())),
        (None, None, [place]) => Some(Source::Head(*place)),
        (None, None, _) => {
            // a head that is no number, as a topic, is no part of a score
            let numbers = model.heads.iter().filter(|(_, head)| head.ty == Type::Float);
            let heads: Vec<&str> = numbers.map(|(name, _)| name.as_str()).collect();
            let (model, count) = (&model.name, model.heads.len());
            let message = format!("model `{model}` has {count} heads and no score of its own");
            let help = format!("combine them: `rank({model}, value={})`", heads.join(" + "));
            b.report(Diagnostic::new(code::E0303, b.span(), message).help(help));
            None
        }
    }
}

/// What the score is made of.
#[derive(Clone, Debug, Hash)]
enum Source {
    /// Over the rows with their heads.
    Value(Expr),
    /// Over the rows without.
    Own(Expr),
    Head(usize),
}

#[derive(Clone, Debug, Hash)]
struct Head {
    name: String,
    expr: Expr,
    /// Among the columns.
    place: usize,
    /// Whether anyone reads the column.
    read: bool,
}

impl Head {
    /// Whether it is an output of a model, which gives all of them at once.
    fn is_output(&self) -> bool {
        is_output(&self.expr)
    }
}

fn is_output(expr: &Expr) -> bool {
    matches!(&expr.kind, Kind::Call { kernel, .. } if kernel.output().is_some())
}

#[derive(Clone, Debug, Hash)]
struct Rank {
    model: String,
    served: Option<Arc<Served>>,
    heads: Vec<Head>,
    score: Source,
    keep: Quantity,
    /// What is used of the rows.
    part: Part,
}

impl Rank {
    /// Whether the score is made of the column at a place.
    fn scores_by(&self, place: usize) -> bool {
        match &self.score {
            Source::Head(head) => *head == place,
            Source::Value(expr) => {
                let mut reads = false;
                expr.walk_bound(&mut |part| reads |= part.kind == Kind::Bound(place as u32));
                reads
            }
            Source::Own(_) => false,
        }
    }

    /// The names of its heads at the places of their columns, and the numbers of other columns.
    fn names_by_place(&self) -> Vec<String> {
        let count = self.heads.iter().map(|head| head.place + 1).max().unwrap_or(0);
        let mut names: Vec<String> = (0..count).map(|place| format!("${place}")).collect();
        self.heads.iter().for_each(|head| names[head.place].clone_from(&head.name));
        names
    }

    /// Most rows of each request that are kept or used.
    fn most(&self, exec: &Exec) -> Option<Vec<u64>> {
        let used = self.part.most(exec.run);
        if self.keep == Quantity::All {
            return used;
        }
        let keep = self.keep.per_request(exec.run);
        Some(match used {
            Some(used) => keep.into_iter().zip(used).map(|(a, b)| a.min(b)).collect(),
            None => keep,
        })
    }

    /// The heads that the score is made of, and those that cannot be computed from the best rows
    /// alone.
    fn comes_first(&self, head: &Head) -> bool {
        let mut by_position = false;
        head.expr.walk_bound(&mut |part| by_position |= part.kind == Kind::Position);
        self.scores_by(head.place) || head.read && by_position
    }
}

/// Sets the column at a place, which may be the next.
fn put(columns: &mut Vec<Column>, place: usize, column: Column) {
    if place < columns.len() {
        columns[place] = column;
    } else {
        columns.push(column);
    }
}

impl Op for Rank {
    fn name(&self) -> &'static str {
        "rank"
    }

    fn details(&self, schema: &Schema) -> String {
        let mut parts = vec![self.model.clone()];
        match &self.score {
            Source::Value(expr) => parts.push(format!("value={}", show(expr, schema))),
            Source::Own(expr) => parts.push(show(expr, schema).to_string()),
            Source::Head(_) => {}
        }
        parts.extend(self.heads.iter().map(|head| format!("head {}", show(&head.expr, schema))));
        if self.keep != Quantity::All {
            parts.push(format!("keep={}", self.keep.show(schema)));
        }
        parts.join(", ")
    }

    fn exprs(&self) -> Vec<&Expr> {
        let needed = |head: &&Head| head.read || self.scores_by(head.place);
        let heads = self.heads.iter().filter(needed);
        let mut exprs: Vec<&Expr> = heads.map(|head| &head.expr).collect();
        match &self.score {
            Source::Value(e) | Source::Own(e) => exprs.push(e),
            Source::Head(_) => {}
        }
        if let Quantity::PerRequest(keep) = &self.keep {
            exprs.push(keep);
        }
        exprs
    }

    fn effect(&self) -> Effect {
        Effect::Scores
    }

    fn part(&self) -> &Part {
        &self.part
    }

    /// Only what the score is made of is computed for all rows; the rest for those that are left.
    fn run(&self, exec: &Exec, inputs: &[&RowBatch]) -> Result<RowBatch, RunError> {
        let rows = inputs[0];
        let outputs = self.heads.iter().filter(|head| head.is_output()).count();
        let made = 8 * (self.heads.len() + outputs + 2);
        let _held = exec.hold("rank", rows.len() * (4 + made + rows.width()))?;
        let owners = rows.owners();
        let scored = Scored::default();
        let frame = Frame { scored: Some(&scored), ..Frame::rows(exec.run, rows, &owners) };
        let logged = self.logged(exec, &frame)?;
        let given = logged.as_deref().unwrap_or_default();
        let most = self.most(exec);
        // where no row is cut, another pass of the model would save nothing
        let whole = |head: &Head| most.is_none() && head.read && head.is_output();
        let first = self.heads.iter();
        let first = first.filter(|head| logged.is_some() || self.comes_first(head) || whole(head));
        let column = |head: &Head| Ok((head.place, output(exec, &frame, &head.expr, given)?));
        let made: Vec<(usize, Column)> = first.map(column).collect::<Result<_, RunError>>()?;
        let scores = self.scores(exec, &frame, &made, given)?;
        let stop = exec.run.stop;
        let (offsets, places) = rows.best(&scores, most.as_deref(), self.part.order, stop);
        if let Some(inputs) = logged {
            exec.check("rank", 0)?;
            let heads = made.iter().map(|(_, column)| column.clone()).collect();
            let kept = (&offsets[..], &places[..]);
            exec.rank(self, Ranked::new(rows, scores.clone(), kept, inputs, heads));
        }
        // heads may be made of the scores that the rows came with
        let mut best = rows.select_until(offsets, &places, &rows.scores, stop);
        exec.check("rank", 0)?;
        let of = |head: &Head| made.iter().find(|(place, _)| *place == head.place);
        let heads = self.heads.iter().map(of);
        let heads = heads.map(|found| found.map(|(_, column)| column.gather(&places)));
        let mut heads: Vec<Option<Column>> = heads.collect();
        self.rest(exec, &best, &mut heads)?;
        for (head, column) in self.heads.iter().zip(heads) {
            let column = column.unwrap_or_else(|| Val::null(&head.expr.ty).into_column(0));
            put(&mut best.columns, head.place, column);
        }
        best.scores = pick(&scores, &places, NULL_FLOAT);
        Ok(best)
    }
}

impl Planning for Rank {
    fn numbers(&self) -> Vec<(&'static str, &Quantity)> {
        vec![("keep", &self.keep)]
    }

    fn asks(&self) -> Option<u64> {
        self.keep.known()
    }

    fn cut(&self) -> Option<&Quantity> {
        Some(&self.keep)
    }

    fn whole(&self, exec: &Exec, inputs: &[&RowBatch], request: usize) -> Option<u64> {
        let rows = inputs[0].range(request).len() as u64;
        Some(rows.min(self.keep.per_request(exec.run)[request]))
    }
}

impl Rewriting for Rank {
    /// Its heads are columns; what they do to the score is in the formula.
    fn unnamed(&self) -> Option<Arc<dyn Instance>> {
        let (model, score) = (String::new(), Source::Own(self.formula()?));
        Some(Arc::new(Rank { model, heads: Vec::new(), score, served: None, ..self.clone() }))
    }

    fn mapped(&self, f: &mut dyn FnMut(Expr) -> Expr) -> Option<Arc<dyn Instance>> {
        mapped(
            self,
            |op: &mut Rank| {
                let heads = op.heads.iter_mut().map(|head| &mut head.expr);
                let score = match &mut op.score {
                    Source::Value(expr) | Source::Own(expr) => Some(expr),
                    Source::Head(_) => None,
                };
                heads.chain(score).chain(op.keep.expr_mut()).collect()
            },
            f,
        )
    }

    fn uses(&self, _: usize, own: &Used) -> Used {
        let mut used = own.clone().of_any_score();
        if let Source::Value(expr) = &self.score {
            used = used.reading([expr]);
        }
        let is_read = |head: &&Head| head.read && own.is_read(head.place);
        let needed = |head: &&Head| is_read(head) || self.scores_by(head.place);
        let exprs = self.heads.iter().filter(needed).map(|head| &head.expr);
        self.heads.iter().for_each(|head| used.unread(head.place));
        let own = match &self.score {
            Source::Own(expr) => Some(expr),
            _ => None,
        };
        used.reading(exprs.chain(own))
    }

    fn narrowed(&self, used: &Used) -> Option<Arc<dyn Instance>> {
        let mut less = self.clone();
        for head in &mut less.heads {
            head.read &= used.is_read(head.place);
        }
        let part = self.part.narrowed(used);
        let fewer = less.heads.iter().zip(&self.heads).any(|(a, b)| a.read != b.read);
        (part.is_some() || fewer).then(|| {
            less.part = part.unwrap_or(less.part.clone());
            Arc::new(less) as Arc<dyn Instance>
        })
    }
}

impl Explaining for Rank {
    fn label(&self, _: &Schema) -> String {
        format!("rank {}", self.model)
    }

    fn brief(&self, schema: &Schema) -> String {
        let model = self.served.as_ref().map_or(&self.model, |served| &served.label);
        let mut parts = vec![model.clone()];
        match &self.score {
            Source::Value(expr) => {
                let names = self.names_by_place();
                parts.push(format!("value={}", show(expr, schema).naming(&names)));
            }
            Source::Own(expr) if !is_output(expr) => parts.push(show(expr, schema).to_string()),
            Source::Own(_) | Source::Head(_) => {}
        }
        let made = self.heads.iter().filter(|head| !head.is_output());
        parts.extend(made.map(|head| format!("{}={}", head.name, show(&head.expr, schema))));
        if self.keep != Quantity::All {
            parts.push(format!("keep={}", self.keep.show(schema)));
        }
        parts.join(", ")
    }

    fn formula(&self) -> Option<Expr> {
        let head = |wanted: usize| self.heads.iter().find(|head| head.place == wanted);
        match &self.score {
            Source::Own(expr) => Some(expr.clone()),
            Source::Head(place) => head(*place).map(|head| head.expr.clone()),
            Source::Value(expr) => Some(expr.clone().map(&mut |part| match part.kind {
                Kind::Bound(place) => match head(place as usize) {
                    Some(head) => head.expr.clone(),
                    None => part,
                },
                _ => part,
            })),
        }
    }

    fn binds(&self) -> Vec<&str> {
        self.heads.iter().map(|head| head.name.as_str()).collect()
    }

    fn ranking(&self) -> Option<Ranking<'_>> {
        let heads = self.heads.iter().map(|head| (head.name.as_str(), &head.expr.ty));
        let served = self.served.as_deref();
        Some(Ranking { served, inputs: self.inputs(), heads: heads.collect() })
    }

    fn binding(&self, name: &str) -> Option<Expr> {
        let head = self.heads.iter().find(|head| head.name == name)?;
        Some(head.expr.clone())
    }
}

/// A number of a model, from what it is `given` of each row where that is there already.
fn output(exec: &Exec, frame: &Frame, expr: &Expr, given: &[Column]) -> Result<Column, RunError> {
    let Kind::Call { kernel, args } = &expr.kind else { return exec.column("rank", frame, expr) };
    if given.is_empty() || args.len() != given.len() || kernel.output().is_none() {
        return exec.column("rank", frame, expr);
    }
    let bound = (0..).zip(args).map(|(place, arg)| Expr::new(Kind::Bound(place), arg.ty.clone()));
    let call = Kind::Call { kernel: *kernel, args: bound.collect() };
    exec.column("rank", &Frame { bound: given, ..*frame }, &Expr::new(call, expr.ty.clone()))
}

impl Rank {
    /// What the model is given of each row, as far as logs have it.
    fn inputs(&self) -> &[Expr] {
        let has_inputs = |served: &&Arc<Served>| !served.inputs.is_empty();
        let Some(_) = self.served.as_ref().filter(has_inputs) else { return &[] };
        match self.heads.first().map(|head| &head.expr.kind) {
            Some(Kind::Call { args, .. }) => args,
            _ => &[],
        }
    }

    /// The same, evaluated once for the model and for the log; none where nothing is logged.
    fn logged(&self, exec: &Exec, frame: &Frame) -> Result<Option<Vec<Column>>, RunError> {
        if !exec.logs() {
            return Ok(None);
        }
        let inputs = self.inputs().iter().map(|input| exec.column("rank", frame, input));
        inputs.collect::<Result<_, _>>().map(Some)
    }

    /// The score of every row, given the heads that it is made of.
    fn scores(
        &self,
        exec: &Exec,
        frame: &Frame,
        heads: &[(usize, Column)],
        given: &[Column],
    ) -> Result<Vec<f64>, RunError> {
        Ok(match &self.score {
            Source::Own(expr) => scores(output(exec, frame, expr, given)?, &expr.ty),
            Source::Head(place) => {
                let head = heads.iter().find(|(known, _)| known == place);
                head.map_or(Vec::new(), |(_, column)| scores(column.clone(), &Type::Float))
            }
            Source::Value(expr) => {
                let mut columns = frame.bound.to_vec();
                for head in &self.heads {
                    let made = heads.iter().find(|(place, _)| *place == head.place);
                    let column = made.map(|(_, column)| column.clone());
                    let nothing = || Val::null(&head.expr.ty).into_column(0);
                    put(&mut columns, head.place, column.unwrap_or_else(nothing));
                }
                let with_heads = Frame { bound: &columns, scored: None, ..*frame };
                scores(exec.column("rank", &with_heads, expr)?, &expr.ty)
            }
        })
    }

    /// Computes the heads that are read and not there yet. `rows` have the score that they came
    /// with.
    fn rest(
        &self,
        exec: &Exec,
        rows: &RowBatch,
        made: &mut [Option<Column>],
    ) -> Result<(), RunError> {
        let (owners, scored) = (rows.owners(), Scored::default());
        let frame = Frame { scored: Some(&scored), ..Frame::rows(exec.run, rows, &owners) };
        for (head, made) in self.heads.iter().zip(made) {
            if made.is_none() && head.read {
                *made = Some(exec.column("rank", &frame, &head.expr)?);
            }
        }
        Ok(())
    }
}
