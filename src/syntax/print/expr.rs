//! Expressions on one line, or broken where they are longer than one.

use super::super::ast::*;
use super::text::{duration, name, quoted, time};
use super::{Printer, WIDTH};
use crate::source::Span;

/// How tightly a node binds; a node within one that binds tighter stands in parentheses.
pub mod level {
    pub const ANY: u8 = 0;
    pub const OR: u8 = 1;
    pub const AND: u8 = 2;
    pub const NOT: u8 = 3;
    pub const COMPARE: u8 = 4;
    pub const UNION: u8 = 5;
    pub const INTERSECT: u8 = 6;
    pub const SUM: u8 = 7;
    pub const PRODUCT: u8 = 8;
    pub const SIGN: u8 = 9;
    pub const POWER: u8 = 10;
    /// Numbers: `5.f()` and `x@3.f()` would be read as a number with a point.
    pub const NUMBER: u8 = 11;
    pub const POSTFIX: u8 = 12;
    pub const ATOM: u8 = 13;
}

fn sign_and_level(op: BinaryOp) -> (&'static str, u8) {
    match op {
        BinaryOp::Or => ("or", level::OR),
        BinaryOp::And => ("and", level::AND),
        BinaryOp::Union => ("|", level::UNION),
        BinaryOp::Intersect => ("&", level::INTERSECT),
        BinaryOp::Add => ("+", level::SUM),
        BinaryOp::Sub => ("-", level::SUM),
        BinaryOp::Mul => ("*", level::PRODUCT),
        BinaryOp::Div => ("/", level::PRODUCT),
        BinaryOp::FloorDiv => ("//", level::PRODUCT),
        BinaryOp::Mod => ("%", level::PRODUCT),
        BinaryOp::Pow => ("**", level::POWER),
    }
}

/// The sign of an operation.
pub fn binary_sign(op: BinaryOp) -> &'static str {
    sign_and_level(op).0
}

/// The sign of a comparison.
pub fn compare_sign(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Eq => "==",
        CompareOp::Ne => "!=",
        CompareOp::Lt => "<",
        CompareOp::Le => "<=",
        CompareOp::Gt => ">",
        CompareOp::Ge => ">=",
    }
}

fn level_of(e: &Expr) -> u8 {
    match &e.kind {
        ExprKind::If { .. } | ExprKind::Rule { .. } => level::ANY,
        ExprKind::Binary { op, .. } => sign_and_level(*op).1,
        ExprKind::Unary { op: UnaryOp::Not, .. } => level::NOT,
        ExprKind::Unary { .. } => level::SIGN,
        ExprKind::Compare { .. } | ExprKind::In { .. } | ExprKind::IsNull { .. } => level::COMPARE,
        ExprKind::Field { .. } | ExprKind::Method { .. } => level::POSTFIX,
        ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Duration(_)
        | ExprKind::Time(_)
        | ExprKind::Version { .. } => level::NUMBER,
        _ => level::ATOM,
    }
}

/// A piece of an operator chain: the sign before it and the operand with its level.
type Piece<'e> = (String, &'e Expr, u8);

impl Printer<'_> {
    /// The expression on one line if it fits after `used` characters, else broken.
    pub fn lay(self, e: &Expr, min: u8, used: usize) -> String {
        let flat = self.flat(e, min);
        if !flat.contains('\n') && self.indent + used + flat.len() <= WIDTH && !self.noted(e.span) {
            return flat;
        }
        if level_of(e) < min {
            return format!("({})", self.broken(e, used + 1));
        }
        self.broken(e, used)
    }

    /// On one line, but for blocks, which never are.
    pub fn flat(self, e: &Expr, min: u8) -> String {
        if level_of(e) < min {
            return format!("({})", self.flat(e, level::ANY));
        }
        let args = |args: &[Arg]| self.arg_texts(args).join(", ");
        let any = |e: &Expr| self.flat(e, level::ANY);
        match &e.kind {
            ExprKind::Call { callee, args: all } => {
                format!("{}({})", name(&callee.text), args(all))
            }
            ExprKind::Links { edge, ends } => format!("({})({})", any(edge), args(ends)),
            ExprKind::Method { receiver, name: n, args: all } => {
                let receiver = self.flat(receiver, level::POSTFIX);
                format!("{receiver}.{}({})", name(&n.text), args(all))
            }
            ExprKind::Field { receiver, name: n } => {
                format!("{}.{}", self.flat(receiver, level::POSTFIX), name(&n.text))
            }
            ExprKind::List(elements) => {
                let elements: Vec<String> = elements.iter().map(any).collect();
                format!("[{}]", elements.join(", "))
            }
            ExprKind::Record(fields) => {
                let fields = fields.iter();
                let fields = fields.map(|(n, e)| format!("{}: {}", name(&n.text), any(e)));
                format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
            }
            ExprKind::Block(block) => self.block(block),
            ExprKind::Unary { op, operand } => {
                self.unary(*op, self.flat(operand, unary_level(*op)))
            }
            ExprKind::IsNull { value, negated } => {
                self.flat(value, level::UNION) + null_test(*negated)
            }
            ExprKind::Rule { key, count, window } => self.rule(key, count, window.as_deref()),
            _ => match self.pieces(e) {
                Some(pieces) => {
                    let texts = pieces.into_iter().map(|(sign, e, min)| sign + &self.flat(e, min));
                    texts.collect::<Vec<_>>().join(" ")
                }
                None => self.atom(e),
            },
        }
    }

    fn unary(self, op: UnaryOp, operand: String) -> String {
        match op {
            UnaryOp::Not => format!("not {operand}"),
            UnaryOp::Neg => format!("-{operand}"),
            UnaryOp::Reverse => format!("~{operand}"),
        }
    }

    fn rule(self, key: &Expr, count: &Expr, window: Option<&Expr>) -> String {
        let window =
            window.map_or(String::new(), |w| format!(" in {}", self.flat(w, level::UNION)));
        format!("{}: {}{window}", self.flat(key, level::ANY), self.flat(count, level::UNION))
    }

    fn atom(self, e: &Expr) -> String {
        match &e.kind {
            ExprKind::Null => "null".into(),
            ExprKind::Bool(b) => b.to_string(),
            ExprKind::Int(n) => n.to_string(),
            ExprKind::Float(x) => format!("{x:?}"),
            ExprKind::Str(s) => quoted(s),
            ExprKind::Duration(d) => duration(*d),
            ExprKind::Time(t) => time(*t),
            ExprKind::Version { name: n, version } => format!("{}@{version}", name(&n.text)),
            ExprKind::Name(n) => name(n),
            _ => "`?`".into(),
        }
    }

    fn arg_texts(self, args: &[Arg]) -> Vec<String> {
        args.iter().map(|a| arg_name(a) + &self.flat(&a.value, level::ANY)).collect()
    }

    /// The arguments of a call with their parentheses; `span` holds them.
    pub fn args(self, args: &[Arg], span: Span, used: usize) -> String {
        let flat = format!("({})", self.arg_texts(args).join(", "));
        let fits = !flat.contains('\n') && self.indent + used + flat.len() <= WIDTH;
        if args.is_empty() || fits && !self.noted(span) {
            return flat;
        }
        let inner = self.deeper();
        let parts = args.iter().map(|a| {
            let name = arg_name(a);
            let value = inner.lay(&a.value, level::ANY, name.len() + 1);
            name + &value
        });
        self.spread("(", ")", parts)
    }

    /// One element a line, whatever their width.
    fn spread(self, open: &str, close: &str, parts: impl Iterator<Item = String>) -> String {
        let line = self.deeper().newline();
        let lines: String = parts.map(|p| format!("{line}{p},")).collect();
        format!("{open}{lines}{}{close}", self.newline())
    }

    fn broken(self, e: &Expr, used: usize) -> String {
        let inner = self.deeper();
        match &e.kind {
            ExprKind::Call { callee, args } => {
                let span = after(callee, e);
                let callee = name(&callee.text);
                let used = used + callee.len();
                callee + &self.args(args, span, used)
            }
            ExprKind::Method { .. } | ExprKind::Field { .. } => self.chain(e, used),
            ExprKind::List(elements) => {
                self.spread("[", "]", elements.iter().map(|e| inner.lay(e, level::ANY, 1)))
            }
            ExprKind::Record(fields) if !fields.is_empty() => self.spread(
                "{",
                "}",
                fields.iter().map(|(n, e)| {
                    let name = name(&n.text);
                    let value = inner.lay(e, level::ANY, name.len() + 3);
                    format!("{name}: {value}")
                }),
            ),
            ExprKind::IsNull { value, negated } => {
                self.lay(value, level::UNION, used) + null_test(*negated)
            }
            ExprKind::Unary { op, operand } => {
                self.unary(*op, self.lay(operand, unary_level(*op), used + 4))
            }
            _ => match self.pieces(e) {
                Some(pieces) => {
                    let lines = pieces.into_iter().map(|(sign, e, min)| {
                        let used = sign.len();
                        sign + &inner.lay(e, min, used)
                    });
                    lines.collect::<Vec<_>>().join(&inner.newline())
                }
                None => self.flat(e, level::ANY),
            },
        }
    }

    /// A chain of calls, one a line; fields stay with what they are of.
    fn chain(self, e: &Expr, used: usize) -> String {
        let mut links = Vec::new();
        let mut root = e;
        while let ExprKind::Method { receiver, .. } | ExprKind::Field { receiver, .. } = &root.kind
        {
            links.push(root);
            root = receiver;
        }
        let inner = self.deeper();
        let mut text = self.lay(root, level::POSTFIX, used);
        for link in links.into_iter().rev() {
            match &link.kind {
                ExprKind::Method { name: n, args, .. } => {
                    let call = format!(".{}", name(&n.text));
                    let args = inner.args(args, after(n, link), call.len());
                    text.push_str(&format!("{}{call}{args}", inner.newline()));
                }
                ExprKind::Field { name: n, .. } => text.push_str(&format!(".{}", name(&n.text))),
                _ => {}
            }
        }
        text
    }

    /// The operands of an operator with the signs before them; none if it is no operator.
    fn pieces<'e>(self, e: &'e Expr) -> Option<Vec<Piece<'e>>> {
        let first = |e: &'e Expr, min: u8| (String::new(), e, min);
        Some(match &e.kind {
            ExprKind::Binary { op: BinaryOp::Pow, left, right } => {
                vec![first(left, level::NUMBER), ("** ".into(), right, level::SIGN)]
            }
            ExprKind::Binary { op, .. } => operands(e, sign_and_level(*op).1),
            ExprKind::Compare { first: one, rest } => {
                let sign = |op: &_| format!("{} ", compare_sign(*op));
                let rest = rest.iter().map(|(op, e)| (sign(op), e, level::UNION));
                [first(one, level::UNION)].into_iter().chain(rest).collect()
            }
            ExprKind::In { value, set, negated } => {
                let sign = if *negated { "not in " } else { "in " };
                vec![first(value, level::UNION), (sign.into(), set, level::UNION)]
            }
            ExprKind::If { then, condition, otherwise } => vec![
                first(then, level::OR),
                ("if ".into(), condition, level::OR),
                ("else ".into(), otherwise, level::ANY),
            ],
            _ => return None,
        })
    }
}

fn arg_name(arg: &Arg) -> String {
    arg.name.as_ref().map_or(String::new(), |n| format!("{}=", name(&n.text)))
}

/// What stands between a callee and the end of its call.
fn after(callee: &Name, call: &Expr) -> Span {
    Span { start: callee.span.end, ..call.span }
}

fn null_test(negated: bool) -> &'static str {
    if negated { " is not null" } else { " is null" }
}

fn unary_level(op: UnaryOp) -> u8 {
    if op == UnaryOp::Not { level::NOT } else { level::SIGN }
}

/// The operands of a left-leaning chain of operators of one level.
fn operands(e: &Expr, level: u8) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut left = e;
    while let ExprKind::Binary { op, left: l, right } = &left.kind
        && sign_and_level(*op).1 == level
    {
        pieces.push((format!("{} ", sign_and_level(*op).0), &**right, level + 1));
        left = l;
    }
    pieces.push((String::new(), left, level));
    pieces.reverse();
    pieces
}
