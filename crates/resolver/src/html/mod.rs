//! What a page would do and what it shows: parsed as a browser parses it, and only where a cheap look at its bytes says
//! that there may be something to find.

mod charset;
mod dom;
mod scan;
mod script;
mod seen;

pub(crate) use seen::{Look, Reader, Seen};
