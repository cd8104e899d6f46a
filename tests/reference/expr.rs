//! Row expressions.

use super::chances::Chance;
use super::env::{Closure, Env};
use super::rows::At;
use super::value::{self, Value, maybe_float};
use super::{Interp, Role};
use igql::syntax::ast::{
    Arg, BinaryOp, Block, CompareOp, Expr, ExprKind, Name, RowDef, Statement, UnaryOp,
};
use igql::types::Key;
use std::cmp::Ordering;

impl<'a> Interp<'a> {
    /// What an expression is at a row, a link, or for the request.
    pub fn value(&self, expr: &'a Expr, env: &Env<'a>, at: &At) -> Value {
        match &expr.kind {
            ExprKind::Null => Value::Null,
            ExprKind::Bool(x) => Value::Bool(*x),
            ExprKind::Int(x) => Value::Int(*x),
            ExprKind::Float(x) => Value::Float(*x),
            ExprKind::Str(x) => Value::Str(x.clone()),
            ExprKind::Duration(x) => Value::Duration(*x),
            ExprKind::Time(x) => Value::Time(*x),
            ExprKind::Name(name) => self.name(name, env, at),
            ExprKind::List(items) => {
                Value::List(items.iter().map(|e| self.value(e, env, at)).collect())
            }
            ExprKind::Block(block) => {
                let env = bind_block(block, env);
                self.value(block.result.as_ref().expect("a block with a result"), &env, at)
            }
            ExprKind::Unary { op, operand } => self.unary(*op, &self.value(operand, env, at)),
            ExprKind::Binary { op, left, right } => self.binary(*op, left, right, env, at),
            ExprKind::Compare { first, rest } => self.chain(first, rest, env, at),
            ExprKind::In { value, set, negated } => {
                negate_if(*negated, self.is_in(value, set, env, at))
            }
            ExprKind::IsNull { value, negated } => {
                Value::Bool(self.value(value, env, at).is_null() != *negated)
            }
            ExprKind::If { then, condition, otherwise } => {
                let chosen =
                    if self.value(condition, env, at).is_true() { then } else { otherwise };
                self.value(chosen, env, at)
            }
            ExprKind::Call { callee, args } => self.call(callee, None, args, env, at),
            ExprKind::Method { receiver, name, args } => {
                self.call(name, Some(receiver), args, env, at)
            }
            ExprKind::Field { receiver, name } => self.field_of(receiver, name, env, at),
            other => panic!("not a row expression: {other:?}"),
        }
    }

    fn unary(&self, op: UnaryOp, operand: &Value) -> Value {
        match op {
            UnaryOp::Not => value::not(operand),
            UnaryOp::Neg => value::negate(operand),
            UnaryOp::Reverse => panic!("an edge where a value must stand"),
        }
    }

    fn binary(
        &self,
        op: BinaryOp,
        left: &'a Expr,
        right: &'a Expr,
        env: &Env<'a>,
        at: &At,
    ) -> Value {
        let (a, b) = (self.value(left, env, at), self.value(right, env, at));
        match op {
            BinaryOp::And => value::and(&a, &b),
            BinaryOp::Or => value::or(&a, &b),
            _ => value::arithmetic(op, &a, &b),
        }
    }

    /// `a < b <= c` is `a < b and b <= c`.
    fn chain(
        &self,
        first: &'a Expr,
        rest: &'a [(CompareOp, Expr)],
        env: &Env<'a>,
        at: &At,
    ) -> Value {
        let mut left = first;
        let mut result = Value::Bool(true);
        for (op, right) in rest {
            let [a, b] = self.sides([left, right], env, at);
            result = value::and(&result, &self.compare(*op, &a, &b));
            left = right;
        }
        result
    }

    fn compare(&self, op: CompareOp, a: &Value, b: &Value) -> Value {
        if a.is_null() || b.is_null() {
            return Value::Null;
        }
        let ordered = |wanted: &[Ordering]| {
            Value::Bool(value::order(a, b).is_some_and(|o| wanted.contains(&o)))
        };
        match op {
            CompareOp::Eq => self.equal(a, b),
            CompareOp::Ne => value::not(&self.equal(a, b)),
            CompareOp::Lt => ordered(&[Ordering::Less]),
            CompareOp::Le => ordered(&[Ordering::Less, Ordering::Equal]),
            CompareOp::Gt => ordered(&[Ordering::Greater]),
            CompareOp::Ge => ordered(&[Ordering::Greater, Ordering::Equal]),
        }
    }

    /// Equality; an id equals the literal of its key.
    pub fn equal(&self, a: &Value, b: &Value) -> Value {
        match (a, b) {
            (Value::Null, _) | (_, Value::Null) => Value::Null,
            (Value::Id(e, x), Value::Id(f, y)) => Value::Bool((e, x) == (f, y)),
            (Value::Id(e, x), key) | (key, Value::Id(e, x)) => {
                Value::Bool(Some(self.key(*e, *x)) == as_key(key))
            }
            (Value::List(x), Value::List(y)) => {
                Value::Bool(x.len() == y.len() && self.all_equal(x, y))
            }
            _ => Value::Bool(a == b || value::order(a, b) == Some(Ordering::Equal)),
        }
    }

    fn all_equal(&self, a: &[Value], b: &[Value]) -> bool {
        a.iter().zip(b).all(|(a, b)| self.equal(a, b).is_true())
    }

    /// Whether a list or set has a value. As in SQL nothing, null or not, is in an empty list.
    fn is_in(&self, value: &'a Expr, set: &'a Expr, env: &Env<'a>, at: &At) -> Value {
        let needle = self.value(value, env, at);
        if let Some(arms) = self.arms_in(value, set, env, at) {
            return self.has(&arms, &needle);
        }
        if self.is_set(set, env) {
            if needle.is_null() {
                return Value::Null;
            }
            let set = self.set(set, env, Role::Fact, &[]);
            let id = self.to_row(&needle, set.entity);
            return Value::Bool(id.is_some_and(|id| set.position(id).is_some()));
        }
        self.has(&self.value(set, env, at), &needle)
    }

    /// The row that an id or a key of an entity stands for.
    pub fn to_row(&self, id: &Value, entity: usize) -> Option<u32> {
        match id {
            Value::Id(e, row) => (*e == entity).then_some(*row),
            other => self.world.entities[entity].row_of(&as_key(other)?),
        }
    }

    /// A bare name: parameters and bindings; built-in names; the names of the link; columns bound
    /// by `let` and heads; columns, references and values of the entity; what is declared.
    fn name(&self, name: &'a str, env: &Env<'a>, at: &At) -> Value {
        if let Some(bound) = env.get(name) {
            return self.closure_value(bound, at);
        }
        self.built_in(name, at)
            .or_else(|| self.link_name(name, at))
            .or_else(|| propensity(name, at))
            .or_else(|| at.row().and_then(|row| row.column(name)))
            .or_else(|| self.entity_name(name, at))
            .or_else(|| self.declared(name))
            .unwrap_or_else(|| panic!("unknown name `{name}`"))
    }

    pub fn closure_value(&self, bound: &Closure<'a>, at: &At) -> Value {
        self.value(bound.expr, &bound.env, bound.at.as_ref().unwrap_or(at))
    }

    fn built_in(&self, name: &str, at: &At) -> Option<Value> {
        let row = at.row();
        match name {
            "now" => Some(Value::Time(self.now)),
            "viewer" => Some(Value::Id(self.world.viewer, self.viewer.expect("a viewer"))),
            "it" => row.map(|r| Value::Id(r.entity, r.row.id)),
            "score" => row.map(|r| maybe_float(r.row.score)),
            "position" => row.map(|r| r.position.map_or(Value::Null, |p| Value::Int(p as i64))),
            "branch" => row.map(|r| r.column("branch").unwrap_or(Value::Null)),
            _ => None,
        }
    }

    fn link_name(&self, name: &str, at: &At) -> Option<Value> {
        let At::Link(link) = at else { return None };
        link.links.value(link.index, name).or_else(|| self.link_name(name, &link.outer))
    }

    /// Columns, references and values of the entity of the row.
    fn entity_name(&self, name: &'a str, at: &At) -> Option<Value> {
        let row = at.row()?;
        self.column(row.entity, row.row.id, name)
            .or_else(|| self.value_named(name, &[], &Env::default(), at))
    }

    /// A column, reference or vector of an entity.
    pub fn column(&self, entity: usize, row: u32, name: &str) -> Option<Value> {
        let table = &self.world.entities[entity];
        if name == table.key || (name == "user_id" && entity == self.world.viewer) {
            return Some(Value::Id(entity, row));
        }
        if let Some(reference) =
            table.references.iter().find(|r| r.name == name || r.column == name)
        {
            return Some(self.follow(entity, row, reference));
        }
        if let Some(column) = table.find_column(name) {
            return Some(column.values.get(row as usize).cloned().unwrap_or(Value::Null));
        }
        let embedding = self.embedding_named(name, entity)?;
        Some(self.vector(embedding, entity, row).map_or(Value::Null, |v| Value::Vector(v.to_vec())))
    }

    /// A `value` of the row's entity, with its arguments.
    pub fn value_named(
        &self,
        name: &str,
        args: &'a [Arg],
        env: &Env<'a>,
        at: &At,
    ) -> Option<Value> {
        let def = self.program.value(name, &self.is_entity(at.row()?.entity))?;
        Some(self.row_def(def, args, env, at))
    }

    /// The same of a `policy`.
    pub fn policy_named(
        &self,
        name: &str,
        args: &'a [Arg],
        env: &Env<'a>,
        at: &At,
    ) -> Option<Value> {
        let def = self.program.policy(name, &self.is_entity(at.row()?.entity))?;
        Some(self.row_def(def, args, env, at))
    }

    /// The body is read at the row alone, the arguments where they were written.
    fn row_def(&self, def: &'a RowDef, args: &'a [Arg], env: &Env<'a>, at: &At) -> Value {
        let env = self.bind_params(&def.params, None, args, env, Some(at));
        self.value(&def.body, &env, &at.outermost())
    }

    /// Params, experiments, tunables and top-level bindings.
    fn declared(&self, name: &str) -> Option<Value> {
        if let Some(default) = self.program.param(name) {
            let given = self.request.params.iter().find(|(n, _)| n == name);
            return Some(match (given, default) {
                (Some((_, given)), _) => of_param(given),
                (None, Some(default)) => self.value(default, &Env::default(), &At::Request),
                (None, None) => panic!("param `{name}` is missing"),
            });
        }
        if let Some(experiment) = self.program.experiment(name) {
            return Some(self.arm(experiment));
        }
        let expr = self.program.tunable(name).or_else(|| self.program.binding(name))?;
        Some(self.value(expr, &Env::default(), &At::Request))
    }

    /// `row.x` is always a column of the row, bound or its entity's, whatever parameters are
    /// called; `link.x` among links is the link's; otherwise a field of the entity that an id stands for.
    fn field_of(&self, receiver: &'a Expr, name: &'a Name, env: &Env<'a>, at: &At) -> Value {
        if is_row(receiver, env) {
            let row = at.row().expect("`row` stands at a row");
            return row
                .column(&name.text)
                .unwrap_or_else(|| self.field(row.entity, row.row.id, &name.text));
        }
        if is_link(receiver, env)
            && let At::Link(link) = at
        {
            return link
                .links
                .value(link.index, &name.text)
                .unwrap_or_else(|| panic!("links have no `{}`", name.text));
        }
        match self.value(receiver, env, at) {
            Value::Id(entity, row) => self.field(entity, row, &name.text),
            Value::Null => Value::Null,
            other => panic!("no field `{}` of {other:?}", name.text),
        }
    }

    fn field(&self, entity: usize, row: u32, name: &'a str) -> Value {
        let column = self.column(entity, row, name);
        let value = || self.value_named(name, &[], &Env::default(), &At::entity(entity, row));
        column.or_else(value).unwrap_or_else(|| panic!("no column `{name}`"))
    }
}

impl At {
    /// The row itself, for the body of a value: it does not see the names of a link.
    pub fn outermost(&self) -> At {
        match self {
            At::Link(link) => link.outer.outermost(),
            other => other.clone(),
        }
    }
}

/// How probable the row was, of rows that are drawn.
fn propensity(name: &str, at: &At) -> Option<Value> {
    let row = at.row().filter(|row| name == "propensity" && row.chance != Chance::Certain)?;
    Some(maybe_float(row.row.chance))
}

fn is_link(expr: &Expr, env: &Env) -> bool {
    matches!(&expr.kind, ExprKind::Name(name) if name == "link" && env.get("link").is_none())
}

fn is_row(expr: &Expr, env: &Env) -> bool {
    matches!(&expr.kind, ExprKind::Name(name) if name == "row" && env.get("row").is_none())
}

fn negate_if(negated: bool, value: Value) -> Value {
    if negated { value::not(&value) } else { value }
}

/// A param as it comes with a request.
fn of_param(given: &igql::types::Value) -> Value {
    use igql::types::Value as Given;
    match given {
        Given::Null => Value::Null,
        Given::Int(x) => Value::Int(*x),
        Given::Float(x) => Value::Float(*x),
        Given::Bool(x) => Value::Bool(*x),
        Given::Str(x) => Value::Str(x.clone()),
        Given::Time(x) => Value::Time(*x),
        Given::Duration(x) => Value::Duration(*x),
        Given::Id(Key::Int(x)) => Value::Int(*x),
        Given::Id(Key::Str(x)) => Value::Str(x.clone()),
        Given::List(items) => Value::List(items.iter().map(of_param).collect()),
        Given::Vector(x) => Value::Vector(x.clone()),
    }
}

/// The key that a literal stands for.
pub fn as_key(value: &Value) -> Option<Key> {
    match value {
        Value::Int(key) => Some(Key::Int(*key)),
        Value::Str(key) => Some(Key::Str(key.clone())),
        _ => None,
    }
}

/// The names that the result of a block sees.
pub fn bind_block<'a>(block: &'a Block, env: &Env<'a>) -> Env<'a> {
    block.statements.iter().fold(env.clone(), |env, statement| match statement {
        Statement::Binding { name, value, .. } => {
            let closure = Closure { expr: value, env: env.clone(), at: None };
            env.bind(&name.text, closure)
        }
        _ => env,
    })
}
