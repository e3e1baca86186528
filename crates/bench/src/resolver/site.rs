//! The site that links lead through: 100 hosts on loopback addresses of their own, so that no program has to be told
//! about names; three redirects and a page each.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::Context;
use tempfile::TempDir;

use super::nginx::Nginx;
use super::small_server::SmallServer;

/// How many hosts there are.
const HOSTS: u8 = 100;
/// Hops of a link: three redirects and the page.
pub(super) const HOPS: usize = 4;
/// Where links begin, and the paths that they are led along.
pub(super) const REDIRECTS: &[(&str, u16, &str)] = &[("/l/", 302, "/m/"), ("/m/", 302, "/n/"), ("/n/", 301, "/p/")];
/// Where they end.
pub(super) const PAGE: &str = "/p/";

/// A running site.
pub(super) struct Site {
    port: u16,
    server: Server,
    /// Removed after the server has ended, which fields' order sees to.
    _folder: TempDir,
}

enum Server {
    Nginx(Nginx),
    Small(SmallServer),
}

impl Site {
    /// Starts nginx, or a small server of this program where it is not installed.
    pub(super) fn start(page_kib: usize) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("link-peeler-bench-site-").tempdir()?;
        let port = free_port().context("no port for the site")?;
        let page = page(page_kib);
        let addresses: Vec<SocketAddr> = (1..=HOSTS).map(|host| SocketAddr::from((address(host), port))).collect();
        fs::write(folder.path().join("page.html"), &page)?;
        let server = match Nginx::start(folder.path(), &addresses)? {
            Some(nginx) => Server::Nginx(nginx),
            None => Server::Small(SmallServer::start(&addresses, &page)?),
        };
        Ok(Self { port, server, _folder: folder })
    }

    /// What serves it, for a person.
    pub(super) fn served_by(&self) -> String {
        match &self.server {
            Server::Nginx(nginx) => nginx.version().to_owned(),
            Server::Small(server) => server.describe().to_owned(),
        }
    }

    /// So many different links, over all hosts in turn.
    pub(super) fn links(&self, count: usize) -> Vec<String> {
        let hosts = (1..=HOSTS).cycle();
        hosts.take(count).enumerate().map(|(link, host)| format!("http://{}:{}/l/{link}", address(host), self.port)).collect()
    }
}

/// 127.0.1.x: Linux has all of 127.0.0.0/8 on loopback, and these are nobody's habit.
fn address(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 1, host)
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((address(1), 0))?.local_addr()?.port())
}

/// A plain page of about this size: text, nothing to load, no scripts.
fn page(kib: usize) -> String {
    let head = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Ridgeline trail shoe</title></head><body><h1>Ridgeline trail shoe</h1>\n";
    let paragraph = "<p>A light shoe for wet rock and long days, with a mesh that dries before lunch. <a href=\"#size\">Sizes</a></p>\n";
    let end = "</body></html>\n";
    let paragraphs = (kib * 1_024).saturating_sub(head.len() + end.len()) / paragraph.len();
    format!("{head}{}{end}", paragraph.repeat(paragraphs.max(1)))
}
