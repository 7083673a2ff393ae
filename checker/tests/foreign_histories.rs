//! Histories that other people's systems made, against the verdicts that the data's own projects state.
//! They are in `shared/`, beside the repository; where that is missing, this says so and tests nothing.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use interregnum_checker::history::{Format, Value, read};
use interregnum_checker::linearizability::{FailedCas, Options, check};
use interregnum_checker::verdict::Verdict;

/// The folder of that name under `shared/histories`, if it is there.
fn folder(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/histories").join(name);
    if !path.is_dir() {
        println!("SKIPPED: {} is missing, so no foreign history is tested against it", path.display());
        return None;
    }
    Some(path)
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.retain(|file| file.extension().is_some_and(|found| found == extension));
    files.sort();
    assert!(!files.is_empty(), "{} has no .{extension} file", folder.display());
    files
}

/// The format is left to be guessed, and a violation has to come with its proof.
fn check_file(path: &Path, format: Format, options: &Options, expected: Verdict) {
    let name = path.display().to_string();
    let file = || BufReader::new(File::open(path).unwrap_or_else(|error| panic!("{name}: {error}")));
    let guessed = read(file(), &name, None).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(guessed, read(file(), &name, Some(format)).unwrap_or_else(|error| panic!("{error}")), "{name}");
    assert_eq!(guessed.warnings, Vec::<String>::new(), "{name}");

    let judgement = check(&guessed.history, options).judgement(&guessed.history);
    assert_eq!(judgement.verdict, expected, "{name}: {}", judgement.summary);
    assert_eq!(judgement.proofs.is_empty(), expected == Verdict::Pass, "{name}");
    for proof in &judgement.proofs {
        assert!(
            !proof.operations.is_empty() && proof.drawing.lines().all(|line| line.chars().count() <= 100),
            "{proof:?}"
        );
        println!("{name}\n{}\n{}\n", proof.sentence, proof.drawing);
    }
}

fn verdict(is_linearizable: bool) -> Verdict {
    if is_linearizable { Verdict::Pass } else { Verdict::Violation }
}

/// In these a failed compare-and-set ran and saw another value.
#[test]
fn etcd_as_jepsen_recorded_it() {
    let Some(folder) = folder("etcd-jepsen") else { return };
    let verdicts = fs::read_to_string(folder.join("VERDICTS")).expect("the verdicts are there");
    let options = Options { failed_cas: FailedCas::SawAnotherValue, ..Options::default() };
    assert_eq!(verdicts.lines().count(), files(&folder, "log").len(), "each file has a verdict");
    for line in verdicts.lines() {
        let (file, is_linearizable) = line.split_once(' ').expect("a file and its verdict");
        let is_linearizable = is_linearizable.trim().parse().expect("true or false");
        check_file(&folder.join(file), Format::JepsenLog, &options, verdict(is_linearizable));
    }
}

/// In these a failed compare-and-set did not happen.
#[test]
fn registers_from_knossos() {
    for (name, is_linearizable) in [("knossos/cas-register/good", true), ("knossos/cas-register/bad", false)] {
        let Some(folder) = folder(name) else { return };
        for file in files(&folder, "edn") {
            check_file(&file, Format::Edn, &Options::default(), verdict(is_linearizable));
        }
    }
}

#[test]
fn several_registers_from_knossos() {
    let Some(folder) = folder("knossos/multi-register/good") else { return };
    for file in files(&folder, "edn") {
        let options = |initial| Options { initial: Value::Int(initial), ..Options::default() };
        check_file(&file, Format::Edn, &options(0), Verdict::Pass);
        // The file says that x and y are 0 at first, and shows it.
        check_file(&file, Format::Edn, &options(-1), Verdict::Violation);
    }
}

/// They are EDN like any other: strings under keys.
#[test]
fn porcupines_files_are_read_as_edn() {
    let Some(folder) = folder("porcupine-kv") else { return };
    for file in files(&folder, "txt") {
        let read = read(BufReader::new(File::open(&file).expect("readable")), "kv", None).expect("valid EDN");
        assert!(read.warnings.is_empty() && read.nemesis.is_empty());
        for operation in read.history.operations() {
            assert!(operation.key.is_some());
            match (operation.function.name(), &operation.input, &operation.output) {
                ("get", Value::Nil, Value::Text(_)) | ("put" | "append", Value::Text(_), Value::Text(_)) => {}
                _ => panic!("{operation:?}"),
            }
        }
    }
}

/// The file's name says whether it is linearizable.
#[test]
fn a_store_of_texts_from_porcupine() {
    let Some(folder) = folder("porcupine-kv") else { return };
    for file in files(&folder, "txt") {
        let is_linearizable = !file.display().to_string().ends_with("-bad.txt");
        check_file(&file, Format::Edn, &Options::default(), verdict(is_linearizable));
    }
}
