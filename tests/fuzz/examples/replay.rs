//! Runs inputs of a fuzz target without a fuzzer.
//!
//! ```text
//! replay TARGET PATH...            prints the answer to each file, also of those in folders, and counts them by kind
//! replay --save FOLDER PATH...     writes the worlds of the target `evm` as inputs of Zeno, FOLDER/NAME.zeno
//! ```
//!
//! The output for the same files is the same in every build, so two builds can be compared.

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};
use zeno_fuzz::{Answer, TARGETS, World};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1);
    let Some(name) = arguments.next() else {
        return Err("replay TARGET PATH... or --save FOLDER PATH...".into());
    };
    if name == "--save" {
        let folder = PathBuf::from(arguments.next().ok_or("a folder to save to is missing")?);
        return save(&folder, &files(arguments)?);
    }
    let Some((_, target)) = TARGETS.iter().find(|(target, _)| name == *target) else {
        return Err(format!("there is no target {name:?}").into());
    };
    let mut counts = BTreeMap::<_, usize>::new();
    for file in files(arguments)? {
        let Answer { kind, digest } = target(&fs::read(&file)?);
        println!("{}: {kind}, {digest}", file.display());
        *counts.entry(kind).or_default() += 1;
    }
    if counts.is_empty() {
        return Err("there are no inputs".into());
    }
    println!("{counts:?}");
    Ok(())
}

fn save(folder: &Path, files: &[PathBuf]) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    let mut saved = 0;
    for file in files {
        let Some(mut world) = World::new(&fs::read(file)?) else { continue };
        // A refused block is an input as well.
        _ = world.complete();
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(".zeno");
        fs::write(folder.join(name), world.input().encode())?;
        saved += 1;
    }
    println!("{saved} inputs");
    Ok(())
}

/// Files among the paths, and files directly in the folders among them, by name.
fn files(paths: impl Iterator<Item = OsString>) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for path in paths.map(PathBuf::from) {
        if path.is_dir() {
            for entry in fs::read_dir(path)? {
                files.push(entry?.path());
            }
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
