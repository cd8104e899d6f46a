//! `onnx`: a network in a file, from any library that writes ONNX.
//!
//! ```text
//! onnx("net.onnx", inputs={x: [quality, age(created_at)], id: [kind_number]}, heads={p_like: y, p_save: [y, 1]})
//! ```
//!
//! The file is read when a program is checked, and run once on zeros: what its inputs are, and what it gives, is known by
//! it alone.

use super::ModelKind;
use super::in_files::{Feature, NO_TIME, as_logged, in_short, scoring, unread_message};
use crate::check::Checker;
use crate::check::env::{Env, Scope};
use crate::diag::{Diagnostic, code, suggest};
use crate::expr::Expr;
use crate::learn::onnx::{Input, Kind, Onnx, Widths};
use crate::ops::{Model, NetworkCall, NetworkFile, Shape};
use crate::syntax::ast::{self, Arg, ExprKind, Name};
use crate::syntax::print_expression;
use crate::types::Type;
use std::sync::Arc;

/// `onnx("net.onnx", inputs={x: [...]}, heads={p: y})`.
pub(super) const ONNX: ModelKind = ModelKind {
    name: "onnx",
    usage: "onnx(\"net.onnx\", inputs={x: [...]}, heads={p: y})",
    bind: |checker, name, callee, args, env, shape| {
        checker.onnx_model(name, (callee, args), env, shape)
    },
};

const PARAMS: [&str; 4] = ["path", "inputs", "heads", "batch"];

/// Rows at a time, unless it is said.
const BATCH: i64 = 256;
const MOST: i64 = 65_536;

/// A file, as a program calls it.
struct Opened<'a> {
    path: &'a str,
    file: Arc<NetworkFile>,
}

/// The features of an input, as expressions, and how many numbers each gives.
struct Fed<'a> {
    features: Vec<Feature<'a>>,
    exprs: Vec<Expr>,
    widths: Vec<usize>,
}

impl<'a> Checker<'a> {
    fn onnx_model(
        &mut self,
        name: &str,
        (callee, args): (&'a Name, &'a [Arg]),
        env: &Env<'a>,
        shape: &Shape,
    ) -> Option<Model> {
        let given = self.file_args((callee, args), &PARAMS, 1)?;
        let [path, inputs, heads, batch] = PARAMS.map(|param| given.get(param));
        let (path, place, span) = self.file_place(callee, path, ONNX.usage, env.module)?;
        let file = match self.modules.vocabulary.files().open_network(&place) {
            Ok(file) => file,
            Err(unread) => {
                let (message, help) = unread_message(&unread, path, &place);
                return self.refuse(Diagnostic::new(code::E0503, span, message).help(help));
            }
        };
        let opened = Opened { path, file };
        let fed = self.fed((callee, inputs), &opened, env, shape)?;
        let heads = self.heads_of_network((callee, heads), &opened, &fed);
        let batch = self.batch(batch, &opened);
        let version = format!("{name}@{}", opened.file.hash);
        let call = NetworkCall {
            label: format!("{}.{version}", self.entity_name(shape.entity)),
            features: fed.iter().map(|fed| fed.widths.clone()).collect(),
            heads: heads?,
            batch: batch?,
        };
        let predictor = self.modules.vocabulary.files().network(&opened.file, call);
        self.versions.insert(version.clone(), NO_TIME);
        let (mut features, mut values) = (Vec::new(), Vec::new());
        for fed in fed {
            features.extend(fed.features);
            values.extend(fed.exprs);
        }
        Some(scoring(name, &predictor, values, as_logged(name, version, &features)))
    }

    /// What each input of the file is given, in their order.
    fn fed(
        &mut self,
        (callee, expr): (&'a Name, Option<&'a ast::Expr>),
        opened: &Opened,
        env: &Env<'a>,
        shape: &Shape,
    ) -> Option<Vec<Fed<'a>>> {
        let network = opened.file.network.clone();
        let help = inputs_help(&network);
        let Some(expr) = expr else {
            let message = format!("`{}` needs `inputs`", callee.text);
            return self.refuse(Diagnostic::new(code::E0303, callee.span, message).help(help));
        };
        let ExprKind::Record(fields) = &expr.kind else {
            let message = "`inputs` is a record: the features of each input, under its name";
            return match expr.kind {
                ExprKind::Error => None,
                _ => self.refuse(Diagnostic::new(code::E0302, expr.span, message).help(help)),
            };
        };
        let names: Vec<&str> = network.inputs.iter().map(|input| input.name.as_str()).collect();
        if let Some((unknown, _)) = fields.iter().find(|(name, _)| !names.contains(&&*name.text)) {
            let message = format!("`{}` has no input `{}`", opened.path, unknown.text);
            let help = match suggest::nearest(&unknown.text, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => help,
            };
            return self.refuse(Diagnostic::new(code::E0504, unknown.span, message).help(help));
        }
        let mut all = Vec::new();
        for input in &network.inputs {
            let Some((_, given)) = fields.iter().find(|(name, _)| name.text == input.name) else {
                let message = format!("input `{}` of `{}` is not given", input.name, opened.path);
                return self.refuse(Diagnostic::new(code::E0504, expr.span, message).help(help));
            };
            all.push(self.fed_input(callee, input, given, env, shape));
        }
        all.into_iter().collect()
    }

    fn fed_input(
        &mut self,
        callee: &Name,
        input: &Input,
        given: &'a ast::Expr,
        env: &Env<'a>,
        shape: &Shape,
    ) -> Option<Fed<'a>> {
        let features = match given.kind {
            ExprKind::List(_) | ExprKind::Record(_) => self.feature_list(callee, Some(given))?,
            // one alone needs no list
            _ => vec![Feature { name: print_expression(given), span: given.span, value: given }],
        };
        let exprs = features.iter().map(|feature| self.fed_feature(input, feature, env, shape));
        let exprs: Vec<Option<Expr>> = exprs.collect();
        let exprs = exprs.into_iter().collect::<Option<Vec<Expr>>>()?;
        let width = |expr: &Expr| match expr.ty {
            Type::Vector(dim) => dim as usize,
            _ => 1,
        };
        let widths: Vec<usize> = exprs.iter().map(width).collect();
        let found: usize = widths.iter().sum();
        match input.width {
            Some(wanted) if wanted != found => {
                let message =
                    format!("input `{}` takes {wanted} numbers, found {found}", input.name);
                let help = "they stand in the order of the columns that it was trained on";
                self.refuse(Diagnostic::new(code::E0504, given.span, message).help(help))
            }
            _ if found == 0 => {
                let message = format!("input `{}` is given nothing", input.name);
                self.refuse(
                    Diagnostic::new(code::E0504, given.span, message).help("name its features"),
                )
            }
            _ => Some(Fed { features, exprs, widths }),
        }
    }

    /// A feature as the number or the vector that an input takes.
    fn fed_feature(
        &mut self,
        input: &Input,
        feature: &Feature<'a>,
        env: &Env<'a>,
        shape: &Shape,
    ) -> Option<Expr> {
        let (span, scope) = (feature.value.span, Scope::rows(shape));
        let typed = self.scalar(feature.value, env, &scope, None);
        let help = match (&typed.ty, input.kind) {
            (Type::Error, _) => return None,
            (Type::Vector(_), Kind::Float) | (Type::Int, Kind::Int) => return Some(typed),
            (Type::Bool, _) => return self.as_number(typed, span),
            (Type::Int | Type::Float | Type::Duration | Type::Time, Kind::Float) => {
                return self.as_number(typed, span);
            }
            (_, Kind::Int) => "write an int, as the number that it had in training",
            (Type::String, _) => {
                "give it the number that it had in training, as in `1 if kind == \"video\" else 0`"
            }
            _ => "write a number of it, as one of its columns",
        };
        let (name, found) = (&input.name, self.type_name(&typed.ty));
        let takes = match input.kind {
            Kind::Float => "numbers and vectors",
            Kind::Int => "ints",
        };
        let message = format!("input `{name}` takes {takes}, not {found}");
        self.refuse(Diagnostic::new(code::E0302, span, message).help(help))
    }

    /// Of each head its name, the place of its output, and the column in that.
    fn heads_of_network(
        &mut self,
        (callee, expr): (&'a Name, Option<&'a ast::Expr>),
        opened: &Opened,
        fed: &[Fed],
    ) -> Option<Vec<(String, usize, usize)>> {
        let network = opened.file.network.clone();
        let widths: Vec<usize> = fed.iter().map(|fed| fed.widths.iter().sum()).collect();
        let known = network.outputs_of(&widths);
        let help = format!("its outputs are {}", outputs(&network));
        let Some(expr) = expr else {
            let message = format!("`{}` needs `heads`", callee.text);
            return self.refuse(Diagnostic::new(code::E0303, callee.span, message).help(help));
        };
        let ExprKind::Record(fields) = &expr.kind else {
            let message = "`heads` is a record: an output, or one of its columns, under each name";
            return match expr.kind {
                ExprKind::Error => None,
                _ => self.refuse(Diagnostic::new(code::E0302, expr.span, message).help(help)),
            };
        };
        let mut heads: Vec<(String, usize, usize)> = Vec::new();
        for (name, value) in fields {
            if heads.iter().any(|(known, ..)| *known == name.text) {
                let message = format!("two heads are called `{}`", name.text);
                let found = Diagnostic::new(code::E0504, name.span, message);
                return self.refuse(found.help("give each a name of its own"));
            }
            if !self.check_bindable(name) {
                return None;
            }
            let (output, column) = self.output_column(opened, value, &known)?;
            heads.push((name.text.clone(), output, column));
        }
        match heads.is_empty() {
            true => {
                let found = Diagnostic::new(code::E0504, expr.span, "`heads` is empty");
                self.refuse(found.help(help))
            }
            false => Some(heads),
        }
    }

    /// The output that a head names, and its column.
    fn output_column(
        &mut self,
        opened: &Opened,
        value: &'a ast::Expr,
        known: &Widths,
    ) -> Option<(usize, usize)> {
        let network = opened.file.network.clone();
        let named = |expr: &'a ast::Expr| match &expr.kind {
            ExprKind::Name(text) | ExprKind::Str(text) => Some((text.as_str(), expr.span)),
            _ => None,
        };
        let (found, column) = match &value.kind {
            ExprKind::List(items) => match &items[..] {
                [tensor, ast::Expr { kind: ExprKind::Int(column), .. }] => {
                    (named(tensor), Some(*column))
                }
                _ => (None, None),
            },
            _ => (named(value), None),
        };
        let Some((name, span)) = found else {
            let message = "a head is the name of an output, or that and the number of a column";
            let help = "write `p: y`, or `p: [y, 1]`; columns are numbered from 0";
            return self.refuse(Diagnostic::new(code::E0302, value.span, message).help(help));
        };
        let Some(place) = network.outputs.iter().position(|output| output.name == name) else {
            let message = format!("`{}` has no output `{name}`", opened.path);
            let names = network.outputs.iter().map(|output| output.name.as_str());
            let help = match suggest::nearest(name, names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("its outputs are {}", outputs(&network)),
            };
            return self.refuse(Diagnostic::new(code::E0504, span, message).help(help));
        };
        let width = match &known[place] {
            Ok(width) => *width,
            Err(wrong) => {
                let message = format!("output `{name}` cannot be read: {wrong}");
                let help = wrong.help.clone().unwrap_or_else(|| "export it again".to_owned());
                return self.refuse(Diagnostic::new(code::E0504, span, message).help(help));
            }
        };
        match column.map(usize::try_from) {
            None if width == 1 => Some((place, 0)),
            Some(Ok(column)) if column < width => Some((place, column)),
            _ => {
                let message = format!("output `{name}` has {width} numbers for a row");
                let help =
                    format!("write `[{name}, 0]` to `[{name}, {}]`", width.saturating_sub(1));
                self.refuse(Diagnostic::new(code::E0504, value.span, message).help(help))
            }
        }
    }

    /// How many rows are run at a time.
    fn batch(&mut self, expr: Option<&'a ast::Expr>, opened: &Opened) -> Option<usize> {
        let fixed = opened.file.network.batch;
        let given = match expr.map(|expr| (&expr.kind, expr.span)) {
            None => return Some(fixed.unwrap_or(BATCH as usize)),
            Some((ExprKind::Int(rows), span)) if (1..=MOST).contains(rows) => (*rows, span),
            Some((ExprKind::Error, _)) => return None,
            Some((_, span)) => {
                let message = format!("`batch` is a number in 1..{MOST} that is written out");
                let help = "rows that are run at a time";
                return self.refuse(Diagnostic::new(code::E0306, span, message).help(help));
            }
        };
        match (given, fixed) {
            ((rows, _), None) => Some(rows as usize),
            ((rows, _), Some(fixed)) if rows as usize == fixed => Some(fixed),
            ((_, span), Some(fixed)) => {
                let message = format!("`{}` takes {fixed} rows at a time", opened.path);
                let help = "leave `batch` out, or export it with a dynamic first dimension";
                self.refuse(Diagnostic::new(code::E0504, span, message).help(help))
            }
        }
    }
}

fn inputs_help(network: &Onnx) -> String {
    let input = |input: &Input| match input.width {
        Some(width) => format!("{}: {width} numbers", input.name),
        None => input.name.clone(),
    };
    let inputs: Vec<String> = network.inputs.iter().map(input).collect();
    format!("its inputs are {}", in_short(&inputs))
}

fn outputs(network: &Onnx) -> String {
    let names: Vec<String> = network.outputs.iter().map(|output| output.name.clone()).collect();
    in_short(&names)
}
