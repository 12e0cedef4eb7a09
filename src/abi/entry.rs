//! The one exported symbol, and the functions of its table.
use crate::abi::types::Api;

/// The module's functions: a static table, valid for the life of the process.
#[unsafe(no_mangle)]
pub extern "C" fn usermon_entry() -> *const Api {
    std::ptr::null()
}
