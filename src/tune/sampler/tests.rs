use super::*;

const KINDS: [Kind; 4] = [Kind::Gp, Kind::Tpe, Kind::Random, Kind::Grid];

fn real(low: f64, high: f64) -> Dimension {
    Dimension { low, high, whole: false }
}

fn whole(low: f64, high: f64) -> Dimension {
    Dimension { low, high, whole: true }
}

/// All points of so many rounds, each told the outcome that `function` gives.
fn run(
    sampler: &mut Sampler,
    rounds: usize,
    n: usize,
    function: impl Fn(&[f64]) -> (f64, Vec<f64>),
) -> Vec<Vec<f64>> {
    let mut all = Vec::new();
    for _ in 0..rounds {
        let points = sampler.ask(n);
        for point in &points {
            let (value, slack) = function(point);
            sampler.tell(point, Outcome { value, slack });
        }
        all.extend(points);
    }
    all
}

fn bowl(point: &[f64]) -> (f64, Vec<f64>) {
    (-point.iter().map(|x| (x - 0.3) * (x - 0.3)).sum::<f64>(), vec![])
}

#[test]
fn the_start_is_first_and_all_points_lie_in_the_box() {
    let space = vec![real(-1.0, 2.0), whole(-3.0, 8.0), real(5.0, 5.0)];
    for kind in KINDS {
        let mut sampler = Sampler::new(kind, space.clone(), vec![0.5, 2.0, 5.0], 0, 30, 7);
        let points = run(&mut sampler, 10, 3, bowl);
        assert_eq!(points[0], [0.5, 2.0, 5.0]);
        assert!(points.len() > 20);
        for point in &points {
            assert!(
                (-1.0..=2.0).contains(&point[0]) && (-3.0..=8.0).contains(&point[1]),
                "{point:?}"
            );
            assert!(point[1].fract() == 0.0 && point[2] == 5.0, "{point:?}");
        }
    }
}

#[test]
fn a_seed_is_an_order_and_a_journal_continues_it() {
    for kind in KINDS {
        let new = |seed| {
            Sampler::new(kind, vec![real(0.0, 1.0), whole(0.0, 50.0)], vec![0.9, 1.0], 0, 40, seed)
        };
        let points = run(&mut new(3), 9, 2, bowl);
        assert_eq!(points, run(&mut new(3), 9, 2, bowl));
        assert_ne!(points, run(&mut new(4), 9, 2, bowl));
        let mut resumed = new(3);
        for point in &points[..12] {
            resumed.tell(point, Outcome { value: bowl(point).0, slack: vec![] });
        }
        assert_eq!(run(&mut resumed, 3, 2, bowl), points[12..18], "{kind:?}");
    }
}

#[test]
fn a_round_of_a_gaussian_process_has_different_points() {
    let mut sampler = Sampler::new(Kind::Gp, vec![real(0.0, 1.0); 2], vec![0.5; 2], 0, 40, 3);
    let points = run(&mut sampler, 5, 6, bowl);
    for (i, a) in points.iter().enumerate() {
        assert!(points[..i].iter().all(|b| a != b), "{points:?}");
    }
}

#[test]
fn every_point_of_a_whole_box_is_asked_once() {
    for kind in KINDS {
        let space = vec![whole(0.0, 1.0), whole(-2.0, 2.0), whole(0.5, 1.5)];
        let mut sampler = Sampler::new(kind, space, vec![1.0, -2.0, 1.0], 0, 100, 5);
        let mut points = run(&mut sampler, 4, 4, bowl);
        assert_eq!(sampler.ask(3), Vec::<Vec<f64>>::new());
        points.sort_by(|a, b| a.partial_cmp(b).unwrap());
        points.dedup();
        assert_eq!(points.len(), 10, "{kind:?}");
    }
}

#[test]
fn a_box_of_one_point_is_asked_for_it() {
    for kind in KINDS {
        let mut sampler =
            Sampler::new(kind, vec![real(2.0, 2.0), whole(1.0, 1.0)], vec![2.0, 1.0], 0, 9, 5);
        assert_eq!(run(&mut sampler, 2, 2, bowl), [[2.0, 1.0]]);
        assert_eq!(sampler.importance(), None);
    }
}

#[test]
fn large_whole_boxes_are_not_asked_twice_for_a_point() {
    for kind in [Kind::Gp, Kind::Tpe, Kind::Random] {
        let mut sampler = Sampler::new(kind, vec![whole(0.0, 59.0); 2], vec![3.0; 2], 0, 70, 2);
        let flat = |_: &[f64]| (1.0, vec![]);
        let mut points = run(&mut sampler, 70, 1, flat);
        points.sort_by(|a, b| a.partial_cmp(b).unwrap());
        points.dedup();
        assert_eq!(points.len(), 70, "{kind:?}");
    }
}

#[test]
fn odd_outcomes_are_survived() {
    type Function = fn(&[f64]) -> (f64, Vec<f64>);
    let functions: [Function; 6] = [
        |_| (f64::NAN, vec![f64::NAN]),
        |_| (1.0, vec![1.0]),
        |x| (if x[0] < 0.5 { f64::NAN } else { x[0] }, vec![0.5 - x[1]]),
        |x| (1e308 * (x[0] - 0.5), vec![1e308 * (x[1] - 0.5)]),
        |x| (if x[0] > 0.7 { f64::INFINITY } else { f64::NEG_INFINITY }, vec![]),
        |x| (x[0], vec![-1.0]),
    ];
    for kind in KINDS {
        for function in functions {
            let space = vec![real(0.0, 1.0), real(-1e300, 1e300), whole(0.0, 1.0)];
            let mut sampler = Sampler::new(kind, space, vec![0.5, 0.0, 0.0], 1, 16, 1);
            let points = run(&mut sampler, 8, 2, function);
            assert!(
                points.len() >= 9 && points.iter().flatten().all(|x| x.is_finite()),
                "{kind:?}"
            );
            if let Some(shares) = sampler.importance() {
                assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            }
        }
    }
}

#[test]
fn a_point_told_with_another_last_digit_is_the_one_asked() {
    let mut sampler =
        Sampler::new(Kind::Gp, vec![real(0.0, 1.0), whole(0.0, 9.0)], vec![0.3, 4.0], 0, 40, 3);
    for point in sampler.ask(3) {
        sampler.tell(&[point[0].next_up(), point[1]], Outcome { value: 1.0, slack: vec![] });
    }
    assert!(sampler.pending.is_empty());
}

#[test]
fn one_dimension_is_searched() {
    let mut sampler = Sampler::new(Kind::Gp, vec![real(0.0, 1.0)], vec![0.9], 0, 15, 1);
    let points = run(&mut sampler, 12, 1, bowl);
    assert!(points.iter().any(|x| (x[0] - 0.3).abs() < 1e-2), "{points:?}");
}

/// A hill with many ridges, and a narrow strip at an end of a range that is better than all of it.
#[test]
fn a_search_that_stands_still_looks_elsewhere() {
    let hill = |p: &[f64]| {
        let ridges = 0.03 * (60.0 * (p[0] + 2.0 * p[1])).sin();
        1.0 - (p[0] - 0.7).powi(2) - (p[1] - 0.3).powi(2) + ridges
    };
    let is_strip = |p: &[f64]| p[0] < 0.02;
    let misses = (1..=24u64).filter(|&seed| {
        let space = vec![real(0.0, 1.0), real(0.0, 1.0)];
        let mut sampler = Sampler::new(Kind::Gp, space, vec![0.5, 0.5], 0, 40, seed);
        let value = |p: &[f64]| (if is_strip(p) { 1.5 } else { hill(p) }, vec![]);
        !run(&mut sampler, 40, 1, value).iter().any(|point| is_strip(point))
    });
    let misses: Vec<u64> = misses.collect();
    assert!(misses.is_empty(), "{misses:?}");
}

#[test]
fn the_best_feasible_point_is_found_on_the_border() {
    // The largest sum within a circle around the corner: (√½, √½).
    let function = |x: &[f64]| (x[0] + x[1], vec![1.0 - x[0] * x[0] - x[1] * x[1]]);
    let mut sampler = Sampler::new(Kind::Gp, vec![real(0.0, 1.0); 2], vec![1.0, 1.0], 1, 30, 1);
    let points = run(&mut sampler, 30, 1, function);
    let feasible = points.iter().map(|x| function(x)).filter(|(_, slack)| slack[0] >= 0.0);
    let best = feasible.map(|(value, _)| value).fold(f64::MIN, f64::max);
    assert!(best > 1.40, "{best}");
}

#[test]
fn whole_dimensions_are_searched_beside_others() {
    let function = |x: &[f64]| (-(x[0] - 17.0).abs() / 10.0 - (x[1] - 0.6) * (x[1] - 0.6), vec![]);
    let mut sampler =
        Sampler::new(Kind::Gp, vec![whole(1.0, 200.0), real(0.0, 1.0)], vec![100.0, 0.5], 0, 40, 1);
    let points = run(&mut sampler, 40, 1, function);
    let best = points.iter().map(|x| function(x).0).fold(f64::MIN, f64::max);
    assert!(best > -0.02, "{best}");
}

#[test]
fn many_dimensions_and_many_trials_are_for_tpe() {
    assert_eq!(
        Sampler::new(Kind::Gp, vec![real(0.0, 1.0); 21], vec![0.5; 21], 0, 50, 1).kind,
        Kind::Tpe
    );
    assert_eq!(
        Sampler::new(Kind::Gp, vec![real(0.0, 1.0); 2], vec![0.5; 2], 0, 501, 1).kind,
        Kind::Tpe
    );
    let mut sampler = Sampler::new(Kind::Gp, vec![real(0.0, 1.0); 30], vec![0.5; 30], 0, 150, 1);
    let points = run(&mut sampler, 150, 1, bowl);
    let best = |points: &[Vec<f64>]| points.iter().map(|x| bowl(x).0).fold(f64::MIN, f64::max);
    assert!(best(&points) > 0.7 * best(&points[..20]), "{}", best(&points));
}

#[test]
fn importance_is_of_the_dimensions_that_matter() {
    let function = |x: &[f64]| ((6.0 * x[1]).sin() + 0.1 * x[3], vec![]);
    let space = vec![real(0.0, 1.0), real(0.0, 10.0), real(4.0, 4.0), real(0.0, 1.0)];
    let mut sampler = Sampler::new(Kind::Random, space, vec![0.5, 5.0, 4.0, 0.5], 0, 80, 1);
    assert_eq!(sampler.importance(), None);
    run(&mut sampler, 80, 1, |x| function(&[x[0], x[1] / 10.0, x[2], x[3]]));
    let shares = sampler.importance().unwrap();
    assert!(shares[1] > 0.5 && shares[2] == 0.0, "{shares:?}");
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
}
