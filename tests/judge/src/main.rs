//! Judge: validates inputs, one after another, and prints a verdict about each of them.
//!
//! Standard input has each input as its length in bytes, four bytes in little endian, and its bytes. The verdict is one
//! line on standard output, which is written before the next input is read:
//!
//! - `valid 0xDIGEST`: the claim's digest;
//! - `refused 0 TEXT` or `refused 1 TEXT`: the error message, and 1 if the block itself breaks a rule;
//! - `panicked TEXT`: location and message. The process may end after it, because some panics can't be caught.
//!
//! The first line of the output says how the program was built, so that one build is not mistaken for another.

use alloy_primitives::Bytes;
use std::{
    io::{self, ErrorKind, Read, Write},
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    process::exit,
    thread,
};
use zeno_guest_evm::{StatelessInput, ValidationError, validate};

/// Size of the stack, in bytes. It is more than validation needs, so no verdict depends on it.
const STACK: usize = 64 << 20;

fn main() {
    panic::set_hook(Box::new(|panic| answer(&format!("panicked {}", describe(panic)))));
    answer(&format!(
        "judge usize={} debug-assertions={} overflow-checks={}",
        usize::BITS,
        u8::from(cfg!(debug_assertions)),
        u8::from(overflow_checks()),
    ));
    let run = || {
        let mut input = io::stdin().lock();
        while let Some(bytes) = read_frame(&mut input) {
            // The hook has answered if validation panicked.
            if let Ok(line) = panic::catch_unwind(AssertUnwindSafe(|| judge(bytes))) {
                answer(&line);
            }
        }
    };
    let thread = thread::Builder::new().stack_size(STACK).spawn(run);
    thread.expect("a process may have a second thread").join().expect("the loop catches panics");
}

fn judge(bytes: Bytes) -> String {
    match StatelessInput::decode(&bytes).map_err(ValidationError::from).and_then(|input| validate(&input)) {
        Ok(claim) => format!("valid {}", claim.digest()),
        Err(error) => format!("refused {} {error}", u8::from(error.blames_block())),
    }
}

/// Reads the next input. Returns `None` at the end.
fn read_frame(from: &mut impl Read) -> Option<Bytes> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return None,
        result => result.unwrap_or_else(|error| give_up(&error)),
    }
    let mut bytes = vec![0; u32::from_le_bytes(length) as usize];
    from.read_exact(&mut bytes).unwrap_or_else(|error| give_up(&error));
    Some(bytes.into())
}

/// Writes one line.
fn answer(text: &str) {
    // Line breaks separate answers only.
    let line = text.replace('\n', "\\n") + "\n";
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes()).and_then(|()| out.flush()).unwrap_or_else(|error| give_up(&error));
}

/// Ends the process, because the other end of the pipe is closed.
fn give_up(error: &io::Error) -> ! {
    eprintln!("zeno-judge: {error}");
    exit(2)
}

fn describe(panic: &PanicHookInfo<'_>) -> String {
    let location = panic.location().map_or_else(|| "an unknown place".into(), ToString::to_string);
    format!("at {location}: {}", panic.payload_as_str().unwrap_or("no message"))
}

/// Returns whether overflow checks are on, for which stable Rust has no `cfg`.
fn overflow_checks() -> bool {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| ()));
    let most = std::hint::black_box(u8::MAX);
    let checked = panic::catch_unwind(|| std::hint::black_box(most + 1)).is_err();
    panic::set_hook(hook);
    checked
}
