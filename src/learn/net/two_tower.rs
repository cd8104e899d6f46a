//! Two towers: a vector for each viewer, from what is known of it at a time, and one for each item, so that what a viewer
//! did next lies close. A tower is `W0 x + W2 relu(W1 x)`, divided by its norm; it is trained by a softmax over the items of
//! a batch, corrected for how often each is drawn (Yi et al. 2019).

use super::Watch;
use super::adamw::Step;
use super::chance::Chance;
use super::dense::{Left, add_product, turn};
use super::fitted::Epoch;
use super::ids::{BatchIds, IdTable, TableState};
use super::inputs::{Encoded, Inputs, LANES, UNKNOWN};
use super::train::{CHUNK, SHARD, STRIP, dropped, each};
use super::wrong::Wrong;
use crate::cpu::Level;

/// Fewest positives that can be told apart from each other.
const LEAST: usize = 32;
/// Places of a page that the validation looks at.
const PAGE: usize = 20;
/// An epoch must raise the validation's NDCG by this much to count as better.
const BETTER: f64 = 1e-4;
/// Norms are not smaller.
const TINY: f32 = 1e-12;

/// How two towers are built and trained.
#[derive(Clone, Debug, PartialEq)]
pub struct TwoTowerParams {
    /// Numbers of a vector.
    pub dim: usize,
    /// Width of the hidden layer; 0: there is none.
    pub hidden: usize,
    /// Cosines are divided by it.
    pub temperature: f64,
    /// Learning rate.
    pub lr: f64,
    /// Positives per step.
    pub batch: usize,
    /// Most epochs.
    pub epochs: usize,
    /// Epochs without a better one before training ends.
    pub patience: usize,
    /// How often a known id is taken for unknown in training: one of a history is skipped then, as unknown ones are.
    pub id_dropout: f64,
    /// What decay takes of the rows of ids per unit of learning rate.
    pub id_decay: f64,
    /// Whether the logits of a batch are corrected for how often its items are drawn.
    pub corrected: bool,
}

impl Default for TwoTowerParams {
    fn default() -> TwoTowerParams {
        TwoTowerParams {
            dim: 64,
            hidden: 128,
            temperature: 0.1,
            lr: 3e-3,
            batch: 512,
            epochs: 30,
            patience: 3,
            id_dropout: 0.1,
            id_decay: 1e-2,
            corrected: true,
        }
    }
}

/// What a tower reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// Dense inputs.
    pub dense: usize,
    /// Per sparse feature, rows of its table and numbers per row.
    pub ids: Vec<(usize, usize)>,
    /// Per sparse feature, whether it is a history: the sum of the rows of its known ids, over the root of their number.
    pub histories: Vec<bool>,
}

impl Side {
    /// That of some inputs.
    pub fn new(inputs: &Inputs, histories: &[bool]) -> Side {
        Side {
            dense: inputs.width(),
            ids: inputs.sparse.iter().map(|sparse| (sparse.rows(), sparse.dim)).collect(),
            histories: histories.to_vec(),
        }
    }
}

/// A tower and its weights.
#[derive(Clone, Debug)]
pub struct Tower {
    side: Side,
    dim: usize,
    /// Padded widths: of the dense inputs, of all inputs, of the vector, of the hidden layer.
    dense: usize,
    input: usize,
    out: usize,
    hidden: usize,
    /// Inputs by vector and hidden layer, then hidden layer by vector.
    weights: Vec<f32>,
    tables: Vec<IdTable>,
    level: Level,
}

/// Rows on their way through a tower, and errors on their way back.
#[derive(Clone, Default)]
struct Climb {
    rows: usize,
    ids: Vec<BatchIds>,
    input: Vec<f32>,
    /// What inputs give: the vector so far, and the hidden layer.
    first: Vec<f32>,
    vectors: Vec<f32>,
    norms: Vec<f32>,
    /// By the vectors.
    errors: Vec<f32>,
    /// By the vectors before the division, and by the hidden layer.
    back: Vec<f32>,
    by_ids: Vec<f32>,
}

impl Tower {
    /// One whose weights are all 0.
    fn empty(side: Side, dim: usize, hidden: usize) -> Tower {
        let widths: usize = side.ids.iter().map(|&(_, dim)| dim).sum();
        let padded = |width: usize| width.next_multiple_of(LANES);
        let dense = padded(side.dense);
        let (input, out, hidden) = (dense + padded(widths), padded(dim), padded(hidden));
        let table = |&(rows, dim): &(usize, usize)| IdTable { dim, weights: vec![0.0; rows * dim] };
        let tables = side.ids.iter().map(table).collect();
        let weights = vec![0.0; input * (out + hidden) + hidden * out];
        Tower { side, dim, dense, input, out, hidden, weights, tables, level: Level::detect() }
    }

    fn new(side: Side, params: &TwoTowerParams, chance: Chance) -> Tower {
        let tables = side.ids.iter().enumerate();
        let table = |(n, &(rows, dim))| IdTable::new(rows, dim, chance.of(&format!("ids.{n}")));
        let tables: Vec<IdTable> = tables.map(table).collect();
        let mut tower = Tower { tables, ..Tower::empty(side, params.dim, params.hidden) };
        for (name, (places, sum)) in
            ["W0", "W1", "W2"].into_iter().zip(tower.matrices(params.hidden))
        {
            let most = (6.0 / sum as f64).sqrt();
            let mut random = chance.of(name).stream(0);
            for place in places {
                tower.weights[place] = (most * (2.0 * random.unit() - 1.0)) as f32;
            }
        }
        tower
    }

    /// The places of each matrix's weights, and the sum of its sizes.
    fn matrices(&self, hidden: usize) -> [(Vec<usize>, usize); 3] {
        let widths: usize = self.side.ids.iter().map(|&(_, dim)| dim).sum();
        let inputs: Vec<usize> =
            (0..self.side.dense).chain(self.dense..self.dense + widths).collect();
        let stride = self.out + self.hidden;
        let matrix =
            |rows: &[usize], first: usize, width: usize, stride: usize| -> (Vec<usize>, usize) {
                let places = rows
                    .iter()
                    .flat_map(|row| (0..width).map(move |column| first + row * stride + column));
                (places.collect(), rows.len() + width)
            };
        let units: Vec<usize> = (0..hidden).collect();
        [
            matrix(&inputs, 0, self.dim, stride),
            matrix(&inputs, self.out, hidden, stride),
            matrix(&units, self.second(), self.dim, self.out),
        ]
    }

    /// Where the matrix behind the hidden layer begins.
    fn second(&self) -> usize {
        self.input * (self.out + self.hidden)
    }

    /// The vectors of encoded rows, `dim` numbers each, of norm 1.
    pub fn vectors(&self, encoded: &Encoded) -> Vec<f32> {
        let mut climb = Climb::default();
        let mut all = Vec::with_capacity(encoded.rows * self.dim);
        let rows: Vec<u32> = (0..encoded.rows as u32).collect();
        for rows in rows.chunks(SHARD) {
            climb.load(self, encoded, rows, |_, id| Some(id));
            climb.forward(self);
            climb
                .vectors
                .chunks_exact(self.out)
                .for_each(|vector| all.extend_from_slice(&vector[..self.dim]));
        }
        all
    }

    /// The weights, without padding: `W0`, `W1`, `W2`, and the tables of ids.
    pub fn tensors(&self, hidden: usize) -> Vec<super::Tensor> {
        let mut all = Vec::new();
        for (name, (places, sum)) in ["W0", "W1", "W2"].into_iter().zip(self.matrices(hidden)) {
            let width = if name == "W1" { hidden } else { self.dim };
            let data = places.iter().map(|&place| self.weights[place]).collect();
            all.push(super::Tensor { name: name.into(), shape: vec![sum - width, width], data });
        }
        for (number, table) in self.tables.iter().enumerate() {
            let shape = vec![table.rows(), table.dim];
            all.push(super::Tensor {
                name: format!("ids.{number}.weight"),
                shape,
                data: table.weights.clone(),
            });
        }
        all
    }
}

impl Tower {
    /// The tower that [`Tower::tensors`] came from.
    ///
    /// # Errors
    ///
    /// A tensor that is not there, or has another shape.
    pub fn from_tensors(
        side: Side,
        dim: usize,
        hidden: usize,
        tensors: &[super::Tensor],
    ) -> Result<Tower, Wrong> {
        let mut tower = Tower::empty(side, dim, hidden);
        for expected in tower.tensors(hidden) {
            let found = tensors.iter().find(|tensor| tensor.name == expected.name);
            let fits = |tensor: &&super::Tensor| {
                tensor.shape == expected.shape && tensor.data.len() == expected.data.len()
            };
            let Some(tensor) = found.filter(fits) else {
                let found = found.map(|tensor| tensor.shape.clone());
                return Err(Wrong::Tensor { name: expected.name, expected: expected.shape, found });
            };
            tower.take(hidden, tensor);
        }
        Ok(tower)
    }

    fn take(&mut self, hidden: usize, tensor: &super::Tensor) {
        let matrices = ["W0", "W1", "W2"].into_iter().zip(self.matrices(hidden));
        for (_, (places, _)) in matrices.filter(|(name, _)| *name == tensor.name) {
            places.iter().zip(&tensor.data).for_each(|(&place, &x)| self.weights[place] = x);
        }
        for (number, table) in self.tables.iter_mut().enumerate() {
            if tensor.name == format!("ids.{number}.weight") {
                table.weights.copy_from_slice(&tensor.data);
            }
        }
    }
}

/// What the rows of a feature's ids are multiplied with.
fn share(history: bool, ids: usize) -> f32 {
    let count = ids.max(1) as f32;
    1.0 / if history { count.sqrt() } else { count }
}

impl Climb {
    /// Takes rows of a table; `pick` may change an id of a feature, or leave it out.
    fn load(
        &mut self,
        tower: &Tower,
        encoded: &Encoded,
        rows: &[u32],
        mut pick: impl FnMut(usize, u32) -> Option<u32>,
    ) {
        self.rows = rows.len();
        self.input.clear();
        self.input.resize(rows.len() * tower.input, 0.0);
        for (&row, input) in rows.iter().zip(self.input.chunks_exact_mut(tower.input)) {
            input[..tower.dense].copy_from_slice(encoded.numbers(row as usize));
        }
        self.ids.resize_with(tower.tables.len(), BatchIds::default);
        for (column, own) in self.ids.iter_mut().enumerate() {
            own.clear();
            let history = tower.side.histories[column];
            for &row in rows {
                let ids = encoded.ids[column].of(row as usize).iter().copied();
                // what a history does not know it skips
                let known = ids.filter(|&id| !history || id >= 2);
                own.ids.extend(known.filter_map(|id| pick(column, id)));
                own.ends.push(own.ids.len() as u32);
            }
        }
    }

    fn forward(&mut self, tower: &Tower) {
        let mut before = tower.dense;
        for (column, (table, ids)) in tower.tables.iter().zip(&self.ids).enumerate() {
            let history = tower.side.histories[column];
            for (row, input) in self.input.chunks_exact_mut(tower.input).enumerate() {
                let ids = ids.of(row);
                table.pooled(ids, share(history, ids.len()), &mut input[before..][..table.dim]);
            }
            before += table.dim;
        }
        let (out, hidden, stride) = (tower.out, tower.hidden, tower.out + tower.hidden);
        self.first.clear();
        self.first.resize(self.rows * stride, 0.0);
        let left = Left::new(&self.input, tower.input);
        let sizes = [self.rows, tower.input, stride];
        add_product(tower.level, left, (&tower.weights, stride), (&mut self.first, stride), sizes);
        self.vectors.clear();
        for row in self.first.chunks_exact_mut(stride) {
            self.vectors.extend_from_slice(&row[..out]);
            row[out..].iter_mut().for_each(|x| *x = if *x < 0.0 { 0.0 } else { *x });
        }
        if hidden > 0 {
            let left = Left::new(&self.first[out..], stride);
            let right = (&tower.weights[tower.second()..], out);
            add_product(
                tower.level,
                left,
                right,
                (&mut self.vectors, out),
                [self.rows, hidden, out],
            );
        }
        self.norms.clear();
        for vector in self.vectors.chunks_exact_mut(out) {
            let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(TINY);
            vector.iter_mut().for_each(|x| *x /= norm);
            self.norms.push(norm);
        }
    }

    /// From the errors of the vectors to those of the rows of ids.
    fn backward(&mut self, tower: &Tower, turned: &[Vec<f32>; 2]) {
        let (out, hidden, stride) = (tower.out, tower.hidden, tower.out + tower.hidden);
        self.back.clear();
        self.back.resize(self.rows * stride, 0.0);
        let rows = self.back.chunks_exact_mut(stride).zip(self.errors.chunks_exact(out));
        for ((back, errors), (vector, norm)) in
            rows.zip(self.vectors.chunks_exact(out).zip(&self.norms))
        {
            let along: f32 = errors.iter().zip(vector).map(|(e, x)| e * x).sum();
            let each = back.iter_mut().zip(errors.iter().zip(vector));
            each.for_each(|(back, (e, x))| *back = (e - x * along) / norm);
        }
        if hidden > 0 {
            let raw: Vec<f32> =
                self.back.chunks_exact(stride).flat_map(|row| &row[..out]).copied().collect();
            let right = (&*turned[1], hidden);
            let sizes = [self.rows, out, hidden];
            add_product(
                tower.level,
                Left::new(&raw, out),
                right,
                (&mut self.back[out..], stride),
                sizes,
            );
            for (back, first) in
                self.back.chunks_exact_mut(stride).zip(self.first.chunks_exact(stride))
            {
                let each = back[out..].iter_mut().zip(&first[out..]);
                each.for_each(|(e, &y)| *e = if y > 0.0 { *e } else { 0.0 });
            }
        }
        let width = tower.input - tower.dense;
        self.by_ids.clear();
        self.by_ids.resize(self.rows * width, 0.0);
        if width > 0 {
            let sizes = [self.rows, stride, width];
            let right = (&*turned[0], width);
            add_product(
                tower.level,
                Left::new(&self.back, stride),
                right,
                (&mut self.by_ids, width),
                sizes,
            );
        }
    }
}

/// A tower in training.
struct Half {
    tower: Tower,
    means: Vec<f32>,
    squares: Vec<f32>,
    gradient: Vec<f32>,
    states: Vec<TableState>,
    climbs: Vec<Climb>,
    /// The matrices of ids and behind the hidden layer, with rows and columns exchanged.
    turned: [Vec<f32>; 2],
    rate: f64,
    id_dropout: f64,
    chance: Chance,
}

impl Half {
    fn new(side: Side, params: &TwoTowerParams, chance: Chance) -> Half {
        let tower = Tower::new(side, params, chance);
        let count = tower.weights.len();
        Half {
            means: vec![0.0; count],
            squares: vec![0.0; count],
            gradient: vec![0.0; count],
            states: tower
                .tables
                .iter()
                .map(|table| TableState::new(table, params.lr, params.id_decay))
                .collect(),
            climbs: Vec::new(),
            turned: Default::default(),
            rate: params.lr,
            id_dropout: params.id_dropout,
            chance: chance.of("id dropout"),
            tower,
        }
    }

    /// The vectors of some rows of a table, padded, after `steps` steps.
    fn forward(&mut self, encoded: &Encoded, rows: &[u32], steps: u32) -> Vec<f32> {
        self.climbs.resize_with(rows.len().div_ceil(SHARD), Climb::default);
        let (tower, chance) = (&self.tower, self.chance.at(u64::from(steps)));
        let (least, _) = dropped(self.id_dropout);
        each(&mut self.climbs, |number, climb| {
            let own = &rows[number * SHARD..rows.len().min((number + 1) * SHARD)];
            let mut random = chance.stream(number as u64);
            climb.load(tower, encoded, own, |column, id| {
                let drop = id >= 2 && ((random.bits() >> 48) as u16) < least;
                match drop {
                    true => (!tower.side.histories[column]).then_some(UNKNOWN),
                    false => Some(id),
                }
            });
        });
        let climbs = &self.climbs;
        let mut tables: Vec<_> = self.states.iter_mut().zip(&mut self.tower.tables).collect();
        each(&mut tables, |column, (state, table)| {
            state.begin();
            climbs.iter().for_each(|climb| state.read(table, &climb.ids[column].ids, steps));
        });
        let tower = &self.tower;
        each(&mut self.climbs, |_, climb| climb.forward(tower));
        self.climbs.iter().flat_map(|climb| &climb.vectors).copied().collect()
    }

    /// The gradient, from the errors of all vectors.
    fn backward(&mut self, errors: &[f32]) {
        let (out, stride) = (self.tower.out, self.tower.out + self.tower.hidden);
        let [by_ids, behind] = &mut self.turned;
        let (skipped, second) = (self.tower.dense * stride, self.tower.second());
        by_ids.resize((self.tower.input - self.tower.dense) * stride, 0.0);
        turn(
            &self.tower.weights[skipped..second],
            (self.tower.input - self.tower.dense, stride),
            by_ids,
        );
        behind.resize(self.tower.hidden * out, 0.0);
        turn(&self.tower.weights[second..], (self.tower.hidden, out), behind);
        let (tower, turned) = (&self.tower, &self.turned);
        each(&mut self.climbs, |number, climb| {
            climb.errors.clear();
            climb.errors.extend_from_slice(&errors[number * SHARD * out..][..climb.rows * out]);
            climb.backward(tower, turned);
        });
        self.add_up();
    }

    fn add_up(&mut self) {
        let (tower, climbs) = (&self.tower, &self.climbs);
        let (out, stride) = (tower.out, tower.out + tower.hidden);
        self.gradient.fill(0.0);
        let (first, second) = self.gradient.split_at_mut(tower.second());
        let mut strips: Vec<&mut [f32]> = first.chunks_mut(STRIP * stride).collect();
        each(&mut strips, |strip, sums| {
            let rows = sums.len() / stride;
            for climb in climbs {
                let left = Left::new(&climb.input[strip * STRIP..], tower.input).turned();
                add_product(
                    tower.level,
                    left,
                    (&climb.back, stride),
                    (sums, stride),
                    [rows, climb.rows, stride],
                );
            }
        });
        let mut strips: Vec<&mut [f32]> = second.chunks_mut(STRIP * out).collect();
        each(&mut strips, |strip, sums| {
            let rows = sums.len() / out;
            for climb in climbs {
                let left = Left::new(&climb.first[out + strip * STRIP..], stride).turned();
                add_product(
                    tower.level,
                    left,
                    (&climb.back, stride),
                    (sums, out),
                    [rows, climb.rows, out],
                );
            }
        });
        let width = tower.input - tower.dense;
        let mut before = 0;
        let mut tables: Vec<_> = Vec::new();
        for (state, table) in self.states.iter_mut().zip(&tower.tables) {
            tables.push((state, table, before));
            before += table.dim;
        }
        each(&mut tables, |column, (state, table, before)| {
            state.begin_gradient(table);
            for climb in climbs {
                for (row, errors) in climb.by_ids.chunks_exact(width).enumerate() {
                    let ids = climb.ids[column].of(row);
                    let share = share(tower.side.histories[column], ids.len());
                    state.add_shared(table, ids, share, &errors[*before..][..table.dim]);
                }
            }
        });
    }

    /// Moves all weights; `step` is the number of this step, from 1.
    fn update(&mut self, step: u32) {
        let mut tables: Vec<_> = self.states.iter_mut().zip(&mut self.tower.tables).collect();
        each(&mut tables, |_, (state, table)| state.update(table, step));
        let by = Step::new(self.rate, 0.0, u64::from(step));
        let level = self.tower.level;
        let moments = self.means.chunks_mut(CHUNK).zip(self.squares.chunks_mut(CHUNK));
        let weights = self.tower.weights.chunks_mut(CHUNK).zip(self.gradient.chunks(CHUNK));
        let mut parts: Vec<_> = weights.zip(moments).collect();
        each(&mut parts, |_, ((weights, gradient), (means, squares))| {
            by.wide(level, weights, gradient, means, squares)
        });
    }

    fn catch_up(&mut self, steps: u32) {
        let tables = self.states.iter_mut().zip(&mut self.tower.tables);
        tables.for_each(|(state, table)| state.catch_up_all(table, steps));
    }
}

/// What two towers are trained on.
#[derive(Clone, Copy, Debug)]
pub struct Positives<'a> {
    /// What is known of the viewer of each positive, before it.
    pub users: &'a Encoded,
    /// The item of each positive.
    pub items: &'a [u32],
    /// The viewer of each positive.
    pub viewers: &'a [u32],
    /// What is known of every item.
    pub all_items: &'a Encoded,
}

/// What a training is stopped by: what viewers did later.
#[derive(Clone, Copy, Debug)]
pub struct Later<'a> {
    /// What is known of each viewer.
    pub users: &'a Encoded,
    /// The items of viewer `i` are `items[offsets[i]..offsets[i + 1]]`.
    pub items: &'a [u32],
    /// See `items`; empty: there is no validation.
    pub offsets: &'a [u64],
    /// Items that are not looked for: those of viewer `i` are `seen[seen_offsets[i]..seen_offsets[i + 1]]`.
    pub seen: &'a [u32],
    /// See `seen`.
    pub seen_offsets: &'a [u64],
}

/// Two trained towers.
#[derive(Clone, Debug)]
pub struct TwoTower {
    /// That of viewers.
    pub user: Tower,
    /// That of items.
    pub item: Tower,
    /// Mean loss, and NDCG@20 of the validation, of each epoch.
    pub epochs: Vec<Epoch>,
    /// The epoch whose weights were kept, from 1.
    pub best: usize,
}

/// Trains two towers.
///
/// # Errors
///
/// Fewer than 32 positives, numbers beyond all bounds, or the caller's wish to stop.
pub fn fit_two_tower(
    sides: (Side, Side),
    positives: &Positives<'_>,
    later: &Later<'_>,
    params: &TwoTowerParams,
    (seed, name): (u64, &str),
    watch: &dyn Watch,
) -> Result<TwoTower, Wrong> {
    check(params)?;
    if positives.items.len() < LEAST {
        return Err(Wrong::FewPositives {
            positives: positives.items.len() as u64,
            least: LEAST as u64,
        });
    }
    let chance = Chance::new(seed, name);
    let mut towers = Towers {
        user: Half::new(sides.0, params, chance.of("user")),
        item: Half::new(sides.1, params, chance.of("item")),
        positives,
        own: own_items(positives),
        shift: shifts(positives, params.corrected),
        params,
        order: chance.of("order of examples"),
        steps: 0,
        marks: Marks::new(positives.all_items.rows),
    };
    let mut best: Option<(f64, Tower, Tower)> = None;
    let (mut epochs, mut kept) = (Vec::new(), 0);
    for epoch in 0..params.epochs {
        let train = towers.epoch(epoch as u64, watch)?;
        let validation = towers.validate(later);
        if !train.is_finite() {
            return Err(Wrong::Diverged { epoch: epoch + 1 });
        }
        epochs.push(Epoch { train, validation });
        let value = validation.unwrap_or(0.0);
        if validation.is_none() || best.as_ref().is_none_or(|(before, ..)| value > before + BETTER)
        {
            best = Some((value, towers.user.tower.clone(), towers.item.tower.clone()));
            kept = epoch + 1;
        } else if epoch + 1 - kept >= params.patience {
            break;
        }
    }
    let (user, item) = match best {
        Some((_, user, item)) => (user, item),
        None => (towers.user.tower, towers.item.tower),
    };
    Ok(TwoTower { user, item, epochs, best: kept })
}

fn check(params: &TwoTowerParams) -> Result<(), Wrong> {
    let positive = |x: f64| x > 0.0 && x.is_finite();
    let checks = [
        (params.dim > 0, "dim", "1 or more"),
        (positive(params.temperature), "temperature", "above 0"),
        (positive(params.lr), "lr", "above 0"),
        (params.batch >= LEAST, "batch", "32 or more"),
        (params.epochs > 0, "epochs", "1 or more"),
        ((0.0..=0.95).contains(&params.id_dropout), "id_dropout", "from 0 to 0.95"),
        (params.id_decay >= 0.0 && params.id_decay.is_finite(), "id_decay", "0 or more"),
    ];
    match checks.into_iter().find(|(fits, ..)| !fits) {
        Some((_, name, expected)) => Err(Wrong::Parameter { name, expected }),
        None => Ok(()),
    }
}

/// Per viewer the items of its positives.
fn own_items(positives: &Positives<'_>) -> Vec<Vec<u32>> {
    let viewers = positives.viewers.iter().max().map_or(0, |&most| most as usize + 1);
    let mut own = vec![Vec::new(); viewers];
    for (&viewer, &item) in positives.viewers.iter().zip(positives.items) {
        own[viewer as usize].push(item);
    }
    for items in &mut own {
        items.sort_unstable();
        items.dedup();
    }
    own
}

/// Per item the logarithm of its share of the positives, which its logits lose.
fn shifts(positives: &Positives<'_>, corrected: bool) -> Vec<f32> {
    let mut counts = vec![0u64; positives.all_items.rows];
    positives.items.iter().for_each(|&item| counts[item as usize] += 1);
    let all = positives.items.len() as f64;
    let shift = |&count: &u64| {
        if corrected && count > 0 { libm::log(count as f64 / all) as f32 } else { 0.0 }
    };
    counts.iter().map(shift).collect()
}

/// A set of items that is emptied at once.
#[derive(Clone)]
struct Marks {
    marks: Vec<u32>,
    now: u32,
}

impl Marks {
    fn new(items: usize) -> Marks {
        Marks { marks: vec![0; items], now: 0 }
    }

    fn set(&mut self, items: &[u32]) {
        self.now = self.now.wrapping_add(1);
        if self.now == 0 {
            self.marks.fill(0);
            self.now = 1;
        }
        items.iter().for_each(|&item| self.marks[item as usize] = self.now);
    }

    fn has(&self, item: u32) -> bool {
        self.marks[item as usize] == self.now
    }
}

struct Towers<'a> {
    user: Half,
    item: Half,
    positives: &'a Positives<'a>,
    own: Vec<Vec<u32>>,
    shift: Vec<f32>,
    params: &'a TwoTowerParams,
    order: Chance,
    steps: u32,
    marks: Marks,
}

impl Towers<'_> {
    fn epoch(&mut self, epoch: u64, watch: &dyn Watch) -> Result<f64, Wrong> {
        let count = self.positives.items.len();
        let order = self.order.at(epoch);
        let mut keyed: Vec<(u64, u32)> =
            (0..count as u32).map(|row| (order.hash(u64::from(row)), row)).collect();
        keyed.sort_unstable();
        let rows: Vec<u32> = keyed.into_iter().map(|(_, row)| row).collect();
        // batches of about one size, so that none is too small
        let size = count.div_ceil(count.div_ceil(self.params.batch));
        let mut loss = 0.0;
        for (number, batch) in rows.chunks(size).enumerate() {
            super::ask(watch, "epoch", (number * size) as u64, count as u64)?;
            loss += self.step(batch);
        }
        self.user.catch_up(self.steps);
        self.item.catch_up(self.steps);
        Ok(loss / count as f64)
    }

    /// One step. Returns the summed loss.
    fn step(&mut self, batch: &[u32]) -> f64 {
        let loss = self.descend(batch);
        self.steps += 1;
        self.user.update(self.steps);
        self.item.update(self.steps);
        loss
    }

    fn descend(&mut self, batch: &[u32]) -> f64 {
        let items: Vec<u32> = batch.iter().map(|&row| self.positives.items[row as usize]).collect();
        let users = self.user.forward(self.positives.users, batch, self.steps);
        let vectors = self.item.forward(self.positives.all_items, &items, self.steps);
        let (out, level, rows) = (self.user.tower.out, self.user.tower.level, batch.len());
        let width = rows.next_multiple_of(LANES);
        let mut by_item = vec![0.0; out * width];
        for (column, vector) in vectors.chunks_exact(out).enumerate() {
            vector.iter().enumerate().for_each(|(row, &x)| by_item[row * width + column] = x);
        }
        let allowed = self.allowed(batch, &items);
        let shift: Vec<f32> = items.iter().map(|&item| self.shift[item as usize]).collect();
        let heat = (1.0 / self.params.temperature) as f32;
        let mut shards = vec![(Vec::new(), Vec::new(), 0.0); rows.div_ceil(SHARD)];
        each(&mut shards, |number, (slopes, errors, loss)| {
            let first = number * SHARD;
            let count = SHARD.min(rows - first);
            *slopes = vec![0.0; count * width];
            let left = Left::new(&users[first * out..], out);
            add_product(level, left, (&by_item, width), (slopes, width), [count, out, width]);
            for (row, logits) in slopes.chunks_exact_mut(width).enumerate() {
                let allowed = &allowed[(first + row) * rows..][..rows];
                *loss += softmax(logits, first + row, allowed, &shift, heat, rows);
            }
            *errors = vec![0.0; count * out];
            let sizes = [count, rows, out];
            add_product(level, Left::new(slopes, width), (&vectors, out), (errors, out), sizes);
        });
        let of_users: Vec<f32> = shards.iter().flat_map(|(_, errors, _)| errors).copied().collect();
        let mut of_items = vec![0.0; rows * out];
        let mut strips: Vec<&mut [f32]> = of_items.chunks_mut(STRIP * out).collect();
        each(&mut strips, |strip, sums| {
            let height = sums.len() / out;
            for (number, (slopes, ..)) in shards.iter().enumerate() {
                let left = Left::new(&slopes[strip * STRIP..], width).turned();
                let right = (&users[number * SHARD * out..], out);
                add_product(level, left, right, (sums, out), [height, slopes.len() / width, out]);
            }
        });
        self.user.backward(&of_users);
        self.item.backward(&of_items);
        shards.iter().map(|&(.., loss)| loss).sum()
    }

    /// Per row of a batch, which items of it are compared: its own, and those that its viewer has no positive with.
    fn allowed(&mut self, batch: &[u32], items: &[u32]) -> Vec<bool> {
        let mut allowed = Vec::with_capacity(batch.len() * batch.len());
        for (place, &row) in batch.iter().enumerate() {
            let viewer = self.positives.viewers[row as usize];
            self.marks.set(&self.own[viewer as usize]);
            allowed.extend(
                items
                    .iter()
                    .enumerate()
                    .map(|(other, &item)| other == place || !self.marks.has(item)),
            );
        }
        allowed
    }

    /// Mean NDCG@20 of what viewers did later, over all items but those seen; `None` if there is nothing.
    fn validate(&self, later: &Later<'_>) -> Option<f64> {
        let viewers = later.offsets.len().saturating_sub(1);
        let users = self.user.tower.vectors(later.users);
        let items = self.item.tower.vectors(self.positives.all_items);
        let (dim, level) = (self.params.dim, self.user.tower.level);
        let count = self.positives.all_items.rows;
        let width = count.next_multiple_of(LANES);
        let mut by_item = vec![0.0; dim * width];
        for (column, vector) in items.chunks_exact(dim).enumerate() {
            vector.iter().enumerate().for_each(|(row, &x)| by_item[row * width + column] = x);
        }
        let mut shards = vec![(0.0, 0u64); viewers.div_ceil(SHARD)];
        each(&mut shards, |number, (sum, counted)| {
            let first = number * SHARD;
            let rows = SHARD.min(viewers - first);
            let mut scores = vec![0.0; rows * width];
            let left = Left::new(&users[first * dim..], dim);
            add_product(level, left, (&by_item, width), (&mut scores, width), [rows, dim, width]);
            for (row, scores) in scores.chunks_exact_mut(width).enumerate() {
                let viewer = first + row;
                let of = |all: &[u32], offsets: &[u64]| -> Vec<u32> {
                    all[offsets[viewer] as usize..offsets[viewer + 1] as usize].to_vec()
                };
                let truth = of(later.items, later.offsets);
                let seen = of(later.seen, later.seen_offsets);
                if !truth.is_empty() {
                    *sum += page_gain(&mut scores[..count], &truth, &seen);
                    *counted += 1;
                }
            }
        });
        let counted: u64 = shards.iter().map(|&(_, counted)| counted).sum();
        let sum: f64 = shards.iter().map(|&(sum, _)| sum).sum();
        (counted > 0).then(|| sum / counted as f64)
    }
}

/// Products of a user with a batch's items become derivatives of the loss by the products, which is returned.
fn softmax(
    logits: &mut [f32],
    own: usize,
    allowed: &[bool],
    shift: &[f32],
    heat: f32,
    rows: usize,
) -> f64 {
    let mut most = f32::NEG_INFINITY;
    for ((logit, &allowed), shift) in logits.iter_mut().zip(allowed).zip(shift) {
        *logit = if allowed { *logit * heat - shift } else { f32::NEG_INFINITY };
        most = most.max(*logit);
    }
    let target = logits[own];
    let mut sum = 0.0;
    for logit in &mut logits[..rows] {
        *logit = libm::expf(*logit - most);
        sum += f64::from(*logit);
    }
    let scale = heat / rows as f32;
    for logit in &mut logits[..rows] {
        *logit = (f64::from(*logit) / sum) as f32 * scale;
    }
    logits[own] -= scale;
    logits[rows..].fill(0.0);
    libm::log(sum) + f64::from(most) - f64::from(target)
}

/// NDCG@20 of one viewer.
fn page_gain(scores: &mut [f32], truth: &[u32], seen: &[u32]) -> f64 {
    seen.iter().for_each(|&item| scores[item as usize] = f32::NEG_INFINITY);
    let mut order: Vec<u32> = (0..scores.len() as u32).collect();
    let by_score =
        |&a: &u32, &b: &u32| scores[b as usize].total_cmp(&scores[a as usize]).then(a.cmp(&b));
    if order.len() > PAGE {
        order.select_nth_unstable_by(PAGE, by_score);
        order.truncate(PAGE);
    }
    order.sort_unstable_by(by_score);
    let discount = |place: usize| 1.0 / libm::log2(place as f64 + 2.0);
    let hits = order.iter().enumerate().filter(|(_, item)| truth.contains(item));
    let found: f64 = hits.map(|(place, _)| discount(place)).sum();
    found / (0..truth.len().min(PAGE)).map(discount).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::super::inputs::IdRows;
    use super::*;
    use crate::learn::Unwatched;
    use crate::random::Random;

    const ITEMS: usize = 60;

    /// Viewers and items of three tastes: what a viewer does next is of its taste, the first items more often.
    struct World {
        users: Encoded,
        items: Encoded,
        positives: Vec<u32>,
        viewers: Vec<u32>,
        later_users: Encoded,
        later: Vec<u32>,
        offsets: Vec<u64>,
    }

    fn single(rows: Vec<u32>) -> IdRows {
        IdRows { rows, offsets: None }
    }

    fn lists(all: &[Vec<u32>]) -> IdRows {
        let ends = all.iter().scan(0, |end, list| {
            *end += list.len() as u32;
            Some(*end)
        });
        IdRows { rows: all.concat(), offsets: Some([0].into_iter().chain(ends).collect()) }
    }

    fn encoded(dense: &[f32], ids: Vec<IdRows>) -> Encoded {
        let rows = dense.len();
        let mut padded = vec![0.0; rows * LANES];
        dense.iter().enumerate().for_each(|(row, &x)| padded[row * LANES] = x);
        Encoded { rows, stride: LANES, dense: padded, ids, shown: Vec::new() }
    }

    fn world(n: usize) -> World {
        let mut random = Random::new(4, 0);
        let draw = |viewer: u32, random: &mut Random| {
            let taste = viewer % 3;
            let rank = (random.unit() * random.unit() * 20.0) as u32;
            if random.below(10) == 0 { random.below(ITEMS as u32) } else { rank * 3 + taste }
        };
        let (mut positives, mut viewers, mut histories) = (Vec::new(), Vec::new(), Vec::new());
        let mut own: Vec<Vec<u32>> = vec![Vec::new(); 40];
        for _ in 0..n {
            let viewer = random.below(40);
            histories.push(
                own[viewer as usize]
                    .iter()
                    .rev()
                    .take(5)
                    .map(|item| item + 2)
                    .collect::<Vec<u32>>(),
            );
            let item = draw(viewer, &mut random);
            own[viewer as usize].push(item);
            positives.push(item);
            viewers.push(viewer);
        }
        let later: Vec<u32> = (0..40).map(|viewer| draw(viewer, &mut random)).collect();
        let newest: Vec<Vec<u32>> =
            own.iter().map(|own| own.iter().rev().take(5).map(|item| item + 2).collect()).collect();
        World {
            users: encoded(&vec![0.5; n], vec![lists(&histories)]),
            items: encoded(
                &(0..ITEMS).map(|i| i as f32 / 60.0).collect::<Vec<_>>(),
                vec![single((2..62).collect())],
            ),
            positives,
            viewers,
            later_users: encoded(&[0.5; 40], vec![lists(&newest)]),
            later,
            offsets: (0..=40).collect(),
        }
    }

    fn sides() -> (Side, Side) {
        let side = |history| Side { dense: 1, ids: vec![(62, 8)], histories: vec![history] };
        (side(true), side(false))
    }

    fn small() -> TwoTowerParams {
        TwoTowerParams { dim: 12, hidden: 20, batch: 100, epochs: 8, ..TwoTowerParams::default() }
    }

    impl World {
        fn positives(&self) -> Positives<'_> {
            Positives {
                users: &self.users,
                items: &self.positives,
                viewers: &self.viewers,
                all_items: &self.items,
            }
        }

        fn fit(&self, params: &TwoTowerParams) -> Result<TwoTower, Wrong> {
            let later = Later {
                users: &self.later_users,
                items: &self.later,
                offsets: &self.offsets,
                seen: &[],
                seen_offsets: &[0; 41],
            };
            fit_two_tower(sides(), &self.positives(), &later, params, (0, "test"), &Unwatched)
        }
    }

    #[test]
    fn gradients_are_finite_differences() {
        let world = world(150);
        let positives = world.positives();
        for hidden in [20, 0] {
            let params = TwoTowerParams { hidden, ..small() };
            let chance = Chance::new(1, "test");
            let mut towers = Towers {
                user: Half::new(sides().0, &params, chance.of("user")),
                item: Half::new(sides().1, &params, chance.of("item")),
                positives: &positives,
                own: own_items(&positives),
                shift: shifts(&positives, true),
                params: &params,
                order: chance,
                steps: 0,
                marks: Marks::new(ITEMS),
            };
            for half in [&mut towers.user, &mut towers.item] {
                half.tower.tables[0].weights.iter_mut().for_each(|w| *w *= 30.0);
            }
            let batch: Vec<u32> = (20..150).collect();
            towers.descend(&batch);
            for is_item in [false, true] {
                let half = if is_item { &towers.item } else { &towers.user };
                let (gradient, state) = (half.gradient.clone(), half.states[0].clone());
                let places: Vec<usize> = half
                    .tower
                    .matrices(hidden)
                    .iter()
                    .flat_map(|(places, _)| places.clone())
                    .collect();
                let mut check = |found: f32, at: &dyn Fn(&mut Tower) -> &mut f32| {
                    let mut loss = |by: f32| {
                        let shift = |towers: &mut Towers<'_>, by: f32| {
                            let half = if is_item { &mut towers.item } else { &mut towers.user };
                            let weight = at(&mut half.tower);
                            let start = *weight;
                            *weight += by;
                            start
                        };
                        let start = shift(&mut towers, by);
                        let loss = towers.descend(&batch) / batch.len() as f64;
                        let half = if is_item { &mut towers.item } else { &mut towers.user };
                        *at(&mut half.tower) = start;
                        loss
                    };
                    let here = loss(0.0);
                    let differences = [1e-3f32, 4e-3, 2e-3].map(|by| {
                        let (up, down, by) = (loss(by), loss(-by), f64::from(by));
                        [(up - down) / (2.0 * by), (up - here) / by, (here - down) / by]
                    });
                    let found = f64::from(found);
                    let close = |d: &f64| (found - d).abs() < 1e-3 + 0.03 * d.abs();
                    assert!(
                        differences.as_flattened().iter().any(close),
                        "{is_item}: {found} {differences:?}"
                    );
                    usize::from(found.abs() > 4e-3)
                };
                let mut moved = 0;
                for &place in places.iter().step_by(1 + places.len() / 60) {
                    moved += check(gradient[place], &|tower| &mut tower.weights[place]);
                }
                for (place, &id) in state.used.iter().enumerate() {
                    let own = place * 8 + place % 8;
                    let weight = id as usize * 8 + place % 8;
                    moved +=
                        check(state.gradient[own], &|tower| &mut tower.tables[0].weights[weight]);
                }
                assert!(moved > 20, "{moved} gradients of any size");
            }
        }
    }

    #[test]
    fn tastes_are_found_whatever_the_threads() {
        let world = world(3_000);
        let bits = |found: &TwoTower| -> Vec<u32> {
            let all = [found.user.tensors(20), found.item.tensors(20)].concat();
            all.iter().flat_map(|tensor| tensor.data.iter().map(|x| x.to_bits())).collect()
        };
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| world.fit(&small()).unwrap())
        };
        let first = run(1);
        assert!(first.epochs[first.best - 1].validation.unwrap() > 0.35, "{:?}", first.epochs);
        for threads in [1, 2, 4] {
            assert!(bits(&run(threads)) == bits(&first), "{threads} threads");
        }
        let (users, items) =
            (first.user.vectors(&world.later_users), first.item.vectors(&world.items));
        for vector in users.chunks(12).chain(items.chunks(12)) {
            assert!((vector.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5);
        }
        let again = Tower::from_tensors(sides().0, 12, 20, &first.user.tensors(20)).unwrap();
        assert_eq!(again.vectors(&world.later_users), users);
        let short = Tower::from_tensors(sides().0, 12, 20, &first.user.tensors(20)[1..]);
        assert!(matches!(short, Err(Wrong::Tensor { name, found: None, .. }) if name == "W0"));
        // without the correction, what is popular lies less close
        let plain = world.fit(&TwoTowerParams { corrected: false, ..small() }).unwrap();
        assert!(bits(&plain) != bits(&first));
    }

    #[test]
    fn what_is_dropped_is_unknown_of_an_item_and_left_out_of_a_history() {
        let world = world(600);
        let params = TwoTowerParams { id_dropout: 0.5, ..small() };
        let read = |side, encoded: &Encoded, rows: &[u32]| -> Vec<u32> {
            let mut half = Half::new(side, &params, Chance::new(1, "test"));
            half.forward(encoded, rows, 0);
            half.climbs.iter().flat_map(|climb| climb.ids[0].ids.clone()).collect()
        };
        let half_of = |count: usize, all: usize| (all * 2 / 5..all * 3 / 5).contains(&count);
        let rows: Vec<u32> = (0..600).collect();
        let histories = read(sides().0, &world.users, &rows);
        assert!(half_of(histories.len(), world.users.ids[0].rows.len()), "{}", histories.len());
        assert!(histories.iter().all(|&id| id > 1));
        let items = read(sides().1, &world.items, &world.positives);
        let unknown = items.iter().filter(|&&id| id == UNKNOWN).count();
        assert!(items.len() == 600 && half_of(unknown, 600), "{unknown} of {}", items.len());
    }

    #[test]
    fn odd_worlds() {
        assert!(matches!(
            world(31).fit(&small()),
            Err(Wrong::FewPositives { positives: 31, least: 32 })
        ));
        let mut one = world(64);
        one.positives.fill(0);
        one.viewers.fill(0);
        let found = one.fit(&small()).unwrap();
        assert!(found.item.vectors(&one.items).iter().all(|x| x.is_finite()));
        let none = Later {
            users: &encoded(&[], vec![lists(&[])]),
            items: &[],
            offsets: &[],
            seen: &[],
            seen_offsets: &[],
        };
        let found = fit_two_tower(sides(), &one.positives(), &none, &small(), (0, "t"), &Unwatched)
            .unwrap();
        assert_eq!((found.epochs.len(), found.best, found.epochs[7].validation), (8, 8, None));
        let cold = encoded(&[0.0], vec![lists(&[vec![]])]);
        assert!(found.user.vectors(&cold).iter().all(|x| x.is_finite()));
    }

    #[test]
    fn pages_gain_by_place() {
        let mut scores = vec![0.1, 0.9, 0.5, 0.3];
        assert_eq!(page_gain(&mut scores.clone(), &[1], &[]), 1.0);
        assert_eq!(page_gain(&mut scores.clone(), &[2], &[1]), 1.0);
        let second = page_gain(&mut scores, &[2], &[]);
        assert!((second - 1.0 / 3f64.log2()).abs() < 1e-12);
    }
}
