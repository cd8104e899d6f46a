//! Progress of long work, as bars on a terminal.

use crate::store::{Progress, Silent};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::{Arc, Mutex};

/// Bars if standard error is a terminal, else nothing.
pub fn on_terminal() -> Arc<dyn Progress> {
    if std::io::stderr().is_terminal() {
        Arc::new(Bar::default())
    } else {
        Arc::new(Silent)
    }
}

/// One bar for the stage that is running.
#[derive(Default)]
struct Bar {
    current: Mutex<Option<(String, ProgressBar)>>,
}

impl Progress for Bar {
    fn report(&self, stage: &str, done: u64, total: u64) {
        let mut current = self.current.lock().unwrap_or_else(|e| e.into_inner());
        let new = current.as_ref().is_none_or(|(name, _)| name != stage);
        if new {
            if let Some((_, bar)) = current.take() {
                bar.finish_and_clear();
            }
            *current = Some((stage.to_owned(), bar(stage, total)));
        }
        if let Some((_, bar)) = current.as_ref() {
            bar.set_position(done);
            if done >= total {
                bar.finish_and_clear();
            }
        }
    }
}

fn bar(stage: &str, total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{msg:30} {wide_bar} {percent:>3}% {eta:>4}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(stage.to_owned());
    bar
}
