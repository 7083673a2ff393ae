//! What the project promises of the checker's speed and memory, held against what was measured.

/// A promise that a table put to the test.
pub(crate) struct Promise {
    pub(crate) what: &'static str,
    /// The most that is promised.
    pub(crate) most: f64,
    pub(crate) measured: f64,
}

/// Prints which were kept, and what to do next.
pub(crate) fn print(promises: &[Promise]) {
    for Promise { what, most, measured } in promises {
        let verdict = if measured <= most { "kept  " } else { "BROKEN" };
        println!("{verdict}  {what}: {measured:.2}, promised at most {most}");
    }
    if promises.is_empty() {
        println!(
            "No promise was put to the test: those are about a million operations, so leave out --quick and --test."
        );
    } else if promises.iter().any(|promise| promise.measured > promise.most) {
        println!(
            "Measure again on an idle machine before you believe a broken promise, then `perf record` the program."
        );
    }
    println!("The figures on record are in checker/README.md, section Speed.");
}
