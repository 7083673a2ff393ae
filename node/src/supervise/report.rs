//! What a node tells of itself in `INFO replication`, as far as a supervisor needs it.

/// A node's own account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) id: String,
    pub(super) leads: bool,
    pub(super) epoch: u64,
    /// Whom it takes for the leader; empty if for nobody.
    pub(super) leader_id: String,
    /// For how long it has not heard that leader.
    pub(super) leader_silent_ms: Option<u64>,
    /// The end of its log: the epoch of the last record, and its LSN.
    pub(super) last_epoch: u64,
    pub(super) last_lsn: u64,
}

impl Report {
    /// Reads `INFO replication`, whatever else may stand in it. `None` when what is needed is not there.
    pub(super) fn parse(info: &str) -> Option<Self> {
        let field = |wanted: &str| {
            let mut fields = info.lines().filter_map(|line| line.split_once(':'));
            fields.find(|(name, _)| *name == wanted).map(|(_, value)| value.trim())
        };
        let number = |wanted: &str| field(wanted)?.parse().ok();
        Some(Report {
            id: field("id")?.to_owned(),
            leads: field("role")? == "leader",
            epoch: number("epoch")?,
            leader_id: field("leader_id")?.to_owned(),
            leader_silent_ms: number("leader_silent_ms"),
            last_epoch: number("last_epoch")?,
            last_lsn: number("last_lsn")?,
        })
    }

    /// How far its log reaches. Greater is more up to date.
    pub(super) fn log_end(&self) -> (u64, u64) {
        (self.last_epoch, self.last_lsn)
    }

    /// Whether it has heard a leader within that time.
    pub(super) fn hears_leader(&self, patience_ms: u64) -> bool {
        !self.leads
            && !self.leader_id.is_empty()
            && self.leader_silent_ms.is_some_and(|silent_ms| silent_ms < patience_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_is_found_among_the_rest() {
        let info = "# Replication\r\nrole:follower\r\nid:n2\r\nepoch:3\r\nleader_id:n1\r\nleader_address:127.0.0.1:1\r\nlast_lsn:9\r\n\
                    last_epoch:2\r\nleader_silent_ms:40\r\nnew_field:1\r\n";
        let report = Report::parse(info).unwrap();
        assert_eq!((report.id.as_str(), report.leads, report.epoch, report.log_end()), ("n2", false, 3, (2, 9)));
        assert!(report.hears_leader(41) && !report.hears_leader(40));
        assert_eq!(Report::parse(&info.replace("epoch:3", "epoch:x")), None);
        assert_eq!(Report::parse("ok"), None);
    }
}
