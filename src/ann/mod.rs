//! Nearest-neighbour search over vectors; knows nothing of the language.
