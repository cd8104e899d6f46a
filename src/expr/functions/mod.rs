//! The scalar functions: one table of names and overloads, one file of kernels per theme.
//!
//! A function is found by its name and the types of its arguments ([`Function::resolve`]); the answer
//! is a [`Kernel`] that works on whole columns, and the types that the arguments have to be widened
//! to. Operators are functions too, under their own signs.
//!
//! The entry of a function is all that there is to say of it: how it is written, when it is null and
//! between which numbers it lies, what it is to those who look into expressions, and what it computes.

mod arith;
mod beta;
mod compare;
mod draw;
mod kit;
pub mod list;
pub mod logic;
mod math;
pub mod own;
mod ranges;
mod resolve;
mod role;
pub mod sums;
pub mod text;
pub mod time;
mod vector;

pub use kit::map1;
pub use resolve::Resolved;
pub use role::{Comparison, Form, Measure, Role};

use crate::batch::Stop;
use crate::expr::facts::Facts;
use crate::expr::texts::Texts;
use crate::expr::value::Val;
use ranges::Range;
use std::hash::{Hash, Hasher};

/// What a kernel is given besides its arguments.
pub struct Call<'a> {
    /// Number of rows.
    pub n: usize,
    pub texts: &'a Texts<'a>,
    /// Functions whose rows may take long look at the clock on the way.
    pub stop: Stop<'a>,
}

/// A function with all its overloads.
pub struct Function {
    pub name: &'static str,
    /// As shown by help: `clamp(x, low, high)`.
    pub usage: &'static str,
    pub doc: &'static str,
    /// What it is to those who look into expressions.
    pub role: Role,
    /// What its result measures.
    pub measures: Measure,
    /// What the checker makes of the arguments that are written.
    pub form: Form,
    overloads: &'static [Overload],
}

/// What most functions do not need to say.
const PLAIN: Function = Function {
    name: "",
    usage: "",
    doc: "",
    role: Role::Plain,
    measures: Measure::Value,
    form: Form::Plain,
    overloads: &[],
};

/// A function for some types of arguments.
struct Overload {
    params: &'static [P],
    result: P,
    /// The last two parameters fold over any number of arguments, as in `max(a, b, c)`.
    folds: bool,
    null: Null,
    range: Range,
    run: Run,
}

/// What computes the results.
#[derive(Clone, Copy)]
enum Run {
    BuiltIn(fn(&Call, &[Val]) -> Val<'static>),
    Own(&'static own::Own),
}

/// A type in a signature; `A` is any one type, the same wherever it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum P {
    Int,
    Float,
    Bool,
    Str,
    Time,
    Duration,
    Vector,
    A,
    ListA,
}

/// What a null among the arguments makes of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Null {
    /// Null. Where there is a result, there are all the arguments.
    Strict,
    /// Null or false. Where the result is true, there are all the arguments.
    NotTrue,
    /// What the range says.
    Custom,
}

/// How a call is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notation {
    /// `f(a, b)`.
    Call,
    /// `a + b`.
    Between,
    /// `-a`.
    Sign,
    /// `not a`.
    Before,
    /// `a is null`.
    Behind,
    /// `a`: the call is not.
    Unwritten,
}

/// An overload of a function: how a call is carried out.
#[derive(Clone, Copy)]
pub struct Kernel {
    pub function: &'static Function,
    overload: &'static Overload,
}

impl Kernel {
    /// The results for columns of arguments.
    #[inline]
    pub fn run(self, call: &Call, args: &[Val]) -> Val<'static> {
        match self.overload.run {
            Run::BuiltIn(run) => run(call, args),
            Run::Own(own) => own.run(call, args),
        }
    }

    /// Whether it is registered: it may fail, so nothing is computed before a request asks for it.
    pub fn is_own(self) -> bool {
        matches!(self.overload.run, Run::Own(_))
    }

    /// What it is, if it is an output of a model.
    pub fn output(self) -> Option<&'static own::Own> {
        match self.overload.run {
            Run::Own(own) if own.is_output() => Some(own),
            _ => None,
        }
    }

    pub fn role(self) -> Role {
        self.function.role
    }

    pub fn null(self) -> Null {
        self.overload.null
    }

    /// What is certain of the result, from what is certain of the arguments.
    pub fn facts(self, args: &[Facts]) -> Facts {
        let facts = self.overload.range.of(args);
        match self.overload.null {
            Null::Custom => facts,
            Null::Strict | Null::NotTrue => facts.made_of(args),
        }
    }

    /// How calls are written. An int that becomes a float is not.
    pub fn notation(self) -> Notation {
        let usage = self.function.usage;
        match (self.overload.params, self.function.is_operator()) {
            ([P::Float], false) if self.function.role == Role::Float => Notation::Unwritten,
            _ if usage.contains('(') => Notation::Call,
            ([_], true) => Notation::Sign,
            ([_], false) if usage.starts_with(self.function.name) => Notation::Before,
            ([_], false) => Notation::Behind,
            _ => Notation::Between,
        }
    }
}

impl PartialEq for Kernel {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.overload, other.overload)
    }
}

/// The name alone: with the types of the arguments it says which overload it is.
impl Hash for Kernel {
    fn hash<H: Hasher>(&self, to: &mut H) {
        self.function.name.hash(to);
    }
}

/// As it is hashed.
impl std::fmt::Debug for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.function.name)
    }
}

/// All functions, the operators among them.
pub fn all() -> impl Iterator<Item = &'static Function> {
    [
        arith::FUNCTIONS,
        compare::FUNCTIONS,
        logic::FUNCTIONS,
        math::FUNCTIONS,
        text::FUNCTIONS,
        time::FUNCTIONS,
        list::FUNCTIONS,
        vector::FUNCTIONS,
        draw::FUNCTIONS,
    ]
    .into_iter()
    .flatten()
}

/// The function of that name.
pub fn find(name: &str) -> Option<&'static Function> {
    all().find(|f| f.name == name)
}

impl Function {
    /// Whether it is written with a sign, not a name.
    pub fn is_operator(&self) -> bool {
        !self.name.starts_with(|c: char| c.is_ascii_alphabetic())
    }

    /// The names of its parameters, from its usage; none of those that repeat.
    pub fn params(&self) -> impl Iterator<Item = &'static str> {
        let (_, inside) = self.usage.split_once('(').unwrap_or_default();
        let (inside, _) = inside.split_once(')').unwrap_or_default();
        let names = inside.split(',').map(|part| {
            let part = part.trim();
            part.split_once('=').map_or(part, |(name, _)| name)
        });
        names.filter(|_| !self.repeats()).filter(|name| !name.is_empty())
    }

    /// Whether it takes any number of arguments.
    pub fn repeats(&self) -> bool {
        self.usage.contains("...")
    }

    /// Smallest and largest number of arguments; no largest where it folds.
    pub fn arity(&self) -> (usize, Option<usize>) {
        let counts = || self.overloads.iter().map(|o| o.params.len());
        let folds = self.overloads.iter().any(|o| o.folds);
        let most = counts().max().filter(|_| !folds);
        (counts().min().unwrap_or(0), most)
    }
}

/// Writes an overload in one line: the types, what a null makes of it, its range, what it computes.
macro_rules! overload {
    ($($param:ident),* => $result:ident, $null:ident, $range:expr, $run:expr) => {
        $crate::expr::functions::Overload {
            params: &[$($crate::expr::functions::P::$param),*],
            result: $crate::expr::functions::P::$result,
            folds: false,
            null: $crate::expr::functions::Null::$null,
            range: $range,
            run: $crate::expr::functions::Run::BuiltIn($run),
        }
    };
    (fold $($param:ident),* => $result:ident, $null:ident, $range:expr, $run:expr) => {
        $crate::expr::functions::Overload {
            folds: true,
            ..$crate::expr::functions::overload!($($param),* => $result, $null, $range, $run)
        }
    };
}
use overload;

#[cfg(test)]
mod tests;
