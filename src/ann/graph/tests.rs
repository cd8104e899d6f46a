use super::*;
use crate::ann::testing::{Random, recall, rounded};
use crate::ann::{Hit, Metric, Query, RowSet, Vectors, exact_search, similarity};

fn vectors(data: &[f32], dim: usize, metric: Metric) -> Vectors<'_> {
    Vectors {
        data: data.into(),
        dim,
        metric,
        present: None,
    }
}

fn query(vector: &[f32], k: usize) -> Query<'_> {
    Query {
        vector,
        exclude: &[],
        k,
        min_similarity: None,
    }
}

fn build(vectors: &Vectors) -> GraphImage {
    build_graph(vectors, GraphParams::default(), &|_, _| {}).unwrap()
}

fn find(graph: &Graph, vectors: &Vectors, query: &Query, ef: usize) -> Vec<Hit> {
    let mut out = Vec::new();
    graph.search(vectors, query, ef, &mut Scratch::default(), &mut out);
    out
}

#[test]
fn recall_on_clustered_data() {
    for (metric, floor) in [
        (Metric::Cosine, 0.97),
        (Metric::L2, 0.97),
        (Metric::Dot, 0.95),
    ] {
        let data = Random::new(21).clustered(20_000, 32, 400);
        let vectors = vectors(&data, 32, metric);
        let image = build(&vectors);
        let graph = Graph::open(image.as_bytes()).unwrap();
        let mut scratch = Scratch::default();
        let mut out = Vec::new();
        let mut sum = 0.0;
        for i in 0..200 {
            let query = query(&data[i * 97 * 32..][..32], 50);
            graph.search(
                &vectors,
                &query,
                Graph::default_ef(metric, 50),
                &mut scratch,
                &mut out,
            );
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
                known,
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

/// Says of rows whether a set has them.
fn passes(set: &RowSet) -> impl Fn(&[u32], &mut Vec<bool>) + Sync + '_ {
    |rows: &[u32], out: &mut Vec<bool>| {
        out.clear();
        out.extend(rows.iter().map(|&row| set.has(row)));
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

/// Vectors that codes tell apart badly, or that graphs connect badly: a name, metric, dimension, vectors.
fn uneven_worlds(n: usize) -> Vec<(&'static str, Metric, usize, Vec<f32>)> {
    let mut random = Random::new(40);
    let mut worlds = Vec::new();
    let centres = random.vector(10 * 16);
    let tight: Vec<f32> = (0..n * 16)
        .map(|i| centres[i / 16 % 10 * 16 + i % 16] + 1e-3 * random.normal())
        .collect();
    for metric in Metric::ALL {
        worlds.push(("tight clusters", metric, 16, tight.clone()));
    }
    let line = (0..n).flat_map(|i| [i as f32; 4]).collect();
    worlds.push(("a line", Metric::L2, 4, line));
    let values: Vec<f32> = (0..n).map(|_| random.normal()).collect();
    worlds.push(("one dimension", Metric::L2, 1, values.clone()));
    worlds.push(("one dimension", Metric::Dot, 1, values));
    let mut lengths = random.clustered(n, 16, 50);
    for row in lengths.chunks_mut(16) {
        let length = random.normal().exp();
        row.iter_mut().for_each(|x| *x *= length);
    }
    worlds.push(("lengths", Metric::Dot, 16, lengths));
    let far: Vec<f32> = random.vector(n * 16).iter().map(|x| x + 30.0).collect();
    worlds.push(("far from the origin", Metric::Cosine, 16, far.clone()));
    worlds.push(("far from the origin", Metric::L2, 16, far));
    let mut huge = random.vector(n * 16);
    huge[7] = 1e30;
    worlds.push(("one huge value", Metric::L2, 16, huge));
    let copies = (0..n).flat_map(|i| centres[i % 5 * 16..][..16].to_vec());
    worlds.push(("copies", Metric::Cosine, 16, copies.collect()));
    worlds
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

/// What a search among rows gives, as the engine makes it: the walk, or else the scan. And whether it walked.
fn find_among(
    graph: &Graph,
    vectors: &Vectors,
    query: &Query,
    set: &RowSet,
    known: bool,
) -> (Vec<Hit>, bool) {
    let among = Among {
        most: if known { set.len() } else { vectors.len() },
        known,
        passes: &passes(set),
    };
    let (mut scratch, mut out) = (Scratch::default(), Vec::new());
    let ef = Graph::default_ef(graph.metric(), query.k);
    if graph.search_among(vectors, query, ef, &among, &mut scratch, &mut out) {
        return (out, true);
    }
    let scanned = exact_search(vectors, &[*query], Some(set.words())).remove(0);
    (scanned, false)
}

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
    let asked = Query {
        exclude: &[2, 10],
        ..query(&data[..8], 100)
    };
    for known in [true, false] {
        let (found, walked) = find_among(&graph, &vectors, &asked, &set, known);
        let rows: Vec<u32> = found.iter().map(|hit| hit.row).collect();
        let truth: Vec<u32> = (0..)
            .map(|i| 4 * i + 2)
            .filter(|r| ![2, 10].contains(r))
            .take(100)
            .collect();
        assert!(walked && rows == truth, "{rows:?}");
    }
}

#[test]
fn the_image_and_the_answers_do_not_depend_on_threads() {
    let data = Random::new(22).clustered(6_000, 20, 50);
    for metric in Metric::ALL {
        let vectors = vectors(&data, 20, metric);
        let pool = |threads| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap()
        };
        let one = pool(1).install(|| build(&vectors));
        let three = pool(3).install(|| build(&vectors));
        assert!(one.as_bytes() == three.as_bytes());
        let graph = Graph::open(one.as_bytes()).unwrap();
        let mut warm = Scratch::default();
        for i in 0..50 {
            let query = query(&data[i * 20..][..20], 20);
            let mut out = Vec::new();
            graph.search(&vectors, &query, 40, &mut warm, &mut out);
            assert_eq!(out, find(&graph, &vectors, &query, 40));
        }
    }
}

#[test]
fn copies_of_a_vector_are_found_lowest_row_first() {
    let mut random = Random::new(23);
    let mut data = random.clustered(3_000, 8, 30);
    for row in (0..3_000).step_by(3) {
        data.copy_within(0..8, row * 8);
    }
    for metric in [Metric::Cosine, Metric::L2] {
        let vectors = vectors(&data, 8, metric);
        let image = build(&vectors);
        let graph = Graph::open(image.as_bytes()).unwrap();
        let found = find(&graph, &vectors, &query(&data[..8], 600), 700);
        let rows: Vec<u32> = found.iter().map(|hit| hit.row).collect();
        assert_eq!(rows, (0..600).map(|i| i * 3).collect::<Vec<_>>());
    }
}

#[test]
fn all_rows_equal() {
    let data = [0.5f32, -1.0, 2.0].repeat(5_000);
    for metric in Metric::ALL {
        let vectors = vectors(&data, 3, metric);
        let image = build(&vectors);
        let graph = Graph::open(image.as_bytes()).unwrap();
        let asked = Query {
            exclude: &[1, 3],
            ..query(&data[..3], 5)
        };
        let rows: Vec<u32> = find(&graph, &vectors, &asked, 10)
            .iter()
            .map(|hit| hit.row)
            .collect();
        assert_eq!(rows, [0, 2, 4, 5, 6]);
    }
}

#[test]
fn small_and_odd_tables_give_all_there_is() {
    let mut random = Random::new(24);
    for n in [0, 1, 2, 3, 40, 700] {
        for dim in [1, 3, 64, 65, 130] {
            for metric in Metric::ALL {
                let mut data = random.vector(n * dim);
                data[..(n / 2).min(1) * dim].fill(0.0); // a zero vector first
                let vectors = vectors(&data, dim, metric);
                let image = build(&vectors);
                let graph = Graph::open(image.as_bytes()).unwrap();
                let asked = random.vector(dim);
                for k in [1, n / 2, n, n + 5] {
                    let query = query(&asked, k);
                    let truth = exact_search(&vectors, &[query], None).remove(0);
                    let found = find(&graph, &vectors, &query, 60);
                    assert_eq!(found.len(), truth.len(), "{metric} n={n} dim={dim} k={k}");
                }
            }
        }
    }
}

#[test]
fn rows_that_are_excluded_absent_or_too_far_are_not_returned() {
    let data = Random::new(25).clustered(5_000, 16, 20);
    let present: Vec<u64> = (0..5_000usize.div_ceil(64))
        .map(|i| 0x5555_5555_5555_5555 << (i % 2))
        .collect();
    let vectors = Vectors {
        present: Some(&present),
        ..vectors(&data, 16, Metric::Cosine)
    };
    let image = build(&vectors);
    let graph = Graph::open(image.as_bytes()).unwrap();
    assert_eq!(
        graph.len(),
        (0..5_000).filter(|&row| vectors.get(row).is_some()).count()
    );
    let exclude: Vec<u32> = (0..200).collect();
    for row in 0..40 {
        let asked = Query {
            exclude: &exclude,
            min_similarity: Some(0.5),
            ..query(&data[row * 16..][..16], 30)
        };
        let found = find(&graph, &vectors, &asked, 60);
        assert!(!found.is_empty());
        for hit in found {
            assert!(hit.row >= 200 && vectors.get(hit.row).is_some() && hit.similarity >= 0.5);
        }
    }
}

#[test]
fn damaged_images_are_errors() {
    let mut random = Random::new(26);
    let data = random.clustered(300, 4, 5);
    let image = build(&vectors(&data, 4, Metric::L2));
    let bytes = image.as_bytes();
    assert!(Graph::open(bytes).is_ok());
    for len in (0..bytes.len()).step_by(97) {
        assert!(Graph::open(&bytes[..len]).is_err());
    }
    for at in (0..256).chain((256..bytes.len()).step_by(61)) {
        let mut copy = image.clone();
        copy.as_bytes_mut()[at] ^= 1 << random.below(8);
        assert!(Graph::open(copy.as_bytes()).is_err(), "byte {at}");
    }
    let unverified = Graph::open_unverified(bytes).unwrap();
    assert_eq!(unverified.len(), 300);
    assert!(Graph::open_unverified(&bytes[..bytes.len() - 1]).is_err());
    let shifted = [&[0; 1], bytes].concat();
    assert!(Graph::open(&shifted[1..]).is_err());
}

#[test]
fn images_with_a_right_checksum_and_wrong_numbers_do_no_harm() {
    let mut random = Random::new(27);
    let data = random.clustered(300, 4, 5);
    let vectors = vectors(&data, 4, Metric::L2);
    let image = build(&vectors);
    let mut opened = 0;
    for _ in 0..3_000 {
        let mut copy = image.clone();
        let at = random.below(copy.as_bytes().len());
        copy.as_bytes_mut()[at] = random.next() as u8;
        copy.seal();
        if let Ok(graph) = Graph::open(copy.as_bytes()) {
            opened += 1;
            assert!(find(&graph, &vectors, &query(&data[..4], 5), 20).len() <= 5);
        }
    }
    assert!(opened > 100 && opened < 3_000, "{opened}");
}

#[test]
fn a_graph_of_other_vectors_is_not_used() {
    let mut random = Random::new(28);
    let data = random.clustered(500, 4, 5);
    let image = build(&vectors(&data, 4, Metric::L2));
    let graph = Graph::open(image.as_bytes()).unwrap();
    let others = vectors(&data[..1_600], 4, Metric::L2);
    assert!(!graph.fits(&others));
    let asked = query(&data[..4], 7);
    assert_eq!(
        find(&graph, &others, &asked, 20),
        exact_search(&others, &[asked], None)[0]
    );
}

#[test]
fn progress_ends_at_all() {
    let data = Random::new(29).vector(3_000 * 4);
    let last = std::sync::Mutex::new((0, 0));
    let vectors = vectors(&data, 4, Metric::Dot);
    build_graph(&vectors, GraphParams::default(), &|done, all| {
        *last.lock().unwrap() = (done, all)
    })
    .unwrap();
    let (done, all) = *last.lock().unwrap();
    assert!(done == all && all > 0);
}

/// Removes and inserts by turns, one row in five, and gives the graph.
fn churned(start: &Graph, vectors: &Vectors, at_first: u32) -> LiveGraph {
    let mut live = start.to_live(GraphParams::default());
    let mut random = Random::new(40);
    for new in at_first..vectors.len() as u32 {
        let mut old = random.below(at_first as usize) as u32;
        while !live.remove(old) {
            old = random.below(at_first as usize) as u32;
        }
        assert!(live.insert(vectors, new) && !live.insert(vectors, new));
    }
    live
}

#[test]
fn a_graph_of_which_a_fifth_changed() {
    let (n, at_first, dim) = (12_000, 10_000, 16);
    let data = Random::new(41).clustered(n, dim, 200);
    for (metric, floor) in [
        (Metric::Cosine, 0.97),
        (Metric::L2, 0.97),
        (Metric::Dot, 0.95),
    ] {
        let before = vectors(&data[..at_first * dim], dim, metric);
        let all = vectors(&data, dim, metric);
        let image = build(&before);
        let graph = Graph::open(image.as_bytes()).unwrap();
        let live = churned(&graph, &all, at_first as u32);
        let again = churned(&graph, &all, at_first as u32);
        assert!(live.len() == at_first && live.changed() == 2 * (n - at_first));
        let (mut sum, mut scratch) = (0.0, Scratch::default());
        for i in 0..150 {
            let query = query(&data[i * 79 * dim..][..dim], 20);
            let mut found = [Vec::new(), Vec::new()];
            for (live, out) in [&live, &again].into_iter().zip(&mut found) {
                live.search(
                    &all,
                    &query,
                    Graph::default_ef(all.metric, 20),
                    &mut scratch,
                    out,
                );
            }
            assert!(found[0] == found[1] && found[0].iter().all(|hit| live.has(hit.row)));
            let there = RowSet::new(n, (0..n as u32).filter(|&row| live.has(row)));
            let truth = exact_search(&all, &[query], Some(there.words())).remove(0);
            sum += recall(&truth, &found[0]) / 150.0;
        }
        assert!(sum >= floor, "{metric}: {sum}");
    }
}

#[test]
fn a_graph_that_grows_tenfold_and_shrinks_to_one_row() {
    let data = Random::new(42).clustered(2_000, 8, 20);
    let all = vectors(&data, 8, Metric::Cosine);
    let image = build(&vectors(&data[..200 * 8], 8, Metric::Cosine));
    let small = Graph::open(image.as_bytes()).unwrap();
    let mut live = small.to_live(GraphParams::default());
    let asked = query(&data[..8], 10);
    let search = |live: &LiveGraph| {
        let mut out = Vec::new();
        live.search(&all, &asked, 60, &mut Scratch::default(), &mut out);
        out
    };
    assert!((200..2_000).all(|row| live.insert(&all, row)));
    let truth = exact_search(&all, &[asked], None).remove(0);
    assert!(recall(&truth, &search(&live)) >= 0.9);
    assert!(
        (0..2_000)
            .filter(|&row| row != 7)
            .all(|row| live.remove(row))
    );
    let rows: Vec<u32> = search(&live).iter().map(|hit| hit.row).collect();
    assert_eq!(rows, [7]);
    assert!(live.remove(7) && !live.remove(7) && live.is_empty() && search(&live).is_empty());
}

#[test]
fn copies_inserted_and_removed_share_a_node() {
    let mut data = Random::new(43).clustered(600, 8, 10);
    data.copy_within(8..16, 599 * 8);
    let all = vectors(&data, 8, Metric::L2);
    let image = build(&vectors(&data[..500 * 8], 8, Metric::L2));
    let graph = Graph::open(image.as_bytes()).unwrap();
    let mut live = graph.to_live(GraphParams::default());
    let first = |live: &LiveGraph| {
        let mut out = Vec::new();
        live.search(
            &all,
            &query(&data[8..16], 2),
            40,
            &mut Scratch::default(),
            &mut out,
        );
        out.iter().map(|hit| hit.row).collect::<Vec<_>>()
    };
    assert!(live.insert(&all, 599));
    assert_eq!(first(&live), [1, 599]);
    assert!(live.remove(1) && first(&live)[0] == 599);
    assert!(live.insert(&all, 1));
    assert_eq!(first(&live), [1, 599]);
}

#[test]
fn halves_make_the_graph_of_the_same_numbers_as_floats() {
    let mut random = Random::new(44);
    for metric in Metric::ALL {
        let mut data = random.clustered(6_000, 20, 60);
        data.copy_within(0..20 * 50, 20 * 900); // copies share nodes
        data[20 * 70..20 * 71].fill(0.0);
        let (halves, wide) = rounded(&data);
        let single = vectors(&wide, 20, metric);
        let half = Vectors {
            data: halves[..].into(),
            ..single
        };
        let (image, expected) = (build(&half), build(&single));
        assert!(image.as_bytes() == expected.as_bytes(), "{metric}");
        let graph = Graph::open(image.as_bytes()).unwrap();
        let mut live = graph.to_live(GraphParams::default());
        for row in (0..6_000).step_by(7) {
            assert_eq!(live.remove(row), live.insert(&half, row), "{metric} {row}");
        }
        for row in (0..6_000).step_by(97) {
            let query = query(&wide[row * 20..][..20], 30);
            let found = find(&graph, &half, &query, 60);
            assert_eq!(found, find(&graph, &single, &query, 60), "{metric} {row}");
            let (mut a, mut b, mut scratch) = (Vec::new(), Vec::new(), Scratch::default());
            live.search(&half, &query, 60, &mut scratch, &mut a);
            live.search(&single, &query, 60, &mut scratch, &mut b);
            assert_eq!(a, b, "{metric} {row}");
        }
    }
}
