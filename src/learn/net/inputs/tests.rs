use super::*;
use crate::learn::Unwatched;
use crate::learn::net::table::{Block, Columns, DenseColumn, Keys, Layout, NULL, Part, Table};
use crate::learn::net::testing::{dense, sparse, world};

fn table(dense_values: Vec<f32>, column: DenseColumn) -> Table {
    let rows = dense_values.len();
    let block = Block {
        dense: vec![dense_values],
        sparse: vec![Keys { keys: vec![7; rows], offsets: None }],
        parts: vec![Part::Train; rows],
        viewers: vec![0; rows],
        ..Block::default()
    };
    let layout = Layout { dense: vec![column], sparse: vec![sparse("id")], ..Layout::default() };
    Table { layout, blocks: vec![block] }
}

fn fitted(table: &Table) -> (Inputs, Vec<Note>) {
    Inputs::fit(table, Among::Train, &InputParams::default(), &Unwatched).unwrap()
}

fn encoded(inputs: &Inputs, columns: &Columns<'_>) -> Encoded {
    let mut out = Encoded::default();
    Encoder::new(inputs.clone()).encode(columns, &mut out).unwrap();
    out
}

#[test]
fn numbers_become_zscores_and_ranks() {
    let values: Vec<f32> = (0..129).map(|i| i as f32).collect();
    let table = table(values.clone(), dense("x"));
    let (inputs, notes) = fitted(&table);
    assert!(notes.is_empty());
    let out = encoded(&inputs, &table.blocks[0].columns());
    let deviation = (values.iter().map(|v| (v - 64.0) * (v - 64.0)).sum::<f32>() / 129.0).sqrt();
    for (row, value) in values.iter().enumerate() {
        let numbers = out.numbers(row);
        assert!((numbers[0] - (value - 64.0) / deviation).abs() < 1e-5);
        assert!((numbers[1] - (value / 64.0 - 1.0) * 3f32.sqrt()).abs() < 1e-5);
        assert!(numbers[2..].iter().all(|&x| x == 0.0));
    }
}

#[test]
fn zscores_are_clipped() {
    let far: Vec<f32> = (0..100).map(|i| if i == 0 { 1e30 } else { (i % 2) as f32 }).collect();
    let table = table(far, dense("x"));
    let out = encoded(&fitted(&table).0, &table.blocks[0].columns());
    assert_eq!(out.numbers(0)[0], 5.0);
}

#[test]
fn what_stands_for_null() {
    let values = vec![1.0, f32::NAN, 3.0, f32::INFINITY];
    for (missing, stand_in, width) in
        [(Missing::Indicator, 2.0, 2), (Missing::Mean, 2.0, 1), (Missing::Zero, 0.0, 1)]
    {
        let column = DenseColumn { name: "x".into(), normalise: Normalise::None, missing };
        let table = table(values.clone(), column);
        let inputs = fitted(&table).0;
        assert_eq!(inputs.width(), width);
        let out = encoded(&inputs, &table.blocks[0].columns());
        let (first, null, infinite) = (out.numbers(0), out.numbers(1), out.numbers(3));
        assert_eq!((first[0], null[0], infinite), (1.0, stand_in, null));
        if missing == Missing::Indicator {
            assert_eq!((first[1], null[1]), (0.0, 1.0));
        }
    }
}

#[test]
fn nulls_are_an_error_where_they_are_one() {
    let column =
        DenseColumn { name: "age".into(), normalise: Normalise::Both, missing: Missing::Error };
    let with = table(vec![1.0, f32::NAN], column.clone());
    let found = Inputs::fit(&with, Among::Train, &InputParams::default(), &Unwatched);
    assert!(matches!(found, Err(Wrong::Null { feature, .. }) if feature == "age"));
    let without = table(vec![1.0, 2.0], column);
    let encoder = Encoder::new(fitted(&without).0);
    let found = encoder.encode(&with.blocks[0].columns(), &mut Encoded::default());
    assert!(matches!(found, Err(Wrong::Null { row: 1, .. })));
}

#[test]
fn what_does_not_vary_is_left_out() {
    for (values, note) in [
        (vec![2.5; 5], Note::Constant { feature: "x".into(), value: 2.5 }),
        (vec![f32::NAN; 5], Note::AllNull { feature: "x".into() }),
        (vec![f32::INFINITY; 5], Note::AllNull { feature: "x".into() }),
        (vec![0.0, -0.0], Note::Constant { feature: "x".into(), value: 0.0 }),
    ] {
        let table = table(values, dense("x"));
        let (inputs, notes) = fitted(&table);
        assert_eq!((inputs.width(), &notes[0]), (0, &note));
        assert!(encoded(&inputs, &table.blocks[0].columns()).dense.is_empty());
    }
}

#[test]
fn nothing_but_constants_is_no_input() {
    let mut table = table(vec![1.0; 5], dense("x"));
    table.layout.sparse.clear();
    table.blocks[0].sparse.clear();
    let found = Inputs::fit(&table, Among::Train, &InputParams::default(), &Unwatched);
    assert!(matches!(found, Err(Wrong::NoInputs)));
    table.blocks.clear();
    let found = Inputs::fit(&table, Among::Train, &InputParams::default(), &Unwatched);
    assert!(matches!(found, Err(Wrong::Empty { part: Part::Train })));
}

#[test]
fn keys_read_their_row_or_that_of_the_unknown() {
    let mut table = table(vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], dense("x"));
    table.blocks[0].sparse[0] = Keys {
        keys: vec![9, 9, 9, 4, 4, 4, 4, 5, NULL, 8, 8, 8],
        offsets: Some(vec![0, 3, 5, 5, 7, 8, 9, 12, 12]),
    };
    // the last two examples are not in the training part
    table.blocks[0].parts[6] = Part::Test;
    table.blocks[0].parts[7] = Part::Validation;
    let (inputs, _) = fitted(&table);
    assert_eq!(inputs.sparse[0].keys, [4, 9]);
    let out = encoded(&inputs, &table.blocks[0].columns());
    let rows: Vec<&[u32]> = (0..8).map(|row| out.ids[0].of(row)).collect();
    assert_eq!(rows, [&[3, 3, 3][..], &[2, 2], &[1], &[2, 2], &[0], &[1], &[0, 0, 0], &[1]]);
}

#[test]
fn hashed_keys_need_no_vocabulary() {
    let mut table = table(vec![0.0, 1.0, 2.0], dense("x"));
    table.layout.sparse[0].buckets = Some(10);
    table.blocks[0].sparse[0].keys = vec![9, 10, NULL];
    let (inputs, _) = fitted(&table);
    assert_eq!((inputs.sparse[0].rows(), inputs.sparse[0].dim), (12, 4));
    assert_eq!(encoded(&inputs, &table.blocks[0].columns()).ids[0].rows, [11, 0, 1]);
}

#[test]
fn widths_follow_the_vocabulary() {
    let found: Vec<usize> = [0, 1, 4096, 10_000, 1 << 20, 1 << 40].map(width_of).into();
    assert_eq!(found, [4, 4, 4, 5, 16, 16]);
}

#[test]
fn serving_assumes_the_most_frequent_value() {
    let mut world = world(500, 1);
    world.blocks[0].shown[0].iter_mut().take(300).for_each(|value| *value = 2);
    let (inputs, _) = fitted(&world);
    assert_eq!(inputs.shown[0].values[0], 2);
    let columns = Columns { shown: &[], ..world.blocks[0].columns() };
    let out = encoded(&inputs, &columns);
    assert!(out.shown[0].iter().all(|&code| code == 0));
    world.layout.shown[0].served = Some(77);
    assert_eq!(fitted(&world).0.shown[0].served, None);
}

#[test]
fn inputs_survive_json() {
    let (inputs, _) = fitted(&world(300, 2));
    let text = serde_json::to_string(&inputs).unwrap();
    assert_eq!(serde_json::from_str::<Inputs>(&text).unwrap(), inputs);
}
