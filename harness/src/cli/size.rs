//! Sizes on the command line: `512MiB`, `1GiB`.

/// Reads a number of bytes that is more than none.
pub(super) fn parse(text: &str) -> Result<u64, String> {
    let expected = || format!("`{text}` is no size: give a number and a unit, as in 64KiB, 512MiB or 1GiB");
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit: u64 = match &text[digits.len()..] {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(expected()),
    };
    let number: u64 = digits.parse().map_err(|_| expected())?;
    number.checked_mul(unit).filter(|bytes| *bytes > 0).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [("7B", 7), ("64KiB", 65_536), ("3MiB", 3_145_728), ("1GiB", 1_073_741_824)] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in ["", "1", "GiB", "0MiB", "-1GiB", "1.5GiB", "1GB", "99999999999GiB", "é"] {
            assert!(parse(text).is_err(), "{text} was accepted");
        }
    }
}
