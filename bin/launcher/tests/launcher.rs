//! The launcher, with shell scripts in place of the builds that it chooses from.

#![cfg(all(unix, target_arch = "x86_64"))]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tempfile::TempDir;

/// Held while programs are written and run. A program that another test starts in between would have the file open for
/// writing for a moment, and the system runs no such file.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Unpacked archive with builds for `levels`, each a script that says its level and its arguments, and ends with 7.
fn archive(levels: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (bin, builds) = (folder.path().join("bin"), folder.path().join("libexec/zeno"));
    fs::create_dir_all(&bin).unwrap();
    fs::create_dir_all(&builds).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_zeno-launcher"), bin.join("zeno")).unwrap();
    for level in levels {
        let path = builds.join(format!("zeno-{level}"));
        fs::write(&path, format!("#!/bin/sh\necho {level} \"$@\"\nexit 7\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

/// Runs the archive's `zeno`; `asked` is the level that the variable names.
fn run(program: &Path, asked: &str, arguments: &[&str]) -> Output {
    Command::new(program).env("ZENO_BUILD", asked).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> &str {
    str::from_utf8(&output.stdout).unwrap().trim_end()
}

fn stderr(output: &Output) -> &str {
    str::from_utf8(&output.stderr).unwrap().trim_end()
}

#[test]
fn the_best_build_that_runs_here_is_started() {
    let _alone = alone();
    let folder = archive(&["x86-64", "x86-64-v3", "x86-64-v4"]);
    let best = if is_x86_feature_detected!("avx512vl") {
        "x86-64-v4"
    } else if is_x86_feature_detected!("avx2") {
        "x86-64-v3"
    } else {
        "x86-64"
    };
    let program = folder.path().join("bin/zeno");
    let output = run(&program, "", &["verify", "a b", "--json"]);
    assert_eq!((stdout(&output), output.status.code()), (&*format!("{best} verify a b --json"), Some(7)));

    // By a link from elsewhere, as in a folder of the PATH.
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("zeno");
    std::os::unix::fs::symlink(&program, &link).unwrap();
    assert_eq!(stdout(&run(&link, "", &[])), best);
}

#[test]
fn a_level_can_be_asked_for() {
    let _alone = alone();
    let folder = archive(&["x86-64", "x86-64-v4"]);
    let program = folder.path().join("bin/zeno");
    assert_eq!(stdout(&run(&program, "x86-64", &[])), "x86-64");
    for (asked, why) in [("x86-64-v3", "the archive has no such build"), ("../evil", "which is no level")] {
        let output = run(&program, asked, &[]);
        assert_eq!((output.status.code(), stdout(&output)), (Some(2), ""));
        assert!(
            stderr(&output).starts_with("zeno: ") && stderr(&output).contains(why),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn what_is_missing_is_said() {
    let _alone = alone();
    let folder = archive(&[]);
    let program = folder.path().join("bin/zeno");
    let output = run(&program, "", &["prove"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("unpack the whole archive"), "{}", stderr(&output));
    let output = run(&program, "", &["prove", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stdout(&output).starts_with("{\"error\":\"there is no build of zeno in "), "{}", stdout(&output));
    assert!(output.stderr.is_empty());

    // A build that is there and can't be started.
    fs::write(folder.path().join("libexec/zeno/zeno-x86-64"), "no program").unwrap();
    let output = run(&program, "", &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("can't be started"), "{}", stderr(&output));
}
