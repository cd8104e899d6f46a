//! The overload of a function for some types of arguments.

use super::{Function, Kernel, Overload, P};
use crate::types::Type;

/// How a call is carried out.
pub struct Resolved {
    pub kernel: Kernel,
    pub result: Type,
    /// What each argument has to be; an int where this says float is widened.
    pub params: Vec<Type>,
    pub folds: bool,
}

impl Function {
    /// The types of the parameters of each overload; where any one type will do, ints.
    pub fn signatures(&self) -> impl Iterator<Item = Vec<Type>> {
        let concrete = |p: &P| p.concrete(&Type::Int, &Type::Vector(0));
        let overloads = self.overloads.iter();
        overloads.map(move |o| o.params.iter().map(concrete).collect())
    }

    /// The overload for these arguments, preferring one that needs no widening.
    pub fn resolve(&'static self, args: &[Type]) -> Option<Resolved> {
        let accepting = |widen| self.overloads.iter().find_map(|o| o.accept(self, args, widen));
        accepting(false).or_else(|| accepting(true))
    }
}

impl Overload {
    /// How it is called with these arguments, if it can be; `widen` lets ints be floats.
    fn accept(
        &'static self,
        of: &'static Function,
        args: &[Type],
        widen: bool,
    ) -> Option<Resolved> {
        let fits =
            args.len() == self.params.len() || (self.folds && args.len() > self.params.len());
        if !fits {
            return None;
        }
        let param = |i: usize| self.params[i.min(self.params.len() - 1)];
        let any = common(args.iter().enumerate().filter_map(|(i, a)| match (param(i), a) {
            (P::A, a) => Some(a),
            (P::ListA, Type::List(item)) => Some(&**item),
            _ => None,
        }))?;
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
            kernel: Kernel { function: of, overload: self },
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
    pub(super) fn concrete(self, any: &Type, arg: &Type) -> Type {
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
