//! Panics, which are defects: each ends the command with a sentence and status 2, in whichever thread it happens.

use std::{
    any::Any,
    backtrace::{Backtrace, BacktraceStatus},
    panic::{self, AssertUnwindSafe},
    sync::Mutex,
};
use zeno_pipeline::text;

/// Message and source location of the last panic.
static LAST: Mutex<Option<(String, String)>> = Mutex::new(None);

/// Keeps panics instead of printing them: those that libraries catch are nobody's concern. With `RUST_BACKTRACE` each is
/// printed with its backtrace.
pub(crate) fn keep() {
    panic::set_hook(Box::new(|info| {
        let message = message(info.payload());
        let location = info.location().map(ToString::to_string).unwrap_or_default();
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            crate::output::stderr(&format!(
                "zeno: panic at {location}: {}\n{backtrace}\n",
                text::whole(&message)
            ));
        }
        *last() = Some((message, location));
    }));
}

/// Does the work, or returns a sentence about the panic that ended it.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|payload| sentence(&message(payload.as_ref())))
}

/// A sentence about a panic that was passed on without its location.
fn sentence(message: &str) -> String {
    match &*last() {
        Some((kept, location)) if kept == message => {
            format!("{message} ({location}): this is a defect, please report it")
        }
        _ => format!("{message}: this is a defect, please report it"),
    }
}

/// A sentence about the last panic, for a task of which only the end is known.
pub(crate) fn of_a_task() -> Option<String> {
    let (message, _) = last().clone()?;
    Some(sentence(&message))
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
}

fn last() -> std::sync::MutexGuard<'static, Option<(String, String)>> {
    LAST.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_any_thread_becomes_a_sentence() {
        assert_eq!(guarded(|| 7), Ok(7));
        let list: [u8; 0] = [];
        let own = guarded(|| list[std::hint::black_box(1)]).unwrap_err();
        assert!(own.contains("index out of bounds") && own.ends_with("please report it"), "{own}");
        let other = guarded(|| {
            let thread = std::thread::spawn(|| panic!("lost {}", "its way"));
            thread.join().unwrap_or_else(|payload| panic::resume_unwind(payload))
        });
        assert!(other.unwrap_err().starts_with("lost its way"));
    }
}
