//! HTTP/1 as browsers read it (RFC 9112, and what Chromium forgives beyond it): odd status lines, space before a colon,
//! folded fields, any number of fields, bare line feeds. A reader of our own, since strict ones report working links
//! as broken.

mod body;
mod connection;
mod head;

pub(crate) use connection::{Connection, ExchangeError, Opened, Stream};
