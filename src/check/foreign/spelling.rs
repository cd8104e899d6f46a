//! Finding a name of another language, however it is spelt.

pub(super) fn find<'t, T>(
    table: &'t [T],
    names: fn(&T) -> &'static [&'static str],
    name: &str,
) -> Option<&'t T> {
    let name = folded(name);
    let same = |other: &&str| folded(other) == name;
    table.iter().find(|entry| names(entry).iter().any(same))
}

pub(super) fn folded(name: &str) -> String {
    let letters = name.chars().filter(|&c| c != '_');
    letters.flat_map(char::to_lowercase).collect()
}
