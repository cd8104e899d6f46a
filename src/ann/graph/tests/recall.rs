//! How much of what is nearest searches find.

use super::*;

#[test]
fn recall_on_clustered_data() {
    for (metric, floor) in [(Metric::Cosine, 0.97), (Metric::L2, 0.97), (Metric::Dot, 0.95)] {
        let data = Random::new(21).clustered(20_000, 32, 400);
        let vectors = vectors(&data, 32, metric);
        let image = build(&vectors);
        let graph = Graph::open(image.as_bytes()).unwrap();
        let mut scratch = Scratch::default();
        let mut out = Vec::new();
        let mut sum = 0.0;
        for i in 0..200 {
            let query = query(&data[i * 97 * 32..][..32], 50);
            graph.search(&vectors, &query, Graph::default_ef(metric, 50), &mut scratch, &mut out);
            sum += recall(&exact_search(&vectors, &[query], None)[0], &out);
            assert!(out.windows(2).all(|pair| pair[0].order(&pair[1]).is_lt()));
            let exact =
                |hit: &Hit| similarity(metric, query.vector, &vectors.get(hit.row).unwrap());
            assert!(out.iter().all(|hit| exact(hit) == Some(hit.similarity)));
        }
        assert!(sum / 200.0 >= floor, "{metric}: {}", sum / 200.0);
    }
}

#[test]
fn searches_in_turns_find_what_each_finds_alone() {
    for metric in Metric::ALL {
        let data = Random::new(22).clustered(3_000, 16, 60);
        let vectors = vectors(&data, 16, metric);
        let image = build(&vectors);
        let graph = Graph::open(image.as_bytes()).unwrap();
        let vector = |i: usize| &data[i * 97 % 3_000 * 16..][..16];
        let mut queries: Vec<Query> = (0..23).map(|i| query(vector(i), 1 + i * 7)).collect();
        queries[5].k = 0;
        queries[6].min_similarity = Some(0.5);
        queries[7].vector = &data[..3];
        let mut scratches = Vec::new();
        let together = graph.search_many(
            &vectors,
            &queries,
            |k| Graph::default_ef(metric, k),
            &mut scratches,
            &|| false,
        );
        for (query, found) in queries.iter().zip(together) {
            let ef = Graph::default_ef(graph.metric(), query.k);
            assert_eq!(found, find(&graph, &vectors, query, ef));
        }
        for (share, known) in [(95, true), (60, true), (60, false), (5, false)] {
            let set = RowSet::new(3_000, (0..3_000).filter(|row| row * 37 % 100 < share));
            let passes = passes(&set);
            let among = Among {
                most: if known { set.len() } else { 3_000 },
                known: known.then_some(&set),
                passes: &passes,
            };
            let ef = |k| Graph::default_ef(metric, k);
            let together =
                graph.search_many_among(&vectors, &queries, ef, &among, &mut scratches, &|| false);
            for (query, found) in queries.iter().zip(together) {
                let (mut scratch, mut alone) = (Scratch::default(), Vec::new());
                let ef = ef(query.k);
                let walked =
                    graph.search_among(&vectors, query, ef, &among, &mut scratch, &mut alone);
                assert_eq!(found, walked.then_some(alone), "{metric} {share} {known}");
            }
        }
    }
}

#[test]
fn recall_under_dot_when_lengths_differ_much() {
    let mut random = Random::new(20);
    let mut data = random.clustered(10_000, 32, 200);
    for row in data.chunks_mut(32) {
        let length = (0.5 * random.normal()).exp();
        row.iter_mut().for_each(|x| *x *= length);
    }
    let vectors = vectors(&data, 32, Metric::Dot);
    let image = build(&vectors);
    let graph = Graph::open(image.as_bytes()).unwrap();
    let mut sum = 0.0;
    for i in 0..100 {
        let query = query(&data[i * 97 * 32..][..32], 20);
        let found = find(&graph, &vectors, &query, 100);
        sum += recall(&exact_search(&vectors, &[query], None)[0], &found);
    }
    assert!(sum / 100.0 >= 0.9, "{}", sum / 100.0);
}

#[test]
fn recall_on_data_that_is_not_evenly_spread() {
    let n = 4_000;
    for (name, metric, dim, data) in uneven_worlds(n) {
        let vectors = vectors(&data, dim, metric);
        let image = build(&vectors);
        let graph = Graph::open(image.as_bytes()).unwrap();
        let (mut sums, mut worst) = ([0.0; 5], [1.0f64; 5]);
        for i in 0..60 {
            let vector = &data[i * 61 % n * dim..][..dim];
            let asked = query(vector, 20);
            let near = exact_search(&vectors, &[query(vector, n / 2)], None).remove(0);
            let without = |few: usize| {
                let mut set = RowSet::all(n);
                near[..few].iter().for_each(|hit| set.remove(hit.row));
                set
            };
            // at random, or all but what is nearest
            let third = RowSet::new(n, (0..n as u32).filter(|row| row % 3 != 0));
            let sets = [third, without(60), without(n / 10), without(n / 2)];
            let whole = find(&graph, &vectors, &asked, Graph::default_ef(metric, 20));
            let among = |set| find_among(&graph, &vectors, &asked, set, i % 2 == 0).0;
            let some = sets.iter().map(|set| (among(set), Some(set.words())));
            let all = std::iter::once((whole, None)).chain(some);
            for (j, (found, set)) in all.enumerate() {
                let truth = exact_search(&vectors, &[asked], set).remove(0);
                let least = truth[truth.len() - 1].similarity;
                let hits = found.iter().filter(|hit| hit.similarity >= least).count();
                let share = hits as f64 / truth.len() as f64;
                sums[j] += share / 60.0;
                worst[j] = worst[j].min(share);
            }
        }
        let good = sums.iter().all(|&mean| mean >= 0.98) && worst.iter().all(|&w| w >= 0.8);
        assert!(good, "{name}, {metric}: mean {sums:?}, worst {worst:?}");
    }
}

#[test]
fn under_dot_a_walk_wide_enough_misses_nothing() {
    let (n, dim) = (4_000, 16);
    for (name, metric, _, data) in uneven_worlds(n).into_iter().filter(|w| w.0 == "lengths") {
        let vectors = vectors(&data, dim, metric);
        let image = build(&vectors);
        let graph = Graph::open(image.as_bytes()).unwrap();
        for i in 0..40 {
            let query = query(&data[i * 97 * dim..][..dim], 20);
            let truth = exact_search(&vectors, &[query], None).remove(0);
            assert_eq!(find(&graph, &vectors, &query, n), truth, "{name} {i}");
        }
    }
}
