//! Streams behind the live parts of pages ([`ui::live::sent`]): a part is sent whole whenever it has changed.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use maud::Markup;

use super::{Office, Shared, frame};

/// The least time between two looks: a busy desktop has more news than an eye can follow.
const PACE: Duration = Duration::from_millis(250);
/// A look without news: times pass, too.
const IDLE: Duration = Duration::from_secs(15);

/// The part, now and whenever it has changed.
pub(super) fn stream(office: Shared, render: impl Fn(&Office) -> Markup + Send + 'static) -> Response {
    let news = office.station.news();
    let state = (office, news, render, None::<String>);
    let events = stream::unfold(state, async |(office, mut news, render, mut last)| {
        loop {
            news.mark_unchanged();
            let text = render(&office).into_string() + &frame::word_beside(&office.station).into_string();
            if last.as_ref() != Some(&text) {
                // A page has just been drawn with what is sent first: the same again does no harm.
                let event = Event::default().data(&text);
                last = Some(text);
                return Some((Ok::<_, Infallible>(event), (office, news, render, last)));
            }
            tokio::select! {
                () = office.stopping.cancelled() => return None,
                _ = news.changed() => tokio::time::sleep(PACE).await,
                () = tokio::time::sleep(IDLE) => {}
            }
        }
    });
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}
