//! How far a build is.

/// Told about the progress of long work; called from many threads.
pub trait Progress: Send + Sync {
    /// `done` of `total` steps of a stage are done; a new stage begins with a new name.
    fn report(&self, stage: &str, done: u64, total: u64);

    /// What else is known of the stage that is running: how fast it is, how good.
    fn detail(&self, _: &str) {}

    /// A line for whoever watches, of something that is finished.
    fn finished(&self, _: &str) {}

    /// Something that is worth a line, whether anybody looks at the progress or not.
    fn say(&self, _: &str) {}
}

/// Says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn report(&self, _: &str, _: u64, _: u64) {}
}
