//! TLS in the relay itself: what is agreed upon, what is refused, and a certificate that changes while it serves.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, KeyPair};
use relay::{Config, Relay, StartError, TlsFiles};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::stage::Stage;
use crate::wire::Request;

/// What both certificates are for.
const NAME: &str = "relay.example";

/// A certificate that signs itself, and its key.
struct Pair {
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    key_pem: String,
}

fn new_pair() -> Pair {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![NAME.to_owned()]).unwrap().self_signed(&key).unwrap();
    Pair { certificate: certificate.der().clone(), certificate_pem: certificate.pem(), key_pem: key.serialize_pem() }
}

fn files(folder: &Path) -> TlsFiles {
    TlsFiles { certificate: folder.join("chain.pem"), key: folder.join("key.pem") }
}

fn write(folder: &Path, certificate_pem: &str, key_pem: &str) {
    let TlsFiles { certificate, key } = files(folder);
    std::fs::write(certificate, certificate_pem).unwrap();
    std::fs::write(key, key_pem).unwrap();
}

async fn stage(pair: &Pair) -> Stage {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &pair.certificate_pem, &pair.key_pem);
    let tls = files(folder.path());
    Stage::on(folder, |config| config.tls = Some(tls)).await
}

/// A client that trusts these certificates, speaks these protocols and these versions.
fn client(trusted: &[&Pair], protocols: &[&str], versions: &[&'static SupportedProtocolVersion]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    for pair in trusted {
        roots.add(pair.certificate.clone()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

const ALL_VERSIONS: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

async fn connect(address: SocketAddr, client: &TlsConnector) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    client.connect(ServerName::try_from(NAME).unwrap(), stream).await
}

fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone()
}

fn request_of(stage: &Stage, signed: &Request) -> hyper::Request<Full<Bytes>> {
    let mut request = hyper::Request::builder().method(signed.method.as_str()).uri(format!("https://{}{}", stage.address(), signed.target));
    for (name, value) in signed.headers.iter().filter(|(name, _)| name != "Host") {
        request = request.header(name, value.as_slice());
    }
    request.body(Full::new(Bytes::from(signed.body.clone()))).unwrap()
}

#[tokio::test]
async fn both_protocols_are_spoken_over_both_versions_of_tls() {
    let pair = new_pair();
    let stage = stage(&pair).await;
    assert!(stage.relay.public_url().starts_with("https://"));
    for versions in [&[&rustls::version::TLS13], &[&rustls::version::TLS12]] {
        let stream = connect(stage.address(), &client(&[&pair], &["h2", "http/1.1"], versions)).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
        let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        let driven = tokio::spawn(connection);
        let name = format!("h2-{}", stage.count());
        let answer = sender.send_request(request_of(&stage, &stage.fetch(&name))).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (202, http::Version::HTTP_2));
        driven.abort();

        for protocols in [&["http/1.1"] as &[&str], &[]] {
            let mut stream = connect(stage.address(), &client(&[&pair], protocols, versions)).await.unwrap();
            stream.write_all(&stage.fetch(&format!("h1-{}", stage.count())).to_bytes()).await.unwrap();
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"HTTP/1.1 202");
        }
    }
}

#[tokio::test]
async fn a_page_over_tls_asks_browsers_to_stay_with_it() {
    let pair = new_pair();
    let stage = stage(&pair).await;
    let stream = connect(stage.address(), &client(&[&pair], &["h2"], ALL_VERSIONS)).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    for (target, expected) in [("/problems/not_found", Some("max-age=31536000")), ("/healthz", None)] {
        let answer = sender.send_request(request_of(&stage, &Request::new("GET", target))).await.unwrap();
        assert_eq!(answer.headers().get("strict-transport-security").map(|value| value.to_str().unwrap()), expected, "{target}");
    }
    let plain = Stage::new().await;
    let page = plain.send(&Request::new("GET", "/problems/not_found").header("Host", "a")).await;
    assert_eq!((page.status, page.header("strict-transport-security")), (200, None));
}

#[tokio::test]
async fn a_desktop_signs_the_https_url() {
    let pair = new_pair();
    let stage = stage(&pair).await;
    let desk = stage.desk().await;
    let body = serde_json::to_vec(&crate::desk::pull(1)).unwrap();
    let stream = connect(stage.address(), &client(&[&pair], &["h2"], ALL_VERSIONS)).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    for (scheme, status) in [("https", 200), ("http", 401)] {
        let uri = format!("{scheme}://{}/api/device/pull", stage.address());
        let headers = protocol::device_signature::sign(&desk.key, desk.id, stage.now(), "POST", &uri, &body);
        let mut request = Request::new("POST", "/api/device/pull").json(body.clone());
        for (name, value) in headers.pairs() {
            request = request.header(name, value);
        }
        assert_eq!(sender.send_request(request_of(&stage, &request)).await.unwrap().status().as_u16(), status, "{scheme}");
    }
}

#[tokio::test]
async fn whoever_speaks_plain_http_is_told_so_and_nonsense_is_cut() {
    let stage = stage(&new_pair()).await;
    let answer = stage.send(&Request::new("GET", "/healthz").header("Host", "a")).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("https://"), "{}", answer.text());
    for nonsense in [b"\x16\x03\x01\x00\x02\x01\x00".as_slice(), b"\x16\xff\xff\xff\xff\xff\xff\xff\xff\xff"] {
        let mut connection = crate::wire::Connection::open(stage.address()).await;
        connection.write(nonsense).await.unwrap();
        let _ = connection.write(&[0; 64]).await;
        connection.until_closed().await;
    }
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_cut() {
    let stage = stage(&new_pair()).await;
    let silent = crate::wire::Connection::open(stage.address()).await;
    let mut half = crate::wire::Connection::open(stage.address()).await;
    half.write(b"\x16\x03\x01").await.unwrap();
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    assert!(silent.until_closed().await.is_empty());
    assert!(half.until_closed().await.is_empty());
    assert!(began.elapsed() <= Duration::from_secs(15), "{:?}", began.elapsed());
}

/// Requests, one after the other and each on a connection of its own, until told to stop; none may fail.
async fn keep_asking(address: SocketAddr, client: TlsConnector, requests: Vec<Vec<u8>>, stop: Arc<AtomicBool>) -> u32 {
    let mut answered = 0;
    for request in requests.iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let mut stream = connect(address, &client).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        answered += 1;
    }
    answered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_changes_under_load_fails_no_request() {
    let (first, second) = (new_pair(), new_pair());
    let stage = stage(&first).await;
    let folder = stage.folder.path().to_owned();
    let both = client(&[&first, &second], &["http/1.1"], ALL_VERSIONS);
    let healthz = Request::new("GET", "/healthz").header("Host", NAME).to_bytes();
    // One connection stays for all of it.
    let mut kept = connect(stage.address(), &both).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let load: Vec<_> =
        (0..8).map(|_| tokio::spawn(keep_asking(stage.address(), both.clone(), vec![healthz.clone()], Arc::clone(&stop)))).collect();
    // A key that does not fit, half a certificate, none at all: the first one stays.
    for (certificate, key) in [(&first.certificate_pem[..], &second.key_pem[..]), (&first.certificate_pem[..300], ""), ("", "")] {
        write(&folder, certificate, key);
        stage_has_looked(&stage, &both, &first).await;
    }
    std::fs::remove_file(files(&folder).key).unwrap();
    stage_has_looked(&stage, &both, &first).await;
    write(&folder, &second.certificate_pem, &second.key_pem);
    let changed = async {
        while shown(&connect(stage.address(), &both).await.unwrap()) != second.certificate {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), changed).await.expect("the new certificate is shown");
    stop.store(true, Ordering::Relaxed);
    let mut answered = 0;
    for task in load {
        answered += task.await.unwrap();
    }
    assert!(answered > 100, "{answered}");
    kept.write_all(&healthz).await.unwrap();
    let mut answer = [0; 12];
    kept.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    // Whoever trusts the old one alone is out.
    assert!(connect(stage.address(), &client(&[&first], &[], ALL_VERSIONS)).await.is_err());
}

/// Asks for as long as it takes the relay to have looked at its files, and sees `expected` all the while.
async fn stage_has_looked(stage: &Stage, client: &TlsConnector, expected: &Pair) {
    let asked = AtomicU32::new(0);
    let asking = async {
        loop {
            assert_eq!(shown(&connect(stage.address(), client).await.unwrap()), expected.certificate);
            asked.fetch_add(1, Ordering::Relaxed);
        }
    };
    // The relay looks every two seconds.
    let _ = tokio::time::timeout(Duration::from_millis(2_500), asking).await;
    assert!(asked.load(Ordering::Relaxed) > 0);
}

#[tokio::test]
async fn a_pair_that_cannot_be_used_starts_no_relay() {
    let (one, other) = (new_pair(), new_pair());
    for (certificate, key, says) in [
        (one.certificate_pem.as_str(), other.key_pem.as_str(), "do not fit"),
        ("", one.key_pem.as_str(), "chain.pem has no certificate"),
        (one.certificate_pem.as_str(), "nonsense", "key.pem has no private key"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), certificate, key);
        let error = start_error(&folder, files(folder.path())).await;
        assert!(error.contains(says), "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(start_error(&folder, files(folder.path())).await.contains("chain.pem"));
}

async fn start_error(folder: &tempfile::TempDir, tls: TlsFiles) -> String {
    let secrets = relay::InstallSecrets::load_or_create(folder.path()).unwrap();
    let database = store::DatabaseUrl::Sqlite(folder.path().join("relay.db"));
    let mut config = Config::new(SocketAddr::from(([127, 0, 0, 1], 0)), database, secrets);
    config.tls = Some(tls);
    match Relay::start(config).await {
        Err(error @ StartError::Tls(_)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}
