//! What is known of a candidate set before it is computed: the entity and columns that everyone
//! needs, bounds and facts that plans and advice need.
//!
//! An operator that keeps its rows starts from the shape of its input and changes what it changes
//! (`at_most`, `scored`, `bind`); a fan-out uses [`Shape::reaching`], a source [`Shape::of`], and
//! what puts sets together [`Shape::joined`]. What an operator does not say is taken over where it
//! still holds, and unknown where it may not.

use super::Chance;
use super::bounds::satisfying;
use crate::catalog::schema::Schema;
use crate::deep::recurse;
use crate::expr::functions::Measure;
use crate::expr::ir::Stat;
use crate::expr::known::{self, Known, learn};
use crate::expr::{Expr, Facts, Kind, Level, NodeId};
use crate::types::{EntityId, Type};
use foldhash::HashMap;
use std::collections::BTreeSet;

/// A column bound by `let` or by a model.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct BoundColumn {
    pub name: String,
    pub ty: Type,
    /// It has one value per request: nothing that tells rows apart went into it.
    pub constant: bool,
    pub facts: Facts,
}

impl BoundColumn {
    /// A column of which nothing else is known.
    pub fn new(name: impl Into<String>, ty: Type) -> BoundColumn {
        BoundColumn { name: name.into(), ty, constant: false, facts: Facts::UNKNOWN }
    }

    /// With one value per request, or not.
    pub fn constant(mut self, constant: bool) -> BoundColumn {
        self.constant = constant;
        self
    }

    pub fn facts(mut self, facts: Facts) -> BoundColumn {
        self.facts = facts;
        self
    }
}

/// What a score measures. Scores of different kinds cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScoreKind {
    /// The same for all rows: no order at all.
    Constant,
    /// How often.
    Count,
    /// How near.
    Similarity,
    /// How likely.
    Probability,
    /// Made of the place in an order.
    Position,
    /// Some number that was computed.
    Value,
    /// Nothing is known; comparable with everything.
    Unknown,
}

impl ScoreKind {
    /// In a message: scores of rows are ...
    pub fn name(self) -> &'static str {
        match self {
            ScoreKind::Constant => "all the same",
            ScoreKind::Count => "counts",
            ScoreKind::Similarity => "similarities",
            ScoreKind::Probability => "probabilities",
            ScoreKind::Position => "made of positions",
            ScoreKind::Value => "computed values",
            ScoreKind::Unknown => "of an unknown kind",
        }
    }

    /// The kind of scores behind a fan-out whose weights are of some kind: nearness, likelihood and places
    /// stay what they are when they are weighed, and what is found by nearness stands by it.
    pub fn through(self, weight: ScoreKind) -> ScoreKind {
        use ScoreKind::{Count, Position, Probability, Similarity, Value};
        match (self, weight) {
            (kind @ (Similarity | Probability | Position), Value) => kind,
            (Count | Value, Similarity) => Similarity,
            (a, b) => a.times(b),
        }
    }

    /// The kind of a product of two scores.
    pub fn times(self, other: ScoreKind) -> ScoreKind {
        match (self, other) {
            (ScoreKind::Constant, kind) | (kind, ScoreKind::Constant) => kind,
            (ScoreKind::Unknown, _) | (_, ScoreKind::Unknown) => ScoreKind::Unknown,
            (a, b) if a == b && a != ScoreKind::Count => a,
            _ => ScoreKind::Value,
        }
    }

    /// The kind of scores that are some of one kind and some of another.
    pub fn either(self, other: ScoreKind) -> ScoreKind {
        if self == other { self } else { ScoreKind::Unknown }
    }
}

/// What is known of the scores of a set.
#[derive(Clone, Copy, Debug, PartialEq, Hash)]
pub struct Score {
    pub kind: ScoreKind,
    pub facts: Facts,
}

impl Score {
    /// Every row has the score 1.
    pub const ONE: Score = Score { kind: ScoreKind::Constant, facts: Facts::between(1.0, 1.0) };

    /// Nothing is known.
    pub const UNKNOWN: Score = Score { kind: ScoreKind::Unknown, facts: Facts::UNKNOWN };

    pub fn new(kind: ScoreKind, facts: Facts) -> Score {
        Score { kind, facts }
    }

    pub fn either(self, other: Score) -> Score {
        let same = self.kind != ScoreKind::Constant || self.facts == other.facts;
        Score {
            kind: if same { self.kind.either(other.kind) } else { ScoreKind::Unknown },
            facts: self.facts.either(other.facts),
        }
    }
}

/// The most rows that the numbers in the program let through, whatever the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Asked {
    pub rows: u64,
    pub by: AskedBy,
}

impl Asked {
    /// After a fan-out to at most `n` from each row.
    pub fn times(self, n: u64) -> Asked {
        Asked { rows: self.rows.saturating_mul(n), by: AskedBy::Fanout }
    }
}

/// What let no more rows through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AskedBy {
    /// A source, as `user`, which is one row.
    Source,
    /// A number of a fan-out: `limit=30`, `k=50`.
    Fanout,
    /// `take`, or `keep` of a model.
    Cut,
}

/// A candidate set before it is computed.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Shape {
    pub entity: EntityId,
    pub columns: Vec<BoundColumn>,
    /// Most rows that a request can get here, where known.
    pub bound: Option<u64>,
    pub score: Score,
    /// Policies on the entity that every row has passed.
    pub passed: BTreeSet<String>,
    /// What conditions have made certain of expressions over the entity alone.
    pub known: Vec<(Expr, Facts)>,
    /// Conditions over the entity alone that every row satisfies.
    pub holds: Vec<Expr>,
    /// None where the numbers in the program are no bound (`all(media)`, a limit of `auto`).
    pub asked: Option<Asked>,
    /// How probable it was that a row came to be here; noted when the operator is added to a graph.
    pub chance: Chance,
}

impl Shape {
    /// Whether an expression has one value per request over rows of this self.
    pub fn is_constant(&self, expr: &Expr) -> bool {
        if expr.level < Level::Row || self.bound == Some(1) {
            return true;
        }
        let mut constant = true;
        expr.walk_row(&mut |part| match part.kind {
            Kind::Bound(i) => constant &= self.columns.get(i as usize).is_some_and(|c| c.constant),
            Kind::It | Kind::Score | Kind::Position => constant = false,
            _ => {}
        });
        constant
    }

    /// Rows of an entity without columns, each with the score 1: a source.
    pub fn of(entity: EntityId, bound: Option<u64>) -> Shape {
        Shape {
            entity,
            columns: Vec::new(),
            bound,
            score: Score::ONE,
            passed: BTreeSet::new(),
            known: Vec::new(),
            holds: Vec::new(),
            asked: None,
            chance: Chance::Certain,
        }
    }

    /// What a fan-out from these rows reaches: other rows, with the columns of their witness. The
    /// score is unknown until it is said (`scored`).
    pub fn reaching(self, entity: EntityId, bound: Option<u64>) -> Shape {
        Shape { columns: self.columns, score: Score::UNKNOWN, ..Shape::of(entity, bound) }
    }

    pub fn find(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == name)
    }

    /// With the bound lowered to at most `n`.
    pub fn at_most(mut self, n: Option<u64>) -> Shape {
        self.bound = min_bound(self.bound, n);
        self
    }

    /// With at most the `n` rows that the program asks for.
    pub fn cut(mut self, n: Option<u64>) -> Shape {
        if let Some(rows) = n
            && self.asked.is_none_or(|asked| rows < asked.rows)
        {
            self.asked = Some(Asked { rows, by: AskedBy::Cut });
        }
        self.at_most(n)
    }

    /// A source that is no more than `n` rows, whatever the data.
    pub fn asking(self, n: u64) -> Shape {
        let asked = Some(Asked { rows: n, by: AskedBy::Source });
        Shape { asked, ..self }.at_most(Some(n))
    }

    /// With another score.
    pub fn scored(mut self, score: Score) -> Shape {
        self.score = score;
        self
    }

    /// With a column that is new or takes the place of another; gives its place.
    pub fn bind(&mut self, column: BoundColumn) -> usize {
        match self.find(&column.name) {
            Some(place) => {
                self.columns[place] = column;
                place
            }
            None => {
                self.columns.push(column);
                self.columns.len() - 1
            }
        }
    }

    /// What is certain about an expression over these rows.
    pub fn facts(&self, schema: &Schema, expr: &Expr) -> Facts {
        let columns: Vec<Facts> = self.columns.iter().map(|c| c.facts).collect();
        self.known(schema, &columns).of(expr)
    }

    fn known<'a>(&'a self, schema: &'a Schema, columns: &'a [Facts]) -> Known<'a> {
        Known {
            schema,
            columns,
            score: self.score.facts,
            learned: &self.known,
            found: None,
            link: None,
        }
    }

    /// The score that an expression over these rows makes.
    pub fn score_of(&self, schema: &Schema, expr: &Expr) -> Score {
        let mut facts = self.facts(schema, expr);
        if matches!(expr.ty, Type::Time | Type::Duration) {
            // microseconds count in seconds
            (facts.low, facts.high) = (facts.low / 1e6, facts.high / 1e6);
        }
        Score::new(self.kind_of(expr), facts)
    }

    fn kind_of(&self, expr: &Expr) -> ScoreKind {
        self.kind_among(expr, &mut HashMap::default())
    }

    /// The same; `known` has what was found of the parts of a large expression.
    fn kind_among(&self, expr: &Expr, known: &mut HashMap<usize, ScoreKind>) -> ScoreKind {
        if expr.is_small() {
            return self.kind_new(expr, known);
        }
        if let Some(&kind) = known.get(&expr.address()) {
            return kind;
        }
        let kind = recurse(|| self.kind_new(expr, known));
        known.insert(expr.address(), kind);
        kind
    }

    fn kind_new(&self, expr: &Expr, known: &mut HashMap<usize, ScoreKind>) -> ScoreKind {
        match &expr.kind {
            _ if expr.level < Level::Row => ScoreKind::Constant,
            Kind::Score => self.score.kind,
            Kind::Position => ScoreKind::Position,
            Kind::OverLinks(over) if over.stat == Stat::Count => ScoreKind::Count,
            Kind::Call { kernel, args } => self.kind_of_call(kernel.function.measures, args, known),
            Kind::If { then, otherwise, .. } => {
                match (self.kind_among(then, known), self.kind_among(otherwise, known)) {
                    (a, b) if a == b && a != ScoreKind::Constant => a,
                    _ => ScoreKind::Value,
                }
            }
            _ => ScoreKind::Value,
        }
    }

    fn kind_of_call(
        &self,
        measures: Measure,
        args: &[Expr],
        known: &mut HashMap<usize, ScoreKind>,
    ) -> ScoreKind {
        let product = match measures {
            Measure::Value => return ScoreKind::Value,
            Measure::Similarity => return ScoreKind::Similarity,
            Measure::Probability => return ScoreKind::Probability,
            Measure::OfArguments => false,
            Measure::Product => true,
        };
        let kinds = args.iter().map(|arg| self.kind_among(arg, known));
        let of_two = |a: ScoreKind, b: ScoreKind| match (a, b) {
            (ScoreKind::Constant, kind) | (kind, ScoreKind::Constant) => kind,
            _ if product => a.times(b),
            _ if a == b => a,
            _ => ScoreKind::Value,
        };
        kinds.reduce(of_two).unwrap_or(ScoreKind::Value)
    }

    /// Only the rows for which all of these are true.
    pub fn satisfying(
        mut self,
        schema: &Schema,
        conditions: &[Expr],
        rows_of: &dyn Fn(NodeId) -> Option<u64>,
    ) -> Shape {
        let columns: Vec<Facts> = self.columns.iter().map(|c| c.facts).collect();
        let mut learned = Vec::new();
        for condition in conditions {
            learn(condition, &self.known(schema, &columns), &mut learned);
            self.bound = min_bound(self.bound, satisfying(schema, condition, rows_of));
        }
        for condition in conditions {
            let room = self.holds.len() < known::MOST_LEARNED;
            if room && condition.reads_only_the_entity() && !self.holds.contains(condition) {
                self.holds.push(condition.clone());
            }
        }
        for (expr, facts) in learned {
            match expr.kind {
                Kind::Score => self.score.facts = self.score.facts.both(facts),
                Kind::Bound(i) => {
                    let column = &mut self.columns[i as usize];
                    column.facts = column.facts.both(facts);
                }
                _ if expr.reads_only_the_entity() => known::add(&expr, facts, &mut self.known),
                _ => {}
            }
        }
        self
    }

    /// The same rows, of which all that another shape says is true as well.
    pub fn refine(&mut self, other: &Shape) {
        self.bound = min_bound(self.bound, other.bound);
        self.score.facts = self.score.facts.both(other.score.facts);
        self.passed.extend(other.passed.iter().cloned());
        for (column, same) in self.columns.iter_mut().zip(&other.columns) {
            column.facts = column.facts.both(same.facts);
        }
        for held in &other.holds {
            if !self.holds.contains(held) {
                self.holds.push(held.clone());
            }
        }
        for known in &other.known {
            if !self.known.contains(known) {
                self.known.push(known.clone());
            }
        }
    }

    /// Rows of any of several sets of one entity, with the columns of all; a column that some
    /// lack is null there. The score is one of theirs. The error is a column that two sets have
    /// with different types.
    pub fn joined(shapes: &[&Shape]) -> Result<Shape, Box<(BoundColumn, BoundColumn)>> {
        let (first, rest) = shapes.split_first().expect("sets are joined of at least one");
        let mut joined = (*first).clone();
        for shape in rest {
            joined = joined.with(shape)?;
        }
        for column in &mut joined.columns {
            // rows of one branch differ from those of another
            column.constant &= shapes.len() == 1;
            let everywhere = shapes.iter().all(|s| s.find(&column.name).is_some());
            column.facts.nullable |= !everywhere;
        }
        Ok(joined)
    }

    fn with(mut self, other: &Shape) -> Result<Shape, Box<(BoundColumn, BoundColumn)>> {
        for column in &other.columns {
            match self.find(&column.name) {
                Some(place) if self.columns[place].ty != column.ty => {
                    return Err(Box::new((self.columns[place].clone(), column.clone())));
                }
                Some(place) => {
                    let same = &mut self.columns[place];
                    same.facts = same.facts.either(column.facts);
                }
                None => self.columns.push(column.clone()),
            }
        }
        self.bound = sum_bound(self.bound, other.bound);
        self.score = self.score.either(other.score);
        self.passed.retain(|policy| other.passed.contains(policy));
        self.known.retain(|known| other.known.contains(known));
        self.holds.retain(|held| other.holds.contains(held));
        self.asked = self.asked.zip(other.asked).map(|(a, b)| Asked {
            rows: a.rows.saturating_add(b.rows),
            by: if a.by == b.by { a.by } else { AskedBy::Fanout },
        });
        Ok(self)
    }
}

/// The smaller of two bounds, either of which may be unknown.
pub fn min_bound(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// The sum of two bounds; unknown if one is.
pub fn sum_bound(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a.zip(b).map(|(a, b)| a.saturating_add(b))
}
