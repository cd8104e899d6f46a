//! Experiments: what files declare, and which arm a user is in.

use crate::expr::random::{Hasher, unit};
use crate::source::Span;
use crate::types::Key;

/// Users are divided among so many buckets in every layer.
pub const BUCKETS: u32 = 10_000;

/// How far the sum of the shares may be from 1 and still count as 1.
pub const ROUNDING: f64 = 1e-9;

/// What users are divided into: those of some buckets of a layer, by shares, into arms.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// Its name, unique in a program.
    pub name: String,
    /// Experiments of one layer exclude each other, those of different layers are independent.
    pub layer: String,
    /// The first and the last of its buckets.
    pub buckets: (u32, u32),
    /// Another salt divides the same users anew.
    pub salt: String,
    /// In the order in which they are written.
    pub arms: Vec<Arm>,
    /// Of its name.
    pub span: Span,
}

/// One of the sides of an experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Arm {
    /// As programs compare it.
    pub name: String,
    /// Of the users in the experiment's buckets, from 0 to 1.
    pub share: f64,
}

impl Experiment {
    /// The place of the arm that a user is in; none for users outside.
    pub fn arm_of(&self, user: &Key) -> Option<usize> {
        let (first, last) = self.buckets;
        if !(first..=last).contains(&bucket(&self.layer, user)) {
            return None;
        }
        let salt = format!("arm:{}:{}", self.name, self.salt);
        let place = unit(Hasher::default().text(&salt).key(Some(user)).finish());
        self.ends().position(|end| place < end)
    }

    /// The place of an arm by name.
    pub fn find(&self, arm: &str) -> Option<usize> {
        self.arms.iter().position(|a| a.name == arm)
    }

    /// The sum of the shares, in their order.
    pub fn sum(&self) -> f64 {
        self.arms.iter().fold(0.0, |sum, arm| sum + arm.share)
    }

    /// Whether users of its buckets are in no arm.
    pub fn leaves_some_out(&self) -> bool {
        self.sum() < 1.0 - ROUNDING
    }

    /// Whether no bucket is in both.
    pub fn excludes(&self, other: &Experiment) -> bool {
        let ((a, b), (c, d)) = (self.buckets, other.buckets);
        self.layer != other.layer || b < c || d < a
    }

    /// The names of the arms, as messages list them.
    pub fn listed(&self) -> String {
        let names: Vec<&str> = self.arms.iter().map(|arm| arm.name.as_str()).collect();
        names.join(", ")
    }

    /// Where in 0..1 each arm ends: the last one at 1 if the shares add up to that.
    fn ends(&self) -> impl Iterator<Item = f64> {
        let full = !self.leaves_some_out();
        let last = self.arms.len().saturating_sub(1);
        let mut sum = 0.0;
        self.arms.iter().enumerate().map(move |(place, arm)| {
            sum += arm.share;
            if full && place == last { 1.0 } else { sum }
        })
    }
}

/// The bucket of a user in a layer.
pub fn bucket(layer: &str, user: &Key) -> u32 {
    let salt = format!("layer:{layer}");
    let hash = Hasher::default().text(&salt).key(Some(user)).finish();
    (hash % u64::from(BUCKETS)) as u32
}

#[cfg(test)]
mod tests {
    use super::{Arm, BUCKETS, Experiment};
    use crate::source::Span;
    use crate::types::Key;

    const USERS: i64 = 1_000_000;

    fn experiment(name: &str, layer: &str, buckets: (u32, u32), shares: &[f64]) -> Experiment {
        let arm = |(place, &share): (usize, &f64)| Arm { name: format!("arm{place}"), share };
        Experiment {
            name: name.to_owned(),
            layer: layer.to_owned(),
            buckets,
            salt: String::new(),
            arms: shares.iter().enumerate().map(arm).collect(),
            span: Span::default(),
        }
    }

    fn users() -> impl Iterator<Item = Key> {
        (0..USERS).map(Key::Int)
    }

    /// How far a number of users may be from what is expected: six standard deviations.
    fn is_near(count: usize, share: f64) -> bool {
        let n = USERS as f64;
        let spread = (n * share * (1.0 - share)).sqrt();
        (count as f64 - n * share).abs() <= 6.0 * spread + 1.0
    }

    fn counts(experiment: &Experiment) -> Vec<usize> {
        let mut counts = vec![0; experiment.arms.len() + 1];
        for user in users() {
            counts[experiment.arm_of(&user).unwrap_or(experiment.arms.len())] += 1;
        }
        counts
    }

    #[test]
    fn arms_have_their_shares() {
        let cases: [(&[f64], (u32, u32)); 4] = [
            (&[0.5, 0.5], (0, 9999)),
            (&[0.9, 0.05, 0.05], (2000, 6999)),
            (&[0.1, 0.0, 0.2], (0, 9999)),
            // adds up to a little less than 1, which is 1
            (&[0.1; 10], (0, 99)),
        ];
        for (shares, buckets) in cases {
            let tested = experiment("e", "l", buckets, shares);
            let within = f64::from(buckets.1 - buckets.0 + 1) / f64::from(BUCKETS);
            let counts = counts(&tested);
            let mut inside = 0.0;
            for (count, share) in counts.iter().zip(shares) {
                assert!(is_near(*count, within * share), "{shares:?} {counts:?}");
                assert!(*share > 0.0 || *count == 0);
                inside += within * share;
            }
            assert!(is_near(counts[shares.len()], 1.0 - inside), "{shares:?} {counts:?}");
        }
    }

    #[test]
    fn layers_are_independent() {
        let a = experiment("a", "ranking", (0, 4999), &[0.5, 0.5]);
        let b = experiment("b", "retrieval", (0, 4999), &[0.5, 0.5]);
        // and so are experiments of the same buckets of different layers, arm by arm
        let mut both = [[0usize; 3]; 3];
        for user in users() {
            both[a.arm_of(&user).unwrap_or(2)][b.arm_of(&user).unwrap_or(2)] += 1;
        }
        let share = |place: usize| if place == 2 { 0.5 } else { 0.25 };
        for (i, row) in both.iter().enumerate() {
            for (j, &count) in row.iter().enumerate() {
                assert!(is_near(count, share(i) * share(j)), "{both:?}");
            }
        }
    }

    #[test]
    fn experiments_of_a_layer_exclude_each_other() {
        let a = experiment("a", "l", (0, 2999), &[1.0]);
        let b = experiment("b", "l", (3000, 9999), &[0.5, 0.5]);
        assert!(a.excludes(&b) && b.excludes(&a));
        assert!(!a.excludes(&experiment("c", "l", (2999, 3000), &[1.0])));
        assert!(a.excludes(&experiment("c", "m", (0, 9999), &[1.0])));
        for user in users() {
            assert_ne!(a.arm_of(&user).is_some(), b.arm_of(&user).is_some(), "{user:?}");
        }
    }

    #[test]
    fn nobody_moves_when_buckets_are_added() {
        let narrow = experiment("e", "l", (1000, 1999), &[0.3, 0.7]);
        let wide = experiment("e", "l", (500, 7999), &[0.3, 0.7]);
        let mut stayed = 0;
        for user in users() {
            if let Some(arm) = narrow.arm_of(&user) {
                assert_eq!(wide.arm_of(&user), Some(arm), "{user:?}");
                stayed += 1;
            }
        }
        assert!(is_near(stayed, 0.1));
    }

    #[test]
    fn a_salt_divides_anew() {
        let one = experiment("e", "l", (0, 9999), &[0.5, 0.5]);
        let other = Experiment { salt: "v2".to_owned(), ..one.clone() };
        let same = users().filter(|user| one.arm_of(user) == other.arm_of(user)).count();
        assert!(is_near(same, 0.5), "{same}");
    }
}
