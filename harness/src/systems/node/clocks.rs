//! How a node's clock is made wrong: a file that the node looks at all the time, see `interregnum_node::clock`. `INFO server` tells what
//! the clock shows.
//!
//! Not here: when (`fault::clock`).

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::connection::within;
use super::info::section;
use super::{Node, STATUS_LIMIT};
use crate::system::{Clocks, Place, Reading, Skew};

/// Beside the node's directory, as what is in there is the node's own.
pub(super) fn file(place: &Place) -> PathBuf {
    place.directory.with_extension("clock")
}

impl Clocks for Node {
    fn skew(&self, place: &Place, skew: Skew) -> io::Result<()> {
        // Renamed, so that nobody reads half of it.
        let (file, new) = (file(place), place.directory.with_extension("clock-new"));
        fs::write(&new, format!("{} {}\n", skew.ppm, skew.jump_ms))?;
        fs::rename(new, file)
    }

    fn read<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, io::Result<Reading>> {
        async move { parse(&within(STATUS_LIMIT, section(place.clients, "server")).await?) }.boxed()
    }
}

fn parse(text: &str) -> io::Result<Reading> {
    let fields: BTreeMap<_, _> = text.lines().filter_map(|line| line.split_once(':')).collect();
    let number = |name: &str| fields.get(name).and_then(|text| text.parse::<i64>().ok());
    let reading = || {
        let skew = Skew { ppm: number("clock_ppm")?, jump_ms: number("clock_jump_ms")? };
        Some(Reading { shown_us: number("clock_us")?.try_into().ok()?, skew })
    };
    reading().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "INFO tells nothing of the clock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_is_what_info_tells() {
        let text = "ack:majority\r\nclock_us:1500\r\nclock_ppm:-20\r\nclock_jump_ms:7\r\n";
        assert_eq!(parse(text).unwrap(), Reading { shown_us: 1500, skew: Skew { ppm: -20, jump_ms: 7 } });
        assert!(parse("ack:majority\r\nclock_us:x\r\n").unwrap_err().to_string().contains("nothing of the clock"));
    }
}
