use super::fit::{Problem, Scaling};
use super::*;
use crate::learn::Unwatched;
use crate::learn::testing::Patience;
use crate::random::Random;

/// Rows of some classes, each around a place of its own.
struct World {
    vectors: Vec<f32>,
    dim: usize,
    has: Vec<bool>,
    rows: Vec<u32>,
    classes: Vec<u32>,
    folds: Vec<u8>,
    class_count: usize,
}

impl World {
    fn drawn(rows: usize, dim: usize, class_count: usize, seed: u64) -> World {
        let mut random = Random::new(seed, 0);
        let mut world = World {
            vectors: Vec::new(),
            dim,
            has: vec![true; rows],
            rows: (0..rows as u32).rev().collect(),
            classes: Vec::new(),
            folds: Vec::new(),
            class_count,
        };
        for at in 0..rows {
            let (a, b) = (random.below(class_count as u32), random.below(class_count as u32));
            world.classes.push(a.min(b));
            world.folds.push((at % FOLDS) as u8);
        }
        for row in 0..rows {
            let class = world.classes[rows - 1 - row] as usize;
            let place =
                |number: usize| 3.0 + 0.7 * f64::from(u8::from(number % class_count == class));
            world.vectors.extend((0..dim).map(|at| (place(at) + random.normal()) as f32));
        }
        world
    }

    /// Two rows of each fold, of both classes, apart in the first of two numbers.
    fn plain() -> World {
        World {
            vectors: (0..20).map(|at| [0.0, 5.0, 1.0, 5.0][at % 4]).collect(),
            dim: 2,
            has: vec![true; 10],
            rows: (0..10).collect(),
            classes: (0..10).map(|row| row % 2).collect(),
            folds: (0..10).map(|row| row / 2).collect(),
            class_count: 2,
        }
    }

    fn labelled(&self) -> Labelled<'_> {
        Labelled {
            vectors: &self.vectors,
            dim: self.dim,
            has: &self.has,
            rows: &self.rows,
            classes: &self.classes,
            folds: &self.folds,
            class_count: self.class_count,
        }
    }

    fn classified(&self, l2: Option<f64>) -> Result<Classified, ClassifierWrong> {
        classifier(&self.labelled(), &ClassifierSettings { l2 }, &Unwatched)
    }

    fn wrong(&self) -> ClassifierWrong {
        let wrong = self.classified(None).unwrap_err();
        assert!(!wrong.to_string().is_empty());
        wrong
    }
}

fn all_numbers(classified: &Classified) -> Vec<f32> {
    let Classifier { weights, bias, mean, deviation, .. } = &classified.classifier;
    [&weights[..], bias, mean, deviation].concat()
}

#[test]
fn gradients_are_finite_differences() {
    for (dim, class_count) in [(1, 2), (3, 3), (5, 9)] {
        let world = World::drawn(150, dim, class_count, 4);
        let labelled = world.labelled();
        let rows = examples(&labelled).unwrap();
        let scaling = Scaling::of(&labelled, &rows);
        let problem = Problem::new(&labelled, &rows, &scaling, 0.3);
        let width = width(class_count);
        let at: Vec<f64> = (0..(dim + 1) * width)
            .map(
                |i| if i % width < class_count { ((i * 37) % 11) as f64 / 20.0 - 0.2 } else { 0.0 },
            )
            .collect();
        let gradient = problem.at(&at).1;
        for place in 0..at.len() {
            let shifted = |by: f64| {
                let mut at = at.clone();
                at[place] += by;
                problem.at(&at).0
            };
            let expected = match place % width < class_count {
                true => (shifted(1e-5) - shifted(-1e-5)) / 2e-5,
                false => 0.0,
            };
            assert!((expected - gradient[place]).abs() < 1e-8, "{place}: {expected}");
        }
    }
}

#[test]
fn two_classes_by_hand() {
    // scaled to -1 and 1, which by symmetry weigh -w and w: ln(1 + e^−2w) + l2·w² is least where σ(−2w) = l2·w
    let classified = World::plain().classified(Some(0.1)).unwrap();
    let model = &classified.classifier;
    assert_eq!((&model.mean[..], &model.deviation[..]), (&[0.5, 5.0][..], &[0.5, 0.0][..]));
    let mut w = 1.0f64;
    for _ in 0..200 {
        w -= 0.5 * (0.1 * w - 1.0 / (1.0 + (2.0 * w).exp()));
    }
    let expected = [-w, 0.0, w, 0.0];
    for (got, expected) in model.weights.iter().zip(expected) {
        assert!((f64::from(*got) - expected).abs() < 1e-4, "{:?} {w}", model.weights);
    }
    assert!(model.bias.iter().all(|bias| bias.abs() < 1e-6));
    let (mut scratch, p) = (ClassScratch::default(), 1.0 / (1.0 + (-2.0 * w).exp()));
    for (vector, class) in [([0.0, 5.0], 0), ([1.0, 7.0], 1)] {
        let (got, sure) = model.predict(&vector, &mut scratch).unwrap();
        assert!(got == class && (f64::from(sure) - p).abs() < 1e-4, "{got} {sure} {p}");
    }
    assert_eq!(model.predict(&[0.5, 0.0], &mut scratch).unwrap().0, 0);
    assert_eq!(model.predict(&[f32::NAN, 0.0], &mut scratch), None);
    let mean = classified.mean;
    assert_eq!((mean.rows, mean.accuracy, mean.macro_f1, mean.top3), (10, 1.0, 1.0, 1.0));
    assert_eq!(mean.majority, 0.5);
    assert!(classified.converged && classified.folds.len() == 5 && model.fits_together());
}

#[test]
fn the_same_bytes_on_any_number_of_threads() {
    let world = World::drawn(1_500, 12, 7, 1);
    let on = |threads: usize, patience: i64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let settings = ClassifierSettings::default();
        pool.install(|| classifier(&world.labelled(), &settings, &Patience(patience.into())))
    };
    let one = on(1, i64::MAX).unwrap();
    for threads in [2, 4] {
        assert_eq!(on(threads, i64::MAX).unwrap(), one);
    }
    for patience in [0, 1, 30] {
        assert_eq!(on(2, patience).unwrap_err(), ClassifierWrong::Stopped);
    }
    assert!(one.converged && all_numbers(&one).iter().all(|x| x.is_finite()));
    let mean = one.mean;
    assert!(
        mean.accuracy > mean.majority + 0.1 && mean.top3 > mean.accuracy && mean.macro_f1 > 0.2
    );
}

#[test]
fn a_penalty_is_chosen_without_the_fold() {
    // nothing to learn: a strong one is best
    let mut noise = World::drawn(400, 30, 4, 2);
    let mut random = Random::new(9, 9);
    noise.vectors.fill_with(|| random.normal() as f32);
    assert!(noise.classified(None).unwrap().l2 >= 1.0);
    // what is learned for a fold does not change with its rows' classes
    let world = World::drawn(400, 8, 3, 3);
    let before = world.classified(None).unwrap();
    let mut other = World::drawn(400, 8, 3, 3);
    let of_last = other.folds.iter().map(|fold| *fold == 4);
    other
        .classes
        .iter_mut()
        .zip(of_last)
        .for_each(|(class, last)| *class = if last { 0 } else { *class });
    let after = other.classified(None).unwrap();
    assert_eq!((before.folds[4].l2, before.folds[4].metrics.rows), (after.folds[4].l2, 80));
    assert!(before.l2 > 1e-3 && before.l2 < 10.0, "{}", before.l2);
}

#[test]
fn rows_without_a_vector_are_left_out() {
    let world = World::drawn(300, 4, 3, 6);
    let mut less = World::drawn(300, 4, 3, 6);
    for (row, has) in less.has.iter_mut().enumerate() {
        *has = row % 3 > 0;
    }
    less.vectors[0] = f32::NAN;
    let kept = |at: &usize| !world.rows[*at].is_multiple_of(3);
    let places: Vec<usize> = (0..300).filter(kept).collect();
    let short = World {
        rows: places.iter().map(|&at| world.rows[at]).collect(),
        classes: places.iter().map(|&at| world.classes[at]).collect(),
        folds: places.iter().map(|&at| world.folds[at]).collect(),
        ..world
    };
    assert_eq!(less.classified(Some(0.1)).unwrap(), short.classified(Some(0.1)).unwrap());
}

#[test]
fn what_cannot_be_learned_is_said() {
    use ClassifierWrong as Wrong;
    let with = |spoil: &dyn Fn(&mut World)| {
        let mut world = World::plain();
        spoil(&mut world);
        world.wrong()
    };
    assert_eq!(with(&|w| w.has.fill(false)), Wrong::NoRows);
    assert_eq!(with(&|w| w.classes.fill(1)), Wrong::OneClass { class: 1 });
    assert_eq!(with(&|w| w.class_count = 3), Wrong::Absent { class: 2 });
    let one = |w: &mut World| (w.classes[3], w.class_count) = (2, 3);
    assert_eq!(with(&one), Wrong::OneFold { class: 2, fold: 1 });
    assert_eq!(with(&|w| w.vectors.fill(4.1)), Wrong::Constant { without: Some(0) });
    let two = |w: &mut World| w.folds.iter_mut().for_each(|fold| *fold %= 2);
    assert_eq!(with(&two), Wrong::FewFolds { found: 2, least: 3 });
    assert_eq!(with(&|w| w.vectors[5] = f32::INFINITY), Wrong::NotFinite { row: 2, place: 1 });
    assert_eq!(with(&|w| w.folds[1] = 5), Wrong::Beyond { what: "fold", number: 5, of: 5 });
    assert_eq!(with(&|w| w.rows[1] = 10), Wrong::Beyond { what: "row", number: 10, of: 10 });
    assert_eq!(with(&|w| w.classes[1] = 9), Wrong::Beyond { what: "class", number: 9, of: 2 });
    let short = |w: &mut World| _ = w.folds.pop();
    assert_eq!(with(&short), Wrong::Malformed { list: "folds", expected: 10, found: 9 });
    assert_eq!(with(&|w| w.dim = 3), Wrong::Malformed { list: "vectors", expected: 30, found: 20 });
    for l2 in [-1.0, f64::NAN, f64::INFINITY] {
        let wrong = World::plain().classified(Some(l2)).unwrap_err();
        assert!(matches!(wrong, Wrong::Parameter { name: "l2", .. }));
    }
}

#[test]
fn odd_vectors_give_numbers() {
    let odd: [fn(usize) -> f32; 5] = [
        |at| if at % 9 == 4 { f32::MAX } else { f32::MIN },
        |at| [1e-44, 0.0][at % 3 % 2],
        |at| [1e30, -1e-30][at / 2 % 2],
        |at| 1e7 + (at % 5) as f32,
        |at| f32::from(u8::from(at == 0)),
    ];
    for (number, value) in odd.into_iter().enumerate() {
        for l2 in [None, Some(0.0), Some(1e300)] {
            let mut world = World::plain();
            world.vectors.iter_mut().enumerate().for_each(|(at, x)| *x = value(at));
            let classified = match world.classified(l2) {
                Ok(classified) => classified,
                Err(wrong) => {
                    assert_eq!(
                        (number, wrong),
                        (4, ClassifierWrong::Constant { without: Some(0) })
                    );
                    continue;
                }
            };
            assert!(all_numbers(&classified).iter().all(|x| x.is_finite()), "{number}");
            assert!(classified.mean.log_loss.is_finite() && classified.mean.macro_f1.is_finite());
            let mut scratch = ClassScratch::default();
            for vector in [[f32::MAX; 2], [f32::MIN; 2], [0.0, 1e-45]] {
                let (class, p) = classified.classifier.predict(&vector, &mut scratch).unwrap();
                assert!(class < 2 && (0.5..=1.0).contains(&p), "{number}: {p}");
            }
        }
    }
}
