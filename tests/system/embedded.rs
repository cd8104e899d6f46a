//! What bindings to other languages call: each thing is what the command prints, and nothing else is printed.

use igql::cli::embedded::{self, EmbeddedError, Within};
use igql::store::Silent;
use igql::{Ask, Engine, Program, Request, Unit};
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const CATALOG: &str = r#"
[catalog]
viewer = "user"
[entity.user]
table = "users.csv"
key = "user_id"
[entity.post]
table = "posts.csv"
key = "post_id"
[edge.likes]
table = "likes.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "post", column = "post_id" }
time = "at"
[defaults]
now = "latest"
"#;

const PAGE: &str = "tunable w in 0.0..5.0 = 1.0
param least: int = 0
similar = user.walk(likes, limit=all).walk(~likes, limit=all, weight=1.0, merge=sum).walk(likes, limit=all, weight=1.0, merge=sum)
similar.filter(n >= least).score(w * score + 0.01 * n).take(8)
";
const POPULAR: &str = "all(post).score(count(~likes(it))).take(8)\n";
const WRONG: &str = "user.likd().take(3)\n";

/// A folder with tables, a catalog and programs, where the command runs and an engine is open.
struct World {
    folder: tempfile::TempDir,
    engine: Engine,
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        tables(folder.path());
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("catalog.toml", CATALOG);
        write("page.igql", PAGE);
        write("popular.igql", POPULAR);
        write("wrong.igql", WRONG);
        let engine = Engine::open(folder.path()).unwrap();
        World { folder, engine }
    }

    fn program(&self, name: &str) -> Program {
        let text = fs::read_to_string(self.folder.path().join(name)).unwrap();
        let unit = Unit::new(name, &text);
        let program = self.engine.compile_unit(&unit).into_program();
        program.unwrap_or_else(|error| panic!("{error}"))
    }

    fn named(&self, names: &[&str]) -> Vec<(String, Program)> {
        names.iter().map(|name| ((*name).to_owned(), self.program(name))).collect()
    }

    fn run(&self, args: &[&str]) -> Output {
        run(self.folder.path(), args)
    }

    /// What the command prints when it goes well.
    fn printed(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    fn replay(&self, words: &[&str]) -> Result<embedded::Replayed, EmbeddedError> {
        embedded::replay(&self.engine, &self.named(&["page.igql"]), &texts(words), &quiet())
    }

    /// The message of a replay that makes no sense.
    fn refused(&self, words: &[&str]) -> String {
        match self.replay(words) {
            Err(EmbeddedError::Usage(message)) => message,
            other => panic!("{words:?}: {other:?}"),
        }
    }
}

/// Users who like what is near their own number, day by day.
fn tables(folder: &Path) {
    let users: String = (0..30).map(|user| format!("{user}\n")).collect();
    let posts: String = (0..40).map(|post| format!("{post},{}\n", post * 7 % 11)).collect();
    let like = |user: u32, day: u32| {
        let post = (user + day * day) % 40;
        format!("{user},{post},2024-02-{day:02}T12:00:00Z\n")
    };
    let likes = (0..30).flat_map(|user| (1..=20).map(move |day| like(user, day)));
    fs::write(folder.join("users.csv"), format!("user_id\n{users}")).unwrap();
    fs::write(folder.join("posts.csv"), format!("post_id,n\n{posts}")).unwrap();
    let likes: String = likes.collect();
    fs::write(folder.join("likes.csv"), format!("user_id,post_id,at\n{likes}")).unwrap();
}

fn run(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_igql"));
    command.current_dir(folder).args(args).stdin(Stdio::null()).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Nobody watches, nobody ends it.
fn quiet() -> Within {
    Within { stop: None, progress: Arc::new(Silent) }
}

/// A report without the time that requests took, in JSON and on the page.
fn timeless(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.contains("_us\":"));
    let number = |part: &str| part.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    let lines = lines.map(|line| line.split(" us ").map(number).collect::<Vec<_>>().join(" us "));
    lines.collect::<Vec<_>>().join("\n")
}

const TIMES: [&str; 8] = [
    "--truth",
    "likes",
    "--from",
    "2024-02-10",
    "--metrics",
    "recall@8,ndcg@8",
    "--primary",
    "recall@8",
];

#[test]
fn a_replay_is_that_of_the_command() {
    let world = World::new();
    let both = &["page.igql", "popular.igql"][..];
    for (names, more) in [
        (both, &[][..]),
        (both, &["--baseline", "popular.igql"]),
        (both, &["--every", "link", "--horizon", "3d", "--exclude-seen", "--sample", "9"]),
        (&both[..1], &["--param", "w=3.5", "--param", "least=4", "--no-stages", "--seed", "-3"]),
    ] {
        let words = [&TIMES[..], more].concat();
        let programs = world.named(names);
        let found = embedded::replay(&world.engine, &programs, &texts(&words), &quiet()).unwrap();
        let asked = [&["replay"], names, &words[..]].concat();
        let of =
            |format: &str| timeless(&world.printed(&[&asked[..], &["--format", format]].concat()));
        assert_eq!(timeless(&found.json), of("json"), "{more:?}");
        assert_eq!(timeless(&found.text), of("table"), "{more:?}");
        assert_eq!(timeless(&found.html), of("html"), "{more:?}");
        assert_eq!((&found.warnings[..], found.unmet), (&[][..], None), "{more:?}");
    }
}

/// A value of a tunable is part of what is measured.
#[test]
fn parameters_are_those_of_programs() {
    let world = World::new();
    let value = |words: &[&str]| {
        let found = world.replay(&[&TIMES[..], words].concat()).unwrap();
        timeless(&found.json)
    };
    assert_ne!(value(&[]), value(&["--param", "w=0"]));
    assert_ne!(value(&[]), value(&["--param", "least=9"]));
    let tuned = world.program("page.igql");
    let program = Unit::new("page.igql", PAGE);
    let tunables = igql::Tunables::new().set("w", 0.0);
    let fixed = world.engine.compile_unit(&Unit { tunables: Some(&tunables), ..program });
    let fixed = fixed.into_program().unwrap();
    let replay = |program: Program, words: &[&str]| {
        let programs = [("page.igql".to_owned(), program)];
        let words = texts(&[&TIMES[..], words].concat());
        timeless(&embedded::replay(&world.engine, &programs, &words, &quiet()).unwrap().json)
    };
    assert_eq!(replay(tuned, &["--param", "w=0"]), replay(fixed.clone(), &[]));
    // what is not named keeps its value
    assert_eq!(replay(fixed.clone(), &["--param", "least=0"]), replay(fixed, &[]));
}

#[test]
fn what_is_wrong_names_the_option() {
    let world = World::new();
    let refused = |words: &[&str]| world.refused(&[&TIMES[..], words].concat());
    for (words, says) in [
        (&["--bogus", "1"][..], "unexpected argument '--bogus'"),
        (&["--sample", "none"], "'none' for '--sample <N>': expected a whole number"),
        (&["--gain"], "'--gain <EDGE=NUMBER>'"),
        (&["--format", "csv"], "--format: it has no meaning here"),
        (&["-o", "x.html"], "--output: it has no meaning here"),
        (&["--per-request", "x.csv"], "--per-request: it has no meaning here"),
        (&["--catalog", "x"], "--catalog: it has no meaning here: the engine has its catalog"),
        (&["--threads", "2"], "--threads: it has no meaning here"),
        (&["--query", "main"], "--query: it has no meaning here"),
        (&["--users", "-"], "--users -: standard input is not read here"),
        (&["other.igql"], "programs are given as such"),
        (
            &["--baseline", "other.igql"],
            "--baseline other.igql: it is none of the programs: page.igql",
        ),
        (&["--param", "w=9"], "--param w: "),
        (&["--gain", "saves=2"], "--gain saves=2: the edge is not one of `--truth`"),
        (&["--k", "0"], "--k 0: "),
    ] {
        let message = refused(words);
        assert!(message.contains(says), "{words:?}: {message}");
        assert!(!message.contains("Usage") && !message.starts_with("error"), "{message}");
    }
    let message = world.refused(&["--truth", "liks", "--from", "2024-02-10"]);
    assert!(message.starts_with("--truth liks: "), "{message}");
    let none = embedded::replay(&world.engine, &[], &texts(&TIMES), &quiet());
    assert!(matches!(none, Err(EmbeddedError::Usage(message)) if message.contains("no program")));
    assert!(!world.folder.path().join("x.csv").exists());
}

/// What the command says on standard error beside its report.
#[test]
fn warnings_are_returned() {
    let world = World::new();
    let users = world.folder.path().join("some.csv");
    fs::write(&users, "user_id,extra\n1,2\n2,3\n").unwrap();
    let words = [&TIMES[..], &["--users", users.to_str().unwrap()]].concat();
    let found = world.replay(&words).unwrap();
    let output = world.run(&[&["replay", "page.igql", "--format", "json"], &words[..]].concat());
    let lines: String = found.warnings.iter().map(|line| format!("warning: {line}\n")).collect();
    assert_eq!(lines, said(&output));
    assert!(found.warnings[0].contains("the column `extra` is not a parameter"), "{lines}");
}

#[test]
fn other_errors_keep_their_kind() {
    let world = World::new();
    let missing = world.replay(&["--truth", "likes", "--holdout", "nowhere.csv"]);
    assert!(matches!(missing, Err(EmbeddedError::Data(_))), "{missing:?}");
    let limit = world.replay(&[&TIMES[..], &["--max-rows", "3"]].concat());
    assert!(matches!(limit, Err(EmbeddedError::Run(_))), "{limit:?}");
    assert!(limit.unwrap_err().to_string().contains("`--max-rows` sets this limit"));
    let other = World::new();
    fs::write(other.folder.path().join("posts.csv"), "post_id,n\n1,1\n").unwrap();
    let likes = "user_id,post_id,at\n1,1,2024-02-12T12:00:00Z\n";
    fs::write(other.folder.path().join("likes.csv"), likes).unwrap();
    let engine = other.engine.reload().unwrap();
    let foreign = embedded::replay(&engine, &world.named(&["page.igql"]), &texts(&TIMES), &quiet());
    let Err(EmbeddedError::Run(error)) = foreign else { panic!("{foreign:?}") };
    assert_eq!(*error, igql::RunError::OtherWorld);
}

#[test]
fn a_flag_ends_it() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let world = World::new();
    let within = Within { stop: Some(&STOP), progress: Arc::new(Silent) };
    let programs = world.named(&["page.igql"]);
    let replay = || {
        let words = texts(&[&TIMES[..], &["--partial"]].concat());
        embedded::replay(&world.engine, &programs, &words, &within)
    };
    assert!(replay().is_ok());
    STOP.store(true, Ordering::Relaxed);
    assert!(matches!(replay(), Err(EmbeddedError::Stopped)));
    let words = texts(&["--analyze", "--user", "1"]);
    let explained = embedded::explain(&world.engine, &programs[0].1, &words, &within);
    assert!(matches!(explained, Err(EmbeddedError::Stopped)));
}

#[test]
fn plans_are_those_of_the_command() {
    let world = World::new();
    let program = world.program("page.igql");
    let explain =
        |words: &[&str]| embedded::explain(&world.engine, &program, &texts(words), &quiet());
    for words in [
        &[][..],
        &["--stage", "tokens"],
        &["--stage", "ast"],
        &["--stage", "typed"],
        &["--stage", "dag"],
        &["--stage", "plan", "--format", "json"],
        &["--stage", "ast", "--format", "json"],
        &["--format", "svg"],
        &["--format", "html"],
        &["--format", "dot"],
    ] {
        let printed = world.printed(&[&["explain", "page.igql"], words].concat());
        assert_eq!(explain(words).unwrap(), printed, "{words:?}");
    }
    let measured = explain(&["--analyze", "--user", "3", "--param", "least=10"]).unwrap();
    assert!(measured.contains(" us"), "{measured}");
    for (words, says) in [
        (&["--user", "3"][..], "`--user` has no effect without `--analyze`"),
        (&["-o", "x.svg"], "--output: it has no meaning here"),
        (&["--stage", "dreams"], "'dreams' for '--stage <STAGE>'"),
    ] {
        let Err(EmbeddedError::Usage(message)) = explain(words) else { panic!("{words:?}") };
        assert!(message.contains(says), "{message}");
    }
}

#[test]
fn answers_are_those_of_the_command() {
    let world = World::new();
    let program = world.program("page.igql");
    let run = ["run", "page.igql", "--user", "3"];
    let request = Request::user(3);
    let answer = world.engine.run(&program, &request).unwrap();
    let printed = |more: &[&str]| world.printed(&[&run[..], more].concat());
    assert_eq!(embedded::table(&answer), printed(&["--format", "table"]));
    assert_eq!(embedded::reasons(&answer), "");
    let json = embedded::answer_json(&program, &answer).unwrap();
    assert_eq!(json, printed(&["--format", "json"]));
    let ask = Ask { why: true, why_not: vec![7.into()] };
    let answer = world.engine.explain(&program, &request, &ask).unwrap();
    let why = ["--why", "--why-not", "7"];
    let text = printed(&[&why[..], &["--format", "table"]].concat());
    assert_eq!(embedded::explained(&answer), text);
    assert_eq!(embedded::table(&answer) + &embedded::reasons(&answer), text);
    let json = embedded::answer_json(&program, &answer).unwrap();
    assert_eq!(json, printed(&[&why[..], &["--format", "json"]].concat()));
}

#[test]
fn catalogs_are_described_as_by_the_command() {
    let world = World::new();
    for words in [&[][..], &["--format", "json"], &["post.n"], &["likes", "--format", "json"]] {
        let printed = world.printed(&[&["describe"], words].concat());
        assert_eq!(embedded::describe(&world.engine, &texts(words)).unwrap(), printed);
    }
    let unknown = embedded::describe(&world.engine, &texts(&["pots"]));
    let Err(EmbeddedError::Usage(message)) = unknown else { panic!("{unknown:?}") };
    assert_eq!(message, "the catalog has no `pots`\nhelp: did you mean `post`?");
}

#[test]
fn a_guessed_catalog_is_that_of_the_command() {
    let parent = tempfile::tempdir().unwrap();
    let folder = |name: &str| {
        let folder = parent.path().join(name).join("data");
        fs::create_dir_all(&folder).unwrap();
        tables(&folder);
        fs::write(folder.join("notes.txt"), "\0nothing").unwrap();
        folder
    };
    let (own, commands) = (folder("own"), folder("commands"));
    let guessed = embedded::init(&own, &[], &quiet()).unwrap();
    let output = run(commands.parent().unwrap(), &["init", "data"]);
    let written = fs::read_to_string(commands.join("catalog.toml")).unwrap();
    assert_eq!(guessed.toml, written);
    assert_eq!(guessed.catalog, own.join("catalog.toml"));
    assert_eq!(fs::read_to_string(&guessed.catalog).unwrap(), guessed.toml);
    let said = said(&output);
    let (report, next) = said.split_once("\n\nnext:").unwrap();
    let lines: Vec<&str> = report.lines().collect();
    // the first line names the file, each by its own path
    assert_eq!(guessed.notes[1..], lines[1..]);
    let counts = |line: &str| line.split_once("catalog.toml").unwrap().1.to_owned();
    assert_eq!(counts(&guessed.notes[0]), counts(lines[0]));
    let engine = Engine::open(&own).unwrap();
    let (program, user) = embedded::first_program(&engine).unwrap();
    assert!(next.contains(&program) && next.contains(&format!("--user {}", user.unwrap())));
    let again = embedded::init(&own, &[], &quiet());
    let Err(EmbeddedError::Usage(message)) = again else { panic!("{again:?}") };
    assert!(message.contains("already exists"), "{message}");
    assert!(embedded::init(&own, &texts(&["--force"]), &quiet()).is_ok());
    assert!(own.join("catalog.toml.old").exists());
}

#[test]
fn diagnostics_are_those_of_the_command() {
    let world = World::new();
    for (name, text) in [("wrong.igql", WRONG), ("page.igql", PAGE)] {
        let found = embedded::check(&world.engine, &Unit::new(name, text), false).unwrap();
        let output = world.run(&["check", name, "--format", "json"]);
        assert_eq!(found.json, String::from_utf8(output.stdout).unwrap());
        assert_eq!(found.has_errors, output.status.code() == Some(1));
        let drawn = world.run(&["check", name]);
        match found.diagnostics.is_empty() {
            true => assert_eq!(found.text, ""),
            false => assert_eq!(found.text, said(&drawn)),
        }
    }
}

/// Only what programs learn can be assumed.
#[test]
fn learned_things_can_be_assumed() {
    let world = World::new();
    fs::write(world.folder.path().join("learned.igql"), LEARNED).unwrap();
    let unit = Unit::new("learned.igql", LEARNED);
    for (assume, more) in [(false, &[][..]), (true, &["--assume-trained"])] {
        let found = embedded::check(&world.engine, &unit, assume).unwrap();
        let asked = [&["check", "learned.igql", "--format", "json"], more].concat();
        let output = world.run(&asked);
        assert_eq!(found.json, String::from_utf8(output.stdout).unwrap());
        assert_eq!(found.has_errors, !assume, "{}", found.text);
    }
}

/// Before it takes signals, the command says what its arguments are.
#[test]
fn the_command_takes_given_arguments() {
    let code = |args: &[&str]| embedded::main_from(args.iter().map(Into::into));
    assert_eq!(code(&["igql", "--version"]), 0);
    assert_eq!(code(&["igql", "reply"]), 2);
}

const LEARNED: &str = "embedding near on user, post = als(likes, dim=4)\nall(post).take(3).nn(near, to=post).take(3)\n";

#[test]
fn a_training_is_that_of_the_command() {
    let (world, twin) = (World::new(), World::new());
    fs::write(twin.folder.path().join("learned.igql"), LEARNED).unwrap();
    let unit = [Unit::new("learned.igql", LEARNED)];
    let train =
        |engine: &Engine, words: &[&str]| embedded::train(engine, &unit, &texts(words), &quiet());
    let due = train(&world.engine, &["--dry-run"]).unwrap();
    let dry = ["train", "learned.igql", "--dry-run"];
    assert_eq!(due.text, twin.printed(&dry));
    assert_eq!(due.json, twin.printed(&[&dry[..], &["--format", "json"]].concat()));
    let trained = train(&world.engine, &[]).unwrap();
    twin.printed(&["train", "learned.igql"]);
    let outcome = |json: &str| {
        let json: serde_json::Value = serde_json::from_str(json).unwrap();
        json["items"][0]["outcome"].as_str().unwrap().to_owned()
    };
    assert_eq!((outcome(&trained.json), trained.failed.len()), ("trained".to_owned(), 0));
    assert!(trained.html.contains("<h1>Training of near</h1>"), "{}", trained.html);
    // the one that is returned reads it, the one from before does not
    assert!(world.engine.compile(LEARNED).is_err());
    assert!(trained.engine.compile(LEARNED).is_ok());
    let kept = train(&trained.engine, &["--only", "near"]).unwrap();
    assert_eq!(outcome(&kept.json), "kept");
    let again = twin.printed(&["train", "learned.igql"]);
    let took =
        |text: &str| text.lines().map(|l| l.split("  ").next().unwrap().to_owned()).collect();
    let (own, commands): (Vec<String>, Vec<String>) = (took(&kept.text), took(&again));
    assert_eq!(own, commands);
}

#[test]
fn versions_of_the_past_have_a_folder_of_their_own() {
    let world = World::new();
    let unit = [Unit::new("learned.igql", LEARNED)];
    let folder = world.folder.path().join("past");
    let until = ["--until", "2024-02-15"];
    let past = [&until[..], &["--learned", folder.to_str().unwrap()]].concat();
    let trained = embedded::train(&world.engine, &unit, &texts(&past), &quiet()).unwrap();
    assert!(folder.is_dir() && trained.engine.compile(LEARNED).is_ok());
    assert!(world.engine.reload().unwrap().compile(LEARNED).is_err());
    let train = |units: &[Unit], words: &[&str]| {
        embedded::train(&world.engine, units, &texts(words), &quiet()).map(|_| ())
    };
    for (words, says) in [
        (&until[..], "--until: versions of the past go to a folder of their own"),
        (&["--only", "far"], "--only: nothing to learn is called `far`"),
        (&["--dump", "x"], "--dump: it has no meaning here"),
        (&["page.igql"], "texts are given as such"),
    ] {
        let Err(EmbeddedError::Usage(message)) = train(&unit, words) else { panic!("{words:?}") };
        assert!(message.contains(says), "{message}");
    }
    let wrong = train(&[Unit::new("wrong.igql", "embedding e on post = als(likes)\n")], &[]);
    assert!(matches!(wrong, Err(EmbeddedError::Compile(_))), "{wrong:?}");
    assert!(train(&[], &[]).is_ok());
    static STOP: AtomicBool = AtomicBool::new(true);
    let within = Within { stop: Some(&STOP), progress: Arc::new(Silent) };
    let stopped = embedded::train(&world.engine, &unit, &[], &within).map(|_| ());
    assert!(matches!(stopped, Err(EmbeddedError::Stopped)), "{stopped:?}");
}

const SEARCH: [&str; 9] = [
    "--maximize",
    "ndcg@8",
    "--truth",
    "likes",
    "--from",
    "2024-02-06",
    "--trials",
    "5",
    "--allow-worse",
];

/// Where nothing of what is liked counts.
fn untuned() -> String {
    PAGE.replace("= 1.0", "= 0.0")
}

#[test]
fn a_search_is_that_of_the_command() {
    let (world, twin) = (World::new(), World::new());
    for world in [&world, &twin] {
        fs::write(world.folder.path().join("page.igql"), untuned()).unwrap();
    }
    let program = world.program("page.igql");
    let tune = |words: &[&str]| embedded::tune(&world.engine, &program, &texts(words), &quiet());
    let words = [&SEARCH[..], &["--param", "least=1"]].concat();
    let found = tune(&words).unwrap();
    let asked = [&["tune", "page.igql"], &words[..]].concat();
    let of = |format: &str| twin.printed(&[&asked[..], &["--format", format]].concat());
    assert_eq!(found.json, of("json"));
    assert_eq!(found.text, of("table"));
    assert_eq!(found.html, of("html"));
    assert!(found.won && !found.stopped, "{}", found.text);
    let [(name, from, to)] = &found.values[..] else { panic!("{:?}", found.values) };
    assert_eq!((name.as_str(), *from), ("w", 0.0));
    twin.printed(&[&asked[..], &["--write"]].concat());
    let written = fs::read_to_string(twin.folder.path().join("page.igql")).unwrap();
    assert_eq!(found.rewritten, [("page.igql".to_owned(), written.clone())]);
    assert!(written.contains(&format!("= {to:?}\n")), "{written}");
    for (words, says) in [
        (&["--write"][..], "--write: it has no meaning here: texts"),
        (&["--users", "-"], "--users -: standard input is not read here"),
        (&["--param", "w=2"], "--param w: a tunable that is tuned has no value of its own"),
    ] {
        let wrong = tune(&[&SEARCH[..], words].concat());
        let Err(EmbeddedError::Usage(message)) = wrong else { panic!("{words:?}: {wrong:?}") };
        assert!(message.contains(says), "{message}");
    }
}

/// Ends a search in its third trial.
struct Ends(&'static AtomicBool);

impl igql::Progress for Ends {
    fn report(&self, stage: &str, _: u64, _: u64) {
        if stage.starts_with("trial 3/") {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

#[test]
fn a_search_that_was_ended_goes_on() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let (world, twin) = (World::new(), World::new());
    let tune = |world: &World, within: &Within| {
        let program = world.program("page.igql");
        embedded::tune(&world.engine, &program, &texts(&SEARCH), within)
    };
    let ended =
        tune(&world, &Within { stop: Some(&STOP), progress: Arc::new(Ends(&STOP)) }).unwrap();
    assert!(
        ended.stopped && ended.reason.unwrap().contains("after 2 of 5 trials"),
        "{}",
        ended.text
    );
    let silent = Within { stop: Some(&STOP), progress: Arc::new(Silent) };
    STOP.store(false, Ordering::Relaxed);
    let (resumed, whole) = (tune(&world, &silent).unwrap(), tune(&twin, &quiet()).unwrap());
    assert_eq!(resumed.json, whole.json);
    STOP.store(true, Ordering::Relaxed);
    let fresh = World::new();
    let stopped = tune(&fresh, &silent);
    assert!(matches!(stopped, Err(EmbeddedError::Stopped)), "{stopped:?}");
}
