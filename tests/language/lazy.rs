//! What a request does not need does not run for it.

use igql::store::Options;
use igql::{Engine, Request};
use std::path::Path;

/// `given` counts ids that are not there in a warning: a trace of where it ran.
fn warned(program: &str, ages: &[i64]) -> Vec<usize> {
    let cache = tempfile::tempdir().unwrap();
    let options = Options { cache: Some(cache.path().into()), ..Options::default() };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/explore");
    let engine = Engine::open_with(folder, &options).unwrap();
    let program =
        engine.compile(&format!("param n: int = 1\n{program}")).unwrap_or_else(|e| panic!("{e}"));
    let requests: Vec<Request> = ages.iter().map(|&n| Request::user(1).param("n", n)).collect();
    let batch = engine.run_batch(&program, &requests).unwrap();
    for (request, answer) in requests.iter().zip(&batch) {
        assert_eq!(&engine.run(&program, request).unwrap(), answer, "alone");
    }
    let of_given = |warning: &&String| warning.starts_with("`given`");
    batch.iter().map(|answer| answer.warnings.iter().filter(of_given).count()).collect()
}

#[test]
fn one_side_of_a_conditional_runs() {
    let both = "given(media, [-1]) if n > 0 else (all(media) - given(media, [-2, -3]))";
    assert_eq!(warned(both, &[1, 0]), [1, 1]);
    assert_eq!(warned("given(media, [-1]) if n > 0 else all(media)", &[1, 0, 2, 0]), [1, 0, 1, 0]);
    let nested = "(given(media, [-1]) if n > 5 else all(media)) if n > 0 else all(media).take(1)";
    assert_eq!(warned(nested, &[0, 3, 9]), [0, 0, 1]);
}

#[test]
fn what_several_need_runs_for_all_of_them() {
    let program =
        "x = given(media, [-1])\n(x if n == 1 else all(media)) | (x if n == 2 else all(media))";
    assert_eq!(warned(program, &[0, 1, 2]), [0, 1, 1]);
    let always = "x = given(media, [-1])\n(x if n == 1 else all(media)) | x";
    assert_eq!(warned(always, &[0, 1]), [1, 1]);
}

#[test]
fn the_next_set_runs_only_where_rows_are_missing() {
    let program = "fallback(all(media).filter(position <= n), given(media, [-1]), given(media, [-1, -2]), at_least=2)";
    assert_eq!(warned(program, &[0, 1, 2, 3]), [2, 2, 0, 0]);
    let decides = "a = given(media, [-1])\nfallback(all(media).take(n), a, a.filter(it not in all(media)), at_least=2)";
    assert_eq!(warned(decides, &[1, 2]), [1, 0]);
}

#[test]
fn a_set_that_decides_about_itself_runs() {
    let program = "x = given(media, [-1])\nx if count(x) > n else all(media).take(1)";
    assert_eq!(warned(program, &[0, 1]), [1, 1]);
    let crossed = "x = given(media, [-1])\ny = given(media, [-2, -3])\n\
        (x if count(y) > n else all(media)) | (y if count(x) > n else all(media))";
    assert_eq!(warned(crossed, &[-1, 5]), [2, 2]);
}
