//! Panics of the proof system that end in an error.

use std::{
    any::Any,
    cell::Cell,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

thread_local! {
    /// Whether a panic of this thread is expected, so that nobody has to read of it.
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `run`, and returns the words of its panic if it panics. The panic hook is not called for one of this thread.
///
/// Where panics abort (`panic = "abort"` in the profile of whoever builds the program), a panic still ends the process.
///
/// # Errors
/// What the panic says.
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
    // Nothing of what a panic may have left half done is used again.
    let outcome = panic::catch_unwind(AssertUnwindSafe(run));
    EXPECTED.set(before);
    outcome.map_err(|panic| words(panic.as_ref()))
}

fn words(panic: &(dyn Any + Send)) -> String {
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
            // The panic hook is the process's, so what it prints is looked at from another one.
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
        // Others are still said.
        assert!(panic::catch_unwind(|| panic!("unexpected one")).is_err());
    }
}
