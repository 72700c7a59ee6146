//! An empty library. The package consists of the examples in the parent folder.
