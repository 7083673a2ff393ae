//! The other members of the cluster, and what an id is.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// Another member of the cluster, and the address at which *this* node reaches it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Peer {
    /// The member's id.
    pub id: String,
    /// Its `--peer-listen` address, or that of a proxy in front of it.
    pub address: SocketAddr,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.id, self.address)
    }
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (id, address) = text.split_once('=').ok_or("expected ID=ADDRESS, as in `n2=127.0.0.1:7002`")?;
        let address = address.parse().map_err(|_| format!("`{address}` is no IP address with a port"))?;
        Ok(Peer { id: parse_id(id)?, address })
    }
}

/// Longest accepted node id; ids travel in every hello and stand in every log line.
const MAX_ID_BYTES: usize = 32;
/// A leader's commit needs a majority, so more members only make it slower; Raft clusters have 3 to 7.
pub(crate) const MAX_MEMBERS: usize = 15;

pub(crate) fn parse_id(text: &str) -> Result<String, String> {
    let fits = (1..=MAX_ID_BYTES).contains(&text.len());
    if fits && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is no node id: 1 to {MAX_ID_BYTES} letters, digits, `-` or `_`"))
    }
}
