//! Buttons and links that look like them. A link goes somewhere; a button does something, in a form that posts.

use maud::{Markup, html};

use crate::Icon;

/// How much a button asks for attention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weight {
    /// The one thing to do here.
    Main,
    /// One of several.
    #[default]
    Plain,
    /// In a line of a table, or beside a heading.
    Quiet,
    /// Takes something away for good.
    Danger,
}

impl Weight {
    const fn class(self) -> &'static str {
        match self {
            Self::Main => "button main",
            Self::Plain => "button",
            Self::Quiet => "button quiet",
            Self::Danger => "button danger",
        }
    }
}

/// A link that looks like a button.
#[must_use]
pub fn link(weight: Weight, icon: Option<Icon>, words: &str, path: &str) -> Markup {
    html! { a class=(weight.class()) href=(path) { (icon_of(icon)) span { (words) } } }
}

/// Sends the form that it stands in.
#[must_use]
pub fn submit(weight: Weight, icon: Option<Icon>, words: &str) -> Markup {
    html! { button class=(weight.class()) type="submit" { (icon_of(icon)) span { (words) } } }
}

/// Sends the form that it stands in, with a name and a value of its own.
#[must_use]
pub fn choice(weight: Weight, icon: Option<Icon>, words: &str, name: &str, value: &str) -> Markup {
    html! { button class=(weight.class()) type="submit" name=(name) value=(value) { (icon_of(icon)) span { (words) } } }
}

/// A form of one button: posts `fields` to `action`.
#[must_use]
pub fn post(weight: Weight, icon: Option<Icon>, words: &str, action: &str, fields: &[(&str, &str)], form_extras: &Markup) -> Markup {
    html! {
        form.inline method="post" action=(action) {
            (form_extras)
            @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
            (submit(weight, icon, words))
        }
    }
}

fn icon_of(icon: Option<Icon>) -> Markup {
    html! { @if let Some(icon) = icon { (icon) } }
}
