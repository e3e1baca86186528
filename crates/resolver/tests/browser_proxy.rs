//! A browser behind a proxy of the user's: its credentials are added on the way out, and whoever else finds that way is
//! not let through. Alone in its file, since it looks for what this process listens on.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use protocol::{Conclusion, Context, EngineChoice, JobResult};
use rcgen::{CertificateParams, KeyPair};
use resolver::{ResolveRequest, Resolver, Settings};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

/// `Basic me:secret`.
const RIGHT: &str = "Proxy-Authorization: Basic bWU6c2VjcmV0";

/// How long a job may take to come to its landing page.
const PATIENCE: Duration = Duration::from_secs(20);

/// A proxy that is the whole internet behind it: it answers for every host, over TLS inside a tunnel too.
struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    certificate: Vec<u8>,
}

struct Shared {
    /// First lines of what came with the right credentials.
    asked: Mutex<Vec<String>>,
    /// Requests without them, or with something else.
    others: Mutex<Vec<String>>,
    slow_is_asked: Notify,
    slow_may_answer: Notify,
    tls: TlsAcceptor,
}

impl Upstream {
    async fn start() -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["shop.example".to_owned()]).unwrap().self_signed(&key).unwrap().der().clone();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .unwrap();
        let shared = Arc::new(Shared {
            asked: Mutex::default(),
            others: Mutex::default(),
            slow_is_asked: Notify::new(),
            slow_may_answer: Notify::new(),
            tls: TlsAcceptor::from(Arc::new(config)),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&serving)));
            }
        });
        Self { address, shared, certificate: certificate.to_vec() }
    }

    fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap().clone()
    }
}

async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    while let Some(head) = head(&mut stream).await {
        let line = head.lines().next().unwrap().to_owned();
        if head.lines().filter(|field| field.starts_with("Proxy-Authorization")).ne([RIGHT]) {
            shared.others.lock().unwrap().push(head);
            stream.write_all(b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"mine\"\r\nContent-Length: 0\r\n\r\n").await.ok();
            continue;
        }
        shared.asked.lock().unwrap().push(line.clone());
        if line.starts_with("CONNECT ") {
            stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await.ok();
            let Ok(mut inside) = shared.tls.accept(stream).await else { return };
            while let Some(head) = self::head(&mut inside).await {
                answer(&mut inside, head.lines().next().unwrap(), &shared).await;
            }
            return;
        }
        answer(&mut stream, &line, &shared).await;
    }
}

async fn answer(stream: &mut (impl AsyncWrite + Unpin), line: &str, shared: &Shared) {
    let path = line.split(' ').nth(1).unwrap().trim_start_matches("http://shop.example");
    let page = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let text = match path {
        "/go" => "HTTP/1.1 302 Found\r\nLocation: https://shop.example/step\r\nSet-Cookie: seen=1\r\nContent-Length: 0\r\n\r\n".to_owned(),
        "/step" => "HTTP/1.1 302 Found\r\nLocation: http://shop.example/landing\r\nContent-Length: 0\r\n\r\n".to_owned(),
        "/landing" => page("<title>shoes</title><p>shoes<script>fetch('/slow')</script>"),
        "/slow" => {
            shared.slow_is_asked.notify_one();
            shared.slow_may_answer.notified().await;
            page("late")
        }
        _ => page("<title>else</title><p>else"),
    };
    stream.write_all(text.as_bytes()).await.ok();
}

/// Ports that this process listens on.
fn own_ports() -> Vec<u16> {
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let links = descriptors.filter_map(|entry| Some(std::fs::read_link(entry.path()).ok()?.to_string_lossy().into_owned()));
    let sockets: HashSet<String> = links.filter_map(|link| Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())).collect();
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let fields = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    // Local address, state (0A is LISTEN) and inode of a line (proc_pid_net(5)).
    let listening = fields.filter(|fields| fields[3] == "0A" && sockets.contains(fields[9]));
    listening.map(|fields| u16::from_str_radix(fields[1].split(':').next_back().unwrap(), 16).unwrap()).collect()
}

async fn knock(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    head(&mut stream).await.unwrap()
}

async fn resolve(upstream: &Upstream, credentials: &str) -> JobResult {
    let mut settings = Settings { extra_roots: vec![upstream.certificate.clone().into()], ..Settings::default() };
    // No name of these cases resolves here, and the proxy stands on this machine: its user vouches for it.
    settings.proxies.insert("p".to_owned(), format!("http://{credentials}@{}#public", upstream.address).parse().unwrap());
    let resolver = Resolver::new(settings).unwrap();
    let context = Context { engine: Some(EngineChoice::Browser), proxy: Some("p".to_owned()), ..Context::default() };
    let request = ResolveRequest { tracking_url: "http://shop.example/go".to_owned(), context, ..ResolveRequest::default() };
    resolver.resolve(&request).await
}

fn has_browser() -> bool {
    Resolver::new(Settings::default()).unwrap().browser().inspect_err(|cause| println!("skipped: {cause}")).is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_out_through_a_proxy_of_the_users_is_the_browsers_alone() {
    if !has_browser() {
        return;
    }
    let upstream = Upstream::start().await;
    let attack = async {
        upstream.shared.slow_is_asked.notified().await;
        let port = own_ports().into_iter().find(|port| *port != upstream.address.port()).unwrap();
        for request in [
            "GET http://paid.example/ HTTP/1.1\r\nHost: paid.example\r\n\r\n".to_owned(),
            "CONNECT paid.example:443 HTTP/1.1\r\nHost: paid.example\r\n\r\n".to_owned(),
            format!("GET http://paid.example/ HTTP/1.1\r\nHost: paid.example\r\n{RIGHT}\r\n\r\n"),
            "POST http://paid.example/ HTTP/1.1\r\nHost: paid.example\r\nContent-Length: 2\r\n\r\nab".to_owned(),
        ] {
            let answer = knock(port, &request).await;
            assert!(answer.starts_with("HTTP/1.1 407 "), "{request}: {answer}");
        }
        upstream.shared.slow_may_answer.notify_one();
    };
    // A job that fails never asks for the slow part: nobody waits for the attack for ever.
    let (result, attacked) = tokio::join!(resolve(&upstream, "me:secret"), tokio::time::timeout(PATIENCE, attack));
    assert_eq!(result.conclusion, Conclusion::Valid, "{}", result.detail);
    assert!(attacked.is_ok());
    let hops: Vec<_> = result.hops.iter().map(|hop| (hop.url.as_str(), hop.status, hop.set_cookies.len())).collect();
    let expected = [
        ("http://shop.example/go", Some(302), 1),
        ("https://shop.example/step", Some(302), 0),
        ("http://shop.example/landing", Some(200), 0),
    ];
    assert_eq!(hops, expected);
    let asked = upstream.asked();
    assert!(!asked.iter().any(|line| line.contains("paid.example")), "{asked:?}");
    assert!(asked.iter().any(|line| line.starts_with("CONNECT shop.example:443")), "{asked:?}");
    assert_eq!(*upstream.shared.others.lock().unwrap(), [""; 0], "nothing went on without the right credentials");
    assert!(result.hops.iter().all(|hop| hop.remote_addr == Some(upstream.address.to_string())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_wants_other_credentials_is_no_fault_of_the_link_in_the_browser_either() {
    if !has_browser() {
        return;
    }
    let upstream = Upstream::start().await;
    let result = resolve(&upstream, "me:wrong").await;
    assert_eq!(result.conclusion, Conclusion::ContextUnavailable, "{}", result.detail);
    let told = upstream.shared.others.lock().unwrap().clone();
    assert!(!told.is_empty() && told.iter().all(|head| head.contains(" Basic bWU6d3Jvbmc=")), "{told:?}");
}
