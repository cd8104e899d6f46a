//! Recursion over trees as deep as a program makes them.

/// Left of the stack before more is taken: what the functions between two calls of [`recurse`] may
/// need at most.
const RED_ZONE: usize = 192 << 10;
/// What is taken at a time.
const STEP: usize = 2 << 20;

/// Calls `f` with enough stack for one more level, whatever thread this is. Every recursion that a
/// program can drive goes through here; how deep it goes is bounded elsewhere (nesting by
/// [`crate::syntax::MAX_DEPTH`], what names add to it by the budget of the checker).
pub fn recurse<R>(f: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(RED_ZONE, STEP, f)
}
