//! How unevenly links are spread over the rows of an entity.

use serde::{Deserialize, Serialize};

/// Rows by how many links they have, in classes of like degrees, the smallest first. Rows without
/// links are in no class. Degrees up to 32 have a class each; above, one spans about 3 %.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Degrees(Vec<Class>);

/// Rows of about the same degree.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Class {
    /// The largest degree of the class.
    most: u32,
    rows: u64,
    /// Of all its rows together.
    links: u64,
}

impl Degrees {
    /// Of rows whose links begin at these offsets (one more at the end).
    pub fn of(offsets: &[u32]) -> Degrees {
        let mut degrees: Vec<u32> = offsets.windows(2).map(|w| w[1] - w[0]).collect();
        degrees.retain(|&degree| degree > 0);
        degrees.sort_unstable();
        let mut classes: Vec<Class> = Vec::new();
        let mut end = 0;
        for degree in degrees {
            match classes.last_mut() {
                Some(class) if degree < end => {
                    class.most = degree;
                    class.rows += 1;
                    class.links += u64::from(degree);
                }
                _ => {
                    end = degree.saturating_add(1 + degree / 32);
                    let links = u64::from(degree);
                    let (most, rows) = (degree, 1);
                    classes.push(Class { most, rows, links });
                }
            }
        }
        Degrees(classes)
    }

    /// The most links of one row.
    pub fn max(&self) -> u32 {
        self.0.last().map_or(0, |class| class.most)
    }

    /// Rows that have a link.
    pub fn rows(&self) -> u64 {
        self.0.iter().map(|class| class.rows).sum()
    }

    /// At least as many links as any `rows` rows have together, counting at most `limit` of each.
    pub fn most_links(&self, rows: u64, limit: u64) -> u64 {
        let (mut left, mut sum) = (rows, 0u64);
        for class in self.0.iter().rev() {
            let taken = class.rows.min(left);
            let whole = taken == class.rows && limit >= u64::from(class.most);
            sum = sum.saturating_add(if whole {
                class.links
            } else {
                taken.saturating_mul(limit.min(u64::from(class.most)))
            });
            left -= taken;
            if left == 0 {
                break;
            }
        }
        sum
    }

    /// How many links a row has on average that has any, counting at most `limit` of each.
    pub fn mean(&self, limit: f64) -> f64 {
        let of_class = |class: &Class| {
            let mean = class.links as f64 / class.rows as f64;
            class.rows as f64 * mean.min(limit)
        };
        self.0.iter().map(of_class).sum::<f64>() / (self.rows() as f64).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(degrees: &[u32]) -> Degrees {
        let mut offsets = vec![0];
        for degree in degrees {
            offsets.push(offsets[offsets.len() - 1] + degree);
        }
        Degrees::of(&offsets)
    }

    #[test]
    fn small_degrees_are_exact() {
        let degrees = of(&[0, 3, 1, 3, 0, 20]);
        assert_eq!((degrees.rows(), degrees.max()), (4, 20));
        assert_eq!(degrees.most_links(2, u64::MAX), 23);
        assert_eq!(degrees.most_links(3, 2), 6);
        assert_eq!(degrees.most_links(9, u64::MAX), 27);
        assert_eq!(degrees.mean(f64::INFINITY), 27.0 / 4.0);
        assert_eq!(degrees.mean(2.0), 7.0 / 4.0);
    }

    #[test]
    fn large_ones_share_classes_and_stay_upper_bounds() {
        let degrees: Vec<u32> = (1..=10_000).collect();
        let classes = of(&degrees);
        assert!(classes.0.len() < 300);
        for (rows, limit) in [(1, u64::MAX), (7, 9_000), (500, 100), (9_999, u64::MAX)] {
            let largest = degrees.iter().rev().take(rows as usize);
            let exact: u64 = largest.map(|&d| u64::from(d).min(limit)).sum();
            let bound = classes.most_links(rows, limit);
            assert!(exact <= bound && bound <= exact + exact / 25);
        }
    }

    #[test]
    fn no_links_at_all() {
        let none = of(&[0, 0]);
        assert_eq!((none.rows(), none.max(), none.mean(5.0)), (0, 0, 0.0));
        assert_eq!(none.most_links(5, 5), 0);
    }
}
