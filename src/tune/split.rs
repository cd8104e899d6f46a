//! Which requests train and which validate.

use super::TuneError;
use crate::expr::random::Hasher;
use crate::replay::{At, Trials, When};
use crate::types::Key;
use std::ops::Range;

/// Places of requests.
pub struct Split {
    pub training: Vec<usize>,
    pub validation: Vec<usize>,
    /// How they were told apart, for people.
    pub by: String,
}

/// Which share of the requests validates, in tenths.
const TENTHS: u64 = 3;

impl Split {
    /// By time: the last requests validate, and none trains whose truth reaches into their time. By users where all
    /// requests have one time.
    pub fn of(
        trials: &Trials,
        when: &When,
        horizon: i64,
        parts: Option<&(Range<i64>, Range<i64>)>,
    ) -> Result<Split, TuneError> {
        let requests = trials.requests();
        let one_time = requests.first().map(|at| at.time) == requests.last().map(|at| at.time);
        let split = match parts {
            Some((training, validation)) => by_ranges(requests, training, validation, horizon)?,
            None if one_time || matches!(when, When::TestSet(_)) => by_users(trials),
            None => by_time(requests, horizon)?,
        };
        for (part, what) in [(&split.training, "train"), (&split.validation, "validate")] {
            if part.is_empty() {
                let message = format!("of {} requests none is left to {what}", requests.len());
                let help = "replay a longer time, or a shorter horizon";
                return Err(TuneError::Usage(format!("{message}\nhelp: {help}")));
            }
        }
        Ok(split)
    }
}

fn by_time(requests: &[At], horizon: i64) -> Result<Split, TuneError> {
    let n = requests.len();
    let first = n - (n as u64 * TENTHS / 10) as usize;
    // requests of one time stay together
    let boundary = (first..n).find(|&place| requests[place].time != requests[place - 1].time);
    let Some(boundary) = boundary else {
        let message = "the requests cannot be divided in time: too many have the last one";
        let help = "replay a longer time, or say which requests train and which validate: `--train FROM..TO --validate FROM..TO`";
        return Err(TuneError::Usage(format!("{message}\nhelp: {help}")));
    };
    let time = requests[boundary].time;
    let ends_before = |place: &usize| requests[*place].time.saturating_add(horizon) <= time;
    Ok(Split {
        training: (0..boundary).filter(ends_before).collect(),
        validation: (boundary..n).collect(),
        by: "time".to_owned(),
    })
}

fn by_ranges(
    requests: &[At],
    training: &Range<i64>,
    validation: &Range<i64>,
    horizon: i64,
) -> Result<Split, TuneError> {
    if training.start < validation.end && validation.start < training.end {
        let message = "the times that train and those that validate overlap";
        return Err(TuneError::Usage(message.to_owned()));
    }
    let within = |range: &Range<i64>| {
        let all = 0..requests.len();
        all.filter(|&place| range.contains(&requests[place].time)).collect::<Vec<usize>>()
    };
    let mut train = within(training);
    if training.end <= validation.start {
        train.retain(|&at| requests[at].time.saturating_add(horizon) <= validation.start);
    }
    Ok(Split { training: train, validation: within(validation), by: "time".to_owned() })
}

fn by_users(trials: &Trials) -> Split {
    let all = 0..trials.requests().len();
    let validates = |&place: &usize| is_validation(&trials.key(trials.requests()[place].user));
    let (validation, training) = all.partition(validates);
    Split { training, validation, by: "users".to_owned() }
}

/// `bucket(key, "tune", 10) < 3`.
fn is_validation(user: &Key) -> bool {
    Hasher::default().text("tune").key(Some(user)).finish() % 10 < TENTHS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(times: &[i64]) -> Vec<At> {
        times.iter().map(|&time| At { time, user: 0 }).collect()
    }

    #[test]
    fn the_last_third_validates_and_no_truth_reaches_into_it() {
        let split = by_time(&requests(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), 2).unwrap();
        assert_eq!(split.validation, [7, 8, 9]);
        assert_eq!(split.training, [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn requests_of_one_time_stay_together() {
        let split = by_time(&requests(&[0, 0, 0, 5, 5, 5, 5, 5, 6, 7]), 0).unwrap();
        assert_eq!(split.validation, [8, 9]);
        assert_eq!(split.training.len(), 8);
        assert!(by_time(&requests(&[0, 5, 5, 5, 5, 5]), 0).is_err());
    }

    #[test]
    fn ranges_do_not_overlap() {
        let requests = requests(&[0, 1, 2, 3, 4, 5]);
        let split = by_ranges(&requests, &(0..3), &(4..9), 2).unwrap();
        assert_eq!((split.training, split.validation), (vec![0, 1, 2], vec![4, 5]));
        assert!(by_ranges(&requests, &(0..3), &(2..9), 2).is_err());
        // what comes before may train what comes after
        assert_eq!(by_ranges(&requests, &(3..9), &(0..3), 2).unwrap().training, [3, 4, 5]);
    }

    #[test]
    fn three_of_ten_users_validate() {
        let n = (0..10_000).filter(|&user| is_validation(&Key::Int(user))).count();
        assert!((2_850..3_150).contains(&n), "{n}");
    }
}
