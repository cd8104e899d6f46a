//! The experiments that files declare: their settings, shares and buckets.

use super::Checker;
use super::env::{Env, Scope};
use super::experiments::{Arm, BUCKETS, Experiment, ROUNDING};
use super::modules::Tier;
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::ir::{Expr, Kind};
use crate::source::Span;
use crate::syntax::ast::{self, ExprKind, ItemKind, Name, Range, Setting, SettingValue};
use crate::types::Type;
use std::sync::Arc;

/// The settings in their order.
const SETTINGS: [&str; 3] = ["layer", "buckets", "salt"];

/// The settings as they are written, each once.
type Given<'a> = [Option<&'a SettingValue>; SETTINGS.len()];

impl<'a> Checker<'a> {
    /// Reads the experiments of all files but the standard library, in the order of the files.
    pub(super) fn declare_experiments(&mut self) {
        let modules = self.modules;
        for (m, module) in modules.all.iter().enumerate() {
            if module.tier == Tier::Std {
                continue;
            }
            for item in &module.file.items {
                if let ItemKind::Experiment { name, settings, arms } = &item.kind {
                    self.declare_experiment(name, settings, arms, m);
                }
            }
        }
    }

    fn declare_experiment(
        &mut self,
        name: &'a Name,
        settings: &'a [Setting],
        arms: &'a ast::Expr,
        m: usize,
    ) {
        let env = Env::top(m);
        let given = self.given_settings(name, settings);
        let arms = self.arms(arms, &env);
        let Some([layer, buckets, salt]) = given else { return };
        let layer = layer.and_then(|layer| self.text_setting("layer", layer, &env));
        let salt = salt.map_or(Some(String::new()), |salt| self.text_setting("salt", salt, &env));
        let span = buckets.map_or(name.span, SettingValue::span);
        let buckets = buckets.map_or(Some((0, BUCKETS - 1)), |given| self.buckets(given, &env));
        let (Some(layer), Some(salt), Some(buckets), Some(arms)) = (layer, salt, buckets, arms)
        else {
            return;
        };
        let (name, place) = (name.text.clone(), name.span);
        let declared = Experiment { name, layer, buckets, salt, arms, span: place };
        if self.is_new(&declared) {
            self.excludes_others(&declared, span);
            self.experiments.push(Arc::new(declared));
        }
    }

    /// The settings by their place; reports those that there are not, or are missing.
    fn given_settings(&mut self, name: &Name, settings: &'a [Setting]) -> Option<Given<'a>> {
        let mut given: Given = [None; SETTINGS.len()];
        let mut good = true;
        for (i, setting) in settings.iter().enumerate() {
            let place = match &setting.name {
                Some(name) => SETTINGS.iter().position(|known| *known == name.text),
                None => Some(i).filter(|&i| i < SETTINGS.len()),
            };
            good &= match place {
                Some(place) if given[place].is_none() => {
                    given[place] = Some(&setting.value);
                    true
                }
                Some(place) => {
                    let message = format!("`{}` is given twice", SETTINGS[place]);
                    let diagnostic = Diagnostic::new(code::E0305, setting.span, message);
                    self.report(diagnostic.help("remove one of the two"));
                    false
                }
                None => {
                    self.unknown_setting_of(setting);
                    false
                }
            };
        }
        if given[0].is_none() && good {
            let message = format!("the experiment `{}` has no layer", name.text);
            let help = "name one: `layer=\"ranking\"`; experiments of one layer exclude each other";
            self.report(Diagnostic::new(code::E0303, name.span, message).help(help));
            return None;
        }
        good.then_some(given)
    }

    fn unknown_setting_of(&mut self, setting: &Setting) {
        let all = SETTINGS.join(", ");
        let (code, span, message, near) = match &setting.name {
            Some(name) => {
                let message = format!("an experiment has no setting `{}`", name.text);
                (
                    code::E0304,
                    name.span,
                    message,
                    suggest::nearest(&name.text, SETTINGS.into_iter()),
                )
            }
            None => {
                let message = "an experiment has three settings".to_owned();
                (code::E0307, setting.span, message, None)
            }
        };
        let help = near.map_or(format!("it has {all}"), |near| format!("did you mean `{near}`?"));
        self.report(Diagnostic::new(code, span, message).help(help));
    }

    fn text_setting(
        &mut self,
        name: &str,
        value: &'a SettingValue,
        env: &Env<'a>,
    ) -> Option<String> {
        let SettingValue::Expr(value) = value else {
            let message = format!("`{name}` is a text, found a range");
            let help = format!("write it in quotes: `{name}=\"...\"`");
            return self.refuse(Diagnostic::new(code::E0302, value.span(), message).help(help));
        };
        let typed = self.typed(value, env, &Scope::request(), &Type::String);
        match self.text_of(&typed) {
            Some(text) => Some(text),
            None if typed.is_error() => None,
            None => {
                let message = "a constant is needed here";
                let help = format!("write the text itself: `{name}=\"...\"`");
                self.refuse(Diagnostic::new(code::E0314, value.span, message).help(help))
            }
        }
    }

    fn buckets(&mut self, value: &'a SettingValue, env: &Env<'a>) -> Option<(u32, u32)> {
        let last = BUCKETS - 1;
        let help = format!("the buckets of a layer are 0..{last}; write a part of it: `0..4999`");
        let SettingValue::Range(Range { low, high, span }) = value else {
            let message = "`buckets` is a range";
            return self.refuse(Diagnostic::new(code::E0302, value.span(), message).help(help));
        };
        let ends = [low, high].map(|end| self.constant_number(end, env));
        let [Some(low), Some(high)] = ends else { return None };
        let whole = low.fract() == 0.0 && high.fract() == 0.0;
        if whole && 0.0 <= low && low <= high && high <= f64::from(last) {
            return Some((low as u32, high as u32));
        }
        let message = match whole && low > high {
            true => format!("the range {low}..{high} is empty"),
            false => format!("there are no buckets {low}..{high}"),
        };
        self.refuse(Diagnostic::new(code::E0802, *span, message).help(help))
    }

    /// The arms with their shares; reports shares that are none.
    fn arms(&mut self, arms: &'a ast::Expr, env: &Env<'a>) -> Option<Vec<Arm>> {
        const FORM: &str = "write each arm with its share: `{control: 0.5, bold: 0.5}`";
        let fields = match &arms.kind {
            ExprKind::Record(fields) => fields,
            ExprKind::Error => return None,
            _ => {
                let message = "the arms of an experiment are a record";
                return self.refuse(Diagnostic::new(code::E0302, arms.span, message).help(FORM));
            }
        };
        if fields.is_empty() {
            let message = "the experiment has no arms";
            return self.refuse(Diagnostic::new(code::E0801, arms.span, message).help(FORM));
        }
        let shares: Vec<_> = fields.iter().map(|field| self.arm(field, fields, env)).collect();
        let arms: Vec<Arm> = shares.into_iter().collect::<Option<_>>()?;
        let sum = arms.iter().fold(0.0, |sum, arm| sum + arm.share);
        if sum <= 1.0 + ROUNDING {
            return Some(arms);
        }
        let (first, last) = (fields[0].0.span, fields[fields.len() - 1].1.span);
        let message = format!("the shares add up to {sum:?}");
        let diagnostic = Diagnostic::new(code::E0801, first.to(last), message);
        self.refuse(diagnostic.help("shares are parts of 1: make them smaller"))
    }

    fn arm(
        &mut self,
        (name, share): &'a (Name, ast::Expr),
        all: &'a [(Name, ast::Expr)],
        env: &Env<'a>,
    ) -> Option<Arm> {
        let number = self.constant_number(share, env)?;
        let first = all.iter().find(|(other, _)| other.text == name.text);
        if let Some((first, _)) = first.filter(|(first, _)| first.span != name.span) {
            let message = format!("there are two arms `{}`", name.text);
            return self.refuse(
                Diagnostic::new(code::E0208, name.span, message)
                    .label(first.span, "first defined here")
                    .help("rename one of the two, or remove it"),
            );
        }
        if number < 0.0 {
            let message = format!("the share of `{}` is negative", name.text);
            let help = "a share is a part of the users, from 0 to 1";
            return self.refuse(Diagnostic::new(code::E0801, share.span, message).help(help));
        }
        Some(Arm { name: name.text.clone(), share: number })
    }

    /// Whether no other experiment has the name: it stands in answers and logs.
    fn is_new(&mut self, declared: &Experiment) -> bool {
        let other = self.experiments.iter().find(|other| other.name == declared.name);
        let Some(other) = other.map(|other| other.span) else {
            return true;
        };
        let message = format!("there are two experiments `{}`", declared.name);
        let (span, other) = self.nearer(declared.span, other);
        self.report(
            Diagnostic::new(code::E0804, span, message)
                .label(other, "the other one")
                .help("rename one of the two: answers and logs name experiments"),
        );
        false
    }

    /// Reports buckets that belong to another experiment of the layer.
    fn excludes_others(&mut self, declared: &Experiment, span: Span) {
        let overlapping = self.experiments.iter().find(|other| !declared.excludes(other));
        let Some(other) = overlapping.cloned() else { return };
        let range = |(first, last): (u32, u32)| format!("{first}..{last}");
        let message = format!(
            "`{}` and `{}` share buckets of the layer `{}`: {} and {}",
            declared.name,
            other.name,
            declared.layer,
            range(declared.buckets),
            range(other.buckets)
        );
        let (span, other) = self.nearer(span, other.span);
        self.report(
            Diagnostic::new(code::E0802, span, message)
                .label(other, "the other one")
                .help("experiments of one layer exclude each other: give each buckets of its own, or another layer"),
        );
    }

    /// Two places in the order in which they are reported: that of the program itself can be changed.
    fn nearer(&self, declared: Span, other: Span) -> (Span, Span) {
        let program = self.modules.all[0].source;
        match declared.source != program && other.source == program {
            true => (other, declared),
            false => (declared, other),
        }
    }

    /// The arm of who asks, as a value of the request.
    pub(super) fn arm_of_request(&mut self, name: &str) -> Expr {
        let Some(experiment) = self.experiments.iter().find(|e| e.name == name).cloned() else {
            // reported where it is declared
            return Expr::error();
        };
        Expr::new(Kind::Param(self.inputs.arm_slot(experiment), name.into()), Type::String)
    }
}
