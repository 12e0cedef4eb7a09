//! Text and JSON lines.
