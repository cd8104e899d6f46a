//! `--param NAME=VALUE`, `--arm NAME=ARM` and `--at TIME`.

use super::Failure;
use crate::check::Tunables;
use crate::engine::Program;
use crate::request::{Request, unknown_arm};
use crate::types::Value;
use crate::wire;

/// The name and the value; the run says which parameters there are, if it has none of that name.
pub fn parse(program: &Program, text: &str) -> Result<(String, Value), Failure> {
    let Some((name, value)) = text.split_once('=') else {
        let message = format!("--param {text}: expected NAME=VALUE");
        return Err(Failure::Usage(message));
    };
    match wire::param_from_text(program, name, value) {
        Ok(value) => Ok((name.to_owned(), value)),
        Err(error) => Err(Failure::Usage(format!("--param {name}: {}", error.message))),
    }
}

/// Of `NAME=VALUE`, the values of tunables of a program, and the others as they are.
pub fn tunables(program: &Program, given: &[String]) -> Result<(Tunables, Vec<String>), Failure> {
    let checked = program.checked();
    let (mut tunables, mut rest) = (Tunables::new(), Vec::new());
    for text in given {
        let named = text.split_once('=').and_then(|(name, value)| {
            let is_param = checked.param(name).is_some();
            let tunable = checked.tunables.iter().find(|t| t.name == name)?;
            (!is_param).then_some((tunable, value.trim()))
        });
        let Some((tunable, value)) = named else {
            rest.push(text.clone());
            continue;
        };
        let name = &tunable.name;
        let number = value.parse::<f64>().ok().filter(|x| x.is_finite());
        let Some(number) = number else {
            let message = format!("--param {name}: a tunable is a number, found `{value}`");
            return Err(Failure::Usage(message));
        };
        if let Some(wrong) = tunable.wrong(number) {
            return Err(Failure::Usage(format!("--param {name}: {wrong}")));
        }
        tunables = tunables.set(name.as_str(), number);
    }
    Ok((tunables, rest))
}

/// A request of nobody with the time, the parameters and the arms of a command.
pub fn base(
    program: &Program,
    at: Option<&str>,
    given: &[String],
    arms: &[String],
) -> Result<Request, Failure> {
    let mut base = Request::anonymous();
    base.at = at.map(time).transpose()?;
    for text in arms {
        let (name, arm) = arm(program, text).map_err(Failure::Usage)?;
        if base.forced(&name).is_some() {
            return Err(Failure::Usage(format!("--arm {name}: it is given twice")));
        }
        base = base.arm(name, arm);
    }
    for param in given {
        let (name, value) = parse(program, param)?;
        if base.params.iter().any(|(known, _)| *known == name) {
            return Err(Failure::Usage(format!("--param {name}: it is given twice")));
        }
        base = base.param(name, value);
    }
    Ok(base)
}

/// The experiment and the arm of `NAME=ARM`.
fn arm(program: &Program, text: &str) -> Result<(String, String), String> {
    let Some((name, arm)) = text.split_once('=') else {
        return Err(format!("--arm {text}: expected NAME=ARM"));
    };
    match unknown_arm(&program.checked().experiments, name, arm) {
        Some(message) => Err(format!("--arm {text}: {message}")),
        None => Ok((name.to_owned(), arm.to_owned())),
    }
}

/// The time of `--at`.
pub fn time(text: &str) -> Result<i64, Failure> {
    time_of("--at", text)
}

/// The time of an option.
pub fn time_of(option: &str, text: &str) -> Result<i64, Failure> {
    let time = wire::at_from_text(text);
    time.map_err(|error| Failure::Usage(format!("{option} {text}: {}", error.message)))
}
