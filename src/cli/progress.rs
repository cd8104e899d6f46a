//! Progress of long work, as bars on a terminal.

use crate::batch::Stop;
use crate::ops::Limits;
use crate::store::{Progress, Silent};
use crate::visible::visible;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bars if standard error is a terminal, else nothing.
pub fn on_terminal() -> Arc<dyn Progress> {
    if std::io::stderr().is_terminal() { Arc::new(Bar) } else { Arc::new(Silent) }
}

/// Who is told of long work, and who may end it.
#[derive(Clone)]
pub struct Within {
    /// Ends the work when it becomes true.
    pub stop: Option<&'static AtomicBool>,
    /// Told how far the work is, from many threads.
    pub progress: Arc<dyn Progress>,
}

impl Within {
    /// A command: it shows bars on a terminal, and a signal ends its process.
    pub fn command() -> Within {
        Within { stop: None, progress: on_terminal() }
    }

    /// Limits of requests, which end when the work does.
    pub fn limits(&self, limits: Limits) -> Limits {
        Limits { stop: Stop { flag: self.stop, ..limits.stop }, ..limits }
    }

    /// Whether somebody ended the work.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_some_and(|flag| flag.load(Ordering::Relaxed))
    }
}

/// The same, and lines that are said on any standard error.
pub fn with_lines() -> Arc<dyn Progress> {
    Arc::new(Spoken(on_terminal()))
}

struct Spoken(Arc<dyn Progress>);

impl Progress for Spoken {
    fn report(&self, stage: &str, done: u64, total: u64) {
        self.0.report(stage, done, total);
    }

    fn detail(&self, text: &str) {
        self.0.detail(text);
    }

    fn finished(&self, line: &str) {
        self.0.finished(line);
    }

    fn say(&self, line: &str) {
        super::out::say(line);
    }
}

/// The stage that is running, and its bar.
static CURRENT: Mutex<Option<(String, ProgressBar)>> = Mutex::new(None);

fn current() -> MutexGuard<'static, Option<(String, ProgressBar)>> {
    CURRENT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes to standard error with the bar out of the way.
pub fn paused<T>(write: impl FnOnce() -> T) -> T {
    let bar = current().as_ref().map(|(_, bar)| bar.clone());
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// Ends the bar of a stage that did not say that it was done.
pub fn clear() {
    if let Some((_, bar)) = current().take() {
        bar.finish_and_clear();
    }
}

struct Bar;

impl Progress for Bar {
    fn report(&self, stage: &str, done: u64, total: u64) {
        let mut current = current();
        let new = current.as_ref().is_none_or(|(name, _)| name != stage);
        if new {
            if let Some((_, bar)) = current.take() {
                bar.finish_and_clear();
            }
            *current = Some((stage.to_owned(), bar(stage, total)));
        }
        if let Some((_, bar)) = current.as_ref() {
            bar.set_position(done);
            if done >= total && total > 0 {
                bar.finish_and_clear();
            }
        }
    }

    fn detail(&self, text: &str) {
        if let Some((_, bar)) = current().as_ref() {
            if bar.message().is_empty() {
                bar.set_style(style(DETAILED));
            }
            bar.set_message(visible(text).into_owned());
        }
    }

    fn finished(&self, line: &str) {
        super::out::say(line);
    }
}

/// A stage of which only its share is known, one of which nothing is, and one of which more is.
const PLAIN: &str = "{prefix:30} {wide_bar} {percent:>3}% {eta:>4}";
const UNKNOWN: &str = "{prefix}";
const DETAILED: &str = "{prefix} {bar:16} {percent:>3}%, {eta} left  {wide_msg}";

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn bar(stage: &str, total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    // nobody knows how long a stage without steps takes
    bar.set_style(style(if total == 0 { UNKNOWN } else { PLAIN }));
    bar.set_prefix(visible(stage).into_owned());
    bar
}
