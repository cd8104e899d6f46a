//! For whom and when requests are made.

use super::links::{UserLinks, between};

/// One request of a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// The time that `now` means, in microseconds since 1970.
    pub time: i64,
    /// The place of the user among those who are looked at.
    pub user: u32,
}

/// How often a user makes a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Every {
    /// Just before each distinct time of a truth link.
    Link,
    /// Just before the first truth link of each session: one that comes more than 30 minutes after the link before.
    Session,
    /// At each midnight UTC.
    #[default]
    Day,
}

const DAY: i64 = 86_400_000_000;
/// Links further apart than this belong to different sessions.
const GAP: i64 = 30 * 60 * 1_000_000;

/// The requests with a time in [`from`, `to`) that have a truth link in the `horizon` after it, by time, then by user.
pub fn requests(links: &UserLinks, every: Every, from: i64, to: i64, horizon: i64) -> Vec<At> {
    let mut all = Vec::new();
    for user in 0..links.users() {
        let own = links.of(user);
        let timed = &own[between(own, i64::MIN, i64::MAX)];
        let mut times: Vec<i64> = match every {
            Every::Link => timed.iter().map(|link| link.time - 1).collect(),
            Every::Session => {
                let starts = (0..timed.len())
                    .filter(|&i| i == 0 || timed[i].time.saturating_sub(timed[i - 1].time) > GAP);
                starts.map(|i| timed[i].time - 1).collect()
            }
            Every::Day => {
                timed.iter().flat_map(|link| midnights(link.time, from, to, horizon)).collect()
            }
        };
        times.sort_unstable();
        times.dedup();
        times.retain(|time| (from..to).contains(time));
        all.extend(times.into_iter().map(|time| At { time, user: user as u32 }));
    }
    all.sort_unstable();
    all
}

/// The midnights in [`from`, `to`) that a link lies in the horizon of.
fn midnights(link: i64, from: i64, to: i64, horizon: i64) -> impl Iterator<Item = i64> {
    let first = link.saturating_sub(horizon).max(from);
    let first = first.div_euclid(DAY) + i64::from(first.rem_euclid(DAY) > 0);
    let last = link.min(to).saturating_sub(1).div_euclid(DAY);
    (first..=last).map(|day| day * DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn midnights_that_have_a_link_ahead() {
        let at = |days: i64, micros: i64| days * DAY + micros;
        let found = |link, horizon| midnights(link, 0, at(100, 0), horizon).collect::<Vec<_>>();
        // a link at midnight belongs to the midnight before
        assert_eq!(found(at(10, 0), DAY), [at(9, 0)]);
        assert_eq!(found(at(10, 1), DAY), [at(10, 0)]);
        assert_eq!(found(at(11, -1), DAY), [at(10, 0)]);
        assert_eq!(found(at(10, 5), 2 * DAY), [at(9, 0), at(10, 0)]);
        assert!(found(at(10, 5), 4).is_empty());
        assert_eq!(found(at(10, 5), 5), [at(10, 0)]);
        assert_eq!(midnights(at(10, 5), at(10, 1), at(10, 2), DAY).count(), 0);
    }
}
