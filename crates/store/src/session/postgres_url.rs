//! A `postgres://` URL: hosts, credentials, and how the connection is encrypted.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::StoreError;

/// Silence after which the system asks whether the other end is still there, and between the questions.
const KEEPALIVE: Duration = Duration::from_secs(5);
/// Time that sent bytes may stay unacknowledged before the connection counts as dead.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);
/// Time that the server may leave anything unanswered, unless the URL says otherwise. A server that hangs keeps its
/// connections open and acknowledges every byte, so that nothing below us ever notices.
const ANSWER: Duration = Duration::from_secs(10);
/// Seconds that the URL may ask for.
const ANSWER_BOUNDS: std::ops::RangeInclusive<u64> = 1..=3_600;

/// A parsed URL. Neither `Debug` nor an error shows its password.
#[derive(Clone)]
pub(crate) struct PostgresUrl {
    /// One for each host, in the order of the URL. Each is tried by itself: the driver would wait for a silent one before it
    /// went on to the next.
    hosts: Vec<Config>,
    answer_timeout: Duration,
    verification: Verification,
}

/// What of the server's certificate is checked. The words of libpq.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verification {
    /// `disable`, `prefer`, `require`: encrypted at most, the other end not checked.
    None,
    /// `verify-full`: chain and name, against these roots, or the system's.
    Full { roots: Option<String> },
}

impl PostgresUrl {
    /// Reads a URL. Beside what the driver knows (several hosts, `target_session_attrs`, …): `sslmode=verify-full`,
    /// `sslrootcert` with the path of a PEM file, and `answer_timeout`, the seconds that the server may leave anything
    /// unanswered.
    pub(crate) fn parse(text: &str) -> Result<Self, StoreError> {
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        let mut kept = Vec::new();
        let (mut mode, mut roots, mut answer_timeout) = (None, None, ANSWER);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value.to_owned()),
                Some(("answer_timeout", value)) => {
                    let seconds = value.parse().ok().filter(|seconds| ANSWER_BOUNDS.contains(seconds));
                    answer_timeout = Duration::from_secs(seconds.ok_or_else(|| {
                        StoreError::Setup(format!("answer_timeout={value} cannot be read: expected seconds, from 1 to 3600"))
                    })?);
                }
                Some(("sslrootcert", value)) => roots = Some(value.replace("%2F", "/")),
                _ => kept.push(pair),
            }
        }
        let mut config: Config = format!("{base}?{}", kept.join("&"))
            .parse()
            .map_err(|error| StoreError::Setup(format!("the database URL cannot be read: {error}")))?;
        let (ssl, verification) = match mode.as_deref() {
            Some("disable") => (SslMode::Disable, Verification::None),
            None | Some("prefer" | "allow") if roots.is_none() => (SslMode::Prefer, Verification::None),
            Some("require") if roots.is_none() => (SslMode::Require, Verification::None),
            None | Some("prefer" | "allow" | "require" | "verify-full") => (SslMode::Require, Verification::Full { roots }),
            Some(other) => {
                return Err(StoreError::Setup(format!("sslmode={other} is not known: expected disable, prefer, require or verify-full")));
            }
        };
        config.ssl_mode(ssl).application_name("link-peeler").connect_timeout(KEEPALIVE);
        config.keepalives(true).keepalives_idle(KEEPALIVE).keepalives_interval(KEEPALIVE).keepalives_retries(2);
        config.tcp_user_timeout(UNACKNOWLEDGED);
        Ok(Self { hosts: one_by_one(&config)?, answer_timeout, verification })
    }

    /// How to connect to each host, in the order of the URL.
    pub(super) fn hosts(&self) -> &[Config] {
        &self.hosts
    }

    /// Time that the server may leave anything unanswered.
    pub(super) const fn answer_timeout(&self) -> Duration {
        self.answer_timeout
    }

    pub(super) fn tls(&self) -> Result<MakeRustlsConnect, StoreError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let setup = |error: String| StoreError::Setup(format!("TLS to the database cannot be set up: {error}"));
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| setup(error.to_string()))?;
        let config = match &self.verification {
            Verification::None => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Unverified(provider))).with_no_client_auth()
            }
            Verification::Full { roots: Some(path) } => {
                builder.with_root_certificates(read_roots(Path::new(path)).map_err(setup)?).with_no_client_auth()
            }
            Verification::Full { roots: None } => {
                builder.with_platform_verifier().map_err(|error| setup(error.to_string()))?.with_no_client_auth()
            }
        };
        Ok(MakeRustlsConnect::new(config))
    }
}

/// The same configuration once for each of its hosts.
fn one_by_one(config: &Config) -> Result<Vec<Config>, StoreError> {
    let (hosts, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let count = hosts.len().max(addresses.len());
    if count == 0
        || (!hosts.is_empty() && !addresses.is_empty() && hosts.len() != addresses.len())
        || (ports.len() > 1 && ports.len() != count)
    {
        return Err(StoreError::Setup(
            "the database URL cannot be read: expected a host, and a port for each host or one for all".to_owned(),
        ));
    }
    Ok((0..count)
        .map(|index| {
            let mut one = without_hosts(config);
            match hosts.get(index) {
                Some(Host::Tcp(name)) => one.host(name),
                Some(Host::Unix(path)) => one.host_path(path),
                None => &mut one,
            };
            addresses.get(index).map(|address| one.hostaddr(*address));
            ports.get(index).or(ports.first()).map(|port| one.port(*port));
            one
        })
        .collect())
}

/// The driver has no way to take a host away again.
fn without_hosts(config: &Config) -> Config {
    let mut other = Config::new();
    config.get_user().map(|user| other.user(user));
    config.get_password().map(|password| other.password(password));
    config.get_dbname().map(|name| other.dbname(name));
    config.get_options().map(|options| other.options(options));
    config.get_application_name().map(|name| other.application_name(name));
    config.get_connect_timeout().map(|timeout| other.connect_timeout(*timeout));
    config.get_tcp_user_timeout().map(|timeout| other.tcp_user_timeout(*timeout));
    config.get_keepalives_interval().map(|interval| other.keepalives_interval(interval));
    config.get_keepalives_retries().map(|retries| other.keepalives_retries(retries));
    other
        .ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .keepalives(config.get_keepalives())
        .keepalives_idle(config.get_keepalives_idle())
        .target_session_attrs(config.get_target_session_attrs())
        .channel_binding(config.get_channel_binding());
    other
}

fn read_roots(path: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| format!("{}: {error}", path.display()))?;
    for certificate in certificates {
        roots.add(certificate.map_err(|error| format!("{}: {error}", path.display()))?).map_err(|error| error.to_string())?;
    }
    Ok(roots)
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresUrl")
            .field("hosts", &self.hosts.iter().flat_map(Config::get_hosts).collect::<Vec<_>>())
            .field("database", &self.hosts.first().and_then(Config::get_dbname))
            .finish_non_exhaustive()
    }
}

/// Takes any certificate, as libpq does below `verify-ca`: the bytes are encrypted, the other end is taken on trust.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_libpq_are_understood() {
        let verification = |query: &str| {
            PostgresUrl::parse(&format!("postgres://u:p@h1,h2:5433/db?{query}")).map(|url| (url.hosts[0].get_ssl_mode(), url.verification))
        };
        assert_eq!(verification("").unwrap(), (SslMode::Prefer, Verification::None));
        assert_eq!(verification("sslmode=disable").unwrap(), (SslMode::Disable, Verification::None));
        assert_eq!(verification("sslmode=require&target_session_attrs=read-write").unwrap(), (SslMode::Require, Verification::None));
        assert_eq!(verification("sslmode=verify-full").unwrap(), (SslMode::Require, Verification::Full { roots: None }));
        assert_eq!(
            verification("sslmode=verify-full&sslrootcert=/ca.pem").unwrap(),
            (SslMode::Require, Verification::Full { roots: Some("/ca.pem".to_owned()) })
        );
        assert!(verification("sslmode=verify-some").unwrap_err().to_string().contains("verify-some"));
    }

    #[test]
    fn every_host_is_tried_by_itself_with_all_that_the_url_says() {
        let url = "postgres://u:p@h1,h2:5433/db?target_session_attrs=read-write&options=-cx%3Dy&answer_timeout=3";
        let url = PostgresUrl::parse(url).unwrap();
        assert_eq!(url.answer_timeout(), Duration::from_secs(3));
        let both: Config = "postgres://u:p@h1,h2:5433/db?target_session_attrs=read-write&options=-cx%3Dy".parse().unwrap();
        for (host, (name, port)) in url.hosts().iter().zip([("h1", 5432), ("h2", 5433)]) {
            assert_eq!((host.get_hosts(), host.get_ports()), ([Host::Tcp(name.to_owned())].as_slice(), [port].as_slice()));
            assert_eq!(
                (host.get_user(), host.get_password(), host.get_dbname()),
                (both.get_user(), both.get_password(), both.get_dbname())
            );
            assert_eq!((host.get_options(), host.get_target_session_attrs()), (both.get_options(), both.get_target_session_attrs()));
        }
        assert!(PostgresUrl::parse("postgres://u@h/db?answer_timeout=0").is_err());
        assert!(PostgresUrl::parse("postgres:///db").is_err());
    }

    #[test]
    fn a_password_does_not_print() {
        let url = PostgresUrl::parse("postgres://u:canary@h/db").unwrap();
        assert!(!format!("{url:?}").contains("canary"));
        let refused = PostgresUrl::parse("postgres://u:canary@h:port/db").unwrap_err().to_string();
        assert!(!refused.contains("canary"), "{refused}");
    }
}
