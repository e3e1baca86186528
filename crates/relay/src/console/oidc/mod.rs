//! Signing in through an OpenID provider (OpenID Connect Core 1.0): the authorization code flow with PKCE, for any number of
//! providers that the relay's operator has named. Whom a verified identity is, and whether somebody wants them here, is
//! `store::people::identity`'s to decide.
//!
//! [`routes`] is the way through; [`flow`] is what a browser carries meanwhile, [`provider`] what is known of a provider,
//! [`discovery`], [`keys`] and [`id_token`] are what it says, and [`outward`] is the relay's one way out.

mod discovery;
mod fault;
mod flow;
mod id_token;
mod keys;
mod outward;
mod provider;
pub(super) mod routes;
mod settings;

pub(super) use fault::SignInFault;
pub(crate) use provider::Providers;
pub use settings::{InvalidProvider, OidcProvider};
