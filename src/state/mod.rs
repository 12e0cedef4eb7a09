//! What is happening now.
