//! TLS with the system's trust. HTTP/2 by ALPN where the server wants it.

use std::io;
use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::Verifier;

use crate::http1::Stream;

/// A TLS stream over anything.
pub(crate) type TlsStream = tokio_rustls::client::TlsStream<Box<dyn Stream>>;

/// What TLS is spoken with. The system's trust is read with the first handshake: some hundred files, which most of a
/// short run would be spent on.
#[derive(Clone)]
pub(crate) struct Tls(Arc<Trust>);

struct Trust {
    extra_roots: Vec<CertificateDer<'static>>,
    configs: OnceLock<Result<Configs, rustls::Error>>,
}

struct Configs {
    for_sites: Arc<ClientConfig>,
    for_proxies: Arc<ClientConfig>,
}

impl Tls {
    /// Trusts what the system trusts, and `extra_roots`.
    pub(crate) fn new(extra_roots: Vec<CertificateDer<'static>>) -> Self {
        Self(Arc::new(Trust { extra_roots, configs: OnceLock::new() }))
    }

    /// Reads the trust, unless that has been done.
    ///
    /// # Errors
    /// When the system's trust store, or an extra root, cannot be read. No handshake succeeds then.
    pub(crate) fn check(&self) -> Result<(), rustls::Error> {
        self.configs().map(|_| ())
    }

    fn configs(&self) -> Result<&Configs, rustls::Error> {
        self.0.configs.get_or_init(|| Configs::new(&self.0.extra_roots)).as_ref().map_err(Clone::clone)
    }

    /// Shakes hands with a site.
    ///
    /// # Errors
    /// The handshake's failure; `rustls::Error` lies within when it was no matter of the connection.
    pub(crate) async fn to_site(&self, host: &str, stream: Box<dyn Stream>) -> io::Result<TlsStream> {
        shake_hands(&self.configs().map_err(io::Error::other)?.for_sites, host, stream).await
    }

    /// Shakes hands with a proxy.
    ///
    /// # Errors
    /// As [`Self::to_site`].
    pub(crate) async fn to_proxy(&self, host: &str, stream: Box<dyn Stream>) -> io::Result<TlsStream> {
        shake_hands(&self.configs().map_err(io::Error::other)?.for_proxies, host, stream).await
    }
}

impl Configs {
    fn new(extra_roots: &[CertificateDer<'static>]) -> Result<Self, rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = Arc::new(Verifier::new_with_extra_roots(extra_roots.iter().cloned(), Arc::clone(&provider))?);
        let config = |protocols: &[&[u8]]| -> Result<Arc<ClientConfig>, rustls::Error> {
            let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
                .with_safe_default_protocol_versions()?
                .dangerous()
                // "Dangerous" is any verifier of one's own; this one is the operating system's.
                .with_custom_certificate_verifier(Arc::clone(&verifier) as Arc<dyn ServerCertVerifier>)
                .with_no_client_auth();
            config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
            Ok(Arc::new(config))
        };
        Ok(Self { for_sites: config(&[b"h2", b"http/1.1"])?, for_proxies: config(&[b"http/1.1"])? })
    }
}

async fn shake_hands(config: &Arc<ClientConfig>, host: &str, stream: Box<dyn Stream>) -> io::Result<TlsStream> {
    let bare = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    let name = ServerName::try_from(bare.to_owned()).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    tokio_rustls::TlsConnector::from(Arc::clone(config)).connect(name, stream).await
}
