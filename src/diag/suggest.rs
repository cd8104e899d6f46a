//! "Did you mean": the name that was most likely meant.

/// The name nearest to the wanted one, or none that is near enough; ties go to the earlier.
///
/// Names that differ only in case or underscores come first, then those of the smallest
/// Damerau-Levenshtein distance (at most a third of the length, at least one slip for names of
/// three letters and more), then those of which one begins or ends with the other at an
/// underscore (`likes` for `likes_source`), or has all its words in their order.
///
/// ```
/// use igql::diag::suggest::nearest;
/// let known = ["liked", "liked_media", "posted_media"];
/// assert_eq!(nearest("postedMedia", known.into_iter()), Some("posted_media"));
/// assert_eq!(nearest("liekd", known.into_iter()), Some("liked"));
/// assert_eq!(nearest("embedding", known.into_iter()), None);
/// ```
pub fn nearest<'a>(wanted: &str, among: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(wanted);
    if folded.is_empty() {
        return None;
    }
    let ranked = among
        .filter(|name| *name != wanted)
        .filter_map(|name| Some((rank(wanted, &folded, name)?, name)));
    ranked.min_by_key(|(rank, _)| *rank).map(|(_, name)| name)
}

/// Whether one name is the other with a slip or two, or another case: near enough to read on as if
/// it stood there.
pub fn is_slip(wanted: &str, name: &str) -> bool {
    rank(wanted, &fold(wanted), name).is_some_and(|rank| rank < PART)
}

/// The rank of names that are parts of each other.
const PART: usize = 1_000;

/// How far a name is: the smaller the nearer; none if it is too far.
fn rank(wanted: &str, folded: &str, name: &str) -> Option<usize> {
    let candidate = fold(name);
    if candidate == folded {
        return Some(0);
    }
    let length = folded.chars().count();
    if length.abs_diff(candidate.chars().count()) <= slips(length) {
        let distance = strsim::damerau_levenshtein(folded, &candidate);
        if distance <= slips(length) {
            return Some(distance);
        }
    }
    is_part(wanted, name).then_some(PART + name.len().abs_diff(wanted.len()))
}

fn fold(name: &str) -> String {
    name.chars().filter(|&c| c != '_' && c != '-').flat_map(char::to_lowercase).collect()
}

/// Slips that still leave a name of that many letters recognisable.
fn slips(length: usize) -> usize {
    match length {
        0..=2 => 0,
        3..=5 => 1,
        _ => (length / 3).min(3),
    }
}

/// Whether one name is the other's first or last words.
fn is_part(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    let at_word = |rest: &str, edge: fn(&str) -> bool| short.len() >= 3 && edge(rest);
    long.strip_prefix(short).is_some_and(|rest| at_word(rest, |r| r.starts_with('_')))
        || long.strip_suffix(short).is_some_and(|rest| at_word(rest, |r| r.ends_with('_')))
        || has_words(long, short)
}

/// Whether a name of several words has all the words of the other, in their order.
fn has_words(long: &str, short: &str) -> bool {
    let mut words = long.split('_');
    short.contains('_') && short.split('_').all(|word| words.any(|w| w == word))
}

#[cfg(test)]
mod tests {
    use super::nearest;

    fn of<'a>(wanted: &str, known: &[&'a str]) -> Option<&'a str> {
        nearest(wanted, known.iter().copied())
    }

    #[test]
    fn case_and_underscores_come_first() {
        assert_eq!(of("AuthorId", &["author_ix", "author_id"]), Some("author_id"));
        assert_eq!(
            of("embeddingconfig", &["embedding_configs", "embedding_config"]),
            Some("embedding_config")
        );
    }

    #[test]
    fn slips_grow_with_the_length() {
        assert_eq!(of("lieks", &["saves", "likes"]), Some("likes"));
        assert_eq!(of("x", &["y", "z"]), None);
        assert_eq!(of("it", &["id", "is"]), None);
        assert_eq!(of("parm", &["param", "policy"]), Some("param"));
        assert_eq!(
            of("non_recomendable_scor", &["non_recommendable_score"]),
            Some("non_recommendable_score")
        );
        assert_eq!(of("saves", &["likes"]), None);
    }

    #[test]
    fn parts_of_a_name_come_last_and_ties_keep_the_order() {
        assert_eq!(of("created", &["created_at", "quality"]), Some("created_at"));
        assert_eq!(of("media", &["liked_media", "posted_media"]), Some("liked_media"));
        assert_eq!(
            of("non_rec_threshold", &["non_rec_model_threshold"]),
            Some("non_rec_model_threshold")
        );
        assert_eq!(of("cat", &["bat", "rat"]), Some("bat"));
        assert_eq!(of("", &["a"]), None);
    }
}
