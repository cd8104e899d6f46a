//! The commands of the prompt, as they are listed, completed and told from definitions.

/// The commands with what they take and do.
pub const COMMANDS: [(&str, &str, &str); 18] = [
    (":help", "[NAME]", "this, or the page of an operator, a function, a definition, a code"),
    (":catalog", "", "contents of the catalog"),
    (":describe", "NAME", "an entity, an edge, an embedding or a column of the catalog"),
    (":user", "[ID|-]", "the requesting user; `-` for none"),
    (":at", "[TIME|-]", "value of `now`; `-` for the catalog's"),
    (":arm", "[NAME=ARM|-]", "puts the user in an arm of an experiment; `-` in that of the key"),
    (":rows", "[N|all]", "how many rows of a list are shown"),
    (":time", "[on|off]", "show how long an answer took"),
    (":type", "[EXPR]", "the type of an expression, or of the last set"),
    (":plan", "[EXPR]", "the plan of a set, or of the last one"),
    (":why", "[N]", "why rows of the last answer are there, or the row at a position"),
    (":why-not", "ID", "why an entity is not in the last answer"),
    (":names", "", "definitions of this session"),
    (":load", "FILE", "reads a file as if it had been typed"),
    (":reload", "", "reopens the catalog with its current data"),
    (":reset", "", "forgets all definitions"),
    (":quit", "", "ends the session (also `exit`, Ctrl-D)"),
    (":q", "", "the same"),
];

/// The command of a name, with its `:` or without.
pub fn command(name: &str) -> Option<(&'static str, &'static str, &'static str)> {
    let name = name.strip_prefix(':').unwrap_or(name);
    COMMANDS.iter().find(|(known, ..)| &known[1..] == name).copied()
}

pub fn is_command(name: &str) -> bool {
    command(name).is_some()
}
