//! What the entries of the table declare holds, for every overload of every function: arguments are drawn
//! at random within random bounds, some of them null.

use super::*;
use crate::batch::Column;
use crate::expr::ir::{Expr, Kind};
use crate::expr::known::{Known, learn};
use crate::expr::value::{Arg, Items, Numbers};
use crate::store::{self, Snapshot};
use crate::types::{NULL_BOOL, NULL_CODE, NULL_FLOAT, NULL_INT, Type};
use std::borrow::Cow;
use std::sync::Arc;

/// Rows of a call, and calls of an overload.
const ROWS: usize = 64;
const CALLS: usize = 200;

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// From 0 to 1, both included.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / ((1u64 << 53) - 1) as f64
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// A column of arguments, and what is certain of it.
struct Drawn {
    value: Val<'static>,
    nulls: Vec<bool>,
    facts: Facts,
}

struct World {
    snapshot: Snapshot,
    _folder: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let catalog =
            "[catalog]\nviewer = \"user\"\n[entity.user]\ntable = \"users.csv\"\nkey = \"id\"\n";
        std::fs::write(folder.path().join("catalog.toml"), catalog).unwrap();
        std::fs::write(folder.path().join("users.csv"), "id,name\n1,a\n2,3.5\n").unwrap();
        let snapshot = store::open(folder.path(), &store::Options::default()).unwrap();
        World { snapshot, _folder: folder }
    }
}

const TEXTS: [&str; 8] = ["", "a", "b", "UTC", "Europe/Berlin", "17", "-3.5", "äöü words"];

/// Two numbers in their order, that a column of that type may lie between.
fn ends(dice: &mut Dice, ty: P) -> (f64, f64) {
    const SMALL: [f64; 9] = [-1e3, -7.0, -1.0, -0.5, 0.0, 0.3, 1.0, 2.0, 40.0];
    const LARGE: [f64; 6] = [-1e300, -1e18, -3e9, 5e9, 1e18, 1e300];
    let mut end = || match ty {
        P::Time => dice.one_of(&[-3e17, -1e15, 0.0, 1.7e15, 1.8e15, 2.5e17]),
        P::Duration => dice.one_of(&[-8.64e10, -1.0, 0.0, 1.0, 1e6, 8.64e10, 6e11, 1e18]),
        P::Bool => dice.one_of(&[0.0, 1.0]),
        _ => match dice.below(4) {
            0 => dice.one_of(&LARGE),
            _ => dice.one_of(&SMALL),
        },
    };
    let (a, b) = (end(), end());
    let (a, b) = (a.min(b), a.max(b));
    match ty {
        P::Float => (a, b),
        _ => (a.clamp(-9e18, 9e18).floor(), b.clamp(-9e18, 9e18).floor()),
    }
}

impl Dice {
    /// A column for a parameter; `A` is that type.
    fn column(&mut self, texts: &Texts, ty: P, any: P) -> Drawn {
        let ty = if ty == P::A { any } else { ty };
        let nullable = self.below(3) == 0;
        let single = self.below(6) == 0;
        let n = if single { 1 } else { ROWS };
        let nulls: Vec<bool> = (0..n).map(|_| nullable && self.below(4) == 0).collect();
        let (value, facts) = self.values(texts, ty, any, &nulls);
        Drawn {
            value,
            facts: if nullable { facts.or_null() } else { facts },
            nulls: match single {
                true => vec![nulls[0]; ROWS],
                false => nulls,
            },
        }
    }

    fn values(&mut self, texts: &Texts, ty: P, any: P, nulls: &[bool]) -> (Val<'static>, Facts) {
        let (low, high) = ends(self, ty);
        let facts = Facts::between(low, high);
        let within = |dice: &mut Dice| match dice.below(4) {
            0 => low,
            1 => high,
            _ => {
                let share = dice.share();
                (low * (1.0 - share) + high * share).clamp(low, high)
            }
        };
        match ty {
            P::Int | P::Time | P::Duration => {
                let ints = self.each(nulls, NULL_INT, |dice| within(dice).floor() as i64);
                (Val::I64(ints), facts)
            }
            P::Float => (Val::F64(self.each(nulls, NULL_FLOAT, within)), facts),
            P::Bool => {
                let bools = self.each(nulls, NULL_BOOL, |dice| within(dice) as u8);
                (Val::Bool(bools), facts)
            }
            P::Str => {
                let code = |dice: &mut Dice| texts.code(dice.one_of(&TEXTS));
                (Val::Code(self.each(nulls, NULL_CODE, code)), Facts::PRESENT)
            }
            P::Vector => {
                let numbers: Vec<f32> =
                    (0..32).map(|_| self.one_of(&[-2.0, 0.0, 0.0, 1.5])).collect();
                let slots = self.each(nulls, [NULL_CODE, 0], |dice| [dice.below(8) as u32, 4]);
                (Val::Vector(slots, Numbers::Made(Arc::new(numbers))), Facts::PRESENT)
            }
            P::ListA => {
                let nothing = vec![false; 40];
                let (items, _) = self.values(texts, any, any, &nothing);
                let items = Items::Made(Arc::new(items.into_column(40)));
                let slot = |dice: &mut Dice| [dice.below(30) as u32, dice.below(9) as u32];
                (Val::List(self.each(nulls, [NULL_CODE, 0], slot), items), Facts::PRESENT)
            }
            P::A => unreachable!("any type is drawn before"),
        }
    }

    fn each<T: Copy>(
        &mut self,
        nulls: &[bool],
        null: T,
        mut draw: impl FnMut(&mut Dice) -> T,
    ) -> Arg<'static, T> {
        let mut one = |&is_null: &bool| if is_null { null } else { draw(self) };
        match nulls {
            [single] => Arg::One(one(single)),
            _ => Arg::Many(Cow::Owned(nulls.iter().map(&mut one).collect())),
        }
    }
}

/// Each row's number, if it is one, and whether it is null.
fn numbers(value: Val) -> Vec<Option<f64>> {
    match value.into_column(ROWS) {
        Column::I64(v) => v.iter().map(|&x| (x != NULL_INT).then_some(x as f64)).collect(),
        Column::F64(v) => v.iter().map(|&x| (!x.is_nan()).then_some(x)).collect(),
        Column::Bool(v) => v.iter().map(|&x| (x != NULL_BOOL).then_some(f64::from(x))).collect(),
        Column::Code(v) => v.iter().map(|&x| (x != NULL_CODE).then_some(0.0)).collect(),
        Column::List { slots, .. } | Column::Vector { slots, .. } => {
            slots.iter().map(|s| (s[0] != NULL_CODE).then_some(0.0)).collect()
        }
    }
}

/// Calls `check` with many calls of every overload: its kernel, the arguments and the results by row.
fn every_overload(mut check: impl FnMut(Kernel, &str, &[Drawn], &[Option<f64>])) {
    let world = World::new();
    let mut dice = Dice(7);
    for function in all() {
        for overload in function.overloads {
            let kernel = Kernel { function, overload };
            let name = format!("{}{:?}", function.name, overload.params);
            for _ in 0..CALLS {
                let texts = Texts::new(&world.snapshot);
                let any = dice.one_of(&[P::Int, P::Float, P::Bool, P::Str, P::Time, P::Duration]);
                let params = overload.params.iter();
                let args: Vec<Drawn> = params.map(|&ty| dice.column(&texts, ty, any)).collect();
                let call = Call { n: ROWS, texts: &texts, stop: Stop::default() };
                let values: Vec<Val> = args.iter().map(|arg| arg.value.view()).collect();
                let results = numbers(kernel.run(&call, &values));
                check(kernel, &name, &args, &results);
            }
        }
    }
}

#[test]
fn nulls_are_as_declared() {
    every_overload(|kernel, name, args, results| {
        for (row, result) in results.iter().enumerate() {
            let null = args.iter().any(|arg| arg.nulls[row]);
            let holds = match kernel.null() {
                Null::Strict => !null || result.is_none(),
                Null::NotTrue => !null || *result != Some(1.0),
                Null::Custom => true,
            };
            assert!(holds, "{name} is {result:?} with a null");
        }
    });
}

/// A function that is strict in truth says so: what it tells of its arguments is not lost.
#[test]
fn what_is_strict_is_declared_so() {
    let mut seen: Vec<(String, Null, bool)> = Vec::new();
    every_overload(|kernel, name, args, results| {
        let nulls = |row: usize| args.iter().any(|arg| arg.nulls[row]);
        let breaks = (0..ROWS).any(|row| nulls(row) && results[row].is_some());
        match seen.last_mut().filter(|(last, ..)| last == name) {
            Some((.., broken)) => *broken |= breaks,
            None => seen.push((name.to_owned(), kernel.null(), breaks)),
        }
    });
    for (name, null, breaks) in seen {
        assert_eq!(null == Null::Strict, !breaks, "{name} is declared {null:?}");
    }
}

#[test]
fn results_are_where_they_are_declared_to_be() {
    every_overload(|kernel, name, args, results| {
        let facts: Vec<Facts> = args.iter().map(|arg| arg.facts).collect();
        let made = kernel.facts(&facts);
        for (row, result) in results.iter().enumerate() {
            let holds = match result {
                None => made.nullable,
                Some(x) => made.low <= *x && *x <= made.high,
            };
            let values: Vec<Option<f64>> =
                args.iter().map(|arg| numbers(arg.value.clone())[row]).collect();
            assert!(holds, "{name} of {values:?} in {facts:?} is {result:?}, not in {made:?}");
        }
    });
}

/// Whoever knows that a result is there knows that the arguments are: what advice asks of conditions.
#[test]
fn conditions_tell_of_the_arguments() {
    let world = World::new();
    let bound = |place: usize, ty: &Type| Expr::new(Kind::Bound(place as u32), ty.clone());
    let call = |name: &str, args: Vec<Expr>| {
        let types: Vec<Type> = args.iter().map(|arg| arg.ty.clone()).collect();
        let found = find(name).unwrap().resolve(&types).unwrap();
        let kernel = found.kernel;
        Expr::new(Kind::Call { kernel, args }, found.result)
    };
    for function in all() {
        for overload in function.overloads {
            let types = overload.params.iter().map(|p| p.concrete(&Type::Int, &Type::Vector(4)));
            let args: Vec<Expr> = types.enumerate().map(|(i, ty)| bound(i, &ty)).collect();
            let known = Known {
                schema: world.snapshot.schema(),
                columns: &[],
                score: Facts::UNKNOWN,
                learned: &[],
                link: None,
                found: None,
            };
            let result = call(function.name, args.clone());
            let there = call("not", vec![call("is null", vec![result])]);
            let mut learned = Vec::new();
            learn(&there, &known, &mut learned);
            let is_there = |arg: &Expr| learned.iter().any(|(e, f)| e == arg && !f.nullable);
            let said = args.iter().all(is_there);
            let (name, null) = (function.name, overload.null);
            assert_eq!(said, null == Null::Strict, "{name}{:?}", overload.params);
        }
    }
}

/// Every function has what those who read the table look for.
#[test]
fn entries_are_whole() {
    for function in all() {
        let Function { name, usage, doc, .. } = function;
        assert!(usage.contains(name) && doc.ends_with(['.', '`']), "{name}");
        let own = matches!(function.form, Form::Hash | Form::Uniform | Form::Extract);
        assert_eq!(own, function.overloads.is_empty(), "{name}");
        assert_eq!(all().filter(|f| f.name == *name).count(), 1, "{name}");
    }
}
