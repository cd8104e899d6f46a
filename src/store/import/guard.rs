//! Decoders of other people: what they panic on is an error of the file.

use std::sync::Once;

thread_local! {
    static QUIET: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Runs a decoder that may panic on damaged input; the panic becomes an error and prints nothing.
pub fn guarded<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                before(info);
            }
        }));
    });
    let outer = QUIET.replace(true);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    QUIET.set(outer);
    result.unwrap_or_else(|_| Err("its contents are inconsistent".to_owned()))
}

/// An error of the decoder without the names of the layers that it came through.
pub fn reason(why: &str) -> &str {
    const LAYERS: [&str; 8] = [
        "Parquet argument error: ",
        "Parquet error: ",
        "Parser error: ",
        "Ipc error: ",
        "Invalid argument error: ",
        "External: ",
        "Arrow: ",
        "EOF: ",
    ];
    match LAYERS.iter().find_map(|layer| why.strip_prefix(layer)) {
        Some(inner) => reason(inner),
        None => why.lines().next().unwrap_or(why),
    }
}
