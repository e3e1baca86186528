//! What both sets of pages share, the console's and the desktop's: the document around a page, components, assets, and the
//! headers that a page goes out with. Components are functions that make markup; `maud` escapes every text that they are
//! given. Of our crates it knows wire types alone; routes, sessions and stores are the services' own.
//!
//! Pages are whole without scripts. The script adds the reader's own locale, copying, and live data.
//!
//! ```
//! use ui::document::{Entry, Group, Page, Site, document};
//! use ui::{Icon, html};
//!
//! let site = Site {
//!     name: "Console",
//!     home: "/",
//!     navigation: vec![Group { label: None, entries: vec![Entry::new("/rows", "Rows", Icon::Rows)] }],
//!     ..Site::default()
//! };
//! let page = document(&site, &Page { title: "Rows", current: "/rows", ..Page::default() }, html! {
//!     (ui::header::page_header("Rows", None, &html! {}))
//! });
//! assert!(page.into_string().starts_with("<!DOCTYPE html>"));
//! ```

pub mod assets;
pub mod badge;
pub mod button;
pub mod card;
pub mod chart;
pub mod code;
pub mod conclusion;
pub mod confirm;
pub mod document;
pub mod encoding;
pub mod field;
pub mod header;
pub mod link;
pub mod live;
pub mod notice;
pub mod number;
pub mod pager;
pub mod response;
pub mod screenshot;
pub mod table;
pub mod theme;
pub mod time;
pub mod timeline;

mod icon;

pub use badge::Tone;
pub use icon::Icon;
pub use maud::{Markup, PreEscaped, Render, html};
