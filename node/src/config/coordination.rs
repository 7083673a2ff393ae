//! Where the coordinator is whose lease decides who leads.
//!
//! Not here: how long the lease lasts (`failover`), asking for it (`crate::coordinator`).

use std::fmt;
use std::str::FromStr;

use clap::Args;

/// The members of an etcd cluster, as `etcd=http://HOST:PORT,…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Etcd {
    /// Their client URLs, each without a slash at its end.
    pub endpoints: Vec<String>,
}

impl fmt::Display for Etcd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "etcd={}", self.endpoints.join(","))
    }
}

impl FromStr for Etcd {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no coordinator: give etcd=http://HOST:PORT, several separated by commas");
        let urls = text.strip_prefix("etcd=").ok_or_else(wrong)?;
        let endpoint = |url: &str| {
            let url = url.trim_end_matches('/');
            let address = url.strip_prefix("http://").filter(|address| !address.is_empty() && !address.contains('/'));
            address.map(|_| url.to_owned()).ok_or_else(wrong)
        };
        Ok(Etcd { endpoints: urls.split(',').map(endpoint).collect::<Result<_, _>>()? })
    }
}

/// The flags about the coordinator itself.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Coordination {
    /// The store that grants the lease of `--election coordinator`, as `etcd=http://HOST:PORT`; several endpoints of one etcd
    /// cluster are separated by commas.
    #[arg(long, value_name = "STORE")]
    pub coordinator: Option<Etcd>,

    /// The name of this cluster in that store, where there may be others: its keys begin with `/SCOPE/`.
    #[arg(long, value_name = "NAME", default_value = "interregnum", value_parser = parse_scope)]
    pub scope: String,
}

fn parse_scope(text: &str) -> Result<String, String> {
    // As an id, so that no scope can begin another's keys.
    super::parse_id(text).map_err(|_| format!("`{text}` is no scope: 1 to 32 letters, digits, `-` or `_`"))
}
