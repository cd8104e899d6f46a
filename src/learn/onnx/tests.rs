//! Networks against what ONNX Runtime says of them (`tests/data/onnx/make.py`), and files that are none.

use super::{Given, Kind, Onnx, Steps};
use rten_onnx::onnx::{
    AttributeProto, AttributeType, DataLocation, DataType, ModelProto, NodeProto,
};
use serde_json::Value as Json;
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/onnx")
}

fn bytes(name: &str) -> Vec<u8> {
    fs::read(folder().join(format!("{name}.onnx"))).unwrap()
}

fn cases() -> Json {
    serde_json::from_str(&fs::read_to_string(folder().join("cases.json")).unwrap()).unwrap()
}

fn numbers(json: &Json) -> Vec<f64> {
    json.as_array().unwrap().iter().map(|x| x.as_f64().unwrap_or(f64::NAN)).collect()
}

/// A file with something changed.
fn changed(name: &str, change: impl FnOnce(&mut ModelProto)) -> Vec<u8> {
    let mut model = ModelProto::parse_buf(&bytes(name)).unwrap();
    change(&mut model);
    model.write_buf().unwrap()
}

fn refused(bytes: &[u8]) -> String {
    let wrong = Onnx::read(bytes).err().expect("an error");
    format!("{wrong}; {}", wrong.help.as_deref().unwrap_or_default())
}

#[test]
fn networks_give_what_onnx_runtime_says() {
    let all = cases();
    let rows = all["rows"].as_u64().unwrap() as usize;
    let cases = all["cases"].as_object().unwrap();
    assert!(cases.len() >= 12);
    for (name, case) in cases {
        let network = Onnx::read(&bytes(name)).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
        let inputs =
            network.inputs.iter().map(|input| (input, numbers(&case["inputs"][&input.name])));
        let (given, widths): (Vec<Given>, Vec<usize>) = inputs
            .map(|(input, numbers)| {
                let width = numbers.len() / rows;
                let given = match input.kind {
                    Kind::Float => Given::Floats(numbers.iter().map(|&x| x as f32).collect()),
                    Kind::Int => Given::Ints(numbers.iter().map(|&x| x as i32).collect()),
                };
                (given, width)
            })
            .unzip();
        let size = network.batch.unwrap_or(rows);
        let known = network.outputs_of(&widths);
        for (place, output) in network.outputs.iter().enumerate() {
            let expected = numbers(&case["outputs"][&output.name]);
            let mut found = Vec::new();
            for first in (0..rows).step_by(size) {
                let part = first..rows.min(first + size);
                let of = |(given, width): (&Given, &usize)| {
                    let range = part.start * width..part.end * width;
                    match given {
                        Given::Floats(all) => Given::Floats(all[range].to_vec()),
                        Given::Ints(all) => Given::Ints(all[range].to_vec()),
                    }
                };
                let given: Vec<Given> = given.iter().zip(&widths).map(of).collect();
                let held = network.run(&given, &widths, part.len(), &[place]).unwrap().remove(0);
                assert_eq!(Ok(held.width), known[place]);
                found.extend(held.numbers);
            }
            assert_eq!(found.len(), expected.len(), "{name}");
            for (a, b) in found.iter().zip(&expected) {
                let near = (a - b).abs() <= 2e-7 * (1.0 + b.abs()) || a.is_nan() && b.is_nan();
                assert!(near, "{name} {}: {a} {b}", output.name);
            }
        }
    }
}

#[test]
fn a_file_that_is_cut_short_or_damaged_is_an_error() {
    for name in cases()["cases"].as_object().unwrap().keys() {
        let whole = bytes(name);
        for length in 0..whole.len() {
            // what is left may be a whole network: then it gives something, or says why not
            if let Ok(network) = Onnx::read(&whole[..length]) {
                let widths: Vec<usize> =
                    network.inputs.iter().map(|i| i.width.unwrap_or(4)).collect();
                let _ = network.outputs_of(&widths);
                let _ = network.steps(&widths);
            }
        }
        for place in (0..whole.len()).step_by(3) {
            let mut damaged = whole.clone();
            damaged[place] ^= 1 << (place % 8);
            if let Ok(network) = Onnx::read(&damaged) {
                let widths: Vec<usize> =
                    network.inputs.iter().map(|i| i.width.unwrap_or(4).min(64)).collect();
                let _ = network.outputs_of(&widths);
                let _ = network.steps(&widths);
            }
        }
    }
}

#[test]
fn what_is_not_known_is_refused_by_its_name() {
    assert!(refused(b"").contains("no ONNX file"));
    assert!(refused(b"tree\nversion=v4\n").contains("no ONNX file"));
    let opset = |version| changed("relu", |m| m.opset_import[0].version = Some(version));
    assert!(refused(&opset(3)).contains("opset 3, and 9 to 24 are read; export it with"));
    assert!(refused(&opset(99)).contains("opset 99"));
    let of_ml = changed("relu", |model| {
        model.graph.as_mut().unwrap().node.push(NodeProto {
            domain: Some("ai.onnx.ml".to_owned()),
            op_type: Some("TreeEnsembleRegressor".to_owned()),
            ..NodeProto::default()
        });
    });
    assert!(refused(&of_ml).contains("trees (`TreeEnsembleRegressor`)"));
    let unknown = changed("relu", |model| {
        model.graph.as_mut().unwrap().node[1].op_type = Some("Reluu".to_owned());
    });
    assert!(refused(&unknown).contains("Reluu"), "{}", refused(&unknown));
    let outside = changed("relu", |model| {
        let weights = &mut model.graph.as_mut().unwrap().initializer[0];
        weights.data_location = Some(DataLocation::EXTERNAL);
    });
    assert!(refused(&outside).contains("another file (`w1`)"));
    let strings = changed("relu", |model| {
        let input = &mut model.graph.as_mut().unwrap().input[0];
        let tensor = input.r#type.as_mut().unwrap().tensor_type.as_mut().unwrap();
        tensor.elem_type = Some(DataType::STRING);
    });
    assert!(refused(&strings).contains("input `x` is of STRING"));
    let deep = changed("relu", |model| {
        let input = &mut model.graph.as_mut().unwrap().input[0];
        let tensor = input.r#type.as_mut().unwrap().tensor_type.as_mut().unwrap();
        let shape = tensor.shape.as_mut().unwrap();
        shape.dim.push(shape.dim[0].clone());
    });
    assert!(refused(&deep).contains("input `x` has 3 dimensions"));
}

#[test]
fn rows_that_do_not_fit_are_an_error_and_not_a_panic() {
    let network = Onnx::read(&bytes("relu")).unwrap();
    assert_eq!(network.inputs[0].width, Some(4));
    assert!(network.outputs_of(&[3])[0].is_err());
    let ids = Onnx::read(&bytes("ids")).unwrap();
    // the table has seven rows
    let given = [Given::Ints(vec![9]), Given::Floats(vec![0.0; 4])];
    assert!(ids.run(&given, &[1, 4], 1, &[0]).is_err());
}

#[test]
fn a_row_costs_what_is_multiplied_for_it() {
    let of = |name: &str, widths: &[usize]| Onnx::read(&bytes(name)).unwrap().steps(widths);
    assert_eq!(of("relu", &[4]), Some(Steps::MultiplyAdds(4 * 8 + 8)));
    // the towers of two inputs, one beside the other
    assert_eq!(of("two_towers", &[2, 4]), Some(Steps::MultiplyAdds(2 * 5 + 4 * 5)));
    // `MatMul`, of what a normalisation makes
    assert_eq!(of("norm", &[4]), Some(Steps::MultiplyAdds(4 * 4)));
    // with weights that are transposed
    assert_eq!(of("batch_norm", &[4]), Some(Steps::MultiplyAdds(4 * 2)));
    // of an id no more than its row of the table is read
    assert_eq!(of("ids", &[1, 4]), Some(Steps::MultiplyAdds(7)));
    // four rows at a time are no more work for one of them
    assert_eq!(of("four_at_a_time", &[4]), Some(Steps::MultiplyAdds(4)));
    // sums alone multiply nothing
    assert_eq!(of("any_width", &[6]), None);
}

#[test]
fn of_operators_that_are_not_counted_there_are_parameters() {
    let with = changed("relu", |model| {
        let first = &mut model.graph.as_mut().unwrap().node[0];
        first.op_type = Some("Einsum".to_owned());
        first.input.pop();
        first.attribute.push(AttributeProto {
            name: Some("equation".to_owned()),
            s: Some("ik,kj->ij".to_owned()),
            r#type: Some(AttributeType::STRING),
            ..AttributeProto::default()
        });
    });
    let network = Onnx::read(&with).unwrap();
    assert_eq!(network.outputs_of(&[4])[0], Ok(1));
    assert_eq!(network.steps(&[4]), Some(Steps::Parameters(4 * 8 + 8 + 8 + 1)));
}
