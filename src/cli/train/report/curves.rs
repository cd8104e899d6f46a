//! Learning curves: the loss and what the validation part says, epoch by epoch.

use crate::cli::plan::escape;
use crate::cli::plot::Plot;
use crate::store::learned::Curve;

pub fn section(curves: &[Curve]) -> String {
    match curves {
        [] => String::new(),
        curves => {
            format!("<h3>Learning curves</h3>{}", curves.iter().map(curve).collect::<String>())
        }
    }
}

fn curve(curve: &Curve) -> String {
    let early = match (curve.is_early(), curve.best_epoch().and_then(|best| best.validation)) {
        (true, _) => "it stopped early",
        (false, None) => "nothing in the validation part tells when to stop",
        (false, Some(_)) => "it used all epochs",
    };
    let of = match &curve.heads[..] {
        [] => String::new(),
        heads => format!("{}: ", escape(&heads.join(", "))),
    };
    let loss = curve.epochs.iter().map(|epoch| Some(epoch.loss));
    let validation = curve.epochs.iter().map(|epoch| epoch.validation);
    format!(
        "<p>{of}{} of at most {} epochs, the best was {}; {early}</p><div class=\"many\">{}{}</div>",
        curve.epochs.len(),
        curve.most,
        curve.best,
        plot("loss in the training part", loss, curve),
        plot(&format!("{} in the validation part", curve.metric), validation, curve),
    )
}

fn plot(title: &str, values: impl Iterator<Item = Option<f64>>, curve: &Curve) -> String {
    let points: Vec<(f64, f64)> = values
        .enumerate()
        .filter_map(|(place, value)| Some((place as f64 + 1.0, value.filter(|v| v.is_finite())?)))
        .collect();
    if points.is_empty() {
        return String::new();
    }
    let values = points.iter().map(|point| point.1);
    let range =
        (values.clone().fold(f64::INFINITY, f64::min), values.fold(f64::NEG_INFINITY, f64::max));
    let last = curve.epochs.len() as f64;
    let mut plot = Plot::new(420.0, 200.0, (1.0, last), range);
    let best = curve.best as f64;
    plot.line(&[(best, range.0), (best, range.1)], "best");
    plot.line(&points, "");
    for (epoch, value) in points {
        let class = if epoch == best { "best" } else { "" };
        let kept = if epoch == best { ", the best" } else { "" };
        plot.dot(epoch, value, class, &format!("epoch {epoch}{kept}: {value:.5}"));
    }
    let picture = plot.end("epoch 1", &format!("{last}"));
    format!("<div><p>{}</p>{picture}</div>", escape(title))
}
