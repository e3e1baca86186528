//! Names that answer differently each time: the address that was checked is the one that is dialled, and each dial is
//! checked anew.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use resolver::guard::{Answer, Exceptions, Names};
use resolver::{ResolveRequest, Resolver, Settings};
use tokio::io::AsyncWriteExt as _;

use crate::server::{read_request, start};
use crate::settings;

/// Answers each question with the next of these; how often it was asked can be read from outside.
struct Successive {
    answers: Mutex<Vec<IpAddr>>,
    asked: Arc<AtomicUsize>,
}

impl Names for Successive {
    fn addresses<'a>(&'a self, _name: &'a str) -> Answer<'a> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0] };
        Box::pin(std::future::ready(Ok(vec![answer])))
    }
}

/// Redirects to itself, with another path each time; closes the connection or keeps it.
async fn start_redirecting(connection: &'static str, served: Arc<AtomicUsize>) -> SocketAddr {
    start(move |mut stream| {
        let served = Arc::clone(&served);
        async move {
            while read_request(&mut stream).await.is_some() {
                let turn = served.fetch_add(1, Ordering::SeqCst);
                let answer = match turn {
                    0..3 => format!("HTTP/1.1 302 Found\r\nLocation: /{turn}\r\nConnection: {connection}\r\nContent-Length: 0\r\n\r\n"),
                    _ => {
                        format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: {connection}\r\nContent-Length: 4\r\n\r\nhere")
                    }
                };
                let _ = stream.write_all(answer.as_bytes()).await;
                if connection == "close" {
                    return;
                }
            }
        }
    })
    .await
}

/// The conclusion, how many requests were served, and how often the name was asked for.
async fn resolve(connection: &'static str, answers: &[&str]) -> (&'static str, usize, usize) {
    let (served, asked) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let address = start_redirecting(connection, Arc::clone(&served)).await;
    let answers = Mutex::new(answers.iter().map(|text| text.parse().unwrap()).collect());
    let names = Arc::new(Successive { answers, asked: Arc::clone(&asked) });
    let exceptions = Exceptions::parse([address.to_string()]).unwrap();
    let resolver = Resolver::new(Settings { names, exceptions, ..settings(address) }).unwrap();
    let tracking_url = format!("http://rebind.example:{}/", address.port());
    let result = resolver.resolve(&ResolveRequest { tracking_url, ..ResolveRequest::default() }).await;
    (result.conclusion.code(), served.load(Ordering::SeqCst), asked.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_name_that_turns_private_between_two_dials_is_refused_at_the_second() {
    assert_eq!(resolve("close", &["127.0.0.1", "10.0.0.5"]).await, ("target_refused", 1, 2));
    assert_eq!(resolve("close", &["127.0.0.1", "127.0.0.1", "::ffff:169.254.169.254"]).await, ("target_refused", 2, 3));
}

#[tokio::test]
async fn one_question_a_dial_and_none_for_a_kept_connection() {
    assert_eq!(resolve("close", &["127.0.0.1"]).await, ("valid", 4, 4));
    assert_eq!(resolve("keep-alive", &["127.0.0.1", "10.0.0.5"]).await, ("valid", 4, 1));
}
