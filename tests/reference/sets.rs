//! Evaluation of sets: which operator or def an expression means.

use super::chances::Chance;
use super::env::Env;
use super::expr::bind_block;
use super::pushdown::Pushed;
use super::rows::{Answer, At, Set};
use super::shape::{Called, OPERATORS, SOURCES};
use super::value::Value;
use super::{Interp, Role};
use igql::syntax::ast::{BinaryOp, Expr, ExprKind};
use std::rc::Rc;

impl<'a> Interp<'a> {
    /// The result of a query: a set, or a record of sets.
    pub fn answer(&self, expr: &'a Expr, env: &Env<'a>) -> Answer {
        let set = |e: &'a Expr, env: &Env<'a>| {
            let set = (*self.set(e, env, Role::Source, &[])).clone();
            let raised = self.too_few(e, env, &set);
            self.short.borrow_mut().extend(raised);
            set
        };
        match &expr.kind {
            ExprKind::Record(fields) => Answer::Lists(
                fields.iter().map(|(name, e)| (name.text.clone(), set(e, env))).collect(),
            ),
            ExprKind::Block(block) => self.answer(
                block.result.as_ref().expect("a block with a result"),
                &bind_block(block, env),
            ),
            ExprKind::Name(name) if !self.is_set(expr, env) => match env.get(name) {
                Some(bound) => self.answer(bound.expr, &bound.env),
                None => {
                    self.answer(self.top_level(name).expect("a query's result"), &Env::default())
                }
            },
            _ if self.is_set(expr, env) => Answer::Set(set(expr, env)),
            _ => self.called_page(&Called::of(expr).expect("a page"), env),
        }
    }

    /// The lists that a def or query gives.
    fn called_page(&self, call: &Called<'a>, env: &Env<'a>) -> Answer {
        let (params, body) = match self.def_of(call, env) {
            Some(def) => (def.params, def.body),
            None => self.program.query(Some(call.name)).expect("a query"),
        };
        let inner = self.bind_call(params, call, env);
        self.answer(body, &inner)
    }

    /// The rows of a set. `pushed` are the conditions of what follows with nothing but `let`, `filter`,
    /// `- set` and `& set` between: they are a `where` of the first fan-out below.
    pub fn set(&self, expr: &'a Expr, env: &Env<'a>, role: Role, pushed: &[Pushed<'a>]) -> Rc<Set> {
        let aside = self.aside.get();
        let (set, fans) = if pushed.is_empty() {
            self.remembered(expr, env, role)
        } else {
            self.led(|| Rc::new(self.evaluate(expr, env, role, pushed)))
        };
        // candidates do not come from what is only read
        if role == Role::Source && !aside {
            self.comes_from(&fans);
        }
        set
    }

    fn remembered(&self, expr: &'a Expr, env: &Env<'a>, role: Role) -> (Rc<Set>, Vec<usize>) {
        let aside = self.aside.get();
        let key = (expr as *const Expr as usize, env.address(), role, aside);
        if let Some((set, fans, _)) = self.set_cache.borrow().get(&key) {
            return (set.clone(), fans.clone());
        }
        let (set, fans) = self.led(|| Rc::new(self.evaluate(expr, env, role, &[])));
        let known = (set.clone(), fans.clone(), env.clone());
        self.set_cache.borrow_mut().insert(key, known);
        (set, fans)
    }

    fn evaluate(&self, expr: &'a Expr, env: &Env<'a>, role: Role, pushed: &[Pushed<'a>]) -> Set {
        let through = |e: &'a Expr, env: &Env<'a>| (*self.set(e, env, role, pushed)).clone();
        match &expr.kind {
            ExprKind::Name(name) => match (env.get(name), self.top_level(name)) {
                (Some(bound), _) => through(bound.expr, &bound.env),
                (None, _) if name == "user" => self.user(),
                (None, Some(top)) => through(top, &Env::default()),
                _ => panic!("no set `{name}`"),
            },
            ExprKind::Block(block) => through(
                block.result.as_ref().expect("a block with a result"),
                &bind_block(block, env),
            ),
            ExprKind::If { then, condition, otherwise } => {
                let holds = self.value(condition, env, &At::Request).is_true();
                let (a, of_a) = self.led(|| self.set(then, env, role, &[]));
                let (b, of_b) = self.led(|| self.set(otherwise, env, role, &[]));
                self.comes_from(if holds { &of_a } else { &of_b });
                let taken = if holds { a.with_names_of(&a, &b) } else { b.with_names_of(&a, &b) };
                match [a.chance, b.chance] {
                    [Chance::Certain, Chance::Certain] => taken,
                    sides
                        if sides.contains(&Chance::Unknown) || self.is_tainted(condition, env) =>
                    {
                        taken.unknown()
                    }
                    _ => Set { chance: Chance::Drawn, ..taken },
                }
            }
            ExprKind::Binary { op, left, right } => {
                self.set_algebra(*op, (left, right), env, role, pushed)
            }
            _ => self.set_call(&Called::of(expr).expect("a set"), env, role, pushed),
        }
    }

    fn set_algebra(
        &self,
        op: BinaryOp,
        (left, right): (&'a Expr, &'a Expr),
        env: &Env<'a>,
        role: Role,
        pushed: &[Pushed<'a>],
    ) -> Set {
        if op == BinaryOp::Union {
            let down = self.for_both((left, right), env, role, pushed);
            let a = self.set(left, env, role, &down);
            return a.union(&self.set(right, env, role, &down));
        }
        let wanted = op == BinaryOp::Intersect;
        let own = self.membership(right, env, wanted);
        let drawn = self.drawn_from(&own);
        let mut down: Vec<Pushed<'a>> =
            pushed.iter().map(|p| p.clone().with_drawn(drawn)).collect();
        down.push(own);
        let a = self.set(left, env, role, &down);
        a.keep_if(&self.set(right, env, Role::Fact, &[]), wanted)
    }

    /// What goes on to both sides of `|`: a column that one of them binds is one of the rows of both.
    fn for_both(
        &self,
        (left, right): (&'a Expr, &'a Expr),
        env: &Env<'a>,
        role: Role,
        pushed: &[Pushed<'a>],
    ) -> Vec<Pushed<'a>> {
        if pushed.is_empty() {
            return Vec::new();
        }
        let names = |e| self.aside(|| self.set(e, env, role, &[]).names.clone());
        let names = [names(left), names(right)].concat();
        let bind = |p: &Pushed<'a>| p.clone().with_bound(names.iter().cloned());
        pushed.iter().map(bind).collect()
    }

    fn set_call(&self, call: &Called<'a>, env: &Env<'a>, role: Role, pushed: &[Pushed<'a>]) -> Set {
        let set = self.operator(call, env, role, pushed);
        match OPERATORS.contains(&call.name) || SOURCES.contains(&call.name) {
            true => self.untainted(set, call, env),
            false => set,
        }
    }

    fn operator(&self, call: &Called<'a>, env: &Env<'a>, role: Role, pushed: &[Pushed<'a>]) -> Set {
        match call.name {
            "all" => self.all(call, env),
            "given" => self.given(call, env),
            "walk" => self.walk(call, env, role, pushed),
            "nn" => self.nn(call, env, role, pushed),
            "let" => self.bind_columns(call, env, role, pushed),
            "filter" => self.filter(call, env, role, pushed),
            "select" => self.select(call, env, role),
            "take" => self.take(call, env, role),
            "score" => self.score(call, env, role),
            "rank" => self.rank(call, env, role),
            "diversify_by" => self.diversify_by(call, env, role),
            "slate" => self.slate(call, env, role),
            "combine" => self.combine(call, env, role),
            "fallback" => self.fallback(call, env, role),
            "insert" => self.insert(call, env, role),
            "sample" => self.sample(call, env, role),
            "as_viewer" => self.viewers(call, env, role),
            _ => self.defined(call, env, role, pushed),
        }
    }

    fn defined(&self, call: &Called<'a>, env: &Env<'a>, role: Role, pushed: &[Pushed<'a>]) -> Set {
        let (params, body) = match self.def_of(call, env) {
            Some(def) => (def.params, def.body),
            None => self
                .program
                .query(Some(call.name))
                .unwrap_or_else(|| panic!("no operator `{}`", call.name)),
        };
        let inner = self.bind_call(params, call, env);
        (*self.set(body, &inner, role, pushed)).clone()
    }

    fn user(&self) -> Set {
        Set::of(self.world.viewer, [(self.viewer.expect("a viewer"), Some(1.0))])
    }

    /// Every visible row, in the order of the table.
    fn all(&self, call: &Called<'a>, env: &Env<'a>) -> Set {
        let entity = self.entity_argument(call.first(), env).expect("an entity");
        let rows = 0..self.world.entities[entity].keys.len() as u32;
        Set::of(entity, rows.filter(|&r| self.visible(entity, r)).map(|r| (r, Some(1.0))))
    }

    /// The rows of the ids that are known and visible, each once.
    fn given(&self, call: &Called<'a>, env: &Env<'a>) -> Set {
        let args = super::args::Args::new(call.args, &["entity", "ids", "scores"]);
        let entity = self.entity_argument(args.get("entity"), env).expect("an entity");
        let list = |name| match self.constant(args.get(name), env) {
            Value::List(items) => Some(items),
            _ => None,
        };
        let scores = list("scores");
        let mut set = Set::empty(entity);
        for (i, id) in list("ids").unwrap_or_default().iter().enumerate() {
            let row = self
                .to_row(id, entity)
                .filter(|&r| self.visible(entity, r) && set.position(r).is_none());
            let Some(row) = row else { continue };
            let score = match &scores {
                Some(scores) => scores.get(i).and_then(Value::number),
                None => Some(1.0 / (set.rows.len() + 1) as f64),
            };
            set.rows.extend(Set::of(entity, [(row, score)]).rows);
        }
        set
    }
}
