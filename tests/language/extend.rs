//! Functions, operators, models and embeddings of Rust programs.

#[path = "../../examples/extend/dedupe_by.rs"]
mod dedupe_by;
#[path = "../../examples/extend/genres.rs"]
mod genres;
#[path = "../../examples/extend/levenshtein.rs"]
mod levenshtein;
#[path = "../../examples/extend/logistic.rs"]
mod logistic;

use dedupe_by::DedupeBy;
use genres::Genres;
use igql::engine::Builder;
use igql::expr::show::literal;
use igql::extend::{
    Args, Argument, Column, ColumnBuilder, Embedding, EmbeddingSignature, Failure, Function, Null,
    OperatorSignature, Output, Registry, RowOperator, RowsView, Scorer, ScorerSignature, Selection,
    Signature,
};
use igql::schema::Metric;
use igql::{Engine, Limit, Limits, Program, Request, RunError, Type};
use levenshtein::Levenshtein;
use logistic::Logistic;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

/// A function that does what it is made of.
struct Made<F>(Signature, F);

impl<F> Function for Made<F>
where
    F: Fn(&[Column], &mut ColumnBuilder) -> Result<(), Failure> + Send + Sync,
{
    fn signature(&self) -> &Signature {
        &self.0
    }

    fn eval(&self, args: &[Column], out: &mut ColumnBuilder) -> Result<(), Failure> {
        self.1(args, out)
    }
}

/// An operator that does what it is made of.
struct Done<F>(OperatorSignature, F);

impl<F> RowOperator for Done<F>
where
    F: Fn(&Args, &RowsView, &mut Selection) -> Result<(), Failure> + Send + Sync,
{
    fn signature(&self) -> &OperatorSignature {
        &self.0
    }

    fn run(&self, args: &Args, rows: &RowsView, out: &mut Selection) -> Result<(), Failure> {
        self.1(args, rows, out)
    }
}

fn made<F>(signature: Signature, eval: F) -> Made<F>
where
    F: Fn(&[Column], &mut ColumnBuilder) -> Result<(), Failure> + Send + Sync + 'static,
{
    Made(signature, eval)
}

fn done<F>(signature: OperatorSignature, run: F) -> Done<F>
where
    F: Fn(&Args, &RowsView, &mut Selection) -> Result<(), Failure> + Send + Sync + 'static,
{
    Done(signature, run)
}

/// Five items: two of one name, one without.
fn builder(folder: &tempfile::TempDir) -> Builder {
    let catalog = "[catalog]\nviewer = \"user\"\n[entity.user]\ntable = \"users.csv\"\nkey = \"id\"\n\
                   [entity.item]\ntable = \"items.csv\"\nkey = \"id\"\n";
    let items = "id,name,price,sold\n1,apple,1.5,true\n2,apple,2.5,false\n3,pear,,true\n4,,4.0,\n5,peach,5.0,true\n";
    for (name, text) in
        [("catalog.toml", catalog), ("users.csv", "id\n1\n2\n"), ("items.csv", items)]
    {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    Engine::builder(folder.path())
}

fn with(change: impl FnOnce(Builder) -> Builder) -> Engine {
    let folder = tempfile::tempdir().unwrap();
    change(builder(&folder)).open().unwrap()
}

fn refused(change: impl FnOnce(Builder) -> Builder) -> String {
    let folder = tempfile::tempdir().unwrap();
    let opened = change(builder(&folder)).open();
    opened.err().expect("it cannot be opened").to_string()
}

fn compile(engine: &Engine, text: &str) -> Program {
    engine.compile(text).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

/// Keys, and the column `x` where there is one.
fn rows(engine: &Engine, text: &str) -> Vec<String> {
    let answer = engine.run(&compile(engine, text), &Request::user(1)).unwrap();
    let shown = answer.rows().iter().map(|row| match row.get("x") {
        Some(x) => format!("{}={}", row.key(), literal(x)),
        None => row.key().to_string(),
    });
    shown.collect()
}

fn error(engine: &Engine, text: &str) -> RunError {
    engine.run(&compile(engine, text), &Request::user(1)).expect_err(text)
}

fn diagnosed(engine: &Engine, text: &str) -> String {
    engine.compile(text).err().expect(text).to_string()
}

fn own() -> Engine {
    with(|builder| builder.function(Levenshtein::new()).operator(DedupeBy::new()))
}

#[test]
fn a_function_is_one_like_others() {
    let engine = own();
    let text = "all(item).let(x=levenshtein(name, \"peach\"))";
    assert_eq!(rows(&engine, text), ["1=5", "2=5", "3=2", "4=null", "5=0"]);
    // constants, names, another order, a method, a param, a column of a request
    let text = "param word: string = \"pear\"\n\
                all(item).filter(levenshtein(b=name, a=word) <= 2 and name.levenshtein(\"x\") < 9)";
    assert_eq!(rows(&engine, text), ["3", "5"]);
    assert_eq!(rows(&engine, "all(item).take(1).let(x=levenshtein(\"ab\", \"\"))"), ["1=2"]);
    assert_eq!(rows(&engine, "all(item).filter(coalesce(levenshtein(name, \"\"), -1) < 0)"), ["4"]);
}

#[test]
fn what_is_wrong_is_told_like_of_others() {
    let engine = own();
    for (text, parts) in [
        ("all(item).let(x=levenshtien(name, name))", &["did you mean `levenshtein`?"][..]),
        ("all(item).let(x=levenshtein(name))", &["E0303", "levenshtein(a, b)"]),
        ("all(item).let(x=levenshtein(name, price))", &["E0302"]),
        ("all(item).let(x=levenshtein(name, c=name))", &["no parameter `c`"]),
        ("all(item).dedup_by(name)", &["did you mean `dedupe_by`?"]),
        ("all(item).dedupe_by()", &["`dedupe_by` needs `key`", "dedupe_by(key: expr)"]),
        ("all(item).dedupe_by(nme)", &["did you mean `name`?"]),
        ("all(item).dedupe_by(name, 3)", &["E0307"]),
        ("all(item).dedupe_by(by=name)", &["no parameter `by`"]),
    ] {
        let found = diagnosed(&engine, text);
        for part in parts {
            assert!(found.contains(part), "{text}: {part}\n{found}");
        }
    }
    // the range is what is certain of a score
    let least = |value: &str| {
        let program = compile(&engine, &format!("all(item).score(coalesce({value}, 1))"));
        let (_, node) = program.checked().results[0];
        program.checked().graph.shape(node).score.facts.low
    };
    assert_eq!(least("levenshtein(name, \"x\")"), 0.0);
    assert!(least("price - 100") < 0.0);
}

#[test]
fn an_operator_is_one_like_others() {
    let engine = own();
    assert_eq!(rows(&engine, "all(item).dedupe_by(name)"), ["1", "3", "4", "5"]);
    assert_eq!(rows(&engine, "all(item).let(x=1).dedupe_by(key=x)"), ["1=1"]);
    assert_eq!(rows(&engine, "all(item).dedupe_by(it).take(2)"), ["1", "2"]);
    assert_eq!(rows(&engine, "all(item).dedupe_by(price * 0)"), ["1", "3"]);
    assert_eq!(rows(&engine, "all(item).score(price).dedupe_by(name)"), ["5", "4", "2", "3"]);
    assert_eq!(rows(&engine, "all(item).filter(price < 0).dedupe_by(name)"), [""; 0]);
    // a definition, a nested set, and why
    let text = "def once(r: set[item]) -> set[item] = r.dedupe_by(name)\n\
                all(item) - all(item).once()";
    assert_eq!(rows(&engine, text), ["2"]);
    let program = compile(&engine, "all(item).dedupe_by(name)");
    let ask = igql::Ask { why: true, why_not: vec![2.into()] };
    let answer = engine.explain(&program, &Request::user(1), &ask).unwrap();
    assert!(answer.rows().iter().all(|row| row.why().is_some()));
    let reasons = &answer.why_not[0].reasons;
    assert!(reasons.iter().any(|reason| reason.op.contains("dedupe_by")), "{reasons:?}");
}

#[test]
fn every_kind_of_value_comes_and_goes() {
    let engine = with(|builder| {
        let of = |name: &str, ty: Type| {
            Signature::new(name, &[("v", ty.clone())], ty).null(Null::Custom)
        };
        builder
            .function(made(of("int_of", Type::Int), |args, out| {
                (0..args[0].len()).for_each(|row| out.push_int(args[0].int(row).or(Some(-1))));
                Ok(())
            }))
            .function(made(of("float_of", Type::Float), |args, out| {
                (0..args[0].len())
                    .for_each(|row| out.push_float(args[0].float(row).or(Some(f64::INFINITY))));
                Ok(())
            }))
            .function(made(of("bool_of", Type::Bool), |args, out| {
                (0..args[0].len()).for_each(|row| out.push_bool(args[0].bool(row).map(|b| !b)));
                Ok(())
            }))
            .function(made(of("text_of", Type::String), |args, out| {
                (0..args[0].len())
                    .for_each(|row| out.push_text(args[0].text(row).map(str::to_uppercase)));
                Ok(())
            }))
            .function(made(of("time_of", Type::Time), |args, out| {
                (0..args[0].len()).for_each(|row| out.push_int(args[0].int(row)));
                Ok(())
            }))
    });
    assert_eq!(
        rows(&engine, "all(item).let(x=int_of(position))"),
        ["1=1", "2=2", "3=3", "4=4", "5=5"]
    );
    assert_eq!(rows(&engine, "all(item).take(1).let(x=int_of(null))"), ["1=-1"]);
    assert_eq!(
        rows(&engine, "all(item).let(x=float_of(price))"),
        ["1=1.5", "2=2.5", "3=null", "4=4.0", "5=5.0"]
    );
    // an int becomes a float
    assert_eq!(rows(&engine, "all(item).take(2).let(x=float_of(position))"), ["1=1.0", "2=2.0"]);
    assert_eq!(
        rows(&engine, "all(item).let(x=bool_of(sold))"),
        ["1=false", "2=true", "3=false", "4=null", "5=false"]
    );
    assert_eq!(rows(&engine, "all(item).filter(text_of(name) == \"PEAR\")"), ["3"]);
    assert_eq!(rows(&engine, "all(item).take(1).let(x=time_of(now) == now)"), ["1=true"]);
}

#[test]
fn arguments_of_operators_are_those_of_the_request() {
    let engine = with(|builder| {
        let signature = OperatorSignature::new("cut", &[("n", Argument::Number)]).optional(&[
            ("word", Argument::Text),
            ("from", Argument::Case(&["front", "back"])),
            ("value", Argument::Row(Type::Float)),
        ]);
        builder.operator(done(signature.scoring(), |args, rows, out| {
            let n = args.number("n").ok_or("`n` is null")? as usize;
            let word = args.text("word").map_or(0, str::len);
            let mut order: Vec<usize> = (0..rows.len()).collect();
            if args.case("from") == Some("back") {
                order.reverse();
            }
            for row in order.into_iter().take(n) {
                let value = args.rows("value").and_then(|values| values.float(row));
                out.keep_scored(row, value.unwrap_or(f64::NAN) + word as f64);
            }
            Ok(())
        }))
    });
    assert_eq!(rows(&engine, "all(item).cut(2).let(x=score)"), ["1=null", "2=null"]);
    assert_eq!(
        rows(&engine, "all(item).cut(2, \"ab\", back, price).let(x=score)"),
        ["5=7.0", "4=6.0"]
    );
    let found = diagnosed(&engine, "all(item).cut(2, from=side)");
    assert!(found.contains("`front`") || found.contains("front"), "{found}");
    // requests of a batch have arguments and rows of their own
    let program = compile(
        &engine,
        "param n: int = 1\nparam w: string = \"\"\nall(item).cut(n, word=w, value=price).let(x=score)",
    );
    let requests = [
        Request::user(1).param("n", 3).param("w", "abc"),
        Request::user(2),
        Request::user(1).param("n", 0),
    ];
    let answers = engine.run_batch(&program, &requests).unwrap();
    for (request, together) in requests.iter().zip(&answers) {
        let alone = engine.run(&program, request).unwrap();
        let shown = |answer: &igql::Answer| {
            let rows = answer.rows();
            rows.iter().map(|row| format!("{} {:?}", row.key(), row.score())).collect::<Vec<_>>()
        };
        assert_eq!(shown(together), shown(&alone));
    }
    assert_eq!(answers[0].rows().len(), 3);
    assert_eq!(
        error(&engine, "all(item).cut(1 / 0)").to_string(),
        "`cut` failed for user 1: `n` is null"
    );
}

/// Two numbers of two: their sum, and a share.
struct Both(ScorerSignature);

impl Both {
    fn new() -> Both {
        let outputs = [Output::Value("total"), Output::Probability("share")];
        Both(ScorerSignature::new(&["a", "b"], &outputs))
    }
}

impl Scorer for Both {
    fn signature(&self) -> &ScorerSignature {
        &self.0
    }

    fn score(&self, inputs: &[&[f64]], out: &mut [f64]) -> Result<(), Failure> {
        let (totals, shares) = out.split_at_mut(inputs[0].len());
        for row in 0..totals.len() {
            totals[row] = inputs[0][row] + inputs[1][row];
            shares[row] = inputs[0][row] / totals[row];
        }
        Ok(())
    }
}

#[test]
fn a_scorer_is_a_kind_of_model() {
    let logistic = || Logistic::parse("bias -1.0\nprice 0.5\nsold 2").unwrap();
    let engine = with(|builder| builder.scorer("house", logistic()).scorer("both", Both::new()));
    let text = "model m on item = house([price, 1 if sold else 0])\nall(item).rank(m).let(x=round(p * 1000))";
    assert_eq!(rows(&engine, text), ["5=971", "1=852", "4=731", "2=562", "3=null"]);
    // a head is a column; one number that is no probability would be the score itself
    let text =
        "model m on item = both([price, 1])\nall(item).rank(m, value=share, keep=2).let(x=total)";
    assert_eq!(rows(&engine, text), ["5=6.0", "4=5.0"]);
    // batches mix the rows of requests, which shows nowhere
    let program =
        compile(&engine, "model m on item = both([price, 1])\nall(item).rank(m, value=total)");
    let alone = engine.run(&program, &Request::user(1)).unwrap();
    for together in engine.run_batch(&program, &[Request::user(1), Request::user(2)]).unwrap() {
        let scores = |answer: &igql::Answer| -> Vec<_> {
            answer
                .rows()
                .iter()
                .map(|row| (row.key().to_string(), row.score().to_string()))
                .collect()
        };
        assert_eq!(scores(&together), scores(&alone));
    }
    for (text, parts) in [
        ("model m on item = huose([price])\nall(item).rank(m)", &["did you mean `house`?"][..]),
        (
            "model m on item = xyz([price])\nall(item).rank(m)",
            &["`house([price, sold])`", "`formula("],
        ),
        (
            "model m on item = house([price])\nall(item).rank(m)",
            &["E0504", "takes 2 inputs, found 1", "`house([price, sold])`"],
        ),
        ("model m on item = house(price, 1)\nall(item).rank(m)", &["one list of its inputs"]),
        ("model m on item = house([price, name])\nall(item).rank(m)", &["E0302"]),
        (
            "model m on item = both([price, 1])\nall(item).rank(m)",
            &["has 2 heads", "total + share"],
        ),
    ] {
        let found = diagnosed(&engine, text);
        for part in parts {
            assert!(found.contains(part), "{text}: {part}\n{found}");
        }
    }
    // a share of 2 is none
    let text = "model m on item = both([price, -0.5 * price])\nall(item).rank(m, value=share)";
    let found = error(&engine, text).to_string();
    assert!(found.contains("`both.share` failed for user 1: it gave 2"), "{found}");
    let explained = {
        let program = compile(&engine, "model m on item = house([price, 1])\nall(item).rank(m)");
        let ask = igql::Ask { why: true, ..igql::Ask::default() };
        engine.explain(&program, &Request::user(1), &ask).unwrap()
    };
    assert!(explained.rows().iter().all(|row| row.why().is_some()));
    assert!(Logistic::parse("a 1\nb").err().unwrap().to_string().contains("line 2"));
    let clash = refused(|builder| builder.scorer("formula", Both::new()));
    assert!(clash.contains("`formula` is built in"), "{clash}");
}

/// A model of three outputs, which counts the rows that it is asked for.
struct Counting(ScorerSignature, Arc<AtomicUsize>);

impl Scorer for Counting {
    fn signature(&self) -> &ScorerSignature {
        &self.0
    }

    fn score(&self, inputs: &[&[f64]], out: &mut [f64]) -> Result<(), Failure> {
        let n = inputs[0].len();
        self.1.fetch_add(n, Ordering::Relaxed);
        for (place, output) in out.chunks_exact_mut(n).enumerate() {
            let values = inputs[0].iter().map(|x| x + place as f64);
            output.iter_mut().zip(values).for_each(|(to, value)| *to = value);
        }
        Ok(())
    }
}

#[test]
fn a_model_is_asked_once_for_all_its_outputs() {
    const ROWS: usize = 30_000;
    let folder = tempfile::tempdir().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let outputs = ["a", "b", "c"].map(Output::Value);
    let model = Counting(ScorerSignature::new(&["x"], &outputs), asked.clone());
    let builder = builder(&folder);
    let items: String = (1..=ROWS).map(|key| format!("{key},n,{}\n", key % 1000)).collect();
    std::fs::write(folder.path().join("items.csv"), format!("id,name,price\n{items}")).unwrap();
    let engine = builder.scorer("three", model).open().unwrap();
    let count = |text: &str| {
        let before = asked.load(Ordering::Relaxed);
        let found = rows(&engine, &format!("model m on item = three([price])\nall(item).{text}"));
        (found, asked.load(Ordering::Relaxed) - before)
    };
    let (found, asked) = count("rank(m, value=a + b * c, keep=2).let(x=c)");
    assert_eq!((found, asked), (vec!["999=1001.0".into(), "1999=1001.0".into()], ROWS));
    // what the score is not made of is computed for what is left, with one more pass
    let (found, asked) = count("rank(m, value=a, keep=2).let(x=b + c)");
    assert_eq!(found, ["999=2001.0", "1999=2001.0"]);
    assert_eq!(asked, ROWS + 2);
    // other inputs are another question
    let (_, asked) = count("rank(m, value=a + b).filter(score > 3).rank(m, value=b)");
    assert!((ROWS..=2 * ROWS).contains(&asked), "{asked}");
}

#[test]
fn failures_end_the_request_with_a_name() {
    let number = |name: &str| Signature::new(name, &[("v", Type::Float)], Type::Float);
    let engine = with(|builder| {
        builder
            .function(made(number("fails"), |args, out| match args[0].floats().contains(&4.0) {
                true => Err(Failure::new("4 is not to be had")),
                false => (0..args[0].len()).try_for_each(|row| {
                    out.push_float(args[0].float(row));
                    Ok(())
                }),
            }))
            .function(made(number("panics"), |_, _| panic!("at the {}", "disco")))
            .function(made(number("lacks"), |_, _| Ok(())))
            .function(made(number("mixes"), |args, out| {
                (0..args[0].len()).for_each(|_| out.push_int(1));
                Ok(())
            }))
            .function(made(number("asks"), |args, _| {
                args[0].text(0);
                Ok(())
            }))
            .function(made(number("strays").range(0.0, 1.0), |args, out| {
                (0..args[0].len()).for_each(|row| out.push_float(args[0].float(row)));
                Ok(())
            }))
            .operator(done(OperatorSignature::new("explode", &[]), |_, _, _| panic!("bang")))
            .operator(done(OperatorSignature::new("twice", &[]), |_, _, out| {
                out.keep(0);
                out.keep(0);
                Ok(())
            }))
            .operator(done(OperatorSignature::new("beyond", &[]), |_, rows, out| {
                out.keep(rows.len());
                Ok(())
            }))
            .operator(done(OperatorSignature::new("scores", &[]), |_, _, out| {
                out.keep_scored(0, 1.0);
                Ok(())
            }))
    });
    for (text, says) in [
        ("all(item).let(x=fails(price))", "`fails` failed for user 1: 4 is not to be had"),
        ("all(item).score(fails(price)).take(1)", "`fails` failed for user 1: 4 is not to be had"),
        ("all(item).filter(fails(price) > 1)", "`fails` failed for user 1: 4 is not to be had"),
        (
            "all(item).filter(panics(1.0) > 1)",
            "`panics` failed for user 1: it panicked: at the disco",
        ),
        ("all(item).let(x=lacks(1.0))", "`lacks` failed for user 1: it gave 0 values for"),
        ("all(item).let(x=mixes(price))", "an int was given where the signature promises floats"),
        ("all(item).let(x=asks(price))", "a column of floats was asked for strings"),
        (
            "all(item).let(x=strays(price))",
            "`strays` failed for user 1: it gave 1.5, and its signature says 0 to 1",
        ),
        ("all(item).explode()", "`explode` failed for user 1: it panicked: bang"),
        ("all(item).twice()", "`twice` failed for user 1: it keeps row 0 twice"),
        ("all(item).beyond()", "`beyond` failed for user 1: it keeps row 5 of 5"),
        (
            "all(item).scores()",
            "`scores` failed for user 1: it gives scores, which its signature does not say",
        ),
    ] {
        let found = error(&engine, text);
        assert!(matches!(found, RunError::Failed { .. }), "{text}: {found:?}");
        assert!(found.to_string().contains(says), "{text}: {found}");
        // whatever is asked of the run
        let program = compile(&engine, text);
        let partial = Limits { partial: true, ..Limits::default() };
        let found = engine.run_with(&program, &Request::user(1), &partial).expect_err(text);
        assert!(found.to_string().contains(says), "{text}: {found}");
    }
    // null arguments do not reach a strict function, nor does what no request asks for
    assert_eq!(rows(&engine, "all(item).filter(price is null).let(x=fails(price))"), ["3=null"]);
    assert_eq!(rows(&engine, "all(item).filter(false).let(x=panics(price))"), [""; 0]);
    // the one of a batch whose it is
    let program = compile(
        &engine,
        "param least: float = 4.5\nall(item).filter(price > least).let(x=fails(price))",
    );
    let fine = [Request::user(1), Request::user(2)];
    assert_eq!(engine.run_batch(&program, &fine).unwrap().len(), 2);
    let one = [Request::user(1), Request::user(2).param("least", 3.0), Request::user(1)];
    let found = engine.run_batch(&program, &one).unwrap_err();
    assert_eq!(found.to_string(), "`fails` failed for user 2: 4 is not to be had");
}

#[test]
fn limits_end_what_takes_long() {
    let engine = with(|builder| {
        builder.operator(done(OperatorSignature::new("dawdle", &[]), |_, rows, _| {
            while !rows.late() {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(Failure::new("it is late"))
        }))
    });
    let program = compile(&engine, "all(item).dawdle()");
    let limits = Limits::new().deadline(Duration::from_millis(30));
    match engine.run_with(&program, &Request::user(1), &limits) {
        Err(RunError::Limit(hit)) => assert_eq!(hit.limit, Limit::Time),
        other => panic!("{other:?}"),
    }
}

#[test]
fn names_are_one_thing() {
    let function =
        |name: &str| made(Signature::new(name, &[("a", Type::Int)], Type::Int), |_, _| Ok(()));
    let operator = |name: &str| done(OperatorSignature::new(name, &[]), |_, _, _| Ok(()));
    for name in ["log", "count", "take", "combine"] {
        let found = refused(|builder| builder.function(function(name)));
        assert!(found.contains(&format!("`{name}` is built in")), "{found}");
        let found = refused(|builder| builder.operator(operator(name)));
        assert!(found.contains(&format!("`{name}` is built in")), "{found}");
    }
    for name in ["", "two words", "if", "1st", "a-b", "null", "x) -> int = 1 #"] {
        let found = refused(|builder| builder.function(function(name)));
        assert!(found.contains("cannot be a name"), "{name}: {found}");
    }
    let found = refused(|builder| builder.function(function("mine")).operator(operator("mine")));
    assert!(found.contains("`mine` is registered twice"), "{found}");
    let list = Type::List(Box::new(Type::Int));
    for (signature, says) in [
        (Signature::new("f", &[("a", list)], Type::Int), "there can be int, float"),
        (
            Signature::new("f", &[("a", Type::Int), ("a", Type::Int)], Type::Int),
            "two parameters `a`",
        ),
        (Signature::new("f", &[("not", Type::Int)], Type::Int), "cannot be a parameter"),
        (Signature::new("f", &[], Type::String).range(0.0, 1.0), "its result is no number"),
        (Signature::new("f", &[], Type::Int).range(2.0, 1.0), "is empty"),
    ] {
        let found = refused(|builder| builder.function(made(signature, |_, _| Ok(()))));
        assert!(found.contains(says), "{says}: {found}");
    }
    let cases = OperatorSignature::new("o", &[("how", Argument::Case(&[]))]);
    let found = refused(|builder| builder.operator(done(cases, |_, _, _| Ok(()))));
    assert!(found.contains("has no case"), "{found}");
    // a definition of that name hides it from nobody: it is told
    let engine = own();
    let text = "def dedupe_by(r: set[item]) -> set[item] = r.take(1)\nall(item).dedupe_by()";
    assert!(engine.compile(text).is_err());
}

#[test]
fn an_engine_has_its_own() {
    let one = with(|builder| builder.operator(DedupeBy::new()));
    let text = "all(item).dedupe_by(name)";
    let program = compile(&one, text);
    let plain = with(|builder| builder);
    assert!(diagnosed(&plain, text).contains("there is no operator or definition `dedupe_by`"));
    assert_eq!(plain.run(&program, &Request::user(1)).err(), Some(RunError::OtherWorld));
    // what is reloaded keeps it
    let folder = tempfile::tempdir().unwrap();
    let one = builder(&folder).operator(DedupeBy::new());
    let one = one.scorer("both", Both::new()).open().unwrap();
    let program = compile(&one, text);
    let items = "id,name,price,sold\n1,apple,1.5,true\n2,apple,2.5,false\n";
    let same = one.reload().unwrap();
    assert!(same.run(&program, &Request::user(1)).is_ok());
    std::fs::write(folder.path().join("items.csv"), items).unwrap();
    let newer = one.reload().unwrap();
    assert_eq!(rows(&newer, text), ["1"]);
    // and makes none of it anew
    let total = |engine: &Engine| -> *const _ { engine.vocabulary().models()[0].outputs[0].1 };
    assert_eq!(total(&one), total(&newer));
}

/// An embedding that does what it is made of.
struct Placed<F>(EmbeddingSignature, F);

impl<F> Embedding for Placed<F>
where
    F: Fn(&str, &Column, &mut [f32]) -> Result<(), Failure> + Send + Sync,
{
    fn signature(&self) -> &EmbeddingSignature {
        &self.0
    }

    fn vectors(&self, entity: &str, keys: &Column, out: &mut [f32]) -> Result<(), Failure> {
        self.1(entity, keys, out)
    }
}

fn placed<F>(signature: EmbeddingSignature, vectors: F) -> Placed<F>
where
    F: Fn(&str, &Column, &mut [f32]) -> Result<(), Failure> + Send + Sync + 'static,
{
    Placed(signature, vectors)
}

/// On a line: items where their keys are, users a tenth before the item of their key; item 4 nowhere.
fn line() -> impl Embedding {
    let signature = EmbeddingSignature::new("line", &["item", "user"], 1, Metric::L2);
    placed(signature, |entity, keys, out| {
        for (row, out) in out.iter_mut().enumerate() {
            let key = keys.int(row).unwrap() as f32;
            match (entity, key) {
                ("item", 4.0) => {}
                ("item", _) => *out = key,
                _ => *out = key - 0.1,
            }
        }
        Ok(())
    })
}

#[test]
fn an_embedding_is_one_like_others() {
    let engine = with(|builder| builder.embedding(line()));
    assert_eq!(rows(&engine, "user.nn(line, to=item, k=3)"), ["1", "2", "3"]);
    let text = "all(item).let(x=dot(line, viewer.line) is null)";
    assert_eq!(rows(&engine, text), ["1=false", "2=false", "3=false", "4=true", "5=false"]);
    // named where an embedding is missing, and by what is near to it
    let found = diagnosed(&engine, "user.nn(lime, to=item)");
    assert!(found.contains("did you mean `line`?"), "{found}");
    let found = diagnosed(&engine, "user.nn(to=item)");
    assert!(found.contains("embedding default on user = line"), "{found}");
    assert_eq!(rows(&engine, "embedding default on user = line\nuser.nn(to=item, k=1)"), ["1"]);
}

/// The same vectors from a file of the catalog and from a Rust program, with enough rows for a graph.
#[test]
fn an_embedding_answers_as_one_of_the_catalog() {
    let folder = tempfile::tempdir().unwrap();
    let vector = |key: usize| -> [f32; 3] {
        let number = |of: usize| ((key * of) % 1009) as f32 / 1009.0 - 0.5;
        [number(7), number(31), number(571)]
    };
    let has = |key: usize| !key.is_multiple_of(10);
    let catalog = "[catalog]\nviewer = \"item\"\n[entity.item]\ntable = \"items.csv\"\nkey = \"id\"\n\
                   [embedding.stored]\nentity = \"item\"\nfile = \"vectors.jsonl\"\nmetric = \"cosine\"\n\
                   neighbours = 5\n";
    let all = || 0..20_000;
    let items: String = all().map(|key| format!("k{key}\n")).collect();
    let lines: String = all()
        .filter(|&key| has(key))
        .map(|key| format!("{{\"id\": \"k{key}\", \"vector\": {:?}}}\n", vector(key)))
        .collect();
    for (name, text) in [
        ("catalog.toml", catalog),
        ("items.csv", &format!("id\n{items}")),
        ("vectors.jsonl", &lines),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let signature = EmbeddingSignature::new("own", &["item"], 3, Metric::Cosine).neighbours(5);
    let own = placed(signature, move |_, keys, out| {
        for (row, out) in out.chunks_exact_mut(3).enumerate() {
            let key = keys.text(row).unwrap()[1..].parse().unwrap();
            if has(key) {
                out.copy_from_slice(&vector(key));
            }
        }
        Ok(())
    });
    let engine = Engine::builder(folder.path()).embedding(own).open().unwrap();
    for search in ["k=5", "k=7", "k=7, where=id != \"k3\"", "k=9, exact=true"] {
        let answer = |space: &str| {
            let text = format!("user.nn({space}, {search})");
            let program = compile(&engine, &text);
            let requests: Vec<Request> = (1..200).map(|k| Request::user(format!("k{k}"))).collect();
            let answers = engine.run_batch(&program, &requests).unwrap();
            let rows = answers.iter().map(|answer| {
                let rows = answer.rows();
                let row = |row: igql::Row| (row.key().to_string(), row.score());
                rows.iter().map(row).collect::<Vec<_>>()
            });
            rows.collect::<Vec<_>>()
        };
        let (stored, own) = (answer("stored"), answer("own"));
        assert_eq!(stored, own, "{search}");
        assert!(own[0].len() >= 5 && own[9].is_empty(), "{search}");
    }
}

#[test]
fn vectors_that_change_make_another_engine() {
    let shift = Arc::new(AtomicI64::new(0));
    let folder = tempfile::tempdir().unwrap();
    let of = shift.clone();
    let signature = EmbeddingSignature::new("place", &["item"], 1, Metric::L2);
    let own = placed(signature, move |_, keys, out| {
        let shift = of.load(Ordering::Relaxed);
        for (row, out) in out.iter_mut().enumerate() {
            let step = keys.int(row).unwrap() - 1;
            *out = (step * (step - shift)) as f32;
        }
        Ok(())
    });
    let first = builder(&folder).embedding(own).open().unwrap();
    let text = "all(item).take(1).nn(place, k=1)";
    let program = compile(&first, text);
    assert_eq!(rows(&first, text), ["2"]);
    // the same vectors: one world
    let same = first.reload().unwrap();
    assert_eq!(same.snapshot().id(), first.snapshot().id());
    assert!(same.run(&program, &Request::user(1)).is_ok());
    shift.store(3, Ordering::Relaxed);
    let other = first.reload().unwrap();
    assert_ne!(other.snapshot().id(), first.snapshot().id());
    let refused = other.run(&program, &Request::user(1)).err();
    assert_eq!(refused, Some(RunError::OtherWorld));
    assert_eq!(rows(&other, text), ["4"]);
    assert_eq!(rows(&first, text), ["2"]);
    // and that of the catalog alone is a third
    let plain = builder(&folder).open().unwrap();
    assert_ne!(plain.snapshot().id(), first.snapshot().id());
}

#[test]
fn an_embedding_has_to_fit_the_catalog() {
    let none = |_: &str, _: &Column, _: &mut [f32]| Ok(());
    let signature = |name: &str, entities: &[&str], dim| {
        EmbeddingSignature::new(name, entities, dim, Metric::Dot)
    };
    for (signature, says) in [
        (signature("e", &["itme"], 2), "did you mean `item`?"),
        (signature("e", &["page"], 2), "entities are `user`, `item`"),
        (signature("e", &[], 2), "`e` is an embedding of no entity"),
        (signature("e", &["item", "item"], 2), "names the entity `item` twice"),
        (signature("e", &["item"], 0), "the dimension of `e` is 0"),
        (signature("e", &["item"], u32::MAX), "it can be 1 to 65536"),
        (signature("e", &["item"], 2).neighbours(1001), "the number of neighbours of `e` is 1001"),
        (signature("take", &["item"], 2), "`take` is built in"),
        (signature("a b", &["item"], 2), "`a b` cannot be a name"),
    ] {
        let found = refused(|builder| builder.embedding(placed(signature, none)));
        assert!(found.contains(says), "{says}: {found}");
    }
    let twice = refused(|builder| builder.embedding(line()).embedding(line()));
    assert!(twice.contains("`line` is registered twice"), "{twice}");
    type Fill = fn(&Column, &mut [f32]) -> Result<(), Failure>;
    let fills: [(Fill, &str); 4] = [
        (|_, _| Err("no model here".into()), "the embedding `e` failed: no model here"),
        (|_, _| panic!("too bad"), "the embedding `e` failed: it panicked: too bad"),
        (
            |_, out| {
                out[2..].fill(1.0);
                out[3] = f32::INFINITY;
                Ok(())
            },
            "the vector of item 2 has inf at index 1",
        ),
        (
            |keys, out| {
                out[4] = keys.int(2).unwrap() as f32;
                Ok(())
            },
            "the vector of item 3 has NaN at index 1",
        ),
    ];
    for (fill, says) in fills {
        let own = placed(signature("e", &["item"], 2), move |_, keys, out| fill(keys, out));
        let found = refused(|builder| builder.embedding(own));
        assert!(found.contains(says), "{says}: {found}");
    }
}

#[test]
fn the_genres_of_the_example() {
    let text =
        "movieId,title,genres\n1,\"A, B (2000)\",Comedy|Drama\n2,C,(no genres listed)\n3,D,Drama\n";
    let genres = Genres::parse(text);
    let folder = tempfile::tempdir().unwrap();
    let catalog = "[catalog]\nviewer = \"movie\"\n[entity.movie]\ntable = \"movies.csv\"\nkey = \"movieId\"\n";
    std::fs::write(folder.path().join("catalog.toml"), catalog).unwrap();
    std::fs::write(folder.path().join("movies.csv"), text).unwrap();
    let engine = Engine::builder(folder.path()).embedding(genres).open().unwrap();
    let answer = "all(movie).nn(genres).let(x=round(score * 100))";
    assert_eq!(rows(&engine, answer), ["3=71", "1=71"]);
}

#[test]
fn a_registry_is_handed_on_whole() {
    let registry = Registry::new().function(Levenshtein::new()).operator(DedupeBy::new());
    assert_eq!(registry.names().collect::<Vec<_>>(), ["levenshtein", "dedupe_by"]);
    let engine = with(|builder| builder.registry(registry));
    assert_eq!(
        rows(&engine, "all(item).filter(levenshtein(name, \"apple\") == 0).dedupe_by(name)"),
        ["1"]
    );
}

/// The example is a command like `igql`. Cargo builds examples before it runs tests.
#[test]
fn a_command_of_its_own() {
    let beside = std::path::Path::new(env!("CARGO_BIN_EXE_igql")).parent().unwrap();
    let command = beside.join("examples").join(format!("extend{}", std::env::consts::EXE_SUFFIX));
    if !command.is_file() {
        // this test alone was asked for
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut run = Command::new(command);
    run.arg("run").arg(examples.join("extend/dedupe.igql"));
    run.args(["--user", "42", "--format", "json", "--cache"]).arg(folder.path());
    let output = run.arg("--catalog").arg(examples.join("movies")).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = answer["results"].as_array().unwrap();
    let titles: std::collections::HashSet<&str> =
        rows.iter().filter_map(|row| row["title"].as_str()).collect();
    assert_eq!((rows.len(), titles.len()), (20, 20));
}
