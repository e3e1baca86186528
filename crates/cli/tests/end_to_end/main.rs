//! The binary as processes that die, hang and come back: a caller from the field, a relay on a file, desktops that
//! follow links of a real site.
#![allow(clippy::unwrap_used)]

mod caller;
mod commands;
mod desktop;
mod field;
mod keychain;
mod killed_keys;
mod kills;
mod noise;
mod process;
mod recipes;
mod relay;
mod replay;
mod schemathesis;
mod site;
mod suspended;
