//! Random programs over random worlds: the engine must give what the reference interpreter gives,
//! to the bit.
//!
//! And programs that were mangled: whatever the text, checking ends, and speaks of places in it.
//!
//! In debug builds every operator compares its rows with what its shape promises (bound, types,
//! nulls, intervals), so that a program that is accepted and runs here has kept its promises.
//!
//! `RANDOM_SEED` (default 1) chooses the worlds, `RANDOM_SECONDS` (default 15) how long to go on.
//! A failure prints world, program and request; `RANDOM_ONLY` repeats the world of that number.

use crate::generate::{Rng, programs, worlds};
use crate::harness::engine::Opened;
use crate::harness::output;
use crate::harness::partial::Seen;
use crate::mangle;
use crate::reference::{self, Program, Request, World};
use libtest_mimic::Trial;
use std::path::Path;
use std::time::{Duration, Instant};

/// Programs per world.
const PROGRAMS: usize = 12;

/// So many programs that every rewrite changes some.
const ENOUGH: usize = 500;

pub fn trials() -> Vec<Trial> {
    let trial = |name: &str, test: fn()| {
        Trial::test(format!("random/{name}"), move || {
            test();
            Ok(())
        })
    };
    vec![
        trial("engine_and_reference_agree", engine_and_reference_agree),
        trial(
            "partial_answers_keep_out_what_conditions_keep_out",
            partial_answers_keep_out_what_conditions_keep_out,
        ),
        trial("programs_differ_where_their_answers_do", programs_differ_where_their_answers_do),
        trial("checking_survives_whatever_is_typed", checking_survives_whatever_is_typed),
    ]
}

/// How many programs each rewrite changed.
type Rewrites = std::collections::BTreeMap<&'static str, usize>;

fn engine_and_reference_agree() {
    let seed = setting("RANDOM_SEED").unwrap_or(1);
    let until = Instant::now() + Duration::from_secs(setting("RANDOM_SECONDS").unwrap_or(15));
    let mut failures = Vec::new();
    let mut rewrites = Rewrites::new();
    let mut ran = 0;
    for number in setting("RANDOM_ONLY").map_or(0..u64::MAX, |only| only..only + 1) {
        if Instant::now() > until
            || failures.len() >= setting("RANDOM_FAILURES").unwrap_or(1) as usize
        {
            break;
        }
        ran += run_world(seed, number, &mut failures, &mut rewrites);
    }
    assert!(
        failures.is_empty(),
        "{}\n{} of {ran} programs differ",
        failures.join("\n\n"),
        failures.len()
    );
    assert!(ran > 0, "no program was run");
    println!("{ran} programs; rewritten: {rewrites:?}");
    let happens = |rule: &igql::optimize::Rule| rewrites.contains_key(rule.name);
    // of few programs a rule may have nothing to change
    assert!(
        ran < ENOUGH || igql::optimize::RULES.iter().all(happens),
        "{ran} programs, and only these rewrites: {rewrites:?}"
    );
}

fn partial_answers_keep_out_what_conditions_keep_out() {
    let seed = setting("RANDOM_SEED").unwrap_or(1).wrapping_add(77);
    let until =
        Instant::now() + Duration::from_secs(setting("RANDOM_SECONDS").unwrap_or(15) / 2 + 1);
    let mut seen = Seen::default();
    for number in setting("RANDOM_ONLY").map_or(0..u64::MAX, |only| only..only + 1) {
        if Instant::now() > until {
            break;
        }
        let mut rng = Rng::new(seed.wrapping_mul(1_000_003).wrapping_add(number));
        let world = worlds::world(&mut rng);
        let folder = tempfile::tempdir().expect("a folder for the world");
        world.write_to(folder.path());
        let engine = Opened::open(folder.path(), 1);
        for _ in 0..PROGRAMS {
            let program = programs::program(&mut rng, &world);
            let request = request(rng.pick(&world.entities[world.viewer].keys));
            let cut = guarded("the engine", || {
                engine.cut(&program, &request, &mut |n| rng.below(n), &mut seen)
            });
            if let Err(why) = cut.and_then(|cut| cut) {
                let data = shown(folder.path());
                panic!(
                    "seed {seed}, world {number}: {why}\n--- program\n{program}\n--- world\n{data}"
                );
            }
        }
    }
    println!("{seen:?}");
    assert!(seen.partial > 0 && seen.with_rows > 0, "{seen:?}");
}

/// A program is the same in another layout, and but for what it shows with other names; one that answers otherwise is
/// another.
fn programs_differ_where_their_answers_do() {
    let seed = setting("RANDOM_SEED").unwrap_or(1).wrapping_add(31);
    let seconds = setting("RANDOM_SECONDS").unwrap_or(15) / 2 + 1;
    let until = Instant::now() + Duration::from_secs(seconds);
    let (mut other_answers, mut alike) = (0, 0);
    for number in setting("RANDOM_ONLY").map_or(0..u64::MAX, |only| only..only + 1) {
        if Instant::now() > until {
            break;
        }
        let mut rng = Rng::new(seed.wrapping_mul(1_000_003).wrapping_add(number));
        let world = worlds::world(&mut rng);
        let folder = tempfile::tempdir().expect("a folder for the world");
        world.write_to(folder.path());
        let engine = Opened::open(folder.path(), 1);
        let requests: Vec<Request> =
            world.entities[world.viewer].keys.iter().take(4).map(request).collect();
        for _ in 0..PROGRAMS {
            let program = programs::program(&mut rng, &world);
            let others = [edited(&mut rng, &program), programs::program(&mut rng, &world)];
            let told = same_in_other_words(&engine, &program).and_then(|()| {
                for other in others.iter().filter(|other| engine.compile(other, None).is_ok()) {
                    let differ = engine.differ(&program, other, false)?;
                    let (a, b) = (engine.run(&program, &requests), engine.run(other, &requests));
                    let (Ok(a), Ok(b)) = (a, b) else { continue };
                    let mut both = a.iter().zip(&b);
                    match both.find_map(|(a, b)| output::difference(a, b, false)) {
                        Some(why) if !differ => return Err(format!("{why}\n--- other\n{other}")),
                        Some(_) => other_answers += 1,
                        None => alike += 1,
                    }
                }
                Ok(())
            });
            if let Err(why) = told {
                panic!("seed {seed}, world {number}: {why}\n--- program\n{program}");
            }
        }
    }
    println!("{other_answers} pairs with other answers, {alike} with the same");
    assert!(other_answers > 0 && alike > 0, "{other_answers} {alike}");
}

/// Names that random programs declare.
const DECLARED: [&str; 14] = [
    "loved",
    "touched",
    "reached",
    "some_likes",
    "few_likes",
    "posted",
    "near",
    "first",
    "boost",
    "both",
    "above",
    "s0",
    "s1",
    "s2",
];

/// The program in another layout, and with other names.
fn same_in_other_words(engine: &Opened, program: &str) -> Result<(), String> {
    let mut sink = igql::diag::Sink::default();
    let laid_out = igql::syntax::format(program, igql::source::SourceId::default(), &mut sink)
        .ok_or("no layout")?;
    if guarded("a comparison", || engine.differ(program, &laid_out, false))?? {
        return Err("it differs from itself in another layout".to_owned());
    }
    let words = mangle::words(program);
    let again = |(place, word): (usize, &String)| {
        let bare = word.trim_end();
        // `first=1` names an argument of `mmr`
        let is_argument = bare == word && words.get(place + 1).is_some_and(|next| next == "=");
        match DECLARED.contains(&bare) && !is_argument {
            true => word.replacen(bare, &format!("{bare}_again"), 1),
            false => word.clone(),
        }
    };
    let renamed: String = words.iter().enumerate().map(again).collect();
    match guarded("a comparison", || engine.differ(program, &renamed, true))?? {
        true => Err(format!("it differs from itself with other names\n--- renamed\n{renamed}")),
        false => Ok(()),
    }
}

/// The program with another digit.
fn edited(rng: &mut Rng, program: &str) -> String {
    let digits: Vec<usize> =
        program.char_indices().filter(|(_, c)| c.is_ascii_digit()).map(|(at, _)| at).collect();
    if digits.is_empty() {
        return program.to_owned();
    }
    let at = *rng.pick(&digits);
    let mut text = program.to_owned();
    text.replace_range(at..at + 1, &rng.below(10).to_string());
    text
}

fn checking_survives_whatever_is_typed() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut rng = Rng::new(setting("RANDOM_SEED").unwrap_or(1));
    let rounds = setting("RANDOM_EDITS").unwrap_or(60);
    let mut wrong = Vec::new();
    let mut checked = 0;
    let last = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mangled.igql");
    for catalog in ["explore", "movies"] {
        let folder = examples.join(catalog);
        let engine = Opened::open(&folder, 2);
        for path in mangle::programs(&folder) {
            let text = std::fs::read_to_string(&path).expect("an example");
            for _ in 0..rounds {
                let edited = mangle::mangled(&mut rng, &text);
                checked += 1;
                // an overflow of the stack ends all at once: the program is found here
                std::fs::write(&last, &edited).expect("the program at hand");
                if let Err(why) = survives(&engine, &edited) {
                    wrong.push(format!("{}: {why}\n{edited}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(checked > 100, "only {checked} programs were checked");
}

/// Checking ends in time, does not panic, and underlines parts of the text.
fn survives(engine: &Opened, text: &str) -> Result<(), String> {
    let started = Instant::now();
    let found = guarded("the checker", || engine.check(text))?;
    if started.elapsed() > Duration::from_secs(10) {
        return Err(format!("took {:?}", started.elapsed()));
    }
    for diagnostic in found {
        if let Some(span) = diagnostic.span
            && text.get(span.clone()).is_none()
        {
            return Err(format!("{} lies at {span:?}", diagnostic.code));
        }
    }
    Ok(())
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs some programs over one world and notes what differs; returns how many it ran.
fn run_world(seed: u64, number: u64, failures: &mut Vec<String>, rewrites: &mut Rewrites) -> usize {
    let mut rng = Rng::new(seed.wrapping_mul(1_000_003).wrapping_add(number));
    let world = worlds::world(&mut rng);
    let folder = tempfile::tempdir().expect("a folder for the world");
    world.write_to(folder.path());
    let engine = Opened::open(folder.path(), 2);
    for _ in 0..PROGRAMS {
        let program = programs::program(&mut rng, &world);
        if let Err(why) = compare(&world, &engine, &program, rewrites) {
            let data = shown(folder.path());
            failures.push(format!(
                "seed {seed}, world {number}: {why}\n--- program\n{program}\n--- world\n{data}"
            ));
        }
    }
    PROGRAMS
}

/// All users of the world in one batch, each as the reference interpreter answers it alone.
fn compare(
    world: &World,
    engine: &Opened,
    program: &str,
    rewrites: &mut Rewrites,
) -> Result<(), String> {
    let mut requests: Vec<Request> =
        world.entities[world.viewer].keys.iter().take(3).map(request).collect();
    requests.push(request(&igql::Key::Int(1000)));
    let past = requests[0].now - 10 * 86_400_000_000;
    requests.push(Request { now: past, seed: 7, ..requests[0].clone() });
    // what some of them share, others do not
    for (i, request) in requests.iter_mut().enumerate() {
        if program.contains("param p:") && i != 1 {
            let value = igql::Value::Int(1 + i as i64 % 3);
            request.params.push(("p".to_owned(), value));
        }
        if program.contains("experiment tried") && i == 2 {
            request.arms.push(("tried".to_owned(), "on".to_owned()));
        }
    }
    formatted(program)?;
    let found = guarded("the engine", || engine.run(program, &requests))??;
    let rewritten = guarded("a rewrite", || engine.run_rewritten(program, &requests))??;
    for alone in rewritten {
        for (all, answer) in found.iter().zip(&alone.answers) {
            if let Some(difference) = output::difference(all, answer, false) {
                return Err(format!("{alone}: {difference}"));
            }
        }
        let rule = alone.rule.filter(|_| alone.changed);
        rule.into_iter().for_each(|rule| *rewrites.entry(rule).or_default() += 1);
    }
    for bytes in [1 << 30, 4_000] {
        let kept = guarded("kept rows", || engine.run_kept(program, &requests, bytes))??;
        for (run, answers) in kept.iter().enumerate() {
            for (all, answer) in found.iter().zip(answers) {
                if let Some(difference) = output::difference(all, answer, false) {
                    return Err(format!("run {run} with kept rows: {difference}"));
                }
            }
        }
    }
    guarded("an explanation", || engine.explain(program, &requests))??;
    let parsed = guarded("the reference", || Program::new(program, world, &|_| String::new()))?;
    let numbers = engine.numbers(program, None);
    for (request, found) in requests.iter().zip(&found) {
        let expected = guarded("the reference", || {
            let answer = reference::run(world, &parsed, request, &numbers);
            output::of_reference(world, request, &answer)
        })?;
        if let Some(difference) = output::difference(&expected, found, false) {
            return Err(format!("{request:?}: {difference}"));
        }
    }
    within_limits(world, engine, (program, &parsed), &requests[0], &numbers)
}

/// So few rows that further rounds are not always made.
const FEW_ROWS: [u64; 3] = [80, 240, 600];

/// With little room, the same rounds are made.
fn within_limits(
    world: &World,
    engine: &Opened,
    (text, parsed): (&str, &Program),
    request: &Request,
    numbers: &reference::autos::Numbers,
) -> Result<(), String> {
    for max_rows in FEW_ROWS {
        let run = || engine.run_within(text, request, max_rows);
        let Some(found) = guarded("the engine under a limit", run)?? else {
            continue;
        };
        let expected = guarded("the reference under a limit", || {
            let most = max_rows as usize;
            let answer = reference::run_within(world, parsed, request, numbers, most);
            output::of_reference(world, request, &answer)
        })?;
        if let Some(difference) = output::difference(&expected, &found, false) {
            return Err(format!("at most {max_rows} rows, {request:?}: {difference}"));
        }
    }
    Ok(())
}

/// The layout of a program changes nothing the second time (its meaning it checks itself).
fn formatted(program: &str) -> Result<(), String> {
    let format = |text: &str| {
        let mut sink = igql::diag::Sink::default();
        igql::syntax::format(text, igql::source::SourceId::default(), &mut sink)
            .ok_or_else(|| format!("no layout: {:?}", sink.found()))
    };
    let once = format(program)?;
    if format(&once)? == once { Ok(()) } else { Err(format!("the layout is not stable:\n{once}")) }
}

/// A panic as an error.
fn guarded<T>(who: &str, run: impl FnOnce() -> T) -> Result<T, String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).map_err(|p| {
        let text = p
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| p.downcast_ref::<&str>().map(|t| (*t).to_owned()));
        format!("{who} panics: {}", text.unwrap_or_default())
    })
}

fn request(key: &igql::Key) -> Request {
    Request { viewer: Some(key.clone()), now: worlds::NOW, ..Request::default() }
}

/// The text files of the world.
fn shown(folder: &Path) -> String {
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("the folder").flatten().map(|f| f.path()).collect();
    files.sort();
    let text = |path: &std::path::PathBuf| {
        let name = path.file_name()?.to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).ok()?;
        (name.ends_with(".csv")).then(|| format!("{name}\n{text}"))
    };
    files.iter().filter_map(text).collect::<Vec<_>>().join("\n")
}
