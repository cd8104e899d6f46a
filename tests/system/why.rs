//! Explanations, as the command writes them: why a row is there, why another is not.

use serde_json::Value;
use std::path::Path;
use std::process::Command;

const WORLD: [(&str, &str); 4] = [
    (
        "catalog.toml",
        "[catalog]\nname = \"small\"\nviewer = \"user\"\n\n\
         [entity.user]\ntable = \"users.csv\"\nkey = \"user_id\"\n\n\
         [entity.account]\nkey = \"account_id\"\n\n\
         [entity.media]\ntable = \"media.csv\"\nkey = \"media_id\"\ntime = \"created_at\"\n\
         [entity.media.references]\nauthor = { entity = \"account\", column = \"author_id\" }\n\n\
         [edge.likes]\ntable = \"likes.csv\"\nfrom = { entity = \"user\", column = \"user_id\" }\n\
         to = { entity = \"media\", column = \"media_id\" }\ntime = \"ts\"\n",
    ),
    ("users.csv", "user_id\n42\n43\n"),
    (
        "media.csv",
        "media_id,author_id,quality,unsafe,kind,created_at\n\
         7,3,0.5,0.1,video,2024-01-01\n\
         8,3,0.9,0.1,photo,2024-01-02\n\
         9,3,0.7,0.4,video,2024-01-03\n\
         10,4,0.1,0.1,photo,2024-01-04\n\
         11,3,0.8,0.1,photo,2025-01-01\n",
    ),
    ("likes.csv", "user_id,media_id,ts\n42,7,2024-02-01\n42,10,2024-02-02\n"),
];

struct World(tempfile::TempDir);

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in WORLD {
            std::fs::write(folder.path().join(name), text).expect("a file");
        }
        World(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn run(&self, program: &str, args: &[&str]) -> String {
        let file = self.path().join("program.igql");
        std::fs::write(&file, program).expect("a program");
        let out = Command::new(env!("CARGO_BIN_EXE_igql"))
            .arg("run")
            .arg(&file)
            .args(["--user", "42", "--at", "2024-06-01"])
            .args(args)
            .output()
            .expect("the command");
        let errors = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{errors}");
        String::from_utf8(out.stdout).expect("text")
    }

    fn json(&self, program: &str, args: &[&str]) -> Value {
        serde_json::from_str(&self.run(program, args)).expect("JSON")
    }

    /// The explanation of one absent media.
    fn not(&self, program: &str, id: &str) -> String {
        let text = self.run(program, &["--format", "table", "--why-not", id]);
        let start = text.find(&format!("media {id} ")).expect("an explanation");
        text[start..].to_owned()
    }
}

const NEIGHBOURS: &str = "user.walk(likes).walk(author, merge=sum).walk(~author)";

#[test]
fn heads_that_take_the_names_of_others_are_told() {
    let world = World::new();
    let program = "model first on media = formula(heads={p: quality, q: unsafe})\n\
                   model second on media = formula(heads={p: 2 * quality})\n\
                   all(media).rank(first, value=p - q).rank(second, value=p)";
    let answer = world.json(program, &["--why"]);
    for row in answer["results"].as_array().expect("rows") {
        let scores = &row["why"]["scores"];
        let quality = scores[0]["heads"]["p"].as_f64().expect("a number");
        assert_eq!(scores[1]["heads"], serde_json::json!({"p": 2.0 * quality}));
    }
}

#[test]
fn the_path_leads_from_the_viewer_to_the_row() {
    let world = World::new();
    let answer = world.json(&format!("{NEIGHBOURS}.filter(unsafe < 0.2)"), &["--why"]);
    let why = &answer["results"][0]["why"];
    let ops: Vec<&str> =
        why["path"].as_array().expect("steps").iter().filter_map(|s| s["op"].as_str()).collect();
    assert_eq!(ops, ["user", "walk likes", "walk author", "walk ~author"]);
    assert_eq!(why["path"][0]["user_id"], 42);
    assert_eq!(why["path"][1]["media_id"], 10);
    assert_eq!(why["path"][2]["account_id"], 4);
    assert_eq!(why["path"][3]["media_id"], answer["results"][0]["media_id"]);
    assert!(answer["results"][0].get("why").is_some());
    let plain = world.json(&format!("{NEIGHBOURS}.filter(unsafe < 0.2)"), &[]);
    assert!(plain["results"][0].get("why").is_none());
}

#[test]
fn scores_come_with_the_features_that_make_them() {
    let world = World::new();
    let program =
        format!("model m on media = formula(2.0 * quality - unsafe)\n{NEIGHBOURS}.rank(m)");
    let answer = world.json(&program, &["--why"]);
    let score = &answer["results"][0]["why"]["scores"][0];
    assert_eq!(answer["results"][0]["media_id"], 8);
    assert_eq!(score["op"], "rank m");
    assert_eq!(score["position"], 1);
    let features = score["features"].as_array().expect("features");
    assert_eq!(features[0]["feature"], "quality");
    assert_eq!(features[0]["value"], 0.9);
    // qualities 0.5, 0.9, 0.7, 0.1 have the mean 0.55
    let effect = features[0]["effect"].as_f64().expect("a number");
    assert!((effect - 2.0 * (0.9 - 0.55)).abs() < 1e-9, "{effect}");
    let effect = features[1]["effect"].as_f64().expect("a number");
    assert!((effect - (0.175 - 0.1)).abs() < 1e-9, "{effect}");
}

#[test]
fn branches_and_moves_are_told() {
    let world = World::new();
    let program = format!(
        "a = user.walk(likes)\nb = {NEIGHBOURS}.score(quality)\n(a | b).score(quality).diversify_by(author_id)"
    );
    let answer = world.json(&program, &["--why"]);
    let rows = answer["results"].as_array().expect("rows");
    let row = |id: i64| rows.iter().find(|r| r["media_id"] == id).expect("the row");
    let both = row(7)["why"]["branches"].as_array().expect("branches");
    assert_eq!(both.len(), 2);
    assert_eq!((&both[0]["chosen"], &both[1]["chosen"]), (&true.into(), &false.into()));
    assert_eq!(both[1]["score"], 0.5);
    // 8 9 7 10 by quality, authors 3 3 3 4: 10 moves up
    let moved = &row(10)["why"]["moves"][0];
    assert_eq!((&moved["from"], &moved["to"]), (&4.into(), &2.into()));
    assert!(row(8)["why"].get("moves").is_none());
}

#[test]
fn a_filter_says_which_condition_failed_and_on_what() {
    let world = World::new();
    let not = world.not(
        &format!("{NEIGHBOURS}.score(quality).filter(unsafe < 0.2 and kind == \"photo\")"),
        "9",
    );
    assert!(not.starts_with("media 9 was dropped\n"), "{not}");
    assert!(not.contains("filter (#5): unsafe < 0.2: it is 0.4\n"), "{not}");
    let not = world.not(&format!("{NEIGHBOURS}.score(quality).filter(kind == \"photo\")"), "7");
    assert!(not.contains("kind == \"photo\": it is \"video\"\n"), "{not}");
    // moved into the fan-out, it still is the filter that drops
    let not = world.not(&format!("{NEIGHBOURS}.filter(unsafe < 0.2)"), "9");
    assert!(not.starts_with("media 9 was dropped\n"), "{not}");
    assert!(not.contains("unsafe < 0.2: it is 0.4\n"), "{not}");
}

#[test]
fn a_cut_says_where_the_row_stood() {
    let world = World::new();
    let not = world.not(&format!("{NEIGHBOURS}.score(quality).take(2)"), "7");
    assert!(
        not.contains("it was at position 3 of 4 with score 0.5, and `take(2)` kept 2"),
        "{not}"
    );
    let not = world.not(&format!("{NEIGHBOURS} - user.walk(likes)"), "7");
    assert!(not.contains("it is in the set on the right (`walk likes`)"), "{not}");
}

#[test]
fn a_fan_out_says_how_near_it_came() {
    let world = World::new();
    let not = world.not("user.walk(likes).walk(author).walk(~author, limit=2)", "7");
    assert!(not.starts_with("media 7 was never reached\n"), "{not}");
    assert!(not.contains("number 3 from account 3, beyond `limit=2`"), "{not}");
    let not = world.not("user.walk(likes, limit=1).walk(author).walk(~author)", "9");
    assert!(
        not.contains("only account 3 leads to media 9, and it is not among 1 `account` rows"),
        "{not}"
    );
    assert!(not.contains("account 3: only media 7, media 8, media 9 lead to account 3"), "{not}");
    assert!(not.contains("number 2 from user 42, beyond `limit=1`"), "{not}");
}

#[test]
fn the_invisible_and_the_unknown_are_told_apart() {
    let world = World::new();
    let not = world.not(NEIGHBOURS, "11");
    assert!(not.starts_with("media 11 is invisible\n"), "{not}");
    assert!(
        not.contains("it is visible from 2025-01-01T00:00:00Z, and `now` is 2024-06-01T00:00:00Z"),
        "{not}"
    );
    assert!(world.not(NEIGHBOURS, "99").contains("media 99 is unknown\n  `media` has no `99`"));
    assert!(world.not(NEIGHBOURS, "8").contains("media 8 is there\n"));
}

#[test]
fn reasons_are_json_for_machines() {
    let world = World::new();
    let program = format!("{NEIGHBOURS}.score(quality).filter(unsafe < 0.2)");
    let answer = world.json(&program, &["--why-not", "9"]);
    let not = &answer["why_not"][0];
    assert_eq!(not["media_id"], 9);
    assert_eq!(not["outcome"], "dropped");
    assert_eq!(not["reasons"][0]["op"], "filter");
    assert_eq!(not["reasons"][0]["values"]["unsafe"], 0.4);
}

#[test]
fn the_way_goes_through_the_members_of_a_group() {
    let world = World::new();
    let group = "given(user, [42, 43]).as_viewer(user.walk(likes), merge=max)";
    let answer = world.json(group, &["--why"]);
    let path = &answer["results"][0]["why"]["path"];
    let ops: Vec<&str> =
        path.as_array().expect("steps").iter().filter_map(|s| s["op"].as_str()).collect();
    assert_eq!(ops, ["given", "as_viewer", "walk likes"]);
    assert_eq!(path[1]["user_id"], 42);
    let not = world.not(&group.replace("max", "min"), "7");
    assert!(not.starts_with("media 7 was never reached\n"), "{not}");
    assert!(not.contains("as_viewer (#3): 1 of 2 members do not have it, as user 43"), "{not}");
    assert!(not.contains("as user 43: only user 42 leads to media 7"), "{not}");
}

#[test]
fn an_inserted_row_is_from_the_set_that_filled_the_slot() {
    let world = World::new();
    let program = "user.walk(likes).insert(all(media).filter(media_id == 7), at=[2])";
    let answer = world.json(program, &["--why"]);
    let row = &answer["results"][1];
    assert_eq!(row["media_id"], 7);
    assert_eq!(row["why"]["path"][0]["op"], "all");
    let branches = row["why"]["branches"].as_array().expect("branches");
    assert_eq!((&branches[0]["chosen"], &branches[1]["chosen"]), (&false.into(), &true.into()));
}

#[test]
fn a_combined_row_is_from_the_branch_that_it_names() {
    let world = World::new();
    let program = format!(
        "mine = user.walk(likes)\nnear = {NEIGHBOURS}.score(quality)\ncombine(0.2 * mine, 0.8 * near)"
    );
    let answer = world.json(&program, &["--why"]);
    for row in answer["results"].as_array().expect("rows") {
        let branches = row["why"]["branches"].as_array().expect("branches");
        let chosen: Vec<_> = branches.iter().filter(|b| b["chosen"] == true).collect();
        assert_eq!(chosen.len(), 1);
        assert_eq!(chosen[0]["branch"], row["branch"]);
    }
    assert_eq!(answer["results"][0]["branch"], "near");
}

#[test]
fn what_a_sample_leaves_has_not_moved() {
    let world = World::new();
    let answer = world.json(&format!("{NEIGHBOURS}.score(quality).sample(2)"), &["--why"]);
    for row in answer["results"].as_array().expect("rows") {
        assert!(row["why"].get("moves").is_none(), "{row}");
    }
}

/// Why one row is there: the lines that are about it.
fn explanation(text: &str, id: i64) -> String {
    let begins = |line: &&str| {
        line.starts_with("  ") && line.trim_start().starts_with(|c: char| c.is_ascii_digit())
    };
    let of_row = |line: &&str| {
        begins(line)
            && line.rsplit("-> ").next().is_some_and(|end| end.contains(&format!("media {id}")))
    };
    let mut lines = text.lines().skip_while(|line| !of_row(line));
    let first = lines.next().unwrap_or_default();
    let rest: Vec<&str> = lines.take_while(|line| !begins(line)).collect();
    format!("{first}\n{}", rest.join("\n"))
}

/// What makes a score null is named: the part of it that is null without a null part.
#[test]
fn a_null_score_says_what_is_null() {
    let world = World::new();
    let media = "media_id,author_id,quality,unsafe,kind,created_at\n7,3,,0.1,video,2024-01-01\n8,,0.9,,photo,\n9,3,0.7,0.4,video,2024-01-03\n";
    std::fs::write(world.path().join("media.csv"), media).expect("a file");
    let account = "[entity.account]\ntable = \"accounts.csv\"\nkey = \"account_id\"\n";
    let catalog = WORLD[0].1.replace("[entity.account]\nkey = \"account_id\"\n", account);
    let likes = "to = { entity = \"media\", column = \"media_id\" }\ntime = \"ts\"\n";
    let catalog = catalog.replace(likes, &format!("{likes}weight = \"w\"\n"));
    let files = [
        ("catalog.toml", &*catalog),
        ("accounts.csv", "account_id,fans\n3,\n4,5\n"),
        ("likes.csv", "user_id,media_id,ts,w\n42,7,2024-02-01,\n43,9,2024-02-01,0.5\n"),
    ];
    for (name, text) in files {
        std::fs::write(world.path().join(name), text).expect("a file");
    }
    let given = "given(media, [7, 8])";
    let cases = [
        (
            format!("{given}.score(unsafe + quality)"),
            7,
            "its score is null because quality is null",
        ),
        (format!("{given}.score(unsafe + quality)"), 8, "its score is null because unsafe is null"),
        (format!("{given}.score(author.fans)"), 7, "because author_id.fans is null"),
        (format!("{given}.score(author.fans)"), 8, "because author_id is null"),
        (format!("{given}.score(author.fans + unsafe)"), 7, "because author_id.fans is null,"),
        (
            format!("{given}.score(coalesce(quality, author.fans))"),
            7,
            "quality is null and author_id.fans is null",
        ),
        (
            format!("{given}.score(quality if unsafe is not null else 1.0)"),
            7,
            "because quality is null",
        ),
        (
            format!("{given}.score(1.0 / (position - 1))"),
            7,
            "1.0 / (position - 1) is null: it divides by 0",
        ),
        (
            format!("{given}.score(sqrt(position - 3))"),
            7,
            "sqrt(position - 3) is null: it is undefined where position - 3 is -2",
        ),
        (
            format!("{given}.score(max(~likes(it), weight))"),
            7,
            "is null: its value is null for every link",
        ),
        (format!("{given}.score(mean(~likes(it), weight))"), 8, "is null: there are no such links"),
        (
            format!("{given}.let(x=quality * 2).filter(media_id != 9).take(5).score(x + 1)"),
            7,
            "because x is null, because quality is null",
        ),
        (
            format!("model m on media = formula(quality - unsafe)\n{given}.rank(m)"),
            8,
            "rank m: its score is null because unsafe is null",
        ),
        (
            format!("model m on media = linear({{quality: 0.5, unsafe: 1.0}})\n{given}.rank(m)"),
            7,
            "its score is null because quality is null",
        ),
        (
            format!(
                "model m on media = linear({{quality: 0.5}}, missing=0.0)\n{given}.rank(m, value=score * unsafe)"
            ),
            8,
            "its score is null because unsafe is null",
        ),
        (
            format!("{given}.score(quality).walk(author).walk(~author)"),
            7,
            "media 7 (no score: the score that it comes from is null)",
        ),
    ];
    for (program, id, wanted) in &cases {
        let text = world.run(program, &["--format", "table", "--why"]);
        let block = explanation(&text, *id);
        assert!(block.contains(wanted), "{program}, {id}: {wanted}\n{text}");
    }
    let answer = world.json(&format!("{given}.score(unsafe + quality)"), &["--why"]);
    let null = &answer["results"][0]["why"]["scores"][0]["null"];
    assert_eq!(null[0]["part"], "quality");
    assert_eq!(null[0]["reason"], "is null");
}

/// The case of the shared folder: a row without a score.
#[test]
fn a_row_without_a_score_names_the_column() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [
        (
            "catalog.toml",
            "[catalog]\nviewer = \"user\"\n[entity.user]\nkey = \"user\"\n[entity.item]\ntable = \"items.csv\"\nkey = \"item\"\n\
             [edge.ev]\ntable = \"ev.csv\"\nfrom = { entity = \"user\", column = \"user\" }\nto = { entity = \"item\", column = \"item\" }\n",
        ),
        ("ev.csv", "user,item\n7,1\n"),
        ("items.csv", "item,a,b\n1,10,\n2,9,5\n"),
        ("p.igql", "all(item).score(a + b)\n"),
    ] {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    let out = Command::new(env!("CARGO_BIN_EXE_igql"))
        .current_dir(folder.path())
        .args(["run", "p.igql", "--why", "--format", "table"])
        .output()
        .expect("the command");
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(
        text.contains(
            "  2. item 1\n       score: its score is null because b is null, at position 2\n"
        ),
        "{text}"
    );
}

/// What a page of lists, time, filters and cuts do to an entity that is asked for.
#[test]
fn absence_is_explained_in_every_list() {
    let world = World::new();
    let page = format!(
        "a = {NEIGHBOURS}.filter(unsafe < 0.2)\n{{top: a.score(quality).take(1), rest: a - user.walk(likes), who: user}}"
    );
    let told = [
        (
            "9",
            vec![
                "media 9 in top was dropped",
                "unsafe < 0.2: it is 0.4",
                "media 9 in rest was dropped",
            ],
        ),
        ("7", vec!["media 7 in top was dropped", "it is in the set on the right (`walk likes`)"]),
        ("11", vec!["media 11 in top is invisible", "it is visible from 2025-01-01T00:00:00Z"]),
        (
            "999",
            vec![
                "media 999 in top is unknown",
                "`media` has no `999`",
                "user 999 in who is unknown",
            ],
        ),
        ("8", vec!["media 8 in top is there", "media 8 in rest is there"]),
        ("42", vec!["user 42 in who is there"]),
    ];
    for (id, wanted) in told {
        let text = world.run(&page, &["--format", "table", "--why-not", id]);
        for part in wanted {
            assert!(text.contains(part), "{id}: {part}\n{text}");
        }
    }
}
