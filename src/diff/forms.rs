//! What the operators of a program mean, whatever they are called: keys that are equal in two programs where these
//! mean the same.
//!
//! ```text
//! b = user.walk(likes).let(age = now - created_at)       a = user.walk(likes).let(x = now - created_at)
//! b.filter(age < 7d)                                     a.filter(x < 7d)
//! ```
//!
//! The filters have one class. `let` keeps its rows, so its class is that of its input; what it binds is told apart
//! where it is read, by what it was computed from. Of each operator there are three keys. `class` is all that leads to
//! its rows; two more are of the operator alone, to find what became of one whose inputs have changed: `content` has
//! what bound columns are made of, `named` their names.

use crate::check::Checked;
use crate::expr::ir::OverLinks;
use crate::expr::{Expr, KeyWriter, Kind, NodeId};
use crate::ops::{Effect, Instance, Node};
use foldhash::{HashMap, HashSet};
use std::sync::Arc;

/// Keys of one operator.
#[derive(Clone, Debug, Default)]
pub struct Form {
    /// Of its rows, their scores and their order.
    pub class: u128,
    /// Of the operator and the columns that it binds, by what these are made of; not of its inputs.
    pub content: u128,
    /// The same, where columns that it reads are their names.
    pub named: u128,
    /// Those of its rows.
    pub columns: Vec<Column>,
    /// Whether it does nothing but bind columns.
    pub only_binds: bool,
    /// A small number for `class`.
    number: u32,
}

/// A bound column of some rows.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    /// Of its values, on the rows for which they were computed.
    pub exact: u128,
    /// Of what it is made of, whatever the rows.
    pub content: u128,
}

/// Numbers for classes, the same for both programs.
#[derive(Default)]
pub struct Classes(HashMap<u128, u32>);

impl Classes {
    fn number(&mut self, class: u128) -> u32 {
        let next = self.0.len() as u32;
        *self.0.entry(class).or_insert(next)
    }
}

/// A program as it is written, for those who are in some arms.
pub struct Written {
    pub checked: Checked,
    /// The operators that hand on the rows of their input, as arms have decided.
    pub handing_on: HashSet<NodeId>,
    /// The experiments whose arms are known.
    pub decided: Vec<String>,
}

/// A program with the keys of its operators.
pub struct Forms<'a> {
    pub checked: &'a Checked,
    /// The operators that run and do something, each after those it needs.
    pub running: Vec<NodeId>,
    /// By operator; empty for those that do not run.
    nodes: Vec<Form>,
    /// By slot of a parameter, the number that stands for it.
    params: &'a [u32],
    written: &'a Written,
}

/// Which key an expression is written for.
#[derive(Clone, Copy, PartialEq)]
enum Of {
    Class,
    Content,
    Named,
}

/// The slot of what stands in the place of a bound column.
const COLUMN: u32 = u32::MAX;

impl<'a> Forms<'a> {
    pub fn new(written: &'a Written, params: &'a [u32], classes: &mut Classes) -> Forms<'a> {
        let checked = &written.checked;
        let running = checked.graph.running(&checked.roots());
        let nodes = vec![Form::default(); checked.graph.len()];
        let mut forms = Forms { checked, running, nodes, params, written };
        for place in 0..forms.running.len() {
            let id = forms.running[place];
            let mut form = forms.form(id);
            form.number = classes.number(form.class);
            forms.nodes[id.0 as usize] = form;
        }
        forms.running.retain(|id| !written.handing_on.contains(id));
        forms
    }

    /// The operator whose rows others hand on.
    pub fn past(&self, mut id: NodeId) -> NodeId {
        while self.written.handing_on.contains(&id) {
            id = self.node(id).inputs[0];
        }
        id
    }

    pub fn get(&self, id: NodeId) -> &Form {
        &self.nodes[id.0 as usize]
    }

    pub fn node(&self, id: NodeId) -> &'a Node {
        self.checked.graph.get(id)
    }

    /// The classes of the results, in their order.
    pub fn results(&self) -> Vec<u128> {
        self.checked.results.iter().map(|(_, node)| self.get(*node).class).collect()
    }

    /// Whether a slot is that of an experiment whose arm is known.
    pub fn decides(&self, slot: usize) -> bool {
        let experiment = self.checked.params[slot].experiment.as_ref();
        experiment.is_some_and(|e| self.written.decided.contains(&e.name))
    }

    /// The operator whose rows a list has.
    pub fn list(&self, place: usize) -> NodeId {
        self.past(self.checked.results[place].1)
    }

    /// The rows that an operator which only binds columns was given, and so on.
    pub fn rows_of(&self, mut id: NodeId) -> NodeId {
        while self.get(id).only_binds {
            id = self.node(id).inputs[0];
        }
        id
    }

    /// The key of the parts of an expression that is about no rows.
    pub fn of_request(&self, expr: &Expr) -> u128 {
        self.written(Of::Content, expr.clone(), &[]).key()
    }

    /// The key of what an operator evaluates.
    pub fn expressions(&self, id: NodeId) -> u128 {
        let input = self.input(self.node(id));
        let exprs = self.node(id).op.exprs().into_iter();
        let keys = exprs.map(|expr| self.written(Of::Content, expr.clone(), input).key());
        KeyWriter::key_of(&(self.node(id).op.name(), keys.collect::<Vec<_>>()))
    }

    fn input(&self, node: &Node) -> &[Column] {
        node.inputs.first().map_or(&[][..], |input| &self.get(*input).columns)
    }

    fn form(&self, id: NodeId) -> Form {
        let node = self.node(id);
        let input = self.input(node);
        let only_binds = node.op.effect() == Effect::Keeps && node.inputs.len() == 1;
        let class = match only_binds {
            true => self.get(node.inputs[0]).class,
            false => self.class(node, input),
        };
        let columns: Vec<Column> =
            node.shape.columns.iter().map(|c| self.column(node, &c.name, input, class)).collect();
        let binds = node.op.binds();
        let mut contents: Vec<u128> =
            columns.iter().filter(|c| binds.contains(&&*c.name)).map(|c| c.content).collect();
        contents.sort_unstable();
        let mut names: Vec<(&str, u128)> = binds
            .iter()
            .filter_map(|&name| {
                let expr = node.op.binding(name)?;
                Some((name, self.written(Of::Named, expr, input).key()))
            })
            .collect();
        names.sort_unstable();
        let own = |of| match only_binds {
            true => KeyWriter::key_of(&node.op.name()),
            false => self.operator(of, node, input),
        };
        Form {
            class,
            content: KeyWriter::key_of(&(own(Of::Content), contents)),
            named: KeyWriter::key_of(&(own(Of::Named), names)),
            columns,
            only_binds,
            number: 0,
        }
    }

    fn class(&self, node: &Node, input: &[Column]) -> u128 {
        let needs = node.inputs.iter().copied().chain(node.op.nested());
        let needs: Vec<u128> = needs.map(|id| self.get(id).class).collect();
        KeyWriter::key_of(&(self.operator(Of::Class, node, input), needs))
    }

    /// The key of an operator without its inputs.
    fn operator(&self, of: Of, node: &Node, input: &[Column]) -> u128 {
        let unnamed = |op: Arc<dyn Instance>| -> Arc<dyn Instance> { op.unnamed().unwrap_or(op) };
        let op = unnamed(node.op.clone());
        let written = op.mapped(&mut |expr| self.written(of, expr, input)).unwrap_or(op);
        let mut writer = KeyWriter::default();
        // once more: conditions have another order as they are written
        unnamed(written).write_key(&mut writer);
        writer.take()
    }

    fn column(&self, node: &Node, name: &str, input: &[Column], class: u128) -> Column {
        let named = |exact, content| Column { name: name.to_owned(), exact, content };
        if let Some(expr) = node.op.binds().contains(&name).then(|| node.op.binding(name)).flatten()
        {
            if let Kind::Bound(place) = expr.kind
                && let Some(same) = input.get(place as usize)
            {
                return named(same.exact, same.content);
            }
            let exact = self.written(Of::Class, expr.clone(), input).key();
            let content = self.written(Of::Content, expr, input).key();
            let rows = node.inputs.first().map(|input| self.get(*input).class);
            return named(KeyWriter::key_of(&(exact, rows)), content);
        }
        let branches = node.op.branches();
        if name == "branch" && !branches.is_empty() {
            let exact = KeyWriter::key_of(&(class, &branches));
            let mut labels = branches;
            labels.sort_unstable();
            return named(exact, KeyWriter::key_of(&labels));
        }
        let sources: Vec<NodeId> = match node.op.nested() {
            Some(set) => vec![set],
            None => node.sources().collect(),
        };
        let find = |id: &NodeId| self.get(*id).columns.iter().find(|c| c.name == name);
        let found: Vec<Option<&Column>> = sources.iter().map(find).collect();
        match &found[..] {
            [Some(same)] => named(same.exact, same.content),
            found => {
                let keys = |key: fn(&Column) -> u128| {
                    let keys: Vec<Option<u128>> = found.iter().map(|c| c.map(key)).collect();
                    KeyWriter::key_of(&keys)
                };
                named(keys(|c| c.exact), keys(|c| c.content))
            }
        }
    }

    /// An expression with keys in the place of what programs number as they like: columns, sets, parameters; and with
    /// edges that have no names. It is never evaluated.
    fn written(&self, of: Of, expr: Expr, columns: &[Column]) -> Expr {
        let bound = self.bound(of, expr, columns);
        bound.map(&mut |part| self.part(of, part))
    }

    fn bound(&self, of: Of, expr: Expr, columns: &[Column]) -> Expr {
        with_columns(expr, &mut |place, set| {
            let columns = set.map_or(columns, |set| &self.get(set).columns);
            let column = columns.get(place)?;
            Some(match of {
                Of::Class => format!("{:x}", column.exact),
                Of::Content => format!("{:x}", column.content),
                Of::Named => column.name.clone(),
            })
        })
    }

    fn part(&self, of: Of, part: Expr) -> Expr {
        let number = |set: NodeId| match of {
            Of::Class => NodeId(self.get(set).number),
            // what the set is shows where it is compared itself
            Of::Content | Of::Named => NodeId(0),
        };
        let kind = match &part.kind {
            Kind::Param(slot, _) if *slot != COLUMN => {
                let number = self.params.get(*slot as usize).copied();
                Kind::Param(number.unwrap_or(*slot), "".into())
            }
            Kind::InSet { id, set } => Kind::InSet { id: id.clone(), set: number(*set) },
            Kind::OfSet { what, id, set } => {
                Kind::OfSet { what: *what, id: id.clone(), set: number(*set) }
            }
            Kind::OverSet { stat, set, value } => {
                Kind::OverSet { stat: *stat, set: number(*set), value: value.clone() }
            }
            Kind::OverLinks(over) => {
                let edge = over.edge.clone().renamed(&|_| String::new());
                Kind::OverLinks(Box::new(OverLinks { edge, ..(**over).clone() }))
            }
            _ => return part,
        };
        Expr::new(kind, part.ty.clone())
    }
}

/// An expression with words in the place of bound columns: those of its rows, or of the set whose rows it is about.
pub fn with_columns(
    expr: Expr,
    word: &mut dyn FnMut(usize, Option<NodeId>) -> Option<String>,
) -> Expr {
    in_scope(expr, None, word)
}

fn in_scope(
    expr: Expr,
    scope: Option<NodeId>,
    word: &mut dyn FnMut(usize, Option<NodeId>) -> Option<String>,
) -> Expr {
    expr.map_row(&mut |part| match &part.kind {
        Kind::Bound(place) => match word(*place as usize, scope) {
            Some(word) => Expr::new(Kind::Param(COLUMN, word.into()), part.ty.clone()),
            None => part,
        },
        Kind::OverSet { stat, set, value: Some(value) } => {
            let value = Some(in_scope(value.clone(), Some(*set), word));
            Expr::new(Kind::OverSet { stat: *stat, set: *set, value }, part.ty.clone())
        }
        _ => part,
    })
}

/// Text in the place of a part of an expression that is only shown.
pub fn verbatim(text: String, like: &Expr) -> Expr {
    Expr::new(Kind::Param(COLUMN, text.into()), like.ty.clone())
}
