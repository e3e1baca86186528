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
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::StoreError;

/// Silence after which the system asks whether the other end is still there, and between the questions.
const KEEPALIVE: Duration = Duration::from_secs(5);
/// Time that sent bytes may stay unacknowledged before the connection counts as dead.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);

/// A parsed URL. Neither `Debug` nor an error shows its password.
#[derive(Clone)]
pub(crate) struct PostgresUrl {
    config: Config,
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
    /// and `sslrootcert` with the path of a PEM file.
    pub(crate) fn parse(text: &str) -> Result<Self, StoreError> {
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        let mut kept = Vec::new();
        let (mut mode, mut roots) = (None, None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value.to_owned()),
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
        Ok(Self { config, verification })
    }

    pub(super) const fn config(&self) -> &Config {
        &self.config
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
            .field("hosts", &self.config.get_hosts())
            .field("database", &self.config.get_dbname())
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
            PostgresUrl::parse(&format!("postgres://u:p@h1,h2:5433/db?{query}")).map(|url| (url.config.get_ssl_mode(), url.verification))
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
    fn a_password_does_not_print() {
        let url = PostgresUrl::parse("postgres://u:canary@h/db").unwrap();
        assert!(!format!("{url:?}").contains("canary"));
        let refused = PostgresUrl::parse("postgres://u:canary@h:port/db").unwrap_err().to_string();
        assert!(!refused.contains("canary"), "{refused}");
    }
}
