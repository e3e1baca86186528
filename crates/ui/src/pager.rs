//! Pages of a list that is paged on the server, by cursors: there is a next page and a way back, and no count of pages,
//! since counting a million rows costs what it counts.

use maud::{Markup, html};

use crate::Icon;

/// The ways on and back, and what is shown.
#[must_use]
pub fn pager(shown: &str, first: Option<&str>, previous: Option<&str>, next: Option<&str>) -> Markup {
    html! {
        nav.pager aria-label="Pages" {
            p { (shown) }
            div.pager-ways {
                @if let Some(path) = first { a.button.quiet href=(path) { "First" } }
                @if let Some(path) = previous { a.button href=(path) rel="prev" { (Icon::Left) span { "Previous" } } }
                @if let Some(path) = next { a.button href=(path) rel="next" { span { "Next" } (Icon::Right) } }
            }
        }
    }
}
