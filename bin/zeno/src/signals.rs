//! The signals that end the program: from the terminal, from a service manager, from a terminal that goes away.

use std::{fs, future::poll_fn, io, task::Poll};
use tokio::signal::unix::{self, SignalKind};

/// A signal that ends the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) name: &'static str,
    number: u8,
}

impl Ending {
    const ALL: [Self; 3] = [
        Self { name: "SIGINT", number: 2 },
        Self { name: "SIGTERM", number: 15 },
        Self { name: "SIGHUP", number: 1 },
    ];

    /// Exit status of a program that the signal ended, by the convention of shells.
    pub(crate) fn status(self) -> u8 {
        128 + self.number
    }
}

/// Number of the signal for a write beyond the limit of a file's size, on Linux and macOS.
const SIGXFSZ: i32 = 25;

/// Listener to signals.
pub(crate) struct Signals(Vec<(Ending, unix::Signal)>);

impl Signals {
    /// Listens from now on, except to signals that the program was started to ignore: `nohup` does that, so that the program
    /// continues without its terminal. Call it within a tokio runtime.
    ///
    /// # Errors
    /// An error of the system.
    pub(crate) fn listen() -> io::Result<Self> {
        let ignored = fs::read_to_string("/proc/self/status").map_or(0, |status| ignored(&status));
        let mut signals = Vec::new();
        for ending in Ending::ALL {
            if ignored >> (ending.number - 1) & 1 == 0 {
                signals.push((ending, unix::signal(SignalKind::from_raw(ending.number.into()))?));
            }
        }
        // A write beyond the limit of a file's size ends the program, unless it listens to the signal; then the write fails as
        // on a full disk.
        drop(unix::signal(SignalKind::from_raw(SIGXFSZ))?);
        Ok(Self(signals))
    }

    /// Waits for the next signal: for ever, where all are ignored.
    pub(crate) async fn next(&mut self) -> Ending {
        poll_fn(|context| {
            for (ending, signal) in &mut self.0 {
                if signal.poll_recv(context).is_ready() {
                    return Poll::Ready(*ending);
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Mask of the ignored signals in Linux's `/proc/self/status`: bit n - 1 for signal n.
fn ignored(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_which_signals_are_ignored() {
        assert_eq!(ignored("Name:\tzeno\nSigBlk:\t0\nSigIgn:\t0000000000001001\nSigCgt:\tf\n"), 0x1001);
        assert_eq!(ignored("Name:\tzeno\n"), 0);
    }

    #[test]
    fn statuses_are_those_of_shells() {
        assert_eq!(Ending::ALL.map(Ending::status), [130, 143, 129]);
    }
}
