//! `--arm NAME=ARM` of a comparison: for both programs, or one for each.

use crate::cli::Failure;
use crate::engine::Program;
use crate::request::unknown_arm;

/// The arms that requests are in, for each program those of its own experiments.
#[derive(Default)]
pub struct Arms {
    pub old: Vec<(String, String)>,
    pub new: Vec<(String, String)>,
}

impl Arms {
    pub fn of(old: &Program, new: &Program, given: &[String]) -> Result<Arms, Failure> {
        let mut found = Arms::default();
        for (name, arms) in named(given)? {
            let is_each = arms.len() == 2;
            // one that neither has is an error of the first
            let of_old = is_each || declares(old, name) || !declares(new, name);
            let of_new = is_each || declares(new, name);
            if of_old {
                found.old.push(arm(old, name, arms[0])?);
            }
            if of_new {
                found.new.push(arm(new, name, arms[arms.len() - 1])?);
            }
        }
        Ok(found)
    }

    /// `rank_test=control -> rank_test=bold`; none without arms.
    pub fn said(&self) -> Option<String> {
        let listed = |arms: &[(String, String)]| {
            let arms = arms.iter().map(|(name, arm)| format!("{name}={arm}"));
            arms.collect::<Vec<_>>().join(", ")
        };
        let (old, new) = (listed(&self.old), listed(&self.new));
        match (old.is_empty(), new.is_empty()) {
            (true, true) => None,
            (true, false) => Some(new),
            (false, true) => Some(old),
            _ if old == new => Some(old),
            _ => Some(format!("{old} -> {new}")),
        }
    }
}

/// Each experiment that is named with its arm, or its two.
fn named(given: &[String]) -> Result<Vec<(&str, Vec<&str>)>, Failure> {
    let mut named: Vec<(&str, Vec<&str>)> = Vec::new();
    for text in given {
        let Some((name, arm)) = text.split_once('=') else {
            return Err(Failure::Usage(format!("--arm {text}: expected NAME=ARM")));
        };
        match named.iter_mut().find(|(known, _)| *known == name) {
            Some((_, arms)) => arms.push(arm),
            None => named.push((name, vec![arm])),
        }
    }
    match named.iter().find(|(_, arms)| arms.len() > 2) {
        Some((name, _)) => {
            let message = "it is given once, or once for OLD and once for NEW";
            Err(Failure::Usage(format!("--arm {name}: {message}")))
        }
        None => Ok(named),
    }
}

fn declares(program: &Program, name: &str) -> bool {
    program.checked().experiments.iter().any(|experiment| experiment.name == name)
}

fn arm(program: &Program, name: &str, arm: &str) -> Result<(String, String), Failure> {
    match unknown_arm(&program.checked().experiments, name, arm) {
        Some(message) => Err(Failure::Usage(format!("--arm {name}={arm}: {message}"))),
        None => Ok((name.to_owned(), arm.to_owned())),
    }
}
