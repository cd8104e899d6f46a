//! Kinds of models that Rust programs register ([`crate::extend::Scorer`]).

use crate::check::Checker;
use crate::check::env::Env;
use crate::diag::{Diagnostic, code};
use crate::expr::{Expr, Kind};
use crate::extend::Output;
use crate::ops::{Model, ModelKind, Shape};
use crate::syntax::ast::{self, Arg, ExprKind, Name};
use crate::types::Type;

impl<'a> Checker<'a> {
    /// `kind([a, b])`: a value for each input, in order.
    pub(super) fn registered_model(
        &mut self,
        kind: &ModelKind,
        name: &str,
        callee: &'a Name,
        args: &'a [Arg],
        env: &Env<'a>,
        shape: &Shape,
    ) -> Option<Model> {
        let given = self.list_of_inputs(kind, callee, args)?;
        let inputs = given.iter().map(|input| self.model_expr(input, env, shape));
        let inputs: Vec<Option<Expr>> = inputs.collect();
        let inputs = inputs.into_iter().collect::<Option<Vec<_>>>()?;
        let types = vec![Type::Float; inputs.len()];
        let heads = kind.outputs.iter().map(|(output, function)| {
            let kernel = function.resolve(&types)?.kernel;
            let args = inputs.clone();
            let value = Expr::new(Kind::Call { kernel, args }, Type::Float);
            Some((output.name().to_owned(), value))
        });
        let mut heads = heads.collect::<Option<Vec<_>>>()?;
        // a number that is no probability is the score itself
        let is_score = matches!(kind.outputs[..], [(Output::Value(_), _)]);
        let score = match is_score {
            true => heads.pop().map(|(_, value)| value),
            false => None,
        };
        Some(Model { name: name.to_owned(), heads, score, served: None })
    }

    /// The only argument: a list of as many values as the kind has inputs.
    fn list_of_inputs(
        &mut self,
        kind: &ModelKind,
        callee: &'a Name,
        args: &'a [Arg],
    ) -> Option<&'a [ast::Expr]> {
        let usage = format!("write `{}([{}])`", kind.name, kind.inputs.join(", "));
        let list = match args {
            [arg] if arg.name.is_none() => Some(&arg.value.kind),
            _ => None,
        };
        match list {
            Some(ExprKind::List(items)) if items.len() == kind.inputs.len() => Some(items),
            Some(ExprKind::List(items)) => {
                let takes = format!("{} inputs, found {}", kind.inputs.len(), items.len());
                self.wrong_inputs(kind, callee, &takes, usage)
            }
            Some(ExprKind::Error) => None,
            _ => self.wrong_inputs(kind, callee, "one list of its inputs", usage),
        }
    }

    fn wrong_inputs<T>(
        &mut self,
        kind: &ModelKind,
        callee: &Name,
        takes: &str,
        usage: String,
    ) -> Option<T> {
        let message = format!("`{}` takes {takes}", kind.name);
        self.report(Diagnostic::new(code::E0504, callee.span, message).help(usage));
        None
    }
}
