//! Fuzz target: resolve a redirect from a URL.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gregaria_http_fuzz::url_and_redirect(bytes));
