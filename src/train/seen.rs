//! Who watches a training is told what it is at, how fast it is, and how good.

use crate::learn::{EPOCH, Underway, Watch};
use crate::ops::Limits;
use crate::store::Progress;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Details are told no more often.
const PAUSE: Duration = Duration::from_millis(100);
/// Before that nobody knows how fast something is.
const SOON: Duration = Duration::from_millis(250);

/// Tells of the progress of a training, and ends it when it is due.
pub struct Seen<'a> {
    limits: &'a Limits,
    progress: &'a dyn Progress,
    name: &'a str,
    at: Mutex<At>,
}

/// The stage that is running.
struct At {
    stage: &'static str,
    /// What was done when it began, or its epoch did; and when that was.
    from: u64,
    since: Instant,
    told: Option<Instant>,
    /// Of a stage of epochs: the one that is running, and what an epoch reads.
    epoch: String,
    examples: u64,
    best: Option<f64>,
}

impl<'a> Seen<'a> {
    pub fn new(limits: &'a Limits, progress: &'a dyn Progress, name: &'a str) -> Seen<'a> {
        let at = At {
            stage: "",
            from: 0,
            since: Instant::now(),
            told: None,
            epoch: String::new(),
            examples: 0,
            best: None,
        };
        Seen { limits, progress, name, at: Mutex::new(at) }
    }

    /// What to tell of a stage beside its share, unless it was told just now.
    fn detail(&self, stage: &'static str, done: u64, of: u64) -> Option<String> {
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if at.stage != stage {
            (at.stage, at.since, at.from, at.told) = (stage, now, done, None);
        }
        if at.told.is_some_and(|told| now - told < PAUSE) {
            return None;
        }
        at.told = Some(now);
        let elapsed = now - at.since;
        let per_second = |done: f64| match elapsed > SOON && done > 0.0 {
            true => format!(", {}/s", short(done / elapsed.as_secs_f64())),
            false => String::new(),
        };
        let done_here = done.saturating_sub(at.from) as f64;
        match stage {
            "table" => {
                let rate = per_second(done_here);
                Some(format!("{} of {} rows{rate}", short(done as f64), short(of as f64)))
            }
            "training" => {
                let rate = per_second(done_here / EPOCH as f64 * at.examples as f64);
                Some(format!("{}{}", at.epoch, rate.replace("/s", " examples/s")))
            }
            _ => None,
        }
    }
}

impl Watch for Seen<'_> {
    fn go_on(&self, stage: &'static str, done: u64, of: u64) -> bool {
        self.progress.report(&format!("{}: {stage}", self.name), done, of);
        if let Some(detail) = self.detail(stage, done, of) {
            self.progress.detail(&detail);
        }
        !self.limits.stop.is_due()
    }

    fn begins(&self, epoch: &Underway<'_>) {
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        if epoch.epoch == 1 {
            at.best = None;
        }
        at.best = match (at.best, epoch.validation) {
            (Some(best), Some(now)) => {
                Some(if epoch.metric == "NE" { best.min(now) } else { best.max(now) })
            }
            (best, now) => now.or(best),
        };
        at.epoch = described(epoch, at.best);
        at.examples = epoch.examples;
        (at.since, at.told) = (Instant::now(), None);
        (at.stage, at.from) = ("training", EPOCH * (epoch.epoch as u64 - 1));
    }
}

/// `p_like: epoch 3 of at most 30, loss 0.4312, NE 0.7012 (best 0.6998)`
fn described(epoch: &Underway<'_>, best: Option<f64>) -> String {
    let head = epoch.head.map_or(String::new(), |head| format!("{head}: "));
    let mut text = format!("{head}epoch {} of at most {}", epoch.epoch, epoch.most);
    if let Some(loss) = epoch.loss {
        text += &format!(", loss {loss:.4}");
    }
    if let (Some(now), Some(best)) = (epoch.validation, best) {
        text += &format!(", {} {now:.4}", epoch.metric);
        if best != now {
            text += &format!(" (best {best:.4})");
        }
    }
    text
}

/// A number for people: `850`, `41 k`, `1.2 M`.
fn short(number: f64) -> String {
    match number {
        n if n < 9_999.5 => format!("{n:.0}"),
        n if n < 999_500.0 => format!("{:.0} k", n / 1e3),
        n => format!("{:.1} M", n / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a progress was told.
    #[derive(Default)]
    struct Noted(Mutex<Vec<String>>);

    impl Progress for Noted {
        fn report(&self, stage: &str, done: u64, total: u64) {
            self.0.lock().unwrap().push(format!("{stage} {done}/{total}"));
        }

        fn detail(&self, text: &str) {
            self.0.lock().unwrap().push(text.to_owned());
        }
    }

    #[test]
    fn an_epoch_is_told_with_what_the_last_one_reached() {
        let (limits, noted) = (Limits::default(), Noted::default());
        let seen = Seen::new(&limits, &noted, "final");
        let told = Underway { most: 30, examples: 100, metric: "NE", ..Underway::default() };
        seen.begins(&Underway { epoch: 1, ..told });
        assert!(seen.go_on("training", 0, 30_000));
        for (epoch, validation) in [(2, 0.7), (3, 0.8)] {
            let (loss, validation) = (Some(0.5), Some(validation));
            seen.begins(&Underway { epoch, loss, validation, ..told });
        }
        assert!(seen.go_on("training", 2_000, 30_000));
        // what is told just now is not told again
        assert!(seen.go_on("training", 2_001, 30_000));
        let all = noted.0.lock().unwrap().join("\n");
        let wanted = "final: training 0/30000\nepoch 1 of at most 30\nfinal: training 2000/30000\n\
            epoch 3 of at most 30, loss 0.5000, NE 0.8000 (best 0.7000)\nfinal: training 2001/30000";
        assert_eq!(all, wanted);
    }

    #[test]
    fn rows_are_counted_for_people() {
        assert_eq!(short(850.4), "850");
        assert_eq!(short(41_200.0), "41 k");
        assert_eq!(short(1_234_567.0), "1.2 M");
        let (limits, noted) = (Limits::default(), Noted::default());
        let seen = Seen::new(&limits, &noted, "final");
        seen.go_on("table", 65_536, 200_000);
        assert_eq!(noted.0.lock().unwrap().last().unwrap(), "66 k of 200 k rows");
    }
}
