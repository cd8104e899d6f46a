//! The tree that the parser builds: what was written, before any name has a meaning.
//!
//! Every node has the span of the text it came from. A part that could not be parsed is an
//! `Error` node, so that what is around it can still be checked.

use super::allow::Allow;
use crate::source::Span;

/// An identifier (backticks removed) and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Name {
    pub text: String,
    pub span: Span,
}

/// A whole file: its items in source order.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct File {
    pub items: Vec<Item>,
    /// Names that items which could not be parsed would have defined: their uses are not at fault.
    pub broken: Vec<Name>,
    /// The lints that its comments allow, in source order.
    pub allows: Vec<Allow>,
}

/// One item with the `##` lines above it (one string per line, marker and one space removed).
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub docs: Vec<String>,
    pub kind: ItemKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ItemKind {
    /// `import std.hybrid` or `import "lib/sources.igql"`
    Import(ImportPath),
    /// `param country: string = "US"`, `param least: float in 0.0..1.0`
    Param { name: Name, ty: TypeExpr, range: Option<Range>, default: Option<Expr> },
    /// `tunable w in 0.0..5.0 = 1.0`
    Tunable { name: Name, range: Range, default: Expr },
    /// `experiment rank_test(layer="ranking") = {control: 0.5, bold: 0.5}`
    Experiment { name: Name, settings: Vec<Setting>, arms: Expr },
    /// `edge likes = ratings where rating >= 4 weight rating - 3`
    Edge(EdgeDecl),
    /// `embedding default on account = ig2vec`
    Embedding { name: Name, entities: Vec<Name>, value: Expr },
    /// `model final on media = formula(...)`
    Model { name: Name, entity: Name, value: Expr },
    /// `value popularity on media = ...`, `value explore(save: float = 1.0) = ...`
    Value(RowDef),
    /// `policy safe(limit: float = 0.2) on media = ...`
    Policy(RowDef),
    /// `def fresh(rows: set[media]) -> set[media] = ...`
    Def { name: Name, params: Vec<Param>, result: Option<TypeExpr>, body: Expr },
    /// `query main(n: int = 25) = ...`
    Query { name: Name, params: Vec<Param>, body: Expr },
    /// `test "nothing unsafe" (user=42) = { ... }`
    Test { name: Name, settings: Vec<Arg>, body: Block },
    /// `likes_source = user.liked(30)`
    Binding { name: Name, value: Expr },
    /// A bare expression: the query `main` when it is the last item.
    Expr(Expr),
    /// Could not be parsed; already reported.
    Error,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ImportPath {
    /// `std.hybrid`
    Module(Vec<Name>),
    /// `"lib/sources.igql"`
    File { path: String, span: Span },
}

/// `edge NAME = expr [where expr] [weight expr]`; the tails apply to the whole expression.
#[derive(Clone, Debug, PartialEq)]
pub struct EdgeDecl {
    pub name: Name,
    pub value: Expr,
    pub filter: Option<Expr>,
    pub weight: Option<Expr>,
}

/// A named row expression: a `value` or a `policy`.
#[derive(Clone, Debug, PartialEq)]
pub struct RowDef {
    pub name: Name,
    pub params: Vec<Param>,
    pub entity: Option<Name>,
    pub body: Expr,
}

/// `name: type [in a..b] [= default]`
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    pub name: Name,
    pub ty: TypeExpr,
    pub range: Option<Range>,
    pub default: Option<Expr>,
    pub span: Span,
}

/// `low..high`, both ends included.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    pub low: Box<Expr>,
    pub high: Box<Expr>,
    pub span: Span,
}

/// `int`, `set[media]`, `list[id[media]]`, `vector[64]`, `edge[user, media]`
#[derive(Clone, Debug, PartialEq)]
pub struct TypeExpr {
    pub kind: TypeExprKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum TypeExprKind {
    /// A name with its arguments in brackets (none: no brackets).
    Named {
        name: Name,
        args: Vec<TypeExpr>,
    },
    /// A number as an argument: the 64 of `vector[64]`.
    Size(i64),
    Error,
}

/// A setting of an experiment, positional (`name` is none) or named.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    pub name: Option<Name>,
    pub value: SettingValue,
    pub span: Span,
}

/// `"ranking"` or `0..4999`.
#[derive(Clone, Debug, PartialEq)]
pub enum SettingValue {
    Expr(Expr),
    Range(Range),
}

impl SettingValue {
    pub fn span(&self) -> Span {
        match self {
            SettingValue::Expr(value) => value.span,
            SettingValue::Range(range) => range.span,
        }
    }
}

/// A positional (`name` is none) or named argument.
#[derive(Clone, Debug, PartialEq)]
pub struct Arg {
    pub name: Option<Name>,
    pub value: Expr,
    pub span: Span,
}

/// `{ a = ...; assert ...; result }`
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    pub statements: Vec<Statement>,
    /// Only the block of a test may have none.
    pub result: Option<Box<Expr>>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    Binding {
        docs: Vec<String>,
        name: Name,
        value: Expr,
        span: Span,
    },
    /// Allowed only in tests; elsewhere the checker objects.
    Assert {
        condition: Expr,
        span: Span,
    },
    Error(Span),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    pub kind: ExprKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    Null,
    Bool(bool),
    Int(i64),
    /// Always finite.
    Float(f64),
    /// Escapes resolved.
    Str(String),
    /// Microseconds.
    Duration(i64),
    /// Microseconds since 1970, UTC.
    Time(i64),
    /// `final@3`
    Version {
        name: Name,
        version: i64,
    },
    /// A bare name; its kind is found by where it stands.
    Name(String),
    List(Vec<Expr>),
    /// `{name: x, more: y}`
    Record(Vec<(Name, Expr)>),
    Block(Block),
    Unary {
        op: UnaryOp,
        operand: Box<Expr>,
    },
    Binary {
        op: BinaryOp,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// `a < b <= c`: comparisons chain.
    Compare {
        first: Box<Expr>,
        rest: Vec<(CompareOp, Expr)>,
    },
    /// `x in S`, `x not in S`
    In {
        value: Box<Expr>,
        set: Box<Expr>,
        negated: bool,
    },
    /// `x is null`, `x is not null`
    IsNull {
        value: Box<Expr>,
        negated: bool,
    },
    /// `then if condition else otherwise`
    If {
        then: Box<Expr>,
        condition: Box<Expr>,
        otherwise: Box<Expr>,
    },
    /// `f(x, y=1)`
    Call {
        callee: Name,
        args: Vec<Arg>,
    },
    /// `x.f(y)`
    Method {
        receiver: Box<Expr>,
        name: Name,
        args: Vec<Arg>,
    },
    /// `(a | b)(x, y)`: the links of an edge that is no single name
    Links {
        edge: Box<Expr>,
        ends: Vec<Arg>,
    },
    /// `x.name`
    Field {
        receiver: Box<Expr>,
        name: Name,
    },
    /// A list element `key: count [in window]` of `slate`.
    Rule {
        key: Box<Expr>,
        count: Box<Expr>,
        window: Option<Box<Expr>>,
    },
    /// Could not be parsed; already reported.
    Error,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    Not,
    Neg,
    /// `~`: the reverse of an edge.
    Reverse,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Or,
    And,
    /// `|`: union of sets or edges.
    Union,
    /// `&`: intersection of sets.
    Intersect,
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Mod,
    Pow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompareOp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}
