//! What parameters of other languages are called here.

/// Names that parameters have elsewhere, and what they may be called here.
pub(super) const PARAMETERS: &[(&[&str], &[&str])] = &[
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
        &["limit", "k", "n", "keep", "take", "max_num_to_retrieve", "max_media_per_account"],
    ),
    (
        &["by", "group_by", "group", "partition_by", "key", "keys", "column", "columns", "on"],
        &["per", "key"],
    ),
    (
        &["since", "last", "max_age", "newer_than", "window", "period", "days", "recent"],
        &["within"],
    ),
    (
        &["threshold", "min_score", "cutoff", "min_sim", "similarity", "score_threshold"],
        &["min_similarity"],
    ),
    (&["at_least", "minimum", "min"], &["at_least", "min_similarity"]),
    (&["filter", "condition", "cond", "predicate", "query", "having"], &["where"]),
    (&["sort", "sort_by", "order_by"], &["order"]),
    (&["agg", "aggregate", "aggregation", "reduce", "how", "combine"], &["merge"]),
    (&["space", "index", "field", "vectors", "embedding_config"], &["embedding"]),
    (&["skip", "start", "page"], &["offset"]),
    (&["weights"], &["weight"]),
    (&["by", "score", "expr", "formula"], &["value"]),
    (&["random_state"], &["salt"]),
];
