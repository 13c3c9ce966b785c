//! Signals that a test sends to the programs that it starts.

use std::fs;

/// Panics where this process ignores one of these signals, each named without its `SIG`: `nohup` starts it so, and a shell
/// that puts a script's command into the background. A program that a test starts inherits that, ignores the signal as
/// well, and the test would wait for its end for ever.
///
/// Systems without Linux's `/proc` pass.
///
/// # Panics
/// If one of the signals is ignored, or is none of `HUP`, `INT`, `KILL` and `TERM`.
pub fn require_heard(signals: &[&str]) {
    // Bit n - 1 for signal n.
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    for signal in signals {
        let number = match *signal {
            "HUP" => 1,
            "INT" => 2,
            "KILL" => 9,
            "TERM" => 15,
            other => panic!("the number of SIG{other} is not known here"),
        };
        assert!(
            ignored >> (number - 1) & 1 == 0,
            "this test sends SIG{signal}, and the tests were started to ignore it, as by nohup or in a script's \
             background: start them by `env --default-signal={signal} cargo test …`"
        );
    }
}
