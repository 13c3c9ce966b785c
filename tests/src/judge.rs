//! Judges: processes that validate inputs (tests/judge), built for a `usize` of 32 bits or with debug assertions, and
//! the comparison of what they say with validation in this process.

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

/// Address space of a judge, in KiB: four times the memory of the machine that the guest runs in. What takes more ends
/// the process, and not the host.
const ADDRESS_SPACE: u64 = 2 << 20;

/// What a judge says of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is valid: the claim's digest.
    Valid(B256),
    /// It isn't.
    Refused {
        /// Whether the block is at fault, as [`ValidationError::blames_block`] has it.
        blames_block: bool,
        /// The error in words.
        text: String,
    },
    /// Validation panicked: where and why.
    Panicked(String),
    /// The process ended without an answer: how, and what it said last.
    Died(String),
    /// There was no answer in this time.
    TimedOut(Duration),
}

impl Verdict {
    /// What a judge has to say if it judges as this process did.
    pub fn of(native: Result<&ChainClaim, &ValidationError>) -> Self {
        match native {
            Ok(claim) => Self::Valid(claim.digest()),
            Err(error) => Self::Refused {
                blames_block: error.blames_block(),
                // As the judge writes it, in one line.
                text: one_of_memory(&error.to_string().replace('\n', "\\n")),
            },
        }
    }

    /// Whether it is one: valid or refused.
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

/// Judges of one program, as many as are asked at a time.
#[derive(Debug)]
pub struct Judges {
    program: PathBuf,
    timeout: Duration,
    /// Bits of its `usize`.
    bits: u32,
    idle: Mutex<Vec<Judge>>,
}

impl Judges {
    /// Starts the first. Each is given `timeout` for an answer.
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

    /// Bits of its `usize`.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// Has an encoded input judged.
    ///
    /// # Panics
    /// If another judge can't be started.
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
            // What 32 bits say in other words: RLP with a length of more than they hold, which is
            // refused for that before it is compared with what there is.
            *text = text.replace("Input too big", "input too short");
            *text = one_of_memory(text);
        }
        // After anything else it may be about to end, or to answer late.
        if verdict.is_judgement() {
            self.idle.lock().expect("nobody panics with the lock").push(judge);
        }
        verdict
    }

    /// Has an encoded input judged, and compares with what this process makes of it: the same digest, or the same words.
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

/// One process.
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
        // It ends with the process, or with whoever asks.
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

    /// How it ended, now that it has closed what it writes to.
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

/// A refusal's words, with one name for a frame whose memory no gas pays for: an offset that an address does not hold is no
/// operand, and addresses have 32 bits or 64.
fn one_of_memory(text: &str) -> String {
    text.replace("OutOfGas(InvalidOperand)", "OutOfGas(Memory)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt};
    use tempfile::TempDir;
    use zeno_guest_evm::InputError;

    const GREETING: &str = "echo 'judge usize=32 debug-assertions=1 overflow-checks=1'; ";
    /// Takes an input of one byte.
    const TAKE: &str = "head -c 5 >/dev/null; ";

    /// One test at a time: a process that another thread starts has the script open for writing for a moment, and a
    /// file that is written can't be run.
    static ALONE: Mutex<()> = Mutex::new(());

    /// Judges that are a shell script.
    fn judges(script: &str, timeout: Duration) -> (TempDir, Result<Judges, String>) {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("judge");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let judges = Judges::new(&program, timeout);
        (folder, judges)
    }

    /// What one that says this after each of two inputs has said.
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
        // What alloy-rlp says with 64 bits.
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
