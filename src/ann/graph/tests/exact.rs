//! What searches give exactly: copies, small tables, rows that are left out.

use super::*;

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
        let asked = Query { exclude: &[1, 3], ..query(&data[..3], 5) };
        let rows: Vec<u32> = find(&graph, &vectors, &asked, 10).iter().map(|hit| hit.row).collect();
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
    let present: Vec<u64> =
        (0..5_000usize.div_ceil(64)).map(|i| 0x5555_5555_5555_5555 << (i % 2)).collect();
    let vectors = Vectors { present: Some(&present), ..vectors(&data, 16, Metric::Cosine) };
    let image = build(&vectors);
    let graph = Graph::open(image.as_bytes()).unwrap();
    assert_eq!(graph.len(), (0..5_000).filter(|&row| vectors.get(row).is_some()).count());
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
