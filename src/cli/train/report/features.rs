//! What a model reads: how much of it is there, and what each feature says alone.

use super::{percent, shown};
use crate::cli::page;
use crate::cli::plan::escape;
use crate::store::learned::{FeatureCourse, HeadCourse};

/// Above it an area under the curve stands out.
const HIGH: f64 = 0.95;

pub fn section(features: &[FeatureCourse], heads: &[HeadCourse]) -> String {
    if features.is_empty() {
        return String::new();
    }
    let told = |head: &&HeadCourse| features.iter().any(|own| own.auc.contains_key(&head.name));
    let heads: Vec<&str> = heads.iter().filter(told).map(|head| head.name.as_str()).collect();
    let ids = features.iter().any(|feature| feature.kind == "id");
    let timed = features.iter().any(|feature| feature.time.is_some());
    let mut names = vec![
        "feature".to_owned(),
        "".to_owned(),
        "there|".to_owned(),
        "mean|".to_owned(),
        "deviation|".to_owned(),
    ];
    if ids {
        names.extend(["known keys|", "unknown|", "in the test part|"].map(str::to_owned));
    }
    names.extend(heads.iter().map(|head| format!("AUC {head}|")));
    names.extend(timed.then(|| "time|".to_owned()));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let rows: String = features.iter().map(|feature| row(feature, ids, &heads, timed)).collect();
    let alarms: Vec<String> = features.iter().flat_map(|own| own.alarms.clone()).collect();
    format!(
        "<h3>Features</h3><p>In the training part: where each is there, its moments, and its area under the curve alone (of ids: of \
         the one key that tells most); the share of the time that the training table took</p>{}{}",
        page::warnings(&alarms),
        super::table(&names, &rows)
    )
}

fn row(feature: &FeatureCourse, ids: bool, heads: &[&str], timed: bool) -> String {
    let number = |value: Option<f64>| value.map_or(String::new(), shown);
    let kind = match feature.kept {
        true => feature.kind.clone(),
        false => "left out: it never varies".to_owned(),
    };
    let mut cells = vec![
        (percent(feature.covered), "n"),
        (number(feature.mean), "n"),
        (number(feature.deviation), "n"),
    ];
    if ids {
        let known = feature.vocabulary.map_or(String::new(), |keys| keys.to_string());
        let unknown = [feature.unknown, feature.unknown_test].map(percent);
        cells.extend([known].into_iter().chain(unknown).map(|text| (text, "n")));
    }
    for head in heads {
        let auc = feature.auc.get(*head).copied();
        let class = if auc.is_some_and(|auc| auc > HIGH) { "n alarm" } else { "n" };
        cells.push((auc.map_or(String::new(), |auc| format!("{auc:.3}")), class));
    }
    if timed {
        cells.push((percent(feature.time), "n"));
    }
    let cells: String = cells
        .iter()
        .map(|(text, class)| format!("<td class=\"{class}\">{}</td>", escape(text)))
        .collect();
    let class = if feature.kept { "" } else { " class=\"soft\"" };
    format!("<tr{class}><td class=\"op\">{}</td><td>{kind}</td>{cells}</tr>", escape(&feature.name))
}
