//! The one table of diagnostic codes. Numbers are never used again for another meaning; the
//! pages of `docs/errors/` and every other list are checked against this one.

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    Error,
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
        if self.id.starts_with('E') {
            Severity::Error
        } else {
            Severity::Warning
        }
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
    E0105 "an expression where an item must stand";
    E0106 "a statement that may not stand here";
    E0107 "nested too deeply";
    E0201 "unknown name";
    E0202 "unknown operator, definition or function";
    E0203 "unknown column or field";
    E0204 "unknown entity or type";
    E0205 "unknown edge";
    E0206 "unknown embedding or model";
    E0207 "unknown policy or value";
    E0208 "defined twice";
    E0209 "definitions in a cycle";
    E0210 "import not found";
    E0211 "no such query";
    E0212 "a name that may not be redefined";
    E0213 "unknown case of an enumeration";
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
    E0311 "one column name with two types";
    E0312 "not available here";
    E0313 "a candidate set where a value must stand, or the reverse";
    E0314 "not a constant";
    E0315 "a built-in name cannot be bound";
    E0316 "a pattern that cannot be read";
    E0401 "the catalog lacks an edge";
    E0402 "the catalog lacks a column";
    E0403 "the catalog lacks an entity or reference";
    E0404 "the catalog has no default";
    E0501 "embedding or model not trained";
    E0504 "wrong signature";
    E0509 "a kind that this version does not support";
    E0601 "a quantity that cannot be";
    E0602 "more rows than the budget allows";
    E0603 "a program that is too large or too deep";
    E0701 "an assertion that does not hold";
    W0101 "an unused definition";
    W0102 "an unused parameter";
    W0103 "an unused import";
    W0104 "an unused binding";
    W0105 "an unused column";
    W0201 "an operator that cannot change anything";
    W0202 "a score or an order that nothing reads";
    W0203 "more rows asked for than there can be";
    W0204 "a condition that decides nothing";
    W0205 "an argument that changes nothing";
    W0301 "fewer rows than asked for";
    W0401 "a funnel that widens";
    W0501 "a name that hides a column";
    W0502 "a definition that hides another";
    W0503 "a built-in name that hides a column";
    W0601 "a full scan of a large entity";
    W0701 "seen items not left out";
    W0801 "a number that cannot be filled";
    W0802 "a table of which nothing was left";
    W0901 "scores of different kinds mixed";
    W0902 "a sum of scores that may be negative";
    W1001 "nulls in a score";
    W1101 "a required policy left out";
    W1102 "a policy left out of a bare filter";
}
