//! The examples beside this folder are the package; it has no library of its own.
