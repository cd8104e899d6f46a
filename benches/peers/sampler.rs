//! Samplers over JSON lines, for comparisons with others: a line in, a line out.
//!
//! `{"kind": "gp", "space": [[0, 5, false]], "start": [2], "constraints": 0, "trials": 60, "seed": 1}` begins anew,
//! `{"ask": 1}` is answered by points, `{"point": [2], "value": 0.5, "slack": []}` tells an outcome (null: none).

use igql::tune::sampler::{Dimension, Kind, Outcome, Sampler};
use serde_json::{Value, json};
use std::io::{BufRead, Write, stdin, stdout};

fn main() {
    let mut sampler = None;
    for line in stdin().lock().lines() {
        let line: Value = serde_json::from_str(&line.expect("a line")).expect("JSON");
        let answer = if line["kind"].is_string() {
            sampler = Some(begin(&line));
            Value::Null
        } else {
            answer(sampler.as_mut().expect("a sampler begun"), &line)
        };
        println!("{answer}");
        stdout().flush().expect("a reader");
    }
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().into_iter().flatten().map(|x| x.as_f64().unwrap_or(f64::NAN)).collect()
}

fn begin(line: &Value) -> Sampler {
    let kind = match line["kind"].as_str() {
        Some("gp") => Kind::Gp,
        Some("tpe") => Kind::Tpe,
        Some("grid") => Kind::Grid,
        _ => Kind::Random,
    };
    let dimension = |range: &Value| Dimension {
        low: range[0].as_f64().expect("a bound"),
        high: range[1].as_f64().expect("a bound"),
        whole: range[2].as_bool().expect("whether whole"),
    };
    let space = line["space"].as_array().expect("ranges").iter().map(dimension).collect();
    let count = |name: &str| line[name].as_u64().expect("a number");
    let (constraints, trials) = (count("constraints") as usize, count("trials") as usize);
    Sampler::new(kind, space, numbers(&line["start"]), constraints, trials, count("seed"))
}

fn answer(sampler: &mut Sampler, line: &Value) -> Value {
    if let Some(n) = line["ask"].as_u64() {
        return json!(sampler.ask(n as usize));
    }
    let value = line["value"].as_f64().unwrap_or(f64::NAN);
    sampler.tell(&numbers(&line["point"]), Outcome { value, slack: numbers(&line["slack"]) });
    Value::Null
}
