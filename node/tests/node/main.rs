//! Nodes as real processes, spoken to over real sockets. Faults belong to the harness; here it is about the parts fitting together.

mod cluster;
mod commands;
mod coordinator;
mod disk;
mod drift;
mod failover;
mod killed;
mod members;
mod metrics;
mod replicas;
mod route;
mod storage;
mod supervise;
mod support;
mod tail;
