//! The rewrites of a graph: each one happens where it should, and changes no answer.
//!
//! That they change none is also a treatment of every case, and of random programs.

use igql::expr::NodeId;
use igql::optimize::RULES;
use igql::{Answer, Engine, Program, Request};
use std::sync::LazyLock;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    Engine::open(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/explore")).expect("the example")
});

fn compile(text: &str) -> Program {
    ENGINE.compile(text).unwrap_or_else(|e| panic!("{e}"))
}

/// The operators that run, with all that they hold.
fn operators(program: &Program) -> Vec<String> {
    let rewritten = program.rewritten();
    let op = |id: NodeId| {
        let op = &rewritten.graph.get(id).op;
        format!("{}: {op:?}", op.name())
    };
    rewritten.schedule.nodes().map(op).collect()
}

/// The operators of a name.
fn named<'a>(all: &'a [String], name: &str) -> Vec<&'a String> {
    let start = format!("{name}: ");
    all.iter().filter(|op| op.starts_with(&start)).collect()
}

fn answers(program: &Program) -> Vec<Answer> {
    let at = |user| Request { at: Some(1_714_521_600_000_000), ..Request::user(user) };
    let requests: Vec<Request> = [1, 2, 5, 17, 499, 100_000].map(at).into();
    ENGINE.run_batch(program, &requests).expect("answers")
}

/// What runs as written, and after one rule alone. The answers are the same, and there are some.
fn before_and_after(rule: &str, text: &str) -> (Vec<String>, Vec<String>) {
    assert!(RULES.iter().any(|known| known.name == rule));
    let program = compile(text);
    let written = ENGINE.by_rules(&program, &[]);
    let rewritten = ENGINE.by_rules(&program, &[rule]);
    let expected = answers(&written);
    assert!(
        expected.iter().any(|answer| answer.lists.iter().any(|l| !l.is_empty())),
        "no rows at all: {text}"
    );
    assert_eq!(expected, answers(&rewritten), "{rule}: {text}");
    assert_eq!(expected, answers(&program), "all rules: {text}");
    (operators(&written), operators(&rewritten))
}

#[test]
fn constants_are_folded() {
    let text = "def above(rows: set[media], least: float, any: bool) =\n\
                    rows.filter(quality > least * 2 and not any or any and 1 > 2)\n\
                all(media).above(0.2, false).score(quality * (2 if 1 < 2 else 3)).take(5)";
    let (before, after) = before_and_after("constants", text);
    let logic = |op: &str| op.contains("kernel: or") || op.contains("kernel: and");
    assert!(logic(named(&before, "filter")[0]));
    let filter = named(&after, "filter")[0];
    assert!(filter.contains("kernel: >") && !logic(filter), "{filter}");
    assert!(!named(&after, "score")[0].contains("If"));
}

#[test]
fn a_null_among_constants_stays_null() {
    let text = "def bound(rows: set[media], x: float) = rows.let(a=x + 1.0, b=coalesce(x, 2.0), \
                    c=x is null, d=(x > 1.0) or quality > 0.5, e=(x > 1.0) and quality > 0.5)\n\
                all(media).bound(null).take(5)";
    let (_, after) = before_and_after("constants", text);
    let bound = named(&after, "let")[0];
    assert!(!bound.contains("coalesce") && !bound.contains("is null"), "{bound}");
    assert!(bound.contains("kernel: or") && bound.contains("kernel: and"), "{bound}");
}

#[test]
fn a_branch_that_is_never_taken_does_not_run() {
    let text = "def either(first: bool) = all(media).take(7) if first else all(media).score(quality)\n\
                either(true).score(like_count).take(3)";
    let (before, _) = before_and_after("dead branches", text);
    assert_eq!(named(&before, "score").len(), 2);
    let after = operators(&compile(text));
    assert_eq!(named(&after, "score").len(), 1, "{after:?}");
    assert!(named(&after, "if").is_empty(), "{after:?}");
}

#[test]
fn nothing_is_made_of_nothing() {
    let text = "def when(rows: set[media], wanted: bool) = rows.filter(wanted)\n\
                x = user.liked().account_nn().posted_media().when(false).rank()\n\
                y = all(media).when(true).score(quality).take(9)\n\
                ((x | y) - x).take(50)";
    before_and_after("dead branches", text);
    let after = operators(&compile(text));
    for gone in ["walk", "nn", "filter", "rank", "-"] {
        assert!(named(&after, gone).is_empty(), "{gone}: {after:?}");
    }
    assert_eq!(named(&after, "nothing").len(), 1, "{after:?}");
}

#[test]
fn an_input_of_a_further_round_is_found() {
    // the number of the walk is raised, though the conditional before it is gone
    let text = "def near(wide: bool) = user.liked() if wide else user.saved()\n\
                near(true).account_nn().posted_media().filter(quality > 0.8 or 1 > 2).take(200)";
    before_and_after("dead branches", text);
    before_and_after("constants", text);
}

#[test]
fn columns_that_nobody_reads_are_not_computed() {
    let text = "all(media).let(x=quality * 2.0, y=like_count, z=x + 1.0).score(x)\
                .rank(value=y).take(4).select(kept=y)";
    let (_, after) = before_and_after("unread columns", text);
    let columns = named(&after, "let")[0];
    assert_eq!(columns.matches("read: false").count(), 1, "{columns}");
    let shown = "all(media).let(x=quality * 2.0).score(quality).take(4)";
    let (before, after) = before_and_after("unread columns", shown);
    assert_eq!(before, after);
}

#[test]
fn columns_of_sets_that_are_only_asked_are_not_computed() {
    let text = "x = user.liked_media().let(a=quality, b=like_count).score(a)\n\
                all(media).filter(it not in x).let(n=mean(x, a), c=count(x)).take(5)";
    let (_, after) = before_and_after("unread columns", text);
    let columns = named(&after, "let");
    let of_x = columns.iter().find(|op| op.contains("\"b\"")).unwrap();
    assert_eq!(of_x.matches("read: false").count(), 1, "{of_x}");
    // rows of sets with other columns are put together
    let text = "x = all(media).filter(quality > 0.5).let(a=quality, b=like_count)\n\
                y = all(media).filter(quality < 0.6).let(b=2 * like_count, c=quality)\n\
                r = combine(x, y | x)\nr.score(b + 1).select(b).take(9)";
    let (_, after) = before_and_after("unread columns", text);
    let columns = after.join("\n");
    assert_eq!(columns.matches("read: false").count(), 2, "{columns}");
}

#[test]
fn only_the_best_rows_are_made() {
    let windows = |op: &str| op.matches("Window").count();
    for (name, text) in [
        ("score", "param n: int = 3\nall(media).score(quality).take(n, offset=2)"),
        ("score", "all(media).score(like_count).let(p=position, s=score).select(p, s).take(5)"),
        ("rank", "user.liked().account_nn().posted_media().rank().take(7)"),
        ("rank", "all(media).rank(keep=9).take(4)"),
        ("nn", "user.liked().account_nn().take(5)"),
        ("walk", "user.liked().take(2)"),
        ("|", "(user.liked() | user.saved()).take(3)"),
        ("all", "all(media).take(6)"),
        ("score", "x = all(media).score(quality)\n{ a: x.take(3), b: x.take(5, offset=2) }"),
        ("filter", "all(media).score(quality).filter(like_count > 3).take(5)"),
        ("-", "(all(media).score(quality) - user.liked_media()).take(5)"),
        // what is left out may have been among the best
        ("walk", "(user.liked_media(10) - all(media).take(5)).take(5)"),
    ] {
        let (before, after) = before_and_after("best rows", text);
        let last = |all: &[String]| (*named(all, name).last().expect("the operator")).clone();
        assert_eq!(windows(&last(&before)), 0);
        assert!(windows(&last(&after)) > 0, "{text}: {after:?}");
    }
    for text in [
        "all(media).score(quality).filter(position > 3).take(5)",
        "all(media).score(quality).take(2, per=author)",
        // the same for all, and made once
        "all(media).score(quality).take(count(likes(viewer)))",
        "x = all(media).score(quality)\n{ a: x.take(3), b: x }",
        "x = all(media).score(quality)\nx.take(count(x) // 100)",
    ] {
        let (before, after) = before_and_after("best rows", text);
        assert_eq!(before, after, "{text}");
    }
}

#[test]
fn what_is_sorted_anew_is_not_sorted_before() {
    let unsorted = |all: &[String]| all.join("\n").matches("order: false").count();
    for (expected, text) in [
        (1, "user.liked().account_nn().posted_media().filter(quality > 0.3).rank().take(7)"),
        (1, "all(media).score(quality).let(a=score).score(like_count)"),
        (1, "(user.liked_media() | user.saved_media()).score(quality)"),
        (1, "x = user.liked_media()\nall(media).filter(it not in x, count(x) >= 0).take(20)"),
        (1, "all(media).take(90) - user.liked_media()"),
        // the position is read, the order shown, or sums are made in it
        (0, "user.liked_media().filter(position < 5).score(quality)"),
        (0, "user.liked_media().let(p=position).score(quality)"),
        (0, "x = user.liked_media()\n{ a: x, b: x.score(quality) }"),
        (0, "user.liked().account_nn().posted_media()"),
        (0, "x = user.liked_media()\nall(media).filter(quality > mean(x, quality)).take(20)"),
        (0, "user.liked_media().diversify_by(author).score(quality).take(3)"),
    ] {
        let (before, after) = before_and_after("unread order", text);
        assert_eq!(unsorted(&before), 0);
        assert!(unsorted(&after) >= expected, "{text}: {after:?}");
        if expected == 0 {
            // `user` and `all` make no order
            assert_eq!(unsorted(&after), 0, "{text}: {after:?}");
        }
    }
}
