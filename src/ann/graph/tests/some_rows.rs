//! Searches among some rows.

use super::*;

/// `share` of the rows, all of them, or as far as possible, of a few topics.
fn share_of(rows: usize, share: f64, topics: Option<&[usize]>) -> RowSet {
    let mut random = Random::new(31);
    let mut marks = || -> Vec<f64> { (0..rows).map(|_| random.unit()).collect() };
    let (of_row, of_topic) = (marks(), marks());
    let some_topics = share.max(0.01);
    let passes = |&row: &u32| match topics {
        None => of_row[row as usize] < share,
        Some(topics) => {
            let topic = topics[row as usize];
            of_topic[topic] < some_topics && of_row[row as usize] < share / some_topics
        }
    };
    RowSet::new(rows, (0..rows as u32).filter(passes))
}

#[test]
fn recall_among_some_rows() {
    let (n, dim) = (20_000, 16);
    let (data, topics) = Random::new(30).topical(n, dim, 400);
    for metric in Metric::ALL {
        let vectors = vectors(&data, dim, metric);
        let image = build(&vectors);
        let graph = Graph::open(image.as_bytes()).unwrap();
        for share in [0.5, 0.2, 0.05, 0.005, 0.0005] {
            for topics in [None, Some(&topics[..])] {
                let set = share_of(n, share, topics);
                for k in [10, 50] {
                    let vector = |i: usize| &data[i * 631 * dim..][..dim];
                    let queries: Vec<Query> = (0..30).map(|i| query(vector(i), k)).collect();
                    let truth = exact_search(&vectors, &queries, Some(set.words()));
                    for known in [true, false] {
                        let case = format!("{metric} {share} {} {k} {known}", topics.is_some());
                        let (mut sum, mut walked) = (0.0, 0);
                        for (query, truth) in queries.iter().zip(&truth) {
                            let (found, walk) = find_among(&graph, &vectors, query, &set, known);
                            assert_eq!(found.len(), k.min(set.len()), "{case}");
                            assert!(found.iter().all(|hit| set.has(hit.row)), "{case}");
                            sum += recall(truth, &found) / 30.0;
                            walked += usize::from(walk);
                        }
                        assert!(sum >= 0.95, "{case}: recall {sum}");
                        // many pass: most searches walk; few do, and that is known: none does
                        assert!(share < 0.4 || walked > 20, "{case}: {walked} walked");
                        assert!(share > 0.01 || !known || walked == 0, "{case}: {walked}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_walk_crosses_near_rows_that_do_not_pass() {
    let (n, dim, k) = (20_000, 16, 20);
    let (data, topics) = Random::new(34).topical(n, dim, 400);
    for metric in Metric::ALL {
        let vectors = vectors(&data, dim, metric);
        let image = build(&vectors);
        let graph = Graph::open(image.as_bytes()).unwrap();
        let mut sum = 0.0;
        for row in (0..n).step_by(n / 30) {
            let others = (0..n as u32).filter(|&other| topics[other as usize] != topics[row]);
            let set = RowSet::new(n, others);
            let query = query(&data[row * dim..][..dim], k);
            let truth = exact_search(&vectors, &[query], Some(set.words())).remove(0);
            let (found, walked) = find_among(&graph, &vectors, &query, &set, true);
            assert!(walked && found.iter().all(|hit| set.has(hit.row)), "{metric} {row}");
            sum += recall(&truth, &found) / 30.0;
        }
        assert!(sum >= 0.97, "{metric}: recall {sum}");
    }
}

#[test]
fn a_walk_far_from_what_passes_leaves_it_to_the_scan() {
    // what passes is on the other side
    let data = Random::new(32).clustered(20_000, 16, 100);
    let vectors = vectors(&data, 16, Metric::Cosine);
    let image = build(&vectors);
    let graph = Graph::open(image.as_bytes()).unwrap();
    let asked = query(&data[..16], 10);
    let far = |row: &u32| {
        let row = &vectors.get(*row).unwrap();
        similarity(Metric::Cosine, asked.vector, row).unwrap() < -0.1
    };
    let set = RowSet::new(20_000, (0..20_000).filter(far));
    assert!(set.len() > 4_000);
    for known in [true, false] {
        let (found, _) = find_among(&graph, &vectors, &asked, &set, known);
        let truth = exact_search(&vectors, &[asked], Some(set.words())).remove(0);
        assert!(found.len() == 10 && recall(&truth, &found) >= 0.9);
    }
}

#[test]
fn copies_among_which_some_pass() {
    let mut random = Random::new(33);
    let mut data = random.clustered(12_000, 8, 30);
    for row in (0..12_000).step_by(2) {
        data.copy_within(0..8, row * 8);
    }
    let vectors = vectors(&data, 8, Metric::Cosine);
    let image = build(&vectors);
    let graph = Graph::open(image.as_bytes()).unwrap();
    let set = RowSet::new(12_000, (0..12_000).filter(|row| row % 4 != 0));
    let asked = Query { exclude: &[2, 10], ..query(&data[..8], 100) };
    for known in [true, false] {
        let (found, walked) = find_among(&graph, &vectors, &asked, &set, known);
        let rows: Vec<u32> = found.iter().map(|hit| hit.row).collect();
        let truth: Vec<u32> =
            (0..).map(|i| 4 * i + 2).filter(|r| ![2, 10].contains(r)).take(100).collect();
        assert!(walked && rows == truth, "{rows:?}");
    }
}
