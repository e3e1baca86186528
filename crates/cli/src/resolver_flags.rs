//! Flags for what follows the chains on this machine. The same for `resolve`, `desktop` and `up`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use resolver::guard::Exceptions;
use resolver::{BrowserChoice, ProxyProfile, Resolver, Settings, SetupError};

use crate::commands::rules;
use crate::exit::Failure;

#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "How chains are followed here")]
pub(crate) struct ResolverFlags {
    /// Dial ADDR:PORT for hosts that match, whatever their name resolves to: `*.test=127.0.0.1:8080`. May be repeated
    #[arg(long, value_name = "PATTERN=ADDR:PORT")]
    connect_to: Vec<String>,
    /// Let the guard pass this exact private or local address. May be repeated
    #[arg(long, value_name = "ADDR:PORT")]
    allow: Vec<String>,
    /// A proxy that contexts may ask for by name, such as `de=socks5://127.0.0.1:1080`; `de=@FILE` for one whose URL, with its
    /// password, stands in a file. One on this machine or in its network is asked only for names that resolve here to public
    /// addresses; a URL that ends in `#public` vouches that it leads to the public internet alone. May be repeated
    #[arg(long = "proxy-profile", value_name = "NAME=URL")]
    proxy_profiles: Vec<String>,
    /// Browser to use; by default the installed Chrome, Chromium or Edge
    #[arg(long, value_name = "PATH", conflicts_with = "no_browser")]
    browser: Option<PathBuf>,
    /// Never start a browser
    #[arg(long)]
    no_browser: bool,
    /// A TOML file of rules by which bot walls and offers that are gone are recognised, beside the built-in ones
    /// (`link-peeler rules`)
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Seconds for one hop; 15 unless told otherwise
    #[arg(long, value_name = "SECONDS")]
    hop_timeout: Option<u64>,
    /// Seconds for one whole chain; 60 unless told otherwise
    #[arg(long, value_name = "SECONDS")]
    chain_timeout: Option<u64>,
    /// Requests a second to one host, 20 unless told otherwise; 0 for no limit
    #[arg(long, value_name = "N")]
    pace: Option<u32>,
}

/// The name under which a profile from `--proxy URL` is kept.
pub(crate) const UNNAMED_PROXY: &str = "proxy";

impl ResolverFlags {
    /// The settings that the flags ask for. `at_once` is how many chains the command follows at once.
    pub(crate) fn settings(&self, at_once: usize, unnamed_proxy: Option<&str>) -> Result<Settings, Failure> {
        let mut settings = Settings { proxies: self.proxies(unnamed_proxy)?, browser: self.browser_choice(), ..Settings::default() };
        settings.exceptions = Exceptions::parse(self.connect_to.iter().chain(&self.allow)).map_err(Failure::usage)?;
        if let Some(file) = &self.rules {
            settings.rules = rules::read(file)?;
        }
        let budgets = &mut settings.budgets;
        budgets.chains_at_once = at_once.max(1);
        budgets.hop = self.hop_timeout.map_or(budgets.hop, Duration::from_secs);
        budgets.chain = self.chain_timeout.map_or(budgets.chain, Duration::from_secs);
        budgets.pace_per_host = self.pace.unwrap_or(budgets.pace_per_host);
        Ok(settings)
    }

    /// Whether `--proxy-profile` has named a proxy so.
    pub(crate) fn has_profile(&self, name: &str) -> bool {
        self.proxy_profiles.iter().any(|profile| profile.split_once('=').is_some_and(|(own, _)| own == name))
    }

    fn proxies(&self, unnamed: Option<&str>) -> Result<BTreeMap<String, ProxyProfile>, Failure> {
        let named = self
            .proxy_profiles
            .iter()
            // What is no name is not told either: it may be the beginning of a URL with a password in it.
            .map(|text| text.split_once('=').filter(|(name, _)| is_proxy_name(name)))
            .map(|named| named.ok_or_else(|| Failure::usage("--proxy-profile: expected NAME=URL, or NAME=@FILE")));
        let unnamed = unnamed.map(|url| Ok((UNNAMED_PROXY, url)));
        named
            .chain(unnamed)
            .map(|profile| {
                let (name, url) = profile?;
                // Others can read arguments, and the URL of a proxy may hold a password.
                let in_file = url.strip_prefix('@').map(|file| relay::read_private_file(Path::new(file))).transpose();
                let in_file = in_file.map_err(|why| anyhow::anyhow!("proxy `{name}`: {why}"))?;
                let profile: ProxyProfile = in_file
                    .as_ref()
                    .map_or(url, |secret| secret.expose())
                    .parse()
                    .map_err(|fault| Failure::usage(format!("proxy `{name}`: {fault}")))?;
                if in_file.is_none() && profile.credentials.is_some() {
                    return Err(Failure::usage(format!(
                        "proxy `{name}`: user and password do not belong on the command line, where others on this machine read them; write the URL into a file that only you can read (chmod 600) and name that: --proxy-profile NAME=@FILE, or --proxy @FILE"
                    )));
                }
                Ok((name.to_owned(), profile))
            })
            .collect()
    }

    fn browser_choice(&self) -> BrowserChoice {
        match (&self.browser, self.no_browser) {
            (Some(path), _) => BrowserChoice::Executable(path.clone()),
            (None, true) => BrowserChoice::Off,
            (None, false) => BrowserChoice::Installed,
        }
    }
}

/// As `context.proxy` has it (`docs/protocol.md`).
fn is_proxy_name(text: &str) -> bool {
    matches!(text.len(), 1..=64) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// Makes the resolver.
pub(crate) fn resolver(settings: Settings) -> Result<Resolver, Failure> {
    Resolver::new(settings).map_err(|error| match error {
        SetupError::EmptyBudget(_) => Failure::usage(error),
        SetupError::Trust(_) => Failure::Unreachable(error.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(named: &str, unnamed: Option<&str>) -> Result<BTreeMap<String, ProxyProfile>, String> {
        let flags = ResolverFlags { proxy_profiles: vec![named.to_owned()], ..ResolverFlags::default() };
        flags.proxies(unnamed).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_proxys_password_is_taken_from_a_file_and_not_from_the_command_line() {
        let with_password = "socks5://me:canary@127.0.0.1:1080";
        for told in [
            proxies(&format!("de={with_password}"), None).unwrap_err(),
            proxies("de=socks5://127.0.0.1:1080", Some(with_password)).unwrap_err(),
            proxies("de=http://canary@127.0.0.1:3128", None).unwrap_err(),
            proxies("de=http://:canary@127.0.0.1:3128", None).unwrap_err(),
        ] {
            assert!(told.contains("@FILE") && told.contains("command line") && !told.contains("canary"), "{told}");
        }
        // Without its name, up to a sign of the password: none of it is told.
        let told = proxies("socks5://me:canary=x@127.0.0.1:1080", None).unwrap_err();
        assert!(told.contains("NAME=URL") && !told.contains("canary"), "{told}");

        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), with_password).unwrap();
        let at_file = format!("@{}", file.path().display());
        let read = proxies(&format!("de={at_file}"), Some(&at_file)).unwrap();
        for name in ["de", UNNAMED_PROXY] {
            assert_eq!(read[name].credentials.as_ref().unwrap().password.expose(), "canary", "{name}");
        }
    }
}
