//! Which file systems are mounted below a directory, and taking them away however they are used.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::mount::{MntFlags, umount2};

/// Takes away what is mounted below `directory`. Whoever still uses it keeps it until then, and nobody else finds it.
pub(crate) fn detach_all_below(directory: &Path) {
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    for mounted in points(&table).filter(|point| point.starts_with(directory)) {
        if umount2(&mounted, MntFlags::MNT_DETACH).is_err() {
            // Whoever may not do that has a helper that may. If there is none there was none to mount either.
            let _ = Command::new("fusermount3").arg("-uqz").arg(&mounted).stderr(Stdio::null()).status();
        }
    }
}

/// The mount points in a table as the kernel shows it, see proc(5).
fn points(table: &[u8]) -> impl Iterator<Item = PathBuf> + '_ {
    let point =
        |line: &[u8]| Some(PathBuf::from(OsString::from_vec(unescaped(line.split(|&byte| byte == b' ').nth(4)?))));
    table.split(|&byte| byte == b'\n').filter_map(point)
}

/// Blanks and the like stand there as octal numbers.
fn unescaped(word: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = word;
    while let Some((&byte, behind)) = rest.split_first() {
        let digits = (byte == b'\\').then(|| behind.get(..3)).flatten().and_then(|digits| str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.push(escaped.unwrap_or(byte));
        rest = &behind[if escaped.is_some() { 3 } else { 0 }..];
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_read_as_the_kernel_writes_them() {
        let table = b"22 1 0:20 / /proc rw - proc proc rw\n41 1 0:39 / /tmp/a\\040b\\134 rw - fuse fuse rw\n";
        let found: Vec<_> = points(table).collect();
        assert_eq!(found, [Path::new("/proc"), Path::new("/tmp/a b\\")]);
    }
}
