//! Clocks that go wrong, each node's own and never the host's: the seam behind which a system has its clock skewed and tells what it
//! shows.
//!
//! Not here: when that is done (`fault::clock`).

use std::io;
use std::ops::{Add, Neg};

use futures::future::BoxFuture;

use super::Place;

/// How wrong a clock is. Several of these add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skew {
    /// By how many millionths it is faster than it should be.
    pub ppm: i64,
    /// By how much it has jumped, in milliseconds.
    pub jump_ms: i64,
}

/// What a node's clock shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Since whenever the node counts from, in microseconds.
    pub shown_us: u64,
    /// How wrong the node itself knows it to be.
    pub skew: Skew,
}

/// What a system offers whose nodes' clocks can be made wrong.
pub trait Clocks: Send + Sync {
    /// Makes a node's clock wrong by this and nothing else, from soon on, whether the node runs now or not.
    fn skew(&self, place: &Place, skew: Skew) -> io::Result<()>;

    /// Reads a node's clock.
    fn read<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, io::Result<Reading>>;
}

impl Add for Skew {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { ppm: self.ppm + other.ppm, jump_ms: self.jump_ms + other.jump_ms }
    }
}

impl Neg for Skew {
    type Output = Self;

    fn neg(self) -> Self {
        Self { ppm: -self.ppm, jump_ms: -self.jump_ms }
    }
}
