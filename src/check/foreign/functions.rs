//! What functions of other languages are called here.

/// Functions of other languages, and how what they give is written.
pub(super) const FUNCTIONS: &[(&[&str], &str)] = &[
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
        "a conditional is written `a if condition else b`",
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
        "strings are concatenated by `a + b`",
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
        "strings are tested with `contains(text, \"a\")`, `starts_with(text, \"a\")`, `extract(text, \"regex\") is not null`",
    ),
    (
        &[
            "regexp_extract",
            "str_extract",
            "substring",
            "substr",
            "regexp_substr",
        ],
        "to extract part of a string use `extract(text, \"(regex)\")`",
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
        "the position of a row is `position`",
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
