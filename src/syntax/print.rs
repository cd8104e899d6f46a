//! A tree back to text, in one layout: what fits a line stays on it; a longer chain has one call
//! a line, longer arguments, lists and records one element a line, longer operators begin lines.
//! Parsing the text again gives the same tree but for its spans.
//!
//! `Error` nodes have no text of their own and print as the name `` `?` ``.

use super::ast::*;
use super::literal::UNITS;
use super::token::RESERVED;

/// Widest line, where it can be helped.
const WIDTH: usize = 100;
const STEP: usize = 4;

/// How tightly a node binds; a node within one that binds tighter stands in parentheses.
mod level {
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

/// Prints a file, with the `##` lines of items and bindings; other comments are not in the tree.
pub fn print(file: &File) -> String {
    let mut out = String::new();
    let mut previous: Option<(&Item, bool)> = None;
    for item in &file.items {
        let text = item_text(item);
        let long = text.trim_end().contains('\n');
        let apart = previous.is_some_and(|(p, was_long)| {
            long || was_long || std::mem::discriminant(&p.kind) != std::mem::discriminant(&item.kind)
        });
        if apart {
            out.push('\n');
        }
        out.push_str(&text);
        out.push('\n');
        previous = Some((item, long));
    }
    out
}

/// Prints one expression.
pub fn print_expression(e: &Expr) -> String {
    Printer { indent: 0 }.statement(e, 0)
}

/// A name, in backticks where it needs them.
pub fn name(text: &str) -> String {
    let plain = text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && !RESERVED.contains(&text)
        && !["True", "False", "None"].contains(&text);
    if plain { text.to_string() } else { format!("`{text}`") }
}

fn item_text(item: &Item) -> String {
    let docs = doc_lines(&item.docs, 0);
    let printer = Printer { indent: 0 };
    let text = match &item.kind {
        ItemKind::Import(ImportPath::Module(path)) => {
            let path: Vec<String> = path.iter().map(|n| name(&n.text)).collect();
            format!("import {}", path.join("."))
        }
        ItemKind::Import(ImportPath::File { path, .. }) => format!("import {}", quoted(path)),
        ItemKind::Edge(edge) => printer.edge(edge),
        ItemKind::Param { name: n, ty, default: None } => format!("param {}: {}", name(&n.text), type_text(ty)),
        ItemKind::Test { name: n, settings, body } => {
            let settings = if settings.is_empty() { String::new() } else { format!(" {}", printer.args(settings, 0)) };
            format!("test {}{settings} = {}", quoted(&n.text), printer.block(body))
        }
        ItemKind::Expr(e) => printer.statement(e, 0),
        ItemKind::Error => "`?`".into(),
        kind => {
            let (head, value) = printer.definition(kind);
            printer.assign(&head, value)
        }
    };
    docs + &text
}

fn doc_lines(docs: &[String], indent: usize) -> String {
    let line = |doc: &String| format!("{}\n{}", format!("## {doc}").trim_end(), " ".repeat(indent));
    docs.iter().map(line).collect()
}

/// A type as it is written.
pub fn type_text(ty: &TypeExpr) -> String {
    match &ty.kind {
        TypeExprKind::Named { name: n, args } if args.is_empty() => name(&n.text),
        TypeExprKind::Named { name: n, args } => {
            let args: Vec<String> = args.iter().map(type_text).collect();
            format!("{}[{}]", name(&n.text), args.join(", "))
        }
        TypeExprKind::Size(size) => size.to_string(),
        TypeExprKind::Error => "`?`".into(),
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\0' => out.push_str("\\0"),
            c if c.is_control() => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out + "\""
}

/// A duration in the largest unit up to days that divides it (`7d` is more usual than `1w`); what is below a millisecond cannot be written.
fn duration(micros: i64) -> String {
    let fits = UNITS.iter().skip(1).find(|(_, length)| micros != 0 && micros % length == 0);
    match fits {
        Some((unit, length)) => format!("{}{unit}", micros / length),
        None if micros == 0 => "0s".into(),
        None => format!("{}ms", micros / 1_000),
    }
}

fn time(micros: i64) -> String {
    let Ok(at) = jiff::Timestamp::from_microsecond(micros) else { return "`?`".into() };
    let text = at.to_string();
    format!("@{}", text.strip_suffix("T00:00:00Z").unwrap_or(&text))
}

fn binary_sign(op: BinaryOp) -> (&'static str, u8) {
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
        ExprKind::Binary { op, .. } => binary_sign(*op).1,
        ExprKind::Unary { op: UnaryOp::Not, .. } => level::NOT,
        ExprKind::Unary { .. } => level::SIGN,
        ExprKind::Compare { .. } | ExprKind::In { .. } | ExprKind::IsNull { .. } => level::COMPARE,
        ExprKind::Field { .. } | ExprKind::Method { .. } => level::POSTFIX,
        ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Duration(_) | ExprKind::Time(_) | ExprKind::Version { .. } => level::NUMBER,
        _ => level::ATOM,
    }
}

/// A piece of an operator chain: the sign before it and the operand with its level.
type Piece<'e> = (String, &'e Expr, u8);

#[derive(Clone, Copy)]
struct Printer {
    indent: usize,
}

impl Printer {
    fn deeper(self) -> Self {
        Printer { indent: self.indent + STEP }
    }

    fn newline(self) -> String {
        format!("\n{}", " ".repeat(self.indent))
    }

    /// Head and value of an item of the form `head = value`.
    fn definition(self, kind: &ItemKind) -> (String, Option<&Expr>) {
        let row = |word: &str, def: &RowDef| {
            let on = def.entity.as_ref().map_or(String::new(), |e| format!(" on {}", name(&e.text)));
            format!("{word} {}{}{on}", name(&def.name.text), self.optional_params(&def.params))
        };
        let (head, value) = match kind {
            ItemKind::Param { name: n, ty, default } => {
                return (format!("param {}: {}", name(&n.text), type_text(ty)), default.as_ref());
            }
            ItemKind::Tunable { name: n, range, default } => (format!("tunable {} in {}", name(&n.text), self.range(range)), default),
            ItemKind::Embedding { name: n, entities, value } => {
                let entities: Vec<String> = entities.iter().map(|e| name(&e.text)).collect();
                (format!("embedding {} on {}", name(&n.text), entities.join(", ")), value)
            }
            ItemKind::Model { name: n, entity, value } => (format!("model {} on {}", name(&n.text), name(&entity.text)), value),
            ItemKind::Value(def) => (row("value", def), &def.body),
            ItemKind::Policy(def) => (row("policy", def), &def.body),
            ItemKind::Def { name: n, params, result, body } => {
                let result = result.as_ref().map_or(String::new(), |r| format!(" -> {}", type_text(r)));
                (format!("def {}{}{result}", name(&n.text), self.params(params)), body)
            }
            ItemKind::Query { name: n, params, body } => (format!("query {}{}", name(&n.text), self.optional_params(params)), body),
            ItemKind::Binding { name: n, value } => (name(&n.text), value),
            _ => return (String::new(), None),
        };
        (head, Some(value))
    }

    /// `head = value`, the value on a line of its own where it fits only there.
    fn assign(self, head: &str, value: Option<&Expr>) -> String {
        let Some(value) = value else { return head.to_string() };
        let used = head.lines().last().map_or(0, str::len) + " = ".len();
        let flat = self.flat(value, level::ANY);
        let fits = |width: usize| !flat.contains('\n') && width + flat.len() <= WIDTH;
        if !fits(self.indent + used) && fits(self.indent + STEP) {
            return format!("{head} ={}{flat}", self.deeper().newline());
        }
        format!("{head} = {}", self.lay(value, level::ANY, used))
    }

    fn edge(self, edge: &EdgeDecl) -> String {
        let mut text = self.assign(&format!("edge {}", name(&edge.name.text)), Some(&edge.value));
        for (word, tail) in [("where", &edge.filter), ("weight", &edge.weight)] {
            let Some(tail) = tail else { continue };
            let flat = self.flat(tail, level::ANY);
            let line = text.lines().last().map_or(0, str::len) + word.len() + 2 + flat.len();
            if line <= WIDTH && !flat.contains('\n') {
                text.push_str(&format!(" {word} {flat}"));
            } else {
                let inner = self.deeper();
                text.push_str(&format!("{}{word} {}", inner.newline(), inner.lay(tail, level::ANY, word.len() + 1)));
            }
        }
        text
    }

    fn optional_params(self, params: &[Param]) -> String {
        if params.is_empty() { String::new() } else { self.params(params) }
    }

    fn params(self, params: &[Param]) -> String {
        let parts: Vec<String> = params.iter().map(|p| self.param(p)).collect();
        self.brackets("(", ")", &parts, STEP * 4)
    }

    fn param(self, param: &Param) -> String {
        let range = param.range.as_ref().map_or(String::new(), |r| format!(" in {}", self.range(r)));
        let default = param.default.as_ref().map_or(String::new(), |d| format!(" = {}", self.deeper().flat(d, level::ANY)));
        format!("{}: {}{range}{default}", name(&param.name.text), type_text(&param.ty))
    }

    fn range(self, range: &Range) -> String {
        format!("{}..{}", self.flat(&range.low, level::UNION), self.flat(&range.high, level::UNION))
    }

    /// Elements within brackets: on one line if that fits after `used` characters, else one a line.
    fn brackets(self, open: &str, close: &str, parts: &[String], used: usize) -> String {
        let flat = format!("{open}{}{close}", parts.join(", "));
        if self.indent + used + flat.len() <= WIDTH && !flat.contains('\n') || parts.is_empty() {
            return flat;
        }
        let line = self.deeper().newline();
        let lines: String = parts.iter().map(|p| format!("{line}{p},")).collect();
        format!("{open}{lines}{}{close}", self.newline())
    }

    /// An expression at the start of a line: one with a leading `-` would go on the line before.
    fn statement(self, e: &Expr, used: usize) -> String {
        let text = self.lay(e, level::ANY, used);
        if text.starts_with('-') { format!("({text})") } else { text }
    }

    fn block(self, block: &Block) -> String {
        if block.statements.is_empty() && block.result.is_none() {
            return "{}".into();
        }
        let inner = self.deeper();
        let mut lines: Vec<String> = block.statements.iter().map(|s| inner.line(s)).collect();
        lines.extend(block.result.as_deref().map(|e| inner.statement(e, 0)));
        let lines: String = lines.iter().map(|l| format!("{}{l}", inner.newline())).collect();
        format!("{{{lines}{}}}", self.newline())
    }

    fn line(self, statement: &Statement) -> String {
        match statement {
            Statement::Binding { docs, name: n, value, .. } => {
                doc_lines(docs, self.indent) + &self.assign(&name(&n.text), Some(value))
            }
            Statement::Assert { condition, .. } => format!("assert {}", self.lay(condition, level::ANY, "assert ".len())),
            Statement::Error(_) => "`?`".into(),
        }
    }

    /// The expression on one line if it fits after `used` characters, else broken.
    fn lay(self, e: &Expr, min: u8, used: usize) -> String {
        let flat = self.flat(e, min);
        if !flat.contains('\n') && self.indent + used + flat.len() <= WIDTH {
            return flat;
        }
        if level_of(e) < min {
            return format!("({})", self.broken(e, used + 1));
        }
        self.broken(e, used)
    }

    /// On one line, but for blocks, which never are.
    fn flat(self, e: &Expr, min: u8) -> String {
        if level_of(e) < min {
            return format!("({})", self.flat(e, level::ANY));
        }
        let join = |parts: Vec<String>| parts.join(", ");
        match &e.kind {
            ExprKind::Call { callee, args } => format!("{}({})", name(&callee.text), join(self.arg_texts(args))),
            ExprKind::Method { receiver, name: n, args } => {
                format!("{}.{}({})", self.flat(receiver, level::POSTFIX), name(&n.text), join(self.arg_texts(args)))
            }
            ExprKind::Field { receiver, name: n } => format!("{}.{}", self.flat(receiver, level::POSTFIX), name(&n.text)),
            ExprKind::List(elements) => format!("[{}]", join(elements.iter().map(|e| self.flat(e, level::ANY)).collect())),
            ExprKind::Record(fields) => {
                let fields = fields.iter().map(|(n, e)| format!("{}: {}", name(&n.text), self.flat(e, level::ANY)));
                format!("{{{}}}", join(fields.collect()))
            }
            ExprKind::Block(block) => self.block(block),
            ExprKind::Unary { op, operand } => self.unary(*op, self.flat(operand, unary_level(*op))),
            ExprKind::IsNull { value, negated } => self.flat(value, level::UNION) + null_test(*negated),
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
        let window = window.map_or(String::new(), |w| format!(" in {}", self.flat(w, level::UNION)));
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

    fn args(self, args: &[Arg], used: usize) -> String {
        let flat = format!("({})", self.arg_texts(args).join(", "));
        if args.is_empty() || !flat.contains('\n') && self.indent + used + flat.len() <= WIDTH {
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
                let callee = name(&callee.text);
                let used = used + callee.len();
                callee + &self.args(args, used)
            }
            ExprKind::Method { .. } | ExprKind::Field { .. } => self.chain(e, used),
            ExprKind::List(elements) => self.spread("[", "]", elements.iter().map(|e| inner.lay(e, level::ANY, 1))),
            ExprKind::Record(fields) if !fields.is_empty() => {
                self.spread("{", "}", fields.iter().map(|(n, e)| {
                    let name = name(&n.text);
                    let value = inner.lay(e, level::ANY, name.len() + 3);
                    format!("{name}: {value}")
                }))
            }
            ExprKind::IsNull { value, negated } => self.lay(value, level::UNION, used) + null_test(*negated),
            ExprKind::Unary { op, operand } => self.unary(*op, self.lay(operand, unary_level(*op), used + 4)),
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
        while let ExprKind::Method { receiver, .. } | ExprKind::Field { receiver, .. } = &root.kind {
            links.push(root);
            root = receiver;
        }
        let inner = self.deeper();
        let mut text = self.lay(root, level::POSTFIX, used);
        for link in links.into_iter().rev() {
            match &link.kind {
                ExprKind::Method { name: n, args, .. } => {
                    let call = format!(".{}", name(&n.text));
                    let args = inner.args(args, call.len());
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
            ExprKind::Binary { op, .. } => operands(e, binary_sign(*op).1),
            ExprKind::Compare { first: one, rest } => {
                let rest = rest.iter().map(|(op, e)| (format!("{} ", compare_sign(*op)), e, level::UNION));
                std::iter::once(first(one, level::UNION)).chain(rest).collect()
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
        && binary_sign(*op).1 == level
    {
        pieces.push((format!("{} ", binary_sign(*op).0), &**right, level + 1));
        left = l;
    }
    pieces.push((String::new(), left, level));
    pieces.reverse();
    pieces
}
