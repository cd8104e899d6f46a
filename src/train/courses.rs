//! What is kept of how a training went: curves, reliability, features, neighbours.

use super::examples::{Alarm, Alone, Part, Rates, sampled};
use super::job::Job;
use crate::check::trained::{Network, Trained};
use crate::learn::net::{self, Examples, FittedHead, Metrics, PartMetrics};
use crate::store::learned::{
    Bin, Curve, Epoch, FeatureCourse, HeadCourse, LinkCourse, NULL_KEY, PartCourse,
};
use foldhash::HashSet;
use std::collections::BTreeMap;
use std::io;

/// Metrics by their names; those that are not defined are left out.
pub fn named(metrics: &Metrics) -> BTreeMap<String, f64> {
    let Metrics { base_rate, auc, gauc, loss, ne, ndcg, ece, .. } = metrics;
    let all = [
        ("base_rate", base_rate),
        ("auc", auc),
        ("gauc", gauc),
        ("loss", loss),
        ("ne", ne),
        ("ndcg@10", ndcg),
        ("ece", ece),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), (*value)?))).collect()
}

/// The epochs of a model's networks.
pub fn curves(model: &Trained, fitted: &[net::Curve]) -> Vec<Curve> {
    let (metric, most) = match &model.kind {
        Network::Distill(student) => (format!("NDCG@{}", student.at), student.epochs),
        Network::Mlp(layers) | Network::Mtml(layers) => ("NE".to_owned(), layers.epochs),
        Network::TwoTower(_) | Network::Linear { .. } => return Vec::new(),
    };
    let trained = fitted.iter().filter(|curve| !curve.epochs.is_empty());
    let curve = |own: &net::Curve| Curve {
        heads: own.heads.clone(),
        metric: metric.clone(),
        epochs: epochs(&own.epochs),
        most: most as usize,
        best: own.best,
    };
    trained.map(curve).collect()
}

/// Epochs as they are kept.
pub fn epochs(fitted: &[net::Epoch]) -> Vec<Epoch> {
    let epoch = |own: &net::Epoch| Epoch { loss: own.train, validation: own.validation };
    fitted.iter().map(epoch).collect()
}

/// That a training ended early because nothing came after its first epoch.
pub fn first_was_best(curves: &[Curve]) -> Vec<String> {
    let silent = curves.iter().filter(|curve| {
        let is_measured = curve.best_epoch().is_some_and(|best| best.validation.is_some());
        curve.best == 1 && curve.epochs.len() > 1 && curve.is_early() && is_measured
    });
    let told = |curve: &Curve| {
        let metric = &curve.metric;
        let values =
            curve.epochs.iter().filter_map(|epoch| Some(format!("{:.4}", epoch.validation?)));
        let values = values.collect::<Vec<_>>().join(", ");
        let of = match curve.heads.len() {
            1 if curves.len() > 1 => format!(" of `{}`", curve.heads[0]),
            _ => String::new(),
        };
        format!(
            "the first epoch{of} was the best: {metric} in the validation part was {values}\nhelp: `lr` may be too high, or its \
             inputs explain no more"
        )
    };
    silent.map(told).collect()
}

/// What is known of the heads; `binned`: their scores are probabilities.
pub fn heads(fitted: &net::Fitted, rates: &[Rates], binned: bool) -> Vec<HeadCourse> {
    let heads = fitted.heads.iter().enumerate();
    heads.map(|(number, head)| of_head(head, number, rates, binned)).collect()
}

fn of_head(head: &FittedHead, number: usize, rates: &[Rates], binned: bool) -> HeadCourse {
    let own = |part: Part| rates.iter().find(|rates| rates.head == number && rates.part == part);
    let parts = head.metrics.iter().filter(|metrics| metrics.plain.examples > 0);
    let has_bins = |part: &&PartMetrics| !part.plain.bins.is_empty() && part.part != Part::Train;
    let bins = head.metrics.iter().rev().find(has_bins).filter(|_| binned);
    let calibrated = bins.and_then(|part| part.calibrated.as_ref());
    HeadCourse {
        name: head.name.clone(),
        trained: head.trained,
        is_value: head.target == net::Target::Value,
        calibration: head.calibration.map(|line| [line.slope, line.shift]),
        parts: parts.map(|part| of_part(part, own(part.part))).collect(),
        binned: bins.map_or("", |part| part.part.name()).to_owned(),
        bins: bins.map_or(Vec::new(), |part| bins_of(&part.plain)),
        calibrated_bins: calibrated.map_or(Vec::new(), bins_of),
    }
}

fn of_part(own: &PartMetrics, rates: Option<&Rates>) -> PartCourse {
    let named_if = |metrics: Option<&Metrics>| metrics.map_or(BTreeMap::new(), named);
    PartCourse {
        part: own.part.name().to_owned(),
        examples: own.plain.examples,
        positives: own.plain.positives,
        plain: named(&own.plain),
        calibrated: named_if(own.calibrated.as_ref()),
        served: named_if(own.served.as_ref()),
        base_rate: named_if(rates.map(|rates| &rates.base)),
        item_rate: named_if(rates.map(|rates| &rates.item)),
    }
}

fn bins_of(metrics: &Metrics) -> Vec<Bin> {
    let bin = |own: &net::Bin| Bin {
        examples: own.examples,
        predicted: own.predicted,
        observed: own.observed,
    };
    metrics.bins.iter().map(bin).collect()
}

/// The features of a model: numbers, ids, vectors. Of ids, how many are unknown in the blocks that are looked at.
pub fn features(
    model: &Trained,
    inputs: &net::Inputs,
    examples: &dyn Examples,
) -> io::Result<Vec<FeatureCourse>> {
    let (dense, of_vectors) = inputs.dense.split_at(model.inputs.dense.len());
    let mut all: Vec<FeatureCourse> = dense.iter().map(number).collect();
    for (place, sparse) in inputs.sparse.iter().enumerate() {
        all.push(ids(sparse, place, examples)?);
    }
    let mut parts = of_vectors;
    for (name, expr) in &model.inputs.vectors {
        let (own, others) = parts.split_at(expr.ty.numbers() + 1);
        parts = others;
        let kept = own.iter().any(|part| part.kept);
        all.push(FeatureCourse {
            name: name.clone(),
            kind: "vector".to_owned(),
            kept,
            ..FeatureCourse::default()
        });
    }
    Ok(all)
}

fn number(dense: &net::Dense) -> FeatureCourse {
    FeatureCourse {
        name: dense.name.clone(),
        kind: "number".to_owned(),
        kept: dense.kept,
        mean: dense.mean.is_finite().then_some(dense.mean),
        deviation: dense.deviation.is_finite().then_some(dense.deviation),
        ..FeatureCourse::default()
    }
}

fn ids(sparse: &net::Sparse, place: usize, examples: &dyn Examples) -> io::Result<FeatureCourse> {
    let mut found = FeatureCourse {
        name: sparse.name.clone(),
        kind: "id".to_owned(),
        kept: true,
        ..FeatureCourse::default()
    };
    if sparse.buckets.is_none() {
        found.vocabulary = Some(sparse.keys.len() as u64);
        [found.unknown, found.unknown_test] = unknown(&sparse.keys, place, examples)?;
    }
    Ok(found)
}

/// The share of keys outside of a vocabulary, in the training and the test part.
fn unknown(known: &[u64], place: usize, examples: &dyn Examples) -> io::Result<[Option<f64>; 2]> {
    let known: HashSet<u64> = known.iter().copied().collect();
    let mut counts = [(0u64, 0u64); 2];
    for number in sampled(examples.blocks()) {
        let (keys, outcomes) = (examples.keys(number, place)?, examples.outcomes(number)?);
        for (row, part) in outcomes.parts.iter().enumerate() {
            let count = match part {
                Part::Train => &mut counts[0],
                Part::Test => &mut counts[1],
                Part::Validation => continue,
            };
            for key in keys.of(row).iter().filter(|key| **key != NULL_KEY) {
                *count = (count.0 + u64::from(!known.contains(key)), count.1 + 1);
            }
        }
    }
    Ok(counts.map(|(unknown, all)| (all > 0).then(|| unknown as f64 / all as f64)))
}

/// Adds what each feature is without the others, and its share of the time.
pub fn add_alone(features: &mut [FeatureCourse], alone: &[Alone], alarms: &[Alarm], times: &[f64]) {
    let is_timed = times.iter().any(|share| *share > 0.0);
    for ((feature, alone), share) in features.iter_mut().zip(alone).zip(times) {
        feature.covered = alone.covered;
        feature.auc = alone.auc.iter().cloned().collect();
        feature.time = is_timed.then_some(*share);
        let own = alarms.iter().filter(|alarm| alarm.feature == feature.name);
        feature.alarms = own.map(ToString::to_string).collect();
    }
}

/// Quantiles in steps of a twentieth, from the least to the most; none of nothing.
fn quantiles(mut values: Vec<f64>) -> Vec<f64> {
    const STEPS: usize = 20;
    values.sort_unstable_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else { return Vec::new() };
    (0..=STEPS).map(|step| values[last * step / STEPS]).collect()
}

/// What learned links are like.
pub fn links(offsets: &[u64], ends: &[u32], weights: &[f32]) -> LinkCourse {
    let rows = offsets.len().saturating_sub(1);
    let mut into = vec![0u64; rows];
    ends.iter().for_each(|&end| into[end as usize] += 1);
    let out = offsets.windows(2).map(|ends| ends[1] - ends[0]);
    let some = |counts: &mut dyn Iterator<Item = u64>| -> Vec<f64> {
        counts.filter(|&count| count > 0).map(|count| count as f64).collect()
    };
    let (out, into) = (some(&mut out.into_iter()), some(&mut into.into_iter()));
    LinkCourse {
        rows: rows as u64,
        sources: out.len() as u64,
        targets: into.len() as u64,
        out: quantiles(out),
        into: quantiles(into),
        weights: quantiles(weights.iter().map(|&weight| f64::from(weight)).collect()),
    }
}

/// The rows of an entity that are there before the end of a training.
pub fn is_there<'j>(
    job: &Job<'j>,
    entity: crate::types::EntityId,
) -> impl Fn(u32) -> bool + use<'j> {
    let (times, until) = (job.engine.snapshot().times(entity), job.until);
    move |row: u32| times.is_none_or(|times| times[row as usize] < until)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(values: &[f64], most: usize, best: usize) -> Curve {
        let epochs = values.iter().map(|&value| Epoch { loss: 0.5, validation: Some(value) });
        Curve { metric: "NE".to_owned(), epochs: epochs.collect(), most, best, ..Curve::default() }
    }

    #[test]
    fn a_training_that_got_worse_at_once_is_told() {
        let told = first_was_best(&[curve(&[0.7, 0.71, 0.72, 0.73], 30, 1)]);
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("0.7000, 0.7100"), "{told:?}");
        // the second was better, all were used, there was but one
        for fine in [curve(&[0.7, 0.6, 0.7], 30, 2), curve(&[0.7, 0.8], 2, 1), curve(&[0.7], 30, 1)]
        {
            assert!(first_was_best(&[fine]).is_empty());
        }
    }

    #[test]
    fn links_are_told_by_quantiles() {
        // three rows, of which the second has no link
        let found = links(&[0, 2, 2, 3], &[1, 2, 1], &[0.5, 0.25, 1.0]);
        assert_eq!((found.rows, found.sources, found.targets), (3, 2, 2));
        assert_eq!((found.out[0], found.out[20]), (1.0, 2.0));
        assert_eq!((found.into[0], found.into[20]), (1.0, 2.0));
        assert_eq!((found.weights[0], found.weights[10], found.weights[20]), (0.25, 0.5, 1.0));
        assert_eq!(links(&[0], &[], &[]), LinkCourse::default());
    }
}
