//! Code and secrets to take along: a block, and a button that copies it where scripts run.

use maud::{Markup, html};

use crate::Icon;

/// A block of code. `id` is unique on its page; `name` says what it is, for whoever does not see it.
#[must_use]
pub fn block(id: &str, name: &str, text: &str) -> Markup {
    html! {
        div.code {
            (copy_button(id))
            pre tabindex="0" aria-label=(name) role="region" { code id=(id) { (text) } }
        }
    }
}

/// A short text in one line, with a button that copies it: an id, a link, a code.
#[must_use]
pub fn line(id: &str, text: &str) -> Markup {
    html! { span.code-line { code id=(id) { (text) } (copy_button(id)) } }
}

/// A code to be read aloud or typed off, large.
#[must_use]
pub fn large(id: &str, text: &str) -> Markup {
    html! { p.code-large { code id=(id) { (text) } (copy_button(id)) } }
}

/// Copies the text of the element with this id. Hidden until the script can do it.
#[must_use]
pub fn copy_button(id: &str) -> Markup {
    html! {
        button.button.quiet.copy type="button" data-copy=(id) hidden { (Icon::Copy) span data-copy-word { "Copy" } }
    }
}
