//! TLS: the certificate and its key from two PEM files, read again when they change. A pair that cannot be used leaves the
//! last good one in place, and is named in the log.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ServerConfig};
use sha2::{Digest, Sha256};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// How often the files are read again: soon enough for whoever renews them, and two small files cost nothing. Contents
/// are compared, not times: links that are switched over and copies that keep their time are seen, too.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// What is offered in the handshake (RFC 7301), best first.
const PROTOCOLS: [&[u8]; 2] = [H2, b"http/1.1"];
pub(super) const H2: &[u8] = b"h2";

/// Where the certificate and its key lie.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate and whatever chain leads up from it, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

/// Why a certificate and its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is not there, or not for us to read.
    #[error("{file}: {error}")]
    File {
        /// The file.
        file: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// A file has nothing of use in it.
    #[error("{file} has no {wanted} in PEM form")]
    Content {
        /// The file.
        file: PathBuf,
        /// What is missing.
        wanted: &'static str,
    },
    /// The two do not belong together, or are of a kind that is not known.
    #[error("the certificate and the key do not fit: {0}")]
    Pair(#[from] rustls::Error),
}

/// TLS with the certificate of the moment.
pub(crate) struct Tls {
    files: TlsFiles,
    provider: Arc<CryptoProvider>,
    current: Arc<Current>,
    config: Arc<ServerConfig>,
    /// What the files held when they were last looked at, in short.
    seen: [u8; 32],
}

/// The certificate that new handshakes get.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// When they cannot be used.
    pub(crate) fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let read = Pem::read(&files)?;
        let current = Arc::new(Current(RwLock::new(Arc::new(read.pair(&files, &provider)?))));
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Current>::clone(&current));
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        config.ticketer = aws_lc_rs::Ticketer::new()?;
        Ok(Self { seen: read.digest(), files, provider, current, config: Arc::new(config) })
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    /// Looks at the files again and again, until the relay drains.
    pub(crate) async fn follow_files(mut self, draining: CancellationToken) {
        let mut ticks = tokio::time::interval(LOOK_AGAIN);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = draining.cancelled() => return,
            }
            let looked = tokio::task::spawn_blocking(move || {
                let outcome = self.look();
                (self, outcome)
            });
            let Ok((myself, outcome)) = looked.await else { return };
            self = myself;
            match outcome {
                Ok(true) => tracing::info!(certificate = %self.files.certificate.display(), "the TLS certificate was read again"),
                Ok(false) => {}
                Err(error) => tracing::error!(%error, "the TLS certificate has changed and cannot be used; the last one stays"),
            }
        }
    }

    /// Takes up what has changed. `Ok(false)`: nothing has, or what is wrong was said before.
    fn look(&mut self) -> Result<bool, TlsError> {
        let read = match Pem::read(&self.files) {
            Ok(read) => read,
            Err(error) => {
                let absent = Sha256::digest(error.to_string().as_bytes()).into();
                return if std::mem::replace(&mut self.seen, absent) == absent { Ok(false) } else { Err(error) };
            }
        };
        let digest = read.digest();
        if std::mem::replace(&mut self.seen, digest) == digest {
            return Ok(false);
        }
        let pair = Arc::new(read.pair(&self.files, &self.provider)?);
        *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = pair;
        Ok(true)
    }
}

/// The bytes of both files.
struct Pem {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

impl Pem {
    fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let read = |file: &Path| std::fs::read(file).map_err(|error| TlsError::File { file: file.to_owned(), error });
        Ok(Self { certificate: read(&files.certificate)?, key: Zeroizing::new(read(&files.key)?) })
    }

    fn digest(&self) -> [u8; 32] {
        let parts = [self.certificate.as_slice(), b"\0", self.key.as_slice()];
        parts.into_iter().fold(Sha256::new(), |digest, part| digest.chain_update(part)).finalize().into()
    }

    fn pair(&self, files: &TlsFiles, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
        let lacks = |file: &Path, wanted| TlsError::Content { file: file.to_owned(), wanted };
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .map_err(|_| lacks(&files.certificate, "well-formed certificate"))?;
        if chain.is_empty() {
            return Err(lacks(&files.certificate, "certificate"));
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| lacks(&files.key, "private key"))?;
        let pair = CertifiedKey::new(chain, provider.key_provider.load_private_key(key)?);
        match pair.keys_match() {
            // Of some kinds of keys it cannot be told; then nothing speaks against them.
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(pair),
            Err(error) => Err(error.into()),
        }
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}
