//! From what users contribute to means, intervals and comparisons.

use super::arms::OfExperiment;
use super::counterfactual::Estimates;
use super::judge::STAGE_VALUES;
use super::metric::Metric;
use super::report::{Difference, Group, ProgramReport, Report, StageReport, Value};
use super::run::{Candidate, Setting, declared};
use super::stats::{Share, Table, holm};
use super::tally::Tally;
use super::{By, ReplayError, Spot};
use crate::batch::ColumnView;
use crate::diag::suggest;
use crate::expr::show::literal;
use crate::types::{NULL_INT, Type};

/// What was found of all requests: by program, and of experiments.
pub(super) struct Found {
    pub tallies: Vec<Tally>,
    pub arms: Vec<OfExperiment>,
    pub estimates: Vec<Option<Estimates>>,
}

/// Fills in the report.
pub(super) fn finish(
    setting: &Setting,
    candidates: &[Candidate],
    found: &Found,
    mut report: Report,
) -> Result<Report, ReplayError> {
    let Found { tallies, arms, estimates } = found;
    let users = asking(setting);
    let groups = groups(setting, &users)?;
    report.baseline = setting.replay.baseline;
    report.users = users.len() as u64;
    report.warnings = setting.plan.warnings.clone();
    report.foreknown = setting.foreknown.clone();
    let metrics = setting.judged.len();
    let shares: Vec<Vec<Share>> =
        tallies.iter().map(|tally| tally.shares(setting.replay.weight)).collect();
    // the values of metrics stand before those of stages, which have no intervals
    let all = setting.plan.users.len();
    let of_users = |shares: &Vec<Share>, users: &[usize]| {
        let columns = shares.len().checked_div(all).unwrap_or(0);
        let own = |&user: &usize| &shares[user * columns..][..metrics];
        users.iter().flat_map(own).copied().collect::<Vec<Share>>()
    };
    for (place, (candidate, tally)) in candidates.iter().zip(tallies).enumerate() {
        let baseline = setting.replay.baseline.filter(|b| *b != place);
        let values = |users: &[usize]| {
            let baseline = baseline.map(|b| of_users(&shares[b], users));
            self::values(&of_users(&shares[place], users), baseline.as_deref(), metrics)
        };
        let stages = stages(candidate, tally, &shares[place], metrics);
        let groups = groups.iter().map(|(value, users)| {
            let metrics = setting.judged.iter().cloned().zip(values(users)).collect();
            Group { value: value.clone(), users: users.len() as u64, metrics }
        });
        let of_arms = arms.iter().flat_map(|experiment| {
            let (replay, metrics) = (setting.replay, &setting.judged);
            experiment.groups(place, metrics, replay.weight, replay.baseline_arm.as_ref())
        });
        let groups = groups.chain(of_arms).collect();
        report.programs.push(ProgramReport {
            name: candidate.name.to_owned(),
            query: candidate.program.checked().query.clone(),
            metrics: in_order(setting, tally, &values(&users)),
            stages,
            rows_median: tally.median_rows(0) as u64,
            p50_us: tally.micros(0.5),
            p99_us: tally.micros(0.99),
            groups,
            estimates: estimates[place].as_ref().map_or_else(Vec::new, Estimates::finish),
        });
    }
    let declared = declared(candidates);
    for experiment in arms {
        let ratio = experiment.ratio(&declared);
        report.warnings.extend(experiment.warnings(ratio.as_ref()));
        report.ratios.extend(ratio);
    }
    if setting.replay.by == Some(By::Arm) && arms.is_empty() {
        report.warnings.push("no request of the log was exposed to an experiment".to_owned());
    }
    adjust(&mut report, &setting.replay.primary);
    Ok(report)
}

/// The places of users who make requests.
fn asking(setting: &Setting) -> Vec<usize> {
    let mut asks = vec![false; setting.plan.users.len()];
    setting.plan.requests.iter().for_each(|at| asks[at.user as usize] = true);
    (0..asks.len()).filter(|&user| asks[user]).collect()
}

/// Means, intervals, and the comparison with a baseline.
fn values(own: &[Share], baseline: Option<&[Share]>, metrics: usize) -> Vec<Value> {
    let table = Table { shares: own, metrics };
    let found = table.all().into_iter().zip(table.intervals());
    let mut values: Vec<Value> =
        found.map(|(mean, interval)| Value { mean, interval, against: None }).collect();
    if let Some(baseline) = baseline {
        let differences: Vec<Share> =
            own.iter().zip(baseline).map(|(own, other)| difference(own, other)).collect();
        let table = Table { shares: &differences, metrics };
        let found = table.all().into_iter().zip(table.intervals()).zip(table.sign_flips());
        for (value, ((mean, interval), p)) in values.iter_mut().zip(found) {
            value.against = Some(Difference { mean, interval, p, adjusted: false });
        }
    }
    values
}

/// What a user contributes to a difference: nothing without a value on both sides.
pub(super) fn difference(own: &Share, other: &Share) -> Share {
    match own.weight > 0.0 && other.weight > 0.0 {
        true => {
            let mean = own.sum / own.weight - other.sum / other.weight;
            Share { sum: mean * own.weight, weight: own.weight }
        }
        false => Share::default(),
    }
}

/// The metrics in the order in which they are asked for, those of the whole run among them.
fn in_order(setting: &Setting, tally: &Tally, values: &[Value]) -> Vec<(Metric, Value)> {
    let items = visible_items(setting, setting.plan.last());
    let mut judged = setting.judged.iter().zip(values);
    let value = |metric: &Metric| match metric.measure.is_of_run() {
        true => {
            let mean = tally.of_run(metric, &items);
            Some((metric.clone(), Value { mean, interval: None, against: None }))
        }
        false => judged.next().map(|(metric, value)| (metric.clone(), *value)),
    };
    setting.replay.metrics.iter().filter_map(value).collect()
}

/// The rows that can be seen at a time.
pub(super) fn visible_items(setting: &Setting, time: Option<i64>) -> Vec<bool> {
    let last = time.unwrap_or(i64::MAX);
    let rows = setting.engine.schema().entity(setting.entity).rows as usize;
    match setting.engine.snapshot().times(setting.entity) {
        Some(times) => times.iter().map(|&time| time == NULL_INT || time <= last).collect(),
        None => vec![true; rows],
    }
}

fn stages(
    candidate: &Candidate,
    tally: &Tally,
    shares: &[Share],
    metrics: usize,
) -> Vec<StageReport> {
    let columns = metrics + STAGE_VALUES * candidate.stages.len();
    let all = Table { shares, metrics: columns }.all();
    let stage = |(place, stage): (usize, &super::stages::Stage)| {
        let value = |which| all[metrics + STAGE_VALUES * place + which];
        StageReport {
            name: stage.name.clone(),
            op: stage.op.clone(),
            rows: tally.median_rows(place + 1) as u64,
            recall: value(0),
            lost: value(1),
            ndcg: value(2),
        }
    };
    candidate.stages.iter().enumerate().map(stage).collect()
}

/// Adjusts the p values of primary metrics for their number, over all programs.
fn adjust(report: &mut Report, primary: &[Metric]) {
    let mut places = Vec::new();
    let mut found = Vec::new();
    for (program, own) in report.programs.iter().enumerate() {
        for (place, (metric, value)) in own.metrics.iter().enumerate() {
            let p = value.against.and_then(|against| against.p);
            if let Some(p) = p.filter(|_| primary.contains(metric)) {
                places.push((program, place));
                found.push(p);
            }
        }
    }
    for ((program, place), p) in places.into_iter().zip(holm(&found)) {
        if let Some(against) = &mut report.programs[program].metrics[place].1.against {
            (against.p, against.adjusted) = (Some(p), true);
        }
    }
}

/// Most groups that a column may make.
const MOST_GROUPS: usize = 50;

/// Users by the value of a column of theirs, in the order of values; null ones last.
fn groups(setting: &Setting, users: &[usize]) -> Result<Vec<(String, Vec<usize>)>, ReplayError> {
    let Some(By::Column(name)) = &setting.replay.by else { return Ok(Vec::new()) };
    let schema = setting.engine.schema();
    let viewer = schema.entity(schema.viewer);
    let wrong = |message: String| Err(ReplayError::Usage(Spot::By, message));
    let Some(column) = viewer.find_column(name).filter(|column| *column > 0) else {
        let names = || viewer.columns.iter().skip(1).map(|column| column.name.as_str());
        let help = match suggest::nearest(name, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names().next().is_none() => "it has none beside its key".to_owned(),
            None => format!("it has {}", names().collect::<Vec<_>>().join(", ")),
        };
        return wrong(format!("`{}` has no column `{name}`\nhelp: {help}", viewer.name));
    };
    let view = setting.engine.snapshot().column(schema.viewer, column);
    let ty = &viewer.columns[column].ty;
    let mut found: Vec<(bool, f64, String, Vec<usize>)> = Vec::new();
    for &user in users {
        let row = setting.plan.users[user];
        let Some((is_null, order, value)) = shown(setting, view, ty, row as usize) else {
            return wrong(format!(
                "`{name}` holds {}: group by a single value",
                schema.type_name(ty)
            ));
        };
        match found.iter().position(|(_, _, known, _)| *known == value) {
            Some(group) => found[group].3.push(user),
            None if found.len() == MOST_GROUPS => {
                return wrong(format!("`{name}` has more than {MOST_GROUPS} values"));
            }
            None => found.push((is_null, order, value, vec![user])),
        }
    }
    found.sort_by(|a, b| (a.0, &a.1).partial_cmp(&(b.0, &b.1)).unwrap_or(a.2.cmp(&b.2)));
    Ok(found.into_iter().map(|(_, _, value, users)| (value, users)).collect())
}

/// Whether a value is null, where it stands among others, and how it is shown; none for lists and vectors.
fn shown(
    setting: &Setting,
    view: ColumnView,
    ty: &Type,
    row: usize,
) -> Option<(bool, f64, String)> {
    let null = || (true, 0.0, "null".to_owned());
    Some(match (view, ty) {
        (ColumnView::I64(v), _) if v[row] == NULL_INT => null(),
        (ColumnView::I64(v), Type::Time) => {
            (false, v[row] as f64, literal(&crate::types::Value::Time(v[row])))
        }
        (ColumnView::I64(v), _) => (false, v[row] as f64, v[row].to_string()),
        (ColumnView::F64(v), _) if v[row].is_nan() => null(),
        (ColumnView::F64(v), _) => (false, v[row], v[row].to_string()),
        (ColumnView::Bool(v), _) => match v[row] {
            0 => (false, 0.0, "false".to_owned()),
            1 => (false, 1.0, "true".to_owned()),
            _ => null(),
        },
        (ColumnView::Code(v), Type::String) => match v[row] < setting.engine.snapshot().strings() {
            true => {
                let text = setting.engine.snapshot().string(v[row]);
                (false, f64::from(v[row]), text.to_owned())
            }
            false => null(),
        },
        _ => return None,
    })
}
