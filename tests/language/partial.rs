//! Limits: of each request as if it ran alone, whoever else is asked for; and partial answers, in which
//! nothing is that a condition would have kept out.

#[path = "../harness/partial.rs"]
mod cuts;

use cuts::Seen;
use igql::{Engine, Key, Limit, Limits, Program, Request, RunError, Value};
use std::collections::HashSet;
use std::sync::LazyLock;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    Engine::open(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/explore")).expect("the example")
});

fn compile(text: &str) -> Program {
    ENGINE.compile(text).unwrap_or_else(|e| panic!("{text}\n{e}"))
}

fn at(user: i64) -> Request {
    Request { at: Some(1_714_521_600_000_000), ..Request::user(user) }
}

/// Media of little quality.
static POOR: LazyLock<HashSet<Key>> = LazyLock::new(|| {
    let answer = ENGINE.run(&compile("all(media).select(q=quality)"), &at(5)).unwrap();
    let rows = answer.rows().iter();
    let poor = rows.filter(|row| !matches!(row.get("q"), Some(Value::Float(q)) if *q >= 0.5));
    poor.map(|row| row.key().clone()).collect()
});

/// Programs none of whose rows may be of little quality, by the operator that follows the condition, or
/// stands before it.
const GOOD: [&str; 24] = [
    "all(media).score(like_count).filter(quality >= 0.5).take(5)",
    "all(media).score(quality).let(b=quality).filter(b >= 0.5).take(5)",
    "all(media).score(quality).filter(score >= 0.5).take(5)",
    "good = all(media).filter(quality >= 0.5)\n(all(media).score(like_count) & good).take(5)",
    "poor = all(media) - all(media).filter(quality >= 0.5)\n(all(media).score(like_count) - poor).rank().take(5)",
    "all(media).filter(it in all(media).filter(quality >= 0.5)).take(5)",
    "combine(all(media).filter(quality >= 0.5), 2 * all(media).score(like_count).filter(quality >= 0.5)).take(5)",
    "combine(all(media), all(media).score(like_count), method=rrf).filter(quality >= 0.5).take(5)",
    "fallback(user.liked_media().filter(quality >= 0.5), all(media).filter(quality >= 0.5), at_least=90).take(99)",
    "fallback(user.liked_media(), all(media), at_least=90).filter(quality >= 0.5).take(99)",
    "rich = user.liked_media() if count(user.liked_media()) > 3 else all(media)\nrich.filter(quality >= 0.5).score(like_count).take(9)",
    "good = all(media).filter(quality >= 0.5)\ngood.score(like_count).insert(good.sample(3), at=[1, 2]).take(9)",
    "user.liked_media().filter(quality >= 0.5).diversify_by(kind).take(9)",
    "user.liked_media().diversify_by(kind).filter(quality >= 0.5).take(9)",
    "user.walk(likes, where=to.quality >= 0.5).score(like_count).take(9)",
    "all(media).take(900).filter(quality >= 0.5).take(5)",
    "all(media).score(like_count).diversify_by(author).slate(max=[author: 2 in 10]).filter(quality >= 0.5).take(5)",
    "all(media).score(like_count).filter(position > 3, quality >= 0.5).sample(5)",
    "{ a: all(media).filter(quality >= 0.5).take(5), b: all(media).score(like_count).filter(quality >= 0.5).take(3) }",
    "given(user, [1, 2, 5]).as_viewer(all(media).score(like_count).filter(quality >= 0.5).take(90)).take(9)",
    "given(user, [1, 2, 5]).as_viewer(user.liked_media(), merge=max).filter(quality >= 0.5).take(9)",
    "x = all(media).filter(quality >= 0.5)\n((x.score(like_count) | x.sample(9)) | x.take(3)).take(9)",
    "x = all(media) | user.liked_media()\n(x.score(like_count) | x).filter(quality >= 0.5).take(9, offset=3)",
    "user.liked().account_nn().posted_media().filter(quality >= 0.5, score > 0.2).rank().diversify_by().take(20)",
];

fn programs() -> Vec<Program> {
    GOOD.iter().map(|text| compile(text)).collect()
}

fn on_one_thread<R: Send>(run: impl FnOnce() -> R + Send) -> R {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    pool.expect("a pool").install(run)
}

/// Rows that may not be there.
fn poor(answer: &igql::Answer) -> Vec<&Key> {
    let keys = answer.lists.iter().flat_map(|list| list.rows().map(|row| row.key()));
    keys.filter(|key| POOR.contains(key)).collect()
}

#[test]
fn whatever_a_run_is_cut_at_conditions_hold() {
    let mut seen = Seen::default();
    assert!(POOR.len() > 100);
    on_one_thread(|| {
        for program in programs() {
            for request in [at(5), at(-1)] {
                let few = |made: u64| (1..=made).step_by((made / 40).max(1) as usize).collect();
                let cut = cuts::cut(&ENGINE, &program, &request, few, &mut seen);
                cut.unwrap_or_else(|e| panic!("{e}\n{:?}", program.sources()));
            }
        }
    });
    assert!(seen.partial > 500 && seen.with_rows > 50, "{seen:?}");
}

#[test]
fn whatever_a_limit_hits_conditions_hold() {
    let (mut partial, mut with_rows) = (0, 0);
    for program in programs() {
        for step in 0..70 {
            let size = 1.3f64.powi(step) as u64;
            let memory = Limits { max_memory: Some(100 * size), ..Limits::default() };
            let rows = Limits { max_rows: size, ..Limits::default() };
            for limits in [memory, rows] {
                let limits = Limits { partial: true, ..limits };
                let pass = ENGINE.execute(&program, &[at(5)], &limits.into()).unwrap();
                let answer = &pass.answers[0];
                assert!(poor(answer).is_empty(), "{:?}", program.sources());
                if answer.partial {
                    partial += 1;
                    with_rows += usize::from(answer.lists.iter().any(|list| !list.is_empty()));
                    cuts::holds(&ENGINE, &program, &at(5), answer)
                        .unwrap_or_else(|e| panic!("{e}"));
                }
            }
        }
    }
    assert!(partial > 500 && with_rows > 50, "{partial} partial, {with_rows} with rows");
}

#[test]
fn a_partial_page_is_a_page() {
    // the operators after `all` are too many rows for the limit of memory
    let text = "all(media).score(like_count).let(a=quality, b=quality, c=quality).filter(c >= 0.5)\
                .take(7, offset=4)";
    let whole = ENGINE
        .run(&compile("all(media).score(like_count).filter(quality >= 0.5).take(99)"), &at(5))
        .unwrap();
    let limits = |bytes| Limits { partial: true, max_memory: Some(bytes), ..Limits::default() };
    let mut stages = HashSet::new();
    for kilobytes in 20..600 {
        let pass =
            ENGINE.execute(&compile(text), &[at(5)], &limits(1_000 * kilobytes).into()).unwrap();
        let answer = &pass.answers[0];
        let keys: Vec<&Key> = answer.rows().iter().map(|row| row.key()).collect();
        let Some(ended) = answer.ended.first() else {
            continue;
        };
        assert!(answer.partial);
        match ended.at.as_deref() {
            None => assert!(keys.is_empty()),
            Some(stage) => {
                let expected = whole.rows().iter().skip(4).take(7).map(|row| row.key());
                assert!(keys.into_iter().eq(expected), "{stage}");
                let said = answer.warnings.join("\n");
                assert!(said.contains(&format!("the list has rows of `{stage}`")), "{said}");
                stages.insert(stage.split('(').next().unwrap_or_default().to_owned());
            }
        }
    }
    // `c` is not there before `let`: of `all` and `score` no row may be shown
    assert!(
        stages.contains("let") && !stages.contains("all") && !stages.contains("score"),
        "{stages:?}"
    );
}

/// A request of every user, of which some make many rows.
fn everyone() -> Vec<Request> {
    (0..200).map(|user| at(user % 40)).collect()
}

const WALKS: &str = "user.walk(likes, limit=all).walk(~likes, limit=all).walk(likes, limit=all).score(like_count).take(5)";

#[test]
fn limits_are_of_a_request() {
    let program = compile(WALKS);
    let requests = everyone();
    let alone = |limits: Limits| -> Vec<_> {
        let run = |request| ENGINE.run_with(&program, request, &limits);
        requests.iter().map(run).collect()
    };
    let mut mixed = 0;
    for step in 0..60 {
        let size = (8.0 * 1.25f64.powi(step)) as u64;
        let memory = Limits { max_memory: Some(size), ..Limits::default() };
        let rows = Limits { max_rows: size, ..Limits::default() };
        for limits in [memory, rows] {
            let expected = alone(limits);
            let found =
                ENGINE.execute(&program, &requests, &limits.into()).map(|pass| pass.answers);
            let fine = expected.iter().filter(|answer| answer.is_ok()).count();
            mixed += usize::from(fine > 0 && fine < requests.len());
            // the first that fails
            let first: Result<Vec<_>, _> = expected.into_iter().collect();
            assert_eq!(found, first, "{limits:?}");
            let partial = Limits { partial: true, ..limits };
            let expected: Result<Vec<_>, _> = alone(partial).into_iter().collect();
            let found =
                ENGINE.execute(&program, &requests, &partial.into()).map(|pass| pass.answers);
            assert_eq!(found, expected, "{limits:?}");
        }
    }
    assert!(mixed > 4, "{mixed}");
}

#[test]
fn passes_at_a_time_share_memory_and_nothing_shows() {
    let program = compile(WALKS);
    let requests = everyone();
    assert!(requests.len() > ENGINE.pass_size(&program));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    for step in 0..24 {
        let limits =
            Limits { max_memory: Some((400.0 * 1.6f64.powi(step)) as u64), ..Limits::default() };
        for limits in [limits, Limits { partial: true, ..limits }] {
            let alone = requests.iter().map(|r| ENGINE.run_with(&program, r, &limits));
            let expected: Result<Vec<_>, _> = alone.collect();
            let found = pool.install(|| ENGINE.run_batch_with(&program, &requests, &limits));
            assert_eq!(found, expected, "{limits:?}");
        }
    }
}

#[test]
fn an_error_names_the_user() {
    let program = compile(WALKS);
    let limits = Limits { max_rows: 40, ..Limits::default() };
    let requests = everyone();
    let alone = requests.iter().find_map(|r| ENGINE.run_with(&program, r, &limits).err());
    let error = ENGINE.execute(&program, &requests, &limits.into()).map(|_| ()).unwrap_err();
    assert_eq!(Some(&error), alone.as_ref());
    let RunError::Limit(hit) = &error else { panic!("{error}") };
    let Some(Key::Int(user)) = hit.user else { panic!("{error}") };
    assert_eq!(hit.limit, Limit::Rows);
    assert!(error.to_string().starts_with(&format!("user {user}: `walk` made ")), "{error}");
    // nobody asks
    let limits = Limits { max_rows: 40, ..Limits::new() };
    let error = ENGINE.run_with(&compile("all(media).take(3)"), &Request::anonymous(), &limits);
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with("`all` made "), "{error}");
}
