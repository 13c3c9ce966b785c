//! Starts the build of `zeno` that suits the processor.
//!
//! The provers' field arithmetic is chosen at compile time, so the release archive holds a build for each level of
//! x86-64 that matters. This program, built for any x86-64 processor, finds the best one that the processor can run, and
//! becomes it.

use std::{
    env,
    ffi::OsStr,
    fmt, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

/// Variable with the level to start instead of the best one.
const VARIABLE: &str = "ZENO_BUILD";
/// Exit status of whatever can't be judged or started, as `zeno` has it.
const OTHER: u8 = 2;

/// Level of the x86-64 psABI, as rustc's `target-cpu` names it.
struct Level {
    name: &'static str,
    /// Instruction sets that a reader knows it by.
    instructions: &'static str,
    /// Tells whether the processor and the system can run it.
    is_available: fn() -> bool,
}

/// The levels that there may be builds for, best first.
const LEVELS: [Level; 3] = [
    Level { name: "x86-64-v4", instructions: "AVX-512", is_available: has_v4 },
    Level { name: "x86-64-v3", instructions: "AVX2", is_available: has_v3 },
    Level { name: "x86-64", instructions: "no vectors beyond SSE2", is_available: || true },
];

/// Tells whether the processor has what level 3 asks for, and the system saves its registers.
fn has_v3() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("f16c")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("movbe")
            && is_x86_feature_detected!("cmpxchg16b")
            && is_x86_feature_detected!("popcnt")
            && is_x86_feature_detected!("sse4.2")
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Tells the same for level 4.
fn has_v4() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        has_v3()
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512cd")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Reason why nothing is started.
enum Refusal {
    /// The program's own place can't be found.
    Nowhere(io::Error),
    /// The folder has no build at all.
    NoBuilds(PathBuf),
    /// None of the builds runs on this processor.
    NoneSuits(Vec<&'static Level>),
    /// The level that the variable names is unknown, has no build, or is not the processor's.
    Asked(String, &'static str),
    /// The system refused to start a build.
    NotStarted(PathBuf, io::Error),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nowhere(error) => write!(f, "the program's own place can't be found: {error}"),
            Self::NoBuilds(folder) => write!(
                f,
                "there is no build of zeno in {}: unpack the whole archive, and keep bin and libexec side by side",
                folder.display()
            ),
            Self::NoneSuits(levels) => {
                let needs: Vec<_> = levels.iter().rev().map(|level| level.instructions).collect();
                write!(
                    f,
                    "this processor has none of what the builds in this archive need ({}): build zeno from its sources on this \
                     machine (`cargo install --locked --path bin/zeno` in the sources' folder), or use an archive with a portable \
                     build",
                    needs.join(", ")
                )
            }
            Self::Asked(level, why) => {
                let known = LEVELS.map(|level| level.name).join(", ");
                write!(f, "{VARIABLE} is {level:?}, {why}; the levels are {known}")
            }
            Self::NotStarted(path, error) => write!(f, "{} can't be started: {error}", path.display()),
        }
    }
}

/// Path of a level's build in `folder`.
fn build(folder: &Path, level: &Level) -> PathBuf {
    folder.join(format!("zeno-{}", level.name))
}

/// Chooses the build to start.
///
/// # Errors
/// [`Refusal`] if there is none, or not the one that `asked` names.
fn choose(folder: &Path, asked: Option<&str>) -> Result<PathBuf, Refusal> {
    let present: Vec<&Level> = LEVELS.iter().filter(|level| build(folder, level).is_file()).collect();
    if present.is_empty() {
        return Err(Refusal::NoBuilds(folder.to_owned()));
    }
    if let Some(asked) = asked {
        let refused = |why| Refusal::Asked(asked.to_owned(), why);
        let level = LEVELS.iter().find(|level| level.name == asked).ok_or(refused("which is no level"))?;
        if !build(folder, level).is_file() {
            return Err(refused("and the archive has no such build"));
        }
        if !(level.is_available)() {
            return Err(refused("which this processor doesn't have"));
        }
        return Ok(build(folder, level));
    }
    match present.iter().find(|level| (level.is_available)()) {
        Some(level) => Ok(build(folder, level)),
        None => Err(Refusal::NoneSuits(present)),
    }
}

/// Starts the build, and returns only if that fails (or, where a process can't become another one, when it ended).
fn start() -> Result<ExitCode, Refusal> {
    let own = env::current_exe().and_then(fs::canonicalize).map_err(Refusal::Nowhere)?;
    let folder = own.parent().and_then(Path::parent).unwrap_or(Path::new("/")).join("libexec/zeno");
    // An empty variable is one that isn't set.
    let asked = env::var_os(VARIABLE).filter(|asked| !asked.is_empty());
    let path = choose(&folder, asked.as_deref().map(OsStr::to_string_lossy).as_deref())?;
    let mut command = Command::new(&path);
    command.args(env::args_os().skip(1));
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        command.arg0("zeno");
        let error = command.exec();
        Err(Refusal::NotStarted(path, error))
    }
    #[cfg(not(unix))]
    {
        let status = command.status().map_err(|error| Refusal::NotStarted(path, error))?;
        Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(OTHER)))
    }
}

/// Text as a JSON string.
fn json_string(text: &str) -> String {
    let mut json = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            control if control.is_control() => json += &format!("\\u{:04x}", u32::from(control)),
            other => json.push(other),
        }
    }
    json + "\""
}

fn main() -> ExitCode {
    match start() {
        Ok(status) => status,
        Err(refusal) => {
            let sentence = refusal.to_string();
            // Whoever reads neither stream loses the sentence, not the status.
            let _ = if env::args_os().skip(1).any(|argument| argument == "--json") {
                writeln!(io::stdout(), "{{\"error\":{}}}", json_string(&sentence))
            } else {
                writeln!(io::stderr(), "zeno: {sentence}")
            };
            ExitCode::from(OTHER)
        }
    }
}
