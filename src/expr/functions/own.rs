//! Functions that Rust programs register ([`crate::extend::Function`]).

use super::{Call, Form, Function, Measure, Null, Overload, P, Role, Run};
use crate::expr::facts::Facts;
use crate::expr::functions::ranges::Range;
use crate::expr::texts::Texts;
use crate::expr::value::{Arg, Val};
use crate::extend::{self, Built, Column, ColumnBuilder, Failure, Signature, Values, guarded};
use crate::types::{NULL_BOOL, NULL_CODE, NULL_INT, Type};
use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

/// A registered function. It is kept for good, as expressions hold it by reference.
pub struct Own {
    signature: Signature,
    function: Arc<dyn extend::Function>,
}

/// Declarations that are there already.
static DECLARED: Mutex<Vec<(&'static Own, &'static Function)>> = Mutex::new(Vec::new());

/// The declaration of a registered function, like those of the built-in ones.
pub fn declared(signature: &Signature, function: &Arc<dyn extend::Function>) -> &'static Function {
    let mut all = DECLARED.lock().unwrap_or_else(PoisonError::into_inner);
    let is_same = |own: &Own| Arc::ptr_eq(&own.function, function) && own.signature == *signature;
    if let Some((_, function)) = all.iter().find(|(own, _)| is_same(own)) {
        return function;
    }
    let own: &'static Own = Box::leak(Box::new(Own {
        signature: signature.clone(),
        function: function.clone(),
    }));
    let params: Vec<P> = signature
        .params
        .iter()
        .map(|(_, ty)| parameter(ty))
        .collect();
    let overload = Overload {
        params: params.leak(),
        result: parameter(&signature.result),
        folds: false,
        null: match signature.null {
            extend::Null::Strict => Null::Strict,
            extend::Null::Custom => Null::Custom,
        },
        range: Range::Fixed(own.facts()),
        run: Run::Own(own),
    };
    let function: &'static Function = Box::leak(Box::new(Function {
        name: &own.signature.name,
        usage: signature.usage().leak(),
        doc: &own.signature.doc,
        role: Role::Plain,
        measures: Measure::Value,
        form: Form::Plain,
        overloads: Vec::leak(vec![overload]),
    }));
    all.push((own, function));
    function
}

fn parameter(ty: &Type) -> P {
    match ty {
        Type::Float => P::Float,
        Type::Bool => P::Bool,
        Type::String => P::Str,
        Type::Time => P::Time,
        Type::Duration => P::Duration,
        _ => P::Int,
    }
}

impl Own {
    /// What is certain of the result. A strict function, too, may find no value.
    fn facts(&self) -> Facts {
        match (self.signature.range, &self.signature.result) {
            (Some((low, high)), _) => Facts::between(low, high).or_null(),
            (None, Type::Bool) => Facts::between(0.0, 1.0).or_null(),
            _ => Facts::UNKNOWN,
        }
    }

    /// The results for columns of arguments. A failure is noted, and the results are null.
    pub fn run(&self, call: &Call, args: &[Val]) -> Val<'static> {
        match self.computed(call, args) {
            Ok(result) => result,
            Err(failure) => {
                call.stop.fail(&self.signature.name, &failure);
                Val::null(&self.signature.result)
            }
        }
    }

    fn computed(&self, call: &Call, args: &[Val]) -> Result<Val<'static>, Failure> {
        let rows = self.rows(call.n, args);
        let n = rows.as_ref().map_or(call.n, Vec::len);
        let columns = args
            .iter()
            .zip(&self.signature.params)
            .map(|(arg, (_, ty))| {
                let arg = match &rows {
                    Some(rows) => arg.pick(rows),
                    None => arg.view(),
                };
                let arg = match ty {
                    Type::Float => Val::F64(arg.floats()),
                    _ => arg,
                };
                Column::new(values(arg, n, call.texts))
            });
        let columns: Vec<Column> = columns.collect();
        let mut out = ColumnBuilder::of(&self.signature.result);
        if n > 0 {
            guarded(|| self.function.eval(&columns, &mut out))?;
        }
        let built = out.done();
        if built.len() != n {
            return Err(Failure::new(format!(
                "it gave {} values for {n} rows",
                built.len()
            )));
        }
        self.in_range(&built)?;
        Ok(spread(stored(built, call.texts), rows, call.n))
    }

    /// The rows that a strict function sees, if these are not all.
    fn rows(&self, n: usize, args: &[Val]) -> Option<Vec<u32>> {
        if self.signature.null == extend::Null::Custom {
            return None;
        }
        let mut is_null = vec![0u8; n];
        for arg in args {
            let nulls = super::logic::is_null(arg).spread(n);
            is_null
                .iter_mut()
                .zip(nulls)
                .for_each(|(any, null)| *any |= null);
        }
        let rows = is_null.iter().zip(0u32..).filter(|(null, _)| **null != 1);
        is_null
            .contains(&1)
            .then(|| rows.map(|(_, row)| row).collect())
    }

    /// A result outside the range would make lints and budgets wrong.
    fn in_range(&self, built: &Built) -> Result<(), Failure> {
        let Some((low, high)) = self.signature.range else {
            return Ok(());
        };
        let outside = |value: f64| (!(low..=high).contains(&value)).then_some(value);
        let found = match built {
            Built::Ints(ints) => {
                let known = ints.iter().filter(|&&int| int != NULL_INT);
                known.map(|&int| int as f64).find_map(outside)
            }
            Built::Floats(floats) => {
                let known = floats.iter().filter(|float| !float.is_nan());
                known.copied().find_map(outside)
            }
            Built::Bools(_) | Built::Texts(_) => None,
        };
        match found {
            None => Ok(()),
            Some(value) => Err(Failure::new(format!(
                "it gave {value}, and its signature says {low} to {high}"
            ))),
        }
    }
}

/// The values of rows, of a type that extensions may have, as they see them.
pub(crate) fn values<'t>(val: Val, n: usize, texts: &'t Texts) -> Values<'t> {
    match val {
        Val::I64(ints) => Values::Ints(ints.spread(n).into()),
        Val::F64(floats) => Values::Floats(floats.spread(n).into()),
        Val::Bool(bools) => Values::Bools(bools.spread(n).into()),
        Val::Code(codes) => {
            let codes = codes.spread(n).into_iter();
            Values::Texts(codes.map(|code| texts.get(code)).collect())
        }
        Val::List(..) | Val::Vector(..) => Values::Ints(Cow::default()),
    }
}

fn stored(built: Built, texts: &Texts) -> Val<'static> {
    match built {
        Built::Ints(ints) => Val::I64(Arg::Many(ints.into())),
        Built::Floats(floats) => Val::F64(Arg::Many(floats.into())),
        Built::Bools(bools) => Val::Bool(Arg::Many(bools.into())),
        Built::Texts(found) => {
            let code = |text: Option<String>| text.map_or(NULL_CODE, |text| texts.code(&text));
            Val::Code(Arg::Many(found.into_iter().map(code).collect()))
        }
    }
}

/// Results of some rows at their places among all; the others are null.
fn spread(results: Val<'static>, rows: Option<Vec<u32>>, n: usize) -> Val<'static> {
    fn place<T: Copy>(values: Arg<T>, rows: &[u32], n: usize, null: T) -> Arg<'static, T> {
        let mut all = vec![null; n];
        let values = values.spread(rows.len());
        rows.iter()
            .zip(values)
            .for_each(|(&row, value)| all[row as usize] = value);
        Arg::Many(all.into())
    }
    let Some(rows) = rows else { return results };
    match results {
        Val::I64(values) => Val::I64(place(values, &rows, n, NULL_INT)),
        Val::F64(values) => Val::F64(place(values, &rows, n, f64::NAN)),
        Val::Bool(values) => Val::Bool(place(values, &rows, n, NULL_BOOL)),
        Val::Code(values) => Val::Code(place(values, &rows, n, NULL_CODE)),
        other => other,
    }
}
