//! Module: builds the parts in order, owns the threads, stops in reverse.
