//! A report as one page that needs nothing else, for light and dark, wide and narrow screens.

use super::table::{ESTIMATED, cells, interval, number, p, share, signed};
use crate::cli::page;
use crate::cli::plan::escape;
use crate::replay::{
    Estimate, Group, Metric, ProgramReport, Report, SampleRatio, StageReport, Value,
};
use std::fmt::Write;

/// Programs that have a colour of their own.
const COLOURS: usize = 4;

pub fn page(report: &Report) -> String {
    let programs = report.programs.iter().enumerate();
    let programs: String =
        programs.map(|(at, program)| self::program(report, at, program)).collect();
    let body = format!(
        "<h1>Replay of {names}</h1>\
         <p>{requests} requests of {users} users, {with_truth} with something to find; {unreachable} targets that no request could see</p>\
         {warnings}{overview}{programs}{ratios}",
        warnings = page::warnings(&report.warnings),
        names = escape(&names(report).join(", ")),
        requests = report.requests,
        users = report.users,
        with_truth = report.with_truth,
        unreachable = report.unreachable,
        overview = overview(report),
        ratios = ratios(&report.ratios),
    );
    page::page("Replay", "", &body)
}

fn names(report: &Report) -> Vec<String> {
    report.programs.iter().map(|program| program.name.clone()).collect()
}

/// All programs by metric: a plot with the intervals of each.
fn overview(report: &Report) -> String {
    let Some(first) = report.programs.first() else { return String::new() };
    let mut rows = String::new();
    for place in 0..first.metrics.len() {
        let own: Vec<&Value> = report.programs.iter().map(|p| &p.metrics[place].1).collect();
        let name = escape(&first.metrics[place].0.to_string());
        let _ = write!(rows, "<tr><td>{name}</td><td class=\"plot\">{}</td>", plot(&own));
        for value in own {
            let _ = write!(rows, "<td class=\"n\">{}</td>", number(value.mean));
        }
        rows.push_str("</tr>");
    }
    let heads = report.programs.iter().enumerate().map(|(at, program)| {
        let baseline = if report.baseline == Some(at) { " (baseline)" } else { "" };
        format!("<th class=\"n\">{}{}{baseline}</th>", key(at), escape(&program.name))
    });
    format!(
        "<h2>Metrics</h2><p>Means over users with 95 % intervals</p><div class=\"scroll\"><table><thead><tr><th>metric</th><th></th>{}</tr></thead><tbody>{rows}</tbody></table></div>",
        heads.collect::<String>()
    )
}

fn colour(at: usize) -> String {
    format!("p{}", at % COLOURS)
}

fn key(at: usize) -> String {
    format!("<span class=\"key {}\"></span>", colour(at))
}

/// Width of a plot in its own units, and the height of a line.
const WIDTH: f64 = 300.0;
const LINE: f64 = 12.0;

/// Means as dots and intervals as lines, on a scale from 0 to the largest.
fn plot(values: &[&Value]) -> String {
    let ends = values.iter().flat_map(|v| [v.mean, v.interval.map_or(f64::NAN, |(_, high)| high)]);
    let most = ends.filter(|x| x.is_finite()).fold(0.0, f64::max);
    let height = LINE * values.len() as f64;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\"><line class=\"axis\" x1=\"4\" y1=\"0\" x2=\"4\" y2=\"{height}\"/>"
    );
    let x = |value: f64| 4.0 + value / most * (WIDTH - 12.0);
    for (at, value) in values.iter().enumerate().filter(|(_, v)| v.mean.is_finite() && most > 0.0) {
        let y = LINE * (at as f64 + 0.5);
        let _ = write!(svg, "<g class=\"{}\">", colour(at));
        if let Some((low, high)) = value.interval {
            let (low, high) = (x(low), x(high));
            let _ = write!(
                svg,
                "<line class=\"range\" x1=\"{low:.1}\" y1=\"{y}\" x2=\"{high:.1}\" y2=\"{y}\"/>"
            );
        }
        let _ = write!(
            svg,
            "<circle class=\"dot\" cx=\"{:.1}\" cy=\"{y}\" r=\"4\"/></g>",
            x(value.mean)
        );
    }
    svg + "</svg>"
}

fn program(report: &Report, at: usize, program: &ProgramReport) -> String {
    let mut html = format!(
        "<h2>{}{}</h2><p>query {}; {} rows at the median; {:.0} us per request at the median, {:.0} us at the 99th percentile</p>",
        key(at),
        escape(&program.name),
        escape(&program.query),
        program.rows_median,
        program.p50_us,
        program.p99_us
    );
    if let Some(baseline) = report.baseline.filter(|baseline| *baseline != at) {
        let name = escape(&report.programs[baseline].name);
        let _ = write!(html, "<h3>Compared with {name}</h3>{}", comparison(&program.metrics));
    }
    if !program.estimates.is_empty() {
        html.push_str(&estimates(&program.estimates));
    }
    if !program.stages.is_empty() {
        html.push_str(&stages(&program.stages, at));
    }
    if !program.groups.is_empty() {
        html.push_str(&groups(&program.groups, at));
    }
    html
}

/// What users would have done.
fn estimates(estimates: &[Estimate]) -> String {
    let rows = estimates.iter().map(|e| {
        let cells = cells(e).into_iter().map(|(_, cell)| format!("<td class=\"n\">{cell}</td>"));
        let why = e.refusal().map_or(String::new(), |why| escape(&why));
        format!("<tr>{}<td>{why}</td></tr>", cells.collect::<String>())
    });
    let heads = estimates.first().map_or_else(Vec::new, cells).into_iter();
    let heads: String = heads.map(|(head, _)| format!("<th class=\"n\">{head}</th>")).collect();
    format!(
        "<h3>What users would have done</h3><p>{ESTIMATED}</p><div class=\"scroll\"><table><thead><tr>{heads}<th></th></tr></thead><tbody>{}</tbody></table></div>",
        rows.collect::<String>()
    )
}

/// Who was in which arm.
fn ratios(ratios: &[SampleRatio]) -> String {
    if ratios.is_empty() {
        return String::new();
    }
    let rows = ratios.iter().flat_map(|ratio| {
        ratio.arms.iter().map(move |arm| {
            let (name, users, expected) = arm;
            format!(
                "<tr><td>{}</td><td>{}</td><td class=\"n\">{users}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
                escape(&ratio.experiment),
                escape(name),
                number(share(ratio, arm)),
                number(*expected),
                number(ratio.p),
            )
        })
    });
    format!(
        "<h2>Arms</h2><div class=\"scroll\"><table><thead><tr><th>experiment</th><th>arm</th><th class=\"n\">users</th><th class=\"n\">share</th>\
         <th class=\"n\">expected</th><th class=\"n\">p</th></tr></thead><tbody>{}</tbody></table></div>",
        rows.collect::<String>()
    )
}

fn comparison(metrics: &[(Metric, Value)]) -> String {
    let rows = metrics.iter().filter_map(|(metric, value)| {
        let against = value.against?;
        let sure = if against.adjusted && against.p.is_some_and(|p| p < 0.05) { " sure" } else { "" };
        Some(format!(
            "<tr><td>{}</td><td class=\"n{sure}\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            escape(&metric.to_string()),
            signed(against.mean),
            interval(against.interval),
            p(value.against),
        ))
    });
    format!(
        "<p>p by flipping signs of users; * is not adjusted for the number of comparisons</p><div class=\"scroll\"><table><thead><tr><th>metric</th>\
         <th class=\"n\">difference</th><th class=\"n\">95 %</th><th class=\"n\">p</th></tr></thead><tbody>{}</tbody></table></div>",
        rows.collect::<String>()
    )
}

/// The funnel: how much of the truth each operator has, and what it loses.
fn stages(stages: &[StageReport], at: usize) -> String {
    let rows = stages.iter().map(|stage| {
        let part = |value: f64| if value.is_finite() { 100.0 * value } else { 0.0 };
        format!(
            "<tr><td>{}</td><td class=\"op\">{}</td><td class=\"n\">{}</td><td class=\"plot\"><div class=\"bar {}\"><div class=\"kept\" style=\"width:{:.2}%\"></div>\
             <div class=\"lost\" style=\"width:{:.2}%\"></div></div></td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            escape(stage.name.as_deref().unwrap_or("")),
            escape(&stage.op),
            stage.rows,
            colour(at),
            part(stage.recall),
            part(stage.lost),
            number(stage.recall),
            number(stage.lost),
            number(stage.ndcg),
        )
    });
    format!(
        "<h3>Stages</h3><p>The share of what is to be found that each operator has, and in red what came in and does not go out</p><div class=\"scroll\">\
         <table><thead><tr><th>stage</th><th>operator</th><th class=\"n\">rows</th><th></th><th class=\"n\">recall</th><th class=\"n\">lost</th>\
         <th class=\"n\">ndcg@10</th></tr></thead><tbody>{}</tbody></table></div>",
        rows.collect::<String>()
    )
}

/// The metrics of each group, a plot for each metric.
fn groups(groups: &[Group], at: usize) -> String {
    let metrics: Vec<String> = groups[0].metrics.iter().map(|(m, _)| m.to_string()).collect();
    let mut rows = String::new();
    for (place, name) in metrics.iter().enumerate() {
        let largest = groups.iter().map(|g| g.metrics[place].1.mean).filter(|x| x.is_finite());
        let most = largest.fold(0.0, f64::max);
        for group in groups {
            let value = &group.metrics[place].1;
            let width =
                if most > 0.0 && value.mean.is_finite() { 100.0 * value.mean / most } else { 0.0 };
            let _ = write!(
                rows,
                "<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"plot\"><div class=\"bar {}\"><div class=\"kept\" style=\"width:{width:.2}%\"></div></div></td>\
                 <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
                escape(name),
                escape(&group.value),
                group.users,
                colour(at),
                number(value.mean),
                interval(value.interval),
                value.against.map_or(String::new(), |a| signed(a.mean)),
                p(value.against),
            );
        }
    }
    format!(
        "<h3>Groups</h3><div class=\"scroll\"><table><thead><tr><th>metric</th><th>value</th><th class=\"n\">users</th><th></th><th class=\"n\">mean</th>\
         <th class=\"n\">95 %</th><th class=\"n\">difference</th><th class=\"n\">p</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )
}
