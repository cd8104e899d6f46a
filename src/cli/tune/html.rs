//! A report as one page that needs nothing else, for light and dark, wide and narrow screens.

use super::{table, winner};
use crate::cli::page;
use crate::cli::plan::escape;
use crate::cli::plot::Plot;
use crate::cli::replay::table::{interval, number, signed};
use crate::tune::{Trial, TuneReport, Tuned, Validated, number as written_number};

/// What this page has beside others.
const STYLE: &str = ".trace svg { min-width: 560px } path { fill: none; stroke: var(--own); stroke-width: 2 } .dot.best { stroke: var(--ink); stroke-width: 2 } .dot.out { fill: none; stroke: var(--soft) } .many { display: grid; grid-template-columns: repeat(auto-fill, minmax(260px, 1fr)); gap: 12px 24px } .many h3 { margin: 8px 0 0 }";

pub fn page(report: &TuneReport, name: &str, written: &[String]) -> String {
    let constraints: String = report
        .constraints
        .iter()
        .map(|constraint| format!(", subject to {}", escape(&constraint.to_string())))
        .collect();
    let body = format!(
        "<h1>Tuning of {name}</h1>\
         <p>{metric} of query {query}{constraints}; {trials} trials; {training} requests train, {validation} validate, divided by {by}</p>\
         {warnings}<p>{verdict}</p>{tunables}{validated}<h2>Trace</h2><p>Each trial for the requests that train, and the best so far; hollow: a constraint does not hold</p>\
         <div class=\"scroll trace\">{trace}</div><h2>Tunables</h2><p>Each trial by the value that it had</p><div class=\"many\">{each}</div>{all}",
        warnings = page::warnings(&report.warnings),
        name = escape(name),
        metric = escape(&report.maximize.to_string()),
        query = escape(&report.query),
        trials = report.trials.len(),
        training = report.training.requests,
        validation = report.validation.requests,
        by = report.divided_by,
        verdict = escape(table::verdict(report, written).trim_end()).replace('\n', "<br>"),
        tunables = tunables(report),
        validated = validated(report),
        trace = trace(report),
        each = (0..report.tunables.len()).map(|at| scatter(report, at)).collect::<String>(),
        all = all_trials(report),
    );
    page::page("Tuning", STYLE, &body)
}

fn shown(tuned: &Tuned, value: f64) -> String {
    written_number(value, tuned.whole)
}

fn tunables(report: &TuneReport) -> String {
    let rows = report.tunables.iter().map(|t| {
        let share = t.importance.map_or(0.0, |share| 100.0 * share);
        let sure = if t.to == t.from { "" } else { " sure" };
        format!(
            "<tr><td>{}</td><td class=\"n\">{}..{}</td><td class=\"n\">{}</td><td class=\"n{sure}\">{}</td>\
             <td class=\"plot\"><div class=\"bar p0\"><div class=\"kept\" style=\"width:{share:.1}%\"></div></div></td></tr>",
            escape(&t.name),
            shown(t, t.low),
            shown(t, t.high),
            shown(t, t.from),
            shown(t, t.to),
        )
    });
    format!(
        "<div class=\"scroll\"><table><thead><tr><th>tunable</th><th class=\"n\">range</th><th class=\"n\">value</th><th class=\"n\">tuned</th>\
         <th>importance</th></tr></thead><tbody>{}</tbody></table></div>",
        rows.collect::<String>()
    )
}

fn validated(report: &TuneReport) -> String {
    if report.validated.is_empty() {
        return String::new();
    }
    let row = |v: &Validated| {
        let tuned = winner(report) == Some(v.trial);
        let name = table::name(report, v);
        let gain = v.gain.map_or(String::new(), |(mean, range)| {
            format!("{} ({})", signed(mean), interval(range))
        });
        let p = v.p.map_or(String::new(), |p| format!("{p:.4}"));
        let values =
            v.constraints.iter().map(|&value| format!("<td class=\"n\">{}</td>", number(value)));
        format!(
            "<tr><td class=\"{}\">{name}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{gain}</td><td class=\"n\">{p}</td>{}</tr>",
            if tuned { "sure" } else { "" },
            table::with_interval(v.training),
            table::with_interval(v.validation),
            values.collect::<String>(),
        )
    };
    let heads = report.constraints.iter();
    let heads: String =
        heads.map(|c| format!("<th class=\"n\">{}</th>", escape(&c.metric.to_string()))).collect();
    format!(
        "<h2>Validation</h2><p>Gains over the program as it is, with 95 % intervals; p of a gain as large if there were none, adjusted for the number of trials here</p>\
         <div class=\"scroll\"><table><thead><tr><th>trial</th><th class=\"n\">training</th><th class=\"n\">validation</th><th class=\"n\">gain</th><th class=\"n\">p</th>{heads}</tr></thead>\
         <tbody>{}</tbody></table></div>",
        report.validated.iter().map(row).collect::<String>()
    )
}

/// The smallest and the largest value of the trials.
fn range(report: &TuneReport) -> (f64, f64) {
    let values = report.trials.iter().map(|trial| trial.value).filter(|value| value.is_finite());
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
}

fn holds(report: &TuneReport, trial: &Trial) -> bool {
    let baseline = &report.trials[0].constraints;
    let pairs = report.constraints.iter().zip(trial.constraints.iter().zip(baseline));
    pairs.into_iter().all(|(constraint, (value, own))| constraint.slack(*value, *own) >= 0.0)
}

fn title(report: &TuneReport, trial: &Trial) -> String {
    let values = report.tunables.iter().zip(&trial.values);
    let values = values.map(|(t, &value)| format!("{} = {}", t.name, shown(t, value)));
    format!(
        "trial {}: {}\n{}",
        trial.number,
        number(trial.value),
        values.collect::<Vec<_>>().join("\n")
    )
}

fn dots(report: &TuneReport, plot: &mut Plot, x: impl Fn(&Trial) -> f64) {
    let best = winner(report);
    for trial in report.trials.iter().filter(|trial| trial.value.is_finite()) {
        let class = match (best == Some(trial.number), holds(report, trial)) {
            (true, _) => "best",
            (_, true) => "",
            (_, false) => "out",
        };
        plot.dot(x(trial), trial.value, class, &title(report, trial));
    }
}

fn trace(report: &TuneReport) -> String {
    let last = report.trials.len() as f64;
    let mut plot = Plot::new(900.0, 240.0, (1.0, last), range(report));
    let mut best = f64::NAN;
    let mut steps = Vec::new();
    for trial in report.trials.iter().filter(|t| t.value.is_finite() && holds(report, t)) {
        best = best.max(trial.value);
        steps.push((trial.number as f64, best));
    }
    if !best.is_nan() {
        steps.push((last, best));
    }
    plot.steps(&steps);
    dots(report, &mut plot, |trial| trial.number as f64);
    plot.end("1", &report.trials.len().to_string())
}

fn scatter(report: &TuneReport, at: usize) -> String {
    let tuned = &report.tunables[at];
    let mut plot = Plot::new(300.0, 160.0, (tuned.low, tuned.high), range(report));
    dots(report, &mut plot, |trial| trial.values[at]);
    let plot = plot.end(&shown(tuned, tuned.low), &shown(tuned, tuned.high));
    format!("<div><h3>{}</h3>{plot}</div>", escape(&tuned.name))
}

fn all_trials(report: &TuneReport) -> String {
    let heads = report.tunables.iter().map(|t| t.name.clone());
    let heads = heads.chain(report.constraints.iter().map(|c| c.metric.to_string()));
    let heads: String =
        heads.map(|name| format!("<th class=\"n\">{}</th>", escape(&name))).collect();
    let row = |trial: &Trial| {
        let values = report.tunables.iter().zip(&trial.values).map(|(t, &v)| shown(t, v));
        let cells = values.chain(trial.constraints.iter().map(|&value| number(value)));
        let cells: String = cells.map(|cell| format!("<td class=\"n\">{cell}</td>")).collect();
        let error = trial.error.as_deref().map_or(String::new(), escape);
        format!(
            "<tr><td>{}</td><td class=\"n\">{}</td>{cells}<td>{error}</td></tr>",
            trial.number,
            number(trial.value)
        )
    };
    format!(
        "<h2>Trials</h2><div class=\"scroll\"><table><thead><tr><th>trial</th><th class=\"n\">{}</th>{heads}<th></th></tr></thead><tbody>{}</tbody></table></div>",
        escape(&report.maximize.to_string()),
        report.trials.iter().map(row).collect::<String>()
    )
}
