//! The lease in etcd, over its JSON gateway (HTTP/1.1), so that neither gRPC nor its compiler is needed.
//!
//! Two keys: `/SCOPE/leader` is attached to the holder's lease and disappears with it; `/SCOPE/status` stays, and tells the holder's
//! epoch and how far its log reached. Both are written in one transaction, on the condition that there is no `leader` and that
//! `status` is as the bidder read it. So epochs are counted by compare-and-set, and no two holders have the same.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Lease, StoreError, View};
use crate::core::coordinated::Holder;
use crate::core::message::LogEnd;

/// Most bytes of an answer; these have a few hundred.
const MAX_ANSWER_BYTES: u64 = 64 << 10;

/// An etcd cluster, and whose keys are meant.
#[derive(Debug)]
pub(super) struct EtcdLease {
    http: ureq::Agent,
    endpoints: Vec<String>,
    /// The endpoint that answered last.
    current: usize,
    leader_key: String,
    status_key: String,
    id: String,
}

/// What `status` holds.
#[derive(Serialize, Deserialize)]
struct Status {
    id: String,
    epoch: u64,
    log_epoch: u64,
    lsn: u64,
}

impl EtcdLease {
    pub(super) fn new(endpoints: &[String], scope: &str, id: &str, patience: Duration) -> Self {
        // A proxy that the environment names is for the outside world.
        let http = ureq::Agent::config_builder().timeout_global(Some(patience)).proxy(None).build().into();
        let key = |name| BASE64.encode(format!("/{scope}/{name}"));
        EtcdLease {
            http,
            endpoints: endpoints.to_vec(),
            current: 0,
            leader_key: key("leader"),
            status_key: key("status"),
            id: id.to_owned(),
        }
    }

    /// Asks one endpoint after the other, beginning with the one that answered last.
    fn ask(&mut self, path: &str, question: &Value) -> Result<Value, StoreError> {
        let mut failed = Vec::new();
        for _ in 0..self.endpoints.len() {
            let endpoint = &self.endpoints[self.current];
            match self.ask_one(endpoint, path, question) {
                Ok(answer) => return Ok(answer),
                Err(error) => failed.push(format!("{endpoint}: {error}")),
            }
            self.current = (self.current + 1) % self.endpoints.len();
        }
        Err(StoreError(failed.join("; ")))
    }

    fn ask_one(&self, endpoint: &str, path: &str, question: &Value) -> Result<Value, String> {
        let url = format!("{endpoint}/v3/{path}");
        let mut answer = self.http.post(url).send(question.to_string()).map_err(|error| error.to_string())?;
        let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_string();
        let body = body.map_err(|error| error.to_string())?;
        serde_json::from_str(&body).map_err(|error| format!("answered what is no JSON: {error}"))
    }

    fn status(&self, holder: Holder) -> Value {
        let Holder { epoch, log } = holder;
        let status = Status { id: self.id.clone(), epoch, log_epoch: log.epoch, lsn: log.lsn };
        let status = serde_json::to_string(&status).expect("numbers and a string are JSON");
        json!({"key": self.status_key, "value": BASE64.encode(status)})
    }

    /// Does all of `then` if all of `conditions` hold.
    fn transact(&mut self, conditions: &Value, then: &Value) -> Result<(bool, Value), StoreError> {
        let answer = self.ask("kv/txn", &json!({"compare": conditions, "success": then}))?;
        // What is false is left out of etcd's JSON.
        Ok((answer["succeeded"] == true, answer))
    }
}

/// Numbers of 64 bits are strings in etcd's JSON, and zero is left out.
fn number(value: &Value) -> Result<i64, StoreError> {
    match value {
        Value::Null => Ok(0),
        Value::String(text) => text.parse().map_err(|_| StoreError(format!("`{text}` is no number"))),
        other => other.as_i64().ok_or_else(|| StoreError(format!("`{other}` is no number"))),
    }
}

fn parse_status(value: &Value) -> Option<Holder> {
    let text = BASE64.decode(value.as_str()?).ok()?;
    let Status { epoch, log_epoch, lsn, .. } = serde_json::from_slice(&text).ok()?;
    Some(Holder { epoch, log: LogEnd { epoch: log_epoch, lsn } })
}

impl Lease for EtcdLease {
    type Id = i64;

    fn look(&mut self) -> Result<View, StoreError> {
        let range = |key: &String| json!({"requestRange": {"key": key}});
        let both = json!([range(&self.leader_key), range(&self.status_key)]);
        let (_, answer) = self.transact(&json!([]), &both)?;
        let found = |index: usize| &answer["responses"][index]["response_range"]["kvs"][0];
        let status = found(1);
        let holder = match status {
            Value::Null => None,
            // Epochs must not begin anew because somebody wrote nonsense here.
            _ => Some(parse_status(&status["value"]).ok_or_else(|| {
                StoreError("its `status` key is not what a node writes; delete it to start over".to_owned())
            })?),
        };
        Ok(View { held: !found(0).is_null(), holder, version: number(&status["mod_revision"])? })
    }

    fn acquire(&mut self, ttl: Duration, version: i64, holder: Holder) -> Result<Option<i64>, StoreError> {
        let seconds = ttl.as_millis().div_ceil(1000);
        let granted = self.ask("lease/grant", &json!({"TTL": seconds.to_string()}))?;
        let lease = number(&granted["ID"])?;
        let conditions = json!([
            {"key": self.leader_key, "target": "CREATE", "createRevision": "0"},
            {"key": self.status_key, "target": "MOD", "modRevision": version.to_string()},
        ]);
        let leader = json!({"key": self.leader_key, "value": BASE64.encode(&self.id), "lease": lease.to_string()});
        let then = json!([{"requestPut": leader}, {"requestPut": self.status(holder)}]);
        let acquired = self.transact(&conditions, &then);
        if !matches!(acquired, Ok((true, _))) {
            let _ = self.release(lease); // at the latest it runs out
        }
        Ok(acquired?.0.then_some(lease))
    }

    fn renew(&mut self, lease: i64, holder: Holder) -> Result<bool, StoreError> {
        let kept = self.ask("lease/keepalive", &json!({"ID": lease.to_string()}))?;
        if number(&kept["result"]["TTL"])? <= 0 {
            return Ok(false);
        }
        let conditions = json!([{"key": self.leader_key, "target": "LEASE", "lease": lease.to_string()}]);
        let then = json!([{"requestPut": self.status(holder)}]);
        Ok(self.transact(&conditions, &then)?.0)
    }

    fn release(&mut self, lease: i64) -> Result<(), StoreError> {
        self.ask("lease/revoke", &json!({"ID": lease.to_string()})).map(|_| ())
    }
}
