//! Cards, tiles and lists of terms: how a page groups what it says.

use maud::{Markup, Render, html};

use crate::{Icon, Tone};

/// A card with a heading; `actions` stand beside the heading.
#[must_use]
pub fn card(title: &str, actions: &Markup, body: &Markup) -> Markup {
    html! {
        section.card {
            div.card-head { h2 { (title) } div.card-actions { (actions) } }
            div.card-body { (body) }
        }
    }
}

/// A card whose body reaches its edges: a table, a list.
#[must_use]
pub fn flush_card(title: &str, actions: &Markup, body: &Markup) -> Markup {
    html! {
        section.card.flush {
            div.card-head { h2 { (title) } div.card-actions { (actions) } }
            (body)
        }
    }
}

/// A figure with its name: `value`, and a line below it that says what to think of it.
#[must_use]
pub fn tile(name: &str, value: &Markup, note: &Markup, tone: Tone, leads_to: Option<&str>) -> Markup {
    html! {
        div class={ "tile " (tone.class()) } {
            p.tile-name { @if let Some(path) = leads_to { a href=(path) { (name) } } @else { (name) } }
            p.tile-value { (value) }
            p.tile-note { (note) }
        }
    }
}

/// Tiles beside each other.
#[must_use]
pub fn tiles(tiles: &[Markup]) -> Markup {
    html! { div.tiles { @for tile in tiles { (tile) } } }
}

/// Cards beside each other where there is room.
#[must_use]
pub fn columns(cards: &[Markup]) -> Markup {
    html! { div.columns { @for card in cards { (card) } } }
}

/// Terms and what they stand for.
#[must_use]
pub fn terms<T: Render>(pairs: &[(&str, T)]) -> Markup {
    html! { dl.terms { @for (term, value) in pairs { div { dt { (term) } dd { (value) } } } } }
}

/// There is nothing yet: what would be here, and how it comes.
#[must_use]
pub fn empty(icon: Icon, title: &str, about: &str, actions: &Markup) -> Markup {
    html! {
        div.empty { div.empty-icon { (icon) } p.empty-title { (title) } p { (about) } div.empty-actions { (actions) } }
    }
}

/// As [`empty`], where there is nothing else on the page: its title is the page's heading.
#[must_use]
pub fn alone(icon: Icon, title: &str, about: &str, actions: &Markup) -> Markup {
    html! {
        div.empty { div.empty-icon { (icon) } h1.empty-title { (title) } p { (about) } div.empty-actions { (actions) } }
    }
}

/// A part of a page that can be opened; it works without scripts.
#[must_use]
pub fn fold(summary: &str, open: bool, body: &Markup) -> Markup {
    html! { details.fold open[open] { summary { (Icon::Right) (summary) } div.fold-body { (body) } } }
}
