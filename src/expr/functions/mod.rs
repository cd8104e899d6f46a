//! The scalar functions: one table of names and overloads, one file of kernels per theme.
//!
//! A function is found by its name and the types of its arguments. The checker asks
//! [`resolve`]; the answer is a [`Kernel`] that works on whole columns, and the types that the
//! arguments have to be widened to. Operators are functions too, under their own signs.

mod arith;
mod beta;
mod compare;
mod draw;
pub mod list;
pub mod logic;
mod math;
pub mod text;
pub mod time;
mod vector;

use crate::batch::Stop;
use crate::expr::texts::Texts;
use crate::expr::value::{Arg, Val};
use crate::types::Type;
use std::borrow::Cow;

/// What a kernel is given besides its arguments.
pub struct Call<'a> {
    /// Number of rows.
    pub n: usize,
    pub texts: &'a Texts<'a>,
    /// Functions whose rows may take long look at the clock on the way.
    pub stop: Stop<'a>,
}

/// A function for exactly these types, over columns.
#[derive(Clone, Copy)]
pub struct Kernel {
    /// Unique, for printing and comparing.
    pub name: &'static str,
    pub run: fn(&Call, &[Val]) -> Val<'static>,
    /// Depends on the request beyond its arguments.
    pub per_request: bool,
}

impl PartialEq for Kernel {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
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

/// One overload of a function.
pub struct Overload {
    params: &'static [P],
    result: P,
    kernel: Kernel,
    /// The last two parameters fold over any number of arguments, as in `max(a, b, c)`.
    folds: bool,
}

/// A function with all its overloads.
pub struct Function {
    pub name: &'static str,
    /// As shown by help: `clamp(x, low, high)`.
    pub usage: &'static str,
    pub doc: &'static str,
    overloads: &'static [Overload],
}

/// How a call is carried out.
pub struct Resolved {
    pub kernel: Kernel,
    pub result: Type,
    /// What each argument has to be; an int where this says float is widened.
    pub params: Vec<Type>,
    pub folds: bool,
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
        names
            .filter(|_| !self.repeats())
            .filter(|name| !name.is_empty())
    }

    /// Whether it takes any number of arguments.
    pub fn repeats(&self) -> bool {
        self.usage.contains("...")
    }

    /// The overload for these arguments, preferring one that needs no widening.
    pub fn resolve(&self, args: &[Type]) -> Option<Resolved> {
        let exact = self.overloads.iter().find_map(|o| o.accept(args, false));
        exact.or_else(|| self.overloads.iter().find_map(|o| o.accept(args, true)))
    }

    /// Smallest and largest number of arguments; no largest where it folds.
    pub fn arity(&self) -> (usize, Option<usize>) {
        let least = self
            .overloads
            .iter()
            .map(|o| o.params.len())
            .min()
            .unwrap_or(0);
        let most = self.overloads.iter().map(|o| o.params.len()).max();
        (
            least,
            if self.overloads.iter().any(|o| o.folds) {
                None
            } else {
                most
            },
        )
    }
}

impl Overload {
    fn accept(&self, args: &[Type], widen: bool) -> Option<Resolved> {
        let fits =
            args.len() == self.params.len() || (self.folds && args.len() > self.params.len());
        if !fits {
            return None;
        }
        let param = |i: usize| self.params[i.min(self.params.len() - 1)];
        let any = common(
            args.iter()
                .enumerate()
                .filter_map(|(i, a)| match (param(i), a) {
                    (P::A, a) => Some(a),
                    (P::ListA, Type::List(item)) => Some(&**item),
                    _ => None,
                }),
        )?;
        let mut params = Vec::with_capacity(args.len());
        for (i, arg) in args.iter().enumerate() {
            let wanted = param(i).concrete(&any, arg);
            let ok = *arg == wanted
                || arg.is_open()
                || (widen && *arg == Type::Int && wanted == Type::Float);
            if !ok {
                return None;
            }
            params.push(wanted);
        }
        Some(Resolved {
            kernel: self.kernel,
            result: self.result.concrete(&any, &any),
            params,
            folds: self.folds,
        })
    }
}

/// The one type of all; ints among floats widen, open types say nothing.
fn common<'a>(types: impl Iterator<Item = &'a Type>) -> Option<Type> {
    let mut found = Type::Null;
    for ty in types {
        found = match (found, ty) {
            (Type::Null | Type::Error, ty) => ty.clone(),
            (found, Type::Null | Type::Error) => found,
            (Type::Int, Type::Float) | (Type::Float, Type::Int) => Type::Float,
            (found, ty) if found == *ty => found,
            _ => return None,
        };
    }
    Some(found)
}

impl P {
    fn concrete(self, any: &Type, arg: &Type) -> Type {
        match self {
            P::Int => Type::Int,
            P::Float => Type::Float,
            P::Bool => Type::Bool,
            P::Str => Type::String,
            P::Time => Type::Time,
            P::Duration => Type::Duration,
            P::Vector => match arg {
                Type::Vector(dim) => Type::Vector(*dim),
                _ => Type::Vector(0),
            },
            P::A => any.clone(),
            P::ListA => Type::List(Box::new(any.clone())),
        }
    }
}

/// Writes an overload in one line.
macro_rules! overload {
    ($($param:ident),* => $result:ident, $name:literal, $run:expr) => {
        $crate::expr::functions::Overload {
            params: &[$($crate::expr::functions::P::$param),*],
            result: $crate::expr::functions::P::$result,
            kernel: $crate::expr::functions::Kernel { name: $name, run: $run, per_request: false },
            folds: false,
        }
    };
    (fold $($param:ident),* => $result:ident, $name:literal, $run:expr) => {
        $crate::expr::functions::Overload {
            folds: true,
            ..$crate::expr::functions::overload!($($param),* => $result, $name, $run)
        }
    };
}
pub(crate) use overload;

/// Applies `f` to every value.
pub fn map1<A: Copy, R: Copy>(a: &Arg<A>, f: impl Fn(A) -> R) -> Arg<'static, R> {
    match a {
        Arg::One(a) => Arg::One(f(*a)),
        Arg::Many(a) => Arg::Many(a.iter().map(|&a| f(a)).collect()),
    }
}

/// Applies `f` to every pair of values; one value stands for all rows.
pub fn map2<A: Copy, B: Copy, R: Copy>(
    a: &Arg<A>,
    b: &Arg<B>,
    f: impl Fn(A, B) -> R,
) -> Arg<'static, R> {
    match (a, b) {
        (Arg::One(a), Arg::One(b)) => Arg::One(f(*a, *b)),
        (Arg::One(a), Arg::Many(b)) => Arg::Many(b.iter().map(|&b| f(*a, b)).collect()),
        (Arg::Many(a), Arg::One(b)) => Arg::Many(a.iter().map(|&a| f(a, *b)).collect()),
        (Arg::Many(a), Arg::Many(b)) => Arg::Many(Cow::Owned(
            a.iter().zip(b.iter()).map(|(&a, &b)| f(a, b)).collect(),
        )),
    }
}

/// Applies `f` to row numbers, for functions of lists, vectors and mixed arguments; one call if
/// no argument changes from row to row.
pub fn by_row<R: Copy>(
    call: &Call,
    args: &[Val],
    mut f: impl FnMut(usize) -> R,
) -> Arg<'static, R> {
    let single = args.iter().all(|a| match a {
        Val::I64(a) => matches!(a, Arg::One(_)),
        Val::F64(a) => matches!(a, Arg::One(_)),
        Val::Bool(a) => matches!(a, Arg::One(_)),
        Val::Code(a) => matches!(a, Arg::One(_)),
        Val::List(a, _) | Val::Vector(a, _) => matches!(a, Arg::One(_)),
    });
    if single {
        Arg::One(f(0))
    } else {
        Arg::Many((0..call.n).map(f).collect())
    }
}
