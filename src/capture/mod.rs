//! The hot path and the drain: from raw bytes to attributed, redacted packets.
