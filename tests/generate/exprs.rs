//! Random row expressions of a wanted type.

use super::Rng;
use super::worlds::{ACCT, ITEM, USER};

/// Types of row expressions; ids are of the entity of the row or of accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ty {
    Int,
    Float,
    Bool,
    Str,
    Time,
    Span,
}

pub const TYPES: [Ty; 6] = [Ty::Int, Ty::Float, Ty::Bool, Ty::Str, Ty::Time, Ty::Span];

/// What a row expression sees.
#[derive(Clone)]
pub struct Scope {
    pub entity: usize,
    /// Columns bound by `let`.
    pub bound: Vec<(String, Ty)>,
    /// Sets of the request, with their entities.
    pub sets: Vec<(String, usize)>,
    /// A key of an account.
    pub account: String,
    /// Score and position may be read.
    pub placed: bool,
    /// The values and policies of items are declared.
    pub declared: bool,
}

impl Scope {
    /// The entity alone.
    pub fn bare(entity: usize) -> Scope {
        Scope {
            entity,
            bound: Vec::new(),
            sets: Vec::new(),
            account: String::new(),
            placed: false,
            declared: false,
        }
    }
}

/// Columns of an entity by type.
fn columns(entity: usize, ty: Ty) -> &'static [&'static str] {
    match (entity, ty) {
        (USER, Ty::Int) => &["age", "boss.age"],
        (USER, Ty::Str) => &["home", "boss.boss.home"],
        (USER, Ty::Time) => &["joined"],
        (ACCT, Ty::Int) => &["tier"],
        (ACCT, Ty::Float) => &["size"],
        (ACCT, Ty::Str) => &["place"],
        (ITEM, Ty::Int) => &["n", "owner.tier"],
        (ITEM, Ty::Float) => &["q", "owner.size"],
        (ITEM, Ty::Str) => &["kind", "owner.place"],
        (ITEM, Ty::Bool) => &["ok"],
        (ITEM, Ty::Time) => &["born"],
        _ => &[],
    }
}

/// An expression of a type, at most `depth` operations deep.
pub fn expr(rng: &mut Rng, scope: &Scope, ty: Ty, depth: usize) -> String {
    if depth == 0 || rng.one_in(5) {
        return leaf(rng, scope, ty);
    }
    if rng.one_in(9) {
        let (a, c, b) = (
            expr(rng, scope, ty, depth - 1),
            expr(rng, scope, Ty::Bool, depth - 1),
            expr(rng, scope, ty, depth - 1),
        );
        return format!("({a} if {c} else {b})");
    }
    match ty {
        Ty::Int => int(rng, scope, depth - 1),
        Ty::Float => float(rng, scope, depth - 1),
        Ty::Bool => boolean(rng, scope, depth - 1),
        Ty::Str => string(rng, scope, depth - 1),
        Ty::Time => time(rng, scope, depth - 1),
        Ty::Span => span(rng, scope, depth - 1),
    }
}

fn leaf(rng: &mut Rng, scope: &Scope, ty: Ty) -> String {
    let mut known: Vec<String> =
        columns(scope.entity, ty).iter().map(|c| (*c).to_owned()).collect();
    known.extend(columns(USER, ty).iter().map(|c| format!("viewer.{c}")));
    known.extend(columns(scope.entity, ty).first().map(|c| format!("it.{c}")));
    known.extend(scope.bound.iter().filter(|(_, t)| *t == ty).map(|(n, _)| format!("row.{n}")));
    known.extend(scope.bound.iter().filter(|(_, t)| *t == ty).map(|(n, _)| n.clone()));
    match ty {
        Ty::Float if scope.placed => known.push("score".to_owned()),
        Ty::Int if scope.placed => known.push("position".to_owned()),
        Ty::Time => known.push("now".to_owned()),
        _ => {}
    }
    if scope.declared && scope.entity == ITEM {
        known.extend(match ty {
            Ty::Float => vec!["worth".to_owned(), "scaled(by=2.0)".to_owned(), "w".to_owned()],
            Ty::Int => vec!["p".to_owned()],
            Ty::Bool => vec!["fine(0.3)".to_owned()],
            _ => vec![],
        });
    }
    match ty {
        Ty::Bool if rng.one_in(6) => return arm_test(rng),
        Ty::Str if rng.one_in(10) => return rng.text(&["(tried + \"\")", "(few + \"b\")"]),
        _ => {}
    }
    if known.is_empty() || rng.one_in(3) { literal(rng, ty) } else { rng.pick(&known).clone() }
}

/// A comparison of the arm of who asks.
pub fn arm_test(rng: &mut Rng) -> String {
    rng.text(&[
        "(tried == on)",
        "(tried != off)",
        "(on == tried)",
        "(few == bold)",
        "(few in [mild, \"bold\"])",
        "(few not in [control])",
        "(few is null)",
        "(few == \"mild\")",
    ])
}

pub fn literal(rng: &mut Rng, ty: Ty) -> String {
    match ty {
        Ty::Int => rng.text(&["0", "1", "2", "7", "-3", "9223372036854775807"]),
        Ty::Float => rng.text(&["0.0", "0.5", "1.0", "-2.5", "0.1", "1e300", "3.0"]),
        Ty::Bool => rng.text(&["true", "false"]),
        Ty::Str => rng.text(&["\"a\"", "\"b\"", "\"ab\"", "\"Zürich\""]),
        Ty::Time => rng.text(&["@2024-04-01", "@2024-05-01", "@2024-04-16T12:30:00Z"]),
        Ty::Span => rng.text(&["0s", "5d", "36h", "2w", "10d"]),
    }
}

fn int(rng: &mut Rng, scope: &Scope, depth: usize) -> String {
    match rng.below(10) {
        0..4 => {
            let op = rng.text(&["+", "-", "*", "//", "%"]);
            format!(
                "({} {op} {})",
                expr(rng, scope, Ty::Int, depth),
                expr(rng, scope, Ty::Int, depth)
            )
        }
        4 => format!(
            "coalesce({}, {})",
            expr(rng, scope, Ty::Int, depth),
            expr(rng, scope, Ty::Int, depth)
        ),
        5 => format!(
            "{}({}, {})",
            rng.text(&["min", "max"]),
            expr(rng, scope, Ty::Int, depth),
            expr(rng, scope, Ty::Int, depth)
        ),
        6 => format!(
            "{}({})",
            rng.text(&["round", "floor", "ceil", "int"]),
            expr(rng, scope, Ty::Float, depth)
        ),
        7 => format!(
            "{}({}{})",
            rng.text(&["hour", "weekday"]),
            expr(rng, scope, Ty::Time, depth),
            rng.text(&["", ", tz=\"Europe/Berlin\"", ", tz=\"America/New_York\""])
        ),
        8 if rng.one_in(2) => counted(rng, scope, depth),
        8 if rng.one_in(2) && same_entity(scope).is_some() => {
            format!("position_of({})", same_entity(scope).unwrap_or_default())
        }
        8 if !scope.sets.is_empty() => format!("count({})", rng.pick(&scope.sets).0),
        8 => format!("len({})", expr(rng, scope, Ty::Str, depth)),
        _ => aggregate(rng, scope, "count", "", depth),
    }
}

/// Functions that give an int: of lists, of hashes, of texts; draws rounded so that the ways to
/// compute them agree.
fn counted(rng: &mut Rng, scope: &Scope, depth: usize) -> String {
    let ty = *rng.pick(&[Ty::Int, Ty::Str, Ty::Bool, Ty::Time, Ty::Span]);
    match rng.below(7) {
        0 => format!("hash(it, {}, {})", expr(rng, scope, ty, depth), literal(rng, Ty::Str)),
        1 => format!("bucket({}, \"s\", {})", expr(rng, scope, ty, depth), rng.text(&["2", "7"])),
        2 => format!("bucket(n=3, key=it, salt={})", expr(rng, scope, Ty::Str, depth)),
        3 => format!("int({})", expr(rng, scope, Ty::Str, depth)),
        4 => format!(
            "floor(beta({}, {}) * 1e5)",
            rng.text(&["1.0", "0.5", "2.5", "n_of(it)", "40.0"])
                .replace("n_of(it)", &format!("min(50.0, {})", expr(rng, scope, Ty::Float, depth))),
            rng.text(&["1.0", "0.5", "3.0"])
        ),
        5 if scope.entity == ITEM => format!("overlap(tags, {})", list(rng)),
        _ if scope.entity == ITEM => "len(tags)".to_owned(),
        _ => format!("len({})", list(rng)),
    }
}

fn list(rng: &mut Rng) -> String {
    rng.text(&["[\"a\", \"b\"]", "[\"c\"]", "[\"a\", \"a\", null]"])
}

/// Functions that give a float: draws, lists, vectors, other types.
fn drawn(rng: &mut Rng, scope: &Scope, depth: usize) -> String {
    let pick = rng.below(5);
    let vector = |rng: &mut Rng| match scope.entity {
        ITEM => rng.text(&["clip", "towers", "owner.deep", "viewer.towers"]),
        ACCT => "deep".to_owned(),
        _ => rng.text(&["towers", "viewer.towers"]),
    };
    match pick {
        0 => rng.text(&["uniform()", "uniform(salt=\"x\")"]),
        1 => format!("uniform({})", expr(rng, scope, Ty::Str, depth)),
        2 if scope.entity == ITEM => format!("jaccard(tags, {})", list(rng)),
        2 | 3 => {
            let (a, b) = (vector(rng), vector(rng));
            match rng.below(4) {
                0 => format!("norm({a})"),
                _ => format!("{}({a}, {b})", rng.text(&["dot", "cosine", "l2"])),
            }
        }
        _ => {
            let ty = *rng.pick(&[Ty::Int, Ty::Bool, Ty::Str]);
            format!("float({})", expr(rng, scope, ty, depth))
        }
    }
}

/// A set of the entity of the rows.
fn same_entity(scope: &Scope) -> Option<&str> {
    let found = scope.sets.iter().find(|(_, entity)| *entity == scope.entity);
    found.map(|(name, _)| name.as_str())
}

fn float(rng: &mut Rng, scope: &Scope, depth: usize) -> String {
    let x = |rng: &mut Rng| expr(rng, scope, Ty::Float, depth);
    match rng.below(12) {
        11 => drawn(rng, scope, depth),
        0..4 => {
            let op = rng.text(&["+", "-", "*", "/", "//", "%", "**"]);
            let other = if rng.one_in(3) { Ty::Int } else { Ty::Float };
            format!("({} {op} {})", x(rng), expr(rng, scope, other, depth))
        }
        4 => match same_entity(scope) {
            Some(set) if rng.one_in(2) => format!("coalesce(score_of({set}), {})", x(rng)),
            _ => format!("coalesce({}, {})", x(rng), literal(rng, Ty::Float)),
        },
        5 => format!("{}({}, {})", rng.text(&["min", "max"]), x(rng), x(rng)),
        6 => format!(
            "{}({})",
            rng.text(&["sqrt", "exp", "log", "log2", "log10", "log1p", "sigmoid", "tanh", "abs"]),
            x(rng)
        ),
        7 => format!(
            "decay({}, {})",
            expr(rng, scope, Ty::Time, depth),
            rng.text(&["7d", "36h", "(1d * count(user.walk(follows)))"])
        ),
        8 => format!(
            "({} / {})",
            expr(rng, scope, Ty::Span, depth),
            expr(rng, scope, Ty::Span, depth)
        ),
        9 => {
            let fold = rng.text(&["sum", "mean", "min", "max"]);
            let of = rng.text(&[", weight", ", weight", ", uniform()", ", weight * 2.0"]);
            aggregate(rng, scope, &fold, &of, depth)
        }
        _ => match scope.sets.iter().find(|(_, e)| *e == ITEM) {
            Some((name, _)) => format!(
                "{}({name}, {})",
                rng.text(&["sum", "mean", "max", "min"]),
                rng.text(&["q", "score"])
            ),
            None => format!("clamp({}, -1.0, {})", x(rng), literal(rng, Ty::Float)),
        },
    }
}

fn boolean(rng: &mut Rng, scope: &Scope, depth: usize) -> String {
    let b = |rng: &mut Rng| expr(rng, scope, Ty::Bool, depth);
    match rng.below(15) {
        0..3 => format!("({} {} {})", b(rng), rng.text(&["and", "or"]), b(rng)),
        3 => format!("(not {})", b(rng)),
        4..8 => {
            let ty = *rng.pick(&[Ty::Int, Ty::Float, Ty::Str, Ty::Time, Ty::Span]);
            let op = rng.text(&["<", "<=", ">", ">=", "==", "!="]);
            let other = if ty == Ty::Float && rng.one_in(3) { Ty::Int } else { ty };
            format!("({} {op} {})", expr(rng, scope, ty, depth), expr(rng, scope, other, depth))
        }
        8 => {
            let ty = *rng.pick(&TYPES);
            format!("({} is {}null)", column_or_leaf(rng, scope, ty), rng.text(&["", "not "]))
        }
        9 => {
            let ty = *rng.pick(&[Ty::Int, Ty::Str]);
            let not = rng.text(&["in", "not in"]);
            format!(
                "({} {not} [{}, {}])",
                expr(rng, scope, ty, depth),
                literal(rng, ty),
                literal(rng, ty)
            )
        }
        10 => membership(rng, scope, depth),
        11 => {
            let test = rng.text(&["starts_with", "ends_with", "contains"]);
            let text = |rng: &mut Rng| expr(rng, scope, Ty::Str, depth);
            format!("{test}({}, {})", text(rng), text(rng))
        }
        12 if scope.entity == ITEM => {
            format!("contains(tags, {})", expr(rng, scope, Ty::Str, depth))
        }
        12 | 13 => {
            let fold = rng.text(&["any_of", "all_of", "none_of"]);
            let of = rng.text(&[", weight > 0.2", ", uniform() < 0.5", ", to is not null"]);
            aggregate(rng, scope, &fold, &of, depth)
        }
        _ => aggregate(rng, scope, "exists", "", depth),
    }
}

fn column_or_leaf(rng: &mut Rng, scope: &Scope, ty: Ty) -> String {
    match columns(scope.entity, ty) {
        [] => leaf(rng, scope, ty),
        names => (*rng.pick(names)).to_owned(),
    }
}

/// The row, or its owner, in a set of the request or beside a key.
fn membership(rng: &mut Rng, scope: &Scope, depth: usize) -> String {
    let not = rng.text(&["in", "not in"]);
    if scope.entity == ITEM && !scope.account.is_empty() && rng.one_in(3) {
        let (key, is) = (&scope.account, rng.text(&["==", "!="]));
        return rng.text(&[
            &format!("(owner {is} {key})"),
            &format!("(owner_id {not} [{key}])"),
            &format!("(it {is} 100)"),
        ]);
    }
    let fits = |(_, entity): &&(String, usize)| {
        *entity == scope.entity || (scope.entity == ITEM && *entity == ACCT)
    };
    let known: Vec<&(String, usize)> = scope.sets.iter().filter(fits).collect();
    match (!known.is_empty()).then(|| *rng.pick(&known)) {
        Some((name, entity)) if *entity == scope.entity => format!("(it {not} {name})"),
        Some((name, _)) => format!("(owner {not} {name})"),
        None if scope.entity == ITEM && rng.one_in(2) => {
            format!("({} {not} tags)", literal(rng, Ty::Str))
        }
        None => expr(rng, scope, Ty::Bool, depth),
    }
}

fn string(rng: &mut Rng, scope: &Scope, depth: usize) -> String {
    let s = |rng: &mut Rng| expr(rng, scope, Ty::Str, depth);
    match rng.below(4) {
        3 => {
            let pattern = rng.text(&["(.)$", "a(b)", "([A-Z])|b", "^(..)"]);
            format!("extract({}, \"{pattern}\")", s(rng))
        }
        0 => format!("({} + {})", s(rng), s(rng)),
        1 => format!("{}({})", rng.text(&["lower", "upper"]), s(rng)),
        _ => format!("coalesce({}, {})", s(rng), literal(rng, Ty::Str)),
    }
}

fn time(rng: &mut Rng, scope: &Scope, depth: usize) -> String {
    match rng.below(4) {
        3 => format!(
            "date({}{})",
            expr(rng, scope, Ty::Time, depth),
            rng.text(&["", ", \"America/Havana\"", ", tz=\"Europe/Berlin\""])
        ),
        0 => format!(
            "({} {} {})",
            expr(rng, scope, Ty::Time, depth),
            rng.text(&["+", "-"]),
            expr(rng, scope, Ty::Span, depth)
        ),
        1 => format!("coalesce({}, {})", expr(rng, scope, Ty::Time, depth), literal(rng, Ty::Time)),
        _ => match scope.entity {
            ITEM => format!(
                "{}({}, time)",
                rng.text(&["max", "min"]),
                rng.text(&["~likes(it)", "rated(viewer, it)"])
            ),
            _ => leaf(rng, scope, Ty::Time),
        },
    }
}

fn span(rng: &mut Rng, scope: &Scope, depth: usize) -> String {
    match rng.below(6) {
        4 => format!("abs({})", expr(rng, scope, Ty::Span, depth)),
        5 => format!(
            "({} % {})",
            expr(rng, scope, Ty::Span, depth),
            expr(rng, scope, Ty::Span, depth)
        ),
        0 => format!(
            "({} - {})",
            expr(rng, scope, Ty::Time, depth),
            expr(rng, scope, Ty::Time, depth)
        ),
        1 => format!("age({})", expr(rng, scope, Ty::Time, depth)),
        2 => format!(
            "({} {} {})",
            expr(rng, scope, Ty::Span, depth),
            rng.text(&["+", "-"]),
            expr(rng, scope, Ty::Span, depth)
        ),
        _ => format!(
            "({} * {})",
            expr(rng, scope, Ty::Span, depth),
            rng.text(&["2", "0.5", "n"]).replace('n', "3")
        ),
    }
}

/// An aggregate of the links of an edge at the row, sometimes with conditions.
fn aggregate(rng: &mut Rng, scope: &Scope, name: &str, of: &str, depth: usize) -> String {
    let (links, timed, noted) = match scope.entity {
        USER => *rng.pick(&[
            ("likes(it)", true, false),
            ("rated(it)", true, true),
            ("follows(it)", false, true),
            ("~boss(it)", false, false),
            ("likes.owner(it)", true, false),
            ("(likes | rated)(it)", true, false),
        ]),
        ACCT => *rng.pick(&[
            ("~owner(it)", true, false),
            ("~follows(it)", false, true),
            ("follows(viewer, it)", false, true),
            ("~follows(it, viewer)", false, true),
            ("~(likes.owner)(it)", true, false),
            ("~likes.owner(it, viewer)", true, false),
        ]),
        _ => *rng.pick(&[
            ("~likes(it)", true, false),
            ("~rated(it)", true, true),
            ("likes(viewer, it)", true, false),
            ("similar(it)", false, false),
            ("~owner(owner)", true, false),
            ("~reached(owner)", true, false),
            ("rated(viewer, it)", true, true),
            ("~rated(it, viewer)", true, true),
            ("~(likes | rated)(it)", true, false),
            ("(likes | rated)(viewer, it)", true, false),
            ("owner(it, owner)", true, false),
            ("~owner(owner, it)", true, false),
        ]),
    };
    let mut conditions = String::new();
    if timed && rng.one_in(4) {
        conditions += &format!(", within={}", rng.text(&["5d", "12d", "30d"]));
    }
    if noted && rng.one_in(4) {
        conditions += ", where=note == \"a\"";
    } else if depth > 0 && rng.one_in(6) {
        conditions += ", where=weight > 0.2";
    }
    format!("{name}({links}{of}{conditions})")
}
