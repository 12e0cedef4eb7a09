//! What the super-admin changes while running.
