//! Users apart by the arm of an experiment that they were in.

use super::logged::Logged;
use super::metric::Metric;
use super::report::{Difference, Group, SampleRatio, Value};
use super::stats::{Compared, Share, Table, chi_square, two_samples};
use super::tally::{Tally, Weight};
use crate::check::Experiment;
use std::collections::BTreeMap;

/// Requests that were exposed to an experiment.
pub(super) struct OfExperiment {
    name: String,
    /// In the order of the program, or of their names.
    arms: Vec<String>,
    /// Of every user, the arm; none for those who were not exposed, or to several arms.
    arm_of: Vec<Option<usize>>,
    several: usize,
    /// By program.
    tallies: Vec<Tally>,
}

/// The experiments that requests were exposed to.
pub(super) fn experiments<'l>(
    requests: impl Iterator<Item = (u32, &'l Logged)> + Clone,
    declared: &[&Experiment],
    users: usize,
    metrics: usize,
    programs: usize,
) -> Vec<OfExperiment> {
    let mut found: BTreeMap<&str, BTreeMap<u32, Vec<&str>>> = BTreeMap::new();
    for (user, logged) in requests {
        for (name, arm) in &logged.arms {
            let arms = found.entry(name).or_default().entry(user).or_default();
            if !arms.contains(&arm.as_str()) {
                arms.push(arm);
            }
        }
    }
    let experiment = |(name, of_users): (&str, BTreeMap<u32, Vec<&str>>)| {
        let own = declared.iter().find(|experiment| experiment.name == name);
        let written = own.iter().flat_map(|e| e.arms.iter().map(|arm| arm.name.clone()));
        let mut arms: Vec<String> = written.collect();
        let mut others: Vec<&str> = of_users.values().flatten().copied().collect();
        others.retain(|other| !arms.iter().any(|arm| arm == other));
        others.sort_unstable();
        others.dedup();
        arms.extend(others.into_iter().map(str::to_owned));
        let mut arm_of = vec![None; users];
        for (&user, own) in &of_users {
            if let [arm] = own[..] {
                arm_of[user as usize] = arms.iter().position(|known| known == arm);
            }
        }
        OfExperiment {
            name: name.to_owned(),
            several: of_users.values().filter(|own| own.len() > 1).count(),
            arms,
            arm_of,
            tallies: (0..programs).map(|_| Tally::new(users, metrics, &[], &[], 0, 0)).collect(),
        }
    };
    found.into_iter().map(experiment).collect()
}

impl OfExperiment {
    /// Adds a request, if it was exposed.
    pub fn add(&mut self, program: usize, user: u32, logged: &Logged, values: &[f64]) {
        if logged.arm(&self.name).is_some() {
            self.tallies[program].add(user, &[], &[], &mut values.to_vec());
        }
    }

    fn users_of(&self, arm: usize) -> Vec<usize> {
        let users = self.arm_of.iter().enumerate();
        users.filter(|(_, of)| **of == Some(arm)).map(|(user, _)| user).collect()
    }

    /// The metrics of each arm, for a program; differences to an arm of this experiment, if there is one.
    pub fn groups(
        &self,
        program: usize,
        metrics: &[Metric],
        weight: Weight,
        baseline: Option<&(String, String)>,
    ) -> Vec<Group> {
        let shares = self.tallies[program].shares(weight);
        let of_arm = |arm: usize| {
            let own = |user: &usize| &shares[user * metrics.len()..][..metrics.len()];
            self.users_of(arm).iter().flat_map(own).copied().collect::<Vec<Share>>()
        };
        let baseline = baseline.filter(|(experiment, _)| *experiment == self.name);
        let baseline = baseline.and_then(|(_, arm)| self.arms.iter().position(|a| a == arm));
        let other = baseline.map(&of_arm);
        let group = |(arm, name): (usize, &String)| {
            let own = of_arm(arm);
            let table = Table { shares: &own, metrics: metrics.len() };
            let found = table.all().into_iter().zip(table.intervals());
            let mut values: Vec<Value> =
                found.map(|(mean, interval)| Value { mean, interval, against: None }).collect();
            if let Some(other) = other.as_ref().filter(|_| baseline != Some(arm)) {
                let compared = two_samples(&own, other, metrics.len());
                for (value, Compared { mean, interval, p }) in values.iter_mut().zip(compared) {
                    value.against = Some(Difference { mean, interval, p, adjusted: false });
                }
            }
            Group {
                value: format!("{}={name}", self.name),
                users: self.users_of(arm).len() as u64,
                metrics: metrics.iter().cloned().zip(values).collect(),
            }
        };
        self.arms.iter().enumerate().map(group).collect()
    }

    /// Whether as many users are in each arm as its share says; none where no program says shares.
    pub fn ratio(&self, declared: &[&Experiment]) -> Option<SampleRatio> {
        let experiment = declared.iter().find(|experiment| experiment.name == self.name)?;
        let arm = |(place, name): (usize, &String)| {
            let share = experiment.find(name).map_or(0.0, |own| experiment.arms[own].share);
            (name.clone(), self.users_of(place).len() as u64, share)
        };
        let mut arms: Vec<(String, u64, f64)> = self.arms.iter().enumerate().map(arm).collect();
        let all: f64 = arms.iter().map(|(_, _, share)| share).sum();
        arms.iter_mut().for_each(|(_, _, share)| *share /= all);
        let users: Vec<f64> = arms.iter().map(|(_, users, _)| *users as f64).collect();
        let shares: Vec<f64> = arms.iter().map(|(_, _, share)| *share).collect();
        let (chi_square, p) = chi_square(&users, &shares)?;
        Some(SampleRatio { experiment: self.name.clone(), arms, chi_square, p })
    }

    /// What is doubtful about it.
    pub fn warnings(&self, ratio: Option<&SampleRatio>) -> Vec<String> {
        let name = &self.name;
        let mut warnings = Vec::new();
        if self.several > 0 {
            warnings.push(format!(
                "experiment `{name}`: {} users were in several arms: they are in no group",
                self.several
            ));
        }
        match ratio {
            None => warnings.push(format!(
                "experiment `{name}`: no program declares it, so that nobody knows how many users each arm should have"
            )),
            Some(ratio) if ratio.p < SampleRatio::DOUBTFUL => warnings.push(format!(
                "experiment `{name}`: the numbers of users in its arms are not those of its shares (p = {:.1e}): what tells users apart, or loses some, may tell the results",
                ratio.p
            )),
            Some(_) => {}
        }
        warnings
    }
}
