//! What came in signed requests, told so that a sender can lay it beside what was sent: bytes, hash, times. Never the body.

use domain::audit::Received;
use protocol::UnixMillis;
use ui::{Markup, card, html, number, time};

/// Requests of one line that are told each; a busy second's line has hundreds. What they made is named by the line itself.
const SHOWN: usize = 5;

/// The facts of one request, to be opened; `more` are further ones of whoever asks.
pub(super) fn one(received: &Received, at: UnixMillis, more: Vec<(&str, Markup)>) -> Markup {
    let mut facts = facts(received, at);
    facts.extend(more);
    card::fold(&format!("Received {}", number::bytes(received.body_bytes.into())), false, &card::terms(&facts))
}

/// The facts of all requests that share a line, in order, each with how many jobs came of it. Nothing for those of which an
/// older relay kept nothing. Where `whole` leads to all of them, the first are told here.
pub(super) fn each(requests: &[(Received, u32)], at: UnixMillis, whole: Option<String>) -> Markup {
    let shown = if whole.is_some() { SHOWN } else { requests.len() };
    match requests {
        [] => html! {},
        [(received, _)] => one(received, at, Vec::new()),
        _ => {
            let bytes: u64 = requests.iter().map(|(received, _)| u64::from(received.body_bytes)).sum();
            let told = html! {
                @for (index, (received, jobs)) in requests.iter().take(shown).enumerate() {
                    p.fold-title { "Request " (index + 1) ", " (number::bytes(received.body_bytes.into())) @if *jobs > 1 { ", " (jobs) " jobs" } }
                    (card::terms(&facts(received, at)))
                }
                @if requests.len() > shown && let Some(whole) = &whole { p { a href=(whole) { "All " (requests.len()) } } }
            };
            card::fold(&format!("Received {} requests, {}", requests.len(), number::bytes(bytes)), whole.is_none(), &told)
        }
    }
}

fn facts(received: &Received, at: UnixMillis) -> Vec<(&'static str, Markup)> {
    let Received { body_bytes, timestamp_seconds, body_sha256 } = received;
    let ahead = timestamp_seconds.saturating_sub(at.seconds());
    let clock = match ahead {
        0 => "the second at which it came".to_owned(),
        1.. => format!("{} s ahead of the relay's clock", number::grouped(ahead.unsigned_abs())),
        _ => format!("{} s behind the relay's clock", number::grouped(ahead.unsigned_abs())),
    };
    vec![
        ("Body", html! { (number::number((*body_bytes).into())) @if *body_bytes == 1 { " byte" } @else { " bytes" } }),
        ("Body SHA-256", html! { code { (body_sha256) } }),
        ("Timestamp", html! { code { (timestamp_seconds) } " (" (clock) ")" }),
        ("Came", time::time(at)),
    ]
}
