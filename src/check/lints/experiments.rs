//! W0207, W0208: experiments that compare nothing.

use super::Checker;
use crate::check::experiments::Experiment;
use crate::diag::{Diagnostic, code};

impl Checker<'_> {
    /// Experiments of the program itself with arms that tell nothing.
    pub(super) fn experiment_lints(&mut self) {
        let program = self.modules.all[0].source;
        for experiment in self.experiments.clone() {
            if experiment.span.source == program && !self.compares_nothing(&experiment) {
                self.lacks_control(&experiment);
            }
        }
    }

    fn compares_nothing(&mut self, experiment: &Experiment) -> bool {
        let name = &experiment.name;
        let nobody = experiment.arms.iter().find(|arm| arm.share == 0.0);
        let (message, help) = match (&experiment.arms[..], nobody) {
            ([only], _) => (
                format!(
                    "`{name}` has one arm, `{}`: there is nothing to compare it with",
                    only.name
                ),
                "add an arm: `{control: 0.5, ...}`",
            ),
            (_, Some(arm)) => (
                format!("nobody is in the arm `{}`: its share is 0", arm.name),
                "give it a share, or remove it",
            ),
            _ => return false,
        };
        self.report(Diagnostic::new(code::W0207, experiment.span, message).help(help));
        true
    }

    /// Users of its buckets are outside, and no arm says that it is what they get.
    fn lacks_control(&mut self, experiment: &Experiment) {
        if !experiment.leaves_some_out() || experiment.find("control").is_some() {
            return;
        }
        let message = format!(
            "the shares of `{}` add up to {:?}, and no arm is called `control`",
            experiment.name,
            experiment.sum()
        );
        let help = "users outside are in no arm, and in no answer's `arms`: add a `control` of the same size";
        self.report(Diagnostic::new(code::W0208, experiment.span, message).help(help));
    }
}
