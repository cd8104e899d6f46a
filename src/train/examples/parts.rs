//! Which examples are trained on, which decide when to stop, which are only measured.

use crate::check::trained::{Parts, Split};
use crate::learn::net::{Chance, Part};

/// The part of each example, and the time at which the next part begins for whom it is about: `i64::MAX` if none does.
pub struct Division {
    pub parts: Vec<Part>,
    pub next: Vec<i64>,
}

/// Divides examples, which are in the order of time.
pub fn divided(parts: &Parts, times: &[i64], viewers: &[u32]) -> Division {
    match parts.split {
        Split::Time => of_all(parts, times),
        Split::Viewer => of_viewers(parts, times, viewers),
    }
}

/// Divides examples that are in no order: by hashes of their keys, so that more of them change the part of none.
pub fn scattered(parts: &Parts, keys: impl ExactSizeIterator<Item = [u64; 2]>) -> Division {
    let chance = Chance::new(0, "validation");
    let part = |[viewer, row]: [u64; 2]| {
        let share = chance.at(viewer).hash(row) as f64 / u64::MAX as f64;
        if share < parts.validation { Part::Validation } else { Part::Train }
    };
    let parts: Vec<Part> = keys.map(part).collect();
    Division { next: vec![i64::MAX; parts.len()], parts }
}

fn of_all(parts: &Parts, times: &[i64]) -> Division {
    let [validation, test] = bounds(parts, times.len()).map(|bound| earlier(times, bound));
    let part = |place: usize| match place {
        place if place >= test => Part::Test,
        place if place >= validation => Part::Validation,
        _ => Part::Train,
    };
    let start = |bound: usize| times.get(bound).copied().unwrap_or(i64::MAX);
    let next = |place: usize| match part(place) {
        Part::Train => start(validation),
        Part::Validation => start(test),
        Part::Test => i64::MAX,
    };
    let all = 0..times.len();
    Division { parts: all.clone().map(part).collect(), next: all.map(next).collect() }
}

/// The same time is never in two parts: the bound moves to where it begins.
pub fn earlier(times: &[i64], bound: usize) -> usize {
    match times.get(bound) {
        Some(&time) => times.partition_point(|&other| other < time),
        None => bound,
    }
}

/// Where validation and test begin among so many.
fn bounds(parts: &Parts, n: usize) -> [usize; 2] {
    let share = |share: f64| (share * n as f64).round_ties_even() as usize;
    let test = n - share(parts.test).min(n);
    [test - share(parts.validation).min(test), test]
}

fn of_viewers(parts: &Parts, times: &[i64], viewers: &[u32]) -> Division {
    let mut order: Vec<u32> = (0..viewers.len() as u32).collect();
    order.sort_by_key(|&place| (viewers[place as usize], place));
    let mut division =
        Division { parts: vec![Part::Train; viewers.len()], next: vec![i64::MAX; viewers.len()] };
    let same = |a: &u32, b: &u32| viewers[*a as usize] == viewers[*b as usize];
    for own in order.chunk_by(same) {
        let [validation, test] = bounds(parts, own.len());
        let start = |bound: usize| own.get(bound).map_or(i64::MAX, |&place| times[place as usize]);
        for (place, &example) in own.iter().enumerate() {
            let (part, next) = match place {
                place if place >= test => (Part::Test, i64::MAX),
                place if place >= validation => (Part::Validation, start(test)),
                // without validation the test is next
                _ => (Part::Train, start(validation)),
            };
            division.parts[example as usize] = part;
            division.next[example as usize] = next;
        }
    }
    division
}
