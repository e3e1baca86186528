//! The DevTools protocol over two pipes: JSON messages that end in NUL. A client of our own, since it must not mind what
//! it does not know: browsers add methods and members with every version.

mod client;
mod message;

pub(crate) use client::{Asked, CdpError, Client, Events, MAX_EVENTS};
pub(crate) use message::{Event, Fields, Request, Response, TargetInfo, fields, header};
