//! Certificates and handshakes that are bad, each in its own way.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

use crate::server::{page, start, start_answering};
use crate::{HOP, concluded, resolve_within, settings};

/// A self-signed certificate for `host`.
pub(crate) fn certificate(host: &str, change: impl FnOnce(&mut CertificateParams)) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
    change(&mut params);
    let certificate = params.self_signed(&key).unwrap().der().clone();
    (certificate, PrivateKeyDer::Pkcs8(key.serialize_der().into()))
}

pub(crate) fn server_config(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> ServerConfig {
    ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap()
}

/// Serves one page over TLS.
async fn start_tls(config: ServerConfig) -> SocketAddr {
    let acceptor = TlsAcceptor::from(Arc::new(config));
    start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = stream.read_u8().await else { return };
                head.push(byte);
            }
            let _ = stream.write_all(&page("", b"<p>secret")).await;
            let _ = stream.shutdown().await;
        }
    })
    .await
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_fails() {
    let (certificate, key) = certificate("a.test", |_| ());
    let address = start_tls(server_config(certificate, key)).await;
    assert_eq!(concluded(address, "https://a.test/").await, "tls_failed");
}

#[tokio::test]
async fn trusted_but_expired_or_anothers_fails_and_the_right_one_passes() {
    for (host, is_expired, expected) in [("a.test", true, "tls_failed"), ("b.test", false, "tls_failed"), ("a.test", false, "valid")] {
        let (certificate, key) = certificate(host, |params| {
            if is_expired {
                params.not_after = date_time_ymd(2020, 1, 1);
            }
        });
        let mut settings = settings(start_tls(server_config(certificate.clone(), key)).await);
        settings.extra_roots = vec![certificate];
        let result = resolve_within(settings, "https://a.test/", HOP, 2).await;
        assert_eq!(result.conclusion.code(), expected, "{host} {is_expired}: {}", result.detail);
        if expected == "valid" {
            assert_eq!(result.hops[0].tls_version.as_deref(), Some("TLSv1.3"));
        }
    }
}

#[tokio::test]
async fn what_is_no_tls_fails_as_tls() {
    let plain = start_answering(page("", b"<p>plain")).await;
    let hangs_up = start(async |stream| drop(stream)).await;
    let resets_in_the_handshake = start(async |mut stream| {
        let _ = stream.read_u8().await;
        let _ = stream.set_zero_linger();
    })
    .await;
    let sends_an_alert = start(async |mut stream| {
        let _ = stream.write_all(&[0x15, 3, 3, 0, 2, 2, 40]).await;
        let _ = stream.read_u8().await;
    })
    .await;
    for address in [plain, hangs_up, resets_in_the_handshake, sends_an_alert] {
        // A plain server waits for the end of a head that never comes; some of these only run out of time.
        let code = concluded(address, "https://a.test/").await;
        assert!(code == "tls_failed" || address == plain && code == "timed_out", "{code}");
    }
}

#[tokio::test]
async fn a_handshake_that_never_ends_runs_out_of_time() {
    let address = start(async |mut stream| while stream.read_u8().await.is_ok() {}).await;
    assert_eq!(concluded(address, "https://a.test/").await, "timed_out");
}
