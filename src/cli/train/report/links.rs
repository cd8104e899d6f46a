//! Links: how many each row has and gets, and what they weigh.

use super::{shown, table, table_row};
use crate::cli::plot::Plot;
use crate::store::learned::LinkCourse;

pub fn section(links: &LinkCourse) -> String {
    let all = [
        ("links of a row", &links.out),
        ("links to a row", &links.into),
        ("weights", &links.weights),
    ];
    let known = || all.iter().filter(|(_, quantiles)| !quantiles.is_empty());
    let pictures: String = known().map(|(title, quantiles)| picture(title, quantiles)).collect();
    let rows: String = known().map(|(title, quantiles)| row(title, quantiles)).collect();
    format!(
        "<h3>Links</h3><p>{} of {} rows have links, and {} are led to; from the least to the most</p><div class=\"many\">{pictures}</div>{}",
        links.sources,
        links.rows,
        links.targets,
        table(&["", "least|", "5 %|", "25 %|", "half|", "75 %|", "95 %|", "most|"], &rows)
    )
}

fn picture(title: &str, quantiles: &[f64]) -> String {
    let last = quantiles.len() - 1;
    let share = |place: usize| 100.0 * place as f64 / last as f64;
    let points: Vec<(f64, f64)> =
        quantiles.iter().enumerate().map(|(place, &value)| (share(place), value)).collect();
    let mut plot = Plot::new(320.0, 180.0, (0.0, 100.0), (quantiles[0].min(0.0), quantiles[last]));
    plot.line(&points, "");
    for (share, value) in points {
        plot.dot(share, value, "", &format!("{share:.0} %: at most {}", shown(value)));
    }
    format!("<div><p>{title}</p>{}</div>", plot.end("0 %", "100 % of them"))
}

fn row(title: &str, quantiles: &[f64]) -> String {
    let at = |percent: usize| shown(quantiles[(quantiles.len() - 1) * percent / 100]);
    let values = [0, 5, 25, 50, 75, 95, 100].map(at);
    let mut cells = vec![(title, "")];
    cells.extend(values.iter().map(|value| (value.as_str(), "n")));
    table_row(&cells)
}
