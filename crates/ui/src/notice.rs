//! Notices: something happened, or wants attention. Words and icon; screen readers are told at once.

use maud::{Markup, html};

use crate::Tone;

/// A notice on the page. Bad ones interrupt, others wait their turn.
#[must_use]
pub fn notice(tone: Tone, title: &str, body: &Markup) -> Markup {
    let role = if tone == Tone::Bad { "alert" } else { "status" };
    html! {
        div class={ "notice " (tone.class()) } role=(role) {
            (tone.icon())
            div { p.notice-title { (title) } div.notice-body { (body) } }
        }
    }
}

/// What a form got wrong, above it: each error leads to its field, given as the field's id and the sentence.
#[must_use]
pub fn errors(faults: &[(String, String)]) -> Markup {
    html! {
        @if !faults.is_empty() {
            div.notice.t-bad role="alert" tabindex="-1" data-focus {
                (Tone::Bad.icon())
                div {
                    p.notice-title { @if faults.len() == 1 { "One thing is not right" } @else { (faults.len()) " things are not right" } }
                    ul.notice-list { @for (id, fault) in faults { li { a href={ "#" (id) } { (fault) } } } }
                }
            }
        }
    }
}
