//! What a model predicts: reliability, and all metrics by head and part.

use super::{shown, table, table_row};
use crate::cli::plan::escape;
use crate::cli::plot::Plot;
use crate::store::learned::{Bin, HeadCourse, PartCourse};
use std::collections::BTreeMap;

pub fn section(heads: &[HeadCourse]) -> String {
    if heads.iter().all(|head| head.parts.is_empty()) {
        return String::new();
    }
    let pictures: String = heads.iter().map(reliability).collect();
    let pictures = match pictures.is_empty() {
        true => String::new(),
        false => format!(
            "<h3>Reliability</h3><p>The mean label of bins of equal count by their mean probability; \
             <span class=\"p1\"><span class=\"key\"></span></span>before calibration, <span class=\"p0\"><span class=\"key\"></span></span>as \
             it is served; on the line it is right</p><div class=\"many\">{pictures}</div>"
        ),
    };
    format!("{}{pictures}", metrics(heads))
}

const METRICS: [(&str, &str); 7] = [
    ("base_rate", "base rate|"),
    ("auc", "AUC|"),
    ("gauc", "GAUC|"),
    ("loss", "loss|"),
    ("ne", "NE|"),
    ("ndcg@10", "NDCG@10|"),
    ("ece", "ECE|"),
];

fn metrics(heads: &[HeadCourse]) -> String {
    let rows = heads.iter().flat_map(|head| head.parts.iter().map(move |part| of_part(head, part)));
    let rows: String = rows.collect();
    let names = ["head", "part", "examples|", "positives|"].into_iter();
    let names: Vec<&str> = names.chain(METRICS.map(|(_, shown)| shown)).collect();
    format!(
        "<h3>Heads</h3><p>Beside each head what needs no model: the base rate of the training part, and the rate of each row \
         before the example, smoothed. GAUC is the AUC within viewers, and NE the loss by that of the base rate: below 1 is \
         better than it. ECE is how far probabilities are from what happens, on average over bins.</p>{}",
        table(&names, &rows)
    )
}

fn of_part(head: &HeadCourse, part: &PartCourse) -> String {
    let examples = part.examples.to_string();
    let positives = if head.is_value { String::new() } else { part.positives.to_string() };
    let what = if head.trained { "" } else { ": it predicts its base rate" };
    let name = format!("{}{what}", part.part);
    let mut rows = row([&head.name, &name], [&examples, &positives], part.metrics(), "");
    let more = [
        ("before calibration", &part.plain, !part.calibrated.is_empty()),
        ("as shown in serving", &part.served, true),
        ("base rate", &part.base_rate, true),
        ("item rate", &part.item_rate, true),
    ];
    for (name, metrics, is_other) in more {
        if is_other && !metrics.is_empty() {
            rows += &row(["", name], ["", ""], metrics, "soft");
        }
    }
    rows
}

fn row(
    [head, part]: [&str; 2],
    [examples, positives]: [&str; 2],
    metrics: &BTreeMap<String, f64>,
    class: &str,
) -> String {
    let values =
        METRICS.map(|(name, _)| metrics.get(name).map_or(String::new(), |v| format!("{v:.4}")));
    let mut cells = vec![(head, "code"), (part, ""), (examples, "n"), (positives, "n")];
    cells.extend(values.iter().map(|value| (value.as_str(), "n")));
    table_row(&cells).replacen("<tr>", &format!("<tr class=\"{class}\">"), 1)
}

fn reliability(head: &HeadCourse) -> String {
    if head.bins.is_empty() {
        return String::new();
    }
    let served = if head.calibrated_bins.is_empty() { &head.bins } else { &head.calibrated_bins };
    let all = head.bins.iter().chain(served);
    let most = all.fold(0.0, |most: f64, bin| most.max(bin.predicted).max(bin.observed));
    let mut plot = Plot::new(320.0, 260.0, (0.0, most), (0.0, most));
    plot.line(&[(0.0, 0.0), (most, most)], "ideal");
    if !head.calibrated_bins.is_empty() {
        dots(&mut plot, &head.bins, "p1");
    }
    dots(&mut plot, served, "p0");
    let line = match head.calibration {
        Some([slope, shift]) => format!("calibrated: {slope:.3} · logit {shift:+.3}"),
        None => "not calibrated".to_owned(),
    };
    format!(
        "<div><p>{} in the {} part, {line}</p>{}{}</div>",
        escape(&head.name),
        escape(&head.binned),
        plot.end("0", &shown(most)),
        bins(head),
    )
}

fn dots(plot: &mut Plot, bins: &[Bin], class: &str) {
    let points: Vec<(f64, f64)> = bins.iter().map(|bin| (bin.predicted, bin.observed)).collect();
    plot.line(&points, class);
    for bin in bins {
        let title = format!(
            "predicted {:.4}, observed {:.4} in {} examples",
            bin.predicted, bin.observed, bin.examples
        );
        plot.dot(bin.predicted, bin.observed, class, &title);
    }
}

/// The numbers of a picture.
fn bins(head: &HeadCourse) -> String {
    let number =
        |bin: Option<&Bin>| bin.map_or(String::new(), |bin| format!("{:.4}", bin.predicted));
    let row = |(place, bin): (usize, &Bin)| {
        table_row(&[
            (&bin.examples.to_string(), "n"),
            (&number(Some(bin)), "n"),
            (&number(head.calibrated_bins.get(place)), "n"),
            (&format!("{:.4}", bin.observed), "n"),
        ])
    };
    let rows: String = head.bins.iter().enumerate().map(row).collect();
    let names = ["examples|", "predicted|", "calibrated|", "observed|"];
    format!("<details><summary>bins</summary>{}</details>", table(&names, &rows))
}
