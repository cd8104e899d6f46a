//! Operators that Rust programs register ([`RowOperator`]).

use super::bind::{Bind, Bound, Case};
use super::{
    Exec, Explaining, Instance, Op, Operator, Param, Planning, Rest, Rewriting, RunError, Score,
    ScoreKind, Shape, Used, mapped,
};
use crate::batch::{Column as Stored, RowBatch};
use crate::catalog::schema::Schema;
use crate::diag::{Diagnostic, code};
use crate::expr::functions::own::values;
use crate::expr::show::show;
use crate::expr::{Expr, Facts, Frame};
use crate::extend::{
    Args, Argument, Column, Given, OperatorSignature, RowOperator, RowsView, Selection, Values,
    guarded,
};
use crate::types::{NULL_CODE, NULL_INT, Type};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

/// Declarations that are there already: each distinct signature is kept once, for good.
static DECLARED: Mutex<Vec<(OperatorSignature, &'static Operator)>> = Mutex::new(Vec::new());

/// The declaration of a registered operator, like those of the built-in ones.
pub fn declared(signature: &OperatorSignature) -> &'static Operator {
    let mut all = DECLARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, operator)) = all.iter().find(|(known, _)| known == signature) {
        return operator;
    }
    let operator = Box::leak(Box::new(Operator {
        name: leaked(&signature.name),
        source: false,
        params: Vec::leak(params(signature)),
        keeps_shape: true,
        rest: Rest::None,
        page: leaked(&signature.doc),
        bind,
    }));
    all.push((signature.clone(), operator));
    operator
}

fn leaked(text: &str) -> &'static str {
    text.to_owned().leak()
}

fn params(signature: &OperatorSignature) -> Vec<Param> {
    let param = |(i, (name, kind)): (usize, &(String, Argument))| {
        let ty = match kind {
            Argument::Number => "number".to_owned(),
            Argument::Text => "string".to_owned(),
            Argument::Case(cases) => cases.join("|"),
            Argument::Row(_) | Argument::Key => "expr".to_owned(),
        };
        let optional = if i < signature.required { "" } else { "?" };
        Param { name: leaked(name), ty: format!("{ty}{optional}").leak(), named: false }
    };
    signature.params.iter().enumerate().map(param).collect()
}

fn bind(b: &mut dyn Bind) -> Option<Bound> {
    let (signature, operator) = b.registered()?;
    let declared = declared(&signature);
    let input = b.input();
    let mut shape = b.graph().shape(input).clone();
    b.otherwise(shape.clone());
    let mut args = Vec::new();
    let mut ok = true;
    for (i, (param, (_, kind))) in declared.params.iter().zip(&signature.params).enumerate() {
        match argument(b, param.name, kind, &shape) {
            Some(None) if i < signature.required => {
                let message = format!("`{}` needs `{}`", signature.name, param.name);
                let help = format!("use: `{}`", declared.usage());
                b.report(Diagnostic::new(code::E0303, b.span(), message).help(help));
                ok = false;
            }
            Some(given) => args.extend(given.map(|arg| (param.name, arg))),
            None => ok = false,
        }
    }
    if signature.scoring {
        shape.score = Score::new(ScoreKind::Unknown, Facts::UNKNOWN);
    }
    ok.then(|| Bound {
        op: Arc::new(Own {
            name: declared.name,
            operator: Shared(operator),
            scoring: signature.scoring,
            args,
        }),
        inputs: vec![input],
        shape,
    })
}

/// The argument of a parameter: none if it is wrong, which is told, and nothing in it if it is not given.
fn argument(b: &mut dyn Bind, name: &str, kind: &Argument, shape: &Shape) -> Option<Option<Arg>> {
    Some(match kind {
        Argument::Number => b.request_value(name, Some(&Type::Float))?.map(Arg::Number),
        Argument::Text => b.request_value(name, Some(&Type::String))?.map(Arg::Text),
        Argument::Row(ty) => b.row_value(name, shape, Some(ty))?.map(Arg::Row),
        Argument::Key => b.row_value(name, shape, None)?.map(Arg::Key),
        Argument::Case(cases) => {
            let offered: Vec<Case> = cases.iter().copied().map(Case::plain).collect();
            let chosen = b.choice(name, &offered)?;
            chosen.map(|choice| Arg::Case(cases[choice.case]))
        }
    })
}

#[derive(Clone, Debug, Hash)]
enum Arg {
    Number(Expr),
    Text(Expr),
    Row(Expr),
    Key(Expr),
    Case(&'static str),
}

impl Arg {
    fn expr(&self) -> Option<&Expr> {
        match self {
            Arg::Number(expr) | Arg::Text(expr) | Arg::Row(expr) | Arg::Key(expr) => Some(expr),
            Arg::Case(_) => None,
        }
    }

    fn expr_mut(&mut self) -> Option<&mut Expr> {
        match self {
            Arg::Number(expr) | Arg::Text(expr) | Arg::Row(expr) | Arg::Key(expr) => Some(expr),
            Arg::Case(_) => None,
        }
    }
}

/// The operator itself, which says nothing of itself.
#[derive(Clone)]
struct Shared(Arc<dyn RowOperator>);

/// The name of an operator says which it is.
impl Hash for Shared {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("registered")
    }
}

#[derive(Clone, Debug, Hash)]
struct Own {
    name: &'static str,
    operator: Shared,
    scoring: bool,
    args: Vec<(&'static str, Arg)>,
}

/// An argument for the rows of a batch.
enum Ready<'a> {
    Numbers(Vec<f64>),
    Texts(Vec<Option<String>>),
    Case(&'static str),
    Rows(Column<'a>),
}

impl Op for Own {
    fn name(&self) -> &'static str {
        self.name
    }

    fn details(&self, schema: &Schema) -> String {
        let shown = self.args.iter().map(|(name, arg)| match arg {
            Arg::Case(case) => format!("{name}={case}"),
            Arg::Number(expr) | Arg::Text(expr) | Arg::Row(expr) | Arg::Key(expr) => {
                format!("{name}={}", show(expr, schema))
            }
        });
        shown.collect::<Vec<_>>().join(", ")
    }

    fn exprs(&self) -> Vec<&Expr> {
        self.args.iter().filter_map(|(_, arg)| arg.expr()).collect()
    }

    fn run(&self, exec: &Exec, inputs: &[&RowBatch]) -> Result<RowBatch, RunError> {
        let (rows, stop) = (inputs[0], exec.run.stop);
        // of each row a key or a string, and the selection
        let _held = exec.hold(self.name, rows.len() * (24 * self.args.len() + 16))?;
        let ready = self.ready(exec, rows);
        exec.check(self.name, 0)?;
        let (mut offsets, mut places, mut scores) = (vec![0], Vec::new(), Vec::new());
        for request in 0..rows.requests() {
            exec.check(self.name, 0)?;
            let range = rows.range(request);
            let start = range.start as u32;
            let selection = self.selected(exec, rows, &ready, request)?;
            places.extend(selection.rows.iter().map(|row| start + row));
            scores.extend(selection.scores);
            offsets.push(places.len() as u32);
        }
        let mut selected = rows.select_until(offsets, &places, &rows.scores, stop);
        exec.check(self.name, 0)?;
        if self.scoring {
            selected.scores = scores;
        }
        Ok(selected)
    }
}

impl Planning for Own {}

impl Rewriting for Own {
    fn mapped(&self, f: &mut dyn FnMut(Expr) -> Expr) -> Option<Arc<dyn Instance>> {
        mapped(self, Own::values_mut, f)
    }

    fn uses(&self, _: usize, own: &Used) -> Used {
        let used = own.clone().in_order().of_all_rows();
        used.reading(self.exprs())
    }
}

impl Explaining for Own {}

impl Own {
    fn values_mut(&mut self) -> Vec<&mut Expr> {
        let args = self.args.iter_mut();
        args.filter_map(|(_, arg)| arg.expr_mut()).collect()
    }

    /// What the operator keeps of the rows of a request.
    fn selected(
        &self,
        exec: &Exec,
        rows: &RowBatch,
        ready: &[Ready],
        request: usize,
    ) -> Result<Selection, RunError> {
        let range = rows.range(request);
        let given = ready.iter().map(|ready| match ready {
            Ready::Numbers(numbers) => Given::Number(known(numbers[request])),
            Ready::Texts(texts) => Given::Text(texts[request].clone()),
            Ready::Case(case) => Given::Case(case),
            Ready::Rows(column) => Given::Row(column, range.clone()),
        });
        let names = self.args.iter().map(|(name, _)| *name);
        let args = Args { given: names.zip(given).collect() };
        let view = RowsView { scores: &rows.scores[range.clone()], stop: exec.run.stop };
        let mut selection = Selection::of(range.len(), self.scoring);
        let ran = guarded(|| self.operator.0.run(&args, &view, &mut selection));
        // a run that has to end may have given anything
        exec.check(self.name, 0)?;
        let wrong = ran.err().map(|failure| failure.to_string());
        match wrong.or(selection.wrong.take()) {
            Some(message) => Err(RunError::failed(self.name, message)),
            None => Ok(selection),
        }
    }

    /// The arguments for all rows.
    fn ready<'r>(&self, exec: &'r Exec, rows: &'r RowBatch) -> Vec<Ready<'r>> {
        let requests = Frame::requests(exec.run);
        let owners = rows.owners();
        let of_rows = Frame::rows(exec.run, rows, &owners);
        let text = |code| exec.run.texts.get(code).map(|text| text.into_owned());
        let ready = self.args.iter().map(|(_, arg)| match arg {
            Arg::Case(case) => Ready::Case(case),
            Arg::Number(value) => Ready::Numbers(requests.numbers(value)),
            Arg::Text(value) => {
                let codes = requests.eval(value).codes().spread(exec.run.requests());
                Ready::Texts(codes.into_iter().map(text).collect())
            }
            Arg::Key(value) => Ready::Rows(Column::new(keys(of_rows.column(value)))),
            Arg::Row(value) => {
                let seen = values(of_rows.eval(value), rows.len(), exec.run.texts);
                Ready::Rows(Column::new(seen))
            }
        });
        ready.collect()
    }
}

fn known(number: f64) -> Option<f64> {
    Some(number).filter(|number| !number.is_nan())
}

/// Ints that are equal where the values are.
fn keys(column: Stored) -> Values<'static> {
    let keys = match column {
        Stored::I64(ints) => ints,
        Stored::F64(floats) => floats.into_iter().map(float_key).collect(),
        Stored::Bool(bools) => {
            bools.into_iter().map(|bool| if bool > 1 { NULL_INT } else { bool.into() }).collect()
        }
        Stored::Code(codes) => codes
            .into_iter()
            .map(|code| if code == NULL_CODE { NULL_INT } else { code.into() })
            .collect(),
        Stored::List { .. } | Stored::Vector { .. } => Vec::new(),
    };
    Values::Ints(keys.into())
}

/// Both zeros are one: the bits of the negative one are those of null.
fn float_key(float: f64) -> i64 {
    match float.is_nan() {
        true => NULL_INT,
        false => (float + 0.0).to_bits() as i64,
    }
}
