//! `REPLICATION STATUS`: the followers as an aligned table, for people.
//!
//! Not here: the same for programs (`info`, `metrics`).

use crate::core::status::{FollowerStatus, Status};

const TITLES: [&str; 12] = [
    "follower",
    "state",
    "sync_state",
    "sent_lsn",
    "write_lsn",
    "flush_lsn",
    "replay_lsn",
    "lag_records",
    "lag_bytes",
    "lag_ms",
    "verified_lsn",
    "drifted_ranges",
];

/// A line for each follower below the titles; none but these at who does not lead.
pub(super) fn follower_table(status: &Status) -> String {
    let row = |told: &FollowerStatus| {
        [
            status.members.id(told.member).to_owned(),
            told.state.to_owned(),
            told.sync_state.to_owned(),
            told.sent_lsn.to_string(),
            told.write_lsn.to_string(),
            told.match_lsn.to_string(),
            told.write_lsn.to_string(),
            status.last_lsn.saturating_sub(told.match_lsn).to_string(),
            told.lag_bytes.to_string(),
            told.lag_ms.to_string(),
            told.verified_lsn.to_string(),
            told.drifted_ranges.to_string(),
        ]
    };
    aligned(std::iter::once(TITLES.map(str::to_owned)).chain(status.followers.iter().map(row)).collect())
}

fn aligned<const COLUMNS: usize>(rows: Vec<[String; COLUMNS]>) -> String {
    let widths: [usize; COLUMNS] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0));
    let line = |row: [String; COLUMNS]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_begin_below_their_titles() {
        let rows = [["id", "lag"], ["n2", "7"], ["follower-3", "10"]].map(|row| row.map(str::to_owned));
        assert_eq!(aligned(rows.into()), "id          lag\nn2          7\nfollower-3  10\n");
    }
}
