//! Models as a whole: what they learn, that they are the same every time, and odd tables.

use super::table::{Normalise, Part};
use super::testing::{Impatient, dense, sparse, world};
use super::*;
use crate::learn::Unwatched;
use std::borrow::Cow;

fn common() -> Common {
    Common { name: "test".into(), ..Common::default() }
}

fn small() -> NetParams {
    NetParams {
        hidden: vec![32, 16],
        towers: 8,
        epochs: 6,
        lr: 5e-3,
        batch: 128,
        ..NetParams::default()
    }
}

fn bits(fitted: &Fitted) -> Vec<(String, Vec<u32>)> {
    let tensors = fitted.model.tensors(&fitted.heads).into_iter();
    tensors.map(|tensor| (tensor.name, tensor.data.iter().map(|x| x.to_bits()).collect())).collect()
}

fn on(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

/// The scores of a table's rows.
fn scores(fitted: &Fitted, block: &Block) -> Vec<f64> {
    let scorer = Scorer::new(fitted.clone());
    let (mut scratch, mut out) = (Scratch::default(), Vec::new());
    scorer.score(&block.columns(), &mut scratch, &mut out).unwrap();
    out
}

#[test]
fn networks_have_the_same_bytes_whatever_the_threads() {
    let table = world(3_000, 20);
    for shared in [true, false] {
        let params = NetParams { shared, epochs: 2, ..small() };
        let run = |threads| {
            on(threads).install(|| fit_networks(&table, &common(), &params, &Unwatched).unwrap())
        };
        let first = run(1);
        for threads in [1, 2, 4] {
            let other = run(threads);
            assert!(bits(&other) == bits(&first), "{threads} threads");
            assert_eq!(other.heads, first.heads);
        }
        let other = Common { seed: 1, ..common() };
        assert!(bits(&fit_networks(&table, &other, &params, &Unwatched).unwrap()) != bits(&first));
    }
}

/// A table whose blocks are made when they are read.
struct Read(Table);

impl Examples for Read {
    fn layout(&self) -> &Layout {
        &self.0.layout
    }
    fn len(&self) -> u64 {
        self.0.len()
    }
    fn block(&self, number: usize, _: u64) -> std::io::Result<Cow<'_, Block>> {
        Ok(Cow::Owned(self.0.blocks[number].clone()))
    }
    fn varies(&self) -> bool {
        true
    }
}

#[test]
fn memory_makes_no_difference() {
    let table = world(1_000, 21);
    let params = NetParams { epochs: 2, ..small() };
    let first = fit_networks(&table, &common(), &params, &Unwatched).unwrap();
    let none = Common { memory: 0, ..common() };
    assert!(bits(&fit_networks(&table, &none, &params, &Unwatched).unwrap()) == bits(&first));
    assert!(
        bits(&fit_networks(&Read(table), &common(), &params, &Unwatched).unwrap()) == bits(&first)
    );
}

#[test]
fn every_kind_learns_every_head() {
    let table = world(6_000, 22);
    let mut all =
        vec![fit_linear(&table, &common(), &LinearParams::default(), &Unwatched).unwrap()];
    for (shared, towers) in [(true, 8), (true, 0), (false, 8)] {
        let params = NetParams { shared, towers, epochs: 12, ..small() };
        all.push(fit_networks(&table, &common(), &params, &Unwatched).unwrap());
    }
    for fitted in &all {
        for (head, ne) in fitted.heads.iter().zip([0.86, 0.9, 0.4]) {
            let test = &head.metrics[2];
            assert_eq!(test.part, Part::Test);
            assert!(test.plain.ne.unwrap() < ne, "{}: {:?}", head.name, test.plain);
        }
        // positions are told apart in training, and all alike in serving
        assert!(
            fitted.heads[0].metrics[2].served.as_ref().unwrap().auc
                < fitted.heads[0].metrics[2].plain.auc
        );
        let out = scores(fitted, &table.blocks[0]);
        assert!(out.iter().all(|x| x.is_finite()));
        assert!(out.chunks(3).all(|row| (0.0..=1.0).contains(&row[0])));
        let mean = out.chunks(3).map(|row| row[2]).sum::<f64>() / 6_000.0;
        assert!((mean - 100.0).abs() < 10.0, "{mean}");
    }
}

#[test]
fn weights_survive_as_tensors() {
    let table = world(800, 23);
    let params = NetParams { epochs: 1, ..small() };
    let fits: [&dyn Fn(u64) -> Fitted; 3] = [
        &|seed| fit_networks(&table, &Common { seed, ..common() }, &params, &Unwatched).unwrap(),
        &|seed| {
            let params = NetParams { shared: false, ..params.clone() };
            fit_networks(&table, &Common { seed, ..common() }, &params, &Unwatched).unwrap()
        },
        &|seed| {
            let params = LinearParams { l2: 1.0 + seed as f64 };
            fit_linear(&table, &common(), &params, &Unwatched).unwrap()
        },
    ];
    for fit in fits {
        let (first, mut other) = (fit(0), fit(1));
        let before = scores(&first, &table.blocks[0]);
        let tensors = first.model.tensors(&first.heads);
        for tensor in &tensors {
            assert_eq!(tensor.shape.iter().product::<usize>(), tensor.data.len());
        }
        let heads = first.heads.clone();
        other.model.load(&heads, &tensors).unwrap();
        other.heads = heads;
        assert_eq!(scores(&other, &table.blocks[0]), before);
        let mut loaded = match (&first.model, first.curves.len()) {
            (Model::Linear(_), _) => Model::linear(&first.inputs, 3),
            (_, networks) => {
                Model::networks(&first.inputs, &params.hidden, params.towers, 3, networks == 1)
            }
        };
        loaded.load(&other.heads, &tensors).unwrap();
        assert_eq!(loaded.tensors(&other.heads), tensors);
        let short = other.model.load(&other.heads, &tensors[1..]);
        assert!(matches!(short, Err(Wrong::Tensor { found: None, .. })));
    }
}

#[test]
fn shared_heads_have_names_in_their_tensors() {
    let table = world(500, 24);
    let params = NetParams { epochs: 1, ..small() };
    let fitted = fit_networks(&table, &common(), &params, &Unwatched).unwrap();
    let names: Vec<(String, Vec<usize>)> = fitted
        .model
        .tensors(&fitted.heads)
        .into_iter()
        .map(|tensor| (tensor.name, tensor.shape))
        .collect();
    let input = fitted.inputs.width() + 8;
    let expected = [
        ("body.0.weight", vec![input, 32]),
        ("body.1.weight", vec![32, 16]),
        ("tower.weight", vec![16, 24]),
        ("head.weight", vec![3, 8]),
        ("body.0.bias", vec![32]),
        ("body.1.bias", vec![16]),
        ("tower.bias", vec![24]),
        ("head.bias", vec![3]),
        ("shown.0", vec![4, 3]),
        ("ids.0.weight", vec![fitted.inputs.sparse[0].rows(), 4]),
        ("ids.1.weight", vec![fitted.inputs.sparse[1].rows(), 4]),
    ];
    assert_eq!(names, expected.map(|(name, shape)| (name.to_owned(), shape)));
}

#[test]
fn rows_are_scored_as_in_training() {
    let mut table = world(1_000, 25);
    table.layout.heads.truncate(1);
    table.blocks[0].labels.truncate(1);
    let fitted = fit_networks(&table, &common(), &small(), &Unwatched).unwrap();
    let scorer = Scorer::new(fitted.clone());
    let mut encoded = Encoded::default();
    scorer.encoder().encode(&table.blocks[0].columns(), &mut encoded).unwrap();
    let mut scratch = Scratch::default();
    let together = scorer.outputs(&encoded, &mut scratch).to_vec();
    // each row alone
    let mut out = Vec::new();
    let block = &table.blocks[0];
    for row in [0, 63, 64, 500, 999] {
        let own = |keys: &Keys| Keys {
            keys: keys.of(row).to_vec(),
            offsets: Some(vec![0, keys.of(row).len() as u32]),
        };
        let (dense, sparse): (Vec<Vec<f32>>, Vec<Keys>) = (
            block.dense.iter().map(|c| vec![c[row]]).collect(),
            block.sparse.iter().map(own).collect(),
        );
        let shown = vec![vec![block.shown[0][row]]];
        let columns = Columns { rows: 1, dense: &dense, sparse: &sparse, shown: &shown };
        scorer.score(&columns, &mut scratch, &mut out).unwrap();
        let line = fitted.heads[0].calibration.unwrap_or_default();
        assert_eq!(out, [super::metrics::sigmoid(line.apply(f64::from(together[row])))]);
    }
}

#[test]
fn a_refit_reads_all_parts_and_keeps_the_metrics() {
    let mut table = world(1_000, 26);
    // a key that only the test part has
    table.blocks[0].sparse[0].keys[950..].fill(777);
    for refit in [false, true] {
        let fitted =
            fit_networks(&table, &Common { refit, ..common() }, &small(), &Unwatched).unwrap();
        assert_eq!(fitted.inputs.sparse[0].keys.contains(&777), refit);
        let plain = fit_networks(&table, &common(), &small(), &Unwatched).unwrap();
        assert_eq!(fitted.heads[0].metrics, plain.heads[0].metrics);
        assert_eq!(bits(&fitted) == bits(&plain), !refit);
    }
}

#[test]
fn training_stops_when_asked_to() {
    let table = world(500, 27);
    for questions in [0, 1, 3, 5, 8, 12] {
        let impatient = || Impatient(questions.into());
        assert!(matches!(
            fit_networks(&table, &common(), &small(), &impatient()),
            Err(Wrong::Stopped)
        ));
    }
    assert!(matches!(
        fit_linear(&table, &common(), &LinearParams::default(), &Impatient(6.into())),
        Err(Wrong::Stopped)
    ));
}

#[test]
fn rare_heads_fail_by_name_or_predict_their_base_rate() {
    let mut table = world(1_000, 28);
    table.blocks[0].labels[0]
        .iter_mut()
        .enumerate()
        .for_each(|(row, label)| *label = if row % 100 == 0 { 1.0 } else { 0.0 });
    let found = fit_networks(&table, &common(), &small(), &Unwatched);
    assert!(
        matches!(found, Err(Wrong::Rare { head, positives: 8, examples: 800, .. }) if head == "click")
    );
    table.layout.heads[0].allow_rare = true;
    for rate in [0.01, 0.0, 1.0] {
        if rate != 0.01 {
            table.blocks[0].labels[0].fill(rate as f32);
        }
        table.blocks[0].weights.clear();
        let fits = [
            fit_networks(&table, &common(), &small(), &Unwatched).unwrap(),
            fit_linear(&table, &common(), &LinearParams::default(), &Unwatched).unwrap(),
        ];
        for fitted in fits {
            assert!(
                fitted
                    .notes
                    .iter()
                    .any(|note| matches!(note, Note::Rare { head, .. } if head == "click"))
            );
            let out = scores(&fitted, &table.blocks[0]);
            for row in out.chunks(3) {
                assert!(row[0] == out[0] && (row[0] - rate).abs() < 2e-3, "{rate}: {row:?}");
            }
            assert!(fitted.heads[1].metrics[2].plain.ne.unwrap() < 0.95);
        }
    }
}

/// Both kinds of models train on it, give a warning, and score any row without a NaN.
fn trains(table: &Table) -> Vec<Note> {
    let networks = fit_networks(table, &common(), &small(), &Unwatched).unwrap();
    let linear = fit_linear(table, &common(), &LinearParams::default(), &Unwatched).unwrap();
    for fitted in [&networks, &linear] {
        let mut block = table.blocks[0].clone();
        assert!(scores(fitted, &block).iter().all(|x| x.is_finite()));
        for (row, value) in
            [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN].into_iter().enumerate()
        {
            block.dense.iter_mut().for_each(|column| column[row] = value);
        }
        for keys in &mut block.sparse {
            keys.keys.fill(123_456);
        }
        assert!(scores(fitted, &block).iter().all(|x| x.is_finite()));
    }
    networks.notes
}

#[test]
fn odd_features_are_left_out_or_read() {
    let mut table = world(400, 29);
    table.blocks[0].dense[0].fill(f32::NAN);
    table.blocks[0].dense[1].fill(f32::INFINITY);
    table.blocks[0].dense[2].fill(7.0);
    let notes = trains(&table);
    assert!(notes.contains(&Note::AllNull { feature: "x".into() }));
    assert!(notes.contains(&Note::AllNull { feature: "y".into() }));
    assert!(notes.contains(&Note::Constant { feature: "z".into(), value: 7.0 }));
    let mut table = world(400, 30);
    table.blocks[0].dense[0]
        .iter_mut()
        .enumerate()
        .for_each(|(row, x)| *x = if row % 2 == 0 { f32::MAX } else { f32::MIN });
    table.blocks[0].dense[1]
        .iter_mut()
        .enumerate()
        .for_each(|(row, x)| *x = if row == 3 { 1e-45 } else { 0.0 });
    table.layout.dense[2] = DenseColumn { normalise: Normalise::None, ..dense("z") };
    trains(&table);
}

#[test]
fn odd_keys_are_read() {
    let mut table = world(400, 31);
    table.blocks[0].sparse[0].keys.fill(5);
    table.blocks[0].sparse[1] = Keys { keys: Vec::new(), offsets: Some(vec![0; 401]) };
    let notes = trains(&table);
    assert!(notes.contains(&Note::NoKnownKeys { feature: "list".into(), min_count: 3, keys: 0 }));
    table.blocks[0].sparse[0].keys.fill(NULL);
    trains(&table);
    table.layout.sparse[0] = SparseColumn { buckets: Some(2), dim: Some(1), ..sparse("item") };
    table.blocks[0].sparse[0]
        .keys
        .iter_mut()
        .enumerate()
        .for_each(|(row, key)| *key = row as u64 % 3);
    trains(&table);
}

#[test]
fn tables_without_some_kinds_of_columns_train() {
    let mut only_ids = world(400, 32);
    only_ids.layout.dense.clear();
    only_ids.blocks[0].dense.clear();
    only_ids.layout.shown.clear();
    only_ids.blocks[0].shown.clear();
    trains(&only_ids);
    let mut only_dense = world(400, 33);
    only_dense.layout.sparse.clear();
    only_dense.blocks[0].sparse.clear();
    only_dense.blocks[0].weights.clear();
    trains(&only_dense);
}

#[test]
fn odd_parts_and_masks_train() {
    let mut table = world(400, 34);
    table.blocks[0].viewers.fill(3);
    trains(&table);
    // no validation part: all epochs are trained
    table.blocks[0].parts.fill(Part::Train);
    let notes = trains(&table);
    assert!(notes.contains(&Note::NotValidated));
    let fitted = fit_networks(&table, &common(), &small(), &Unwatched).unwrap();
    assert_eq!((fitted.curves[0].epochs.len(), fitted.curves[0].best), (6, 6));
    // a head that has no labels at all
    table.blocks[0].labels[1].fill(f32::NAN);
    let found = fit_networks(&table, &common(), &small(), &Unwatched);
    assert!(matches!(found, Err(Wrong::Rare { head, examples: 0, .. }) if head == "soft"));
    table.layout.heads[1].allow_rare = true;
    trains(&table);
    // none of them has
    table.layout.heads.iter_mut().for_each(|head| head.allow_rare = true);
    table.blocks[0].labels.iter_mut().for_each(|labels| labels.fill(f32::NAN));
    assert!(matches!(
        fit_networks(&table, &common(), &small(), &Unwatched),
        Err(Wrong::Empty { part: Part::Train })
    ));
    table.blocks[0].parts.fill(Part::Test);
    assert!(matches!(
        fit_networks(&table, &common(), &small(), &Unwatched),
        Err(Wrong::Empty { part: Part::Train })
    ));
}

#[test]
fn weights_that_are_no_weights_count_nothing() {
    let mut table = world(600, 35);
    for (row, weight) in [f32::NAN, -1.0, f32::INFINITY, 0.0].into_iter().enumerate() {
        table.blocks[0].weights[row] = weight;
    }
    let expected = fit_networks(&table, &common(), &small(), &Unwatched).unwrap();
    // what does not count may have any label
    (0..4).for_each(|row| table.blocks[0].labels[2][row] = 1e6);
    let found = fit_networks(&table, &common(), &small(), &Unwatched).unwrap();
    assert!(bits(&found) == bits(&expected));
    table.blocks[0].weights.fill(0.0);
    assert!(matches!(
        fit_networks(&table, &common(), &small(), &Unwatched),
        Err(Wrong::Weightless { .. })
    ));
}

#[test]
fn impossible_labels_tables_and_parameters_are_told() {
    let mut table = world(300, 36);
    table.blocks[0].labels[0][7] = 2.0;
    let found = fit_networks(&table, &common(), &small(), &Unwatched);
    assert!(matches!(found, Err(Wrong::Label { head, example: 7, value: 2.0 }) if head == "click"));
    table.blocks[0].labels[0][7] = 1.0;
    table.blocks[0].labels[2][9] = f32::INFINITY;
    let found = fit_networks(&table, &common(), &small(), &Unwatched);
    assert!(matches!(found, Err(Wrong::Label { head, example: 9, .. }) if head == "time"));
    table.blocks[0].labels[2][9] = 1.0;
    table.blocks[0].dense[1].pop();
    let found = fit_networks(&table, &common(), &small(), &Unwatched);
    assert!(
        matches!(found, Err(Wrong::Malformed { column, expected: 300, found: 299 }) if column == "y")
    );
    table.blocks[0].dense[1].push(0.0);
    table.blocks[0].sparse[1].offsets.as_mut().unwrap()[5] = u32::MAX;
    assert!(matches!(
        fit_networks(&table, &common(), &small(), &Unwatched),
        Err(Wrong::Malformed { .. })
    ));
    let table = world(300, 36);
    let wrong = NetParams { lr: f64::NAN, ..small() };
    let found = fit_networks(&table, &common(), &wrong, &Unwatched);
    assert!(matches!(found, Err(Wrong::Parameter { name: "lr", .. })));
    let none = Table { layout: Layout { heads: vec![], ..table.layout.clone() }, blocks: vec![] };
    assert!(matches!(fit_networks(&none, &common(), &small(), &Unwatched), Err(Wrong::NoHeads)));
    let empty = Table { layout: table.layout.clone(), blocks: vec![] };
    assert!(matches!(
        fit_networks(&empty, &common(), &small(), &Unwatched),
        Err(Wrong::Empty { .. })
    ));
}

#[test]
fn numbers_beyond_all_bounds_are_an_error_or_keep_the_best() {
    let table = world(600, 37);
    let wild = NetParams { lr: 1e30, ..small() };
    let found = fit_networks(&table, &common(), &wild, &Unwatched);
    assert!(
        matches!(found, Err(Wrong::Diverged { epoch: 1 })),
        "{:?}",
        found.map(|fitted| fitted.curves)
    );
}

/// The rows of a block from `from` on.
fn behind(block: &mut Block, from: usize) -> Block {
    let lists = block.sparse[1].offsets.as_mut().unwrap();
    let first = lists[from];
    let offsets = lists.split_off(from).into_iter().map(|offset| offset - first).collect();
    lists.push(first);
    Block {
        dense: block.dense.iter_mut().map(|column| column.split_off(from)).collect(),
        sparse: vec![
            Keys { keys: block.sparse[0].keys.split_off(from), offsets: None },
            Keys { keys: block.sparse[1].keys.split_off(first as usize), offsets: Some(offsets) },
        ],
        shown: block.shown.iter_mut().map(|column| column.split_off(from)).collect(),
        labels: block.labels.iter_mut().map(|column| column.split_off(from)).collect(),
        weights: block.weights.split_off(from),
        parts: block.parts.split_off(from),
        viewers: block.viewers.split_off(from),
    }
}

#[test]
fn tables_of_several_blocks_train() {
    let mut table = world(BLOCK + 5_000, 38);
    let rest = behind(&mut table.blocks[0], BLOCK);
    table.blocks.push(rest);
    assert_eq!((table.blocks(), table.len()), (2, BLOCK as u64 + 5_000));
    let found = facts(&table, &Unwatched).unwrap();
    assert_eq!(found[0].all.examples, table.len());
    let params = NetParams { epochs: 2, ..small() };
    let fitted = fit_networks(&table, &common(), &params, &Unwatched).unwrap();
    assert_eq!(fitted.heads[0].metrics[2].plain.examples, found[0].test.examples);
    assert!(fitted.heads[0].metrics[2].plain.ne.unwrap() < 0.86);
    let linear = fit_linear(&table, &common(), &LinearParams::default(), &Unwatched).unwrap();
    assert!(linear.heads[0].metrics[2].plain.ne.unwrap() < 0.86);
}
