//! The session over a scripted network.
