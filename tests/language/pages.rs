//! Pages: full where they can be, slices of one list, and honest where they are short.

use crate::data::{World, floats, npy};
use igql::{Answer, Engine, Key, Limits, Program, Request};
use std::fmt::Write;
use std::sync::LazyLock;

const CATALOG: &str = r#"
[catalog]
name = "pages"
viewer = "user"

[entity.user]
key = "user_id"

[entity.item]
table = "items.csv"
key = "item_id"

[edge.ev]
table = "ev.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "item", column = "item_id" }
time = "ts"
[edge.ev.columns]
ts = { type = "time", unit = "s" }

[embedding.e]
entity = "item"
file = "e.npy"
metric = "cosine"

[defaults]
seen = ["ev"]
now = "latest"
"#;

const ITEMS: usize = 600;

/// Items on an arc, so that those near item 0 are 1, 2, 3 and so on. The first 200 are of one author.
/// User 1 has seen item 0, user 2 the first 300, user 3 the first 5.
static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let world = World::new(CATALOG);
    let mut items = "item_id,author,pop\n".to_owned();
    let mut vectors = Vec::new();
    for i in 0..ITEMS {
        let author = match i {
            0..200 => "big".to_owned(),
            _ => format!("a{}", i % 20),
        };
        let _ = writeln!(items, "{i},{author},{}", i * 7919 % 1009);
        let angle = i as f32 * 0.002;
        vectors.extend([angle.cos(), angle.sin()]);
    }
    let mut links = "user_id,item_id,ts\n1,0,1709280000\n".to_owned();
    for (user, seen) in [(2, 300), (3, 5)] {
        for i in 0..seen {
            let _ = writeln!(links, "{user},{i},{}", 1_709_280_000 + i);
        }
    }
    world.file("items.csv", items);
    world.file("ev.csv", links);
    world.file("e.npy", npy("<f4", "600, 2", &floats(&vectors)));
    let engine = Engine::open(world.folder.path()).unwrap_or_else(|e| panic!("{e}"));
    // the snapshot is mapped: its folder stays for as long as the tests run
    std::mem::forget(world);
    engine
});

fn compile(text: &str) -> Program {
    ENGINE.compile(text).unwrap_or_else(|e| panic!("{e}"))
}

fn run(text: &str, request: &Request) -> Answer {
    let answer = ENGINE.run(&compile(text), request);
    answer.unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn keys(answer: &Answer) -> Vec<Key> {
    answer.rows().iter().map(|row| row.key().clone()).collect()
}

/// The warnings in one text.
fn said(answer: &Answer) -> String {
    answer.warnings.join("\n")
}

const CAPPED: &str = "user.walk(ev).nn(e).take(2, per=author).take(10)";

#[test]
fn a_cap_is_filled_from_further_away() {
    let user = Request::user(1);
    let found = run(CAPPED, &user);
    assert_eq!(found.rows().len(), 10);
    assert_eq!(said(&found), "");
    let written = CAPPED.replace("nn(e)", "nn(e, k=all)");
    assert_eq!(keys(&found), keys(&run(&written, &user)));
    // 50 and 200 neighbours are of one author: it takes a third round
    let limits = Limits::default();
    let pass = ENGINE.execute(&compile(CAPPED), &[user], &limits.into()).unwrap();
    assert_eq!(pass.further_rounds, 2);
}

#[test]
fn a_round_that_could_cost_too_much_is_not_made() {
    let program = compile(CAPPED);
    let run = |max_rows| {
        let limits = Limits { max_rows, ..Limits::default() };
        ENGINE.execute(&program, &[Request::user(1)], &limits.into()).unwrap()
    };
    // 50 contributions, then 200
    for (max_rows, rounds, rows) in [(7_999, 0, 2), (8_000, 1, 3), (31_999, 1, 3), (32_000, 2, 10)]
    {
        let pass = run(max_rows);
        let answer = &pass.answers[0];
        assert_eq!((pass.further_rounds, answer.rows().len()), (rounds, rows), "{max_rows}");
        assert_eq!(answer.warnings.len(), usize::from(rows < 10), "{answer:?}");
    }
    let short = said(&run(7_999).answers[0]);
    assert!(short.contains("2 of the 10 rows"), "{short}");
    assert!(
        short.contains("`take(2, per=author)` removed most: 2 of 50 rows were kept"),
        "{short}"
    );
}

#[test]
fn a_round_that_a_limit_ends_counts_as_not_made() {
    let program = compile(CAPPED);
    let requests = [Request::user(1)];
    let (mut ended, mut whole) = (0, 0);
    for step in 0..200 {
        for partial in [false, true] {
            let limits = Limits {
                max_memory: Some((100.0 * 1.08f64.powi(step)) as u64),
                partial,
                ..Limits::default()
            };
            let Ok(pass) = ENGINE.execute(&program, &requests, &limits.into()) else {
                continue;
            };
            let answer = &pass.answers[0];
            if answer.partial {
                continue;
            }
            match answer.rows().len() {
                10 => whole += 1,
                rows => {
                    assert_eq!(rows, [2, 3][pass.further_rounds], "{answer:?}");
                    assert!(said(answer).contains("not retried with larger numbers"), "{answer:?}");
                    assert!(said(answer).contains("needs more memory"), "{answer:?}");
                    ended += 1;
                }
            }
        }
    }
    assert!(ended > 1 && whole > 1, "{ended} ended, {whole} whole");
}

/// Programs that cut the page `page` of `n` rows out of a list, by how many users have to raise
/// numbers for it.
const PAGED: [&str; 6] = [
    "user.walk(ev).score(pop)",
    "user.walk(ev, limit=auto(7)).score(pop)",
    "user.walk(ev).nn(e).score(pop)",
    "user.walk(ev, limit=auto(3)).nn(e, k=auto(9)).filter(score > 0.9, pop > 100)",
    "user.walk(ev).nn(e, k=auto(20)).unseen().diversify_by(author)",
    "user.walk(ev, limit=1).nn(e).take(2, per=author)",
];

#[test]
fn all_pages_are_slices_of_one_list() {
    let query = |depth: &str| format!(".take(n, offset=page * 20{depth})");
    for (chain, depth) in PAGED.iter().flat_map(|c| ["", ", depth=90"].map(|d| (c, d))) {
        let text = format!("query main(n: int = 20, page: int = 0) = {chain}{}", query(depth));
        let program = compile(&text);
        for user in [1, 2, 3] {
            let page = |n: i64, page: i64| {
                let request = Request::user(user).param("n", n).param("page", page);
                let answer = ENGINE.run(&program, &request).unwrap();
                (keys(&answer), said(&answer))
            };
            let (list, _) = page(100_000, 0);
            let pages: Vec<_> = (0..32).map(|at| page(20, at)).collect();
            let joined: Vec<Key> = pages.iter().flat_map(|(keys, _)| keys.clone()).collect();
            assert_eq!(joined, list[..list.len().min(640)], "{text}, user {user}");
            let depth = if depth.is_empty() { 200 } else { 90 };
            for (at, (keys, said)) in pages.iter().enumerate() {
                let end = (at + 1) * 20;
                assert_eq!(
                    said.contains(&format!("at row {end}, beyond the planned `depth` of {depth}")),
                    end > depth,
                    "{said}"
                );
                assert_eq!(
                    said.contains(&format!("{} of the 20 rows", keys.len())),
                    keys.len() < 20,
                    "{said}"
                );
            }
        }
    }
}

/// The depth of the last operator.
fn depth(text: &str) -> Option<u64> {
    let program = compile(text);
    let checked = program.checked();
    checked.graph.get(checked.results[0].1).op.depth()
}

#[test]
fn depth_follows_from_what_is_known_of_n() {
    let paged = |n: &str| {
        depth(&format!(
            "param p: int = 0\nparam n: int in 1..50 = 20\nparam m: int = 30\nall(item).score(pop).take({n}, offset=p)"
        ))
    };
    assert_eq!(paged("25"), Some(250));
    assert_eq!(paged("m"), Some(300));
    assert_eq!(paged("n"), Some(500));
    assert_eq!(paged("n * 2"), Some(1_000));
    assert_eq!(paged("all"), None);
    assert_eq!(depth("all(item).score(pop).take(20, offset=40)"), Some(60));
    assert_eq!(depth("all(item).score(pop).take(20, offset=0)"), Some(20));
    assert_eq!(depth("all(item).score(pop).take(20, offset=40, depth=500)"), Some(500));
    assert_eq!(depth("all(item).score(pop).take(20)"), None);
    assert_eq!(depth("all(item).score(pop).take(20, offset=3, per=author)"), None);
}

#[test]
fn constant_pages_ask_for_as_many_rows_as_they_end_at() {
    let numbers = |text: &str| -> Vec<u64> {
        let program = compile(text);
        program.checked().autos.iter().map(|auto| auto.number).collect()
    };
    let whole = numbers("user.walk(ev, limit=1).nn(e).take(120)");
    assert!(whole[0] > 50, "{whole:?}");
    assert_eq!(numbers("user.walk(ev, limit=1).nn(e).take(20, offset=100)"), whole);
    let paged = "param p: int = 0\nuser.walk(ev, limit=1).nn(e).take(12, offset=p)";
    assert_eq!(numbers(paged), whole);
    // whatever the default of the parameter
    assert_eq!(numbers(&paged.replace("= 0", "= 500")), whole);
}

#[test]
fn short_pages_name_the_operator_that_took_most() {
    let why = |text: &str, user: i64| {
        let said = said(&run(text, &Request::user(user)));
        said.split_once("asks for: ").map(|(_, why)| why).unwrap_or_default().to_owned()
    };
    for (text, user, wanted) in [
        (
            "all(item).filter(pop > 1000).take(20)",
            2,
            "`filter(pop > 1000)` removed most: 6 of 600 rows were kept",
        ),
        ("user.walk(ev).take(20)", 3, "no operator removed any: there are no more candidates"),
        (
            "user.walk(ev, limit=all).unseen().take(20)",
            2,
            "`-` removed most: 0 of 300 rows were kept",
        ),
        // the first cut makes no more than its rows, but took them
        (
            "all(item).score(pop).take(5).filter(pop > 990).take(20)",
            2,
            "`take(5)` removed most: 5 of 600 rows were kept",
        ),
        (
            "user.walk(ev, limit=all).take(9).let(x=pop).filter(x > 900).take(20)",
            2,
            "`take(9)` removed most: 9 of 300 rows were kept",
        ),
        // of equals the later
        (
            "all(item).sample(300).sample(10).filter(pop >= 0).take(2).filter(pop < 0).take(30)",
            2,
            "`sample(300)` removed most: 300 of 600 rows were kept",
        ),
        ("all(item).filter(1 > 2).score(pop).take(30)", 2, "`filter(false)` never returns a row"),
        // what a page skips is on the pages before it
        (
            "all(item).take(5, offset=598)",
            2,
            "no operator removed any: there are no more candidates",
        ),
    ] {
        assert_eq!(why(text, user), wanted, "{text}");
    }
}

#[test]
fn rewrites_do_not_show_in_what_is_said() {
    for text in [
        "all(item).score(pop).take(5).filter(pop > 990).take(20)",
        "all(item).filter(1 > 2).score(pop).take(30)",
        "all(item).take(count(user.walk(ev))).filter(1 > 2)",
        "all(item).filter(1 > 2).take(count(user.walk(ev)) + 1, offset=count(user.walk(ev)))",
        "all(item).take(3, offset=count(user.walk(ev))).filter(1 > 2)",
        "(all(item).take(9) if count(user.walk(ev)) > 3 else all(item)).filter(1 > 2)",
        "(user.walk(ev) | all(item).filter(pop > 900)).take(9).filter(pop < 300).take(4)",
        "(user.walk(ev) if 1 > 2 else all(item)).let(x=pop).take(9).filter(x < 300).take(8)",
        "user.walk(ev).nn(e).take(30).score(pop).take(20).filter(pop < 300).take(8)",
    ] {
        let program = compile(text);
        let as_written = ENGINE.by_rules(&program, &[]);
        for user in [1, 2, 3] {
            let run = |program| ENGINE.run(program, &Request::user(user)).unwrap();
            assert_eq!(run(&program).warnings, run(&as_written).warnings, "{text}");
        }
    }
}

#[test]
fn lists_of_a_page_are_of_one_round() {
    let text = "near = user.walk(ev).nn(e)\n\
                { all: near.take(300), capped: near.take(2, per=author).take(10) }";
    let answer = run(text, &Request::user(1));
    let list = |name: &str| answer.list(name).unwrap().len();
    // the first list is short until all items are reached, which fills the second, too
    assert_eq!((list("all"), list("capped")), (300, 10));
    let alone = run(CAPPED, &Request::user(1));
    let second = answer.list("capped").unwrap();
    assert!(second.rows().map(|r| r.key().clone()).eq(keys(&alone)));
}

#[test]
fn a_batch_has_the_rounds_of_each_request() {
    let requests: Vec<Request> = (0..40).map(|i| Request::user(i % 4)).collect();
    for text in PAGED.map(|chain| format!("{chain}.take(40)")) {
        let program = compile(&text);
        let batch = ENGINE.run_batch(&program, &requests).unwrap();
        for (request, answer) in requests.iter().zip(&batch) {
            assert_eq!(ENGINE.run(&program, request).unwrap(), *answer, "{text}");
        }
    }
}

#[test]
fn the_last_cut_is_that_of_the_side_that_is_taken() {
    let text = "near = user.walk(ev).nn(e).take(2, per=author)\n\
                near.take(10) if count(user.walk(ev)) < 3 else all(item).filter(pop > 1000).take(20)";
    let answer = |user: i64| run(text, &Request::user(user));
    // the first side is filled in further rounds
    assert_eq!((answer(1).rows().len(), said(&answer(1))), (10, String::new()));
    // the other has no number that could be raised
    let other = answer(2);
    assert_eq!(other.rows().len(), 6);
    assert!(said(&other).contains("6 of the 20 rows that `take(20)` asks for"), "{other:?}");
    // both in one batch
    let program = compile(text);
    let both = [Request::user(1), Request::user(2)];
    let batch = ENGINE.run_batch(&program, &both).unwrap();
    assert_eq!(batch, [answer(1), answer(2)]);
}

#[test]
fn inserted_rows_do_not_hide_a_last_take() {
    let text = "page = user.walk(ev).nn(e).take(2, per=author).take(10)\n\
                page.insert(all(item).filter(pop > 1000).take(2), at=[1, 2])";
    let answer = run(text, &Request::user(1));
    assert!(answer.rows().len() >= 10, "{answer:?}");
}
