//! Functions that Rust programs register ([`crate::extend::Function`]), outputs of their models
//! ([`crate::extend::Scorer`]), and what was learnt.

use super::sums::{Contributions, Scale};
use super::{Call, Form, Function, Kernel, Measure, Null, Overload, P, Role, Run};
use crate::expr::facts::Facts;
use crate::expr::functions::ranges::Range;
use crate::expr::texts::Texts;
use crate::expr::value::{Arg, Numbers, Val};
use crate::extend::{
    self, Built, Column, ColumnBuilder, Failure, OutputOf, Signature, Values, guarded,
};
use crate::types::{NULL_BOOL, NULL_CODE, NULL_INT, Type};
use foldhash::HashMap;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

/// A registered function. It is kept for good, as expressions hold it by reference.
pub struct Own {
    signature: Signature,
    of: Of,
}

#[derive(Clone)]
enum Of {
    Function(Arc<dyn extend::Function>),
    Output(Arc<OutputOf>),
    /// Whoever can call it keeps what was learnt: functions are for good, and it may be large.
    Learnt(Arc<Holder>, Learned),
}

/// What a function of something learnt calls, which changes when nobody can call it any more ([`learnt`]).
type Holder = RwLock<Weak<dyn Learnt>>;

/// Which of the numbers that something learnt gives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Learned {
    /// A head.
    Head(usize),
    /// A head whose numbers stand for other values.
    Valued(usize),
    /// All of them, as a vector.
    Vector,
}

/// What was learnt, as a function of values of any types.
pub(crate) trait Learnt: Send + Sync {
    /// How many numbers it gives for a row.
    fn numbers(&self) -> usize;

    /// The numbers of `n` rows: a head after the other, or a vector after the other; NaN is null.
    fn eval(&self, args: &[Val], n: usize, texts: &Texts) -> Result<Vec<f64>, Failure>;

    /// What a row costs, where that is known.
    fn effort(&self) -> Option<Effort> {
        None
    }

    /// What each argument of a row, whose numbers are given, adds to a head, where that is known.
    fn contributions(&self, _row: &[f64], _head: usize) -> Option<Contributions> {
        None
    }

    /// On which scale a head is a sum of what each argument gives alone, if it is one.
    fn additive(&self, _head: usize) -> Option<Scale> {
        None
    }

    /// What numbers of a head stand for, where they are not what the head gives.
    fn values(&self, numbers: &[f64]) -> Val<'static> {
        Val::F64(Arg::Many(numbers.to_vec().into()))
    }
}

/// What a row costs something that was learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// How many steps.
    pub each: u64,
    /// What these are: `multiply-adds` of networks, or `parameters` where those are not known; `comparisons` of trees, one for
    /// each node that a row meets on its way to the leaves.
    pub unit: &'static str,
}

impl Of {
    fn is_same(&self, other: &Of) -> bool {
        match (self, other) {
            (Of::Function(a), Of::Function(b)) => Arc::ptr_eq(a, b),
            (Of::Output(a), Of::Output(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

/// Declarations that are there already.
static DECLARED: Mutex<Vec<(&'static Own, &'static Function)>> = Mutex::new(Vec::new());

/// The declaration of a registered function, like those of the built-in ones.
pub fn function(signature: &Signature, function: &Arc<dyn extend::Function>) -> &'static Function {
    declared(signature, Of::Function(function.clone()))
}

/// The same of an output of a model, as a function of its inputs.
pub(crate) fn output(output: &Arc<OutputOf>) -> &'static Function {
    declared(&output.signature, Of::Output(output.clone()))
}

/// A head of something learnt, under a name that no other has, called with what it reads.
pub(crate) fn head(name: &str, of: &Arc<dyn Learnt>, place: usize, is_probability: bool) -> Kernel {
    let signature = Signature::new(name, &[], Type::Float).null(extend::Null::Custom);
    let signature = if is_probability { signature.range(0.0, 1.0) } else { signature };
    learnt(signature, (of, Learned::Head(place)))
}

/// A head of another type, whose numbers stand for values ([`Learnt::values`]), the same way.
pub(crate) fn valued(name: &str, of: &Arc<dyn Learnt>, place: usize, ty: Type) -> Kernel {
    let signature = Signature::new(name, &[], ty).null(extend::Null::Custom);
    learnt(signature, (of, Learned::Valued(place)))
}

/// The vector that something learnt gives, the same way.
pub(crate) fn vector(name: &str, of: &Arc<dyn Learnt>) -> Kernel {
    let ty = Type::Vector(of.numbers() as u32);
    let signature = Signature::new(name, &[], ty).null(extend::Null::Custom);
    learnt(signature, (of, Learned::Vector))
}

/// A function of something learnt. One of the same signature that nobody can call any more, as its engine is closed, becomes this
/// one, so that opening a catalog again and again holds no more memory.
fn learnt(signature: Signature, (of, which): (&Arc<dyn Learnt>, Learned)) -> Kernel {
    let mut all = LEARNT.lock().unwrap_or_else(PoisonError::into_inner);
    let known = all.entry(signature.name.clone()).or_default();
    let free = known.iter().find(|slot| {
        let is_same = slot.which == which && *slot.signature == signature;
        is_same && held(&slot.holder).strong_count() == 0
    });
    let function = match free {
        Some(slot) => {
            *slot.holder.write().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(of);
            slot.function
        }
        None => {
            let holder = Arc::new(RwLock::new(Arc::downgrade(of)));
            let own = Own { signature, of: Of::Learnt(holder.clone(), which) };
            let (own, function) = leaked(own);
            known.push(Slot { signature: &own.signature, which, holder, function });
            function
        }
    };
    Kernel { function, overload: &function.overloads[0] }
}

/// A function of something learnt.
struct Slot {
    signature: &'static Signature,
    which: Learned,
    holder: Arc<Holder>,
    function: &'static Function,
}

/// The functions of what was learnt, by their names.
static LEARNT: Mutex<BTreeMap<String, Vec<Slot>>> = Mutex::new(BTreeMap::new());

fn held(holder: &Holder) -> Weak<dyn Learnt> {
    holder.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// A text that lives for good, once.
pub(crate) fn interned(text: &str) -> &'static str {
    static ALL: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = all.get(text) {
        return known;
    }
    let text: &'static str = text.to_owned().leak();
    all.insert(text);
    text
}

fn declared(signature: &Signature, of: Of) -> &'static Function {
    let mut all = DECLARED.lock().unwrap_or_else(PoisonError::into_inner);
    let is_same = |own: &Own| own.of.is_same(&of) && own.signature == *signature;
    if let Some((_, function)) = all.iter().find(|(own, _)| is_same(own)) {
        return function;
    }
    let (own, function) = leaked(Own { signature: signature.clone(), of });
    all.push((own, function));
    function
}

fn leaked(own: Own) -> (&'static Own, &'static Function) {
    let own: &'static Own = Box::leak(Box::new(own));
    let signature = &own.signature;
    let params: Vec<P> = signature.params.iter().map(|(_, ty)| parameter(ty)).collect();
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
    let function = Function {
        name: &own.signature.name,
        usage: signature.usage().leak(),
        doc: &own.signature.doc,
        role: Role::Plain,
        measures: Measure::Value,
        form: Form::Plain,
        overloads: Vec::leak(vec![overload]),
    };
    (own, Box::leak(Box::new(function)))
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
    /// What a row costs the model that this is a head of, and which model that is: heads of one are computed together.
    pub fn effort(&self) -> Option<(usize, Effort)> {
        match &self.of {
            Of::Learnt(of, _) => Some((held(of).as_ptr().addr(), opened(of).ok()?.effort()?)),
            Of::Function(_) | Of::Output(_) => None,
        }
    }

    /// What each argument of a row adds to this head of a model, where the model knows it.
    pub(crate) fn contributions(&self, row: &[f64]) -> Option<Contributions> {
        let (of, head) = self.learnt_head()?;
        of.contributions(row, head)
    }

    /// On which scale this head is a sum of what each argument gives alone, if it is one.
    pub(crate) fn additive(&self) -> Option<Scale> {
        let (of, head) = self.learnt_head()?;
        of.additive(head)
    }

    fn learnt_head(&self) -> Option<(Arc<dyn Learnt>, usize)> {
        match &self.of {
            Of::Learnt(of, Learned::Head(head)) => Some((opened(of).ok()?, *head)),
            _ => None,
        }
    }

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
        self.noted(call, self.computed(call, args))
    }

    /// The same of an output of a model, of whose outputs all are `scored` at once: whoever reads another for the
    /// same rows finds it there.
    pub fn read<'v>(
        &self,
        call: &Call,
        scored: &Scored,
        (args, first): (Vec<u128>, usize),
        values: impl FnOnce() -> Vec<Val<'v>>,
    ) -> Val<'static> {
        let model = match &self.of {
            Of::Output(output) => Arc::as_ptr(&output.scorer).addr(),
            Of::Learnt(of, Learned::Head(_) | Learned::Valued(_)) => held(of).as_ptr().addr(),
            _ => return self.run(call, &values()),
        };
        let key = (model, args, first, call.n);
        let known = || scored.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known().get(&key).cloned();
        let all = match found {
            Some(all) => Ok(all),
            None => self.scored(call, &values()),
        };
        self.noted(
            call,
            all.and_then(|all| {
                let own = self.head(call, &all);
                known().insert(key, all);
                own
            }),
        )
    }

    /// The values of this head among those of all.
    fn head(&self, call: &Call, all: &[f64]) -> Result<Val<'static>, Failure> {
        let own = self.own_of(all, call.n);
        match &self.of {
            Of::Learnt(of, Learned::Valued(_)) => Ok(opened(of)?.values(own)),
            _ => Ok(stored(self.checked(floats(own))?, call.texts)),
        }
    }

    fn noted(&self, call: &Call, made: Result<Val<'static>, Failure>) -> Val<'static> {
        made.unwrap_or_else(|failure| {
            call.stop.fail(&self.signature.name, &failure);
            Val::null(&self.signature.result)
        })
    }

    fn computed(&self, call: &Call, args: &[Val]) -> Result<Val<'static>, Failure> {
        let rows = self.rows(call.n, args);
        let n = rows.as_ref().map_or(call.n, Vec::len);
        let built = match &self.of {
            Of::Learnt(_, Learned::Vector) => return self.vectors(call, args),
            Of::Learnt(_, Learned::Valued(_)) => {
                return self.head(call, &self.scored(call, args)?);
            }
            Of::Output(_) | Of::Learnt(..) => {
                floats(self.own_of(&self.scored(call, args)?, call.n))
            }
            Of::Function(function) => {
                let mut out = ColumnBuilder::of(&self.signature.result);
                if n > 0 {
                    let columns = self.columns(call, args, n, rows.as_deref());
                    guarded(|| function.eval(&columns, &mut out))?;
                }
                out.done()
            }
        };
        if built.len() != n {
            return Err(Failure::new(format!("it gave {} values for {n} rows", built.len())));
        }
        Ok(spread(stored(self.checked(built)?, call.texts), rows, call.n))
    }

    /// All outputs of a model.
    fn scored(&self, call: &Call, args: &[Val]) -> Result<Arc<[f64]>, Failure> {
        match &self.of {
            _ if call.n == 0 => Ok(Arc::default()),
            Of::Function(_) => Err(Failure::new("it is no model")),
            Of::Output(output) => {
                let columns = self.columns(call, args, call.n, None);
                guarded(|| output.score(&columns, call.n)).map(Arc::from)
            }
            Of::Learnt(of, _) => opened(of)?.eval(args, call.n, call.texts).map(Arc::from),
        }
    }

    /// The values of this output among those of all.
    fn own_of<'o>(&self, all: &'o [f64], n: usize) -> &'o [f64] {
        match &self.of {
            Of::Output(output) => output.of(all),
            Of::Learnt(_, Learned::Head(place) | Learned::Valued(place)) => &all[place * n..][..n],
            Of::Function(_) | Of::Learnt(..) => all,
        }
    }

    /// What was learnt as a vector of each row; none where a number of it is none.
    fn vectors(&self, call: &Call, args: &[Val]) -> Result<Val<'static>, Failure> {
        let all = self.scored(call, args)?;
        let dim = all.len() / call.n.max(1);
        let has = |row: usize| all[row * dim..][..dim].iter().all(|x| x.is_finite());
        let slot = |row: usize| [if has(row) { row as u32 } else { NULL_CODE }, dim as u32];
        let slots = (0..call.n).map(slot).collect();
        let numbers = all.iter().map(|&x| x as f32).collect();
        Ok(Val::Vector(Arg::Many(slots), Numbers::Made(Arc::new(numbers))))
    }

    /// Arguments as extensions see them: of `n` rows, which are all or the given ones.
    fn columns<'t>(
        &self,
        call: &Call<'t>,
        args: &[Val],
        n: usize,
        rows: Option<&[u32]>,
    ) -> Vec<Column<'t>> {
        let column = |(arg, (_, ty)): (&Val, &(String, Type))| {
            let arg = match rows {
                Some(rows) => arg.pick(rows),
                None => arg.view(),
            };
            let arg = match ty {
                Type::Float => Val::F64(arg.floats()),
                _ => arg,
            };
            Column::new(values(arg, n, call.texts))
        };
        args.iter().zip(&self.signature.params).map(column).collect()
    }

    /// Whether it is an output of a model.
    pub fn is_output(&self) -> bool {
        match &self.of {
            Of::Output(_) | Of::Learnt(_, Learned::Head(_) | Learned::Valued(_)) => true,
            Of::Function(_) | Of::Learnt(_, Learned::Vector) => false,
        }
    }

    /// The rows that a strict function sees, if these are not all.
    fn rows(&self, n: usize, args: &[Val]) -> Option<Vec<u32>> {
        if self.signature.null == extend::Null::Custom {
            return None;
        }
        let mut is_null = vec![0u8; n];
        for arg in args {
            let nulls = super::logic::is_null(arg).spread(n);
            is_null.iter_mut().zip(nulls).for_each(|(any, null)| *any |= null);
        }
        let rows = is_null.iter().zip(0u32..).filter(|(null, _)| **null != 1);
        is_null.contains(&1).then(|| rows.map(|(_, row)| row).collect())
    }

    /// A result outside the range would make lints and budgets wrong.
    fn checked(&self, built: Built) -> Result<Built, Failure> {
        let Some((low, high)) = self.signature.range else {
            return Ok(built);
        };
        let outside = |value: f64| (!(low..=high).contains(&value)).then_some(value);
        let found = match &built {
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
            None => Ok(built),
            Some(value) => Err(Failure::new(format!(
                "it gave {value}, and its signature says {low} to {high}"
            ))),
        }
    }
}

/// What was learnt, while its engine is open.
fn opened(of: &Holder) -> Result<Arc<dyn Learnt>, Failure> {
    Ok(held(of).upgrade().ok_or("its engine is closed")?)
}

/// What models gave for blocks of rows: by model, inputs, first row and number of rows.
#[derive(Default)]
pub struct Scored(Mutex<HashMap<Block, Arc<[f64]>>>);

type Block = (usize, Vec<u128>, usize, usize);

/// Numbers of a model as values: one that is not finite is null.
fn floats(numbers: &[f64]) -> Built {
    let value = |&x: &f64| if x.is_finite() { x } else { f64::NAN };
    Built::Floats(numbers.iter().map(value).collect())
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
        rows.iter().zip(values).for_each(|(&row, value)| all[row as usize] = value);
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

#[cfg(test)]
mod tests {
    use super::{Learnt, Texts, Val, head, interned};
    use crate::extend::Failure;
    use std::sync::Arc;

    struct Nothing;

    impl Learnt for Nothing {
        fn numbers(&self) -> usize {
            1
        }

        fn eval(&self, _: &[Val], n: usize, _: &Texts) -> Result<Vec<f64>, Failure> {
            Ok(vec![f64::NAN; n])
        }
    }

    #[test]
    fn a_function_that_nobody_can_call_is_used_again() {
        let learnt = || -> Arc<dyn Learnt> { Arc::new(Nothing) };
        let called = |of: &Arc<dyn Learnt>| -> *const _ { head("m@1.again", of, 0, true).function };
        let (first, second) = (learnt(), learnt());
        let (of_first, of_second) = (called(&first), called(&second));
        assert!(!std::ptr::eq(of_first, of_second), "both engines are open");
        drop(first);
        let third = learnt();
        assert!(std::ptr::eq(called(&third), of_first));
        let other = head("m@1.again", &third, 1, true).function;
        assert!(!std::ptr::eq(other, of_first), "another head is another function");
    }

    #[test]
    fn a_text_lives_once() {
        let again = String::from_utf8(b"once".to_vec()).unwrap_or_default();
        assert!(std::ptr::eq(interned("once"), interned(&again)));
    }
}
