#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| usermon_fuzz::journal(data));
