//! An HTTP/2 client whose requests leave together: what it writes is held until the last frame of the last request is
//! there, and then goes out in a single write ("single-packet attack"). Nothing on the way can put them in an order.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::frames::{DATA, END_STREAM, HEADERS};
use crate::wire::{Answer, Request};

/// What a client begins with.
const PREFACE_BYTES: usize = 24;
const FRAME_HEAD_BYTES: usize = 9;

/// Sends requests in one write on a connection of their own, and returns their answers in order.
pub(crate) async fn send(address: SocketAddr, requests: &[Request]) -> Vec<Answer> {
    let stream = Arc::new(TcpStream::connect(address).await.unwrap());
    stream.set_nodelay(true).unwrap();
    let held = Arc::new(Mutex::new(Some(Vec::new())));
    let io = Held { stream: Arc::clone(&stream), held: Arc::clone(&held) };
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await.unwrap();
    let driven = tokio::spawn(connection);
    let mut answers = Vec::new();
    for request in requests {
        let mut sender = sender.clone();
        let request = hyper_request(address, request);
        answers.push(tokio::spawn(async move { answer(sender.send_request(request).await.unwrap()).await }));
    }
    let together = loop {
        let whole = held.lock().unwrap().take_if(|held| ended_streams(held) == requests.len());
        match whole {
            Some(bytes) => break bytes,
            None => tokio::task::yield_now().await,
        }
    };
    // One write, unless the system's buffer is smaller than all of them.
    let mut rest = together.as_slice();
    while !rest.is_empty() {
        stream.writable().await.unwrap();
        match stream.try_write(rest) {
            Ok(written) => rest = &rest[written..],
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "{error}"),
        }
    }
    let mut read = Vec::new();
    for answer in answers {
        read.push(answer.await.unwrap());
    }
    driven.abort();
    read
}

fn hyper_request(address: SocketAddr, request: &Request) -> hyper::Request<Full<Bytes>> {
    let mut built = hyper::Request::builder().method(request.method.as_str()).uri(format!("http://{address}{}", request.target));
    for (name, value) in request.headers.iter().filter(|(name, _)| name != "Host") {
        built = built.header(name, value.as_slice());
    }
    built.body(Full::new(Bytes::from(request.body.clone()))).unwrap()
}

async fn answer(response: hyper::Response<hyper::body::Incoming>) -> Answer {
    let (parts, body) = response.into_parts();
    let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let headers = headers.collect();
    Answer { status: parts.status.as_u16(), headers, body: body.collect().await.unwrap().to_bytes().to_vec() }
}

/// How many requests among these bytes are whole.
fn ended_streams(bytes: &[u8]) -> usize {
    let mut rest = bytes.get(PREFACE_BYTES..).unwrap_or_default();
    let mut ended = 0;
    while rest.len() >= FRAME_HEAD_BYTES {
        let length = u32::from_be_bytes([0, rest[0], rest[1], rest[2]]) as usize;
        ended += usize::from(matches!(rest[3], DATA | HEADERS) && rest[4] & END_STREAM != 0);
        rest = rest.get(FRAME_HEAD_BYTES + length..).unwrap_or_default();
    }
    ended
}

/// A stream that holds what is written to it for as long as there is something to hold it in.
struct Held {
    stream: Arc<TcpStream>,
    held: Arc<Mutex<Option<Vec<u8>>>>,
}

impl AsyncWrite for Held {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        if let Some(held) = self.held.lock().unwrap().as_mut() {
            held.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        loop {
            std::task::ready!(self.stream.poll_write_ready(context))?;
            match self.stream.try_write(bytes) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Held {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        loop {
            std::task::ready!(self.stream.poll_read_ready(context))?;
            match self.stream.try_read(buffer.initialize_unfilled()) {
                Ok(count) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}
