use super::super::ast::{ExprKind, ItemKind, Statement};
use super::super::{parse, parse_expression};
use crate::diag::testing::assert_carets;
use crate::diag::{Sink, render};
use crate::source::{SourceId, Sources};

#[track_caller]
fn carets(marked: &str) {
    assert_carets(marked, |text, sink| drop(parse(text, SourceId(0), sink)));
}

#[test]
fn numbers() {
    carets(
        "
a = 30x
    ^^^ E0102 neither a number nor a duration
b = 9223372036854775808
    ^^^^^^^^^^^^^^^^^^^ E0102 too large for an `int`
c = .5
    ^^ E0102 `0.5`
d = 5.
    ^^ E0102 `5.0`
e = 1.5h
    ^^^^ E0102 whole number of units
f = 30min
    ^^^^^ E0102 `30m`
g = 1_
    ^^ E0102 underscore
h = 1e999
    ^^^^^ E0102 too large for a `float`
i = 99999999999999w
    ^^^^^^^^^^^^^^^ E0102 too large for a duration
j = 1.2.3
    ^^^^^ E0102
k = 0x1F
    ^^^^ E0102
l = user.take(5.f(), 1__0)
              ^^^ E0102
                     ^^^^ E0102
",
    );
}

#[test]
fn times() {
    carets(
        "
a = @2024-13-45
    ^^^^^^^^^^^ E0102 there is no day
b = @2023-02-29
    ^^^^^^^^^^^ E0102 there is no day
c = @2024-5-1
    ^^^^^^^^^ E0102 `@2024-05-01`
d = @2024-05-01T25:00
    ^^^^^^^^^^^^^^^^^ E0102 no such time of day
e = @2024-05-01T12:00x
    ^^^^^^^^^^^^^^^^^^ E0102 offset
f = @2024-05-01T12:00+99:00
    ^^^^^^^^^^^^^^^^^^^^^^^ E0102 offset
g = @now
    ^ E0101
",
    );
}

#[test]
fn strings() {
    carets(
        r#"
a = "text
    ^^^^^ E0103 unterminated
b = f("text, more)
      ^^^^^^^^^^^ E0103 unterminated
c = 'a\"
    ^^^^ E0103 unterminated
d = extract(text, "(\d+)")
                    ^^ E0103 `\\d`
e = "\u{110000}"
     ^^ E0103
"#,
    );
}

#[test]
fn characters() {
    carets(
        "
a = b ? c : d
      ^ E0101 `a if condition else b`
e = größe + 1
    ^^^^^ E0101 backticks
f = x ^ 2
      ^ E0101 `a ** b`
g = ``
    ^^ E0101 empty
h = `x
    ^^ E0101 not closed
i = “text”
    ^^^^^^ E0103 plain quotes
",
    );
}

#[test]
fn brackets() {
    carets(
        "
a = user.liked(
              ^ E0104 never closed
def f() = 1
b = f(1))
        ^ E0104 closes nothing
c = f(g(1, [2
           ^ E0104 3 brackets are never closed
d = user.take(3]
               ^ E0104 `(` is closed by `]`
query main = {
    pool = combine(a, b
                  ^ E0104 never closed
    pool.filter(x = 1)
}
e = [1, 2}
         ^ E0104 closed by `}`
",
    );
}

#[test]
fn a_block_that_is_not_closed_ends_at_the_margin() {
    carets(
        "
query main = {
             ^ E0104 never closed
    a = 1
    a
b = 2
def g() = {
          ^ E0104
    1
query h = user
",
    );
    let mut sink = Sink::default();
    let file = parse("query main = {\n    a = 1\n    a\nb = 2\nmain", SourceId(0), &mut sink);
    assert_eq!(file.items.len(), 3);
}

#[test]
fn commas_and_arguments() {
    carets(
        "
a = f(x y, z)
        ^ E0101 a comma is missing
b = [1 2 \"c\"]
       ^ E0101 `1, 2`
         ^^^ E0101
c = f(a,, b)
        ^ E0101 an expression is missing
d = f(, b)
      ^ E0101 an expression is missing
e = f(x +, y)
         ^ E0101 missing after `+`
g = {a: 1 b: 2}
          ^ E0101 a comma is missing
h = f(x = )
          ^ E0101 missing after `=`
i = f(x; y)
       ^ E0101 separated by `,`
",
    );
}

#[test]
fn expressions_without_an_end() {
    carets(
        "
a = 1 +
      ^ E0101 missing after `+`
b =
  ^ E0101 missing after `=`
c = user.
         ^ E0101 expected a name
d = x if y
      ^^ E0101 no `else`
e = not
    ^^^ E0101 missing after `not`
f = x in
      ^^ E0101 missing after `in`
",
    );
}

#[test]
fn equals_and_comparisons() {
    carets(
        "
a = x if y = 3 else z
           ^ E0101 `==`
b = user.filter((score = 3))
                       ^ E0101 `==`
tunable w in 0.0..1.0 == 0.5
                      ^^ E0101 write `=`
c = x === y
      ^^^ E0101 `==`
d = x is 3
      ^^^^ E0101 `null` only
e = a in b in c
           ^^ E0101 does not chain
f = a < b in c
          ^^ E0101 does not chain
",
    );
}

#[test]
fn declarations() {
    carets(
        "
parm x: int
^^^^ E0101 did you mean `param`?
function f(x) = x
^^^^^^^^ E0101 did you mean `def`?
model final = mtml(heads={})
            ^ E0101 `model NAME on ENTITY = ...`
tunable w = 3
          ^ E0101 `tunable NAME in LOW..HIGH = START`
def f(rows) = rows
      ^^^^ E0101 no type
embedding x on media
                    ^ E0101 an `embedding` is written
param in: int
      ^^ E0101 reserved word
test \"x\" = 3
           ^ E0101 block
some words here = 3
^^^^ E0101 declarations begin with
edge e = likes weight 3 where x
                        ^^^^^ E0101 before `weight`
import 3
       ^ E0101 import std.NAME
def g(x: int):
             ^ E0101 write `def g(x: int) = ...`
",
    );
}

#[test]
fn words_of_other_languages() {
    carets(
        "
a = x && y
      ^^ E0101 write `and`
b = !x || True
    ^ E0101 write `not`
       ^^ E0101 write `or`
          ^^^^ E0101 write `true`
c = user.filter(lambda r: r.score)
                ^^^^^^ E0101 lambda
d = [x for x in y]
       ^^^ E0101 no loops
e = None
    ^^^^ E0101 write `null`
f = { return 3 }
      ^^^^^^ E0101 last line
g = x[0]
     ^ E0101 not indexed
import std.core as c
                ^^ E0101 bind another: `name = value`
let h = 3
^^^ E0101 no `let`
i = 3 // a comment
      ^^ E0101 comments begin with `#`
k = 4 -- newest first
      ^^ E0101 comments begin with `#`
l = 5 // 30 days, no more
      ^^ E0101 comments begin with `#`
j = f(x)(y)
        ^ E0101 called
",
    );
}

#[test]
fn signs_of_other_languages() {
    carets(
        "
a = user.filter(score => 3)
                      ^^ E0101 `>=`
b = x <> y
      ^^ E0101 `!=`
c += 1
  ^^ E0101 cannot be reassigned
d = if x then y else z
    ^^ E0101 the value comes first
e = (x, y)
      ^ E0101 `[a, b]`
f = {\"a\": 1}
     ^^^ E0101 plain names
g = {a: 1, b}
           ^ E0101 `b: value`
h: int = 3
 ^ E0101 no type
user
^^^^ E0105 begins with `.`
take(3)
",
    );
}

#[test]
fn statements_out_of_place() {
    carets(
        "
user.take(3)
^^^^^^^^^^^^ E0105 only the last item
x == 3
^^^^^^ E0105 `name = value`
def f() = {
    user
    ^^^^ E0106 nothing reads
    def g() = 3
    ^^^ E0106 top level
    edge e = likes
    ^^^^ E0106 top level
    x = 1
}
^ E0106 no value
assert true
^^^^^^ E0106 `test`
user
",
    );
}

#[test]
fn one_mistake_leaves_its_surroundings() {
    let text = "def f(x: int) -> int = {\n    a = x +\n    b = g(1, 2 3 +, y=)\n    a.h(b)\n}\nc = 1 2\nbroken broken = 1\nedge e = likes where a b weight w\nd = c";
    let mut sink = Sink::default();
    let file = parse(text, SourceId(0), &mut sink);
    assert_eq!(sink.found().len(), 7, "{:#?}", sink.found());
    let kinds: Vec<&ItemKind> = file.items.iter().map(|i| &i.kind).collect();
    let ItemKind::Def { body, .. } = kinds[0] else { panic!() };
    let ExprKind::Block(block) = &body.kind else { panic!() };
    assert!(
        matches!(&block.statements[0], Statement::Binding { value, .. } if value.kind == ExprKind::Error)
    );
    let Statement::Binding { value, .. } = &block.statements[1] else { panic!() };
    let ExprKind::Call { args, .. } = &value.kind else { panic!() };
    assert_eq!(args.len(), 4);
    assert_eq!(args[0].value.kind, ExprKind::Int(1));
    assert_eq!(args[3].name.as_ref().map(|n| n.text.as_str()), Some("y"));
    assert!(block.result.is_some());
    assert!(matches!(kinds[1], ItemKind::Binding { value, .. } if value.kind == ExprKind::Error));
    assert_eq!(kinds[2], &ItemKind::Error);
    assert!(matches!(kinds[3], ItemKind::Edge(e) if e.weight.is_some()));
    assert!(matches!(kinds[4], ItemKind::Binding { .. }));
}

#[test]
fn names_of_broken_declarations_are_known() {
    let mut sink = Sink::default();
    let file = parse("model final = x\ndef f(y) = 1\nuser", SourceId(0), &mut sink);
    let names: Vec<&str> = file.broken.iter().map(|n| n.text.as_str()).collect();
    assert_eq!(names, ["final", "f"]);
}

#[test]
fn depth_has_a_limit() {
    let wraps: [(&str, &str, usize); 8] = [
        ("(", ")", 10_000),
        ("[", "]", 10_000),
        ("f(", ")", 10_000),
        ("{a: ", "}", 10_000),
        ("-", "", 100_000),
        ("not ", "", 100_000),
        ("", ".f()", 100_000),
        ("", " + 1", 100_000),
    ];
    for (before, after, count) in wraps {
        let text = format!("a = 1\nx = {}y{}\nb = 2", before.repeat(count), after.repeat(count));
        let mut sink = Sink::default();
        let file = parse(&text, SourceId(0), &mut sink);
        let codes: Vec<&str> = sink.found().iter().map(|d| d.code.id).collect();
        assert_eq!(codes, ["E0107"], "{before}{after}");
        assert_eq!(file.items.len(), 3, "{before}{after}");
    }
    for (before, after, _) in wraps {
        let count = if before.trim().ends_with(['(', '[', ':']) { 200 } else { 900 };
        let text = format!("{}y{}", before.repeat(count), after.repeat(count));
        let file = super::good(&text);
        assert_eq!(super::tree(&super::good(&super::print::print(&file))), super::tree(&file));
    }
}

#[test]
fn unclosed_brackets_without_end_are_one_message() {
    let mut sink = Sink::default();
    let file = parse(&"(".repeat(10_000), SourceId(0), &mut sink);
    assert_eq!(file.items[0].kind, ItemKind::Error);
    assert!(sink.found().len() <= 2, "{}", sink.found().len());
}

#[test]
fn one_expression_alone() {
    let mut sink = Sink::default();
    assert!(matches!(
        parse_expression("a + 1", SourceId(0), &mut sink).kind,
        ExprKind::Binary { .. }
    ));
    assert!(sink.found().is_empty());
    let check = |text: &str, sink: &mut Sink| {
        assert_eq!(parse_expression(text, SourceId(0), sink).kind, ExprKind::Error);
    };
    assert_carets("x = 3\n^^^^^ E0101 not a definition\n", check);
    assert_carets("\n^ E0101 missing\n", |t, s| check(t.trim(), s));
    assert_carets("a b\n  ^ E0101 operator", check);
}

#[test]
fn drawings() {
    let mut sources = Sources::default();
    let id = sources.add(
        "feed.igql",
        "query feed = {\n    pool = combine(a, b\n    pool\n}\nédition = user.take(5.)\nx = (1 +",
    );
    let mut sink = Sink::default();
    parse(&sources.get(id).text, id, &mut sink);
    insta::assert_snapshot!(render::draw(&sink.finish(), &sources, false), @r"
    [E0104] Error: `(` is never closed
       ╭─[ feed.igql:2:19 ]
       │
     2 │     pool = combine(a, b
       │                   ┬
       │                   ╰── unbalanced bracket
       │
     4 │ }
       │ ┬
       │ ╰── this `}` closes an outer bracket
       │
       │ Help: add `)` where the bracket ends
    ───╯

    [E0101] Error: the name `édition` is not plain ASCII
       ╭─[ feed.igql:5:1 ]
       │
     5 │ édition = user.take(5.)
       │ ┬──────
       │ ╰──────── unexpected text
       │
       │ Help: other names stand in backticks: `` `édition` ``
    ───╯

    [E0102] Error: `5.` needs a digit after the decimal point
       ╭─[ feed.igql:5:21 ]
       │
     5 │ édition = user.take(5.)
       │                     ┬─
       │                     ╰─── malformed number, duration or time
       │
       │ Help: numbers have digits on both sides of the point: `5.0`
    ───╯

    [E0104] Error: `(` is never closed
       ╭─[ feed.igql:6:5 ]
       │
     6 │ x = (1 +
       │     ┬
       │     ╰── unbalanced bracket
       │
       │ Help: add `)` where the bracket ends
    ───╯
    ");
}
