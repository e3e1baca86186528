//! The relay: the web service that proves who called, admits signed requests, hands jobs to desktops, and answers what
//! became of them. [`router`] shows every route on one screen.

mod answer;
mod body;
mod clock_skew;
mod config;
mod connection;
mod console;
mod device_api;
mod edge;
mod health;
mod help;
mod ingress;
mod key_table;
mod key_upkeep;
mod keys;
mod live;
mod maintenance;
mod metrics;
mod mirror;
mod openapi;
mod operator;
mod path;
mod places;
mod problem;
mod rate;
mod refusals;
mod relay;
mod route;
mod router;
mod sealing_source;
mod secrets;
mod server;
mod state;
mod unread;

#[cfg(test)]
mod timing;

pub use config::{Config, DEFAULT_ACCOUNT};
pub use console::{InvalidProvider, OidcProvider, setup_link_on};
pub use edge::{ProxyHeaders, TlsError, TlsFiles, TrustedProxies};
pub use openapi::openapi_document;
pub use operator::accounts::ListedAccount;
pub use operator::people::{ListedInvitation, ListedMember, ListedPeople, OneTimeLink};
pub use operator::{LinkedDevice, PendingLink};
pub use rate::{InvalidRate, Rate};
pub use relay::{Relay, StartError};
pub use route::{Audience, Endpoint};
pub use router::endpoints;
pub use sealing_source::SealingSource;
pub use secrets::{InstallSecrets, SecretsError, add_sealing_key, keep_sealing_keys, read_private_file, read_sealing};
