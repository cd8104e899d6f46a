//! Two towers: a vector for each viewer, from what is known of it at a time, and one for each item, so that what a viewer
//! did next lies close. A tower is `W0 x + W2 relu(W1 x)`, divided by its norm; it is trained by a softmax over the items of
//! a batch, corrected for how often each is drawn (Yi et al. 2019).
//!
//! | file | holds |
//! |---|---|
//! | `tower` | a tower: its weights, the vectors that it gives |
//! | `climb` | rows on their way through a tower, and errors on their way back |
//! | `half` | a tower in training |
//! | `batch` | both in training: batches, epochs, the softmax |
//! | `validate` | how good they are |

mod batch;
mod climb;
mod half;
#[cfg(test)]
mod tests;
mod tower;
mod validate;

pub use tower::{Side, Tower};

use super::chance::Chance;
use super::fitted::{Curve, Epoch};
use super::inputs::Encoded;
use super::networks::begun;
use super::wrong::Wrong;
use super::{Underway, Watch};
use batch::Towers;
use validate::Found;

/// Fewest positives that can be told apart from each other.
const LEAST: usize = 32;
/// An epoch must raise the validation's NDCG by this much to count as better.
const BETTER: f64 = 1e-4;

/// How two towers are built and trained.
#[derive(Clone, Debug, PartialEq)]
pub struct TwoTowerParams {
    /// Numbers of a vector.
    pub dim: usize,
    /// Width of the hidden layer; 0: there is none.
    pub hidden: usize,
    /// Cosines are divided by it.
    pub temperature: f64,
    /// Learning rate.
    pub lr: f64,
    /// Positives per step.
    pub batch: usize,
    /// Most epochs.
    pub epochs: usize,
    /// Epochs without a better one before training ends.
    pub patience: usize,
    /// How often a known id is taken for unknown in training: one of a history is skipped then, as unknown ones are.
    pub id_dropout: f64,
    /// What decay takes of the rows of ids per unit of learning rate.
    pub id_decay: f64,
    /// Whether the logits of a batch are corrected for how often its items are drawn.
    pub corrected: bool,
}

impl Default for TwoTowerParams {
    fn default() -> TwoTowerParams {
        TwoTowerParams {
            dim: 64,
            hidden: 128,
            temperature: 0.1,
            lr: 3e-3,
            batch: 512,
            epochs: 30,
            patience: 3,
            id_dropout: 0.1,
            id_decay: 1e-2,
            corrected: true,
        }
    }
}

/// What two towers are trained on.
#[derive(Clone, Copy, Debug)]
pub struct Positives<'a> {
    /// What is known of the viewer of each positive, before it.
    pub users: &'a Encoded,
    /// The item of each positive.
    pub items: &'a [u32],
    /// The viewer of each positive.
    pub viewers: &'a [u32],
    /// What is known of every item.
    pub all_items: &'a Encoded,
}

/// What a training is stopped by: what viewers did later.
#[derive(Clone, Copy, Debug)]
pub struct Later<'a> {
    /// What is known of each viewer.
    pub users: &'a Encoded,
    /// The items of viewer `i` are `items[offsets[i]..offsets[i + 1]]`.
    pub items: &'a [u32],
    /// See `items`; empty: there is no validation.
    pub offsets: &'a [u64],
    /// Items that are not looked for: those of viewer `i` are `seen[seen_offsets[i]..seen_offsets[i + 1]]`.
    pub seen: &'a [u32],
    /// See `seen`.
    pub seen_offsets: &'a [u64],
}

/// Two trained towers.
#[derive(Clone, Debug)]
pub struct TwoTower {
    /// That of viewers.
    pub user: Tower,
    /// That of items.
    pub item: Tower,
    /// Mean loss, and NDCG@20 of the validation, of each epoch.
    pub epochs: Vec<Epoch>,
    /// The epoch whose weights were kept, from 1.
    pub best: usize,
    /// Its recall@20 of the validation.
    pub recall: Option<f64>,
}

/// Trains two towers.
///
/// # Errors
///
/// Fewer than 32 positives, numbers beyond all bounds, or the caller's wish to stop.
pub fn fit_two_tower(
    sides: (Side, Side),
    positives: &Positives<'_>,
    later: &Later<'_>,
    params: &TwoTowerParams,
    (seed, name): (u64, &str),
    watch: &dyn Watch,
) -> Result<TwoTower, Wrong> {
    check(params)?;
    if positives.items.len() < LEAST {
        return Err(Wrong::FewPositives {
            positives: positives.items.len() as u64,
            least: LEAST as u64,
        });
    }
    let mut towers = Towers::new(sides, positives, params, Chance::new(seed, name));
    let mut best: Option<(Found, Tower, Tower)> = None;
    let mut curve = Curve::default();
    let told = Underway {
        most: params.epochs,
        examples: positives.items.len() as u64,
        metric: "NDCG@20",
        ..Underway::default()
    };
    for epoch in 0..params.epochs {
        let train = towers.epoch(epoch as u64, &begun(told, &curve, watch))?;
        let validation = towers.validate(later);
        if !train.is_finite() {
            return Err(Wrong::Diverged { epoch: epoch + 1 });
        }
        curve.epochs.push(Epoch { train, validation: validation.map(|found| found.ndcg) });
        let value = validation.unwrap_or_default();
        let better = best.as_ref().is_none_or(|(before, ..)| value.ndcg > before.ndcg + BETTER);
        if validation.is_none() || better {
            best = Some((value, towers.user.tower.clone(), towers.item.tower.clone()));
            curve.best = epoch + 1;
        } else if epoch + 1 - curve.best >= params.patience {
            break;
        }
    }
    let validated = curve.epochs.iter().any(|epoch| epoch.validation.is_some());
    let (found, user, item) =
        best.unwrap_or((Found::default(), towers.user.tower, towers.item.tower));
    let recall = validated.then_some(found.recall);
    Ok(TwoTower { user, item, epochs: curve.epochs, best: curve.best, recall })
}

fn check(params: &TwoTowerParams) -> Result<(), Wrong> {
    let positive = |x: f64| x > 0.0 && x.is_finite();
    let checks = [
        (params.dim > 0, "dim", "1 or more"),
        (positive(params.temperature), "temperature", "above 0"),
        (positive(params.lr), "lr", "above 0"),
        (params.batch >= LEAST, "batch", "32 or more"),
        (params.epochs > 0, "epochs", "1 or more"),
        ((0.0..=0.95).contains(&params.id_dropout), "id_dropout", "from 0 to 0.95"),
        (params.id_decay >= 0.0 && params.id_decay.is_finite(), "id_decay", "0 or more"),
    ];
    match checks.into_iter().find(|(fits, ..)| !fits) {
        Some((_, name, expected)) => Err(Wrong::Parameter { name, expected }),
        None => Ok(()),
    }
}
