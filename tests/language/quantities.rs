//! Numbers that a program leaves open: what they become, and further rounds.

use igql::{Answer, Engine, Limits, Program, Request, Unit};
use std::sync::LazyLock;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    Engine::open(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/explore")).expect("the example")
});

fn compile(text: &str) -> Program {
    ENGINE.compile(text).unwrap_or_else(|e| panic!("{e}"))
}

/// The numbers of a program, in its order.
fn numbers(text: &str) -> Vec<u64> {
    let program = compile(text);
    let autos = program.checked().autos.iter();
    autos.map(|auto| auto.number).collect()
}

fn reasons(text: &str) -> Vec<String> {
    let program = compile(text);
    let choices = program.plan().choices.iter();
    choices.map(|choice| choice.reason.to_string()).collect()
}

fn at(user: i64) -> Request {
    Request { at: Some(1_714_521_600_000_000), ..Request::user(user) }
}

/// A request of every user.
fn everyone() -> Vec<Request> {
    let snapshot = ENGINE.snapshot();
    let viewer = snapshot.schema().viewer;
    let users = 0..snapshot.schema().entity(viewer).rows;
    let request = |row| Request { user: Some(snapshot.key(viewer, row)), ..at(0) };
    users.map(request).collect()
}

fn rows(answer: &Answer) -> Vec<(igql::Key, f64)> {
    let rows = answer.rows().iter();
    rows.map(|row| (row.key().clone(), row.score())).collect()
}

#[test]
fn constants_stay_where_nothing_asks() {
    let published = "user.liked().account_nn().posted_media().filter().rank().diversify_by()";
    assert_eq!(numbers(published), [30, 50, 10]);
    for reason in reasons(published) {
        assert_eq!(reason, "no number of rows is requested");
    }
}

#[test]
fn constants_stay_where_they_are_enough() {
    let few = "user.liked().account_nn().posted_media().take(5)";
    assert_eq!(numbers(few), [30, 50, 10]);
    assert!(reasons(few).iter().all(|r| r.starts_with("8 rows wanted, about ")));
}

#[test]
fn what_is_asked_flows_through_filters_and_scores() {
    let plain = numbers("user.liked(auto(2)).account_nn(k=auto(2)).take(25)");
    let scored = numbers("user.liked(auto(2)).account_nn(k=auto(2)).score(followers).take(25)");
    let filtered =
        numbers("user.liked(auto(2)).account_nn(k=auto(2)).filter(score > 0.5).take(25)");
    let all = [&plain, &scored, &filtered];
    assert!(all.iter().all(|numbers| numbers.iter().all(|&n| n > 2)), "{all:?}");
    assert!(plain < scored && plain < filtered, "{all:?}");
    // a filter on the entity alone is part of the search, which goes on until it has enough
    let within =
        numbers("user.liked(auto(2)).account_nn(k=auto(2)).filter(followers > 50).take(25)");
    assert_eq!(plain, within);
}

#[test]
fn defaults_of_parameters_count_as_numbers() {
    let text = |n: u64| {
        format!("query main(n: int = {n}) = user.liked(auto(2)).account_nn(k=auto(2)).take(n)")
    };
    assert!(numbers(&text(10)) < numbers(&text(100)));
}

#[test]
fn written_numbers_are_left_alone() {
    let text = "user.liked(2).nn(default, k=auto(3)).take(50)";
    assert_eq!(numbers(text).len(), 1);
    assert!(numbers(text)[0] > 3);
    assert!(numbers("user.liked(2).nn(default, k=3).take(50)").is_empty());
}

#[test]
fn numbers_stay_within_the_budget() {
    let text = "user.liked(auto(20)).account_nn(k=auto(20)).filter(score > 0.99).take(200)";
    let raised = |max_rows| {
        let unit = Unit { max_rows, ..Unit::new("program", text) };
        let program = ENGINE.compile_unit(&unit).program.expect("it compiles");
        let autos = program.checked().autos.iter();
        autos.map(|auto| auto.number).collect::<Vec<_>>()
    };
    assert!(raised(10_000_000)[0] > 20);
    assert_eq!(raised(500), [20, 20]);
}

#[test]
fn a_short_answer_is_that_of_four_times_the_numbers() {
    let text = "user.liked(auto(2)).account_nn(k=auto(3)).filter(score > 0.97).take(30)";
    let program = compile(text);
    let [liked, near] = numbers(text)[..] else { panic!("two numbers") };
    let written = |liked: u64, near: u64| {
        let text =
            format!("user.liked({liked}).account_nn(k={near}).filter(score > 0.97).take(30)");
        compile(&text)
    };
    let first = written(liked, near);
    let second: Vec<Program> =
        [(4, 4), (1, 4), (4, 1)].map(|(a, b)| written(liked * a, near * b)).into();
    let (mut ran_again, mut grew) = (0, 0);
    let requests: Vec<Request> = everyone();
    let batch = ENGINE.run_batch(&program, &requests).expect("answers");
    for (request, in_batch) in requests.iter().zip(&batch) {
        let run = |program| rows(&ENGINE.run(program, request).expect("an answer"));
        let once = [request.clone()];
        let pass = ENGINE.execute(&program, &once, &Limits::default().into()).expect("a pass");
        let found = rows(&pass.answers[0]);
        assert_eq!(found, rows(in_batch));
        let short = run(&first);
        if pass.further_rounds == 0 {
            assert_eq!(found, short);
            continue;
        }
        ran_again += 1;
        assert!(short.len() < 30);
        assert!(second.iter().any(|program| run(program) == found));
        grew += usize::from(found.len() > short.len());
    }
    assert!(ran_again > 5, "{ran_again} requests ran again");
    assert!(grew > 5, "{grew} answers grew");
}

#[test]
fn a_full_answer_has_one_round() {
    let program = compile("user.liked().account_nn().posted_media().take(5)");
    let requests: Vec<Request> = everyone();
    let pass = ENGINE.execute(&program, &requests, &Limits::default().into()).expect("a pass");
    let full = pass.answers.iter().filter(|answer| answer.rows().len() == 5);
    assert!(full.count() > 100);
    let short = pass.answers.iter().filter(|answer| answer.rows().len() < 5);
    assert!(pass.further_rounds <= short.count());
}

#[test]
fn what_no_query_reads_is_not_estimated() {
    let text = "param p: int = 2\n\
                unread = all(media).filter(false, p in [3, 7])\n\
                user.liked().account_nn().filter(score > 0.5).take(5)";
    assert_eq!(numbers(text).len(), 2);
}

#[test]
fn a_fact_keeps_its_number_in_further_rounds() {
    let text = "near = user.liked(auto(2)).account_nn(k=auto(2))\n\
                near.take(count(near)).filter(score > 0.97).take(30)";
    let program = compile(text);
    let pass = ENGINE.execute(&program, &everyone(), &Limits::default().into()).expect("a pass");
    assert!(pass.further_rounds > 0);
}
