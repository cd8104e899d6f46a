//! What `igql train` says: the table, the list, the page, the progress on a terminal, and why something could not be
//! trained.

use super::models;
use super::train::{program, run, trained, world};
use igql::Engine;
use serde_json::Value as Json;
use std::fs;
use std::path::{Path, PathBuf};

const TWO_HEADS: &str = "model taste on post = mtml(dense=[length, count(~likes(it)), count(likes(viewer)), always], \
    sparse=[kind, it], hidden=[8], epochs=4, batch=256, heads={p_click: clicked == 1, p_like: likes}, label_window=1h)\n\
    value always on post = 1\n";

const LAST: &str = "all(post).rank(taste, value=p_click + p_like).take(3)\n";

/// A world with a model of two heads that is trained.
fn tasted(args: &[&str]) -> (tempfile::TempDir, String) {
    let world = models::world();
    program(world.path(), &format!("{TWO_HEADS}{LAST}"));
    let args = [&["train", "page.igql"], args].concat();
    let (code, out, said) = run(world.path(), &args);
    assert_eq!(code, Some(0), "{said}");
    // nobody watches
    assert!(!said.contains("epoch") && !said.contains("taste@1"), "{said}");
    (world, out)
}

fn page(folder: &Path) -> String {
    fs::read_to_string(folder.join("report.html")).unwrap()
}

fn manifest(kind: &str, folder: &Path) -> PathBuf {
    folder.join(format!(".igql/learned/{kind}/1/manifest.json"))
}

fn read(path: &Path) -> Json {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn the_table_says_how_good_versions_are_and_how_long_it_took() {
    let (world, out) = tasted(&[]);
    let manifest = read(&manifest("model/post/taste", world.path()));
    let metric = |name: &str| manifest["metrics"][name].as_f64().unwrap();
    let mean = (metric("p_click.test.ne") + metric("p_like.test.ne")) / 2.0;
    assert!(out.contains(&format!("mean NE {mean:.3}")), "{out}");
    assert!(out.contains("took") && out.contains(" s │"), "{out}");
    let line = out.lines().find(|line| line.contains("│ p_like")).unwrap();
    let auc = format!("{:.4}", metric("p_like.test.auc"));
    let item = format!("{:.4}", metric("p_like.test.item_rate_ne"));
    assert!(line.contains(&auc) && line.contains(&item), "{line}");
    // one head needs no second table, and has an AUC
    let one = "model one on post = linear(dense=[length], heads={p: clicked == 1})\nall(post).rank(one).take(3)\n";
    program(world.path(), one);
    let (_, out, _) = run(world.path(), &["train", "page.igql"]);
    assert!(out.contains(", AUC 0.") && !out.contains("base NE"), "{out}");
    let (_, out, _) = run(world.path(), &["train", "page.igql", "--again", "--dry-run"]);
    assert!(!out.contains("took") && !out.contains("measured"), "{out}");
}

#[test]
fn a_list_fits_and_tells_the_state_of_each_version() {
    let (world, _) = tasted(&[]);
    let near = "embedding near on post = skipgram(likes, dim=4, epochs=1, min_count=1)\n\
                edge close = likes where dot(to.near, to.near) > 0.0\n\
                edge similar = itemknn(close, k=3)\nuser.walk(likes).walk(similar).take(3)\n";
    program(world.path(), near);
    trained(world.path(), &[]);
    trained(world.path(), &["--only", "near", "--again"]);
    let (code, out, _) = run(world.path(), &["train", "--list"]);
    assert_eq!(code, Some(0));
    assert!(out.lines().all(|line| line.chars().count() <= 100), "{out}");
    assert!(!out.contains("mtml(") && out.contains("just now"), "{out}");
    let state = |of: &str| out.lines().find(|line| line.contains(of)).unwrap();
    assert!(state("edge similar@1").contains("upstream is newer"), "{out}");
    assert!(state("embedding near@1").contains("superseded"), "{out}");
    assert!(state("embedding near@2").contains("overlap@10 1.00"), "{out}");
    assert!(state("model taste@1").contains("mean NE"), "{out}");
    // machines get all of it
    let (_, out, _) = run(world.path(), &["train", "--list", "--format", "json"]);
    let all: Json = serde_json::from_str(&out).unwrap();
    let model = all["versions"].as_array().unwrap().iter().find(|v| v["name"] == "taste").unwrap();
    assert!(model["declaration"].as_str().unwrap().contains("mtml("), "{model}");
}

#[test]
fn a_page_has_what_is_known_of_a_model() {
    let (world, _) = tasted(&["--report", "report.html"]);
    let text = page(world.path());
    for wanted in [
        "<h2>model taste@1</h2>",
        "Learning curves",
        "NE in the validation part",
        "Reliability",
        "before calibration",
        "item rate",
        "<h3>Features</h3>",
        "left out: it never varies",
        "known keys",
        "prefers-color-scheme: dark",
    ] {
        assert!(text.contains(wanted), "{wanted}");
    }
    assert!(!text.contains("<script") && !text.contains("src="), "it needs nothing else");
    assert_eq!(text.matches("<table>").count(), text.matches("</table>").count());
    let course = &read(&manifest("model/post/taste", world.path()))["course"];
    let curve = &course["curves"][0];
    let epochs = curve["epochs"].as_array().unwrap();
    let best = curve["best"].as_u64().unwrap() as usize;
    let least = |of: &Json| of["validation"].as_f64().unwrap();
    assert!(epochs.iter().all(|epoch| least(epoch) >= least(&epochs[best - 1]) - 1e-4), "{curve}");
    let head = &course["heads"][0];
    let bins = head["bins"].as_array().unwrap();
    let of_bins: u64 = bins.iter().map(|bin| bin["examples"].as_u64().unwrap()).sum();
    let parts = head["parts"].as_array().unwrap();
    let test = parts.iter().find(|part| part["part"] == "test").unwrap();
    assert_eq!((bins.len(), Some(of_bins)), (10, test["examples"].as_u64()));
    assert!(bins.is_sorted_by_key(|bin| bin["predicted"].as_f64().unwrap()), "{head}");
    let features = course["features"].as_array().unwrap();
    let of = |name: &str| features.iter().find(|feature| feature["name"] == name).unwrap();
    assert_eq!((&of("length")["covered"], &of("always")["kept"]), (&1.0.into(), &false.into()));
    assert_eq!(of("kind")["vocabulary"], 3);
    assert!(of("length")["auc"]["p_click"].as_f64().unwrap() > 0.6, "{features:?}");
    // what is up to date is told as well
    let (code, _, said) = run(world.path(), &["train", "page.igql", "--report", "report.html"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(page(world.path()).contains("<td>kept</td>"));
}

#[test]
fn a_page_of_several_has_contents_neighbours_degrees_and_classifiers() {
    let world = world();
    let text = "embedding near on post = skipgram(likes, dim=4, epochs=1, min_count=1)\n\
                edge similar = itemknn(likes, k=4)\n\
                embedding factors on user, post = als(likes, dim=4, iterations=1)\n\
                embedding towers on user, post = two_tower(positives=likes, dim=4, epochs=2, batch=64)\n\
                user.walk(likes).walk(similar).take(3)\n";
    program(world.path(), text);
    let (code, _, said) = run(world.path(), &["train", "page.igql", "--report", "report.html"]);
    assert_eq!(code, Some(0), "{said}");
    let html = page(world.path());
    for place in 0..4 {
        assert!(html.contains(&format!("<a href=\"#t{place}\">")), "{place}");
        assert!(html.contains(&format!("<section id=\"t{place}\">")), "{place}");
    }
    assert!(html.contains("Vectors of user") && html.contains("there is no version before"));
    assert!(html.contains("links to a row") && html.contains("NDCG@20 in the validation part"));
    let links = &read(&manifest("edge/similar", world.path()))["course"]["links"];
    assert_eq!((links["out"].as_array().unwrap().len(), &links["out"][20]), (21, &4.0.into()));
    let spaces = &read(&manifest("embedding/post/near", world.path()))["course"]["spaces"];
    let nearest = spaces[0]["near"][0]["nearest"].as_array().unwrap();
    assert!(nearest.is_sorted_by(|a, b| a[1].as_f64() >= b[1].as_f64()), "{nearest:?}");
    // the same vectors have the same neighbours
    let report = trained(world.path(), &["--only", "near,factors", "--again"]);
    for item in report["items"].as_array().unwrap() {
        assert_eq!(item["version"]["metrics"]["overlap@10"], 1.0, "{item}");
    }
}

#[test]
fn a_version_without_its_course_is_read_as_before() {
    let (world, _) = tasted(&[]);
    let path = manifest("model/post/taste", world.path());
    let mut text = read(&path);
    text.as_object_mut().unwrap().remove("course").unwrap();
    fs::write(&path, text.to_string()).unwrap();
    let (code, out, said) = run(world.path(), &["run", "page.igql", "--user", "1"]);
    assert!(code == Some(0) && out.contains("taste@1"), "{said}");
    let (code, out, said) = run(world.path(), &["train", "page.igql", "--report", "report.html"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(out.contains("up to date") && out.contains("mean NE"), "{out}");
    let html = page(world.path());
    assert!(html.contains("kept no course") && html.contains("p_click.test.auc"), "{html}");
}

#[test]
fn a_page_that_cannot_be_written_is_told_before_the_training() {
    let world = world();
    program(
        world.path(),
        "edge similar = itemknn(likes, k=4)\nuser.walk(likes).walk(similar).take(3)\n",
    );
    for (place, why) in [
        ("report.txt", "ends with `.html`"),
        ("nowhere/report.html", "nowhere/report.html"),
        (".igql/report.html", "derived files"),
    ] {
        let (code, out, said) = run(world.path(), &["train", "page.igql", "--report", place]);
        assert_eq!(code, Some(2), "{place}: {said}");
        assert!(out.is_empty() && said.contains(why), "{place}: {said}");
    }
    let (code, _, _) = run(world.path(), &["train", "--list", "--report", "report.html"]);
    assert_eq!(code, Some(2));
    assert!(!world.path().join(".igql/learned/edge/similar").exists());
    // a failure is a part of the page
    let args = ["train", "page.igql", "--report", "report.html", "--max-memory", "1KB"];
    assert_eq!(run(world.path(), &args).0, Some(3));
    let html = page(world.path());
    assert!(html.contains("<h2>edge similar</h2>") && html.contains("are allowed"), "{html}");
}

/// What a command writes to a terminal that is its standard error.
#[cfg(unix)]
fn on_terminal(folder: &Path, args: &[&str]) -> String {
    use std::io::Read;
    use std::os::fd::{FromRawFd, OwnedFd};
    use std::process::{Command, Stdio};
    let (mut own, mut other) = (0, 0);
    let size = libc::winsize { ws_row: 24, ws_col: 140, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: both ends are written into memory of their own, and belong to nobody else
    let (mut own, other) = unsafe {
        let none = std::ptr::null_mut();
        let made = libc::openpty(
            &raw mut own,
            &raw mut other,
            none,
            none.cast(),
            &raw const size as *mut _,
        );
        assert_eq!(made, 0);
        (fs::File::from_raw_fd(own), OwnedFd::from_raw_fd(other))
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_igql"));
    command.current_dir(folder).args(args).env("TERM", "xterm").stdin(Stdio::null());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::from(other)).spawn().unwrap();
    // the last one who holds the other end
    drop(command);
    let (mut text, mut bytes) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = own.read(&mut bytes) {
        text.extend_from_slice(&bytes[..count]);
    }
    assert!(child.wait().unwrap().success());
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(unix)]
#[test]
fn on_a_terminal_epochs_and_what_is_finished_are_told() {
    let world = models::world();
    program(world.path(), &format!("{TWO_HEADS}{LAST}"));
    let said = on_terminal(world.path(), &["train", "page.igql"]);
    assert!(said.contains("epoch 1 of at most 4") && said.contains(" left"), "{said}");
    let line = said.lines().find(|line| line.contains("model taste@1 in ")).unwrap();
    assert!(line.contains("mean NE") && line.contains("epochs, the best was"), "{line}");
    assert!(said.contains("warning: model taste: `always`"), "{said}");
}

#[test]
fn the_cause_is_told_where_labels_are_not() {
    let world = models::world();
    let failed = |text: &str| {
        program(world.path(), text);
        let (code, out, _) = run(world.path(), &["train", "page.igql", "--format", "json"]);
        assert_eq!(code, Some(3), "{out}");
        let report: Json = serde_json::from_str(&out).unwrap();
        report["items"][0]["error"].as_str().unwrap().to_owned()
    };
    let text =
        "model m on post = mlp(dense=[length], heads={p: clicked == 1}, example_weight=0.0)\n";
    let error = failed(text);
    assert!(error.contains("have the weight 0") && error.contains("`example_weight`"), "{error}");
    // one viewer who likes every post that there is, so that nothing is left to draw
    let likes: String = (0..90)
        .map(|post| format!("1,p{post:02},2024-02-{:02}T09:00:00Z\n", 1 + post / 4))
        .collect();
    fs::write(world.path().join("likes.csv"), format!("user_id,post_id,at\n{likes}")).unwrap();
    let posts: String =
        (0..90).map(|i| format!("p{i:02},photo,1,true,2023-01-01T00:00:00Z\n")).collect();
    fs::write(world.path().join("posts.csv"), format!("post_id,kind,length,live,made\n{posts}"))
        .unwrap();
    let text = "model m on post = mlp(positives=likes, sparse=[it], heads={p: likes}, sampling=popular(1.0))\n";
    let error = failed(text);
    assert!(error.contains("negatives could be drawn"), "{error}");
}

#[test]
fn a_folder_of_versions_that_is_not_there_is_named() {
    let world = world();
    program(
        world.path(),
        "edge similar = itemknn(likes, k=4)\nuser.walk(likes).walk(similar).take(3)\n",
    );
    for args in [
        &[
            "replay",
            "page.igql",
            "--learned",
            "nowhere",
            "--truth",
            "likes",
            "--from",
            "2024-02-20",
        ][..],
        &["train", "--list", "--learned", "nowhere"],
    ] {
        let (code, _, said) = run(world.path(), args);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("--learned nowhere: there is no such folder"), "{said}");
    }
}

#[test]
fn a_version_that_cannot_be_read_is_named() {
    let world = world();
    let text = "edge similar = itemknn(likes, k=4)\nuser.walk(likes).walk(similar).take(3)\n";
    program(world.path(), text);
    trained(world.path(), &[]);
    let path = manifest("edge/similar", world.path());
    fs::write(&path, "{\"kind\": \"ed").unwrap();
    for text in [text, &text.replace("walk(similar)", "walk(similar@1)")] {
        program(world.path(), text);
        let (code, _, said) = run(world.path(), &["check", "page.igql"]);
        assert_eq!(code, Some(1), "{said}");
        let said = said.split_whitespace().collect::<String>();
        assert!(
            said.contains("damaged") && said.contains("edge/similar/1/manifest.json"),
            "{said}"
        );
    }
    program(world.path(), text);
    let (code, _, said) = run(world.path(), &["train", "page.igql"]);
    assert!(code == Some(0) && said.contains("manifest.json"), "{said}");
}

#[test]
fn stages_of_a_funnel_are_explained_by_what_a_row_costs() {
    let (world, _) = tasted(&[]);
    let engine = Engine::open(world.path()).unwrap();
    drop(engine);
    let (code, out, said) = run(world.path(), &["explain", "page.igql", "--format", "json"]);
    assert_eq!(code, Some(0), "{said}");
    let plan: Json = serde_json::from_str(&out).unwrap();
    let nodes = plan["nodes"].as_array().unwrap();
    let rank = nodes.iter().find(|node| node["op"] == "rank").unwrap();
    let model = &rank["models"][0];
    // numbers: z-scores and ranks of three, as one is left out; ids: kinds of width 4, posts of width 4; towers of 16
    let each = (6 + 4 + 4) * 8 + (8 + 1) * 16 * 2;
    assert_eq!(model["each"], each, "{rank}");
    assert_eq!((&model["features"], &model["rows"]), (&6.into(), &90.into()), "{rank}");
    assert_eq!((&model["all"], &model["unit"]), (&(90 * each).into(), &"multiply-adds".into()));
    let (_, out, _) = run(world.path(), &["explain", "page.igql"]);
    let line = format!("taste@1: about 90 rows x 6 features, {each} multiply-adds each");
    assert!(out.contains(&line), "{out}");
    // what it is given is told once, by its names, and whole in JSON
    let names = given_names(rank);
    assert_eq!(names.len(), 6);
    assert!(out.contains(&format!("       given {}\n", names.join(", "))), "{out}");
    assert_eq!(out.matches("count(likes(viewer))").count(), 1, "{out}");
    let brief = rank["brief"].as_str().unwrap();
    assert!(brief.starts_with("taste@1, value=p_") && !brief.contains("count("), "{brief}");
    assert!(rank["details"].as_str().unwrap().contains("post.taste@1.p_"), "{rank}");
    assert!(nodes.iter().all(|node| node["op"] == "rank" || node["models"].is_null()));
}

/// What a model is given, as its declaration calls it.
fn given_names(node: &Json) -> Vec<&str> {
    let given = node["given"].as_array().unwrap().iter();
    given.map(|given| given["name"].as_str().unwrap()).collect()
}

#[test]
fn what_differs_in_a_long_declaration_is_told_in_few_lines() {
    let (world, _) = tasted(&[]);
    let long = TWO_HEADS.replace("count(likes(viewer))", "count(likes(viewer)) + 1, length * 2.0");
    program(world.path(), &format!("{long}{LAST}"));
    let (code, _, said) = run(world.path(), &["check", "page.igql"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("- dense: count(likes(viewer))"), "{said}");
    let told = &said[said.find("E0502").unwrap()..];
    assert!(told.contains("+ dense: length * 2.0") && !told.contains("label_window"), "{said}");
}
