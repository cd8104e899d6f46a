//! Mistakes in `catalog.toml` are reported with their line, what was expected, and a suggestion.

use crate::data::{LIKES, World};

fn broken(from: &str, to: &str, expected: &str) {
    let world = World::likes();
    world.edit("catalog.toml", from, to);
    let error = world.error();
    assert!(error.starts_with(expected), "expected: {expected}\nfound:    {error}");
}

#[test]
fn syntax() {
    broken("[entity.movie]", "[entity.movie", "error: catalog.toml, line 10: ");
    broken("key = \"movie_id\"", "key = ", "error: catalog.toml, line 11: ");
    broken(
        "key = \"movie_id\"",
        "key = \"movie_id\"\nkey = \"x\"",
        "error: catalog.toml, line 12: duplicate key",
    );
}

#[test]
fn unknown_keys() {
    broken(
        "table = \"users.csv\"",
        "tabel = \"users.csv\"",
        "error: catalog.toml, line 7: unknown key `tabel` in `[entity.user]`\n  help: did you mean `table`?",
    );
    broken(
        "[edge.likes]",
        "[edges.likes]",
        "error: catalog.toml, line 13: unknown key `edges` in the catalog\n  help: did you mean `edge`?",
    );
    broken(
        "{ entity = \"user\", column = \"user_id\" }",
        "{ entity = \"user\", colum = \"user_id\" }",
        "error: catalog.toml, line 15: unknown key `colum` in `[edge.likes.from]`\n  help: did you mean `column`?",
    );
    broken(
        "name = \"tiny\"",
        "wibble = 1",
        "error: catalog.toml, line 3: unknown key `wibble` in `[catalog]`\n  help: known here: `name`, `viewer`",
    );
}

#[test]
fn missing_keys() {
    broken(
        "viewer = \"user\"",
        "",
        "error: catalog.toml, line 2: `[catalog]` lacks `viewer`\n  help: add `viewer = ",
    );
    broken("key = \"movie_id\"", "", "error: catalog.toml, line 10: `[entity.movie]` lacks `key`");
    broken(
        "to = { entity = \"movie\", column = \"movie_id\" }",
        "",
        "error: catalog.toml, line 13: `[edge.likes]` lacks `to`",
    );
    broken(
        "table = \"likes.csv\"",
        "",
        "error: catalog.toml, line 13: `[edge.likes]` lacks `table`",
    );
    broken(
        "[catalog]\nname = \"tiny\"\nviewer = \"user\"",
        "",
        "error: catalog.toml, line 1: the section `[catalog]` is missing",
    );
}

#[test]
fn unknown_names() {
    broken(
        "viewer = \"user\"",
        "viewer = \"users\"",
        "error: catalog.toml, line 4: unknown entity `users`\n  help: did you mean `user`?",
    );
    broken(
        "entity = \"movie\"",
        "entity = \"film\"",
        "error: catalog.toml, line 16: unknown entity `film`\n  help: the catalog has the entities `user`, `movie`",
    );
    let defaults = "[defaults]\nseen = [\"likes\", \"liked\"]\n[catalog]";
    broken(
        "[catalog]",
        defaults,
        "error: catalog.toml, line 3: unknown edge `liked`\n  help: did you mean `likes`?",
    );
}

#[test]
fn wrong_types() {
    broken(
        "key = \"movie_id\"",
        "key = 3",
        "error: catalog.toml, line 11: `key` in `[entity.movie]` must be a string, found an integer",
    );
    broken(
        "from = { entity = \"user\", column = \"user_id\" }",
        "from = \"user_id\"",
        "error: catalog.toml, line 15: `from` in `[edge.likes]` must be a table, found a string",
    );
    broken(
        "type = \"time\"",
        "type = \"tiem\"",
        "error: catalog.toml, line 20: unknown type `tiem`\n  help: did you mean `time`?",
    );
    broken(
        "unit = \"s\"",
        "unit = \"min\"",
        "error: catalog.toml, line 20: unknown unit `min`\n  help: the units are `s`, `ms`, `us` and `ns`",
    );
    broken(
        "[edge.likes.columns]",
        "on_error = \"ignore\"\n[edge.likes.columns]",
        "error: catalog.toml, line 19: `on_error` is `ignore`",
    );
    broken(
        "[catalog]",
        "[defaults]\nnow = \"yesterday\"\n[catalog]",
        "error: catalog.toml, line 3: `now` is `yesterday`",
    );
}

#[test]
fn columns_that_the_file_lacks() {
    broken(
        "weight = \"stars\"",
        "weight = \"star\"",
        "error: catalog.toml, line 13: `[edge.likes]` names the column `star`, which likes.csv does not have\n  help: did you mean `stars`?",
    );
    broken(
        "ts = {",
        "tss = {",
        "error: catalog.toml, line 20: `[edge.likes]` names the column `tss`, which likes.csv does not have\n  help: did you mean `ts`?",
    );
}

#[test]
fn formats() {
    let format = |f: &str| format!("table = \"users.csv\"\nformat = {f}");
    let at = |f: &str, expected: &str| {
        broken(
            "table = \"users.csv\"",
            &format(f),
            &format!("error: catalog.toml, line 8: {expected}"),
        );
    };
    at("{ header = false }", "`[entity.user.format]` has `header = false` but no `names`");
    at("{ encoding = \"latin-9000\" }", "unknown encoding `latin-9000`");
    at(
        "{ names = [\"a...\", \"b\"] }",
        "only the last name can take the rest of the line, not `a...`",
    );
    at("{ names = [\"a\", \"a\"] }", "`names` lists `a` twice");
    at("{ separator = \"\" }", "`separator` is empty");
}

#[test]
fn contradictions() {
    broken(
        "time = \"ts\"",
        "time = \"stars\"",
        "error: catalog.toml, line 13: `time` and `weight` of edge `likes` name the same column `stars`",
    );
    broken(
        "key = \"movie_id\"",
        "key = \"movie_id\"\ntime = \"t\"",
        "error: catalog.toml, line 12: `time` in `[entity.movie]` needs a table",
    );
    let reference = "key = \"user_id\"\n[entity.user.references]\nme = { entity = \"user\", column = \"user_id\" }";
    broken(
        "key = \"user_id\"",
        reference,
        "error: catalog.toml, line 10: reference `me` uses the key column `user_id`",
    );
}

#[test]
fn no_files_for_a_glob() {
    broken(
        "users.csv",
        "u*.tsv",
        "error: catalog.toml, line 7: `table = \"u*.tsv\"`: no file matches it",
    );
}

#[test]
fn no_catalog() {
    let folder = tempfile::tempdir().unwrap();
    let error = igql::store::open(folder.path(), &igql::store::Options::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("catalog.toml: there is no such file\n  help: a project is a folder with")
    );
}

#[test]
fn the_catalog_is_found_from_below() {
    let world = World::new(LIKES);
    let deep = world.path("a/b");
    std::fs::create_dir_all(&deep).unwrap();
    std::fs::write(deep.join("program.igql"), "user").unwrap();
    assert_eq!(igql::catalog::find(&deep.join("program.igql")), Some(world.catalog()));
    assert_eq!(igql::catalog::find(world.folder.path()), Some(world.catalog()));
}

#[test]
fn unknown_storage() {
    broken(
        "[edge.likes]",
        "[embedding.v]\nentity = \"user\"\nfile = \"v.npy\"\nmetric = \"dot\"\nstorage = \"f8\"\n[edge.likes]",
        "error: catalog.toml, line 17: unknown storage `f8`\n  help: `storage` must be `f32` or, at half the size, `f16`",
    );
}
