//! Any number of relays share one PostgreSQL: what one relay is told the others act upon, nothing is decided twice, and
//! nothing that was acknowledged is lost when connections, relays or servers go. The servers are real ones.
#![allow(clippy::unwrap_used)]

mod acknowledgement;
mod across;
mod caller;
mod clock;
mod connections;
mod desktop;
mod failover;
mod linking;
mod lost_hints;
mod patience;
mod proxy;
mod races;
mod rig;
mod startup;
mod traffic;
