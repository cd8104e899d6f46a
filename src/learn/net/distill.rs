//! A small network learns the order in which another model puts lists of candidates.

use super::blocks::{Reader, Ready};
use super::chance::Chance;
use super::fit::Common;
use super::fitted::{Curve, Epoch, Fitted, FittedHead, Model};
use super::inputs::{Encoder, Inputs};
use super::labels::{Among, HeadFacts};
use super::mlp::{Net, Pass};
use super::networks::begun;
use super::serve::score_net;
use super::shape::Shape;
use super::table::{BLOCK, Examples, Part, Target};
use super::train::{Goal, Place, Rule, SHARD, Trainer, each};
use super::wrong::{Note, Wrong};
use super::{Underway, Watch};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An epoch must raise the validation's NDCG by this much to count as better.
const BETTER: f64 = 1e-4;
/// How many of the teacher's best are looked for, and among how many of the student's.
const KEPT: (usize, usize) = (25, 50);

/// What is minimised for a list in the teacher's order, with scores `s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListLoss {
    /// The likelihood of the order up to place `at` (Xia et al. 2008): the mean over the places of `ln sum exp s` of what is left,
    /// minus `s` of what comes next.
    ListMle,
    /// The cross entropy of the softmax of the scores with gains that fall linearly to 0 at place `at`.
    Softmax,
}

/// How a student is built and trained.
#[derive(Clone, Debug, PartialEq)]
pub struct DistillParams {
    /// Widths of the layers.
    pub hidden: Vec<usize>,
    /// What is minimised.
    pub loss: ListLoss,
    /// The places that count.
    pub at: usize,
    /// Learning rate.
    pub lr: f64,
    /// Most epochs.
    pub epochs: usize,
    /// Epochs without a better one before training ends.
    pub patience: usize,
}

impl Default for DistillParams {
    fn default() -> DistillParams {
        DistillParams {
            hidden: vec![16],
            loss: ListLoss::ListMle,
            at: 150,
            lr: 3e-3,
            epochs: 30,
            patience: 3,
        }
    }
}

/// How well a student keeps a teacher's order, on average over the lists of a part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Lists.
    pub lists: u64,
    /// NDCG at the places that count, with gains that fall linearly by the teacher's place.
    pub ndcg: f64,
    /// The share of the teacher's 25 best that is among the student's 50 best.
    pub best: f64,
    /// What the student's best are worth as a share of what the teacher's own are, by the teacher's values: of 25, and of 50. `None` if
    /// the teacher's are worth nothing.
    pub value: [Option<f64>; 2],
}

/// A student, and how well it does.
#[derive(Clone, Debug)]
pub struct Distilled {
    /// The model; its one head gives a score without a unit.
    pub fitted: Fitted,
    /// In the training, validation and test part.
    pub kept: [Kept; 3],
}

/// The gain of a place, counted from 0.
fn gain(place: usize, at: usize) -> f64 {
    (1.0 - (place + 1) as f64 / at as f64).max(0.0)
}

fn log_add(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + libm::log1p(libm::exp(low - high)) }
}

impl ListLoss {
    /// The loss of a list's scores, and its derivative by each.
    pub(super) fn slopes(self, scores: &[f64], at: usize) -> (f64, Vec<f64>) {
        match self {
            ListLoss::ListMle => likelihood(scores, at),
            ListLoss::Softmax => cross_entropy(scores, at),
        }
    }
}

fn likelihood(scores: &[f64], at: usize) -> (f64, Vec<f64>) {
    let most = at.min(scores.len());
    // the logarithm of what is left at each place
    let mut left = vec![f64::NEG_INFINITY; scores.len() + 1];
    for place in (0..scores.len()).rev() {
        left[place] = log_add(scores[place], left[place + 1]);
    }
    let (mut loss, mut before) = (0.0, f64::NEG_INFINITY);
    let mut slopes = Vec::with_capacity(scores.len());
    for (place, &score) in scores.iter().enumerate() {
        let counts = place < most;
        if counts {
            loss += left[place] - score;
            before = log_add(before, -left[place]);
        }
        let drawn = libm::exp(score + before) - if counts { 1.0 } else { 0.0 };
        slopes.push(drawn / at as f64);
    }
    (loss / at as f64, slopes)
}

fn cross_entropy(scores: &[f64], at: usize) -> (f64, Vec<f64>) {
    let all = scores.iter().fold(f64::NEG_INFINITY, |sum, &score| log_add(sum, score));
    let gains: f64 = (0..scores.len()).map(|place| gain(place, at)).sum();
    let mut loss = 0.0;
    let slopes = scores.iter().enumerate().map(|(place, score)| {
        let share = if gains > 0.0 { gain(place, at) / gains } else { 0.0 };
        loss -= share * (score - all);
        if gains > 0.0 { libm::exp(score - all) - share } else { 0.0 }
    });
    let slopes = slopes.collect();
    (loss, slopes)
}

/// Trains a student. The rows of the table are candidates, list by list, each list in the teacher's order: list `i` has the rows
/// `lists[i]..lists[i + 1]`, all of one part. The table has one head, whose labels are the teacher's values: they are measured by, and
/// not learned from.
///
/// # Errors
///
/// See [`Wrong`].
pub fn fit_distilled(
    examples: &dyn Examples,
    lists: &[u64],
    common: &Common,
    params: &DistillParams,
    watch: &dyn Watch,
) -> Result<Distilled, Wrong> {
    check(examples, params)?;
    let (inputs, mut notes) = Inputs::fit(examples, Among::Train, &common.inputs, watch)?;
    let encoder = Encoder::new(inputs);
    let reader = Reader::new(examples, &encoder, usize::MAX);
    let group = (0..reader.blocks()).map(|number| reader.block(number, 0));
    let group = group.collect::<Result<Vec<_>, Wrong>>()?;
    let lists = Lists::new(&group, lists);
    if lists.of(Part::Train).is_empty() {
        return Err(Wrong::Empty { part: Part::Train });
    }
    let chance = Chance::new(common.seed, &common.name);
    let goals = [Goal {
        label: 0,
        target: Target::Value,
        weight: 1.0,
        mean: 0.0,
        deviation: 1.0,
        trained: true,
    }];
    let shape = Shape::new(encoder.inputs(), &params.hidden, 0, 1);
    let net = Net::new(shape, &[0.0], &[true], chance);
    let rule = Rule {
        rate: params.lr,
        batch: 0,
        decay: 1e-5,
        id_decay: 1.0,
        dropout: 0.0,
        id_dropout: 0.3,
    };
    let mut trainer = Trainer::new(net, &goals, rule, chance);
    let curve = lists.run(&mut trainer, params, chance.of("order of lists"), &mut notes, watch)?;
    let kept = [Part::Train, Part::Validation, Part::Test]
        .map(|part| lists.kept(&trainer.net, part, params.at));
    let model = Model::Nets(vec![trainer.net]);
    let head = &examples.layout().heads[0];
    let mut head = FittedHead::new(head, &HeadFacts::default(), true, Among::Train);
    (head.target, head.mean, head.deviation) = (Target::Value, 0.0, 1.0);
    let fitted = Fitted {
        inputs: encoder.into_inputs(),
        model,
        heads: vec![head],
        curves: vec![curve],
        notes,
    };
    Ok(Distilled { fitted, kept })
}

fn check(examples: &dyn Examples, params: &DistillParams) -> Result<(), Wrong> {
    let wrong = |name, expected| Err(Wrong::Parameter { name, expected });
    if examples.layout().heads.len() != 1 {
        return wrong("heads", "one head");
    }
    if params.at == 0 {
        return wrong("at", "1 or more");
    }
    if params.lr.is_nan() || params.lr <= 0.0 || params.lr.is_infinite() {
        return wrong("lr", "above 0");
    }
    if params.epochs == 0 {
        return wrong("epochs", "1 or more");
    }
    Ok(())
}

/// All lists in memory.
struct Lists<'a> {
    group: &'a [Arc<Ready>],
    /// The rows of each, and its part; those of fewer than two rows are left out.
    all: Vec<(Vec<Place>, Part)>,
}

impl<'a> Lists<'a> {
    fn new(group: &'a [Arc<Ready>], lists: &[u64]) -> Lists<'a> {
        let place = |row: u64| ((row / BLOCK as u64) as u32, (row % BLOCK as u64) as u32);
        let all = lists.windows(2).filter(|ends| ends[1] >= ends[0] + 2).map(|ends| {
            let places: Vec<Place> = (ends[0]..ends[1]).map(place).collect();
            let (block, row) = places[0];
            let part = group[block as usize].parts[row as usize];
            (places, part)
        });
        Lists { group, all: all.collect() }
    }

    fn of(&self, part: Part) -> Vec<&[Place]> {
        self.all.iter().filter(|(_, own)| *own == part).map(|(places, _)| &places[..]).collect()
    }

    fn run(
        &self,
        trainer: &mut Trainer<'_>,
        params: &DistillParams,
        order: Chance,
        notes: &mut Vec<Note>,
        watch: &dyn Watch,
    ) -> Result<Curve, Wrong> {
        let lists = self.of(Part::Train);
        let mut curve = Curve::default();
        let mut best: Option<(f64, Net)> = None;
        let told = Underway {
            most: params.epochs,
            examples: lists.len() as u64,
            metric: "NDCG",
            ..Underway::default()
        };
        for epoch in 0..params.epochs {
            let own = begun(told, &curve, watch);
            let order = order.at(epoch as u64);
            let mut numbers: Vec<usize> = (0..lists.len()).collect();
            numbers.sort_by_key(|&number| (order.hash(number as u64), number));
            let mut loss = 0.0;
            for (done, &number) in numbers.iter().enumerate() {
                super::ask(&own, "epoch", done as u64, lists.len() as u64)?;
                loss += trainer.list_step(self.group, lists[number], |scores| {
                    params.loss.slopes(scores, params.at)
                });
            }
            trainer.catch_up();
            let kept = self.kept(&trainer.net, Part::Validation, params.at);
            let finite = loss.is_finite() && trainer.is_finite();
            if !finite && best.is_none() {
                return Err(Wrong::Diverged { epoch: epoch + 1 });
            }
            if !finite {
                notes.push(Note::Diverged { epoch: epoch + 1 });
                break;
            }
            let validation = (kept.lists > 0).then_some(kept.ndcg);
            curve.epochs.push(Epoch { train: loss / lists.len() as f64, validation });
            let better = best.as_ref().is_none_or(|(before, _)| kept.ndcg > before + BETTER);
            if better || validation.is_none() {
                best = Some((kept.ndcg, trainer.net.clone()));
                curve.best = epoch + 1;
            } else if epoch + 1 - curve.best >= params.patience {
                break;
            }
        }
        if curve.epochs.iter().all(|epoch| epoch.validation.is_none()) {
            notes.push(Note::NotValidated);
        }
        if let Some((_, net)) = best {
            trainer.net = net;
        }
        Ok(curve)
    }

    fn kept(&self, net: &Net, part: Part, at: usize) -> Kept {
        let lists = self.of(part);
        let mut each_list = vec![Kept::default(); lists.len()];
        each(&mut each_list, |number, kept| *kept = self.kept_of(net, lists[number], at));
        let mean = |of: fn(&Kept) -> Option<f64>| -> Option<f64> {
            let known: Vec<f64> = each_list.iter().filter_map(of).collect();
            (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
        };
        Kept {
            lists: lists.len() as u64,
            ndcg: mean(|kept| Some(kept.ndcg)).unwrap_or_default(),
            best: mean(|kept| Some(kept.best)).unwrap_or_default(),
            value: [mean(|kept| kept.value[0]), mean(|kept| kept.value[1])],
        }
    }

    /// How well one list is kept. Ties go by the teacher's last, so that a student that tells nothing apart gains nothing by it.
    fn kept_of(&self, net: &Net, list: &[Place], at: usize) -> Kept {
        let scores = self.scores(net, list);
        let mut order: Vec<usize> = (0..list.len()).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(b.cmp(&a)));
        let discount = |place: usize| 1.0 / libm::log2(place as f64 + 2.0);
        let gained = |places: &mut dyn Iterator<Item = usize>| -> f64 {
            places.take(at).enumerate().map(|(place, row)| gain(row, at) * discount(place)).sum()
        };
        let (found, ideal) = (gained(&mut order.iter().copied()), gained(&mut (0..list.len())));
        let wanted = KEPT.0.min(list.len());
        let kept = order.iter().take(KEPT.1).filter(|&&row| row < wanted).count();
        Kept {
            lists: 1,
            ndcg: if ideal > 0.0 { found / ideal } else { 1.0 },
            best: kept as f64 / wanted as f64,
            value: [KEPT.0, KEPT.1].map(|places| self.value_kept(list, &order, places)),
        }
    }

    /// What the first `places` of an order are worth, as a share of what those of the list are.
    fn value_kept(&self, list: &[Place], order: &[usize], places: usize) -> Option<f64> {
        let value = |row: usize| {
            let (block, place) = list[row];
            f64::from(self.group[block as usize].labels(place as usize)[0])
        };
        let own: f64 = (0..list.len()).take(places).map(value).sum();
        let found: f64 = order.iter().take(places).map(|&row| value(row)).sum();
        (own > 0.0).then(|| found / own)
    }

    fn scores(&self, net: &Net, list: &[Place]) -> Vec<f32> {
        let mut pass = Pass::default();
        let mut scores = Vec::with_capacity(list.len());
        // the rows of a list follow each other, but may lie in two blocks
        for rows in list.chunk_by(|a, b| a.0 == b.0) {
            for rows in rows.chunks(SHARD) {
                let (block, from) = rows[0];
                let (from, to) = (from as usize, from as usize + rows.len());
                let mut out = vec![0.0; rows.len()];
                score_net(
                    net,
                    &self.group[block as usize].encoded,
                    (from, to),
                    &mut pass,
                    &mut out,
                    1,
                    0,
                );
                scores.append(&mut out);
            }
        }
        scores
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::{Block, Layout, Table};
    use super::super::testing::{dense, head};
    use super::*;
    use crate::learn::Unwatched;
    use crate::random::Random;

    /// Lists whose order is by a function of two numbers that is not linear.
    fn lists(count: usize, length: usize) -> (Table, Vec<u64>) {
        let mut random = Random::new(6, 0);
        let mut block =
            Block { dense: vec![Vec::new(); 2], labels: vec![Vec::new()], ..Block::default() };
        for list in 0..count {
            let mut rows: Vec<(f64, f64)> =
                (0..length).map(|_| (random.normal(), random.normal())).collect();
            rows.sort_by(|a, b| (b.0.abs() + b.1).total_cmp(&(a.0.abs() + a.1)));
            for (place, (x, y)) in rows.into_iter().enumerate() {
                block.dense[0].push(x as f32);
                block.dense[1].push(y as f32);
                block.labels[0].push((length - place) as f32);
                block.parts.push(
                    [Part::Train, Part::Validation, Part::Test]
                        [(list * 5 / count).saturating_sub(2)],
                );
                block.viewers.push(0);
            }
        }
        let layout = Layout {
            dense: vec![dense("x"), dense("y")],
            heads: vec![head("s", Target::Value)],
            ..Layout::default()
        };
        (
            Table { layout, blocks: vec![block] },
            (0..=count).map(|list| (list * length) as u64).collect(),
        )
    }

    #[test]
    fn slopes_are_finite_differences() {
        let scores = [0.3, -2.0, 5.0, 0.0, 0.1, -0.4, 1.0];
        for loss in [ListLoss::ListMle, ListLoss::Softmax] {
            for at in [1, 3, 7, 20] {
                let (_, slopes) = loss.slopes(&scores, at);
                for place in 0..scores.len() {
                    let shifted = |by: f64| {
                        let mut scores = scores;
                        scores[place] += by;
                        loss.slopes(&scores, at).0
                    };
                    let difference = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
                    assert!((difference - slopes[place]).abs() < 1e-8, "{loss:?} {at} {place}");
                }
            }
        }
    }

    #[test]
    fn far_scores_have_finite_slopes() {
        for loss in [ListLoss::ListMle, ListLoss::Softmax] {
            for scores in [[1e4, -1e4, 0.0], [-1e4, 0.0, 1e4], [0.0; 3]] {
                let (value, slopes) = loss.slopes(&scores, 2);
                assert!(value.is_finite() && slopes.iter().all(|slope| slope.abs() <= 2.0));
            }
        }
    }

    #[test]
    fn students_keep_the_order_whatever_the_threads() {
        let (table, ends) = lists(100, 120);
        for loss in [ListLoss::ListMle, ListLoss::Softmax] {
            let params =
                DistillParams { loss, at: 40, epochs: 10, lr: 1e-2, ..DistillParams::default() };
            let run = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| {
                    fit_distilled(&table, &ends, &Common::default(), &params, &Unwatched).unwrap()
                })
            };
            let first = run(1);
            assert_eq!(first.kept.map(|kept| kept.lists), [60, 20, 20]);
            assert!(
                first.kept[2].ndcg > 0.9 && first.kept[2].best > 0.9,
                "{loss:?} {:?}",
                first.kept
            );
            let value = first.kept[2].value.map(Option::unwrap);
            assert!(value.iter().all(|share| (0.9..=1.0).contains(share)), "{loss:?} {value:?}");
            let tensors = |found: &Distilled| found.fitted.model.tensors(&found.fitted.heads);
            assert!(tensors(&run(4)) == tensors(&first));
        }
    }

    #[test]
    fn odd_lists() {
        let (mut table, _) = lists(10, 12);
        let common = Common::default();
        let params = DistillParams { epochs: 2, ..DistillParams::default() };
        // lists of one row and of none
        let found =
            fit_distilled(&table, &[0, 1, 1, 12, 120], &common, &params, &Unwatched).unwrap();
        assert_eq!(found.kept[0].lists, 2);
        assert!(found.fitted.notes.contains(&Note::NotValidated));
        assert_eq!(found.kept[2].value, [None; 2], "there is none in the test part");
        let none = fit_distilled(&table, &[0, 1, 2], &common, &params, &Unwatched);
        assert!(matches!(none, Err(Wrong::Empty { part: Part::Train })));
        table.layout.heads.clear();
        table.blocks[0].labels.clear();
        let found = fit_distilled(&table, &[0, 120], &common, &params, &Unwatched);
        assert!(matches!(found, Err(Wrong::Parameter { name: "heads", .. })));
    }
}
