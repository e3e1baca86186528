//! Proxies that work, refuse, lie or keep silent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::server::{page, read_request, start, start_answering};
use crate::{HOP, resolve_within, through};

async fn code(proxy: &str, url: &str) -> (&'static str, String) {
    let result = resolve_within(through(proxy), url, HOP, 2).await;
    (result.conclusion.code(), result.detail)
}

#[tokio::test]
async fn plain_requests_go_to_a_proxy_in_absolute_form() {
    let address = start(async |mut stream| {
        while let Some(line) = read_request(&mut stream).await {
            let answer = match line.as_str() {
                "GET http://shop.example/a?b HTTP/1.1" => b"HTTP/1.1 302 Found\r\nLocation: /end\r\nContent-Length: 0\r\n\r\n".to_vec(),
                "GET http://shop.example/end HTTP/1.1" => page("", b"<p>here"),
                _ => b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec(),
            };
            let _ = stream.write_all(&answer).await;
        }
    })
    .await;
    let result = resolve_within(through(&format!("http://{address}")), "http://shop.example/a?b", HOP, 1).await;
    assert_eq!(result.conclusion.code(), "valid", "{}", result.detail);
    assert_eq!(result.observed.proxy.as_deref(), Some("p"));
    assert_eq!(result.hops[0].remote_addr, Some(address.to_string()));
}

#[tokio::test]
async fn a_proxy_that_wants_other_credentials_is_no_fault_of_the_link() {
    let address = start_answering(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n".to_vec()).await;
    for url in ["http://shop.example/", "https://shop.example/"] {
        let (code, detail) = code(&format!("http://{address}"), url).await;
        assert_eq!(code, "context_unavailable", "{url}: {detail}");
    }
}

#[tokio::test]
async fn a_proxy_that_lies_is_found_out() {
    let speaks_no_http = start_answering(b"hello\r\n\r\n".to_vec()).await;
    let hangs_up = start(async |stream| drop(stream)).await;
    let sends_bytes_before_the_target = start_answering(b"HTTP/1.1 200 OK\r\n\r\nsurprise".to_vec()).await;
    for address in [speaks_no_http, hangs_up, sends_bytes_before_the_target] {
        let (code, detail) = code(&format!("http://{address}"), "https://shop.example/").await;
        assert_eq!(code, "context_unavailable", "{detail}");
    }
    let opens_a_tunnel_to_nowhere = start(async |mut stream| {
        read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        let _ = stream.read_u8().await;
        let _ = stream.write_all(b"not TLS at all, whatever was promised").await;
    })
    .await;
    assert_eq!(code(&format!("http://{opens_a_tunnel_to_nowhere}"), "https://shop.example/").await.0, "tls_failed");
    let (closed, detail) = code("http://127.0.0.1:1", "https://shop.example/").await;
    assert_eq!(closed, "context_unavailable", "{detail}");
}

#[tokio::test]
async fn a_proxy_that_keeps_silent_runs_out_of_time() {
    let address = start(async |mut stream| while stream.read_u8().await.is_ok() {}).await;
    assert_eq!(code(&format!("http://{address}"), "https://shop.example/").await.0, "timed_out");
    assert_eq!(code(&format!("socks5://{address}"), "http://shop.example/").await.0, "timed_out");
}

#[tokio::test]
async fn a_proxy_is_not_asked_for_what_is_local() {
    let address = start_answering(page("", b"<p>inside")).await;
    for url in [
        "http://10.0.0.1/",
        "http://router/",
        "http://printer.local/",
        "http://[fd00::1]/",
        "http://localhost:8080/",
        "http://shop.example:25/",
    ] {
        let (code, detail) = code(&format!("http://{address}"), url).await;
        assert_eq!(code, "target_refused", "{url}: {detail}");
    }
}

#[tokio::test]
async fn a_proxy_beside_us_never_hears_of_a_name_that_leads_home() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let address = start(move |mut stream| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            while read_request(&mut stream).await.is_some() {
                let _ = stream.write_all(&page("", b"<p>inside")).await;
            }
        }
    })
    .await;
    for scheme in ["http", "socks5"] {
        let proxy = format!("{scheme}://{address}");
        for (url, expected) in [
            ("http://10-0-0-1.nip.example/", "target_refused"),
            ("https://10-0-0-1.nip.example/", "target_refused"),
            ("http://127-0-0-1.nip.example:8080/", "target_refused"),
            ("http://router.lan/", "target_refused"),
            ("http://nas.corp/", "target_refused"),
            ("http://nas.intranet/", "target_refused"),
            ("http://10-0-0-1.nip.example./", "target_refused"),
            ("http://known.to.the.proxy.only/", "dns_failed"),
        ] {
            let (code, detail) = code(&proxy, url).await;
            assert_eq!(code, expected, "{url} through {proxy}: {detail}");
        }
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    // That it answers at all: its user vouches for it.
    let (code, detail) = code(&format!("http://{address}#public"), "http://known.to.the.proxy.only/").await;
    assert_eq!(code, "valid", "{detail}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_unknown_proxy_is_named() {
    let mut settings = through("http://127.0.0.1:1");
    let profile = settings.proxies.remove("p").unwrap();
    settings.proxies.insert("other".to_owned(), profile);
    let resolver = resolver::Resolver::new(settings).unwrap();
    let context = protocol::Context { proxy: Some("p".to_owned()), ..protocol::Context::default() };
    let request = resolver::ResolveRequest { tracking_url: "http://shop.example/".to_owned(), context, ..Default::default() };
    let result = resolver.resolve(&request).await;
    assert_eq!(result.conclusion.code(), "context_unavailable");
    assert!(result.detail.contains("`p`"), "{}", result.detail);
}

/// SOCKS 5 with `me:secret`, to `end` whatever the target.
async fn socks(mut stream: TcpStream, end: SocketAddr) -> std::io::Result<()> {
    let mut greeting = vec![0; 2];
    stream.read_exact(&mut greeting).await?;
    let mut methods = vec![0; usize::from(greeting[1])];
    stream.read_exact(&mut methods).await?;
    if !methods.contains(&2) {
        return stream.write_all(&[5, 255]).await;
    }
    stream.write_all(&[5, 2]).await?;
    let mut login = [0; 11];
    stream.read_exact(&mut login).await?;
    let is_right = &login == b"\x01\x02me\x06secret";
    stream.write_all(&[1, u8::from(!is_right)]).await?;
    let mut request = [0; 4];
    stream.read_exact(&mut request).await?;
    if request == [5, 1, 0, 1] {
        let mut target = [0; 6];
        stream.read_exact(&mut target).await?;
        assert_eq!(target, [93, 184, 215, 14, 0, 80], "the address that was checked");
        return to_end(stream, end).await;
    }
    assert_eq!(request, [5, 1, 0, 3]);
    let length = usize::from(stream.read_u8().await?);
    let mut name = vec![0; length + 2];
    stream.read_exact(&mut name).await?;
    if name.starts_with(b"gone.example") {
        return stream.write_all(&[5, 4, 0, 1, 0, 0, 0, 0, 0, 0]).await;
    }
    to_end(stream, end).await
}

async fn to_end(mut stream: TcpStream, end: SocketAddr) -> std::io::Result<()> {
    stream.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 80]).await?;
    let mut end = TcpStream::connect(end).await?;
    tokio::io::copy_bidirectional(&mut stream, &mut end).await.map(|_| ())
}

#[tokio::test]
async fn socks_works_with_the_right_credentials_and_tells_the_wrong_ones() {
    let site = start_answering(page("", b"<p>here")).await;
    let proxy = start(move |stream| async move { drop(socks(stream, site).await) }).await;
    assert_eq!(code(&format!("socks5://me:secret@{proxy}"), "http://shop.example/").await.0, "valid");
    assert_eq!(code(&format!("socks5://me:secret@{proxy}#public"), "http://shop.example/").await.0, "valid");
    assert_eq!(code(&format!("socks5://me:secret@{proxy}#public"), "http://gone.example/").await.0, "connect_failed");
    assert_eq!(code(&format!("socks5://me:wrong!@{proxy}"), "http://shop.example/").await.0, "context_unavailable");
    assert_eq!(code(&format!("socks5://{proxy}"), "http://shop.example/").await.0, "context_unavailable");
}
