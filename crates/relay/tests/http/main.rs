//! What callers and desktops see of a relay over HTTP: every answer of the contract, in the order of its checks, from a
//! relay that is real but for its clock.
#![allow(clippy::unwrap_used)]

mod addresses;
mod batch;
mod bodies;
mod browser;
mod console;
mod desk;
mod device_signatures;
mod devices;
mod events;
mod flood;
mod frames;
mod framing;
mod health;
mod hostile;
mod http2;
mod jobs;
mod keys;
mod last_units;
mod leases;
mod limits;
mod linking;
mod log;
mod mutations;
mod noise;
mod one_packet;
mod order;
mod plans;
mod problems;
mod races;
mod refusals;
mod rows;
mod shutdown;
mod signatures;
mod silence;
mod slowness;
mod stage;
mod tenancy;
mod tls;
mod vectors;
mod wire;
