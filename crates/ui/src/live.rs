//! Parts of pages that stay true while the page is open, by htmx and server-sent events. Each part is there from the start,
//! so nothing depends on it. Reconnecting, and resting while nobody looks, is the extension's work; `ui.js` does what it
//! leaves out (a first try that fails, a session that has ended). A page with such a part is a
//! [`live`](crate::document::Page::live) one.

use maud::{Markup, html};

/// When the stream is asked for: at once, and again when `ui.js` says so.
const CONNECTS: &str = "load, live-retry";
/// When a part that is told of changes is asked for again: a job has changed, events were missed, or the stream is there
/// again after a time without it. Many changes are one question.
const CHANGES: &str = "job from:body throttle:300ms, reset from:body throttle:300ms, htmx:sse:after:connection from:body throttle:300ms";

/// A part that the service sends whole, whenever it has changed: `stream` answers with events whose data are its content.
#[must_use]
pub fn sent(id: &str, stream: &str, content: &Markup) -> Markup {
    html! { div.stack id=(id) hx-sse:connect=(stream) hx-trigger=(CONNECTS) hx-swap="innerMorph" { (content) } }
}

/// A part that is taken from its page anew whenever the service says that something happened: `stream` answers with
/// events called `job` and `reset`, `page` is the path and query of the page itself.
#[must_use]
pub fn looked_up(id: &str, stream: &str, page: &str, content: &Markup) -> Markup {
    html! {
        div hx-sse:connect=(stream) hx-trigger=(CONNECTS) hx-swap="none" {
            div.stack id=(id) hx-get=(page) hx-trigger=(CHANGES) hx-select={ "#" (id) } hx-swap="outerMorph" { (content) }
        }
    }
}
