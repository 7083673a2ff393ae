//! Operations of a story: each acknowledged, and over before the next one begins.

pub(crate) fn write(process: u64, value: &str) -> String {
    done(process, "write", value)
}

pub(crate) fn read(process: u64, value: &str) -> String {
    done(process, "read", value)
}

pub(crate) fn append(process: u64, value: &str) -> String {
    done(process, "append", value)
}

pub(crate) fn cas(process: u64, from: &str, to: &str) -> String {
    done(process, "cas", &format!("[{from},{to}]"))
}

fn done(process: u64, function: &str, value: &str) -> String {
    let asked = if function == "read" { "null" } else { value };
    format!("{process} invoke {function} {asked}\n{process} ok {function} {value}\n")
}
