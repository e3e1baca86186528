//! What desktops ask for. They only ever call out; the relay has no address for them.

mod devices;
mod keys;
mod last_heard;
mod link;
mod link_code;
mod pace;
mod pending;
mod pull;
mod release;
mod report;
mod results;
mod signature;
pub(crate) mod target;

pub(crate) use devices::Devices;
pub(crate) use keys::{create as create_key, list as list_keys, rename as rename_key, revoke as revoke_key, rotate as rotate_key};
pub(crate) use last_heard::LastHeard;
pub(crate) use link::{start as start_link, token as link_token};
pub(crate) use pace::Paces;
pub(crate) use pending::PendingLinks;
pub(crate) use pull::pull;
pub(crate) use release::release;
pub(crate) use report::report;
