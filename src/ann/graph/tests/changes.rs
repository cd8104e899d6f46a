//! Graphs that change.

use super::*;

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
    for (metric, floor) in [(Metric::Cosine, 0.97), (Metric::L2, 0.97), (Metric::Dot, 0.95)] {
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
                live.search(&all, &query, Graph::default_ef(all.metric, 20), &mut scratch, out);
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
    assert!((0..2_000).filter(|&row| row != 7).all(|row| live.remove(row)));
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
        live.search(&all, &query(&data[8..16], 2), 40, &mut Scratch::default(), &mut out);
        out.iter().map(|hit| hit.row).collect::<Vec<_>>()
    };
    assert!(live.insert(&all, 599));
    assert_eq!(first(&live), [1, 599]);
    assert!(live.remove(1) && first(&live)[0] == 599);
    assert!(live.insert(&all, 1));
    assert_eq!(first(&live), [1, 599]);
}
