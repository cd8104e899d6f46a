//! What can be learnt: the algorithms and their parameters, a line each.

use crate::store::learned::Kind;

/// An algorithm as declarations call it.
pub struct Learner {
    pub name: &'static str,
    /// What it gives.
    pub kind: Kind,
    /// In the order of positional arguments.
    pub params: &'static [Param],
}

/// A parameter.
pub struct Param {
    pub name: &'static str,
    pub takes: Takes,
    pub default: Default,
}

/// What values a parameter has; the ends of ranges are included.
#[derive(Clone, Copy)]
pub enum Takes {
    /// An edge expression.
    Edge,
    /// The name of a column of the edge.
    Column,
    /// Names of columns of the entity, of strings or lists of them.
    Texts,
    /// An embedding of the entity.
    Embedding,
    /// What the topic of a row is: a column, an edge, or a column of an edge.
    Topics,
    Whole(i64, i64),
    /// A whole number, or the word.
    WholeOr(i64, i64, &'static str),
    Number(f64, f64),
    /// A number above zero.
    Positive,
    /// A number above zero, or the word.
    PositiveOr(&'static str),
    Flag,
    Case(&'static [&'static str]),
    Duration,
}

/// What a parameter is where it is not given.
#[derive(Clone, Copy)]
pub enum Default {
    Required,
    /// Nothing.
    Absent,
    Whole(i64),
    Number(f64),
    Flag(bool),
    /// One of the cases, or the word.
    Case(&'static str),
    /// In microseconds.
    Duration(i64),
}

const fn param(name: &'static str, takes: Takes, default: Default) -> Param {
    Param { name, takes, default }
}

/// Parameters that all learners have, after their own.
pub const SHARED: &[Param] = &[
    param("seed", Takes::Whole(i64::MIN, i64::MAX), Default::Whole(0)),
    param("max_age", Takes::Duration, Default::Absent),
];

const EDGE: Param = param("edge", Takes::Edge, Default::Required);
const DIM: Param = param("dim", Takes::Whole(1, 1024), Default::Whole(64));
const WEIGHTED: Param = param("weighted", Takes::Flag, Default::Flag(false));

const fn k(default: i64) -> Param {
    param("k", Takes::Whole(1, 10_000), Default::Whole(default))
}

/// Every learner.
pub const LEARNERS: &[Learner] = &[
    Learner {
        name: "itemknn",
        kind: Kind::Edge,
        params: &[
            EDGE,
            k(200),
            param("user_norm", Takes::Number(0.0, 2.0), Default::Number(0.5)),
            param("shrink", Takes::Number(0.0, f64::MAX), Default::Number(0.0)),
            WEIGHTED,
        ],
    },
    Learner {
        name: "rp3beta",
        kind: Kind::Edge,
        params: &[
            EDGE,
            k(200),
            param("alpha", Takes::Number(0.0, f64::MAX), Default::Number(0.6)),
            param("beta", Takes::Number(0.0, f64::MAX), Default::Number(0.4)),
            param("normalise", Takes::Flag, Default::Flag(true)),
            WEIGHTED,
        ],
    },
    Learner {
        name: "ease",
        kind: Kind::Edge,
        params: &[
            EDGE,
            k(200),
            param("l2", Takes::Positive, Default::Number(100.0)),
            param("block", Takes::Whole(1, 2_000), Default::Whole(200)),
        ],
    },
    Learner {
        name: "gfcf",
        kind: Kind::Edge,
        params: &[
            EDGE,
            k(1_000),
            param("rank", Takes::Whole(1, 10_000), Default::Whole(256)),
            param("alpha", Takes::Number(0.0, f64::MAX), Default::Number(0.3)),
        ],
    },
    Learner {
        name: "co_occurrence",
        kind: Kind::Edge,
        params: &[
            EDGE,
            param("window", Takes::WholeOr(1, 100, "all"), Default::Whole(5)),
            param("decay", Takes::Case(&["inverse", "none"]), Default::Case("inverse")),
            param("backward", Takes::Number(0.0, 1.0), Default::Number(0.5)),
            param("session_gap", Takes::Duration, Default::Absent),
            param("basket", Takes::Column, Default::Absent),
            param("norm", Takes::Case(&["cosine", "count", "pmi"]), Default::Case("cosine")),
            k(200),
            param("min_links", Takes::Whole(1, i64::MAX), Default::Whole(1)),
        ],
    },
    Learner {
        name: "als",
        kind: Kind::Embedding,
        params: &[
            EDGE,
            DIM,
            param("reg", Takes::Number(0.0, f64::MAX), Default::Number(0.3)),
            param("reg_scale", Takes::Case(&["count", "none"]), Default::Case("count")),
            param("alpha", Takes::Positive, Default::Number(10.0)),
            WEIGHTED,
            param("iterations", Takes::Whole(1, 10_000), Default::Whole(15)),
            param("fold_in", Takes::Whole(1, 1_000_000), Default::Whole(1_000)),
        ],
    },
    Learner {
        name: "skipgram",
        kind: Kind::Embedding,
        params: &[
            param("sequence", Takes::Edge, Default::Required),
            param("session_gap", Takes::Duration, Default::Duration(30 * 60 * 1_000_000)),
            DIM,
            param("window", Takes::WholeOr(1, 100, "all"), Default::Whole(5)),
            param("contexts", Takes::Whole(1, 100), Default::Whole(10)),
            param("negatives", Takes::Whole(1, 64), Default::Whole(5)),
            param("power", Takes::Number(0.0, 1.0), Default::Number(0.5)),
            param("epochs", Takes::Whole(1, 10_000), Default::Whole(10)),
            param("lr", Takes::Positive, Default::Number(0.15)),
            param("min_count", Takes::Whole(1, i64::MAX), Default::Whole(5)),
            param("repeats", Takes::Case(&["collapse", "keep"]), Default::Case("collapse")),
        ],
    },
    Learner {
        name: "tfidf",
        kind: Kind::Embedding,
        params: &[
            param("columns", Takes::Texts, Default::Required),
            param("dim", Takes::Whole(1, 1024), Default::Whole(128)),
            param("min_df", Takes::Whole(1, i64::MAX), Default::Whole(2)),
            param("max_terms", Takes::Whole(1, 100_000_000), Default::Whole(200_000)),
        ],
    },
    Learner {
        name: "classifier",
        kind: Kind::Model,
        params: &[
            param("of", Takes::Embedding, Default::Required),
            param("topics", Takes::Topics, Default::Required),
            param("top", Takes::Whole(2, 100_000), Default::Whole(20)),
            param("min_links", Takes::Whole(1, i64::MAX), Default::Whole(5)),
            param("l2", Takes::PositiveOr("auto"), Default::Case("auto")),
        ],
    },
];

/// The learner of that name that gives a kind.
pub fn find(kind: Kind, name: &str) -> Option<&'static Learner> {
    LEARNERS.iter().find(|learner| learner.kind == kind && learner.name == name)
}
