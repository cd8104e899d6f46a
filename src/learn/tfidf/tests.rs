use super::*;
use crate::learn::Unwatched;
use crate::learn::testing::same_bytes;
use crate::random::Random;

fn learned(texts: &[Option<&str>], p: &TfIdfSettings) -> (TfIdf, Vectors) {
    tfidf(&texts, p, &Unwatched).unwrap()
}

fn all_terms(dim: usize) -> TfIdfSettings {
    TfIdfSettings { dim, min_df: 1, ..TfIdfSettings::default() }
}

fn terms(learned: &TfIdf) -> Vec<&str> {
    let parts = learned.parts();
    (0..parts.len()).map(|number| std::str::from_utf8(parts.term(number)).unwrap()).collect()
}

fn fold(learned: &TfIdf, text: &str) -> Option<Vec<f32>> {
    let mut to = vec![f32::NAN; learned.parts().dim];
    let any = learned.fold(|each| each(text), &mut TextScratch::default(), &mut to);
    assert!(any || to.iter().all(|x| *x == 0.0));
    any.then_some(to)
}

#[test]
fn weights_by_hand() {
    let texts = [Some("Cat cat dog"), Some("dog BIRD"), None, Some("!"), Some("dog")];
    let (learned, vectors) = learned(&texts, &all_terms(5));
    assert_eq!(terms(&learned), ["bird", "cat", "dog"]);
    // three rows have a word: 1 + ln(4/2), 1 + ln(4/2), 1 + ln(4/4)
    let rare = 1.0 + 2f64.ln();
    for (got, idf) in learned.parts().idf.iter().zip([rare, rare, 1.0]) {
        assert!((got - idf).abs() < 1e-15);
    }
    let cat = (1.0 + 2f64.ln()) * rare;
    let rows = [
        Some([0.0, cat / cat.hypot(1.0), 1.0 / cat.hypot(1.0)]),
        Some([rare / rare.hypot(1.0), 0.0, 1.0 / rare.hypot(1.0)]),
        None,
        None,
        Some([0.0, 0.0, 1.0]),
    ];
    for (row, expected) in rows.iter().enumerate() {
        assert_eq!(vectors.has[row], expected.is_some());
        let [a, b, c] = expected.unwrap_or_default().map(|x| x as f32);
        for (got, expected) in vectors.row(row).iter().zip([a, b, c, 0.0, 0.0]) {
            assert!((got - expected).abs() < 1e-7, "{row}: {:?}", vectors.row(row));
        }
    }
    assert!(learned.parts().projection.is_empty());
}

#[test]
fn rare_terms_go_first_then_those_of_fewest_rows() {
    let texts = [Some("b c d once"), Some("a b c"), Some("a b d d"), Some("ä Ä b")];
    let of = |min_df, max_terms| {
        let p = TfIdfSettings { min_df, max_terms, ..TfIdfSettings::default() };
        terms(&learned(&texts, &p).0).join(" ")
    };
    assert_eq!(of(2, 10), "a b c d");
    assert_eq!(of(2, 3), "a b c");
    assert_eq!(of(2, 1), "b");
    assert_eq!(of(0, 100), "a b c d once ä");
    assert_eq!(of(1, 0), "");
    assert_eq!(of(5, 10), "");
}

/// Texts of words that Zipf's law draws from some topics.
fn texts(rows: usize, seed: u64) -> Vec<Option<String>> {
    let mut random = Random::new(seed, 0);
    let mut word = |topic: usize| {
        let place = (2_000.0f64.powf(random.unit())) as usize;
        if random.below(3) == 0 {
            format!("Common{place}")
        } else {
            format!("t{topic}w{}", place / 20)
        }
    };
    let text = |row: usize| -> Option<String> {
        let words: Vec<String> = (0..row % 23).map(|_| word(row % 7)).collect();
        (!row.is_multiple_of(11)).then(|| words.join(", "))
    };
    (0..rows).map(text).collect()
}

#[test]
fn products_are_those_of_the_weights_if_nothing_is_cut() {
    let texts = texts(60, 1);
    let weights = tfidf(&&texts[..], &all_terms(2_000), &Unwatched).unwrap();
    let count = weights.0.parts().len();
    // as many singular vectors as there are rows, fewer than terms
    let (learned, vectors) = tfidf(&&texts[..], &all_terms(count - 1), &Unwatched).unwrap();
    assert_eq!(learned.parts().projection.len(), count * (count - 1));
    let product = |vectors: &Vectors, a: usize, b: usize| -> f32 {
        vectors.row(a).iter().zip(vectors.row(b)).map(|(a, b)| a * b).sum()
    };
    for a in 0..texts.len() {
        assert_eq!(vectors.has[a], weights.1.has[a]);
        for b in 0..=a {
            let (got, expected) = (product(&vectors, a, b), product(&weights.1, a, b));
            assert!((got - expected).abs() < 1e-5, "{a} {b}: {got} {expected}");
        }
    }
    assert!(vectors.rows.chunks(count - 1).all(|row| row[60..].iter().all(|x| *x == 0.0)));
}

#[test]
fn a_row_that_arrives_has_the_vector_of_one_that_was_there() {
    let texts = texts(500, 2);
    for dim in [16, 4_000] {
        let (learned, vectors) = tfidf(&&texts[..], &all_terms(dim), &Unwatched).unwrap();
        assert_eq!(learned.parts().len() <= dim, dim == 4_000);
        let stored = TfIdf::new(learned.parts().clone()).unwrap();
        let mut scratch = TextScratch::default();
        for (row, text) in texts.iter().enumerate() {
            let mut to = vec![f32::NAN; dim];
            let pieces = |each: &mut dyn FnMut(&str)| {
                // the same words, in two pieces
                let text = text.as_deref().unwrap_or_default();
                let (a, b) = text.split_once(',').unwrap_or((text, ""));
                [b, a].into_iter().for_each(each);
            };
            assert_eq!(stored.fold(pieces, &mut scratch, &mut to), vectors.has[row]);
            assert!(to.iter().zip(vectors.row(row)).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
        assert_eq!(fold(&stored, "never read before"), None);
        assert_eq!(fold(&stored, "🎉"), None);
    }
}

#[test]
fn the_same_bytes_on_any_number_of_threads() {
    let texts = texts(3_000, 3);
    let p = TfIdfSettings { dim: 24, ..TfIdfSettings::default() };
    let (parts, vectors) = same_bytes(|watch| {
        let (learned, vectors) = tfidf(&&texts[..], &p, watch)?;
        Ok((learned.parts, vectors))
    });
    assert!(parts.len() > 200 && vectors.rows.iter().all(|x| x.is_finite()));
    assert!(vectors.has.iter().filter(|has| **has).count() > 2_000);
}

#[test]
fn odd_texts_give_numbers() {
    let long = "x".repeat(1 << 20);
    let odd: [&[Option<&str>]; 8] = [
        &[],
        &[None],
        &[Some(""), None, Some("\u{0} \u{feff}…")],
        &[Some("one")],
        &[Some("one"), Some("one ONE oNe")],
        &[Some("👩‍👩‍👧 🎉"), Some("🎉 party")],
        &[Some(&long), Some("a b"), Some(&long)],
        &[Some("a b c d"), Some("e f g h"), Some("i j k l"), Some("m n o p")],
    ];
    for texts in odd {
        for dim in [0, 1, 3, 64] {
            let (learned, vectors) = learned(texts, &all_terms(dim));
            assert_eq!((vectors.rows.len(), vectors.has.len()), (texts.len() * dim, texts.len()));
            for row in 0..texts.len() {
                let length: f32 = vectors.row(row).iter().map(|x| x * x).sum();
                assert!(if vectors.has[row] {
                    length > 0.0 && length < 1.001
                } else {
                    length == 0.0
                });
            }
            assert!(TfIdf::new(learned.parts).is_some());
        }
    }
}

#[test]
fn what_was_stored_must_fit_together() {
    let (learned, _) = learned(&[Some("a b c"), Some("b c d")], &all_terms(2));
    let parts = learned.parts();
    assert!(TfIdf::new(parts.clone()).is_some());
    let broken: [fn(&mut TfIdfParts); 9] = [
        |parts| parts.dim = 3,
        |parts| parts.dim = usize::MAX,
        |parts| _ = parts.projection.pop(),
        |parts| parts.projection[0] = f32::NAN,
        |parts| parts.idf[1] = 0.0,
        |parts| _ = parts.offsets.pop(),
        |parts| parts.offsets[1] = 9,
        |parts| parts.terms.swap(0, 1),
        |parts| _ = parts.idf.pop(),
    ];
    for (at, spoil) in broken.into_iter().enumerate() {
        let mut parts = parts.clone();
        spoil(&mut parts);
        assert!(TfIdf::new(parts).is_none(), "{at}");
    }
    assert!(TfIdf::new(TfIdfParts::default()).is_none());
}
