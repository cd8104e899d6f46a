//! What other languages call things: pandas, Polars, dplyr, SQL, Spark, LINQ, Gremlin. Whoever writes one
//! of their names is told how it is written here.

use super::Checker;
use crate::syntax::ast::{Arg, Expr, ExprKind};
use crate::syntax::print_expression;

/// How a name of another language is written here.
pub(super) struct Foreign {
    /// What it does, in words.
    pub what: &'static str,
    /// How it is written: `{}` are the arguments as given, or those of the example.
    write: &'static str,
    example: &'static str,
    /// Whether the rows are of the same entity behind it, so that what follows can be checked.
    pub keeps: bool,
}

/// Names, what they do, how that is written, an example's arguments, whether the entity stays.
type Entry = (
    &'static [&'static str],
    &'static str,
    &'static str,
    &'static str,
    bool,
);

/// What stands behind a point there. Names are compared without case and underscores.
const OPERATORS: &[Entry] = &[
    (
        &[
            "where",
            "query",
            "filterby",
            "select_rows",
            "having",
            "subset",
            "keep",
            "only",
            "has",
            "slice_where",
            "loc",
        ],
        "rows are chosen by `filter`",
        ".filter({})",
        "quality > 0.5",
        true,
    ),
    (
        &[
            "reject",
            "exclude",
            "filter_not",
            "remove",
            "without",
            "drop_rows",
        ],
        "rows are left out by `filter` with `not`, or by `a - b`",
        ".filter(not ({}))",
        "quality < 0.5",
        true,
    ),
    (
        &[
            "limit",
            "head",
            "top",
            "first",
            "topk",
            "topn",
            "top_n",
            "nlargest",
            "fetch",
            "slice_head",
            "slice_max",
            "max_results",
            "paginate",
            "show",
        ],
        "the first rows are kept by `take`",
        ".take({})",
        "10",
        true,
    ),
    (
        &["skip", "offset", "slice", "iloc", "page", "range"],
        "a later page is taken with an offset",
        ".take({})",
        "10, offset=20",
        true,
    ),
    (
        &[
            "tail",
            "last",
            "bottom",
            "nsmallest",
            "slice_tail",
            "slice_min",
            "reverse",
            "reversed",
        ],
        "the last rows are the first of the other order",
        ".score({}).take(10)",
        "-score",
        true,
    ),
    (
        &[
            "sort",
            "sort_by",
            "sorted",
            "order",
            "order_by",
            "arrange",
            "sort_values",
            "order_by_descending",
            "then_by",
            "then_by_descending",
            "rank_by",
            "rerank",
        ],
        "rows stand by their score, the largest first; `-x` turns it round",
        ".score({})",
        "created_at",
        true,
    ),
    (
        &[
            "group_by",
            "group",
            "partition_by",
            "agg",
            "aggregate",
            "summarize",
            "summarise",
            "reduce",
            "fold",
            "pivot",
            "value_counts",
            "count_by",
            "rollup",
        ],
        "a set has each entity once, so there are no groups: aggregate the links of a row, or cut each \
         group with `take(n, per=key)`",
        ".let({})",
        "likes=count(~likes(it))",
        true,
    ),
    (
        &["limit_per", "take_per", "top_per", "head_by", "limit_by"],
        "groups are cut by `take` with `per`",
        ".take({})",
        "3, per=author",
        true,
    ),
    (
        &[
            "join",
            "inner_join",
            "left_join",
            "right_join",
            "outer_join",
            "full_join",
            "merge",
            "cross_join",
            "semi_join",
            "lookup",
            "group_join",
            "natural_join",
        ],
        "there are no joins: go to other entities with `walk`, read a column over a reference as \
         `author.country`, test membership with `it in other`",
        ".walk({})",
        "likes",
        false,
    ),
    (
        &[
            "anti_join",
            "except",
            "except_all",
            "difference",
            "subtract",
            "minus",
            "not_in",
        ],
        "the rows of one set without those of another are",
        "a - b",
        "",
        true,
    ),
    (
        &[
            "map",
            "apply",
            "transform",
            "mutate",
            "with_column",
            "with_columns",
            "assign",
            "add_column",
            "extend",
            "derive",
            "compute",
            "eval",
            "for_each",
            "transmute",
            "add_field",
            "rename",
        ],
        "columns are added by `let`",
        ".let({})",
        "hours=age(created_at) / 1h",
        true,
    ),
    (
        &[
            "flat_map",
            "select_many",
            "out",
            "in",
            "both",
            "out_e",
            "in_e",
            "traverse",
            "expand",
            "explode",
            "unnest",
            "follow",
            "hop",
            "repeat",
            "in_v",
            "out_v",
            "neighbors_of",
        ],
        "links are followed by `walk`, backwards with `~`",
        ".walk({})",
        "likes",
        false,
    ),
    (
        &[
            "project",
            "pluck",
            "columns",
            "values",
            "value_map",
            "fields",
            "returning",
            "relocate",
        ],
        "columns of the result are chosen by `select`",
        ".select({})",
        "title, created_at",
        true,
    ),
    (
        &["drop", "drop_columns", "drop_column"],
        "`select` names the columns that stay",
        ".select({})",
        "title, created_at",
        true,
    ),
    (
        &[
            "distinct",
            "unique",
            "dedup",
            "dedupe",
            "drop_duplicates",
            "distinct_by",
            "unique_by",
            "n_distinct",
        ],
        "a set has each entity once: leave it out, or keep one row of each group",
        ".take({})",
        "1, per=author",
        true,
    ),
    (
        &[
            "union",
            "union_all",
            "concat",
            "append",
            "bind_rows",
            "union_by_name",
            "add",
            "or",
            "plus",
        ],
        "the rows of both sets are",
        "a | b",
        "",
        true,
    ),
    (
        &["intersect", "intersection", "intersect_all", "and"],
        "the rows that are in both sets are",
        "a & b",
        "",
        true,
    ),
    (
        &[
            "count", "size", "length", "len", "sum", "mean", "avg", "average", "any", "all",
            "is_empty", "nrow", "tally", "exists", "max", "min",
        ],
        "a set is aggregated in an expression",
        "count({})",
        "rows",
        false,
    ),
    (
        &[
            "collect",
            "to_list",
            "list",
            "to_array",
            "execute",
            "run",
            "fetchall",
            "fetch_all",
            "get",
            "toPandas",
            "compute_all",
            "results",
            "iter",
        ],
        "a program ends in its set: leave it out",
        "user.liked()",
        "",
        true,
    ),
    (
        &[
            "shuffle",
            "random",
            "rand",
            "sample_n",
            "slice_sample",
            "randomize",
        ],
        "rows are drawn by `sample`, or put in a random order by `score(uniform())`",
        ".sample({})",
        "10",
        true,
    ),
    (
        &[
            "similar",
            "similar_to",
            "most_similar",
            "knn",
            "ann",
            "nearest",
            "neighbors",
            "neighbours",
            "nearest_neighbors",
            "search",
            "vector_search",
            "near",
        ],
        "entities with near vectors are found by `nn`",
        ".nn({})",
        "embedding, k=50",
        false,
    ),
    (
        &[
            "boost", "weight", "weighted", "multiply", "scale", "demote", "score_by",
        ],
        "scores are changed by `score`",
        ".score({})",
        "1.5 * score",
        true,
    ),
    (
        &["diversify", "mmr", "spread", "round_robin", "dpp"],
        "rows are spread by `diversify_by`",
        ".diversify_by({})",
        "author, method=round_robin",
        true,
    ),
    (
        &[
            "interleave",
            "blend",
            "mix",
            "rrf",
            "fuse",
            "ensemble",
            "merge_with",
            "combine_with",
        ],
        "sets are mixed by `combine`",
        "combine({})",
        "a, b, method=rrf",
        false,
    ),
    (
        &[
            "fillna",
            "fill_null",
            "dropna",
            "drop_na",
            "drop_nulls",
            "replace_na",
        ],
        "a null is replaced by `coalesce(x, 0.0)`, or left out",
        ".filter({})",
        "quality is not null",
        true,
    ),
];

/// Functions of other languages, and how what they give is written.
const FUNCTIONS: &[(&[&str], &str)] = &[
    (
        &[
            "if",
            "iif",
            "iff",
            "ifelse",
            "if_else",
            "case",
            "case_when",
            "when",
            "where",
            "cond",
            "choose",
        ],
        "a choice is written `a if condition else b`",
    ),
    (
        &[
            "nvl",
            "ifnull",
            "if_null",
            "fillna",
            "fill_null",
            "isnull_or",
            "zeroifnull",
            "nullif",
        ],
        "write `coalesce(x, 0.0)`",
    ),
    (
        &[
            "isnull", "is_null", "isna", "isnan", "is_nan", "is_none", "missing",
        ],
        "write `x is null`",
    ),
    (
        &[
            "notnull",
            "not_null",
            "is_not_null",
            "notna",
            "exists_value",
        ],
        "write `x is not null`",
    ),
    (
        &["now"],
        "the time of the request is `now`, without brackets",
    ),
    (
        &[
            "today",
            "getdate",
            "current_date",
            "current_timestamp",
            "sysdate",
            "utcnow",
            "curdate",
            "localtime",
        ],
        "the time of the request is `now`; how long ago a time is, is `age(t)`",
    ),
    (
        &[
            "days",
            "hours",
            "minutes",
            "seconds",
            "weeks",
            "timedelta",
            "interval",
            "duration",
            "day",
            "make_interval",
        ],
        "durations are written `7d`, `12h`, `30m`, `90s`, `2w`",
    ),
    (
        &[
            "datediff",
            "date_diff",
            "timediff",
            "timestampdiff",
            "months_between",
            "date_sub",
            "date_add",
        ],
        "times are subtracted: `now - created_at`, which is `age(created_at)`; `age(t) / 1d` are days",
    ),
    (
        &["date_trunc", "trunc", "to_date"],
        "the day of a time is `date(t)`",
    ),
    (
        &[
            "to_timestamp",
            "timestamp",
            "datetime",
            "strptime",
            "parse_date",
            "to_datetime",
            "from_unixtime",
        ],
        "a time is written `@2024-05-01`; a column of times is declared in the catalog: `created_at = { type = \"time\" }`",
    ),
    (
        &["concat", "concat_ws", "paste", "string_concat"],
        "texts are joined by `a + b`",
    ),
    (
        &[
            "like",
            "ilike",
            "rlike",
            "regexp",
            "regexp_like",
            "match",
            "matches",
            "grepl",
            "str_detect",
            "regex",
        ],
        "texts are tested with `contains(text, \"a\")`, `starts_with(text, \"a\")`, `extract(text, \"regex\") is not null`",
    ),
    (
        &[
            "regexp_extract",
            "str_extract",
            "substring",
            "substr",
            "regexp_substr",
        ],
        "a part of a text is `extract(text, \"(regex)\")`",
    ),
    (
        &["avg", "average"],
        "the mean is `mean(rows, x)`, or `mean(~likes(it), weight)`",
    ),
    (
        &[
            "total",
            "sum_if",
            "sumif",
            "countif",
            "count_if",
            "count_distinct",
            "size",
            "tally",
        ],
        "write `count(rows)`, `count(~likes(it), where=weight > 1)` or `sum(~likes(it), weight)`",
    ),
    (&["any"], "write `any_of(rows, condition)`"),
    (&["all"], "write `all_of(rows, condition)`"),
    (&["between"], "a range is written `low <= x and x <= high`"),
    (&["power", "pow"], "a power is written `a ** b`"),
    (&["ln"], "the natural logarithm is `log(x)`"),
    (&["mod"], "the remainder is `a % b`"),
    (
        &[
            "length",
            "len_utf8",
            "nchar",
            "char_length",
            "array_length",
            "cardinality",
        ],
        "write `len(x)`",
    ),
    (
        &["lowercase", "tolower", "to_lower", "casefold"],
        "write `lower(x)`",
    ),
    (&["uppercase", "toupper", "to_upper"], "write `upper(x)`"),
    (
        &[
            "double", "real", "number", "to_float", "cast", "convert", "astype",
        ],
        "write `float(x)` or `int(x)`",
    ),
    (&["integer", "to_int", "bigint"], "write `int(x)`"),
    (
        &["random", "rand", "randn", "runif"],
        "a random number is `uniform()`",
    ),
    (&["greatest", "pmax"], "write `max(a, b)`"),
    (&["least", "pmin"], "write `min(a, b)`"),
    (
        &["array_contains", "includes", "is_in", "isin", "has"],
        "write `x in list`",
    ),
    (
        &["row_number", "rownum", "rank", "dense_rank", "index"],
        "the place of a row is `position`",
    ),
    (&["dot_product", "inner_product"], "write `dot(a, b)`"),
    (
        &[
            "cosine_similarity",
            "similarity",
            "cos_sim",
            "cosine_distance",
        ],
        "write `cosine(a, b)`",
    ),
    (
        &["euclidean", "euclidean_distance", "l2_distance"],
        "write `l2(a, b)`",
    ),
    (
        &["minmax", "normalize", "normalise", "zscore"],
        "scores are normalised by `combine(a, b, normalize=minmax)`",
    ),
    (
        &["exp_decay", "time_decay", "half_life"],
        "write `decay(created_at, 7d)`: halved every 7 days",
    ),
];

/// `col("x")`: what to write for a column that is called by its name.
pub(super) fn column(name: &str, args: &[Arg]) -> Option<String> {
    const CALLS: &[&str] = &[
        "col", "column", "field", "attr", "getattr", "get", "prop", "feature",
    ];
    let [arg] = args else { return None };
    let ExprKind::Str(column) = &arg.value.kind else {
        return None;
    };
    CALLS
        .contains(&folded(name).as_str())
        .then(|| format!("a column is its name: write `{column}`"))
}

/// Names that parameters have elsewhere, and what they may be called here.
const PARAMETERS: &[(&[&str], &[&str])] = &[
    (
        &[
            "k",
            "n",
            "num",
            "number",
            "count",
            "size",
            "top",
            "top_k",
            "top_n",
            "limit",
            "max",
            "max_num",
            "maximum",
            "first",
            "head",
            "keep",
            "num_results",
            "max_results",
            "max_items",
            "n_results",
        ],
        &[
            "limit",
            "k",
            "n",
            "keep",
            "take",
            "max_num_to_retrieve",
            "max_media_per_account",
        ],
    ),
    (
        &[
            "by",
            "group_by",
            "group",
            "partition_by",
            "key",
            "keys",
            "column",
            "columns",
            "on",
        ],
        &["per", "key"],
    ),
    (
        &[
            "since",
            "last",
            "max_age",
            "newer_than",
            "window",
            "period",
            "days",
            "recent",
        ],
        &["within"],
    ),
    (
        &[
            "threshold",
            "min_score",
            "cutoff",
            "min_sim",
            "similarity",
            "score_threshold",
        ],
        &["min_similarity"],
    ),
    (
        &["at_least", "minimum", "min"],
        &["at_least", "min_similarity"],
    ),
    (
        &[
            "filter",
            "condition",
            "cond",
            "predicate",
            "query",
            "having",
        ],
        &["where"],
    ),
    (&["sort", "sort_by", "order_by"], &["order"]),
    (
        &[
            "agg",
            "aggregate",
            "aggregation",
            "reduce",
            "how",
            "combine",
        ],
        &["merge"],
    ),
    (
        &["space", "index", "field", "vectors", "embedding_config"],
        &["embedding"],
    ),
    (&["skip", "start", "page"], &["offset"]),
    (&["weights"], &["weight"]),
    (&["by", "score", "expr", "formula"], &["value"]),
    (&["random_state"], &["salt"]),
];

/// The parameter that a name of other libraries means.
pub(super) fn parameter<'p>(given: &str, params: &[&'p str]) -> Option<&'p str> {
    let given = folded(given);
    let groups = PARAMETERS
        .iter()
        .filter(|(names, _)| names.iter().any(|name| folded(name) == given));
    let mut meant = groups.flat_map(|(_, here)| here.iter());
    meant.find_map(|here| params.iter().find(|param| *param == here).copied())
}

/// What is called instead where a set starts.
const SOURCES: &[(&[&str], &str)] = &[
    (
        &[
            "from", "table", "scan", "read", "load", "every", "v", "each", "entities", "dataset",
            "read_csv",
        ],
        "every row of an entity is `all({})`",
    ),
    (
        &["print", "display", "output", "emit", "render", "return"],
        "a program ends in its set: leave `print` and its brackets out",
    ),
    (
        &["ids", "values", "list", "set", "of", "items"],
        "entities of known ids are `given(media, [1, 2])`",
    ),
];

/// How an operator of another language is written here.
pub(super) fn operator(name: &str) -> Option<Foreign> {
    let (_, what, write, example, keeps) = find(OPERATORS, |entry| entry.0, name)?;
    Some(Foreign {
        what,
        write,
        example,
        keeps: *keeps,
    })
}

/// How what is done there with another set is written here, as a sign between the two.
pub(super) fn with_set(name: &str) -> Option<&'static str> {
    const SIGNS: &[(&[&str], &str)] = &[
        (
            &[
                "exclude",
                "reject",
                "remove",
                "without",
                "except",
                "except_all",
                "minus",
                "difference",
                "subtract",
                "anti_join",
                "not_in",
                "drop",
            ],
            "for the rows of one set without those of another, write `a - b`",
        ),
        (
            &[
                "merge",
                "concat",
                "append",
                "extend",
                "union",
                "union_all",
                "bind_rows",
                "add",
                "plus",
                "or",
            ],
            "for the rows of both sets, write `a | b`",
        ),
        (
            &["intersect", "intersection", "semi_join", "and"],
            "for the rows that are in both sets, write `a & b`",
        ),
    ];
    find(SIGNS, |entry| entry.0, name).map(|entry| entry.1)
}

/// What to write for a function of another language.
pub(super) fn function(name: &str) -> Option<&'static str> {
    find(FUNCTIONS, |entry| entry.0, name).map(|entry| entry.1)
}

fn find<'t, T>(
    table: &'t [T],
    names: fn(&T) -> &'static [&'static str],
    name: &str,
) -> Option<&'t T> {
    let name = folded(name);
    let same = |other: &&str| folded(other) == name;
    table.iter().find(|entry| names(entry).iter().any(same))
}

fn folded(name: &str) -> String {
    let letters = name.chars().filter(|&c| c != '_');
    letters.flat_map(char::to_lowercase).collect()
}

impl Foreign {
    /// A help line that shows what to write, with the arguments that were given where they fit.
    pub fn help(&self, args: &[Arg], is_time: &dyn Fn(&str) -> bool) -> String {
        if self.example == "created_at"
            && let Some(score) = order(args, is_time)
        {
            return format!("{}: write `.score({score})`", self.what);
        }
        let given: Vec<String> = args.iter().filter_map(fitting).collect();
        let fits = !given.is_empty() && given.len() == args.len() && self.takes(args);
        let args = match fits {
            true => given.join(", "),
            false => self.example.to_owned(),
        };
        format!("{}: write `{}`", self.what, self.write.replace("{}", &args))
    }

    /// Whether such arguments can be meant as they are.
    fn takes(&self, args: &[Arg]) -> bool {
        let one = args.len() == 1 && args[0].name.is_none();
        let number = |arg: &Arg| matches!(arg.value.kind, ExprKind::Int(_));
        match self.write {
            ".take({})" => one && number(&args[0]) && !self.example.contains('='),
            ".sample({})" => one && number(&args[0]),
            ".filter({})" | ".filter(not ({}))" => {
                one && !matches!(args[0].value.kind, ExprKind::Name(_) | ExprKind::Int(_))
                    && !self.example.contains("null")
            }
            ".score({})" => one && !number(&args[0]),
            ".select({})" => self.example.starts_with("title") && !self.what.contains("stay"),
            ".let({})" => {
                args.iter().all(|arg| arg.name.is_some()) && !self.what.contains("groups")
            }
            _ => false,
        }
    }
}

/// The score of rows that are sorted there: the first that they are sorted by, the largest first but
/// where the program says that they ascend.
fn order(args: &[Arg], is_time: &dyn Fn(&str) -> bool) -> Option<String> {
    let named = |arg: &Arg, names: &[&str]| {
        let name = arg.name.as_ref().map(|name| folded(&name.text));
        name.is_some_and(|name| names.contains(&&*name))
    };
    let by = args
        .iter()
        .find(|arg| arg.name.is_none() || named(arg, &["by", "key", "column", "columns", "on"]))?;
    let mut ascends = None;
    for arg in args {
        if let ExprKind::Bool(on) = arg.value.kind {
            let up = named(arg, &["ascending", "asc"]);
            let down = named(arg, &["descending", "desc", "reverse"]);
            ascends = (up || down).then_some(on == up).or(ascends);
        }
    }
    let by = match &by.value.kind {
        ExprKind::List(items) => items.first()?,
        _ => &by.value,
    };
    let (score, said) = ordered_by(by)?;
    Some(match ascends.or(said) {
        Some(true) if is_time(&score) => format!("age({score})"),
        Some(true) => format!("-{score}"),
        _ => score,
    })
}

/// What a key of an order reads, and whether it says that rows ascend: `desc(x)`, `x.desc()`, `"x desc"`.
fn ordered_by(key: &Expr) -> Option<(String, Option<bool>)> {
    let way = |name: &str| match name.to_ascii_lowercase().as_str() {
        "asc" | "ascending" => Some(Some(true)),
        "desc" | "descending" => Some(Some(false)),
        "col" | "column" => Some(None),
        _ => None,
    };
    match &key.kind {
        ExprKind::Str(text) => {
            let first = text.split(',').next()?.trim();
            let (first, sign) = match first.strip_prefix('-') {
                Some(rest) => (rest, Some(false)),
                None => (first, None),
            };
            let mut words = first.split_whitespace();
            let name = words.next()?;
            let said = words.next().and_then(way).flatten();
            let plain = name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
            plain.then(|| (name.to_owned(), said.or(sign)))
        }
        ExprKind::Call { callee, args } if args.len() == 1 => match way(&callee.text) {
            Some(said) => {
                let (score, inner) = ordered_by(&args[0].value)?;
                Some((score, said.or(inner)))
            }
            None => Some((print_expression(key), None)),
        },
        ExprKind::Method {
            receiver,
            name,
            args,
        } if args.is_empty() && way(&name.text).is_some() => {
            Some((ordered_by(receiver)?.0, way(&name.text).flatten()))
        }
        ExprKind::Int(_) | ExprKind::Error => None,
        _ => Some((fitting_value(key)?, None)),
    }
}

/// An argument as it can stand here: a text in quotes is a name or an expression there.
fn fitting(arg: &Arg) -> Option<String> {
    let value = fitting_value(&arg.value)?;
    Some(match &arg.name {
        Some(name) => format!("{}={value}", name.text),
        None => value,
    })
}

fn fitting_value(value: &Expr) -> Option<String> {
    Some(match &value.kind {
        ExprKind::Str(text) if text.is_ascii() && !text.contains(['\n', '`']) => text.clone(),
        ExprKind::Str(_) | ExprKind::Error => return None,
        ExprKind::Unary { .. } => {
            let printed = print_expression(value);
            let inner = printed
                .strip_prefix('(')
                .and_then(|text| text.strip_suffix(')'));
            inner.map_or(printed.clone(), str::to_owned)
        }
        _ => print_expression(value),
    })
}

impl Checker<'_> {
    /// What is called instead of a source of another language.
    pub(super) fn foreign_source(&self, name: &str, args: &[Arg]) -> Option<String> {
        let (_, help) = find(SOURCES, |entry| entry.0, name)?;
        let named = args.first().and_then(|arg| match &arg.value.kind {
            ExprKind::Name(name) | ExprKind::Str(name) => Some(name.as_str()),
            _ => None,
        });
        let entity = named.filter(|name| self.find_entity(name).is_some());
        let other = self.schema.entities.last().map(|e| e.name.as_str());
        let entity = entity.or(other).unwrap_or("media");
        Some(help.replace("{}", entity))
    }
}
