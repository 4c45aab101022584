//! Tests of the whole: see each module for its own.
