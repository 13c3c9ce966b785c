//! Conversion of the proof system's panics into errors.

use std::{
    any::Any,
    cell::Cell,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

thread_local! {
    /// Flag: a panic of this thread is expected, so the panic hook stays silent.
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `run` and turns a panic into an error. The panic hook is not called for a panic of this thread.
///
/// In a program that is built with `panic = "abort"`, a panic still ends the process.
///
/// # Errors
/// The panic's message.
#[doc(hidden)]
pub fn caught<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !EXPECTED.get() {
                before(info);
            }
        }));
    });
    let before = EXPECTED.replace(true);
    // State that a panic may have left inconsistent is not used again.
    let outcome = panic::catch_unwind(AssertUnwindSafe(run));
    EXPECTED.set(before);
    outcome.map_err(|panic| message(panic.as_ref()))
}

/// Returns the message of a panic.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use std::{env, process::Command};

    use super::*;

    #[test]
    fn expected_panics_are_errors_and_not_printed() {
        const CHILD: &str = "ZENO_TEST_PANICS";
        if env::var_os(CHILD).is_none() {
            // The panic hook belongs to the process, so another process reads what it prints.
            let mut child = Command::new(env::current_exe().unwrap());
            child.args([
                "--exact",
                "caught::tests::expected_panics_are_errors_and_not_printed",
                "--nocapture",
            ]);
            let output = child.env(CHILD, "1").output().unwrap();
            let printed = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{printed}");
            assert!(printed.contains("unexpected one"), "{printed}");
            assert!(!printed.contains("expected word"), "{printed}");
            return;
        }
        assert_eq!(caught(|| 7), Ok(7));
        let value = 3;
        assert_eq!(caught(|| -> () { panic!("expected word {value}") }), Err("expected word 3".to_owned()));
        assert_eq!(caught(|| -> () { panic!("expected word") }), Err("expected word".to_owned()));
        let within = caught(|| caught(|| -> () { panic!("expected word {value}") }));
        assert_eq!(within, Ok(Err("expected word 3".to_owned())));
        // Other panics are still printed.
        assert!(panic::catch_unwind(|| panic!("unexpected one")).is_err());
    }
}
