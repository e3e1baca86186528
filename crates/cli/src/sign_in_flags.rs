//! Which OpenID providers a relay's operators may sign in through: one by flags, any number in a file. Client secrets come
//! from files or from the environment, never from the command line, which others can read.

use std::path::{Path, PathBuf};

use clap::Args;
use protocol::Secret;
use relay::OidcProvider;

use crate::exit::Failure;
use crate::named_file;

/// The client secret of the provider that the flags name.
const SECRET_VARIABLE: &str = "LINK_PEELER_OIDC_CLIENT_SECRET";
/// What paths call the provider that the flags name.
const ID: &str = "oidc";

#[derive(Args, Debug)]
pub(crate) struct SignInFlags {
    /// Issuer of an OpenID provider that operators may sign in through, such as https://accounts.google.com; give it
    /// PUBLIC_URL/sign-in/oidc/callback as redirect URI
    #[arg(long, env = "LINK_PEELER_OIDC_ISSUER", value_name = "URL", help_heading = "Sign-in", requires = "oidc_client_id")]
    oidc_issuer: Option<String>,
    /// Who this relay is to the provider
    #[arg(long, env = "LINK_PEELER_OIDC_CLIENT_ID", value_name = "ID", help_heading = "Sign-in", requires = "oidc_issuer")]
    oidc_client_id: Option<String>,
    /// File with the client secret, readable by its owner alone; LINK_PEELER_OIDC_CLIENT_SECRET may hold the secret instead
    #[arg(long, env = "LINK_PEELER_OIDC_CLIENT_SECRET_FILE", value_name = "FILE", help_heading = "Sign-in", requires = "oidc_issuer")]
    oidc_client_secret_file: Option<PathBuf>,
    /// What people call the provider, on the button “Sign in with NAME”
    #[arg(long, env = "LINK_PEELER_OIDC_NAME", value_name = "NAME", help_heading = "Sign-in", default_value = "OpenID")]
    oidc_name: String,
    /// TOML file of providers, one table each: name, issuer, client_id, client_secret_file or client_secret_env; the table's
    /// name stands in the redirect URI, PUBLIC_URL/sign-in/TABLE/callback
    #[arg(long, env = "LINK_PEELER_OIDC_PROVIDERS", value_name = "FILE", help_heading = "Sign-in")]
    oidc_providers: Option<PathBuf>,
}

impl SignInFlags {
    /// The providers that they name.
    pub(crate) fn providers(&self) -> Result<Vec<OidcProvider>, Failure> {
        let mut providers = match &self.oidc_providers {
            Some(file) => from_file(file)?,
            None => Vec::new(),
        };
        if let Some((issuer, client_id)) = self.oidc_issuer.as_ref().zip(self.oidc_client_id.as_ref()) {
            let secret = match &self.oidc_client_secret_file {
                Some(file) => Some(OidcProvider::secret_of_file(file).map_err(anyhow::Error::msg)?),
                None => std::env::var(SECRET_VARIABLE).ok().map(Secret::new),
            };
            providers.push(OidcProvider::new((ID, &self.oidc_name), (issuer, client_id), secret).map_err(Failure::usage)?);
        }
        Ok(providers)
    }
}

fn from_file(file: &Path) -> Result<Vec<OidcProvider>, Failure> {
    let folder = file.parent().unwrap_or(Path::new(""));
    named_file::read(file, |text| OidcProvider::from_toml(text, folder, |name| std::env::var(name).ok()))
}
