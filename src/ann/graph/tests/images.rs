//! Images: the same bytes for any number of threads, and damage.

use super::*;

#[test]
fn the_image_and_the_answers_do_not_depend_on_threads() {
    let data = Random::new(22).clustered(6_000, 20, 50);
    for metric in Metric::ALL {
        let vectors = vectors(&data, 20, metric);
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
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
    assert_eq!(find(&graph, &others, &asked, 20), exact_search(&others, &[asked], None)[0]);
}

#[test]
fn progress_ends_at_all() {
    let data = Random::new(29).vector(3_000 * 4);
    let last = std::sync::Mutex::new((0, 0));
    let vectors = vectors(&data, 4, Metric::Dot);
    build_graph(&vectors, GraphParams::default(), &|done, all| {
        *last.lock().unwrap() = (done, all);
    })
    .unwrap();
    let (done, all) = *last.lock().unwrap();
    assert!(done == all && all > 0);
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
        let half = Vectors { data: halves[..].into(), ..single };
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
