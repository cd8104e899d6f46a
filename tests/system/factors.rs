//! Embeddings by matrix factors: the vectors of viewers are found from their links when they ask.

use super::train::{histories, open, program, run, trained, vectors_of, world};
use igql::{Engine, Request, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

const SPACE: &str = "embedding near on user, post = als(likes, dim=6, reg=0.4, alpha=5.0)\n";

/// The vector of a viewer with these posts by the normal equations (YᵀY + 5·Σyyᵀ + 0.4·n·I)·x = 6·Σy.
fn folded(posts: &BTreeMap<String, Vec<f32>>, liked: &BTreeSet<String>) -> Vec<f64> {
    let dim = 6;
    let mut system = vec![vec![0.0; dim + 1]; dim];
    let mut n = 0;
    for (key, vector) in posts {
        let is_liked = liked.contains(key);
        n += usize::from(is_liked);
        let weight = if is_liked { 6.0 } else { 1.0 };
        for i in 0..dim {
            for j in 0..dim {
                system[i][j] += weight * f64::from(vector[i]) * f64::from(vector[j]);
            }
            system[i][dim] += if is_liked { 6.0 * f64::from(vector[i]) } else { 0.0 };
        }
    }
    (0..dim).for_each(|i| system[i][i] += 0.4 * n as f64);
    // Gauss and Jordan
    for i in 0..dim {
        let pivot = system[i].clone();
        for (j, row) in system.iter_mut().enumerate() {
            let factor = row[i] / pivot[i];
            for (x, p) in row.iter_mut().zip(&pivot).skip(i).filter(|_| j != i) {
                *x -= factor * p;
            }
        }
    }
    (0..dim).map(|i| system[i][dim] / system[i][i]).collect()
}

fn dot(a: &[f64], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * f64::from(*y)).sum()
}

fn liked(user: usize, until_day: u32) -> BTreeSet<String> {
    histories(until_day)[user].iter().cloned().collect()
}

/// The rows of an answer by key, with their scores.
fn scores(engine: &Engine, page: &str, request: &Request) -> Vec<(String, f64)> {
    let answer = engine.run(&engine.compile(page).unwrap(), request).unwrap();
    answer.rows().iter().map(|row| (row.key().to_string(), row.score())).collect()
}

fn assert_products(found: &[(String, f64)], posts: &BTreeMap<String, Vec<f32>>, own: &[f64]) {
    assert_eq!(found.len(), 5);
    for (key, score) in found {
        assert!((score - dot(own, &posts[key])).abs() < 1e-4, "{key} {score}");
    }
    let keys: BTreeSet<&String> = found.iter().map(|(key, _)| key).collect();
    let least = found.iter().map(|(_, score)| *score).fold(f64::MAX, f64::min);
    let others = posts.iter().filter(|(key, _)| !keys.contains(key));
    assert!(others.map(|(_, vector)| dot(own, vector)).all(|score| score <= least + 1e-4));
}

#[test]
fn a_viewer_is_folded_in_from_what_is_visible() {
    let world = world();
    let page = format!("{SPACE}user.nn(near, to=post, k=5).take(5)\n");
    program(world.path(), &page);
    let report = trained(world.path(), &[]);
    let space = &report["items"][0]["version"]["space"];
    assert_eq!((&space["metric"], &space["fold_in"]["alpha"]), (&"dot".into(), &5.0.into()));
    let engine = open(world.path());
    let posts = vectors_of(&engine, "near@1", "post");
    let users = vectors_of(&engine, "near@1", "user");
    for user in [0, 7, 39] {
        let own = folded(&posts, &liked(user, 29));
        // what was stored in the training is what its links give
        let stored = &users[&user.to_string()];
        own.iter().zip(stored).for_each(|(a, b)| assert!((a - f64::from(*b)).abs() < 1e-4));
        assert_products(&scores(&engine, &page, &Request::user(user as i64)), &posts, &own);
        let early = Request::user(user as i64).at(1_707_523_200_000_000);
        let own = folded(&posts, &liked(user, 10));
        assert_products(&scores(&engine, &page, &early), &posts, &own);
    }
    let none = Request::user(3).at(1_704_067_200_000_000);
    assert!(scores(&engine, &page, &none).is_empty());
    assert!(scores(&engine, &page, &Request::user(4_711)).is_empty());
}

#[test]
fn a_user_of_after_the_training_has_a_vector() {
    let world = world();
    let page = format!("{SPACE}user.nn(near, to=post, k=5).take(5)\n");
    program(world.path(), &page);
    trained(world.path(), &[]);
    let path = world.path().join("likes.csv");
    let likes = fs::read_to_string(&path).unwrap();
    fs::write(
        &path,
        format!("{likes}90,p03,2024-02-28T23:00:00Z,0\n90,p05,2024-02-28T23:00:01Z,0\n"),
    )
    .unwrap();
    let engine = open(world.path());
    let posts = vectors_of(&engine, "near@1", "post");
    let own = folded(&posts, &BTreeSet::from(["p03".to_owned(), "p05".to_owned()]));
    assert_products(&scores(&engine, &page, &Request::user(90)), &posts, &own);
    // in expressions too: the viewer's own is found, those of others are stored
    let page =
        format!("{SPACE}all(user).let(own=norm(near), viewers=norm(viewer.near)).take(99)\n");
    let answer = engine.run(&engine.compile(&page).unwrap(), &Request::user(90)).unwrap();
    let norm = own.iter().map(|x| x * x).sum::<f64>().sqrt();
    let users = vectors_of(&engine, "near@1", "user");
    for row in answer.rows() {
        let key = row.key().to_string();
        let wanted = match users.get(&key) {
            _ if key == "90" => norm,
            Some(vector) => vector.iter().map(|x| f64::from(x * x)).sum::<f64>().sqrt(),
            None => panic!("{key} has no vector"),
        };
        let (Some(Value::Float(own)), Some(Value::Float(viewers))) =
            (row.get("own"), row.get("viewers"))
        else {
            panic!("{key}");
        };
        assert!((own - wanted).abs() < 1e-4 && (viewers - norm).abs() < 1e-4, "{key}");
    }
}

#[test]
fn normalized_vectors_are_compared_by_their_angles() {
    let world = world();
    let page = format!(
        "{SPACE}embedding angle on user, post = normalized(near)\n\
         user.nn(angle, to=post, k=5).let(c=cosine(viewer.near, near), a=cosine(viewer.angle, angle)).take(5)\n"
    );
    program(world.path(), &page);
    trained(world.path(), &[]);
    let engine = open(world.path());
    let posts = vectors_of(&engine, "near@1", "post");
    let own = folded(&posts, &liked(3, 29));
    let norm = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
    let angle = |vector: &Vec<f32>| {
        let long: Vec<f64> = vector.iter().map(|x| f64::from(*x)).collect();
        dot(&own, vector) / norm(&own) / norm(&long)
    };
    let answer = engine.run(&engine.compile(&page).unwrap(), &Request::user(3)).unwrap();
    let mut wanted: Vec<f64> = posts.values().map(angle).collect();
    wanted.sort_by(|a, b| b.total_cmp(a));
    for (row, wanted) in answer.rows().iter().zip(wanted) {
        for name in ["c", "a"] {
            assert_eq!(row.get(name), row.get("c"));
        }
        assert!((row.score() - wanted).abs() < 1e-5);
    }
    assert_eq!(answer.rows().len(), 5);
    // pooled rows are compared the same way, the viewer's own vector among them
    let pooled = page
        .replace("user.nn(angle", "given(user, [0, 1, 2]).nn(angle")
        .replace("k=5)", "k=5, pool=clusters(2))");
    let answer = engine.run(&engine.compile(&pooled).unwrap(), &Request::user(1)).unwrap();
    assert_eq!(answer.rows().len(), 5);
}

#[test]
fn a_version_that_is_named_needs_its_links() {
    let world = world();
    let page = format!("{SPACE}user.nn(near, to=post, k=5).take(5)\n");
    program(world.path(), &page);
    trained(world.path(), &[]);
    trained(world.path(), &["--again"]);
    let engine = open(world.path());
    let newest = scores(&engine, &page, &Request::user(5));
    let pinned = page.replace("nn(near,", "nn(near@1,");
    assert_eq!(scores(&engine, &pinned, &Request::user(5)), newest);
    let alone = "user.nn(near@1, to=post, k=5).take(5)\n";
    let drawn = engine.compile(alone).map(drop).unwrap_err().to_string();
    assert!(drawn.contains("E0504") && drawn.contains("als(edge=likes"), "{drawn}");
    // vectors of posts are stored, and need none
    engine.compile("user.walk(likes, limit=3).nn(near@1, to=post)").unwrap();
}

#[test]
fn what_is_wrong_with_factors_is_said() {
    let world = world();
    fs::write(world.path().join("follows.csv"), "user_id,other\n1,2\n").unwrap();
    let catalog = fs::read_to_string(world.path().join("catalog.toml")).unwrap();
    let follows = "[edge.follows]\ntable = \"follows.csv\"\nfrom = { entity = \"user\", column = \"user_id\" }\n\
                   to = { entity = \"user\", column = \"other\" }\n";
    fs::write(world.path().join("catalog.toml"), format!("{catalog}{follows}")).unwrap();
    for (text, code, says) in [
        ("embedding e on post = als(likes)\n", "E0504", "write `on user, post`"),
        ("embedding e on post, user = als(likes)\n", "E0504", "write `on user, post`"),
        ("embedding e on user, user = als(follows)\n", "E0504", "both ends"),
        ("embedding e on user, post = als(likes, alpha=0.0)\n", "E0306", "above 0"),
        ("embedding e on user, post = als(likes, reg_scale=links)\n", "E0213", "`count` or `none`"),
        ("embedding e on post = normalized()\n", "E0307", "one embedding"),
        ("embedding e on post = normalized(nothing)\n", "E0206", "nothing"),
        ("embedding e on post = normalized(e)\n", "E0209", "itself"),
        ("embedding e on post = normalized(embedding=e)\n", "E0304", "`of`"),
    ] {
        program(world.path(), &format!("{text}user.walk(likes).nn(e, to=post)\n"));
        let (status, _, said) = run(world.path(), &["check", "page.igql", "--assume-trained"]);
        assert_eq!(status, Some(1), "{text}");
        assert!(said.contains(code) && said.contains(says), "{code} {says}\n{said}");
    }
}
