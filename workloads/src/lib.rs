//! What clients do: streams of operations drawn from a seed, and which checkers judge the history that they make.
//!
//! This crate knows the checker's words. It knows no process, no socket and no fault: whoever runs a workload supplies
//! a [`Client`](client::Client) for each logical client, and records what comes back.

pub mod append;
pub mod client;
pub mod pace;
pub mod register;
pub mod seed;
mod unique;
pub mod workload;
