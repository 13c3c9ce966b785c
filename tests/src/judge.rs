//! Judges: processes of the program `tests/judge`, which validate inputs and print a verdict.
//!
//! The program is built for a `usize` of 32 bits, or with debug assertions. Its verdicts are compared with those of
//! validation in this process.

use alloy_primitives::B256;
use std::{
    fmt,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Mutex,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::Duration,
};
use zeno_guest_evm::{ChainClaim, ValidationError};

/// Address space of a judge, in KiB: four times the memory of the guest's VM. An input that takes more ends the
/// process, and does not exhaust the host.
const ADDRESS_SPACE: u64 = 2 << 20;

/// Verdict of a judge about an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The input is valid. The field is the claim's digest.
    Valid(B256),
    /// The input is refused.
    Refused {
        /// Result of [`ValidationError::blames_block`]: true if the block itself breaks a rule.
        blames_block: bool,
        /// The error's message.
        text: String,
    },
    /// Validation panicked. The field is the panic's location and message.
    Panicked(String),
    /// The process ended without an answer. The field is its exit status and last output.
    Died(String),
    /// The process gave no answer within this time.
    TimedOut(Duration),
}

impl Verdict {
    /// Verdict that is equivalent to a result of validation in this process.
    pub fn of(native: Result<&ChainClaim, &ValidationError>) -> Self {
        match native {
            Ok(claim) => Self::Valid(claim.digest()),
            Err(error) => Self::Refused {
                blames_block: error.blames_block(),
                // The judge writes it in one line.
                text: with_one_memory_error(&error.to_string().replace('\n', "\\n")),
            },
        }
    }

    /// Returns whether the input was judged: whether it is valid or refused.
    pub fn is_judgement(&self) -> bool {
        matches!(self, Self::Valid(_) | Self::Refused { .. })
    }

    fn parse(line: &str) -> Option<Self> {
        let (word, rest) = line.split_once(' ')?;
        Some(match word {
            "valid" => Self::Valid(rest.parse().ok()?),
            "refused" => {
                let (blames, text) = rest.split_once(' ')?;
                let blames_block = match blames {
                    "0" => false,
                    "1" => true,
                    _ => return None,
                };
                Self::Refused { blames_block, text: text.into() }
            }
            "panicked" => Self::Panicked(rest.into()),
            _ => return None,
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Valid(digest) => write!(f, "valid, with the digest {digest}"),
            Self::Refused { blames_block: true, text } => write!(f, "invalid: {text}"),
            Self::Refused { blames_block: false, text } => write!(f, "refused, the block not blamed: {text}"),
            Self::Panicked(text) => write!(f, "a panic {text}"),
            Self::Died(how) => write!(f, "no answer, the process ended: {how}"),
            Self::TimedOut(time) => write!(f, "no answer in {time:?}"),
        }
    }
}

/// Pool of judges of one program. It has one process for each concurrent question.
#[derive(Debug)]
pub struct Judges {
    program: PathBuf,
    timeout: Duration,
    /// Size of the program's `usize`, in bits.
    bits: u32,
    idle: Mutex<Vec<Judge>>,
}

impl Judges {
    /// Starts the first process. `timeout` is the time that a process has for an answer.
    ///
    /// # Errors
    /// If the program doesn't start, is no judge, or was built without debug assertions or overflow checks.
    pub fn new(program: &Path, timeout: Duration) -> Result<Self, String> {
        let wrong = |error: String| {
            format!("{} is no judge: {error} (build it with: scripts/test-32 --build)", program.display())
        };
        let mut judge = Judge::start(program).map_err(wrong)?;
        let line = judge.line(timeout).map_err(|verdict| wrong(verdict.to_string()))?;
        let bits = line
            .strip_prefix("judge usize=")
            .and_then(|rest| rest.strip_suffix(" debug-assertions=1 overflow-checks=1"))
            .and_then(|bits| bits.parse().ok())
            .ok_or_else(|| wrong(format!("it begins with \"{line}\"")))?;
        Ok(Self { program: program.to_owned(), timeout, bits, idle: Mutex::new(vec![judge]) })
    }

    /// Size of the program's `usize`, in bits.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// Asks a judge about an encoded input.
    ///
    /// # Panics
    /// If no process is idle, and another one can't be started.
    pub fn ask(&self, input: &[u8]) -> Verdict {
        let idle = self.idle.lock().expect("nobody panics with the lock").pop();
        let mut judge = idle.unwrap_or_else(|| {
            let mut judge = Judge::start(&self.program)
                .unwrap_or_else(|error| panic!("{}: {error}", self.program.display()));
            judge
                .line(self.timeout)
                .unwrap_or_else(|verdict| panic!("{}: {verdict}", self.program.display()));
            judge
        });
        let mut verdict = judge.ask(input, self.timeout);
        if let Verdict::Refused { text, .. } = &mut verdict
            && self.bits == 32
        {
            // With 32 bits, alloy-rlp refuses a length that a `usize` can't hold before it compares the length with the
            // rest of the input. With 64 bits the comparison refuses it.
            *text = text.replace("Input too big", "input too short");
            *text = with_one_memory_error(text);
        }
        // After any other verdict the process may be about to end, or to answer late.
        if verdict.is_judgement() {
            self.idle.lock().expect("nobody panics with the lock").push(judge);
        }
        verdict
    }

    /// Asks a judge about an encoded input, and compares its verdict with the result `native` of this process. The
    /// digests or the error messages must be equal.
    ///
    /// # Errors
    /// Both verdicts, if they differ.
    pub fn compare(&self, native: Result<&ChainClaim, &ValidationError>, input: &[u8]) -> Result<(), String> {
        let (native, judge) = (Verdict::of(native), self.ask(input));
        if judge == native {
            return Ok(());
        }
        Err(format!("natively: {native}; with {} bits and checks: {judge}", self.bits))
    }
}

/// Process of a judge.
#[derive(Debug)]
struct Judge {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
}

impl Judge {
    fn start(program: &Path) -> Result<Self, String> {
        let mut child = Command::new("sh")
            .args(["-c", r#"ulimit -v "$1" && exec "$2""#, "sh", &ADDRESS_SPACE.to_string()])
            .arg(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let stdin = child.stdin.take().expect("it is piped");
        let stdout = child.stdout.take().expect("it is piped");
        let (sender, lines) = channel();
        // The thread ends with the process, or when the receiver is dropped.
        thread::spawn(move || {
            BufReader::new(stdout)
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
                .unwrap_or_default();
        });
        Ok(Self { child, stdin, lines })
    }

    fn ask(&mut self, input: &[u8], timeout: Duration) -> Verdict {
        let length = u32::try_from(input.len()).expect("an input is shorter than 4 GiB").to_le_bytes();
        if self.stdin.write_all(&length).and_then(|()| self.stdin.write_all(input)).is_err() {
            return self.death();
        }
        let line = match self.line(timeout) {
            Ok(line) => line,
            Err(verdict) => return verdict,
        };
        Verdict::parse(&line).unwrap_or_else(|| Verdict::Died(format!("it says \"{line}\"")))
    }

    fn line(&mut self, timeout: Duration) -> Result<String, Verdict> {
        self.lines.recv_timeout(timeout).map_err(|error| match error {
            RecvTimeoutError::Timeout => Verdict::TimedOut(timeout),
            RecvTimeoutError::Disconnected => self.death(),
        })
    }

    /// Verdict about a process that has closed its standard output: exit status and standard error.
    fn death(&mut self) -> Verdict {
        let mut said = String::new();
        let ended = self.child.wait();
        if let Some(mut stderr) = self.child.stderr.take() {
            let mut bytes = Vec::new();
            if stderr.read_to_end(&mut bytes).is_ok() {
                said = String::from_utf8_lossy(&bytes).trim().replace('\n', "; ");
            }
        }
        Verdict::Died(ended.map_or_else(|error| error.to_string(), |status| format!("{status}, \"{said}\"")))
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        // It may have ended already.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Error message with one name for the two ways in which a frame runs out of gas for memory.
///
/// revm calls an offset that a `usize` can't hold an invalid operand. The verdict then depends on the size of a
/// `usize`.
fn with_one_memory_error(text: &str) -> String {
    text.replace("OutOfGas(InvalidOperand)", "OutOfGas(Memory)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt};
    use tempfile::TempDir;
    use zeno_guest_evm::InputError;

    const GREETING: &str = "echo 'judge usize=32 debug-assertions=1 overflow-checks=1'; ";
    /// Shell command that reads an input of one byte: the length and the byte.
    const TAKE: &str = "head -c 5 >/dev/null; ";

    /// Lock that runs one test at a time. A process that another thread forks holds the script open for writing for a
    /// moment, and a file that is open for writing can't be executed.
    static ALONE: Mutex<()> = Mutex::new(());

    /// Pool of judges whose program is a shell script.
    fn judges(script: &str, timeout: Duration) -> (TempDir, Result<Judges, String>) {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("judge");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let judges = Judges::new(&program, timeout);
        (folder, judges)
    }

    /// Verdicts about two inputs, from a judge that runs the command `answer` after each of them.
    fn ask(answer: &str) -> [Verdict; 2] {
        let script = format!("{GREETING}{TAKE}{answer}; {TAKE}{answer}");
        let (_folder, judges) = judges(&script, Duration::from_secs(60));
        let judges = judges.unwrap();
        [judges.ask(&[1]), judges.ask(&[2])]
    }

    #[test]
    fn answers_are_what_is_said() {
        let _alone = ALONE.lock();
        let digest = B256::repeat_byte(0x12);
        let refused = |blames_block, text: &str| Verdict::Refused { blames_block, text: text.into() };
        let twice = |verdict: Verdict| [verdict.clone(), verdict];
        assert_eq!(ask(&format!("echo valid {digest}")), twice(Verdict::Valid(digest)));
        assert_eq!(ask("echo refused 1 the gas is 2"), twice(refused(true, "the gas is 2")));
        assert_eq!(ask("echo refused 0 no"), twice(refused(false, "no")));
        // alloy-rlp's message with 64 bits.
        assert_eq!(ask("echo refused 1 RLP: Input too big"), twice(refused(true, "RLP: input too short")));
        assert_eq!(ask("echo panicked at a: b"), twice(Verdict::Panicked("at a: b".into())));
        for nonsense in ["valid 0x12", "refused 2 no", "perhaps so"] {
            assert!(!ask(&format!("echo {nonsense}"))[0].is_judgement(), "{nonsense}");
        }
    }

    #[test]
    fn an_end_without_an_answer_is_noticed() {
        let _alone = ALONE.lock();
        for verdict in ask("echo no more memory >&2; kill -SEGV $$") {
            let Verdict::Died(how) = verdict else { panic!("{verdict}") };
            assert!(how.contains("signal: 11") && how.contains("no more memory"), "{how}");
        }
        let (_folder, judges) = judges(&format!("{GREETING}exec sleep 60"), Duration::from_millis(200));
        assert_eq!(judges.unwrap().ask(&[1]), Verdict::TimedOut(Duration::from_millis(200)));
    }

    #[test]
    fn only_a_build_with_all_checks_is_taken() {
        let _alone = ALONE.lock();
        let unchecked = GREETING.replace("checks=1", "checks=0");
        for script in ["exit 3", "echo hello", &unchecked, "kill -KILL $$"] {
            let (_folder, judges) = judges(script, Duration::from_secs(60));
            assert!(judges.unwrap_err().contains("is no judge"), "{script}");
        }
    }

    #[test]
    fn a_difference_of_any_kind_is_one() {
        let _alone = ALONE.lock();
        let error = ValidationError::from(InputError::TrailingBytes(4));
        let compare = |answer: &str| {
            let (_folder, judges) =
                judges(&format!("{GREETING}{TAKE}echo '{answer}'"), Duration::from_secs(60));
            judges.unwrap().compare(Err(&error), &[1])
        };
        assert_eq!(compare(&format!("refused 0 {error}")), Ok(()));
        for answer in [
            format!("refused 1 {error}"),
            format!("refused 0 {error} or so"),
            format!("valid {}", B256::ZERO),
            format!("panicked {error}"),
        ] {
            assert!(compare(&answer).is_err(), "{answer}");
        }
    }
}
