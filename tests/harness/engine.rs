//! The engine as the tests use it: all that depends on its interface is here.
