//! The binary as a person or a script meets it: what it prints, where, and with which exit code.
#![allow(clippy::unwrap_used)]

mod audit;
mod db;
mod help;
mod house;
mod program;
mod relay;
mod resolve;
mod sign;
mod up;
