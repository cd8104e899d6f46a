//! The snapshot: tables, edge lists and vectors in one memory-mapped file.
