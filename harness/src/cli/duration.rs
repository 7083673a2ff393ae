//! Durations on the command line: `500ms`, `10s`, `2m`, `1h`.

use std::time::Duration;

/// Reads a duration that is longer than nothing.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let duration = parse_or_zero(text)?;
    if duration.is_zero() { Err(format!("`{text}` is no time at all: give more than 0")) } else { Ok(duration) }
}

/// Reads a duration.
pub(super) fn parse_or_zero(text: &str) -> Result<Duration, String> {
    let expected = || format!("`{text}` is no duration: give a number and a unit, as in 500ms, 10s or 2m");
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit_ms = match &text[digits.len()..] {
        "ms" => 1.0,
        "s" | "" => 1000.0,
        "m" => 60_000.0,
        "h" => 3_600_000.0,
        _ => return Err(expected()),
    };
    let number: f64 = digits.parse().map_err(|_| expected())?;
    Duration::try_from_secs_f64(number * unit_ms / 1000.0).map_err(|_| expected())
}

/// The shortest form that [`parse`] reads back.
pub(super) fn show(duration: Duration) -> String {
    match duration.as_millis() {
        ms if ms % 1000 == 0 => format!("{}s", ms / 1000),
        ms => format!("{ms}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, ms) in
            [("500ms", 500), ("10s", 10_000), ("2m", 120_000), ("1.5s", 1500), ("3", 3000), ("2h", 7_200_000)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "s", "10 parsecs", "-1s", "0s", "NaNs", "1e300s", "é"] {
            assert!(parse(text).is_err(), "{text} was accepted");
        }
    }

    #[test]
    fn zero_is_read_only_where_it_makes_sense() {
        for text in ["0", "0s", "0ms"] {
            assert_eq!(parse_or_zero(text), Ok(Duration::ZERO), "{text}");
            assert!(parse(text).is_err(), "{text} was accepted");
        }
        assert!(parse_or_zero("0 parsecs").is_err());
    }

    #[test]
    fn what_is_shown_can_be_read() {
        for ms in [1, 500, 1000, 1500, 60_000] {
            let duration = Duration::from_millis(ms);
            assert_eq!(parse(&show(duration)), Ok(duration));
        }
    }
}
