//! Row expressions: operators, literals, conditions, calls.

use super::Checker;
use super::env::{Env, Scope};
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::functions::{self, Function, Resolved};
use crate::expr::ir::{Expr, Kind, Level, LinkField, OfSet, Scalar, Stat};
use crate::source::Span;
use crate::syntax::ast::{self, Arg, BinaryOp, CompareOp, ExprKind, UnaryOp};
use crate::types::Type;

impl<'a> Checker<'a> {
    /// An expression that has to be of type `want`; another type is reported.
    pub(super) fn typed(
        &mut self,
        expr: &'a ast::Expr,
        env: &Env<'a>,
        scope: &Scope<'_>,
        want: &Type,
    ) -> Expr {
        let found = self.scalar(expr, env, scope, Some(want));
        if *want != Type::String
            && self.convert(found.clone(), want).is_none()
            && self.report_quoted(expr, scope)
        {
            return Expr::error();
        }
        self.expect(found, want, expr.span)
    }

    /// The expression as a `want`, or a report that it is something else.
    pub(super) fn expect(&mut self, found: Expr, want: &Type, span: Span) -> Expr {
        let ty = found.ty.clone();
        let literal = found.level == Level::Constant;
        if let Some(converted) = self.convert(found.clone(), want) {
            return converted;
        }
        let (want_name, ty_name) = (self.type_name(want), self.type_name(&ty));
        let message = format!("expected {want_name}, found {ty_name}");
        let help = match want {
            Type::Time => self.is_no_time(std::slice::from_ref(&found)),
            Type::Duration => self.duration_in(&found),
            _ => None,
        };
        let help = help.or_else(|| conversion_help(&ty, want, literal));
        self.report(Diagnostic::new(code::E0302, span, message).maybe_help(help));
        Expr::error()
    }

    /// A duration that was written as text.
    fn duration_in(&self, found: &Expr) -> Option<String> {
        let duration = crate::syntax::duration_in(&self.text_of(found)?)?;
        Some(format!("write it without quotes: `{duration}`"))
    }

    /// Of values of which one should be a time: how a text is written as one, or the line of the catalog
    /// that makes one of a column.
    fn is_no_time(&self, values: &[Expr]) -> Option<String> {
        values.iter().find_map(|value| {
            if let Some(time) = self.text_of(value).and_then(|t| crate::syntax::time_in(&t)) {
                return Some(format!("a time is written without quotes: `{time}`"));
            }
            let (section, name) = self.stored_as(value)?;
            let (what, unit) = match value.ty {
                Type::String => ("text", ""),
                Type::Int | Type::Float => ("a number", ", unit = \"s\""),
                _ => return None,
            };
            Some(format!(
                "`{name}` is {what}; if it holds times, the catalog says so: under `[{section}.columns]`, \
                 `{name} = {{ type = \"time\"{unit} }}`"
            ))
        })
    }

    /// The section of the catalog that a column is of, and its name there.
    fn stored_as(&self, value: &Expr) -> Option<(String, String)> {
        match &value.kind {
            Kind::Read { entity, column, .. } => {
                let table = self.schema.entity(*entity);
                let name = table.columns[*column as usize].name.clone();
                Some((format!("entity.{}", table.name), name))
            }
            Kind::Outer(inner) => self.stored_as(inner),
            Kind::Link(LinkField::Column(column)) => {
                let edge = self.links.last()?;
                let (table, _) = super::names::base_table(&edge.kind)?;
                let name = edge.columns.get(*column as usize)?.0.clone();
                Some((format!("edge.{}", self.schema.edge(table).name), name))
            }
            _ => None,
        }
    }

    /// A text that is known.
    fn text_of(&self, value: &Expr) -> Option<String> {
        match value.as_const()? {
            Scalar::Text(text) => Some(text.to_string()),
            Scalar::Code(code) if value.ty == Type::String => {
                Some(self.texts.get(*code)?.into_owned())
            }
            _ => None,
        }
    }

    /// The typed expression; `expect` only helps literals to find their type.
    pub(super) fn scalar(
        &mut self,
        expr: &'a ast::Expr,
        env: &Env<'a>,
        scope: &Scope<'_>,
        expect: Option<&Type>,
    ) -> Expr {
        let read = |this: &mut Self| Some(this.scalar_kind(expr, env, scope, expect));
        match self.deeper(expr.span, read) {
            Some(found) => self.not_too_deep(found, expr.span),
            None => Expr::error(),
        }
    }

    fn scalar_kind(
        &mut self,
        expr: &'a ast::Expr,
        env: &Env<'a>,
        scope: &Scope<'_>,
        expect: Option<&Type>,
    ) -> Expr {
        match &expr.kind {
            ExprKind::Null => Expr::constant(Scalar::Null, Type::Null),
            ExprKind::Bool(b) => Expr::constant(Scalar::Bool(*b), Type::Bool),
            ExprKind::Int(i) => Expr::constant(Scalar::I64(*i), Type::Int),
            ExprKind::Float(x) => Expr::constant(Scalar::F64(*x), Type::Float),
            ExprKind::Str(s) => Expr::constant(self.string(s), Type::String),
            ExprKind::Duration(us) => Expr::constant(Scalar::I64(*us), Type::Duration),
            ExprKind::Time(us) => Expr::constant(Scalar::I64(*us), Type::Time),
            ExprKind::Name(name) => self.name(name, expr.span, env, scope),
            ExprKind::Field { receiver, name } => self.field(receiver, name, env, scope),
            ExprKind::List(items) => self.list(items, env, scope, expect),
            ExprKind::Unary { op, operand } => self.unary(*op, operand, expr.span, env, scope),
            ExprKind::Binary { op, left, right } => {
                self.binary(*op, left, right, expr.span, env, scope)
            }
            ExprKind::Compare { first, rest } => self.comparisons(first, rest, env, scope),
            ExprKind::In {
                value,
                set,
                negated,
            } => self.membership(value, set, *negated, env, scope),
            ExprKind::IsNull { value, negated } => self.null_test(value, *negated, env, scope),
            ExprKind::If {
                then,
                condition,
                otherwise,
            } => self.conditional(then, condition, otherwise, env, scope, expect),
            ExprKind::Call { callee, args } => self.call(callee, args, expr.span, env, scope),
            ExprKind::Method {
                receiver,
                name,
                args,
            } => self.method_call(receiver, name, args, expr, env, scope),
            ExprKind::Links { .. } => {
                let help = "the links of an edge stand in an aggregate: `count(~likes(it))`";
                let message = "the links of an edge are not a value";
                self.report(Diagnostic::new(code::E0312, expr.span, message).help(help));
                Expr::error()
            }
            ExprKind::Block(block) => match self.block_env(block, env) {
                Some((result, env)) => self.scalar(result, &env, scope, expect),
                None => Expr::error(),
            },
            ExprKind::Error => Expr::error(),
            ExprKind::Record(_) | ExprKind::Rule { .. } | ExprKind::Version { .. } => {
                self.report(Diagnostic::new(code::E0302, expr.span, "expected a value"));
                Expr::error()
            }
        }
    }

    fn list(
        &mut self,
        items: &'a [ast::Expr],
        env: &Env<'a>,
        scope: &Scope<'_>,
        expect: Option<&Type>,
    ) -> Expr {
        let wanted = match expect {
            Some(Type::List(item)) => Some((**item).clone()),
            _ => None,
        };
        let found: Vec<Expr> = items
            .iter()
            .map(|i| self.scalar(i, env, scope, wanted.as_ref()))
            .collect();
        let item = wanted.or_else(|| found.iter().map(|e| &e.ty).find(|t| !t.is_open()).cloned());
        let item = match item {
            Some(Type::Int) if found.iter().any(|e| e.ty == Type::Float) => Type::Float,
            Some(item) => item,
            None if found.iter().any(Expr::is_error) => return Expr::error(),
            None => Type::Null,
        };
        let typed: Vec<Expr> = found
            .into_iter()
            .zip(items)
            .map(|(e, ast)| self.expect(e, &item, ast.span))
            .collect();
        if typed.iter().any(Expr::is_error) {
            return Expr::error();
        }
        Expr::new(Kind::List(typed), Type::List(Box::new(item)))
    }

    fn unary(
        &mut self,
        op: UnaryOp,
        operand: &'a ast::Expr,
        span: Span,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Expr {
        let sign = match op {
            UnaryOp::Not => "not",
            UnaryOp::Neg => "-",
            UnaryOp::Reverse => {
                let help = "the links of an edge stand in an aggregate: `count(~likes(it))`";
                self.report(
                    Diagnostic::new(code::E0312, span, "an edge is not a value").help(help),
                );
                return Expr::error();
            }
        };
        let operand = self.scalar(operand, env, scope, None);
        self.apply(sign, vec![operand], span)
    }

    fn binary(
        &mut self,
        op: BinaryOp,
        left: &'a ast::Expr,
        right: &'a ast::Expr,
        span: Span,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Expr {
        let sign = match op {
            BinaryOp::Or => "or",
            BinaryOp::And => "and",
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::FloorDiv => "//",
            BinaryOp::Mod => "%",
            BinaryOp::Pow => "**",
            BinaryOp::Union | BinaryOp::Intersect => {
                let help = if op == BinaryOp::Union {
                    "write `or` for conditions"
                } else {
                    "write `and` for conditions"
                };
                let message = "`|` and `&` combine candidate sets, not values";
                self.report(Diagnostic::new(code::E0313, span, message).help(help));
                return Expr::error();
            }
        };
        let a = self.scalar(left, env, scope, None);
        let b = self.scalar(right, env, scope, None);
        if matches!(op, BinaryOp::Or | BinaryOp::And) && !a.is_error() && !b.is_error() {
            let of = |ty: &Type| *ty == Type::Bool || ty.is_open();
            if !of(&a.ty) && (a.ty == b.ty || a.ty.is_number() && b.ty.is_number()) {
                self.or_as_coalesce(op, [left, right], span);
                return Expr::error();
            }
            let written = self.refine_sign(left.span, right.span, &format!("write `{sign}`"));
            if written && !(of(&a.ty) && of(&b.ty)) {
                return Expr::error();
            }
        }
        self.apply(sign, vec![a, b], span)
    }

    /// `quality or 0.0`: values that are no conditions.
    fn or_as_coalesce(&mut self, op: BinaryOp, [left, right]: [&ast::Expr; 2], span: Span) {
        let printed = crate::syntax::print_expression;
        let (sign, help) = match op {
            BinaryOp::Or => {
                let first = format!("coalesce({}, {})", printed(left), printed(right));
                ("or", format!("the first that is not null is `{first}`"))
            }
            _ => (
                "and",
                "conditions are comparisons, as in `quality > 0.5`".to_owned(),
            ),
        };
        if !self.refine_sign(left.span, right.span, &help) {
            let message = format!("`{sign}` joins conditions");
            self.report(Diagnostic::new(code::E0302, span, message).help(help));
        }
    }

    /// `a < b <= c` is `a < b and b <= c`.
    fn comparisons(
        &mut self,
        first: &'a ast::Expr,
        rest: &'a [(CompareOp, ast::Expr)],
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Expr {
        let mut left = (self.scalar(first, env, scope, None), first);
        let mut all: Option<Expr> = None;
        for (op, right) in rest {
            let typed = self.scalar(right, env, scope, None);
            self.note_compared([left.1, right], env, scope);
            let one = self.comparison(*op, left, (typed.clone(), right), scope);
            let span = first.span.to(right.span);
            all = Some(match all {
                Some(before) => self.apply("and", vec![before, one], span),
                None => one,
            });
            left = (typed, right);
        }
        all.unwrap_or_else(Expr::error)
    }

    fn comparison(
        &mut self,
        op: CompareOp,
        left: (Expr, &ast::Expr),
        right: (Expr, &ast::Expr),
        scope: &Scope<'_>,
    ) -> Expr {
        let sign = match op {
            CompareOp::Eq => "==",
            CompareOp::Ne => "!=",
            CompareOp::Lt => "<",
            CompareOp::Le => "<=",
            CompareOp::Gt => ">",
            CompareOp::Ge => ">=",
        };
        let span = left.1.span.to(right.1.span);
        let ((a, left), (b, right)) = (left, right);
        if a.is_error() || b.is_error() {
            return Expr::error();
        }
        for null in [left, right] {
            if matches!(null.kind, ExprKind::Null) {
                let other = if std::ptr::eq(null, left) {
                    right
                } else {
                    left
                };
                let other = crate::syntax::print_expression(other);
                let help = match op {
                    CompareOp::Ne => format!("write `{other} is not null`"),
                    _ => format!("write `{other} is null`"),
                };
                let message =
                    format!("`{sign} null` is never true: an operation with null is null");
                self.report(Diagnostic::new(code::E0310, span, message).help(help));
                return Expr::error();
            }
        }
        let (a, b) = self.alike(a, b);
        let open = a.ty.is_open() || b.ty.is_open();
        let numbers = a.ty.is_number() && b.ty.is_number();
        if a.ty != b.ty && !open && !numbers {
            let (x, y) = (self.type_name(&a.ty), self.type_name(&b.ty));
            let time = [&a.ty, &b.ty].contains(&&Type::Time);
            let column = time
                .then(|| self.is_no_time(&[a.clone(), b.clone()]))
                .flatten();
            let quoted = [left, right]
                .into_iter()
                .find_map(|side| self.unquoted(side, scope))
                .map(|meant| super::quoted::without_quotes(&meant));
            let help = quoted.or(column).or_else(|| unlike_help(&a.ty, &b.ty));
            let message = format!("{x} and {y} cannot be compared");
            self.report(
                Diagnostic::new(code::E0309, span, message)
                    .label(left.span, format!("this is {x}"))
                    .label(right.span, format!("this is {y}"))
                    .maybe_help(help),
            );
            return Expr::error();
        }
        self.apply(sign, vec![a, b], span)
    }

    /// Both as one type where a literal or parameter can be a key of the other's entity.
    pub(super) fn alike(&self, a: Expr, b: Expr) -> (Expr, Expr) {
        match (&a.ty, &b.ty) {
            (Type::Id(_), Type::Int | Type::String) => {
                let ty = a.ty.clone();
                let converted = self.convert(b.clone(), &ty).unwrap_or(b);
                (a, converted)
            }
            (Type::Int | Type::String, Type::Id(_)) => {
                let ty = b.ty.clone();
                let converted = self.convert(a.clone(), &ty).unwrap_or(a);
                (converted, b)
            }
            _ => (a, b),
        }
    }

    fn membership(
        &mut self,
        value: &'a ast::Expr,
        set: &'a ast::Expr,
        negated: bool,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Expr {
        let span = value.span.to(set.span);
        let found = self.scalar(value, env, scope, None);
        let test = if self.is_set(set, env) {
            self.in_set(found, value.span, set, env)
        } else {
            let wanted = Type::List(Box::new(found.ty.clone()));
            let wanted = (!matches!(found.ty, Type::List(_))).then_some(&wanted);
            let list = self.scalar(set, env, scope, wanted);
            let turned = match &set.kind {
                ExprKind::List(items) if matches!(found.ty, Type::List(_)) && items.len() == 1 => {
                    let printed = crate::syntax::print_expression;
                    let (item, list) = (printed(&items[0]), printed(value));
                    Some(format!(
                        "the list stands behind `in`: write `{item} in {list}`"
                    ))
                }
                _ => None,
            };
            self.in_list(found, list, span, set.span, turned)
        };
        if negated {
            self.apply("not", vec![test], span)
        } else {
            test
        }
    }

    fn in_list(
        &mut self,
        value: Expr,
        list: Expr,
        span: Span,
        list_span: Span,
        help: Option<String>,
    ) -> Expr {
        if value.is_error() || list.is_error() {
            return Expr::error();
        }
        let Type::List(item) = &list.ty else {
            let message = format!(
                "`in` needs a list or a candidate set, found {}",
                self.type_name(&list.ty)
            );
            self.report(
                Diagnostic::new(code::E0302, list_span, message).help("write `x in [a, b]`"),
            );
            return Expr::error();
        };
        let item = (**item).clone();
        if item.is_open() || item == value.ty || value.ty.is_open() {
            return self.apply("in", vec![value, list], span);
        }
        if let Some(value) = self.convert(value.clone(), &item) {
            return self.apply("in", vec![value, list], span);
        }
        let (x, y) = (self.type_name(&value.ty), self.type_name(&item));
        let message = format!("{x} cannot be in a list of {y}");
        self.report(Diagnostic::new(code::E0309, span, message).maybe_help(help));
        Expr::error()
    }

    fn in_set(&mut self, id: Expr, id_span: Span, set: &'a ast::Expr, env: &Env<'a>) -> Expr {
        let Some(node) = self.set(set, env, crate::ops::Role::Fact) else {
            return Expr::error();
        };
        let entity = self.graph.shape(node).entity;
        let want = Type::Id(entity);
        let ty = id.ty.clone();
        if id.is_error() {
            return id;
        }
        match self.convert(id, &want) {
            Some(id) => Expr::new(Kind::InSet { id, set: node }, Type::Bool),
            None => {
                let (x, name) = (self.type_name(&ty), self.entity_name(entity));
                let message = format!("{x} cannot be in a set of `{name}`");
                let reference = match ty {
                    Type::Id(from) => self
                        .schema
                        .entity(from)
                        .references
                        .iter()
                        .find(|reference| reference.entity == entity),
                    _ => None,
                };
                let help = match reference {
                    Some(reference) => format!("write `{} in ...`", reference.name),
                    None => format!("only ids of `{name}` can be in it"),
                };
                self.report(
                    Diagnostic::new(code::E0309, id_span.to(set.span), message)
                        .label(set.span, format!("this is a set of `{name}`"))
                        .label(id_span, format!("this is {x}"))
                        .help(help),
                );
                Expr::error()
            }
        }
    }

    fn null_test(
        &mut self,
        value: &'a ast::Expr,
        negated: bool,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Expr {
        let found = self.scalar(value, env, scope, None);
        let test = self.apply("is null", vec![found], value.span);
        if negated {
            self.apply("not", vec![test], value.span)
        } else {
            test
        }
    }

    fn conditional(
        &mut self,
        then: &'a ast::Expr,
        condition: &'a ast::Expr,
        otherwise: &'a ast::Expr,
        env: &Env<'a>,
        scope: &Scope<'_>,
        expect: Option<&Type>,
    ) -> Expr {
        let condition = self.typed(condition, env, scope, &Type::Bool);
        let a = self.scalar(then, env, scope, expect);
        let b = self.scalar(otherwise, env, scope, expect);
        if condition.is_error() || a.is_error() || b.is_error() {
            return Expr::error();
        }
        let (a, b) = self.alike(a, b);
        let ty = match (&a.ty, &b.ty) {
            (Type::Null, ty) => ty.clone(),
            (Type::Int, Type::Float) => Type::Float,
            (ty, _) => ty.clone(),
        };
        let a = self.expect(a, &ty, then.span);
        let b = self.expect(b, &ty, otherwise.span);
        if a.is_error() || b.is_error() {
            return Expr::error();
        }
        let kind = Kind::If {
            condition,
            then: a,
            otherwise: b,
        };
        Expr::new(kind, ty)
    }

    /// A call of a definition, a value, a policy, an aggregate or a function.
    fn call(
        &mut self,
        callee: &'a ast::Name,
        args: &'a [Arg],
        span: Span,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Expr {
        let name = callee.text.as_str();
        if let Some(found) = self.call_defined(callee, args, env, scope) {
            return found;
        }
        if let Some(stat) = Stat::find(name)
            && let Some(found) = self.aggregate(stat, callee, args, env, scope)
        {
            return found;
        }
        match name {
            "score_of" => return self.of_set(OfSet::Score, callee, args, env, scope),
            "position_of" => return self.of_set(OfSet::Position, callee, args, env, scope),
            _ => {}
        }
        match functions::find(name).filter(|f| !f.is_operator()) {
            None if Stat::find(name).is_some() => {
                self.nothing_to_aggregate(callee, args, env, scope);
                Expr::error()
            }
            Some(function) => {
                let args: Vec<_> = args.iter().map(|a| (a.name.as_ref(), &a.value)).collect();
                self.call_function(function, &args, callee.span, span, env, scope)
            }
            None => {
                self.unknown_function(callee, args, env);
                Expr::error()
            }
        }
    }

    /// An aggregate of something that is neither a set nor links.
    fn nothing_to_aggregate(
        &mut self,
        callee: &ast::Name,
        args: &'a [Arg],
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) {
        let name = &callee.text;
        if args.iter().any(|arg| arg.value.kind == ExprKind::Error) {
            return;
        }
        let edge = args
            .first()
            .filter(|arg| arg.name.is_none())
            .and_then(|arg| {
                let (reversed, edge) = match &arg.value.kind {
                    ExprKind::Unary {
                        op: UnaryOp::Reverse,
                        operand,
                    } => (true, &**operand),
                    _ => (false, &arg.value),
                };
                Some((super::bare_name(edge)?, reversed, arg.span))
            })
            .filter(|(edge, ..)| self.edge_exists(edge, env));
        let diagnostic = match edge {
            Some((edge, reversed, span)) => {
                let message = format!("`{name}` needs the links of `{edge}` from some row");
                let help = match reversed {
                    true => format!("write `{name}(~{edge}(it))`"),
                    false => format!("write `{name}({edge}(viewer))`, or `{name}(~{edge}(it))`"),
                };
                Diagnostic::new(code::E0313, span, message).help(help)
            }
            None => {
                let message =
                    format!("`{name}` aggregates a candidate set or the links of an edge");
                let help = self
                    .aggregate_of_column(name, args, env, scope)
                    .unwrap_or_else(|| format!("write `{name}(rows)`, or `{name}(edge(viewer))`"));
                let span = args.first().map_or(callee.span, |arg| arg.span);
                Diagnostic::new(code::E0313, span, message).help(help)
            }
        };
        self.report(diagnostic);
    }

    /// `mean(quality)`, `mean(all(media).quality)`: a set stands before what is aggregated of its rows.
    fn aggregate_of_column(
        &self,
        name: &str,
        args: &'a [Arg],
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Option<String> {
        let [arg] = args else { return None };
        let printed = crate::syntax::print_expression;
        if let ExprKind::Field {
            receiver,
            name: column,
        } = &arg.value.kind
            && self.is_set(receiver, env)
        {
            return Some(format!(
                "write `{name}({}, {})`",
                printed(receiver),
                column.text
            ));
        }
        let row = scope.row.as_ref()?;
        let entity = self.entity_name(row.entity);
        Some(format!(
            "the rows come first: write `{name}(all({entity}), {})`",
            printed(&arg.value)
        ))
    }

    /// `x.f(y)` is `f(x, y)`.
    fn method_call(
        &mut self,
        receiver: &'a ast::Expr,
        name: &'a ast::Name,
        args: &'a [Arg],
        whole: &'a ast::Expr,
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Expr {
        if self.is_set(whole, env) {
            let help =
                "read a set in a row with `in`, or through an aggregate such as `count(...)`";
            let message = "a candidate set stands where a value is needed";
            self.report(Diagnostic::new(code::E0313, whole.span, message).help(help));
            return Expr::error();
        }
        if let Some(found) = self.method_defined(receiver, name, args, env, scope) {
            return found;
        }
        if let Some(help) = self.of_library(receiver, name, args, env, scope) {
            let message = format!(
                "there is no `{}` here",
                crate::syntax::print_expression(receiver)
            );
            self.report(Diagnostic::new(code::E0203, receiver.span, message).help(help));
            return Expr::error();
        }
        let Some(function) = functions::find(&name.text).filter(|f| !f.is_operator()) else {
            self.unknown_function(name, &[], env);
            return Expr::error();
        };
        let receiver = (None, receiver);
        let args = args.iter().map(|arg| (arg.name.as_ref(), &arg.value));
        let args: Vec<_> = std::iter::once(receiver).chain(args).collect();
        self.call_function(function, &args, name.span, whole.span, env, scope)
    }

    /// `math.log(x)`, `np.log1p(x)`, `pl.col("x")`: what to write for a call that follows the name of a
    /// library of another language.
    fn of_library(
        &self,
        receiver: &ast::Expr,
        name: &ast::Name,
        args: &[Arg],
        env: &Env<'a>,
        scope: &Scope<'_>,
    ) -> Option<String> {
        const LIBRARIES: [&str; 14] = [
            "math",
            "Math",
            "np",
            "numpy",
            "pl",
            "polars",
            "pd",
            "pandas",
            "torch",
            "tf",
            "F",
            "fn",
            "functions",
            "std",
        ];
        let library = super::bare_name(receiver)?;
        if !LIBRARIES.contains(&library) || self.knows(library, env, scope) {
            return None;
        }
        if let Some(column) = super::foreign::column(&name.text, args) {
            return Some(column);
        }
        let function = functions::find(&name.text).filter(|f| !f.is_operator())?;
        let args = args
            .iter()
            .map(|arg| crate::syntax::print_expression(&arg.value));
        let args = args.collect::<Vec<_>>().join(", ");
        Some(format!(
            "functions stand alone: `{}({args})`",
            function.name
        ))
    }

    /// A function or sign applied to typed arguments.
    pub(super) fn apply(&mut self, name: &'static str, args: Vec<Expr>, span: Span) -> Expr {
        if args.iter().any(Expr::is_error) {
            return Expr::error();
        }
        let Some(function) = functions::find(name) else {
            return Expr::error();
        };
        let types: Vec<Type> = args.iter().map(|a| a.ty.clone()).collect();
        match function.resolve(&types) {
            Some(resolved) => self.resolved(resolved, args, span),
            None => {
                self.wrong_arguments(function, &args, &types, span);
                Expr::error()
            }
        }
    }

    fn resolved(&mut self, how: Resolved, args: Vec<Expr>, span: Span) -> Expr {
        let mut args: Vec<Expr> = args
            .into_iter()
            .zip(&how.params)
            .filter_map(|(arg, want)| self.convert(arg, want))
            .collect();
        if !how.folds {
            let call = self.called(how.kernel, args, how.result);
            return self.not_too_deep(call, span);
        }
        let mut folded = args.remove(0);
        for arg in args {
            let call = self.called(how.kernel, vec![folded, arg], how.result.clone());
            folded = self.not_too_deep(call, span);
            if folded.is_error() {
                break;
            }
        }
        folded
    }

    fn wrong_arguments(
        &mut self,
        function: &'static Function,
        args: &[Expr],
        types: &[Type],
        span: Span,
    ) {
        let of_times = matches!(function.name, "age" | "decay" | "hour" | "weekday" | "date");
        let wants_time = of_times || types.contains(&Type::Time);
        let column = wants_time.then(|| self.is_no_time(args)).flatten();
        let column = column.or_else(|| {
            let duration = args.iter().find_map(|arg| self.duration_in(arg));
            duration.filter(|_| of_times)
        });
        let names: Vec<String> = types.iter().map(|t| self.type_name(t)).collect();
        let (least, most) = function.arity();
        let hidden = usize::from(matches!(function.name, "age" | "decay" | "beta"));
        let count = types.len();
        let diagnostic = if count < least {
            let message = format!(
                "`{}` needs {} argument(s), found {}",
                function.name,
                least - hidden,
                count - hidden.min(count)
            );
            Diagnostic::new(code::E0303, span, message).help(format!("use: `{}`", function.usage))
        } else if most.is_some_and(|most| count > most) {
            let message = format!(
                "`{}` takes at most {} argument(s)",
                function.name,
                most.unwrap_or(0) - hidden
            );
            Diagnostic::new(code::E0307, span, message).help(format!("use: `{}`", function.usage))
        } else if function.is_operator()
            || function.name == "and"
            || function.name == "or"
            || function.name == "not"
        {
            let message = match &names[..] {
                [a] => format!("`{}` cannot be applied to {a}", function.name),
                [a, b] => format!("`{}` cannot be applied to {a} and {b}", function.name),
                _ => format!("`{}` cannot be applied here", function.name),
            };
            Diagnostic::new(code::E0302, span, message).maybe_help(sign_help(function.name, types))
        } else {
            let shown = &names[..names.len() - hidden.min(names.len())];
            let message = format!("`{}` cannot take {}", function.name, shown.join(", "));
            let help = match types {
                [Type::Duration] => {
                    "a duration divided by another is a number: `age(t) / 1d`".into()
                }
                _ => format!("use: `{}`", function.usage),
            };
            Diagnostic::new(code::E0302, span, message).help(help)
        };
        self.report(diagnostic.maybe_help(column));
    }

    fn unknown_function(&mut self, callee: &ast::Name, args: &[Arg], env: &Env<'a>) {
        let (name, span) = (callee.text.as_str(), callee.span);
        if self.is_lost(name) {
            return;
        }
        if crate::ops::find(name).is_some() || self.edge_exists(name, env) {
            let help = match self.edge_exists(name, env) {
                true if args.is_empty() => {
                    format!("the links of an edge stand in an aggregate: `count({name}(...))`")
                }
                true => {
                    let ends = args
                        .iter()
                        .map(|arg| crate::syntax::print_expression(&arg.value));
                    let links = format!("{name}({})", ends.collect::<Vec<_>>().join(", "));
                    format!(
                        "whether there is such a link is `exists({links})`, how many there are `count({links})`"
                    )
                }
                false => {
                    "read a set in a row with `in`, or through an aggregate such as `count(...)`"
                        .to_owned()
                }
            };
            let message = format!("`{name}` does not give a value");
            return self.report(Diagnostic::new(code::E0313, span, message).help(help));
        }
        let mut known: Vec<&str> = functions::all()
            .filter(|f| !f.is_operator())
            .map(|f| f.name)
            .collect();
        known.extend(Stat::NAMES.iter().map(|(n, _)| *n));
        known.extend(["score_of", "position_of"]);
        known.extend(self.usable_names(env.module));
        let near = suggest::nearest(name, known.into_iter());
        let column = super::foreign::column(name, args);
        let foreign = column.or_else(|| super::foreign::function(name).map(str::to_owned));
        let foreign = foreign.or_else(|| {
            let stat = Stat::find(name)?.name();
            Some(format!(
                "write `{stat}(rows)`, or `{stat}(~likes(it))` for links"
            ))
        });
        if near.is_none() && foreign.is_none() && self.may_be_imported(env.module) {
            return;
        }
        let help = self
            .of_another_entity(name)
            .or(foreign)
            .or_else(|| near.map(|near| format!("did you mean `{near}`?")))
            .unwrap_or_else(|| "docs/functions.md lists the functions".to_owned());
        let message = format!("there is no function `{name}`");
        self.report(Diagnostic::new(code::E0202, span, message).help(help));
    }
}

/// How to make a `want` of what was found; `literal` if it is written in the program.
fn conversion_help(found: &Type, want: &Type, literal: bool) -> Option<String> {
    Some(match (found, want) {
        (Type::String, Type::Int | Type::Float) if !literal => {
            "a text is no number; `1 if x == \"text\" else 0` makes one".to_owned()
        }
        (Type::Int | Type::Float, Type::String) if !literal => {
            "a number is no text; compare it with numbers".to_owned()
        }
        (Type::Float, Type::Int) => "write `int(x)`, or `round(x)`".to_owned(),
        (Type::Bool, Type::Int | Type::Float) => "write `1 if condition else 0`".to_owned(),
        (Type::Int | Type::Float, Type::Bool) => "compare it: `x > 0`".to_owned(),
        (Type::String, Type::Duration) => "write a duration without quotes: `7d`".to_owned(),
        (Type::Int | Type::Float, Type::Duration) => {
            "give the number a unit: `7d`, `30m`, `90s`".to_owned()
        }
        (Type::String, Type::Id(_)) => {
            "keys of this entity are ints: write it without quotes".to_owned()
        }
        (Type::Int, Type::Id(_)) => "keys of this entity are strings: put it in quotes".to_owned(),
        (Type::String, Type::Time) => "write a time as `@2024-05-01`".to_owned(),
        (Type::String, Type::Float | Type::Int) => "write the number without quotes".to_owned(),
        (_, Type::String) if found.is_number() => "put the text in quotes".to_owned(),
        (Type::List(_), Type::Bool) => "test an element: `x in list`".to_owned(),
        (Type::String, Type::Bool) => "compare it: `x == \"text\"`".to_owned(),
        (Type::Id(_) | Type::Time | Type::Duration, Type::Bool) => {
            "compare it, or test it: `x is not null`".to_owned()
        }
        (Type::Time, Type::Duration) => "the time since then is `age(x)`".to_owned(),
        (found, Type::List(item)) if !matches!(found, Type::List(_)) && fits(found, item) => {
            "write a list, of one element too: `[x]`".to_owned()
        }
        (Type::List(_), want) if want.is_number() => "the length of a list is `len(x)`".to_owned(),
        _ => return None,
    })
}

/// Whether a value of one type may stand for an element of the other.
fn fits(found: &Type, item: &Type) -> bool {
    found == item || matches!(item, Type::Id(_)) || found.is_number() && item.is_number()
}

fn unlike_help(a: &Type, b: &Type) -> Option<String> {
    Some(match (a, b) {
        (Type::Id(_), Type::String) | (Type::String, Type::Id(_)) => {
            "keys of this entity are ints: write it without quotes".to_owned()
        }
        (Type::Id(_), Type::Int) | (Type::Int, Type::Id(_)) => {
            "keys of this entity are strings: put it in quotes".to_owned()
        }
        (Type::Id(_), Type::Id(_)) => "ids of different entities are never equal".to_owned(),
        (Type::Duration, Type::Int | Type::Float) | (Type::Int | Type::Float, Type::Duration) => {
            "give the number a unit: `7d`, `30m`, `90s`".to_owned()
        }
        (Type::Time, Type::Duration) | (Type::Duration, Type::Time) => {
            "compare the age of a time: `age(created_at) < 7d`".to_owned()
        }
        (Type::Time, _) | (_, Type::Time) => {
            "write a time as `@2024-05-01`, or compare its age: `age(created_at) < 7d`".to_owned()
        }
        (Type::List(_), _) | (_, Type::List(_)) => "test an element with `x in list`".to_owned(),
        (Type::String, Type::Int | Type::Float) | (Type::Int | Type::Float, Type::String) => {
            "numbers stand without quotes, text in quotes".to_owned()
        }
        _ => return None,
    })
}

fn sign_help(sign: &str, types: &[Type]) -> Option<String> {
    match (sign, types) {
        ("and" | "or" | "not", _) => Some(
            "conditions are comparisons, as in `quality > 0.5 and age(created_at) < 7d`".to_owned(),
        ),
        ("+" | "-", [Type::Time | Type::Duration, Type::Int | Type::Float]) => {
            Some("give the number a unit: `7d`, `30m`, `90s`".to_owned())
        }
        ("*" | "/" | "**" | "%" | "//", [Type::Duration, Type::Int | Type::Float])
        | ("*" | "/" | "**" | "%" | "//" | "+" | "-", [Type::Int | Type::Float, Type::Duration]) => {
            Some("a duration divided by another is a number: `age(t) / 1d`".to_owned())
        }
        ("+", [_, Type::String] | [Type::String, _]) => {
            Some("`+` adds numbers or joins two texts".to_owned())
        }
        (_, types) if types.contains(&Type::Bool) => {
            Some("a condition counts as a number in `1 if condition else 0`".to_owned())
        }
        (_, types) if types.contains(&Type::String) => {
            Some("only numbers, times and durations are calculated with".to_owned())
        }
        _ => None,
    }
}

/// The conditions that `and` joins.
pub fn conjuncts(condition: &Expr, into: &mut Vec<Expr>) {
    condition.descend(&mut |part| match &part.kind {
        Kind::Call { kernel, .. } if kernel.name == "and" && part.level > Level::Constant => true,
        _ => {
            into.push(part.clone());
            false
        }
    });
}
