//! Answers as JSON: one object, an array, or an object a line.

use crate::answer::Answer;
use crate::cli::output;

/// An object a line.
pub fn lines(answers: &[Answer]) -> Vec<u8> {
    let objects = answers.iter().map(output::answer);
    let lines: String = objects.map(|object| format!("{object}\n")).collect();
    lines.into_bytes()
}

/// The only object.
pub fn only(answers: &[Answer]) -> Vec<u8> {
    let objects = answers.iter().map(output::answer);
    let text: String = objects.map(|object| format!("{object:#}\n")).collect();
    text.into_bytes()
}

/// Objects of an array, each with the comma that stands before it.
pub fn elements(answers: &[Answer]) -> Vec<u8> {
    let element = |answer| {
        let object = format!("{:#}", output::answer(answer));
        // a line end inside of a text is escaped, so these are all between lines
        format!(",\n  {}", object.replace('\n', "\n  "))
    };
    let text: String = answers.iter().map(element).collect();
    text.into_bytes()
}
