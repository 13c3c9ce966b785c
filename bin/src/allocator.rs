//! How jemalloc, which the proof system brings along, is set up in this program.
//!
//! Provers take and free tables of hundreds of megabytes all the time. By default jemalloc gives such pages back to the
//! system at once, and the system clears them when they are taken again: more than a quarter of the processor time of a
//! small proof, with all that the kernel did, and more on a virtual machine that hands what is free on to its host. Here
//! they are kept for half a minute, and by one arena for all threads, so that what one frees another finds.

use std::ffi::c_char;

/// The symbol that jemalloc reads when it starts. (`_RJEM_MALLOC_CONF` in the environment goes before it.)
// SAFETY: nothing else has this name, the type is the symbol's `const char *`, and the string ends with a zero byte.
#[allow(unsafe_code)]
#[unsafe(export_name = "_rjem_malloc_conf")]
static MALLOC_CONF: Option<&'static c_char> =
    Some(unsafe { &*c"oversize_threshold:0,narenas:1,dirty_decay_ms:30000,muzzy_decay_ms:0".as_ptr() });
