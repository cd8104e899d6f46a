//! Requests and answers as bytes, by way of the library; `output.rs` reads what the command writes.

use crate::data::World;
use igql::wire::{
    Encoder, Format, Part, TableError, read_requests, request_from_json, write_answers, write_file,
};
use igql::{Answer, Engine, Program, Request, Value};

fn world() -> (World, Engine, Program) {
    let world = World::likes();
    let engine = Engine::open(world.folder.path()).unwrap();
    let program = engine
        .compile("param least: int\nparam when: time = null\nparam ids: list[int] = []\nuser.walk(likes).filter(least > 0, when is null or len(ids) >= 0).take(9)")
        .unwrap();
    (world, engine, program)
}

fn answers(engine: &Engine, program: &Program, users: &[i64]) -> Vec<Answer> {
    let of_user = |&user: &i64| Request::user(user).param("least", 1i64);
    let requests: Vec<Request> = users.iter().map(of_user).collect();
    engine.run_batch(program, &requests).unwrap()
}

fn written(format: Format, program: &Program, answers: &[Answer]) -> Vec<u8> {
    let mut out = Vec::new();
    write_answers(&mut out, format, program, answers).unwrap();
    out
}

#[test]
fn a_request_is_read_by_the_types_of_its_program() {
    let (_world, _engine, program) = world();
    let text = r#"{"user": 10, "at": "2024-05-01", "seed": -3, "params": {"least": 2, "when": "2024-05-01T00:00:01Z", "ids": [1, 2]}}"#;
    let at = 1_714_521_600_000_000;
    let ids = Value::List(vec![Value::Int(1), Value::Int(2)]);
    let expected = Request::user(10)
        .at(at)
        .seed(-3)
        .param("least", 2i64)
        .param("when", Value::Time(at + 1_000_000))
        .param("ids", ids);
    assert_eq!(request_from_json(&program, text), Ok(expected));
    let empty = r#"{"user": null, "at": null, "seed": null, "params": null}"#;
    assert_eq!(request_from_json(&program, empty), Ok(Request::anonymous()));
}

#[test]
fn what_is_wrong_with_a_request_names_the_part() {
    let (_world, _engine, program) = world();
    let param = |name: &str| Part::Param(name.to_owned());
    let wrong = [
        ("[1]", Part::Whole, "a request is a JSON object"),
        ("{", Part::Whole, "not valid JSON: EOF while parsing an object at line 1 column 1"),
        (
            r#"{"users": 1}"#,
            Part::Whole,
            "unknown field `users`: a request has user, at, seed, params, arms",
        ),
        (
            r#"{"params": [1]}"#,
            Part::Whole,
            "`params` is an object with a value per name, found `[1]`",
        ),
        (
            r#"{"params": {"most": 1}}"#,
            Part::Whole,
            "the program has no parameter `most`: it has least, when, ids",
        ),
        (r#"{"user": "a"}"#, Part::User, "keys of `user` are ints, found `\"a\"`"),
        (
            r#"{"user": -9223372036854775808}"#,
            Part::User,
            "keys of `user` are ints, found `-9223372036854775808`",
        ),
        (
            r#"{"at": 7}"#,
            Part::At,
            "expected a time as 2024-05-01 or 2024-05-01T12:30:00Z, found `7`",
        ),
        (r#"{"seed": 0.5}"#, Part::Seed, "expected an int, found `0.5`"),
        (r#"{"params": {"least": "1"}}"#, param("least"), "expected int, found `\"1\"`"),
        (r#"{"params": {"ids": [1, "b"]}}"#, param("ids"), "expected list[int], found `[1,\"b\"]`"),
    ];
    for (text, part, message) in wrong {
        let error = request_from_json(&program, text).unwrap_err();
        assert_eq!((error.part, &*error.message), (part, message), "{text}");
    }
}

#[test]
fn parts_of_several_threads_are_the_whole() {
    let (_world, engine, program) = world();
    let all = answers(&engine, &program, &[10, 30, 20, 30]);
    for format in Format::ALL {
        // tables of Parquet and Arrow know in how many pieces they came
        if format.is_binary() {
            continue;
        }
        let encoder = Encoder::new(&program, format, all.len());
        let parts: Vec<_> = std::thread::scope(|scope| {
            let encoder = &encoder;
            let encode = |part| scope.spawn(move || encoder.encode(part).unwrap());
            let threads: Vec<_> = all.chunks(1).map(encode).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        let mut writer = encoder.writer(Vec::new()).unwrap();
        for part in parts {
            writer.write(part).unwrap();
        }
        let whole = written(format, &program, &all);
        assert!(writer.finish().unwrap() == whole, "{format:?}");
    }
}

#[test]
fn json_of_none_one_and_several() {
    let (_world, engine, program) = world();
    let all = answers(&engine, &program, &[10, 30]);
    let json = |answers: &[Answer]| -> serde_json::Value {
        serde_json::from_slice(&written(Format::Json, &program, answers)).unwrap()
    };
    assert_eq!(json(&[]), serde_json::json!([]));
    let one = json(&all[..1]);
    assert_eq!((&one["user"], one["results"].as_array().unwrap().len()), (&10.into(), 1));
    let both = json(&all);
    assert_eq!((&both[0], &both[1]["results"]), (&one, &serde_json::json!([])));
}

#[test]
fn files_are_named_by_their_format_and_read_back() {
    let (world, engine, program) = world();
    let all = answers(&engine, &program, &[10, 30, 20]);
    let plain = written(Format::Csv, &program, &all);
    assert_eq!(
        String::from_utf8(plain).unwrap().lines().collect::<Vec<_>>(),
        ["user,position,movie_id,score", "10,1,7,4.0", "20,1,7,5.0"]
    );
    // what is written is a table of requests again: the users that have rows
    for name in ["a.csv", "a.tsv.gz", "a.csv.zst", "a.parquet", "a.arrow", "a.ndjson"] {
        let path = world.path(name);
        write_file(&path, &program, &all).unwrap();
        let read =
            igql::store::read_users(&path, "user", igql::catalog::schema::KeyType::Int, &|_| None);
        let keys: Vec<String> = read.unwrap().keys.iter().map(|k| k.to_string()).collect();
        let expected: &[&str] = match name {
            "a.ndjson" => &["10", "30", "20"],
            _ => &["10", "20"],
        };
        assert_eq!(keys, expected, "{name}");
    }
    for (name, why) in [("a.txt", "unknown extension"), ("a.parquet.gz", "already compressed")] {
        let error = write_file(&world.path(name), &program, &all).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        assert!(!world.path(name).exists());
    }
}

#[test]
fn rows_without_results_are_kept_where_that_is_asked() {
    let (_world, engine, program) = world();
    let all = answers(&engine, &program, &[30]);
    let encoder = Encoder::new(&program, Format::Tsv, 1).keep_empty();
    let mut writer = encoder.writer(Vec::new()).unwrap();
    writer.write(encoder.encode(&all).unwrap()).unwrap();
    let text = String::from_utf8(writer.finish().unwrap()).unwrap();
    assert_eq!(text, "user\tposition\tmovie_id\tscore\n30\t\t\t\n");
}

#[test]
fn an_answer_of_another_format_is_refused() {
    let (_world, engine, program) = world();
    let all = answers(&engine, &program, &[10]);
    let text = Encoder::new(&program, Format::Csv, 1);
    let table = Encoder::new(&program, Format::Arrow, 1);
    let mut writer = table.writer(Vec::new()).unwrap();
    assert!(writer.write(text.encode(&all).unwrap()).is_err());
}

#[test]
fn requests_of_a_table() {
    let (world, _engine, program) = world();
    world.file("r.csv", "user_id,now,least,ids,note\n10,2024-05-01,3,\"[1,2]\",x\n20,,,,y\n");
    let base = Request::anonymous().seed(5).at(1);
    let read = read_requests(&program, &world.path("r.csv"), &base).unwrap();
    let first = Request::user(10)
        .seed(5)
        .at(1_714_521_600_000_000)
        .param("least", 3i64)
        .param("ids", vec![1i64, 2]);
    assert_eq!(read.requests, [first, Request::user(20).seed(5).at(1)]);
    assert_eq!(read.ignored, ["note"]);

    world.file("two.csv", "user_id,now,at\n10,2024-05-01,2024-05-01\n");
    let two = read_requests(&program, &world.path("two.csv"), &base);
    assert!(matches!(two, Err(TableError::TwoTimes)));
    world.file("none.csv", "person,now\n10,2024-05-01\n");
    let none = read_requests(&program, &world.path("none.csv"), &base);
    assert!(matches!(none, Err(TableError::Data(error)) if error.message.contains("`user_id`")));
}
