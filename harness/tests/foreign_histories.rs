//! The promise: `interregnum check` reads histories that other people's systems made, and agrees with what their own
//! projects say of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The histories, where they are: they stand beside the repository and not in it.
fn histories(folder: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/histories").join(folder);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("SKIPPED: {} is not there, so what other people's histories say was not checked", path.display());
    None
}

/// The exit code of `interregnum check` on one file.
fn check(file: &Path, flags: &[&str]) -> i32 {
    let output = Command::new(env!("CARGO_BIN_EXE_interregnum")).arg("check").args(flags).arg(file).output().unwrap();
    output.status.code().unwrap_or_else(|| panic!("check of {} was killed", file.display()))
}

#[test]
fn etcd_as_jepsen_recorded_it() {
    let Some(folder) = histories("etcd-jepsen") else { return };
    let verdicts = fs::read_to_string(folder.join("VERDICTS")).unwrap();
    let mut checked = 0;
    for line in verdicts.lines() {
        let (file, linearizable) = line.split_once(' ').unwrap();
        // Their project's verdicts take a failed compare-and-set for one that ran and saw another value.
        let code = check(&folder.join(file), &["--failed-cas", "saw-another-value"]);
        assert_eq!(code, i32::from(linearizable != "true"), "{file}: {linearizable}");
        checked += 1;
    }
    assert!(checked > 50, "only {checked} histories were checked");
}

#[test]
fn registers_as_knossos_recorded_them() {
    let Some(folder) = histories("knossos/cas-register") else { return };
    for (verdict, expected) in [("good", 0), ("bad", 1)] {
        for entry in fs::read_dir(folder.join(verdict)).unwrap() {
            let file = entry.unwrap().path();
            assert_eq!(check(&file, &[]), expected, "{}", file.display());
        }
    }
}
