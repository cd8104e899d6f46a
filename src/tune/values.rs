//! Which tunables there are, and values that they can have.

use super::{TuneError, Tuning};
use crate::check::{Tunable, Tunables};
use crate::diag::suggest;
use crate::engine::{Engine, Program};
use crate::tune::sampler::Dimension;

/// The tunables that are tuned.
pub struct Space {
    pub tunables: Vec<Tunable>,
    /// Those that the query does not read.
    pub unread: Vec<String>,
}

/// Steps in the range of a tunable, at least: values in a file should be short.
const STEPS: i32 = 4;

impl Space {
    /// Those of the program itself, or those that are named.
    pub fn of(engine: &Engine, program: &Program, tuning: &Tuning) -> Result<Space, TuneError> {
        let all = &program.checked().tunables;
        let own = program.source();
        let mut chosen: Vec<&Tunable> = Vec::new();
        if tuning.only.is_empty() {
            chosen.extend(all.iter().filter(|tunable| tunable.span.source == own));
        }
        for name in &tuning.only {
            let found = all.iter().find(|tunable| tunable.name == *name);
            chosen.push(found.ok_or_else(|| unknown(name, all))?);
        }
        let mut space = Space { tunables: Vec::new(), unread: Vec::new() };
        for tunable in chosen {
            if space.tunables.iter().any(|known| known.name == tunable.name) {
                continue;
            }
            match is_read(engine, program, tunable) {
                true => space.tunables.push(tunable.clone()),
                false => space.unread.push(tunable.name.clone()),
            }
        }
        match space.tunables.is_empty() {
            false => Ok(space),
            true => Err(TuneError::Nothing(nothing(all, &space.unread))),
        }
    }

    pub fn dimensions(&self) -> Vec<Dimension> {
        let dimension = |t: &Tunable| Dimension { low: t.low, high: t.high, whole: t.whole };
        self.tunables.iter().map(dimension).collect()
    }

    /// The values that the program has.
    pub fn start(&self) -> Vec<f64> {
        self.tunables.iter().map(|tunable| tunable.default).collect()
    }

    /// The nearest values that are short to write.
    pub fn short(&self, point: &[f64]) -> Vec<f64> {
        self.tunables.iter().zip(point).map(|(tunable, &value)| short(tunable, value)).collect()
    }

    pub fn given(&self, values: &[f64]) -> Tunables {
        let named = self.tunables.iter().zip(values);
        named.fold(Tunables::new(), |all, (tunable, &value)| all.set(tunable.name.as_str(), value))
    }
}

fn short(tunable: &Tunable, value: f64) -> f64 {
    let range = tunable.high - tunable.low;
    if tunable.whole || value == tunable.default || range <= 0.0 {
        return value;
    }
    let decimals = STEPS - range.log10().floor() as i32;
    let rounded = match decimals {
        0..=17 => format!("{value:.*}", decimals as usize).parse().unwrap_or(value),
        ..0 => {
            let step = 10f64.powi(-decimals);
            (value / step).round() * step
        }
        _ => value,
    };
    rounded.clamp(tunable.low, tunable.high)
}

/// Whether another value makes another program.
fn is_read(engine: &Engine, program: &Program, tunable: &Tunable) -> bool {
    let key = program.key();
    [tunable.low, tunable.high].into_iter().filter(|value| *value != tunable.default).any(|value| {
        let given = Tunables::new().set(tunable.name.as_str(), value);
        // with an error it makes a difference, too
        engine.with_tunables(program, &given).map_or(true, |other| other.key() != key)
    })
}

fn unknown(name: &str, all: &[Tunable]) -> TuneError {
    let names = || all.iter().map(|tunable| tunable.name.as_str());
    let help = match suggest::nearest(name, names()) {
        Some(near) => format!("\nhelp: did you mean `{near}`?"),
        None if all.is_empty() => String::new(),
        None => format!("\nhelp: it has {}", names().collect::<Vec<_>>().join(", ")),
    };
    TuneError::Usage(format!("the program has no tunable `{name}`{help}"))
}

fn nothing(all: &[Tunable], unread: &[String]) -> String {
    let listed =
        |names: &[String]| names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    if !unread.is_empty() {
        let are = if unread.len() == 1 { "makes" } else { "make" };
        return format!("nothing to tune: {} {are} no difference to the query", listed(unread));
    }
    let others: Vec<String> = all.iter().map(|tunable| tunable.name.clone()).collect();
    match others.is_empty() {
        true => "nothing to tune: the program declares no tunable\n\
             help: declare what may be tuned, as in `tunable w in 0.0..5.0 = 1.0`"
            .to_owned(),
        false => format!(
            "nothing to tune: the file itself declares no tunable\n\
             help: name those of imports or the prelude that may change: {}",
            listed(&others)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Span;

    fn tunable(low: f64, high: f64) -> Tunable {
        let (name, span) = ("w".to_owned(), Span::default());
        Tunable { name, low, high, default: low, whole: false, span, default_span: span }
    }

    #[test]
    fn values_are_short_and_inside() {
        assert_eq!(short(&tunable(0.0, 5.0), 1.234_567_891), 1.2346);
        assert_eq!(short(&tunable(0.0, 0.01), 0.001_234_567_8), 0.001_235);
        assert_eq!(short(&tunable(0.0, 2e6), 1_234_567.8), 1_234_600.0);
        assert_eq!(short(&tunable(0.123_44, 5.0), 0.123_441), 0.123_44);
        assert_eq!(short(&tunable(1.0, 1.0), 1.0), 1.0);
    }
}
