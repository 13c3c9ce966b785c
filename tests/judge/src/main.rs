//! The judge: validates inputs, one after the other, and says what came of each.
//!
//! An input comes on standard input as its length, four bytes in little endian, and its bytes. The answer is one line
//! on standard output, written before the next input is read:
//!
//! - `valid 0xDIGEST`, the claim's digest;
//! - `refused 0 TEXT` or `refused 1 TEXT`, the error in words; 1 if the block is at fault;
//! - `panicked TEXT`, where and why. The process may end after that: some panics can't be caught.
//!
//! Before all answers there is a line on how the program was built, so that nobody takes one for another.

use alloy_primitives::Bytes;
use std::{
    io::{self, ErrorKind, Read, Write},
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    process::exit,
    thread,
};
use zeno_guest_evm::{StatelessInput, ValidationError, validate};

/// What validation may use of the stack: more than it needs, so that its end is never what an answer is about.
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
            // A panic has been answered by the hook.
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

/// The next input; none at the end.
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
    // The only line breaks are between answers.
    let line = text.replace('\n', "\\n") + "\n";
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes()).and_then(|()| out.flush()).unwrap_or_else(|error| give_up(&error));
}

/// Ends the process: whoever asked is gone.
fn give_up(error: &io::Error) -> ! {
    eprintln!("zeno-judge: {error}");
    exit(2)
}

fn describe(panic: &PanicHookInfo<'_>) -> String {
    let place = panic.location().map_or_else(|| "an unknown place".into(), ToString::to_string);
    format!("at {place}: {}", panic.payload_as_str().unwrap_or("no message"))
}

/// Whether sums are checked, which no `cfg` of stable Rust says.
fn overflow_checks() -> bool {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| ()));
    let most = std::hint::black_box(u8::MAX);
    let checked = panic::catch_unwind(|| std::hint::black_box(most + 1)).is_err();
    panic::set_hook(hook);
    checked
}
