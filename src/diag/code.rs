//! The one table of diagnostic codes. Numbers are never used again for another meaning; the
//! pages of `docs/errors/` and every other list are checked against this one.

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The program cannot run.
    Error,
    /// The program runs; what it says may not be what is meant.
    Warning,
}

/// A stable diagnostic code, as `E0301`: the first two digits are the group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code {
    /// `E0301` or `W0201`.
    pub id: &'static str,
    /// What it means, in a few words.
    pub title: &'static str,
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id)
    }
}

impl Code {
    /// Errors begin with `E`, lints with `W`.
    pub fn severity(self) -> Severity {
        if self.id.starts_with('E') { Severity::Error } else { Severity::Warning }
    }
}

macro_rules! codes {
    ($($id:ident $title:literal;)*) => {
        $(#[doc = $title] pub const $id: Code = Code { id: stringify!($id), title: $title };)*
        /// Every code there is, in order.
        pub const ALL: &[Code] = &[$($id),*];

        impl Code {
            /// Its page of the documentation, as Markdown.
            pub fn page(self) -> &'static str {
                match self.id {
                    $(stringify!($id) => {
                        include_str!(concat!("../../docs/errors/", stringify!($id), ".md"))
                    })*
                    _ => "",
                }
            }
        }
    };
}

codes! {
    E0101 "unexpected text";
    E0102 "malformed number, duration or time";
    E0103 "malformed string";
    E0104 "unbalanced bracket";
    E0105 "expression where an item is required";
    E0106 "statement not allowed here";
    E0107 "nested too deeply";
    E0201 "unknown name";
    E0202 "unknown operator, definition or function";
    E0203 "unknown column or field";
    E0204 "unknown entity or type";
    E0205 "unknown edge";
    E0206 "unknown embedding or model";
    E0207 "unknown policy or value";
    E0208 "defined twice";
    E0209 "cyclic definitions";
    E0210 "import not found";
    E0211 "no such query";
    E0212 "name cannot be redefined";
    E0213 "value is not allowed for this parameter";
    E0301 "wrong entity";
    E0302 "wrong type";
    E0303 "missing argument";
    E0304 "unknown argument";
    E0305 "argument given twice";
    E0306 "argument out of range";
    E0307 "too many arguments";
    E0308 "branches of different entities";
    E0309 "unlike types compared";
    E0310 "comparison with null";
    E0311 "column bound with two types";
    E0312 "not available here";
    E0313 "candidate set used as a value, or the reverse";
    E0314 "not a constant";
    E0315 "a built-in name cannot be bound";
    E0316 "invalid pattern";
    E0401 "the catalog lacks an edge";
    E0402 "the catalog lacks a column";
    E0403 "the catalog lacks an entity or reference";
    E0404 "the catalog has no default";
    E0501 "embedding or model not trained";
    E0502 "trained from another declaration";
    E0503 "version or file cannot be used";
    E0504 "wrong signature";
    E0505 "links without times";
    E0506 "trained model as a feature";
    E0507 "no such version";
    E0508 "label among the features";
    E0509 "unsupported kind of model or embedding";
    E0601 "invalid quantity";
    E0602 "row budget exceeded";
    E0603 "program too large or too deeply nested";
    E0701 "assertion failed";
    E0801 "invalid shares of an experiment";
    E0802 "invalid or overlapping buckets of an experiment";
    E0803 "unknown arm";
    E0804 "two experiments of one name";
    W0101 "unused definition";
    W0102 "unused parameter";
    W0103 "unused import";
    W0104 "unused binding";
    W0105 "unused column";
    W0201 "operator has no effect";
    W0202 "unused score or order";
    W0203 "requested more rows than exist";
    W0204 "condition has no effect";
    W0205 "argument has no effect";
    W0206 "`!=` with an arm";
    W0207 "experiment compares nothing";
    W0208 "experiment without control";
    W0301 "rows removed after `take`";
    W0401 "funnel widens";
    W0501 "name hides a column";
    W0502 "definition hides another";
    W0503 "built-in name hides a column";
    W0601 "full scan of a large entity";
    W0701 "seen items not excluded";
    W0801 "requested count cannot be met";
    W0802 "all rows of a table skipped";
    W0901 "scores of different kinds mixed";
    W0902 "sum of possibly negative scores";
    W1001 "nulls in a score";
    W1101 "required policy not applied";
    W1102 "policy not applied by bare `filter()`";
    W1201 "features that know what came after";
    W1301 "column may have changed since the examples";
    W1401 "version older than its `max_age`";
}
