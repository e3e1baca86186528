//! HTTP/2 where the server wants it.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio_rustls::TlsAcceptor;

use crate::server::start;
use crate::tls::{certificate, server_config};
use crate::{HOP, resolve_within, settings};

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    let builder = match request.uri().path() {
        "/end" => Response::builder().status(200).header("content-type", "text/html"),
        "/huge" => Response::builder().status(200).header("x-huge", "y".repeat(300_000)),
        _ => Response::builder().status(302).header("location", "/end").header("set-cookie", "k=1"),
    };
    let has_cookie = request.headers().get("cookie").is_some_and(|cookie| cookie == "k=1");
    let body = if request.uri().path() == "/end" && has_cookie { "<title>h2</title><p>here" } else { "" };
    Ok(builder.body(Full::new(Bytes::from(body))).unwrap())
}

async fn start_h2() -> (std::net::SocketAddr, rustls_pki_types::CertificateDer<'static>) {
    let (certificate, key) = certificate("a.test", |_| ());
    let mut config = server_config(certificate.clone(), key);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let address = start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service_fn(answer))
                .await;
        }
    })
    .await;
    (address, certificate)
}

#[tokio::test]
async fn a_chain_over_http2_lands_with_its_cookies() {
    let (address, certificate) = start_h2().await;
    let mut settings = settings(address);
    settings.extra_roots = vec![certificate];
    let result = resolve_within(settings, "https://a.test/start?a|b", HOP, 1).await;
    assert_eq!((result.conclusion.code(), result.title.as_deref()), ("valid", Some("h2")), "{}", result.detail);
    assert_eq!(result.hops[1].http_version.as_deref(), Some("HTTP/2"));
    assert_eq!(result.hops[0].set_cookies, ["k"]);
}

#[tokio::test]
async fn a_head_beyond_the_limit_fails_over_http2_too() {
    let (address, certificate) = start_h2().await;
    let mut settings = settings(address);
    settings.extra_roots = vec![certificate];
    assert_eq!(resolve_within(settings, "https://a.test/huge", HOP, 2).await.conclusion.code(), "connect_failed");
}
