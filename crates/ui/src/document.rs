//! The document around every page: head, skip link, navigation, the account's place, main, footer.

use maud::{DOCTYPE, Markup, html};

use crate::theme::{self, Theme};
use crate::{Icon, assets, icon};

/// What stays the same on every page of a service.
#[derive(Default)]
pub struct Site<'a> {
    /// Beside the mark: `Console`, `Desktop`.
    pub name: &'a str,
    /// Where the mark leads.
    pub home: &'a str,
    /// Where one can go; empty for pages before signing in.
    pub navigation: Vec<Group<'a>>,
    /// Who is signed in, and for which account; stands above the navigation.
    pub account: Markup,
    /// What stands in the footer, beside the choice of theme.
    pub footer: Markup,
    /// Where the choice of theme is posted to (form field `theme`, and `back`); none: no choice is offered.
    pub theme_action: Option<&'a str>,
    /// Hidden fields that every form of the service carries.
    pub form_extras: Markup,
}

/// Entries of the navigation that belong together.
pub struct Group<'a> {
    /// What they have in common; none for the first.
    pub label: Option<&'a str>,
    /// In order.
    pub entries: Vec<Entry<'a>>,
}

/// One place to go.
pub struct Entry<'a> {
    /// Where it is.
    pub path: &'a str,
    /// What it is called.
    pub name: &'a str,
    /// Its icon.
    pub icon: Icon,
    /// How many things there want a look; 0 shows nothing.
    pub count: u64,
}

impl<'a> Entry<'a> {
    /// An entry with nothing to look at.
    #[must_use]
    pub const fn new(path: &'a str, name: &'a str, icon: Icon) -> Self {
        Self { path, name, icon, count: 0 }
    }
}

/// What differs from page to page.
#[derive(Default)]
pub struct Page<'a> {
    /// In the window's title.
    pub title: &'a str,
    /// The path of the navigation's entry that is marked as current.
    pub current: &'a str,
    /// Where a choice of theme leads back to: this page's own path and query.
    pub here: &'a str,
    /// Light or dark.
    pub theme: Theme,
    /// Whether the page takes live data (server-sent events, by htmx).
    pub live: bool,
}

/// A whole page.
#[must_use]
pub fn document(site: &Site<'_>, page: &Page<'_>, main: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" data-theme=[page.theme.attribute()] {
            (head(site, page))
            body {
                a.skip href="#main" { "Skip to the content" }
                div.shell {
                    (banner(site, page))
                    div.stage {
                        main #main tabindex="-1" { (main) }
                        (footer(site, page))
                    }
                }
                (offline())
            }
        }
    }
}

/// A page of one thing, without navigation: signing in, setting up, a question before an action.
#[must_use]
pub fn bare(site: &Site<'_>, page: &Page<'_>, main: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" data-theme=[page.theme.attribute()] {
            (head(site, page))
            body.bare {
                a.skip href="#main" { "Skip to the content" }
                header.bare-head { (brand(site)) }
                main #main tabindex="-1" { (main) }
                (footer(site, page))
            }
        }
    }
}

/// No styles by script (the policy forbids them), no history of its own, requests to this origin alone; and a service that
/// is away is asked for again every few seconds.
const HTMX: &str = r#"{"includeIndicatorCSS":false,"history":false,"mode":"same-origin","sse":{"reconnectMaxDelay":4000}}"#;

fn head(site: &Site<'_>, page: &Page<'_>) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content=(page.theme.color_scheme());
            @if page.live { meta name="htmx-config" content=(HTMX); }
            title { (page.title) " · Link Peeler " (site.name) }
            link rel="icon" type="image/svg+xml" href=(assets::path("favicon.svg"));
            link rel="stylesheet" href=(assets::path("ui.css"));
            script src=(assets::path("ui.js")) defer {}
            @if page.live { script src=(assets::path("live.js")) defer {} }
        }
    }
}

/// What the script shows over the page's lower edge while the service cannot be reached: nothing moves for it, and what has
/// been read stays readable.
fn offline() -> Markup {
    html! { div.offline role="status" data-offline { p hidden { (Icon::Warning) "The service cannot be reached. What is shown here may be out of date; it is tried again." } } }
}

fn brand(site: &Site<'_>) -> Markup {
    html! {
        a.brand href=(site.home) { (icon::mark()) span.brand-name { "Link Peeler" } span.brand-site { (site.name) } }
    }
}

fn banner(site: &Site<'_>, page: &Page<'_>) -> Markup {
    html! {
        header.banner {
            div.banner-top {
                (brand(site))
                button.button.quiet.menu-button type="button" popovertarget="navigation" { (Icon::Menu) "Menu" }
            }
            // A popover on narrow screens, in the open on wide ones: one navigation, and no script for either.
            div.banner-rest #navigation popover {
                div.account { (site.account) }
                nav aria-label="Main" {
                    @for group in &site.navigation {
                        @if let Some(label) = group.label { p.nav-label { (label) } }
                        ul {
                            @for entry in &group.entries { li { (entry_link(entry, page.current)) } }
                        }
                    }
                }
            }
        }
    }
}

fn entry_link(entry: &Entry<'_>, current: &str) -> Markup {
    html! {
        a href=(entry.path) aria-current=[(entry.path == current).then_some("page")] {
            (entry.icon)
            span { (entry.name) }
            @if entry.count > 0 { span.nav-count title={ (entry.count) " to look at" } { (crate::number::short(entry.count)) } }
        }
    }
}

fn footer(site: &Site<'_>, page: &Page<'_>) -> Markup {
    html! {
        footer.foot {
            div.foot-text { (site.footer) }
            @if let Some(action) = site.theme_action { (theme::choice(action, page.theme, page.here, &site.form_extras)) }
        }
    }
}
