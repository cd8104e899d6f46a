//! How good a version is, in a few words.

use crate::store::learned::{Curve, Kind, Manifest};

/// What a version is judged by: `NE 0.6912, AUC 0.824`. Empty where nothing was measured.
pub fn headline(version: &Manifest) -> String {
    let metric = |name: &str| version.metrics.get(name).copied();
    let named = |shown: &str, name: &str| Some(format!("{shown} {:.3}", metric(name)?));
    let all = match (version.kind, version.learner.as_str()) {
        (_, "distill") => {
            let curve = version.course.as_ref().and_then(|course| course.curves.first());
            let shown = curve.map_or("NDCG", |curve| &curve.metric);
            let of = |shown: &str, name: &str| {
                let named = |part: &str| named(shown, &format!("{part}.{name}"));
                named("test").or_else(|| named("validation"))
            };
            vec![of(shown, "ndcg"), of("value kept", "value_kept@25")]
        }
        (_, "two_tower") => {
            vec![named("NDCG@20", "validation.ndcg@20"), named("recall@20", "validation.recall@20")]
        }
        (_, "classifier") => vec![named("accuracy", "accuracy")],
        (Kind::Embedding, _) => {
            let covered = metric("coverage").map(|share| format!("covers {}", percent(share)));
            let overlap = metric("overlap@10").map(|share| format!("overlap@10 {share:.2}"));
            vec![covered, overlap]
        }
        (Kind::Model, _) => of_heads(version),
        (Kind::Edge, _) => Vec::new(),
    };
    all.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Whole, unless that would be all or nothing where it is not.
fn percent(share: f64) -> String {
    match (100.0 * share).round() {
        whole if share < 1.0 && whole >= 100.0 => ">99 %".to_owned(),
        whole => format!("{whole:.0} %"),
    }
}

/// The mean NE over all heads, and the AUC of the only one: in the test part, or in that for validation without one.
fn of_heads(version: &Manifest) -> Vec<Option<String>> {
    let of = |part: &str, name: &str| -> Vec<f64> {
        let ending = format!(".{part}.{name}");
        let own = version.metrics.iter().filter(|(metric, _)| metric.ends_with(&ending));
        own.map(|(_, value)| *value).collect()
    };
    let Some(part) = ["test", "validation"].into_iter().find(|part| !of(part, "ne").is_empty())
    else {
        return Vec::new();
    };
    let nes = of(part, "ne");
    let mean = nes.iter().sum::<f64>() / nes.len() as f64;
    let shown = if nes.len() > 1 { "mean NE" } else { "NE" };
    let auc = match (&nes[..], &of(part, "auc")[..]) {
        ([_], [auc]) => Some(format!("AUC {auc:.3}")),
        _ => None,
    };
    vec![Some(format!("{shown} {mean:.3}")), auc]
}

/// That a version is trained, and how it went: `final@3 in 12 s: mean NE 0.691; 9 epochs, the best was 6: stopped early`.
pub fn told(version: &Manifest) -> String {
    let mut text =
        format!("{} {} in {}", version.kind.word(), version.label(), duration(version.seconds));
    let headline = headline(version);
    let curves = version.course.iter().flat_map(|course| &course.curves);
    let parts: Vec<String> = Some(headline)
        .filter(|headline| !headline.is_empty())
        .into_iter()
        .chain(curves.map(epochs))
        .collect();
    if !parts.is_empty() {
        text += &format!(": {}", parts.join("; "));
    }
    text
}

/// `9 epochs, the best was 6: stopped early`
fn epochs(curve: &Curve) -> String {
    let of = match &curve.heads[..] {
        [head] => format!("{head}: "),
        _ => String::new(),
    };
    let noun = if curve.epochs.len() == 1 { "epoch" } else { "epochs" };
    let early = if curve.is_early() { ": stopped early" } else { "" };
    format!("{of}{} {noun}, the best was {}{early}", curve.epochs.len(), curve.best)
}

/// Seconds for people.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 99.95 => format!("{s:.1} s"),
        s if s < 5_970.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3_600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_their_unit() {
        let all = [0.04, 12.34, 99.96, 600.0, 7_200.0].map(duration);
        assert_eq!(all, ["0.0 s", "12.3 s", "2 min", "10 min", "2.0 h"]);
    }

    #[test]
    fn nearly_all_is_not_all() {
        assert_eq!([0.0, 0.504, 0.9999, 1.0].map(percent), ["0 %", "50 %", ">99 %", "100 %"]);
    }
}
