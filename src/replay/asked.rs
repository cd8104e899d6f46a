//! Whether what is asked of a replay makes sense for its programs.

use super::{By, Logged, Named, Replay, ReplayError, Spot, When};
use crate::diag::{Diagnostic, code, suggest};
use crate::engine::{Engine, Program};
use crate::expr::{Expr, NodeId};
use crate::ops::Drawing;
use crate::types::EntityId;

/// Most edges whose links can be the truth.
const MOST_EDGES: usize = 64;

/// Why this cannot be asked, whatever the data.
pub(super) fn objection(replay: &Replay, programs: usize, is_timed: bool) -> Option<String> {
    let wrong_gain = |(_, gain): &&(String, f64)| !(*gain > 0.0 && gain.is_finite());
    if replay.truth.is_empty() && is_timed {
        return Some("there is no edge whose links are the truth".to_owned());
    }
    if replay.truth.len() > MOST_EDGES {
        return Some(format!("the truth has {} edges, at most {MOST_EDGES}", replay.truth.len()));
    }
    if let Some((edge, gain)) = replay.truth.iter().find(wrong_gain) {
        return Some(format!("the gain of `{edge}` is {gain}, expected a number above 0"));
    }
    let baseline = replay.baseline.filter(|place| *place >= programs)?;
    Some(format!("the baseline is program {baseline} of {programs}, counted from 0"))
}

/// The entity whose rows all programs return.
pub(super) fn entity_of(
    engine: &Engine,
    programs: &[Named],
    replay: &Replay,
) -> Result<EntityId, ReplayError> {
    if let Some(list) = &replay.list
        && let Some((name, _)) = programs.first()
        && programs.iter().all(|(_, program)| program.checked().results[0].0.is_none())
    {
        let message = format!("it returns a single list, and none is called `{list}`");
        let help = "leave out which list counts: it is for pages of several";
        let message = format!("{message}\nhelp: {help}");
        return Err(ReplayError::Usage(Spot::Program((*name).to_owned()), message));
    }
    let mut found: Option<(EntityId, &str)> = None;
    for (name, program) in programs {
        let list = list_of((name, program), replay.list.as_deref())?;
        let entity = program.checked().graph.shape(list).entity;
        let wrong = |message| Err(ReplayError::Usage(Spot::Program((*name).to_owned()), message));
        let entity_name = |entity| &engine.schema().entity(entity).name;
        match found {
            Some((other, first)) if other != entity => {
                return wrong(format!(
                    "it returns `{}`, but {first} returns `{}`",
                    entity_name(entity),
                    entity_name(other)
                ));
            }
            _ => found = Some((entity, name)),
        }
    }
    let none = || ReplayError::Usage(Spot::Requests, "there is no program".to_owned());
    found.map(|(entity, _)| entity).ok_or_else(none)
}

/// What keeps programs from being judged by what a log says was shown.
pub(super) fn counterfactual_objection(
    replay: &Replay,
    programs: &[Named],
) -> Result<(), ReplayError> {
    let wrong = |spot, message: &str| Err(ReplayError::Usage(spot, message.to_owned()));
    let is_logged = matches!(replay.when, When::Logged(_));
    if let Some(asked) = &replay.counterfactual {
        if !is_logged {
            return wrong(
                Spot::Counterfactual,
                "it needs the requests of a log, with what was shown",
            );
        }
        if !replay.when.logged().iter().any(|logged| !logged.shown.is_empty()) {
            return wrong(Spot::Counterfactual, "the log does not say what was shown");
        }
        if asked.clip.is_some_and(|clip| clip.is_nan() || clip <= 0.0) {
            return wrong(Spot::Counterfactual, "weights are cut off at a number above 0");
        }
        for (name, program) in programs {
            if let Some(diagnostic) = draws(program) {
                return Err(ReplayError::Program((*name).to_owned(), Box::new(diagnostic)));
            }
        }
    }
    match (&replay.by, &replay.baseline_arm) {
        (Some(By::Arm), _) if !is_logged => {
            wrong(Spot::By, "arms are known of the requests of a log")
        }
        (by, Some(_)) if *by != Some(By::Arm) => {
            wrong(Spot::BaselineArm, "it is compared with others where users are reported by arm")
        }
        (_, Some((experiment, arm))) => {
            let all = replay.when.logged().iter();
            let is_it = |logged: &Logged| logged.arm(experiment) == Some(arm);
            match all.clone().any(is_it) {
                true => Ok(()),
                false => {
                    let mut known: Vec<String> = all
                        .flat_map(|logged| &logged.arms)
                        .map(|(name, arm)| format!("{name}={arm}"))
                        .collect();
                    known.sort_unstable();
                    known.dedup();
                    let help = match known.is_empty() {
                        true => "help: the log has none".to_owned(),
                        false => format!("help: the log has {}", known.join(", ")),
                    };
                    wrong(Spot::BaselineArm, &format!("no request was exposed to it\n{help}"))
                }
            }
        }
        _ => Ok(()),
    }
}

/// Where a program draws at random, if it does.
fn draws(program: &Program) -> Option<Diagnostic> {
    let graph = &program.checked().graph;
    let nodes = graph.running(&program.checked().roots());
    let node = nodes.into_iter().map(|id| graph.get(id)).find(|node| {
        let drawn = matches!(
            node.op.drawing(),
            Drawing::Sample(_) | Drawing::Weighted | Drawing::Links { drawn: true }
        );
        drawn || node.op.exprs().into_iter().any(Expr::draws)
    })?;
    let message = format!(
        "`{}` draws at random: which rows the program would have shown is not certain",
        node.op.label(program.schema())
    );
    let help = "estimates from a log are of programs that always return the same: leave out what is tried at random";
    Some(Diagnostic::new(code::E0312, node.span, message).help(help))
}

/// The list of a program that counts: that of a name, or the only one of the entity that the others return.
pub(super) fn list_of((name, program): Named, wanted: Option<&str>) -> Result<NodeId, ReplayError> {
    let results = &program.checked().results;
    let wrong = |message: String| Err(ReplayError::Usage(Spot::Program(name.to_owned()), message));
    let names = || results.iter().filter_map(|(name, _)| name.as_deref());
    match (&results[..], wanted) {
        ([(None, node)], _) => Ok(*node),
        (_, Some(wanted)) => match results.iter().find(|(name, _)| name.as_deref() == Some(wanted))
        {
            Some((_, node)) => Ok(*node),
            None => {
                let help = match suggest::nearest(wanted, names()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("it has {}", names().collect::<Vec<_>>().join(", ")),
                };
                wrong(format!("the page has no list `{wanted}`\nhelp: {help}"))
            }
        },
        ([(_, node)], None) => Ok(*node),
        (_, None) => {
            let all = names().collect::<Vec<_>>().join(", ");
            wrong(format!("it returns a page of lists\nhelp: name the one that counts: {all}"))
        }
    }
}
