//! The guard around a real browser: whatever a page tries, nothing is dialled that the guard refuses. Runs in a network
//! namespace of its own without a way out, where the forbidden addresses are real and listeners count who knocks.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod pages;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use pages::Site;
use protocol::{Conclusion, Context, EngineChoice, JobResult};
use resolver::guard::{Answer, Exceptions, Names, UnresolvedName};
use resolver::{ResolveRequest, Resolver, Settings};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, UdpSocket};

/// Forbidden addresses that the namespace really has.
const FORBIDDEN: &[&str] =
    &["10.1.2.3", "192.168.1.1", "172.16.0.9", "169.254.169.254", "100.64.0.1", "192.0.2.7", "fd00::7", "fe80::7", "64:ff9b::a01:203"];

/// This machine's address in the network that it shares with a neighbour, and the neighbour's: public ones, which nothing
/// but the network that they are in forbids.
const OWN_ON_LINK: &str = "2a02:db::10/64";
const NEIGHBOUR: &str = "2a02:db::1";
/// The neighbour's port, and the file in which it notes who knocks.
const NEIGHBOUR_PORT: u16 = 8_080;
const NEIGHBOURS_NOTES: &str = "LINK_PEELER_TEST_NEIGHBOURS_NOTES";

/// Set for the test within the namespace.
const INSIDE: &str = "LINK_PEELER_TEST_NAMESPACE";

#[test]
fn nothing_that_a_page_tries_reaches_a_forbidden_address() {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.starts_with(b"0\n"));
    if !is_root {
        println!("skipped: a network namespace with addresses of its own needs root");
        return;
    }
    if let Err(cause) = Resolver::new(Settings::default()).unwrap().browser() {
        println!("skipped: {cause}");
        return;
    }
    let mut script = "ip link set lo up".to_owned();
    for address in FORBIDDEN {
        script.push_str(&format!(" && ip addr add {address} dev lo"));
    }
    let own = std::env::current_exe().unwrap();
    let run = |test: &str| format!("{} --exact {test} --ignored --nocapture", own.display());
    // The neighbour lives in a namespace of its own, at the other end of a cable.
    let notes = tempfile::NamedTempFile::new().unwrap();
    let within = format!(
        "{script} || exit 1
         mkfifo {notes}.up || exit 1
         unshare -n sh -c 'read cable < {notes}.up; ip addr add {NEIGHBOUR}/64 dev far nodad && ip link set far up && exec {neighbour} >/dev/null' &
         neighbour=$!
         trap 'kill $neighbour; rm -f {notes}.up' EXIT
         until [ \"$(readlink /proc/$neighbour/ns/net)\" != \"$(readlink /proc/$$/ns/net)\" ]; do :; done
         ip link add near type veth peer name far netns $neighbour && ip addr add {OWN_ON_LINK} dev near nodad && ip link set near up || exit 1
         echo > {notes}.up
         {test}",
        notes = notes.path().display(),
        neighbour = run("the_neighbour"),
        test = run("within_the_namespace"),
    );
    let output =
        Command::new("unshare").args(["-n", "sh", "-c", &within]).env(INSIDE, "1").env(NEIGHBOURS_NOTES, notes.path()).output().unwrap();
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{said}");
    assert!(output.status.success() && said.contains("1 passed"), "{complained}");
}

/// Counts who knocks at any address of the namespace.
struct Knocks {
    port: u16,
    count: Arc<AtomicUsize>,
}

impl Knocks {
    async fn listen() -> Self {
        let count = Arc::new(AtomicUsize::new(0));
        // Both families at one port, TCP and UDP.
        let v6 = TcpListener::bind("[::]:0").await.unwrap();
        let port = v6.local_addr().unwrap().port();
        let udp = UdpSocket::bind(("::", port)).await.unwrap();
        let http = TcpListener::bind("[::]:80").await.unwrap();
        for listener in [v6, http] {
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                while let Ok((mut stream, from)) = listener.accept().await {
                    println!("a knock from {from}");
                    count.fetch_add(1, Ordering::SeqCst);
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\nsecret").await.ok();
                }
            });
        }
        let packets = Arc::clone(&count);
        tokio::spawn(async move {
            let mut packet = [0; 2_048];
            while let Ok((length, from)) = udp.recv_from(&mut packet).await {
                println!("{length} bytes by UDP from {from}");
                packets.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { port, count }
    }

    fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

/// `private.test` is private, `both.test` is public and private, `rebind.test` becomes private after its first answer.
#[derive(Default)]
struct Rebinding {
    asked: Mutex<HashMap<String, usize>>,
}

impl Names for Rebinding {
    fn addresses<'a>(&'a self, name: &'a str) -> Answer<'a> {
        let turn = {
            let mut asked = self.asked.lock().unwrap();
            let turn = asked.entry(name.to_owned()).or_default();
            *turn += 1;
            *turn
        };
        let (public, private): (IpAddr, IpAddr) = ("93.184.215.14".parse().unwrap(), "10.1.2.3".parse().unwrap());
        let answer = match name {
            "private.test" => Ok(vec![private]),
            "both.test" => Ok(vec![public, private]),
            "rebind.test" if turn == 1 => Ok(vec![public]),
            "rebind.test" => Ok(vec![private]),
            "neighbour.test" => Ok(vec![NEIGHBOUR.parse().unwrap()]),
            "loop.test" => Ok(vec!["127.0.0.1".parse().unwrap()]),
            _ => Err(UnresolvedName { name: name.to_owned(), cause: "nobody knows it".to_owned() }),
        };
        Box::pin(std::future::ready(answer))
    }
}

fn resolver(site: &Site, allowed: Option<SocketAddr>) -> Resolver {
    let mut texts = vec![format!("site.test={}", site.address), format!("other.test={}", site.address)];
    texts.extend(allowed.map(|address| address.to_string()));
    let exceptions = Exceptions::parse(texts).unwrap();
    Resolver::new(Settings { exceptions, names: Arc::new(Rebinding::default()), ..Settings::default() }).unwrap()
}

async fn resolve(resolver: &Resolver, url: &str) -> JobResult {
    let context = Context { engine: Some(EngineChoice::Browser), ..Context::default() };
    let result = resolver.resolve(&ResolveRequest { tracking_url: url.to_owned(), context, ..ResolveRequest::default() }).await;
    println!("{url}: {}: {}", result.conclusion, result.detail);
    result
}

/// A page that knocks everywhere, by every means that scripts and markup have.
fn attack(port: u16) -> String {
    let mut targets: Vec<String> = FORBIDDEN
        .iter()
        .map(|address| if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") })
        .collect();
    targets.push("169.254.169.254".to_owned());
    targets.extend([format!("[{NEIGHBOUR}]:{NEIGHBOUR_PORT}"), format!("neighbour.test:{NEIGHBOUR_PORT}")]);
    for host in [
        "127.0.0.1",
        "localhost",
        "a.localhost",
        "[::1]",
        "0.0.0.0",
        "[::]",
        "2130706433",
        "0x7f.1",
        "127.1",
        "[::ffff:127.0.0.1]",
        "[::ffff:10.1.2.3]",
        "private.test",
        "both.test",
        "rebind.test",
        "loop.test",
        "10.1.2.3.",
    ] {
        targets.push(format!("{host}:{port}"));
    }
    let targets: Vec<String> = targets.iter().map(|target| format!("{target:?}")).collect();
    let markup: String = ["127.0.0.1", "10.1.2.3", "[fd00::7]", "rebind.test"]
        .iter()
        .map(|host| {
            let at = format!("{host}:{port}");
            format!(
                "<img src=http://{at}/img><script src=http://{at}/script></script><link rel=stylesheet href=http://{at}/css>\
                 <iframe src=http://{at}/frame></iframe><object data=http://{at}/object></object><embed src=http://{at}/embed>\
                 <video src=http://{at}/video></video><link rel=preconnect href=http://{at}><link rel=dns-prefetch href=//{at}>\
                 <link rel=prefetch href=http://{at}/prefetch><style>@import 'http://{at}/import'; @font-face {{font-family: x; src: url(http://{at}/font)}} p {{font-family: x}}</style>"
            )
        })
        .collect();
    format!(
        "<title>attack</title><p>attack{markup}<iframe src=/to-private></iframe><iframe name=sink></iframe><script>
        const quiet = f => {{ try {{ const p = f(); if (p && p.catch) p.catch(() => 0) }} catch (e) {{}} }};
        for (const at of [{targets}]) {{
          for (let turn = 0; turn < 3; turn++) quiet(() => fetch('http://' + at + '/fetch', {{mode: 'no-cors'}}));
          quiet(() => fetch('https://' + at + '/tls', {{mode: 'no-cors'}}));
          quiet(() => {{ const x = new XMLHttpRequest; x.open('GET', 'http://' + at + '/xhr'); x.send() }});
          quiet(() => new WebSocket('ws://' + at + '/ws'));
          quiet(() => new WebSocket('wss://' + at + '/wss'));
          quiet(() => new EventSource('http://' + at + '/events'));
          quiet(() => navigator.sendBeacon('http://' + at + '/beacon', 'x'));
          quiet(() => import('http://' + at + '/module.js'));
          quiet(() => new WebTransport('https://' + at + '/transport').ready);
          quiet(() => window.open('http://' + at + '/popup'));
          quiet(() => new Worker(URL.createObjectURL(new Blob(['fetch(\"http://' + at + '/worker\", {{mode: \"no-cors\"}}).catch(() => 0); new WebSocket(\"ws://' + at + '/worker-ws\")']))));
          quiet(() => {{ const f = document.createElement('form'); f.action = 'http://' + at + '/form'; f.target = 'sink'; f.method = 'post'; document.body.append(f); f.submit() }});
          quiet(() => {{ const i = new Image; i.src = 'http://' + at + '/image' }});
          quiet(() => {{
            const host = at.replace(/:\\d+$/, '');
            const peer = new RTCPeerConnection({{iceServers: [{{urls: 'stun:' + host + ':{port}'}}, {{urls: 'turn:' + host + ':{port}?transport=tcp', username: 'x', credential: 'y'}}]}});
            peer.createDataChannel('x');
            peer.createOffer().then(offer => peer.setLocalDescription(offer));
          }});
        }}
        </script>",
        targets = targets.join(",")
    )
}

/// Answers whoever knocks, and notes it, until it is killed.
#[tokio::test]
#[ignore = "runs in a namespace beside the one that the other test makes"]
async fn the_neighbour() {
    let mut notes = std::fs::OpenOptions::new().append(true).open(std::env::var_os(NEIGHBOURS_NOTES).unwrap()).unwrap();
    let listener = TcpListener::bind(("::", NEIGHBOUR_PORT)).await.unwrap();
    while let Ok((mut stream, from)) = listener.accept().await {
        std::io::Write::write_all(&mut notes, format!("a knock from {from}\n").as_bytes()).unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 31\r\n\r\n<title>LAN router admin</title>")
            .await
            .ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "runs in the namespace that the other test makes"]
async fn within_the_namespace() {
    assert!(std::env::var_os(INSIDE).is_some(), "only within a network namespace of its own");
    let knocks = Knocks::listen().await;
    let port = knocks.port;
    let script = |target: &str| format!("<p>go<script>location = 'http://{target}/'</script>");
    let site = Site::start(&[
        ("/attack", &attack(port)),
        ("/fine", "<title>fine</title><p>fine"),
        ("/to-private", &format!("HTTP/1.1 302 Found\r\nLocation: http://10.1.2.3:{port}/\r\nContent-Length: 0\r\n\r\n")),
        ("/script-private", &script(&format!("10.1.2.3:{port}"))),
        ("/script-loopback", &script(&format!("127.0.0.1:{port}"))),
        ("/script-localhost", &script(&format!("localhost:{port}"))),
        ("/script-metadata", &script("169.254.169.254")),
        ("/script-six", &script(&format!("[fd00::7]:{port}"))),
        ("/script-private-name", &script(&format!("private.test:{port}"))),
        ("/script-neighbour", &script(&format!("[{NEIGHBOUR}]:{NEIGHBOUR_PORT}"))),
        ("/to-neighbour", &format!("HTTP/1.1 302 Found\r\nLocation: http://neighbour.test:{NEIGHBOUR_PORT}/\r\nContent-Length: 0\r\n\r\n")),
        ("/script-both", &script(&format!("both.test:{port}"))),
        ("/meta-private", &format!("<p>go<meta http-equiv=refresh content='0;url=http://10.1.2.3:{port}/'>")),
        (
            "/form-private",
            &format!("<body onload='document.forms[0].submit()'><form method=post action='http://192.168.1.1:{port}/'></form>"),
        ),
        (
            "/script-rebind",
            &format!("<p>go<script>fetch('http://rebind.test:{port}/').catch(() => location = 'http://rebind.test:{port}/')</script>"),
        ),
    ])
    .await;
    let resolver = resolver(&site, None);

    let result = resolve(&resolver, "http://site.test/attack").await;
    assert_eq!(result.conclusion, Conclusion::Valid, "{}", result.detail);
    assert_eq!(knocks.count(), 0);
    let refused = result.beside.unwrap().refused;
    assert!(refused.iter().any(|told| told == "10.1.2.3 is refused: a private address"), "{refused:?}");

    for (path, told) in [
        ("/to-private", "10.1.2.3"),
        ("/script-private", "10.1.2.3"),
        ("/script-loopback", "127.0.0.1"),
        ("/script-localhost", "localhost"),
        ("/script-metadata", "169.254.169.254"),
        ("/script-six", "fd00::7"),
        ("/script-private-name", "10.1.2.3"),
        ("/script-both", "10.1.2.3"),
        ("/script-neighbour", NEIGHBOUR),
        ("/to-neighbour", NEIGHBOUR),
        ("/script-rebind", "10.1.2.3"),
        ("/meta-private", "10.1.2.3"),
        ("/form-private", "192.168.1.1"),
    ] {
        let result = resolve(&resolver, &format!("http://site.test{path}")).await;
        assert_eq!(result.conclusion, Conclusion::TargetRefused, "{path}: {}", result.detail);
        assert!(result.detail.contains(told), "{path}: {}", result.detail);
        assert_eq!(result.failing_hop, Some(1), "{path}");
        assert_eq!(result.hops[1].remote_addr, None, "{path}");
        assert_eq!(result.hops[0].remote_addr, Some(site.address.to_string()), "{path}");
        assert!(result.hops[0].guard_exception, "{path}");
    }
    let direct = resolve(&resolver, &format!("http://10.1.2.3:{port}/")).await;
    assert_eq!(direct.conclusion, Conclusion::TargetRefused);
    assert_eq!(knocks.count(), 0);

    // The neighbour, in the other engine too; then that it hears at all.
    let notes = || std::fs::read_to_string(std::env::var_os(NEIGHBOURS_NOTES).unwrap()).unwrap();
    let over_http = async |resolver: &Resolver| {
        let tracking_url = format!("http://[{NEIGHBOUR}]:{NEIGHBOUR_PORT}/");
        let context = Context { engine: Some(EngineChoice::Http), ..Context::default() };
        resolver.resolve(&ResolveRequest { tracking_url, context, ..ResolveRequest::default() }).await
    };
    assert_eq!(over_http(&resolver).await.conclusion, Conclusion::TargetRefused);
    assert_eq!(notes(), "");
    let neighbour = SocketAddr::new(NEIGHBOUR.parse().unwrap(), NEIGHBOUR_PORT);
    let allowed = over_http(&self::resolver(&site, Some(neighbour))).await;
    assert_eq!(allowed.title.as_deref(), Some("LAN router admin"), "{}", allowed.detail);
    assert!(notes().contains("a knock from [2a02:db::10]"));

    // That the listener hears at all: an exception for one of the addresses lets the same page through.
    let lenient = self::resolver(&site, Some(SocketAddr::new("10.1.2.3".parse().unwrap(), port)));
    let result = resolve(&lenient, "http://site.test/script-private").await;
    assert_eq!(result.hops[1].remote_addr, Some(format!("10.1.2.3:{port}")));
    assert!(knocks.count() > 0);
}
