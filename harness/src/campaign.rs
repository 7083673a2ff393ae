//! Many runs: which there are, who makes them, what they came to together.
//!
//! Each run is a child process of this program, so that whatever becomes of one harms no other.

mod child;
mod outcome;
mod pool;

#[allow(unused_imports)]
pub(crate) use child::{ChildRun, end_with_parent};
#[allow(unused_imports)]
pub(crate) use outcome::Outcome;
#[allow(unused_imports)]
pub(crate) use pool::run_all;
