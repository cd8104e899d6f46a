//! Operators that keep rows as they are: columns, filters, set algebra, `take`.

use super::Interp;
use super::Role;
use super::args::{Args, Quantity};
use super::chances::Chance;
use super::env::Env;
use super::pushdown::{Conjunct, Pushed};
use super::rows::{At, Row, Set, compare_scores};
use super::shape::Called;
use super::value::Value;
use igql::syntax::ast::{Arg, Expr, ExprKind, RowDef};
use std::collections::HashSet;

/// The parameters of `take`.
pub const TAKE: &[&str] = &["n", "offset", "per", "depth"];

impl<'a> Interp<'a> {
    /// `let(name=expr, ...)`: later arguments see earlier ones.
    pub fn bind_columns(
        &self,
        call: &Called<'a>,
        env: &Env<'a>,
        role: Role,
        pushed: &[Pushed<'a>],
    ) -> Set {
        let (rows, args) = call.split();
        let names: Vec<&str> =
            args.iter().filter_map(|a| a.name.as_ref()).map(|n| n.text.as_str()).collect();
        let entity = self.entity_of(rows, env).expect("the entity of the rows");
        let by_position = |a: &'a Arg| self.reads_position(&a.value, env, entity);
        let pushed = match args.iter().any(by_position) {
            true => &[],
            false => pushed,
        };
        let bind = |p: &Pushed<'a>| p.clone().with_bound(names.iter().map(|n| (*n).to_owned()));
        let down: Vec<Pushed<'a>> = pushed.iter().map(bind).collect();
        let mut set = (*self.set(rows, env, role, &down)).clone();
        for arg in args {
            let name = arg.name.as_ref().expect("a name for the column");
            let values = set.places().map(|at| self.value(&arg.value, env, &at)).collect();
            set.set_column(&name.text, values);
        }
        set
    }

    /// `select(name, name=expr, ...)`: the columns that go on, and the output.
    pub fn select(&self, call: &Called<'a>, env: &Env<'a>, role: Role) -> Set {
        let (rows, args) = call.split();
        let mut set = (*self.set(rows, env, role, &[])).clone();
        let mut chosen = Vec::new();
        for arg in args {
            let name = selected_name(arg);
            let values = set.places().map(|at| self.value(&arg.value, env, &at)).collect();
            set.set_column(name, values);
            chosen.push(name.to_owned());
        }
        set.project(&chosen)
    }

    pub fn filter(
        &self,
        call: &Called<'a>,
        env: &Env<'a>,
        role: Role,
        pushed: &[Pushed<'a>],
    ) -> Set {
        let (rows, args) = call.split();
        let entity = self.entity_of(rows, env).expect("the entity of the rows");
        let conjuncts = self.filters(args, env, entity);
        let (own, drawn) = self.pushed(&conjuncts);
        let by_position = |c: &Conjunct<'a>| self.reads_position(c.expr, &c.env, entity);
        let pushed = match conjuncts.iter().any(by_position) {
            true => &[],
            false => pushed,
        };
        let mut down: Vec<Pushed<'a>> =
            pushed.iter().map(|p| p.clone().with_drawn(&drawn)).collect();
        down.extend(own);
        let set = self.set(rows, env, role, &down);
        let holds = |at: &At| conjuncts.iter().all(|c| self.value(c.expr, &c.env, at).is_true());
        let rows = set
            .places()
            .zip(&set.rows)
            .filter(|(at, _)| holds(at))
            .map(|(_, row)| row.clone())
            .collect();
        set.with_rows(rows)
    }

    /// Everything that a filter asks for, in single conditions.
    fn filters(&self, args: &'a [Arg], env: &Env<'a>, entity: usize) -> Vec<Conjunct<'a>> {
        if args.is_empty() {
            let policies = self.policies_of(entity);
            return policies.iter().flat_map(|p| self.conjuncts_of(p, &[], env, entity)).collect();
        }
        let conditions = |arg: &'a Arg| match &arg.name {
            None => self.conjuncts(&arg.value, env, entity),
            Some(name) => {
                let policy =
                    self.program.policy(&name.text, &self.is_entity(entity)).expect("a policy");
                let inner = self.bind_params(&policy.params, Some(&arg.value), &[], env, None);
                self.conjuncts(&policy.body, &inner, entity)
            }
        };
        args.iter().flat_map(conditions).collect()
    }

    /// The policies of a bare `filter()`: those that the catalog requires, else all whose columns
    /// it has and that need no argument.
    fn policies_of(&self, entity: usize) -> Vec<&'a RowDef> {
        let is_entity = self.is_entity(entity);
        if !self.world.required_policies.is_empty() {
            let named = |name: &String| self.program.policy(name, &is_entity);
            return self.world.required_policies.iter().filter_map(named).collect();
        }
        let all = self.program.policies(&is_entity);
        let usable = |p: &&'a RowDef| {
            p.params.iter().all(|p| p.default.is_some()) && self.has_names(&p.body, p, entity)
        };
        all.into_iter().filter(usable).collect()
    }

    /// Does the catalog have the bare names that a policy reads?
    fn has_names(&self, expr: &'a Expr, policy: &'a RowDef, entity: usize) -> bool {
        let all = |parts: &[&'a Expr]| parts.iter().all(|e| self.has_names(e, policy, entity));
        match &expr.kind {
            ExprKind::Name(name) => {
                let known = ["it", "viewer", "now", "score", "position", "branch", "row"]
                    .contains(&name.as_str());
                known
                    || policy.params.iter().any(|p| p.name.text == *name)
                    || self.column(entity, 0, name).is_some()
                    || self.program.value(name, &self.is_entity(entity)).is_some()
                    || self.program.param(name).is_some()
                    || self.program.tunable(name).is_some()
                    || self.program.binding(name).is_some()
            }
            ExprKind::Unary { operand, .. } => all(&[operand]),
            ExprKind::Binary { left, right, .. } => all(&[left, right]),
            ExprKind::Compare { first, rest } => {
                all(&[first]) && rest.iter().all(|(_, e)| all(&[e]))
            }
            ExprKind::IsNull { value, .. } => all(&[value]),
            ExprKind::In { value, set, .. } => {
                all(&[value]) && (self.is_set(set, &Env::default()) || all(&[set]))
            }
            ExprKind::If { then, condition, otherwise } => all(&[then, condition, otherwise]),
            ExprKind::Field { receiver, .. } => all(&[receiver]),
            ExprKind::Call { args, .. } => args.iter().all(|a| all(&[&a.value])),
            _ => true,
        }
    }

    /// `take(n, offset=0, per: expr?, depth: int?)`. As in SQL, rows without a value are one group.
    pub fn take(&self, call: &Called<'a>, env: &Env<'a>, role: Role) -> Set {
        let (rows, args) = call.split();
        let args = Args::new(args, TAKE);
        let set = self.set(rows, env, role, &[]);
        let n = self.quantity(args.get("n"), env);
        let offset = match self.constant(args.get("offset"), env) {
            Value::Int(n) => n.max(0) as usize,
            _ => 0,
        };
        let per = |per: &'a Expr| set.places().map(|at| self.value(per, env, &at)).collect();
        let values: Vec<Value> =
            args.get("per").map_or_else(|| vec![Value::Bool(true); set.rows.len()], per);
        let (rows, groups) = (&set.rows, self.groups(&values, true));
        let wanted = offset..taken(n).saturating_add(offset);
        // A row of several values stays if it is among those wanted of each.
        let before =
            |row: usize, group: usize| groups[..row].iter().filter(|g| g.contains(&group)).count();
        let stays =
            |&row: &usize| groups[row].iter().all(|&group| wanted.contains(&before(row, group)));
        set.with_rows((0..rows.len()).filter(stays).map(|row| rows[row].clone()).collect())
    }
}

/// How many a quantity takes.
pub fn taken(n: Quantity) -> usize {
    n.resolve(i64::MAX).unwrap_or(usize::MAX)
}

fn selected_name(arg: &Arg) -> &str {
    match (&arg.name, &arg.value.kind) {
        (Some(name), _) => &name.text,
        (None, ExprKind::Name(name)) => name,
        (None, ExprKind::Field { name, .. }) => &name.text,
        _ => panic!("a name for the column"),
    }
}

impl Set {
    /// The columns of those names, in that order, and no other.
    fn project(&self, names: &[String]) -> Set {
        let place =
            |name: &String| self.names.iter().position(|n| n == name).expect("a column of the set");
        let places: Vec<usize> = names.iter().map(place).collect();
        let row = |r: &Row| Row {
            columns: places.iter().map(|&i| r.columns[i].clone()).collect(),
            ..r.clone()
        };
        let rows = self.rows.iter().map(row).collect();
        Set { names: names.to_vec(), rows, selected: true, ..*self }
    }

    /// The rows that another set has (or has not).
    pub fn keep_if(&self, other: &Set, present: bool) -> Set {
        let others: HashSet<u32> = other.rows.iter().map(|r| r.id).collect();
        let keep = |r: &&Row| others.contains(&r.id) == present;
        let kept = self.with_rows(self.rows.iter().filter(keep).cloned().collect());
        // what was drawn on the right decides what stays
        match other.chance {
            Chance::Certain => kept,
            _ => kept.unknown(),
        }
    }

    /// The rows with the columns of both sets; those it lacks are null.
    pub fn with_names_of(&self, a: &Set, b: &Set) -> Set {
        let mut names = a.names.clone();
        names.extend(b.names.iter().filter(|n| !a.names.contains(n)).cloned());
        let row = |r: &Row| Row { columns: columns_as(&names, self, r), ..r.clone() };
        let rows = self.rows.iter().map(row).collect();
        Set { names: names.clone(), rows, ..*self }
    }

    /// `a | b`: the row of the larger score, of equals that of `a`. By score, then as the rows stand in
    /// their set, those of `a` first.
    pub fn union(&self, other: &Set) -> Set {
        let mut all = self.with_names_of(self, other);
        let mut better = Vec::new();
        for row in &other.rows {
            let row = Row { columns: columns_as(&all.names, other, row), ..row.clone() };
            match all.position(row.id) {
                None => better.push(row),
                Some(i) if compare_scores(row.score, all.rows[i].score).is_lt() => {
                    all.rows.remove(i);
                    better.push(row);
                }
                Some(_) => {}
            }
        }
        all.rows.extend(better);
        all.by_score_alone().any_of(&[self, other])
    }
}

/// The columns of a row of `set` under other names; those it lacks are null.
pub fn columns_as(names: &[String], set: &Set, row: &Row) -> Vec<Value> {
    let value = |name: &String| {
        set.names.iter().position(|n| n == name).map_or(Value::Null, |i| row.columns[i].clone())
    };
    names.iter().map(value).collect()
}
