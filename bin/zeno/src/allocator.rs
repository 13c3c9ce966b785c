//! The allocator of the program.
//!
//! Provers take and free tables of hundreds of megabytes all the time, and many threads take small pieces at once. Mimalloc
//! gives each thread its own heap, and builds in seconds.

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;
