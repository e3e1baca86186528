//! `link-peeler relay`: the service alone.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use domain::{LeasePolicy, Retention};
use protocol::key::AddressRange;
use relay::{Config, InstallSecrets, InvalidRate, ProxyHeaders, Rate, Relay, StartError, TlsError, TlsFiles, TrustedProxies};
use serde_json::json;
use store::DatabaseUrl;

use crate::database_place::{DATABASE_FILE, NamedDatabase};
use crate::exit::{Ended, Exit, Failure};
use crate::listen::{self, RELAY_PORT};
use crate::public_url::PublicUrl;
use crate::sign_in_flags::SignInFlags;
use crate::{data_dir, output, signals};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  link-peeler relay
  link-peeler relay --listen 0.0.0.0:443 --public-url https://relay.example --tls-cert chain.pem --tls-key key.pem
  link-peeler relay --public-url https://relay.example --trusted-proxy 127.0.0.1      (behind a proxy on this machine)
  link-peeler relay --database postgres://peeler@db.example/peeler --metrics-listen 127.0.0.1:9464
  link-peeler link list        (on this machine: desktops that ask to be linked)

Keys of this installation lie in the data folder's `relay` folder, readable by their owner alone. Relays that share a \
database share these files, too. Credentials for a database belong into a file (--database @FILE) or into LINK_PEELER_DATABASE, since others can read the \
command line.")]
pub(crate) struct Arguments {
    /// Path of a SQLite file, a postgres:// URL, which any number of relays may share, or @FILE with that URL in it; by default
    /// a file in the data folder
    #[arg(long, env = "LINK_PEELER_DATABASE", hide_env_values = true, value_name = "DATABASE")]
    database: Option<NamedDatabase>,
    /// Where callers and desktops connect
    #[arg(long, value_name = "ADDR:PORT", default_value_t = listen::loopback(RELAY_PORT))]
    listen: SocketAddr,
    /// Where metrics are served; by default nowhere
    #[arg(long, value_name = "ADDR:PORT")]
    metrics_listen: Option<SocketAddr>,
    /// URL under which the world knows this relay, such as https://relay.example, without a path; desktops sign it
    #[arg(long, env = "LINK_PEELER_PUBLIC_URL", value_name = "URL")]
    public_url: Option<PublicUrl>,
    /// Certificate with its chain, PEM: the relay speaks TLS itself. Read again when it changes
    #[arg(long, env = "LINK_PEELER_TLS_CERT", value_name = "FILE", requires = "tls_key", help_heading = "Edge")]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate, PEM
    #[arg(long, env = "LINK_PEELER_TLS_KEY", value_name = "FILE", requires = "tls_cert", help_heading = "Edge")]
    tls_key: Option<PathBuf>,
    /// A reverse proxy that may say whom it speaks for: an address or a network; may be given more than once
    #[arg(long = "trusted-proxy", env = "LINK_PEELER_TRUSTED_PROXIES", value_name = "CIDR", value_delimiter = ',', help_heading = "Edge")]
    trusted_proxies: Vec<AddressRange>,
    /// What trusted proxies write: `x-forwarded` (X-Forwarded-For, -Proto, -Host) or `forwarded` (RFC 7239)
    #[arg(long, env = "LINK_PEELER_PROXY_HEADERS", value_name = "WHICH", default_value = "x-forwarded", help_heading = "Edge")]
    proxy_headers: ProxyHeaders,
    /// Requests a second and at once that an address may send without proving whose they are; `off` for no limit
    #[arg(long, env = "LINK_PEELER_ADDRESS_LIMIT", value_name = "RATE:BURST", default_value_t = Limit(Some(Rate::OF_ADDRESS)), help_heading = "Edge")]
    address_limit: Limit,
    /// Requests a second and at once that one desktop may send; `off` for no limit
    #[arg(long, env = "LINK_PEELER_DEVICE_LIMIT", value_name = "RATE:BURST", default_value_t = Limit(Some(Rate::OF_DEVICE)), help_heading = "Edge")]
    device_limit: Limit,
    #[command(flatten)]
    sign_in: SignInFlags,
    /// Days that ended jobs and their results are kept; longer than idempotency keys
    #[arg(long, env = "LINK_PEELER_RETENTION_DAYS", value_name = "DAYS", default_value_t = Retention::default().job_days())]
    retention_days: u32,
    /// Days that idempotency keys are remembered; at least 1
    #[arg(long, env = "LINK_PEELER_IDEMPOTENCY_DAYS", value_name = "DAYS", default_value_t = Retention::default().idempotency_days())]
    idempotency_days: u32,
    /// TOML file of plans (`link-peeler plans show --toml` begins one)
    #[arg(long, env = "LINK_PEELER_PLANS", value_name = "FILE")]
    plans: Option<PathBuf>,
    /// Days that the audit is kept
    #[arg(long, env = "LINK_PEELER_AUDIT_DAYS", value_name = "DAYS", default_value_t = Retention::default().audit_days())]
    audit_days: u32,
    /// Seconds that a renewed lease lasts; for trying out what happens when desktops die
    #[arg(long, hide = true, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=3_600))]
    lease_seconds: Option<u32>,
    /// Seconds within which a new lease must be taken up
    #[arg(long, hide = true, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=3_600))]
    takeup_seconds: Option<u32>,
    /// Program that prints the sealing keys, one a line, the newest last; run without a shell, for at most 10 s
    #[arg(long, env = "LINK_PEELER_SEALING_KEY_COMMAND", value_name = "COMMAND")]
    sealing_key_command: Option<String>,
    /// Data folder
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// Print one line of JSON when it listens
    #[arg(long)]
    json: bool,
}

/// A limit, or none.
#[derive(Clone, Copy, Debug)]
struct Limit(Option<Rate>);

impl std::str::FromStr for Limit {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, InvalidRate> {
        if text == "off" { Ok(Self(None)) } else { text.parse().map(|limit| Self(Some(limit))) }
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Some(limit) => limit.fmt(f),
            None => f.write_str("off"),
        }
    }
}

pub(crate) async fn run(arguments: Arguments) -> Ended {
    let folder = data_dir::relay(arguments.data_dir)?;
    let retention = Retention::new(arguments.retention_days, arguments.idempotency_days)
        .map_err(|error| Failure::usage(format!("--retention-days and --idempotency-days: {error}")))?
        .with_audit_days(arguments.audit_days)
        .map_err(|error| Failure::usage(format!("--audit-days: {error}")))?;
    let usual = LeasePolicy::default();
    let millis = |seconds: Option<u32>, usual| seconds.map_or(usual, |seconds| i64::from(seconds) * 1_000);
    let leases = LeasePolicy {
        lease_millis: millis(arguments.lease_seconds, usual.lease_millis),
        takeup_millis: millis(arguments.takeup_seconds, usual.takeup_millis),
        ..usual
    };
    let database = arguments.database.as_ref().map(NamedDatabase::url).transpose()?;
    let config = Config {
        plans: super::plans::read(arguments.plans.as_ref())?,
        retention,
        leases,
        metrics_listen: arguments.metrics_listen,
        public_url: arguments.public_url.map(|url| url.to_string()),
        tls: arguments.tls_cert.zip(arguments.tls_key).map(|(certificate, key)| TlsFiles { certificate, key }),
        trusted_proxies: TrustedProxies { networks: arguments.trusted_proxies, headers: arguments.proxy_headers },
        address_limit: arguments.address_limit.0,
        device_limit: arguments.device_limit.0,
        oidc: arguments.sign_in.providers()?,
        ..config(arguments.listen, database, &folder, arguments.sealing_key_command.as_deref())?
    };
    let relay = Relay::start(config).await.map_err(failure)?;
    let stop = signals::stop_requested();
    let metrics_url = relay.metrics_address().map(|address| format!("http://{address}/metrics"));
    let setup = relay.first_setup_link().await.context("the relay's database")?;
    if arguments.json {
        let setup_url = setup.as_ref().map(protocol::Secret::expose);
        output::json(
            &json!({"setupUrl": setup_url, "relayUrl": relay.public_url(), "address": relay.address(), "metricsUrl": metrics_url, "dataDir": folder}),
        )?;
    } else {
        output::note(&format!("The relay listens on {} as {} until Ctrl-C.", relay.address(), relay.public_url()));
        if let Some(setup) = setup {
            output::note("Nobody is owner of it yet. Whoever opens this link within a day becomes one; it works once:");
            output::line(setup.expose())?;
        }
    }
    stop.await?;
    relay.shutdown().await;
    Ok(Exit::Ok)
}

/// A relay whose keys lie in `folder`, and its data too unless a database is named.
pub(crate) fn config(
    listen: SocketAddr,
    database: Option<DatabaseUrl>,
    folder: &std::path::Path,
    sealing_key_command: Option<&str>,
) -> Result<Config, Failure> {
    data_dir::create(folder)?;
    let source = super::secrets::source(folder, sealing_key_command)?;
    let secrets = InstallSecrets::load(folder, source).context("the relay's keys")?;
    Ok(Config::new(listen, database.unwrap_or_else(|| DatabaseUrl::Sqlite(folder.join(DATABASE_FILE))), secrets))
}

/// What a relay that did not start means to a script.
pub(crate) fn failure(error: StartError) -> Failure {
    match error {
        StartError::Listen { .. } | StartError::Store(_) | StartError::Tls(TlsError::File { .. }) => Failure::Unreachable(error.into()),
        StartError::Window | StartError::UnknownPlan(_) | StartError::Tls(_) | StartError::Oidc(_) => Failure::usage(error),
    }
}
