//! Answers that their readers do not take: a peer that asks and never reads (a window of zero, a socket that is full) would
//! have its answers held here for as long as it likes. Each answer is watched, and a connection one of whose answers has
//! waited too long is ended.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

/// Time that an answer may wait for its reader to take some of it.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_secs(10);
/// Bytes of an answer that are handed on at once. What is handed on counts as taken, although it may lie in a buffer of the
/// connection: so much of each answer can be kept waiting unseen.
const PIECE: usize = 16 * 1_024;

/// The answers of one connection that wait for their reader.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unread(Arc<Mutex<Answers>>);

#[derive(Debug, Default)]
struct Answers {
    next: u64,
    since: HashMap<u64, Instant>,
}

impl Unread {
    /// Watches an answer.
    pub(crate) fn watch<B>(&self, body: B) -> Watched<B> {
        let mut answers = self.lock();
        answers.next += 1;
        let number = answers.next;
        answers.since.insert(number, Instant::now());
        Watched { body, rest: Bytes::new(), number, unread: self.clone() }
    }

    /// Ends when one of them has waited too long.
    pub(crate) async fn one_waits_too_long(&self) {
        while self.lock().since.values().all(|since| since.elapsed() < PATIENCE) {
            tokio::time::sleep(LOOK).await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Answers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer that is watched.
pub(crate) struct Watched<B> {
    body: B,
    /// What is not handed on yet.
    rest: Bytes,
    number: u64,
    unread: Unread,
}

impl<B> Watched<B> {
    fn waits_for_its_reader(&self, waits: bool) {
        let mut answers = self.unread.lock();
        if waits {
            answers.since.insert(self.number, Instant::now());
        } else {
            answers.since.remove(&self.number);
        }
    }
}

impl<B> Drop for Watched<B> {
    fn drop(&mut self) {
        self.waits_for_its_reader(false);
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Watched<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if self.rest.is_empty() {
            match Pin::new(&mut self.body).poll_frame(context) {
                // A stream of events that has none: its reader waits for us.
                Poll::Pending => {
                    self.waits_for_its_reader(false);
                    return Poll::Pending;
                }
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                ended @ Poll::Ready(_) => return ended,
            }
        }
        let piece = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(piece);
        self.waits_for_its_reader(true);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, of_body) = (self.rest.len() as u64, self.body.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(of_body.lower() + rest);
        if let Some(upper) = of_body.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_read_piece_by_piece_is_whole_and_waits_for_nobody() {
        let unread = Unread::default();
        let text = vec![b'a'; 3 * PIECE + 1];
        let mut body = unread.watch(Full::new(Bytes::from(text.clone())));
        assert_eq!(body.size_hint().exact(), Some(text.len() as u64));
        let mut read = Vec::new();
        let reading = async {
            while let Some(frame) = body.frame().await {
                read.extend(frame.unwrap().into_data().unwrap());
                tokio::time::sleep(PATIENCE / 2).await;
            }
        };
        tokio::select! {
            () = reading => {}
            () = unread.one_waits_too_long() => panic!("its reader was slow, and no more"),
        }
        assert_eq!((read, body.is_end_stream()), (text, true));
        drop(body);
        assert!(unread.lock().since.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_takes_is_noticed() {
        let unread = Unread::default();
        let _untouched = unread.watch(Full::new(Bytes::from_static(b"a")));
        let began = Instant::now();
        unread.one_waits_too_long().await;
        assert!((PATIENCE..PATIENCE + LOOK * 2).contains(&began.elapsed()));
    }
}
