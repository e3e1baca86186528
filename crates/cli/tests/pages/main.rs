//! The pages, in a real Chromium against real relays and desktops: each module starts programs and runs a script of
//! cases against them (`script.rs`).
#![allow(clippy::unwrap_used)]

mod console;
mod desktop;
mod hostile;
mod hour;
mod lab;
#[path = "../../../relay/tests/http/console/oidc/npm.rs"]
#[allow(dead_code, reason = "here the person at the provider is a browser")]
mod npm;
#[path = "../end_to_end/process.rs"]
#[allow(dead_code, reason = "shared with the end-to-end tests")]
mod process;
mod script;
#[path = "../end_to_end/site.rs"]
mod site;
mod world;
