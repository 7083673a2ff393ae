//! Keeps the house in order: who may know whom, what every file begins with, and how long it may grow.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{MetadataCommand, Package};

/// A longer file has more than one idea in it.
const MOST_LINES: usize = 450;

const FOLDERS: [&str; 4] = ["checker", "workloads", "node", "harness"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The arrows of `ARCHITECTURE.md`: `harness → workloads → checker`, `harness → node`, and nothing points back.
#[test]
fn arrows_run_one_way() {
    let metadata = MetadataCommand::new().current_dir(root()).no_deps().exec().unwrap();
    let members: BTreeSet<_> = metadata.packages.iter().map(|package| package.name.to_string()).collect();
    let known = |package: &Package| -> Vec<String> {
        let names: BTreeSet<_> = package.dependencies.iter().map(|dependency| dependency.name.clone()).collect();
        names.intersection(&members).cloned().collect()
    };
    let arrows: BTreeMap<_, _> =
        metadata.packages.iter().map(|package| (package.name.to_string(), known(package).join(" "))).collect();
    let expected = [
        ("interregnum", "interregnum-checker interregnum-node interregnum-workloads"),
        ("interregnum-checker", ""),
        ("interregnum-node", ""),
        ("interregnum-workloads", "interregnum-checker"),
    ];
    assert_eq!(arrows, expected.map(|(name, known)| (name.to_owned(), known.to_owned())).into());
}

/// The checker is pure, and the workloads touch no operating system.
#[test]
fn pure_crates_stay_pure() {
    let of_checker = ["std::net", "std::process", "std::thread", "std::time::", "std::fs", "tokio", "async fn"];
    let of_workloads = ["std::net", "std::process", "std::fs", "tokio::net", "tokio::fs", "nix::"];
    for (folder, forbidden) in [("checker/src", &of_checker[..]), ("workloads/src", &of_workloads)] {
        for (name, text) in sources(folder) {
            for word in forbidden {
                let used = text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(word));
                assert!(!used, "{name} uses `{word}`; see the invariants in ARCHITECTURE.md");
            }
        }
    }
}

#[test]
fn every_file_says_what_it_is_for_and_stays_short() {
    for (name, text) in FOLDERS.into_iter().flat_map(sources) {
        assert!(text.starts_with("//! "), "{name} does not open with what it is for");
        let lines = text.lines().count();
        assert!(lines <= MOST_LINES, "{name} has {lines} lines, more than {MOST_LINES}: it wants to be two files");
        for word in ["utils", "manager", "common"] {
            assert!(!name.contains(word), "{name}: `{word}` is no name for an idea");
        }
    }
}

/// Scripts and styles of the page are files like others, and a page may not import from elsewhere.
#[test]
fn scripts_and_styles_say_what_they_are_for_and_stay_short() {
    let folder = root().join("harness/src/report/html");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (scripts, others): (Vec<_>, Vec<_>) = files.partition(|path| path.extension().is_some_and(|end| end == "js"));
    let styles = others.into_iter().filter(|path| path.extension().is_some_and(|end| end == "css"));
    for (path, comment) in scripts.into_iter().map(|path| (path, "// ")).chain(styles.map(|path| (path, "/* "))) {
        let (name, text) = (path.display(), fs::read_to_string(&path).unwrap());
        assert!(text.starts_with(comment), "{name} does not open with what it is for");
        assert!(text.lines().count() <= 400, "{name} wants to be two files");
        let far = text.lines().find(|line| line.starts_with("import ") && !line.contains("from \"./"));
        assert_eq!(far, None, "{name} imports from elsewhere");
    }
}

/// `unsafe` stands only behind the wrappers that `ARCHITECTURE.md` names.
#[test]
fn unsafe_code_is_where_it_is_said_to_be() {
    let is_unsafe = |line: &str| line.trim_start().starts_with("unsafe ") || line.contains("(unsafe)]");
    let with_unsafe: Vec<_> = FOLDERS
        .into_iter()
        .flat_map(|folder| sources(&format!("{folder}/src")))
        .filter(|(_, text)| text.lines().any(is_unsafe))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(with_unsafe, ["harness/src/process/spawn.rs", "harness/src/reentry.rs"]);
}

/// All Rust files below a folder of the repository, by name, with their text.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut folders = vec![root().join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap().display().to_string();
                files.push((name, fs::read_to_string(path).unwrap()));
            }
        }
    }
    files.sort();
    files
}
