use super::*;
use crate::ann::Metric;
use crate::ann::similarity;
use crate::ann::testing::{Random, oracle, plain_similarity, rounded};

/// Rows with few different values, so that many tie, and many copies of other rows.
fn coarse(random: &mut Random, n: usize, dim: usize) -> Vec<f32> {
    let mut data: Vec<f32> = (0..n * dim).map(|_| random.below(3) as f32 - 1.0).collect();
    for _ in 0..n / 3 {
        let (from, to) = (random.below(n) * dim, random.below(n) * dim);
        data.copy_within(from..from + dim, to);
    }
    data
}

fn bits(random: &mut Random, n: usize) -> Vec<u64> {
    (0..n.div_ceil(64)).map(|_| random.next()).collect()
}

fn sorted_rows(random: &mut Random, n: usize, count: usize) -> Vec<u32> {
    let mut rows: Vec<u32> = (0..count).map(|_| random.below(n) as u32).collect();
    rows.sort_unstable();
    rows
}

fn check(vectors: &Vectors, queries: &[Query], allow: Option<&[u64]>) {
    for level in Level::supported() {
        let found = search_at(level, vectors, queries, allow, &|| false);
        assert_eq!(found.len(), queries.len());
        for (query, found) in queries.iter().zip(found) {
            let (metric, dim) = (vectors.metric, vectors.dim);
            assert_eq!(
                found,
                oracle(vectors, query, allow, similarity),
                "{metric} {dim} {level:?}"
            );
        }
    }
}

#[test]
fn agrees_with_the_oracle_on_ties_copies_filters_and_odd_dimensions() {
    let mut random = Random::new(11);
    for dim in (1..131).step_by(3).chain([2, 16, 64, 128]) {
        for metric in Metric::ALL {
            let n = 1 + random.below(300);
            let data = match random.below(2) {
                0 => coarse(&mut random, n, dim),
                _ => random.vector(n * dim),
            };
            let present = bits(&mut random, n);
            let allow = bits(&mut random, n);
            let excluded: Vec<_> = (0..70).map(|_| sorted_rows(&mut random, n, 3)).collect();
            let count = 1 + random.below(70);
            let queries: Vec<Query> = excluded[..count]
                .iter()
                .map(|exclude| Query {
                    vector: &data[random.below(n) * dim..][..dim],
                    exclude,
                    k: random.below(60),
                    min_similarity: (random.below(3) == 0).then(|| random.unit()),
                })
                .collect();
            let all = Vectors { data: data[..].into(), dim, metric, present: None };
            let some = Vectors { present: Some(&present), ..all };
            for few in 1..=filter::FEW.min(count) {
                check(&all, &queries[..few], None);
                check(&some, &queries[..few], Some(&allow));
            }
            check(&all, &queries, None);
            check(&some, &queries, Some(&allow));
        }
    }
}

#[test]
fn one_query_among_whole_and_broken_words_of_rows() {
    let mut random = Random::new(18);
    for (dim, n) in [(1, 5_000), (33, 3_000), (64, 2_500), (100, 1_100)] {
        let data = random.clustered(n, dim, 40);
        let mut allow = vec![u64::MAX; n.div_ceil(64)];
        for _ in 0..7 {
            let word = random.below(allow.len());
            allow[word] = random.next();
        }
        for metric in Metric::ALL {
            let vectors = Vectors { data: data[..].into(), dim, metric, present: None };
            for k in [1, 10, 100, n] {
                let vector = &data[random.below(n) * dim..][..dim];
                let query = Query { vector, exclude: &[], k, min_similarity: None };
                check(&vectors, &[query], None);
                check(&vectors, &[query], Some(&allow));
                // a vector of another length finds nothing, and does no harm
                let other = Query { vector: &[1.0; 2], ..query };
                let found = exact_search(&vectors, &[other, query], None);
                assert_eq!(found[0], []);
                assert_eq!(found[1..], exact_search(&vectors, &[query], None));
            }
        }
    }
}

#[test]
fn similarities_are_those_of_a_plain_sum_but_for_the_last_bit() {
    let mut random = Random::new(12);
    for metric in Metric::ALL {
        let data = random.vector(500 * 33);
        let vectors = Vectors { data: data[..].into(), dim: 33, metric, present: None };
        let query = Query { vector: &data[..33], exclude: &[], k: 500, min_similarity: None };
        let found = exact_search(&vectors, &[query], None).remove(0);
        assert_eq!(found.len(), 500);
        for hit in found {
            let plain = plain_similarity(metric, query.vector, &vectors.get(hit.row).unwrap());
            let gap = (hit.similarity - plain.unwrap()).abs();
            assert!(gap <= hit.similarity.abs() * 2e-7 + 1e-12, "{metric} {hit:?} {plain:?}");
        }
    }
}

#[test]
fn nearly_equal_similarities_are_told_apart() {
    // cosines that differ by about one unit in the last place, in an order unlike that of the rows
    let mut random = Random::new(13);
    let data: Vec<f32> =
        (0..5_000).flat_map(|_| [1.0, 0.001 + 3e-5 * random.unit() as f32]).collect();
    for metric in Metric::ALL {
        let vectors = Vectors { data: data[..].into(), dim: 2, metric, present: None };
        let query = Query { vector: &[1.0, 0.0011], exclude: &[], k: 40, min_similarity: None };
        check(&vectors, &[query; 3], None);
    }
}

#[test]
fn extreme_magnitudes_do_not_hide_rows() {
    let mut random = Random::new(14);
    let scales = [1e-44, 1e-38, 1e-20, 1.0, 1e15, 1e25, 3e38];
    let mut data: Vec<f32> = Vec::new();
    for _ in 0..400 {
        let scale = scales[random.below(scales.len())];
        data.extend((0..5).map(|_| (random.unit() as f32 - 0.5) * scale));
    }
    data.extend([0.0; 5]);
    for metric in Metric::ALL {
        let vectors = Vectors { data: data[..].into(), dim: 5, metric, present: None };
        for row in 0..60 {
            let vector = &data[row * 5..][..5];
            let query = Query { vector, exclude: &[], k: 20, min_similarity: None };
            check(&vectors, &[query], None);
        }
    }
}

#[test]
fn what_finds_nothing() {
    let data = [1.0, 2.0, 3.0, 4.0];
    let vectors = Vectors { data: data[..].into(), dim: 2, metric: Metric::Cosine, present: None };
    let query = |vector| Query { vector, exclude: &[], k: 2, min_similarity: None };
    let none = [
        query(&[0.0, 0.0]),
        query(&[f32::NAN, 1.0]),
        query(&[1.0]),
        Query { k: 0, ..query(&[1.0, 1.0]) },
    ];
    assert!(exact_search(&vectors, &none, None).iter().all(Vec::is_empty));
    assert_eq!(exact_search(&vectors, &[query(&[1.0, 1.0])], None)[0].len(), 2);
    for dim in [0, 2] {
        let empty =
            Vectors { data: [0.0f32; 0][..].into(), dim, metric: Metric::L2, present: None };
        assert_eq!(exact_search(&empty, &[query(&[1.0, 1.0])], None), [vec![]]);
    }
}

#[test]
fn threads_and_batches_do_not_matter() {
    let mut random = Random::new(15);
    let data = coarse(&mut random, 9_000, 24);
    let vectors = Vectors { data: data[..].into(), dim: 24, metric: Metric::Cosine, present: None };
    let queries: Vec<Query> = (0..150)
        .map(|i| Query { vector: &data[i * 24..][..24], exclude: &[], k: 30, min_similarity: None })
        .collect();
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let one = pool(1).install(|| exact_search(&vectors, &queries, None));
    assert_eq!(one, pool(3).install(|| exact_search(&vectors, &queries, None)));
    for (query, found) in queries.iter().zip(one).step_by(7) {
        let alone = pool(2).install(|| exact_search(&vectors, &[*query], None));
        assert_eq!(alone, [found]);
    }
}

#[test]
fn halves_are_found_like_the_same_numbers_as_floats() {
    let mut random = Random::new(17);
    for dim in [1, 7, 16, 33, 70] {
        for metric in Metric::ALL {
            let n = 500 + random.below(300);
            let (halves, wide) = rounded(&random.clustered(n, dim, 7));
            let (present, allow) = (bits(&mut random, n), bits(&mut random, n));
            let own: Vec<Vec<f32>> = (0..20).map(|_| random.vector(dim)).collect();
            let queries: Vec<Query> = own
                .iter()
                .map(|vector| Query {
                    vector,
                    exclude: &[3, 4],
                    k: 1 + random.below(40),
                    min_similarity: (random.below(3) == 0).then_some(0.2),
                })
                .collect();
            for allow in [None, Some(&allow[..])] {
                for count in [1, 2, 20] {
                    let of = |data| Vectors { data, dim, metric, present: Some(&present) };
                    let singles = of(wide[..].into());
                    check(&of(halves[..].into()), &queries[..count], allow);
                    let expected = exact_search(&singles, &queries[..count], allow);
                    let found = exact_search(&of(halves[..].into()), &queries[..count], allow);
                    assert_eq!(found, expected, "{metric} {dim}");
                }
            }
        }
    }
}
