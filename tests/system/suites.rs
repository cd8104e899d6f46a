//! Every test runs: no file of a test binary is left out of it, and no function that would not be called.

use std::path::{Path, PathBuf};

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn every_suite_is_part_of_its_binary() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut suites = 0;
    for folder in entries(&tests) {
        let is_binary = folder.extension().is_some_and(|e| e == "rs");
        assert!(!is_binary, "{}: a binary for one suite", folder.display());
        let Ok(main) = std::fs::read_to_string(folder.join("main.rs")) else {
            continue;
        };
        for file in entries(&folder) {
            let name = file.file_stem().unwrap().display().to_string();
            if name != "main" {
                let line = format!("mod {name};");
                let is_there = main.lines().any(|l| l == line);
                assert!(is_there, "{}: no `{line}` in main.rs", file.display());
                suites += 1;
            }
        }
    }
    assert!(suites > 30, "only {suites} suites");
}

/// They are what `trials` lists; without the harness of Rust, a function with `#[test]` is left out.
#[test]
fn programs_have_no_tests_that_nobody_calls() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs");
    for file in entries(&folder) {
        let text = std::fs::read_to_string(&file).unwrap();
        let is_left_out = text.lines().any(|line| line.trim() == "#[test]");
        assert!(!is_left_out, "{}: it is not run", file.display());
    }
}
