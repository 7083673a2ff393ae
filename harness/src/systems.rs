//! The systems that the harness can launch, one file each.

pub mod node;
