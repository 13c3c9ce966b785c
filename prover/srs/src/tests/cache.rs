//! Tests of installed SRSs.

use std::{env, fs, path::Path, process::Command};

use super::{Workspace, installed_bytes, tau};
use crate::{
    development::development,
    error::{Defect, SrsError},
    import::import,
    origin::Origin,
    progress::{Progress, Step},
    srs::{Srs, installed},
    testing::srs_bytes,
};

#[test]
fn installed_files_that_changed_are_refused() {
    let workspace = Workspace::new(&srs_bytes(4, tau()));
    let [srs] = workspace.import(&[]).unwrap().try_into().unwrap();
    let (path, record) = (srs.path().to_owned(), srs.path().with_extension("json"));
    let (bytes, text) = (fs::read(&path).unwrap(), fs::read_to_string(&record).unwrap());
    let refused = |what: &Path| match Srs::open(&workspace.cache(), 4).unwrap_err() {
        SrsError::File { path, defect } if path == what => defect,
        error => panic!("{error}"),
    };
    let mut altered = bytes.clone();
    for at in [0, 100, bytes.len() - 1] {
        altered[at] ^= 1;
        fs::write(&path, &altered).unwrap();
        assert_eq!(refused(&path), Defect::Altered { what: "its digest" });
    }
    fs::write(&path, &bytes[..1000]).unwrap();
    let size = Defect::Size { what: "the file", expected: bytes.len() as u64, found: 1000 };
    assert_eq!(refused(&path), size);
    fs::write(&path, &bytes).unwrap();

    fs::write(&record, text.replace("\"unknown\"", "\"hermez\"")).unwrap();
    assert_eq!(refused(&path), Defect::Altered { what: "where it comes from" });
    fs::write(&record, text.replace("\"k\": 4", "\"k\": 5")).unwrap();
    assert_eq!(refused(&path), Defect::Altered { what: "its k and size" });
    fs::write(&record, text.replace("not the identity", "audited by somebody")).unwrap();
    assert_eq!(refused(&path), Defect::Altered { what: "the checks that it passed" });
    for other in [&text[..text.len() / 2], "", "[]", &text.replace("\"version\": 1", "\"version\": 2")] {
        fs::write(&record, other).unwrap();
        assert!(matches!(refused(&record), Defect::Record(_)), "{other}");
    }
    fs::remove_file(&record).unwrap();
    assert_eq!(refused(&path), Defect::NoRecord(record.clone()));
    // The list has it, with the reason.
    let [found] = installed(&workspace.cache()).unwrap().try_into().unwrap();
    assert!(found.k == 4 && found.srs.is_err());
    // A new import mends it.
    workspace.import(&[]).unwrap();
}

#[test]
fn the_development_srs_is_recognised_without_its_record() {
    let folder = tempfile::tempdir().unwrap();
    let [_, srs] = development(folder.path(), &[6, 3], &()).unwrap().try_into().unwrap();
    assert!(srs.is_insecure());
    assert!(srs.checks().is_empty());
    assert!(srs.origin().to_string().contains("INSECURE"));
    let bytes = installed_bytes(&srs);

    // Imported as an ordinary file, it is recognised.
    let workspace = Workspace::new(&bytes);
    let [imported] = workspace.import(&[]).unwrap().try_into().unwrap();
    assert_eq!(imported.origin(), Origin::Development);
    assert!(imported.is_insecure());
    let record = imported.path().with_extension("json");
    let text = fs::read_to_string(&record).unwrap();
    fs::write(&record, text.replace("\"development\"", "\"unknown\"")).unwrap();
    assert!(Srs::open(&workspace.cache(), 6).is_err());
    // It is made again, in place of a file that can't be used.
    let [again] = development(&workspace.cache(), &[6], &()).unwrap().try_into().unwrap();
    assert!(installed_bytes(&again) == bytes);
}

#[test]
fn the_development_srs_replaces_no_other() {
    let workspace = Workspace::new(&srs_bytes(4, tau()));
    workspace.import(&[]).unwrap();
    assert!(matches!(
        development(&workspace.cache(), &[4], &()),
        Err(SrsError::Occupied { k: 4, origin: Origin::Unknown, .. })
    ));
    assert_eq!(Srs::open(&workspace.cache(), 4).unwrap().origin(), Origin::Unknown);

    // An import replaces it.
    let workspace = Workspace::new(&srs_bytes(4, tau()));
    development(&workspace.cache(), &[4], &()).unwrap();
    workspace.import(&[]).unwrap();
    assert!(!Srs::open(&workspace.cache(), 4).unwrap().is_insecure());
}

/// Aborts the process in the middle of the Lagrange form.
struct Abort;

impl Progress for Abort {
    fn advance(&self, step: Step, done: u64, _: u64) {
        if matches!(step, Step::ImportLagrange { .. }) && done > 0 {
            std::process::abort();
        }
    }
}

/// Runs this test in another process, which is killed when half of the file is written.
#[test]
fn an_interrupted_import_leaves_nothing() {
    const VARIABLE: &str = "ZENO_SRS_TEST_FOLDER";
    if let Some(folder) = env::var_os(VARIABLE) {
        let folder = Path::new(&folder);
        let _ = import(&folder.join("cache"), &folder.join("file"), &[], &Abort);
        return;
    }
    let workspace = Workspace::new(&srs_bytes(8, tau()));
    let status = Command::new(env::current_exe().unwrap())
        .args(["--exact", "tests::cache::an_interrupted_import_leaves_nothing"])
        .env(VARIABLE, workspace.folder.path())
        .output()
        .unwrap()
        .status;
    assert_eq!(status.code(), None, "the process was killed");
    assert!(workspace.cache().join("srs").exists(), "it had begun to write");
    assert_eq!(workspace.cached(), Vec::<String>::new());
    workspace.import(&[]).unwrap();
}
