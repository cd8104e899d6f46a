//! Training networks on a table: one for all heads, or one for each; until the validation part gets no better.

use super::blocks::Reader;
use super::chance::Chance;
use super::fit::Common;
use super::fitted::{Curve, Epoch, FittedHead, Model, scores};
use super::inputs::Encoder;
use super::labels::Among;
use super::metrics::metrics;
use super::mlp::{Net, Pass};
use super::serve::score_net;
use super::shape::Shape;
use super::table::{Head, Part, Target};
use super::train::{Goal, Rule, Trainer};
use super::wrong::{Note, Wrong};
use super::{OfEpochs, Underway, Watch};

/// An epoch must lower the normalised entropy by this much to count as better.
const BETTER: f64 = 1e-4;

/// How networks are built and trained.
#[derive(Clone, Debug, PartialEq)]
pub struct NetParams {
    /// Whether all heads have one body; else each has a network of its own.
    pub shared: bool,
    /// Widths of the body's layers.
    pub hidden: Vec<usize>,
    /// Width of a head's tower; 0: none.
    pub towers: usize,
    /// The share of the body's outputs that a step leaves out.
    pub dropout: f64,
    /// Learning rate.
    pub lr: f64,
    /// Examples per step.
    pub batch: usize,
    /// What decay takes of a weight per unit of learning rate.
    pub decay: f64,
    /// The same of the rows of ids.
    pub id_decay: f64,
    /// How often a known id is taken for unknown in training.
    pub id_dropout: f64,
    /// Most epochs.
    pub epochs: usize,
    /// Epochs without a better one before training ends.
    pub patience: usize,
}

impl Default for NetParams {
    fn default() -> NetParams {
        NetParams {
            shared: true,
            hidden: vec![128, 64],
            towers: 16,
            dropout: 0.1,
            lr: 1e-3,
            batch: 512,
            decay: 1e-5,
            id_decay: 1.0,
            id_dropout: 0.3,
            epochs: 30,
            patience: 3,
        }
    }
}

impl NetParams {
    fn check(&self) -> Result<(), Wrong> {
        let share = |x: f64| (0.0..=0.95).contains(&x);
        let positive = |x: f64| x > 0.0 && x.is_finite();
        let checks = [
            (self.hidden.iter().all(|&width| width > 0), "hidden", "widths of 1 or more"),
            (share(self.dropout), "dropout", "from 0 to 0.95"),
            (share(self.id_dropout), "id_dropout", "from 0 to 0.95"),
            (positive(self.lr), "lr", "above 0"),
            (self.batch > 0, "batch", "1 or more"),
            (self.decay >= 0.0 && self.decay.is_finite(), "decay", "0 or more"),
            (self.id_decay >= 0.0 && self.id_decay.is_finite(), "id_decay", "0 or more"),
            (self.epochs > 0, "epochs", "1 or more"),
        ];
        match checks.into_iter().find(|(fits, ..)| !fits) {
            Some((_, name, expected)) => Err(Wrong::Parameter { name, expected }),
            None => Ok(()),
        }
    }

    fn rule(&self) -> Rule {
        Rule {
            rate: self.lr,
            batch: self.batch,
            decay: self.decay,
            id_decay: self.id_decay,
            dropout: self.dropout,
            id_dropout: self.id_dropout,
        }
    }
}

/// Trains the networks of a model. `epochs`, if given, is how many each one gets, without validation.
pub(super) fn fit(
    reader: &Reader<'_>,
    among: Among,
    (heads, fitted): (&[Head], &[FittedHead]),
    common: &Common,
    params: &NetParams,
    epochs: Option<&[usize]>,
    watch: &dyn Watch,
) -> Result<(Model, Vec<Curve>, Vec<Note>), Wrong> {
    params.check()?;
    let (mut nets, mut curves, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    let groups: Vec<Vec<usize>> = match params.shared {
        true => vec![(0..heads.len()).collect()],
        false => (0..heads.len()).map(|head| vec![head]).collect(),
    };
    for (number, group) in groups.iter().enumerate() {
        let name = if params.shared { "shared" } else { &*heads[group[0]].name };
        let chance = Chance::new(common.seed, &common.name).of(name);
        let goals: Vec<Goal> =
            group.iter().map(|&head| goal(head, &heads[head], &fitted[head], among)).collect();
        let net = start(reader.encoder, &goals, fitted, among, params, chance);
        let mut trainer = Trainer::new(net, &goals, params.rule(), chance);
        let counts = group.iter().map(|&head| fitted[head].facts.among(among).examples);
        let told = Underway {
            head: (!params.shared && heads.len() > 1).then_some(name),
            most: params.epochs,
            examples: counts.max().unwrap_or(0),
            metric: "NE",
            ..Underway::default()
        };
        let mut curve = match goals.iter().any(|goal| goal.trained) {
            false => Curve::default(),
            true => match epochs {
                Some(epochs) => {
                    let told = Underway { most: epochs[number], ..told };
                    run(&mut trainer, reader, among, told, watch)?
                }
                None => Stopping { reader, fitted, goals: &goals, params, watch, told }.run(
                    &mut trainer,
                    among,
                    &mut notes,
                )?,
            },
        };
        curve.heads = group.iter().map(|&head| heads[head].name.clone()).collect();
        curves.push(curve);
        nets.push(trainer.net);
    }
    Ok((Model::Nets(nets), curves, notes))
}

fn goal(label: usize, head: &Head, fitted: &FittedHead, among: Among) -> Goal {
    let mean_weight = fitted.facts.among(among).mean_weight();
    Goal {
        label,
        target: head.target,
        weight: f64::from(head.weight) / mean_weight,
        mean: fitted.mean,
        deviation: fitted.deviation,
        trained: fitted.trained,
    }
}

fn start(
    encoder: &Encoder,
    goals: &[Goal],
    fitted: &[FittedHead],
    among: Among,
    params: &NetParams,
    chance: Chance,
) -> Net {
    let shape = Shape::new(encoder.inputs(), &params.hidden, params.towers, goals.len());
    let bias = goals.iter().map(|goal| match goal.target {
        Target::Value => 0.0,
        _ => fitted[goal.label].facts.among(among).base_logit() as f32,
    });
    let bias: Vec<f32> = bias.collect();
    let trained: Vec<bool> = goals.iter().map(|goal| goal.trained).collect();
    Net::new(shape, &bias, &trained, chance)
}

/// A number of epochs.
fn run(
    trainer: &mut Trainer<'_>,
    reader: &Reader<'_>,
    among: Among,
    told: Underway<'_>,
    watch: &dyn Watch,
) -> Result<Curve, Wrong> {
    let epochs = told.most;
    let mut curve = Curve { best: epochs, ..Curve::default() };
    for epoch in 0..epochs {
        let own = begun(told, &curve, watch);
        let train = trainer.epoch(reader, among, epoch as u64, &own)?;
        if !train.is_finite() || !trainer.is_finite() {
            return Err(Wrong::Diverged { epoch: epoch + 1 });
        }
        curve.epochs.push(Epoch { train, validation: None });
    }
    Ok(curve)
}

/// Epochs until the validation part gets no better.
struct Stopping<'a> {
    reader: &'a Reader<'a>,
    fitted: &'a [FittedHead],
    goals: &'a [Goal],
    params: &'a NetParams,
    watch: &'a dyn Watch,
    told: Underway<'a>,
}

/// Tells of the next epoch, and watches it as a part of all.
pub(super) fn begun<'w>(told: Underway<'_>, before: &Curve, watch: &'w dyn Watch) -> OfEpochs<'w> {
    let (done, last) = (before.epochs.len(), before.epochs.last());
    watch.begins(&Underway {
        epoch: done + 1,
        loss: last.map(|epoch| epoch.train),
        validation: last.and_then(|epoch| epoch.validation),
        ..told
    });
    OfEpochs { watch, before: done as u64, most: told.most as u64 }
}

impl Stopping<'_> {
    fn run(
        &self,
        trainer: &mut Trainer<'_>,
        among: Among,
        notes: &mut Vec<Note>,
    ) -> Result<Curve, Wrong> {
        let mut curve = Curve::default();
        let mut best: Option<(f64, Net)> = None;
        for epoch in 0..self.params.epochs {
            let own = begun(self.told, &curve, self.watch);
            let train = trainer.epoch(self.reader, among, epoch as u64, &own)?;
            let validation = match train.is_finite() && trainer.is_finite() {
                true => {
                    let notes = if epoch == 0 { Some(&mut *notes) } else { None };
                    self.validate(&trainer.net, notes, &own)?
                }
                false => Some(f64::NAN),
            };
            let diverged = validation.is_some_and(|ne| !ne.is_finite());
            if diverged && best.is_none() {
                return Err(Wrong::Diverged { epoch: epoch + 1 });
            }
            if diverged {
                notes.push(Note::Diverged { epoch: epoch + 1 });
                break;
            }
            curve.epochs.push(Epoch { train, validation });
            let better = match (validation, &best) {
                (Some(now), Some((before, _))) => now < before - BETTER,
                _ => true,
            };
            if better {
                best = Some((validation.unwrap_or(f64::INFINITY), trainer.net.clone()));
                curve.best = epoch + 1;
            } else if epoch + 1 - curve.best >= self.params.patience {
                break;
            }
        }
        if let Some((_, net)) = best {
            trainer.net = net;
        }
        Ok(curve)
    }

    /// The mean normalised entropy of the heads that have one; `None` if none has.
    fn validate(
        &self,
        net: &Net,
        notes: Option<&mut Vec<Note>>,
        watch: &dyn Watch,
    ) -> Result<Option<f64>, Wrong> {
        let count = self.goals.len();
        let score = |encoded: &_, from, to, out: &mut [f32]| {
            score_net(net, encoded, (from, to), &mut Pass::default(), &mut out[..], count, 0);
        };
        let found = scores(self.reader, &score, count, Part::Validation, false, watch)?;
        let mut all = Vec::new();
        let mut left_out = Vec::new();
        for (number, goal) in self.goals.iter().enumerate().filter(|(_, goal)| goal.trained) {
            let head = &self.fitted[goal.label];
            let own = found.labelled(number, goal.label, head);
            match metrics(&own.scored(), goal.target).ne {
                Some(ne) => all.push(ne),
                None => left_out.push(Note::HeadNotValidated { head: head.name.clone() }),
            }
        }
        if let Some(notes) = notes {
            match all.is_empty() {
                true => notes.push(Note::NotValidated),
                false => notes.extend(left_out),
            }
        }
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        Ok((!all.is_empty()).then_some(mean))
    }
}
