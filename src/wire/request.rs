//! Requests and their parts, from JSON and from text.

use super::values;
use crate::catalog::schema::Schema;
use crate::engine::Program;
use crate::request::{Request, unknown_arm, unknown_param};
use crate::types::{Key, Type, Value};
use serde_json::{Map, Value as Json};
use std::fmt;

/// Why a request cannot be read: which part of it, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestError {
    /// Which part of the request.
    pub part: Part,
    /// One sentence without a final point; names in backticks.
    pub message: String,
}

/// A part of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Its form: it is not an object, or has an unknown field.
    Whole,
    /// The user.
    User,
    /// The time.
    At,
    /// The seed.
    Seed,
    /// The parameter of this name.
    Param(String),
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = &self.message;
        match &self.part {
            Part::Whole => f.write_str(message),
            Part::User => write!(f, "`user`: {message}"),
            Part::At => write!(f, "`at`: {message}"),
            Part::Seed => write!(f, "`seed`: {message}"),
            Part::Param(name) => write!(f, "parameter `{name}`: {message}"),
        }
    }
}

impl std::error::Error for RequestError {}

impl RequestError {
    fn new(part: Part, message: impl Into<String>) -> RequestError {
        RequestError { part, message: message.into() }
    }
}

/// A request of a program from a JSON object. All fields are optional: `user` is a key of the catalog's viewer,
/// `at` the time that `now` means, `seed` an int, `params` an object with values of the program's
/// parameters, and `arms` one with arms of its experiments, which the request is in whatever the user. Times
/// are strings as `2024-05-01T12:30:00Z`, durations as `7d`, vectors arrays.
///
/// ```
/// # use igql::wire::request_from_json;
/// # fn read(program: &igql::Program) -> Result<(), igql::wire::RequestError> {
/// let text = r#"{"user": 42, "at": "2024-05-01", "params": {"country": "DE"}, "arms": {}}"#;
/// let request = request_from_json(program, text)?;
/// # Ok(())
/// # }
/// ```
pub fn request_from_json(program: &Program, text: &str) -> Result<Request, RequestError> {
    let whole = |message: String| RequestError::new(Part::Whole, message);
    let json = serde_json::from_str(text).map_err(|e| whole(format!("not valid JSON: {e}")))?;
    match json {
        Json::Object(fields) => request_from_object(program, fields),
        _ => Err(whole("a request is a JSON object".to_owned())),
    }
}

/// The same from the fields of the object.
pub fn request_from_object(
    program: &Program,
    fields: Map<String, Json>,
) -> Result<Request, RequestError> {
    let whole = |message: String| RequestError::new(Part::Whole, message);
    let mut request = Request::anonymous();
    for (name, json) in fields {
        match (name.as_str(), json) {
            ("user" | "at" | "seed" | "params" | "arms", Json::Null) => {}
            ("user", json) => request.user = Some(user_of_json(program, &json)?),
            ("at", json) => request.at = Some(at_of_json(&json)?),
            ("seed", json) => {
                let seed = json.as_i64().ok_or_else(|| {
                    RequestError::new(Part::Seed, format!("expected an int, found `{json}`"))
                })?;
                request.seed = seed;
            }
            ("params", Json::Object(params)) => request.params = params_of_json(program, params)?,
            ("arms", Json::Object(arms)) => request.arms = arms_of_json(program, arms)?,
            ("arms", json) => {
                let message =
                    format!("`arms` is an object with an arm per experiment, found `{json}`");
                return Err(whole(message));
            }
            ("params", json) => {
                let message =
                    format!("`params` is an object with a value per name, found `{json}`");
                return Err(whole(message));
            }
            (name, _) => {
                let message =
                    format!("unknown field `{name}`: a request has user, at, seed, params, arms");
                return Err(whole(message));
            }
        }
    }
    Ok(request)
}

fn user_of_json(program: &Program, json: &Json) -> Result<Key, RequestError> {
    let schema = program.schema();
    let key = values::key_of_json(json, schema.entity(schema.viewer));
    key.map_err(|message| RequestError::new(Part::User, message))
}

fn at_of_json(json: &Json) -> Result<i64, RequestError> {
    let text = json.as_str().map_or_else(|| json.to_string(), str::to_owned);
    let time = values::time_of_text(&text);
    time.map_err(|message| RequestError::new(Part::At, format!("{message}, found `{text}`")))
}

fn params_of_json(
    program: &Program,
    given: Map<String, Json>,
) -> Result<Vec<(String, Value)>, RequestError> {
    let (schema, checked) = (program.schema(), program.checked());
    let mut params = Vec::new();
    for (name, json) in given {
        let wrong = |message| RequestError::new(Part::Param(name.clone()), message);
        if let Some(message) = unknown_param(checked, &name) {
            return Err(RequestError::new(Part::Whole, message));
        }
        // a parameter that the program never reads takes anything
        let Some(param) = checked.param(&name) else {
            continue;
        };
        let value = values::of_json(&json, &param.ty, schema).ok_or_else(|| {
            let expected = match param.ty {
                Type::List(_) | Type::Vector(_) => schema.type_name(&param.ty),
                _ => values::form(&param.ty, schema),
            };
            wrong(format!("expected {expected}, found `{json}`"))
        })?;
        params.push((name, value));
    }
    Ok(params)
}

fn arms_of_json(
    program: &Program,
    given: Map<String, Json>,
) -> Result<Vec<(String, String)>, RequestError> {
    let arm = |(name, json): (String, Json)| {
        let arm = json.as_str().map_or_else(|| json.to_string(), str::to_owned);
        match unknown_arm(&program.checked().experiments, &name, &arm) {
            Some(message) => Err(RequestError::new(Part::Whole, message)),
            None => Ok((name, arm)),
        }
    };
    given.into_iter().map(arm).collect()
}

/// The key of a user from text, as in the query string of a URL.
pub fn user_from_text(schema: &Schema, text: &str) -> Result<Key, RequestError> {
    let key = values::key_of_text(text, schema.entity(schema.viewer));
    key.map_err(|message| RequestError::new(Part::User, message))
}

/// A duration in microseconds, written as in programs: `7d`, `90s`; none if the text is not one.
pub fn duration_from_text(text: &str) -> Option<i64> {
    match values::duration(text.trim()) {
        Some(Value::Duration(us)) => Some(us),
        _ => None,
    }
}

/// The time of a request from text as `2024-05-01` or `2024-05-01T12:30:00Z`, in microseconds.
pub fn at_from_text(text: &str) -> Result<i64, RequestError> {
    values::time_of_text(text).map_err(|message| RequestError::new(Part::At, message))
}

/// The value of a parameter as it stands in a request in JSON ([`request_from_json`]).
pub fn param_to_json(value: &Value) -> Json {
    values::param(value)
}

/// The value of a parameter from text: numbers and strings as they are, `true`, times, `7d`, lists as JSON or
/// separated by commas. One that the program does not have stays text: running the program says
/// which parameters there are.
pub fn param_from_text(program: &Program, name: &str, text: &str) -> Result<Value, RequestError> {
    let schema = program.schema();
    let Some(param) = program.checked().param(name) else {
        return Ok(Value::Str(text.to_owned()));
    };
    values::of_text(text, &param.ty, schema).ok_or_else(|| {
        let expected = values::form(&param.ty, schema);
        let message = format!("expected {expected}, found `{text}`");
        RequestError::new(Part::Param(name.to_owned()), message)
    })
}
