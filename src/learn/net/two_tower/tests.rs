//! Tests of two towers.

use super::super::chance::Chance;
use super::super::inputs::{Encoded, IdRows, LANES, UNKNOWN};
use super::super::wrong::Wrong;
use super::batch::Towers;
use super::half::Half;
use super::validate::{Found, found};
use super::{Later, Positives, Side, Tower, TwoTower, TwoTowerParams, fit_two_tower};
use crate::learn::Unwatched;
use crate::random::Random;

const ITEMS: usize = 60;

/// Viewers and items of three tastes: what a viewer does next is of its taste, the first items more often.
struct World {
    users: Encoded,
    items: Encoded,
    positives: Vec<u32>,
    viewers: Vec<u32>,
    later_users: Encoded,
    later: Vec<u32>,
    offsets: Vec<u64>,
}

fn single(rows: Vec<u32>) -> IdRows {
    IdRows { rows, offsets: None }
}

fn lists(all: &[Vec<u32>]) -> IdRows {
    let ends = all.iter().scan(0, |end, list| {
        *end += list.len() as u32;
        Some(*end)
    });
    IdRows { rows: all.concat(), offsets: Some([0].into_iter().chain(ends).collect()) }
}

fn encoded(dense: &[f32], ids: Vec<IdRows>) -> Encoded {
    let rows = dense.len();
    let mut padded = vec![0.0; rows * LANES];
    dense.iter().enumerate().for_each(|(row, &x)| padded[row * LANES] = x);
    Encoded { rows, stride: LANES, dense: padded, ids, shown: Vec::new() }
}

fn world(n: usize) -> World {
    let mut random = Random::new(4, 0);
    let draw = |viewer: u32, random: &mut Random| {
        let taste = viewer % 3;
        let rank = (random.unit() * random.unit() * 20.0) as u32;
        if random.below(10) == 0 { random.below(ITEMS as u32) } else { rank * 3 + taste }
    };
    let (mut positives, mut viewers, mut histories) = (Vec::new(), Vec::new(), Vec::new());
    let mut own: Vec<Vec<u32>> = vec![Vec::new(); 40];
    for _ in 0..n {
        let viewer = random.below(40);
        histories.push(
            own[viewer as usize].iter().rev().take(5).map(|item| item + 2).collect::<Vec<u32>>(),
        );
        let item = draw(viewer, &mut random);
        own[viewer as usize].push(item);
        positives.push(item);
        viewers.push(viewer);
    }
    let later: Vec<u32> = (0..40).map(|viewer| draw(viewer, &mut random)).collect();
    let newest: Vec<Vec<u32>> =
        own.iter().map(|own| own.iter().rev().take(5).map(|item| item + 2).collect()).collect();
    World {
        users: encoded(&vec![0.5; n], vec![lists(&histories)]),
        items: encoded(
            &(0..ITEMS).map(|i| i as f32 / 60.0).collect::<Vec<_>>(),
            vec![single((2..62).collect())],
        ),
        positives,
        viewers,
        later_users: encoded(&[0.5; 40], vec![lists(&newest)]),
        later,
        offsets: (0..=40).collect(),
    }
}

fn sides() -> (Side, Side) {
    let side = |history| Side { dense: 1, ids: vec![(62, 8)], histories: vec![history] };
    (side(true), side(false))
}

fn small() -> TwoTowerParams {
    TwoTowerParams { dim: 12, hidden: 20, batch: 100, epochs: 8, ..TwoTowerParams::default() }
}

impl World {
    fn positives(&self) -> Positives<'_> {
        Positives {
            users: &self.users,
            items: &self.positives,
            viewers: &self.viewers,
            all_items: &self.items,
        }
    }

    fn fit(&self, params: &TwoTowerParams) -> Result<TwoTower, Wrong> {
        let later = Later {
            users: &self.later_users,
            items: &self.later,
            offsets: &self.offsets,
            seen: &[],
            seen_offsets: &[0; 41],
        };
        fit_two_tower(sides(), &self.positives(), &later, params, (0, "test"), &Unwatched)
    }
}

#[test]
fn gradients_are_finite_differences() {
    let world = world(150);
    let positives = world.positives();
    for hidden in [20, 0] {
        let params = TwoTowerParams { hidden, ..small() };
        let mut towers = Towers::new(sides(), &positives, &params, Chance::new(1, "test"));
        for half in [&mut towers.user, &mut towers.item] {
            half.tower.tables[0].weights.iter_mut().for_each(|w| *w *= 30.0);
        }
        let batch: Vec<u32> = (20..150).collect();
        towers.descend(&batch);
        for is_item in [false, true] {
            let half = if is_item { &towers.item } else { &towers.user };
            let (gradient, state) = (half.gradient.clone(), half.states[0].clone());
            let places: Vec<usize> =
                half.tower.matrices(hidden).iter().flat_map(|(places, _)| places.clone()).collect();
            let mut check = |found: f32, at: &dyn Fn(&mut Tower) -> &mut f32| {
                let mut loss = |by: f32| {
                    let shift = |towers: &mut Towers<'_>, by: f32| {
                        let half = if is_item { &mut towers.item } else { &mut towers.user };
                        let weight = at(&mut half.tower);
                        let start = *weight;
                        *weight += by;
                        start
                    };
                    let start = shift(&mut towers, by);
                    let loss = towers.descend(&batch) / batch.len() as f64;
                    let half = if is_item { &mut towers.item } else { &mut towers.user };
                    *at(&mut half.tower) = start;
                    loss
                };
                let here = loss(0.0);
                let differences = [1e-3f32, 4e-3, 2e-3].map(|by| {
                    let (up, down, by) = (loss(by), loss(-by), f64::from(by));
                    [(up - down) / (2.0 * by), (up - here) / by, (here - down) / by]
                });
                let found = f64::from(found);
                let close = |d: &f64| (found - d).abs() < 1e-3 + 0.03 * d.abs();
                assert!(
                    differences.as_flattened().iter().any(close),
                    "{is_item}: {found} {differences:?}"
                );
                usize::from(found.abs() > 4e-3)
            };
            let mut moved = 0;
            for &place in places.iter().step_by(1 + places.len() / 60) {
                moved += check(gradient[place], &|tower| &mut tower.weights[place]);
            }
            for (place, &id) in state.used.iter().enumerate() {
                let own = place * 8 + place % 8;
                let weight = id as usize * 8 + place % 8;
                moved += check(state.gradient[own], &|tower| &mut tower.tables[0].weights[weight]);
            }
            assert!(moved > 20, "{moved} gradients of any size");
        }
    }
}

#[test]
fn tastes_are_found_whatever_the_threads() {
    let world = world(3_000);
    let bits = |found: &TwoTower| -> Vec<u32> {
        let all = [found.user.tensors(20), found.item.tensors(20)].concat();
        all.iter().flat_map(|tensor| tensor.data.iter().map(|x| x.to_bits())).collect()
    };
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| world.fit(&small()).unwrap())
    };
    let first = run(1);
    assert!(first.epochs[first.best - 1].validation.unwrap() > 0.35, "{:?}", first.epochs);
    for threads in [1, 2, 4] {
        assert!(bits(&run(threads)) == bits(&first), "{threads} threads");
    }
    let (users, items) = (first.user.vectors(&world.later_users), first.item.vectors(&world.items));
    for vector in users.chunks(12).chain(items.chunks(12)) {
        assert!((vector.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5);
    }
    let again = Tower::from_tensors(sides().0, 12, 20, &first.user.tensors(20)).unwrap();
    assert_eq!(again.vectors(&world.later_users), users);
    let short = Tower::from_tensors(sides().0, 12, 20, &first.user.tensors(20)[1..]);
    assert!(matches!(short, Err(Wrong::Tensor { name, found: None, .. }) if name == "W0"));
    // without the correction, what is popular lies less close
    let plain = world.fit(&TwoTowerParams { corrected: false, ..small() }).unwrap();
    assert!(bits(&plain) != bits(&first));
}

#[test]
fn what_is_dropped_is_unknown_of_an_item_and_left_out_of_a_history() {
    let world = world(600);
    let params = TwoTowerParams { id_dropout: 0.5, ..small() };
    let read = |side, encoded: &Encoded, rows: &[u32]| -> Vec<u32> {
        let mut half = Half::new(side, &params, Chance::new(1, "test"));
        half.forward(encoded, rows, 0);
        half.climbs.iter().flat_map(|climb| climb.ids[0].ids.clone()).collect()
    };
    let half_of = |count: usize, all: usize| (all * 2 / 5..all * 3 / 5).contains(&count);
    let rows: Vec<u32> = (0..600).collect();
    let histories = read(sides().0, &world.users, &rows);
    assert!(half_of(histories.len(), world.users.ids[0].rows.len()), "{}", histories.len());
    assert!(histories.iter().all(|&id| id > 1));
    let items = read(sides().1, &world.items, &world.positives);
    let unknown = items.iter().filter(|&&id| id == UNKNOWN).count();
    assert!(items.len() == 600 && half_of(unknown, 600), "{unknown} of {}", items.len());
}

#[test]
fn odd_worlds() {
    assert!(matches!(
        world(31).fit(&small()),
        Err(Wrong::FewPositives { positives: 31, least: 32 })
    ));
    let mut one = world(64);
    one.positives.fill(0);
    one.viewers.fill(0);
    let found = one.fit(&small()).unwrap();
    assert!(found.item.vectors(&one.items).iter().all(|x| x.is_finite()));
    let none = Later {
        users: &encoded(&[], vec![lists(&[])]),
        items: &[],
        offsets: &[],
        seen: &[],
        seen_offsets: &[],
    };
    let found =
        fit_two_tower(sides(), &one.positives(), &none, &small(), (0, "t"), &Unwatched).unwrap();
    assert_eq!((found.epochs.len(), found.best, found.epochs[7].validation), (8, 8, None));
    let cold = encoded(&[0.0], vec![lists(&[vec![]])]);
    assert!(found.user.vectors(&cold).iter().all(|x| x.is_finite()));
}

#[test]
fn pages_gain_by_place() {
    let mut scores = vec![0.1, 0.9, 0.5, 0.3];
    let whole = Found { ndcg: 1.0, recall: 1.0 };
    assert_eq!(found(&mut scores.clone(), &[1], &[]), whole);
    assert_eq!(found(&mut scores.clone(), &[2], &[1]), whole);
    let second = found(&mut scores, &[2], &[]);
    assert!((second.ndcg - 1.0 / 3f64.log2()).abs() < 1e-12 && second.recall == 1.0);
    // of 22 items a page of 20 lacks the last two: one of four that are looked for
    let mut many: Vec<f32> = (0..22).map(|item| -(item as f32)).collect();
    let page = found(&mut many, &[0, 3, 19, 20], &[]);
    assert!(page.recall == 0.75 && page.ndcg < 1.0, "{page:?}");
}
