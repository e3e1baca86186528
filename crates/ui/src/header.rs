//! The head of a page: what it is, a sentence, what one can do here.

use maud::{Markup, html};

/// The page's title, a sentence about it, and its main actions.
#[must_use]
pub fn page_header(title: &str, about: Option<&str>, actions: &Markup) -> Markup {
    html! {
        div.page-head {
            div {
                h1 { (title) }
                @if let Some(about) = about { p.page-about { (about) } }
            }
            div.page-actions { (actions) }
        }
    }
}

/// Where a page stands below others: path and name, outermost first.
#[must_use]
pub fn crumbs(above: &[(&str, &str)]) -> Markup {
    html! {
        nav.crumbs aria-label="Above this page" {
            ol { @for (path, name) in above { li { a href=(path) { (name) } } } }
        }
    }
}

/// Parts of one page, each a page of its own: path, name, and how many things are there.
#[must_use]
pub fn tabs(label: &str, entries: &[(&str, &str, Option<u64>)], current: &str) -> Markup {
    html! {
        nav.tabs aria-label=(label) {
            ul {
                @for (path, name, count) in entries {
                    li {
                        a href=(path) aria-current=[(*path == current).then_some("page")] {
                            (name)
                            @if let Some(count) = count { " " span.tab-count { (crate::number::short(*count)) } }
                        }
                    }
                }
            }
        }
    }
}
