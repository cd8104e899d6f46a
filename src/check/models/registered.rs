//! Kinds of models that Rust programs register ([`crate::extend::Scorer`]).

use crate::check::Checker;
use crate::check::env::Env;
use crate::diag::{Diagnostic, code};
use crate::expr::{Expr, Kind};
use crate::extend::Output;
use crate::ops::{Model, ModelKind, Shape};
use crate::syntax::ast::{Arg, ExprKind, Name};
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
        let usage = format!("write `{}([{}])`", kind.name, kind.inputs.join(", "));
        let given = match args {
            [
                Arg {
                    name: None, value, ..
                },
            ] => match &value.kind {
                ExprKind::List(items) => items,
                ExprKind::Error => return None,
                _ => return self.wrong_inputs(kind, callee, "one list of its inputs", usage),
            },
            _ => return self.wrong_inputs(kind, callee, "one list of its inputs", usage),
        };
        if given.len() != kind.inputs.len() {
            let takes = format!("{} inputs, found {}", kind.inputs.len(), given.len());
            return self.wrong_inputs(kind, callee, &takes, usage);
        }
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
        let score = if is_score {
            heads.pop().map(|(_, value)| value)
        } else {
            None
        };
        Some(Model {
            name: name.to_owned(),
            heads,
            score,
        })
    }

    fn wrong_inputs(
        &mut self,
        kind: &ModelKind,
        callee: &Name,
        takes: &str,
        usage: String,
    ) -> Option<Model> {
        let message = format!("`{}` takes {takes}", kind.name);
        self.report(Diagnostic::new(code::E0504, callee.span, message).help(usage));
        None
    }
}
